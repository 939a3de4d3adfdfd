// A socket to what the kernel knows of the network (AF_NETLINK, NETLINK_ROUTE; RFC 3549, rtnetlink(7)): libc's
// getifaddrs() and if_nameindex() ask it for the interfaces and their addresses. Nothing changes while it is open, so that
// a socket that has joined a group of notifications hears none. No browser, no wasm memory: datagrams in and out.
import {
  AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, EAGAIN, EBADF, ECONNREFUSED, EINVAL, EMSGSIZE, ENOBUFS, ENODEV, EOPNOTSUPP,
  MSG_OOB, POLLNVAL, READABLE,
} from './abi.js';
import { DatagramQueue } from './datagram-queue.js';
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, broadcastAddress, interfaceFlags } from './interfaces.js';
import { BUFFER_DEFAULT, SocketBase } from './socket-base.js';

/** @typedef {import('./interfaces.js').Interface} Interface */
/** @typedef {{ portId: number, groups: number }} NetlinkAddress struct sockaddr_nl; the kernel's port is 0 */

// linux/netlink.h and linux/rtnetlink.h.
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLM_F_ACK = 4;
/** Either of its bits asks for a list. */
const NLM_F_DUMP = 0x300;
/** Of an answer that has no more of the request than its header. */
const NLM_F_CAPPED = 0x100;
/** Smaller types are netlink's own, and ask for nothing. */
const NLMSG_MIN_TYPE = 16;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFLA_ADDRESS = 1;
const IFLA_BROADCAST = 2;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;

/** struct nlmsghdr: length, type, flags, sequence number, port. */
const HEADER_SIZE = 16;
/** struct ifinfomsg behind it, of which a request for a list may have the first byte alone. */
const IFINFO_SIZE = 16;
/** What one datagram of a list is filled to: every reader has room for more. */
const DATAGRAM_SIZE = 4096;

/** Numbers of sockets: the first of a Linux process has its process ID. */
let nextPortId = 1;

export class RouteSocket extends SocketBase {
  /**
   * @param {object} setup
   * @param {number} setup.type SOCK_RAW or SOCK_DGRAM, which are the same here
   * @param {import('./attempt.js').WaitQueue} setup.queue notified at every change of readiness
   */
  constructor({ type, queue }) {
    super({ family: AF_NETLINK, type, protocol: 0, queue });
    /** Undefined until they have been found out. @type {Interface[] | undefined} */
    this.interfaces = undefined;
    this.closed = false;
    this.portId = 0;
    this.groups = 0;
    this.sendBuffer = BUFFER_DEFAULT;
    this.receiveBuffer = BUFFER_DEFAULT;
    /** @type {DatagramQueue<{ data: Uint8Array }>} */
    this.received = new DatagramQueue(BUFFER_DEFAULT);
  }

  /** @param {NetlinkAddress} local */
  beginBind({ portId, groups }) {
    if (this.closed) throw EBADF;
    if (this.portId !== 0 && portId !== this.portId) throw EINVAL;
    this.portId = portId || nextPortId++;
    this.groups = groups;
  }

  finishBind() {
    return 0;
  }

  /** Nobody but the kernel is there: nothing changes. @param {NetlinkAddress} peer */
  connect(peer) {
    checkPeer(peer);
    this.portId ||= nextPortId++;
  }

  disconnect() {}

  /** @returns {NetlinkAddress} */
  localEndpoint() {
    if (this.closed) throw EBADF;
    return { portId: this.portId, groups: this.groups };
  }

  /** @returns {NetlinkAddress} */
  peerEndpoint() {
    if (this.closed) throw EBADF;
    return { portId: 0, groups: 0 };
  }

  /** @returns {never} */
  beginListen() {
    throw EOPNOTSUPP;
  }

  /** @returns {never} */
  accept() {
    throw EOPNOTSUPP;
  }

  /** @returns {never} */
  shutdown() {
    throw EOPNOTSUPP;
  }

  /** True when receive() is sure to throw EAGAIN. */
  nothingToReceive() {
    return this.received.length === 0 && !this.closed;
  }

  /**
   * Attempt: answers the requests in a datagram.
   * @param {number} length bytes
   * @param {() => Uint8Array} copy of them
   * @param {NetlinkAddress | undefined} destination
   * @param {number} flags MSG_*
   * @returns {number} `length`
   */
  send(length, copy, destination, flags) {
    if (this.closed) throw EBADF;
    if (flags & MSG_OOB) throw EOPNOTSUPP;
    if (destination) checkPeer(destination);
    if (length > this.sendBuffer) throw EMSGSIZE;
    this.portId ||= nextPortId++;
    const bytes = copy();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // What is no whole message is passed over (netlink_rcv_skb).
    for (let at = 0; at + HEADER_SIZE <= length;) {
      const size = view.getUint32(at, true);
      if (size < HEADER_SIZE || at + size > length) break;
      this.answer(new DataView(bytes.buffer, bytes.byteOffset + at, size));
      at += align(size);
    }
    return length;
  }

  /**
   * netlink_rcv_skb, rtnetlink_rcv_msg: what is no request, or has no family, is passed over.
   * @param {DataView} request one message
   */
  answer(request) {
    const type = request.getUint16(4, true), flags = request.getUint16(6, true);
    const asks = (flags & NLM_F_REQUEST) !== 0 && type >= NLMSG_MIN_TYPE && request.byteLength > HEADER_SIZE;
    if (asks && flags & NLM_F_DUMP && (type === RTM_GETLINK || type === RTM_GETADDR)) {
      this.list(request, type === RTM_GETLINK ? this.links(request) : this.addresses(request));
      return;
    }
    const errno = asks ? this.answerAlone(request, type) : 0;
    if (errno !== 0 || flags & NLM_F_ACK) this.acknowledge(request, errno);
  }

  /** @param {DataView} request @returns {number[][]} a message for each interface */
  links(request) {
    return (this.interfaces ?? []).map((one) => this.message(request, RTM_NEWLINK, NLM_F_MULTI, link(one)));
  }

  /** @param {DataView} request @returns {number[][]} a message for each address of the family that is asked for */
  addresses(request) {
    const family = request.getUint8(HEADER_SIZE);
    return (this.interfaces ?? []).flatMap((one) => one.addresses
      .filter(({ ip }) => family === AF_UNSPEC || family === familyOf(ip))
      .map((address) => this.message(request, RTM_NEWADDR, NLM_F_MULTI, addressOf(one, address))));
  }

  /** @param {DataView} request for no list @param {number} type @returns {number} errno, 0: it was answered */
  answerAlone(request, type) {
    if (type !== RTM_GETLINK) return EOPNOTSUPP;
    if (request.byteLength < HEADER_SIZE + IFINFO_SIZE) return EINVAL;
    const index = request.getInt32(HEADER_SIZE + 4, true);
    const one = this.interfaces?.find((each) => each.index === index);
    if (!one) return ENODEV;
    this.deliver(this.message(request, RTM_NEWLINK, 0, link(one)));
    return 0;
  }

  /** Sends what fits together, and then the end. @param {DataView} request @param {number[][]} messages */
  list(request, messages) {
    /** @type {number[]} */
    let datagram = [];
    for (const message of messages) {
      if (datagram.length + message.length > DATAGRAM_SIZE) {
        this.deliver(datagram);
        datagram = [];
      }
      datagram.push(...message);
    }
    if (datagram.length > 0) this.deliver(datagram);
    this.deliver(this.message(request, NLMSG_DONE, NLM_F_MULTI, u32(0)));
  }

  /** An error has the whole request in it. @param {DataView} request @param {number} errno 0: it was done */
  acknowledge(request, errno) {
    const length = errno === 0 ? HEADER_SIZE : request.byteLength;
    const bytes = [...new Uint8Array(request.buffer, request.byteOffset, length)];
    this.deliver(this.message(request, NLMSG_ERROR, errno === 0 ? NLM_F_CAPPED : 0, [...u32(-errno), ...bytes]));
  }

  /**
   * @param {DataView} request that it answers @param {number} type @param {number} flags @param {number[]} payload
   * @returns {number[]} the message's bytes
   */
  message(request, type, flags, payload) {
    const size = HEADER_SIZE + payload.length;
    const sequence = request.getUint32(8, true);
    return padded([...u32(size), ...u16(type), ...u16(flags), ...u32(sequence), ...u32(this.portId), ...payload]);
  }

  /** What a program asks for and does not read is dropped, and it is told so (netlink_overrun). @param {number[]} bytes */
  deliver(bytes) {
    this.received.limit = this.receiveBuffer;
    if (!this.received.push({ data: Uint8Array.from(bytes) })) this.error = ENOBUFS;
    this.queue.notifyListeners(READABLE);
  }

  /**
   * Attempt.
   * @param {boolean} peek leave it queued
   * @returns {{ data: Uint8Array }}
   */
  receive(peek) {
    if (this.closed) throw EBADF;
    this.throwPending();
    const message = peek ? this.received.peek() : this.received.shift();
    if (!message) throw EAGAIN;
    return message;
  }

  /** FIONREAD: bytes of the next datagram. */
  nextLength() {
    return this.received.peek()?.data.byteLength ?? 0;
  }

  /** @returns {number} POLL* */
  poll() {
    if (this.closed) return POLLNVAL;
    return this.readiness(this.received.length > 0, true);
  }

  close() {
    this.closed = true;
    this.queue.notifyListeners(POLLNVAL);
  }
}

/** The kernel, and no other socket. @param {NetlinkAddress} peer */
function checkPeer({ portId }) {
  if (portId !== 0) throw ECONNREFUSED;
}

/** struct ifinfomsg and attributes. @param {Interface} one @returns {number[]} */
function link({ index, name, loopback, mtu, hardware }) {
  return [
    AF_UNSPEC, 0, ...u16(loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER), ...u32(index),
    ...u32(interfaceFlags(loopback)), ...u32(0),
    ...attribute(IFLA_IFNAME, text(name)),
    ...attribute(IFLA_MTU, u32(mtu)),
    ...attribute(IFLA_ADDRESS, [...hardware]),
    ...attribute(IFLA_BROADCAST, new Array(hardware.length).fill(loopback ? 0 : 0xff)),
  ];
}

/** struct ifaddrmsg and attributes. @param {Interface} one @param {Interface['addresses'][number]} address @returns {number[]} */
function addressOf({ index, name, loopback }, { ip, prefix }) {
  const bytes = [...ip.bytes];
  const scope = loopback ? RT_SCOPE_HOST : isLinkLocal(bytes) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const head = [familyOf(ip), prefix, IFA_F_PERMANENT, scope, ...u32(index), ...attribute(IFA_ADDRESS, bytes)];
  // Linux has no name, and no second address, of those of IPv6.
  if (ip.family === 6) return head;
  return [
    ...head, ...attribute(IFA_LOCAL, bytes), ...attribute(IFA_LABEL, text(name)),
    ...(loopback ? [] : attribute(IFA_BROADCAST, broadcastAddress(bytes, prefix))),
  ];
}

/** fe80::/10 or 169.254.0.0/16. @param {number[]} bytes */
function isLinkLocal(bytes) {
  return bytes.length === 16 ? bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80 : bytes[0] === 169 && bytes[1] === 254;
}

/** @param {import('./address.js').Ip} ip @returns {number} AF_* */
function familyOf({ family }) {
  return family === 4 ? AF_INET : AF_INET6;
}

/** struct rtattr. @param {number} type @param {number[]} value @returns {number[]} */
function attribute(type, value) {
  return padded([...u16(4 + value.length), ...u16(type), ...value]);
}

/** @param {string} value ASCII @returns {number[]} with its end */
function text(value) {
  return [...value].map((letter) => letter.charCodeAt(0)).concat(0);
}

/** @param {number[]} bytes @returns {number[]} of a length that the next message or attribute may begin at */
function padded(bytes) {
  return bytes.concat(new Array(align(bytes.length) - bytes.length).fill(0));
}

/** @param {number} length @returns {number} NLMSG_ALIGN, RTA_ALIGN */
function align(length) {
  return (length + 3) & ~3;
}

/** @param {number} value */
const u16 = (value) => [value & 0xff, (value >> 8) & 0xff];
/** @param {number} value */
const u32 = (value) => [...u16(value), ...u16(value >> 16)];
