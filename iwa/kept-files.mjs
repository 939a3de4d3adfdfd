/**
 * Files that the server writes for its user, where it runs as WebAssembly: they live in the program's memory and are
 * written to this machine when it has ended. One that is killed leaves what was there before.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Options of the server whose value is a file that it reads, if it is there, and writes. */
export const KEPT_FILES = ['--ticket-keys'];
/** Options whose value is a directory that it writes files into. */
export const KEPT_DIRECTORIES = ['--qlog'];

/**
 * Writes a file back, for its owner alone, beside the old one first.
 * @param {string[]} asked what the user has named, files and directories; everything else is left alone
 * @param {{path: string, data: Uint8Array}} file
 * @throws {Error} that names the file
 */
export function saveKept(asked, { path: file, data }) {
  const name = path.resolve(file);
  const wanted = asked.map((one) => path.resolve(one));
  if (!wanted.includes(name) && !wanted.includes(path.dirname(name))) {
    throw new Error(`${file} is not written: the program was not asked for it`);
  }
  mkdirSync(path.dirname(name), { recursive: true });
  writeFileSync(`${name}.new`, data, { mode: 0o600 });
  renameSync(`${name}.new`, name);
}
