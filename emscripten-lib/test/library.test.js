// What the whole library says where there are no Direct Sockets, and its numbers against the C headers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AF_INET, EOPNOTSUPP, SOCK_DGRAM, UNCHECKED } from '../src/abi.js';
import { createLibrary } from '../src/library.js';

/** As much of Emscripten's FS as making a socket takes. */
const FS = {
  mount: () => ({}),
  createNode: () => ({}),
  destroyNode() {},
  createStream: () => ({ fd: 3 }),
};

test('without UDPSocket socket() is EOPNOTSUPP, and one console line says what to do', () => {
  /** @type {string[]} */
  const printed = [];
  const library = createLibrary({
    FS, access: /** @type {any} */ ({ bytes: () => new Uint8Array(64), msghdr: {} }), Module: {}, isNode: false, debug: true,
    print: (text) => printed.push(text), environment: {}, ownFiles: true,
    canWait: () => true, keepRuntime() {}, letRuntimeGo() {},
  });
  assert.equal(library.socket(AF_INET, SOCK_DGRAM, 0), -EOPNOTSUPP);
  assert.equal(library.socket(AF_INET, SOCK_DGRAM, 0), -EOPNOTSUPP);
  assert.equal(printed.length, 1);
  assert.match(printed[0], /^directsockets: socket: EOPNOTSUPP: .*Isolated Web App/);
});

test('numbers that Emscripten\'s own table lacks are those of the C headers', () => {
  // musl's and glibc's agree on all but the time limits, which musl numbers by the size of long.
  const checks = Object.entries(UNCHECKED).filter(([name]) => !name.endsWith('TIMEO'))
    .map(([name, value]) => `_Static_assert(${name} == ${value}, "${name}");`);
  const headers = ['netdb.h', 'netinet/in.h', 'netinet/tcp.h', 'poll.h', 'sys/epoll.h', 'sys/ioctl.h', 'sys/socket.h'];
  const source = ['#define _GNU_SOURCE', ...headers.map((name) => `#include <${name}>`),
    ...checks].join('\n');
  execFileSync(process.env.CC ?? 'cc', ['-fsyntax-only', '-x', 'c', '-'], { input: source });
});

test('no two modules have a function of the same name: libdirectsockets.js makes one scope of all', () => {
  const source = new URL('../src/', import.meta.url);
  const files = readdirSync(source, { recursive: true }).map(String).filter((name) => name.endsWith('.js'));
  const functions = files.flatMap((name) => Array.from(
    readFileSync(new URL(name, source), 'utf8').matchAll(/^(?:export )?(?:async )?function (\w+)/gm), ([, each]) => each));
  assert.ok(functions.length > 100, `${functions.length} functions`);
  assert.deepEqual(functions.filter((name, index) => functions.indexOf(name) !== index), []);
});
