// A listening port over a browser in the test's hands: binding, taking connections ahead within the backlog, letting go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, EINVAL, EIO } from '../src/abi.js';
import { TcpListener, listenerReleased } from '../src/tcp-listener.js';
import { FakeTcpSocket, fakeTcpBrowser } from './fake-tcp.js';
import { domError, settled } from './support.js';

/** @param {{ localAddress?: string, localPort?: number, ipv6Only?: boolean, browser?: ReturnType<typeof fakeTcpBrowser> }} [setup] */
function create({ localAddress = '127.0.0.1', localPort = 0, ipv6Only = false, browser = fakeTcpBrowser() } = {}) {
  /** @type {string[]} */
  const explained = [];
  const seen = { connections: 0 };
  const listener = new TcpListener({
    TCPServerSocket: browser.TCPServerSocket, localAddress, localPort, ipv6Only,
    onConnection: () => void seen.connections++,
    explain: (text) => explained.push(text),
  });
  return { listener, browser, explained, seen };
}

/** @param {Parameters<typeof create>[0]} [setup] */
async function bound(setup) {
  const made = create(setup);
  await settled();
  const server = made.browser.servers[made.browser.servers.length - 1];
  server.open();
  await made.listener.opening;
  return { ...made, server };
}

test('an ephemeral port is asked for by leaving localPort out, and known once bound', async () => {
  const { listener, server } = await bound();
  assert.ok(!('localPort' in server.options));
  assert.equal(listener.localPort, 50_000);
});

test('ipv6Only is asked for on :: alone', async () => {
  assert.equal((await bound({ localAddress: '::', ipv6Only: true })).server.options.ipv6Only, true);
  assert.ok(!('ipv6Only' in (await bound({ localAddress: '::1', ipv6Only: true })).server.options));
});

test('the errors of opening become errnos, and a refused port is explained by the rule', async () => {
  for (const [name, errno] of /** @type {[string, number][]} */ ([
    ['NetworkError', EADDRINUSE], ['DataError', EADDRNOTAVAIL], ['TypeError', EINVAL], ['InvalidAccessError', EACCES],
    ['NotAllowedError', EACCES], ['SecurityError', EACCES], ['OddError', EIO],
  ])) {
    const { listener, browser, explained } = create({ localPort: 80 });
    await settled();
    browser.servers[0].fail(name);
    assert.equal(await listener.opening.catch((cause) => cause), errno, name);
    if (errno === EACCES) assert.match(explained.join('\n'), /bind 127\.0\.0\.1:80: EACCES: .*below 32768/);
    if (errno === EIO) assert.match(explained.join('\n'), /EIO: OddError/);
  }
});

test('no connection is taken before listen()', async () => {
  const { listener, server, seen } = await bound();
  server.connection();
  await settled();
  assert.equal(server.reads, 0);
  listener.listen(5);
  await settled();
  assert.equal(seen.connections, 1);
});

test('as many connections are taken ahead as the backlog says; accept() makes room', async () => {
  const { listener, server, seen } = await bound();
  listener.listen(2);
  for (let i = 0; i < 4; i++) server.connection();
  await settled();
  assert.equal(seen.connections, 2);
  assert.ok(listener.accept());
  await settled();
  assert.equal(seen.connections, 3);
});

test('connections are accepted in the order in which they came', async () => {
  const { listener, server } = await bound();
  listener.listen(5);
  const made = [server.connection(), server.connection()];
  await settled();
  assert.deepEqual([listener.accept()?.socket, listener.accept()?.socket, listener.accept()], [...made, undefined]);
});

test('a connection that fails to open is passed over', async () => {
  const { listener, server, seen } = await bound();
  listener.listen(5);
  const lost = new FakeTcpSocket();
  lost.fail('NetworkError');
  server.connection(lost);
  const good = server.connection();
  await settled();
  assert.equal(seen.connections, 1);
  assert.equal(listener.accept()?.socket, good);
});

test('a port that the browser has lost is read no more', async () => {
  const { listener, explained } = await bound();
  let reads = 0;
  const reader = /** @type {AcceptReader} */ (listener.reader);
  reader.read = () => {
    // Without an end to it the event loop would never turn again.
    return ++reads < 10 ? Promise.reject(domError('NetworkError')) : new Promise(() => {});
  };
  listener.listen(5);
  await settled();
  listener.listen(5);
  await settled();
  assert.equal(reads, 1);
  assert.match(explained.join('\n'), /listen 127\.0\.0\.1:50000: the browser has lost the port/);
});

test('close() closes the connections that nobody accepted, and one that is being taken', async () => {
  const { listener, server } = await bound();
  listener.listen(5);
  const pending = server.connection();
  await settled();
  const late = new FakeTcpSocket();
  server.incoming.push({ value: late, done: false });
  server.readers.shift()?.resolve(server.incoming.shift());
  await settled();
  listener.close();
  late.open();
  await settled();
  assert.deepEqual(pending.events, ['socket closed']);
  assert.deepEqual(late.events, ['socket closed']);
});

test('a bind that follows a close at once waits until the port is free', async () => {
  const browser = fakeTcpBrowser();
  const first = await bound({ browser, localPort: 40_001 });
  first.server.reader = () => assert.fail('the reader was taken already');
  const reader = /** @type {AcceptReader} */ (first.listener.reader);
  /** @type {() => void} */
  let letGo = () => {};
  reader.cancel = () => new Promise((resolve) => {
    letGo = () => resolve();
  });
  first.listener.close();
  const second = create({ browser, localPort: 40_001 });
  await settled();
  assert.equal(browser.servers.length, 1, 'not opened yet');
  letGo();
  await settled();
  assert.equal(browser.servers.length, 2);
  browser.servers[1].open();
  await second.listener.opening;
  assert.equal(listenerReleased(40_001), undefined);
});
