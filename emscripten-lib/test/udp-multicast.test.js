// Multicast and address sharing over a browser that refuses on demand. What groups deliver is network.test.js's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET, EACCES, EAGAIN, ENODEV } from '../src/abi.js';
import { ipFromText } from '../src/address.js';
import { UdpSocket } from '../src/udp.js';
import { FakeNode, domError, fakeBrowser, settled } from './support.js';

const ip = (/** @type {string} */ text) => /** @type {import('../src/address.js').Ip} */ (ipFromText(text));
const GROUP = ip('239.1.2.3');

function create({ stripes = 1 } = {}) {
  const browser = fakeBrowser();
  /** @type {string[]} */
  const said = [];
  /** @type {string[]} */
  const explained = [];
  const socket = new UdpSocket({
    family: AF_INET, queue: new FakeNode(), UDPSocket: browser.UDPSocket, stripes,
    say: (text) => said.push(text), explain: (text) => explained.push(text),
  });
  return { browser, socket, said, explained };
}

/** @param {UdpSocket} socket */
async function bind(socket) {
  socket.beginBind({ ip: ip('0.0.0.0'), port: 0 });
  await settled();
  return outcome(() => socket.finishBind());
}

/** @param {(() => unknown) | undefined | void} attempt @returns {unknown} its value or what it throws */
function outcome(attempt) {
  try {
    return attempt?.();
  } catch (error) {
    return error;
  }
}

/** @param {UdpSocket} socket @param {string} address */
const send = (socket, address) =>
  outcome(() => socket.send(4, () => new Uint8Array(4), { ip: ip(address), port: 9 }, 0));

test('a group joined before bind is joined by bind, which says when it could not be', async () => {
  const { socket, browser } = create();
  browser.onJoin = () => { throw domError('NetworkError'); };
  assert.equal(socket.join(GROUP), undefined);
  assert.equal(await bind(socket), ENODEV);
  assert.equal(browser.open().length, 0);
  browser.onJoin = () => {};
  assert.equal(await bind(socket), 0);
  assert.deepEqual(browser.open()[0].groups, ['239.1.2.3']);
});

test('joining waits for the browser', async () => {
  const { socket, browser } = create();
  await bind(socket);
  const attempt = socket.join(GROUP);
  assert.equal(outcome(attempt), EAGAIN);
  await settled();
  assert.equal(outcome(attempt), 0);
  assert.deepEqual(browser.open()[0].groups, ['239.1.2.3']);
});

test('of several stripes one is left when a group is joined: each would get its own copy', async () => {
  const { socket, browser } = create({ stripes: 3 });
  await bind(socket);
  const { port } = socket.localEndpoint();
  const attempt = socket.join(GROUP);
  await settled();
  assert.equal(outcome(attempt), 0);
  assert.deepEqual(browser.open().map((stripe) => [stripe.port, ...stripe.groups]), [[port, '239.1.2.3']]);
});

test('hops and loop set after bind open the port again, in its groups', async () => {
  const { socket, browser } = create();
  await bind(socket);
  const { port } = socket.localEndpoint();
  socket.join(GROUP);
  const attempt = socket.changeMulticast({ hops: 5, loop: false });
  await settled();
  await settled();
  assert.equal(outcome(attempt), 0);
  const [only, ...others] = browser.open();
  assert.deepEqual(others, []);
  assert.deepEqual([only.port, only.options.multicastTimeToLive, only.options.multicastLoopback, only.groups],
    [port, 5, false, ['239.1.2.3']]);
});

test('a change of hops loses nothing that was sent before or meanwhile, and sends nothing twice', async () => {
  const { socket, browser } = create();
  await bind(socket);
  /** @type {(() => void)[]} */
  const slow = [];
  browser.onWrite = () => new Promise((resolve) => slow.push(() => resolve(undefined)));
  assert.equal(send(socket, '127.0.0.1'), 4);
  const attempt = socket.changeMulticast({ hops: 5 });
  await settled();
  assert.equal(send(socket, '127.0.0.1'), 4);
  assert.equal(outcome(attempt), EAGAIN);
  while (slow.length > 0) {
    slow.shift()?.();
    await settled();
    await settled();
  }
  assert.equal(outcome(attempt), 0);
  assert.equal(browser.sent.length, 2);
});

test('a stripe that takes the place of a broken one is in the same groups', async () => {
  const { socket, browser } = create();
  await bind(socket);
  socket.join(GROUP);
  await settled();
  let failures = 1;
  browser.onWrite = () => { if (failures-- > 0) throw domError('NetworkError'); };
  send(socket, '127.0.0.1');
  await settled();
  await settled();
  assert.deepEqual(browser.open().map(({ groups }) => groups), [['239.1.2.3']]);
});

test('without the policy joining, hops and sending to a group are EACCES, and one line names it', async () => {
  const { socket, browser, explained } = create();
  browser.sharingAllowed = false;
  await bind(socket);
  const [before] = browser.open();
  for (const attempt of [socket.join(GROUP), socket.changeMulticast({ hops: 5 })]) {
    await settled();
    assert.equal(outcome(attempt), EACCES);
  }
  assert.equal(send(socket, '239.1.2.3'), EACCES);
  assert.match(explained.join('\n'), /"direct-sockets-multicast" in permissions_policy/);
  // The socket itself has come to no harm.
  assert.deepEqual(browser.open(), [before]);
  assert.equal(socket.multicast.hops, 1);
  assert.equal(send(socket, '127.0.0.1'), 4);
});

test('without the policy a group is not written to from a socket that was not open yet', async () => {
  const { socket, browser } = create();
  browser.sharingAllowed = false;
  assert.equal(send(socket, '239.1.2.3'), 4);
  await settled();
  assert.equal(browser.sent.length, 0);
  assert.equal(browser.sockets.length, 1);
  assert.equal(send(socket, '239.1.2.3'), EACCES);
});

test('SO_REUSEADDR and SO_REUSEPORT ask for address sharing', async () => {
  for (const option of /** @type {const} */ (['reuseAddress', 'reusePort'])) {
    const { socket, browser } = create();
    socket[option] = true;
    assert.equal(await bind(socket), 0);
    assert.equal(browser.open()[0].options.multicastAllowAddressSharing, true);
  }
});

test('without the policy SO_REUSEADDR shares nothing, and that is said', async () => {
  const { socket, browser, said } = create();
  browser.sharingAllowed = false;
  socket.reuseAddress = true;
  assert.equal(await bind(socket), 0);
  assert.equal(browser.open()[0].options.multicastAllowAddressSharing, undefined);
  assert.match(said.join('\n'), /SO_REUSEADDR or SO_REUSEPORT needs address sharing.*direct-sockets-multicast/);
});
