/**
 * Chromium, headless: for HTTP/3 a page of the server itself, told to use QUIC and to trust the certificate's key; for
 * WebTransport an ordinary page of http://localhost, which trusts the certificate by its hash as any page may.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { findChromium, startChromium } from '../../iwa/chromium.mjs';
import { inPage } from './chromium-page.mjs';

/** What a page of http://localhost asks the user for before it may connect there: Chromium 156 the last two. */
const PERMISSIONS = ['local-network-access', 'local-network', 'loopback-network'];

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

/** A browser for each certificate: which one is trusted is said when it is started. */
class Browsers {
  /** @type {Map<string, import('../../iwa/chromium.mjs').Chromium>} */
  #started = new Map();

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

  async close() {
    for (const { close } of this.#started.values()) await close();
  }
}

/** @param {Browsers} browsers @param {import('../client.mjs').Task} task */
async function attempt(browsers, task) {
  const browser = await browsers.trusting(task.target.pem);
  const origin = `https://${task.target.address}:${task.target.port}`;
  if (task.kind === 'webtransport') return onLocalhost(browser, (page) => runIn(page, task));
  const times = task.kind === 'connections' ? task.count : 1;
  for (let time = 0; time < times; time += 1) {
    await inContext(browser, async (page) => {
      const response = await page.goto(`${origin}/`, { timeout: task.limit });
      if (response?.status() !== 200) throw new Error(`GET /: ${response?.status()}`);
      await runIn(page, task);
    });
  }
}

/** @param {Page} page @param {import('../client.mjs').Task} task */
async function runIn(page, { kind, target, bytes, sha256, limit }) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no end within ${limit / 1000} s`)), limit).unref();
  });
  const plan = { kind, bytes, sha256, certSha256: target.certSha256, at: `https://${target.address}:${target.port}` };
  const wrong = await Promise.race([page.evaluate(inPage, plan), late]);
  if (wrong) throw new Error(wrong);
}

/**
 * A page of a browser context of its own, which shares no connection, ticket or cache with others.
 * @template T
 * @param {Browser} browser
 * @param {(page: Page, contextId: string | undefined) => Promise<T>} use
 */
async function inContext(browser, use) {
  const context = await browser.createBrowserContext();
  try {
    return await use(await context.newPage(), context.id);
  } finally {
    await context.close();
  }
}

/** @template T @param {Browser} browser @param {(page: Page) => Promise<T>} use */
async function onLocalhost(browser, use) {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const origin = `http://localhost:${port}`;
  try {
    return await inContext(browser, async (page, browserContextId) => {
      const devtools = await browser.target().createCDPSession();
      for (const name of PERMISSIONS) {
        const set = devtools.send('Browser.setPermission', {
          permission: { name },
          setting: 'granted',
          origin,
          browserContextId,
        });
        await set.catch((/** @type {Error} */ error) => {
          // A version that does not know one does not ask for it either.
          if (!/Invalid PermissionDescriptor/.test(error.message)) throw error;
        });
      }
      await page.goto(`${origin}/`);
      return use(page);
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
