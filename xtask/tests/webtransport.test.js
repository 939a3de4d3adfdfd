// A page in a browser talks to the server over the browser's own WebTransport: to the native server, to the one on Node,
// and to one inside another browser's Isolated Web App.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { openBrowserPage } from './browser-page.js';
import { Serving } from './support.js';

/** @type {import('./browser-page.js').BrowserPage} */
let browser;
before(async () => (browser = await openBrowserPage()));
after(() => browser?.close());

/**
 * Runs a function in the page, with what it needs to connect.
 * @template T
 * @param {{port: number, cert_sha256: string}} ready
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

for (const runtime of ['native', 'node', 'chromium']) {
  describe(`${runtime}: WebTransport from a page`, () => {
    const serving = new Serving(runtime);
    /** @type {Awaited<ReturnType<Serving['ready']>>} */
    let ready;
    before(async () => (ready = await serving.ready()));
    after(() => serving.stop());

    test('a bidirectional stream comes back, a megabyte of it', async () => {
      const same = await inPage(ready, async (connect) => {
        const session = await connect('/echo');
        const sent = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 7919) >> 3);
        const { readable, writable } = await session.createBidirectionalStream();
        const received = new Response(readable).bytes();
        const writer = writable.getWriter();
        await writer.write(sent);
        await writer.close();
        const back = await received;
        session.close();
        return back.length === sent.length && back.every((/** @type {number} */ byte, /** @type {number} */ index) => byte === sent[index]);
      });
      assert.ok(same);
    });

    test('a unidirectional stream comes back on another one', async () => {
      const text = await inPage(ready, async (connect) => {
        const session = await connect('/echo');
        const writer = (await session.createUnidirectionalStream()).getWriter();
        await writer.write(new TextEncoder().encode('one way'));
        await writer.close();
        const { value } = await session.incomingUnidirectionalStreams.getReader().read();
        const back = await new Response(value).text();
        session.close();
        return back;
      });
      assert.equal(text, 'one way');
    });

    test('datagrams come back', async () => {
      const text = await inPage(ready, async (connect) => {
        const session = await connect('/echo');
        const writer = session.datagrams.writable.getWriter();
        const received = session.datagrams.readable.getReader().read();
        // One may be lost; then there is another.
        const again = setInterval(() => writer.write(new TextEncoder().encode('maybe')), 100);
        const { value } = await received;
        clearInterval(again);
        session.close();
        return new TextDecoder().decode(value);
      });
      assert.equal(text, 'maybe');
    });

    test('several sessions in a room hear each other', async () => {
      const heard = await inPage(ready, async (connect) => {
        const [speaker, ...hearers] = await Promise.all([1, 2, 3].map(() => connect('/room')));
        const hear = async (/** @type {any} */ session) => {
          const { value } = await session.incomingUnidirectionalStreams.getReader().read();
          return new Response(value).text();
        };
        const all = Promise.all(hearers.map(hear));
        const writer = (await speaker.createUnidirectionalStream()).getWriter();
        await writer.write(new TextEncoder().encode('hear, hear'));
        await writer.close();
        const texts = await all;
        [speaker, ...hearers].forEach((session) => session.close());
        return texts;
      });
      assert.deepEqual(heard, ['hear, hear', 'hear, hear']);
    });

    test('a session that the page closes ends, with its code, and the server serves the next', async () => {
      const closed = await inPage(ready, async (connect) => {
        const session = await connect('/echo');
        session.close({ closeCode: 7, reason: 'enough' });
        const { closeCode, reason } = await session.closed;
        const next = await connect('/echo');
        next.close();
        await next.closed;
        return { closeCode, reason };
      });
      assert.deepEqual(closed, { closeCode: 7, reason: 'enough' });
    });

    test('a path without sessions is refused', async () => {
      const outcome = await inPage(ready, (connect) =>
        connect('/nowhere').then(
          () => 'opened',
          (error) => error.name,
        ),
      );
      assert.equal(outcome, 'WebTransportError');
    });
  });
}
