// poll() over descriptors whose readiness the test sets: when it looks at them while it waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POLLHUP, POLLIN, POLLOUT, READABLE, WRITABLE } from '../src/abi.js';
import { makeAttempter } from '../src/attempt.js';
import { makePoll } from '../src/poll.js';
import { makeTimers } from '../src/timers.js';
import { FakeClock, FakeNode } from './support.js';

const POLLFDS = 16;
const FD = 3;

/** @param {number} events asked for of one descriptor */
function setup(events) {
  const clock = new FakeClock();
  const attempter = makeAttempter({
    timers: makeTimers(clock.sleep, clock.now), canWait: () => true, hold() {}, release() {},
  });
  const memory = new DataView(new ArrayBuffer(64));
  memory.setInt32(POLLFDS, FD, true);
  memory.setInt16(POLLFDS + 4, events, true);
  const state = { looks: 0, mask: 0 };
  const node = new FakeNode();
  const stream = { node, stream_ops: { poll: () => (state.looks++, state.mask) } };
  const { poll } = makePoll({ getStream: () => stream }, /** @type {any} */ ({
    bytes: () => new Uint8Array(memory.buffer),
    readI32: (/** @type {number} */ at) => memory.getInt32(at, true),
    readI16: (/** @type {number} */ at) => memory.getInt16(at, true),
    writeI16: (/** @type {number} */ at, /** @type {number} */ value) => memory.setInt16(at, value, true),
  }), attempter);
  return { state, node, waiting: Promise.resolve(poll(POLLFDS, 1, -1)), revents: () => memory.getInt16(POLLFDS + 6, true) };
}

test('who waits to read does not look at its descriptors each time that a datagram has left', async () => {
  const { state, node, waiting, revents } = setup(POLLIN);
  state.mask = POLLOUT;
  for (let i = 0; i < 10; i++) node.notifyListeners(WRITABLE);
  assert.equal(state.looks, 1, 'before the wait');
  state.mask = POLLIN | POLLOUT;
  node.notifyListeners(READABLE);
  assert.equal(await waiting, 1);
  assert.equal(revents(), POLLIN);
});

test('who waits to write does', async () => {
  const { state, node, waiting, revents } = setup(POLLOUT);
  state.mask = POLLOUT;
  node.notifyListeners(WRITABLE);
  assert.equal(await waiting, 1);
  assert.equal(revents(), POLLOUT);
});

test('what belongs to no event, and what nobody has to ask for, is looked at', async () => {
  const { state, node, waiting } = setup(0);
  node.notifyListeners(0);
  assert.equal(state.looks, 2);
  state.mask = POLLHUP;
  node.notifyListeners(POLLHUP | WRITABLE);
  assert.equal(await waiting, 1);
});
