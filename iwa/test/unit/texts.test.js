import assert from 'node:assert/strict';
import test from 'node:test';
import { explainFailure, explainFolder, missingSupport } from '../../app/explain.js';
import { formatAge, formatBytes, formatCount, formatMilliseconds, groupHex, rate } from '../../app/format.js';

test('bytes have three digits and a unit', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(999), '999 B');
  assert.equal(formatBytes(1000), '1.00 kB');
  assert.equal(formatBytes(16_777_216), '16.8 MB');
  assert.equal(formatBytes(999_600), '1.00 MB');
  assert.equal(formatBytes(99_960), '100 kB');
  assert.equal(formatBytes(5e15), '5000 TB');
});

test('counts, rates and hashes', () => {
  assert.equal(formatCount(1234567), '1,234,567');
  assert.equal(rate(150, 50, 2), 50);
  assert.equal(rate(0, 50, 1), 0, 'a new run begins at 0');
  assert.equal(rate(5, 0, 0), 0);
  assert.equal(groupHex('abcdef012345'), 'abcd ef01 2345');
});

test('times have the digits that matter', () => {
  assert.deepEqual([null, 0.123, 0.996, 9.94, 12.3, 999.4, 1500].map(formatMilliseconds), [
    '–', '0.12 ms', '1.0 ms', '9.9 ms', '12 ms', '999 ms', '1.5 s',
  ]);
  assert.deepEqual([0, 59_999, 60_000, 3_600_000 * 2 + 300_000].map(formatAge), ['0 s', '59 s', '1 min', '2 h 5 min']);
});

test('each known failure has its own advice', () => {
  const explain = (/** @type {string} */ reason, now = {}) =>
    explainFailure({ exitCode: 2, reason }, { listen: '127.0.0.1:4433', ...now });
  const title = (/** @type {string} */ reason) => explain(reason).title;
  assert.match(title('ERROR bind 127.0.0.1:4433: Address in use (os error 3)'), /127\.0\.0\.1:4433 is already in use/);
  assert.match(title('ERROR bind 127.0.0.1:4433: EADDRINUSE'), /already in use/);
  assert.match(title('ERROR bind 127.0.0.1:4433: Permission denied (os error 2)'), /does not let this app/);
  assert.match(title('InvalidAccessError: Access to local network is blocked.'), /does not let this app/);
  assert.match(title('ERROR bind 8.8.8.8:4433: Address not available (os error 4)'), /does not have the address/);
  assert.match(title('ERROR a.pem: no certificate in PEM format: the file holds none'), /certificate could not be/);
  assert.match(title('./socket-iwa-server.js could not be loaded: TypeError: Failed to fetch'), /could not be loaded/);
  assert.match(title('RuntimeError: Aborted(both async and sync fetching of the wasm failed)'), /could not be loaded/);
  assert.match(title('RangeError: Array buffer allocation failed'), /out of memory/);
  assert.match(title('RuntimeError: unreachable'), /error of its own/);
  assert.match(title('something else'), /ended with code 2/);
  assert.match(explainFailure({ exitCode: null, reason: 'something else' }, { listen: '' }).title, /stopped unexpectedly/);
});

test('a prompt that was closed comes again, one that was blocked has to be changed in the settings', () => {
  const advice = (/** @type {'prompt' | 'denied'} */ permissions) =>
    explainFailure({ exitCode: 2, reason: 'bind: EACCES' }, { listen: '', permissions }).advice;
  assert.match(advice('prompt'), /closed without an answer/);
  assert.match(advice('denied'), /App info/);
});

test('a folder that can’t be read says why', () => {
  const title = (/** @type {string} */ name) => explainFolder('site', Object.assign(new Error('why'), { name })).title;
  assert.match(title('NotFoundError'), /“site” is not there any more/);
  assert.match(title('NotAllowedError'), /does not let this app read “site”/);
  assert.match(title('FolderTooLarge'), /too large/);
  assert.match(explainFolder('site', new Error('disk on fire')).advice, /disk on fire/);
});

test('a browser that lacks something is told which', () => {
  const title = (/** @type {object} */ scope) => missingSupport(/** @type {any} */ (scope))?.title;
  assert.match(title({}) ?? '', /ordinary web page/);
  assert.match(title({ location: { protocol: 'isolated-app:' } }) ?? '', /may not open sockets/);
  const hasJspi = 'Suspending' in WebAssembly;
  assert.equal(title({ UDPSocket: class {} }) === undefined, hasJspi);
});
