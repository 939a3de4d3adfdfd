/**
 * The charts of the last two minutes, drawn by uPlot on canvases. What they show stands beside them in words, which are
 * their legend and their alternative for who can't see them, and in a table on request.
 */
import uPlot from 'uplot';
import { byId, element } from './dom.js';
import { formatBytes, formatCount, formatMilliseconds } from './format.js';
import { CAPACITY } from './history.js';

/** CSS pixels. */
const HEIGHT = 132;

const bytesPerSecond = (/** @type {number} */ value) => `${formatBytes(value)}/s`;
const count = (/** @type {number} */ value) => formatCount(Math.round(value));
const countPerSecond = (/** @type {number} */ value) => `${count(value)}/s`;

/**
 * @typedef {Exclude<keyof import('./history.js').Reading, 'at'>} Key
 * @typedef {{title: string, series: [Key, string][], format: (value: number) => string, least: number}} Spec `least` is
 *   the smallest value at the top of the scale
 * @type {Spec[]}
 */
const CHARTS = [
  { title: 'Bytes', series: [['bytesSent', 'Sent'], ['bytesReceived', 'Received']], format: bytesPerSecond, least: 4000 },
  {
    title: 'Datagrams',
    series: [['datagramsSent', 'Sent'], ['datagramsReceived', 'Received']],
    format: countPerSecond,
    least: 10,
  },
  { title: 'Round-trip time', series: [['rtt', 'Median'], ['rttMax', 'Highest']], format: formatMilliseconds, least: 1 },
  { title: 'Connections', series: [['connections', 'Open']], format: count, least: 4 },
  { title: 'Requests', series: [['requests', 'Asked']], format: countPerSecond, least: 10 },
  { title: 'Drops', series: [['drops', 'Datagrams dropped']], format: countPerSecond, least: 10 },
];

/** Of the table, in the order of its columns. */
const COLUMNS = CHARTS.flatMap(({ title, series, format }) =>
  series.map(([key, name]) => ({ key, heading: series.length > 1 ? `${title}: ${name.toLowerCase()}` : title, format })),
);
/** What the scales are divided by: nothing here is counted in fractions but time. */
const STEPS = Array.from({ length: 14 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** (power - 2))).flat();
/** Rows of the table: a reading a second. */
const ROWS = 30;

/** The style sheet's colors of now, by their names; looking one up costs a layout. @type {Map<string, string>} */
const colors = new Map();

/** @param {string} name */
function color(name) {
  const known = colors.get(name);
  if (known) return known;
  // A canvas does not know light-dark(); a computed color of an element is always resolved.
  const probe = byId('charts');
  probe.style.setProperty('outline-color', `var(--${name})`);
  const resolved = getComputedStyle(probe).outlineColor;
  colors.set(name, resolved);
  return resolved;
}

/** One chart with its words. */
class Chart {
  #spec;
  #plot;
  #legend;

  /** @param {Spec} spec @param {HTMLElement} place */
  constructor(spec, place) {
    this.#spec = spec;
    const { title, series } = spec;
    this.#legend = series.map(([, name], index) => {
      const value = element('b', {}, '–');
      const highest = element('span', { class: 'highest' });
      return { value, highest, row: element('p', { 'data-series': String(index) }, `${name} `, value, ' ', highest) };
    });
    const canvas = element('div', { class: 'plot', 'aria-hidden': 'true' });
    const caption = element('figcaption', {}, element('h3', {}, title), ...this.#legend.map(({ row }) => row));
    place.append(element('figure', { class: 'chart' }, caption, canvas));
    this.#plot = new uPlot(this.#options(canvas), [[], ...series.map(() => [])], canvas);
    new ResizeObserver(() => this.#plot.setSize({ width: canvas.clientWidth, height: HEIGHT })).observe(canvas);
  }

  /** @param {HTMLElement} canvas @returns {uPlot.Options} */
  #options(canvas) {
    const { series, format, least } = this.#spec;
    const mark = (/** @type {number} */ value) => (value === 0 ? '0' : format(value).replace(/\.0+(?=\D)/, ''));
    const axis = { stroke: () => color('soft'), font: '11px system-ui, sans-serif', ticks: { show: false } };
    const grid = { stroke: () => color('line'), width: 1 };
    return {
      width: canvas.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 20, 0, 0], // the last mark's half
      scales: {
        x: { time: false, range: [-CAPACITY, 0] },
        y: { range: (_plot, _lowest, most) => [0, Math.max(most ?? 0, least) * 1.1] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 24,
          incrs: [30, 60],
          space: 44,
          values: (_plot, at) => at.map((second) => (second ? `${-second} s` : 'now')),
        },
        {
          ...axis,
          grid,
          size: 66,
          space: 34,
          incrs: STEPS.filter((step) => least < 4 || step >= 1),
          values: (_plot, at) => at.map(mark),
        },
      ],
      series: [
        {},
        ...series.map((_, index) => ({
          stroke: () => color(`series-${index}`),
          fill: index === 0 ? () => color('series-fill') : undefined,
          dash: index > 0 ? [5, 3] : undefined,
          width: 1.75,
          points: { show: false },
        })),
      ],
    };
  }

  /** @param {import('./history.js').History} history */
  show(history) {
    const { series, format } = this.#spec;
    const { readings } = history;
    const newest = readings.at(-1)?.at ?? 0;
    const times = readings.map(({ at }) => (at - newest) / 1000);
    this.#plot.setData([times, ...series.map(([key]) => readings.map((reading) => reading[key]))]);
    series.forEach(([key], index) => {
      const { now, highest } = history.summary(key);
      this.#legend[index].value.textContent = now === null ? '–' : format(now);
      this.#legend[index].highest.textContent = highest === null ? '' : `highest ${format(highest)}`;
    });
  }

  /** With the colors of now. */
  redraw() {
    this.#plot.redraw(false, true);
  }
}

/** All of them, and the table. */
export class Charts {
  #charts;
  #history;
  /** Charts that are to be drawn, one a frame: all at once would take longer than a frame has. @type {Chart[]} */
  #due = [];
  #details = /** @type {HTMLDetailsElement} */ (byId('numbers'));

  /** @param {import('./history.js').History} history */
  constructor(history) {
    this.#history = history;
    this.#charts = CHARTS.map((spec) => new Chart(spec, byId('charts')));
    const head = ['Ago', ...COLUMNS.map(({ heading }) => heading)];
    byId('numbers-head').append(...head.map((name) => element('th', { scope: 'col', role: 'columnheader' }, name)));
    this.#details.addEventListener('toggle', () => this.#showTable());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      colors.clear();
      for (const chart of this.#charts) chart.redraw();
    });
  }

  /** The history has changed. */
  show() {
    const isIdle = this.#due.length === 0;
    this.#due = [...this.#charts];
    if (isIdle) requestAnimationFrame(() => this.#drawNext());
    this.#showTable();
  }

  #drawNext() {
    this.#due.shift()?.show(this.#history);
    if (this.#due.length > 0) requestAnimationFrame(() => this.#drawNext());
  }

  #showTable() {
    if (!this.#details.open) return;
    const { readings } = this.#history;
    const newest = readings.at(-1)?.at ?? 0;
    const rows = readings.slice(-ROWS).reverse().map((reading) => {
      const ago = `${Math.round((newest - reading.at) / 1000)} s`;
      const cells = COLUMNS.map(({ key, heading, format }) => {
        const value = reading[key];
        return element('td', { role: 'cell', 'data-name': heading }, value === null ? '–' : format(value));
      });
      return element('tr', { role: 'row' }, element('th', { scope: 'row', role: 'rowheader' }, ago), ...cells);
    });
    byId('numbers-body').replaceChildren(...rows);
  }
}
