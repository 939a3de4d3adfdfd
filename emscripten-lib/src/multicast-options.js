// The multicast options of IPPROTO_IP and IPPROTO_IPV6: their C structures, and what each sets on a UDP socket. Linux
// decides the errnos (net/ipv4/ip_sockglue.c, net/ipv4/igmp.c, net/ipv6/ipv6_sockglue.c, net/ipv6/mcast.c).
import {
  AF_INET, AF_INET6, EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOPROTOOPT, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF,
  IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP, MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP,
} from './abi.js';
import { ipFromBytes, isMulticast } from './address.js';
import { SOCKADDR_STORAGE } from './memory.js';

/** @typedef {import('./udp.js').UdpSocket} UdpSocket */
/** @typedef {import('./memory.js').Memory} Memory */
/** @typedef {import('./options.js').Option} Option */
/** @typedef {import('./address.js').Ip} Ip */

/** A group and whether an interface was named with it. @typedef {{ group: Ip, named: boolean }} Membership */

/** struct ip_mreq: the group, an address of the interface; struct ip_mreqn: its index after them. */
const MREQ = 8;
const MREQN = 12;
/** struct ipv6_mreq: the group, the index of the interface. */
const MREQ6 = 20;
/** When -1 leaves it to the system: Linux's IPV6_DEFAULT_MCASTHOPS, and its default for IPv4. */
const HOPS_DEFAULT = 1;

/** @param {Memory} memory @param {number} pointer @param {number} length @returns {Membership} */
function readMreq({ access }, pointer, length) {
  if (length < MREQ) throw EINVAL;
  const named = length >= MREQN
    ? access.readI32(pointer + 8) !== 0 || access.readI32(pointer + 4) !== 0
    : access.readI32(pointer + 4) !== 0;
  return { group: ipFromBytes(access.bytes(), pointer, 4), named };
}

/** @param {Memory} memory @param {number} pointer @param {number} length @returns {Membership} */
function readMreq6({ access }, pointer, length) {
  if (length < MREQ6) throw EINVAL;
  return { group: ipFromBytes(access.bytes(), pointer, 6), named: access.readI32(pointer + 16) !== 0 };
}

/** struct group_req: the index of the interface, then the group as a sockaddr. @param {4 | 6} family */
const readGroupReq = (family) =>
  /** @param {Memory} memory @param {number} pointer @param {number} length @returns {Membership} */
  (memory, pointer, length) => {
    const { access } = memory;
    const offset = access.pointerSize;
    if (length < offset + SOCKADDR_STORAGE) throw EINVAL;
    const { ip } = memory.readPeer(pointer + offset, SOCKADDR_STORAGE, family === 4 ? AF_INET : AF_INET6, true) ?? {};
    if (!ip) throw EADDRNOTAVAIL;
    return { group: ip, named: access.readI32(pointer) !== 0 };
  };

/** @param {UdpSocket} socket @param {string} option */
function refuseInterface({ explain }, option) {
  explain(`setsockopt ${option}: ENOPROTOOPT: Direct Sockets leave the interface of multicast to the system's routes: ` +
    'name none (0.0.0.0, index 0)');
  return ENOPROTOOPT;
}

/** @param {(memory: Memory, pointer: number, length: number) => Membership} read @returns {Option} */
const join = (read) => ({
  read,
  set(/** @type {UdpSocket} */ socket, /** @type {Membership} */ { group, named }) {
    if (!isMulticast(group)) throw EINVAL;
    if (named) throw refuseInterface(socket, `to join ${group.text}`);
    if (socket.multicast.groups.has(group.text)) throw EADDRINUSE;
    return socket.join(group);
  },
});

/** @param {(memory: Memory, pointer: number, length: number) => Membership} read @returns {Option} */
const leave = (read) => ({
  read,
  set(/** @type {UdpSocket} */ socket, /** @type {Membership} */ { group }) {
    if (!socket.multicast.groups.has(group.text)) throw EADDRNOTAVAIL;
    return socket.leave(group);
  },
});

/** @param {UdpSocket} socket */
const getHops = (socket) => socket.multicast.hops;
/** @param {UdpSocket} socket */
const getLoop = (socket) => Number(socket.multicast.loop);

/** @type {[number, Option][]} */
export const MULTICAST_OPTIONS_4 = [
  [IP_MULTICAST_TTL, {
    byte: true,
    get: getHops,
    set(/** @type {UdpSocket} */ socket, value) {
      if (value < -1 || value > 255) throw EINVAL;
      return socket.changeMulticast({ hops: value === -1 ? HOPS_DEFAULT : value });
    },
  }],
  [IP_MULTICAST_LOOP, {
    byte: true,
    get: getLoop,
    set: (/** @type {UdpSocket} */ socket, value) => socket.changeMulticast({ loop: value !== 0 }),
  }],
  [IP_MULTICAST_IF, {
    get: () => 0,
    // struct in_addr, ip_mreq or ip_mreqn; the second's first member is no interface.
    read({ access }, pointer, length) {
      if (length < 4) throw EINVAL;
      if (length < MREQ) return access.readI32(pointer) !== 0;
      return access.readI32(pointer + 4) !== 0 || (length >= MREQN && access.readI32(pointer + 8) !== 0);
    },
    set(/** @type {UdpSocket} */ socket, /** @type {boolean} */ named) {
      if (named) throw refuseInterface(socket, 'IP_MULTICAST_IF');
    },
  }],
  [IP_ADD_MEMBERSHIP, join(readMreq)],
  [IP_DROP_MEMBERSHIP, leave(readMreq)],
  [MCAST_JOIN_GROUP, join(readGroupReq(4))],
  [MCAST_LEAVE_GROUP, leave(readGroupReq(4))],
];

/** @type {[number, Option][]} */
export const MULTICAST_OPTIONS_6 = [
  [IPV6_MULTICAST_HOPS, {
    get: getHops,
    set(/** @type {UdpSocket} */ socket, value) {
      if (value < -1 || value > 255) throw EINVAL;
      return socket.changeMulticast({ hops: value === -1 ? HOPS_DEFAULT : value });
    },
  }],
  [IPV6_MULTICAST_LOOP, {
    get: getLoop,
    set(/** @type {UdpSocket} */ socket, value) {
      if (value !== 0 && value !== 1) throw EINVAL;
      return socket.changeMulticast({ loop: value !== 0 });
    },
  }],
  [IPV6_MULTICAST_IF, {
    get: () => 0,
    set(/** @type {UdpSocket} */ socket, value) {
      if (value !== 0) throw refuseInterface(socket, 'IPV6_MULTICAST_IF');
    },
  }],
  [IPV6_JOIN_GROUP, join(readMreq6)],
  [IPV6_LEAVE_GROUP, leave(readMreq6)],
  [MCAST_JOIN_GROUP, join(readGroupReq(6))],
  [MCAST_LEAVE_GROUP, leave(readGroupReq(6))],
];
