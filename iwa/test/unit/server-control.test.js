import assert from 'node:assert/strict';
import test from 'node:test';
import { ServerControl } from '../../app/server-control.js';

/** A worker that does nothing but remember what it was told. */
class FakeWorker extends EventTarget {
  /** @type {any[]} */
  received = [];
  terminated = false;
  /** @param {any} message */
  postMessage(message) {
    this.received.push(message);
  }
  terminate() {
    this.terminated = true;
  }
  /** @param {any} data what it says */
  say(data) {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
  /** @param {object} report */
  report(report) {
    this.say({ stream: 'stdout', line: JSON.stringify(report) });
  }
}

const READY = { ready: true, address: '127.0.0.1', port: 4433, cert_sha256: 'aa', cert_pem: '' };

/** @param {{patience?: (args: string[]) => number}} [options] */
function setUp(options) {
  /** @type {FakeWorker[]} */
  const workers = [];
  const control = new ServerControl(() => {
    workers.push(new FakeWorker());
    return /** @type {any} */ (workers[workers.length - 1]);
  }, options);
  /** @type {string[]} */
  const states = [];
  control.addEventListener('state', () => states.push(control.state));
  return { control, workers, states };
}

test('a run from start to stop, then another in a fresh worker', () => {
  const { control, workers, states } = setUp();
  for (const run of [0, 1]) {
    control.start({ args: ['--x'] });
    assert.deepEqual(workers[run].received, [{ start: { args: ['--x'], files: [], keep: [] } }]);
    workers[run].report(READY);
    assert.deepEqual(control.ready, READY);
    control.stop();
    assert.deepEqual(workers[run].received[1], { stop: true });
    workers[run].report({ stopped: true });
    workers[run].say({ exit: 0 });
    assert.ok(workers[run].terminated);
    assert.equal(control.ready, null);
    assert.equal(control.exitCode, 0);
  }
  const once = ['starting', 'running', 'stopping', 'stopped'];
  assert.deepEqual(states, [...once, ...once]);
});

test('a start while one is running does nothing', () => {
  const { control, workers } = setUp();
  control.start({ args: [] });
  control.start({ args: [] });
  assert.equal(workers.length, 1);
});

test('an exit code is a failure whose reason is the last error line', () => {
  const { control, workers } = setUp();
  control.start({ args: [] });
  workers[0].say({ stream: 'stderr', line: "error: unexpected argument '--x' found" });
  workers[0].say({ stream: 'stderr', line: '' });
  workers[0].say({ stream: 'stderr', line: "For more information, try '--help'." });
  workers[0].say({ exit: 2 });
  assert.equal(control.state, 'failed');
  assert.deepEqual(control.failure, { exitCode: 2, reason: "error: unexpected argument '--x' found" });
  control.start({ args: [] });
  assert.equal(control.failure, null);
  workers[1].say({ exit: 3 });
  assert.deepEqual(control.failure, { exitCode: 3, reason: 'the server exited with code 3' });
});

test('a trap, a worker that does not load, and no worker at all are failures', () => {
  const { control, workers } = setUp();
  control.start({ args: [] });
  workers[0].say({ failed: 'RuntimeError: unreachable' });
  assert.deepEqual(control.failure, { exitCode: null, reason: 'RuntimeError: unreachable' });
  control.start({ args: [] });
  workers[1].dispatchEvent(new Event('error'));
  assert.match(control.failure?.reason ?? '', /could not be loaded/);

  const none = new ServerControl(() => {
    throw new TypeError('refused');
  });
  none.start({ args: [] });
  assert.equal(none.state, 'failed');
  assert.match(none.failure?.reason ?? '', /refused/);
});

test('messages of an ended worker do not reach the next run', () => {
  const { control, workers } = setUp();
  control.start({ args: [] });
  workers[0].say({ failed: 'RuntimeError: unreachable' });
  control.start({ args: [] });
  workers[0].report(READY);
  workers[0].say({ exit: 0 });
  assert.equal(control.state, 'starting');
});

test('a server that does not stop is ended after the deadline', async () => {
  const { control, workers } = setUp({ patience: () => 1 });
  control.start({ args: [] });
  workers[0].report(READY);
  const stopped = new Promise((resolve) => {
    control.addEventListener('state', () => control.state === 'stopped' && resolve(undefined));
  });
  /** @type {string[]} */
  const lines = [];
  control.addEventListener('output', (event) => lines.push(/** @type {CustomEvent} */ (event).detail.line));
  control.stop();
  await stopped;
  assert.ok(workers[0].terminated);
  assert.match(lines.join(), /did not stop within/);
});

test('another certificate is what the running server has from then on', () => {
  const { control, workers, states } = setUp();
  control.start({ args: [] });
  /** @type {any[]} */
  const seen = [];
  control.addEventListener('certificate', () => seen.push(control.ready));
  const announced = { cert_sha256: 'aa', cert_pem: '', next_sha256: 'bb' };
  const renewed = { cert_sha256: 'bb', cert_pem: 'second', next_sha256: null };
  workers[0].report({ certificate: renewed }); // before it is ready there is nothing to be shown
  workers[0].report(READY);
  workers[0].report({ certificate: announced });
  workers[0].report({ certificate: renewed });
  assert.deepEqual(seen, [{ ...READY, ...announced }, { ...READY, ...renewed }]);
  assert.deepEqual(control.ready, { ...READY, ...renewed });
  assert.deepEqual(states, ['starting', 'running']);
});

test('counts arrive as events, other output as lines', () => {
  const { control, workers } = setUp();
  /** @type {any[]} */
  const seen = [];
  control.addEventListener('stats', (event) => seen.push(/** @type {CustomEvent} */ (event).detail));
  control.addEventListener('output', (event) => seen.push(/** @type {CustomEvent} */ (event).detail.line));
  control.start({ args: [] });
  workers[0].report({ stats: { connections: 3 } });
  workers[0].say({ stream: 'stdout', line: 'no JSON' });
  assert.deepEqual(seen, [{ connections: 3 }, '{"stats":{"connections":3}}', 'no JSON']);
});

test('a command goes to the running server alone, and its answer is no output', () => {
  const { control, workers } = setUp();
  control.start({ args: [] });
  control.ask({ connections: 5 });
  assert.equal(workers[0].received.length, 1, 'it is not running yet');
  workers[0].report(READY);
  /** @type {any[]} */
  const seen = [];
  for (const name of ['connections', 'closed', 'output']) {
    control.addEventListener(name, (event) => seen.push([name, /** @type {CustomEvent} */ (event).detail]));
  }
  control.ask({ connections: 5 });
  control.ask({ close: 7 });
  assert.deepEqual(workers[0].received.slice(1), [{ input: '{"connections":5}' }, { input: '{"close":7}' }]);
  workers[0].report({ connections: { total: 0, busiest: [] } });
  workers[0].report({ closed: { id: 7, found: true } });
  workers[0].say({ stream: 'stdout', line: 'null' });
  assert.deepEqual(seen, [
    ['connections', { total: 0, busiest: [] }],
    ['closed', { id: 7, found: true }],
    ['output', { stream: 'stdout', line: 'null' }],
  ]);
});
