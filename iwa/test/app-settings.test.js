/** What the app's page takes from disk and keeps between its loads: settings, and the folder to serve. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { AppPage } from './app-page.js';
import { buildStandInApp, temporaryDirectory, withoutChromium } from './support.js';

const directory = temporaryDirectory();
/** @type {import('../isolated-app.mjs').IsolatedApp} */
let app;

/** A folder on disk. @param {string} name @param {Record<string, string>} files */
function folderOf(name, files) {
  const folder = path.join(directory, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

const suite = { skip: withoutChromium, timeout: 180_000 };
test('settings and folders in Chromium', suite, async (t) => {
  app = await launchIsolatedApp({ directory: await buildStandInApp(directory) });
  const { page } = app;
  const it = new AppPage(page);
  /** @type {string[]} */
  const dialogs = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.type());
    void dialog.accept();
  });

  /** Chooses a folder of the page's own storage: the system's dialog has no place in a headless browser. */
  const choose = async (/** @type {string} */ name, /** @type {Record<string, string>} */ files) => {
    await page.evaluate(async (folderName, contents) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create: true });
      for (const [file, text] of Object.entries(contents)) {
        const writable = await (await folder.getFileHandle(file, { create: true })).createWritable();
        await writable.write(text);
        await writable.close();
      }
      /** @type {any} */ (globalThis).showDirectoryPicker = async () => folder;
    }, name, files);
    await page.click('#choose-folder');
    await page.waitForFunction((n) => document.querySelector('#folder-name')?.textContent === n, {}, name);
  };
  /** @param {string} text */
  const about = (text) => page.waitForFunction((part) => document.querySelector('#folder-about')?.textContent?.includes(part), {}, text);

  await t.test('a chosen folder is described, and the server gets its files', async () => {
    await choose('site', { 'index.html': 'hello', 'a.js': '1234567', '.env': 'secret' });
    await about('2 files, 12 B, without 1 whose name begins with a dot.');
    await it.start('127.0.0.1', '0');
    await it.state('running');
    assert.match(await it.text('#setup-summary'), /It serves “site” \(2 files, 12 B\)/);
    await it.logged(/arguments: .*--root \/served/);
    await it.logged(/file: \/served\/index.html \(hello\)/);
    assert.doesNotMatch(await it.text('#log'), /secret/);
    await it.stop();
  });

  await t.test('a reload keeps settings and folder, and asks first while the server runs', async () => {
    await it.start('0.0.0.0', '0');
    await it.state('running');
    await it.type('#share-page', 'https://example.com/');
    await it.type('#share-host', '10.0.0.1');
    await page.select('#log-level', 'info');
    await page.reload();
    assert.deepEqual(dialogs, ['beforeunload']);
    const checked = (/** @type {string} */ selector) => page.$eval(selector, (field) => /** @type {HTMLInputElement} */ (field).checked);
    const value = (/** @type {string} */ selector) => page.$eval(selector, (field) => /** @type {HTMLInputElement} */ (field).value);
    assert.equal(await checked('#reach-network'), true);
    assert.equal(await value('#port'), '0');
    assert.equal(await value('#share-page'), 'https://example.com/');
    assert.equal(await value('#log-level'), 'info');
    await page.waitForFunction(() => document.querySelector('#folder-name')?.textContent === 'site');
    await page.click('#start');
    await it.state('running');
    await it.logged(/file: \/served\/a.js \(1234567\)/);
    await it.stop();
  });

  await t.test('a folder that is gone says so, and the server starts without it', async () => {
    await page.evaluate(async () => {
      await (await navigator.storage.getDirectory()).removeEntry('site', { recursive: true });
    });
    await page.click('#start');
    await page.waitForSelector('#problem:not([hidden])');
    assert.match(await it.text('#problem'), /“site” is not there any more.*choose it again/s);
    assert.equal(await it.text('#state'), 'Stopped');
    await page.click('#remove-folder');
    assert.match(await it.text('#folder-name'), /No folder/);
    await page.click('#start');
    await it.state('running');
    assert.match(await it.text('#setup-summary'), /It serves its own pages/);
    await it.stop();
    await page.reload();
    await page.waitForFunction(() => /** @type {any} */ (globalThis).socketIwa);
    assert.match(await it.text('#folder-name'), /No folder/, 'it stays removed');
  });

  await t.test('a folder is dropped from disk', async () => {
    const folder = folderOf('dropped', { 'index.html': 'from disk', 'deep/er.txt': 'below' });
    const { x, y } = await page.$eval('#folder', (zone) => {
      zone.scrollIntoView({ block: 'center' });
      const { left, top, width, height } = zone.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    });
    const devtools = await page.createCDPSession();
    const data = { items: [], files: [folder], dragOperationsMask: 1 };
    for (const type of /** @type {const} */ (['dragEnter', 'dragOver', 'drop'])) {
      await devtools.send('Input.dispatchDragEvent', { type, x, y, data });
    }
    await about('2 files, 14 B.');
    await page.click('#start');
    await it.state('running');
    await it.logged(/file: \/served\/deep\/er.txt \(below\)/);
    await it.stop();
    await page.click('#remove-folder');
  });

  await t.test('without directory handles the files of an input are served', async () => {
    const folder = folderOf('by-input', { 'index.html': 'input', 'sub/x.css': 'css' });
    await page.evaluate(() => {
      /** @type {any} */ (globalThis).showDirectoryPicker = async () => {
        throw new DOMException('forbidden by policy', 'SecurityError');
      };
    });
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.click('#choose-folder')]);
    await chooser.accept([folder]);
    await about('2 files, 8 B. Choose it again after a reload');
    await page.click('#start');
    await it.state('running');
    await it.logged(/file: \/served\/sub\/x.css \(css\)/);
    await it.stop();
  });

  await t.test('more than 256 MiB is refused in place', async () => {
    await page.evaluate(() => {
      const file = { kind: 'file', name: 'big', getFile: async () => ({ size: 2 ** 28 + 1 }) };
      const folder = { kind: 'directory', name: 'movies', values: async function* values() { yield file; } };
      /** @type {any} */ (globalThis).showDirectoryPicker = async () => folder;
    });
    await page.click('#choose-folder');
    await about('“movies” has more than 256 MiB.');
    assert.match(await it.text('#folder-name'), /No folder/);
  });
});

test.after(() => app?.close());
