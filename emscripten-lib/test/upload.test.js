// No byte that send() accepted is lost or doubled: a program uploads to a reader that stalls, in chunks of every size, and
// the hashes agree. In Chromium that is the write pump's doing (src/tcp-writer.js), against a `writable` that drops.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcpPrograms, runCommand, whyNoChromium } from './c-programs.mjs';
import { startPeer, streamHash } from './tcp-peer.js';

const MiB = 1 << 20;

/** @type {{ name: string, total: number, sizes: [number, number], mode: string, stalls: number }[]} */
const UPLOADS = [
  { name: '256 MiB in chunks from 1 byte to 4 MiB', total: 256 * MiB, sizes: [1, 4 * MiB], mode: 'blocking', stalls: 12 },
  { name: 'the same on a non-blocking socket', total: 256 * MiB, sizes: [1, 4 * MiB], mode: 'poll', stalls: 12 },
  { name: 'single bytes', total: 2 * MiB, sizes: [1, 1], mode: 'blocking', stalls: 4 },
  { name: 'chunks of 1 KiB', total: 32 * MiB, sizes: [1024, 1024], mode: 'poll', stalls: 4 },
  { name: 'chunks that fill the pipe', total: 64 * MiB, sizes: [65536, 65536], mode: 'blocking', stalls: 4 },
  { name: 'close() at once', total: 64 * MiB, sizes: [1000, MiB], mode: 'close', stalls: 4 },
];

for (const runtime of /** @type {const} */ (['node', 'chromium'])) {
  const skip = runtime === 'chromium' && whyNoChromium();
  for (const { name, total, sizes, mode, stalls } of UPLOADS) {
    test(`upload on ${runtime}, with a reader that stalls: ${name}`, { skip }, async () => {
      const directory = await buildTcpPrograms();
      const peer = await startPeer({ total, stalls, stallMs: 300 });
      try {
        const { stdout, stderr, code } = await runCommand(runtime, directory, 'upload',
          [peer.port, total, ...sizes, 7, mode].map(String));
        assert.equal(code, 0, `${stdout}${stderr}`);
        const { bytes, sha256 } = await peer.result;
        assert.equal(bytes, total);
        assert.equal(sha256, streamHash(total));
        assert.match(stdout, mode === 'close' ? /^closed$/m : new RegExp(`^${sha256}$`, 'm'));
        if (mode === 'poll') assert.match(stdout, /^waited yes$/m, 'send() said EAGAIN while the peer did not read');
      } finally {
        peer.close();
      }
    });
  }
}
