// Addresses: text to bytes and back, as inet_pton(3) and RFC 5952 have it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ipFromBytes, ipFromText, isLoopback, isMapped, isWildcard, mapped, sameIp, unmapped,
} from '../src/address.js';

const hex = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString('hex');
const ip = (/** @type {string} */ text) => {
  const address = ipFromText(text);
  assert.ok(address, `${text} is an address`);
  return address;
};

test('an IPv4 literal becomes four bytes in network order', () => {
  assert.equal(hex(ip('192.0.2.255').bytes), 'c00002ff');
});

test('IPv6 literals become sixteen bytes, wherever the zeros are left out', () => {
  assert.equal(hex(ip('::').bytes), '0'.repeat(32));
  assert.equal(hex(ip('::1').bytes), `${'0'.repeat(31)}1`);
  assert.equal(hex(ip('2001:db8::').bytes), `20010db8${'0'.repeat(24)}`);
  assert.equal(hex(ip('2001:DB8::8:800:200C:417A').bytes), '20010db80000000000080800200c417a');
  assert.equal(hex(ip('1:2:3:4:5:6:7:8').bytes), '00010002000300040005000600070008');
});

test('an IPv4-mapped address is read in both of its spellings', () => {
  assert.equal(hex(ip('::ffff:127.0.0.1').bytes), '00000000000000000000ffff7f000001');
  assert.ok(sameIp(ip('::ffff:7f00:1'), ip('::ffff:127.0.0.1')));
});

test('a zone is dropped', () => {
  assert.equal(ip('fe80::1%eth0').text, 'fe80::1');
});

test('what is no literal is undefined', () => {
  for (const text of ['', 'localhost', '1.2.3', '1.2.3.4.5', '256.1.1.1', '1.2.3.x', ':::', '1::2::3', '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9', '12345::', 'g::', '::1.2.3']) {
    assert.equal(ipFromText(text), undefined, text);
  }
});

test('text is canonical: RFC 5952', () => {
  for (const [text, canonical] of [
    ['2001:0db8:0000:0000:0000:ff00:0042:8329', '2001:db8::ff00:42:8329'],
    ['0:0:1:0:0:0:0:1', '0:0:1::1'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['ABCD::', 'abcd::'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::', '::'],
  ]) {
    const { bytes } = ip(text);
    assert.equal(ipFromBytes(bytes, 0, 6).text, canonical);
  }
});

test('bytes are read at an offset, and later writes to them do not change the address', () => {
  const memory = Uint8Array.from([9, 9, 10, 1, 2, 3, 9]);
  const address = ipFromBytes(memory, 2, 4);
  memory.fill(0);
  assert.equal(address.text, '10.1.2.3');
  assert.equal(hex(address.bytes), '0a010203');
});

test('mapping an IPv4 address into IPv6 and back', () => {
  const v4 = ip('192.0.2.1');
  assert.equal(mapped(v4).text, '::ffff:192.0.2.1');
  assert.ok(isMapped(mapped(v4)));
  assert.ok(sameIp(unmapped(mapped(v4)), v4));
  assert.ok(!isMapped(ip('::1')));
});

test('wildcards and loopback addresses are recognised', () => {
  assert.ok(isWildcard(ip('0.0.0.0')) && isWildcard(ip('::')) && !isWildcard(ip('0.0.0.1')));
  for (const text of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(ip(text)), text);
  for (const text of ['128.0.0.1', '::2', '::ffff:10.0.0.1', '::']) assert.ok(!isLoopback(ip(text)), text);
});

test('more addresses than the caches hold still come out right', () => {
  for (let i = 0; i < 10_000; i++) {
    const text = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    assert.equal(ipFromBytes(ip(text).bytes, 0, 4).text, text);
  }
});
