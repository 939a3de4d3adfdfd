/**
 * An Isolated Web App, served from a directory or in a signed bundle, running in a headless Chromium: install,
 * permissions, launch, and its page. Every step has a time limit and names itself when it fails. It knows nothing of
 * what the app does.
 */
import { serveDirectory } from './app-source.mjs';
import { readsBundles } from './bundle-support.mjs';
import { findChromium, startChromium } from './chromium.mjs';
import { LaunchError, within } from './launch-error.mjs';

/** What Direct Sockets ask the user for: Chromium 156 has the last two, older ones the first. */
const PERMISSIONS = ['local-network-access', 'local-network', 'loopback-network'];

const STEP_LIMIT = 60;

/**
 * On a busy machine Chromium 156 now and then launches an app whose page never comes, or says that it failed to create
 * one; asked again it does. Milliseconds for the page to come, and how often to ask.
 */
const PAGE_LIMIT = 15_000;
const LAUNCHES = 3;

/**
 * @typedef {object} IsolatedApp
 * @property {import('puppeteer-core').Page} page
 * @property {import('puppeteer-core').Browser} browser
 * @property {string} version e.g. "Chrome/156.0.8078.79"
 * @property {Promise<never>} lost rejects with a LaunchError when Chromium or the page is gone; for races
 * @property {(prefix: string, directory: string) => void} mount serves another directory below a prefix; not with a bundle
 * @property {(setting: 'granted' | 'denied' | 'prompt') => Promise<void>} setPermissions
 * @property {() => Promise<void>} close ends the browser and the server and removes the profile; may be called again
 */

/**
 * @param {{
 *   directory?: string, source?: import('./app-source.mjs').Source, mounts?: Record<string, string>, chromium?: string, switches?: string[],
 *   verbose?: boolean, window?: {width: number, height: number}, permissions?: 'granted' | 'denied' | 'prompt',
 *   signal?: AbortSignal, stepLimit?: number,
 * }} options the app's `directory`, or another `source`; `mounts` are further directories by URL prefix, beside
 *   the directory; `chromium` as in findChromium, `switches` as in startChromium; an abort of `signal` ends the launch, its reason being
 *   the error; `stepLimit` is in seconds
 * @returns {Promise<IsolatedApp>}
 * @throws {LaunchError} nothing is left behind then
 */
export async function launchIsolatedApp({
  directory,
  source: given,
  mounts = {},
  chromium: asked,
  switches,
  verbose = false,
  window = { width: 1280, height: 800 },
  permissions = 'granted',
  signal,
  stepLimit = STEP_LIMIT,
}) {
  const executable = findChromium(asked);
  /** @type {Promise<never>} */
  const aborted = new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});

  const source = given ?? await serveDirectory(directory ?? '.', mounts);
  const origin = `isolated-app://${source.id}`;
  /** @type {import('./chromium.mjs').Chromium | undefined} */
  let chromium;
  const close = async () => {
    await chromium?.close();
    await source.close();
  };

  try {
    chromium = await startChromium({ executable, switches, verbose, interruptions: [aborted], startLimit: stepLimit });
    const { browser, died } = chromium;
    const step = (/** @type {string} */ what, /** @type {Promise<any>} */ promise) =>
      within(what, stepLimit, promise, [died, aborted]);

    const version = await step('ask Chromium for its version', browser.version());
    if (source.isBundle && chromium.binary && !(await readsBundles(chromium.binary))) {
      throw new LaunchError(
        `${version} can't install signed bundles: its reader of them is left out of this build, as in Debian's 156. ` +
          "Give another browser (Debian's 150.0.7871.100 can, and Chrome), or run the app's directory",
        { exitCode: 2 },
      );
    }
    await step(
      `install the app from ${source.url} in ${version} (PWA.install)`,
      browser.installPWA({ manifestId: `${origin}/`, installUrlOrBundleUrl: source.url }),
    );
    const devtools = await step('attach to the browser', browser.target().createCDPSession());
    const setPermissions = async (/** @type {string} */ setting) => {
      for (const name of PERMISSIONS) {
        const permission = { permission: { name }, setting, origin };
        const set = devtools.send('Browser.setPermission', permission).catch((/** @type {Error} */ error) => {
          // A version that does not know one does not ask for it either.
          if (!/Invalid PermissionDescriptor/.test(error.message)) throw error;
        });
        await step(`set the permission ${name} (Browser.setPermission)`, set);
      }
    };
    await setPermissions(permissions);
    /** @type {import('puppeteer-core').Target} */
    const target = await step('launch the app and find its page (PWA.launch)', launchPage(browser, devtools, origin));
    /** @type {import('puppeteer-core').Page} */
    const page = await step('attach to the app’s page', target.page());
    const isLoaded = () => location.protocol === 'isolated-app:' && document.readyState === 'complete';
    await step('load the app’s page', page.waitForFunction(isLoaded, { timeout: 0 }));
    await step('size the window', page.setViewport(window));

    /** @type {Promise<never>} */
    const pageGone = new Promise((_, reject) => {
      page.once('error', (error) => reject(new LaunchError(`the app's page crashed: ${error.message}`)));
      page.once('close', () => reject(new LaunchError("the app's page was closed")));
    });
    const lost = Promise.race([died, pageGone]);
    lost.catch(() => {});
    return { page, browser, version, lost, mount: source.mount, setPermissions, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Puppeteer's own launchPWA takes the new tab's first target, which is not always its page yet.
 *
 * @param {import('puppeteer-core').Browser} browser
 * @param {import('puppeteer-core').CDPSession} devtools the browser's
 * @param {string} origin the app's
 * @returns {Promise<import('puppeteer-core').Target>} the app's page
 */
async function launchPage(browser, devtools, origin) {
  const isPage = (/** @type {import('puppeteer-core').Target} */ target) =>
    target.type() === 'page' && target.url().startsWith(`${origin}/`);
  for (let left = LAUNCHES - 1; ; left -= 1) {
    try {
      await devtools.send('PWA.launch', { manifestId: `${origin}/` });
      return await browser.waitForTarget(isPage, { timeout: PAGE_LIMIT });
    } catch (error) {
      if (left === 0 || !browser.connected) throw error;
    }
  }
}
