// An ordinary page at http://localhost in a headless Chromium, as a client of the server: the browser's own WebTransport,
// with the server's certificate trusted by its hash. It knows no test.

import { createServer } from 'node:http';
import { once } from 'node:events';

import { findChromium, startChromium } from '../../iwa/chromium.mjs';

/** What a page of the loopback interface asks the user for before it may connect there: Chromium 156 the last two. */
const PERMISSIONS = ['local-network-access', 'local-network', 'loopback-network'];

/**
 * @typedef {object} BrowserPage
 * @property {import('puppeteer-core').Page} page
 * @property {() => Promise<void>} close
 */

/**
 * Opens the page.
 * @returns {Promise<BrowserPage>}
 */
export async function openBrowserPage() {
  // WebTransport needs a secure context, which http://localhost is.
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const origin = `http://localhost:${port}`;
  const chromium = await startChromium({ executable: findChromium() });
  const close = async () => {
    await chromium.close();
    server.close();
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
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}
