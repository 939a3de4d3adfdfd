/** Direct Sockets on Node: the same classes on node:net and node:dgram, with Linux's rules in the place of Chrome's. */
import { lookUpInNode } from '../emscripten-lib/src/node/lookup.js';
import { NodeTCPServerSocket } from '../emscripten-lib/src/node/tcp-server-socket.js';
import { NodeTCPSocket } from '../emscripten-lib/src/node/tcp-socket.js';
import { NodeUDPSocket } from '../emscripten-lib/src/node/udp-socket.js';
import { chooseSleeper, makeTimers } from '../emscripten-lib/src/timers.js';

/** The longest that setTimeout takes, ms. */
const LONG = 0x7fffffff;

/** @type {import('./platform.js').Platform | undefined} */
let node;

/** @returns {import('./platform.js').Platform} */
export function nodePlatform() {
  if (node) return node;
  const classes = /** @type {import('./platform.js').Classes} */ (/** @type {unknown} */ (
    { UDPSocket: NodeUDPSocket, TCPSocket: NodeTCPSocket, TCPServerSocket: NodeTCPServerSocket }));
  let open = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let anchor;
  node = {
    classOf: (name) => classes[name],
    timers: makeTimers(chooseSleeper({ isNode: true }), () => performance.now()),
    capacity: undefined,
    resolver: () => lookUpInNode,
    hold() {
      if (open++ === 0) anchor = setInterval(() => {}, LONG);
    },
    release() {
      if (--open === 0) clearInterval(anchor);
    },
  };
  return node;
}
