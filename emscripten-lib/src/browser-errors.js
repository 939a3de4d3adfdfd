// What the browser's errors mean as errnos. Direct Sockets reject with DOMExceptions that carry no code, so it takes the
// operation, the state of things and, in two places, the text; Node's carry `code`, which says it all.
import {
  EACCES, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EINVAL, EIO, EMSGSIZE, ENETUNREACH, ERRNO_BY_CODE,
  ETIMEDOUT,
} from './abi.js';

/** Linux gives a connection up after two minutes, Chromium much earlier; one that is refused fails at once. */
const CONNECT_TIMED_OUT = 20_000;

const NEEDED_POLICIES = 'The app\'s manifest needs "direct-sockets", "local-network-access", "local-network", ' +
  '"loopback-network" and "cross-origin-isolated" in permissions_policy, and the user has to allow local network access';

/** @typedef {(text: string) => void} Explain one line on the console in debug builds */

/** @param {any} error @returns {number | undefined} */
function errnoOfCode(error) {
  return ERRNO_BY_CODE[/** @type {keyof typeof ERRNO_BY_CODE} */ (error?.code)];
}

/**
 * Of a port that could not be opened.
 * @param {any} error
 * @param {{ localAddress: string, localPort: number }} port
 * @param {{ ports: string, lowest: number }} rule of Chrome: it refuses `ports` below `lowest`
 * @param {Explain} explain
 * @returns {number}
 */
export function bindErrno(error, { localAddress, localPort }, { ports, lowest }, explain) {
  const code = errnoOfCode(error);
  if (code !== undefined) return code;
  const what = `bind ${localAddress}:${localPort}`;
  switch (error?.name) {
    case 'NetworkError': return EADDRINUSE;
    // "The address is not valid": not one of this machine's (Chromium 156).
    case 'DataError': return EADDRNOTAVAIL;
    case 'TypeError': return EINVAL;
    case 'InvalidAccessError':
    case 'NotAllowedError':
    case 'SecurityError':
      explain(`${what}: EACCES: ${localPort > 0 && localPort < lowest
        ? `Chrome refuses ${ports} below ${lowest} to Isolated Web Apps: use ${lowest} or above`
        : `${sentence(error)} ${NEEDED_POLICIES}`}`);
      return EACCES;
    default:
      explain(`${what}: EIO: ${describe(error)}`);
      return EIO;
  }
}

/**
 * Of a connection that could not be opened.
 * @param {any} error
 * @param {number} elapsed ms since it was asked for
 * @param {string} what for messages: "connect 10.0.0.1:80"
 * @param {Explain} explain
 * @returns {number}
 */
export function connectErrno(error, elapsed, what, explain) {
  const code = errnoOfCode(error);
  if (code !== undefined) return code;
  switch (error?.name) {
    case 'NetworkError':
      // The browser has one name for all of these.
      if (/resolved/.test(error.message)) return EHOSTUNREACH;
      return elapsed > CONNECT_TIMED_OUT ? ETIMEDOUT : ECONNREFUSED;
    case 'InvalidStateError':
      // Seen in one of four connections to a server that closes at once (Chromium 156): FIN overtook the answer to open.
      explain(`${what}: ECONNRESET: the peer ended the connection before Chromium had opened it`);
      return ECONNRESET;
    case 'TypeError':
    case 'DataError':
      explain(`${what}: EINVAL: ${error.message}`);
      return EINVAL;
    case 'InvalidAccessError':
    case 'NotAllowedError':
    case 'SecurityError':
      explain(`${what}: EACCES: ${sentence(error)} ${NEEDED_POLICIES}`);
      return EACCES;
    default:
      explain(`${what}: EIO: ${describe(error)}`);
      return EIO;
  }
}

/**
 * Of a datagram that was rejected. Chromium names the network stack's error in the text: "Stream aborted by the remote:
 * net::ERR_ACCESS_DENIED".
 * @param {any} error
 * @returns {number}
 */
export function sendErrno(error) {
  const code = errnoOfCode(error);
  if (code !== undefined) return code;
  switch (/net::ERR_(\w+)/.exec(error?.message ?? '')?.[1]) {
    case 'ACCESS_DENIED':
    case 'NETWORK_ACCESS_DENIED':
    case 'MULTICAST_NOT_ALLOWED': return EACCES;
    case 'INVALID_ARGUMENT': return EINVAL;
    case 'MSG_TOO_BIG': return EMSGSIZE;
    default: return ENETUNREACH;
  }
}

/** @param {any} error of opening; an address that is not this machine's may have the same one */
export function isPortTaken(error) {
  return error?.name === 'NetworkError';
}

/** @param {any} error @returns {string} its description, with one full stop */
function sentence(error) {
  return describe(error).replace(/\.?$/, '.');
}

/** @param {any} error */
export function describe(error) {
  return error?.name ? `${error.name}: ${error.message}` : String(error);
}
