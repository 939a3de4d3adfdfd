// startServer's life: what it serves, tells and refuses, on Node, in a context that is no app, and in an Isolated Web App
// whose user says no.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { startServer as startInBrowser } from '../server-browser.js';
import { startServer } from '../server-node.js';
import { launchApp } from './browser/support.js';
import { SERVER_MOUNTS, request } from './native-server.js';

const directory = mkdtempSync(path.join(tmpdir(), 'socket-iwa-api-'));
after(() => rmSync(directory, { recursive: true }));

/** @param {import('../socket-iwa-server.d.ts').RunningServer} server */
const ready = ({ address, port, certificateHash: { hex } }) => ({ address, port, cert_sha256: hex });

/** A module in the place of the server's. @param {string} body of what makes the program */
const standIn = (body) => `data:text/javascript,${encodeURIComponent(`export default async (Module) => { ${body} };`)}`;

/** @param {import('../socket-iwa-server.d.ts').ServerOptions} options @returns {Promise<any>} the error */
const refused = (options) => startServer(options).then(
  async (server) => {
    await server.stop();
    throw new Error('it started');
  },
  (error) => error,
);

test('it serves files by path, and a directory, where no route fits', async () => {
  writeFileSync(path.join(directory, 'there.txt'), 'from the directory');
  const routes = { '/': () => new Response('from the route') };
  await using given = await startServer({ root: { 'a/b.txt': 'given', '/index.html': 'index' }, routes });
  await using mounted = await startServer({ root: directory });
  const text = async (/** @type {typeof given} */ server, /** @type {string} */ name) => (await request(ready(server), name))[0].text;
  assert.equal(await text(given, '/a/b.txt'), 'given');
  assert.equal(await text(given, '/index.html'), 'index');
  assert.equal(await text(given, '/'), 'from the route');
  assert.equal(await text(mounted, '/there.txt'), 'from the directory');
});

test('the server\'s own routes are there when asked for', async () => {
  await using own = await startServer({ standardRoutes: true });
  assert.equal((await request(ready(own), '/healthz'))[0].text, 'ok\n');
  await using none = await startServer();
  assert.equal((await request(ready(none), '/healthz'))[0].status, 404);
});

test('it tells its address, its certificate and its counters, which end with it', async () => {
  const server = await startServer({ routes: { '/': () => new Response('hi') } });
  assert.equal(server.address, '127.0.0.1');
  assert.match(server.certificateHash.hex, /^[0-9a-f]{64}$/);
  assert.equal(Buffer.from(server.certificateHash.value).toString('hex'), server.certificateHash.hex);
  assert.match(server.certificate.pem, /^-----BEGIN CERTIFICATE/);
  assert.deepEqual(server.certificateHashes, [server.certificateHash]);
  await request(ready(server), '/');
  const counts = [];
  for await (const stats of server.stats()) {
    counts.push(stats.requests_total);
    if (stats.requests_total >= 1) await server.stop();
  }
  assert.equal(counts.at(-1), 1);
  const certificates = [];
  for await (const { hash } of server.certificates()) certificates.push(hash.hex);
  assert.deepEqual(certificates, [server.certificateHash.hex]);
  await server.closed;
});

test('a certificate that is renewed is told, the next one before', async () => {
  await using server = await startServer({ args: ['--cert-validity', '4'] });
  const first = server.certificateHash.hex;
  for await (const { hash, next } of server.certificates()) {
    if (next) assert.deepEqual(server.certificateHashes, [hash, next]);
    if (hash.hex !== first) break;
  }
  assert.notEqual(server.certificateHash.hex, first);
});

test('a port that a server of this process has, or another program, is refused', async () => {
  await using first = await startServer();
  const second = await refused({ listen: { port: first.port } });
  assert.equal(second.code, 'EADDRINUSE');
  assert.match(second.message, /^start the server on 127\.0\.0\.1:\d+: .*a server of this app has this port already: stop that first/);
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const third = await refused({ listen: `127.0.0.1:${port}` });
  assert.equal(third.code, 'EADDRINUSE');
  assert.match(third.message, /bind .*another program has this port/);
  socket.close();
  await once(socket, 'close');
  await using fourth = await startServer({ listen: `127.0.0.1:${port}` });
  assert.equal(fourth.port, port);
});

test('what the server refuses is told in its words', async () => {
  const wrong = await refused({ args: ['--max-streams', 'many'] });
  assert.equal(wrong.code, 'EINVAL');
  assert.equal(wrong.exitCode, 2);
  assert.match(wrong.message, /^start the server on 127\.0\.0\.1:0: .*many/);
  assert.equal((await refused({ certificate: { cert: 'none', key: 'none' } })).code, 'EINVAL');
  assert.equal((await refused({ root: { '../a': '' } })).code, 'EINVAL');
  assert.match((await refused({ routes: { hello: () => new Response() } })).message, /does not begin with a slash/);
});

test('a module that is not there, that traps or that exits is told', async () => {
  const missing = await refused({ module: new URL('nowhere.js', import.meta.url) });
  assert.equal(missing.code, 'ERR_WORKER');
  assert.match(missing.message, /nowhere\.js could not be loaded: .*cargo xtask build/);
  const trapped = await refused({ module: standIn('throw new WebAssembly.RuntimeError("unreachable")') });
  assert.equal(trapped.code, 'ERR_TRAP');
  assert.match(trapped.message, /RuntimeError: unreachable\. Start it again/);
  const late = await refused({ module: standIn('setTimeout(() => { throw new Error("in a callback") })') });
  assert.equal(late.code, 'ERR_TRAP');
  const exited = await refused({ module: standIn('Module.printErr("ERROR no luck"); Module.onExit(3)') });
  assert.equal(exited.code, 'ERR_SERVER');
  assert.match(exited.message, /: no luck$/);
});

test('a server that traps while it serves rejects closed', async () => {
  const report = JSON.stringify({ ready: true, address: '127.0.0.1', port: 1, cert_sha256: 'ab', cert_pem: '' });
  const module = standIn(`Module.print(${JSON.stringify(report)}); setTimeout(() => { throw new WebAssembly.RuntimeError("unreachable") })`);
  const server = await startServer({ module });
  await assert.rejects(server.closed, { name: 'ServerError', code: 'ERR_TRAP' });
  await server.stop();
});

test('a signal gives up starting, and stops a server', async () => {
  const reason = new Error('enough');
  await assert.rejects(startServer({ signal: AbortSignal.abort(reason) }), reason);
  const starting = new AbortController();
  const started = startServer({ signal: starting.signal, module: standIn('await new Promise(() => {})') });
  starting.abort(reason);
  await assert.rejects(started, reason);
  const running = new AbortController();
  const server = await startServer({ signal: running.signal });
  running.abort(reason);
  await server.closed;
});

test('a context that is no app cannot serve, and is told why', async () => {
  await assert.rejects(startInBrowser(), {
    name: 'ServerError', code: 'ERR_NO_SUPPORT', message: /^start the server on 127\.0\.0\.1:0: this context has no Direct Sockets.*Isolated Web App/,
  });
});

test('in an app whose user refuses the network it is EACCES with what to do; when allowed it serves, one server for a port', async () => {
  const app = await launchApp({ mounts: SERVER_MOUNTS, permissions: 'denied' });
  try {
    const start = (/** @type {object} */ options) => app.page.evaluate(async (asked) => {
      const { startServer: startHere } = await import(/** @type {any} */ ('/api/index.js'));
      try {
        const server = /** @type {any} */ (globalThis).server = await startHere({ module: '/dist/socket-iwa-server.js', ...asked });
        return { port: server.port };
      } catch (error) {
        const { code, message } = /** @type {any} */ (error);
        return { code, message };
      }
    }, options);
    const denied = await start({});
    assert.equal(denied.code, 'EACCES');
    assert.match(denied.message, /App info, Settings/);
    assert.match((await start({ root: '/home' })).message, /out of a browser's reach/);
    await app.setPermissions('granted');
    const { port } = await start({});
    const second = await start({ listen: { port } });
    assert.equal(second.code, 'EADDRINUSE');
    await app.page.evaluate('globalThis.server.stop()');
  } finally {
    await app.close();
  }
});
