/** The app with the keyboard alone, to a screen reader (by axe-core's rules), light and dark, and 360 px wide. */
import assert from 'node:assert/strict';
import test from 'node:test';
import axe from 'axe-core';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { AppPage } from './app-page.js';
import { buildStandInApp, temporaryDirectory, withoutChromium } from './support.js';

/** CSS pixels. */
const WIDE = { width: 1120, height: 780 };
const NARROW = { width: 360, height: 740 };
/** Below what the app promises, as larger letters make it. */
const NARROWEST = { width: 320, height: 740 };

const directory = temporaryDirectory();
/** @type {import('../isolated-app.mjs').IsolatedApp} */
let app;

/** Pairs of the head whose texts or boxes are on each other, with the longest state. For the page. */
function headOverlaps() {
  const state = document.querySelector('#state');
  const shown = state?.textContent ?? '';
  if (state) state.textContent = 'Stopping…';
  const parts = ['h1', '#state', 'header nav'].flatMap((name) => {
    const part = document.querySelector(name);
    if (!part) return []; // the help's head has no state
    const text = document.createRange();
    text.selectNodeContents(part);
    return [{ name, boxes: [text, part].map((it) => it.getBoundingClientRect()) }];
  });
  if (state) state.textContent = shown;
  return parts.flatMap((one, index) => parts.slice(index + 1)
    .filter((other) => one.boxes.some((a) => other.boxes.some((b) =>
      a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)))
    .map((other) => `${one.name} is on ${other.name}`));
}

/**
 * What breaks a rule, and what is wider than the window, in light and dark, wide and narrow.
 * @param {import('puppeteer-core').Page} page
 */
async function check(page) {
  await page.evaluate(axe.source);
  for (const viewport of [WIDE, NARROW]) {
    await page.setViewport(viewport);
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      const violations = await page.evaluate(async () => {
        const { violations: broken } = await /** @type {any} */ (globalThis).axe.run();
        return broken.map((/** @type {any} */ rule) => [rule.id, ...rule.nodes.map((/** @type {any} */ node) => node.html)].join('\n'));
      });
      assert.deepEqual(violations, [], `${viewport.width} px, ${value}`);
    }
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${width} px of ${viewport.width}`);
    assert.deepEqual(await page.evaluate(headOverlaps), [], `${viewport.width} px`);
  }
  await page.setViewport(NARROWEST);
  assert.deepEqual(await page.evaluate(headOverlaps), [], `${NARROWEST.width} px`);
  await page.setViewport(WIDE);
}

const suite = { skip: withoutChromium, timeout: 180_000 };
test('the app for everybody', suite, async (t) => {
  app = await launchIsolatedApp({ directory: await buildStandInApp(directory), permissions: 'prompt', window: WIDE });
  const { page } = app;
  const it = new AppPage(page);
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.trim());

  await t.test('at the start', async () => {
    await page.waitForSelector('#prompts:not([hidden])');
    await page.click('#reach-other');
    await check(page);
  });

  await t.test('while the prompts are explained', async () => {
    await it.start('127.0.0.1', '0');
    await page.waitForSelector('#prompts-dialog[open]');
    await page.click('#prompts-dialog summary');
    await check(page);
    await page.keyboard.press('Escape');
    await app.setPermissions('granted');
  });

  await t.test('with wrong fields and a failure', async () => {
    await it.configure(['--trap']);
    await it.start('127.0.0.1', '0');
    await it.failed();
    await it.configure([]);
    await it.start('nowhere', '99');
    await page.waitForSelector('#port[aria-invalid]');
    await check(page);
  });

  await t.test('while it serves, with a code for others, connections and the table of numbers', async () => {
    await it.start('0.0.0.0', '0');
    await it.state('running');
    await it.type('#share-host', '192.168.1.20');
    await page.waitForSelector('#connections-body tr');
    await page.click('#numbers summary');
    await page.waitForSelector('#numbers-body tr');
    await check(page);
    await it.stop();
  });

  await t.test('by the keyboard alone: address, port, start, stop', async () => {
    await page.reload();
    await page.waitForFunction(() => /** @type {any} */ (globalThis).socketIwa);
    const tabTo = async (/** @type {string} */ id) => {
      for (let presses = 0; (await focused()) !== id; presses += 1) {
        assert.ok(presses < 30, `Tab leads to #${id}`);
        await page.keyboard.press('Tab');
      }
    };
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Skip to the server');
    await page.keyboard.press('Enter');
    await tabTo('reach-network');
    await page.keyboard.press('ArrowUp');
    assert.equal(await focused(), 'reach-device');
    await tabTo('port');
    await page.keyboard.press('Enter'); // as in any form
    await it.state('running');
    assert.equal(await focused(), 'stop');
    await page.keyboard.press('Enter');
    await it.state('stopped');
    assert.equal(await focused(), 'start');
  });

  await t.test('the help', async () => {
    const opened = app.browser.waitForTarget((target) => target.url().includes('/help/index.html'), { timeout: 30_000 });
    await page.click('header nav a');
    const help = await (await opened).page();
    assert.ok(help);
    for (const name of ['index', 'calls', 'applications']) {
      await help.goto(help.url().replace(/[^/]*$/, `${name}.html`));
      await check(help);
    }
  });
});

test.after(() => app?.close());
