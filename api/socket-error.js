/**
 * The errors of sockets, as people read and programs compare them: a code of POSIX, what was tried, on what, and what to do.
 * The parts below (emscripten-lib/src) throw errnos as numbers and explain some of them in a line.
 */
import {
  EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EBADF, ECONNABORTED, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EINVAL,
  EMSGSIZE, ENETDOWN, ENETUNREACH, ENODEV, EOPNOTSUPP, EPIPE, ETIMEDOUT,
} from '../emscripten-lib/src/abi.js';

const CODES = new Map([
  [EACCES, 'EACCES'], [EADDRINUSE, 'EADDRINUSE'], [EADDRNOTAVAIL, 'EADDRNOTAVAIL'], [EAFNOSUPPORT, 'EAFNOSUPPORT'],
  [EBADF, 'EBADF'], [ECONNABORTED, 'ECONNABORTED'], [ECONNREFUSED, 'ECONNREFUSED'], [ECONNRESET, 'ECONNRESET'],
  [EHOSTUNREACH, 'EHOSTUNREACH'], [EINVAL, 'EINVAL'], [EMSGSIZE, 'EMSGSIZE'], [ENETDOWN, 'ENETDOWN'],
  [ENETUNREACH, 'ENETUNREACH'], [ENODEV, 'ENODEV'], [EOPNOTSUPP, 'EOPNOTSUPP'], [EPIPE, 'EPIPE'], [ETIMEDOUT, 'ETIMEDOUT'],
]);

/** What is said where nothing better is known. @type {Record<string, string>} */
const ADVICE = {
  EACCES: 'it is not allowed: checkSupport() tells what the app lacks; outside of browsers, ports below 1024 take privileges',
  EADDRINUSE: 'the port is taken, by another program or by another socket of this one: choose another one, or leave `port` ' +
    'out for a free one',
  EADDRNOTAVAIL: 'the address is not one of this machine\'s: take 0.0.0.0 or :: for all of them',
  EBADF: 'it is closed',
  ECONNABORTED: 'the connection was lost on this machine (a network that changed, say): connect again',
  ECONNREFUSED: 'nothing listens there, or a firewall refuses it: is the server running, and is this its port?',
  ECONNRESET: 'the peer ended the connection without an orderly end',
  EHOSTUNREACH: 'no way leads to the host: is it on this network, and up?',
  EIO: 'the browser gave no reason that is known',
  ENETDOWN: 'the socket was lost and cannot be opened again yet: try again, or close it and bind another',
  ENETUNREACH: 'no way leads to that network from here',
  ENODEV: 'no interface has a route to that group, or it cannot join',
  ENOTFOUND: 'no such name: check its spelling, and that this machine\'s name server knows it',
  ETIMEDOUT: 'no answer: is the host up, and does no firewall drop what is sent to it?',
};

/** @typedef {import('./socket-iwa.d.ts').SocketError} Declared */
/** @typedef {{operation: string, address?: string, port?: number}} Tried */

/** @implements {Declared} */
export class SocketError extends Error {
  /**
   * @param {string} code
   * @param {Tried} tried
   * @param {string} [advice] why it failed and what to do
   * @param {unknown} [cause]
   */
  constructor(code, tried, advice = ADVICE[code], cause) {
    super(`${describeTried(tried)}: ${code}${advice ? `: ${advice}` : ''}`, cause === undefined ? undefined : { cause });
    this.name = /** @type {const} */ ('SocketError');
    this.code = code;
    this.operation = tried.operation;
    this.address = tried.address;
    this.port = tried.port;
  }
}

/** @param {Tried} tried @returns {string} e.g. "connect [::1]:80" */
export function describeTried({ operation, address, port }) {
  if (address === undefined) return operation;
  if (port === undefined) return `${operation} ${address}`;
  return `${operation} ${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Keeps what the parts below explain of one operation, for its error. */
export class Explanations {
  #last = '';

  explain = (/** @type {string} */ text) => {
    this.#last = text;
  };

  /**
   * @param {number | unknown} failure an errno, or what else was thrown
   * @param {Tried} tried
   * @param {unknown} [cause] the platform's error
   * @returns {SocketError}
   */
  errorOf(failure, tried, cause) {
    const code = CODES.get(/** @type {number} */ (failure)) ?? 'EIO';
    const explained = /\b(E[A-Z]+): (.*)$/s.exec(this.#last);
    this.#last = '';
    const advice = explained?.[1] === code ? explained[2] : undefined;
    return new SocketError(code, tried, advice, cause ?? (typeof failure === 'number' ? undefined : failure));
  }
}

/** @param {number | undefined} port @param {Tried} tried @throws {SocketError} */
export function checkPort(port, tried) {
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    throw new SocketError('EINVAL', { ...tried, port: undefined }, `port is ${port}, which is not from 1 to 65535` +
      (tried.operation === 'connect' || tried.operation === 'send' ? '' : ': leave it out for a free one'));
  }
}
