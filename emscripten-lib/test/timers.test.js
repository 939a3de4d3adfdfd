// Timers: they fire when due, and a cancelled one leaves nothing that piles up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseLater, chooseSleeper, makeTimers } from '../src/timers.js';
import { FakeClock } from './support.js';

function setup() {
  const clock = new FakeClock();
  return { clock, timers: makeTimers(clock.sleep, clock.now) };
}

test('alarms go off in the order of their deadlines, each once', () => {
  const { clock, timers } = setup();
  /** @type {number[]} */
  const fired = [];
  for (const ms of [30, 10, 20]) timers.after(ms, () => fired.push(ms));
  clock.advance(15);
  assert.deepEqual(fired, [10]);
  clock.advance(100);
  assert.deepEqual(fired, [10, 20, 30]);
});

test('a cancelled alarm does not go off', () => {
  const { clock, timers } = setup();
  const alarm = timers.after(10, () => assert.fail());
  timers.cancel(alarm);
  clock.advance(100);
});

test('an alarm after a cancelled earlier one goes off on time', () => {
  const { clock, timers } = setup();
  timers.cancel(timers.after(10, () => assert.fail()));
  let at = 0;
  timers.after(25, () => { at = clock.time; });
  clock.advance(100);
  assert.equal(at, 25);
});

test('a hundred thousand cancelled alarms share one sleep', () => {
  const { clock, timers } = setup();
  for (let i = 0; i < 100_000; i++) timers.cancel(timers.after(30_000, () => {}));
  assert.equal(clock.sleeps.length, 1);
});

test('short alarms under a long one do not pile sleeps up', () => {
  const { clock, timers } = setup();
  timers.after(30_000, () => {});
  for (let i = 0; i < 10_000; i++) {
    timers.after(1, () => {});
    clock.advance(1);
    assert.ok(clock.sleeps.length <= 2, `${clock.sleeps.length} sleeps`);
  }
});

test('an alarm of many days does not wake anyone before its time', () => {
  const { clock } = setup();
  /** @type {number[]} */
  const lengths = [];
  const sleeping = makeTimers((ms, callback) => {
    lengths.push(ms);
    clock.sleep(ms, callback);
  }, clock.now);
  let fired = false;
  const days = 40 * 24 * 3600 * 1000;
  sleeping.after(days, () => { fired = true; });
  clock.advance(days - 1);
  assert.equal(fired, false);
  clock.advance(1);
  assert.equal(fired, true);
  assert.ok(lengths.every((ms) => ms <= 0x7fffffff), String(lengths));
});

test('on Node, later is after all that is there already, in the order in which it was asked for', async () => {
  const later = chooseLater({ isNode: true });
  /** @type {string[]} */
  const order = [];
  await new Promise((resolve) => {
    later(() => order.push('one'));
    later(() => {
      order.push('two');
      resolve(undefined);
    });
    queueMicrotask(() => queueMicrotask(() => order.push('what was there')));
  });
  assert.deepEqual(order, ['what was there', 'one', 'two']);
});

test('the sleepers of Node and of browsers wake', async () => {
  const hold = setInterval(() => {}, 1000);
  for (const isNode of [true, false]) {
    const sleep = chooseSleeper({ isNode });
    await new Promise((resolve) => sleep(1, () => resolve(undefined)));
    await new Promise((resolve) => sleep(0, () => resolve(undefined)));
  }
  clearInterval(hold);
});
