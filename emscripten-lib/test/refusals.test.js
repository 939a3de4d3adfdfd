// What Chromium refuses, for want of a policy or of the user's permission, or because the page is no app: an errno for each
// and, in a build with assertions, one line on the console that says what to do. The program is link/refused.c.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { findChromium, startChromium } from '../../iwa/chromium.mjs';
import { startDevServer } from '../../iwa/dev-server.mjs';
import { withBrowser } from '../../iwa/program-runner.mjs';
import { buildLinkPrograms, repository, whyNoChromium } from './c-programs.mjs';

const skip = whyNoChromium();
let program = '';
/** An app of its own for each manifest. */
const apps = mkdtempSync(join(tmpdir(), 'socket-iwa-apps-'));
after(() => rmSync(apps, { recursive: true, force: true }));

before(async () => {
  if (skip) return;
  program = join(await buildLinkPrograms(
    [{ source: 'refused.c', output: 'refused.js', flags: ['-O1', '-sASSERTIONS', '-sJSPI', '-sEXIT_RUNTIME'] }], 'refused'),
  'refused.js');
});

/** @param {...string} policies @returns {string} the directory of the runner's app without them */
function appWithout(...policies) {
  const directory = join(apps, policies.join('+'));
  cpSync(join(repository, 'iwa', 'runner'), directory, { recursive: true });
  const file = join(directory, '.well-known', 'manifest.webmanifest');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  for (const policy of policies) delete manifest.permissions_policy[policy];
  writeFileSync(file, JSON.stringify(manifest));
  return directory;
}

/** @param {Parameters<typeof withBrowser>[1]} options @returns {Promise<{ stdout: string, said: string[] }>} */
const runIn = (options) => withBrowser(async (run) => {
  const { stdout, stderr } = await run(program, []);
  return { stdout, said: stderr.split('\n').filter((line) => line.startsWith('directsockets: ')) };
}, options);

test('a user who denies local network access: EACCES, and what the user has to allow', { skip }, async () => {
  const { stdout, said } = await runIn({ permissions: 'denied' });
  assert.match(stdout, /^udp bind EACCES$/m);
  assert.match(stdout, /^tcp connect EACCES$/m);
  assert.match(said.join('\n'), /^directsockets: bind 127.0.0.1:0: EACCES.*the user has to allow local network access/m);
  assert.match(said.join('\n'), /^directsockets: connect .*EACCES.*the user has to allow local network access/m);
});

test('an app without the policy of Direct Sockets: EACCES, and the policy', { skip }, async () => {
  const { stdout, said } = await runIn({ directory: appWithout('direct-sockets') });
  assert.equal(stdout, 'udp socket EACCES\ntcp socket EACCES\n');
  assert.match(said.join('\n'), /^directsockets: socket: EACCES: .*"direct-sockets" in permissions_policy/m);
});

test('an app without the policies of the local network: EACCES, and which policies', { skip }, async () => {
  const directory = appWithout('local-network-access', 'local-network', 'loopback-network');
  const { stdout, said } = await runIn({ directory });
  assert.match(stdout, /^udp bind EACCES$/m);
  assert.match(stdout, /^tcp connect EACCES$/m);
  assert.match(said.join('\n'), /^directsockets: bind .*EACCES.*"loopback-network".* in permissions_policy/m);
});

test('an app without the policy of multicast: EACCES for a group alone, and the policy', { skip }, async () => {
  const { stdout, said } = await runIn({ directory: appWithout('direct-sockets-multicast') });
  assert.match(stdout, /^udp bind ok$/m);
  assert.match(stdout, /^udp send to a group EACCES$/m);
  assert.match(said.join('\n'), /^directsockets: send to 239\.255\.77\.1: EACCES.*"direct-sockets-multicast"/m);
});

test('an ordinary page: EOPNOTSUPP, and where Direct Sockets are', { skip }, async () => {
  const server = await startDevServer(dirname(program));
  const page = join(apps, 'page');
  cpSync(dirname(program), page, { recursive: true });
  writeFileSync(join(page, 'index.html'), `<!doctype html><script>
    const lines = [];
    const print = (text) => lines.push(text);
    var Module = { print, printErr: print, onExit: () => (window.over = lines) };
  </script><script src="refused.js"></script>`);
  server.mount('/page/', page);
  const chromium = await startChromium({ executable: findChromium(undefined) });
  try {
    const tab = await chromium.browser.newPage();
    await tab.goto(`${server.url}/page/index.html`);
    await tab.waitForFunction(() => /** @type {any} */ (globalThis).over);
    const lines = await tab.evaluate(() => /** @type {any} */ (globalThis).over);
    assert.ok(lines.includes('udp socket EOPNOTSUPP'), lines.join('\n'));
    assert.ok(lines.includes('tcp socket EOPNOTSUPP'), lines.join('\n'));
    assert.match(lines.join('\n'), /^directsockets: socket: EOPNOTSUPP: .*Isolated Web App/m);
  } finally {
    await chromium.close();
    await server.close();
  }
});
