/** Files written whole or not at all: beside the place first, then renamed over it. */
import {
  closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { LaunchError } from '../launch-error.mjs';

/** @param {string} file @param {unknown} error @returns {LaunchError} */
function notWritten(file, error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  /** @type {Record<string, string>} */
  const known = {
    ENOSPC: 'the disk is full: make room, or write elsewhere',
    EDQUOT: 'the disk quota is used up: make room, or write elsewhere',
    ENOENT: 'its directory does not exist: make it first',
    ENOTDIR: 'its directory is a file: correct the path',
    EACCES: 'its directory may not be written to: correct the permissions, or write elsewhere',
    EPERM: 'its directory may not be written to: correct the permissions, or write elsewhere',
    EROFS: 'its file system is read-only: write elsewhere',
    EISDIR: 'it is a directory: give a file name',
    ENOTFILE: 'it is a device or a pipe: give a file name',
    EEXIST: 'it exists already, and a key is never overwritten: remove it yourself, or give another name',
  };
  return new LaunchError(`${file} is not written: ${known[code ?? ''] ?? message}`, { exitCode: 2, cause: error });
}

/**
 * @param {string} file @param {string | Uint8Array} data
 * @throws {LaunchError} exit code 2; what was there before still is
 */
export function writeAtomically(file, data) {
  let temporary;
  try {
    const status = statSync(file, { throwIfNoEntry: false });
    if (status && !status.isFile()) {
      throw Object.assign(new Error(), { code: status.isDirectory() ? 'EISDIR' : 'ENOTFILE' });
    }
    // What a link leads to is replaced, not the link (/dev/stdout is one).
    const target = status ? realpathSync(file) : file;
    temporary = `${target}.new-${process.pid}`;
    write(temporary, data, 0o666);
    renameSync(temporary, target);
  } catch (error) {
    if (temporary) rmSync(temporary, { force: true });
    throw notWritten(file, error);
  }
}

/**
 * A secret: for its owner alone, and never in the place of another file.
 * @param {string} file @param {string} data
 * @throws {LaunchError} exit code 2
 */
export function writeSecret(file, data) {
  try {
    write(file, data, 0o600);
  } catch (error) {
    throw notWritten(file, error);
  }
}

/**
 * A file that is not there yet, on the disk when this returns.
 * @param {string} file @param {string | Uint8Array} data @param {number} mode
 */
function write(file, data, mode) {
  const descriptor = openSync(file, 'wx', mode);
  try {
    writeFileSync(descriptor, data);
    fsyncSync(descriptor);
  } catch (error) {
    unlinkSync(file); // this call has made it
    throw error;
  } finally {
    closeSync(descriptor);
  }
}
