// The code in docs/api.md: all of it has right types, what is marked `run` runs on Node and prints what it says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

// Inside of the repository, where its name is the package's.
const directory = path.join(REPOSITORY, 'target', 'docs-examples');
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
after(() => rmSync(directory, { recursive: true, force: true }));

const text = readFileSync(path.join(REPOSITORY, 'docs', 'api.md'), 'utf8');
const examples = [...text.matchAll(/^```(\w+)( run)?\n(.*?)^```$/gms)].map(([, language, runs, code], index) =>
  ({ language, runs: runs !== undefined, code, file: path.join(directory, `example-${index}.js`) }));
const scripts = examples.filter(({ language }) => language === 'js');
for (const { file, code } of scripts) writeFileSync(file, code);

/** What each example prints, in their order. */
const PRINTED = [
  /^hello\n$/,
  /^ping\n$/,
  /^TimeoutError\nthe user has left\n$/,
  /^ECONNREFUSED connect 127\.0\.0\.1\nconnect 127\.0\.0\.1:\d+: ECONNREFUSED: nothing listens there, or a firewall refuses it: /,
  /^node true true true\n$/,
];

test('every example has right types', async () => {
  writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify({
    extends: '../../tsconfig.json',
    compilerOptions: { strict: true, noImplicitAny: false, useUnknownInCatchVariables: false },
    include: ['*.js'], exclude: [],
  }));
  const tsc = path.join(REPOSITORY, 'node_modules', '.bin', 'tsc');
  await run(tsc, ['--project', directory]).catch(({ stdout }) => assert.fail(stdout));
});

test('the manifest is JSON', () => {
  for (const { code } of examples.filter(({ language }) => language === 'json')) JSON.parse(code);
});

test('what is said to run runs, prints what it says and ends', async () => {
  const runnable = scripts.filter(({ runs }) => runs);
  assert.equal(runnable.length, PRINTED.length);
  for (const [index, { file, code }] of runnable.entries()) {
    const { stdout, stderr } = await run(process.execPath, [file], { timeout: 20_000 }).catch((error) =>
      assert.fail(`${code}\n${error.stderr}`));
    assert.match(stdout, PRINTED[index]);
    assert.equal(stderr, '');
  }
});
