// The host's side of the gateway against a server in the test's hands: credit, stops, ends, and what happens when the server
// is gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CLOSE, CREDIT, DATA, DATAGRAM, END, HEAD, HELLO, LAST, MESSAGE, OPEN, RESET, STOP, TEXT, FrameReader, bytesFrame,
  closeFrame, jsonFrame, numberFrame, readClose, readJson, readNumber,
} from '../../gateway-frames.js';
import { checkHandlers, serveGateway } from '../../gateway.js';

const WINDOW = 1000;
const TYPES = { CLOSE, CREDIT, DATA, DATAGRAM, END, HEAD, HELLO, MESSAGE, OPEN, RESET, STOP };
const NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name]));
const settled = () => new Promise((resolve) => void setImmediate(resolve));

/** @param {import('../../gateway.js').Handlers} handlers */
async function connect(handlers) {
  const toHost = new TransformStream();
  const fromHost = new TransformStream();
  const gateway = serveGateway({ readable: toHost.readable, writable: fromHost.writable }, handlers);
  const writer = toHost.writable.getWriter();
  /** @type {import('../../gateway-frames.js').Frame[]} */
  const heard = [];
  const frames = new FrameReader();
  void (async () => {
    for await (const chunk of /** @type {any} */ (fromHost.readable)) heard.push(...frames.push(chunk));
  })();
  const server = {
    /** @param {Uint8Array[]} sent */
    async send(...sent) {
      for (const frame of sent) await writer.write(frame);
      await settled();
    },
    /** The names of what has come since. */
    names: () => heard.splice(0).map(({ type }) => NAMES.get(type)),
    heard,
    end: () => writer.close(),
  };
  await settled();
  const [hello] = heard.splice(0);
  await server.send(jsonFrame(HELLO, 0, { version: 1, window: WINDOW }));
  await gateway.ready;
  return { gateway, server, hello: readJson(hello) };
}

/** @param {number} id @param {string} route @param {string} [method] */
const open = (id, route, method = 'GET') =>
  jsonFrame(OPEN, id, { kind: 'http', route, method, authority: 'a', path: route, headers: [], remote: '[::1]:5' });

/** @param {number} id */
const openSession = (id) =>
  jsonFrame(OPEN, id, { kind: 'webtransport', route: '/s', authority: 'a', path: '/s', headers: [], remote: '1.2.3.4:5', maxDatagramSize: 100 });

test('the hello says what is handled', async () => {
  const { hello } = await connect({
    routes: { '/a': () => new Response(), '/b/*': () => new Response() },
    webtransport: { '/s'() {} },
    websocket: { '/w'() {} },
  });
  assert.deepEqual(hello,
    { version: 1, http: ['/a', '/b/*'], webtransport: ['/s'], websocket: ['/w'], standard: false });
});

test('an answer goes no further than its credit, and on when there is more', async () => {
  const { server } = await connect({ routes: { '/a': () => new Response('x'.repeat(2 * WINDOW)) } });
  await server.send(open(2, '/a'), bytesFrame(END, 2));
  assert.deepEqual(server.heard.map(({ type, payload }) => [type, type === DATA ? payload.length : 0]), [[HEAD, 0], [DATA, WINDOW]]);
  server.names();
  await server.send(numberFrame(CREDIT, 2, 10));
  assert.deepEqual(server.heard.splice(0).map(({ payload }) => payload.length), [10]);
  await server.send(numberFrame(CREDIT, 2, WINDOW));
  assert.deepEqual(server.names(), ['DATA', 'END']);
});

test('credit for a body is given as the handler reads it', async () => {
  /** @type {(value?: unknown) => void} */
  let read = () => {};
  const { server } = await connect({ routes: { async '/a'(request) {
    await new Promise((resolve) => (read = resolve));
    return new Response(`${(await request.arrayBuffer()).byteLength}`);
  } } });
  await server.send(open(2, '/a', 'POST'), bytesFrame(DATA, 2, new Uint8Array(WINDOW)));
  assert.deepEqual(server.names(), []);
  read();
  await settled();
  assert.deepEqual(server.heard.splice(0).map((frame) => [frame.type, readNumber(frame)]), [[CREDIT, WINDOW]]);
  await server.send(bytesFrame(END, 2));
  await settled();
  assert.deepEqual(server.names(), ['HEAD', 'DATA', 'END']);
});

test('a stop aborts the signal and is answered with a reset', async () => {
  /** @type {unknown} */
  let reason;
  const { server } = await connect({ routes: { '/a': (request) => new Promise((_, reject) => {
    request.signal.addEventListener('abort', () => reject(reason = request.signal.reason));
  }) } });
  await server.send(open(2, '/a'), bytesFrame(END, 2), numberFrame(STOP, 2, 7));
  assert.equal(/** @type {any} */ (reason).streamErrorCode, 7);
  assert.deepEqual(server.names(), ['RESET']);
});

test('a body that breaks off leaves the answer to the server, and is no error of the handler', async () => {
  /** @type {unknown[]} */
  const errors = [];
  const { server } = await connect({
    routes: { '/a': async (request) => new Response(await request.text()) }, onError: (error) => errors.push(error),
  });
  await server.send(open(2, '/a', 'POST'), bytesFrame(DATA, 2, Uint8Array.of(1)), numberFrame(RESET, 2, 0));
  assert.deepEqual(server.names(), ['RESET']);
  assert.deepEqual(errors, []);
});

test('a head that does not fit into a frame is a 500', async () => {
  /** @type {any[]} */
  const errors = [];
  const { server } = await connect({
    routes: { '/a': () => new Response('', { headers: { a: 'b'.repeat(300_000) } }) }, onError: (error) => errors.push(error),
  });
  await server.send(open(2, '/a'), bytesFrame(END, 2));
  assert.equal(readJson(server.heard[0]).status, 500);
  assert.match(errors[0].message, /more than 262144/);
});

test('a stream that the handler opens is there when the server grants it, and one without a session is refused', async () => {
  const { server } = await connect({ webtransport: { async '/s'(session) {
    const writer = (await session.createUnidirectionalStream()).getWriter();
    await writer.write(Uint8Array.of(1));
    await writer.close();
    await session.closed;
  } } });
  await server.send(openSession(2));
  assert.deepEqual(readJson(server.heard[0]), { kind: 'uni', session: 2 });
  assert.deepEqual(server.names(), ['OPEN']);
  await server.send(numberFrame(CREDIT, 1, 5));
  assert.deepEqual(server.names(), ['DATA', 'END']);
  await server.send(closeFrame(2, { clean: true, code: 1, reason: '' }));
  assert.deepEqual(server.names(), ['CLOSE']);
  await server.send(jsonFrame(OPEN, 4, { kind: 'bidi', session: 2 }));
  assert.deepEqual(server.names(), ['STOP', 'RESET']);
});

test('a handler that fails makes its session lost, and one that returns closes it', async () => {
  /** @type {any[]} */
  const errors = [];
  let fail = true;
  const { server } = await connect({ webtransport: { '/s'() {
    if (fail) throw new Error('no');
  } }, onError: (error) => errors.push(error) });
  await server.send(openSession(2));
  assert.equal(readClose(server.heard[0]).clean, false);
  assert.equal(errors[0].message, 'no');
  server.names();
  fail = false;
  await server.send(openSession(4));
  assert.deepEqual(readClose(server.heard[0]), { clean: true, code: 0, reason: '' });
});

test('datagrams wait for credit, and one that is too large is not sent', async () => {
  const { server } = await connect({ webtransport: { async '/s'(session) {
    const writer = session.datagrams.writable.getWriter();
    for (let i = 0; i < 11; i++) await writer.write(new Uint8Array(100));
    await writer.write(new Uint8Array(101));
    await session.closed;
  } } });
  await server.send(openSession(2));
  assert.deepEqual(server.names(), Array.from({ length: 10 }, () => 'DATAGRAM'));
  await server.send(numberFrame(CREDIT, 2, 1000));
  assert.deepEqual(server.names(), ['DATAGRAM']);
});

test('when the server is gone, what is open fails and the gateway is closed', async () => {
  /** @type {any[]} */
  const ends = [];
  const { gateway, server } = await connect({
    routes: { '/a': (request) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))) },
    webtransport: { '/s': (session) => session.closed.then(() => {}, (error) => void ends.push(error.code)) },
    onError: (error) => ends.push(error),
  });
  await server.send(open(2, '/a'), openSession(4));
  await server.end();
  await gateway.closed;
  await settled();
  assert.deepEqual(ends, ['ECONNRESET']);
});

test('handlers that cannot be are refused, with what is wrong with them', () => {
  const handler = () => new Response();
  for (const [handlers, message] of /** @type {[any, RegExp][]} */ ([
    [{ routes: { hello: handler } }, /routes: the path "hello" does not begin with a slash/],
    [{ routes: { '/a*': handler } }, /routes: the path "\/a\*" has a star.*"\/files\/\*"/],
    [{ webtransport: { '/a/*': handler } }, /webtransport: the path "\/a\/\*" has a star/],
    [{ routes: { '/a': 'hello' } }, /routes: the handler of "\/a" is no function/],
  ])) assert.throws(() => checkHandlers(handlers), message);
});

/** @param {number} id */
const openSocket = (id) =>
  jsonFrame(OPEN, id, { kind: 'websocket', route: '/w', authority: 'a', path: '/w', headers: [], remote: '1.2.3.4:5' });

/** @param {number} flags @param {string} words */
const part = (flags, words) => Uint8Array.of(flags, ...new TextEncoder().encode(words));

test('a message goes and comes in parts, each of which costs credit', async () => {
  /** @type {unknown[]} */
  const said = [];
  const { server } = await connect({ websocket: { async '/w'({ readable, writable }) {
    const writer = writable.getWriter();
    for await (const message of /** @type {any} */ (readable)) {
      said.push(message);
      await writer.write('x'.repeat(WINDOW));
    }
  } } });
  const parts = [part(TEXT, 'in '), part(TEXT | LAST, 'parts')];
  await server.send(openSocket(2), ...parts.map((it) => bytesFrame(MESSAGE, 2, it)));
  assert.deepEqual(said, ['in parts']);
  const first = server.heard.splice(0);
  assert.deepEqual(first.map(({ type, payload }) => [type, payload[0], payload.length]), [[MESSAGE, TEXT, WINDOW]]);
  await server.send(numberFrame(CREDIT, 2, WINDOW));
  assert.deepEqual(server.heard.splice(0).map(({ payload }) => [payload[0], payload.length]), [[TEXT | LAST, 2]]);
  await server.send(bytesFrame(MESSAGE, 2, part(LAST, '')));
  assert.deepEqual(said[1], new Uint8Array());
});

test('a WebSocket that the client closes is answered, and told; one that is lost fails its handler', async () => {
  /** @type {unknown[]} */
  const ends = [];
  const { server } = await connect({ websocket: { async '/w'({ closed }) {
    ends.push(await closed.catch((error) => error.code));
  } } });
  await server.send(openSocket(2), closeFrame(2, { clean: true, code: 1001, reason: 'away' }));
  assert.deepEqual(ends, [{ closeCode: 1001, reason: 'away' }]);
  assert.deepEqual(server.heard.splice(0).map((frame) => [frame.type, readClose(frame).code]), [[CLOSE, 1001]]);
  await server.send(openSocket(4), closeFrame(4, { clean: false, code: 1006, reason: 'lost' }));
  assert.equal(ends[1], 'ECONNRESET');
});

test('what a WebSocket can\'t send is a RangeError', async () => {
  /** @type {unknown[]} */
  const errors = [];
  const { server } = await connect({
    onError: (error) => void errors.push(error),
    websocket: { async '/w'(socket) {
      for (const closeCode of [999, 1005, 2000, 5000]) assert.throws(() => socket.close({ closeCode }), RangeError);
      assert.throws(() => socket.close({ reason: 'é'.repeat(62) }), RangeError);
      await socket.writable.getWriter().write(new Uint8Array((1 << 20) + 1));
    } },
  });
  await server.send(openSocket(2));
  assert.ok(errors[0] instanceof RangeError, `${errors[0]}`);
  assert.deepEqual(server.heard.splice(0).map((frame) => readClose(frame)), [{ clean: false, code: 1011, reason: '' }]);
});

test('trailers go behind the data, and come to the handler', async () => {
  const { server } = await connect({ routes: { '/a': async (request, { trailers }) => {
    await request.arrayBuffer();
    const sum = (await trailers).get('sum') ?? '';
    return { body: 'x', trailers: { sum: `${sum}!` } };
  } } });
  await server.send(open(2, '/a', 'POST'), jsonFrame(END, 2, [['sum', '1']]));
  const frames = server.heard.splice(0);
  assert.deepEqual(frames.map(({ type }) => NAMES.get(type)), ['HEAD', 'DATA', 'END']);
  assert.deepEqual(readJson(frames[2]), [['sum', '1!']]);
});
