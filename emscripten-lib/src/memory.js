// Wasm memory as the marshalling code sees it: checked ranges, struct sockaddr, struct iovec. The accessors come from
// libdirectsockets.js, where Emscripten's macros make them right for every memory model.
import {
  AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AF_UNSPEC, EAFNOSUPPORT, EFAULT, EINVAL, ENETUNREACH,
} from './abi.js';
import { ipFromBytes, isWildcard, mapped } from './address.js';
import { BufferPool } from './buffer-pool.js';

/** @typedef {import('./address.js').Endpoint} Endpoint */
/** @typedef {import('./route-socket.js').NetlinkAddress} NetlinkAddress */
/** @typedef {{ pointer: number, length: number }} Range */

/**
 * @typedef {object} MemoryAccess
 * @property {() => Uint8Array} bytes the whole memory; its view changes when memory grows
 * @property {(pointer: number) => number} readPointer
 * @property {(pointer: number) => number} readI16
 * @property {(pointer: number) => number} readI32
 * @property {(pointer: number) => number} readI64 as a double; only small values are read
 * @property {(pointer: number, value: number) => void} writeI16
 * @property {(pointer: number, value: number) => void} writeI32
 * @property {(pointer: number, value: number) => void} writeI64
 * @property {(pointer: number, value: number) => void} writeSize a size_t
 * @property {number} pointerSize
 * @property {Record<'name' | 'namelen' | 'iov' | 'iovlen' | 'control' | 'controllen' | 'flags', number>} msghdr
 *   offsets of struct msghdr
 * @property {Record<'flags' | 'family' | 'socktype' | 'protocol' | 'addrlen' | 'addr' | 'canonname' | 'next' | 'size',
 *   number> & { firstAddressApart: boolean }} addrinfo offsets of struct addrinfo, and what freeaddrinfo() frees:
 *   addrinfo-memory.js
 */

export const SIZE_4 = 16;
export const SIZE_6 = 28;
const SIZE_NETLINK = 12;
/** An AF_UNIX address without a path is its family. */
const SIZE_UNNAMED = 2;
/** Of every address the library stores. */
export const SOCKADDR_MAX = SIZE_6;
/** The longest address that any call takes. */
export const SOCKADDR_STORAGE = 128;
/** struct sockaddr_in6 without the scope id, which RFC 2133 did not have; Linux takes it. */
const SIZE_6_SHORT = 24;

/** Linux's UIO_MAXIOV. */
const IOVECS_MAX = 1024;
/** SSIZE_MAX where pointers have four bytes. */
const SSIZE_MAX_4 = 0x7fffffff;

export class Memory {
  /** @param {MemoryAccess} access */
  constructor(access) {
    this.access = access;
    /** For datagrams: whoever knows that one has left gives its buffer back. */
    this.buffers = new BufferPool();
  }

  /**
   * Wasm has no unmapped pages: what can be found out is a null pointer and an end beyond the memory. Where memory may
   * exceed 2 GiB pointers arrive unsigned; elsewhere one that is negative is beyond it.
   * @param {number} pointer
   * @param {number} length
   */
  check(pointer, length) {
    if (length > 0 && (pointer <= 0 || pointer + length > this.access.bytes().length)) throw EFAULT;
  }

  /**
   * A buffer for a call. Linux minds the bytes it touches alone: a length that leaves the memory is cut to it.
   * @param {number} pointer
   * @param {number} size a size_t, which arrives as a signed number
   * @returns {Range & { asked: number }} and the length that was asked for
   */
  buffer(pointer, size) {
    const asked = size >= 0 ? size : this.access.pointerSize === 4 ? size >>> 0 : Number.MAX_SAFE_INTEGER;
    const room = this.access.bytes().length - pointer;
    if (asked > 0 && (pointer <= 0 || room <= 0)) throw EFAULT;
    return { pointer, length: Math.min(asked, room), asked };
  }

  /** @param {Range[]} ranges @param {number} total @returns {Uint8Array} not shared with the program */
  gather(ranges, total) {
    const data = this.buffers.take(total);
    let offset = 0;
    for (const { pointer, length } of ranges) {
      data.set(this.access.bytes().subarray(pointer, pointer + length), offset);
      offset += length;
    }
    return data;
  }

  /**
   * Fills `target` with bytes of the program.
   * @param {Range[]} ranges
   * @param {number} start bytes of them to leave out
   * @param {Uint8Array} target
   */
  gatherInto(ranges, start, target) {
    const memory = this.access.bytes();
    let stored = 0;
    for (const { pointer, length } of ranges) {
      if (stored === target.byteLength) return;
      const skip = Math.min(start, length);
      start -= skip;
      const take = Math.min(length - skip, target.byteLength - stored);
      if (take > 0) target.set(memory.subarray(pointer + skip, pointer + skip + take), stored);
      stored += take;
    }
  }

  /**
   * Stores bytes that fit.
   * @param {Uint8Array} data
   * @param {Range[]} ranges
   * @param {number} start bytes of the ranges to leave out
   */
  store(data, ranges, start) {
    const memory = this.access.bytes();
    let taken = 0;
    for (const { pointer, length } of ranges) {
      const skip = Math.min(start, length);
      start -= skip;
      const take = Math.min(length - skip, data.byteLength - taken);
      if (take > 0) memory.set(take < data.byteLength ? data.subarray(taken, taken + take) : data, pointer + skip);
      taken += take;
      if (taken === data.byteLength) return;
    }
  }

  /** @param {Uint8Array} data @param {Range[]} ranges @returns {number} bytes stored: what does not fit is cut off */
  scatter(data, ranges) {
    let offset = 0;
    for (const { pointer, length } of ranges) {
      const end = Math.min(offset + length, data.byteLength);
      if (end > offset) this.access.bytes().set(end - offset < data.byteLength ? data.subarray(offset, end) : data, pointer);
      offset = end;
    }
    return offset;
  }

  /**
   * @param {number} pointer struct iovec[]
   * @param {number} count
   * @param {number} tooMany errno for a count out of range: sendmsg and readv differ
   * @returns {Range[]}
   */
  readIovecs(pointer, count, tooMany) {
    if (count < 0 || count > IOVECS_MAX) throw tooMany;
    const { pointerSize } = this.access;
    this.check(pointer, count * 2 * pointerSize);
    const ranges = [];
    for (let i = 0; i < count; i++, pointer += 2 * pointerSize) {
      const base = this.access.readPointer(pointer);
      const length = this.access.readPointer(pointer + pointerSize);
      if (length < 0 || length > (pointerSize === 4 ? SSIZE_MAX_4 : Number.MAX_SAFE_INTEGER)) throw EINVAL;
      this.check(base, length);
      ranges.push({ pointer: base, length });
    }
    return ranges;
  }

  /** @param {number} pointer struct sockaddr @param {number} length @returns {number} AF_* */
  readFamily(pointer, length) {
    if (length < 2 || length > SOCKADDR_STORAGE) throw EINVAL;
    this.check(pointer, length);
    return this.access.readI16(pointer);
  }

  /** @param {number} pointer @param {4 | 6} family @returns {Endpoint} */
  readEndpoint(pointer, family) {
    const bytes = this.access.bytes();
    return {
      ip: ipFromBytes(bytes, pointer + (family === 4 ? 4 : 8), family),
      port: (bytes[pointer + 2] << 8) | bytes[pointer + 3],
    };
  }

  /**
   * struct sockaddr_nl: netlink_bind, netlink_connect, netlink_sendmsg.
   * @param {number} pointer @param {number} length @returns {NetlinkAddress}
   */
  readNetlink(pointer, length) {
    const family = this.readFamily(pointer, length);
    if (length < SIZE_NETLINK || family !== AF_NETLINK) throw EINVAL;
    return { portId: this.access.readI32(pointer + 4) >>> 0, groups: this.access.readI32(pointer + 8) >>> 0 };
  }

  /**
   * For bind(): net/ipv4/af_inet.c, __inet_bind; net/ipv6/af_inet6.c, __inet6_bind.
   * @param {number} pointer @param {number} length @param {number} domain AF_* of the socket @returns {Endpoint}
   */
  readLocal(pointer, length, domain) {
    const family = this.readFamily(pointer, length);
    if (length < (domain === AF_INET ? SIZE_4 : SIZE_6_SHORT)) throw EINVAL;
    if (domain === AF_INET6) {
      if (family !== AF_INET6) throw EAFNOSUPPORT;
      return this.readEndpoint(pointer, 6);
    }
    const local = this.readEndpoint(pointer, 4);
    // Old programs bind to the wildcard with the family left 0.
    if (family !== AF_INET && !(family === AF_UNSPEC && isWildcard(local.ip))) throw EAFNOSUPPORT;
    return local;
  }

  /**
   * For connect(): undefined is AF_UNSPEC.
   * @param {number} pointer @param {number} length @param {number} domain @param {boolean} v6Only
   * @returns {Endpoint | undefined}
   */
  readPeer(pointer, length, domain, v6Only) {
    const family = this.readFamily(pointer, length);
    if (family === AF_UNSPEC) return undefined;
    if (domain === AF_INET6 && family === AF_INET && !v6Only) {
      if (length < SIZE_4) throw EINVAL;
      return toDual(this.readEndpoint(pointer, 4));
    }
    if (length < (domain === AF_INET ? SIZE_4 : SIZE_6_SHORT)) throw EINVAL;
    if (family !== domain) throw EAFNOSUPPORT;
    return this.readEndpoint(pointer, domain === AF_INET ? 4 : 6);
  }

  /**
   * For sendto() and sendmsg(): udp_sendmsg, udpv6_sendmsg. undefined is "as if no address were given".
   * @param {number} pointer @param {number} length @param {number} domain @param {boolean} v6Only
   * @returns {Endpoint | undefined}
   */
  readDestination(pointer, length, domain, v6Only) {
    if (length === 0 && domain === AF_INET) throw EINVAL;
    const family = this.readFamily(pointer, length);
    if (domain === AF_INET) {
      if (length < SIZE_4) throw EINVAL;
      if (family !== AF_INET && family !== AF_UNSPEC) throw EAFNOSUPPORT;
      return this.readEndpoint(pointer, 4);
    }
    switch (family) {
      case AF_INET6:
        if (length < SIZE_6_SHORT) throw EINVAL;
        return this.readEndpoint(pointer, 6);
      case AF_INET:
        if (v6Only) throw ENETUNREACH;
        if (length < SIZE_4) throw EINVAL;
        return toDual(this.readEndpoint(pointer, 4));
      case AF_UNSPEC:
        return undefined;
      default:
        throw EINVAL;
    }
  }

  /**
   * Stores as much of a struct sockaddr as there is room for.
   * @param {Endpoint | NetlinkAddress | undefined} endpoint undefined: an AF_UNIX socket without a name
   * @param {number} pointer
   * @param {number} room bytes
   * @returns {number} the length of the whole
   */
  writeEndpoint(endpoint, pointer, room) {
    if (!endpoint) {
      this.access.bytes().set([AF_UNIX, 0].slice(0, room), pointer);
      return SIZE_UNNAMED;
    }
    if ('portId' in endpoint) {
      const words = new Uint32Array([AF_NETLINK, endpoint.portId, endpoint.groups]);
      this.access.bytes().set(new Uint8Array(words.buffer).subarray(0, room), pointer);
      return SIZE_NETLINK;
    }
    const { ip, port } = endpoint;
    const size = ip.family === 4 ? SIZE_4 : SIZE_6;
    const whole = room >= size;
    const bytes = whole ? this.access.bytes() : new Uint8Array(size);
    const start = whole ? pointer : 0;
    bytes.fill(0, start, start + size);
    bytes[start] = ip.family === 4 ? AF_INET : AF_INET6;
    bytes[start + 2] = port >> 8;
    bytes[start + 3] = port;
    bytes.set(ip.bytes, start + (ip.family === 4 ? 4 : 8));
    if (!whole) this.access.bytes().set(bytes.subarray(0, room), pointer);
    return size;
  }

  /**
   * The pair (struct sockaddr *, socklen_t *) of getsockname() and its like.
   * @param {number} pointer @param {number} lengthPointer
   * @returns {number} the room there is, checked
   */
  readRoom(pointer, lengthPointer) {
    this.check(lengthPointer, 4);
    const room = this.access.readI32(lengthPointer);
    if (room < 0) throw EINVAL;
    this.check(pointer, Math.min(room, SIZE_6));
    return room;
  }
}

/** @param {Endpoint} endpoint IPv4, towards which an IPv6 socket sends */
function toDual({ ip, port }) {
  return { ip: mapped(ip), port };
}
