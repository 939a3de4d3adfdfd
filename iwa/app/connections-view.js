/**
 * The table of connections: rows are kept and updated, so that focus and selection stay where they are. Out of sight they
 * are updated less often: a hundred of them leave the browser one to six megabytes of garbage each time, most of it where
 * they are others than before.
 */
import { byId, element } from './dom.js';
import { formatAge, formatBytes, formatCount, formatMilliseconds } from './format.js';

/**
 * @typedef {object} ConnectionInfo as the server tells it
 * @property {number} id
 * @property {string} remote address and port
 * @property {string | null} alpn
 * @property {number} age_ms
 * @property {number} bytes_sent
 * @property {number} bytes_received
 * @property {number | null} rtt_ms
 * @property {number} lost_packets
 * @property {number} sessions
 * @typedef {{total: number, busiest: ConnectionInfo[]}} Overview
 */

/** Column headings and what stands below them. @type {[string, (connection: ConnectionInfo) => string][]} */
const COLUMNS = [
  ['Client', ({ remote }) => remote],
  ['Protocol', ({ alpn }) => alpn ?? 'handshake'],
  ['Age', ({ age_ms }) => formatAge(age_ms)],
  ['Sent', ({ bytes_sent }) => formatBytes(bytes_sent)],
  ['Received', ({ bytes_received }) => formatBytes(bytes_received)],
  ['Round trip', ({ rtt_ms }) => formatMilliseconds(rtt_ms)],
  ['Lost', ({ lost_packets }) => formatCount(lost_packets)],
  ['Sessions', ({ sessions }) => formatCount(sessions)],
];

/**
 * Milliseconds between updates of rows that nobody sees: whoever searches the page, or has it read, finds them, and they are
 * up to date as soon as the page has scrolled there.
 */
const UNSEEN_INTERVAL = 30_000;

/** Without a new layout where nothing has changed. @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export class ConnectionsView {
  #body = /** @type {HTMLTableSectionElement} */ (byId('connections-body'));
  /** @type {Map<number, {row: HTMLElement, cells: HTMLElement[]}>} */
  #rows = new Map();
  #onClose;
  /** The latest. @type {ConnectionInfo[]} */
  #connections = [];
  #isSeen = false;
  #updated = -Infinity;

  /** @param {(id: number) => void} onClose the person wants that connection closed */
  constructor(onClose) {
    this.#onClose = onClose;
    // Explicit roles: on a narrow screen rows are blocks, and a table that is not laid out as one is none to Chrome.
    const head = COLUMNS.map(([name]) => element('th', { scope: 'col', role: 'columnheader' }, name));
    const last = element('th', { scope: 'col', role: 'columnheader' }, element('span', { class: 'hidden' }, 'Action'));
    byId('connections-head').replaceChildren(...head, last);
    new IntersectionObserver((changes) => {
      this.#isSeen = changes.at(-1)?.isIntersecting ?? false;
      if (this.#isSeen) this.#updateRows();
    }).observe(byId('connections'));
  }

  /** @param {Overview | null} overview null: there is no server */
  show(overview) {
    const connections = overview?.busiest ?? [];
    const total = overview?.total ?? 0;
    byId('connections-table').hidden = connections.length === 0;
    byId('connections-none').hidden = connections.length > 0;
    setText(byId('connections-none'), overview ? 'Nobody is connected.' : 'The server is not running.');
    setText(byId('connections-count'),
      total > connections.length ? `${formatCount(total)} open, the ${connections.length} busiest shown` :
      total > 0 ? `${formatCount(total)} open` : '');
    // In the order of their numbers: rows that change places under a pointer are closed by mistake.
    this.#connections = connections.sort((a, b) => a.id - b.id);
    const isFilled = this.#rows.size > 0 === connections.length > 0;
    if (!isFilled || this.#isSeen || performance.now() - this.#updated >= UNSEEN_INTERVAL) this.#updateRows();
  }

  #updateRows() {
    this.#updated = performance.now();
    const connections = this.#connections;
    const there = new Set(connections.map(({ id }) => id));
    for (const [id, { row }] of this.#rows) {
      if (there.has(id)) continue;
      if (row.contains(document.activeElement)) byId('connections-title').focus();
      row.remove();
      this.#rows.delete(id);
    }
    connections.forEach((connection) => this.#update(connection));
  }

  /** @param {ConnectionInfo} connection */
  #update(connection) {
    const entry = this.#rows.get(connection.id) ?? this.#add(connection);
    COLUMNS.forEach(([, text], index) => setText(entry.cells[index], text(connection)));
  }

  /** @param {ConnectionInfo} connection */
  #add({ id, remote }) {
    const cells = COLUMNS.map(([name]) => element('td', { role: 'cell', 'data-name': name }));
    const close = element('button', { type: 'button', class: 'small', 'aria-label': `Close the connection of ${remote}` }, 'Close');
    close.addEventListener('click', () => {
      close.setAttribute('disabled', '');
      byId('connections-title').focus();
      this.#onClose(id);
    });
    const row = element('tr', { role: 'row', 'data-id': String(id) }, ...cells, element('td', { role: 'cell' }, close));
    const next = [...this.#rows].filter(([other]) => other > id).sort(([a], [b]) => a - b)[0]?.[1].row ?? null;
    this.#body.insertBefore(row, next);
    const entry = { row, cells };
    this.#rows.set(id, entry);
    return entry;
  }
}
