/**
 * runProgram on Node: a process for each program, of this Node or another one. It ends with this process.
 */
import { ProgramError } from './program-error.js';
import { RunningProgram } from './program/running-program.js';

/** Milliseconds from a program's last word until its process is ended: Node 26.10 can hang in process.exit. */
const EXIT_LIMIT = 1000;

/** Node 24 has JSPI behind this flag, of which later ones know nothing. */
const JSPI_FLAG = '--experimental-wasm-jspi';

/** @type {typeof import('./socket-iwa.d.ts').runProgram} */
export function runProgram(url, options = {}) {
  const { pathToFileURL } = process.getBuiltinModule('node:url');
  const program = url instanceof URL || /^file:/.test(url) ? new URL(url) : pathToFileURL(url);
  return new RunningProgram(program.pathname, options, (start, hear) => {
    if (program.protocol !== 'file:') {
      throw new ProgramError(`run ${program.href}: on Node a program is a path or a file: URL`, { code: 'EINVAL' });
    }
    return launch(start, hear, options);
  }, { url: program.href });
}

/**
 * @param {import('./program/protocol.js').StartOrder} start
 * @param {(news: import('./program/protocol.js').News) => void} hear
 * @param {import('./socket-iwa.d.ts').ProgramOptions} options
 * @returns {import('./program/running-program.js').Engine}
 */
function launch(start, hear, { onStdout, onStderr, execPath = process.execPath }) {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const { fileURLToPath } = process.getBuiltinModule('node:url');
  const ownNode = execPath === process.execPath;
  const flags = ownNode && !('Suspending' in WebAssembly) && process.allowedNodeEnvironmentFlags.has(JSPI_FLAG)
    ? [JSPI_FLAG] : [];
  const child = spawn(execPath, [...flags, fileURLToPath(new URL('./program/node-process.js', import.meta.url))], {
    stdio: ['ignore', onStdout === 'inherit' ? 'inherit' : 'pipe', onStderr === 'inherit' ? 'inherit' : 'pipe', 'ipc'],
    serialization: 'advanced',
    windowsHide: true,
  });
  /** @type {import('./program/protocol.js').End | undefined} */
  let end;
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    child[stream]?.on('data', (/** @type {Uint8Array} */ data) => hear({ stream, bytes: new Uint8Array(data) }));
  }
  child.on('message', (/** @type {any} */ news) => {
    if ('exit' in news || 'failed' in news) {
      end ??= news;
      setTimeout(() => child.kill('SIGKILL'), EXIT_LIMIT).unref();
    } else hear(news);
  });
  child.once('error', (error) =>
    hear({ failed: `${execPath} could not be started: ${error.message}`, code: 1, reason: 'ERR_WORKER' }));
  // Once its output is in.
  const closed = new Promise((resolve) => child.once('close', (code, signal) => {
    hear(end ?? { failed: `its process ended: ${signal ?? `exit code ${code}`}`, code: codeOf(code, signal) });
    resolve(undefined);
  }));
  child.send({ start }, () => {});
  return {
    send: (order) => void (child.connected && child.send(order, () => {})),
    async terminate() {
      if (!end) child.kill('SIGKILL');
      if (child.pid !== undefined) await closed;
    },
  };
}

/** @param {number | null} code @param {NodeJS.Signals | null} signal @returns {number} as a shell's */
function codeOf(code, signal) {
  const { constants } = process.getBuiltinModule('node:os');
  return signal ? 128 + constants.signals[signal] : code || 1;
}
