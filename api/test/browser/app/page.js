/** The page of the API's tests: what the tests call in it, `under`, beside the API itself. */
import * as api from '../../../index.js';

const scripts = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('tests', {
  createScriptURL: (/** @type {string} */ url) => url,
});

/** As in peers.js. @param {number} number */
function megabyte(number) {
  const words = new Uint32Array(1 << 18);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + number * words.length, 0x9e3779b1);
  return new Uint8Array(words.buffer);
}

/** The fields of an error, which no message to Node carries. @param {any} error */
const described = (error) => ({ name: error?.name, code: error?.code, message: String(error?.message ?? error), exitCode: error?.exitCode });

/** @param {Promise<unknown>} attempt */
const failure = (attempt) => attempt.then(() => undefined, described);

/** Calls a function of worker.js in a worker of its own. @param {string} what */
function inWorker(what) {
  const url = new URL('./worker.js', location.href).href;
  const worker = new Worker(scripts ? scripts.createScriptURL(url) : url, { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data }) => resolve(data));
    worker.addEventListener('error', ({ message }) => reject(new Error(message)));
    worker.postMessage(what);
  }).finally(() => worker.terminate());
}

Object.assign(globalThis, {
  under: {
    api, megabyte, failure, described, inWorker,
    bytes: (/** @type {string} */ text) => new TextEncoder().encode(text),
    text: (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes),
    /** What a test goes on with in a later call. @type {Record<string, any>} */
    kept: {},
  },
});
