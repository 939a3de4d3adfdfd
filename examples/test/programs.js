/**
 * The examples built, and run: on Linux, and as WebAssembly on Node and in Chromium through iwa-run. A program that runs
 * can be spoken to and listened to. It knows nothing of what the programs do.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { openBrowser } from '../../iwa/program-runner.mjs';
import { NATIVE } from '../../ports/test/programs.js';

export const REPOSITORY = path.resolve(import.meta.dirname, '..', '..');
const C_BUILT = path.join(REPOSITORY, 'target', 'examples');
const RUST_BUILT = NATIVE.CARGO_TARGET_DIR;
const C_SOURCES = path.join(REPOSITORY, 'examples', 'c');
const C_PROGRAMS = readdirSync(C_SOURCES).map((file) => path.basename(file, '.c'));
const IWA_RUN = path.join(REPOSITORY, 'iwa', 'iwa-run.mjs');

/** Milliseconds for what a program is waited for; one that takes longer hangs. */
const LIMIT = 120_000;

/** @typedef {'linux' | 'node' | 'chromium'} Runtime */
/** @type {readonly Runtime[]} */
export const RUNTIMES = ['linux', 'node', 'chromium'];

/** Builds all examples for every runtime; what is built is left as it is. */
export function buildExamples() {
  const run = (/** @type {string} */ file, /** @type {string[]} */ args) => execFileSync(file, args, {
    cwd: REPOSITORY, stdio: ['ignore', 2, 2], env: { ...process.env, ...NATIVE },
  });
  run('docker/build.sh', ['examples/build-wasm.sh']);
  const cargo = ['build', '--quiet', '--locked'];
  run('cargo', [...cargo, '--manifest-path', 'examples/rust/Cargo.toml', '--workspace']);
  // For the HTTPS server.
  run('cargo', [...cargo, '--manifest-path', 'ports/Cargo.toml', '--bin', 'certificate']);
  mkdirSync(C_BUILT, { recursive: true });
  for (const name of C_PROGRAMS) {
    const files = [path.join(C_SOURCES, `${name}.c`), '-o', path.join(C_BUILT, name)];
    run(process.env.CC ?? 'cc', ['-O2', '-Wall', '-Wextra', '-Werror', ...files]);
  }
}

/** Where a program is. @param {string} name @param {Runtime} runtime */
export function programOf(name, runtime) {
  const directory = C_PROGRAMS.includes(name)
    ? C_BUILT
    : path.join(RUST_BUILT, ...(runtime === 'linux' ? ['debug'] : ['wasm32-unknown-emscripten', 'release']));
  return path.join(directory, runtime === 'linux' ? name : `${name}.js`);
}

/** @typedef {{ mounts?: string[] }} Options `mounts` are directories, each at its own path */

/**
 * The command line that runs a program.
 * @param {string} name @param {Runtime} runtime @param {string[]} args @param {Options} [options]
 */
export function commandOf(name, runtime, args, { mounts = [] } = {}) {
  const program = programOf(name, runtime);
  if (runtime === 'linux') return [program, ...args];
  const own = [`--${runtime}`, ...mounts.flatMap((directory) => ['--mount', `${directory}:ro`])];
  return [process.execPath, IWA_RUN, ...own, program, '--', ...args];
}

/** @typedef {{ code: number, stdout: string, stderr: string }} Ending */

/** A program that runs. */
export class Running {
  stdout = '';
  stderr = '';
  /** @type {(() => void)[]} */
  #watchers = [];
  /** @type {Promise<Ending>} */
  ended;

  /**
   * @param {Promise<number>} exited its exit code
   * @param {(text: string | null) => void} input to its standard input; null ends it
   * @param {() => void} kill
   */
  constructor(exited, input, kill) {
    this.input = input;
    this.kill = kill;
    this.over = false;
    this.ended = exited.then((code) => {
      this.over = true;
      this.#tell();
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
    this.ended.catch(() => {});
  }

  /** @param {'stdout' | 'stderr'} stream @param {Buffer | string} text */
  hear(stream, text) {
    this[stream] += text;
    this.#tell();
  }

  #tell() {
    this.#watchers.forEach((watcher) => watcher());
  }

  /**
   * What it prints, as soon as that matches.
   * @param {RegExp} pattern @returns {Promise<RegExpExecArray>} rejects when it ends before
   */
  until(pattern) {
    return new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ why) => reject(new Error(`${pattern}: ${why}\n${this.stdout}${this.stderr}`));
      const timer = setTimeout(() => fail('was not printed'), LIMIT);
      const look = () => {
        const match = pattern.exec(this.stdout);
        if (match || this.over) clearTimeout(timer);
        if (match) resolve(match);
        else if (this.over) fail('the program ended before it was printed');
      };
      this.#watchers.push(look);
      look();
    });
  }

  /** Ends it, whatever it does. */
  async stop() {
    this.kill();
    await this.ended.catch(() => {});
  }
}

/** @typedef {(name: string, args: string[], options?: Options) => Running} Start */

/** @param {string[]} command @returns {Running} */
export function startCommand([file, ...args]) {
  const child = spawn(file, args, { stdio: 'pipe' });
  const timer = setTimeout(() => child.kill(), LIMIT);
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  }).finally(() => clearTimeout(timer));
  child.stdin.on('error', () => {}); // it ended without reading
  const input = (/** @type {string | null} */ text) => void (text === null ? child.stdin.end() : child.stdin.write(text));
  const running = new Running(exited, input, () => child.kill());
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
    child[stream].setEncoding('utf8').on('data', (text) => running.hear(stream, text));
  }
  return running;
}

/**
 * Where programs can be started; all those in Chromium are in one browser.
 * @param {Runtime} runtime
 * @returns {Promise<{ start: Start, close(): Promise<void> }>}
 */
export async function openRuntime(runtime) {
  if (runtime !== 'chromium') {
    return { start: (name, args, options) => startCommand(commandOf(name, runtime, args, options)), async close() {} };
  }
  const { run, close } = await openBrowser();
  return {
    start: (name, args, options) => startInBrowser(run, programOf(name, runtime), args, options),
    close,
  };
}

/**
 * @param {import('../../iwa/program-runner.mjs').Run} run
 * @param {string} program @param {string[]} args @param {Options} [options]
 */
function startInBrowser(run, program, args, { mounts = [] } = {}) {
  const stdin = new TransformStream();
  const writer = stdin.writable.getWriter();
  const input = (/** @type {string | null} */ text) =>
    void (text === null ? writer.close() : writer.write(Buffer.from(text))).catch(() => {});
  const killed = new AbortController();
  // Nothing is printed before this returns.
  const exited = run(program, args, {
    timeout: LIMIT / 1000,
    stdin: stdin.readable,
    output: (stream, bytes) => running.hear(stream, bytes),
    signal: killed.signal,
    mounts: mounts.map((directory) => ({ directory, at: directory, readOnly: true })),
  }).then(({ code }) => code);
  const running = new Running(exited, input, () => killed.abort(new Error('stopped by the test')));
  return running;
}
