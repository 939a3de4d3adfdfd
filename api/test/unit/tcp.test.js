// connect() and listen() on Node, against node:net.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import test from 'node:test';
import { SocketError, connect, listen } from '../../node.js';
import { bytes, hashOfMegabytes, megabyte, tcpClient, tcpServer, text, textOf } from './peers.js';

const MEGABYTES = 32;

test('bytes go both ways, each end is told, and the connection is over', async () => {
  const port = await tcpServer((socket) => {
    socket.on('data', (data) => socket.write(`heard ${data}`));
    socket.on('end', () => socket.end('bye'));
  }, { allowHalfOpen: true });
  const connection = await connect({ host: 'localhost', port, family: 4 });
  assert.deepEqual([connection.remoteAddress, connection.remotePort], ['127.0.0.1', port]);
  assert.equal(connection.localAddress, '127.0.0.1');
  assert.ok(Number(connection.localPort) > 0);
  const writer = connection.writable.getWriter();
  await writer.write(bytes('hello'));
  await writer.close();
  assert.equal(await textOf(connection.readable), 'heard hellobye');
  await connection.closed;
});

test('a listener is iterated over until it is closed, its connections stay', async () => {
  const listener = await listen({ address: '127.0.0.1' });
  const taken = /** @type {import('../../socket-iwa.d.ts').Connection[]} */ ([]);
  const serving = (async () => {
    for await (const connection of listener) {
      taken.push(connection);
      if (taken.length === 2) void listener.close();
    }
  })();
  const clients = await Promise.all([tcpClient(listener.localPort), tcpClient(listener.localPort)]);
  await serving;
  await listener.closed;
  await assert.rejects(listener.accept(), { code: 'EBADF', message: /^accept 127\.0\.0\.1:\d+: EBADF: the listener is closed$/ });
  assert.deepEqual(taken.map(({ remotePort }) => remotePort).sort(), clients.map(({ localPort }) => localPort).sort());
  for (const connection of taken) void connection.readable.pipeTo(connection.writable);
  for (const client of clients) client.end('after the listener');
  assert.deepEqual(await Promise.all(clients.map((client) => textOf(client))), ['after the listener', 'after the listener']);
});

test('a peer that stalls before it reads gets every byte', async () => {
  /** @type {(hash: string) => void} */
  let settle;
  const received = new Promise((resolve) => (settle = resolve));
  const port = await tcpServer((socket) => {
    const hash = createHash('sha256');
    let length = 0;
    socket.pause();
    setTimeout(() => socket.resume(), 300);
    socket.on('data', (data) => {
      hash.update(data);
      // And again, in the middle.
      if (length < MEGABYTES << 19 && length + data.length >= MEGABYTES << 19) {
        socket.pause();
        setTimeout(() => socket.resume(), 100);
      }
      length += data.length;
    });
    socket.on('end', () => settle(hash.digest('hex')));
  });
  const connection = await connect({ host: '127.0.0.1', port });
  const writer = connection.writable.getWriter();
  for (let number = 0; number < MEGABYTES; number++) await writer.write(megabyte(number));
  writer.releaseLock();
  await connection.close();
  assert.equal(await received, hashOfMegabytes(MEGABYTES));
});

test('a reader that stalls gets every byte, by BYOB too, and makes the peer wait', async () => {
  let sent = 0;
  const port = await tcpServer((socket) => {
    const next = (/** @type {number} */ number) => {
      if (number === MEGABYTES) return void socket.end();
      sent = number;
      socket.write(megabyte(number), () => next(number + 1));
    };
    next(0);
  });
  const connection = await connect({ host: '127.0.0.1', port, readAhead: 65536 });
  const reader = connection.readable.getReader({ mode: 'byob' });
  const hash = createHash('sha256');
  let view = new Uint8Array(100_000);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(sent < MEGABYTES - 8, `the peer has sent ${sent} MiB to one that does not read`);
  for (;;) {
    const { value, done } = await reader.read(view);
    if (done) break;
    hash.update(value);
    view = new Uint8Array(value.buffer);
  }
  assert.equal(hash.digest('hex'), hashOfMegabytes(MEGABYTES));
  await connection.close();
});

test('close() sends what a writer was given and did not wait for', async () => {
  /** @type {Promise<string>[]} */
  const heard = [];
  const port = await tcpServer((socket) => void heard.push(textOf(socket)));
  const connection = await connect({ host: '127.0.0.1', port });
  const writer = connection.writable.getWriter();
  const writes = Array.from({ length: 200 }, (_, i) => writer.write(bytes(`${i} `.repeat(10_000))));
  await connection.close();
  await Promise.all(writes);
  const expected = Array.from({ length: 200 }, (_, i) => `${i} `.repeat(10_000)).join('');
  assert.equal(await heard[0], expected);
  await assert.rejects(writer.write(bytes('late')), { code: 'EBADF' });
  assert.equal((await connection.readable.getReader().read()).done, true);
});

test('close() with bytes that were not read is no reset: what was sent arrives', async () => {
  const listener = await listen({ address: '127.0.0.1' });
  const client = await tcpClient(listener.localPort);
  client.write(Buffer.alloc(100_000));
  const connection = await listener.accept();
  await connection.readable.getReader({ mode: 'byob' }).read(new Uint8Array(1));
  await connection.writable.getWriter().write(bytes('enough'));
  await connection.close();
  assert.equal(await textOf(client), 'enough');
  await listener.close();
});

test('leaving a block disposes of connections and listeners', async () => {
  /** @type {number | undefined} */
  let port;
  let ended;
  {
    await using listener = await listen({ address: '127.0.0.1' });
    port = listener.localPort;
    const client = await tcpClient(port);
    ended = once(client.resume(), 'end');
    await using connection = await listener.accept();
    assert.equal(connection.remotePort, client.localPort);
  }
  await ended;
  await (await listen({ address: '127.0.0.1', port })).close();
});

test('a peer that resets: reading, writing and `closed` say ECONNRESET, after what had come', async () => {
  const listener = await listen({ address: '127.0.0.1' });
  const client = await tcpClient(listener.localPort);
  client.write('before');
  const connection = await listener.accept();
  const reader = connection.readable.getReader();
  assert.equal(text((await reader.read()).value ?? new Uint8Array()), 'before');
  client.resetAndDestroy();
  const reset = { name: 'SocketError', code: 'ECONNRESET', message: /127\.0\.0\.1:\d+: ECONNRESET: the peer ended/ };
  await assert.rejects(reader.read(), reset);
  await assert.rejects(connection.closed, reset);
  await assert.rejects(connection.writable.getWriter().write(bytes('late')), reset);
  await connection.close();
  await listener.close();
});

test('abort() drops what was not sent and resets; a writer that waits rejects with its reason', async () => {
  const reset = Promise.withResolvers();
  const port = await tcpServer((socket) => {
    socket.pause();
    socket.on('error', reset.resolve);
    setTimeout(() => socket.resume(), 200);
  });
  const connection = await connect({ host: '127.0.0.1', port });
  const writer = connection.writable.getWriter();
  const writing = (async () => {
    for (;;) await writer.write(megabyte(0));
  })();
  const reading = connection.readable.getReader().read();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const reason = new Error('enough');
  connection.abort(reason);
  await assert.rejects(writing, reason);
  await assert.rejects(reading, reason);
  await assert.rejects(connection.closed, reason);
  assert.equal(/** @type {any} */ (await reset.promise).code, 'ECONNRESET');
});

test('who cancels reading can write on', async () => {
  const port = await tcpServer((socket) => {
    let heard = 0;
    // More than what is read ahead and the systems' buffers hold: all of it is taken.
    socket.write(Buffer.alloc(32 << 20), () => {
      socket.on('data', (data) => {
        heard += data.length;
        if (heard === 4 << 20) socket.end();
      });
    });
  });
  const connection = await connect({ host: '127.0.0.1', port });
  await connection.readable.cancel();
  const writer = connection.writable.getWriter();
  for (let number = 0; number < 4; number++) await writer.write(megabyte(number));
  await writer.close();
  await connection.closed;
});

test('an AbortSignal ends an attempt, an accept(), a listener and a connection', async () => {
  const reason = new Error('no time');
  await assert.rejects(connect({ host: '127.0.0.1', port: 9, signal: AbortSignal.abort(reason) }), reason);
  const listener = await listen({ address: '127.0.0.1' });
  const first = new AbortController();
  const attempt = connect({ host: '127.0.0.1', port: listener.localPort, signal: first.signal });
  first.abort(reason);
  await assert.rejects(attempt, reason);
  await (await listener.accept()).close();

  const second = new AbortController();
  const accepting = listener.accept({ signal: second.signal });
  second.abort(reason);
  await assert.rejects(accepting, reason);
  const client = await tcpClient(listener.localPort);
  const accepted = await listener.accept();
  assert.equal(accepted.remotePort, client.localPort, 'the connection after an aborted accept() is not lost');
  await accepted.close();

  const third = new AbortController();
  const other = await listen({ address: '127.0.0.1', signal: third.signal });
  const connection = await connect({ host: '127.0.0.1', port: other.localPort, signal: third.signal });
  const iterating = (async () => {
    for await (const each of other) assert.equal(each.remotePort, connection.localPort);
  })();
  await new Promise(setImmediate);
  third.abort(reason);
  await assert.rejects(iterating, reason);
  await assert.rejects(other.closed, reason);
  await assert.rejects(connection.readable.getReader().read(), reason);
  await listener.close();
});

test('a time limit ends an attempt that is not answered, and no connection', async (t) => {
  const listener = await listen({ address: '127.0.0.1' });
  const { localPort: port } = listener;
  const connection = await connect({ host: '127.0.0.1', port, timeout: 20 });
  await new Promise((resolve) => setTimeout(resolve, 60));
  await connection.writable.getWriter().write(bytes('still there'));
  await connection.close();
  const accepted = await listener.accept();
  assert.equal(await textOf(accepted.readable), 'still there');
  await accepted.close();
  await listener.close();
  // A socket that never answers: the system's queue for it is full.
  const { default: net } = await import('node:net');
  t.mock.method(net, 'connect', () => new net.Socket());
  await assert.rejects(connect({ host: '127.0.0.1', port, timeout: 20 }),
    { code: 'ETIMEDOUT', message: /^connect 127\.0\.0\.1:\d+: ETIMEDOUT: no answer within 20 ms/ });
});

test('what cannot be: a code, what was tried, and what to do', async () => {
  const listener = await listen({ address: '127.0.0.1' });
  const { localPort: port } = listener;
  /** @param {Promise<unknown>} attempt @param {string} code @param {RegExp} message */
  const fails = (attempt, code, message) => assert.rejects(attempt, (error) => {
    assert.ok(error instanceof SocketError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
  await fails(listen({ address: '127.0.0.1', port }), 'EADDRINUSE', /^listen 127\.0\.0\.1:\d+: EADDRINUSE: the port is taken/);
  await listener.close();
  await fails(connect({ host: '127.0.0.1', port }), 'ECONNREFUSED', /^connect 127\.0\.0\.1:\d+: ECONNREFUSED: nothing listens/);
  await fails(connect({ host: 'no-such-host.invalid', port }), 'ENOTFOUND', /^connect no-such-host\.invalid:\d+: ENOTFOUND/);
  await fails(connect({ host: '127.0.0.1', port: 0 }), 'EINVAL', /port is 0, which is not from 1 to 65535$/);
  await fails(connect({ host: '', port }), 'EINVAL', /host is needed/);
  await fails(listen({ port: 70_000 }), 'EINVAL', /port is 70000.*leave it out/);
  await fails(listen({ address: '192.0.2.1' }), 'EADDRNOTAVAIL', /^listen 192\.0\.2\.1: EADDRNOTAVAIL: the address is not/);
  // The port is free again after failures.
  await (await listen({ address: '127.0.0.1', port })).close();
});

test('what is written has to be bytes, and a wrong write ends the stream', async () => {
  const port = await tcpServer(() => {});
  const connection = await connect({ host: '127.0.0.1', port });
  const writer = connection.writable.getWriter();
  await assert.rejects(writer.write(/** @type {any} */ ('text')), { code: 'EINVAL', message: /TextEncoder/ });
  await connection.close();
});
