/**
 * The log: a bounded number of lines in a list that follows its end while the reader is there. Lines are added to the
 * document a few times a second at most, however many come.
 */

/** Lines kept. A screen reader and a layout stay quick with this many. */
const CAPACITY = 500;
/** Milliseconds between updates of the document. */
const INTERVAL = 100;

const LEVEL = /^\s*(?:\S*\d\d:\d\d\S*\s+)?\[?(error|warn|info|debug|trace)\b/i;

/**
 * @param {string} line
 * @returns {string} the level that a line begins with (after a time, if any), in lower case, or "plain"
 */
export function levelOf(line) {
  return LEVEL.exec(line)?.[1].toLowerCase() ?? 'plain';
}

export class LogView {
  #list;
  #onCount;
  #capacity;
  /** @type {{time: string, line: string}[]} */
  #pending = [];
  #scheduled = false;
  #total = 0;

  /**
   * @param {HTMLElement} list an <ol>
   * @param {(shown: number, total: number) => void} onCount
   * @param {number} [capacity]
   */
  constructor(list, onCount, capacity = CAPACITY) {
    this.#list = list;
    this.#onCount = onCount;
    this.#capacity = capacity;
  }

  /** @param {string} line */
  add(line) {
    this.#total += 1;
    this.#pending.push({ time: new Date().toLocaleTimeString('en-GB'), line });
    if (this.#pending.length > this.#capacity) this.#pending.shift();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.#show(), INTERVAL);
  }

  clear() {
    this.#total = 0;
    this.#pending = [];
    this.#list.replaceChildren();
    this.#onCount(0, 0);
  }

  #show() {
    this.#scheduled = false;
    const list = this.#list;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    const excess = list.childElementCount + this.#pending.length - this.#capacity;
    for (let i = 0; i < excess; i += 1) list.firstElementChild?.remove();
    list.append(...this.#pending.map(({ time, line }) => this.#item(time, line)));
    this.#pending = [];
    if (atEnd) list.scrollTop = list.scrollHeight;
    this.#onCount(list.childElementCount, this.#total);
  }

  /** @param {string} time @param {string} line */
  #item(time, line) {
    const item = document.createElement('li');
    item.dataset.level = levelOf(line);
    const stamp = document.createElement('time');
    stamp.textContent = time;
    item.append(stamp, line.trim()); // levels may be padded
    return item;
  }
}
