// Timers that wake within a millisecond, and cost nothing when they are cancelled, as nearly all timers of a network
// program are: a poll() with a timeout of 30 s, 50,000 times a second, must not leave 50,000 pending sleeps behind.
// A cancelled timer leaves its sleep running, and a later timer finds it armed already.

/** @typedef {{ deadline: number, callback: () => void }} Alarm */

/**
 * @typedef {object} Timers
 * @property {(ms: number, callback: () => void) => Alarm} after
 * @property {(alarm: Alarm) => void} cancel
 * @property {() => number} now ms
 * @property {(callback: () => void) => void} later calls back when the event loop has passed on what is there already
 */

/** The longest sleep, ms: setTimeout() takes a longer one for none at all. */
const SLEEP_MAX = 0x7fffffff;

/**
 * A sleeper calls back once after `ms`. In browsers a nested setTimeout takes 4 ms or more; Atomics.waitAsync takes
 * 1.1 ms for 1 ms (Chromium 156), and needs a SharedArrayBuffer, so a cross-origin isolated context, which every
 * Isolated Web App is. Node's setTimeout has no such clamp; there a sleep does not keep the event loop alive, because
 * it may belong to a timer that was cancelled long ago. Whoever waits holds the loop (attempt.js).
 * @param {{ isNode: boolean }} host
 * @returns {(ms: number, callback: () => void) => void}
 */
export function chooseSleeper({ isNode }) {
  if (!isNode && typeof SharedArrayBuffer === 'function' && typeof Atomics.waitAsync === 'function') {
    const word = new Int32Array(new SharedArrayBuffer(4));
    return (ms, callback) => {
      const result = Atomics.waitAsync(word, 0, 0, ms);
      if (result.async) result.value.then(callback);
      else queueMicrotask(callback);
    };
  }
  return (ms, callback) => {
    const timeout = setTimeout(callback, Math.ceil(ms));
    if (isNode) timeout.unref();
  };
}

/**
 * Node's check phase comes when its poll phase has passed on up to 32 datagrams of each socket; in browsers a message stands
 * behind the tasks that are queued already. setTimeout(0) would come after a millisecond or four.
 * @param {{ isNode: boolean }} host
 * @returns {(callback: () => void) => void}
 */
export function chooseLater({ isNode }) {
  if (isNode) return (callback) => void setImmediate(callback);
  /** Made when it is needed: few programs do. @type {MessageChannel | undefined} */
  let channel;
  /** @type {(() => void)[]} */
  const callbacks = [];
  return (callback) => {
    if (!channel) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => callbacks.shift()?.();
    }
    callbacks.push(callback);
    channel.port2.postMessage(null);
  };
}

/**
 * @param {(ms: number, callback: () => void) => void} sleep
 * @param {() => number} now ms, monotonic
 * @param {(callback: () => void) => void} [later]
 * @returns {Timers}
 */
export function makeTimers(sleep, now, later = queueMicrotask) {
  /** Few at a time, one per suspended call, so a scan beats a heap. @type {Set<Alarm>} */
  const alarms = new Set();
  /** When the running sleeps end, the earliest last: one is added only if it ends before all others. @type {number[]} */
  const sleeps = [];

  /** @param {number} deadline */
  function ensureAwakeAt(deadline) {
    if (sleeps.length > 0 && sleeps[sleeps.length - 1] <= deadline) return;
    sleeps.push(deadline);
    sleep(Math.min(Math.max(deadline - now(), 0), SLEEP_MAX), () => {
      sleeps.splice(sleeps.indexOf(deadline), 1);
      fire();
    });
  }

  function fire() {
    const time = now();
    let next = Infinity;
    for (const alarm of alarms) {
      if (alarm.deadline <= time) {
        alarms.delete(alarm);
        alarm.callback();
      } else {
        next = Math.min(next, alarm.deadline);
      }
    }
    if (next < Infinity) ensureAwakeAt(next);
  }

  return {
    after(ms, callback) {
      const alarm = { deadline: now() + ms, callback };
      alarms.add(alarm);
      ensureAwakeAt(alarm.deadline);
      return alarm;
    },
    cancel(alarm) {
      alarms.delete(alarm);
    },
    now,
    later,
  };
}
