import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startDevServer } from '../../dev-server.mjs';

const top = mkdtempSync(path.join(os.tmpdir(), 'dev-server-test-'));
const root = path.join(top, 'root');
mkdirSync(path.join(root, 'sub'), { recursive: true });
mkdirSync(path.join(top, 'root-other'));
mkdirSync(path.join(top, 'programs'));
writeFileSync(path.join(top, 'secret.txt'), 'secret');
writeFileSync(path.join(top, 'root-other', 'secret.txt'), 'secret');
writeFileSync(path.join(root, 'index.html'), 'page');
writeFileSync(path.join(root, 'sub', 'a b.js'), 'code');
writeFileSync(path.join(root, 'x.wasm'), 'wasm');
writeFileSync(path.join(root, 'prog-1.2'), '#!/usr/bin/env node\ncode');
writeFileSync(path.join(root, 'data'), 'data');
writeFileSync(path.join(top, 'programs', 'p.js'), 'program');
symlinkSync(path.join(top, 'secret.txt'), path.join(root, 'link.txt'));
symlinkSync(top, path.join(root, 'up'));

/** @type {Awaited<ReturnType<typeof startDevServer>>} */
let server;
test.before(async () => {
  server = await startDevServer(root);
  server.mount('/programs/1/', path.join(top, 'programs'));
});
test.after(async () => {
  await server.close();
  rmSync(top, { recursive: true });
});

/**
 * One request as it stands, with nothing normalised on the way.
 * @param {string} target @param {{host?: string, method?: string}} [options]
 * @returns {Promise<string>} the whole response
 */
function request(target, { host = new URL(server.url).host, method = 'GET' } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    let response = '';
    socket.on('data', (chunk) => (response += chunk)).on('end', () => resolve(response)).on('error', reject);
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
}

test('files come with their type and the headers of an isolated app', async () => {
  const page = await request('/');
  assert.match(page, /^HTTP\/1\.1 200 /);
  assert.match(page, /Content-Type: text\/html/i);
  assert.match(page, /Cross-Origin-Embedder-Policy: require-corp/i);
  assert.match(page, /Cache-Control: no-store/i);
  assert.match(page, /page$/);
  assert.match(await request('/x.wasm?v=1'), /Content-Type: application\/wasm/i);
  assert.match(await request('/sub/a%20b.js'), /Content-Type: text\/javascript[\s\S]*code$/i);
});

test('a program that emcc has named as a makefile does, without .js, is JavaScript all the same', async () => {
  assert.match(await request('/prog-1.2'), /Content-Type: text\/javascript[\s\S]*\n#!\/usr\/bin\/env node\ncode$/i);
  assert.match(await request('/data'), /Content-Type: application\/octet-stream[\s\S]*data$/i);
});

test('a further directory appears below its prefix', async () => {
  assert.match(await request('/programs/1/p.js'), /program$/);
  assert.match(await request('/programs/2/p.js'), /^HTTP\/1\.1 404 /);
});

test('nothing outside the directory can be had', async () => {
  for (const target of [
    '/../secret.txt', '/sub/../../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt', '/../root-other/secret.txt', '/programs/1/../../secret.txt', '/programs/1/..%2f..%2fsecret.txt',
    '/link.txt', '/up/secret.txt', '//etc/passwd', `/${top}/secret.txt`, '/index.html%00.txt', '/%zz', '/sub',
    '/nothing',
  ]) {
    const response = await request(target);
    assert.match(response, /^HTTP\/1\.1 404 /, target);
    assert.doesNotMatch(response, /secret|root:/, target);
  }
});

test('a request that names another host is refused', async () => {
  assert.match(await request('/', { host: 'attacker.example' }), /^HTTP\/1\.1 421 /);
});

test('only GET and HEAD', async () => {
  assert.match(await request('/', { method: 'POST' }), /^HTTP\/1\.1 405 /);
  const head = await request('/', { method: 'HEAD' });
  assert.match(head, /^HTTP\/1\.1 200 /);
  assert.doesNotMatch(head, /page$/);
});

/** Files below the server's root that this process has open (Linux). */
const openFiles = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(realpathSync(root));
    } catch {
      return false; // closed since
    }
  }).length;

test('a browser that leaves at once leaves no file open', async () => {
  for (let n = 0; n < 50; n += 1) {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    const { host } = new URL(server.url);
    socket.write(`GET /x.wasm HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => socket.resetAndDestroy());
    await once(socket, 'close');
  }
  for (let waited = 0; openFiles() > 0 && waited < 100; waited += 1) await setTimeout(20);
  assert.equal(openFiles(), 0);
});
