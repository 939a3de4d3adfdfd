/** What went wrong and the next step, as an alert, with a button where the page itself can take that step. */
import { byId } from './dom.js';

/** @type {Record<import('./explain.js').Action, string>} */
const LABELS = { 'free-port': 'Start on a free port', start: 'Start again', reload: 'Reload the app' };

export class ProblemView {
  /** @type {import('./explain.js').Action | undefined} */
  #action;

  /** @param {(action: import('./explain.js').Action) => void} onAction the person takes the step */
  constructor(onAction) {
    byId('problem-action').addEventListener('click', () => this.#action && onAction(this.#action));
  }

  /** @param {(import('./explain.js').Explanation & {reason?: string}) | null} problem */
  show(problem) {
    this.#action = problem?.action;
    byId('problem-title').textContent = problem?.title ?? '';
    byId('problem-advice').textContent = problem?.advice ?? '';
    byId('problem-reason').textContent = problem?.reason ?? '';
    byId('problem-action').hidden = !this.#action;
    byId('problem-action').textContent = this.#action ? LABELS[this.#action] : '';
    byId('problem').hidden = problem === null;
    if (problem) byId('problem-title').focus();
  }
}
