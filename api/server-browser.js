/** `startServer` in a page or a worker of an Isolated Web App. */
import { ServerError } from './server-error.js';
import { startServerOn } from './server.js';
import { trusted } from './trusted-url.js';

export { ServerError } from './server-error.js';
export { GatewayError } from './gateway.js';

/** @type {import('./server.js').ServerPlatform} */
const platform = {
  missing() {
    if (!('UDPSocket' in globalThis)) {
      return 'this context has no Direct Sockets, which only an installed Isolated Web App has, with "direct-sockets" and ' +
        '"cross-origin-isolated" in its manifest\'s permissions_policy (Chrome or Chromium 150 or newer): an ordinary page ' +
        'can\'t serve';
    }
    // Only a page can ask; in a worker without that policy Chromium 156 ends the page.
    if (/** @type {any} */ (globalThis).document?.featurePolicy?.allowsFeature('direct-sockets') === false) {
      return 'the app\'s manifest needs "direct-sockets" in permissions_policy';
    }
    if (!('Suspending' in WebAssembly)) {
      return 'this browser has no WebAssembly JavaScript Promise Integration (JSPI): take Chrome or Chromium 150 or newer';
    }
    return '';
  },
  module: () => new URL('/socket-iwa-server.js', location.origin === 'null' ? location.href : location.origin).href,
  startWorker() {
    // Written as bundlers know it.
    const url = new URL('./server-worker.js', import.meta.url);
    let worker;
    try {
      worker = new Worker(trusted(url.href), { type: 'module', name: 'socket-iwa-server' });
    } catch (error) {
      throw new ServerError(`start the server: its worker ${url.href} could not be started: ${error}`,
        { code: 'ERR_WORKER', cause: error });
    }
    return {
      send: (order, transfer = []) => worker.postMessage(order, transfer),
      onNews: (hear) => worker.addEventListener('message', ({ data }) => hear(data)),
      onFailure: (fail) => worker.addEventListener('error', (event) =>
        fail(event.message || `${url.href} is not there, or the page's policy forbids it`)),
      terminate: () => worker.terminate(),
    };
  },
  mount: null,
};

/** @type {typeof import('./socket-iwa-server.d.ts').startServer} */
export const startServer = (options = {}) => startServerOn(platform, options);
