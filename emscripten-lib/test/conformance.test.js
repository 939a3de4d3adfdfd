// Every C program of test/c on each runtime against Linux: see conformance.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { programNames, runProgram, whyNoChromium } from './c-programs.mjs';
import { compareProgram, readDifferences } from './conformance.mjs';

for (const runtime of /** @type {const} */ (['node', 'chromium'])) {
  const skip = runtime === 'chromium' && whyNoChromium();
  for (const program of programNames()) {
    test(`${program}.c prints on ${runtime} what it prints on Linux`, { skip }, async () => {
      const { cases, problems } = await compareProgram(program, runtime);
      assert.ok(cases > 0);
      assert.deepEqual(problems, []);
    });
  }
}

test('every row of docs/differences.md is of a case that exists', async () => {
  const outputs = await Promise.all(programNames().map((name) => runProgram('linux', name)));
  const cases = outputs.map(({ stdout }) => stdout).join('');
  for (const { name } of readDifferences()) assert.match(cases, new RegExp(`^${name}: `, 'm'));
});
