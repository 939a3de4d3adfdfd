// The WebAssembly server on Node with several workers (--workers): a thread for each, which node.mjs would run in its own
// if there were one. Files, standard streams and signals are this thread's.

import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { ServerCrew } from '../api/server-crew.js';
import { KEPT_DIRECTORIES, KEPT_FILES, saveKept } from '../iwa/kept-files.mjs';

/**
 * A thread as a worker of a browser.
 * @param {number} number
 * @returns {import('../api/server-crew.js').WorkerLike}
 */
function startWorker(number) {
  const worker = new Worker(new URL('../api/server-worker-node.js', import.meta.url), { name: `worker ${number}` });
  return {
    postMessage: (order, transfer) => worker.postMessage(order, transfer),
    addEventListener(type, listener) {
      if (type === 'message') {
        worker.on('message', (data) => listener({ data }));
      } else {
        worker.on('error', (error) => listener({ message: error instanceof Error ? error.message : String(error) }));
        worker.on('exit', (code) => listener({ message: `its thread ended with code ${code}` }));
      }
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * Serves until it is asked to stop.
 * @param {string[]} args the server's
 * @param {object} host
 * @param {string} host.module URL of the server's module
 * @param {(option: string) => string | undefined} host.namedPath makes the path that an option names absolute
 * @param {(message: string) => never} host.fail
 * @returns {Promise<number>} exit code
 */
export function runCrew(args, { module, namedPath, fail }) {
  const named = (/** @type {string[]} */ options) =>
    options.map(namedPath).filter((/** @type {string | undefined} */ path) => path !== undefined);
  const keys = named(KEPT_FILES);
  const keep = [...keys, ...named(KEPT_DIRECTORIES)];
  /** @type {import('../api/program/emscripten-program.js').ProgramFile[]} */
  const files = [];
  const pass = (/** @type {string} */ path, /** @type {(error: any) => unknown} */ unreadable) => {
    try {
      files.push({ path, data: readFileSync(path) });
    } catch (error) {
      unreadable(error);
    }
  };
  // One that can't be read is left out: the program then says so itself, in its own words.
  for (const path of named(['--cert', '--key'])) pass(path, () => {});
  for (const path of keys) pass(path, (error) => error.code === 'ENOENT' || fail(error.message));
  const mounts = named(['--root']).filter((directory) => existsSync(directory));

  const crew = new ServerCrew(startWorker);
  const stop = () => crew.postMessage({ stop: true });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
  if (args.includes('--stop-on-stdin-close')) {
    const lines = createInterface({ input: process.stdin });
    lines.on('line', (input) => crew.postMessage({ input })).on('close', stop);
    process.stdin.on('error', stop);
  } else {
    // The signals' way to the program, so that it always stops as if asked.
    args.push('--stop-on-stdin-close');
  }

  return new Promise((resolve) => {
    const failed = (/** @type {string} */ why) => {
      process.stderr.write(`ERROR ${why}\n`);
      resolve(1);
    };
    crew.addEventListener('error', (event) => failed(/** @type {any} */ (event).message));
    crew.addEventListener('message', (event) => {
      /** @type {import('../api/server-program.js').News} */
      const news = /** @type {MessageEvent} */ (event).data;
      if ('stream' in news) process[news.stream].write(`${news.line}\n`);
      else if ('exit' in news) resolve(news.exit);
      else if ('failed' in news) failed(news.failed);
      else {
        try {
          saveKept(keep, news.kept);
        } catch (error) {
          process.stderr.write(`ERROR ${/** @type {Error} */ (error).message}\n`);
        }
      }
    });
    crew.postMessage({ start: { module, args, files, keep, mounts } });
  });
}
