// A channel as a stream socket: bytes both ways, bounds in both directions, ends and errors from either side.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF_UNIX, EAGAIN, ECONNRESET, EPIPE, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, SHUT_WR } from '../src/abi.js';
import { ChannelSocket } from '../src/channel.js';
import { makeTimers } from '../src/timers.js';
import { FakeClock, FakeNode, settled } from './support.js';

function create() {
  const toProgram = new TransformStream();
  const fromProgram = new TransformStream();
  const clock = new FakeClock();
  const socket = new ChannelSocket({
    queue: /** @type {any} */ (new FakeNode()),
    platform: /** @type {any} */ ({ timers: makeTimers(clock.sleep, clock.now), explain() {} }),
    channel: { readable: toProgram.readable, writable: fromProgram.writable },
  });
  return { socket, host: toProgram.writable.getWriter(), heard: fromProgram.readable.getReader() };
}

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

/** @param {ChannelSocket} socket @param {string} text */
const send = (socket, text) => socket.send(text.length, (target) => target.set(bytes(text).subarray(0, target.length)), 0);

/** @param {ChannelSocket} socket */
function receive(socket) {
  let text = '';
  socket.receive(Infinity, false, (piece) => void (text += new TextDecoder().decode(piece)));
  return text;
}

/** @param {() => unknown} attempt */
function errnoOf(attempt) {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  return 0;
}

test('bytes pass in both directions', async () => {
  const { socket, host, heard } = create();
  assert.equal(errnoOf(() => receive(socket)), EAGAIN);
  assert.equal(socket.poll() & (POLLIN | POLLOUT), POLLOUT);
  await host.write(bytes('question'));
  await settled();
  assert.equal(socket.poll() & POLLIN, POLLIN);
  assert.equal(receive(socket), 'question');
  assert.equal(send(socket, 'answer'), 6);
  assert.equal(new TextDecoder().decode((await heard.read()).value), 'answer');
});

test('what the host gets is its own: it may transfer it', async () => {
  const { socket, heard } = create();
  for (const text of ['one', 'two', 'three']) {
    send(socket, text);
    const { value } = await heard.read();
    assert.equal(new TextDecoder().decode(value), text);
    structuredClone(value, { transfer: [value.buffer] });
    await settled();
  }
});

test('a host that does not read bounds what the program can send, and room is told', async () => {
  const { socket, heard } = create();
  const block = new Uint8Array(1 << 20);
  let sent = 0;
  while (errnoOf(() => void (sent += socket.send(block.length, (target) => void target.fill(1), 0))) === 0);
  assert.ok(sent < 4 << 20);
  assert.equal(socket.poll() & POLLOUT, 0);
  let read = 0;
  while (read < sent) read += (await heard.read()).value.length;
  await settled();
  assert.equal(socket.poll() & POLLOUT, POLLOUT);
});

test('a program that does not read bounds what is taken from the host', async () => {
  const { socket, host } = create();
  let taken = 0;
  for (let i = 0; i < 64; i++) void host.write(new Uint8Array(1 << 16)).then(() => void (taken += 1 << 16));
  await settled();
  assert.ok(taken < 2 << 20, `${taken}`);
  assert.ok(socket.nextLength() < 2 << 20);
});

test('the host\'s end is an end of file, and the program may still write', async () => {
  const { socket, host, heard } = create();
  await host.write(bytes('last'));
  void host.close();
  await settled();
  assert.equal(socket.poll() & POLLRDHUP, POLLRDHUP);
  assert.equal(receive(socket), 'last');
  assert.equal(receive(socket), '');
  send(socket, 'still here');
  assert.equal(new TextDecoder().decode((await heard.read()).value), 'still here');
  socket.shutdown(SHUT_WR);
  assert.equal((await heard.read()).done, true);
  assert.equal(socket.poll() & POLLHUP, POLLHUP);
});

test('close delivers what was written, then its end', async () => {
  const { socket, heard } = create();
  send(socket, 'bye');
  socket.close();
  assert.equal(new TextDecoder().decode((await heard.read()).value), 'bye');
  assert.equal((await heard.read()).done, true);
});

test('a host that breaks the channel is a reset, and then a broken pipe', async () => {
  const { socket, host, heard } = create();
  host.abort(new Error('gone')).catch(() => {});
  await heard.cancel();
  await settled();
  assert.equal(errnoOf(() => receive(socket)), ECONNRESET);
  assert.equal(errnoOf(() => send(socket, 'x')), EPIPE);
});

test('it has a family and no addresses', () => {
  const { socket } = create();
  assert.equal(socket.family, AF_UNIX);
  // Unnamed.
  assert.equal(socket.localEndpoint(), undefined);
  assert.equal(socket.peerEndpoint(), undefined);
});
