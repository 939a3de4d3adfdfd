// Addresses that stand for names: the same for the same name, and what is behind them once a lookup has told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EAGAIN, EHOSTUNREACH } from '../src/abi.js';
import { ipFromText } from '../src/address.js';
import { MadeUpAddresses } from '../src/made-up-addresses.js';
import { makeNames } from '../src/names.js';
import { settled } from './support.js';

const REAL = /** @type {import('../src/address.js').Ip} */ (ipFromText('192.0.2.1'));

test('a name keeps its address, behind which is the answer once it has come', async () => {
  const madeUp = new MadeUpAddresses();
  const ip = madeUp.standFor('a.test', 4, Promise.resolve({ ips: [REAL] }));
  assert.equal(madeUp.standFor('A.test', 4, Promise.resolve({ ips: [REAL] })).text, ip.text);
  assert.throws(() => madeUp.behind(ip, () => {}), (error) => error === EAGAIN);
  await settled();
  assert.equal(madeUp.behind(ip, () => {}).text, '192.0.2.1');
});

test('a lookup that fails after or beside one that did not changes nothing, and is no unhandled rejection', async () => {
  const madeUp = new MadeUpAddresses();
  const ip = madeUp.standFor('a.test', 4, Promise.resolve({ ips: [REAL] }));
  madeUp.standFor('a.test', 4, Promise.reject(-2));
  await settled();
  madeUp.standFor('a.test', 4, Promise.reject(-2));
  await settled();
  assert.equal(madeUp.behind(ip, () => {}).text, '192.0.2.1');
});

test('gethostbyname() of the name after the last one that there is an address for gives one that no one has', async () => {
  const madeUp = new MadeUpAddresses();
  for (let i = 0; i < 65535; i++) madeUp.standFor(`${i}.test`, 4, Promise.resolve({ ips: [REAL] }));
  const { lookupName } = makeNames(/** @type {any} */ ({
    memory: { access: { bytes: () => new TextEncoder().encode('\0one.test\0') } },
    attempter: { call: (/** @type {any} */ _attempt, /** @type {any} */ { late }) => late() },
    resolver: () => () => Promise.reject(-2), madeUp,
  }));
  assert.equal(lookupName(1), -1);
  await settled();
});

test('a lookup that failed is made again by the next question', async () => {
  const madeUp = new MadeUpAddresses();
  const ip = madeUp.standFor('a.test', 4, Promise.reject(-2));
  await settled();
  assert.throws(() => madeUp.behind(ip, () => {}), (error) => error === EHOSTUNREACH);
  madeUp.standFor('a.test', 4, Promise.resolve({ ips: [REAL] }));
  await settled();
  assert.equal(madeUp.behind(ip, () => {}).text, '192.0.2.1');
});
