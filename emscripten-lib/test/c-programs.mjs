// Compiles and runs the C programs of test/c: natively with cc, for WebAssembly with the toolchain of docker/build.sh (or
// $EMCC where a local one is wanted). All programs are compiled in one call and kept under target/ by content hash. It
// knows how to run a program on each runtime, and nothing of what the programs print.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
export const repository = dirname(dirname(here));
const library = dirname(here);

/** Optimised, because the optimiser is one more thing that can break the library; with assertions, for its messages. */
const EMCC_FLAGS = ['-O2', '-sASSERTIONS', '-sEXIT_RUNTIME', '--js-library',
  join(library, 'libdirectsockets.js'), join(library, 'libc.c')];
const JSPI_FLAGS = [...EMCC_FLAGS, '-sJSPI', '-Wno-experimental'];
/** A shared memory is not made as large as a program's static data demand. */
const THREADS_FLAGS = [...EMCC_FLAGS, '-pthread', '-sPROXY_TO_PTHREAD', '-sINITIAL_MEMORY=128MB'];

const EMCC = process.env.EMCC ?? 'emcc';

/** A program that runs longer than this hangs. */
const TIME_LIMIT_MS = 120_000;

/**
 * Where a program runs: natively, or as WebAssembly, which waits by JSPI or, in the last two, by the thread it is on.
 * @typedef {'linux' | 'node' | 'chromium' | 'node-threads' | 'chromium-threads'} Runtime
 */

/** All but Linux, the oracle. @type {readonly Exclude<Runtime, 'linux'>[]} */
export const RUNTIMES = ['node', 'node-threads', 'chromium', 'chromium-threads'];

export const inChromium = (/** @type {Runtime} */ runtime) => runtime.startsWith('chromium');
const withThreads = (/** @type {Runtime} */ runtime) => runtime.endsWith('-threads');

/** @param {string} directory @returns {string[]} every file below it */
function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** @param {string[]} files @param {string[]} more */
function hashOf(files, more) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(file));
  return hash.update(more.join('\0')).digest('hex').slice(0, 16);
}

const sourceOf = (/** @type {string} */ program) => join(here, 'c', `${program}.c`);

/**
 * Names of the programs in test/c.
 * @param {Runtime} [runtime] only those that can run there: a program that starts threads needs some
 */
export function programNames(runtime = 'linux') {
  const startsThreads = (/** @type {string} */ name) => readFileSync(sourceOf(name), 'utf8').includes('<pthread.h>');
  return readdirSync(join(here, 'c')).filter((name) => name.endsWith('.c')).map((name) => basename(name, '.c')).sort()
    .filter((name) => runtime === 'linux' || withThreads(runtime) || !startsThreads(name));
}

/**
 * Runs commands that make a directory under target/, unless it was made before from the same inputs.
 * @param {string} kind subdirectory of target/conformance
 * @param {string[]} inputs files that the result depends on
 * @param {(directory: string) => string[][]} commands what to run, given the directory to make
 * @param {boolean} toolchain run them in the WebAssembly toolchain
 * @returns {Promise<string>} the directory
 */
async function cached(kind, inputs, commands, toolchain) {
  const root = join(repository, 'target', 'conformance', kind);
  const directory = join(root, hashOf(inputs, commands('').flat()));
  if (existsSync(directory)) return directory;
  const building = `${directory}.${process.pid}`;
  mkdirSync(building, { recursive: true });
  // The repository's package.json says "module"; what emcc makes by default is CommonJS.
  writeFileSync(join(building, 'package.json'), '{ "type": "commonjs" }\n');
  const lines = commands(building).map((words) => words.map((word) => `'${word}'`).join(' '));
  // A compiler keeps one processor busy.
  const shell = ['bash', '-c', `printf '%s\\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c`, 'compile', ...lines];
  const [file, ...args] = toolchain && !process.env.EMCC ? [join(repository, 'docker', 'build.sh'), ...shell] : shell;
  try {
    await run(file, args, { cwd: repository, maxBuffer: 1 << 26 });
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    const { stderr } = /** @type {{ stderr?: string }} */ (error);
    throw new Error(`compiling ${kind} programs failed:\n${stderr ?? error}`, { cause: error });
  }
  for (const old of readdirSync(root)) {
    if (!old.includes('.')) rmSync(join(root, old), { recursive: true, force: true });
  }
  renameSync(building, directory);
  return directory;
}

/** What every program with the library in it depends on. */
const libraryFiles = () => [join(library, 'libdirectsockets.js'), join(library, 'libc.c'), ...filesBelow(join(library, 'src'))];

/**
 * Compiles the programs of test/c that can run there.
 * @param {Runtime} runtime
 * @returns {Promise<string>} the directory the programs are in
 */
function buildPrograms(runtime) {
  const sources = filesBelow(join(here, 'c'));
  const names = programNames(runtime);
  if (runtime === 'linux') {
    return cached('native', sources, (directory) => names.map((name) => [process.env.CC ?? 'cc', '-O1', '-Wall', '-Wextra',
      '-Werror', '-pthread', sourceOf(name), '-o', join(directory, name)]), false);
  }
  const [kind, flags] = withThreads(runtime) ? ['wasm-threads', THREADS_FLAGS] : ['wasm', JSPI_FLAGS];
  return cached(kind, [...sources, ...libraryFiles()], (directory) => names.map((name) =>
    [EMCC, ...flags, sourceOf(name), '-o', join(directory, `${name}.js`)]), true);
}

/** Compiles the programs of test/c for every runtime, before they are asked for. */
export async function buildAllPrograms() {
  for (const runtime of /** @type {const} */ (['linux', 'node', 'node-threads'])) await buildPrograms(runtime);
}

/**
 * Compiles programs of test/link, each with its own flags.
 * @param {{ source: string, output: string, flags: string[], fails?: boolean }[]} programs
 *   one that `fails` leaves what emcc said in `output`
 * @param {string} [set] names these programs: each test file has its own
 * @returns {Promise<string>} the directory the programs are in
 */
export function buildLinkPrograms(programs, set = 'link') {
  const inputs = [...filesBelow(join(here, 'link')), ...libraryFiles()];
  return cached(set, inputs, (directory) => programs.map(({ source, output, flags, fails }) => {
    const out = join(directory, output);
    const words = [EMCC, '-Wno-experimental', '--js-library', join(library, 'libdirectsockets.js'), ...flags,
      join(here, 'link', source), '-o', fails ? `${out}.js` : out];
    return fails ? ['bash', '-c', `! "$@" 2> "$0"`, out, ...words] : words;
  }), true);
}

/** @returns {string} the Node with JSPI that npm installed, or the one running if it has it */
export function nodeWithJspi() {
  const installed = join(repository, 'node_modules', '.bin', 'node');
  return existsSync(installed) ? installed : process.execPath;
}

/**
 * Runs a program of its own under Node with JSPI; the process ends by itself although its sockets are open.
 * @param {string} directory where
 * @param {string[]} args
 * @returns {Promise<{ stdout: string, code: number }>}
 */
export async function runNode(directory, args) {
  try {
    return { stdout: (await run(nodeWithJspi(), args, { cwd: directory, timeout: TIME_LIMIT_MS })).stdout, code: 0 };
  } catch (error) {
    const { stdout, code } = /** @type {any} */ (error);
    return { stdout, code };
  }
}

export const IWA_RUN = join(repository, 'iwa', 'iwa-run.mjs');

/** @returns {string | undefined} why the programs cannot run in Chromium here */
export function whyNoChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const paths = (process.env.PATH ?? '').split(':');
  const found = process.env.CHROMIUM ?? names.find((name) => paths.some((path) => existsSync(join(path, name))));
  return found ? undefined : `no Chromium in PATH (${names.join(', ')}), and $CHROMIUM is not set`;
}

/**
 * Compiles the programs of test/tcp.
 * @returns {Promise<string>} the directory the programs are in
 */
export function buildTcpPrograms() {
  const files = filesBelow(join(here, 'tcp'));
  const sources = files.filter((file) => file.endsWith('.c'));
  return cached('tcp', [...files, ...libraryFiles()], (directory) => sources.map((source) =>
    [EMCC, ...JSPI_FLAGS, source, '-o', join(directory, `${basename(source, '.c')}.js`)]), true);
}

/**
 * Compiles the programs of test/network.
 * @param {'native' | 'wasm'} target
 * @returns {Promise<string>} the directory the programs are in
 */
export function buildNetworkPrograms(target) {
  const sources = filesBelow(join(here, 'network')).filter((file) => file.endsWith('.c'));
  const out = (/** @type {string} */ directory, /** @type {string} */ source) => join(directory, basename(source, '.c'));
  const inputs = [...sources, join(here, 'c', 'conformance.h')];
  if (target === 'native') {
    return cached('network-native', inputs, (directory) => sources.map((source) =>
      [process.env.CC ?? 'cc', '-O1', '-Wall', '-Wextra', '-Werror', source, '-o', out(directory, source)]), false);
  }
  return cached('network', [...inputs, ...libraryFiles()], (directory) => sources.map((source) =>
    [EMCC, ...JSPI_FLAGS, source, '-o', `${out(directory, source)}.js`]), true);
}

/** @typedef {{ stdout: string, stderr: string, code: number }} Ending */

/**
 * Runs programs of test/c on one runtime, in Chromium all in one browser.
 * @param {Runtime} runtime
 * @returns {Promise<{ run(program: string): Promise<Ending>, close(): Promise<void> }>}
 */
export async function openRuntime(runtime) {
  const directory = await buildPrograms(runtime);
  if (!inChromium(runtime)) {
    return { run: (program) => runCommand(runtime, directory, program, []), async close() {} };
  }
  const { openBrowser } = await import('../../iwa/program-runner.mjs');
  const { run, close } = await openBrowser();
  return {
    async run(program) {
      const { stdout, stderr, code } = await run(join(directory, `${program}.js`), [], { timeout: TIME_LIMIT_MS / 1000 });
      return { stdout, stderr, code };
    },
    close,
  };
}

/**
 * @param {Runtime} runtime
 * @param {string} directory where the compiled program is
 * @param {string} name
 * @param {string[]} programArgs
 * @returns {Promise<Ending>}
 */
export async function runCommand(runtime, directory, name, programArgs) {
  const program = join(directory, runtime === 'linux' ? name : `${name}.js`);
  const [file, ...args] = runtime === 'linux'
    ? [program, ...programArgs]
    : inChromium(runtime)
      ? [nodeWithJspi(), IWA_RUN, '--chromium', program, '--', ...programArgs]
      : [nodeWithJspi(), IWA_RUN, '--node', program, '--', ...programArgs];
  try {
    const { stdout, stderr } = await run(file, args, { cwd: repository, timeout: TIME_LIMIT_MS, maxBuffer: 1 << 26 });
    return { stdout, stderr, code: 0 };
  } catch (error) {
    const { stdout = '', stderr = '', code = -1, killed } = /** @type {any} */ (error);
    // Node prints the line of an exception, and optimised code is one line.
    const lines = stderr.split('\n').map((/** @type {string} */ line) => line.slice(0, 200).trimEnd()).filter(Boolean);
    if (killed) lines.push(`${name} was ended after ${TIME_LIMIT_MS / 1000} s`);
    return { stdout, stderr: lines.join('\n'), code: typeof code === 'number' ? code : -1 };
  }
}
