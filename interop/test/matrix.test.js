import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CASES, NOT_YET } from '../cases.mjs';
import { CLIENTS } from '../client.mjs';
import { document } from '../document.mjs';
import { RUNTIMES } from '../target.mjs';

const NAMES = CASES.map(({ name }) => name);

/** @param {(cell: {runtime: string, client: string, case: string}) => object} result */
function results(result) {
  const versions = Object.fromEntries(CLIENTS.map(({ name }) => [name, `${name} 1.0`]));
  const cells = RUNTIMES.flatMap((runtime) =>
    CLIENTS.flatMap((client) =>
      NAMES.map((name) => {
        const cell = { runtime, client: client.name, case: name };
        const reason = client.notOffered[name];
        return reason ? { ...cell, result: 'not offered', reason } : { ...cell, ...result(cell) };
      }),
    ),
  );
  return /** @type {Parameters<typeof document>[0]} */ ({ versions, cells });
}

test('what a client does not offer, and what the server has not yet, are cases', () => {
  for (const { name, notOffered } of CLIENTS) {
    for (const missing of Object.keys(notOffered)) assert.ok(NAMES.includes(missing), `${name}: ${missing}`);
  }
  for (const missing of Object.keys(NOT_YET)) assert.ok(NAMES.includes(missing), missing);
});

test('every case is offered by a client', () => {
  for (const name of NAMES) assert.ok(CLIENTS.some(({ notOffered }) => !notOffered[name]), name);
});

test('a failure keeps its row and says its reason', () => {
  const broken = { runtime: 'node', client: 'curl', case: 'loss' };
  const text = document(
    results((cell) =>
      JSON.stringify(cell) === JSON.stringify(broken)
        ? { result: 'failed', reason: 'no end within 60 s | a pipe' }
        : { result: 'passed' },
    ),
  );
  assert.match(text, /^\| node \| curl \| loss \| failed \| no end within 60 s \\\| a pipe \|$/m);
  assert.equal(text.split('**failed**').length, 2);
});

test('the same results make the same text, without a date', () => {
  const all = () => document(results(() => ({ result: 'passed' })));
  assert.equal(all(), all());
  assert.doesNotMatch(all(), /20\d\d-|:\d{4,}/);
});
