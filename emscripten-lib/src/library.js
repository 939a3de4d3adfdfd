// Puts the parts together for one Emscripten module: what libdirectsockets.js calls. It owns the choice of the UDPSocket
// class and everything that is once per module.
import { EOPNOTSUPP } from './abi.js';
import { makeAttempter } from './attempt.js';
import { makeDescriptors } from './descriptors.js';
import { Memory } from './memory.js';
import { stripesFrom } from './options.js';
import { makePoll } from './poll.js';
import { installStdin } from './stdin.js';
import { makeSuspendable } from './suspendable.js';
import { makeSyscalls } from './syscalls.js';
import { chooseSleeper, makeTimers } from './timers.js';
import { UdpSocket } from './udp.js';
import { drained } from './udp-port.js';

/**
 * @typedef {object} Host
 * @property {any} FS
 * @property {import('./memory.js').MemoryAccess} access
 * @property {{ directSockets?: ModuleOptions, stdinStream?: ReadableStream<Uint8Array> }} Module
 * @property {boolean} isNode
 * @property {boolean} debug say on the console why a call failed
 * @property {(text: string) => void} print to the console
 * @property {UDPSocketClass | undefined} NodeUDPSocket
 * @property {() => void} keepRuntime
 * @property {() => void} letRuntimeGo
 */

/**
 * @typedef {object} ModuleOptions
 * @property {number} [stripes] default of the socket option DS_STRIPES
 * @property {UDPSocketClass} [UDPSocket] used instead of the browser's
 * @property {() => Promise<void>} [drained] set by the library: resolves once every accepted datagram is on its way
 */

/** @param {Host} host */
export function createLibrary({
  FS, access, Module, isNode, debug, print, NodeUDPSocket, keepRuntime, letRuntimeGo,
}) {
  const options = Module.directSockets ??= {};
  options.drained ??= drained;

  const said = new Set();
  const say = (/** @type {string} */ text) => {
    // One line for one cause: a server that tries a hundred ports would fill the console.
    if (said.has(text)) return;
    said.add(text);
    print(`directsockets: ${text}`);
  };
  const explain = debug ? say : () => {};

  const { hold, release } = makeHold(isNode);
  const attempter = makeAttempter({
    timers: makeTimers(chooseSleeper({ isNode }), () => performance.now()),
    hold() {
      keepRuntime();
      hold();
    },
    release() {
      letRuntimeGo();
      release();
    },
  });

  function chooseUDPSocket() {
    const chosen = options.UDPSocket ?? /** @type {any} */ (globalThis).UDPSocket ?? NodeUDPSocket;
    if (chosen) return /** @type {UDPSocketClass} */ (chosen);
    explain('socket: EOPNOTSUPP: this context has no UDPSocket. Direct Sockets exist in Isolated Web Apps whose manifest ' +
      'has "direct-sockets" and "cross-origin-isolated" in permissions_policy, and in dedicated workers of those; ' +
      'ordinary pages do not have them');
    throw EOPNOTSUPP;
  }

  const memory = new Memory(access);
  const { poll, probe } = makePoll(FS, access, attempter);
  const syscalls = makeSyscalls({
    memory,
    descriptors: makeDescriptors(FS, access),
    attempter,
    createUdp: (family, queue) => new UdpSocket({
      family, queue, UDPSocket: chooseUDPSocket(), stripes: stripesFrom(options.stripes), say, explain,
    }),
  });

  return {
    ...syscalls,
    poll,
    probe,
    makeSuspendable,
    /** Once, when FS is up. */
    start() {
      if (Module.stdinStream) installStdin(FS, access, Module.stdinStream);
    },
  };
}

/**
 * Node ends a process whose event loop holds nothing but promises. A timer that never fires holds it while a call
 * waits; sockets do not, so that a program that has returned from main ends although it left one open.
 * @param {boolean} isNode
 */
function makeHold(isNode) {
  if (!isNode) return { hold() {}, release() {} };
  let waiting = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let anchor;
  return {
    hold() {
      if (++waiting > 1) return;
      anchor ??= setInterval(() => {}, 0x7fffffff);
      anchor.ref();
    },
    release() {
      if (--waiting === 0) anchor?.unref();
    },
  };
}
