// epoll(7) over any descriptor of Emscripten's FS that poll() knows: sockets, pipes, standard input, other epolls. It owns
// interest lists and ready lists, and knows no socket. The order of checks and events is Linux's (fs/eventpoll.c). It
// replaces Emscripten's own: 6.0.5 has none, later ones have one whose waits are setTimeout's.
import {
  EAGAIN, EBADF, EEXIST, EFAULT, EINVAL, ELOOP, ENOENT, EPERM, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD,
  EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, EPOLLWAKEUP, O_RDWR, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, READABLE,
} from './abi.js';
import { guarded } from './guarded.js';

/** @typedef {import('./descriptors.js').Stream & { shared: object, tty?: unknown }} Stream */

/** struct epoll_event: uint32_t events, uint64_t data; packed on x86-64 alone (sys/epoll.h). */
const EVENT_SIZE = 16;
const DATA_OFFSET = 8;
/** EP_MAX_EVENTS. */
const EVENTS_MAX = Math.floor(0x7fffffff / EVENT_SIZE);
/** EP_MAX_NESTS. */
const NESTS_MAX = 4;
/** EPOLLEXCLUSIVE_OK_BITS. */
const EXCLUSIVE_OK = EPOLLEXCLUSIVE | POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET;

/** One descriptor of an epoll. */
class Interest {
  /**
   * @param {Epoll} owner
   * @param {Stream} stream
   * @param {number} events EPOLL*; 0 while a one-shot is spent
   * @param {[number, number]} data the program's, returned as it came
   */
  constructor(owner, stream, events, data) {
    this.owner = owner;
    this.stream = stream;
    this.fd = stream.fd;
    this.events = events;
    this.exclusive = (events & EPOLLEXCLUSIVE) !== 0;
    this.data = data;
    // What has no queue is always ready.
    this.registration = stream.node.addListener?.((/** @type {number} */ flags) => this.notified(flags), this.exclusive);
  }

  /** @param {number} flags what became ready */
  notified(flags) {
    // A descriptor is being closed. Whether it is the last of its file is seen only once it is gone.
    if (flags & POLLNVAL) this.owner.suspects.add(this);
    else if ((flags & this.events) !== 0) this.owner.list(this);
  }

  /** @returns {number} EPOLL*, none when nothing asked for is so */
  ready() {
    const { stream } = this;
    const mask = stream.stream_ops?.poll ? stream.stream_ops.poll(stream) : POLLIN | POLLOUT;
    return mask & this.events & ~POLLNVAL;
  }

  cancel() {
    this.registration?.listeners.delete(this.registration.entry);
  }
}

class Epoll {
  /** @param {any} FS @param {import('./attempt.js').WaitQueue} queue notified when something may be ready */
  constructor(FS, queue) {
    this.FS = FS;
    this.queue = queue;
    this.descriptors = 1;
    this.closed = false;
    /**
     * By open file description, which duplicates share, then by descriptor: the key of Linux. A number that was closed and
     * given to another file is another key.
     * @type {Map<object, Map<number, Interest>>}
     */
    this.interests = new Map();
    /** Those that may be ready, in the order in which they became so. @type {Set<Interest>} */
    this.listed = new Set();
    /** Those of which a descriptor was closed. @type {Set<Interest>} */
    this.suspects = new Set();
  }

  /** @param {Interest} interest */
  list(interest) {
    this.listed.add(interest);
    this.queue.notifyListeners(READABLE);
  }

  /** @param {Stream} stream @returns {Interest | undefined} */
  find(stream) {
    return this.interests.get(stream.shared)?.get(stream.fd);
  }

  /** @param {Interest} interest */
  add(interest) {
    const { shared } = interest.stream;
    const same = this.interests.get(shared) ?? new Map();
    this.interests.set(shared, same.set(interest.fd, interest));
    if (interest.ready() !== 0) this.list(interest);
  }

  /** @param {Interest} interest */
  remove(interest) {
    interest.cancel();
    this.listed.delete(interest);
    this.suspects.delete(interest);
    const { shared } = interest.stream;
    const same = this.interests.get(shared);
    if (same?.delete(interest.fd) && same.size === 0) this.interests.delete(shared);
  }

  /** @param {Interest} interest @returns {boolean} false, and it is removed, when no descriptor of its file is open */
  isOpen(interest) {
    const { shared } = interest.stream;
    const open = this.FS.streams.some((/** @type {Stream | null} */ stream) => stream?.shared === shared);
    if (!open) this.remove(interest);
    return open;
  }

  /** Drops what was closed. Not from within a notification: a descriptor that is being closed is still there then. */
  sweep() {
    for (const interest of this.suspects) if (this.isOpen(interest)) this.suspects.delete(interest);
  }

  /**
   * Takes events off the ready list. Level-triggered ones go back to its end, so that all get their turn.
   * @param {number} max
   * @param {(count: number, events: number, data: [number, number]) => void} store throws an errno
   * @returns {number} how many were stored
   */
  take(max, store) {
    let count = 0;
    let left = this.listed.size;
    for (const interest of this.listed) {
      if (left-- === 0 || count === max) break;
      this.listed.delete(interest);
      if (this.suspects.has(interest) && !this.isOpen(interest)) continue;
      const ready = interest.ready();
      if (ready === 0) continue;
      try {
        store(count, ready, interest.data);
      } catch (errno) {
        this.listed.add(interest);
        if (count === 0) throw errno;
        break;
      }
      count++;
      if (interest.events & EPOLLONESHOT) interest.events = 0;
      else if (!(interest.events & EPOLLET)) this.listed.add(interest);
    }
    return count;
  }

  /** What poll() and another epoll see of it: takes nothing. */
  poll() {
    for (const interest of this.listed) {
      if (this.suspects.has(interest) && !this.isOpen(interest)) continue;
      if (interest.ready() !== 0) return READABLE;
      this.listed.delete(interest);
    }
    return 0;
  }

  /**
   * Refuses a cycle of epolls, and chains of them that are too long.
   * @param {Epoll} inner about to become one of `this`
   * @param {number} depth
   */
  checkNesting(inner, depth = 1) {
    if (inner === this || depth > NESTS_MAX) throw ELOOP;
    for (const same of inner.interests.values()) {
      for (const { stream } of same.values()) {
        if (stream.node.epoll) this.checkNesting(stream.node.epoll, depth + 1);
      }
    }
  }

  close() {
    this.closed = true;
    for (const same of this.interests.values()) for (const interest of same.values()) interest.cancel();
    this.interests.clear();
    this.listed.clear();
    this.suspects.clear();
    this.queue.notifyListeners(POLLNVAL);
  }
}

const streamOps = {
  /** @param {Stream} stream */
  getattr: ({ node }) => ({
    dev: 1, ino: node.id, mode: node.mode, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 0,
    atime: new Date(node.atime), mtime: new Date(node.mtime), ctime: new Date(node.ctime), blksize: 4096, blocks: 0,
  }),
  /** @param {Stream} stream */
  poll: ({ node }) => node.epoll.poll(),
  /** @param {Stream} stream */
  dup({ node }) {
    node.epoll.descriptors++;
  },
  /** @param {Stream} stream */
  close({ node }) {
    if (--node.epoll.descriptors === 0) node.epoll.close();
  },
};

/**
 * @param {any} FS
 * @param {import('./memory.js').Memory} memory
 * @param {import('./attempt.js').Attempter} attempter
 */
export function makeEpoll(FS, memory, attempter) {
  const { access } = memory;

  /** @param {number} fd @returns {Stream} */
  function streamOf(fd) {
    const stream = FS.getStream(fd);
    if (!stream) throw EBADF;
    return stream;
  }

  /** Linux refuses files that have no poll(): regular ones and directories. @param {Stream} stream */
  function checkPollable({ node, stream_ops }) {
    if (stream_ops?.poll) return;
    if (!node || FS.isFile(node.mode) || FS.isDir(node.mode)) throw EPERM;
  }

  /** @param {number} pointer struct epoll_event @returns {[number, number]} the halves of its data */
  const readData = (pointer) => [access.readI32(pointer + DATA_OFFSET), access.readI32(pointer + DATA_OFFSET + 4)];

  /**
   * @param {number} epfd
   * @param {number} operation EPOLL_CTL_*
   * @param {number} fd
   * @param {number} pointer struct epoll_event
   */
  function control(epfd, operation, fd, pointer) {
    const hasEvent = operation !== EPOLL_CTL_DEL;
    if (hasEvent) {
      if (pointer === 0) throw EFAULT;
      memory.check(pointer, EVENT_SIZE);
    }
    const asked = hasEvent ? access.readI32(pointer) : 0;
    const outer = streamOf(epfd);
    const stream = streamOf(fd);
    checkPollable(stream);
    /** @type {Epoll | undefined} */
    const epoll = outer.node?.epoll;
    if (!epoll || outer.shared === stream.shared) throw EINVAL;
    const inner = stream.node.epoll;
    if (asked & EPOLLEXCLUSIVE) {
      if (operation === EPOLL_CTL_MOD || inner || (asked & ~EXCLUSIVE_OK)) throw EINVAL;
    }
    epoll.sweep();
    if (operation === EPOLL_CTL_ADD && inner) epoll.checkNesting(inner);
    const interest = epoll.find(stream);
    const events = asked | POLLERR | POLLHUP;
    switch (operation) {
      case EPOLL_CTL_ADD:
        if (interest) throw EEXIST;
        epoll.add(new Interest(epoll, stream, events, readData(pointer)));
        return 0;
      case EPOLL_CTL_MOD:
        if (!interest) throw ENOENT;
        if (interest.exclusive) throw EINVAL;
        interest.events = events;
        interest.data = readData(pointer);
        if (interest.ready() !== 0) epoll.list(interest);
        return 0;
      case EPOLL_CTL_DEL:
        if (!interest) throw ENOENT;
        epoll.remove(interest);
        return 0;
      default:
        throw EINVAL;
    }
  }

  /**
   * @param {number} epfd
   * @param {number} pointer struct epoll_event[]
   * @param {number} max how many there is room for
   * @param {number} timeout ms; negative waits for ever
   * @returns {number | Promise<number>}
   */
  function wait(epfd, pointer, max, timeout) {
    if (max <= 0 || max > EVENTS_MAX) throw EINVAL;
    /** @type {Epoll | undefined} */
    const epoll = streamOf(epfd).node?.epoll;
    if (!epoll) throw EINVAL;
    const store = (/** @type {number} */ index, /** @type {number} */ events, /** @type {[number, number]} */ data) => {
      // Linux too finds a bad pointer only when there is something to store.
      const at = pointer + index * EVENT_SIZE;
      if (pointer === 0) throw EFAULT;
      memory.check(at, EVENT_SIZE);
      access.writeI32(at, events);
      access.writeI32(at + DATA_OFFSET, data[0]);
      access.writeI32(at + DATA_OFFSET + 4, data[1]);
    };
    epoll.sweep();
    const count = epoll.take(max, store);
    if (count > 0 || timeout === 0) return count;
    const attempt = () => {
      if (epoll.closed) throw EBADF;
      const taken = epoll.take(max, store);
      if (taken === 0) throw EAGAIN;
      return taken;
    };
    return attempter.wait(attempt, [epoll.queue], timeout, 0, { gather: true });
  }

  return {
    /** Returns the descriptor. */
    epollCreate: guarded((/** @type {number} */ flags) => {
      if (flags & ~EPOLL_CLOEXEC) throw EINVAL;
      // Of no directory: Linux's is an anonymous inode.
      const node = new FS.FSNode(null, 'epoll', 0o600, 0);
      node.epoll = new Epoll(FS, node);
      return FS.createStream({
        path: 'anon_inode:[eventpoll]', node, flags: O_RDWR, seekable: false, stream_ops: streamOps,
      }).fd;
    }),
    epollControl: guarded(control),
    epollWait: guarded(wait),
  };
}
