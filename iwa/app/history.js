/**
 * The last minutes of a run as series for charts: rates out of the server's counters, round-trip times out of its
 * connections. It holds a bounded number of readings and knows nothing of how they are drawn.
 */
import { rate } from './format.js';

/** Readings kept: two minutes at one a second. */
export const CAPACITY = 120;

/**
 * @typedef {import('./server-view.js').Stats} Stats
 * @typedef {import('./connections-view.js').Overview} Overview
 * @typedef {object} Reading
 * @property {number} at milliseconds since the epoch
 * @property {number | null} bytesSent a second, as the next five; null at the first reading, which has none before it
 * @property {number | null} bytesReceived
 * @property {number | null} datagramsSent
 * @property {number | null} datagramsReceived
 * @property {number | null} requests
 * @property {number | null} drops
 * @property {number} connections open
 * @property {number | null} rtt median of the connections told of, in milliseconds; null without one
 * @property {number | null} rttMax
 */

/** @param {number[]} sorted ascending @returns {number} of an even number the lower of the middle two */
const median = (sorted) => sorted[(sorted.length - 1) >> 1];

export class History {
  /** @type {Reading[]} */
  readings = [];
  /** @type {{at: number, stats: Stats} | null} */
  #last = null;

  /** A new run begins. */
  clear() {
    this.readings = [];
    this.#last = null;
  }

  /** @param {Stats} stats @param {Overview | null} overview the latest @param {number} [at] */
  add(stats, overview, at = Date.now()) {
    const last = this.#last;
    const seconds = last ? (at - last.at) / 1000 : 0;
    const perSecond = (/** @type {keyof Stats} */ key) => (last ? rate(stats[key], last.stats[key], seconds) : null);
    const times = (overview?.busiest ?? []).map((it) => it.rtt_ms).filter((time) => time !== null);
    times.sort((a, b) => a - b);
    this.readings.push({
      at,
      bytesSent: perSecond('bytes_sent'),
      bytesReceived: perSecond('bytes_received'),
      datagramsSent: perSecond('datagrams_sent'),
      datagramsReceived: perSecond('datagrams_received'),
      requests: perSecond('requests_total'),
      drops: perSecond('datagrams_dropped'),
      connections: stats.connections,
      rtt: times.length > 0 ? median(times) : null,
      rttMax: times.at(-1) ?? null,
    });
    if (this.readings.length > CAPACITY) this.readings.shift();
    this.#last = { at, stats };
  }

  /**
   * @param {Exclude<keyof Reading, 'at'>} key
   * @returns {{now: number | null, highest: number | null}} of what is kept
   */
  summary(key) {
    const values = this.readings.map((reading) => reading[key]).filter((value) => value !== null);
    return { now: this.readings.at(-1)?.[key] ?? null, highest: values.length > 0 ? Math.max(...values) : null };
  }
}
