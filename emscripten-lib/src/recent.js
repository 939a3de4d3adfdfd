// Answers of the platform that come later and soon may be others: kept for a moment, as a program that asks once asks
// again at once.
import { EAGAIN } from './abi.js';

const KEEP_MS = 1000;
/** More are forgotten together. */
const ANSWERS_MAX = 256;

/** @template T */
export class Recent {
  /**
   * @param {(question: string) => Promise<T>} find never rejects
   * @param {() => number} [now] ms
   */
  constructor(find, now = () => performance.now()) {
    this.find = find;
    this.now = now;
    /** @type {Map<string, { answer: T, at: number }>} */
    this.answers = new Map();
    /** @type {Map<string, Set<import('./attempt.js').WaitQueue>>} */
    this.waiting = new Map();
  }

  /**
   * Attempt.
   * @param {string} question
   * @param {import('./attempt.js').WaitQueue} queue notified where this throws EAGAIN, once it goes otherwise
   * @returns {T}
   */
  known(question, queue) {
    const kept = this.answers.get(question);
    if (kept && this.now() - kept.at < KEEP_MS) return kept.answer;
    let waiting = this.waiting.get(question);
    if (!waiting) {
      this.waiting.set(question, waiting = new Set());
      const all = waiting;
      this.find(question).then((answer) => {
        if (this.answers.size >= ANSWERS_MAX) this.answers.clear();
        this.answers.set(question, { answer, at: this.now() });
        this.waiting.delete(question);
        for (const each of all) each.notifyListeners(0);
      });
    }
    waiting.add(queue);
    throw EAGAIN;
  }
}
