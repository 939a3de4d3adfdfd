/**
 * The dedicated worker in which one run of the server lives: WebAssembly, its sockets and its memory. It is told
 * api/server-program.js's orders and answers with its news; `start` leaves out the module, which is the app's. The page ends
 * the worker.
 */
import { hostServer } from '../../api/server-program.js';

const MODULE = new URL('./socket-iwa-server.js', self.location.href).href;

const host = hostServer((news) => self.postMessage(news));
// A trap in a timer's or a socket's callback reaches no promise of ours.
self.addEventListener('error', (event) => host.fail(event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => host.fail(event.reason));
self.addEventListener('message', ({ data }) => host.obey(data.start ? { start: { module: MODULE, ...data.start } } : data));
