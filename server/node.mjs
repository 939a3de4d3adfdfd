#!/usr/bin/env node
// Runs the WebAssembly server on Node: node server/node.mjs [server arguments], as the native binary is run.
// It passes arguments, files, standard streams and the exit code; what the server does is the server's.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { prepareKept, readKept } from '../api/program/emscripten-program.js';
import { workersOf } from '../api/server-arguments.js';
import { KEPT_DIRECTORIES, KEPT_FILES, saveKept } from '../iwa/kept-files.mjs';
import { mountRoot } from '../iwa/root-directory.mjs';
import { runCrew } from './node-crew.mjs';

// Node 26.10 hangs at its exit when a thread that optimises JavaScript then waits for the main thread to collect garbage
// (V8's CollectionBarrier; one of eighteen exits on a busy machine). Without those threads the main thread optimises, and
// Maglev, which keeps its own, is left out. Most of the work here is WebAssembly's, which has other threads.
setFlagsFromString('--no-maglev');
setFlagsFromString('--no-concurrent-recompilation');

const module = new URL('../target/dist/socket-iwa-server.js', import.meta.url);

/**
 * Says what is wrong and ends, as the server does when it can't start.
 *
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`ERROR ${message}`);
  process.exit(2);
}

if (!('Suspending' in WebAssembly)) {
  fail(`Node ${process.version} has no JSPI (WebAssembly.Suspending): use Node 26, as in node_modules/.bin/node`);
}
if (!existsSync(module)) {
  fail(`${fileURLToPath(module)} is missing: cargo xtask build makes it`);
}

/**
 * Standard input as the program reads it, which also ends on SIGINT and SIGTERM: WebAssembly has no signals, and the
 * end of standard input is the server's other sign to stop.
 *
 * @param {boolean} read whether to read the process's own standard input
 */
function standardInput(read) {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let controller;
  let open = true;
  const stream = new ReadableStream({ start(it) { controller = it; } });
  const end = () => {
    if (open) controller.close();
    open = false;
  };
  if (read) {
    // Not a file stream on descriptor 0: its read would hold a thread that process.exit() waits for.
    process.stdin.on('data', (chunk) => { if (open) controller.enqueue(new Uint8Array(Buffer.from(chunk))); });
    process.stdin.on('end', end).on('error', end);
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, end);
  return stream;
}

const args = process.argv.slice(2);

/**
 * Makes the path that an option names absolute, as the program's current directory is another one.
 *
 * @param {string} option
 * @returns {string | undefined} it, if there is one
 */
function namedPath(option) {
  const place = args.findIndex((arg) => arg === option || arg.startsWith(`${option}=`));
  if (place < 0) return undefined;
  const inline = args[place] !== option;
  const given = inline ? args[place].slice(option.length + 1) : args[place + 1];
  if (given === undefined) return undefined;
  const absolute = path.resolve(given);
  args[inline ? place : place + 1] = inline ? `${option}=${absolute}` : absolute;
  return absolute;
}

/**
 * Puts a file of this machine where the program finds it under the same name, which its messages then show.
 *
 * @param {any} program
 * @param {string | undefined} file
 * @param {(error: any) => void} unreadable
 */
function passFile(program, file, unreadable) {
  if (file === undefined) return;
  try {
    const content = readFileSync(file);
    program.FS.mkdirTree(path.dirname(file));
    program.FS.writeFile(file, content);
  } catch (error) {
    unreadable(error);
  }
}

/**
 * Gives the program its files, and says what it is to leave behind.
 *
 * @param {any} program
 * @returns {() => void} writes that to this machine
 */
function passFiles(program) {
  // One that can't be read is left out: the program then says so itself, in its own words.
  for (const option of ['--cert', '--key']) passFile(program, namedPath(option), () => {});
  const keys = KEPT_FILES.map(namedPath).filter((file) => file !== undefined);
  const kept = [...keys, ...KEPT_DIRECTORIES.map(namedPath).filter((directory) => directory !== undefined)];
  prepareKept(program.FS, kept);
  for (const file of keys) passFile(program, file, (error) => error.code === 'ENOENT' || fail(error.message));
  return () => {
    for (const file of readKept(program.FS, kept)) saveKept(kept, file);
  };
}

if (workersOf(args) > 1) process.exit(await runCrew(args, { module: module.href, namedPath, fail }));

/** The library adds `drained`: every datagram that the server sent is on its way. @type {{ drained?: () => Promise<void> }} */
const directSockets = {};
const { default: createModule } = await import(module.href);
const onStdin = args.includes('--stop-on-stdin-close');
// The signals' way to the program, so that it always stops as if asked.
if (!onStdin) args.push('--stop-on-stdin-close');
/** Writes to this machine what the program leaves behind. */
let keep = () => {};
process.exitCode = await new Promise((resolve) => {
  createModule({
    arguments: args,
    directSockets,
    stdinStream: standardInput(onStdin),
    print: (/** @type {string} */ line) => process.stdout.write(`${line}\n`),
    printErr: (/** @type {string} */ line) => process.stderr.write(`${line}\n`),
    preRun: [
      (/** @type {any} */ program) => { keep = passFiles(program); },
      (/** @type {any} */ program) => mountRoot(program.FS, namedPath('--root')),
    ],
    onExit: resolve,
    onAbort: () => resolve(1),
  }).catch((/** @type {any} */ error) => {
    if (error?.name !== 'ExitStatus') console.error(`ERROR ${error?.stack ?? error}`);
    resolve(error?.status ?? 1);
  });
});
try {
  keep();
} catch (error) {
  console.error(`ERROR ${/** @type {Error} */ (error).message}`);
}
// The last datagrams are handed to the system asynchronously; one that it does not take is not worth a hang.
const enough = new Promise((resolve) => setTimeout(resolve, 1000));
await Promise.race([directSockets.drained?.(), enough]);
// Sockets that are still open, and standard input, would keep the process.
process.exit();
