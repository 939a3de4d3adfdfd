// The Node implementation of UDPSocket against node:dgram: the interface and the errors of the browser's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { NodeUDPSocket } from '../src/node/udp-socket.js';

/** @param {UDPSocketOptions} options @param {import('node:test').TestContext} context */
async function open(options, context) {
  const socket = new NodeUDPSocket(options);
  const info = await socket.opened;
  context.after(() => socket.close());
  // Sockets do not keep Node running; a test that waits for one has to.
  const hold = setInterval(() => {}, 1000);
  context.after(() => clearInterval(hold));
  return { socket, info, reader: info.readable.getReader(), writer: info.writable.getWriter() };
}

/** @param {'udp4' | 'udp6'} type @param {string} address @param {import('node:test').TestContext} context */
async function peer(type, address, context) {
  const socket = createSocket(type);
  socket.bind(0, address);
  await once(socket, 'listening');
  context.after(() => socket.close());
  return socket;
}

test('it opens on an ephemeral port and says which', async (context) => {
  const { info } = await open({ localAddress: '127.0.0.1' }, context);
  assert.equal(info.localAddress, '127.0.0.1');
  assert.ok(info.localPort > 0);
});

test('datagrams come and go', async (context) => {
  const other = await peer('udp4', '127.0.0.1', context);
  const { info, reader, writer } = await open({ localAddress: '127.0.0.1' }, context);
  other.send('ping', info.localPort, '127.0.0.1');
  const { value } = await reader.read();
  assert.ok(value);
  assert.equal(Buffer.from(value.data).toString(), 'ping');
  assert.equal(value.remoteAddress, '127.0.0.1');
  assert.equal(value.remotePort, other.address().port);
  const answer = once(other, 'message');
  await writer.write({ data: new TextEncoder().encode('pong'), remoteAddress: '127.0.0.1', remotePort: other.address().port });
  const [message, { port }] = await answer;
  assert.equal(message.toString(), 'pong');
  assert.equal(port, info.localPort);
});

test('datagrams that came before anyone read are kept in order', async (context) => {
  const other = await peer('udp4', '127.0.0.1', context);
  const { info, reader } = await open({ localAddress: '127.0.0.1' }, context);
  for (const text of ['a', 'b', 'c']) other.send(text, info.localPort, '127.0.0.1');
  const texts = [];
  for (let i = 0; i < 3; i++) texts.push(Buffer.from((await reader.read()).value?.data ?? []).toString());
  assert.deepEqual(texts, ['a', 'b', 'c']);
});

test('whoever takes each datagram gets those that came before, and the end', async (context) => {
  const other = await peer('udp4', '127.0.0.1', context);
  const { socket, info, reader } = await open({ localAddress: '127.0.0.1' }, context);
  const came = once(socket.socket, 'message');
  other.send('a', info.localPort, '127.0.0.1');
  await came;
  const texts = /** @type {string[]} */ ([]);
  const { promise, resolve } = Promise.withResolvers();
  const two = Promise.withResolvers();
  reader.each?.(({ data }) => {
    texts.push(Buffer.from(data).toString());
    if (texts.length === 2) two.resolve(undefined);
  }, () => resolve(undefined));
  other.send('b', info.localPort, '127.0.0.1');
  await two.promise;
  assert.deepEqual(texts, ['a', 'b']);
  socket.close();
  await promise;
});

test('datagrams are posted in order, each is told of, and a failure concerns its own alone', async (context) => {
  const other = await peer('udp4', '127.0.0.1', context);
  const { socket, writer } = await open({ localAddress: '127.0.0.1' }, context);
  const got = /** @type {string[]} */ ([]);
  const last = Promise.withResolvers();
  other.on('message', (data) => {
    got.push(data.toString());
    if (got.length === 2) last.resolve(undefined);
  });
  const told = /** @type {(string | undefined)[]} */ ([]);
  const all = Promise.withResolvers();
  const post = writer.poster?.((error) => {
    told.push(error && `${error.name} ${/** @type {any} */ (error).code}`);
    if (told.length === 3) all.resolve(undefined);
  });
  const remote = { remoteAddress: '127.0.0.1', remotePort: other.address().port };
  const data = new TextEncoder().encode('first');
  assert.equal(post?.({ data, ...remote }), true);
  data.fill(0);
  assert.equal(post?.({ data: new Uint8Array(65_508), ...remote }), true);
  assert.equal(post?.({ data: new TextEncoder().encode('second'), ...remote }), true);
  assert.equal(told.length, 0, 'never at once');
  await all.promise;
  assert.deepEqual(told, [undefined, 'NetworkError EMSGSIZE', undefined]);
  await last.promise;
  assert.deepEqual(got, ['first', 'second']);
  const late = Promise.withResolvers();
  socket.close();
  assert.equal(writer.poster?.(late.resolve)({ data: new Uint8Array(1), ...remote }), false);
  assert.equal(/** @type {Error} */ (await late.promise)?.name, 'NetworkError', 'nor does a closed socket throw');
});

test('data that the system has no room for yet are not to be written over', () => {
  // With this option, of Node's own tests, it has none.
  const flags = ['--test-udp-no-try-send', '--input-type=module', '--eval'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, `
    import { createSocket } from 'node:dgram';
    import { NodeUDPSocket } from ${JSON.stringify(new URL('../src/node/udp-socket.js', import.meta.url).href)};
    const other = createSocket('udp4');
    other.bind(0, '127.0.0.1', async () => {
      const { writable } = await new NodeUDPSocket({ localAddress: '127.0.0.1' }).opened;
      const post = writable.getWriter().poster(() => {});
      other.on('message', () => other.close());
      console.log(post({ data: new Uint8Array(4), remoteAddress: '127.0.0.1', remotePort: other.address().port }));
    });
  `], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, 'false\n');
});

test('IPv6, and IPv4 through the wildcard of IPv6', async (context) => {
  const six = await open({ localAddress: '::' }, context);
  const four = await peer('udp4', '127.0.0.1', context);
  four.send('x', six.info.localPort, '127.0.0.1');
  assert.equal((await six.reader.read()).value?.remoteAddress, '::ffff:127.0.0.1');
});

test('ipv6Only leaves the IPv4 port free', async (context) => {
  const six = await open({ localAddress: '::', ipv6Only: true }, context);
  const four = await open({ localAddress: '0.0.0.0', localPort: six.info.localPort }, context);
  assert.equal(four.info.localPort, six.info.localPort);
});

test('a taken port is a NetworkError, with Node\'s code', async (context) => {
  const { info } = await open({ localAddress: '127.0.0.1' }, context);
  const second = new NodeUDPSocket({ localAddress: '127.0.0.1', localPort: info.localPort });
  await assert.rejects(second.opened, { name: 'NetworkError', code: 'EADDRINUSE' });
});

test('two sockets share a port when both say so', async (context) => {
  const first = await open({ localAddress: '127.0.0.1', multicastAllowAddressSharing: true }, context);
  const second = await open(
    { localAddress: '127.0.0.1', localPort: first.info.localPort, multicastAllowAddressSharing: true }, context);
  assert.equal(second.info.localPort, first.info.localPort);
});

test('wrong options are TypeErrors, as the browser\'s are', () => {
  for (const options of [
    {}, { localAddress: '127.0.0.1', localPort: 0 }, { localAddress: '127.0.0.1', localPort: 65536 },
    { remoteAddress: '127.0.0.1' }, { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1', remotePort: 9 },
    { localAddress: '::1', ipv6Only: true },
  ]) {
    assert.throws(() => new NodeUDPSocket(options), TypeError, JSON.stringify(options));
  }
});

test('an address of another machine is a NetworkError', async () => {
  const socket = new NodeUDPSocket({ localAddress: '192.0.2.1' });
  await assert.rejects(socket.opened, { name: 'NetworkError', code: 'EADDRNOTAVAIL' });
});

test('a write that fails rejects, and the next one works', async (context) => {
  const other = await peer('udp4', '127.0.0.1', context);
  const { writer } = await open({ localAddress: '127.0.0.1' }, context);
  const remote = { remoteAddress: '127.0.0.1', remotePort: other.address().port };
  await assert.rejects(writer.write({ data: new Uint8Array(65_508), ...remote }), { name: 'NetworkError', code: 'EMSGSIZE' });
  assert.equal(writer.desiredSize, 1);
  await writer.write({ data: new Uint8Array(1), ...remote });
});

test('connected mode: remoteAddress and remotePort', async (context) => {
  const other = await peer('udp4', '127.0.0.1', context);
  const { info, writer } = await open({ remoteAddress: '127.0.0.1', remotePort: other.address().port }, context);
  assert.equal(info.remotePort, other.address().port);
  const message = once(other, 'message');
  await writer.write(/** @type {UDPMessage} */ ({ data: new Uint8Array(3) }));
  assert.equal((await message)[0].length, 3);
});

test('close ends the reader and settles closed', async (context) => {
  const { socket, reader } = await open({ localAddress: '127.0.0.1' }, context);
  const reading = reader.read();
  await socket.close();
  await socket.closed;
  assert.equal((await reading).done, true);
  assert.equal((await reader.read()).done, true);
});
