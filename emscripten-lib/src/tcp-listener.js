// A listening TCP port: the browser's TCPServerSocket, and the connections it has accepted that the program has not.
// It speaks Direct Sockets: no sockaddr, no descriptor, no errno but of opening.
import { ipFromText, isLoopback, isWildcard, sameIp } from './address.js';
import { bindErrno } from './browser-errors.js';

/** Connections taken from the browser ahead of accept(), at most; the others wait in the system's queue. */
const ACCEPT_AHEAD_MAX = 64;
/** The system's queue: Linux's net.core.somaxconn. */
const LISTEN_BACKLOG = 4096;

/** Chrome's, for Isolated Web Apps. */
const SERVER_PORT_RULE = { ports: 'TCP server ports', lowest: 32768 };

/** Ports being released, by number: a bind that follows a close at once waits for it. @type {Map<number, Promise<void>>} */
const releasingListeners = new Map();

/** @param {number} port @returns {Promise<void> | undefined} resolves when a listener that was closed has let go of it */
export function listenerReleased(port) {
  return releasingListeners.get(port);
}

/** Those that hold a port. @type {Set<TcpListener>} */
const openListeners = new Set();

/**
 * Whether a port is one of this program's own that does not listen yet: the browser would connect to it all the same.
 * @param {import('./address.js').Ip} ip no mapped one
 * @param {number} port
 */
export function boundOnly(ip, port) {
  let found = false;
  for (const listener of openListeners) {
    if (listener.localPort !== port || !listener.takes(ip)) continue;
    if (listener.ahead > 0) return false;
    found = true;
  }
  return found;
}

/** @typedef {import('./tcp-port.js').Accepted} Accepted */

/**
 * @typedef {object} ListenerOptions
 * @property {TCPServerSocketClass} TCPServerSocket
 * @property {string} localAddress
 * @property {number} localPort 0: any free one
 * @property {boolean} ipv6Only
 * @property {() => void} onConnection
 * @property {() => void} [onLost] the browser has lost the port
 * @property {(text: string) => void} explain one line on the console in debug builds
 */

export class TcpListener {
  /** @param {ListenerOptions} options */
  constructor(options) {
    this.options = options;
    this.localAddress = options.localAddress;
    this.localPort = options.localPort;
    /** Connections to take ahead of accept(): 0 before listen(). */
    this.ahead = 0;
    /** @type {Accepted[]} */
    this.pending = [];
    this.pulling = false;
    this.closed = false;
    this.lost = false;
    /** @type {TCPServerSocket | undefined} */
    this.socket = undefined;
    /** @type {AcceptReader | undefined} */
    this.reader = undefined;
    /** Resolves once bound; rejects with an errno. */
    this.opening = this.open();
    this.opening.catch(() => {});
  }

  async open() {
    const { TCPServerSocket, localAddress, localPort, ipv6Only } = this.options;
    if (localPort !== 0) await listenerReleased(localPort);
    try {
      /** @type {TCPServerSocketOptions} */
      const options = { backlog: LISTEN_BACKLOG };
      // 0 is a TypeError: an ephemeral port is asked for by silence.
      if (localPort !== 0) options.localPort = localPort;
      // Elsewhere than on :: there is nothing to restrict, and the browser refuses the option.
      if (localAddress === '::') options.ipv6Only = ipv6Only;
      const socket = this.socket = new TCPServerSocket(localAddress, options);
      socket.closed.catch(() => {});
      const info = await socket.opened;
      this.reader = info.readable.getReader();
      this.localAddress = info.localAddress;
      this.localPort = info.localPort;
      if (!this.closed) openListeners.add(this);
      this.pull();
    } catch (error) {
      throw bindErrno(error, this.options, SERVER_PORT_RULE, this.options.explain);
    }
  }

  /**
   * Whether a connection to this address, and to the port, comes here. Behind a wildcard it is known of loopback alone.
   * @param {import('./address.js').Ip} ip
   */
  takes(ip) {
    const own = ipFromText(this.localAddress);
    if (!own) return false;
    if (!isWildcard(own)) return sameIp(own, ip);
    return isLoopback(ip) && (own.family === ip.family || (own.family === 6 && !this.options.ipv6Only));
  }

  /** @param {number} backlog of listen() */
  listen(backlog) {
    this.ahead = Math.min(Math.max(backlog, 1), ACCEPT_AHEAD_MAX);
    this.pull();
  }

  pull() {
    if (this.pulling || this.closed || this.lost || !this.reader || this.pending.length >= this.ahead) return;
    this.pulling = true;
    this.take(this.reader).catch(() => {}).finally(() => {
      this.pulling = false;
      this.pull();
    });
  }

  /** @param {AcceptReader} reader */
  async take(reader) {
    const { value: socket, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
    if (done || !socket) {
      // The port was lost, for good: nothing will come. An errored stream would say so again at once, without end.
      this.ahead = 0;
      this.lost = true;
      openListeners.delete(this);
      if (!this.closed) {
        this.options.explain(`listen ${this.localAddress}:${this.localPort}: the browser has lost the port, and no ` +
          'connection will come: close the socket and bind another');
        this.options.onLost?.();
      }
      return;
    }
    socket.closed.catch(() => {});
    const info = await socket.opened;
    if (this.closed) {
      await socket.close();
      return;
    }
    this.pending.push({ socket, info });
    this.options.onConnection();
  }

  /** @returns {Accepted | undefined} the oldest connection, taken out */
  accept() {
    const accepted = this.pending.shift();
    if (accepted) this.pull();
    return accepted;
  }

  /** Returns at once; connections that were not accepted are closed. */
  close() {
    if (this.closed) return;
    this.closed = true;
    openListeners.delete(this);
    for (const { socket } of this.pending.splice(0)) socket.close().catch(() => {});
    const release = async () => {
      await this.opening.catch(() => {});
      await this.reader?.cancel().catch(() => {});
      this.reader?.releaseLock();
      await this.socket?.closed.catch(() => {});
    };
    const done = release().finally(() => {
      if (releasingListeners.get(this.localPort) === done) releasingListeners.delete(this.localPort);
    });
    if (this.localPort !== 0) releasingListeners.set(this.localPort, done);
  }
}
