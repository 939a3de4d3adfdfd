// bindUdp() on Node, against node:dgram.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { bindUdp } from '../../node.js';
import { bytes, text, udpPeer } from './peers.js';

const HERE = '127.0.0.1';

test('datagrams come with their sender, and go to whom they are sent', async () => {
  await using socket = await bindUdp({ address: HERE });
  const { socket: peer, port } = await udpPeer();
  peer.send('ping', socket.localPort, HERE);
  const datagram = await socket.receive();
  assert.deepEqual({ ...datagram, data: text(datagram.data) }, { data: 'ping', address: HERE, port });
  assert.equal(datagram.data.constructor, Uint8Array);
  const data = bytes('pong');
  const sent = socket.send(data, { address: HERE, port });
  data.fill(0); // the bytes were copied
  const [answer] = await once(peer, 'message');
  assert.equal(String(answer), 'pong');
  await sent;
});

test('a socket is iterated over until it is closed', async () => {
  const socket = await bindUdp({ address: HERE });
  const { socket: peer, port } = await udpPeer();
  const echoing = (async () => {
    for await (const { data, address, port: from } of socket) await socket.send(data, { address, port: from });
    return 'over';
  })();
  for (const word of ['one', 'two', '']) {
    peer.send(word, socket.localPort, HERE);
    assert.equal(String((await once(peer, 'message'))[0]), word);
  }
  await socket.close();
  assert.equal(await echoing, 'over');
  await socket.closed;
  await assert.rejects(socket.receive(), { code: 'EBADF', message: /^receive 127\.0\.0\.1:\d+: EBADF: it is closed$/ });
  await assert.rejects(socket.send(bytes('late'), { address: HERE, port }), { code: 'EBADF' });
});

test('with a remote peer, by its name, no other is heard and no address is needed', async () => {
  await using server = await bindUdp({ address: HERE });
  await using socket = await bindUdp({ address: HERE, remote: { address: 'localhost', port: server.localPort } });
  const { socket: stranger } = await udpPeer();
  stranger.send('not for you', socket.localPort, HERE);
  await socket.send(bytes('question'));
  const { data, address, port } = await server.receive();
  assert.equal(text(data), 'question');
  await server.send(bytes('answer'), { address, port });
  assert.equal(text((await socket.receive()).data), 'answer');
});

test('both families on ::', async () => {
  await using socket = await bindUdp({ address: '::' });
  const { socket: peer, port } = await udpPeer();
  await socket.send(bytes('to IPv4'), { address: HERE, port });
  assert.equal(String((await once(peer, 'message'))[0]), 'to IPv4');
  await using six = await bindUdp({ address: '::1' });
  await socket.send(bytes('to IPv6'), { address: '::1', port: six.localPort });
  assert.equal(text((await six.receive()).data), 'to IPv6');
});

test('what cannot be sent: a code, and the socket goes on', async () => {
  await using socket = await bindUdp({ address: HERE });
  const { socket: peer, port } = await udpPeer();
  /** @param {Promise<unknown>} attempt @param {string} code @param {RegExp} message */
  const fails = (attempt, code, message) => assert.rejects(attempt, { name: 'SocketError', code, message });
  const send = (/** @type {any} */ data, /** @type {any} */ to = { address: HERE, port }) => socket.send(data, to);
  await fails(send(new Uint8Array(65508)), 'EMSGSIZE', /^send 127\.0\.0\.1:\d+: EMSGSIZE: 65508 bytes are more than the 65507/);
  await fails(send('text'), 'EINVAL', /TextEncoder/);
  await fails(send(bytes('x'), { address: HERE, port: 0 }), 'EINVAL', /port is 0/);
  await fails(send(bytes('x'), { address: 'localhost', port }), 'EINVAL', /a literal IP address is expected/);
  await fails(send(bytes('x'), { address: '::1', port }), 'EAFNOSUPPORT', /bound to an IPv4 address/);
  await fails(send(bytes('x'), { address: '255.255.255.255', port }), 'EACCES', /no broadcast address/);
  await fails(socket.send(bytes('x')), 'EINVAL', /to whom\?/);
  // From a loopback address the system sends nowhere else, which only it knows.
  await fails(send(bytes('x'), { address: '192.0.2.1', port }), 'EINVAL', /^send 192\.0\.2\.1:\d+: EINVAL/);
  const largest = send(new Uint8Array(65507).fill(7));
  assert.equal((await once(peer, 'message'))[0].length, 65507);
  await largest;
});

test('what cannot be bound: a code, what was tried, and what to do', async () => {
  await using socket = await bindUdp({ address: HERE });
  await assert.rejects(bindUdp({ address: HERE, port: socket.localPort }),
    { code: 'EADDRINUSE', message: /^bind 127\.0\.0\.1:\d+: EADDRINUSE: the port is taken/ });
  await assert.rejects(bindUdp({ address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' });
  await assert.rejects(bindUdp({ address: 'localhost' }), { code: 'EINVAL', message: /a literal address/ });
  await assert.rejects(bindUdp({ port: -1 }), { code: 'EINVAL', message: /port is -1.*leave it out/ });
  await assert.rejects(bindUdp({ remote: { address: 'no-such-host.invalid', port: 9 } }),
    { code: 'ENOTFOUND', message: /^connect no-such-host\.invalid:9: ENOTFOUND/ });
});

test('a flood that no one reads is dropped, and counted', async () => {
  await using socket = await bindUdp({ address: HERE, receiveBuffer: 10_000 });
  await using sender = await bindUdp({ address: HERE, remote: { address: HERE, port: socket.localPort } });
  for (let i = 0; i < 50; i++) await sender.send(new Uint8Array(1000).fill(i));
  while (socket.dropped < 45) await new Promise(setImmediate);
  for (let i = 0; i < 5; i++) assert.equal((await socket.receive()).data[0], i, 'the first ones are kept, in order');
  assert.equal(socket.dropped, 45);
});

test('two sockets share a port where both say so', async () => {
  await using first = await bindUdp({ address: HERE, shared: true });
  await using second = await bindUdp({ address: HERE, port: first.localPort, shared: true });
  assert.equal(first.localPort, second.localPort);
  await assert.rejects(bindUdp({ address: HERE, port: first.localPort }), { code: 'EADDRINUSE' });
});

test('stripes send and hear on one port', async () => {
  await using socket = await bindUdp({ address: HERE, stripes: 4 });
  const { socket: peer, port } = await udpPeer();
  const from = new Set();
  peer.on('message', (_data, { port: sender }) => from.add(sender));
  for (let i = 0; i < 8; i++) {
    await socket.send(bytes(`${i}`), { address: HERE, port });
    await once(peer, 'message');
  }
  assert.deepEqual([...from], [socket.localPort]);
  peer.send('heard', socket.localPort, HERE);
  assert.equal(text((await socket.receive()).data), 'heard');
});

test('an AbortSignal ends a bind, a receive() and a socket', async () => {
  const reason = new Error('no time');
  await assert.rejects(bindUdp({ address: HERE, signal: AbortSignal.abort(reason) }), reason);
  const whole = new AbortController();
  const socket = await bindUdp({ address: HERE, signal: whole.signal });
  const one = new AbortController();
  const receiving = socket.receive({ signal: one.signal });
  one.abort(reason);
  await assert.rejects(receiving, reason);
  const { socket: peer, port } = await udpPeer();
  peer.send('kept', socket.localPort, HERE);
  assert.equal(text((await socket.receive()).data), 'kept', 'what comes after an aborted receive() is not lost');
  const waiting = socket.receive();
  whole.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(socket.send(bytes('late'), { address: HERE, port }), reason);
  await socket.closed;
  await (await bindUdp({ address: HERE, port: socket.localPort })).close();
});

test('groups are joined and left; what is no group is said', async () => {
  await using socket = await bindUdp();
  await assert.rejects(socket.join('192.0.2.1'), { code: 'EINVAL', message: /a multicast address is expected/ });
  await assert.rejects(socket.join('ff02::1'), { code: 'EAFNOSUPPORT' });
  await assert.rejects(socket.leave('239.255.77.1'), { code: 'EADDRNOTAVAIL', message: /no member of that group/ });
  try {
    await socket.join('239.255.77.1');
  } catch (error) {
    // A machine without a route to groups.
    assert.equal(/** @type {any} */ (error).code, 'ENODEV');
    assert.match(String(error), /join 239\.255\.77\.1: ENODEV: .*route/);
    return;
  }
  await socket.join('239.255.77.1'); // twice is once
  assert.deepEqual(socket.groups, ['239.255.77.1']);
  await using sender = await bindUdp();
  await sender.send(bytes('to all'), { address: '239.255.77.1', port: socket.localPort });
  assert.equal(text((await socket.receive()).data), 'to all');
  await socket.leave('239.255.77.1');
  assert.deepEqual(socket.groups, []);
});
