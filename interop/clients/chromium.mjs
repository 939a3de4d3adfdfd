/**
 * Chromium, headless: for HTTP/3 a page of the server itself, told to use QUIC and to trust the certificate's key; for
 * WebTransport an ordinary page of http://localhost, which trusts the certificate by its hash as any page may.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { findChromium, startChromium } from '../../iwa/chromium.mjs';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { inPage } from './chromium-page.mjs';

/** @typedef {import('puppeteer-core').Browser} Browser */
/** @typedef {import('puppeteer-core').Page} Page */

/** @type {import('../client.mjs').Client} */
export const chromium = {
  name: 'chromium',
  about: 'the browser, headless: `fetch` over HTTP/3 in a page of the server, WebTransport in a page of `http://localhost`',
  notOffered: {
    resumption: 'no page is told of it; see zero-rtt, which implies it',
    'key-update': 'Chromium updates keys by itself, after more packets than this',
    chacha20: 'Chromium has no switch for the ciphers of TLS 1.3',
    'version-negotiation': 'Chromium offers version 1 alone',
    websocket: 'Chromium has no WebSocket over HTTP/3',
  },

  async version() {
    const browser = await startChromium({ executable: findChromium() });
    const version = await browser.browser.version();
    await browser.close();
    return version.replace('/', ' ');
  },

  async open() {
    const browsers = new Browsers();
    return { attempt: (task) => attempt(browsers, task), close: () => browsers.close() };
  },
};

/** Those with a page of the server, one for each certificate, which is named when they start; and one for an ordinary page. */
class Browsers {
  /** @type {Map<string, import('../../iwa/chromium.mjs').Chromium>} */
  #started = new Map();
  /** @type {ReturnType<typeof openBrowserPage> | undefined} */
  #ordinary;

  /** @param {string} pem @returns {Promise<Browser>} */
  async trusting(pem) {
    const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
    const hash = createHash('sha256').update(key).digest('base64');
    let started = this.#started.get(hash);
    if (!started) {
      const switches = ['--origin-to-force-quic-on=*', `--ignore-certificate-errors-spki-list=${hash}`];
      started = await startChromium({ executable: findChromium(), switches });
      this.#started.set(hash, started);
    }
    return started.browser;
  }

  /** A page of http://localhost. */
  async ordinaryPage() {
    this.#ordinary ??= openBrowserPage();
    return (await this.#ordinary).page;
  }

  async close() {
    for (const { close } of this.#started.values()) await close();
    await (await this.#ordinary)?.close();
  }
}

/** @param {Browsers} browsers @param {import('../client.mjs').Task} task */
async function attempt(browsers, task) {
  // A session that trusts a certificate by its hash has a connection of its own.
  if (['webtransport', 'connections'].includes(task.kind)) return runIn(await browsers.ordinaryPage(), task);
  const browser = await browsers.trusting(task.target.pem);
  await inContext(browser, async (page) => {
    const response = await page.goto(`https://${task.target.address}:${task.target.port}/`, { timeout: task.limit });
    if (response?.status() !== 200) throw new Error(`GET /: ${response?.status()}`);
    await runIn(page, task);
  });
}

/** @param {Page} page @param {import('../client.mjs').Task} task */
async function runIn(page, { kind, target, bytes, sha256, count, limit }) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no end within ${limit / 1000} s`)), limit).unref();
  });
  const at = `https://${target.address}:${target.port}`;
  const plan = { kind, bytes, sha256, count, certSha256: target.certSha256, at };
  const wrong = await Promise.race([page.evaluate(inPage, plan), late]);
  if (wrong) throw new Error(wrong);
}

/**
 * A page of a browser context of its own, which shares no connection, ticket or cache with others.
 * @template T
 * @param {Browser} browser
 * @param {(page: Page) => Promise<T>} use
 */
async function inContext(browser, use) {
  const context = await browser.createBrowserContext();
  try {
    return await use(await context.newPage());
  } finally {
    await context.close();
  }
}
