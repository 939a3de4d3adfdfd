// docs/troubleshooting.md has every message of the sources, and no other: what is printed can be looked up.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { messages } from './messages.js';

const PAGE = path.resolve(import.meta.dirname, '..', 'troubleshooting.md');

/** The rows of the page's tables: what is printed, why, what to do. */
const rows = readFileSync(PAGE, 'utf8').split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')));
/** The messages that they have, each as a pattern: an ellipsis is anything. */
const entries = rows.flatMap(([first]) => [...first.matchAll(/(`+) ?(.+?) ?\1/g)].map(([, , text]) => {
  const pattern = text.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*');
  return { text, pattern: new RegExp(`^${pattern}$`) };
}));
const said = messages();

test('every message of the sources is explained', () => {
  const missing = said.filter(({ text }) => !entries.some(({ pattern }) => pattern.test(text)));
  const lines = missing.map(({ text, where }) => `${where}\n| \`${text}\` | why | what to do |`);
  assert.equal(missing.length, 0, `docs/troubleshooting.md lacks ${missing.length} messages:\n${lines.join('\n')}`);
});

test('every message that is explained is one of the sources', () => {
  const stale = entries.filter(({ pattern }) => !said.some(({ text }) => pattern.test(text)));
  assert.deepEqual(stale.map(({ text }) => text), []);
});

test('every message comes with a cause and a next step', () => {
  assert.ok(rows.length > 50);
  for (const row of rows) assert.ok(row.length === 3 && row.every((cell) => cell.length > 3), row.join(' | '));
  // The reader has the message, and wants what it does not say.
  for (const row of rows) assert.doesNotMatch(row.slice(1).join('\n'), /^As it says/m, row.join(' | '));
  // One that were an ellipsis alone would explain everything.
  for (const { text } of entries) assert.match(text, /\p{L}{3}/u);
});
