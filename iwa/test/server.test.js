/** The app as it is built, with the WebAssembly server and, where it is built, the native client. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { buildApp } from '../build.mjs';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { AppPage } from './app-page.js';
import { REPOSITORY, startLauncher, temporaryDirectory, until, withoutChromium } from './support.js';

const SERVER = path.join(REPOSITORY, 'target', 'dist', 'socket-iwa-server.js');
const CLIENT = path.join(REPOSITORY, 'target', 'release', 'socket-iwa-client');
const missing = [SERVER, CLIENT].find((file) => !existsSync(file));
const skip = withoutChromium || (missing ? `${missing} is not built (cargo xtask build)` : false);

const directory = temporaryDirectory();

test('the server starts, answers, stops and starts again', { skip, timeout: 180_000 }, async () => {
  const app = await launchIsolatedApp({ directory: await buildApp({ out: path.join(directory, 'app') }) });
  const { page } = app;
  /** @param {string} state */
  const reached = (state) => page.waitForSelector(`#state[data-state=${state}]`);
  const text = (/** @type {string} */ selector) => page.$eval(selector, (element) => element.textContent);
  try {
    await page.$eval('#port', (element) => (/** @type {HTMLInputElement} */ (element).value = '0'));
    for (let run = 0; run < 2; run += 1) {
      await page.click('#start');
      await reached('running');
      const { host } = new URL(await text('#url'));
      const hash = (await text('#hash')).replaceAll(' ', '');
      const args = ['check', '--connect', host, '--cert-sha256', hash, '--bytes', '1048576', '--json'];
      const { stdout } = await promisify(execFile)(CLIENT, args);
      assert.equal(JSON.parse(stdout).ok, true);
      // 100 requests, one download and what else the client asks for.
      await page.waitForFunction(() => Number(document.querySelector('[data-count=requests]')?.textContent) > 100);
      await page.click('#stop');
      await reached('stopped');
    }
  } finally {
    await app.close();
  }
});

test('the code to paste works in a page, whose connection is listed and closed', { skip, timeout: 180_000 }, async () => {
  const app = await launchIsolatedApp({ directory: await buildApp({ out: path.join(directory, 'app') }) });
  const browser = await openBrowserPage();
  try {
    const it = new AppPage(app.page);
    await it.start('127.0.0.1', '0');
    await it.state('running');
    const said = await browser.page.evaluate(async (code) => {
      const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
      /** @type {string[]} */
      const lines = [];
      /** @type {any} */ (globalThis).transport = await new AsyncFunction('console', `${code}; return transport;`)({
        log: (/** @type {string} */ line) => lines.push(line),
      });
      return lines;
    }, await it.text('#snippet'));
    assert.deepEqual(said, ['Hello from the page']);

    await app.page.waitForFunction(() => /h3.*\d ms.*1\s*Close$/.test(document.querySelector('#connections-body tr')?.textContent ?? ''));
    const closed = browser.page.evaluate(() => /** @type {any} */ (globalThis).transport.closed.then(() => 'closed', String));
    await app.page.click('#connections-body tr button');
    await closed;
    await app.page.waitForFunction(() => document.querySelectorAll('#connections-body tr').length === 0);
    assert.equal(await it.text('#connections-said'), 'The connection was closed.');
    await it.stop();
  } finally {
    await browser.close();
    await app.close();
  }
});

test('WebAssembly that is damaged or missing is named, with the next step', { skip, timeout: 180_000 }, async () => {
  const built = await buildApp({ out: path.join(directory, 'broken') });
  const wasm = path.join(built, 'socket_iwa_server.wasm');
  const app = await launchIsolatedApp({ directory: built });
  try {
    const it = new AppPage(app.page);
    for (const damage of [() => writeFile(wasm, 'no WebAssembly'), () => rm(wasm)]) {
      await damage();
      await it.start('127.0.0.1', '0');
      await it.failed();
      assert.match(await it.text('#problem'), /server program could not be loaded.*Install the app again/s);
    }
  } finally {
    await app.close();
  }
});

test('a port in use, a certificate that is none: exit code 2 and why', { skip, timeout: 180_000 }, async () => {
  const options = ['--app', path.join(directory, 'app'), '--json', '--'];
  const serve = (/** @type {string[]} */ ...args) => startLauncher('serve.mjs', [...options, ...args]);
  const first = serve('--listen', '127.0.0.1:0');
  const { port } = await first.report('ready');
  const second = serve('--listen', `127.0.0.1:${port}`);
  assert.equal(await second.exited, 2);
  assert.match(second.stderr.join('\n'), new RegExp(`127\\.0\\.0\\.1:${port}: EADDRINUSE`));
  first.child.stdin.end();
  assert.equal(await first.exited, 0);
  const file = path.join(REPOSITORY, 'package.json');
  const third = serve('--listen', '127.0.0.1:0', '--cert', file, '--key', file);
  assert.equal(await third.exited, 2);
  assert.ok(third.stderr.join('\n').includes(file), 'the file is named as it was given');
  for (const launcher of [first, second, third]) {
    await until(() => launcher.leftovers().length === 0);
  }
});
