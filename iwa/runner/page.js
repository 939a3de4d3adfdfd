/**
 * The page of the program runner: it makes a worker per program and passes messages between it and the launcher, which
 * calls `runner` and hears `tellLauncher` (a DevTools binding, whose messages are text: bytes go as base64).
 */

const scripts = /** @type {any} */ (globalThis).trustedTypes.createPolicy('socket-iwa-runner', {
  createScriptURL: (/** @type {string} */ url) => url,
});

/** Bytes in one message: a long one holds up the others. */
const PART = 3 << 18;

/** @type {Map<number, Worker>} */
const workers = new Map();

/** @param {any} data a worker's message @returns {Generator<object>} the same as text */
function* asText(data) {
  const { bytes, change } = data;
  /** @type {any} */
  const content = bytes ?? change?.data;
  if (!content) return void (yield data);
  for (let from = 0; from === 0 || from < content.length; from += PART) {
    const base64 = content.subarray(from, from + PART).toBase64();
    if (bytes) yield { stream: data.stream, base64 };
    else yield { change: { ...change, data: undefined }, from, last: from + PART >= content.length, base64 };
  }
}

/** @type {any} */ (globalThis).runner = {
  /**
   * @param {number} run names this run in all messages
   * @param {any} program what the worker's begin() takes
   */
  start(run, program) {
    const tell = (/** @type {object} */ message) =>
      /** @type {any} */ (globalThis).tellLauncher(JSON.stringify({ run, ...message }));
    const worker = new Worker(scripts.createScriptURL(`/thread.js#${program.url}`), { name: program.url });
    worker.addEventListener('message', ({ data }) => asText(data).forEach(tell));
    worker.addEventListener('error', (event) => tell({ broken: event.message || 'the worker could not be loaded' }));
    // In a worker of an app without that policy, where it cannot be asked for, Chromium 156 ends the page at the first
    // UDPSocket.
    const allowed = /** @type {any} */ (document).featurePolicy?.allowsFeature('direct-sockets');
    worker.postMessage({ start: { ...program, allowed } });
    workers.set(run, worker);
  },
  /** @param {number} run @param {string | null} base64 bytes for the program's standard input, null at its end */
  input(run, base64) {
    const bytes = base64 === null ? null : /** @type {any} */ (Uint8Array).fromBase64(base64);
    workers.get(run)?.postMessage({ stdin: bytes });
  },
  /** @param {number} run asks for what the program changed in its files */
  save(run) {
    workers.get(run)?.postMessage({ save: true });
  },
  /** @param {number} run ends the worker, whatever it does */
  terminate(run) {
    workers.get(run)?.terminate();
    workers.delete(run);
  },
};
