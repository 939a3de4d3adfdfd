// TCP as POSIX has it: sending, receiving, addresses and readiness of a stream socket. Attempts: each returns its value or
// throws an errno, EAGAIN meaning "not yet". It never waits, sees no wasm memory and no descriptor; how a connection comes
// about and ends is tcp-lifecycle.js's, the connection itself TcpPort's. Linux decides every case (net/ipv4/tcp.c).
import {
  AF_INET6, EAGAIN, EBADF, EINVAL, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPIPE, MSG_OOB, POLLERR, POLLHUP, POLLNVAL,
  POLLRDHUP, READABLE, WRITABLE,
} from './abi.js';
import { ipFromText, isLoopback, isWildcard, mapped } from './address.js';
import { TcpLifecycle } from './tcp-lifecycle.js';

/** @typedef {import('./address.js').Endpoint} Endpoint */
/** @typedef {import('./tcp-port.js').Accepted} Accepted */
/** @typedef {import('./tcp-port.js').TcpPort} TcpPort */

export class TcpSocket extends TcpLifecycle {
  /** @param {ConstructorParameters<typeof TcpLifecycle>[0]} setup */
  constructor(setup) {
    super(setup);
    /** TCP_NODELAY, as the program set it: nothing is delayed either way. */
    this.noDelay = false;
  }

  /**
   * @param {Accepted} accepted
   * @param {import('./attempt.js').WaitQueue} queue of the new socket
   */
  adopt(accepted, queue) {
    const connection = new TcpSocket({ family: this.family, queue, platform: this.platform });
    // Linux hands these down; SO_RCVTIMEO and its like it does not.
    connection.askedSendBuffer = this.askedSendBuffer;
    connection.askedReceiveBuffer = this.askedReceiveBuffer;
    connection.sendBuffer = this.sendBuffer;
    connection.receiveBuffer = this.receiveBuffer;
    connection.keepAlive = this.keepAlive;
    connection.keepIdle = this.keepIdle;
    connection.noDelay = this.noDelay;
    connection.linger = this.linger;
    connection.reuseAddress = this.reuseAddress;
    connection.v6Only = this.v6Only;
    connection.local = this.local;
    const { capacity } = this.platform.clients();
    connection.attach({ accepted, capacity, what: 'accept' });
    connection.state = 'connected';
    return connection;
  }

  /**
   * Attempt.
   * @param {number} length bytes
   * @param {(target: Uint8Array) => void} copy stores the first bytes of them, as many as the target has
   * @param {number} flags MSG_*
   * @returns {number} bytes accepted, which may be fewer
   */
  send(length, copy, flags) {
    if (this.state === 'closed') throw EBADF;
    if (flags & MSG_OOB) throw EOPNOTSUPP;
    if (this.state === 'connecting') throw EAGAIN;
    this.throwPending();
    const writer = this.port?.writer;
    if (this.state !== 'connected' || this.writeShut || !writer || writer.broken) throw EPIPE;
    if (length === 0) return 0;
    const room = this.sendLimit() - writer.outstanding;
    if (room <= 0) throw EAGAIN;
    const accepted = Math.min(room, length);
    writer.send(accepted, copy);
    return accepted;
  }

  /**
   * Attempt.
   * @param {number} limit bytes at most
   * @param {boolean} peek leave them queued
   * @param {(piece: Uint8Array, offset: number) => void} sink as of ByteQueue.read
   * @returns {number} bytes; 0 at the end of the stream
   */
  receive(limit, peek, sink) {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'connecting') throw EAGAIN;
    const { port } = this;
    if (port && port.received.length > 0) {
      const count = port.received.read(limit, peek, sink);
      if (!peek) port.pull();
      return count;
    }
    this.throwPending();
    if (!port || this.state !== 'connected') {
      if (this.state === 'failed') return 0;
      throw ENOTCONN;
    }
    if (port.ended || this.readShut) return 0;
    throw EAGAIN;
  }

  /** True when send() is sure to take so many bytes, if it takes any. @param {number} length */
  takesAtOnce(length) {
    const writer = this.port?.writer;
    return this.state === 'connected' && writer !== undefined && writer.outstanding + length <= this.sendLimit();
  }

  /** True when receive() is sure to hand over bytes. */
  hasBytes() {
    return this.state === 'connected' && this.port !== undefined && this.port.received.length > 0;
  }

  /** True when receive() is sure to throw EAGAIN. */
  nothingToReceive() {
    const { port } = this;
    return this.state === 'connected' && port !== undefined && port.received.length === 0 && !port.ended &&
      !this.readShut && this.error === 0;
  }

  /** FIONREAD: bytes that can be read. */
  nextLength() {
    if (this.state === 'listening') throw EINVAL;
    return this.port?.received.length ?? 0;
  }

  /** True when no more is read ahead than is queued. */
  isFull() {
    return this.port?.isFull === true;
  }

  /** True when no more bytes will come than are queued. */
  atEnd() {
    return this.readShut || this.port === undefined || this.port.ended;
  }

  /** Attempt: the local address; EAGAIN while it is not known yet. @returns {Endpoint} */
  localEndpoint() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'binding') throw EAGAIN;
    const info = this.port?.info;
    if (info?.localAddress !== undefined) {
      return { ip: this.shown(info.localAddress), port: Number(info.localPort) };
    }
    // The browser does not tell an accepted connection's own address: the port is the listener's, and behind a wildcard the
    // address is the one that the machine sends to the peer from.
    const { local } = this;
    if (!local) return { ip: this.wildcard(), port: 0 };
    if (!info || !isWildcard(local.ip)) return local;
    return { ip: this.sourceTowards(this.shown(info.remoteAddress)), port: local.port };
  }

  /** @returns {Endpoint} */
  peerEndpoint() {
    if (this.state === 'closed') throw EBADF;
    if (this.state !== 'connected' || this.port?.error) throw ENOTCONN;
    // Of a connection by name, the address the program connected to is a made-up one.
    if (this.peer) return this.peer;
    const info = this.port?.info;
    if (!info) throw ENOTCONN;
    return { ip: this.shown(info.remoteAddress), port: info.remotePort };
  }

  /** @param {string} text as the browser writes it; an IPv6 socket sees IPv4 addresses as mapped ones */
  shown(text) {
    const ip = ipFromText(text) ?? this.wildcard();
    return this.family === AF_INET6 && ip.family === 4 ? mapped(ip) : ip;
  }

  /** Attempt. @param {import('./address.js').Ip} peer */
  sourceTowards(peer) {
    return isLoopback(peer) ? peer : this.platform.ownAddresses.towards(peer, this.queue) ?? this.wildcard();
  }

  /** @returns {number} POLL*: tcp_poll */
  poll() {
    switch (this.state) {
      case 'closed': return POLLNVAL;
      case 'binding':
      case 'bound':
      case 'unbound': return POLLHUP | WRITABLE;
      case 'listening': return (this.listener?.pending.length ?? 0) > 0 ? READABLE : 0;
      case 'connecting': return 0;
      case 'failed': return READABLE | POLLRDHUP | POLLHUP | WRITABLE | (this.error !== 0 ? POLLERR : 0);
    }
    const port = /** @type {TcpPort} */ (this.port);
    let mask = 0;
    if (port.received.length > 0) mask |= READABLE;
    if (port.ended || this.readShut) mask |= READABLE | POLLRDHUP;
    if ((port.ended || this.readShut) && (this.writeShut || port.error !== 0)) mask |= POLLHUP;
    if (this.error !== 0) mask |= POLLERR;
    if (this.writable()) mask |= WRITABLE;
    return mask;
  }

  /** SO_ACCEPTCONN. */
  get accepting() {
    return this.state === 'listening';
  }

  /** Options that the browser takes only when a connection is opened. @param {boolean} value @param {number} seconds */
  setKeepAlive(value, seconds) {
    const { port, keepAlive, keepIdle } = this;
    if (port && !port.setKeepAlive(value, seconds)) {
      if (value === keepAlive && seconds === keepIdle) return;
      this.platform.explain('setsockopt SO_KEEPALIVE: ENOPROTOOPT: the browser takes it before connect() only');
      throw ENOPROTOOPT;
    }
    this.keepAlive = value;
    this.keepIdle = seconds;
  }
}
