// What datagram and stream sockets have in common: identity, the options that both keep, which halves are shut down, the
// pending error. No attempt, no browser, no wasm memory: those are the kinds' (udp.js, tcp.js).
import { AF_INET6, POLLERR, POLLHUP, POLLRDHUP, READABLE, WRITABLE } from './abi.js';
import { ipFromText } from './address.js';

/** @typedef {import('./address.js').Ip} Ip */

/** Linux's net.core.wmem_default and rmem_default: SO_SNDBUF and SO_RCVBUF of a fresh socket that is no TCP. */
export const BUFFER_DEFAULT = 212992;

export class SocketBase {
  /**
   * @param {object} kind
   * @param {number} kind.family AF_INET or AF_INET6
   * @param {number} kind.type SOCK_*
   * @param {number} kind.protocol IPPROTO_*
   * @param {import('./attempt.js').WaitQueue} kind.queue notified at every change of readiness
   */
  constructor({ family, type, protocol, queue }) {
    this.family = family;
    this.type = type;
    this.protocol = protocol;
    this.queue = queue;

    /** SO_ERROR. */
    this.error = 0;
    /** Why the last bind failed, until someone has been told. */
    this.bindError = 0;
    this.readShut = false;
    this.writeShut = false;

    // Options. Timeouts are ms: 0 waits for ever, negative not at all.
    this.receiveTimeout = 0;
    this.sendTimeout = 0;
    this.reuseAddress = false;
    this.broadcast = false;
    this.v6Only = false;
    this.keepAlive = false;
    /** Seconds; undefined is off. @type {number | undefined} */
    this.linger = undefined;
    /** Sizes asked for by the program, passed on to the browser. @type {number | undefined} */
    this.askedSendBuffer = undefined;
    /** @type {number | undefined} */
    this.askedReceiveBuffer = undefined;
  }

  /** SO_ERROR: reading clears it. */
  takeError() {
    const { error } = this;
    this.error = 0;
    return error;
  }

  /** SO_BROADCAST. Linux remembers it on any socket. @param {boolean} on */
  setBroadcast(on) {
    this.broadcast = on;
  }

  /** SO_ACCEPTCONN. */
  get accepting() {
    return false;
  }

  /** SO_KEEPALIVE. Linux remembers it on any socket. @param {boolean} on @param {number} _seconds where it has an effect */
  setKeepAlive(on, _seconds) {
    this.keepAlive = on;
  }

  /**
   * What poll() says of an open socket that has no states of its own: datagram_poll, unix_poll.
   * @param {boolean} hasData @param {boolean} hasRoom @returns {number} POLL*
   */
  readiness(hasData, hasRoom) {
    let mask = 0;
    if (hasData || this.readShut) mask |= READABLE;
    if (this.readShut) mask |= POLLRDHUP;
    if (this.readShut && this.writeShut) mask |= POLLHUP;
    if (this.error !== 0) mask |= POLLERR;
    if (hasRoom) mask |= WRITABLE;
    return mask;
  }

  throwPending() {
    if (this.error !== 0) throw this.takeError();
  }

  /** @returns {Ip} */
  wildcard() {
    return literalIp(this.family === AF_INET6 ? '::' : '0.0.0.0');
  }
}

/** @param {string} text @returns {Ip} */
export function literalIp(text) {
  return /** @type {Ip} */ (ipFromText(text));
}
