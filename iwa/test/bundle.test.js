/** Signed bundles in a Chromium that installs them: the app serves from one, and files are found as pages ask for them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { openBundle } from '../bundle-source.mjs';
import { readsBundles } from '../bundle-support.mjs';
import { findChromium, startChromium } from '../chromium.mjs';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { iwaPack, makeApp } from './pack-support.js';
import { REPOSITORY, startLauncher, temporaryDirectory, until } from './support.js';

const APP = path.join(REPOSITORY, 'target', 'iwa');
const CLIENT = path.join(REPOSITORY, 'target', 'release', 'socket-iwa-client');
const directory = temporaryDirectory();

/**
 * The browser, or why there is none. `cargo xtask test` names one where it could get one.
 * @returns {Promise<{chromium: string} | {reason: string}>}
 */
async function bundleChromium() {
  const named = process.env.SOCKET_IWA_BUNDLE_CHROMIUM;
  if (named) return { chromium: named };
  try {
    const chromium = findChromium();
    const { binary, browser, close } = await startChromium({ executable: chromium });
    const version = await browser.version();
    await close();
    if (binary && (await readsBundles(binary))) return { chromium };
    return {
      reason: `${version} can't install signed bundles, and SOCKET_IWA_BUNDLE_CHROMIUM names no other browser (Debian's ` +
        '150.0.7871.100 could, which `cargo xtask test` takes where the package lists have it)',
    };
  } catch (error) {
    return { reason: /** @type {Error} */ (error).message };
  }
}

const found = await bundleChromium();
const chromium = 'chromium' in found ? found.chromium : '';
const browser = { skip: 'reason' in found && found.reason, timeout: 120_000 };
const unbuilt = [APP, CLIENT].find((file) => !existsSync(file));
const real = { ...browser, skip: browser.skip || (unbuilt !== undefined && `${unbuilt} is missing: cargo xtask build`) };

/** @param {string} app @param {string} type @returns {Promise<{file: string, origin: string}>} */
async function pack(app, type) {
  const [key, file] = [path.join(directory, `${type}.pem`), path.join(directory, `${type}.swbn`)];
  assert.equal((await iwaPack(['--generate-key', key, '--key-type', type])).code, 0);
  const { code, stdout, stderr } = await iwaPack([app, '--key', key, '-o', file, '--json']);
  assert.deepEqual([code, stderr], [0, ''], 'nothing is wrong with the app');
  return { file, origin: JSON.parse(stdout).origin };
}

test('the app serves from its bundle: an independent client handshakes and gets its answers', real, async () => {
  const { file } = await pack(APP, 'ed25519');
  const launcher = startLauncher('serve.mjs', ['--json', '--bundle', file, '--chromium', chromium, '--', '--listen', '127.0.0.1:0']);
  const ready = await launcher.report('ready');
  const address = ['--connect', `127.0.0.1:${ready.port}`, '--cert-sha256', ready.cert_sha256];
  const { stdout } = await promisify(execFile)(CLIENT, ['check', '--json', '--bytes', '1048576', ...address]);
  const report = JSON.parse(stdout);
  assert.equal(report.ok, true, stdout);
  launcher.child.stdin.end();
  assert.equal(await launcher.exited, 0, launcher.stderr.join('\n'));
  await until(() => launcher.leftovers().length === 0);
});

test('a page finds the files of its bundle under the names that it writes', browser, async () => {
  const names = ['a b@2x+(1)!$&,;=\'~.txt', 'ü/日本.txt', '100%25 #1?.txt', 'sub/index.html'];
  const { file, origin } = await pack(makeApp(Object.fromEntries(names.map((name) => [name, `content of ${name}`]))), 'ecdsa-p256');
  const { page, close } = await launchIsolatedApp({ source: await openBundle(file), chromium });
  try {
    const seen = await page.evaluate(async () => {
      const get = async (/** @type {string} */ url) => {
        const response = await fetch(url);
        return response.ok ? response.text() : response.status;
      };
      return {
        origin: location.origin,
        title: document.title,
        isolated: crossOriginIsolated,
        texts: await Promise.all([
          'a b@2x+(1)!$&,;=\'~.txt', 'ü/日本.txt', '/100%2525%20%231%3F.txt', 'sub/', 'sub/index.html?v=1', 'gone',
        ].map(get)),
      };
    });
    assert.deepEqual(seen, {
      origin,
      title: 'Started',
      isolated: true,
      texts: [...names, names[3]].map((name) => /** @type {string | number} */ (`content of ${name}`)).concat(404),
    });
  } finally {
    await close();
  }
});
