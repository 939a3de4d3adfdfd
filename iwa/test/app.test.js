/** The page in Chromium, with the stand-in server: what a person sees and does. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { AppPage } from './app-page.js';
import { buildStandInApp, temporaryDirectory, withoutChromium } from './support.js';

const directory = temporaryDirectory();
/** @type {import('../isolated-app.mjs').IsolatedApp} */
let app;
/** @type {AppPage} */
let it;
/** @type {import('puppeteer-core').Page} */
let page;
/** @type {unknown[]} */
const pageErrors = [];

const suite = { skip: withoutChromium, timeout: 180_000 };
test('the app in Chromium', suite, async (t) => {
  app = await launchIsolatedApp({ directory: await buildStandInApp(directory), permissions: 'prompt' });
  page = app.page;
  it = new AppPage(page);
  page.on('pageerror', (error) => pageErrors.push(error));

  await t.test('Chrome’s prompts are explained at the start, and nothing is asked before that is acknowledged', async () => {
    await page.waitForSelector('#prompts:not([hidden])');
    await it.start('127.0.0.1', '0');
    await page.waitForSelector('#prompts-dialog[open]');
    assert.match(await it.text('#prompts-dialog'), /services on this device.*devices on your local network.*App info/s);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'prompts-continue', 'the keyboard is in the dialog');
    assert.equal(await it.text('#state'), 'Stopped');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#prompts-dialog:not([open])');
    assert.equal(await it.text('#state'), 'Stopped', 'not now is not now');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'start');
  });

  await t.test('a prompt that got no answer says that it comes again', async () => {
    await page.click('#start');
    await page.waitForSelector('#prompts-dialog[open]');
    await page.click('#prompts-continue'); // a headless Chromium closes its prompts itself
    await it.failed();
    assert.match(await it.text('#problem'), /does not let this app use the network yet.*choose Allow/s);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'problem-title', 'a screen reader is led to it');
  });

  await t.test('a blocked permission says where to allow it, before a start and after', async () => {
    await app.setPermissions('denied');
    await page.waitForSelector('#prompts[data-permissions=denied]');
    assert.match(await it.text('#prompts'), /blocks this app from the network.*App info.*Local network/s);
    await page.click('#start');
    await it.failed();
    assert.match(await it.text('#problem'), /does not let this app use the network.*App info.*Local network/s);
    await app.setPermissions('granted');
    await page.waitForSelector('#prompts[hidden]');
  });

  await t.test('start, stop, start again: state, address, certificate, counts, log', async () => {
    for (const run of [1, 2]) {
      await it.start('127.0.0.1', '0');
      await it.state('running');
      assert.equal(await it.isHidden('#problem'), true);
      assert.equal(await it.isHidden('#setup'), true, 'a sentence stands in the place of the form');
      assert.match(await it.text('#setup-summary'), /Only this device reaches it\. It serves its own pages\./);
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'stop', 'the keyboard is at the next button');
      const url = new URL(await it.text('#url'));
      assert.equal(url.hostname, '127.0.0.1');
      assert.equal((await it.text('#hash')).replaceAll(' ', ''), 'ab'.repeat(32));

      await echo(Number(url.port), 'twelve bytes');
      await it.count('received', '12 B');
      await it.count('sent', '12 B');
      assert.match(await it.text('[data-detail=sent]'), /1 datagrams/);

      await page.click('#stop');
      await it.state('stopped');
      assert.equal(await it.isHidden('#reach'), true);
      await it.logged(new RegExp(`(server has stopped[^]*){${run}}`));
    }
  });

  await t.test('hash, address and code are copied or selected', async () => {
    await it.start('127.0.0.1', '0');
    await it.state('running');
    for (const [button, said] of [['#copy', '#copied'], ['#copy-url', '#copied-url'], ['#copy-snippet', '#copied-snippet']]) {
      await page.click(button);
      await page.waitForFunction((where) => /Copied|Selected/.test(document.querySelector(where)?.textContent ?? ''), {}, said);
    }
    const { port } = new URL(await it.text('#url'));
    assert.ok((await it.text('#snippet')).includes(`new WebTransport('https://127.0.0.1:${port}/echo'`));
    assert.equal(await it.isHidden('#qr'), true, 'a code that another device could not use is not shown');
    assert.match(await it.text('#no-qr'), /choose “My network”/);
    await it.stop();
  });

  await t.test('on every network: this device’s address, a code for others, and a page that the code opens', async () => {
    await it.start('0.0.0.0', '0');
    await it.state('running');
    assert.match(await it.text('#setup-summary'), /Devices reach it at every address of this one\./);
    await it.type('#share-host', '');
    await page.waitForSelector('#no-qr:not([hidden])');
    assert.match(await it.text('#no-qr'), /Type this device’s address/);
    assert.match(await it.text('#url'), /^https:\/\/127\.0\.0\.1:/, 'at least here it is right');
    await it.type('#share-host', '192.168.1.20');
    await page.waitForSelector('#qr:not([hidden]) svg');
    const { port } = new URL(await it.text('#url'));
    assert.equal(await it.text('#url'), `https://192.168.1.20:${port}`);
    const label = () => page.$eval('#qr svg', (svg) => svg.getAttribute('aria-label'));
    assert.equal(await label(), `QR code: https://192.168.1.20:${port}/#sha256=${'ab'.repeat(32)}`);
    await it.type('#share-page', 'example.com');
    assert.equal(await page.$eval('#share-page', (field) => field.getAttribute('aria-invalid')), 'true');
    await it.type('#share-page', 'https://example.com/chat');
    assert.match((await label()) ?? '', /^QR code: https:\/\/example\.com\/chat#server=https%3A%2F%2F192\.168\.1\.20%3A\d+&sha256=(ab){32}$/);
    await it.stop();
  });

  await t.test('connections are listed, and closed by a button that leaves the keyboard in the table', async () => {
    await it.start('127.0.0.1', '0');
    await it.state('running');
    await page.waitForSelector('#connections-body tr[data-id="7"]');
    assert.deepEqual(await page.$$eval('#connections-body tr', (rows) => rows.map((row) => row.getAttribute('data-id'))), ['3', '7']);
    assert.match(await it.text('#connections-body tr[data-id="7"]'), /127\.0\.0\.1:50000.*h3.*1 min.*2\.00 MB.*5\.00 kB.*0\.42 ms.*0.*1/s);
    assert.equal(await it.text('#connections-count'), '2 open');
    await page.click('#connections-body tr[data-id="7"] button');
    await page.waitForSelector('#connections-body tr[data-id="7"]', { hidden: true });
    assert.equal(await it.text('#connections-said'), 'The connection was closed.');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'connections-title');
    assert.ok(await page.$('#connections-body tr[data-id="3"]'));
    await it.logged(/connection 7 was closed by you/);
    await it.stop();
    assert.equal(await it.text('#connections-none'), 'The server is not running.');
  });

  await t.test('connections out of sight are not updated each second, and are when they come into sight', async () => {
    const cell = '#connections-body tr[data-id="3"] [data-name=Lost]';
    const lost = () => page.$eval(cell, (element) => Number(element.textContent));
    const countsTold = (/** @type {number} */ times) => page.evaluate((left) => new Promise((resolve) => {
      const { events } = /** @type {any} */ (globalThis).socketIwa;
      const hear = (/** @type {CustomEvent} */ { detail }) => {
        if (!/"stats"/.test(detail.line ?? '') || --left > 0) return;
        events.removeEventListener('event', hear);
        resolve(undefined);
      };
      events.addEventListener('event', hear);
    }), times);
    await it.start('127.0.0.1', '0');
    await it.state('running');
    await page.waitForSelector('#connections-body tr');
    // The time between updates of rows that nobody sees does not pass.
    await page.evaluate(() => {
      const now = performance.now();
      performance.now = () => now;
      scrollTo(0, 0);
    });
    await countsTold(2);
    assert.ok(await page.$eval('#connections', (section) => section.getBoundingClientRect().top > innerHeight));
    const before = await lost();
    await countsTold(2);
    assert.equal(await lost(), before);
    // It passes, once.
    await page.evaluate(() => {
      const now = performance.now() + 30_000;
      performance.now = () => now;
    });
    await countsTold(2);
    const later = await lost();
    assert.ok(later > before, `${later} after ${before}`);
    await countsTold(2);
    assert.equal(await lost(), later);
    await page.$eval('#connections', (section) => section.scrollIntoView());
    await page.waitForFunction((selector, old) => Number(document.querySelector(selector)?.textContent) > old, {}, cell, later);
    await page.evaluate(() => {
      Reflect.deleteProperty(performance, 'now');
      scrollTo(0, 0);
    });
    await it.stop();
  });

  await t.test('charts have their numbers in words and in a table', async () => {
    await it.start('127.0.0.1', '0');
    await it.state('running');
    await page.waitForFunction(() => /Median 0\.42 ms/.test(document.querySelector('#charts')?.textContent ?? ''));
    assert.equal(await page.$$eval('#charts canvas', (all) => all.length), 6);
    assert.equal(await page.$$eval('#charts .plot:not([aria-hidden])', (all) => all.length), 0);
    await page.click('#numbers summary');
    await page.waitForFunction(() => document.querySelectorAll('#numbers-body tr').length > 1);
    assert.match(await it.text('#numbers-head'), /Bytes: sent.*Round-trip time: median.*Drops/s);
    await page.click('#numbers summary');
    await it.stop();
  });

  await t.test('a port in use is named, and the page itself can take a free one', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    await it.start('127.0.0.1', String(port));
    await it.failed();
    assert.match(await it.text('#problem'), new RegExp(`127\\.0\\.0\\.1:${port} is already in use[^]*running already`));
    await page.click('#problem-action');
    await it.state('running');
    assert.notEqual(new URL(await it.text('#url')).port, String(port));
    other.close();
    await it.stop();
  });

  await t.test('a port that Chrome refuses is not even tried', async () => {
    await it.start('127.0.0.1', '443');
    assert.match(await it.text('#port-hint'), /Chrome refuses UDP ports below 1024/);
    assert.equal(await page.$eval('#port', (element) => element.getAttribute('aria-invalid')), 'true');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'port');
    assert.equal(await page.$eval('#state', (element) => /** @type {HTMLElement} */ (element).dataset.state), 'stopped');
    await it.start('no address', '0');
    assert.match(await it.text('#address-hint'), /not an IPv4 or IPv6 address/);
    assert.equal(await page.$('#port[aria-invalid]'), null, 'the mended port is no longer marked');
  });

  await t.test('a server that traps has failed, and can be started again', async () => {
    await it.configure(['--trap']);
    await it.start('127.0.0.1', '0');
    await it.failed();
    assert.match(await it.text('#problem'), /error of its own.*unreachable/s);
    await it.configure([]);
    await page.click('#problem-action');
    await it.state('running');
    await it.stop();
  });

  await t.test('a server that does not stop is ended', async () => {
    await it.configure(['--deaf']);
    await it.start('127.0.0.1', '0');
    await it.state('running');
    await page.click('#stop');
    await it.state('stopping');
    await it.state('stopped');
    await it.logged(/did not stop within 5 s and was ended/);
    await it.configure([]);
  });

  await t.test('a server that is not ready yet can be stopped', async () => {
    await it.configure(['--silent']);
    await it.start('127.0.0.1', '0');
    await it.state('starting');
    await it.stop();
    await it.configure([]);
  });

  await t.test('the log is searched, narrowed to levels, and exported', async () => {
    await page.select('#log-level', 'warn');
    await page.waitForFunction(() => document.querySelectorAll('#log li:not([data-level=error], [data-level=warn])').length === 0);
    assert.match(await it.text('#log'), /did not stop within 5 s/);
    await page.select('#log-level', 'trace');
    await page.type('#log-search', 'HAS STOPPED');
    await page.waitForFunction(() => [...document.querySelectorAll('#log li')].every((line) => /has stopped/.test(line.textContent)));
    assert.match(await it.text('#log-count'), /^\d+ of \d+ lines match$/);
    await it.type('#log-search', 'nothing has this');
    await page.waitForSelector('#log[data-empty="No line matches."]:empty');
    await it.type('#log-search', '');
    await it.logged(/has stopped/);

    const exported = page.evaluate(() => new Promise((resolve) => {
      HTMLAnchorElement.prototype.click = async function click() {
        resolve({ name: this.download, text: await (await fetch(this.href)).text() });
      };
    }));
    await page.click('#export');
    const { name, text } = /** @type {any} */ (await exported);
    assert.match(name, /^socket-iwa-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.log$/);
    assert.match(text, /^\d{4}-\d\d-\d\dT[\d:.]+Z .*\n/);
    assert.match(text, /Z INFO the server has stopped\n/);
    await page.click('#clear');
    assert.equal(await it.text('#log'), '');
  });

  await t.test('the page shows the last 500 lines of the log, and says so', async () => {
    await it.configure(['--lines', '1200']);
    await it.start('127.0.0.1', '0');
    await it.logged(/line 1199/);
    await it.stop();
    await it.configure([]);
    await it.logged(/server has stopped/);
    assert.equal(await page.$$eval('#log li', (items) => items.length), 500);
    assert.match(await it.text('#log-count'), /^last 500 of 12\d\d lines$/);
  });

  await t.test('the help opens in a window of its own, and the server goes on', async () => {
    await it.start('127.0.0.1', '0');
    await it.state('running');
    const opened = app.browser.waitForTarget((target) => target.url().includes('/help/index.html'), { timeout: 30_000 });
    await page.click('header nav a');
    const help = await (await opened).page();
    assert.ok(help);
    await help.waitForSelector('ul.pages a');
    await help.click('nav a[href="applications.html"]');
    await help.waitForSelector('#http3');
    assert.match(await help.$eval('h1', (heading) => heading.textContent), /applications/);
    await help.close();
    assert.equal(await it.text('#state'), 'Running');
    await it.stop();
  });

  assert.deepEqual(pageErrors, []);
});

test.after(() => app?.close());

/** Sends a datagram to the server and waits for it to come back. @param {number} port @param {string} message */
async function echo(port, message) {
  const socket = createSocket('udp4');
  const answered = once(socket, 'message');
  socket.send(message, port, '127.0.0.1');
  const [answer] = await answered;
  socket.close();
  assert.equal(answer.toString(), message);
}
