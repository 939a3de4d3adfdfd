/**
 * Takes the pictures of docs/app.md: the app in a headless Chromium, in each of its states, serving real clients. Run after
 * changing the page, when the app and the native client are built:
 *
 *     node_modules/.bin/node iwa/screenshots.mjs [--only NAME]... [--full] [--out DIRECTORY]
 *
 * `--full` takes whole pages, to look at.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { openBrowserPage } from '../xtask/tests/browser-page.js';
import { runMain } from './command.mjs';
import { launchIsolatedApp } from './isolated-app.mjs';
import { LaunchError } from './launch-error.mjs';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const CLIENT = path.join(REPOSITORY, 'target', 'release', 'socket-iwa-client');

/** CSS pixels. */
const WIDE = { width: 1120, height: 780 };
const NARROW = { width: 360, height: 780 };
/** Seconds under load before the picture: the charts have something to show. */
const LOAD = 45;
/** An address as other devices see one; the machine's own is nobody's business. */
const ADDRESS = '192.168.1.20';

/** @typedef {import('puppeteer-core').Page} Page */

/** @param {Page} page @param {string} name */
const reached = (page, name) => page.waitForSelector(`#state[data-state=${name}]`);

/** A folder as the person would choose it; the dialog of the system has no place in a headless browser. @param {Page} page */
async function chooseFolder(page) {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('photo-wall', { create: true });
    const files = { 'index.html': '<!doctype html><h1>Photo wall</h1>', 'wall.js': 'x'.repeat(41_300), 'sea.jpg': 'x'.repeat(3_204_000) };
    for (const [name, text] of Object.entries(files)) {
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(text);
      await writable.close();
    }
    /** @type {any} */ (globalThis).showDirectoryPicker = async () => folder;
  });
  await page.click('#choose-folder');
  await page.waitForFunction(() => document.querySelector('#folder-about')?.textContent?.includes('3 files'));
}

/** WebTransport sessions of a web page that send now and then, and downloads of the native client. @param {Page} page */
async function startLoad(page) {
  const { hash, port } = await page.evaluate(() => ({
    hash: (document.querySelector('#hash')?.textContent ?? '').replaceAll(' ', ''),
    port: new URL(document.querySelector('#url')?.textContent ?? '').port,
  }));
  const browser = await openBrowserPage();
  await browser.page.evaluate(async (url, sha256) => {
    const value = Uint8Array.from(sha256.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    for (const path of ['/echo', '/room', '/room']) {
      const session = new WebTransport(`${url}${path}`, { serverCertificateHashes: [{ algorithm: 'sha-256', value }] });
      await session.ready;
      const writer = session.datagrams.writable.getWriter();
      setInterval(() => void writer.write(new Uint8Array(900)), 4);
    }
  }, `https://127.0.0.1:${port}`, hash);
  const until = Date.now() + LOAD * 1000;
  for (let round = 0; Date.now() < until; round += 1) {
    const bytes = String((4 + ((round * 7) % 13)) << 20);
    await promisify(execFile)(CLIENT, ['check', '--connect', `127.0.0.1:${port}`, '--cert-sha256', hash, '--bytes', bytes]);
  }
  return browser;
}

/** @param {Page} page @param {string} id */
const scrollToCard = (page, id) =>
  page.evaluate((target) => document.getElementById(target)?.closest('section')?.scrollIntoView({ block: 'start' }), id);

/** @param {Page} page @param {'light' | 'dark'} value */
const scheme = (page, value) => page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);

await runMain('screenshots', async (signal) => {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: path.join(REPOSITORY, 'docs', 'images') },
      only: { type: 'string', multiple: true },
      full: { type: 'boolean', default: false },
    },
  });
  const app = await launchIsolatedApp({
    directory: path.join(REPOSITORY, 'target', 'iwa'), permissions: 'prompt', window: WIDE, signal,
  });
  const { page } = app;
  page.on('pageerror', (error) => process.stderr.write(`page: ${error}\n`));
  page.on('dialog', (dialog) => void dialog.accept());
  /** @type {Awaited<ReturnType<typeof openBrowserPage>> | undefined} */
  let visitor;
  const take = async (/** @type {string} */ name, of = page) => {
    if (values.only && !values.only.includes(name)) return;
    await of.screenshot({ path: path.join(values.out, `${name}.png`), fullPage: values.full });
    process.stderr.write(`${name}.png\n`);
  };
  try {
    await scheme(page, 'light');
    await page.waitForSelector('#prompts:not([hidden])');
    await chooseFolder(page);
    await page.click('#reach-network');
    await take('app-start');

    await page.click('#start');
    await page.waitForSelector('#prompts-dialog[open]');
    await take('app-prompts');
    await page.click('#prompts-dialog button[value=cancel]');

    await app.setPermissions('granted');
    const other = createSocket('udp4').bind(0, '0.0.0.0');
    await once(other, 'listening');
    await page.$eval('#port', (field, port) => (/** @type {HTMLInputElement} */ (field).value = port), String(other.address().port));
    await page.click('#start');
    await reached(page, 'failed');
    await page.waitForSelector('#problem:not([hidden])');
    await take('app-error');
    other.close();

    await page.$eval('#port', (field) => (/** @type {HTMLInputElement} */ (field).value = '4433'));
    await page.click('#start');
    await reached(page, 'running');
    await page.$eval('#share-host', (field, address) => {
      /** @type {HTMLInputElement} */ (field).value = address;
      field.dispatchEvent(new Event('input'));
    }, ADDRESS);
    await page.evaluate(() => globalThis.scrollTo(0, 0));
    await page.setViewport({ ...WIDE, height: 800 });
    await take('app-reach');
    await page.setViewport(WIDE);
    visitor = await startLoad(page);
    await page.setViewport({ ...WIDE, height: 960 }); // with the connections
    await scrollToCard(page, 'live-title');
    await take('app');
    await scheme(page, 'dark');
    await take('app-dark');
    await scheme(page, 'light');
    await page.setViewport(NARROW);
    await scrollToCard(page, 'live-title');
    await take('app-narrow');
    await page.setViewport(WIDE);
    await page.click('#stop');
    await reached(page, 'stopped');

    const opened = app.browser.waitForTarget((target) => target.url().includes('/help/'), { timeout: 15_000 });
    await page.click('nav a');
    const help = await (await opened).page();
    if (!help) throw new LaunchError('the help has no page');
    await help.setViewport(WIDE);
    await help.waitForSelector('main');
    await take('app-help', help);
  } finally {
    await visitor?.close();
    await app.close();
  }
});
