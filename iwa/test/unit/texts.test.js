import assert from 'node:assert/strict';
import test from 'node:test';
import { explainFailure, missingSupport } from '../../app/explain.js';
import { formatBytes, formatCount, groupHex, rate } from '../../app/format.js';
import { levelOf } from '../../app/log-view.js';

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

test('the level of a log line', () => {
  assert.equal(levelOf(' INFO stopping'), 'info');
  assert.equal(levelOf('ERROR bind 127.0.0.1:443: EACCES'), 'error');
  assert.equal(levelOf('2026-01-01T10:00:00Z  WARN slow'), 'warn');
  assert.equal(levelOf('[debug] x'), 'debug');
  assert.equal(levelOf('information'), 'plain');
});

test('each known failure has its own advice', () => {
  const title = (/** @type {string} */ reason) => explainFailure({ exitCode: 2, reason }, '127.0.0.1:4433').title;
  assert.match(title('ERROR bind 127.0.0.1:4433: Address in use (os error 3)'), /127\.0\.0\.1:4433 is already in use/);
  assert.match(title('ERROR bind 127.0.0.1:4433: EADDRINUSE'), /already in use/);
  assert.match(title('ERROR bind 127.0.0.1:4433: Permission denied (os error 2)'), /does not let this app/);
  assert.match(title('InvalidAccessError: Access to local network is blocked.'), /does not let this app/);
  assert.match(title('ERROR bind 8.8.8.8:4433: Address not available (os error 4)'), /does not have the address/);
  assert.match(title('ERROR a.pem: no certificate in PEM format: the file holds none'), /certificate could not be/);
  assert.match(title('./socket-iwa-server.js could not be loaded: TypeError: Failed to fetch'), /could not be loaded/);
  assert.match(title('RuntimeError: unreachable'), /error of its own/);
  assert.match(title('something else'), /ended with code 2/);
  assert.match(explainFailure({ exitCode: null, reason: 'something else' }, '').title, /stopped unexpectedly/);
});

test('a browser that lacks something is told which', () => {
  assert.match(missingSupport(/** @type {any} */ ({})), /Direct Sockets/);
  assert.equal(missingSupport(/** @type {any} */ ({ UDPSocket: class {} })), '');
});
