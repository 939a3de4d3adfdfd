import assert from 'node:assert/strict';
import test from 'node:test';
import { isLoopback, isWildcard, originOf, ownSide, pageProblem, shareLink, snippet } from '../../app/reach.js';

const HASH = 'ab'.repeat(32);

test('who reaches an address', () => {
  assert.deepEqual(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1', '0.0.0.0', '10.0.0.1'].map(isLoopback), [
    true, true, true, true, false, false,
  ]);
  assert.deepEqual(['0.0.0.0', '::', '::1'].map(isWildcard), [true, true, false]);
  assert.deepEqual(['0.0.0.0', '::', '10.0.0.1'].map(ownSide), ['127.0.0.1', '::1', '10.0.0.1']);
});

test('an IPv6 address has brackets in an origin', () => {
  assert.equal(originOf('192.168.1.20', 4433), 'https://192.168.1.20:4433');
  assert.equal(originOf('fe80::1', 4433), 'https://[fe80::1]:4433');
});

test('the snippet is a module', () => {
  const text = snippet('https://10.0.0.1:4433', HASH);
  assert.match(text, /new WebTransport\('https:\/\/10\.0\.0\.1:4433\/echo'/);
  assert.ok(text.includes(HASH));
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  new AsyncFunction(text); // a SyntaxError otherwise
});

test('the code has address and hash, behind the “#” of a page if there is one', () => {
  const origin = 'https://10.0.0.1:4433';
  assert.equal(shareLink('', origin, HASH), `${origin}/#sha256=${HASH}`);
  const link = new URL(shareLink('https://example.com/chat?room=1', origin, HASH));
  assert.equal(link.href.split('#')[0], 'https://example.com/chat?room=1');
  assert.deepEqual(Object.fromEntries(new URLSearchParams(link.hash.slice(1))), { server: origin, sha256: HASH });
  assert.match(shareLink('https://example.com/#/chat', origin, HASH), /#\/chat&server=/);
});

test('a page that has no WebTransport is refused', () => {
  assert.equal(pageProblem(''), '');
  assert.equal(pageProblem('https://example.com/'), '');
  assert.equal(pageProblem('http://localhost:8000/'), '');
  for (const page of ['http://example.com/', 'example.com', 'javascript:alert(1)']) assert.match(pageProblem(page), /https/, page);
});
