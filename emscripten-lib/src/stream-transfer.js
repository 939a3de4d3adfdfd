// Bytes between wasm memory and a stream socket, in both directions: what send() and recv() mean on a stream, where one
// call may take several attempts and be cut short with a part done. It waits through attempt.js alone.
import { EAGAIN, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, O_NONBLOCK } from './abi.js';

/** @typedef {import('./tcp.js').TcpSocket | import('./pair.js').PairStream} StreamSocket */
/** @typedef {import('./memory.js').Range} Range */
/** @typedef {import('./descriptors.js').Stream} Stream */

/**
 * @param {import('./memory.js').Memory} memory
 * @param {import('./attempt.js').Attempter} attempter
 */
export function makeStreamTransfer(memory, attempter) {
  /**
   * One call that moves up to `total` bytes in steps. What is done when it is cut short is its value, as in Linux: an
   * error is then told by the next call.
   * @param {(done: number) => number} step moves some of the rest and returns how many; throws EAGAIN
   * @param {(done: number, moved: number) => boolean} isOver after a step
   * @param {object} how
   * @param {StreamSocket} how.socket
   * @param {boolean} how.nonblocking
   * @param {number} how.timeout
   * @param {() => boolean} [how.hopeless]
   */
  function transfer(step, isOver, { socket, nonblocking, timeout, hopeless }) {
    let done = 0;
    return attempter.call(() => {
      try {
        for (;;) {
          const moved = step(done);
          done += moved;
          if (isOver(done, moved)) return done;
        }
      } catch (error) {
        if (done > 0 && typeof error === 'number' && (nonblocking || error !== EAGAIN)) return done;
        throw error;
      }
    }, { queue: socket.queue, nonblocking, timeout, hopeless, late: () => (done > 0 ? done : -EAGAIN) });
  }

  /** Where `store` puts what an attempt takes off a socket, which happens within it: one closure for all calls. */
  const target = { ranges: /** @type {Range[]} */ ([]), base: 0 };
  const store = (/** @type {Uint8Array} */ piece, /** @type {number} */ offset) =>
    memory.store(piece, target.ranges, target.base + offset);

  return {
    /**
     * @param {Stream} stream
     * @param {Range[]} ranges
     * @param {number} total bytes in them
     * @param {number} flags
     */
    send({ node, flags: mode }, ranges, total, flags) {
      const socket = /** @type {StreamSocket} */ (node.socket);
      // The usual call does not wait, and needs none of what follows, which is a quarter of the cost of 1 KiB.
      if (socket.takesAtOnce(total)) {
        return socket.send(total, (/** @type {Uint8Array} */ bytes) => memory.gatherInto(ranges, 0, bytes), flags);
      }
      return transfer(
        (done) => socket.send(total - done, (/** @type {Uint8Array} */ target) => memory.gatherInto(ranges, done, target),
          flags),
        (done) => done === total,
        {
          socket,
          nonblocking: ((flags & MSG_DONTWAIT) | (mode & O_NONBLOCK)) !== 0 || socket.sendTimeout < 0,
          timeout: socket.sendTimeout,
        });
    },

    /**
     * @param {Stream} stream
     * @param {Range[]} ranges
     * @param {number} total bytes of room in them
     * @param {number} flags
     */
    receive({ node, flags: mode }, ranges, total, flags) {
      const socket = /** @type {StreamSocket} */ (node.socket);
      const peek = (flags & MSG_PEEK) !== 0;
      const whole = (flags & MSG_WAITALL) !== 0;
      // On a stream MSG_TRUNC throws the bytes away: tcp(7).
      const sink = flags & MSG_TRUNC ? () => {} : store;
      const take = (/** @type {number} */ done) => {
        target.ranges = ranges;
        target.base = done;
        return socket.receive(total - done, peek, sink);
      };
      if (!peek && !whole && socket.hasBytes()) return take(0);
      return transfer(
        (done) => {
          // Peeking leaves all of it queued, so only a queue that holds enough ends the wait.
          if (peek && whole && socket.nextLength() < total && !socket.atEnd() && !socket.isFull()) throw EAGAIN;
          return take(done);
        },
        (done, moved) => !whole || peek || moved === 0 || done === total,
        {
          socket,
          nonblocking: ((flags & MSG_DONTWAIT) | (mode & O_NONBLOCK)) !== 0 || socket.receiveTimeout < 0,
          timeout: socket.receiveTimeout,
          hopeless: () => socket.nothingToReceive(),
        });
    },
  };
}
