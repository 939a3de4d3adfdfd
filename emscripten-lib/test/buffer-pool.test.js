import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from '../src/buffer-pool.js';

test('a buffer that was given back is taken for the next datagram of its length alone', () => {
  const pool = new BufferPool();
  const data = pool.take(1200);
  pool.give(data);
  assert.equal(pool.take(40).byteLength, 40);
  assert.equal(pool.take(1200), data);
  assert.notEqual(pool.take(1200), data, 'it was taken twice');
});

test('no more is kept than a socket has under way, the newest lengths before the others', () => {
  const pool = new BufferPool();
  for (let i = 0; i < 40; i++) pool.give(new Uint8Array(10_000));
  assert.equal(pool.bytes, 260_000);
  const newest = new Uint8Array(20_000);
  pool.give(newest);
  assert.equal(pool.bytes, 20_000);
  assert.equal(pool.take(20_000), newest);
  pool.give(new Uint8Array(300_000));
  assert.equal(pool.bytes, 0);
});

test('of all lengths that a datagram has, few are kept', () => {
  const pool = new BufferPool();
  for (let length = 0; length < 1000; length++) pool.give(new Uint8Array(length));
  assert.equal(pool.kept.size, 256);
  const bytes = [...pool.kept.values()].flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.equal(pool.bytes, bytes);
  assert.ok(bytes > 200_000 && bytes <= 1 << 18, `${bytes}`);
});
