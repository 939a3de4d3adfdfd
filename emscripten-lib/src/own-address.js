// What a UDPSocket with a remote address gives away when it is opened: the address that a name has, and which of the
// machine's own addresses packets to it come from, as the system's routes say. A browser has no other call for either, and
// connecting such a socket sends nothing.
import { ipFromText, isMapped, mapped, unmapped } from './address.js';
import { Recent } from './recent.js';

/** @typedef {import('./address.js').Ip} Ip */

/** Discard (RFC 863): nothing is sent to it. */
const ANY_PORT = 9;

/**
 * @param {() => UDPSocketClass} udp throws an errno where there is none
 * @param {UDPSocketOptions & { remoteAddress: string }} options
 * @returns {Promise<UDPSocketOpenInfo>} rejects as the browser does
 */
export async function askByConnecting(udp, options) {
  const socket = new (udp())({ remotePort: ANY_PORT, ...options });
  socket.closed.catch(() => {});
  const info = await socket.opened;
  socket.close().catch(() => {});
  return info;
}

/**
 * @param {() => UDPSocketClass} udp throws an errno where there is none
 * @param {string} remoteAddress
 * @returns {Promise<Ip | undefined>} undefined: no way there, or no permission to look
 */
export async function findOwnAddress(udp, remoteAddress) {
  try {
    return ipFromText(String((await askByConnecting(udp, { remoteAddress })).localAddress));
  } catch {
    return undefined;
  }
}

/** The same as attempts of a socket. */
export class OwnAddresses {
  /** @param {() => UDPSocketClass} udp */
  constructor(udp) {
    this.found = new Recent((/** @type {string} */ remoteAddress) => findOwnAddress(udp, remoteAddress));
  }

  /**
   * Attempt.
   * @param {Ip} peer a mapped one has a mapped answer
   * @param {import('./attempt.js').WaitQueue} queue notified where this throws EAGAIN, once it goes otherwise
   * @returns {Ip | undefined}
   */
  towards(peer, queue) {
    const own = this.found.known(unmapped(peer).text, queue);
    return own && isMapped(peer) ? mapped(own) : own;
  }
}
