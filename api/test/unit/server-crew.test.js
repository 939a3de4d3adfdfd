/** The workers of one server as if they were one: what each is told, and how all end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ServerCrew } from '../../server-crew.js';

/** A worker that remembers what it was told. */
class FakeWorker extends EventTarget {
  /** @type {any[]} */
  received = [];
  terminated = false;
  /** @param {any} order */
  postMessage(order) {
    this.received.push(order);
  }
  terminate() {
    this.terminated = true;
  }
  /** @param {any} data */
  say(data) {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
}

/** @param {string[]} args @param {Partial<import('../../server-program.js').StartOrder>} [more] */
function start(args, more = {}) {
  /** @type {FakeWorker[]} */
  const workers = [];
  const crew = new ServerCrew((number) => (workers[number] = new FakeWorker()));
  /** @type {any[]} */
  const heard = [];
  crew.addEventListener('message', (event) => heard.push(/** @type {MessageEvent} */ (event).data));
  crew.postMessage({ start: { module: 'm', args, files: [], keep: [], ...more } });
  /** @type {() => Promise<any>} */
  const next = () => new Promise((resolve) => {
    crew.addEventListener('message', (event) => resolve(/** @type {MessageEvent} */ (event).data), { once: true });
  });
  return { crew, workers, heard, next };
}

/** @param {FakeWorker[]} workers */
function closePorts(workers) {
  for (const { received: [{ start: { peers } }] } of workers) {
    for (const port of peers) port.close();
  }
}

test('one worker is told and heard as it is', () => {
  const { crew, workers, heard } = start(['--x']);
  assert.equal(workers.length, 1);
  crew.postMessage({ stop: true });
  assert.deepEqual(workers[0].received, [{ start: { module: 'm', args: ['--x'], files: [], keep: [] } }, { stop: true }]);
  workers[0].say({ stream: 'stdout', line: 'ready' });
  assert.deepEqual(heard, [{ stream: 'stdout', line: 'ready' }]);
});

test('several get their numbers and a channel to each other, and the first one alone the files of the keys', async () => {
  const file = (/** @type {string} */ path) => ({ path, data: new Uint8Array() });
  const { crew, workers } = start(['--workers', '3', '--ticket-keys', '/keys'], {
    files: [file('/keys'), file('/page')], keep: ['/keys', '/logs'],
  });
  crew.postMessage({ input: 'a line' });
  const orders = workers.map(({ received }) => received[0].start);
  assert.deepEqual(orders.map(({ args }) => args.slice(4)), [0, 1, 2].map((n) => ['--worker', `${n}`, '--workers-fd', '3']));
  assert.deepEqual(orders.map(({ files }) => files.map((/** @type {any} */ { path }) => path)),
    [['/keys', '/page'], ['/page'], ['/page']]);
  assert.deepEqual(orders.map(({ keep }) => keep), [['/keys', '/logs'], ['/logs'], ['/logs']]);
  assert.deepEqual(workers.map(({ received }) => received.length), [2, 1, 1]);
  // The second of worker 1's is to worker 2, whose second is to worker 1.
  const arrived = new Promise((resolve) => (orders[2].peers[1].onmessage = resolve));
  orders[1].peers[1].postMessage('hello');
  assert.equal((await arrived).data, 'hello');
  closePorts(workers);
});

test('after a stop the end is told when all have ended, with what they leave behind', async () => {
  const { workers, heard, next } = start(['--workers', '2']);
  closePorts(workers);
  const last = next();
  workers[0].say({ exit: 0 });
  assert.deepEqual(heard, []);
  const kept = { kept: { path: '/logs/1', data: new Uint8Array() } };
  workers[1].say(kept);
  assert.deepEqual(await last, kept);
  const end = next();
  workers[1].say({ exit: 0 });
  assert.deepEqual(await end, { exit: 0 });
});

test('a worker that traps is named at once, and the end is the first one’s', async () => {
  const { workers, heard } = start(['--workers', '2']);
  closePorts(workers);
  workers[1].say({ failed: 'RuntimeError: unreachable', code: 132 });
  assert.deepEqual(heard, [{ stream: 'stderr', line: 'ERROR worker 1 has ended: RuntimeError: unreachable' }]);
  workers[0].say({ exit: 1 });
  assert.deepEqual(heard[1], { exit: 1 });
});

test('a worker that is gone is named, and what breaks after an end is no news', () => {
  const { workers, heard } = start(['--workers', '2']);
  closePorts(workers);
  const breaks = () => workers[1].dispatchEvent(Object.assign(new Event('error'), { message: 'no memory' }));
  breaks();
  breaks();
  assert.deepEqual(heard, [{ stream: 'stderr', line: 'ERROR worker 1 has ended: no memory' }]);
  workers[0].say({ exit: 1 });
  assert.deepEqual(heard[1], { exit: 1 });
});

test('a first one that does not end when another has failed is not waited for', async () => {
  const { crew, workers, next } = start(['--workers', '2']);
  closePorts(workers);
  const last = next();
  workers[1].say({ exit: 2 });
  assert.deepEqual(await last, { failed: 'worker 1 has ended: it exited with code 2', code: 1 });
  crew.terminate();
  assert.ok(workers.every(({ terminated }) => terminated));
});
