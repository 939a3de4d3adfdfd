// An ordinary page at http://localhost in a headless Chromium, as a client of the server: the browser's own WebTransport,
// with the server's certificate trusted by its hash. It knows no test.

import { createServer } from 'node:http';
import { once } from 'node:events';

import { findChromium, startChromium } from '../../iwa/chromium.mjs';
import { startDevServer } from '../../iwa/dev-server.mjs';

/** What a page of the loopback interface asks the user for before it may connect there: Chromium 156 the last two. */
const PERMISSIONS = ['local-network-access', 'local-network', 'loopback-network'];

/**
 * @typedef {object} BrowserPage
 * @property {import('puppeteer-core').Page} page
 * @property {import('puppeteer-core').Browser} browser for more tabs
 * @property {string} origin where the page is from
 * @property {() => Promise<void>} close
 */

/** Serves an empty page. WebTransport needs a secure context, which http://localhost is. */
async function startEmptyPage() {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://localhost:${port}`, close: async () => void server.close() };
}

/**
 * Opens the page.
 * @param {string} [directory] the page's, which has an index.html; without it the page is empty
 * @returns {Promise<BrowserPage>}
 */
export async function openBrowserPage(directory) {
  const server = directory ? await startDevServer(directory) : await startEmptyPage();
  const origin = server.url;
  const chromium = await startChromium({ executable: findChromium() });
  const close = async () => {
    await chromium.close();
    await server.close();
  };
  try {
    const devtools = await chromium.browser.target().createCDPSession();
    for (const name of PERMISSIONS) {
      await devtools
        .send('Browser.setPermission', { permission: { name }, setting: 'granted', origin })
        .catch((error) => {
          if (!/Invalid PermissionDescriptor/.test(error.message)) throw error;
        });
    }
    const page = await chromium.browser.newPage();
    await page.goto(`${origin}/`);
    return { page, browser: chromium.browser, origin, close };
  } catch (error) {
    await close();
    throw error;
  }
}
