/**
 * The ports built and run: natively, and as WebAssembly on Node and in Chromium through iwa-run. It knows nothing of
 * what they do.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { openBrowser } from '../../iwa/program-runner.mjs';

export const REPOSITORY = path.resolve(import.meta.dirname, '..', '..');
const BUILT = path.join(REPOSITORY, 'target', 'ports');
const IWA_RUN = path.join(REPOSITORY, 'iwa', 'iwa-run.mjs');

/** Seconds for one program; one that takes longer hangs. */
const TIMEOUT = 120;

/** What this machine's own programs are built with: they are to be right, and soon there. */
export const NATIVE = { CARGO_TARGET_DIR: path.join(BUILT, 'cargo'), CARGO_PROFILE_DEV_DEBUG: 'none' };

/** @typedef {{ code: number, stdout: string, stderr: string }} Ending */
/**
 * @typedef {{ mounts?: string[], onStdout?: (text: string) => void }} Options `mounts` are directories, each at its own
 *   path
 */
/** @typedef {(name: string, args: string[], options?: Options) => Promise<Ending>} Run */

/** Builds all ports; what is built is left as it is. */
export function buildPorts() {
  const run = (/** @type {string} */ file, /** @type {string[]} */ args, env = {}) =>
    execFileSync(file, args, { cwd: REPOSITORY, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
  run('docker/build.sh', ['ports/build-wasm.sh']);
  run('cargo', ['build', '--quiet', '--locked', '--manifest-path', 'ports/Cargo.toml'], NATIVE);
  const sources = ['alloc', 'async', 'hiredis', 'net', 'read', 'sds', 'sockcompat', 'test'];
  const hiredis = path.join(BUILT, 'debian', 'hiredis');
  const files = sources.map((name) => path.join(hiredis, `${name}.c`));
  const output = path.join(BUILT, 'c', 'hiredis-test');
  run(process.env.CC ?? 'cc', ['-O2', '-D_GNU_SOURCE', '-I', hiredis, ...files, '-o', output]);
}

/** @param {string} name @param {string[]} built below cargo's directory */
const placeOf = (name, built) => path.join(BUILT, ...(name.startsWith('hiredis') ? ['c'] : ['cargo', ...built]), name);

/** @param {string} name */
const binary = (name) => placeOf(name, ['debug']);

/** @param {string} name */
const program = (name) => `${placeOf(name, ['wasm32-unknown-emscripten', 'release'])}.js`;

/** @type {Run} */
export const onLinux = (name, args, { onStdout } = {}) => collect(binary(name), args, onStdout);

/** @type {Run} */
export function onNode(name, args, { mounts = [], onStdout } = {}) {
  const options = ['--timeout', String(TIMEOUT), ...mounts.flatMap((mount) => ['--mount', `${mount}:ro`])];
  return collect(process.execPath, [IWA_RUN, '--node', ...options, program(name), '--', ...args], onStdout);
}

/**
 * All programs in one browser.
 * @returns {Promise<{ run: Run, close(): Promise<void> }>}
 */
export async function openChromium() {
  const { run, close } = await openBrowser();
  return {
    async run(name, args, { mounts = [], onStdout } = {}) {
      const printed = { stdout: '', stderr: '' };
      const { code } = await run(program(name), args, {
        timeout: TIMEOUT,
        mounts: mounts.map((directory) => ({ directory, at: directory, readOnly: true })),
        output(stream, bytes) {
          printed[stream] += bytes;
          if (stream === 'stdout') onStdout?.(printed.stdout);
        },
      });
      return { code, ...printed };
    },
    close,
  };
}

/**
 * @param {string} file @param {string[]} args @param {(text: string) => void} [onStdout] all that was printed so far
 * @returns {Promise<Ending>}
 */
async function collect(file, args, onStdout) {
  const running = promisify(execFile)(file, args, { timeout: TIMEOUT * 1000, maxBuffer: 1 << 26 });
  let text = '';
  running.child.stdout?.on('data', (chunk) => onStdout?.(text += chunk));
  running.child.stdin?.end();
  try {
    return { code: 0, ...await running };
  } catch (error) {
    const { code, signal, stdout = '', stderr = '' } = /** @type {any} */ (error);
    const why = signal ? `ended by ${signal}` : '';
    return { code: typeof code === 'number' ? code : -1, stdout, stderr: stderr + why };
  }
}

/**
 * A program that listens and goes on until it is closed.
 * @param {string} file @param {string[]} args @param {RegExp} ready what it prints then
 * @returns {Promise<{ text: string, close(): Promise<void> }>} `text` is what it had printed
 */
export async function startPeer(file, args, ready) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('close', resolve));
  const text = await new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (ready.test(printed)) resolve(printed);
    });
    child.once('error', reject);
    void exited.then((code) => reject(new Error(`${file} ended with ${code} before it was ready: ${printed}`)));
  });
  return {
    text,
    async close() {
      child.kill();
      await exited;
    },
  };
}

/** @param {string[]} args of the native websocket_server */
export const startWebSocketServer = (args) => startPeer(binary('websocket_server'), args, /listening on .*\n/);
