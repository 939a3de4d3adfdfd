// The network interfaces of the machine, as far as the platform tells of them: what getifaddrs(), if_nameindex() and their
// requests to a socket answer from.
import { findOwnAddress } from './own-address.js';
import { literalIp } from './socket-base.js';

/**
 * @typedef {object} Interface
 * @property {number} index from 1
 * @property {string} name at most 15 bytes, ASCII
 * @property {boolean} loopback
 * @property {number} mtu bytes
 * @property {Uint8Array} hardware six bytes, all 0 where it is not known or there is none
 * @property {{ ip: import('./address.js').Ip, prefix: number }[]} addresses with the bits of their networks' prefixes
 */

/** Linux's of the loopback interface; of another one what Ethernet has. */
const LOOPBACK_MTU = 65536;
export const ETHERNET_MTU = 1500;

/**
 * Addresses of nobody (TEST-NET-1, RFC 5737; RFC 3849), on the way to which are all that are not near.
 */
const ELSEWHERE = ['192.0.2.1', '2001:db8::1'];
/** @returns {Interface} the one that every machine has */
export function loopbackInterface() {
  return makeInterface({ index: 1, name: 'lo', loopback: true, mtu: LOOPBACK_MTU, addresses: [
    { ip: literalIp('127.0.0.1'), prefix: 8 }, { ip: literalIp('::1'), prefix: 128 },
  ] });
}

/** @param {Omit<Interface, 'hardware'> & { hardware?: Uint8Array }} known @returns {Interface} */
export function makeInterface({ hardware = new Uint8Array(6), ...known }) {
  return { ...known, hardware };
}

/**
 * A browser tells no list, but the machine's own address on the way to the rest of the network, one for each family. Of its
 * network nothing is known but itself.
 * @param {() => UDPSocketClass} udp throws an errno where there is none
 * @returns {Promise<Interface[]>} loopback, and behind it `eth0` if there is such an address
 */
export async function browserInterfaces(udp) {
  const found = await Promise.all(ELSEWHERE.map((remoteAddress) => findOwnAddress(udp, remoteAddress)));
  const addresses = found.flatMap((own) => (own ? [{ ip: own, prefix: own.bytes.length * 8 }] : []));
  if (addresses.length === 0) return [loopbackInterface()];
  return [
    loopbackInterface(), makeInterface({ index: 2, name: 'eth0', loopback: false, mtu: ETHERNET_MTU, addresses }),
  ];
}

// net/if.h: IFF_*.
const IFF_UP = 1;
const IFF_BROADCAST = 2;
const IFF_LOOPBACK = 8;
const IFF_RUNNING = 0x40;
const IFF_MULTICAST = 0x1000;
const IFF_LOWER_UP = 0x10000;

/** @param {boolean} loopback @returns {number} IFF_* of an interface that is up */
export function interfaceFlags(loopback) {
  return IFF_UP | IFF_RUNNING | IFF_LOWER_UP | (loopback ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST);
}

/** @param {ArrayLike<number>} bytes of an IPv4 address @param {number} prefix bits @returns {number[]} */
export function broadcastAddress(bytes, prefix) {
  return Array.from(bytes, (byte, index) => byte | (0xff >> Math.min(Math.max(prefix - 8 * index, 0), 8)));
}

// net/if_arp.h: what an interface's hardware address is of.
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;

/** @param {number} prefix bits @returns {number[]} of an IPv4 network */
export function netmask(prefix) {
  return broadcastAddress([0, 0, 0, 0], prefix).map((byte) => byte ^ 0xff);
}
