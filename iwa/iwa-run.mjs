#!/usr/bin/env node
/**
 * iwa-run: runs an Emscripten program as a shell runs a program, in a throwaway Isolated Web App in a headless Chromium
 * or on Node. This file is the command line; program-runner.mjs and node-runner.mjs run the program.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { checkProgram, hasForeignSockets } from '../api/program/program-text.js';
import { findChromium } from './chromium.mjs';
import { runMain } from './command.mjs';
import { LaunchError } from './launch-error.mjs';
import { checkMounts, parseMount } from './mounts.mjs';
import { runOnNode } from './node-runner.mjs';
import { nodeWithJspi } from './node-with-jspi.mjs';
import { standardInput } from './process-stdin.mjs';
import { TIMED_OUT, withBrowser } from './program-runner.mjs';
import { withRecentNode } from './recent-node.mjs';

const USAGE = `Usage: iwa-run [OPTIONS] PROGRAM.js [--] [ARGUMENTS]

Runs a program compiled by Emscripten, with Direct Sockets where it is linked with libdirectsockets.js: in a worker of a
throwaway Isolated Web App in a headless Chromium, or on Node. Standard input, output and error are the program's, and
so is the exit code.

  --chromium              in Chromium: the default where one is found
  --node                  on Node: the default where none is
  --mount DIR[:PATH][:ro] the files of DIR are the program's at PATH (default: DIR's own path), again and again; what it
                          has changed, made or removed is so in DIR when it has ended, however it ended; with :ro never.
                          The program starts in the current directory if a mount has it, in / otherwise
  --env NAME=VALUE        an environment variable, again and again; --env NAME passes on this process's
  --timeout SECONDS       time limit (default: none); exit code ${TIMED_OUT}
  --chromium-path FILE    the browser (default: $CHROMIUM, else chromium, google-chrome, ... on $PATH)
  --verbose               which runtime, stacks of traps, Chromium's own messages and the page's console
  --version               the version
  --help                  this text

Examples:
  iwa-run server.js -- --port 40000
  iwa-run --node --mount . --timeout 10 convert.js in.txt out.txt < words

Exit code: the program's; 128 and the signal's number for a trap (SIGILL, SIGSEGV, SIGFPE), an abort (SIGABRT) or a
signal to this process (Ctrl-C: 130); 2 where it could not be tried: no program, no browser, bad arguments; 1 when the
browser failed, or the program's files could not be written back.
`;

const OPTIONS = /** @type {const} */ ({
  chromium: { type: 'boolean', default: false },
  node: { type: 'boolean', default: false },
  mount: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  timeout: { type: 'string', default: '0' },
  'chromium-path': { type: 'string' },
  verbose: { type: 'boolean', default: false },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
});

const refuse = (/** @type {string} */ message) => {
  throw new LaunchError(message, { exitCode: 2 });
};
const say = (/** @type {string} */ text) => void process.stderr.write(`iwa-run: ${text}\n`);

/** Own options end at the program: what follows is the program's, whatever it looks like. @param {string[]} argv */
function parse(argv) {
  const { tokens } = parseArgs({ args: argv, options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const at = tokens?.find(({ kind }) => kind === 'positional' || kind === 'option-terminator')?.index ?? argv.length;
  const { values } = parseArgs({ args: argv.slice(0, at), options: OPTIONS });
  const [program, ...args] = argv.slice(argv[at] === '--' ? at + 1 : at);
  if (args[0] === '--') args.shift();
  return { values, program, args };
}

/** @param {string[]} given NAME=VALUE or NAME @returns {Record<string, string>} */
function environment(given) {
  return Object.fromEntries(given.map((text) => {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === '') refuse(`--env ${text}: NAME=VALUE or NAME is expected`);
    const value = equals < 0 ? process.env[name] : text.slice(equals + 1);
    return value === undefined ? [] : [[name, value]];
  }).flat());
}

/** What can be said of a file before it runs. @param {string} program */
function examine(program) {
  let head;
  try {
    const descriptor = openSync(program, 'r');
    head = Buffer.alloc(4);
    readSync(descriptor, head);
    closeSync(descriptor);
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    return refuse(`${program}: ${code === 'ENOENT' ? 'no such program' : message}`);
  }
  // What is WebAssembly itself is not read whole.
  const text = head.equals(Buffer.from('\0asm')) ? '\0asm' : readFileSync(program, 'utf8');
  try {
    checkProgram(text, program, true);
  } catch (error) {
    const { code, message } = /** @type {Error & {code: string}} */ (error);
    if (code === 'ENOEXEC') refuse(message); // JSPI is the runtime's
  }
  if (hasForeignSockets(text)) {
    say(`warning: ${program} is linked without libdirectsockets.js: its sockets are Emscripten's own, which reach no ` +
      'network here (cargo xtask emcc, or emcc --js-library PATH/libdirectsockets.js)');
  }
}

/** @param {ReturnType<typeof parse>['values']} values @returns {'chromium' | 'node'} */
function chooseRuntime({ chromium, node, 'chromium-path': browser }) {
  if (node && (chromium || browser)) refuse('--node and --chromium are two places to run in: give one');
  if (node) return 'node';
  if (chromium || browser) return 'chromium';
  try {
    findChromium();
    return 'chromium';
  } catch (error) {
    if (process.env.CHROMIUM) throw error;
    say('no Chromium is found: running on Node (--node says so without this line, --chromium what is missing)');
    return 'node';
  }
}

/** @param {AbortSignal} signal @returns {Promise<number>} */
async function main(signal) {
  const { values, program, args } = parse(process.argv.slice(2));
  if (values.help) return process.stdout.write(USAGE), 0;
  if (values.version) {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    return process.stdout.write(`iwa-run ${version}\n`), 0;
  }
  if (program === undefined) return refuse('a program is needed (see --help)');
  const timeout = Number(values.timeout);
  if (!(timeout >= 0) || values.timeout.trim() === '') refuse(`--timeout is seconds, not ${values.timeout}`);
  const mounts = (values.mount ?? []).map(parseMount);
  checkMounts(mounts);
  const env = environment(values.env ?? []);
  const runtime = chooseRuntime(values);
  examine(program);
  const { verbose } = values;
  if (verbose) say(`${program} runs in ${runtime === 'node' ? nodeWithJspi() : findChromium(values['chromium-path'])}`);

  const options = { timeout, env, mounts, verbose, warn: say, signal };
  const result = runtime === 'node'
    ? await runOnNode(program, args, { ...options, stdin: standardInput() })
    : await withBrowser((run) => run(program, args, {
      ...options,
      stdin: standardInput(),
      output: (stream, bytes) => void process[stream].write(bytes),
    }), { chromium: values['chromium-path'], verbose, signal });
  if (result.timedOut) throw new LaunchError(`${program} did not end within ${timeout} s`, { exitCode: TIMED_OUT });
  return result.filesLost ? result.code || 1 : result.code;
}

await withRecentNode('iwa-run');
await runMain('iwa-run', async (signal) => {
  try {
    return await main(signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    const name = /** @type {NodeJS.Signals} */ (error === 'EPIPE' ? 'SIGPIPE' : error);
    return 128 + os.constants.signals[name];
  }
});
