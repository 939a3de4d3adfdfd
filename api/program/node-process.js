/**
 * One Emscripten program in this Node process, which node-run-program.js has started and sends protocol.js's messages. The
 * process's standard output and error are the program's.
 */
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { ProgramRun } from './program-host.js';
import { checkProgram, isModule, programError } from './program-text.js';

/** @type {ReadableStreamDefaultController<Uint8Array>} */
let input;
/** @type {ProgramRun | undefined} */
let run;
/** What the program's loader has asked for. @type {Set<string>} */
const located = new Set();

const tell = (/** @type {import('./protocol.js').News} */ news, then = () => {}) => {
  if (!process.connected) process.exit(1); // whoever has started it is gone
  process.send?.(news, then);
};

/** It may be a trap that is told, or that a part of the program is missing. @param {unknown} error */
function fail(error) {
  const missing = [...located].find((file) => !existsSync(file));
  run?.fail(missing === undefined ? error : programError('ENOENT', `${missing} is missing, which the program loads: it ` +
    'belongs beside its .js file'));
}

/** @param {import('./protocol.js').StartOrder} start */
async function begin({ url, name, args, env, mounts, directory, stdin, anySockets }) {
  const program = fileURLToPath(url);
  const stream = new ReadableStream({
    start: (controller) => void (input = controller),
    pull() {
      process.channel?.ref(); // the answer is worth waiting for
      tell({ pull: true });
    },
  }, { highWaterMark: 0 });
  /** @type {unknown} */
  let failure;
  /** @type {import('./program-files.js').MountedDirectory[]} */
  let mounted = [];
  try {
    mounted = mounts.map(withData);
  } catch (error) {
    failure = error;
  }
  run = new ProgramRun({ name, args, env, directory, mounts: mounted, stdin: stdin ? stream : undefined }, {
    write(output, bytes) {
      try {
        writeAll(output === 'stdout' ? 1 : 2, bytes);
      } catch {
        const code = 128 + os.constants.signals.SIGPIPE;
        run?.save();
        tell({ failed: 'the reader of its output has left', code }, () => process.exit(code));
        throw 'unwind'; // out of the program, which may compute for ever
      }
    },
    save: (change) => tell({ change }),
    end: (end) => tell(end, () => process.exit('exit' in end ? end.exit : end.code)),
    warn: (text) => tell({ warning: text }),
  });
  if (failure) return run.fail(failure);
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  // Of a program linked without -sEXIT_RUNTIME.
  process.on('beforeExit', (code) => void run?.exit(Number(code)));
  // The program looks at its own arguments first, then at the module's.
  process.argv.splice(1, Infinity, program, ...args);
  await load(program, run, anySockets).catch(fail);
}

/** @param {import('./protocol.js').Mount} mount @returns {import('./program-files.js').MountedDirectory} */
function withData({ entries, ...mount }) {
  return {
    ...mount,
    entries: entries.map((entry) => {
      if (entry.type !== 'file') return entry;
      const data = entry.url === undefined ? entry.data ?? new Uint8Array() : new Uint8Array(readFileSync(new URL(entry.url)));
      return { ...entry, data };
    }),
  };
}

/**
 * At once: a program that computes leaves Node no time for a stream's queue.
 * @param {number} descriptor @param {Uint8Array} bytes
 */
function writeAll(descriptor, bytes) {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // a pipe that someone made non-blocking is full
    }
  }
}

/** @param {string} program @param {ProgramRun} running @param {boolean} anySockets */
async function load(program, running, anySockets) {
  if (!existsSync(program)) throw programError('ENOENT', `${program}: no such program`);
  const text = readFileSync(program, 'utf8');
  checkProgram(text, program, anySockets);
  const { options } = running;
  const started = () => located.clear();
  options.preRun.push(started);
  options.locateFile = (/** @type {string} */ name) => {
    const file = path.join(path.dirname(program), name);
    located.add(file);
    return file;
  };
  if (isModule(text)) {
    const { default: createModule } = await import(pathToFileURL(program).href);
    return void await createModule(options);
  }
  // As require() would, whatever type the package.json above it says; its variables are global, as in a browser.
  const scope = /** @type {any} */ (globalThis);
  const module = { exports: /** @type {any} */ ({}) };
  Object.assign(scope, {
    module, exports: module.exports, require: createRequire(program), Module: options,
    __filename: program, __dirname: path.dirname(program),
  });
  options.postRun = [() => {
    if (scope.EXITSTATUS !== undefined && !scope.runtimeKeepaliveCounter) void running.exit(scope.EXITSTATUS);
  }];
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  new vm.Script(text, { filename: program, importModuleDynamically }).runInThisContext();
  if (typeof module.exports === 'function') await module.exports(options); // -sMODULARIZE
}

process.on('message', (/** @type {any} */ order) => {
  if (order.start) {
    process.channel?.unref();
    void begin(order.start);
  } else if ('stdin' in order) {
    if (order.stdin) input.enqueue(order.stdin);
    else input.close();
    process.channel?.unref();
  } else if (order.save) {
    run?.save();
    tell({ saved: true });
  }
});
process.on('disconnect', () => process.exit(1)); // whoever has started it is gone
// Ctrl-C reaches all processes of a terminal: what is to be done about it, its starter decides.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => {});
