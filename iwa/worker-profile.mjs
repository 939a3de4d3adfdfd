/** CPU profiles of an app's workers, by Chromium's own sampling profiler over the DevTools pipe. */
import { writeFile } from 'node:fs/promises';

/** Microseconds between samples. */
const INTERVAL = 200;

/**
 * Profiles the worker that the page makes next.
 * @param {import('puppeteer-core').Page} page
 * @param {string} file
 * @returns {Promise<() => Promise<void>>} once it samples: what ends that and writes the file, for as long as the worker
 *   lives
 */
export async function profileNextWorker(page, file) {
  /** @type {import('puppeteer-core').WebWorker} */
  const worker = await new Promise((resolve) => void page.once('workercreated', resolve));
  const { client } = worker;
  await client.send('Profiler.enable');
  await client.send('Profiler.setSamplingInterval', { interval: INTERVAL });
  await client.send('Profiler.start');
  return async () => {
    const { profile } = await client.send('Profiler.stop');
    await writeFile(file, JSON.stringify(profile));
  };
}
