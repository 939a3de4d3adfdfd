/**
 * The files that a program is given as a plain object, as directories that are mounted, and what it changed in them as a
 * plain map. It knows paths and contents alone.
 */

/** Emscripten's own; a program would lose its devices. */
const RESERVED = ['/dev', '/proc'];

/** @typedef {import('../socket-iwa.d.ts').FileContent} FileContent */

/** @param {string} path @param {string} directory @returns {string} absolute, without `.`, `..` and empty names */
export function resolvePath(path, directory) {
  /** @type {string[]} */
  const names = [];
  for (const name of `${path.startsWith('/') ? '' : `${directory}/`}${path}`.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

/**
 * @param {Record<string, FileContent>} files by path; one that ends with "/" is a directory
 * @param {string} directory what a relative path is relative to, absolute
 * @returns {Promise<import('./protocol.js').Mount[]>}
 * @throws {TypeError} a path that cannot be
 */
export async function mountsOf(files, directory) {
  /** @type {{path: string, content: FileContent, isDirectory: boolean}[]} */
  const given = Object.entries(files).map(([name, content]) =>
    ({ path: resolvePath(name, directory), content, isDirectory: name.endsWith('/') }));
  const parents = given.map(({ path, isDirectory }) => {
    const parent = isDirectory ? path : path.slice(0, path.lastIndexOf('/'));
    if (parent === '' || parent === '/') {
      throw new TypeError(`files: ${path}: the program's root directory holds no files: name one below, as /data${path}`);
    }
    if (RESERVED.some((place) => isBelow(path, place))) throw new TypeError(`files: ${path}: that is Emscripten's own`);
    return parent;
  });
  // A directory that is in another one is a part of it.
  const places = [...new Set(parents)].filter((place, _index, all) =>
    !all.some((other) => other !== place && isBelow(place, other)));
  return Promise.all(places.map(async (at) => {
    const inside = given.filter(({ path }) => isBelow(path, at) && path !== at)
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    /** @type {Map<string, import('./protocol.js').MountEntry>} */
    const entries = new Map();
    for (const { path, content, isDirectory } of inside) {
      const relative = path.slice(at.length + 1);
      const names = relative.split('/');
      for (let depth = 1; depth < names.length + Number(isDirectory); depth++) {
        const above = names.slice(0, depth).join('/');
        entries.set(above, entries.get(above) ?? { type: 'directory', path: above });
      }
      if (!isDirectory) {
        const data = content instanceof URL ? { url: content.href } : { data: await bytesOf(content, path) };
        entries.set(relative, { type: 'file', path: relative, mode: 0o644, mtime: Date.now(), ...data });
      }
    }
    return { at, readOnly: false, entries: [...entries.values()] };
  }));
}

/** @param {string} inner @param {string} outer */
const isBelow = (inner, outer) => inner === outer || inner.startsWith(`${outer}/`);

/**
 * @param {unknown} content @param {string} what for the message
 * @returns {Promise<Uint8Array<ArrayBuffer>>} a copy
 */
export async function bytesOf(content, what) {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  if (content instanceof Blob) return new Uint8Array(await content.arrayBuffer());
  if (content instanceof ArrayBuffer) return new Uint8Array(content.slice(0));
  if (ArrayBuffer.isView(content)) {
    return new Uint8Array(new Uint8Array(content.buffer, content.byteOffset, content.byteLength));
  }
  throw new TypeError(`${what}: a string, an ArrayBuffer or a view of one, or a Blob is expected, not ${typeof content}`);
}
