// The other end of tcp/upload.c: a TCP server that reads the reproducible stream, stalls now and then, and tells how much
// of it came and whether it was the right bytes, by SHA-256 of what was sent and of what arrived.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Word k of the stream, as in upload.c. @param {number} k */
function word(k) {
  k ^= k >>> 16;
  k = Math.imul(k, 0x85ebca6b);
  k ^= k >>> 13;
  k = Math.imul(k, 0xc2b2ae35);
  return k ^ (k >>> 16);
}

/** @param {number} total bytes @returns {string} SHA-256 of the stream's start, hex */
export function streamHash(total) {
  const hash = createHash('sha256');
  const block = new Int32Array(1 << 16);
  for (let k = 0; k * 4 < total; k += block.length) {
    for (let i = 0; i < block.length; i++) block[i] = word(k + i);
    hash.update(new Uint8Array(block.buffer, 0, Math.min(block.byteLength, total - k * 4)));
  }
  return hash.digest('hex');
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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port, result, close: () => server.close() };
}
