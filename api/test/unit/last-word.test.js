/** Which line of a server's log says why it ended. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LastWord } from '../../last-word.js';

/** @param {string[]} lines */
function lastWordOf(lines) {
  const word = new LastWord();
  lines.forEach((line) => word.hear(line));
  return word.line;
}

test('it is the last line that says something', () => {
  assert.equal(lastWordOf([]), '');
  assert.equal(lastWordOf([' INFO ready', ' WARN no more room ', '', '  ']), 'WARN no more room');
});

test('an error is not forgotten for what follows it, unless that is one too', () => {
  assert.equal(lastWordOf(['error: bind: EADDRINUSE', ' INFO stopped']), 'error: bind: EADDRINUSE');
  assert.equal(lastWordOf(['ERROR one', ' INFO between', ' error: two', '']), 'error: two');
  assert.equal(lastWordOf([' WARN no error at all', ' INFO stopped']), 'INFO stopped');
});
