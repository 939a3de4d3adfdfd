// The other ends of the programs of tcp/: for upload.c a TCP server that reads the reproducible stream, stalls now and then,
// and tells how much of it came and whether it was the right bytes, by SHA-256 of what was sent and of what arrived; for
// download.c one that sends the stream and closes.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Word k of the stream, as in stream.h. @param {number} k */
function word(k) {
  k ^= k >>> 16;
  k = Math.imul(k, 0x85ebca6b);
  k ^= k >>> 13;
  k = Math.imul(k, 0xc2b2ae35);
  return k ^ (k >>> 16);
}

/** @param {number} total bytes @returns {Generator<Uint8Array>} the stream's start, in pieces */
function* stream(total) {
  for (let k = 0; k * 4 < total; k += 1 << 16) {
    const block = Int32Array.from({ length: 1 << 16 }, (_, i) => word(k + i));
    yield new Uint8Array(block.buffer, 0, Math.min(block.byteLength, total - k * 4));
  }
}

/** @param {number} total bytes @returns {string} SHA-256 of the stream's start, hex */
export function streamHash(total) {
  const hash = createHash('sha256');
  for (const piece of stream(total)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * A server that sends each client the stream's start, and the end behind it.
 * @param {{ total: number, last?: number, pauseMs?: number }} options bytes; the last of them come after a pause, with the end
 * @returns {Promise<{ port: number, close: () => void }>}
 */
export async function startSender({ total, last = 0, pauseMs = 0 }) {
  const bytes = Buffer.concat([...stream(total)]);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(bytes.subarray(0, total - last));
    setTimeout(() => socket.end(bytes.subarray(total - last)), pauseMs);
  });
  return listen(server);
}

/** @param {import('node:net').Server} server */
async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port, close: () => void server.close() };
}

/**
 * @param {{ total: number, stalls?: number, stallMs?: number }} options how often and for how long the reader stops, at
 *   equal distances, the first time before it has read anything
 * @returns {Promise<{ port: number, result: Promise<{ bytes: number, sha256: string }>, close: () => void }>}
 *   `result` is that of the first connection, at `total` bytes or its end
 */
export async function startPeer({ total, stalls = 0, stallMs = 0 }) {
  /** @type {(value: { bytes: number, sha256: string }) => void} */
  let settle = () => {};
  const result = new Promise((resolve) => {
    settle = resolve;
  });
  const server = createServer((socket) => {
    const hash = createHash('sha256');
    let bytes = 0;
    let done = 0;
    let over = false;
    const stall = () => {
      if (done >= stalls || bytes < (done * total) / stalls) return;
      done++;
      socket.pause();
      setTimeout(() => socket.resume(), stallMs);
    };
    const finish = () => {
      if (over) return;
      over = true;
      const sha256 = hash.digest('hex');
      settle({ bytes, sha256 });
      if (!socket.destroyed) socket.end(`${sha256}\n`);
    };
    stall();
    socket.on('data', (data) => {
      if (over) return;
      hash.update(data);
      bytes += data.length;
      if (bytes >= total) finish();
      else stall();
    });
    socket.on('end', finish);
    socket.on('error', finish);
  });
  return { ...await listen(server), result };
}
