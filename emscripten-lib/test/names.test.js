// getaddrinfo() in whole programs: who is asked on each runtime, a configured resolver, and lookups from where nothing can
// suspend. What it answers to numbers and hints is c/names.c's. The program is link/resolve.c.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { openBrowser } from '../../iwa/program-runner.mjs';
import { buildLinkPrograms, nodeWithJspi, repository, whyNoChromium } from './c-programs.mjs';
import { startDnsmasq, whyNoDnsmasq } from './dnsmasq.js';
import { makeCertificate, startDohEndpoint } from './doh-endpoint.js';

const execute = promisify(execFile);

/** Names that Chromium's own resolver knows, as far as this browser goes. */
const HOSTS = '--host-resolver-rules=MAP system.test 127.0.0.1, MAP system6.test [::1], MAP public.test 192.0.2.7';

/** @typedef {(args: string[], env?: Record<string, string>, program?: string) => Promise<string>} Run what it prints */

const certificate = makeCertificate();

let directory = '';
/** @type {Run} */
let inChromium;
let closeBrowser = async () => {};
/** @type {{ port: number, stop: () => Promise<void> } | undefined} */
let dnsmasq;
/** @type {import('node:net').Server} */
let tcp;
/** @type {import('node:dgram').Socket} */
let udp;
/** @type {string[]} */
let ports = [];

/** @type {Run} */
const onNode = async (args, env = {}, program = 'resolve.js') => {
  const command = [join(repository, 'iwa', 'iwa-run.mjs'), '--node',
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]), join(directory, program), '--'];
  return (await execute(nodeWithJspi(), [...command, ...args])).stdout;
};

before(async () => {
  directory = await buildLinkPrograms([
    { source: 'resolve.c', output: 'resolve.js', flags: ['-O2', '-sJSPI', '-sEXIT_RUNTIME'] },
    { source: 'resolve.c', output: 'threads.js', flags: ['-O2', '-pthread', '-sPROXY_TO_PTHREAD', '-sEXIT_RUNTIME'] },
  ], 'names');
  if (!whyNoDnsmasq) dnsmasq = await startDnsmasq();
  tcp = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise((resolve) => tcp.listen(0, '127.0.0.1', () => resolve(undefined)));
  udp = createSocket('udp4');
  udp.on('message', (message, { port, address }) => udp.send(message, port, address));
  await new Promise((resolve) => udp.bind(0, '127.0.0.1', () => resolve(undefined)));
  ports = [tcp.address(), udp.address()].map((address) => String(/** @type {any} */ (address).port));
  if (whyNoChromium()) return;
  const switches = [HOSTS, `--ignore-certificate-errors-spki-list=${certificate?.spki}`];
  const { run, close } = await openBrowser({ switches });
  closeBrowser = close;
  inChromium = async (args, env = {}, program = 'resolve.js') => {
    const { code, stdout, stderr } = await run(join(directory, program), args, { env });
    assert.equal(code, 0, stderr);
    return stdout;
  };
});

after(async () => {
  await closeBrowser();
  tcp?.close();
  udp?.close();
  await dnsmasq?.stop();
});

const MADE_UP = 'made up 1, gethostbyname agrees\n';

for (const [runtime, runOf, noRuntime] of /** @type {[string, () => Run, string | undefined][]} */ ([
  ['Node', () => onNode, undefined], ['Chromium', () => inChromium, whyNoChromium()],
])) {
  const skip = noRuntime ?? whyNoDnsmasq;
  const configured = () => ({ DIRECTSOCKETS_DNS: `127.0.0.1:${dnsmasq?.port}` });

  test(`${runtime}: localhost and what ends in it are loopback, and nobody is asked`, { skip: noRuntime }, async () => {
    assert.equal(await runOf()(['localhost', 'app.localhost'], { DIRECTSOCKETS_DNS: '192.0.2.53' }),
      'localhost: ::1 127.0.0.1, localhost, 127.0.0.1\napp.localhost: ::1 127.0.0.1, app.localhost, 127.0.0.1\n');
  });

  test(`${runtime}: a configured DNS server gives all addresses and the canonical name`, { skip }, async () => {
    assert.equal(await runOf()(['alias.test', 'four.test'], configured()),
      'alias.test: 2001:db8::1 192.0.2.1, one.test, 192.0.2.1\nfour.test: 192.0.2.4, four.test, 192.0.2.4\n');
  });

  test(`${runtime}: of a configured DNS server a truncated answer comes whole`, { skip }, async () => {
    const [, list] = (await runOf()(['many.test'], configured())).split(/: |, /);
    assert.equal(list.split(' ').length, 60);
  });

  test(`${runtime}: a lookup waits on a thread, too`, { skip }, async () => {
    assert.equal(await runOf()(['alias.test', 'nobody.test'], configured(), 'threads.js'),
      'alias.test: 2001:db8::1 192.0.2.1, one.test, 192.0.2.1\nnobody.test: -2\n');
  });

  test(`${runtime}: a name that the configured DNS server does not have is EAI_NONAME`, { skip }, async () => {
    assert.equal(await runOf()(['nobody.test'], configured()), 'nobody.test: -2\n');
  });

  test(`${runtime}: a lookup in a callback gives an address that TCP and UDP reach`, { skip }, async () => {
    const output = await runOf()(['callback', 'home.test', ...ports], configured());
    assert.deepEqual(output.replace(MADE_UP, '').split('\n').sort(),
      ['', 'its name is home.test', 'tcp connected', 'udp answered']);
  });

  test(`${runtime}: a lookup in a callback of a name that does not exist fails when it is used`, { skip }, async () => {
    const output = await runOf()(['callback', 'nobody.test', ...ports], configured());
    assert.deepEqual(output.replace(MADE_UP, '').split('\n').sort(),
      ['', 'its name is nobody.test', 'tcp Host is unreachable', 'udp Host is unreachable']);
  });

  test(`${runtime}: a name that nobody has is EAI_NONAME`, { skip: noRuntime }, async () => {
    // Of 64 bytes to a label, which no resolver asks for.
    const name = `${'a'.repeat(64)}.test`;
    assert.equal(await runOf()([name]), `${name}: -2\n`);
  });
}

test('Chromium: names of the browser\'s own resolver give their addresses', { skip: whyNoChromium() }, async () => {
  assert.equal(await inChromium(['system.test', 'public.test']),
    'system.test: 127.0.0.1, system.test, 127.0.0.1\npublic.test: 192.0.2.7, public.test, 192.0.2.7\n');
});

test('Chromium: a name with an IPv6 address alone gives it', { skip: whyNoChromium() }, async () => {
  assert.match(await inChromium(['system6.test']), /^system6.test: ::1, system6.test, 240\.0\.0\.\d+\n$/);
});

test('Chromium: a lookup in a callback reaches a name of the browser\'s own resolver', { skip: whyNoChromium() }, async () => {
  const output = await inChromium(['callback', 'system.test', ...ports]);
  assert.deepEqual(output.replace(MADE_UP, '').split('\n').sort(),
    ['', 'its name is system.test', 'tcp connected', 'udp answered']);
});

const noHttps = whyNoChromium() ?? (whyNoDnsmasq || (certificate ? false : 'there is no openssl to make a certificate'));

test('Chromium: a configured DNS-over-HTTPS endpoint is asked, under the policy of an Isolated Web App', { skip: noHttps },
  async () => {
    const endpoint = await startDohEndpoint(Number(dnsmasq?.port), certificate);
    try {
      assert.equal(await inChromium(['alias.test', 'nobody.test'], { DIRECTSOCKETS_DNS: endpoint.url }),
        'alias.test: 2001:db8::1 192.0.2.1, one.test, 192.0.2.1\nnobody.test: -2\n');
      assert.ok(endpoint.requests() > 0);
    } finally {
      endpoint.stop();
    }
  });
