// The write pump against a `writable` that drops chunks as Chromium's does: what is accepted arrives, once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capacity, TcpWriter } from '../src/tcp-writer.js';
import { FakePipe, task } from './fake-writable.js';

/** Timers that the test fires. */
function makeFakeTimers() {
  /** @type {Set<import('../src/timers.js').Alarm>} */
  const alarms = new Set();
  return {
    alarms,
    after(/** @type {number} */ ms, /** @type {() => void} */ callback) {
      const alarm = { deadline: performance.now() + ms, callback };
      alarms.add(alarm);
      return alarm;
    },
    cancel(/** @type {import('../src/timers.js').Alarm} */ alarm) {
      alarms.delete(alarm);
    },
    /** Lets all of them fire, as if their time had come. */
    fire() {
      for (const alarm of [...alarms]) {
        alarms.delete(alarm);
        alarm.callback();
      }
    },
    now: () => 0,
    later: queueMicrotask,
  };
}

/** @param {FakePipe} pipe @param {Capacity} [capacity] */
function makeWriter(pipe, capacity = new Capacity()) {
  const timers = makeFakeTimers();
  const writer = new TcpWriter({
    writer: pipe.getWriter(), capacity, timers, onProgress() {}, onError: (error) => assert.fail(String(error)),
  });
  let position = 0;
  const send = (/** @type {number} */ length) => writer.send(length, (target) => {
    for (let i = 0; i < target.byteLength; i++) target[i] = (position + i) * 7 + ((position + i) >> 8);
    position += length;
  });
  const check = (message = 'what arrived') => {
    assert.equal(pipe.arrived.length, position, message);
    assert.ok(pipe.arrived.every((byte, i) => byte === ((i * 7 + (i >> 8)) & 255)), message);
  };
  /** Time passes in which nothing is sent. */
  const pause = () => {
    writer.lastWrite = writer.lastSend = writer.oldest = -Infinity;
    timers.fire();
  };
  return { writer, timers, send, check, pause };
}

test('the first bytes of a connection go out at once, whatever their size', async () => {
  for (const size of [1, 1000, 65535, 65536, 65537, 300000]) {
    const pipe = new FakePipe();
    const { send, check, timers } = makeWriter(pipe);
    send(size);
    assert.ok(pipe.length > 0);
    assert.equal(timers.alarms.size, 0);
    await pipe.drainAll();
    check(`${size} bytes`);
  }
});

test('the first 64 KiB in small pieces cannot be dropped by a peer that does not read', async () => {
  const pipe = new FakePipe();
  const { send, check, writer } = makeWriter(pipe, learnt());
  for (let i = 0; i < 100; i++) {
    send(1024);
    await task();
  }
  assert.equal(pipe.drops, 0);
  assert.ok(writer.outstanding > 0, 'the rest waits');
  await pipe.drainAll();
  send(200_000);
  await pipe.drainAll();
  check();
});

test('a long chunk that was dropped is written again', async () => {
  const pipe = new FakePipe();
  const { send, check, timers } = makeWriter(pipe, learnt());
  send(65536);
  await task();
  assert.equal(pipe.room, 0);
  send(100_000);
  await task();
  assert.equal(pipe.drops, 1);
  timers.fire();
  await task();
  assert.equal(pipe.drops, 2, 'the pipe is still full');
  await pipe.drain(1);
  timers.fire();
  await pipe.drainAll();
  check();
});

test('a long chunk that the pipe takes later is not written twice', async () => {
  const pipe = new FakePipe();
  const { send, check } = makeWriter(pipe, learnt());
  for (let i = 0; i < 8; i++) {
    send(100_000);
    await pipe.drain(30_000);
  }
  await pipe.drainAll();
  check();
  assert.equal(pipe.drops, 0);
});

test('a short chunk waits while the pipe may be full', async () => {
  const pipe = new FakePipe();
  const { send, check, writer, pause } = makeWriter(pipe, learnt());
  send(100_000);
  await pipe.drainAll();
  writer.heard();
  send(10);
  assert.equal(pipe.length, 0);
  pause();
  assert.equal(pipe.length, 10);
  await pipe.drainAll();
  check();
});

test('requests that are answered do not wait', async () => {
  const pipe = new FakePipe();
  const { send, check, writer, timers } = makeWriter(pipe, learnt());
  for (let number = 0; number < 100; number++) {
    send(1 + (number * 997) % 16_384);
    await pipe.drainAll();
    assert.deepEqual([writer.outstanding, timers.alarms.size], [0, 0], `request ${number}`);
    writer.heard();
  }
  check();
});

test('what a peer sends without reading is no answer: much is on its way', async () => {
  const pipe = new FakePipe();
  const { send, check, writer } = makeWriter(pipe, learnt());
  send(65_536);
  await task();
  assert.equal(pipe.room, 0);
  writer.heard();
  send(30_000);
  await task();
  assert.deepEqual([pipe.drops, writer.outstanding], [0, 30_000]);
  await pipe.drainAll();
  send(100_000);
  await pipe.drainAll();
  check();
});

test('what a peer sends without reading is no answer: the pipe had no room for all of a short chunk', async () => {
  const pipe = new FakePipe();
  const { send, check, writer, pause } = makeWriter(pipe, learnt());
  for (let number = 0; number < 7; number++) {
    send(10_000);
    await task();
    writer.heard();
  }
  assert.equal(pipe.room, 0);
  await pipe.drain(70_000 - 65_536); // and full to the byte
  writer.heard();
  send(10_000);
  await task();
  assert.deepEqual([pipe.room, pipe.drops, writer.outstanding], [0, 0, 10_000]);
  await pipe.drainAll();
  pause();
  await pipe.drainAll();
  check();
});

test('an answer that comes while bytes wait proves nothing', async () => {
  const pipe = new FakePipe();
  const { send, writer } = makeWriter(pipe, learnt());
  send(65536);
  await task();
  send(10);
  writer.heard();
  await task();
  assert.equal(pipe.drops, 0);
  assert.equal(writer.outstanding, 10);
});

test('bulk data leaves no short chunk behind', async () => {
  const pipe = new FakePipe();
  const { send, check, timers } = makeWriter(pipe, learnt());
  for (const size of [700_000, 614_400, 624_400, 680_000, 1_300_000]) {
    send(size);
    await pipe.drainAll();
    assert.equal(timers.alarms.size, 0, `${size} bytes`);
  }
  check();
});

test('a pipe that is larger than assumed is noticed, not sent to twice', async () => {
  const pipe = new FakePipe(4 << 20);
  const capacity = new Capacity();
  const { send, check, pause } = makeWriter(pipe, capacity);
  send(600_000);
  await pipe.drainAll();
  assert.ok(capacity.atMost >= 600_000);
  send(700_000);
  pause();
  await pipe.drainAll();
  check();
});

test('random sizes, random draining: everything arrives once', async () => {
  let state = 1;
  const random = (/** @type {number} */ n) => (state = (state * 48271) % 2147483647) % n;
  for (let round = 0; round < 20; round++) {
    const pipe = new FakePipe();
    const { send, check, writer, pause } = makeWriter(pipe, round % 2 ? learnt() : new Capacity());
    for (let i = 0; i < 60; i++) {
      const size = 1 << random(18);
      if (writer.outstanding < 1_000_000) send(size);
      // As a kernel takes from the pipe: all, nothing, or pages.
      const amount = [0, Infinity, 4096 * random(20)][random(3)];
      await pipe.drain(amount);
    }
    for (let i = 0; i < 1000 && (writer.outstanding > 0 || pipe.length > 0); i++) {
      await pipe.drainAll();
      pause();
      await task();
    }
    check(`round ${round}`);
  }
});

test('idle() resolves when everything is handed over, or lost with the connection', async () => {
  const pipe = new FakePipe();
  const { send, writer } = makeWriter(pipe);
  send(200_000);
  let idle = false;
  writer.idle().then(() => {
    idle = true;
  });
  await task();
  assert.equal(idle, false);
  await pipe.drainAll();
  await task();
  assert.equal(idle, true);

  send(500_000);
  const lost = writer.idle();
  writer.discard();
  await lost;
  assert.equal(writer.outstanding, 0);
});

test('what a program that never pauses sends is not held back for ever', async (t) => {
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  const pipe = new FakePipe();
  const { send, check, timers } = makeWriter(pipe, learnt());
  send(65_536);
  await pipe.drainAll();
  const begun = now;
  for (; pipe.length === 0 && now < begun + 1000; now += 5) {
    send(10);
    for (const alarm of [...timers.alarms].filter(({ deadline }) => deadline <= now)) {
      timers.cancel(alarm);
      alarm.callback();
    }
    await task();
  }
  assert.ok(pipe.length > 0);
  await pipe.drainAll();
  assert.equal(pipe.drops, 0);
  check();
});

test('small pieces never fill the pipe to the very byte, and none is lost where the program goes on', async () => {
  const pipe = new FakePipe();
  const { send, check, writer, timers } = makeWriter(pipe, learnt());
  for (let i = 0; i < 32; i++) {
    send(2048);
    await task();
  }
  assert.equal(pipe.room, 2048);
  assert.equal(timers.alarms.size, 1, 'it goes out when the program pauses');
  send(2048);
  await task();
  assert.equal(pipe.room, 0);
  assert.equal(writer.outstanding, 4096, 'which is not written yet');
  await pipe.drainAll();
  assert.equal(pipe.drops, 0);
  check();
});

test('a short chunk waits anew when the timer is late, as what drains the pipe may be, but not for ever', async (t) => {
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  const pipe = new FakePipe();
  const { send, check, timers } = makeWriter(pipe, learnt());
  send(65_536);
  await task();
  send(2048);
  const deadline = () => [...timers.alarms][0].deadline;
  assert.equal(deadline(), 1010);
  now = 1040;
  timers.fire();
  assert.equal(deadline(), 1050);
  await pipe.drain();
  now = 1050;
  timers.fire();
  assert.equal(pipe.length, 2048);

  await pipe.drain();
  send(100_000);
  await pipe.drainAll();
  send(2048);
  now = deadline() + 300;
  timers.fire();
  assert.equal(timers.alarms.size, 0);
  assert.equal(pipe.length, 2048, 'its program was busy itself');
  await pipe.drainAll();
  check();
});

function learnt() {
  const capacity = new Capacity();
  capacity.learn(65_537, 65_537, false);
  return capacity;
}

test('a connection is kept open for longer where the pipe drained slowly', async (t) => {
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  const times = [];
  for (const taken of [10, 100]) {
    const pipe = new FakePipe();
    const { writer, send } = makeWriter(pipe, learnt());
    send(300_000);
    now += taken;
    await pipe.drainAll();
    times.push(writer.drainTime());
  }
  assert.ok(times[0] > 0);
  assert.ok(times[1] > 2 * times[0], String(times));
});

test('a connection is kept open while the pipe may hold bytes, the longer the more there may be', async (t) => {
  t.mock.method(performance, 'now', () => 1000);
  const pipe = new FakePipe();
  const { writer, send } = makeWriter(pipe);
  assert.equal(writer.drainTime(), 0, 'nothing was written');
  send(1000);
  await task();
  const short = writer.drainTime();
  assert.ok(short > 0);
  send(40_000);
  await task();
  assert.ok(writer.drainTime() > short, 'more than any system takes at once');
  writer.heard();
  assert.ok(writer.drainTime() > short, 'what the peer sends is no answer to that much');
  writer.presumeDrained();
  assert.equal(writer.drainTime(), 0, 'all of it was read');
});
