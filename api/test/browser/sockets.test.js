// The API in a real Isolated Web App in Chromium, against node:net and node:dgram.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { hashOfMegabytes, megabyte, tcpClient, tcpServer, textOf, udpPeer } from '../unit/peers.js';
import { launchApp, withoutChromium } from './support.js';

const limits = { skip: withoutChromium, timeout: 120_000 };
const MEGABYTES = 64;

/** @type {Awaited<ReturnType<typeof launchApp>>} */
let app;
before(async () => {
  if (!withoutChromium) app = await launchApp();
});
after(() => app?.close());

/**
 * Calls a function in the page.
 * @template {any[]} A @template R @param {(...args: A) => R} task @param {A} args @returns {Promise<Awaited<R>>}
 */
const inPage = (task, ...args) => /** @type {any} */ (app.page.evaluate(task, ...args));

/** Of the page, in the functions that run there. @type {any} */
const under = undefined;

test('a client: bytes go both ways, and the end is told', limits, async () => {
  const port = await tcpServer((socket) => {
    socket.on('data', (data) => socket.end(`heard ${data}`));
  });
  const heard = await inPage(async (to) => {
    const connection = await under.api.connect({ host: '127.0.0.1', port: to });
    await connection.writable.getWriter().write(under.bytes('hello'));
    let all = '';
    for await (const chunk of connection.readable) all += under.text(chunk);
    const { remoteAddress, remotePort } = connection;
    await connection.close();
    await connection.closed;
    return { all, remoteAddress, remotePort };
  }, port);
  assert.deepEqual(heard, { all: 'heard hello', remoteAddress: '127.0.0.1', remotePort: port });
});

for (const how of ['awaiting each write', 'by a pipe', 'and closed at once']) {
  test(`${MEGABYTES} MiB to a reader that stalls arrive whole, ${how}`, limits, async () => {
    /** @type {(result: {hash: string, length: number}) => void} */
    let settle;
    const received = new Promise((resolve) => (settle = resolve));
    const port = await tcpServer((socket) => {
      const hash = createHash('sha256');
      let length = 0;
      const stall = () => {
        socket.pause();
        setTimeout(() => socket.resume(), 200);
      };
      stall();
      socket.on('data', (data) => {
        hash.update(data);
        if (length >> 23 !== (length + data.length) >> 23) stall();
        length += data.length;
      });
      socket.on('end', () => settle({ hash: hash.digest('hex'), length }));
    });
    await inPage(async (to, count, way) => {
      const connection = await under.api.connect({ host: '127.0.0.1', port: to });
      if (way === 'by a pipe') {
        let number = 0;
        await new ReadableStream({
          pull(controller) {
            if (number < count) controller.enqueue(under.megabyte(number++));
            else controller.close();
          },
        }).pipeTo(connection.writable, { preventClose: true });
      } else {
        const writer = connection.writable.getWriter();
        for (let number = 0; number < count; number++) {
          const written = writer.write(under.megabyte(number));
          if (way === 'awaiting each write') await written;
        }
      }
      await connection.close();
    }, port, MEGABYTES, how);
    assert.deepEqual(await received, { hash: hashOfMegabytes(MEGABYTES), length: MEGABYTES << 20 });
  });
}

test('a server: connections are iterated over, echoed whole, and end with the listener', limits, async () => {
  const port = await inPage(async () => {
    const listener = under.kept.listener = await under.api.listen({ address: '127.0.0.1' });
    under.kept.serving = (async () => {
      let count = 0;
      for await (const connection of listener) {
        count += 1;
        void connection.readable.pipeTo(connection.writable, { preventClose: true }).then(() => connection.close());
      }
      return count;
    })();
    return listener.localPort;
  });
  const total = 16;
  const hashes = await Promise.all([0, 1].map(async () => {
    const client = await tcpClient(port, { allowHalfOpen: true });
    const hash = createHash('sha256');
    client.on('data', (data) => hash.update(data));
    const ended = once(client, 'end');
    let length = 0;
    const whole = new Promise((resolve) => client.on('data', (data) => {
      length += data.length;
      if (length >= total << 20) resolve(undefined);
    }));
    for (let number = 0; number < total; number++) {
      if (!client.write(megabyte(number))) await once(client, 'drain');
    }
    // Chromium 156 may leave a write unfinished when the peer's FIN comes in its middle: docs/differences.md.
    await whole;
    client.end();
    await ended;
    return hash.digest('hex');
  }));
  assert.deepEqual(hashes, [hashOfMegabytes(total), hashOfMegabytes(total)]);
  const [count, error] = await inPage(async () => {
    const { listener, serving } = under.kept;
    await listener.close();
    await listener.closed;
    return [await serving, await under.failure(listener.accept())];
  });
  assert.equal(count, 2);
  assert.equal(error.code, 'EBADF');
  await assert.rejects(tcpClient(port), { code: 'ECONNREFUSED' });
});

test('UDP: an echo by iteration, until the socket is closed', limits, async () => {
  const port = await inPage(async () => {
    const socket = under.kept.socket = await under.api.bindUdp({ address: '127.0.0.1' });
    under.kept.echoing = (async () => {
      for await (const { data, address, port: from } of socket) await socket.send(data, { address, port: from });
      return 'over';
    })();
    return socket.localPort;
  });
  const { socket: peer } = await udpPeer();
  for (const data of [Buffer.from('ping'), Buffer.alloc(60_000, 7)]) {
    peer.send(data, port, '127.0.0.1');
    assert.deepEqual((await once(peer, 'message'))[0], data);
  }
  assert.equal(await inPage(async () => {
    await under.kept.socket.close();
    return under.kept.echoing;
  }), 'over');
});

test('UDP: a remote peer by name, stripes, a shared port and a group', limits, async () => {
  assert.deepEqual(await inPage(async () => {
    const { bindUdp } = under.api;
    const server = await bindUdp({ address: '127.0.0.1', stripes: 2 });
    const client = await bindUdp({ remote: { address: 'localhost', port: server.localPort } });
    await client.send(under.bytes('question'));
    const { data, address, port } = await server.receive();
    await server.send(under.bytes(`${under.text(data)} answered`), { address, port });
    const answer = under.text((await client.receive()).data);
    const member = await bindUdp({ shared: true });
    const other = await bindUdp({ shared: true, port: member.localPort });
    const joined = await under.failure(member.join('239.255.77.1'));
    let group = joined?.code;
    if (!joined) {
      await client.close();
      const sender = await bindUdp();
      await sender.send(under.bytes('to all'), { address: '239.255.77.1', port: member.localPort });
      group = under.text((await member.receive()).data);
      await member.leave('239.255.77.1');
      await sender.close();
    }
    await Promise.all([server, client, member, other].map((socket) => socket.close()));
    return { answer, group, left: member.groups };
  }), { answer: 'question answered', group: 'to all', left: [] });
});

test('UDP: a datagram that Chrome refuses is told to who sent it, and the socket goes on', limits, async () => {
  const { socket: peer, port } = await udpPeer();
  const heard = once(peer, 'message');
  const failures = await inPage(async (to) => {
    const socket = await under.api.bindUdp({ address: '127.0.0.1' });
    const data = under.bytes('x');
    const attempts = [
      socket.send(new Uint8Array(65508), { address: '127.0.0.1', port: to }),
      socket.send(new Uint8Array(), { address: '127.0.0.1', port: to }),
      socket.send(data, { address: '192.0.2.1', port: to }),
      socket.send(data, { address: '127.0.0.1', port: to }),
    ];
    const told = await Promise.all(attempts.map(under.failure));
    await socket.close();
    return told.map((error) => error?.code ?? 'sent');
  }, port);
  assert.deepEqual(failures.slice(0, 2), ['EMSGSIZE', 'EOPNOTSUPP']);
  assert.match(failures[2], /^E(INVAL|NETUNREACH)$/);
  assert.equal(failures[3], 'sent');
  assert.equal(String((await heard)[0]), 'x');
});

test('what Chrome refuses: a code, what was tried, and its rule', limits, async () => {
  const taken = await tcpServer(() => {});
  const { port: takenUdp } = await udpPeer();
  const told = await inPage(async (tcp, udp) => {
    const { connect, listen, bindUdp } = under.api;
    const free = await listen({ address: '127.0.0.1' });
    const { localPort } = free;
    await free.close();
    return Promise.all([
      connect({ host: '127.0.0.1', port: localPort }),
      connect({ host: 'no-such-host.invalid', port: 80 }),
      listen({ address: '127.0.0.1', port: tcp }),
      listen({ address: '127.0.0.1', port: 8080 }),
      bindUdp({ address: '127.0.0.1', port: udp }),
      bindUdp({ address: '127.0.0.1', port: 53 }),
      bindUdp({ address: '192.0.2.1' }),
      listen({ address: '192.0.2.1' }),
      listen({ port: 0 }),
    ].map(under.failure));
  }, Math.max(taken, 32768), takenUdp);
  const messages = told.map((/** @type {any} */ error) => error?.message);
  const expected = [
    /^connect 127\.0\.0\.1:\d+: ECONNREFUSED: nothing listens there/,
    /^connect no-such-host\.invalid:80: ENOTFOUND: no such name/,
    /^listen 127\.0\.0\.1:\d+: EADDRINUSE: the port is taken/,
    /^listen 127\.0\.0\.1:8080: EACCES: Chrome refuses TCP server ports below 32768.*use 32768 or above/,
    /^bind 127\.0\.0\.1:\d+: EADDRINUSE: the port is taken/,
    /^bind 127\.0\.0\.1:53: EACCES: Chrome refuses UDP ports below 1024.*use 1024 or above/,
    /^bind 192\.0\.2\.1: EADDRNOTAVAIL: the address is not one of this machine/,
    /^listen 192\.0\.2\.1: EADDRNOTAVAIL: the address is not one of this machine/,
    /^listen 0\.0\.0\.0: EINVAL: port is 0.*leave it out for a free one/,
  ];
  for (const [i, pattern] of expected.entries()) assert.match(String(messages[i]), pattern);
});

test('abort: what waits rejects with the reason, and the peer sees an end', limits, async () => {
  const { promise: ended, resolve } = Promise.withResolvers();
  const port = await tcpServer((socket) => {
    socket.resume().on('close', resolve);
  });
  const told = await inPage(async (to) => {
    const { connect, listen, bindUdp } = under.api;
    const controller = new AbortController();
    const { signal } = controller;
    const connection = await connect({ host: '127.0.0.1', port: to, signal });
    const listener = await listen({ address: '127.0.0.1', signal });
    const socket = await bindUdp({ address: '127.0.0.1', signal });
    const waits = [connection.readable.getReader().read(), connection.closed, listener.accept(), socket.receive()].map(under.failure);
    controller.abort(new Error('enough'));
    waits.push(under.failure(connect({ host: '127.0.0.1', port: to, signal })));
    const reasons = await Promise.all(waits);
    await Promise.all([socket.closed, under.failure(listener.closed)]);
    await (await listen({ address: '127.0.0.1', port: listener.localPort })).close();
    return reasons.map((error) => error?.message);
  }, port);
  assert.deepEqual(told, Array(5).fill('enough'));
  await ended;
});

test('leaving a block disposes: the peer sees the end, the ports are free', limits, async () => {
  /** @type {Promise<string>[]} */
  const heard = [];
  const port = await tcpServer((socket) => void heard.push(textOf(socket)));
  await inPage(async (to) => {
    const { connect, listen, bindUdp } = under.api;
    let ports;
    {
      await using connection = await connect({ host: '127.0.0.1', port: to });
      await using listener = await listen({ address: '127.0.0.1' });
      await using socket = await bindUdp({ address: '127.0.0.1' });
      void connection.writable.getWriter().write(under.bytes('last words'));
      ports = [listener.localPort, socket.localPort];
    }
    await (await listen({ address: '127.0.0.1', port: ports[0] })).close();
    await (await bindUdp({ address: '127.0.0.1', port: ports[1] })).close();
  }, port);
  assert.equal(await heard[0], 'last words');
});

test('a peer that resets: ECONNRESET', limits, async () => {
  const port = await tcpServer((socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  });
  const told = await inPage(async (to) => {
    const connection = await under.api.connect({ host: '127.0.0.1', port: to });
    await connection.writable.getWriter().write(under.bytes('go away'));
    return Promise.all([under.failure(connection.readable.getReader().read()), under.failure(connection.closed)]);
  }, port);
  assert.deepEqual(told.map((/** @type {any} */ error) => error?.code), ['ECONNRESET', 'ECONNRESET']);
});

test('in a worker of the app', limits, async () => {
  assert.equal(await inPage(() => under.inWorker('udpEcho')), 'echo');
});
