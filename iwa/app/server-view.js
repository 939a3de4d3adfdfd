/** The counts of a running server, since its start and a second. */
import { byId } from './dom.js';
import { formatBytes, formatCount, rate } from './format.js';

/**
 * @typedef {{
 *   connections: number, connections_total: number, requests_total: number, streams_total: number,
 *   bytes_sent: number, bytes_received: number, datagrams_sent: number, datagrams_received: number,
 *   datagrams_dropped: number, send_errors: number,
 * }} Stats the server's counters since its start
 */

/** @param {'count' | 'detail'} kind @param {string} name @param {string} text */
function fill(kind, name, text) {
  /** @type {HTMLElement} */ (document.querySelector(`[data-${kind}=${name}]`)).textContent = text;
}

/** @type {{at: number, stats: Stats} | null} */
let last = null;

/** Empties the counts, before the first of a run. */
export function clearCounts() {
  last = null;
  byId('counts').dataset.live = 'false';
  for (const name of ['connections', 'requests', 'streams', 'sent', 'received', 'dropped']) {
    fill('count', name, '–');
    fill('detail', name, '');
  }
}

/**
 * @param {Stats} stats
 * @param {number} [now] milliseconds
 */
export function showCounts(stats, now = performance.now()) {
  const seconds = last ? (now - last.at) / 1000 : 0;
  const perSecond = (/** @type {keyof Stats} */ key) => (last ? rate(stats[key], last.stats[key], seconds) : 0);
  const show = (/** @type {string} */ name, /** @type {string} */ value, /** @type {string} */ detail) => {
    fill('count', name, value);
    fill('detail', name, detail);
  };
  const events = (/** @type {keyof Stats} */ key) => `${formatCount(Math.round(perSecond(key)))}/s`;
  const bytes = (/** @type {keyof Stats} */ datagrams, /** @type {keyof Stats} */ key) =>
    `${formatBytes(perSecond(key))}/s · ${formatCount(stats[datagrams])} datagrams`;

  show('connections', formatCount(stats.connections), `${formatCount(stats.connections_total)} since the start`);
  show('requests', formatCount(stats.requests_total), events('requests_total'));
  show('streams', formatCount(stats.streams_total), events('streams_total'));
  show('sent', formatBytes(stats.bytes_sent), bytes('datagrams_sent', 'bytes_sent'));
  show('received', formatBytes(stats.bytes_received), bytes('datagrams_received', 'bytes_received'));
  show('dropped', formatCount(stats.datagrams_dropped), `datagrams · ${formatCount(stats.send_errors)} send errors`);
  byId('counts').dataset.live = 'true';
  last = { at: now, stats };
}
