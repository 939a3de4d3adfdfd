// Nothing is left of a socket that was closed: no stream, no node, no socket of the system. The program is link/rounds.c.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { before, test } from 'node:test';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { withBrowser } from '../../iwa/program-runner.mjs';
import { buildLinkPrograms, nodeWithJspi, whyNoChromium } from './c-programs.mjs';

/** The state that outlives a connection on purpose: TCP_TIME_WAIT in the kernel's tables. */
const TIME_WAIT = '06';

let program = '';
before(async () => {
  const directory = await buildLinkPrograms(
    [{ source: 'rounds.c', output: 'rounds.js', flags: ['-O2', '-sJSPI', '-sEXIT_RUNTIME'] }], 'rounds');
  program = join(directory, 'rounds.js');
});

/** A loopback address of which every socket is the program's. */
const ownHost = () => [127, randomInt(1, 250), randomInt(250), randomInt(1, 250)].join('.');

/** @param {string} host @returns {number} the system's sockets bound to it */
function systemSockets(host) {
  const hex = Buffer.from(host.split('.').map(Number)).reverse().toString('hex').toUpperCase();
  return ['/proc/net/udp', '/proc/net/tcp'].flatMap((file) => readFileSync(file, 'utf8').split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.startsWith(`${hex}:`) && state !== TIME_WAIT).length;
}

/**
 * What the program said of its rounds; it is let go once its last sockets are gone. Closing takes its time, so that is
 * waited for: a socket that is never closed makes the test run into its limit.
 * @param {string} host
 * @param {(output: import('node:stream').Writable) => Promise<unknown>} run what the program prints goes to `output`
 * @returns {Promise<string[]>}
 */
async function rounds(host, run) {
  /** @type {string[]} */
  const lines = [];
  /** @type {Promise<void> | undefined} */
  let release;
  const output = new PassThrough();
  createInterface({ input: output }).on('line', (line) => {
    const port = /^port (\d+)$/.exec(line)?.[1];
    if (!port) lines.push(line);
    else release = (async () => {
      while (systemSockets(host) > 0) await pause(50);
      const socket = createSocket('udp4');
      socket.send('x', Number(port), '127.0.0.1', () => socket.close());
    })();
  });
  await run(output);
  assert.ok(release, 'the program came to its end');
  await release;
  return lines;
}

/** @param {string[]} lines */
function assertNoGrowth(lines) {
  assert.equal(lines.length, 5);
  assert.match(lines[0], /^round: \d+ streams, \d+ nodes$/);
  assert.deepEqual(new Set(lines).size, 1, lines.join('\n'));
}

const skip = process.platform !== 'linux' && 'the system\'s sockets are counted in /proc/net';

test('rounds of opening and closing leave nothing behind on Node', { skip, timeout: 120_000 }, async () => {
  const host = ownHost();
  assertNoGrowth(await rounds(host, (output) => {
    const child = spawn(nodeWithJspi(), [program, host], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.pipe(output);
    return new Promise((resolve) => child.once('close', resolve));
  }));
});

test('rounds of opening and closing leave nothing behind in Chromium', { skip: skip || whyNoChromium(), timeout: 120_000 },
  () => withBrowser(async (run) => {
    const host = ownHost();
    assertNoGrowth(await rounds(host, (output) =>
      run(program, [host], { timeout: 100, output: (_stream, bytes) => output.write(bytes) })));
  }));
