/**
 * The directory of --root on its way to the WebAssembly server: mounted as it is under Node, copied into the program's
 * memory for a browser, which has no way to it.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { LaunchError } from './launch-error.mjs';

/** Bytes that are copied into a browser at most. */
const MAX_COPIED = 256 << 20;

/**
 * Mounts the directory under its own name, where the program finds it.
 * @param {any} FS Emscripten's, with NODEFS linked
 * @param {string | undefined} root its absolute name, if one is given
 */
export function mountRoot(FS, root) {
  // One that is not there is not mounted: the program says so itself, in its own words.
  if (!root || !existsSync(root)) return;
  FS.mkdirTree(root);
  FS.mount(FS.filesystems.NODEFS, { root }, root);
}

/**
 * The directory, which may be empty, and every file of it, for the program's own file system.
 * @param {string} given
 * @returns {Promise<{root: string, files: {path: string, base64: string}[]}>} `root` is its absolute name
 * @throws {LaunchError} exit code 2: it can't be read, or is too large
 */
export async function readRoot(given) {
  const root = path.resolve(given);
  /** @type {{path: string, base64: string}[]} */
  const files = [{ path: `${root}/`, base64: '' }];
  let size = 0;
  try {
    const within = `${await realpath(root)}${path.sep}`;
    for (const name of await readdir(root, { recursive: true })) {
      const file = path.join(root, name);
      const status = await stat(file).catch(() => null); // a link that leads nowhere
      // A link that leads out of the directory is followed by no server of it.
      if (!status?.isFile() || !(await realpath(file)).startsWith(within)) continue;
      size += status.size;
      if (size > MAX_COPIED) throw new Error(`more than ${MAX_COPIED >> 20} MiB, which a browser would have to hold`);
      files.push({ path: file, base64: (await readFile(file)).toString('base64') });
    }
  } catch (error) {
    throw new LaunchError(`--root ${given}: ${/** @type {Error} */ (error).message}`, { exitCode: 2 });
  }
  return { root, files };
}
