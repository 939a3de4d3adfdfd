// The socket kind over a browser in the test's hands: each call's value or errno in each state, readiness, options.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AF_INET, AF_INET6, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EALREADY, EBADF, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EINVAL,
  EISCONN, ENETUNREACH, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPIPE, MSG_OOB, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT,
  POLLRDHUP, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, WRITABLE,
} from '../src/abi.js';
import { ipFromText } from '../src/address.js';
import { MadeUpAddresses } from '../src/made-up-addresses.js';
import { findOption } from '../src/options.js';
import { OwnAddresses } from '../src/own-address.js';
import { TcpSocket } from '../src/tcp.js';
import { makeTimers } from '../src/timers.js';
import { fakeTcpBrowser } from './fake-tcp.js';
import { FakeClock, FakeNode, settled } from './support.js';

/** @param {{ family?: number, browser?: ReturnType<typeof fakeTcpBrowser>, madeUp?: MadeUpAddresses }} [setup] */
function create({ family = AF_INET, browser = fakeTcpBrowser(), madeUp = new MadeUpAddresses() } = {}) {
  /** @type {string[]} */
  const explained = [];
  const queue = new FakeNode();
  const clock = new FakeClock();
  const socket = new TcpSocket({
    family, queue, platform: {
      clients: () => ({ TCPSocket: browser.TCPSocket, capacity: undefined }),
      servers: () => browser.TCPServerSocket,
      madeUp,
      ownAddresses: new OwnAddresses(() => {
        throw EOPNOTSUPP;
      }),
      timers: makeTimers(clock.sleep, clock.now),
      say: (text) => explained.push(text), explain: (text) => explained.push(text),
    },
  });
  return { socket, browser, queue, explained };
}

const at = (/** @type {string} */ text, /** @type {number} */ port) => {
  const ip = ipFromText(text);
  assert.ok(ip);
  return { ip, port };
};
const peer = at('127.0.0.1', 1234);

/** @param {Parameters<typeof create>[0]} [setup] */
async function connected(setup) {
  const made = create(setup);
  made.socket.beginConnect(peer, true);
  await settled();
  const client = made.browser.clients[0];
  client.open();
  await settled();
  assert.equal(made.socket.finishConnect(), 0);
  return { ...made, client };
}

/** @param {Parameters<typeof create>[0]} [setup] */
async function listening(setup) {
  const made = create(setup);
  made.socket.beginBind(at('127.0.0.1', 40_000));
  await settled();
  const server = made.browser.servers[0];
  server.open();
  await settled();
  made.socket.finishBind();
  made.socket.beginListen();
  made.socket.finishListen(5);
  return { ...made, server };
}

/** @param {TcpSocket} socket @param {string} text */
const send = (socket, text, flags = 0) =>
  socket.send(text.length, (target) => void target.set(Buffer.from(text).subarray(0, target.length)), flags);

/** @param {TcpSocket} socket @param {number} limit */
function receive(socket, limit = 100, peek = false) {
  let text = '';
  const count = socket.receive(limit, peek, (piece) => {
    text += Buffer.from(piece).toString();
  });
  assert.equal(count, text.length);
  return text;
}

/** @param {() => unknown} operation @returns {unknown} what it throws */
function thrown(operation) {
  try {
    operation();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

/** Notifications until now. @param {FakeNode} queue */
function watch(queue) {
  let count = 0;
  queue.addListener(() => void count++);
  return () => count;
}

test('connect() is EAGAIN until the browser has answered, and then 0', async () => {
  const { socket, browser, queue } = create();
  const woken = watch(queue);
  assert.equal(socket.beginConnect(peer, false), true);
  assert.equal(thrown(() => socket.finishConnect()), EAGAIN);
  assert.equal(socket.poll(), 0);
  await settled();
  assert.deepEqual([browser.clients[0].host, browser.clients[0].remotePort], ['127.0.0.1', 1234]);
  browser.clients[0].open();
  await settled();
  assert.equal(socket.finishConnect(), 0);
  assert.ok(woken() > 0);
  assert.equal(socket.poll(), WRITABLE);
});

test('a second connect() is EALREADY, then told of the success once, then EISCONN', async () => {
  const { socket, browser } = create();
  socket.beginConnect(peer, true);
  assert.equal(thrown(() => socket.beginConnect(peer, true)), EALREADY);
  assert.equal(socket.beginConnect(peer, false), false, 'one that blocks waits for the first');
  await settled();
  browser.clients[0].open();
  await settled();
  assert.equal(socket.beginConnect(peer, true), false);
  assert.equal(socket.finishConnect(), 0);
  assert.equal(thrown(() => socket.beginConnect(peer, true)), EISCONN);
});

test('a refused connection is in SO_ERROR, and another may be tried after it was read', async () => {
  const { socket, browser } = create();
  socket.beginConnect(peer, true);
  await settled();
  browser.clients[0].fail('NetworkError');
  await settled();
  assert.equal(socket.poll() & (POLLERR | POLLHUP | POLLIN | POLLOUT), POLLERR | POLLHUP | POLLIN | POLLOUT);
  assert.equal(socket.takeError(), ECONNREFUSED);
  assert.equal(socket.takeError(), 0);
  assert.equal(socket.beginConnect(peer, true), true);
});

test('a refused connection is told to the connect() that waits', async () => {
  const { socket, browser } = create();
  socket.beginConnect(peer, false);
  await settled();
  browser.clients[0].fail('NetworkError');
  await settled();
  assert.equal(thrown(() => socket.finishConnect()), ECONNREFUSED);
});

test('addresses that cannot be connected to are refused without the browser', () => {
  const { socket, browser } = create();
  assert.equal(thrown(() => socket.beginConnect(at('127.0.0.1', 0), false)), ECONNREFUSED);
  assert.equal(thrown(() => socket.beginConnect(at('255.255.255.255', 1), false)), ENETUNREACH);
  assert.equal(browser.clients.length, 0);
});

test('the wildcard is this host', async () => {
  for (const [family, address, host] of /** @type {[number, string, string][]} */ ([
    [AF_INET, '0.0.0.0', '127.0.0.1'], [AF_INET6, '::', '::1'],
  ])) {
    const { socket, browser } = create({ family });
    socket.beginConnect(at(address, 1234), true);
    await settled();
    assert.equal(browser.clients[0].host, host);
  }
});

test('connect() to an address that getaddrinfo made up waits for the real one', async () => {
  const madeUp = new MadeUpAddresses();
  const { socket, browser } = create({ madeUp });
  let tell = (/** @type {any} */ _found) => {};
  const ip = madeUp.standFor('db.example', 4, new Promise((resolve) => {
    tell = resolve;
  }));
  socket.beginConnect({ ip, port: 5432 }, true);
  await settled();
  assert.equal(browser.clients.length, 0);
  tell({ ips: [at('192.0.2.1', 0).ip] });
  await settled();
  assert.equal(browser.clients[0].host, '192.0.2.1');
  browser.clients[0].open();
  await settled();
  assert.equal(socket.peerEndpoint().ip.text, ip.text);
});

test('connect() to an address that getaddrinfo made up for nothing is EHOSTUNREACH', async () => {
  const madeUp = new MadeUpAddresses();
  const { socket, browser } = create({ madeUp });
  const ip = madeUp.standFor('nobody.example', 4, Promise.reject(new Error('not found')));
  socket.beginConnect({ ip, port: 5432 }, true);
  await settled();
  assert.equal(browser.clients.length, 0);
  assert.throws(() => socket.finishConnect(), (error) => error === EHOSTUNREACH);
});

test('options set before connect() are passed to the browser', async () => {
  const { socket, browser } = create();
  socket.setKeepAlive(true, 60);
  findOption(socket, SOL_SOCKET, SO_SNDBUF).set?.(socket, /** @type {any} */ (20_000));
  socket.beginConnect(peer, true);
  await settled();
  assert.deepEqual(browser.clients[0].options, { noDelay: true, keepAliveDelay: 60_000, sendBufferSize: 20_000 });
});

test('a bound socket connects from its address where the platform can, and is EADDRNOTAVAIL elsewhere', async () => {
  for (const bindsLocally of [false, true]) {
    const { socket, browser, explained } = create({ browser: fakeTcpBrowser({ bindsLocally }) });
    socket.beginBind(at('127.0.0.1', 40_007));
    await settled();
    browser.servers[0].open();
    await settled();
    if (!bindsLocally) {
      assert.equal(thrown(() => socket.beginConnect(peer, true)), EADDRNOTAVAIL);
      assert.match(explained.join('\n'), /EADDRNOTAVAIL.*leave out bind/);
      continue;
    }
    socket.beginConnect(peer, true);
    await settled();
    assert.equal(browser.clients[0].options.localPort, 40_007);
  }
});

test('a socket bound to any port connects from the address the browser chooses, if that is the one it is bound to', async () => {
  const loopback = at('127.0.0.1', 7), elsewhere = at('192.0.2.1', 7);
  for (const [text, to, connects] of /** @type {const} */ ([
    ['127.0.0.1', loopback, true], ['0.0.0.0', elsewhere, true],
    ['127.0.0.1', elsewhere, false], ['127.0.0.2', loopback, false], ['192.0.2.9', elsewhere, false],
  ])) {
    const { socket, browser } = create();
    socket.beginBind(at(text, 0));
    await settled();
    browser.servers[0].open();
    await settled();
    if (connects) {
      socket.beginConnect(to, true);
      await settled();
      assert.deepEqual(browser.clients[0].options, { noDelay: true });
    } else {
      assert.equal(thrown(() => socket.beginConnect(to, true)), EADDRNOTAVAIL);
    }
    socket.close();
  }
});

test('a port that is bound and does not listen refuses the connections of its own program', async () => {
  for (const [text, to, refused] of /** @type {const} */ ([
    ['127.0.0.1', '127.0.0.1', true], ['0.0.0.0', '127.0.0.1', true], ['127.0.0.1', '127.0.0.2', false],
  ])) {
    const { socket: holder, browser: bound } = create();
    holder.beginBind(at(text, 0));
    await settled();
    bound.servers[0].open();
    await settled();
    const { port } = holder.localEndpoint();
    const { socket, browser } = create();
    socket.beginConnect(at(to, port), true);
    await settled();
    assert.equal(browser.clients.length, refused ? 0 : 1);
    if (refused) assert.equal(thrown(() => socket.finishConnect()), ECONNREFUSED);
    holder.finishListen(1);
    const after = create();
    after.socket.beginConnect(at(to, port), true);
    await settled();
    assert.equal(after.browser.clients.length, 1);
    holder.close();
  }
});

test('bind() waits for the browser, and knows the port then', async () => {
  const { socket, browser } = create();
  socket.beginBind(at('127.0.0.1', 0));
  assert.equal(thrown(() => socket.finishBind()), EAGAIN);
  assert.equal(thrown(() => socket.localEndpoint()), EAGAIN);
  assert.equal(thrown(() => socket.beginBind(at('127.0.0.1', 0))), EINVAL);
  await settled();
  browser.servers[0].open();
  await settled();
  assert.equal(socket.finishBind(), 0);
  assert.equal(socket.localEndpoint().port, 50_000);
});

test('a bind that failed is told once, and can be tried again', async () => {
  const { socket, browser } = create();
  socket.beginBind(at('127.0.0.1', 40_000));
  await settled();
  browser.servers[0].fail('NetworkError');
  await settled();
  assert.equal(thrown(() => socket.finishBind()), EADDRINUSE);
  assert.equal(socket.finishBind(), 0);
  socket.beginBind(at('127.0.0.1', 40_001));
});

test('accept() is EAGAIN until a connection comes, which has the peer and the port', async () => {
  const { socket, server, queue } = await listening();
  assert.equal(thrown(() => socket.accept()), EAGAIN);
  const woken = watch(queue);
  const client = server.connection();
  await settled();
  assert.ok(woken() > 0);
  assert.equal(socket.poll() & POLLIN, POLLIN);
  const connection = socket.adopt(socket.accept(), new FakeNode());
  client.receive('hello');
  await settled();
  assert.equal(receive(connection), 'hello');
  assert.deepEqual([connection.peerEndpoint().port, connection.localEndpoint().port], [60_000, 40_000]);
  assert.equal(socket.poll() & POLLIN, 0);
});

test('an accepted socket inherits the options that Linux hands down, and no timeouts', async () => {
  const { socket, server } = await listening();
  socket.receiveTimeout = 50;
  socket.linger = 0;
  socket.noDelay = true;
  server.connection();
  await settled();
  const connection = socket.adopt(socket.accept(), new FakeNode());
  assert.deepEqual([connection.linger, connection.noDelay, connection.receiveTimeout], [0, true, 0]);
});

test('a socket that is not listening does not accept, and one that is listening does not connect', async () => {
  assert.equal(thrown(() => create().socket.accept()), EINVAL);
  const { socket } = await listening();
  assert.equal(thrown(() => socket.beginConnect(peer, false)), EISCONN);
});

test('send() takes what SO_SNDBUF has room for, then is EAGAIN until bytes have left', async () => {
  const { socket, client, queue } = await connected();
  client.stalled = true;
  const limit = socket.sendLimit();
  const whole = 'x'.repeat(limit + 5);
  assert.deepEqual([limit, limit + 1].map((length) => socket.takesAtOnce(length)), [true, false]);
  assert.equal(send(socket, whole), limit);
  assert.equal(socket.takesAtOnce(1), false);
  assert.equal(thrown(() => send(socket, 'more')), EAGAIN);
  assert.equal(socket.poll() & POLLOUT, 0);
  const woken = watch(queue);
  client.resume();
  await settled();
  assert.ok(woken() > 0);
  assert.equal(socket.poll() & POLLOUT, POLLOUT);
  assert.equal(client.text.length, limit);
});

test('send() is EPIPE, ENOTCONN or EAGAIN where there is no connection to send on', async () => {
  const { socket } = create();
  assert.equal(thrown(() => send(socket, 'x')), EPIPE);
  assert.equal(thrown(() => socket.shutdown(SHUT_WR)), ENOTCONN);
  socket.beginConnect(peer, true);
  assert.equal(thrown(() => send(socket, 'x')), EAGAIN);
  assert.deepEqual([socket.takesAtOnce(1), socket.hasBytes()], [false, false]);
  const made = await connected();
  assert.equal(thrown(() => send(made.socket, 'x', MSG_OOB)), EOPNOTSUPP);
  assert.equal(made.socket.send(0, () => assert.fail('nothing to copy'), 0), 0);
});

test('receive() reads across pieces, peeks, and is EAGAIN when there is nothing', async () => {
  const { socket, client } = await connected();
  assert.equal(thrown(() => receive(socket)), EAGAIN);
  assert.deepEqual([socket.nothingToReceive(), socket.hasBytes()], [true, false]);
  client.receive('ab');
  client.receive('cd');
  await settled();
  assert.equal(socket.hasBytes(), true);
  assert.equal(socket.nextLength(), 4);
  assert.equal(receive(socket, 3, true), 'abc');
  assert.equal(receive(socket, 3), 'abc');
  assert.equal(receive(socket), 'd');
});

test('reading ahead stops at SO_RCVBUF', async () => {
  const { socket, client } = await connected();
  findOption(socket, SOL_SOCKET, SO_RCVBUF).set?.(socket, /** @type {any} */ (2000));
  client.receive('x'.repeat(4000));
  client.receive('y');
  await settled();
  assert.equal(socket.nextLength(), 4000);
  assert.equal(socket.isFull(), true);
  assert.equal(receive(socket, 4000).length, 4000);
  await settled();
  assert.equal(receive(socket), 'y');
});

test('receive() is ENOTCONN on a socket that was never connected', () => {
  assert.equal(thrown(() => receive(create().socket)), ENOTCONN);
});

test("the end of the peer's side reads as 0, again and again", async () => {
  const { socket, client } = await connected();
  client.receive('last');
  client.end();
  await settled();
  assert.equal(socket.poll() & (POLLIN | POLLRDHUP | POLLHUP), POLLIN | POLLRDHUP);
  assert.equal(receive(socket), 'last');
  assert.equal(receive(socket), '');
  assert.equal(receive(socket), '');
  assert.equal(send(socket, 'still'), 5);
});

test('a reset is ECONNRESET once, then the end; sending is EPIPE', async () => {
  const { socket, client } = await connected();
  client.receive('kept');
  client.break();
  await settled();
  assert.equal(socket.poll() & (POLLERR | POLLHUP | POLLIN), POLLERR | POLLHUP | POLLIN);
  assert.equal(receive(socket), 'kept');
  assert.equal(thrown(() => receive(socket)), ECONNRESET);
  assert.equal(receive(socket), '');
  assert.equal(thrown(() => send(socket, 'x')), EPIPE);
  assert.equal(thrown(() => socket.peerEndpoint()), ENOTCONN);
});

test('shutdown() ends each half, in its own way', async () => {
  const { socket, client } = await connected();
  assert.equal(thrown(() => socket.shutdown(7)), EINVAL);
  assert.equal(socket.shutdown(SHUT_RD), 0);
  assert.equal(receive(socket), '');
  assert.equal(send(socket, 'x'), 1);
  assert.equal(socket.shutdown(SHUT_WR), 0);
  assert.equal(thrown(() => send(socket, 'y')), EPIPE);
  assert.equal(socket.poll() & POLLHUP, POLLHUP);
  await settled();
  assert.deepEqual(client.events, ['close', 'cancel']);
  assert.equal(client.text, 'x');
});

test('shutdown() of a listening socket wakes accept() with EINVAL, and frees the port', async () => {
  const { socket, server, queue } = await listening();
  const woken = watch(queue);
  assert.equal(socket.shutdown(SHUT_RDWR), 0);
  assert.ok(woken() > 0);
  assert.equal(thrown(() => socket.accept()), EINVAL);
  await server.closed;
});

test('a closed socket is EBADF to everyone, wakes who waits, and its bytes go out', async () => {
  const { socket, client, queue } = await connected();
  send(socket, 'bye');
  const woken = watch(queue);
  socket.close();
  assert.equal(woken(), 1);
  assert.equal(socket.poll(), POLLNVAL);
  for (const call of [() => receive(socket), () => send(socket, 'x'), () => socket.accept(), () => socket.finishConnect(),
    () => socket.beginConnect(peer, false), () => socket.beginBind(peer), () => socket.localEndpoint(),
    () => socket.peerEndpoint(), () => socket.shutdown(SHUT_WR), () => socket.disconnect()]) {
    assert.equal(thrown(call), EBADF);
  }
  await client.closed;
  assert.equal(client.text, 'bye');
});

test('SO_LINGER with 0 s drops what has not left', async () => {
  const { socket, client } = await connected();
  client.stalled = true;
  send(socket, 'first');
  send(socket, 'second');
  socket.linger = 0;
  socket.close();
  await settled();
  assert.equal(client.text, 'first');
  assert.equal(client.events[0], 'abort');
});

test('connect() to AF_UNSPEC makes a socket as new', async () => {
  const { socket, browser } = await connected();
  socket.disconnect();
  assert.equal(socket.poll(), POLLHUP | WRITABLE);
  assert.equal(thrown(() => receive(socket)), ENOTCONN);
  assert.equal(socket.beginConnect(peer, true), true);
  await settled();
  assert.equal(browser.clients.length, 2);
});

test('keep-alive of an open connection is ENOPROTOOPT where the browser cannot, unless nothing changes', async () => {
  const { socket, explained } = await connected();
  socket.setKeepAlive(false, socket.keepIdle);
  assert.equal(thrown(() => socket.setKeepAlive(true, 60)), ENOPROTOOPT);
  assert.match(explained.join('\n'), /before connect\(\)/);
});

test('an IPv6 socket sees IPv4 addresses as mapped ones', async () => {
  const { socket } = await connected({ family: AF_INET6 });
  assert.equal(socket.localEndpoint().ip.text, '::ffff:127.0.0.1');
});
