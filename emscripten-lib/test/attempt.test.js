// The one helper that waits: a value at once, -errno, or a promise that tries again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EAGAIN, EBADF } from '../src/abi.js';
import { makeAttempter } from '../src/attempt.js';
import { makeTimers } from '../src/timers.js';
import { FakeClock, FakeNode, settled } from './support.js';

function setup({ canWait = true } = {}) {
  const clock = new FakeClock();
  let held = 0;
  const attempter = makeAttempter({
    timers: makeTimers(clock.sleep, clock.now),
    canWait: () => canWait,
    hold: () => held++,
    release: () => held--,
  });
  const queue = new FakeNode();
  return { clock, attempter, queue, held: () => held };
}

const blocking = (/** @type {FakeNode} */ queue, timeout = 0) => ({ queue, nonblocking: false, timeout });

/** An attempt that fails until its gate opens. */
function gate() {
  const state = { open: false, attempts: 0 };
  return { state, attempt: () => {
    state.attempts++;
    if (!state.open) throw EAGAIN;
    return 42;
  } };
}

test('a value comes back as a number, not as a promise', () => {
  const { attempter, queue } = setup();
  assert.equal(attempter.call(() => 7, blocking(queue)), 7);
});

test('an errno comes back negative', () => {
  const { attempter, queue } = setup();
  assert.equal(attempter.call(() => { throw EBADF; }, blocking(queue)), -EBADF);
});

test('what is no errno is thrown on', () => {
  const { attempter, queue } = setup();
  assert.throws(() => attempter.call(() => { throw new RangeError('bug'); }, blocking(queue)), RangeError);
});

test('a call whose caller cannot wait is at the end of its time at once', () => {
  const { attempter, queue, held } = setup({ canWait: false });
  const { attempt, state } = gate();
  assert.equal(attempter.call(attempt, blocking(queue)), -EAGAIN);
  assert.equal(attempter.call(attempt, { ...blocking(queue), late: () => 5 }), 5);
  assert.equal(attempter.wait(attempt, [queue], 1000, 0), 0);
  assert.equal(held(), 0);
  queue.notifyListeners(1);
  assert.equal(state.attempts, 2, 'nothing goes on in the background');
});

test('a non-blocking call that would wait is -EAGAIN, a number', () => {
  const { attempter, queue } = setup();
  assert.equal(attempter.call(gate().attempt, { ...blocking(queue), nonblocking: true }), -EAGAIN);
});

test('a hopeless attempt is not made', () => {
  const { attempter, queue } = setup();
  const { state, attempt } = gate();
  const how = { ...blocking(queue), nonblocking: true, hopeless: () => true };
  assert.equal(attempter.call(attempt, how), -EAGAIN);
  assert.equal(state.attempts, 0);
});

test('nor is it made at a notification of something else', async () => {
  const { attempter, queue } = setup();
  const { state, attempt } = gate();
  const call = attempter.call(attempt, { ...blocking(queue), hopeless: () => !state.open });
  queue.notifyListeners(1);
  assert.equal(state.attempts, 0);
  state.open = true;
  queue.notifyListeners(1);
  assert.equal(await call, 42);
});

test('a blocking call waits for the queue and tries again', async () => {
  const { attempter, queue, held } = setup();
  const { state, attempt } = gate();
  const call = attempter.call(attempt, blocking(queue));
  assert.ok(call instanceof Promise);
  assert.equal(held(), 1);
  queue.notifyListeners(1);
  assert.equal(state.attempts, 2);
  state.open = true;
  queue.notifyListeners(1);
  assert.equal(await call, 42);
  assert.equal(queue.listeners.size, 0);
  assert.equal(held(), 0);
});

test('one notification serves one of two waiters when there is enough for one', async () => {
  const { attempter, queue } = setup();
  let available = 0;
  const take = () => {
    if (available === 0) throw EAGAIN;
    return available--;
  };
  const first = attempter.call(take, blocking(queue));
  const second = attempter.call(take, blocking(queue));
  available = 1;
  queue.notifyListeners(1);
  await first;
  assert.equal(queue.listeners.size, 1);
  available = 1;
  queue.notifyListeners(1);
  assert.equal(await second, 1);
});

test('an errno while waiting ends the wait', async () => {
  const { attempter, queue, held } = setup();
  let errno = EAGAIN;
  const call = attempter.call(() => { throw errno; }, blocking(queue));
  errno = EBADF;
  queue.notifyListeners(1);
  assert.equal(await call, -EBADF);
  assert.equal(held(), 0);
});

test('a bug while waiting rejects', async () => {
  const { attempter, queue, held } = setup();
  let failure = /** @type {any} */ (EAGAIN);
  const call = attempter.call(() => { throw failure; }, blocking(queue));
  failure = new RangeError('bug');
  queue.notifyListeners(1);
  await assert.rejects(Promise.resolve(call), RangeError);
  assert.equal(held(), 0);
});

test('the time limit ends a wait with -EAGAIN, and not before', async () => {
  const { attempter, queue, clock, held } = setup();
  const call = attempter.call(gate().attempt, blocking(queue, 30));
  let result;
  Promise.resolve(call).then((value) => { result = value; });
  clock.advance(29);
  await settled();
  assert.equal(result, undefined);
  clock.advance(1);
  await settled();
  assert.equal(result, -EAGAIN);
  assert.equal(queue.listeners.size, 0);
  assert.equal(held(), 0);
});

test('after the time limit a notification does nothing', async () => {
  const { attempter, queue, clock } = setup();
  const { state, attempt } = gate();
  const call = attempter.call(attempt, blocking(queue, 5));
  clock.advance(5);
  await call;
  const { attempts } = state;
  queue.notifyListeners(1);
  assert.equal(state.attempts, attempts);
});

test('a wait that gathers resumes at once after a while, and later where one notification follows the other', async () => {
  const clock = new FakeClock();
  /** @type {(() => void)[]} */
  const turns = [];
  let held = 0;
  const attempter = makeAttempter({
    timers: makeTimers(clock.sleep, clock.now, (callback) => void turns.push(callback)),
    canWait: () => true,
    hold: () => held++,
    release: () => held--,
  });
  const queue = new FakeNode();
  const begin = (/** @type {boolean} */ gather) => {
    const { attempt, state } = gate();
    const result = attempter.wait(attempt, [queue], 0, 0, { gather });
    state.open = true;
    return Promise.resolve(result);
  };

  let waiting = begin(true);
  clock.advance(1);
  queue.notifyListeners(1);
  assert.equal(await waiting, 42);
  assert.equal(turns.length, 0, 'who has waited for long is not kept waiting');

  waiting = begin(true);
  queue.notifyListeners(1);
  queue.notifyListeners(1);
  assert.equal(turns.length, 1, 'one turn for all that comes');
  assert.equal(held, 1, 'the event loop is kept alive until then');
  turns[0]();
  assert.equal(await waiting, 42);
  assert.equal(held, 0);

  waiting = begin(false);
  queue.notifyListeners(1);
  assert.equal(await waiting, 42);

  const { attempt, state } = gate();
  const call = attempter.call(attempt, { ...blocking(queue), gather: true });
  state.open = true;
  queue.notifyListeners(1);
  assert.equal(turns.length, 2, 'a call gathers too');
  turns[1]();
  assert.equal(await call, 42);
});

test('to a program that has ended no wait returns, by a notification, a gathered one or its time', async () => {
  const clock = new FakeClock();
  /** @type {(() => void)[]} */
  const turns = [];
  let held = 0;
  let ended = false;
  const attempter = makeAttempter({
    timers: makeTimers(clock.sleep, clock.now, (callback) => void turns.push(callback)),
    canWait: () => true,
    isAbandoned: () => ended,
    hold: () => held++,
    release: () => held--,
  });
  const queues = [new FakeNode(), new FakeNode(), new FakeNode()];
  let attempts = 0;
  let open = false;
  const attempt = () => {
    attempts++;
    if (!open) throw EAGAIN;
    return 42;
  };
  const waits = [
    attempter.call(attempt, blocking(queues[0])),
    attempter.call(attempt, { ...blocking(queues[1]), gather: true }),
    attempter.call(attempt, blocking(queues[2], 5)),
  ];
  let returns = 0;
  for (const waiting of waits) void Promise.resolve(waiting).then(() => returns++);
  open = true;
  queues[1].notifyListeners(1);
  assert.equal(turns.length, 1, 'it is about to return');
  ended = true;
  attempts = 0;
  queues[0].notifyListeners(1);
  assert.equal(attempts, 0, 'nothing is taken for nobody');
  turns[0]();
  clock.advance(5);
  await settled();
  assert.equal(returns, 0);
  assert.equal(held, 0, 'and nothing keeps the process');
});
