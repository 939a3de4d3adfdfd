/** The files that a server is given to serve, on their way into the program's own file system, which is memory. */
import { ServerError } from './server-error.js';

/** Where the program finds them. */
export const ROOT = '/root';

/** Bytes at most: all of it is held in memory. */
const MAX_BYTES = 256 * 1024 * 1024;

/** @typedef {Exclude<import('./socket-iwa-server.d.ts').ServerOptions['root'], string | undefined>} Root */

/**
 * @param {Root} root
 * @returns {Promise<import('./program/emscripten-program.js').ProgramFile[]>}
 * @throws {ServerError} a path that leaves the directory, or too much in all
 */
export async function filesOf(root) {
  /** @type {import('./program/emscripten-program.js').ProgramFile[]} */
  const files = [{ path: `${ROOT}/`, data: new Uint8Array() }];
  let size = 0;
  const add = async (/** @type {string} */ path, /** @type {any} */ content) => {
    const data = new Uint8Array(await new Response(content).arrayBuffer());
    size += data.byteLength;
    if (size > MAX_BYTES) throw wrong(`the files have more than ${MAX_BYTES >> 20} MiB, which are held in memory`);
    files.push({ path: `${ROOT}/${path}`, data });
  };
  if (isDirectory(root)) {
    for await (const [path, file] of filesBelow(root, '')) await add(path, file);
  } else {
    for (const [path, content] of Object.entries(root)) {
      const names = path.replace(/^\//, '').split('/');
      if (names.some((name) => name === '' || name === '.' || name === '..')) throw wrong(`the path "${path}" names no file`);
      await add(names.join('/'), content);
    }
  }
  return files;
}

/** @param {string} what */
const wrong = (what) => new ServerError(`start the server: root: ${what}`, { code: 'EINVAL' });

/** @param {Root} root @returns {root is FileSystemDirectoryHandle} */
const isDirectory = (root) => /** @type {any} */ (root).kind === 'directory' && typeof root.entries === 'function';

/**
 * @param {FileSystemDirectoryHandle} directory @param {string} prefix
 * @returns {AsyncGenerator<[string, File]>}
 */
async function* filesBelow(directory, prefix) {
  for await (const [name, handle] of /** @type {any} */ (directory).entries()) {
    if (handle.kind === 'directory') yield* filesBelow(handle, `${prefix}${name}/`);
    else yield [`${prefix}${name}`, await handle.getFile()];
  }
}
