/** The page in Chromium, with the stand-in server: what a person sees and does. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { buildStandInApp, temporaryDirectory, withoutChromium } from './support.js';

const directory = temporaryDirectory();
/** @type {import('../isolated-app.mjs').IsolatedApp} */
let app;
/** @type {import('puppeteer-core').Page} */
let page;
/** @type {unknown[]} */
const pageErrors = [];

const suite = { skip: withoutChromium, timeout: 180_000 };
test('the app in Chromium', suite, async (t) => {
  app = await launchIsolatedApp({ directory: await buildStandInApp(directory), permissions: 'prompt' });
  page = app.page;
  page.on('pageerror', (error) => pageErrors.push(error));

  await t.test('Chrome’s prompts are explained before the first start', async () => {
    await page.waitForSelector('#prompts:not([hidden])');
    assert.match(await text('#prompts'), /apps and services on this device.*devices on your local network/s);
    assert.equal(await text('#state'), 'Stopped');
  });

  await t.test('a refused permission says where to allow it', async () => {
    await page.click('#start');
    await state('failed');
    assert.match(await text('#problem'), /does not let this app use the network.*Local network/s);
    await app.setPermissions('granted');
  });

  await t.test('start, stop, start again: state, address, certificate, counts, log', async () => {
    for (const run of [1, 2]) {
      await start('127.0.0.1', '0');
      await state('running');
      assert.equal(await page.$eval('#problem', (element) => /** @type {HTMLElement} */ (element).hidden), true);
      assert.equal(await page.$eval('#prompts', (element) => /** @type {HTMLElement} */ (element).hidden), true);
      const url = new URL(await text('#url'));
      assert.equal(url.hostname, '127.0.0.1');
      assert.equal((await text('#hash')).replaceAll(' ', ''), 'ab'.repeat(32));
      assert.equal(await page.$eval('#start', isDisabled), true);

      await echo(Number(url.port), 'twelve bytes');
      await count('received', '12 B');
      await count('sent', '12 B');
      assert.match(await text('[data-detail=sent]'), /1 datagrams/);

      await page.click('#stop');
      await state('stopped');
      assert.equal(await page.$eval('#identity', (element) => /** @type {HTMLElement} */ (element).hidden), true);
      await logged(new RegExp(`(server has stopped[^]*){${run}}`));
    }
  });

  await t.test('the certificate’s hash is copied or selected', async () => {
    await start('127.0.0.1', '0');
    await state('running');
    await page.click('#copy');
    await page.waitForFunction(() => /Copied|Selected/.test(document.querySelector('#copied')?.textContent ?? ''));
    await page.click('#stop');
    await state('stopped');
  });

  await t.test('a port in use is named, and another one works', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    await start('127.0.0.1', String(port));
    await state('failed');
    assert.match(await text('#problem'), new RegExp(`127\\.0\\.0\\.1:${port} is already in use[^]*Choose another`));
    other.close();
    await start('127.0.0.1', '0');
    await state('running');
    await page.click('#stop');
    await state('stopped');
  });

  await t.test('a port that Chrome refuses is not even tried', async () => {
    await start('127.0.0.1', '443');
    assert.match(await text('#port-hint'), /Chrome refuses UDP ports below 1024/);
    assert.equal(await page.$eval('#port', (element) => element.getAttribute('aria-invalid')), 'true');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'port');
    assert.equal(await text('#state'), 'Stopped');
    await start('no address', '0');
    assert.match(await text('#address-hint'), /not an IPv4 or IPv6 address/);
    assert.equal(await page.$('#port[aria-invalid]'), null, 'the mended port is no longer marked');
  });

  await t.test('a server that traps has failed, and can be started again', async () => {
    await configure(['--trap']);
    await start('127.0.0.1', '0');
    await state('failed');
    assert.match(await text('#problem'), /error of its own.*unreachable/s);
    await configure([]);
    await start('127.0.0.1', '0');
    await state('running');
    await page.click('#stop');
    await state('stopped');
  });

  await t.test('a server that does not stop is ended', async () => {
    await configure(['--deaf']);
    await start('127.0.0.1', '0');
    await state('running');
    await page.click('#stop');
    await state('stopping');
    await state('stopped');
    await logged(/did not stop within 5 s and was ended/);
    await configure([]);
  });

  await t.test('a server that is not ready yet can be stopped', async () => {
    await configure(['--silent']);
    await start('127.0.0.1', '0');
    await state('starting');
    await page.click('#stop');
    await state('stopped');
    await configure([]);
  });

  await t.test('the log keeps its last 500 lines', async () => {
    await page.evaluate(async () => {
      const { LogView } = await import(/** @type {any} */ ('/log-view.js'));
      const list = document.querySelector('#log');
      const view = new LogView(list, () => {});
      view.clear();
      for (let i = 0; i < 1200; i += 1) view.add(`line ${i}`);
      /** @type {any} */ (globalThis).view = view;
    });
    await logged(/line 1199/);
    assert.equal(await page.$$eval('#log li', (items) => items.length), 500);
  });

  assert.deepEqual(pageErrors, []);
});

test.after(() => app?.close());

/** @param {string} selector */
const text = (selector) => page.$eval(selector, (element) => element.textContent.trim());
const isDisabled = (/** @type {Element} */ element) => /** @type {HTMLButtonElement} */ (element).disabled;

/** @param {string} name */
const state = (name) => page.waitForSelector(`#state[data-state=${name}]`);

/** @param {RegExp} pattern */
const logged = (pattern) =>
  page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector('#log')?.textContent ?? ''),
    {},
    pattern.source,
  );

/** @param {string} name @param {string} value */
const count = (name, value) =>
  page.waitForFunction((n, v) => document.querySelector(`[data-count=${n}]`)?.textContent === v, {}, name, value);

/** @param {string[]} args further arguments of the next starts */
const configure = (args) => page.evaluate((o) => /** @type {any} */ (globalThis).socketIwa.configure(o), { args });

/** Types an address and a port and presses Start. @param {string} address @param {string} port */
async function start(address, port) {
  for (const [selector, value] of [['#address', address], ['#port', port]]) {
    await page.$eval(selector, (element) => (/** @type {HTMLInputElement} */ (element).value = ''));
    await page.type(selector, value);
  }
  await page.click('#start');
}

/** Sends a datagram to the server and waits for it to come back. @param {number} port @param {string} message */
async function echo(port, message) {
  const socket = createSocket('udp4');
  const answered = once(socket, 'message');
  socket.send(message, port, '127.0.0.1');
  const [answer] = await answered;
  socket.close();
  assert.equal(answer.toString(), message);
}
