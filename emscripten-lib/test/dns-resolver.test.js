// The configured resolver against a real DNS server, against servers that misbehave, and over HTTPS's protocol.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { EAI_AGAIN, EAI_FAIL, EAI_NODATA, EAI_NONAME } from '../src/abi.js';
import { makeDnsResolver, parseServer } from '../src/dns-resolver.js';
import { NodeTCPSocket } from '../src/node/tcp-socket.js';
import { NodeUDPSocket } from '../src/node/udp-socket.js';
import { chooseSleeper, makeTimers } from '../src/timers.js';
import { MANY, startDnsmasq, whyNoDnsmasq } from './dnsmasq.js';
import { startDohEndpoint } from './doh-endpoint.js';

/** @param {import('../src/dns-resolver.js').DnsOptions} options */
const resolverFor = (options) => makeDnsResolver(options, {
  udp: () => NodeUDPSocket, tcp: () => NodeTCPSocket, explain() {},
  timers: makeTimers(chooseSleeper({ isNode: true }), () => performance.now()),
});

/** @param {Promise<{ ips: { text: string }[] }>} found */
const texts = async (found) => (await found).ips.map(({ text }) => text);

/** @param {number} code */
const isCode = (code) => (/** @type {unknown} */ error) => error === code;

/** Timers do not hold Node's event loop: attempt.js does, of which there is none here. */
const anchor = setInterval(() => {}, 0x7fffffff);

/** @type {{ port: number, stop: () => Promise<void> } | undefined} */
let dnsmasq;
/** @type {Awaited<ReturnType<typeof startDohEndpoint>>} */
let endpoint;
/** @type {(() => void)[]} */
const cleanups = [];

before(async () => {
  if (whyNoDnsmasq) return;
  dnsmasq = await startDnsmasq();
  endpoint = await startDohEndpoint(dnsmasq.port);
});

after(async () => {
  clearInterval(anchor);
  for (const cleanup of cleanups) cleanup();
  endpoint?.stop();
  await dnsmasq?.stop();
});

const overUdp = () => resolverFor({ server: `127.0.0.1:${dnsmasq?.port}` });
const overHttps = () => resolverFor({ https: endpoint.url });

for (const [way, resolver] of /** @type {const} */ ([['DNS', overUdp], ['HTTPS', overHttps]])) {
  test(`${way}: both families, IPv6 first`, { skip: whyNoDnsmasq }, async () => {
    assert.deepEqual(await texts(resolver()('one.test', 0)), ['2001:db8::1', '192.0.2.1']);
  });

  test(`${way}: one family`, { skip: whyNoDnsmasq }, async () => {
    assert.deepEqual(await texts(resolver()('one.test', 4)), ['192.0.2.1']);
  });

  test(`${way}: a name with one family, asked for both`, { skip: whyNoDnsmasq }, async () => {
    assert.deepEqual(await texts(resolver()('four.test', 0)), ['192.0.2.4']);
  });

  test(`${way}: a name without addresses of the family is EAI_NODATA`, { skip: whyNoDnsmasq }, async () => {
    await assert.rejects(resolver()('four.test', 6), isCode(EAI_NODATA));
  });

  test(`${way}: a name that does not exist is EAI_NONAME`, { skip: whyNoDnsmasq }, async () => {
    await assert.rejects(resolver()('nobody.test', 0), isCode(EAI_NONAME));
  });

  test(`${way}: a server that refuses is EAI_AGAIN`, { skip: whyNoDnsmasq }, async () => {
    await assert.rejects(resolver()('example.org', 4), isCode(EAI_AGAIN));
  });

  test(`${way}: aliases lead to the canonical name`, { skip: whyNoDnsmasq }, async () => {
    const { ips, canonname } = await resolver()('alias.test', 4);
    assert.deepEqual([ips.map(({ text }) => text), canonname], [['192.0.2.1'], 'one.test']);
  });
}

test('an answer that UDP truncates comes whole over TCP', { skip: whyNoDnsmasq }, async () => {
  assert.deepEqual((await texts(overUdp()('many.test', 4))).sort(), MANY);
});

/**
 * A server of one kind of answer.
 * @param {(question: Buffer, count: number) => (Buffer | undefined)[]} answers to each question, counted from 1
 * @returns {Promise<string>} ADDRESS:PORT
 */
function badServer(answers) {
  const socket = createSocket('udp4');
  let count = 0;
  socket.on('message', (question, { port, address }) => {
    count++;
    for (const answer of answers(question, count)) if (answer) socket.send(answer, port, address);
  });
  cleanups.push(() => socket.close());
  return new Promise((resolve) =>
    socket.bind(0, '127.0.0.1', () => resolve(`127.0.0.1:${socket.address().port}`)));
}

/** @param {Buffer} question @param {number} last of the address @param {number} [flags] */
function goodAnswer(question, last, flags = 0x8180) {
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 6);
  return Buffer.concat([header, question.subarray(12), Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, last)]);
}

test('an answer with a wrong id is passed over for the right one', async () => {
  const server = await badServer((question) => {
    const forged = goodAnswer(question, 66);
    forged.writeUInt16BE(forged.readUInt16BE(0) ^ 1);
    return [forged, goodAnswer(question, 1)];
  });
  assert.deepEqual(await texts(resolverFor({ server })('one.test', 4)), ['192.0.2.1']);
});

test('an answer from another port is not heard', async () => {
  const other = createSocket('udp4');
  cleanups.push(() => other.close());
  const socket = createSocket('udp4');
  cleanups.push(() => socket.close());
  socket.on('message', (question, { port, address }) =>
    other.send(goodAnswer(question, 66), port, address, () => socket.send(goodAnswer(question, 1), port, address)));
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(undefined)));
  assert.deepEqual(await texts(resolverFor({ server: `127.0.0.1:${socket.address().port}` })('one.test', 4)), ['192.0.2.1']);
});

test('a question that is lost is asked again', async () => {
  const server = await badServer((question, count) => (count === 1 ? [] : [goodAnswer(question, 1)]));
  assert.deepEqual(await texts(resolverFor({ server, timeout: 100, attempts: 20 })('one.test', 4)), ['192.0.2.1']);
});

test('a server that never answers is EAI_AGAIN after all attempts', async () => {
  let asked = 0;
  const server = await badServer((_, count) => {
    asked = count;
    return [];
  });
  await assert.rejects(resolverFor({ server, timeout: 100, attempts: 3 })('one.test', 4), isCode(EAI_AGAIN));
  assert.equal(asked, 3);
});

test('no server there is EAI_AGAIN', async () => {
  const server = await badServer(() => []);
  /** @type {() => void} */ (cleanups.pop())();
  await assert.rejects(resolverFor({ server, timeout: 100 })('one.test', 4), isCode(EAI_AGAIN));
});

test('damaged answers are EAI_FAIL', async () => {
  const server = await badServer((question) => [goodAnswer(question, 1).subarray(0, -2)]);
  await assert.rejects(resolverFor({ server })('one.test', 4), isCode(EAI_FAIL));
});

test('an answer that claims to be truncated, and no TCP, is EAI_AGAIN', async () => {
  const server = await badServer((question) => [goodAnswer(question, 1, 0x8380)]);
  await assert.rejects(resolverFor({ server, timeout: 1000 })('one.test', 4), isCode(EAI_AGAIN));
});

test('a connection that ends within the answer is EAI_FAIL', async () => {
  const tcp = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.end(Buffer.of(0, 100, 1))));
  cleanups.push(() => tcp.close());
  const udp = createSocket('udp4');
  cleanups.push(() => udp.close());
  await new Promise((resolve) => tcp.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (tcp.address());
  udp.on('message', (question, from) => udp.send(goodAnswer(question, 1, 0x8380), from.port, from.address));
  await new Promise((resolve) => udp.bind(port, '127.0.0.1', () => resolve(undefined)));
  await assert.rejects(resolverFor({ server: `127.0.0.1:${port}` })('one.test', 4), isCode(EAI_FAIL));
});

test('an HTTPS endpoint that answers with an error is EAI_AGAIN, and with no answer EAI_FAIL', async () => {
  const server = createHttpServer((request, response) => {
    if (request.url?.startsWith('/error')) response.statusCode = 500;
    response.end('no answer');
  });
  cleanups.push(() => server.close());
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await assert.rejects(resolverFor({ https: `http://127.0.0.1:${port}/error` })('one.test', 4), isCode(EAI_AGAIN));
  await assert.rejects(resolverFor({ https: `http://127.0.0.1:${port}/text` })('one.test', 4), isCode(EAI_FAIL));
});

test('a server is an address, with a port or without', () => {
  assert.deepEqual(parseServer('192.0.2.53'), { address: '192.0.2.53', port: 53 });
  assert.deepEqual(parseServer('192.0.2.53:5353'), { address: '192.0.2.53', port: 5353 });
  assert.deepEqual(parseServer('2001:db8::53'), { address: '2001:db8::53', port: 53 });
  assert.deepEqual(parseServer('[2001:db8::53]:5353'), { address: '2001:db8::53', port: 5353 });
  for (const wrong of ['', 'dns.example', '192.0.2.53:0', '192.0.2.53:65536', '192.0.2.53:x', '[192.0.2.53', ':53']) {
    assert.equal(parseServer(wrong), undefined, wrong);
  }
});

for (const options of [{}, { server: 'dns.example' }, { https: 'dns.example' }, { https: 'http://dns.example/' },
  { server: '192.0.2.53', https: 'https://dns.example/' }]) {
  test(`${JSON.stringify(options)} is refused with what to give`, () => {
    assert.throws(() => resolverFor(options), /give either server, .* or https/);
  });
}
