// A page whose body the server does not take: its fetch ends, with the answer or a rejection. Chromium takes no answer before
// its body has gone, and does not mind being told to stop (seen with 156), so this is seen in it alone.

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { findChromium, startChromium } from '../../iwa/chromium.mjs';
import { Serving } from './support.js';

const MAX_BODY = 65536;

describe('a fetch with a body that the server does not take', () => {
  const serving = new Serving('native', ['--', '--max-body', String(MAX_BODY)]);
  /** @type {import('../../iwa/chromium.mjs').Chromium} */
  let chromium;
  /** @type {import('puppeteer-core').Page} */
  let page;
  before(async () => {
    const ready = await serving.ready();
    const key = new X509Certificate(ready.cert_pem).publicKey.export({ type: 'spki', format: 'der' });
    const hash = createHash('sha256').update(key).digest('base64');
    const switches = ['--origin-to-force-quic-on=*', `--ignore-certificate-errors-spki-list=${hash}`];
    chromium = await startChromium({ executable: findChromium(), switches });
    page = await chromium.browser.newPage();
    await page.goto(`https://127.0.0.1:${ready.port}/`);
  });
  after(async () => {
    await chromium?.close();
    await serving.stop();
  });

  /** What becomes of a POST, and of a request after it. @param {string} path @param {number} size */
  const post = (path, size) =>
    page.evaluate(
      async (path, size) => {
        const say = (/** @type {Response} */ { status }) => `${status}`;
        const ended = await fetch(path, { method: 'POST', body: new Uint8Array(size) }).then(say, () => 'rejected');
        return `${ended}, then ${await fetch('/healthz').then(say)}`;
      },
      path,
      size,
    );

  for (const path of ['/upload', '/echo', '/nothing']) {
    test(`${path}: it is 413 just over the limit and at fifteen times it, and rejected far over it`, async () => {
      assert.equal(await post(path, MAX_BODY + 1), '413, then 200');
      assert.equal(await post(path, 15 * MAX_BODY), '413, then 200');
      assert.equal(await post(path, 40 * MAX_BODY), 'rejected, then 200');
    });
  }
});
