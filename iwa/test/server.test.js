/** The app as it is built, with the WebAssembly server and, where it is built, the native client. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { buildApp } from '../build.mjs';
import { launchIsolatedApp } from '../isolated-app.mjs';
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
