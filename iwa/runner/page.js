/**
 * The page of the program runner: it makes a worker per program and passes messages between it and the launcher, which
 * calls `runner` and hears `tellLauncher` (a DevTools binding).
 */

const scripts = /** @type {any} */ (globalThis).trustedTypes.createPolicy('socket-iwa-runner', {
  createScriptURL: (/** @type {string} */ url) => url,
});

/** @type {Map<number, Worker>} */
const workers = new Map();

const bytes = (/** @type {string} */ base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** @type {any} */ (globalThis).runner = {
  /**
   * @param {number} run names this run in all messages
   * @param {{url: string, args: string[], stdin: boolean}} program
   */
  start(run, program) {
    const tell = (/** @type {object} */ message) =>
      /** @type {any} */ (globalThis).tellLauncher(JSON.stringify({ run, ...message }));
    const worker = new Worker(scripts.createScriptURL(`/thread.js#${program.url}`), { name: program.url });
    worker.addEventListener('message', ({ data }) => tell(data));
    worker.addEventListener('error', (event) => tell({ failed: event.message || 'the worker could not be loaded' }));
    worker.postMessage({ start: program });
    workers.set(run, worker);
  },
  /** @param {number} run @param {string} base64 bytes for the program's standard input */
  input(run, base64) {
    workers.get(run)?.postMessage({ stdin: bytes(base64) });
  },
  /** @param {number} run its standard input ends */
  endInput(run) {
    workers.get(run)?.postMessage({ stdin: null });
  },
  /** @param {number} run ends the worker, whatever it does */
  terminate(run) {
    workers.get(run)?.terminate();
    workers.delete(run);
  },
};
