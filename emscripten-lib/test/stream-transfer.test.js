// send() and recv() on a stream: the call that need not wait, and bytes through several buffers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EAGAIN, EPIPE, MSG_PEEK, MSG_WAITALL } from '../src/abi.js';
import { makeAttempter } from '../src/attempt.js';
import { ByteQueue } from '../src/byte-queue.js';
import { Memory } from '../src/memory.js';
import { makeStreamTransfer } from '../src/stream-transfer.js';
import { makeTimers } from '../src/timers.js';
import { FakeClock, FakeNode } from './support.js';

/** A socket with room for `room` bytes to send, its program's memory, and how often a call went by way of the attempter. */
function setup({ room = 100 } = {}) {
  const clock = new FakeClock();
  const attempter = makeAttempter({
    timers: makeTimers(clock.sleep, clock.now), canWait: () => true, hold() {}, release() {},
  });
  const bytes = Uint8Array.from({ length: 64 }, (_, at) => at);
  const state = { room, sent: /** @type {number[]} */ ([]), error: 0, calls: 0 };
  const received = new ByteQueue();
  const queue = new FakeNode();
  const socket = {
    queue, sendTimeout: 0, receiveTimeout: 0,
    takesAtOnce: (/** @type {number} */ length) => length <= state.room,
    send(/** @type {number} */ length, /** @type {(target: Uint8Array) => void} */ copy) {
      if (state.error !== 0) throw state.error;
      if (state.room === 0) throw EAGAIN;
      const target = new Uint8Array(Math.min(length, state.room));
      copy(target);
      state.room -= target.length;
      state.sent.push(...target);
      return target.length;
    },
    hasBytes: () => received.length > 0,
    nextLength: () => received.length,
    atEnd: () => false,
    isFull: () => false,
    nothingToReceive: () => received.length === 0,
    receive(/** @type {number} */ limit, /** @type {boolean} */ peek, /** @type {any} */ sink) {
      if (received.length === 0) throw EAGAIN;
      return received.read(limit, peek, sink);
    },
  };
  const call = attempter.call;
  attempter.call = (...args) => {
    state.calls++;
    return call(...args);
  };
  const memory = new Memory(/** @type {any} */ ({ bytes: () => bytes, pointerSize: 4 }));
  const stream = /** @type {any} */ ({ node: { socket }, flags: 0 });
  return { ...makeStreamTransfer(memory, attempter), stream, state, received, queue, bytes };
}

const ranges = [{ pointer: 2, length: 3 }, { pointer: 10, length: 2 }];

test('bytes for which there is room are taken from all buffers, without the attempter', () => {
  const { send, stream, state } = setup();
  assert.equal(send(stream, ranges, 5, 0), 5);
  assert.deepEqual(state, { room: 95, sent: [2, 3, 4, 10, 11], error: 0, calls: 0 });
});

test('an error is thrown, as syscalls throw it', () => {
  const { send, stream, state } = setup();
  state.error = EPIPE;
  assert.throws(() => send(stream, ranges, 5, 0), (error) => error === EPIPE);
});

test('bytes for which there is no room wait for it, and follow those that had some', async () => {
  const { send, stream, state, queue } = setup({ room: 4 });
  const sent = send(stream, ranges, 5, 0);
  assert.deepEqual(state.sent, [2, 3, 4, 10]);
  state.room = 10;
  queue.notifyListeners(1);
  assert.equal(await sent, 5);
  assert.deepEqual(state.sent, [2, 3, 4, 10, 11]);
});

test('bytes that are there go into all buffers, without the attempter', () => {
  const { receive, stream, state, received, bytes } = setup();
  received.push(Uint8Array.of(101, 102));
  received.push(Uint8Array.of(103, 104, 105, 106));
  assert.equal(receive(stream, ranges, 5, 0), 5);
  assert.deepEqual([...bytes.subarray(2, 5), ...bytes.subarray(10, 12)], [101, 102, 103, 104, 105]);
  assert.equal(receive(stream, ranges, 5, 0), 1);
  assert.equal(bytes[2], 106);
  assert.equal(state.calls, 0);
});

test('a recv() that waits stores in its own buffers, whoever receives meanwhile', async () => {
  const { receive, stream, received, queue, bytes } = setup();
  const whole = receive(stream, ranges, 5, MSG_WAITALL);
  received.push(Uint8Array.of(101, 102, 103, 104));
  queue.notifyListeners(1);
  received.push(Uint8Array.of(99));
  assert.equal(receive(stream, [{ pointer: 40, length: 1 }], 1, 0), 1);
  received.push(Uint8Array.of(105));
  queue.notifyListeners(1);
  assert.equal(await whole, 5);
  assert.deepEqual([...bytes.subarray(2, 5), ...bytes.subarray(10, 12), bytes[40]], [101, 102, 103, 104, 105, 99]);
});

test('a recv() of all bytes waits for those that are not there yet', async () => {
  const { receive, stream, received, queue } = setup();
  received.push(Uint8Array.of(101));
  const whole = receive(stream, ranges, 5, MSG_WAITALL);
  received.push(Uint8Array.of(102, 103, 104, 105));
  queue.notifyListeners(1);
  assert.equal(await whole, 5);
});

test('what is peeked at stays', () => {
  const { receive, stream, received, bytes } = setup();
  received.push(Uint8Array.of(101));
  assert.equal(receive(stream, ranges, 5, MSG_PEEK), 1);
  assert.deepEqual([received.length, bytes[2]], [1, 101]);
});
