// poll(), and with it select(), pselect() and ppoll(), which Emscripten's libc builds on it. It differs from the stock
// one in its timers (timers.js) and in that an answer known at once is a number, never a Promise: poll() then may be
// called where nothing can suspend. Any FS stream may take part: sockets, pipes, files, terminals.
import { EAGAIN, EFAULT, EINVAL, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, WRITABLE } from './abi.js';

/** struct pollfd: fd, events, revents. */
const POLLFD_SIZE = 8;
/** More than any limit of open files lets a program have, which is Linux's limit here: RLIMIT_NOFILE. */
const COUNT_MAX = 1 << 20;

/**
 * @param {any} FS
 * @param {import('./memory.js').MemoryAccess} access
 * @param {import('./attempt.js').Attempter} attempter
 */
export function makePoll(FS, access, attempter) {
  /** @param {number} fd @param {number} events @returns {number} revents */
  function ready(fd, events) {
    // Linux skips negative descriptors: that is how an entry is switched off.
    if (fd < 0) return 0;
    const stream = FS.getStream(fd);
    if (!stream) return POLLNVAL;
    const mask = stream.stream_ops?.poll ? stream.stream_ops.poll(stream) : POLLIN | POLLOUT;
    return mask & (events | POLLERR | POLLHUP | POLLNVAL);
  }

  /** @param {number} fds struct pollfd[] @param {number} count @returns {number} how many have something to say */
  function probe(fds, count) {
    let found = 0;
    for (let i = 0, pollfd = fds; i < count; i++, pollfd += POLLFD_SIZE) {
      const revents = ready(access.readI32(pollfd), access.readI16(pollfd + 4));
      access.writeI16(pollfd + 6, revents);
      if (revents !== 0) found++;
    }
    return found;
  }

  /** @param {number} fds @param {number} count a nfds_t, which may arrive as a signed number @returns {number} errno or 0 */
  function faultOf(fds, count) {
    if (count < 0 || count > COUNT_MAX) return EINVAL;
    return count > 0 && (fds <= 0 || fds + count * POLLFD_SIZE > access.bytes().length) ? EFAULT : 0;
  }

  return {
    /** @param {number} fds @param {number} count @returns {number} */
    probe(fds, count) {
      const errno = faultOf(fds, count);
      return errno !== 0 ? -errno : probe(fds, count);
    },

    /**
     * @param {number} fds
     * @param {number} count
     * @param {number} timeout ms; negative waits for ever
     * @returns {number | Promise<number>}
     */
    poll(fds, count, timeout) {
      const errno = faultOf(fds, count);
      if (errno !== 0) return -errno;
      const found = probe(fds, count);
      if (found > 0 || timeout === 0) return found;
      const queues = new Set();
      let asked = 0;
      for (let i = 0; i < count; i++) {
        asked |= access.readI16(fds + i * POLLFD_SIZE + 4);
        const node = FS.getStream(access.readI32(fds + i * POLLFD_SIZE))?.node;
        if (node?.addListener) queues.add(node);
      }
      const attempt = () => {
        const now = probe(fds, count);
        if (now === 0) throw EAGAIN;
        return now;
      };
      // Each datagram that leaves makes room, for which few wait: to look at all descriptors then, and throw, would be a part
      // of what sending it costs.
      const ignored = asked & WRITABLE ? 0 : WRITABLE;
      const hopeless = (/** @type {number} */ flags) => flags !== 0 && (flags & ~ignored) === 0;
      return attempter.wait(attempt, [...queues], timeout, 0, { gather: true, hopeless });
    },
  };
}
