// Waiting for the resolver, in a program that may turn out to be unable to wait.
import { EAGAIN, EAI_FAIL } from './abi.js';

/** @typedef {import('./address.js').Ip} Ip */
/** @typedef {import('./attempt.js').WaitQueue} WaitQueue */
/** @typedef {{ ips: Ip[], canonname?: string }} Found */

/**
 * @param {import('./attempt.js').Attempter} attempter
 * @param {() => import('./dns-resolver.js').Resolver} resolver
 */
export function makeLookupWait(attempter, resolver) {
  /**
   * Waits for a lookup.
   * @param {string} name
   * @param {0 | 4 | 6} family
   * @param {(found: Promise<Found>) => number} instead the answer where the program cannot wait
   * @param {(found: Found | undefined, error: number) => number} answer
   * @returns {number | Promise<number>}
   */
  return function wait(name, family, instead, answer) {
    const found = resolver()(name, family);
    /** @type {{ found?: Found, error: number } | undefined} */
    let outcome;
    let abandoned = false;
    const queue = new LookupQueue();
    found.then((value) => {
      outcome = { found: value, error: 0 };
    }, (error) => {
      outcome = { error: typeof error === 'number' ? error : EAI_FAIL };
    }).then(() => queue.notifyListeners(0));
    const giveUp = () => {
      abandoned = true;
      queue.notifyListeners(0);
      return instead(found);
    };
    // Two ways to find that the program cannot wait: a caller whom no thread waits for, and a SuspendError.
    const waiting = attempter.call(() => {
      if (abandoned) return 0;
      if (!outcome) throw EAGAIN;
      return answer(outcome.found, outcome.error);
    }, { queue, nonblocking: false, timeout: 0, late: giveUp });
    return typeof waiting === 'number' ? waiting : Object.assign(waiting, { instead: giveUp });
  };
}

/**
 * Those who wait for one lookup.
 * @implements {WaitQueue}
 */
class LookupQueue {
  constructor() {
    this.listeners = new Set();
  }

  /** @param {(flags: number) => void} callback */
  addListener(callback) {
    const entry = { callback };
    this.listeners.add(entry);
    return { listeners: this.listeners, entry };
  }

  /** @param {number} flags */
  notifyListeners(flags) {
    for (const { callback } of [...this.listeners]) callback(flags);
  }
}
