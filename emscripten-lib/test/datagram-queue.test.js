// The receive queue: order, the bound in bytes, the count of drops.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATAGRAM_OVERHEAD, DatagramQueue } from '../src/datagram-queue.js';

const datagram = (/** @type {number} */ length, id = 0) => ({ data: new Uint8Array(length), id });

test('first in, first out, across growth and wrapping', () => {
  const queue = new DatagramQueue(1 << 30);
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 7; i++) queue.push(datagram(1, next++));
    for (let i = 0; i < 5; i++) assert.equal(/** @type {any} */ (queue.shift()).id, expected++);
  }
  while (queue.length > 0) assert.equal(/** @type {any} */ (queue.shift()).id, expected++);
  assert.equal(expected, next);
  assert.equal(queue.bytes, 0);
  assert.equal(queue.shift(), undefined);
});

test('peek leaves the datagram', () => {
  const queue = new DatagramQueue(10_000);
  queue.push(datagram(3, 7));
  assert.equal(/** @type {any} */ (queue.peek()).id, 7);
  assert.equal(queue.length, 1);
});

test('what does not fit is dropped and counted', () => {
  const queue = new DatagramQueue(4 * (1200 + DATAGRAM_OVERHEAD));
  const taken = Array.from({ length: 10 }, () => queue.push(datagram(1200))).filter(Boolean).length;
  assert.equal(taken, 4);
  assert.equal(queue.drops, 6);
  queue.shift();
  assert.ok(queue.push(datagram(1200)));
});

test('a flood of empty datagrams is bounded too', () => {
  const queue = new DatagramQueue(100 * DATAGRAM_OVERHEAD);
  for (let i = 0; i < 100_000; i++) queue.push(datagram(0));
  assert.equal(queue.length, 100);
  assert.equal(queue.drops, 99_900);
});

test('an empty queue takes a datagram larger than its limit', () => {
  const queue = new DatagramQueue(2304);
  assert.ok(queue.push(datagram(60_000)));
  assert.ok(!queue.push(datagram(0)));
});
