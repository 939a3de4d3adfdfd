// checkSupport() where something is missing, and what sockets say there: an app without policies, a user who refuses or was
// not asked, an ordinary page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findChromium, startChromium } from '../../../iwa/chromium.mjs';
import { startDevServer } from '../../../iwa/dev-server.mjs';
import { LIBRARIES, appWithout, launchApp, withoutChromium } from './support.js';

const limits = { skip: withoutChromium, timeout: 120_000 };

/** @typedef {import('../../socket-iwa.d.ts').Support} Support */

/** Of the page, in the functions that run there. @type {any} */
const under = undefined;

/** Both checks and an attempt of each kind, in an app. @param {Parameters<typeof launchApp>[0]} options */
async function look(options) {
  const app = await launchApp(options);
  try {
    /** @type {{support: Support, inWorker: Support, errors: ({code: string, message: string} | undefined)[]}} */
    return await app.page.evaluate(async () => ({
      support: await under.api.checkSupport(),
      inWorker: await under.inWorker('checkSupport'),
      errors: await Promise.all([
        under.api.bindUdp({ address: '127.0.0.1' }), under.api.listen({ address: '127.0.0.1' }),
        under.api.connect({ host: '127.0.0.1', port: 9 }),
      ].map(under.failure)),
    }));
  } finally {
    await app.close();
  }
}

/** @param {Support} support @param {string} state */
const named = ({ features }, state) => features.filter((feature) => feature.state === state).map(({ name }) => name);

test('an app that has everything', limits, async () => {
  const { support, inWorker, errors } = await look({});
  assert.deepEqual({ ...support, features: [] }, { context: 'page', sockets: true, programs: true, multicast: true, features: [] });
  assert.deepEqual([named(support, 'no'), named(support, 'ask')], [[], []]);
  assert.ok(named(support, 'yes').includes('policy direct-sockets'));
  assert.deepEqual({ ...inWorker, features: [] },
    { context: 'dedicated worker', sockets: true, programs: true, multicast: 'unknown', features: [] });
  assert.deepEqual(errors.map((error) => error?.code), [undefined, undefined, 'ECONNREFUSED']);
});

test('a user who has refused: which permission, and that sockets are EACCES', limits, async () => {
  const { support, errors } = await look({ permissions: 'denied' });
  assert.equal(support.sockets, false);
  const refused = support.features.find(({ state }) => state === 'no');
  assert.match(String(refused?.name), /^permission /);
  assert.match(String(refused?.fix), /app's settings/);
  const [bound, listening, connected] = errors;
  for (const error of [bound, connected]) {
    assert.equal(error?.code, 'EACCES');
    assert.match(String(error?.message), /the user has to allow local network access/);
  }
  assert.equal(listening?.code, undefined, 'a listener needs no permission');
});

test('a user who was not asked yet is not asked by the check', limits, async () => {
  const app = await launchApp({ permissions: 'prompt' });
  try {
    /** @type {Support} */
    const support = await app.page.evaluate(() => under.api.checkSupport());
    assert.equal(support.sockets, true);
    assert.ok(named(support, 'ask').some((name) => name.startsWith('permission ')), JSON.stringify(support));
  } finally {
    await app.close();
  }
});

test('an app without policies: which, where they belong, and that sockets are EACCES', limits, async () => {
  const { support, errors } = await look({ directory: appWithout('direct-sockets', 'direct-sockets-multicast') });
  assert.deepEqual([support.sockets, support.multicast], [false, false]);
  assert.ok(named(support, 'no').includes('policy direct-sockets'));
  assert.match(String(support.features.find(({ name }) => name === 'policy direct-sockets')?.fix),
    /add "direct-sockets": \["self"\] to permissions_policy/);
  for (const error of errors) assert.match(String(error?.message), /EACCES|EOPNOTSUPP/);
});

test('an ordinary page: no Direct Sockets, where there are, and what else is missing', limits, async () => {
  const server = await startDevServer(appWithout());
  for (const [prefix, directory] of Object.entries(LIBRARIES)) server.mount(prefix, directory);
  const chromium = await startChromium({ executable: findChromium(undefined) });
  try {
    const page = await chromium.browser.newPage();
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction(() => 'under' in globalThis);
    /** @type {[Support, {code: string, message: string}]} */
    const [support, error] = /** @type {any} */ (await page.evaluate(async () =>
      [await under.api.checkSupport(), await under.failure(under.api.bindUdp())]));
    assert.equal(support.sockets, false);
    assert.deepEqual(named(support, 'no').filter((name) => name.endsWith('Socket')), ['UDPSocket', 'TCPSocket', 'TCPServerSocket']);
    assert.match(String(support.features[0].fix), /Isolated Web Apps/);
    assert.equal(error.code, 'EOPNOTSUPP');
    assert.match(error.message, /^bind 0\.0\.0\.0: EOPNOTSUPP: this context has no UDPSocket\. .*checkSupport\(\)/);
  } finally {
    await chromium.close();
    await server.close();
  }
});
