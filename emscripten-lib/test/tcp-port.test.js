// One connection over a browser in the test's hands: reading ahead within its bound, ends, errors, an orderly close.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EACCES, ECONNABORTED, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EINVAL, EIO, ETIMEDOUT,
} from '../src/abi.js';
import { TcpPort, tcpDrained } from '../src/tcp-port.js';
import { makeTimers } from '../src/timers.js';
import { FakeTcpSocket } from './fake-tcp.js';
import { FakeClock, settled } from './support.js';

/** @param {{ limit?: number, after?: Promise<unknown>, create?: () => any }} [setup] */
function create({ limit = 1000, after, create: make } = {}) {
  const socket = new FakeTcpSocket();
  const clock = new FakeClock();
  const news = { readable: 0, writable: 0 };
  /** @type {string[]} */
  const explained = [];
  const port = new TcpPort({
    create: make ?? (() => /** @type {any} */ (socket)), after, capacity: undefined,
    timers: makeTimers(clock.sleep, clock.now), what: 'connect 127.0.0.1:1234', receiveLimit: () => limit,
    onReadable: () => void news.readable++, onWritable: () => void news.writable++,
    say: (text) => explained.push(text), explain: (text) => explained.push(text),
  });
  return { port, socket, news, explained };
}

/** @param {Parameters<typeof create>[0]} [setup] */
async function connected(setup) {
  const made = create(setup);
  made.socket.open();
  await made.port.opening;
  return made;
}

/** @param {TcpPort} port */
function readAll(port) {
  /** @type {string[]} */
  const pieces = [];
  port.received.read(Infinity, false, (piece) => void pieces.push(Buffer.from(piece).toString()));
  return pieces.join('');
}

/** @param {TcpPort} port @param {string} text */
const send = (port, text) => port.writer?.send(text.length, (target) => void Buffer.from(target.buffer, target.byteOffset).write(text));

test('the errors of connecting become errnos', async () => {
  for (const [name, message, errno] of /** @type {[string, string, number][]} */ ([
    ['NetworkError', 'Network Error.', ECONNREFUSED],
    ['NetworkError', "Hostname couldn't be resolved.", EHOSTUNREACH],
    ['InvalidStateError', 'The socket is not in a state that allows this operation.', ECONNRESET],
    ['TypeError', 'bad', EINVAL],
    ['InvalidAccessError', 'no policy', EACCES],
    ['OddError', 'odd', EIO],
  ])) {
    const { port, socket, explained } = create();
    socket.fail(name, message);
    assert.equal(await port.opening.catch((cause) => cause), errno, `${name} ${message}`);
    if (errno === EACCES) assert.match(explained.join('\n'), /connect 127\.0\.0\.1:1234: EACCES: .*permissions_policy/);
  }
});

test("Node's code of an error is its errno", async () => {
  const { port, socket } = create();
  socket.opening.reject(Object.assign(new Error('x'), { code: 'ETIMEDOUT' }));
  assert.equal(await port.opening.catch((cause) => cause), ETIMEDOUT);
});

test('nothing is opened before what it has to wait for', async () => {
  /** @type {() => void} */
  let go = () => {};
  /** @type {FakeTcpSocket[]} */
  const made = [];
  const after = new Promise((resolve) => {
    go = () => resolve(undefined);
  });
  const { port } = create({ after, create: () => made[made.push(new FakeTcpSocket()) - 1] });
  await settled();
  assert.equal(made.length, 0);
  go();
  await settled();
  assert.equal(made.length, 1);
  made[0].open();
  await port.opening;
});

test('bytes are read ahead up to the limit, and again when some were taken', async () => {
  const { port, socket } = await connected({ limit: 10 });
  socket.receive('12345');
  await settled();
  assert.equal(socket.reads, 2);
  socket.receive('67890');
  await settled();
  assert.equal(socket.reads, 2, 'the queue is full');
  assert.equal(readAll(port), '1234567890');
  port.pull();
  assert.equal(socket.reads, 3);
});

test('the end of the stream comes after its last byte', async () => {
  const { port, socket, news } = await connected();
  socket.receive('last');
  socket.end();
  await settled();
  assert.equal(port.ended, true);
  assert.equal(port.error, 0);
  assert.equal(readAll(port), 'last');
  assert.equal(news.readable, 2);
});

test('a connection that breaks keeps what came, and says why', async () => {
  for (const [message, errno] of /** @type {[string, number][]} */ ([
    ['Stream aborted by the remote: net::ERR_CONNECTION_RESET', ECONNRESET],
    ['Stream aborted by the remote: net::ERR_CONNECTION_ABORTED', ECONNABORTED],
    ['Stream aborted by the remote: net::ERR_TIMED_OUT', ETIMEDOUT],
    ['something else', ECONNRESET],
  ])) {
    const { port, socket, news } = await connected();
    socket.receive('kept');
    socket.break(message);
    await settled();
    assert.equal(port.error, errno, message);
    assert.equal(port.ended, true);
    assert.equal(readAll(port), 'kept');
    assert.ok(news.writable > 0, 'who waits for room hears of it');
    assert.equal(port.writer?.broken, true);
  }
});

test('a write that is rejected breaks the connection', async () => {
  const { port, socket } = await connected();
  socket.stalled = true;
  send(port, 'lost');
  socket.pendingWrites[0].reject(new Error('net::ERR_CONNECTION_RESET'));
  await settled();
  assert.equal(port.error, ECONNRESET);
});

test('the end of sending follows what was accepted', async () => {
  const { port, socket } = await connected();
  socket.stalled = true;
  send(port, 'first');
  port.endSending();
  await settled();
  assert.deepEqual(socket.events, []);
  socket.resume();
  await settled();
  assert.deepEqual(socket.events, ['close']);
  assert.equal(socket.text, 'first');
});

test('close() lets accepted bytes out, closes the streams, then lets go of the socket', async () => {
  const { port, socket } = await connected();
  socket.stalled = true;
  send(port, 'still goes out');
  const released = port.close();
  await settled();
  assert.deepEqual(socket.events, []);
  socket.resume();
  await released;
  assert.deepEqual(socket.events, ['close', 'cancel']);
  assert.equal(socket.text, 'still goes out');
});

test('close() with unread bytes aborts, after what was accepted', async () => {
  const { port, socket } = await connected();
  socket.receive('unread');
  await settled();
  send(port, 'sent');
  await port.close();
  assert.deepEqual(socket.events, ['abort', 'cancel']);
  assert.equal(socket.text, 'sent');
});

test('close(abort) drops what was accepted', async () => {
  const { port, socket } = await connected();
  socket.stalled = true;
  send(port, 'under way');
  send(port, 'dropped');
  await port.close(true);
  assert.equal(socket.text, 'under way');
  assert.equal(socket.events[0], 'abort');
});

test('bytes that come after close() wake nobody', async () => {
  const { port, socket, news } = await connected();
  port.close();
  socket.receive('late');
  await settled();
  assert.equal(news.readable, 0);
});

// The connections of all tests of this file are meant too: each of them has nothing left to send.
test('tcpDrained() waits for the bytes of every connection, closed ones too', async () => {
  const open = await connected();
  const closed = await connected();
  for (const { port, socket } of [open, closed]) {
    socket.stalled = true;
    send(port, 'x');
  }
  closed.port.close();
  let drained = false;
  const all = tcpDrained().then(() => {
    drained = true;
  });
  open.socket.resume();
  await settled();
  assert.equal(drained, false);
  closed.socket.resume();
  await all;
});

test('tcpDrained() does not wait for a connection that is still being opened, nor for a closed one of these', async () => {
  const opening = create();
  const closed = create();
  closed.port.close();
  await tcpDrained();
  for (const { socket } of [opening, closed]) socket.fail('NetworkError', 'Network Error.');
  await settled();
});

test('keep-alive of an open connection is set where the platform can', async () => {
  const { port, socket } = await connected();
  assert.equal(port.setKeepAlive(true, 30), false);
  /** @type {[boolean, number][]} */
  const calls = [];
  /** @type {any} */ (socket).setKeepAlive = (/** @type {boolean} */ on, /** @type {number} */ ms) => calls.push([on, ms]);
  assert.equal(port.setKeepAlive(true, 30), true);
  assert.deepEqual(calls, [[true, 30_000]]);
});
