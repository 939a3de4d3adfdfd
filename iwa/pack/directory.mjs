/**
 * The app's directory, read as the resources of a bundle: every file once, "/" beside "/index.html", hidden files left
 * out.
 * It says which files can't be packed; what is in them is not its matter.
 */
import { lstatSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import mime from 'mime';
import { LaunchError } from '../launch-error.mjs';
import { problem } from './problem.mjs';
import { pathOfFile } from './resource-path.mjs';

/** wbn puts a bundle together in memory, several times over. */
const MAX_BYTES = 1 << 30;

/** The one hidden directory that belongs to an app. */
const WELL_KNOWN = '.well-known';

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/**
 * @param {string} directory
 * @returns {{resources: import('./problem.mjs').Resources, problems: import('./problem.mjs').Problem[]}} resources in
 *   the order of their paths, so that the same files make the same bundle
 * @throws {LaunchError} exit code 2: it can't be read at all
 */
export function readApp(directory) {
  const root = openRoot(directory);
  /** @type {import('./problem.mjs').Resource[]} */
  const found = [];
  /** @type {import('./problem.mjs').Problem[]} */
  const problems = [];
  let total = 0;
  const refuse = (/** @type {string} */ rule, /** @type {string} */ file, /** @type {string} */ message) =>
    void problems.push(problem('error', rule, file, message));

  /**
   * @param {string} name of a directory below the root, "" for itself
   * @param {string[]} above what it is in, as it really is
   */
  function visit(name, above) {
    const real = realpathSync(path.join(root, name));
    if (above.includes(real)) {
      return refuse('link', name, 'the symbolic link leads to a directory that it is in: remove the link');
    }
    for (const entry of readdirSync(path.join(root, name), { encoding: 'buffer' }).sort(Buffer.compare)) {
      const text = entry.toString('utf8');
      const file = name === '' ? text : `${name}/${text}`;
      if (!Buffer.from(text).equals(entry)) {
        refuse('file-name', file, 'the name is not UTF-8, so no URL can name the file: rename it');
      } else if (text.startsWith('.') && file !== WELL_KNOWN) {
        const message = 'a hidden file is left out: rename it if the app needs it';
        problems.push(problem('warning', 'hidden-file', file, message));
      } else {
        try {
          take(file, [...above, real]);
        } catch (error) {
          const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
          if (!code) throw error;
          refuse('unreadable', file, `it can't be read (${message}): correct its permissions, or remove it`);
        }
      }
    }
  }

  /** @param {string} file @param {string[]} above */
  function take(file, above) {
    const full = path.join(root, file);
    if (lstatSync(full).isSymbolicLink()) {
      let target;
      try {
        target = realpathSync(full);
      } catch {
        return refuse('link', file, 'the symbolic link leads nowhere: correct or remove it');
      }
      if (target !== root && !target.startsWith(root + path.sep)) {
        return refuse('link', file, `the symbolic link leads out of the directory, to ${target}: copy the file in`);
      }
    }
    const status = statSync(full);
    if (status.isDirectory()) return visit(file, above);
    if (!status.isFile()) return refuse('unreadable', file, 'it is no file (a device, a pipe or a socket): remove it');
    const url = pathOfFile(file);
    if (url === null) {
      const message = 'a backslash or a control character can’t stand in a URL: rename it';
      return refuse('file-name', JSON.stringify(file), message);
    }
    total += status.size;
    if (total > MAX_BYTES) {
      const message = `${directory}: more than ${MAX_BYTES >> 20} MiB, which is the most that is packed`;
      throw new LaunchError(message, { exitCode: 2 });
    }
    const bytes = readFileSync(full);
    if (bytes.length < 65536 && PRIVATE_KEY.test(bytes.toString('latin1'))) {
      const message = 'a private key would be in every copy of the app: move it out of the directory';
      return refuse('private-key', file, message);
    }
    const resource = { path: url, file, type: contentType(file), bytes };
    found.push(resource);
    // Chrome looks up "/" as it is: nothing makes "/index.html" of it.
    if (path.basename(file) === 'index.html') found.push({ ...resource, path: url.slice(0, -'index.html'.length) });
  }

  visit('', []);
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { resources: new Map(found.map((resource) => [resource.path, resource])), problems };
}

/** @param {string} directory */
function openRoot(directory) {
  try {
    const root = realpathSync(directory);
    readdirSync(root);
    return root;
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    const reasons = { ENOENT: 'no such directory', ENOTDIR: 'it is a file: give the directory that the app is in' };
    const why = /** @type {Record<string, string>} */ (reasons)[code ?? ''];
    throw new LaunchError(`${directory}: ${why ?? message}`, { exitCode: 2 });
  }
}

/** @param {string} file */
function contentType(file) {
  const type = mime.getType(file) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
