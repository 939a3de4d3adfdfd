// UDP over a browser that fails on demand: what the socket kind and the port under it do when things go wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AF_INET, AF_INET6, EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EBADF, EINVAL, EMSGSIZE, ENETDOWN, ENETUNREACH,
  DS_STRIPES, EOPNOTSUPP, POLLERR, POLLIN, POLLNVAL, POLLOUT, SOL_DIRECTSOCKETS,
} from '../src/abi.js';
import { ipFromText } from '../src/address.js';
import { DATAGRAM_OVERHEAD } from '../src/datagram-queue.js';
import { findOption, stripesFrom } from '../src/options.js';
import { UdpSocket } from '../src/udp.js';
import { FakeNode, domError, fakeBrowser, settled } from './support.js';

/**
 * @param {Partial<{
 *   family: number, stripes: number, browser: ReturnType<typeof fakeBrowser>, giveBack: (data: Uint8Array) => void,
 * }>} [setup]
 */
function create({ family = AF_INET, stripes = 1, browser = fakeBrowser(), giveBack } = {}) {
  /** @type {string[]} */
  const said = [];
  /** @type {string[]} */
  const explained = [];
  const queue = new FakeNode();
  const socket = new UdpSocket({
    family, queue, UDPSocket: browser.UDPSocket, stripes,
    say: (text) => said.push(text), explain: (text) => explained.push(text), giveBack,
  });
  return { browser, socket, queue, said, explained };
}

const at = (/** @type {string} */ text, /** @type {number} */ port) => {
  const ip = ipFromText(text);
  assert.ok(ip);
  return { ip, port };
};
const loopback = (port = 0) => at('127.0.0.1', port);

/** @param {UdpSocket} socket @param {{ ip: any, port: number }} [local] */
async function bind(socket, local = loopback()) {
  socket.beginBind(local);
  await settled();
  return socket.finishBind();
}

/** @param {UdpSocket} socket @param {{ ip: any, port: number } | undefined} destination @param {number} length */
const send = (socket, destination, length = 4) =>
  socket.send(length, () => new Uint8Array(length), destination, 0);

/** @param {() => unknown} operation @returns {unknown} what it throws */
function thrown(operation) {
  try {
    operation();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

test('bind is EAGAIN until the browser has answered, and then knows the port', async () => {
  const { socket } = create();
  socket.beginBind(loopback());
  assert.equal(thrown(() => socket.finishBind()), EAGAIN);
  assert.equal(thrown(() => socket.localEndpoint()), EAGAIN);
  await settled();
  assert.equal(socket.finishBind(), 0);
  assert.ok(socket.localEndpoint().port >= 50_000);
});

test('an ephemeral port is asked for by leaving localPort out', async () => {
  const { socket, browser } = create();
  await bind(socket);
  assert.ok(!('localPort' in browser.sockets[0].options));
});

test('the errors of opening become errnos', async () => {
  for (const [error, port, errno] of /** @type {[any, number, number][]} */ ([
    [domError('InvalidAccessError'), 80, EACCES],
    [domError('NotAllowedError'), 4433, EACCES],
    [domError('DataError'), 4433, EADDRNOTAVAIL],
    [new TypeError('bad'), 4433, EINVAL],
    // Node's.
    [Object.assign(new Error('no such address'), { name: 'NetworkError', code: 'EADDRNOTAVAIL' }), 4433, EADDRNOTAVAIL],
    [Object.assign(new Error('not allowed'), { name: 'NetworkError', code: 'EACCES' }), 80, EACCES],
  ])) {
    const { socket, browser } = create();
    browser.onOpen = () => { throw error; };
    socket.beginBind(loopback(port));
    await settled();
    assert.equal(thrown(() => socket.finishBind()), errno, `${error.name} ${port}`);
  }
});

test('a refused port is explained by the rule', async () => {
  const { socket, browser, explained } = create();
  browser.onOpen = () => { throw domError('InvalidAccessError'); };
  socket.beginBind(loopback(443));
  await settled();
  assert.match(explained.join('\n'), /bind 127\.0\.0\.1:443: EACCES: .*below 1024/);
});

test('a taken port and an address of another machine are told apart by a second try', async () => {
  const browser = fakeBrowser();
  const first = create({ browser });
  await bind(first.socket);
  const taken = create({ browser });
  taken.socket.beginBind(loopback(first.socket.localEndpoint().port));
  await settled();
  assert.equal(thrown(() => taken.socket.finishBind()), EADDRINUSE);

  const foreign = create();
  foreign.browser.onOpen = () => { throw domError('NetworkError'); };
  foreign.socket.beginBind(at('192.0.2.1', 5000));
  await settled();
  assert.equal(thrown(() => foreign.socket.finishBind()), EADDRNOTAVAIL);
});

test('a port can be bound again as soon as it was closed', async () => {
  const browser = fakeBrowser();
  const first = create({ browser });
  await bind(first.socket);
  const { port } = first.socket.localEndpoint();
  first.socket.close();
  const second = create({ browser });
  second.socket.beginBind(loopback(port));
  await settled();
  await settled();
  assert.equal(second.socket.finishBind(), 0);
});

test('a datagram that the browser would choke on is never written', async () => {
  const { socket, browser, explained } = create();
  await bind(socket);
  assert.equal(thrown(() => send(socket, loopback(0))), EINVAL);
  assert.equal(thrown(() => send(socket, loopback(9), 65_508)), EMSGSIZE);
  assert.equal(thrown(() => send(socket, at('255.255.255.255', 9))), EACCES);
  assert.equal(thrown(() => send(socket, loopback(9), 0)), EOPNOTSUPP);
  assert.match(explained.join('\n'), /empty datagrams/);
  send(socket, loopback(9));
  await settled();
  assert.equal(browser.sent.length, 1);
  assert.equal(browser.sockets.length, 1);
});

test('a datagram that is peeked at stays', async () => {
  const { socket, browser } = create();
  await bind(socket);
  browser.deliver(socket.localEndpoint().port, { data: new Uint8Array(3), remotePort: 9 });
  await settled();
  assert.equal(socket.receive(true, true)?.data.byteLength, 3);
  assert.equal(socket.receive(false, true)?.data.byteLength, 3);
  assert.equal(thrown(() => socket.receive(false, true)), EAGAIN);
});

test('a reply to a datagram from port 0 is EINVAL, and nothing else happens', async () => {
  const { socket, browser } = create();
  await bind(socket);
  browser.deliver(socket.localEndpoint().port, { data: new Uint8Array(3), remotePort: 0 });
  await settled();
  const message = socket.receive(false, true);
  assert.ok(message);
  assert.equal(thrown(() => send(socket, at(message.remoteAddress, message.remotePort))), EINVAL);
  send(socket, loopback(9));
  await settled();
  assert.equal(browser.sent.length, 1);
  assert.equal(socket.takeError(), 0);
});

test('after a rejected write the port is opened again, and what was queued behind it goes out', async () => {
  const { socket, browser } = create();
  await bind(socket);
  const { port } = socket.localEndpoint();
  browser.onWrite = (message) => {
    if (message.remoteAddress === '192.0.2.1') throw domError('NetworkError', 'net::ERR_FAILED');
  };
  send(socket, loopback(9));
  send(socket, at('192.0.2.1', 9));
  send(socket, loopback(10));
  send(socket, loopback(11));
  await settled();
  await settled();
  assert.deepEqual(browser.sent.map(({ remotePort, from }) => [remotePort, from]), [[9, port], [10, port], [11, port]]);
  assert.equal(browser.sockets.length, 2);
  assert.equal(browser.open().length, 1);
  assert.equal(/** @type {any} */ (socket.port).sendErrors, 1);
  assert.equal(/** @type {any} */ (socket.port).outstanding, 0);

  browser.deliver(port, { data: new Uint8Array(1) });
  await settled();
  assert.ok(socket.receive(false, true), 'the new socket is read from');
});

test('a destination whose write was rejected is refused for a while, others are not', async () => {
  const { socket, browser } = create();
  await bind(socket);
  browser.onWrite = (message) => {
    if (message.remoteAddress === '192.0.2.1') throw domError('NetworkError');
  };
  send(socket, at('192.0.2.1', 9));
  await settled();
  assert.equal(thrown(() => send(socket, at('192.0.2.1', 9))), ENETUNREACH);
  send(socket, loopback(9));
  await settled();
  assert.equal(browser.sent.length, 1);
});

test('a failed send is the pending error of a connected socket, and of no other', async () => {
  for (const connected of [true, false]) {
    const { socket, browser } = create();
    await bind(socket);
    browser.onWrite = () => { throw domError('NetworkError', 'Stream aborted: net::ERR_ACCESS_DENIED'); };
    if (connected) socket.connect(at('192.0.2.1', 9));
    send(socket, at('192.0.2.1', 9));
    await settled();
    assert.equal((socket.poll() & POLLERR) !== 0, connected);
    assert.equal(socket.takeError(), connected ? EACCES : 0);
    assert.equal(socket.takeError(), 0);
  }
});

test('while the port cannot be reopened, sends are ENETDOWN; then it recovers', async (context) => {
  const { socket, browser, said } = create();
  await bind(socket);
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let broken = true;
  browser.onWrite = () => { if (broken) throw domError('NetworkError'); };
  browser.onOpen = () => { if (broken) throw domError('NetworkError'); };
  send(socket, loopback(9));
  await settled();
  assert.equal(thrown(() => send(socket, loopback(10))), ENETDOWN);
  assert.ok(socket.poll() & POLLOUT, 'a waiter is woken to be told');
  assert.match(said.join('\n'), /was lost and cannot be reopened yet/);
  broken = false;
  context.mock.timers.tick(10);
  await settled();
  send(socket, at('127.0.0.2', 11));
  await settled();
  assert.deepEqual(browser.sent.map(({ remotePort }) => remotePort), [11]);
});

test('outstanding bytes are bounded by SO_SNDBUF, and POLLOUT comes back when half is free', async () => {
  const { socket, browser, queue } = create();
  await bind(socket);
  const cost = 1000 + DATAGRAM_OVERHEAD;
  socket.sendBuffer = 10 * cost;
  /** @type {(() => void)[]} */
  const stuck = [];
  browser.onWrite = () => new Promise((resolve) => stuck.push(() => resolve(undefined)));
  for (let i = 0; i < 10; i++) send(socket, loopback(9), 1000);
  assert.equal(thrown(() => send(socket, loopback(9), 1000)), EAGAIN);
  assert.equal(socket.poll() & POLLOUT, 0);
  let woken = 0;
  queue.addListener(() => woken++);
  for (let i = 0; i < 4; i++) {
    await settled();
    stuck.shift()?.();
  }
  await settled();
  assert.equal(woken, 0);
  stuck.shift()?.();
  await settled();
  assert.ok(woken > 0);
  assert.ok(socket.poll() & POLLOUT);
});

test('the bytes are copied when the datagram is accepted, not before', async () => {
  const { socket } = create();
  await bind(socket);
  socket.sendBuffer = 0;
  assert.equal(thrown(() => socket.send(4, () => assert.fail('copied'), loopback(9), 0)), EAGAIN);
});

test('a datagram\'s buffer comes back once it has left or is lost, and not while it may still be written', async () => {
  /** @type {number[]} */
  const back = [];
  const { socket, browser } = create({ giveBack: ({ length }) => back.push(length) });
  await bind(socket);
  /** @type {(() => void)[]} */
  const stuck = [];
  browser.onWrite = (message) => {
    if (message.remoteAddress === '192.0.2.1') throw domError('NetworkError', 'net::ERR_FAILED');
    return new Promise((resolve) => stuck.push(() => resolve(undefined)));
  };
  send(socket, loopback(9), 1);
  send(socket, at('192.0.2.1', 9), 2);
  send(socket, loopback(9), 3);
  await settled();
  assert.deepEqual(back, []);
  stuck.shift()?.();
  await settled();
  await settled();
  assert.deepEqual(back, [1, 2], 'the third is written again, to another socket');
  stuck.shift()?.();
  await settled();
  assert.deepEqual(back, [1, 2, 3]);
});

/**
 * A browser whose writers have `poster`, as Node's.
 * @param {(message: UDPMessage) => boolean} isRead whether the system has read the data when the post returns
 */
function postingBrowser(isRead) {
  const browser = fakeBrowser();
  /** What was posted, in order: each tells how it ends. @type {((error?: Error) => void)[]} */
  const posted = [];
  const { UDPSocket } = browser;
  browser.UDPSocket = class extends UDPSocket {
    /** @param {UDPSocketOptions} options */
    constructor(options) {
      super(options);
      const { opened } = this;
      /** @type {DatagramWriter['poster']} */
      const poster = (settled) => (message) => {
        posted.push(settled);
        return isRead(message);
      };
      Object.assign(this, {
        opened: opened.then((info) => ({ ...info, writable: { getWriter: () => Object.assign(info.writable.getWriter(), { poster }) } })),
      });
    }
  };
  return { browser, posted };
}

test('a buffer that the system has read already comes back at once, and once; its datagram still counts until it settles', async () => {
  const { browser, posted } = postingBrowser(({ data }) => data.byteLength !== 2);
  /** @type {number[]} */
  const back = [];
  const { socket } = create({ browser, giveBack: ({ length }) => back.push(length) });
  await bind(socket);
  for (const length of [1, 2, 3]) send(socket, loopback(9), length);
  assert.deepEqual(back, [1, 3]);
  assert.equal(socket.port?.outstanding, 6 + 3 * DATAGRAM_OVERHEAD);
  posted.shift()?.();
  assert.deepEqual(back, [1, 3]);
  posted.shift()?.();
  assert.deepEqual(back, [1, 3, 2]);
  posted.shift()?.(domError('NetworkError', 'net::ERR_FAILED'));
  assert.deepEqual(back, [1, 3, 2]);
  assert.equal(socket.port?.outstanding, 0);
  assert.equal(socket.port?.sendErrors, 1);
});

test('of what a socket that ended did not send, the next one sends what nobody else has written over', async () => {
  const { browser, posted } = postingBrowser(({ data }) => data.byteLength === 1);
  const { socket } = create({ browser });
  await bind(socket);
  send(socket, loopback(9), 1);
  send(socket, loopback(9), 2);
  socket.port?.stripes[0].onReadEnd();
  for (const settle of posted.splice(0)) settle(domError('NetworkError', 'net::ERR_FAILED'));
  await settled();
  assert.equal(posted.length, 1, 'the second one');
  assert.equal(socket.port?.sendErrors, 1, 'the first one');
});

test('a send on an unbound socket binds; the datagram goes out once the port is open', async () => {
  const { socket, browser } = create();
  assert.equal(send(socket, loopback(9)), 4);
  assert.equal(browser.sent.length, 0);
  await settled();
  assert.equal(browser.sent.length, 1);
  assert.equal(browser.sockets[0].options.localAddress, '0.0.0.0');
  assert.equal(socket.finishBind(), 0);
});

test('an implicit bind that fails is told to the next call', async () => {
  const { socket, browser } = create();
  browser.onOpen = () => { throw domError('NotAllowedError'); };
  send(socket, loopback(9));
  await settled();
  assert.ok(socket.poll() & POLLERR);
  assert.equal(thrown(() => socket.receive(false, true)), EACCES);
  assert.equal(socket.poll() & POLLERR, 0);
});

test('a close right after a send lets the datagram out', async () => {
  const { socket, browser } = create();
  send(socket, loopback(9));
  const { port } = socket;
  socket.close();
  await port?.drained();
  assert.equal(browser.sent.length, 1);
  await settled();
  assert.equal(browser.open().length, 0);
});

test('a close right after a send that the browser rejects lets those behind it out, and the port go', async () => {
  const { socket, browser } = create();
  await bind(socket, loopback(50_123));
  browser.onWrite = (message) => {
    if (message.remoteAddress === '192.0.2.1') throw domError('NetworkError', 'net::ERR_FAILED');
  };
  send(socket, at('192.0.2.1', 9));
  send(socket, loopback(10));
  send(socket, loopback(11));
  socket.close();
  for (let turn = 0; turn < 5; turn++) await settled();
  assert.deepEqual(browser.sent.map(({ remotePort, from }) => [remotePort, from]), [[10, 50_123], [11, 50_123]]);
  assert.equal(browser.open().length, 0);
  const again = create({ browser });
  assert.equal(await bind(again.socket, loopback(50_123)), 0);
});

test('what a closed socket cannot send is given up, and the port goes', async (context) => {
  const { socket, browser } = create();
  await bind(socket, loopback(50_124));
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const fail = () => { throw domError('NetworkError'); };
  browser.onWrite = browser.onOpen = fail;
  send(socket, loopback(9));
  send(socket, loopback(10));
  const { port } = socket;
  socket.close();
  for (let turn = 0; turn < 20; turn++) {
    await settled();
    context.mock.timers.tick(1000);
  }
  await port?.drained();
  browser.onWrite = browser.onOpen = () => {};
  const again = create({ browser });
  assert.equal(await bind(again.socket, loopback(50_124)), 0);
});

test('connect() to AF_UNSPEC wakes whoever waits for the port it gives back', async () => {
  const { socket, queue } = create();
  send(socket, loopback(9));
  assert.equal(thrown(() => socket.finishBind()), EAGAIN);
  let woken = 0;
  queue.addListener(() => woken++);
  socket.disconnect();
  assert.equal(woken, 1);
  assert.equal(socket.finishBind(), 0);
});

test('a closed socket is EBADF to everyone, and wakes who waits', async () => {
  const { socket, queue } = create();
  await bind(socket);
  let flags = 0;
  queue.addListener((value) => { flags |= value; });
  socket.close();
  assert.equal(flags, POLLNVAL);
  assert.equal(socket.poll(), POLLNVAL);
  for (const call of [() => socket.receive(false, false), () => send(socket, loopback(9)), () => socket.localEndpoint(),
    () => socket.finishBind(), () => socket.connect(loopback(9)), () => socket.shutdown(0)]) {
    assert.equal(thrown(call), EBADF);
  }
});

test('stripes share one port, and writes go to the one with the least outstanding', async () => {
  const { socket, browser } = create({ stripes: 3 });
  await bind(socket);
  const { port } = socket.localEndpoint();
  assert.equal(browser.open().length, 3);
  assert.deepEqual(browser.open().map((stripe) => stripe.port), [port, port, port]);
  browser.onWrite = () => new Promise(() => {});
  for (let i = 0; i < 6; i++) send(socket, loopback(9));
  const { stripes } = /** @type {import('../src/udp-port.js').UdpPort} */ (socket.port);
  assert.deepEqual(stripes.map(({ written }) => written.length), [2, 2, 2]);
});

test('a stripe whose writes do not end is left out while others are idle', async () => {
  const { socket, browser } = create({ stripes: 3 });
  await bind(socket);
  let writes = 0;
  browser.onWrite = () => (writes++ === 0 ? new Promise(() => {}) : undefined);
  for (let i = 0; i < 7; i++) {
    send(socket, loopback(9));
    await settled();
  }
  const { stripes } = /** @type {import('../src/udp-port.js').UdpPort} */ (socket.port);
  assert.deepEqual(stripes.map(({ written }) => written.length).sort(), [0, 0, 1]);
});

test('the system holds as much for many stripes as for a few, and never less than a flow needs', async () => {
  const asked = [];
  for (const stripes of [1, 2, 8]) {
    const { socket, browser } = create({ stripes });
    await bind(socket);
    asked.push(browser.open().map(({ options }) => (options.receiveBufferSize ?? 0) / 1024));
  }
  assert.deepEqual(asked, [[1024], [512, 512], Array(4).fill(256)]);
});

/** @param {import('../src/udp.js').UdpSocket} socket @param {number} count of datagrams, sent faster than any stripe writes */
function crowd(socket, count) {
  for (let i = 0; i < count; i++) send(socket, loopback(9));
}

test('a port opens with four stripes at most, and has one more each time that datagrams pile up behind them', async () => {
  const { socket, browser } = create({ stripes: 6 });
  await bind(socket);
  const { port } = socket.localEndpoint();
  socket.sendBuffer = 1 << 24;
  assert.equal(browser.open().length, 4);
  const held = Promise.withResolvers();
  browser.onWrite = () => held.promise;
  const counts = [];
  for (let i = 0; i < 5; i++) {
    crowd(socket, 300);
    await settled();
    counts.push(browser.open().length);
  }
  assert.deepEqual(counts, [4, 5, 6, 6, 6]);
  assert.ok(browser.open().every((stripe) => stripe.port === port));
  held.resolve(undefined);
  await settled();
  browser.open()[5].receive({ data: new Uint8Array(1), remoteAddress: '127.0.0.1', remotePort: 9 });
  await settled();
  assert.equal(socket.received.length, 1, 'the newest one is read from too');
});

test('where more sockets are of no use a port has no more, and they share the system\'s buffer', async () => {
  const browser = fakeBrowser();
  Object.assign(browser.UDPSocket, { mostStripes: 2 });
  const { socket } = create({ stripes: 8, browser });
  await bind(socket);
  socket.sendBuffer = 1 << 24;
  browser.onWrite = () => new Promise(() => {});
  crowd(socket, 1000);
  await settled();
  assert.deepEqual(browser.open().map(({ options }) => options.receiveBufferSize), [512 << 10, 512 << 10]);
  assert.equal(findOption(socket, SOL_DIRECTSOCKETS, DS_STRIPES).get?.(socket), 8, 'the program reads what it asked for');
});

test('a trickle of datagrams brings no further stripe', async (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { socket, browser } = create({ stripes: 8 });
  await bind(socket);
  socket.sendBuffer = 1 << 24;
  browser.onWrite = () => new Promise(() => {});
  for (let second = 0; second < 10; second++) {
    crowd(socket, 200);
    now += 1000;
    await settled();
  }
  assert.equal(browser.open().length, 4);
});

test('a stripe that cannot be added is said once and not asked for again', async () => {
  const { socket, browser, said } = create({ stripes: 8 });
  await bind(socket);
  socket.sendBuffer = 1 << 24;
  browser.onWrite = () => new Promise(() => {});
  browser.onOpen = () => {
    throw domError('NetworkError', 'too many sockets');
  };
  const before = browser.sockets.length;
  for (let i = 0; i < 6; i++) {
    crowd(socket, 300);
    await settled();
  }
  assert.equal(browser.sockets.length, before + 1);
  assert.deepEqual(said.map((line) => line.replace(/port \d+/, 'port P')),
    ['only 4 of 8 stripes on port P could be opened: NetworkError: too many sockets']);
});

test('a socket in a group has one stripe however much it sends', async () => {
  const { socket, browser } = create({ stripes: 8 });
  await bind(socket);
  const port = /** @type {import('../src/udp-port.js').UdpPort} */ (socket.port);
  await port.join('239.1.2.3');
  socket.sendBuffer = 1 << 24;
  browser.onWrite = () => new Promise(() => {});
  for (let i = 0; i < 6; i++) {
    crowd(socket, 300);
    await settled();
  }
  assert.equal(browser.open().length, 1);
});

test('a port that is closed while a stripe joins it is free only when that one has gone too', async () => {
  const { socket, browser } = create({ stripes: 8 });
  await bind(socket);
  socket.sendBuffer = 1 << 24;
  const opening = Promise.withResolvers();
  browser.onOpen = () => opening.promise;
  crowd(socket, 600);
  await settled();
  const port = /** @type {import('../src/udp-port.js').UdpPort} */ (socket.port);
  let free = false;
  const closing = port.close().then(() => {
    free = true;
  });
  await settled();
  await settled();
  assert.equal(free, false);
  opening.resolve(undefined);
  await closing;
  assert.equal(browser.open().length, 0);
});

test('every stripe is read from', async () => {
  const { socket, browser } = create({ stripes: 2 });
  await bind(socket);
  for (const stripe of browser.open()) {
    stripe.receive({ data: new Uint8Array(1), remoteAddress: '127.0.0.1', remotePort: 9 });
  }
  await settled();
  assert.equal(socket.received.length, 2);
});

test('where address sharing is refused one socket goes on, and that is said', async () => {
  const { socket, browser, said } = create({ stripes: 4 });
  browser.sharingAllowed = false;
  assert.equal(await bind(socket), 0);
  assert.equal(browser.open().length, 1);
  assert.match(said.join('\n'), /direct-sockets-multicast/);
});

test('one socket alone asks for no sharing', async () => {
  const { socket, browser } = create();
  await bind(socket);
  assert.ok(!('multicastAllowAddressSharing' in browser.sockets[0].options));
});

test('a broken stripe is replaced while the others carry on', async () => {
  const { socket, browser } = create({ stripes: 2 });
  await bind(socket);
  const { port } = socket.localEndpoint();
  let failures = 1;
  browser.onWrite = () => { if (failures-- > 0) throw domError('NetworkError'); };
  for (let i = 0; i < 6; i++) send(socket, loopback(9 + i));
  await settled();
  await settled();
  assert.equal(browser.sent.length, 5);
  assert.equal(browser.open().filter((stripe) => stripe.port === port).length, 2);
});

test('only the peer of a connected socket is heard, in every spelling of its address', async () => {
  const { socket, browser } = create({ family: AF_INET6 });
  await bind(socket, at('::', 0));
  const { port } = socket.localEndpoint();
  socket.connect(at('::ffff:127.0.0.1', 9));
  for (const [remoteAddress, remotePort] of /** @type {[string, number][]} */ ([
    ['::ffff:7f00:1', 9], ['::ffff:127.0.0.1', 9], ['::ffff:127.0.0.1', 10], ['::1', 9],
  ])) {
    browser.deliver(port, { data: new Uint8Array(1), remoteAddress, remotePort });
  }
  await settled();
  assert.equal(socket.received.length, 2);
  assert.ok(socket.poll() & POLLIN);
});

test('drops are counted in DS_DROPS', async () => {
  const { socket, browser } = create();
  await bind(socket);
  socket.received.limit = 2304;
  for (let i = 0; i < 5; i++) browser.deliver(socket.localEndpoint().port, { data: new Uint8Array(1200) });
  await settled();
  const drops = /** @type {import('../src/options.js').IntOption} */ (findOption(socket, 0x4453, 2));
  assert.equal(drops.get?.(socket), 4);
  assert.equal(drops.set, undefined);
});

test('DS_STRIPES takes 1 to 16, before bind only', async () => {
  const { socket } = create();
  const option = /** @type {import('../src/options.js').IntOption} */ (findOption(socket, 0x4453, 1));
  for (const value of [0, -1, 17]) assert.equal(thrown(() => option.set?.(socket, value)), EINVAL);
  option.set?.(socket, 2);
  assert.equal(option.get?.(socket), 2);
  await bind(socket);
  assert.equal(thrown(() => option.set?.(socket, 3)), EINVAL);
});

test('Module.directSockets.stripes is taken as far as it makes sense', () => {
  assert.deepEqual([undefined, null, 4, 2.7, 99, 0, -3, 'x'].map(stripesFrom), [1, 1, 4, 2, 16, 1, 1, 1]);
});
