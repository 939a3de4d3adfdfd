// The one place where a call waits. A socket operation is an attempt: it returns its value, or throws an errno (a plain
// number), of which EAGAIN means "not yet". `call` turns an attempt into what a syscall returns. Nothing here knows
// sockets, descriptors or wasm memory.
import { EAGAIN } from './abi.js';

/**
 * A wait that ends sooner, in ms, ends while more is coming than the program takes one by one. On Node and in Chromium an
 * upload then costs half of the processor time, and a program whose peer waits for each of its answers waits longer.
 */
const GATHER = 0.05;

/**
 * A wait queue: an FS node of Emscripten 6 has this interface, and stock poll() and select() wait on it too.
 * @typedef {object} WaitQueue
 * @property {(callback: (flags: number) => void) => { listeners: Set<any>, entry: any }} addListener
 * @property {(flags: number) => void} notifyListeners
 */

/**
 * @typedef {object} Attempter
 * @property {<T extends number>(attempt: () => T, how: How) => number | Promise<number>} call
 * @property {(attempt: () => number, queues: WaitQueue[], timeout: number, late: Late, how?: Waiting) => number | Promise<number>} wait
 */

/**
 * @typedef {object} Waiting
 * @property {boolean} [gather] what follows at once may be gathered: `wait` says when
 * @property {(flags: number) => boolean} [hopeless] as in How, at a notification of `flags` (POLL*, 0 for anything else)
 */

/** The value of a call whose time is over. @typedef {number | (() => number)} Late */

/**
 * @typedef {object} How
 * @property {WaitQueue} queue notified when the attempt may go otherwise
 * @property {boolean} nonblocking
 * @property {number} timeout ms; 0 or less waits for ever, as SO_RCVTIMEO does
 * @property {() => boolean} [hopeless] true when the attempt is sure to throw EAGAIN: spares the throw, which costs
 *   half a microsecond, and each datagram that leaves is a notification
 * @property {boolean} [gather] see `wait`
 * @property {Late} [late] without it -EAGAIN
 */

/**
 * @param {object} host
 * @param {import('./timers.js').Timers} host.timers
 * @param {() => boolean} host.canWait false where nothing could make the running call's caller wait
 * @param {() => boolean} [host.isAbandoned] true once the program has ended: no wait then returns to it
 * @param {() => void} host.hold with `release` it brackets every wait: they keep the runtime and Node's event loop alive
 * @param {() => void} host.release
 * @returns {Attempter}
 */
export function makeAttempter({ timers, canWait, isAbandoned = () => false, hold, release }) {
  /**
   * Makes the attempt again at each notification of one of the queues. Resolves to its value, to -errno, or to `late`
   * once `timeout` ms (0 or less: never) are over, which is at once where the caller can't wait. The attempt runs inside
   * the notification, so that a datagram goes to exactly one waiter; it must not run user code, and does not: the program
   * resumes in a later microtask. A program that waits for readiness or for datagrams, of which there may be more, may have
   * what comes `gather`ed: where one notification follows the other within GATHER ms it resumes when the event loop has
   * passed on the others that are there already.
   * @type {Attempter['wait']}
   */
  function wait(attempt, queues, timeout, late, { gather = false, hopeless } = {}) {
    const tooLate = () => (typeof late === 'number' ? late : late());
    if (!canWait()) return tooLate();
    return new Promise((resolve, reject) => {
      let done = false;
      /** @type {import('./timers.js').Alarm | undefined} */
      let alarm;
      const begun = gather ? timers.now() : 0;
      const stop = () => {
        done = true;
        for (const { listeners, entry } of registrations) listeners.delete(entry);
        if (alarm) timers.cancel(alarm);
      };
      const finish = () => {
        stop();
        release();
      };
      const again = (/** @type {number} */ flags) => {
        if (done || hopeless?.(flags)) return;
        if (isAbandoned()) {
          finish();
          return;
        }
        let value;
        try {
          value = attempt();
        } catch (error) {
          if (error === EAGAIN) return;
          finish();
          if (typeof error === 'number') resolve(-error);
          else reject(error);
          return;
        }
        if (!gather || timers.now() - begun > GATHER) {
          finish();
          resolve(value);
          return;
        }
        stop();
        timers.later(() => {
          release();
          if (!isAbandoned()) resolve(value);
        });
      };
      hold();
      const registrations = queues.map((queue) => queue.addListener(again));
      if (timeout > 0) {
        alarm = timers.after(timeout, () => {
          finish();
          if (!isAbandoned()) resolve(tooLate());
        });
      }
    });
  }

  /** @type {Attempter['call']} */
  function call(attempt, how) {
    if (!how.hopeless?.()) {
      try {
        return attempt();
      } catch (error) {
        if (typeof error !== 'number') throw error;
        if (error !== EAGAIN) return -error;
      }
    }
    if (how.nonblocking) return -EAGAIN;
    return wait(attempt, [how.queue], how.timeout, how.late ?? -EAGAIN, how);
  }

  return { call, wait };
}
