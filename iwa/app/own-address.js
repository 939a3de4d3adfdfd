/**
 * This device's address as others on its network see it. No API lists a device's addresses; a UDP socket that is
 * connected, which sends nothing, has the one that its packets would leave from.
 */

/** Addresses of documentation (RFC 5737, RFC 3849): no packet is ever sent to them. */
const ELSEWHERE = { 4: '192.0.2.1', 6: '2001:db8::1' };

/**
 * @param {4 | 6} version of IP
 * @returns {Promise<string>} "" where there is no way to another network
 */
export async function ownAddress(version) {
  try {
    const Socket = /** @type {any} */ (globalThis).UDPSocket;
    const socket = new Socket({ remoteAddress: ELSEWHERE[version], remotePort: 9 });
    const { localAddress } = await socket.opened;
    await socket.close();
    return localAddress;
  } catch {
    return '';
  }
}
