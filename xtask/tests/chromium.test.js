import assert from 'node:assert/strict';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { testRuntime } from './runtime.js';
import { Serving, lastLine } from './support.js';

testRuntime('chromium');

test('chromium: a port that Chrome refuses is named, with the rule and exit code 2', async () => {
  const refused = new Serving('chromium', ['--port', '443']);
  assert.equal((await refused.ended).code, 2, refused.log.join('\n'));
  assert.match(lastLine(refused.log.join('\n')), /127\.0\.0\.1:443: Chrome refuses UDP ports below 1024/);
});

test('chromium: a picture of the page is taken when it stops', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'socket-iwa-test-'));
  const file = path.join(directory, 'page.png');
  const serving = new Serving('chromium', ['--screenshot', file]);
  await serving.ready();
  assert.equal((await serving.stop()).code, 0);
  const png = readFileSync(file);
  rmSync(directory, { recursive: true });
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
  assert.ok(png.length > 10_000, `${png.length} bytes`);
});
