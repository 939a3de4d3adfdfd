/** The thread in which one run of the server lives, on Node: server-program.js, by messages. */
import { parentPort } from 'node:worker_threads';
import { hostServer } from './server-program.js';

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const host = hostServer((news) => port.postMessage(news));
process.on('uncaughtException', (error) => host.fail(error));
process.on('unhandledRejection', (error) => host.fail(error));
port.on('message', (order) => host.obey(order));
