/**
 * The log on the page: the last lines that are wanted, in a list that follows its end while the reader is there. Lines
 * are added to the document a few times a second at most, however many come.
 */
import { element } from './dom.js';
import { LEVELS, Log, matches } from './log.js';

/** Lines in the document. A screen reader and a layout stay quick with this many. */
const SHOWN = 500;
/** Milliseconds between updates of the document. */
const INTERVAL = 100;

const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export class LogView {
  log = new Log();
  #list;
  #onCount;
  /** @type {import('./log.js').Filter} */
  #filter = { level: 'trace', search: '' };
  /** @type {import('./log.js').Line[]} */
  #pending = [];
  #scheduled = false;

  /**
   * @param {HTMLElement} list an <ol>
   * @param {(summary: string) => void} onCount how many lines are shown, in words
   */
  constructor(list, onCount) {
    this.#list = list;
    this.#onCount = onCount;
  }

  /** @param {string} text */
  add(text) {
    const line = this.log.add(text);
    if (matches(line, this.#filter)) this.#pending.push(line);
    if (this.#pending.length > SHOWN) this.#pending.shift();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.#show(), INTERVAL);
  }

  /** @param {Partial<import('./log.js').Filter>} filter */
  set filter(filter) {
    this.#filter = { ...this.#filter, ...filter };
    this.#list.replaceChildren();
    this.#pending = this.log.select(this.#filter).slice(-SHOWN);
    this.#show();
  }

  clear() {
    this.log.clear();
    this.#pending = [];
    this.#list.replaceChildren();
    this.#count();
  }

  #show() {
    this.#scheduled = false;
    const list = this.#list;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const excess = list.childElementCount + this.#pending.length - SHOWN;
    for (let i = 0; i < excess; i += 1) list.firstElementChild?.remove();
    list.append(...this.#pending.map(item));
    this.#pending = [];
    if (atEnd) list.scrollTop = list.scrollHeight;
    this.#count();
  }

  #count() {
    const shown = this.#list.childElementCount;
    const all = this.#filter.search.trim() === '' && this.#filter.level === LEVELS.at(-1);
    const { total } = this.log;
    this.#list.dataset.empty = all ? 'Nothing yet.' : 'No line matches.';
    if (total === 0) this.#onCount('');
    else if (all) this.#onCount(shown < total ? `last ${shown} of ${total} lines` : total === 1 ? '1 line' : `${total} lines`);
    else this.#onCount(`${shown} of ${total} lines match`);
  }
}

/** @param {import('./log.js').Line} line */
function item({ at, level, text }) {
  const word = LEVELS.includes(level) ? text.slice(0, level.length).toUpperCase() : '';
  const named = word === level.toUpperCase();
  return element(
    'li',
    { 'data-level': level },
    element('time', { datetime: at.toISOString() }, TIME.format(at)),
    element('b', {}, named ? level : ''),
    element('span', {}, named ? text.slice(level.length).trim() : text),
  );
}
