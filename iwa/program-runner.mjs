/**
 * Runs Emscripten programs in a throwaway Isolated Web App in a headless Chromium, by the API's runProgram: any number of
 * programs, one after the other or at once, in one browser. A program is emcc's default output (`prog.js`, `prog.wasm`), a script
 * linked with -sMODULARIZE, or an ES module (-sEXPORT_ES6).
 *
 *     await withBrowser(async (run) => {
 *       const { code, stdout, stderr } = await run('a.js', ['argument'], { timeout: 10 });
 *     });
 *
 * Exit codes: a program linked with -sEXIT_RUNTIME reports its own, and flushes its last unfinished line. Without it
 * the code is that of main's return or of exit() called under it, if the program is a classic script; one that returns
 * from main to go on in callbacks ends by its time limit only. A trap or abort() is 128 and a signal, as in a shell.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launchIsolatedApp } from './isolated-app.mjs';
import { LaunchError, within } from './launch-error.mjs';
import { WriteBack, placeOf, readMount } from './mounts.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
/** Seconds. */
const PAGE_LIMIT = 30;
const DEFAULT_TIMEOUT = 60;
/** Seconds for a program's end: it gets five for handing over its files. */
const KILL_LIMIT = 10;

/** The exit code of a program that outlived its time limit, as of timeout(1). */
export const TIMED_OUT = 124;

/**
 * @typedef {object} RunOptions
 * @property {number} [timeout] seconds, default 60; 0 for none
 * @property {string | Uint8Array | AsyncIterable<Uint8Array>} [stdin] without it, standard input is Emscripten's own;
 *   a chunk is asked for when the program reads
 * @property {(stream: 'stdout' | 'stderr', bytes: Buffer) => void} [output] as the program writes; without it, what it
 *   writes is in the result
 * @property {Record<string, string>} [env] beside Emscripten's own
 * @property {import('./mounts.mjs').Mount[]} [mounts]
 * @property {(text: string) => void} [warn] a line about files that were left out or not written back
 * @property {boolean} [verbose] stacks of traps
 * @property {AbortSignal} [signal] ends the program, its files are written back; its reason is the error
 *
 * @typedef {object} RunResult
 * @property {number} code exit code; TIMED_OUT after the time limit
 * @property {string} stdout
 * @property {string} stderr the message of a trap or abort is its last line
 * @property {boolean} timedOut
 * @property {boolean} filesLost something in the mounts could not be written back; `warn` was told what
 *
 * @typedef {(program: string, args?: string[], options?: RunOptions) => Promise<RunResult>} Run
 */

/**
 * @typedef {object} BrowserOptions as in launchIsolatedApp; `directory` is the runner's, or a copy of it with another manifest
 * @property {string} [chromium]
 * @property {string[]} [switches]
 * @property {boolean} [verbose]
 * @property {AbortSignal} [signal]
 * @property {'granted' | 'denied' | 'prompt'} [permissions]
 * @property {string} [directory]
 */

/**
 * Starts Chromium with the program runner in it.
 * @param {BrowserOptions} [options]
 * @returns {Promise<{run: Run, app: import('./isolated-app.mjs').IsolatedApp, close: () => Promise<void>}>}
 * @throws {LaunchError} no browser (exit code 2), or it failed; `run` rejects with one when the browser dies
 */
export async function openBrowser(options = {}) {
  const app = await launchIsolatedApp({
    directory: path.join(HERE, 'runner'),
    ...options,
    mounts: { '/app/': path.join(HERE, 'app'), '/api/': path.join(HERE, '..', 'api') },
  });
  try {
    const runner = new ProgramRunner(app);
    await runner.open(options.verbose);
    return { run: runner.run.bind(runner), app, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}

/**
 * Starts Chromium, calls `use` with a function that runs programs, and closes Chromium.
 * @template T
 * @param {(run: Run, app: import('./isolated-app.mjs').IsolatedApp) => Promise<T>} use
 * @param {BrowserOptions} [options]
 * @returns {Promise<T>}
 * @throws {LaunchError} as openBrowser
 */
export async function withBrowser(use, options) {
  const { run, app, close } = await openBrowser(options);
  try {
    return await use(run, app);
  } finally {
    await close();
  }
}

/** The runner's page (runner/page.js) from outside: what it is told, and what it says of which run. */
class ProgramRunner {
  #page;
  #mount;
  #lost;
  /** By the number of a run. @type {Map<number, (message: any) => void>} */
  #listeners = new Map();
  /** Under which names directories are shown. @type {Map<string, string>} */
  #prefixes = new Map();
  #runs = 0;

  /** @param {import('./isolated-app.mjs').IsolatedApp} app */
  constructor({ page, mount, lost }) {
    this.#page = page;
    this.#mount = mount;
    this.#lost = lost;
  }

  /** @param {boolean} [verbose] */
  async open(verbose) {
    if (verbose) this.#page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
    const devtools = await this.#page.createCDPSession();
    devtools.on('Runtime.bindingCalled', ({ name, payload }) => {
      if (name !== 'tellLauncher') return;
      const message = JSON.parse(payload);
      this.#listeners.get(message.run)?.(message);
    });
    await devtools.send('Runtime.enable');
    await devtools.send('Runtime.addBinding', { name: 'tellLauncher' });
    const loaded = this.#page.waitForFunction(() => /** @type {any} */ (globalThis).runner);
    await within('load the program runner', PAGE_LIMIT, loaded, [this.#lost]);
  }

  /** @type {Run} */
  async run(program, args = [], options = {}) {
    const { timeout = DEFAULT_TIMEOUT, stdin, output, mounts = [], warn = () => {}, signal } = options;
    const start = await this.#startOrder(program, args, options);
    const id = (this.#runs += 1);
    const result = { code: TIMED_OUT, timedOut: false };
    /** @type {{stdout: Buffer[], stderr: Buffer[]}} */
    const printed = { stdout: [], stderr: [] };
    const write = output ?? ((stream, bytes) => void printed[stream].push(bytes));
    const saving = new WriteBack(mounts, warn);
    const source = chunksOf(stdin);
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const over = new Promise((resolve, reject) => {
      this.#listeners.set(id, (message) => {
        if ('base64' in message) {
          const bytes = Buffer.from(message.base64, 'base64');
          const { change, from, last } = message;
          if (change) saving.apply(change, bytes, { first: from === 0, last });
          else write(message.stream, bytes);
        } else if ('change' in message) saving.apply(message.change);
        else if ('pull' in message) void this.#feed(id, source, warn);
        else if ('warning' in message) warn(message.warning);
        else {
          if (message.filesLost) {
            saving.failed = true;
            warn('the program computes and does not answer: what it changed in its files is lost');
          }
          if (result.timedOut || signal?.aborted) return;
          if (message.failed) write('stderr', Buffer.from(`${message.failed}\n`));
          result.code = message.exit;
          resolve(undefined);
        }
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
      await Promise.race([this.#call('start', id, start), this.#lost]);
      await Promise.race([over, this.#lost]);
    } finally {
      clearTimeout(timer);
      over.catch(() => {});
      // When the page is gone, so is the worker.
      await within('end the program', KILL_LIMIT, this.#call('kill', id), [this.#lost]).catch(() => {});
      saving.end();
      this.#listeners.delete(id);
    }
    const text = (/** @type {Buffer[]} */ parts) => Buffer.concat(parts).toString();
    return { ...result, stdout: text(printed.stdout), stderr: text(printed.stderr), filesLost: saving.failed };
  }

  /**
   * What the page is told of a program.
   * @param {string} program @param {string[]} args @param {RunOptions} options
   */
  async #startOrder(program, args, { stdin, env = {}, mounts = [], warn = () => {}, verbose = false }) {
    const file = path.resolve(program);
    await stat(file).catch((error) => {
      throw new LaunchError(`run ${program}: ${error.message}`, { exitCode: 2 });
    });
    return {
      url: urlOf(this.#show(path.dirname(file)), path.basename(file)),
      name: path.basename(file),
      args, env, verbose,
      stdin: stdin !== undefined,
      cwd: placeOf(mounts),
      mounts: mounts.map((one) => {
        const prefix = this.#show(one.directory);
        const entries = readMount(one, warn).map(({ file: _file, ...entry }) =>
          ({ ...entry, url: urlOf(prefix, entry.path) }));
        return { at: one.at, readOnly: one.readOnly, entries };
      }),
    };
  }

  /** Shows a directory to the app and to no one else on this machine. @param {string} directory */
  #show(directory) {
    const prefix = this.#prefixes.get(directory) ?? `/${randomBytes(16).toString('hex')}/`;
    this.#prefixes.set(directory, prefix);
    this.#mount(prefix, directory);
    return prefix;
  }

  /**
   * The next chunk of standard input, which the program has asked for.
   * @param {number} id @param {AsyncIterator<Uint8Array>} source @param {(text: string) => void} warn
   */
  async #feed(id, source, warn) {
    const { value, done } = await source.next().catch((error) => {
      warn(`standard input: ${error.message}`); // and so it ends
      return { value: undefined, done: true };
    });
    if (!this.#listeners.has(id)) return;
    await this.#call('input', id, done || !value ? null : Buffer.from(value).toString('base64')).catch(() => {});
  }

  /** @param {string} method @param {any[]} args */
  #call(method, ...args) {
    return this.#page.evaluate((name, rest) => /** @type {any} */ (globalThis).runner[name](...rest), method, args);
  }
}

/** @param {string} prefix @param {string} file */
const urlOf = (prefix, file) => prefix + file.split('/').map(encodeURIComponent).join('/');

/** @param {RunOptions['stdin']} stdin @returns {AsyncIterator<Uint8Array>} */
async function* chunksOf(stdin = '') {
  if (typeof stdin !== 'string' && !(stdin instanceof Uint8Array)) return yield* stdin;
  if (stdin.length > 0) yield Buffer.from(stdin);
}
