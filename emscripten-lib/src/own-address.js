// Which of the machine's addresses packets to another machine come from: what the system's routes say. A browser has no
// call for that, but a UDPSocket with a remote address has one of its own; connecting it sends nothing.
import { ipFromText, isMapped, mapped, unmapped } from './address.js';
import { Recent } from './recent.js';

/** @typedef {import('./address.js').Ip} Ip */

/** Discard (RFC 863). */
const DISCARD_PORT = 9;

/**
 * @param {() => UDPSocketClass} udp throws an errno where there is none
 * @param {string} remoteAddress
 * @returns {Promise<Ip | undefined>} undefined: no way there, or no permission to look
 */
export async function findOwnAddress(udp, remoteAddress) {
  try {
    const socket = new (udp())({ remoteAddress, remotePort: DISCARD_PORT });
    socket.closed.catch(() => {});
    const { localAddress } = await socket.opened;
    socket.close().catch(() => {});
    return ipFromText(String(localAddress));
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
