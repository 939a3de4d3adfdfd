// Every C program of test/c on each runtime against Linux: see conformance.mjs. With $CONFORMANCE_REPORT, the results go
// into that file.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { RUNTIMES, inChromium, openRuntime, programNames, whyNoChromium } from './c-programs.mjs';
import { Conformance, readDifferences } from './conformance.mjs';

const conformance = new Conformance();

for (const runtime of RUNTIMES) {
  describe(`on ${runtime}`, { skip: inChromium(runtime) && whyNoChromium() }, () => {
    /** @type {Awaited<ReturnType<typeof openRuntime>>} */
    let session;
    before(async () => {
      session = await openRuntime(runtime);
    });
    after(() => session?.close());

    for (const program of programNames(runtime)) {
      test(`${program}.c prints on ${runtime} what it prints on Linux`, async () => {
        const { cases, problems } = await conformance.compare(program, runtime, await session.run(program));
        assert.ok(cases > 0);
        assert.deepEqual(problems, []);
      });
    }
  });
}

test('every row of docs/differences.md is of a case that exists', async () => {
  const outputs = await Promise.all(programNames().map((name) => conformance.onLinux(name)));
  const cases = outputs.map(({ stdout }) => stdout).join('');
  for (const { name } of readDifferences()) assert.match(cases, new RegExp(`^${name}: `, 'm'));
});

after(() => {
  const file = process.env.CONFORMANCE_REPORT;
  if (file) writeFileSync(file, JSON.stringify(conformance.report));
});
