/**
 * Measures whether the app's page stays smooth while its server works: the times between animation frames, first while
 * nothing happens, then while the native client downloads 16 MiB again and again. A measurement, not a test.
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

/** @typedef {{frames: number, perSecond: number, median: number, p99: number, longest: number, missed: number}} Frames */

/**
 * Times in milliseconds.
 * @param {number[]} gaps between frames @param {number} elapsed
 * @returns {Frames}
 */
function summarize(gaps, elapsed) {
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ part) => Number(sorted[Math.floor((sorted.length - 1) * part)].toFixed(1));
  return {
    frames: gaps.length,
    perSecond: Number(((gaps.length * 1000) / elapsed).toFixed(1)),
    median: at(0.5),
    p99: at(0.99),
    longest: at(1),
    missed: gaps.filter((gap) => gap > MISSED).length,
  };
}

await runMain('frames', async (signal) => {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' }, json: { type: 'boolean' } } });
  const app = await launchIsolatedApp({ directory: path.join(REPOSITORY, 'target', 'iwa'), signal });
  const { page } = app;

  /** Frames until `work` is done. @param {Promise<unknown>} work */
  async function measure(work) {
    await page.evaluate(() => {
      const state = { gaps: /** @type {number[]} */ ([]), last: 0, begun: performance.now(), on: true };
      /** @type {any} */ (globalThis).frames = state;
      const frame = (/** @type {number} */ now) => {
        if (state.last) state.gaps.push(now - state.last);
        state.last = now;
        if (state.on) requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    await work;
    const { gaps, elapsed } = await page.evaluate(() => {
      const state = /** @type {any} */ (globalThis).frames;
      state.on = false;
      return { gaps: state.gaps, elapsed: performance.now() - state.begun };
    });
    return summarize(gaps, elapsed);
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
      `${name.padEnd(24)} ${of.perSecond} frames/s, between them median ${of.median} ms, 99 % ${of.p99} ms, longest ${of.longest} ms, ` +
      `${of.missed} of ${of.frames} over ${MISSED} ms\n`;
    process.stdout.write(line('idle', idle) + line(`${downloads} × 16 MiB`, loaded));
  } finally {
    await app.close();
  }
});
