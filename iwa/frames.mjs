/**
 * Measures whether the app's page stays smooth while its server works: the times between animation frames, first while
 * nothing happens, then while the native client downloads 16 MiB again and again. A measurement, not a test.
 *
 * A frame is late when the page has much to do, and when no core is free to do it. The processor time of the page's
 * tasks tells the two apart: what the page has to do is in it, what it waits for is not.
 *
 *     node_modules/.bin/node iwa/frames.mjs [--seconds 10] [--json]
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { runMain } from './command.mjs';
import { launchIsolatedApp } from './isolated-app.mjs';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const CLIENT = path.join(REPOSITORY, 'target', 'release', 'socket-iwa-client');
/** Milliseconds between frames from which on one was missed, at 60 a second. */
const MISSED = 25;

/**
 * @typedef {object} Frames
 * @property {number} frames
 * @property {number} perSecond
 * @property {number} median the first of the times between them
 * @property {number} p99
 * @property {number} longest
 * @property {number} missed
 * @property {number} busiest the most processor time that a task of the page's main thread took
 * @property {number} longestTask the time that the longest task took, waiting for a core included
 */

/** Names the page's main thread in a trace. */
const MARK = 'frames of this page';

/**
 * Times in milliseconds.
 * @param {number[]} gaps between frames @param {number} elapsed @param {any[]} trace
 * @returns {Frames}
 */
function summarize(gaps, elapsed, trace) {
  const { pid, tid } = trace.find(({ name }) => name === MARK);
  const tasks = trace.filter((event) => event.pid === pid && event.tid === tid && event.name.endsWith('RunTask'));
  // Microseconds, there.
  const most = (/** @type {'dur' | 'tdur'} */ key) =>
    Number((tasks.reduce((found, task) => Math.max(found, task[key] ?? 0), 0) / 1000).toFixed(1));
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ part) => Number(sorted[Math.floor((sorted.length - 1) * part)].toFixed(1));
  return {
    frames: gaps.length,
    perSecond: Number(((gaps.length * 1000) / elapsed).toFixed(1)),
    median: at(0.5),
    p99: at(0.99),
    longest: at(1),
    missed: gaps.filter((gap) => gap > MISSED).length,
    busiest: most('tdur'),
    longestTask: most('dur'),
  };
}

await runMain('frames', async (signal) => {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' }, json: { type: 'boolean' } } });
  const app = await launchIsolatedApp({ directory: path.join(REPOSITORY, 'target', 'iwa'), signal });
  const { page } = app;
  const devtools = await app.browser.target().createCDPSession();
  /** @type {any[]} */
  let trace = [];
  devtools.on('Tracing.dataCollected', ({ value }) => void trace.push(...value));

  /** Frames until `work` is done. @param {Promise<unknown>} work */
  async function measure(work) {
    trace = [];
    const traceConfig = { includedCategories: ['toplevel', 'blink.user_timing'] };
    await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig });
    await page.evaluate((mark) => {
      performance.mark(mark);
      const state = { gaps: /** @type {number[]} */ ([]), last: 0, begun: performance.now(), on: true };
      /** @type {any} */ (globalThis).frames = state;
      const frame = (/** @type {number} */ now) => {
        if (state.last) state.gaps.push(now - state.last);
        state.last = now;
        if (state.on) requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    }, MARK);
    await work;
    const { gaps, elapsed } = await page.evaluate(() => {
      const state = /** @type {any} */ (globalThis).frames;
      state.on = false;
      return { gaps: state.gaps, elapsed: performance.now() - state.begun };
    });
    const complete = new Promise((resolve) => devtools.once('Tracing.tracingComplete', resolve));
    await devtools.send('Tracing.end');
    await complete;
    return summarize(gaps, elapsed, trace);
  }

  try {
    await page.evaluate(() => /** @type {any} */ (globalThis).socketIwa.configure({ listen: '127.0.0.1:0' }));
    await page.click('#start');
    await page.waitForSelector('#state[data-state=running]');
    const { host, hash } = await page.evaluate(() => ({
      host: new URL(document.querySelector('#url')?.textContent ?? '').host,
      hash: (document.querySelector('#hash')?.textContent ?? '').replaceAll(' ', ''),
    }));
    const duration = Number(values.seconds) * 1000;
    const idle = await measure(new Promise((resolve) => setTimeout(resolve, duration)));
    let downloads = 0;
    const load = async () => {
      for (const begun = Date.now(); Date.now() - begun < duration; downloads += 1) {
        await promisify(execFile)(CLIENT, ['check', '--connect', host, '--cert-sha256', hash]);
      }
    };
    const loaded = await measure(load());
    if (values.json) return void process.stdout.write(`${JSON.stringify({ idle, loaded, downloads })}\n`);
    const line = (/** @type {string} */ name, /** @type {Frames} */ of) =>
      `${name.padEnd(24)} ${of.perSecond} frames/s, between them median ${of.median} ms, 99 % ${of.p99} ms, ` +
      `longest ${of.longest} ms, ${of.missed} of ${of.frames} over ${MISSED} ms; the page's busiest task took ` +
      `${of.busiest} ms of processor time, its longest ${of.longestTask} ms with the wait for a core\n`;
    process.stdout.write(line('idle', idle) + line(`${downloads} × 16 MiB`, loaded));
  } finally {
    await app.close();
  }
});
