/**
 * Directories of this machine that a program gets as files: what is in them, and writing back what the program changed.
 * The program is not trusted: nothing outside a mounted directory is read, written or removed, whatever paths it tells
 * and wherever symbolic links lead.
 */
import { randomBytes } from 'node:crypto';
import {
  chownSync, closeSync, fchmodSync, futimesSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync,
  realpathSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync, writeSync,
} from 'node:fs';
import path from 'node:path';
import { LaunchError } from './launch-error.mjs';

/**
 * @typedef {{directory: string, at: string, readOnly: boolean}} Mount `directory` is a real path, `at` absolute in the
 *   program
 * @typedef {{type: 'directory' | 'link' | 'file', path: string, mode: number, mtime: number, target: string,
 *   file: string}} HostEntry as an Entry of api/program/program-files.js, with the `file` that has the data
 * @typedef {Omit<import('../api/program/program-files.js').Change, 'data'>} Change
 */

/** Emscripten's own; a program would lose its devices. */
const RESERVED = ['/dev', '/proc'];

/**
 * @param {string} text DIR[:PATH][:ro]
 * @returns {Mount}
 * @throws {LaunchError}
 */
export function parseMount(text) {
  const refuse = (/** @type {string} */ why) => {
    throw new LaunchError(`--mount ${text}: ${why}`, { exitCode: 2 });
  };
  const readOnly = text.endsWith(':ro');
  const [, name, given] = /^(.*?)(?::(\/[^:]*))?$/s.exec(readOnly ? text.slice(0, -3) : text) ?? [];
  if (!name) return refuse('DIR[:PATH][:ro] is expected, PATH beginning with /');
  let directory;
  try {
    directory = realpathSync(name);
    if (!statSync(directory).isDirectory()) return refuse(`${name} is not a directory`);
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message);
  }
  const at = path.posix.resolve('/', given ?? path.resolve(name));
  if (at === '/') return refuse('the program’s whole file system cannot be one directory: give a PATH below /');
  if (RESERVED.some((place) => isBelow(at, place))) return refuse(`${at} is Emscripten’s own`);
  return { directory, at, readOnly };
}

/** @param {string} inner @param {string} outer */
const isBelow = (inner, outer) => inner === outer || inner.startsWith(`${outer}/`);

/** @param {Mount[]} mounts @throws {LaunchError} where one would be inside another: a file would have two places */
export function checkMounts(mounts) {
  for (const one of mounts) {
    for (const other of mounts) {
      if (one === other) continue;
      for (const key of /** @type {const} */ (['at', 'directory'])) {
        if (!isBelow(one[key], other[key]) || (key === 'directory' && one.readOnly && other.readOnly)) continue;
        const places = `${one[key]} is inside of ${other[key]}, or the same`;
        throw new LaunchError(`--mount: ${places}: mount one of them`, { exitCode: 2 });
      }
    }
  }
}

/**
 * Where the program starts: the place of this directory in a mount, else /.
 * @param {Mount[]} mounts @param {string} [current]
 */
export function placeOf(mounts, current = process.cwd()) {
  const real = realpathSync(current);
  const mount = mounts.find(({ directory }) => isBelow(real, directory));
  return mount ? path.posix.join(mount.at, path.relative(mount.directory, real)) : '/';
}

/**
 * What is in a mounted directory, each directory before what is in it. What cannot be passed on is left out with a
 * warning: devices, pipes, links that lead outside, files that may not be read.
 * @param {Mount} mount @param {(text: string) => void} warn
 * @returns {HostEntry[]}
 */
export function readMount({ directory }, warn) {
  /** @type {HostEntry[]} */
  const entries = [];
  const walk = (/** @type {string} */ below) => {
    for (const name of readdirSync(path.join(directory, below)).sort()) {
      const inside = below + name;
      const file = path.join(directory, inside);
      const leaveOut = (/** @type {string} */ why) => warn(`${file} is left out: ${why}`);
      try {
        const stat = lstatSync(file);
        const entry = { path: inside, mode: stat.mode & 0o777, mtime: Math.floor(stat.mtimeMs), target: '', file };
        if (name.includes('\\')) leaveOut('its name has a backslash');
        else if (stat.isSymbolicLink()) {
          const real = realpathSync(file);
          if (!isBelow(real, directory)) leaveOut(`the link leads outside, to ${readlinkSync(file)}`);
          else entries.push({ ...entry, type: 'link', target: path.relative(path.dirname(file), real) || '.' });
        } else if (stat.isDirectory()) {
          const before = entries.push({ ...entry, type: 'directory' });
          try {
            walk(`${inside}/`);
          } catch (error) {
            entries.length = before - 1;
            throw error;
          }
        } else if (stat.isFile()) {
          closeSync(openSync(file, 'r'));
          entries.push({ ...entry, type: 'file' });
        } else leaveOut('it is neither a file nor a directory');
      } catch (error) {
        leaveOut(/** @type {Error} */ (error).message);
      }
    }
  };
  walk('');
  return entries;
}

/**
 * Writes back what a program changed in its mounts. Errors are said and do not stop the rest. Symbolic links are left
 * out with a warning.
 */
export class WriteBack {
  /** @type {{file: string, temporary: string, descriptor: number} | undefined} the file that is being written */
  #open;
  #mounts;
  #warn;
  /** Something could not be written. */
  failed = false;

  /** @param {Mount[]} mounts @param {(text: string) => void} warn */
  constructor(mounts, warn) {
    this.#mounts = mounts;
    this.#warn = warn;
  }

  /**
   * One change, or a part of one.
   * @param {Change} change
   * @param {Uint8Array} [data] of a file
   * @param {{first: boolean, last: boolean}} [part]
   */
  apply(change, data = new Uint8Array(), { first, last } = { first: true, last: true }) {
    try {
      const mount = this.#mounts[change.mount];
      if (mount && change.type === 'link') {
        return this.#warn(`${nameOf(mount, change)} is not written back: it is a symbolic link`);
      }
      if (!mount || mount.readOnly) throw new Error('this directory is not to be written to');
      if (change.type === 'file') return this.#write(change, data, first, last);
      const file = inside(mount.directory, change.path);
      const existing = lstatSync(file, { throwIfNoEntry: false });
      if (change.type === 'removed') {
        // What could not be written may be there under its old name only.
        if (existing && !this.failed) (existing.isDirectory() ? rmdirSync : unlinkSync)(file);
      } else if (!existing?.isDirectory()) {
        if (existing) unlinkSync(file);
        mkdirSync(file, { mode: change.mode });
      }
    } catch (error) {
      this.#fail(change, error);
    }
  }

  /** Gives up a file of which no further part will come. */
  end() {
    if (!this.#open) return;
    closeSync(this.#open.descriptor);
    rmSync(this.#open.temporary, { force: true });
    this.#open = undefined;
  }

  /**
   * Into a file of its own first: neither a full disk nor a reader of the old file sees half of it, and a symbolic link
   * is replaced, not followed.
   * @param {Change} change @param {Uint8Array} data @param {boolean} first @param {boolean} last
   */
  #write(change, data, first, last) {
    if (first) {
      this.end();
      const file = inside(this.#mounts[change.mount].directory, change.path);
      const temporary = path.join(path.dirname(file), `.iwa-run-${randomBytes(8).toString('hex')}`);
      this.#open = { file, temporary, descriptor: openSync(temporary, 'wx', 0o600) };
    }
    if (!this.#open) return; // its first part failed
    const { file, temporary, descriptor } = this.#open;
    try {
      for (let done = 0; done < data.length;) done += writeSync(descriptor, data, done);
      if (!last) return;
      const existing = lstatSync(file, { throwIfNoEntry: false });
      fchmodSync(descriptor, (change.mode ?? 0o644) & 0o777);
      if (change.mtime !== undefined) futimesSync(descriptor, change.mtime / 1000, change.mtime / 1000);
      if (existing?.isFile()) keepOwner(temporary, existing);
      if (existing?.isDirectory()) rmdirSync(file);
      renameSync(temporary, file);
      closeSync(descriptor);
      this.#open = undefined;
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** @param {Change} change @param {unknown} error */
  #fail(change, error) {
    this.failed = true;
    const name = nameOf(this.#mounts[change.mount], change);
    this.#warn(`${name} is not written back: ${/** @type {Error} */ (error).message}`);
  }
}

/** For a message: what a program tells may hold anything. @param {Mount | undefined} mount @param {Change} change */
const nameOf = (mount, { path: name }) => path.join(mount?.directory ?? '?', JSON.stringify(name).slice(1, -1));

/** @param {string} file @param {import('node:fs').Stats} existing */
function keepOwner(file, existing) {
  try {
    chownSync(file, existing.uid, existing.gid);
  } catch {
    // Only root gives files away; another user's file becomes that of who runs this, as with any editor.
  }
}

/**
 * A path below a directory, through no symbolic link.
 * @param {string} root a real path @param {string} relative what a program told
 * @throws {Error}
 */
function inside(root, relative) {
  const names = String(relative).split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))) {
    throw new Error('not a path below the directory');
  }
  const file = path.join(root, ...names);
  const parent = path.dirname(file);
  if (realpathSync(parent) !== parent) throw new Error('a symbolic link is on its way');
  return file;
}
