import assert from 'node:assert/strict';
import test from 'node:test';
import { CAPACITY, levelOf, Log } from '../../app/log.js';

test('the level of a line', () => {
  assert.equal(levelOf(' INFO stopping'), 'info');
  assert.equal(levelOf('ERROR bind 127.0.0.1:443: EACCES'), 'error');
  assert.equal(levelOf('2026-01-01T10:00:00Z  WARN slow'), 'warn');
  assert.equal(levelOf('[debug] x'), 'debug');
  assert.equal(levelOf('information'), 'plain');
});

test('lines are chosen by level and by what they say', () => {
  const log = new Log();
  for (const line of ['ERROR lost', 'WARN slow client', 'INFO a client', 'its own words', 'DEBUG detail']) log.add(line);
  const select = (/** @type {string} */ level, search = '') => log.select({ level, search }).map(({ text }) => text);
  assert.deepEqual(select('error'), ['ERROR lost']);
  assert.deepEqual(select('info'), ['ERROR lost', 'WARN slow client', 'INFO a client', 'its own words']);
  assert.deepEqual(select('trace', ' CLIENT '), ['WARN slow client', 'INFO a client']);
  assert.deepEqual(select('trace', '('), []);
});

test('what is kept is bounded, and exported a line each with its time', () => {
  const log = new Log();
  for (let number = 0; number < CAPACITY + 10; number += 1) log.add(`INFO ${number}`, new Date(0));
  assert.equal(log.lines.length, CAPACITY);
  assert.equal(log.total, CAPACITY + 10);
  const lines = log.export().trimEnd().split('\n');
  assert.equal(lines.length, CAPACITY);
  assert.equal(lines[0], '1970-01-01T00:00:00.000Z INFO 10');
});
