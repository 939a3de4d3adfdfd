/** The app where something is missing: outside an Isolated Web App, with files that are not there. */
import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { startDevServer } from '../dev-server.mjs';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { AppPage } from './app-page.js';
import { buildStandInApp, temporaryDirectory, withoutChromium } from './support.js';

const temporary = temporaryDirectory();
/** @type {import('../isolated-app.mjs').IsolatedApp} */
let app;

const suite = { skip: withoutChromium, timeout: 180_000 };
test('the app where something is missing', suite, async (t) => {
  const directory = await buildStandInApp(temporary);
  app = await launchIsolatedApp({ directory });
  const { page } = app;
  const it = new AppPage(page);

  /** Runs `body` while a file of the app is not there. @param {string} name @param {() => Promise<void>} body */
  async function without(name, body) {
    const file = path.join(directory, name);
    await rename(file, `${file}.away`);
    await page.reload();
    await body();
    await rename(`${file}.away`, file);
  }

  await t.test('an ordinary web page says what it is and where a server can run', async () => {
    const server = await startDevServer(directory);
    const tab = await app.browser.newPage();
    await tab.goto(server.url);
    const there = new AppPage(tab);
    await tab.waitForSelector('#problem:not([hidden])');
    assert.match(await there.text('#problem'), /ordinary web page.*no Direct Sockets.*Install the app as an Isolated Web App/s);
    assert.equal(await tab.$eval('#start', (button) => /** @type {HTMLButtonElement} */ (button).disabled), true);
    await tab.close();
    await server.close();
  });

  await t.test('a worker that is missing', () => without('worker.js', async () => {
    await it.start('127.0.0.1', '0');
    await it.failed();
    assert.match(await it.text('#problem'), /server program could not be loaded.*Install the app again.*worker could not be loaded/s);
    assert.equal(await it.text('#problem-action'), 'Reload the app');
  }));

  await t.test('a server program that is missing', () => without('socket-iwa-server.js', async () => {
    await it.start('127.0.0.1', '0');
    await it.failed();
    assert.match(await it.text('#problem'), /server program could not be loaded.*Install the app again.*socket-iwa-server\.js/s);
  }));

  await t.test('a server program that is damaged', () => without('socket-iwa-server.js', async () => {
    await writeFile(path.join(directory, 'socket-iwa-server.js'), 'export default (');
    await it.start('127.0.0.1', '0');
    await it.failed();
    assert.match(await it.text('#problem'), /server program could not be loaded.*SyntaxError/s);
    await rm(path.join(directory, 'socket-iwa-server.js'));
  }));

  await t.test('the page’s own script that is missing', () => without('app.js', async () => {
    await page.waitForSelector('#not-loaded', { visible: true });
    assert.match(await it.text('#not-loaded'), /could not be loaded.*Install the app\s+again/s);
  }));

  await t.test('with every file back, it serves', async () => {
    await page.reload();
    await it.start('127.0.0.1', '0');
    await it.state('running');
    assert.equal(await page.$('#not-loaded'), null);
    await it.stop();
  });
});

test.after(() => app?.close());
