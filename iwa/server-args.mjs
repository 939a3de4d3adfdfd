/**
 * The server's command line on its way into the app: the address goes into the page's form, files that options name are
 * read here and written into the program's own file system under the same names, the rest passes through.
 */
import { readFile } from 'node:fs/promises';
import { KEPT_DIRECTORIES, KEPT_FILES } from './kept-files.mjs';
import { LaunchError } from './launch-error.mjs';
import { readRoot } from './root-directory.mjs';

/** Options whose value is a file of this machine. */
const FILE_OPTIONS = ['--cert', '--key'];
/** The page gives these itself. */
const PAGE_OPTIONS = ['--json', '--stop-on-stdin-close'];

/**
 * @typedef {object} ServerLaunch
 * @property {string} [listen]
 * @property {string[]} args
 * @property {{path: string, base64: string}[]} files
 * @property {string[]} keep paths at which the server writes files for its user
 * @property {boolean} json
 * @property {boolean} stats whether counters were asked for (--stats-interval)
 */

/**
 * @param {string[]} args as for the native server
 * @returns {Promise<ServerLaunch>}
 * @throws {LaunchError} exit code 2: a file can't be read, an option has no value
 */
export async function prepareServerArgs(args) {
  /** @type {ServerLaunch} */
  const launch = { args: [], files: [], keep: [], json: false, stats: false };
  for (let i = 0; i < args.length; i += 1) {
    const [name, inline] = splitOption(args[i]);
    const value = () => {
      const found = inline ?? args[(i += 1)];
      if (found === undefined) throw new LaunchError(`${name} needs a value`, { exitCode: 2 });
      return found;
    };
    if (name === '--listen') {
      launch.listen = value();
    } else if (FILE_OPTIONS.includes(name)) {
      const path = value();
      launch.args.push(name, path);
      launch.files.push({ path, base64: (await read(name, path)) ?? '' });
    } else if (KEPT_FILES.includes(name) || KEPT_DIRECTORIES.includes(name)) {
      const path = value();
      launch.args.push(name, path);
      launch.keep.push(path);
      const base64 = KEPT_FILES.includes(name) ? await read(name, path, { optional: true }) : undefined;
      if (base64 !== undefined) launch.files.push({ path, base64 });
    } else if (name === '--root') {
      const { root, files } = await readRoot(value());
      launch.args.push(name, root);
      launch.files.push(...files);
    } else if (PAGE_OPTIONS.includes(name)) {
      launch.json ||= name === '--json';
    } else {
      launch.stats ||= name === '--stats-interval';
      launch.args.push(args[i]);
    }
  }
  return launch;
}

/** @param {string} arg @returns {[string, string | undefined]} "--a=b" as ["--a", "b"] */
function splitOption(arg) {
  const equals = arg.indexOf('=');
  return arg.startsWith('--') && equals > 0 ? [arg.slice(0, equals), arg.slice(equals + 1)] : [arg, undefined];
}

/** @param {string} name @param {string} path @param {{optional?: boolean}} [options] it may be missing */
async function read(name, path, { optional = false } = {}) {
  try {
    return (await readFile(path)).toString('base64');
  } catch (error) {
    if (optional && /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined;
    throw new LaunchError(`${name}: ${/** @type {Error} */ (error).message}`, { exitCode: 2 });
  }
}
