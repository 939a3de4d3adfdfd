/** What is looked up in a server's command line. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { stopPatience, valueOf, workersOf } from '../../server-arguments.js';

test('an option’s value is read in both spellings', () => {
  assert.equal(valueOf(['--a', '1', '--json'], '--a'), '1');
  assert.equal(valueOf(['--a=1=2'], '--a'), '1=2');
  assert.equal(valueOf(['--ab=1', '--json'], '--a'), undefined);
  assert.equal(valueOf(['--a'], '--a'), undefined);
});

test('the number of workers is read, and one that cannot be is the program’s to refuse', () => {
  assert.equal(workersOf(['--json']), 1);
  assert.equal(workersOf(['--workers', '2', '--json']), 2);
  assert.equal(workersOf(['--workers=16']), 16);
  for (const wrong of ['0', '17', '1000', 'many', '-1', '1.5', '']) assert.equal(workersOf(['--workers', wrong]), 1, wrong);
  assert.equal(workersOf(['--workers']), 1);
});

test('a stop may take as long as the answers that were asked for, and two seconds', () => {
  assert.equal(stopPatience([]), 5000);
  assert.equal(stopPatience(['--drain-timeout', '0']), 2000);
  assert.equal(stopPatience(['--drain-timeout=10', '--json']), 12_000);
  assert.equal(stopPatience(['--drain-timeout', 'soon']), 5000);
});
