// Reading ahead over a byte stream with a pipe behind it that drops what is unread at the end, as Chromium's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteQueue } from '../src/byte-queue.js';
import { EndLost, TcpReader } from '../src/tcp-reader.js';
import { settled } from './support.js';

const MiB = 1 << 20;
const PIPE = 65_536;
const PROBE = 4099;

/** What Chromium has between a TCP connection and its `readable`. */
class Pipe {
  constructor() {
    this.content = new Uint8Array(0);
    this.waiting = false;
    this.pulls = 0;
    /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */
    this.readable = new ReadableStream({
      type: 'bytes',
      start: (controller) => void (this.controller = controller),
      pull: () => {
        this.pulls++;
        this.waiting = true;
        this.give();
      },
    }, { highWaterMark: 0 });
  }

  give() {
    if (!this.waiting || this.content.byteLength === 0) return;
    this.waiting = false;
    const request = this.controller?.byobRequest;
    let taken = this.content.byteLength;
    if (request?.view) {
      const { buffer, byteOffset, byteLength } = request.view;
      taken = Math.min(taken, byteLength);
      new Uint8Array(buffer, byteOffset, taken).set(this.content.subarray(0, taken));
      request.respond(taken);
    } else {
      this.controller?.enqueue(this.content.slice());
    }
    this.content = this.content.slice(taken);
  }

  /** The peer has sent so many bytes. @param {number} bytes at most what there is room for */
  async receive(bytes) {
    assert(this.content.byteLength + bytes <= PIPE, 'no more fits');
    const content = new Uint8Array(this.content.byteLength + bytes);
    content.set(this.content);
    this.content = content;
    this.give();
    await settled();
  }

  /** The peer has ended. */
  async end() {
    this.content = new Uint8Array(0);
    this.controller?.close();
    this.controller?.byobRequest?.respond(0);
    await settled();
  }
}

/** @param {{ dropsUnread?: boolean, limit?: number }} [setup] */
function create({ dropsUnread = true, limit = 1000 } = {}) {
  const pipe = new Pipe();
  const received = new ByteQueue();
  /** @type {unknown[]} */
  const endings = [];
  const reader = new TcpReader({
    readable: /** @type {any} */ (pipe.readable), dropsUnread, received, limit: () => limit,
    onChunk() {},
    onEnd: () => void endings.push('end'),
    onError: (error) => void endings.push(error),
  });
  reader.pull();
  /** The program reads. @param {number} bytes */
  const read = async (bytes) => {
    received.read(bytes, false, () => {});
    reader.pull();
    await settled();
  };
  return { pipe, received, endings, reader, read };
}

/** @param {Pipe} pipe @param {number} bytes */
async function receive(pipe, bytes) {
  for (let left = bytes; left > 0; left -= PIPE) await pipe.receive(Math.min(left, PIPE));
}

test('more is read ahead than the limit, and nothing of it is lost at the end', async () => {
  const { pipe, received, endings, reader } = create();
  await receive(pipe, 3_000_000);
  await pipe.end();
  assert.equal(received.length, 3_000_000);
  assert.deepEqual(endings, ['end']);
  await reader.cancel();
});

test('reading stops with bytes left in the pipe, and goes on when most is read', async () => {
  const { pipe, received, endings, reader, read } = create();
  await receive(pipe, 16 * MiB);
  await receive(pipe, 100);
  assert.equal(received.length, 16 * MiB + 100, 'which is no stop yet: nothing is left in the pipe');
  assert.equal(reader.isFull, false);
  await receive(pipe, 10_000);
  assert.equal(received.length, 16 * MiB + 100 + PROBE);
  assert.equal(reader.isFull, true);
  const { pulls } = pipe;
  await read(11 * MiB);
  assert.equal(pipe.pulls, pulls);
  await read(2 * MiB);
  assert.equal(reader.isFull, false);
  assert.equal(received.length, 3 * MiB + 10_100);
  await pipe.end();
  assert.deepEqual(endings, ['end']);
});

test('an end that comes after such a stop is an error, after what has come', async () => {
  const { pipe, received, endings, read } = create();
  await receive(pipe, 16 * MiB);
  await receive(pipe, 10_000);
  await pipe.end();
  assert.deepEqual(endings, []);
  await read(16 * MiB);
  assert.equal(received.length, PROBE);
  assert.ok(/** @type {any} */ (endings[0]) instanceof EndLost);
});

test('an end that comes before such a stop is none', async () => {
  const { pipe, received, endings } = create();
  await receive(pipe, 16 * MiB);
  await pipe.end();
  assert.equal(received.length, 16 * MiB);
  assert.deepEqual(endings, ['end']);
});

test('a limit over what is read ahead anyway holds', async () => {
  const { pipe, received, reader } = create({ limit: 20 * MiB });
  await receive(pipe, 19 * MiB);
  assert.equal(received.length, 19 * MiB);
  await reader.cancel();
});

test('many connections share what is read ahead', async () => {
  const others = Array.from({ length: 255 }, () => create());
  const { pipe, received, reader } = create();
  await receive(pipe, MiB + 10_000);
  assert.equal(received.length, MiB + PROBE);
  for (const other of others) await other.reader.cancel();
  await reader.cancel();
});

test('a stream that loses nothing is read up to the limit', async () => {
  const { pipe, received, endings, reader, read } = create({ dropsUnread: false });
  await pipe.receive(999);
  await pipe.receive(1);
  await pipe.receive(500);
  assert.equal(received.length, 1000);
  assert.equal(reader.isFull, true);
  await read(1);
  assert.equal(received.length, 1499);
  assert.deepEqual(endings, []);
});

test('cancelled while it waits for the last piece', async () => {
  const { pipe, endings, reader } = create();
  await receive(pipe, 16 * MiB);
  await reader.cancel();
  reader.releaseLock();
  await settled();
  assert.deepEqual(endings, []);
  assert.equal(pipe.readable.locked, false);
});
