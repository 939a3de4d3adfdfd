// Each example on Linux, on Node and in Chromium, with real peers: datagrams and lines from this process, dnsmasq,
// redis-server, an HTTPS server of Node's (OpenSSL), pages in another Chromium.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { whyNoChromium } from '../../emscripten-lib/test/c-programs.mjs';
import { startDnsmasq } from '../../emscripten-lib/test/dnsmasq.js';
import { startRedis } from '../../ports/test/redis.js';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { LineClient, exchange, startHttps } from './peers.js';
import { REPOSITORY, RUNTIMES, buildExamples, openRuntime, programOf } from './programs.js';

const directory = mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-examples-'));
const certificate = path.join(directory, 'certificate.pem');
const BODY = `hello\n${'x'.repeat(300_000)}\n`;
/** @type {Awaited<ReturnType<typeof startDnsmasq>>} */
let dns;
/** @type {Awaited<ReturnType<typeof startRedis>>} */
let redis;
/** @type {Awaited<ReturnType<typeof startHttps>>} */
let web;
/** @type {Awaited<ReturnType<typeof openBrowserPage>>} */
let pages;

before(async () => {
  buildExamples();
  const key = path.join(directory, 'key.pem');
  execFileSync(programOf('certificate', 'linux'), [certificate, key]);
  web = await startHttps(readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8'), BODY);
  dns = await startDnsmasq();
  redis = await startRedis(directory);
  if (!whyNoChromium()) pages = await openBrowserPage(path.join(REPOSITORY, 'examples', 'rust', 'chat', 'page'));
}, { timeout: 1_200_000 });
after(async () => {
  await pages?.close();
  await redis?.close();
  await dns?.stop();
  web?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A tab with the chat's page, in which somebody has joined. @param {string} address as the server prints it @param {string} name */
async function joinChat(address, name) {
  const page = await pages.browser.newPage();
  await page.goto(`${pages.origin}/${address}`);
  await page.type('#join input', name);
  await page.click('#join button');
  // The tab may be behind another, where no frames are drawn: look at each change instead.
  const shows = (/** @type {string} */ line) => page.waitForFunction(
    (text) => [...document.querySelectorAll('#lines li')].some((item) => item.textContent === text), { polling: 'mutation', timeout: 60_000 }, line);
  return {
    page, shows,
    status: (/** @type {string} */ beginning) => page.waitForFunction(
      (text) => document.querySelector('#status')?.textContent?.startsWith(text), { polling: 'mutation', timeout: 60_000 }, beginning),
    async say(/** @type {string} */ text) {
      await page.bringToFront();
      await page.type('#say input', text);
      await page.keyboard.press('Enter');
    },
  };
}

for (const runtime of RUNTIMES) {
  describe(`on ${runtime}`, { skip: runtime === 'chromium' && whyNoChromium() }, () => {
    /** @type {Awaited<ReturnType<typeof openRuntime>>} */
    let session;
    before(async () => (session = await openRuntime(runtime)));
    after(() => session?.close());

    for (const name of ['udp-echo', 'udp_echo']) {
      test(`${name} sends every datagram back, up to the longest that goes`, async () => {
        const server = session.start(name, []);
        try {
          const [, port] = await server.until(/^listening on 127\.0\.0\.1:(\d+)$/m);
          const datagrams = [1, 1200, 60_000].map((size) => Buffer.alloc(size, size % 251));
          assert.deepEqual(await exchange(Number(port), datagrams), datagrams);
          await server.until(/^60000 bytes from port \d+$/m);
        } finally {
          await server.stop();
        }
      });
    }

    test('tcp-chat passes on what each client says, and who comes and goes', async () => {
      const server = session.start('tcp-chat', []);
      try {
        const [, port] = await server.until(/^listening on 127\.0\.0\.1:(\d+)$/m);
        const first = new LineClient(Number(port));
        assert.equal(await first.line(), '* 1 is here');
        const second = new LineClient(Number(port));
        const third = new LineClient(Number(port));
        for (const client of [second, third]) client.say('hello');
        const heard = [];
        while (heard.length < 4) heard.push(await first.line());
        assert.deepEqual(heard.toSorted(), ['* 2 is here', '* 3 is here', '2: hello', '3: hello']);
        const until = async (/** @type {LineClient} */ client, /** @type {string} */ line) => {
          let next;
          while ((next = await client.line()) !== line) assert.notEqual(next, undefined, `no "${line}"`);
        };
        first.say('bye');
        await Promise.all([until(second, '1: bye'), until(third, '1: bye')]);
        first.close();
        await Promise.all([until(second, '* 1 is gone'), until(third, '* 1 is gone')]);
        server.input(null);
        await Promise.all([until(second, '* the server ends'), until(third, '* the server ends')]);
        assert.equal(await second.line(), undefined);
        assert.equal((await server.ended).code, 0);
      } finally {
        await server.stop();
      }
    });

    test('dns-client prints the addresses of a name, and says when there are none', async () => {
      const ask = (/** @type {string} */ name) => session.start('dns-client', [`127.0.0.1:${dns.port}`, name]).ended;
      assert.deepEqual(await ask('alias.test'), { code: 0, stdout: '192.0.2.1\n', stderr: '' });
      assert.deepEqual(await ask('six.test'), { code: 1, stdout: '', stderr: 'the name has no IPv4 address\n' });
      assert.deepEqual(await ask('nobody.test'), { code: 1, stdout: '', stderr: 'there is no such name\n' });
      assert.deepEqual(await ask('a..b'), { code: 2, stdout: '', stderr: 'a..b is no name\n' });
    });

    test('https_client follows a redirect and writes the body; a status of 400 or above is an error', async () => {
      const get = (/** @type {string} */ host, /** @type {string} */ file) =>
        session.start('https_client', [`https://${host}:${web.port}/${file}`, certificate], { mounts: [directory] }).ended;
      const { code, stdout, stderr } = await get('localhost', 'elsewhere');
      assert.deepEqual([code, stdout, stderr], [0, BODY, '200 OK HTTP/1.1\n']);
      const missing = await get('localhost', 'nothing');
      assert.equal(missing.code, 1);
      assert.match(missing.stderr, /404/);
      const another = await get('127.0.0.1', 'hello');
      assert.equal(another.code, 1);
      assert.match(another.stderr, /NotValidForName/, 'the certificate is for localhost');
    });

    test('redis_messages hears on a channel what is said there', async () => {
      const url = `redis://127.0.0.1:${redis.port}/`;
      const channel = `news-${runtime}`;
      const hearing = session.start('redis_messages', [url, 'hear', channel, '2']);
      try {
        await hearing.until(/^listening to/);
        for (const [index, text] of ['one', 'two'].entries()) {
          const { stdout, stderr } = await session.start('redis_messages', [url, 'say', channel, text]).ended;
          assert.equal(stdout, `1 heard message ${index + 1}\n`, stderr);
        }
        const { code, stdout, stderr } = await hearing.ended;
        assert.deepEqual([code, stdout], [0, `listening to ${channel}\none\ntwo\n`], stderr);
      } finally {
        await hearing.stop();
      }
    });

    test('chat: two tabs hear each other over WebTransport, and that one goes', { skip: whyNoChromium() }, async () => {
      const server = session.start('chat', ['127.0.0.1:0']);
      try {
        const [, address] = await server.until(/^join at (#127\.0\.0\.1:\d+\/[0-9a-f]{64})$/m);
        const ada = await joinChat(address, 'Ada');
        await ada.shows('* welcome, Ada');
        const grace = await joinChat(address, 'Grace');
        await grace.shows('* welcome, Grace');
        await ada.shows('* Grace is here');
        await ada.say('hello');
        await grace.shows('Ada: hello');
        await grace.say('good day');
        await ada.shows('Grace: good day');
        await grace.page.close();
        await ada.shows('* Grace is gone');
        server.input(null);
        await ada.status('The chat is over');
        assert.equal((await server.ended).code, 0);
        await ada.page.close();
      } finally {
        await server.stop();
      }
    });
  });
}

test('chat: a page that is not told of a server says what its address needs', { skip: whyNoChromium() }, async () => {
  const { page, status } = await joinChat('', 'Ada');
  await status('Not connected: this page’s address needs what the server printed');
  await page.close();
});
