/**
 * The mounted directories inside a program's file system: put there before it starts, and what it changed, made or
 * removed afterwards. It knows Emscripten's FS and nothing of where the files come from or go to.
 */

/**
 * @typedef {{type: 'directory', path: string} | {type: 'link', path: string, target: string}
 *   | {type: 'file', path: string, mode: number, mtime: number, data: Uint8Array}} Entry
 *   `path` is relative to the mount, a directory's before those of what is in it; `mtime` in milliseconds
 * @typedef {{at: string, readOnly: boolean, entries: Entry[]}} MountedDirectory `at` is absolute in the program
 * @typedef {{mount: number, path: string, type: 'directory' | 'file' | 'removed' | 'link', mode?: number,
 *   mtime?: number, data?: Uint8Array}} Change `mount` counts from 0; a directory's change comes before those of what
 *   is in it, a removed directory's after
 * @typedef {{type: 'directory' | 'link' | 'file', mtime?: number, mode?: number, size?: number}} Known
 */

const WRITE_BITS = 0o222;

export class ProgramFiles {
  #FS;
  #mounts;
  /** What was put in, by mount and path. @type {Map<string, Known>[]} */
  #given = [];

  /** @param {any} FS Emscripten's @param {MountedDirectory[]} mounts */
  constructor(FS, mounts) {
    this.#FS = FS;
    this.#mounts = mounts;
    for (const { at, readOnly, entries } of mounts) {
      /** @type {Map<string, Known>} */
      const given = new Map();
      FS.mkdirTree(at);
      for (const entry of entries) {
        const path = `${at}/${entry.path}`;
        given.set(entry.path, this.#put(path, entry));
        if (readOnly && entry.type !== 'link') FS.chmod(path, FS.stat(path).mode & ~WRITE_BITS);
      }
      if (readOnly) FS.chmod(at, FS.stat(at).mode & ~WRITE_BITS);
      this.#given.push(given);
    }
  }

  /** @param {string} path @param {Entry} entry @returns {Known} */
  #put(path, entry) {
    const FS = this.#FS;
    if (entry.type === 'directory') FS.mkdir(path);
    if (entry.type === 'link') FS.symlink(entry.target, path);
    if (entry.type !== 'file') return { type: entry.type };
    FS.writeFile(path, entry.data, { canOwn: true });
    FS.chmod(path, entry.mode);
    FS.utime(path, entry.mtime, entry.mtime);
    return { type: 'file', mtime: Math.floor(entry.mtime), mode: entry.mode, size: entry.data.byteLength };
  }

  /**
   * What is different from what was put in. A file counts as changed when its time, size or mode is another one.
   * Removals come last, so that a file that was renamed is there before its old name goes; but those that make room for
   * something of another type come first.
   * @returns {Generator<Change>}
   */
  *changes() {
    this.#FS.ignorePermissions = true; // the program may have locked itself out, which its owner is not
    for (const [mount, { at, readOnly }] of this.#mounts.entries()) {
      if (readOnly) continue;
      const given = this.#given[mount];
      const now = this.#tree(at);
      const gone = [...given.keys()].filter((path) => now.get(path)?.type !== given.get(path)?.type).reverse();
      const inTheWay = (/** @type {string} */ path) =>
        gone.some((other) => now.has(other) && (path === other || path.startsWith(`${other}/`)));
      const early = new Set(gone.filter(inTheWay));
      for (const path of early) yield { mount, path, type: 'removed' };
      for (const [path, { type, mode, mtime, size }] of now) {
        const before = given.get(path);
        const same = before?.type === type &&
          (type !== 'file' || (before.size === size && before.mode === mode && before.mtime === mtime));
        if (same) continue;
        if (type === 'file') yield { mount, path, type, mode, mtime, data: this.#FS.readFile(`${at}/${path}`) };
        else yield { mount, path, type, mode };
      }
      for (const path of gone) if (!early.has(path)) yield { mount, path, type: 'removed' };
    }
  }

  /**
   * Everything below a directory, each directory before what is in it. Devices and sockets are left out.
   * @param {string} at
   * @returns {Map<string, Known>}
   */
  #tree(at) {
    const FS = this.#FS;
    /** @type {Map<string, Known>} */
    const found = new Map();
    const walk = (/** @type {string} */ below) => {
      for (const name of FS.readdir(`${at}/${below}`)) {
        if (name === '.' || name === '..') continue;
        const path = below + name;
        const { mode, mtime, size } = FS.lstat(`${at}/${path}`);
        const known = { mtime: Math.floor(Number(mtime)), mode: mode & 0o777, size };
        if (FS.isFile(mode)) found.set(path, { type: 'file', ...known });
        if (FS.isLink(mode)) found.set(path, { type: 'link' });
        if (!FS.isDir(mode)) continue;
        found.set(path, { type: 'directory', mode: mode & 0o777 });
        walk(`${path}/`);
      }
    };
    if (FS.analyzePath(at).exists) walk('');
    return found;
  }
}
