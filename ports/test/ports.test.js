/**
 * Software as it is published, as WebAssembly on Node and in Chromium, each against a real peer on this machine: crates
 * (ureq, redis, tungstenite, mio), a C program from a Debian source package (hiredis), and Rust's std::net against itself on
 * Linux. docs/ports.md says how to run each by hand.
 */
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readDifferences } from '../../emscripten-lib/test/conformance.mjs';
import { whyNoChromium } from '../../emscripten-lib/test/c-programs.mjs';
import { buildPorts, onLinux, onNode, openChromium, startWebSocketServer } from './programs.js';
import { startRedis } from './redis.js';

const directory = mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-ports-'));
const certificate = path.join(directory, 'certificate.pem');
const BODY = `first line\n${'x'.repeat(300_000)}`;
/** @type {{ port: number, close(): Promise<void> }} */
let redis;
/** @type {https.Server} */
let web;
/** @type {string[]} */
const greetings = [];

before(async () => {
  buildPorts();
  const key = path.join(directory, 'key.pem');
  assert.equal((await onLinux('certificate', [certificate, key])).code, 0);
  redis = await startRedis(directory);
  web = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
    greetings.push(String(request.headers['x-greeting']));
    response.end(BODY);
  });
  await new Promise((resolve) => web.listen(0, '127.0.0.1', () => resolve(undefined)));
}, { timeout: 1_200_000 });
after(async () => {
  web?.close();
  await redis?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Each hiredis test by its name, without its number: "passed" or "failed". @param {string} stdout */
function hiredisResults(stdout) {
  // eslint-disable-next-line no-control-regex -- it colours them
  const plain = stdout.replace(/\x1b\[[\d;]*m/g, '');
  return new Map([...plain.matchAll(/^#\d+ (.*?): (PASSED|FAILED)$/gm)].map(([, name, result]) => [name, result]));
}

/** Tests of hiredis that the platform makes fail: docs/ports.md. */
const HIREDIS_FAILS = {
  node: ['We can set TCP_USER_TIMEOUT'],
  chromium: ['We can enable TCP_KEEPALIVE', 'We can set TCP_USER_TIMEOUT'],
};

for (const runtime of /** @type {const} */ (['node', 'chromium'])) {
  describe(`on ${runtime}`, { skip: runtime === 'chromium' && whyNoChromium() }, () => {
    /** @type {{ run: import('./programs.js').Run, close(): Promise<void> }} */
    let session;
    before(async () => {
      session = runtime === 'node' ? { run: onNode, async close() {} } : await openChromium();
    });
    after(() => session?.close());

    /**
     * A program that serves: `said` is the match of what it is to print first.
     * @param {string} name @param {string[]} args @param {RegExp} expected
     */
    function started(name, args, expected) {
      /** @type {(match: RegExpExecArray) => void} */
      let tell = () => {};
      const printed = new Promise((/** @type {(match: RegExpExecArray) => void} */ resolve) => (tell = resolve));
      const ended = session.run(name, args, {
        onStdout(text) {
          const match = expected.exec(text);
          if (match) tell(match);
        },
      });
      return { ended, said: Promise.race([printed, ended.then(({ stderr }) => assert.fail(stderr))]) };
    }

    test('ureq: an HTTPS GET through rustls and ring from a server that OpenSSL serves', async () => {
      const { port } = /** @type {net.AddressInfo} */ (web.address());
      greetings.length = 0;
      const args = [`https://localhost:${port}/`, certificate];
      const { code, stdout, stderr } = await session.run('https_get', args, { mounts: [directory] });
      assert.deepEqual([code, stdout], [0, `200 OK ${BODY.length} bytes: first line\n`], stderr);
      assert.deepEqual(greetings, ['hello']);
    });

    test('ureq: a certificate for another name is refused', async () => {
      const { port } = /** @type {net.AddressInfo} */ (web.address());
      const args = [`https://127.0.0.1:${port}/`, certificate];
      const { code, stderr } = await session.run('https_get', args, { mounts: [directory] });
      assert.equal(code, 1);
      assert.match(stderr, /NotValidForName/);
    });

    test('redis: SET, GET, a value of 1 MiB, a pipeline of a thousand commands, an error', async () => {
      const { code, stdout, stderr } = await session.run('redis_client', [`redis://127.0.0.1:${redis.port}/`]);
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.split('\n').slice(0, 4), ['GET: hello', 'GET of nothing: None',
        'a value of 1048576 bytes: the same', 'pipeline: 1000 answers, the last Some(1000)']);
      assert.match(stdout, /INCR of a word: .*not an integer/);
    });

    test('tungstenite: a client of a native server', async () => {
      const server = await startWebSocketServer(['127.0.0.1:0']);
      try {
        const [, address] = /listening on (.*)/.exec(server.text) ?? [];
        const { code, stdout, stderr } = await session.run('websocket_client', [`ws://${address}/`]);
        assert.equal(code, 0, stderr);
        assert.deepEqual(stdout.trimEnd().split('\n'), ['connected: 101 Switching Protocols', '5 bytes: the same',
          '6 bytes: the same', '1048576 bytes: the same', '0 bytes: the same', 'pong: ping', 'after close: close', 'closed']);
      } finally {
        await server.close();
      }
    });

    test('tungstenite: a server for two clients, one after the other', async () => {
      const { ended, said } = started('websocket_server', ['127.0.0.1:0', '2'], /listening on (.*)\n/);
      const [, address] = await said;
      assert.deepEqual(await echoes(`ws://${address}/`, ['one', 'two']), ['one', 'two']);
      assert.equal((await onLinux('websocket_client', [`ws://${address}/`])).stdout.split('\n').at(-2), 'closed');
      const { code, stdout, stderr } = await ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split('\n').slice(1), ['echoed 2 messages', 'echoed 4 messages']);
    });

    test('mio: TCP and UDP clients at one event loop, without threads', async () => {
      const { ended, said } = started('mio_echo', [], /listening on (.*) and (.*)\n/);
      const [, stream, datagrams] = await said;
      const clients = ['one', 'x'.repeat(10_000)].map((text) => exchange(stream, text));
      assert.deepEqual(await Promise.all(clients), ['one', 'x'.repeat(10_000)]);
      assert.equal(await datagramExchange(datagrams, 'datagram'), 'datagram');
      assert.equal(await exchange(stream, 'stop'), 'stop');
      const { code, stdout, stderr } = await ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(stdout.trimEnd().split('\n').filter((line) => !line.startsWith('listening')), ['nothing: true', 'woken']);
    });

    test('hiredis: its example client', async () => {
      await flushRedis();
      const { code, stdout, stderr } = await session.run('hiredis-example', ['127.0.0.1', String(redis.port)]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^PING: PONG\nSET: OK\nSET \(binary API\): OK\nGET foo: hello world\nINCR counter: 1\n/);
    });

    test('hiredis: its own tests', async () => {
      const args = ['-h', '127.0.0.1', '-p', String(redis.port)];
      await flushRedis();
      const linux = hiredisResults((await onLinux('hiredis-test', args)).stdout);
      await flushRedis();
      const { stdout, stderr } = await session.run('hiredis-test', args);
      const here = hiredisResults(stdout);
      const failed = [...here].filter(([, result]) => result === 'FAILED').map(([name]) => name);
      const failedOnLinux = [...linux].filter(([, result]) => result === 'FAILED').map(([name]) => name);
      const expected = [...HIREDIS_FAILS[runtime], ...failedOnLinux];
      assert.deepEqual(failed.filter((name) => !expected.includes(name)), [], stderr);
      assert.ok(HIREDIS_FAILS[runtime].every((name) => failed.includes(name)), 'docs/ports.md lists what fails');
      assert.deepEqual([...linux.keys()].filter((name) => !here.has(name)), [], 'every test that Linux runs');
    });

    test('std::net prints what it prints on Linux, but for the lines of docs/ports.md', async () => {
      const linux = await onLinux('std_net', []);
      assert.equal(linux.code, 0, linux.stderr);
      const rows = readDifferences('docs/ports.md').filter(({ where }) => where.includes(runtime));
      for (const { name } of rows) assert.match(linux.stdout, new RegExp(`^${name}: `, 'm'), 'a case that exists');
      const expected = linux.stdout.split('\n').map((line) => {
        const row = rows.find(({ name }) => line.startsWith(`${name}: `));
        if (row) assert.equal(line, `${row.name}: ${row.linux}`, 'docs/ports.md');
        return row ? `${row.name}: ${row.here}` : line;
      });
      const { code, stdout, stderr } = await session.run('std_net', []);
      assert.deepEqual([code, stdout.split('\n')], [0, expected], stderr);
    });
  });
}

/**
 * Sends texts to an echo server with Node's own WebSocket.
 * @param {string} url @param {string[]} texts @returns {Promise<string[]>}
 */
function echoes(url, texts) {
  const socket = new WebSocket(url);
  /** @type {string[]} */
  const received = [];
  return new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error(`no WebSocket at ${url}`));
    socket.onopen = () => texts.forEach((text) => socket.send(text));
    socket.onmessage = ({ data }) => {
      received.push(String(data));
      if (received.length === texts.length) socket.close();
    };
    socket.onclose = () => resolve(received);
  });
}

/**
 * What comes back for a text, by TCP, until all of it has, or the end.
 * @param {string} address @param {string} text @returns {Promise<string>}
 */
function exchange(address, text) {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = net.connect(Number(port), host, () => socket.write(text));
    socket.setEncoding('latin1').on('data', (/** @type {string} */ chunk) => {
      received += chunk;
      if (received.length < text.length) return;
      resolve(received);
      socket.end();
    });
    socket.on('error', reject).on('close', () => resolve(received));
  });
}

/** The same by UDP. @param {string} address @param {string} text @returns {Promise<string>} */
function datagramExchange(address, text) {
  const [host, port] = address.split(':');
  const socket = dgram.createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('message', (message) => {
      socket.close();
      resolve(String(message));
    });
    socket.send(text, Number(port), host);
  });
}

/** hiredis' tests want empty databases. */
function flushRedis() {
  return new Promise((resolve, reject) => {
    const socket = net.connect(redis.port, '127.0.0.1', () => socket.end('FLUSHALL\r\n'));
    socket.on('error', reject).on('close', resolve).resume();
  });
}
