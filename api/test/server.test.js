// Handlers in JavaScript, the same ones behind a native server, behind the server on Node, and in the page of an Isolated
// Web App in Chromium: requests of the independent client, WebTransport of a page in another Chromium.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { startServer } from '../server-node.js';
import { launchApp } from './browser/support.js';
import { makeHandlers } from './handlers.js';
import { SERVER_MOUNTS, request, runCase, startNative, webSocket } from './native-server.js';

/** SHA-256 of 4 MiB of the client's stream of bytes (socket-iwa-client sha256). */
const FOUR_MIB = String(4 << 20);

/** @typedef {{ready: import('./native-server.js').Ready, stop(): Promise<unknown>}} Started */

/** @type {Record<string, () => Promise<Started>>} */
const RUNTIMES = {
  native: () => startNative(makeHandlers()),
  async node() {
    const server = await startServer(makeHandlers());
    const { address, port, certificateHash: { hex } } = server;
    return { ready: { address, port, cert_sha256: hex }, stop: () => server.stop() };
  },
  async chromium() {
    const app = await launchApp({ mounts: SERVER_MOUNTS });
    const ready = await app.page.evaluate(`(async () => {
      const { startServer } = await import('/api/index.js');
      const { makeHandlers } = await import('/test/handlers.js');
      const { address, port, certificateHash: { hex } } = globalThis.server = await startServer({ ...makeHandlers(), module: '/dist/socket-iwa-server.js' });
      return { address, port, cert_sha256: hex };
    })()`).catch(async (error) => {
      await app.close();
      throw error;
    });
    return {
      ready: /** @type {any} */ (ready),
      async stop() {
        await app.page.evaluate('globalThis.server.stop()');
        await app.close();
      },
    };
  },
};

/** @type {import('../../xtask/tests/browser-page.js').BrowserPage} */
let browser;
before(async () => (browser = await openBrowserPage()));
after(() => browser?.close());

/**
 * Runs a function in the browser's page, with what it needs to connect.
 * @template T
 * @param {import('./native-server.js').Ready} ready
 * @param {(connect: (path: string) => Promise<any>) => Promise<T>} body sees nothing but its argument and the page
 * @returns {Promise<T>}
 */
function inPage(ready, body) {
  const script = `(async (port, hash) => {
    const value = Uint8Array.from(hash.match(/../g), (digits) => parseInt(digits, 16));
    const connect = async (path) => {
      const url = 'https://127.0.0.1:' + port + path;
      const session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: 'sha-256', value }] });
      await session.ready;
      return session;
    };
    return (${body})(connect);
  })(${ready.port}, ${JSON.stringify(ready.cert_sha256)})`;
  return /** @type {Promise<any>} */ (browser.page.evaluate(script));
}

for (const [runtime, start] of Object.entries(RUNTIMES)) {
  describe(`${runtime}: handlers in JavaScript`, () => {
    /** @type {Started} */
    let started;
    before(async () => (started = await start()));
    after(() => started?.stop());

    const ask = async (/** @type {string} */ path, /** @type {string[]} */ ...args) => {
      const [outcome] = await request(started.ready, path, args);
      return outcome;
    };

    test('a handler sees the request, and its answer arrives with status, fields and body', async () => {
      const { status, headers, text } = await ask('/hello?a=b', '--header', 'cookie: c=d', '--header', 'origin: https://e.f');
      const seen = JSON.parse(text);
      assert.equal(status, 201);
      assert.ok(headers.some((/** @type {string[]} */ [name]) => name === 'x-answer'));
      assert.deepEqual({ ...seen, fields: undefined },
        { method: 'GET', url: '/hello?a=b', fields: undefined, hasBody: false, remoteAddress: '127.0.0.1', route: '/hello' });
      assert.equal(seen.fields.cookie, 'c=d');
      assert.equal(seen.fields.origin, 'https://e.f');
    });

    test('a route with a star has the paths below it; others are 404', async () => {
      assert.equal((await ask('/below/a/b')).text, '/below/*');
      assert.equal((await ask('/below')).status, 404);
      assert.equal((await ask('/nowhere')).status, 404);
    });

    test('an answer may set cookies, and have no body', async () => {
      const { headers } = await ask('/cookies');
      assert.deepEqual(headers.filter((/** @type {string[]} */ [name]) => name === 'set-cookie'),
        [['set-cookie', 'a=1'], ['set-cookie', 'b=2']]);
      const { status, bytes } = await ask('/empty');
      assert.deepEqual({ status, bytes }, { status: 204, bytes: 0 });
      assert.equal((await ask('/hello', '--method', 'HEAD')).bytes, 0);
    });

    test('bodies stream in both directions, through slow handlers and those that do not read', async () => {
      const [echoed, slow, hashed, unread] = await Promise.all([
        ask('/echo', '--method', 'POST', '--body', FOUR_MIB),
        ask('/slow', '--method', 'POST', '--body', FOUR_MIB),
        ask('/hash', '--method', 'PUT', '--body', FOUR_MIB),
        ask('/unread', '--method', 'POST', '--body', FOUR_MIB),
      ]);
      assert.equal(echoed.bytes, 4 << 20);
      assert.equal(slow.text, FOUR_MIB);
      assert.equal(hashed.text, echoed.sha256);
      assert.equal(unread.text, 'without looking');
    });

    test('twenty requests at once are answered while another one waits', async () => {
      const waiting = ask('/wait');
      assert.equal((await ask('/waiting')).text, 'yes');
      const answers = await request(started.ready, '/hello', ['--count', '20']);
      assert.deepEqual(answers.map(({ status }) => status), Array.from({ length: 20 }, () => 201));
      await ask('/release');
      assert.equal((await waiting).text, 'released');
    });

    test('a client that cancels aborts the handler\'s signal, and cancels the body of an answer', async () => {
      assert.deepEqual(await ask('/never', '--cancel-after', '1'), { cancelled: true });
      assert.equal((await ask('/aborted')).text, 'yes');
      assert.deepEqual(await ask('/endless', '--cancel-after', '1'), { cancelled: true });
      assert.equal((await ask('/cancelled')).text, 'yes');
    });

    test('a handler that throws is a 500, one that breaks off a reset, and onError hears both', async () => {
      assert.equal((await ask('/throws')).status, 500);
      assert.equal((await ask('/nothing')).status, 500);
      assert.match((await ask('/breaks')).error, /GET \/breaks/);
      const errors = JSON.parse((await ask('/errors')).text);
      assert.deepEqual(errors, ['/throws: on purpose', '/nothing: the handler returned undefined, not a Response', '/breaks: half-way']);
    });

    test('an answer has trailers, given before its body or told when that has gone', async () => {
      assert.deepEqual((await ask('/trailers')).trailers, [['again', '1, 2'], ['checksum', '\ufffd']]);
      assert.deepEqual((await ask('/trailers/late')).trailers, [['length', '12']]);
      assert.deepEqual((await ask('/hello')).trailers, []);
      assert.match((await ask('/trailers/throws')).error, /GET \/trailers\/throws/);
    });

    test('a request\'s trailers come to its handler', async () => {
      const { passed, failed } = await runCase(started.ready, 'trailers_come_back');
      assert.deepEqual({ passed, failed }, { passed: 1, failed: 0 });
    });

    const echoed = ['messages_come_back', 'a_message_in_pieces_comes_back_whole', 'a_broken_rule_is_told_with_its_code'];
    for (const name of echoed) {
      test(`a WebSocket's handler echoes: ${name.replaceAll('_', ' ')}`, async () => {
        const { passed, failed } = await runCase(started.ready, name);
        assert.deepEqual({ passed, failed }, { passed: 1, failed: 0 });
      });
    }

    test('a WebSocket\'s handler speaks first, and closes with a code and a reason', async () => {
      assert.deepEqual(await webSocket(started.ready, '/asks?name=x', ['--text', 'me']), [
        { text: 'who is at ?name=x?' }, { bytes: 3 }, { code: 4001, reason: 'hello me, /asks 127.0.0.1' },
      ]);
      assert.deepEqual(await webSocket(started.ready, '/returns'), [{ code: 1000, reason: '' }]);
    });

    test('a WebSocket\'s handler hears the client\'s close', async () => {
      const said = await webSocket(started.ready, '/tells', ['--text', 'a', '--text', 'b', '--close', '4002']);
      assert.deepEqual(said.slice(0, 2), [{ text: 'a!' }, { text: 'b!' }]);
      assert.deepEqual(JSON.parse((await ask('/socket-closed')).text), { closeCode: 4002, reason: 'enough' });
    });

    test('a WebSocket\'s handler that throws closes it with 1011, and onError hears it', async () => {
      const [close] = await webSocket(started.ready, '/throws');
      assert.equal(close.code, 1011);
      assert.ok(JSON.parse((await ask('/errors')).text).includes('/throws: in a socket'));
    });

    test('a session echoes streams of both kinds and datagrams', async () => {
      const back = await inPage(started.ready, async (connect) => {
        const session = await connect('/echo');
        const sent = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 7919) >> 3);
        const { readable, writable } = await session.createBidirectionalStream();
        const received = new Response(readable).bytes();
        const both = writable.getWriter();
        await both.write(sent);
        await both.close();
        const bytes = await received;
        const one = (await session.createUnidirectionalStream()).getWriter();
        await one.write(new TextEncoder().encode('one way'));
        await one.close();
        const { value: back } = await session.incomingUnidirectionalStreams.getReader().read();
        const oneWay = await new Response(back).text();
        const datagrams = session.datagrams.writable.getWriter();
        const datagram = session.datagrams.readable.getReader().read();
        // One may be lost; then there is another.
        const again = setInterval(() => datagrams.write(new TextEncoder().encode('maybe')), 100);
        const decoded = new TextDecoder().decode((await datagram).value);
        clearInterval(again);
        session.close({ closeCode: 7, reason: 'enough' });
        const heard = await connect('/told');
        const { value: told } = await heard.incomingUnidirectionalStreams.getReader().read();
        return {
          same: bytes.length === sent.length && bytes.every((/** @type {number} */ byte, /** @type {number} */ index) => byte === sent[index]),
          one: oneWay,
          datagram: decoded,
          told: JSON.parse(await new Response(told).text()),
        };
      });
      assert.deepEqual(back, { same: true, one: 'one way', datagram: 'maybe', told: { closeCode: 7, reason: 'enough' } });
    });

    test('a handler opens a stream, and closes the session with a code and a reason', async () => {
      const outcome = await inPage(started.ready, async (connect) => {
        const session = await connect('/asks?name=x');
        const { value: { readable, writable } } = await session.incomingBidirectionalStreams.getReader().read();
        const asked = await new Response(readable).text();
        const writer = writable.getWriter();
        await writer.write(new TextEncoder().encode('me'));
        await writer.close();
        const { closeCode, reason } = await session.closed;
        return { asked, closeCode, reason };
      });
      assert.deepEqual(outcome, { asked: 'who is at ?name=x?', closeCode: 9, reason: 'hello me' });
    });

    test('a session ends in order when its handler returns, and is lost when that throws', async () => {
      const outcome = await inPage(started.ready, async (connect) => {
        const ends = async (/** @type {string} */ path) => (await connect(path)).closed.then(
          (/** @type {any} */ { closeCode }) => closeCode, (/** @type {any} */ error) => error.name);
        return [await ends('/returns'), await ends('/throws')];
      });
      assert.deepEqual(outcome, [0, 'WebTransportError']);
      const errors = JSON.parse((await ask('/errors')).text);
      assert.equal(errors.at(-1), '/throws: in a session');
    });
  });
}
