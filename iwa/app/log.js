/** The log's lines: a bounded number of them, which of them are wanted, and all of them as a file. No DOM. */

/** Lines kept. */
export const CAPACITY = 5000;

/** From the most severe to the least. */
export const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'];

/**
 * @typedef {{at: Date, level: string, text: string}} Line `level` is one of LEVELS, or "plain"
 * @typedef {{level: string, search: string}} Filter `level` is the least severe one wanted, `search` is part of the text
 */

const LEVEL = /^\s*(?:\S*\d\d:\d\d\S*\s+)?\[?(error|warn|info|debug|trace)\b/i;

/**
 * @param {string} line
 * @returns {string} the level that a line begins with (after a time, if any), in lower case, or "plain"
 */
export function levelOf(line) {
  return LEVEL.exec(line)?.[1].toLowerCase() ?? 'plain';
}

/**
 * Whether a line is wanted. One without a level (a program's own words) counts as information.
 * @param {Line} line @param {Filter} filter
 */
export function matches({ level, text }, { level: least, search }) {
  const severity = LEVELS.indexOf(level === 'plain' ? 'info' : level);
  return severity <= LEVELS.indexOf(least) && text.toLowerCase().includes(search.trim().toLowerCase());
}

/** The lines of a run, oldest first. */
export class Log {
  /** @type {Line[]} */
  lines = [];
  /** Lines since it was cleared, those that are gone included. */
  total = 0;

  /** @param {string} text @param {Date} [at] @returns {Line} */
  add(text, at = new Date()) {
    const line = { at, level: levelOf(text), text: text.trim() }; // levels may be padded
    this.total += 1;
    this.lines.push(line);
    if (this.lines.length > CAPACITY) this.lines.shift();
    return line;
  }

  clear() {
    this.lines = [];
    this.total = 0;
  }

  /** @param {Filter} filter */
  select(filter) {
    return this.lines.filter((line) => matches(line, filter));
  }

  /** All that is kept, a line each with its time, as a text file. */
  export() {
    return this.lines.map(({ at, text }) => `${at.toISOString()} ${text}\n`).join('');
  }
}
