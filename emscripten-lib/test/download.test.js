// No byte that a peer has sent is lost without a word: a program reads slower than the bytes come, and the peer ends. In
// Chromium that is the reader's doing (src/tcp-reader.js), against a `readable` that drops what is unread at the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTcpPrograms, runCommand, whyNoChromium } from './c-programs.mjs';
import { startSender } from './tcp-peer.js';

const MiB = 1 << 20;

for (const runtime of /** @type {const} */ (['node', 'chromium'])) {
  const skip = runtime === 'chromium' && whyNoChromium();

  /** @param {Parameters<typeof startSender>[0]} sent @param {number[]} read as of download.c */
  const download = async (sent, read) => {
    const directory = await buildTcpPrograms();
    const sender = await startSender(sent);
    try {
      const { stdout, stderr, code } = await runCommand(runtime, directory, 'download', [sender.port, ...read].map(String));
      assert.equal(code, 0, `${stdout}${stderr}`);
      return { stdout, stderr };
    } finally {
      sender.close();
    }
  };

  test(`download on ${runtime}, by a program that falls behind: 3 MB`, { skip }, async () => {
    const { stdout } = await download({ total: 3_000_000 }, [2048, 1, 0]);
    assert.equal(stdout, '3000000 right bytes, then the end\n');
  });

  test(`download on ${runtime}, by a program that falls far behind: 24 MiB`, { skip }, async () => {
    const { stdout } = await download({ total: 24 * MiB }, [16_384, 1, 500]);
    assert.equal(stdout, `${24 * MiB} right bytes, then the end\n`);
  });

  test(`download on ${runtime}, whose end comes while nothing more is read ahead`, { skip }, async () => {
    const total = 16 * MiB + 10_000;
    const { stdout, stderr } = await download({ total, last: 10_000, pauseMs: 2000 }, [65_536, 0, 4000]);
    if (runtime === 'node') {
      assert.equal(stdout, `${total} right bytes, then the end\n`);
      return;
    }
    // What is in the browser's pipe is lost, and the program is told.
    assert.equal(stdout, `${16 * MiB + 4099} right bytes, then Connection reset by peer\n`);
    assert.match(stderr, /connect 127\.0\.0\.1:\d+: ECONNRESET: the browser has dropped the last bytes/);
  });
}
