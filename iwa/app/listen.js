/**
 * Where the server listens: reading and checking what a person typed or a launcher passed. Pure functions; the rules
 * are Chrome's for UDP sockets of an Isolated Web App (seen in Chromium 156).
 */

/** Ports below this are refused with an InvalidAccessError. */
const LOWEST_PORT = 1024;
const HIGHEST_PORT = 65535;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

/** @param {string} text @returns {boolean} */
function isIpv6(text) {
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':')) return false;
  return URL.canParse(`http://[${text}]/`);
}

/**
 * What is wrong with an address, or "" when a socket can be bound to it. The app binds addresses, not names: which of a
 * name's addresses would be meant is not for it to guess.
 * @param {string} address IPv4 or IPv6, without brackets
 * @returns {string}
 */
export function addressProblem(address) {
  if (address === '') return 'An address is needed: 127.0.0.1 for this device only, 0.0.0.0 for every network.';
  if (IPV4.test(address) || isIpv6(address)) return '';
  return `“${address}” is not an IPv4 or IPv6 address. 127.0.0.1 is this device, 0.0.0.0 and :: are every network.`;
}

/**
 * What is wrong with a port, or "".
 * @param {string} port decimal; "" and "0" mean any free one
 * @returns {string}
 */
export function portProblem(port) {
  if (port === '' || port === '0') return '';
  const number = Number(port);
  if (!/^\d+$/.test(port) || number > HIGHEST_PORT) return `A port is a number from ${LOWEST_PORT} to ${HIGHEST_PORT}.`;
  if (number < LOWEST_PORT) {
    const choice = `${LOWEST_PORT} to ${HIGHEST_PORT}, or 0 for any free port`;
    return `Chrome refuses UDP ports below ${LOWEST_PORT} to Isolated Web Apps. Choose ${choice}.`;
  }
  return '';
}

/**
 * The server's --listen value.
 * @param {string} address @param {string} port as checked above
 */
export function listenArgument(address, port) {
  return `${address.includes(':') ? `[${address}]` : address}:${port || '0'}`;
}

/**
 * The parts of a --listen value; what can't be told apart stays in `address`, for addressProblem to refuse.
 * @param {string} listen "127.0.0.1:4433" or "[::1]:4433"
 * @returns {{address: string, port: string}}
 */
export function parseListen(listen) {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(listen);
  if (!match) return { address: listen, port: '' };
  return { address: match[1] ?? match[2], port: match[3] };
}
