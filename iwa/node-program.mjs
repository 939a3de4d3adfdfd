/**
 * One Emscripten program in this Node process, started by node-runner.mjs, which sends what to run. The process's
 * standard streams are the program's.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { WriteBack, placeOf, readMount } from './mounts.mjs';
import { standardInput } from './process-stdin.mjs';
import { ProgramRun, isModule } from './runner/program-host.js';

/**
 * @typedef {{program: string, args: string[], env: Record<string, string>, mounts: import('./mounts.mjs').Mount[],
 *   verbose: boolean}} Order
 */

/** @param {Order} order */
async function main({ program, args, env, mounts, verbose }) {
  const warn = (/** @type {string} */ text) => void process.stderr.write(`iwa-run: ${text}\n`);
  const saving = new WriteBack(mounts, warn);
  const end = (/** @type {number} */ code) => {
    // The parent ends a process that does not come to its end: Node 26.10 can hang in process.exit (server/node.mjs).
    if (!process.connected) process.exit(code);
    process.send?.({ code, filesLost: saving.failed }, () => process.exit(code));
  };
  const name = path.basename(program);
  const run = new ProgramRun({
    name, args, env,
    directory: placeOf(mounts),
    mounts: mounts.map((mount) => {
      const entries = readMount(mount, warn).map((entry) =>
        ({ ...entry, data: entry.type === 'file' ? new Uint8Array(readFileSync(entry.file)) : new Uint8Array() }));
      return { at: mount.at, readOnly: mount.readOnly, entries };
    }),
    stdin: /** @type {any} */ (ReadableStream).from(standardInput()),
  }, {
    write(stream, bytes) {
      try {
        writeAll(stream === 'stdout' ? 1 : 2, bytes);
      } catch {
        run.save();
        process.exit(128 + os.constants.signals.SIGPIPE); // the reader left
      }
    },
    save: ({ data, ...change }) => saving.apply(change, data),
    end,
    warn,
    verbose,
  });

  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      run.save();
      end(128 + os.constants.signals[signal]);
    });
  }
  process.on('disconnect', () => {
    run.save();
    process.exit(1); // the parent was killed
  });
  process.on('uncaughtException', (error) => run.fail(error));
  process.on('unhandledRejection', (error) => run.fail(error));
  // Of a program linked without -sEXIT_RUNTIME.
  process.on('beforeExit', (code) => void run.exit(code));
  // The program looks at its own arguments first, then at the module's.
  process.argv.splice(1, Infinity, program, ...args);

  load(program, run).catch((error) => run.fail(error));
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

/** @param {string} program @param {ProgramRun} run */
async function load(program, run) {
  const text = readFileSync(program, 'utf8');
  if (isModule(text)) {
    const { default: createModule } = await import(pathToFileURL(program).href);
    return void await createModule(run.options);
  }
  // As require() would, whatever type the package.json above it says; its variables are global, as in a browser.
  const scope = /** @type {any} */ (globalThis);
  const module = { exports: /** @type {any} */ ({}) };
  Object.assign(scope, {
    module, exports: module.exports, require: createRequire(program), Module: run.options,
    __filename: program, __dirname: path.dirname(program),
  });
  run.options.postRun = [() => {
    if (scope.EXITSTATUS !== undefined && !scope.runtimeKeepaliveCounter) void run.exit(scope.EXITSTATUS);
  }];
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  new vm.Script(text, { filename: program, importModuleDynamically }).runInThisContext();
  if (typeof module.exports === 'function') await module.exports(run.options); // -sMODULARIZE
}

process.once('message', (order) => {
  process.channel?.unref();
  void main(/** @type {Order} */ (order));
});
