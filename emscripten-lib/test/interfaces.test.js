// Network interfaces: what a browser's UDPSocket gives away, how long an answer is kept, and lists of netlink that are
// longer than a datagram. What libc makes of them is in c/interfaces.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AF_INET6, EAGAIN, EOPNOTSUPP, SOCK_RAW } from '../src/abi.js';
import { ipFromText } from '../src/address.js';
import { broadcastAddress, browserInterfaces, loopbackInterface, makeInterface, netmask } from '../src/interfaces.js';
import { OwnAddresses } from '../src/own-address.js';
import { Recent } from '../src/recent.js';
import { RouteSocket } from '../src/route-socket.js';
import { FakeClock, FakeNode, settled } from './support.js';

/** @param {string} text */
const ip = (text) => /** @type {import('../src/address.js').Ip} */ (ipFromText(text));

/**
 * A browser on a machine whose own addresses are these, by family.
 * @param {{ 4?: string, 6?: string }} own
 */
function browserWith(own) {
  let open = 0;
  class UDPSocket {
    /** @param {{ remoteAddress: string, remotePort: number }} options */
    constructor({ remoteAddress, remotePort }) {
      assert.ok(remotePort > 0);
      const localAddress = own[remoteAddress.includes(':') ? 6 : 4];
      const failed = () => Promise.reject(new DOMException('unreachable', 'NetworkError'));
      this.opened = localAddress ? Promise.resolve({ localAddress }) : failed();
      this.closed = localAddress ? Promise.resolve() : failed();
      if (localAddress) open++;
    }

    async close() {
      open--;
    }
  }
  return { udp: () => /** @type {any} */ (UDPSocket), open: () => open };
}

test('a browser tells of loopback and of the machine’s own addresses, and no socket stays open', async () => {
  const { udp, open } = browserWith({ 4: '198.51.100.7', 6: '2001:db8::7' });
  const [lo, eth] = await browserInterfaces(udp);
  assert.deepEqual([lo.name, lo.index, lo.loopback, eth.name, eth.index, eth.loopback], ['lo', 1, true, 'eth0', 2, false]);
  assert.deepEqual(eth.addresses.map((one) => [one.ip.text, one.prefix]), [['198.51.100.7', 32], ['2001:db8::7', 128]]);
  assert.equal(open(), 0);
});

test('without a way out, or without UDPSocket, there is loopback alone', async () => {
  const { udp } = browserWith({});
  assert.deepEqual((await browserInterfaces(udp)).map(({ name }) => name), ['lo']);
  const none = () => {
    throw EOPNOTSUPP;
  };
  assert.deepEqual((await browserInterfaces(none)).map(({ name }) => name), ['lo']);
});

test('the address towards a mapped peer is mapped too, and none where there is no way', async () => {
  const addresses = new OwnAddresses(browserWith({ 4: '198.51.100.7' }).udp), queue = new FakeNode();
  for (const peer of ['::ffff:203.0.113.1', '2001:db8::1']) {
    assert.throws(() => addresses.towards(ip(peer), queue), (error) => error === EAGAIN);
  }
  await settled();
  assert.equal(addresses.towards(ip('::ffff:203.0.113.1'), queue)?.text, '::ffff:198.51.100.7');
  assert.equal(addresses.towards(ip('2001:db8::1'), queue), undefined);
});

test('an answer is looked for once, told to all who wait, and looked for anew after a second', async () => {
  const clock = new FakeClock(), queues = [new FakeNode(), new FakeNode()];
  let found = 0, told = 0;
  const recent = new Recent(async () => ++found, clock.now);
  for (const queue of queues) {
    queue.addListener(() => told++);
    assert.throws(() => recent.known('', queue), (error) => error === EAGAIN);
  }
  await settled();
  assert.deepEqual([found, told, recent.known('', queues[0])], [1, 2, 1]);
  clock.advance(1000);
  assert.throws(() => recent.known('', queues[0]), (error) => error === EAGAIN);
  await settled();
  assert.equal(recent.known('', queues[0]), 2);
});

test('of many questions few answers are kept', async () => {
  const recent = new Recent(async (question) => question, new FakeClock().now), queue = new FakeNode();
  for (let i = 0; i < 1000; i++) {
    assert.throws(() => recent.known(String(i), queue), (error) => error === EAGAIN);
    await settled();
  }
  assert.equal(recent.known('999', queue), '999');
  assert.ok(recent.answers.size <= 256, String(recent.answers.size));
});

test('masks and broadcast addresses', () => {
  assert.deepEqual([0, 8, 20, 32].map((prefix) => netmask(prefix).join('.')),
    ['0.0.0.0', '255.0.0.0', '255.255.240.0', '255.255.255.255']);
  assert.equal(broadcastAddress(ip('192.0.2.33').bytes, 28).join('.'), '192.0.2.47');
});

const RTM_GETADDR = 22, NLM_F_REQUEST = 1, NLM_F_DUMP = 0x300, NLMSG_DONE = 3, RTM_NEWADDR = 20;

/** @param {RouteSocket} socket @param {number} family @returns {{ types: number[], longest: number }} of all datagrams */
function dump(socket, family) {
  const request = new Uint8Array(17);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, RTM_GETADDR, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  request[16] = family;
  assert.equal(socket.send(request.length, () => request, undefined, 0), request.length);
  const types = [];
  let longest = 0;
  while (!socket.nothingToReceive()) {
    const { data } = socket.receive(false);
    longest = Math.max(longest, data.length);
    const message = new DataView(data.buffer);
    for (let at = 0; at < data.length; at += (message.getUint32(at, true) + 3) & ~3) types.push(message.getUint16(at + 4, true));
  }
  return { types, longest };
}

test('a list that is longer than a datagram comes in several, and its end once', () => {
  const socket = new RouteSocket({ type: SOCK_RAW, queue: new FakeNode() });
  const addresses = Array.from({ length: 200 }, (_, index) => ({ ip: ip(`198.51.100.${index}`), prefix: 24 }));
  socket.interfaces = [
    loopbackInterface(), makeInterface({ index: 2, name: 'eth0', loopback: false, mtu: 1500, addresses }),
  ];
  const all = dump(socket, 0);
  assert.deepEqual(all.types, [...new Array(202).fill(RTM_NEWADDR), NLMSG_DONE]);
  assert.ok(all.longest <= 4096, `${all.longest} bytes`);
  assert.deepEqual(dump(socket, AF_INET6).types, [RTM_NEWADDR, NLMSG_DONE]);
});

test('a request that is cut off, or says that it is shorter than its head, is passed over', () => {
  const socket = new RouteSocket({ type: SOCK_RAW, queue: new FakeNode() });
  for (const size of [0, 15, 21, 100, 20]) {
    const request = new Uint8Array(20);
    const view = new DataView(request.buffer);
    view.setUint32(0, size, true);
    view.setUint16(4, RTM_GETADDR, true);
    view.setUint16(6, NLM_F_REQUEST, true);
    socket.send(request.length, () => request, undefined, 0);
    assert.equal(socket.nothingToReceive(), size !== 20, String(size));
  }
});
