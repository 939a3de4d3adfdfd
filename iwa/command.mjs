/** What the command-line programs of this directory share: Node's version, signals, and how errors are said. */
import { LaunchError } from './launch-error.mjs';

const NEEDED = [22, 12]; // puppeteer-core 25

/** Whether this Node is new enough for the launchers. */
export function isRecentNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
}

/**
 * Runs a command's main function and ends the process with its exit code.
 *
 * SIGINT, SIGTERM and SIGHUP abort the signal that `main` gets, with the signal's name as the reason; main ends things
 * in order and within its own time limits, so a second signal changes nothing.
 * @param {string} name for error lines
 * @param {(signal: AbortSignal) => Promise<number | void>} main its result is the exit code, 0 by default
 */
export async function runMain(name, main) {
  if (!isRecentNode()) {
    process.stderr.write(
      `${name}: error: Node ${NEEDED.join('.')} or newer is needed, this is ${process.versions.node}; ` +
        'put it first on $PATH (in the repository npm ci installs one: node_modules/.bin/node)\n',
    );
    process.exit(2);
  }
  const controller = new AbortController();
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => controller.abort(signal));
  }
  // A reader that left (head, a closed terminal) is no reason for a stack trace, nor to go on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => controller.abort('EPIPE'));

  try {
    process.exitCode = (await main(controller.signal)) ?? 0;
  } catch (error) {
    process.exitCode = sayError(name, error);
  }
  // Whatever is left (a parent's open stdin, a signal handler) keeps no finished command alive.
  process.exit();
}

/**
 * Prints an error as one line where it is meant for a person, with its stack where it is a defect of this program.
 * @param {string} name @param {unknown} error
 * @returns {number} the exit code for it
 */
function sayError(name, error) {
  if (error instanceof LaunchError) {
    process.stderr.write(`${name}: error: ${error.message}\n`);
    return error.exitCode;
  }
  const code = /** @type {{code?: string}} */ (error)?.code ?? '';
  if (code.startsWith('ERR_PARSE_ARGS')) {
    process.stderr.write(`${name}: error: ${/** @type {Error} */ (error).message} (see --help)\n`);
    return 2;
  }
  if (/^E[A-Z]+$/.test(code)) {
    process.stderr.write(`${name}: error: ${/** @type {Error} */ (error).message}\n`); // the system's: ENOSPC, EACCES
    return 2;
  }
  if (error === 'SIGINT' || error === 'SIGTERM' || error === 'SIGHUP') return 0; // asked to stop before it had begun
  process.stderr.write(`${name}: ${error instanceof Error ? error.stack : error}\n`);
  return 1;
}
