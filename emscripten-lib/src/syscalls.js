// The socket syscalls: pointers and sockaddrs in, one attempt, results out. What a call means is the socket's business
// (udp.js, tcp.js, pair.js, route-socket.js), whether and how it waits is attempt.js's. Each returns a number, negative
// errno for failure, or a Promise of one when it has to wait.
import {
  AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, EAFNOSUPPORT, EAGAIN, EFAULT, EINPROGRESS, EINVAL, EISCONN, EMSGSIZE, EOPNOTSUPP,
  EPROTONOSUPPORT, ESOCKTNOSUPPORT, IPPROTO_TCP, IPPROTO_UDP, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_PEEK, MSG_TRUNC,
  NETLINK_ROUTE, O_NONBLOCK, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM,
} from './abi.js';
import { ipFromText, mapped } from './address.js';
import { guarded } from './guarded.js';
import { answerRequest } from './interface-requests.js';
import { SOCKADDR_MAX, SOCKADDR_STORAGE } from './memory.js';
import { makeOptionCalls } from './option-calls.js';
import { connectPair, makePairEnd } from './pair.js';
import { RouteSocket } from './route-socket.js';
import { makeStreamTransfer } from './stream-transfer.js';

/** @typedef {import('./descriptors.js').Socket} Socket */
/** @typedef {import('./memory.js').Range} Range */
/** @typedef {import('./descriptors.js').Stream} Stream */

/** The type of a socket without its flags. */
const TYPE_MASK = 0xf;
/** Longer ones are EMSGSIZE before anything is read of them (udp_sendmsg). */
const DATAGRAM_MAX = 0xffff;
/** Linux's IPPROTO_MAX. */
const PROTOCOLS = 263;

/** What socketpair() makes of each type: raw ones are datagrams (unix_create). */
const PAIR_TYPES = new Map([
  [SOCK_STREAM, SOCK_STREAM], [SOCK_DGRAM, SOCK_DGRAM], [SOCK_RAW, SOCK_DGRAM], [SOCK_SEQPACKET, SOCK_SEQPACKET],
]);

/**
 * @param {object} parts
 * @param {import('./memory.js').Memory} parts.memory
 * @param {ReturnType<typeof import('./descriptors.js').makeDescriptors>} parts.descriptors
 * @param {import('./attempt.js').Attempter} parts.attempter
 * @param {(family: number, queue: import('./attempt.js').WaitQueue) => Socket} parts.createUdp
 * @param {(family: number, queue: import('./attempt.js').WaitQueue) => Socket} parts.createTcp
 * @param {import('./recent.js').Recent<import('./interfaces.js').Interface[]>} parts.interfaces for one question: ''
 */
export function makeSyscalls({ memory, descriptors, attempter, createUdp, createTcp, interfaces }) {
  const { access } = memory;
  const streams = makeStreamTransfer(memory, attempter);
  const msghdr = access.msghdr;

  /** Waits even on a non-blocking descriptor: for what the browser alone knows. See UdpSocket.beginBind. */
  const complete = (/** @type {Socket} */ socket, /** @type {() => number} */ attempt) =>
    attempter.call(attempt, { queue: socket.queue, nonblocking: false, timeout: 0 });

  /**
   * @param {Stream} stream
   * @param {Range[]} ranges
   * @param {number} total
   * @param {number} flags
   * @param {import('./address.js').Endpoint | import('./memory.js').NetlinkAddress | undefined} destination
   */
  function send(stream, ranges, total, flags, destination) {
    const { node: { socket }, flags: mode } = stream;
    if (socket.type === SOCK_STREAM) return streams.send(stream, ranges, total, flags);
    const nonblocking = ((flags & MSG_DONTWAIT) | (mode & O_NONBLOCK)) !== 0 || socket.sendTimeout < 0;
    const copy = () => memory.gather(ranges, total);
    let sent = false;
    return attempter.call(() => {
      if (!sent) {
        socket.send(total, copy, destination, flags);
        sent = true;
      }
      // The first send of an unbound socket is told whether it could be bound.
      if (!nonblocking && socket.implicit) socket.finishBind();
      return total;
    }, { queue: socket.queue, nonblocking, timeout: socket.sendTimeout });
  }

  /**
   * @param {Stream} stream
   * @param {Range[]} ranges
   * @param {number} flags
   * @param {(message: UDPMessage | undefined, truncated: boolean) => void} [report] stores what else the caller wants
   */
  function receive(stream, ranges, flags, report) {
    const { node: { socket }, flags: mode } = stream;
    const nonblocking = ((flags & MSG_DONTWAIT) | (mode & O_NONBLOCK)) !== 0 || socket.receiveTimeout < 0;
    // There is no error queue here, so it is always empty.
    if (flags & MSG_ERRQUEUE) return -EAGAIN;
    if (socket.type === SOCK_STREAM) {
      const received = streams.receive(stream, ranges, ranges.reduce((sum, { length }) => sum + length, 0), flags);
      // The bytes of a stream come from its one peer: Linux names no source.
      return report === undefined ? received : andThen(received, (count) => {
        if (count >= 0) report(undefined, false);
        return count;
      });
    }
    return attempter.call(() => {
      const message = socket.receive((flags & MSG_PEEK) !== 0, nonblocking);
      if (!message) {
        report?.(undefined, false);
        return 0;
      }
      const { data } = message;
      const stored = memory.scatter(data, ranges);
      report?.(message, stored < data.byteLength);
      return flags & MSG_TRUNC ? data.byteLength : stored;
    }, {
      queue: socket.queue, nonblocking, timeout: socket.receiveTimeout, gather: true,
      hopeless: () => socket.nothingToReceive(),
    });
  }

  /** @param {Socket} socket @param {UDPMessage} message */
  function sourceOf(socket, { remoteAddress, remotePort }) {
    const ip = ipFromText(remoteAddress) ?? socket.wildcard();
    // An IPv6 socket sees IPv4 peers as mapped addresses, whatever the browser writes.
    return { ip: socket.family === AF_INET6 && ip.family === 4 ? mapped(ip) : ip, port: remotePort };
  }

  /**
   * Stores the source of what receive() reported.
   * @param {Socket} socket @param {UDPMessage | undefined} message @param {number} pointer @param {number} room
   * @returns {number} the address's length: 0 of what has none
   */
  function writeSource(socket, message, pointer, room) {
    if (!message || socket.family === AF_UNIX) return 0;
    if (socket.family === AF_NETLINK) return memory.writeEndpoint(socket.peerEndpoint(), pointer, room);
    return memory.writeEndpoint(sourceOf(socket, message), pointer, room);
  }

  /**
   * The destination that send() is given, which a connected stream does without.
   * @param {Socket} socket @param {number} pointer @param {number} length
   */
  function readDestination(socket, pointer, length) {
    if (socket.family === AF_UNIX) {
      // Nobody has a name that could be given (unix_stream_sendmsg; unix_seqpacket_sendmsg does not look).
      if (length > 0 && socket.type === SOCK_STREAM) throw EISCONN;
      if (length > 0 && socket.type === SOCK_DGRAM) throw EOPNOTSUPP;
      return undefined;
    }
    if (socket.type === SOCK_STREAM) return undefined;
    if (socket.family === AF_NETLINK) return length === 0 ? undefined : memory.readNetlink(pointer, length);
    return memory.readDestination(pointer, length, socket.family, socket.v6Only);
  }

  /** @param {number} fd @returns {Stream} of a socket that can have an address */
  function addressable(fd) {
    const stream = descriptors.get(fd);
    // No file is a socket here.
    if (stream.node.socket.family === AF_UNIX) throw EOPNOTSUPP;
    return stream;
  }

  /** @param {number} fd @param {number} pointer @param {number} lengthPointer @param {(s: Socket) => any} endpoint */
  function name(fd, pointer, lengthPointer, endpoint) {
    const { node: { socket } } = descriptors.get(fd);
    const room = memory.readRoom(pointer, lengthPointer);
    return complete(socket, () => {
      access.writeI32(lengthPointer, memory.writeEndpoint(endpoint(socket), pointer, room));
      return 0;
    });
  }

  /** @param {Socket} socket @param {number} pointer @param {number} length @returns {any} what its bind() takes */
  function readLocal(socket, pointer, length) {
    if (socket.family === AF_NETLINK) return memory.readNetlink(pointer, length);
    return memory.readLocal(pointer, length, socket.family);
  }

  /** @param {Socket} socket @param {number} pointer @param {number} length @returns {any} what its connect() takes */
  function readPeer(socket, pointer, length) {
    if (socket.family === AF_NETLINK) return memory.readNetlink(pointer, length);
    return memory.readPeer(pointer, length, socket.family, socket.v6Only);
  }

  /**
   * A socket to the kernel, once it is known what that would say.
   * @param {number} type @param {number} protocol @param {number} flags O_NONBLOCK or 0
   */
  function openRoute(type, protocol, flags) {
    if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw ESOCKTNOSUPPORT;
    if (protocol !== NETLINK_ROUTE) throw EPROTONOSUPPORT;
    const fd = descriptors.open((queue) => new RouteSocket({ type, queue }), flags);
    const { socket } = descriptors.get(fd).node;
    return attempter.call(() => {
      socket.interfaces = interfaces.known('', socket.queue);
      return fd;
    }, {
      queue: socket.queue, nonblocking: false, timeout: 0, late() {
        descriptors.close(fd);
        return -EAGAIN;
      },
    });
  }

  /** @param {number} fd @returns {Stream} of a socket that can listen */
  function listenable(fd) {
    const stream = descriptors.get(fd);
    if (stream.node.socket.type === SOCK_DGRAM) throw EOPNOTSUPP;
    return stream;
  }

  /** @param {Stream} stream @param {import('./address.js').Endpoint} peer */
  function connectStream({ node: { socket }, flags }, peer) {
    const nonblocking = (flags & O_NONBLOCK) !== 0 || socket.sendTimeout < 0;
    if (socket.beginConnect(peer, nonblocking) && nonblocking) return -EINPROGRESS;
    return attempter.call(() => socket.finishConnect(), {
      queue: socket.queue, nonblocking, timeout: socket.sendTimeout, late: -EINPROGRESS,
    });
  }

  return {
    socket: guarded((/** @type {number} */ domain, /** @type {number} */ type, /** @type {number} */ protocol) => {
      if (type & ~(TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK)) throw EINVAL;
      const kind = type & TYPE_MASK;
      const flags = type & SOCK_NONBLOCK ? O_NONBLOCK : 0;
      if (domain === AF_NETLINK) return openRoute(kind, protocol, flags);
      // It reaches nobody, but libc asks through one for the index of an interface.
      if (domain === AF_UNIX && kind === SOCK_DGRAM && protocol === 0) {
        return descriptors.open((queue) => makePairEnd(kind, queue), flags);
      }
      if (domain !== AF_INET && domain !== AF_INET6) throw EAFNOSUPPORT;
      const stream = kind === SOCK_STREAM;
      if (!stream && kind !== SOCK_DGRAM) throw ESOCKTNOSUPPORT;
      if (protocol < 0 || protocol >= PROTOCOLS) throw EINVAL;
      if (protocol !== 0 && protocol !== (stream ? IPPROTO_TCP : IPPROTO_UDP)) throw EPROTONOSUPPORT;
      const create = stream ? createTcp : createUdp;
      return descriptors.open((queue) => create(domain, queue), flags);
    }),

    socketpair: guarded((/** @type {number} */ domain, /** @type {number} */ type, /** @type {number} */ protocol,
      /** @type {number} */ pointer) => {
      if (type & ~(TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK)) throw EINVAL;
      memory.check(pointer, 8);
      if (domain === AF_INET || domain === AF_INET6) throw EOPNOTSUPP;
      if (domain !== AF_UNIX) throw EAFNOSUPPORT;
      if (protocol !== 0 && protocol !== AF_UNIX) throw EPROTONOSUPPORT;
      const kind = PAIR_TYPES.get(type & TYPE_MASK);
      if (kind === undefined) throw ESOCKTNOSUPPORT;
      const flags = type & SOCK_NONBLOCK ? O_NONBLOCK : 0;
      const open = () => descriptors.open((queue) => makePairEnd(kind, queue), flags);
      const one = open();
      let two;
      try {
        two = open();
      } catch (error) {
        descriptors.close(one);
        throw error;
      }
      connectPair(descriptors.get(one).node.socket, descriptors.get(two).node.socket);
      access.writeI32(pointer, one);
      access.writeI32(pointer + 4, two);
      return 0;
    }),

    bind: guarded((/** @type {number} */ fd, /** @type {number} */ pointer, /** @type {number} */ length) => {
      const { node: { socket } } = addressable(fd);
      socket.beginBind(readLocal(socket, pointer, length));
      return complete(socket, () => socket.finishBind());
    }),

    connect: guarded((/** @type {number} */ fd, /** @type {number} */ pointer, /** @type {number} */ length) => {
      const stream = addressable(fd);
      const { node: { socket }, flags } = stream;
      const peer = readPeer(socket, pointer, length);
      if (!peer) {
        socket.disconnect();
        return 0;
      }
      if (socket.type === SOCK_STREAM) return connectStream(stream, peer);
      socket.connect(peer);
      // A failure to bind stays in SO_ERROR for a non-blocking socket.
      return flags & O_NONBLOCK ? 0 : complete(socket, () => socket.finishBind());
    }),

    getsockname: guarded((/** @type {number} */ fd, /** @type {number} */ pointer, /** @type {number} */ length) =>
      name(fd, pointer, length, (socket) => socket.localEndpoint())),

    getpeername: guarded((/** @type {number} */ fd, /** @type {number} */ pointer, /** @type {number} */ length) =>
      name(fd, pointer, length, (socket) => socket.peerEndpoint())),

    sendto: guarded((/** @type {number} */ fd, /** @type {number} */ buffer, /** @type {number} */ length,
      /** @type {number} */ flags, /** @type {number} */ address, /** @type {number} */ addressLength) => {
      const stream = descriptors.get(fd);
      const { socket } = stream.node;
      const range = memory.buffer(buffer, length);
      const destination = address === 0 ? undefined : readDestination(socket, address, addressLength);
      if (socket.type === SOCK_STREAM) return send(stream, [range], range.length, flags, destination);
      if (range.asked > range.length) throw range.asked > DATAGRAM_MAX ? EMSGSIZE : EFAULT;
      return send(stream, [range], range.length, flags, destination);
    }),

    recvfrom: guarded((/** @type {number} */ fd, /** @type {number} */ buffer, /** @type {number} */ length,
      /** @type {number} */ flags, /** @type {number} */ address, /** @type {number} */ lengthPointer) => {
      const stream = descriptors.get(fd);
      const { socket } = stream.node;
      const ranges = [memory.buffer(buffer, length)];
      if (address === 0) return receive(stream, ranges, flags);
      const room = memory.readRoom(address, lengthPointer);
      return receive(stream, ranges, flags, (message) => {
        access.writeI32(lengthPointer, writeSource(socket, message, address, room));
      });
    }),

    sendmsg: guarded((/** @type {number} */ fd, /** @type {number} */ message, /** @type {number} */ flags) => {
      const stream = descriptors.get(fd);
      const { socket } = stream.node;
      memory.check(message, msghdr.flags + 4);
      const address = access.readPointer(message + msghdr.name);
      const addressLength = access.readI32(message + msghdr.namelen);
      if (addressLength < 0) throw EINVAL;
      const ranges = memory.readIovecs(
        access.readPointer(message + msghdr.iov), access.readI32(message + msghdr.iovlen), EMSGSIZE);
      const total = ranges.reduce((sum, { length }) => sum + length, 0);
      const destination = address === 0 || addressLength === 0
        ? undefined
        : readDestination(socket, address, Math.min(addressLength, SOCKADDR_STORAGE));
      return send(stream, ranges, total, flags, destination);
    }),

    recvmsg: guarded((/** @type {number} */ fd, /** @type {number} */ message, /** @type {number} */ flags) => {
      const stream = descriptors.get(fd);
      const { socket } = stream.node;
      memory.check(message, msghdr.flags + 4);
      const address = access.readPointer(message + msghdr.name);
      const room = access.readI32(message + msghdr.namelen);
      if (room < 0) throw EINVAL;
      if (address !== 0) memory.check(address, Math.min(room, SOCKADDR_MAX));
      const ranges = memory.readIovecs(
        access.readPointer(message + msghdr.iov), access.readI32(message + msghdr.iovlen), EMSGSIZE);
      return receive(stream, ranges, flags, (datagram, truncated) => {
        if (address !== 0) {
          access.writeI32(message + msghdr.namelen, writeSource(socket, datagram, address, room));
        }
        access.writeI32(message + msghdr.controllen, 0);
        access.writeI32(message + msghdr.flags, truncated ? MSG_TRUNC : 0);
      });
    }),

    /** read() and readv(), as WASI's fd_read: a positive errno, the count through a pointer. */
    readv: (/** @type {Stream} */ stream, /** @type {number} */ iov, /** @type {number} */ count,
      /** @type {number} */ result) => wasi(result, guarded(() => {
      const ranges = memory.readIovecs(iov, count, EINVAL);
      // Linux returns 0 for an empty buffer without looking at the socket (net/socket.c, sock_read_iter).
      if (ranges.every(({ length }) => length === 0)) return 0;
      return receive(stream, ranges, 0);
    })),

    /** write() and writev(). */
    writev: (/** @type {Stream} */ stream, /** @type {number} */ iov, /** @type {number} */ count,
      /** @type {number} */ result) => wasi(result, guarded(() => {
      const ranges = memory.readIovecs(iov, count, EINVAL);
      return send(stream, ranges, ranges.reduce((sum, { length }) => sum + length, 0), 0, undefined);
    })),

    /** read() on standard input. */
    readStdin: (/** @type {Stream} */ stream, /** @type {number} */ iov, /** @type {number} */ count,
      /** @type {number} */ result) => wasi(result, guarded(() => {
      const ranges = memory.readIovecs(iov, count, EINVAL);
      const total = ranges.reduce((sum, { length }) => sum + length, 0);
      const { stdin } = stream.node;
      return attempter.call(() => memory.scatter(stdin.read(total), ranges), {
        queue: stream.node, nonblocking: (stream.flags & O_NONBLOCK) !== 0, timeout: 0,
      });
    })),

    ...makeOptionCalls({ memory, descriptors, complete }),

    /** ioctl() with a request that isInterfaceRequest() knows. */
    requestInterface: guarded((/** @type {number} */ fd, /** @type {number} */ request, /** @type {number} */ pointer) => {
      const { socket } = descriptors.get(fd).node;
      return complete(socket, () => answerRequest(memory, interfaces.known('', socket.queue), request, pointer));
    }),

    shutdown: guarded((/** @type {number} */ fd, /** @type {number} */ how) =>
      descriptors.get(fd).node.socket.shutdown(how)),

    listen: guarded((/** @type {number} */ fd, /** @type {number} */ backlog) => {
      const { node: { socket } } = listenable(fd);
      socket.beginListen();
      return complete(socket, () => socket.finishListen(backlog));
    }),

    accept4: guarded((/** @type {number} */ fd, /** @type {number} */ pointer, /** @type {number} */ lengthPointer,
      /** @type {number} */ flags) => {
      if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) throw EINVAL;
      const { node: { socket }, flags: mode } = listenable(fd);
      const room = pointer === 0 ? 0 : memory.readRoom(pointer, lengthPointer);
      return attempter.call(() => {
        descriptors.checkRoom();
        const accepted = socket.accept();
        const newFd = descriptors.open((queue) => socket.adopt(accepted, queue), flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);
        if (pointer !== 0) {
          const peer = descriptors.get(newFd).node.socket.peerEndpoint();
          access.writeI32(lengthPointer, memory.writeEndpoint(peer, pointer, room));
        }
        return newFd;
      }, {
        queue: socket.queue,
        nonblocking: (mode & O_NONBLOCK) !== 0 || socket.receiveTimeout < 0,
        timeout: socket.receiveTimeout,
      });
    }),
  };

  /**
   * @param {number} result where the count goes
   * @param {() => number | Promise<number>} operation
   * @returns {number | Promise<number>}
   */
  function wasi(result, operation) {
    const finish = (/** @type {number} */ value) => {
      if (value < 0) return -value;
      access.writeSize(result, value);
      return 0;
    };
    return andThen(operation(), finish);
  }
}

/**
 * @param {number | Promise<number>} value
 * @param {(value: number) => number} next
 * @returns {number | Promise<number>}
 */
function andThen(value, next) {
  return typeof value === 'number' ? next(value) : value.then(next);
}
