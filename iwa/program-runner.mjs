/**
 * Runs Emscripten programs in workers of a throwaway Isolated Web App in a headless Chromium: any number of programs,
 * one after the other or at once, in one browser. A program is emcc's default output (`prog.js`, `prog.wasm`) or an ES
 * module (-sEXPORT_ES6).
 *
 *     await withBrowser(async (run) => {
 *       const { code, stdout, stderr } = await run('a.js', ['argument'], { timeout: 10 });
 *     });
 *
 * Exit codes: a program linked with -sEXIT_RUNTIME reports its own, and flushes its last unfinished line. Without it
 * the code is that of main's return or of exit() called under it, if the program is a classic script; one that returns
 * from main to go on in callbacks ends by its time limit only. A trap or abort() is code 1, its message on stderr.
 */
import path from 'node:path';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launchIsolatedApp } from './isolated-app.mjs';
import { LaunchError, within } from './launch-error.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
/** Seconds. */
const PAGE_LIMIT = 30;
const DEFAULT_TIMEOUT = 60;

/** The exit code of a program that outlived its time limit, as of timeout(1). */
export const TIMED_OUT = 124;

/**
 * @typedef {object} RunOptions
 * @property {number} [timeout] seconds, default 60; 0 for none
 * @property {string | Uint8Array | AsyncIterable<Uint8Array>} [stdin] without it, standard input is Emscripten's own
 * @property {(line: string) => void} [onStdout] each line as it is printed, without its newline
 * @property {(line: string) => void} [onStderr]
 * @property {AbortSignal} [signal] ends the program; its reason is the error
 *
 * @typedef {object} RunResult
 * @property {number} code exit code; TIMED_OUT after the time limit
 * @property {string} stdout lines, each ended by a newline
 * @property {string} stderr as stdout; the message of a trap or abort is its last line
 * @property {boolean} timedOut
 *
 * @typedef {(program: string, args?: string[], options?: RunOptions) => Promise<RunResult>} Run
 */

/**
 * Starts Chromium, calls `use` with a function that runs programs, and closes Chromium.
 * @template T
 * @param {(run: Run) => Promise<T>} use
 * @param {{chromium?: string, verbose?: boolean, signal?: AbortSignal}} [options] as in launchIsolatedApp
 * @returns {Promise<T>}
 * @throws {LaunchError} no browser (exit code 2), or it failed; `run` rejects with one when the browser dies
 */
export async function withBrowser(use, options = {}) {
  const app = await launchIsolatedApp({
    ...options,
    directory: path.join(HERE, 'runner'),
    mounts: { '/app/': path.join(HERE, 'app') },
  });
  try {
    return await use(await programRunner(app, options.verbose));
  } finally {
    await app.close();
  }
}

/**
 * @param {import('./isolated-app.mjs').IsolatedApp} app
 * @param {boolean} [verbose]
 * @returns {Promise<Run>}
 */
async function programRunner({ page, mount, lost }, verbose) {
  if (verbose) page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));

  /** @type {Map<number, (message: any) => void>} */
  const listeners = new Map();
  const devtools = await page.createCDPSession();
  devtools.on('Runtime.bindingCalled', ({ name, payload }) => {
    if (name !== 'tellLauncher') return;
    const message = JSON.parse(payload);
    listeners.get(message.run)?.(message);
  });
  await devtools.send('Runtime.enable');
  await devtools.send('Runtime.addBinding', { name: 'tellLauncher' });
  const loaded = page.waitForFunction(() => /** @type {any} */ (globalThis).runner);
  await within('load the program runner', PAGE_LIMIT, loaded, [lost]);

  const call = (/** @type {string} */ method, /** @type {any[]} */ ...args) =>
    page.evaluate((name, rest) => /** @type {any} */ (globalThis).runner[name](...rest), method, args);
  /** @type {Map<string, string>} directory to URL prefix */
  const prefixes = new Map();
  let runs = 0;

  return async function run(program, args = [], options = {}) {
    const { timeout = DEFAULT_TIMEOUT, stdin, onStdout, onStderr, signal } = options;
    const file = path.resolve(program);
    await stat(file).catch((error) => {
      throw new LaunchError(`run ${program}: ${error.message}`, { exitCode: 2 });
    });
    const directory = path.dirname(file);
    if (!prefixes.has(directory)) {
      const prefix = `/programs/${prefixes.size + 1}/`;
      prefixes.set(directory, prefix);
      mount(prefix, directory);
    }
    const url = prefixes.get(directory) + encodeURIComponent(path.basename(file));

    const id = (runs += 1);
    const result = { code: TIMED_OUT, stdout: '', stderr: '', timedOut: false };
    const write = (/** @type {'stdout' | 'stderr'} */ stream, /** @type {string} */ line) => {
      result[stream] += `${line}\n`;
      (stream === 'stdout' ? onStdout : onStderr)?.(line);
    };
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const over = new Promise((resolve, reject) => {
      listeners.set(id, (message) => {
        if ('stream' in message) return write(message.stream, message.line);
        if ('failed' in message) write('stderr', message.failed);
        result.code = message.exit ?? 1;
        resolve(undefined);
      });
      if (timeout > 0) {
        timer = setTimeout(() => {
          result.timedOut = true;
          resolve(undefined);
        }, timeout * 1000);
      }
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    try {
      signal?.throwIfAborted();
      await Promise.race([call('start', id, { url, args, stdin: stdin !== undefined }), lost]);
      // Beside the program: it may end without having read everything.
      if (stdin !== undefined) feed(id, stdin).catch((error) => write('stderr', `stdin: ${error.message}`));
      await Promise.race([over, lost]);
      return result;
    } finally {
      clearTimeout(timer);
      over.catch(() => {});
      listeners.delete(id);
      await call('terminate', id).catch(() => {}); // when the page is gone, so is the worker
    }
  };

  /** @param {number} id @param {string | Uint8Array | AsyncIterable<Uint8Array>} stdin */
  async function feed(id, stdin) {
    const chunks = typeof stdin === 'string' || stdin instanceof Uint8Array ? [Buffer.from(stdin)] : stdin;
    for await (const chunk of chunks) {
      if (!listeners.has(id)) return;
      await call('input', id, Buffer.from(chunk).toString('base64'));
    }
    if (listeners.has(id)) await call('endInput', id);
  }
}
