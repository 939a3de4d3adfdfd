// Packet protection as WebAssembly, whose code is another one than that which `cargo test` runs natively: the same checks,
// as a program on Node.

import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { before, describe, test } from 'node:test';

import { lastLine, repo, run, xtask } from './support.js';

const built = path.join(repo, 'target/wasm32-unknown-emscripten/wasm/examples');

/** As the program names them; one that is added there is to be added here. */
const CHECKS = [
  'the vector of RFC 8439, section 2.8.2',
  'the vector of RFC 8439, appendix A.5',
  'the packet of RFC 9001, appendix A.5',
  'every length is sealed and opened as ring does it',
  "numbers at Poly1305's limits give ring's tags",
  'what was changed is refused',
  "headers are protected as rustls' ring does it",
  'what is no packet is an error',
  'WebAssembly alone has it installed, with the limits of RFC 9001',
];

describe('packet protection as WebAssembly', () => {
  /** @type {Awaited<ReturnType<typeof run>>} */
  let ended;
  /** @type {string[]} */
  let lines = [];
  before(async () => {
    const cargo = ['build', '--locked', '--package', 'socket-iwa-packet-protection', '--example', 'checks'];
    const build = await run(xtask, ['cargo', '--no-install', '--', ...cargo, '--profile', 'wasm']);
    assert.equal(build.code, 0, build.stderr);
    // The repository's package.json says "module"; what emcc makes is CommonJS.
    const program = path.join(built, 'checks.cjs');
    await copyFile(path.join(built, 'checks.js'), program);
    ended = await run(process.execPath, [program]);
    lines = ended.stdout.trimEnd().split('\n');
  });

  test('the program ends well', () => assert.equal(ended.code, 0, `${lines.join('\n')}\n${lastLine(ended.stderr)}`));
  test('there are no other checks than these', () => assert.equal(lines.length, CHECKS.length + 1));
  for (const check of CHECKS) {
    test(check, () => assert.ok(lines.includes(`ok ${check}`), lines.join('\n')));
  }
});
