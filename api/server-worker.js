/** The dedicated worker in which one run of the server lives, in a browser: server-program.js, by messages. */
import { hostServer } from './server-program.js';

const host = hostServer((news) => self.postMessage(news));
self.addEventListener('error', (event) => host.fail(event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => host.fail(event.reason));
self.addEventListener('message', ({ data }) => host.obey(data));
