// socketpair(): two sockets of the program, connected with each other and with nothing outside. Programs wake their own
// event loop through one, or let threads talk over it. No browser, no wasm memory, no descriptor; attempts as in tcp.js and
// udp.js. Linux decides every case (net/unix/af_unix.c).
import {
  AF_UNIX, EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EINVAL, EMSGSIZE, ENOTCONN, EOPNOTSUPP, EPIPE, MSG_OOB, POLLHUP,
  POLLNVAL, READABLE, SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_DGRAM, SOCK_STREAM, WRITABLE,
} from './abi.js';
import { ByteQueue } from './byte-queue.js';
import { DATAGRAM_OVERHEAD, DatagramQueue } from './datagram-queue.js';
import { BUFFER_DEFAULT, SocketBase } from './socket-base.js';

/** Linux leaves so much of SO_SNDBUF to itself (unix_dgram_sendmsg). */
const SEND_BUFFER_RESERVE = 32;

/** What both kinds have in common. Subclasses have `queued`, `send` and `receive`. */
class PairSocket extends SocketBase {
  /**
   * @param {number} type SOCK_*
   * @param {import('./attempt.js').WaitQueue} queue notified at every change of readiness
   */
  constructor(type, queue) {
    super({ family: AF_UNIX, type, protocol: 0, queue });
    /** The other end; undefined before connectPair(). @type {PairSocket | undefined} */
    this.other = undefined;
    this.closed = false;
    /** SO_SNDBUF: bounds what the other end has not read. */
    this.sendBuffer = BUFFER_DEFAULT;
    /** SO_RCVBUF, which nothing heeds, in Linux either. */
    this.receiveBuffer = BUFFER_DEFAULT;
  }

  /** Bytes that wait to be read here, with what Linux charges for each piece. @returns {number} */
  get queued() {
    return 0;
  }

  /** Ends of one connection, as opposed to datagrams: one end then hears of what becomes of the other. */
  get isConnection() {
    return this.type !== SOCK_DGRAM;
  }

  /** Unnamed, as both are: undefined. */
  localEndpoint() {
    if (this.closed) throw EBADF;
    return undefined;
  }

  peerEndpoint() {
    if (this.closed) throw EBADF;
    if (!this.other) throw ENOTCONN;
    return undefined;
  }

  /** Neither kind has an address that it could be listening at. @returns {never} */
  beginListen() {
    throw EINVAL;
  }

  /** @returns {never} */
  accept() {
    throw EINVAL;
  }

  /** True when receive() is sure to throw EAGAIN. */
  nothingToReceive() {
    return this.queued === 0 && !this.readShut && this.error === 0 && !this.closed;
  }

  /** @param {number} how SHUT_* */
  shutdown(how) {
    if (this.closed) throw EBADF;
    if (how !== SHUT_RD && how !== SHUT_WR && how !== SHUT_RDWR) throw EINVAL;
    const read = how !== SHUT_WR, write = how !== SHUT_RD;
    this.shut(read, write);
    if (this.isConnection) this.other?.shut(write, read);
    return 0;
  }

  /** @param {boolean} read @param {boolean} write */
  shut(read, write) {
    this.readShut ||= read;
    this.writeShut ||= write;
    this.queue.notifyListeners(READABLE | WRITABLE | POLLHUP);
  }

  /** What this end has sent can still be read at the other; whoever waits here wakes with EBADF. */
  close() {
    if (this.closed) return;
    this.closed = true;
    const { other } = this;
    if (other && this.isConnection) {
      if (this.queued > 0) other.error = ECONNRESET;
      other.shut(true, true);
    } else {
      // A datagram socket that waits for room is told at its next attempt that nobody reads any more.
      other?.queue.notifyListeners(WRITABLE);
    }
    this.queue.notifyListeners(POLLNVAL);
  }

  /** @returns {number} POLL*: unix_poll, unix_dgram_poll */
  poll() {
    if (this.closed) return POLLNVAL;
    return this.readiness(this.queued > 0, this.writable());
  }

  /** A quarter of SO_SNDBUF or less is unread: unix_writable. */
  writable() {
    return !this.other || 4 * this.other.queued <= this.sendBuffer;
  }

  /**
   * Takes something off the queue, and tells the other end of the room when there is enough.
   * @template T
   * @param {() => T} take
   * @returns {T}
   */
  taking(take) {
    const { other } = this;
    const before = other?.writable();
    const taken = take();
    if (before === false && other?.writable()) other.queue.notifyListeners(WRITABLE);
    return taken;
  }
}

/** SOCK_STREAM. */
export class PairStream extends PairSocket {
  received = new ByteQueue();

  /** @override */
  get queued() {
    const { length, chunks, head } = this.received;
    return length + DATAGRAM_OVERHEAD * (chunks.length - head);
  }

  /**
   * Attempt.
   * @param {number} length bytes
   * @param {(target: Uint8Array) => void} copy stores the first bytes of them, as many as the target has
   * @param {number} flags MSG_*
   * @returns {number} bytes accepted, which may be fewer
   */
  send(length, copy, flags) {
    if (this.closed) throw EBADF;
    if (flags & MSG_OOB) throw EOPNOTSUPP;
    if (this.writeShut) throw EPIPE;
    if (length === 0) return 0;
    this.throwPending();
    const other = /** @type {PairStream} */ (this.other);
    const room = this.sendBuffer - other.queued;
    if (room <= 0) throw EAGAIN;
    const chunk = new Uint8Array(Math.min(room, length));
    copy(chunk);
    other.received.push(chunk);
    other.queue.notifyListeners(READABLE);
    return chunk.byteLength;
  }

  /**
   * Attempt.
   * @param {number} limit bytes at most
   * @param {boolean} peek leave them queued
   * @param {(piece: Uint8Array, offset: number) => void} sink as of ByteQueue.read
   * @returns {number} bytes; 0 at the end of the stream
   */
  receive(limit, peek, sink) {
    if (this.closed) throw EBADF;
    if (this.received.length > 0) return this.taking(() => this.received.read(limit, peek, sink));
    this.throwPending();
    if (this.readShut) return 0;
    throw EAGAIN;
  }

  /** True when send() is sure to take so many bytes, if it takes any. @param {number} length */
  takesAtOnce(length) {
    return this.other !== undefined && this.other.queued + length <= this.sendBuffer;
  }

  /** True when receive() is sure to hand over bytes. */
  hasBytes() {
    return !this.closed && this.received.length > 0;
  }

  /** FIONREAD: bytes that can be read. */
  nextLength() {
    return this.received.length;
  }

  /** True when the other end has to wait for this one to read. */
  isFull() {
    return !this.other || this.queued >= this.other.sendBuffer;
  }

  /** True when no more bytes will come than are queued. */
  atEnd() {
    return this.readShut;
  }
}

/** SOCK_DGRAM and SOCK_SEQPACKET. */
class PairMessages extends PairSocket {
  /** Bounded by what its writer may have unread. @type {DatagramQueue<{ data: Uint8Array }>} */
  received = new DatagramQueue(Infinity);

  /** @override */
  get queued() {
    return this.received.bytes;
  }

  /**
   * Attempt.
   * @param {number} length bytes
   * @param {() => Uint8Array} copy of them
   * @param {undefined} _destination neither kind takes one
   * @param {number} flags MSG_*
   * @returns {number} `length`
   */
  send(length, copy, _destination, flags) {
    if (this.closed) throw EBADF;
    this.throwPending();
    if (flags & MSG_OOB) throw EOPNOTSUPP;
    if (!this.other) throw ENOTCONN;
    if (length > this.sendBuffer - SEND_BUFFER_RESERVE) throw EMSGSIZE;
    if (this.writeShut) throw EPIPE;
    const other = /** @type {PairMessages} */ (this.other);
    if (other.closed) {
      // Told once; the connection is gone then.
      this.other = undefined;
      throw ECONNREFUSED;
    }
    if (other.readShut) throw EPIPE;
    // The last one may exceed the room, as in Linux: whoever waits for room need not know how much.
    if (other.queued >= this.sendBuffer) throw EAGAIN;
    other.received.push({ data: copy() });
    other.queue.notifyListeners(READABLE);
    return length;
  }

  /**
   * Attempt.
   * @param {boolean} peek leave it queued
   * @param {boolean} nonblocking
   * @returns {{ data: Uint8Array } | undefined} undefined at the end
   */
  receive(peek, nonblocking) {
    if (this.closed) throw EBADF;
    this.throwPending();
    const message = peek ? this.received.peek() : this.taking(() => this.received.shift());
    if (message) return message;
    // Of datagrams a call that would not wait never finds out: Linux looks at the shutdown when it goes to sleep.
    if (this.readShut && (this.isConnection || !nonblocking)) return undefined;
    throw EAGAIN;
  }

  /** FIONREAD: bytes of the next message. */
  nextLength() {
    return this.received.peek()?.data.byteLength ?? 0;
  }
}

/** @typedef {PairStream | PairMessages} PairEnd */

/**
 * One end, not connected yet.
 * @param {number} type SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET
 * @param {import('./attempt.js').WaitQueue} queue notified at every change of readiness
 * @returns {PairEnd}
 */
export function makePairEnd(type, queue) {
  return type === SOCK_STREAM ? new PairStream(type, queue) : new PairMessages(type, queue);
}

/** @param {PairEnd} one @param {PairEnd} two of the same type */
export function connectPair(one, two) {
  one.other = two;
  two.other = one;
}
