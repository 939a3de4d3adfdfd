// Direct Sockets' TCP for Node keeps to the browser's interface: against node:net on the other side, real connections.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { NodeTCPServerSocket } from '../src/node/tcp-server-socket.js';
import { NodeTCPSocket } from '../src/node/tcp-socket.js';

/** A server on a free port, and the first connection it gets. @param {import('node:test').TestContext} context */
async function listen(context) {
  /** @type {(socket: import('node:net').Socket) => void} */
  let settle = () => {};
  /** @type {Promise<import('node:net').Socket>} */
  const accepted = new Promise((resolve) => {
    settle = resolve;
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => settle(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(async () => {
    (await Promise.race([accepted, null]))?.destroy();
    server.close();
  });
  return { port: /** @type {import('node:net').AddressInfo} */ (server.address()).port, accepted };
}

/** @param {import('node:test').TestContext} context */
async function pair(context) {
  const { port, accepted } = await listen(context);
  const socket = new NodeTCPSocket('127.0.0.1', port);
  context.after(() => socket.close());
  const info = await socket.opened;
  return { socket, info, port, peer: await accepted, reader: info.readable.getReader(), writer: info.writable.getWriter() };
}

/** @param {ByteReader} reader */
async function readText(reader) {
  const { value } = await reader.read();
  return value && Buffer.from(value).toString();
}

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text);

test('opened has the addresses of both ends', async (context) => {
  const { info, port, peer } = await pair(context);
  assert.deepEqual([info.remoteAddress, info.remotePort], ['127.0.0.1', port]);
  assert.deepEqual([info.localAddress, info.localPort], [peer.remoteAddress, peer.remotePort]);
});

test('what the constructor cannot take is a TypeError', () => {
  for (const port of [0, 65_536, 1.5]) assert.throws(() => new NodeTCPSocket('127.0.0.1', port), TypeError);
  assert.throws(() => new NodeTCPSocket('127.0.0.1', 1, { keepAliveDelay: 999 }), TypeError);
  assert.throws(() => new NodeTCPServerSocket('127.0.0.1', { localPort: 0 }), TypeError);
  assert.throws(() => new NodeTCPServerSocket('127.0.0.1', { backlog: 0 }), TypeError);
  assert.throws(() => new NodeTCPServerSocket('127.0.0.1', { ipv6Only: true }), TypeError);
});

test('a refused connection is a NetworkError with its code', async () => {
  const free = new NodeTCPServerSocket('127.0.0.1');
  const { localPort } = await free.opened;
  await free.close();
  const error = await new NodeTCPSocket('127.0.0.1', localPort).opened.catch((cause) => cause);
  assert.deepEqual([error.name, error.code], ['NetworkError', 'ECONNREFUSED']);
});

test('bytes go both ways, in order', async (context) => {
  const { reader, writer, peer } = await pair(context);
  await Promise.all([writer.write(bytes('one ')), writer.write(bytes('two'))]);
  const got = [];
  while (Buffer.concat(got).length < 7) got.push((await once(peer, 'data'))[0]);
  assert.equal(Buffer.concat(got).toString(), 'one two');
  peer.write('answer');
  assert.equal(await readText(reader), 'answer');
});

test('a write resolves when the kernel has taken it, so a peer that does not read holds it back', async (context) => {
  const { writer, peer } = await pair(context);
  const large = new Uint8Array(64 << 20);
  let done = false;
  const write = writer.write(large).then(() => {
    done = true;
  });
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(done, false);
  peer.resume();
  await write;
});

test('reading ahead is bounded: the peer is held back', async (context) => {
  const { reader, peer, socket } = await pair(context);
  const large = Buffer.alloc(64 << 20);
  const sent = new Promise((resolve) => void peer.write(large, resolve));
  while (!socket.socket.isPaused()) await new Promise((resolve) => void setImmediate(resolve));
  assert.ok(socket.readable.bytes < (1 << 20), `${socket.readable.bytes} bytes ahead`);
  let got = 0;
  while (got < large.length) got += (await reader.read()).value?.byteLength ?? assert.fail('the end came early');
  await sent;
  assert.equal(got, large.length);
});

test('the peer that ends is done: true, and can still be written to', async (context) => {
  const { reader, writer, peer } = await pair(context);
  peer.end('bye');
  assert.equal(await readText(reader), 'bye');
  assert.equal((await reader.read()).done, true);
  await writer.write(bytes('still here'));
  assert.equal((await once(peer, 'data'))[0].toString(), 'still here');
});

test('closing the writer sends FIN, and reading goes on', async (context) => {
  const { reader, writer, peer } = await pair(context);
  peer.resume();
  const ended = once(peer, 'end');
  await writer.close();
  await ended;
  peer.write('late');
  assert.equal(await readText(reader), 'late');
});

test('aborting the writer resets the connection', async (context) => {
  const { writer, peer } = await pair(context);
  const error = once(peer, 'error');
  await writer.abort();
  assert.equal((await error)[0].code, 'ECONNRESET');
});

test('a reset rejects the reader after what came before it', async (context) => {
  const { reader, peer } = await pair(context);
  const read = reader.read();
  peer.resetAndDestroy();
  const error = await read.catch((cause) => cause);
  assert.deepEqual([error.name, error.code], ['NetworkError', 'ECONNRESET']);
});

test('close() settles closed', async (context) => {
  const { socket } = await pair(context);
  await socket.close();
  await socket.closed;
});

test('a server names its port, and hands out connections in order', async (context) => {
  const server = new NodeTCPServerSocket('127.0.0.1', { backlog: 8 });
  context.after(() => server.close());
  const { localAddress, localPort, readable } = await server.opened;
  assert.equal(localAddress, '127.0.0.1');
  const first = connect(localPort, '127.0.0.1');
  await once(first, 'connect');
  const second = connect(localPort, '127.0.0.1');
  await once(second, 'connect');
  const reader = readable.getReader();
  for (const client of [first, second]) {
    const { value } = await reader.read();
    assert.ok(value);
    const info = await value.opened;
    assert.equal(info.remotePort, client.localPort);
    await value.close();
    client.destroy();
  }
});

test('a taken port is a NetworkError with its code', async (context) => {
  const server = new NodeTCPServerSocket('127.0.0.1');
  context.after(() => server.close());
  const { localPort } = await server.opened;
  const error = await new NodeTCPServerSocket('127.0.0.1', { localPort }).opened.catch((cause) => cause);
  assert.deepEqual([error.name, error.code], ['NetworkError', 'EADDRINUSE']);
});

test('closing a server ends its reader, drops who was not accepted, and frees the port', async () => {
  const server = new NodeTCPServerSocket('127.0.0.1');
  const { localPort, readable } = await server.opened;
  const client = connect(localPort, '127.0.0.1');
  await once(client, 'connect');
  while (server.backlog.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  const closed = once(client, 'close');
  await server.close();
  client.resume();
  await closed;
  assert.equal((await readable.getReader().read()).done, true);
  const again = new NodeTCPServerSocket('127.0.0.1', { localPort });
  await again.opened;
  await again.close();
});
