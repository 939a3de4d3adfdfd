// Socket options: which ones there are, and what each reads and writes on a socket. What the platform cannot do is not
// in the table and gives ENOPROTOOPT. No wasm memory: option-calls.js hands over and takes plain values.
import {
  AF_INET, AF_INET6, AF_UNIX, DS_DROPS, DS_STRIPES, EDOM, EINVAL, ENOPROTOOPT, EOPNOTSUPP, IPPROTO_IP, IPPROTO_IPV6,
  IPPROTO_TCP, IPV6_V6ONLY, SO_ACCEPTCONN, SO_BROADCAST, SO_DOMAIN, SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_PROTOCOL,
  SO_RCVBUF, SO_RCVTIMEO_LONG32, SO_RCVTIMEO_LONG64, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_SNDTIMEO_LONG32,
  SO_SNDTIMEO_LONG64, SO_TYPE, SOCK_STREAM, SOL_DIRECTSOCKETS, SOL_SOCKET, TCP_KEEPIDLE, TCP_NODELAY,
} from './abi.js';
import { MULTICAST_OPTIONS_4, MULTICAST_OPTIONS_6 } from './multicast-options.js';

/** Either kind: what an option needs of a socket is what the table's row for it uses. @typedef {any} Socket */

/** A call that the browser has still to answer: what setsockopt() then tries until it is told. @typedef {() => number} Attempt */

/**
 * @typedef {object} IntOption
 * @property {undefined} [time]
 * @property {undefined} [pair]
 * @property {undefined} [read]
 * @property {true} [byte] may be an unsigned char too
 * @property {(socket: Socket) => number} [get]
 * @property {(socket: Socket, value: number) => Attempt | void} [set]
 */
/**
 * An option whose C type is struct timeval.
 * @typedef {object} TimeOption
 * @property {true} time
 * @property {undefined} [pair]
 * @property {undefined} [read]
 * @property {undefined} [byte]
 * @property {(socket: Socket) => Timeval} get
 * @property {(socket: Socket, value: Timeval) => void} set
 */
/**
 * An option whose C type is a struct of two ints: struct linger.
 * @typedef {object} PairOption
 * @property {undefined} [time]
 * @property {true} pair
 * @property {undefined} [read]
 * @property {undefined} [byte]
 * @property {(socket: Socket) => [number, number]} get
 * @property {(socket: Socket, values: [number, number]) => void} set
 */
/**
 * An option that is set with some other structure, or with one of several; what can be read of it is an int.
 * @typedef {object} StructOption
 * @property {undefined} [time]
 * @property {undefined} [pair]
 * @property {undefined} [byte]
 * @property {(memory: import('./memory.js').Memory, pointer: number, length: number) => any} read
 * @property {(socket: Socket) => number} [get]
 * @property {(socket: Socket, value: any) => Attempt | void} set
 */
/** @typedef {IntOption | TimeOption | PairOption | StructOption} Option */
/** @typedef {{ seconds: number, microseconds: number }} Timeval */

/** Linux: SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF on a 64-bit machine. */
const RCVBUF_MIN = 2304;
const SNDBUF_MIN = 4608;
/** Where Linux has net.core.rmem_max and wmem_max. Half of what a flood may cost (datagram-queue.js). */
const BUFFER_MAX = 16 * 1024 * 1024;
/** On two cores sixteen gain little over four, and lose it again in small requests (docs/performance.md). */
const STRIPES_MAX = 16;
/** Seconds: Linux's MAX_TCP_KEEPIDLE. */
const KEEP_IDLE_MAX = 32767;

/** @param {'reuseAddress' | 'noDelay'} name @returns {IntOption} */
function flag(name) {
  return {
    get: (socket) => Number(socket[name]),
    set(socket, value) {
      socket[name] = value !== 0;
    },
  };
}

/** @param {'receiveTimeout' | 'sendTimeout'} name @returns {TimeOption} */
function timeout(name) {
  return {
    time: true,
    get(socket) {
      const ms = Math.max(socket[name], 0);
      return { seconds: Math.floor(ms / 1000), microseconds: Math.round((ms % 1000) * 1000) };
    },
    set(socket, { seconds, microseconds }) {
      if (microseconds < 0 || microseconds >= 1e6) throw EDOM;
      // Linux does not wait at all when the seconds are negative.
      socket[name] = seconds < 0 ? -1 : seconds * 1000 + microseconds / 1000;
    },
  };
}

/** Linux doubles what is asked for, and reports the double. @param {number} value @param {number} min */
function doubled(value, min) {
  return Math.max(2 * Math.min(value >>> 0, BUFFER_MAX), min);
}

const receiveTimeout = timeout('receiveTimeout');
const sendTimeout = timeout('sendTimeout');

/**
 * By level, then name. Maps rather than objects with computed keys: the optimiser of Emscripten 6.0.5 (-O2 and up) takes
 * a constant that is used only as such a key for unused, and removes it.
 *
 * @type {Map<number, Map<number, Option>>}
 */
const OPTIONS = new Map([
  [SOL_SOCKET, new Map(/** @type {[number, Option][]} */ ([
    [SO_REUSEADDR, flag('reuseAddress')],
    [SO_KEEPALIVE, {
      get: (socket) => Number(socket.keepAlive),
      set: (socket, value) => socket.setKeepAlive(value !== 0, socket.keepIdle),
    }],
    [SO_LINGER, {
      pair: true,
      get: ({ linger }) => [linger === undefined ? 0 : 1, linger ?? 0],
      set(socket, [on, seconds]) {
        socket.linger = on !== 0 ? seconds : undefined;
      },
    }],
    [SO_REUSEPORT, {
      get: (socket) => Number(socket.reusePort),
      set(socket, value) {
        socket.reusePort = value !== 0;
      },
    }],
    [SO_BROADCAST, {
      get: (socket) => Number(socket.broadcast),
      set: (socket, value) => socket.setBroadcast(value !== 0),
    }],
    [SO_TYPE, { get: (socket) => socket.type }],
    [SO_DOMAIN, { get: (socket) => socket.family }],
    [SO_PROTOCOL, { get: (socket) => socket.protocol }],
    [SO_ACCEPTCONN, { get: (socket) => Number(socket.accepting) }],
    [SO_ERROR, { get: (socket) => socket.takeError() }],
    [SO_RCVBUF, {
      get: (socket) => socket.receiveBuffer,
      set(socket, value) {
        socket.receiveBuffer = doubled(value, RCVBUF_MIN);
        socket.askedReceiveBuffer = socket.receiveBuffer / 2;
      },
    }],
    [SO_SNDBUF, {
      get: (socket) => socket.sendBuffer,
      set(socket, value) {
        socket.sendBuffer = doubled(value, SNDBUF_MIN);
        socket.askedSendBuffer = socket.sendBuffer / 2;
      },
    }],
    [SO_RCVTIMEO_LONG32, receiveTimeout],
    [SO_RCVTIMEO_LONG64, receiveTimeout],
    [SO_SNDTIMEO_LONG32, sendTimeout],
    [SO_SNDTIMEO_LONG64, sendTimeout],
  ]))],
  [IPPROTO_IP, new Map(MULTICAST_OPTIONS_4)],
  [IPPROTO_IPV6, new Map(/** @type {[number, Option][]} */ ([
    ...MULTICAST_OPTIONS_6,
    [IPV6_V6ONLY, {
      get: (socket) => Number(socket.v6Only),
      set(socket, value) {
        if (socket.state !== 'unbound') throw EINVAL;
        socket.v6Only = value !== 0;
      },
    }],
  ]))],
  [IPPROTO_TCP, new Map(/** @type {[number, Option][]} */ ([
    [TCP_NODELAY, flag('noDelay')],
    [TCP_KEEPIDLE, {
      get: (socket) => socket.keepIdle,
      set(socket, value) {
        if (value < 1 || value > KEEP_IDLE_MAX) throw EINVAL;
        socket.setKeepAlive(socket.keepAlive, value);
      },
    }],
  ]))],
  [SOL_DIRECTSOCKETS, new Map(/** @type {[number, Option][]} */ ([
    [DS_STRIPES, {
      get: (socket) => socket.stripes,
      set(socket, value) {
        if (socket.state !== 'unbound' || value < 1 || value > STRIPES_MAX) throw EINVAL;
        socket.stripes = value;
      },
    }],
    [DS_DROPS, { get: (socket) => socket.received.drops }],
  ]))],
]);

/** Those that stream sockets do not have. */
const DATAGRAM_OPTIONS = new Set([
  ...[...MULTICAST_OPTIONS_4, ...MULTICAST_OPTIONS_6].map(([, option]) => option),
  ...(OPTIONS.get(SOL_DIRECTSOCKETS)?.values() ?? []),
  OPTIONS.get(SOL_SOCKET)?.get(SO_REUSEPORT),
]);

/**
 * @param {Socket} socket
 * @param {number} level
 * @param {number} name
 * @returns {Option}
 */
export function findOption(socket, level, name) {
  // Those of every socket are all there are.
  if (socket.family === AF_UNIX && level !== SOL_SOCKET) throw EOPNOTSUPP;
  const option = OPTIONS.get(level)?.get(name);
  const stream = socket.type === SOCK_STREAM;
  if (!option || (level === IPPROTO_IPV6 && socket.family !== AF_INET6) ||
    (level === IPPROTO_IP && socket.family !== AF_INET) ||
    (level === IPPROTO_TCP && !stream) || (stream && DATAGRAM_OPTIONS.has(option))) throw ENOPROTOOPT;
  return option;
}

/** @param {unknown} value @returns {number} a number of stripes in range, 1 for nothing */
export function stripesFrom(value) {
  const number = Math.floor(Number(value ?? 1));
  return number >= 1 ? Math.min(number, STRIPES_MAX) : 1;
}
