/**
 * The folder that the server serves: reading it from a directory handle or from files that a browser without handles
 * gives, within what a server in memory can hold. It knows nothing of the page.
 */

/** Bytes that are read at most: the server has them in its memory. As for --root of the launchers. */
export const MAX_BYTES = 256 << 20;
/** Where the server finds the folder. */
export const ROOT = '/served';

/**
 * @typedef {import('../../api/program/emscripten-program.js').ProgramFile} ProgramFile
 * @typedef {{path: string, file: File}} Found `path` is below the folder
 * @typedef {{found: Found[], bytes: number, hidden: number}} Listing `hidden` names begin with a dot, which is never served
 */

export class FolderTooLarge extends Error {
  /** @param {string} name */
  constructor(name) {
    super(
      `“${name}” has more than ${MAX_BYTES >> 20} MiB. The server holds the folder in memory: choose a smaller folder, ` +
        'or one of its subfolders.',
    );
    this.name = 'FolderTooLarge';
  }
}

/** The server answers 404 to these names, so they are not read. @param {string} name */
const isHidden = (name) => name.startsWith('.') && name !== '.well-known';

/** Adds up files and stops at the limit. @param {string} name the folder's */
function collector(name) {
  /** @type {Listing} */
  const listing = { found: [], bytes: 0, hidden: 0 };
  const add = (/** @type {string} */ path, /** @type {File} */ file) => {
    listing.bytes += file.size;
    if (listing.bytes > MAX_BYTES) throw new FolderTooLarge(name);
    listing.found.push({ path, file });
  };
  return { listing, add };
}

/**
 * The files of a directory and those below it.
 * @param {FileSystemDirectoryHandle} handle
 * @returns {Promise<Listing>}
 * @throws {FolderTooLarge}
 * @throws {DOMException} NotFoundError or NotAllowedError: it is gone, or may not be read
 */
export async function listDirectory(handle) {
  const { listing, add } = collector(handle.name);
  /** @param {FileSystemDirectoryHandle} directory @param {string} prefix */
  async function walk(directory, prefix) {
    for await (const entry of directory.values()) {
      if (isHidden(entry.name)) {
        listing.hidden += 1;
      } else if (entry.kind === 'directory') {
        await walk(/** @type {FileSystemDirectoryHandle} */ (entry), `${prefix}${entry.name}/`);
      } else {
        add(`${prefix}${entry.name}`, await /** @type {FileSystemFileHandle} */ (entry).getFile());
      }
    }
  }
  await walk(handle, '');
  return listing;
}

/**
 * The files of an `<input webkitdirectory>`.
 * @param {Iterable<File>} files each with its path from the folder's own name on
 * @returns {{name: string} & Listing}
 * @throws {FolderTooLarge}
 */
export function listFiles(files) {
  const all = [...files];
  const name = all[0]?.webkitRelativePath.split('/')[0] ?? '';
  const { listing, add } = collector(name);
  for (const file of all) {
    const parts = file.webkitRelativePath.split('/').slice(1);
    if (parts.some(isHidden)) listing.hidden += 1;
    else add(parts.join('/'), file);
  }
  return { name, ...listing };
}

/**
 * Reads what was listed, for the server's own file system. The folder itself comes first, as it may be empty.
 * @param {Listing} listing
 * @returns {Promise<ProgramFile[]>}
 * @throws {DOMException} NotReadableError: a file has changed or gone since it was listed
 */
export async function readListing({ found }) {
  /** @type {ProgramFile[]} */
  const files = [{ path: `${ROOT}/`, data: new Uint8Array() }];
  for (const { path, file } of found) {
    files.push({ path: `${ROOT}/${path}`, data: new Uint8Array(await file.arrayBuffer()) });
  }
  return files;
}
