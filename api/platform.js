/**
 * What sockets need of where they run: Direct Sockets' classes and a few services. Here the browser's; node-platform.js has
 * Node's, which are the same interface on node:net and node:dgram.
 */
import { makeBrowserResolver } from '../emscripten-lib/src/resolvers.js';
import { Capacity } from '../emscripten-lib/src/tcp-writer.js';
import { chooseSleeper, makeTimers } from '../emscripten-lib/src/timers.js';
import { SocketError } from './socket-error.js';

/**
 * @typedef {object} Classes
 * @property {UDPSocketClass} UDPSocket
 * @property {TCPSocketClass} TCPSocket
 * @property {TCPServerSocketClass} TCPServerSocket
 *
 * @typedef {object} Platform
 * @property {<K extends keyof Classes>(name: K, tried: import('./socket-error.js').Tried) => Classes[K]} classOf throws
 *   a SocketError where there is none
 * @property {import('../emscripten-lib/src/timers.js').Timers} timers
 * @property {Capacity | undefined} capacity of the browser's pipe, as TcpWriter has it: one for all connections
 * @property {() => import('../emscripten-lib/src/dns-resolver.js').Resolver} resolver
 * @property {() => void} hold while a socket is open: Node ends a process that has nothing but promises
 * @property {() => void} release
 */

/** @type {Platform | undefined} */
let browser;

/** @returns {Platform} */
export function browserPlatform() {
  const udp = () => classOf('UDPSocket', { operation: 'look up' });
  browser ??= {
    classOf,
    timers: makeTimers(chooseBrowserSleeper(), () => performance.now()),
    capacity: new Capacity(),
    resolver: () => makeBrowserResolver(udp, () => {}),
    hold() {},
    release() {},
  };
  return browser;
}

/** In a page that does nothing else Atomics.waitAsync does not come back (Chromium 156, seen); in a worker it is exact. */
function chooseBrowserSleeper() {
  if (!globalThis.document) return chooseSleeper({ isNode: false });
  return (/** @type {number} */ ms, /** @type {() => void} */ callback) => void setTimeout(callback, Math.ceil(ms));
}

/** @type {Platform['classOf']} */
function classOf(name, tried) {
  const found = /** @type {any} */ (globalThis)[name];
  if (!found) {
    throw new SocketError('EOPNOTSUPP', tried, `this context has no ${name}. Direct Sockets exist in Isolated Web Apps ` +
      'whose manifest has "direct-sockets" and "cross-origin-isolated" in permissions_policy, and in dedicated workers of ' +
      'those; ordinary pages do not have them: checkSupport() tells what is missing');
  }
  // Only a page can ask; in a worker without that policy Chromium 156 ends the page.
  if (/** @type {any} */ (globalThis).document?.featurePolicy?.allowsFeature('direct-sockets') === false) {
    throw new SocketError('EACCES', tried, 'the app\'s manifest needs "direct-sockets" in permissions_policy');
  }
  return found;
}
