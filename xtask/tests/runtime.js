// What a server does on every runtime, seen from outside: through `cargo xtask serve`, the native client, curl and plain
// datagrams. The files *.test.js say for which runtime.

import assert from 'node:assert/strict';
import { X509Certificate, createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Serving, check, clientArguments, client, curl, descendants, lastLine, leftOf, repo, run } from './support.js';

const fixture = (/** @type {string} */ name) => path.join(repo, 'xtask/tests/fixtures', name);

/**
 * The first `size` bytes of what `/bytes/N` serves: little-endian words, word k the SplitMix64 finaliser of
 * (k + 1) * 0x9E3779B97F4A7C15 (Steele, Lea, Flood 2014).
 * @param {number} size a multiple of 8
 */
function reproducible(size) {
  const words = BigUint64Array.from({ length: size / 8 }, (_, k) => {
    let z = BigInt.asUintN(64, BigInt(k + 1) * 0x9e3779b97f4a7c15n);
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  });
  return Buffer.from(words.buffer);
}

/** @param {string} pem */
const sha256OfCertificate = (pem) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

/**
 * @param {string} runtime
 */
export function testRuntime(runtime) {
  describe(`${runtime}: a running server`, () => {
    const serving = new Serving(runtime, ['--', '--max-body', '65536', '--stats-interval', '1']);
    /** @type {Awaited<ReturnType<Serving['ready']>>} */
    let ready;
    let url = '';
    before(async () => {
      ready = await serving.ready();
      url = `https://127.0.0.1:${ready.port}`;
    });
    after(() => serving.stop());

    test('the ready line names runtime, address, port and the certificate with its hash', () => {
      assert.equal(ready.ready, true);
      assert.equal(ready.runtime, runtime);
      assert.equal(ready.address, '127.0.0.1');
      assert.ok(ready.port > 0);
      assert.equal(sha256OfCertificate(ready.cert_pem), ready.cert_sha256);
    });

    test('its certificate is one that serverCertificateHashes accepts: P-256, at most 14 days', () => {
      const certificate = new X509Certificate(ready.cert_pem);
      const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000;
      assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
      assert.ok(days <= 14, `${days} days`);
    });

    test('handshake, request, download, a hundred requests at once, echo', async () => {
      const report = await check(ready, ['--bytes', '1048576']);
      assert.equal(report.ok, true, JSON.stringify(report));
      assert.equal(report.sha256, createHash('sha256').update(reproducible(1048576)).digest('hex'));
    });

    test('wrong requests and misbehaving clients: every case of the native client', async () => {
      const { code, stderr } = await run(client, clientArguments(ready, ['--max-body', '65536'], 'cases'));
      assert.equal(code, 0, stderr);
    });

    test('curl gets a page, and the right status for what is not there', async () => {
      /** @type {[string, string[]][]} */
      const cases = [
        ['200', [`${url}/`]],
        ['400', [`${url}/bytes/abc`]],
        ['404', [`${url}/nothing-here`]],
        ['405', ['--request', 'DELETE', `${url}/`]],
      ];
      for (const [status, args] of cases) {
        const { code, stdout, stderr } = await curl(['--output', '/dev/null', '--write-out', '%{http_code}', ...args]);
        assert.equal(stdout, status, `${args.join(' ')}: ${stderr}`);
        assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
      }
    });

    test('curl gets its body back, and 413 for one over the limit', async () => {
      const body = 'x'.repeat(65536);
      const back = await curl(['--data-binary', '@-', `${url}/echo`], body);
      assert.ok(back.stdout === body, `${back.stdout.length} bytes: ${back.stderr}`);
      const over = ['--output', '/dev/null', '--write-out', '%{http_code}', '--data-binary', '@-', `${url}/echo`];
      const refused = await curl(over, `${body}x`);
      assert.equal(refused.stdout, '413', refused.stderr);
    });

    test('garbage datagrams of every size disturb nobody', async () => {
      const socket = createSocket('udp4');
      const sizes = [0, 1, 7, 20, 21, 1199, 1200, 1201, 1452, 9000, 65507];
      const datagrams = sizes.flatMap((size) => Array.from({ length: 20 }, () => randomBytes(size)));
      // The second half looks like QUIC: long header, version 1.
      datagrams.slice(datagrams.length / 2).forEach((data) => data.set(Buffer.from('c000000001', 'hex').subarray(0, data.length)));
      for (const data of datagrams) {
        await new Promise((resolve) => socket.send(data, ready.port, '127.0.0.1', resolve));
      }
      socket.close();
      const report = await check(ready, ['--bytes', '65536', '--requests', '10']);
      assert.equal(report.ok, true, JSON.stringify(report));
    });

    test('a client that vanishes in a download takes nothing from the next one', async () => {
      const vanishing = spawn(client, clientArguments(ready, ['--bytes', String(2 ** 30)]), { stdio: 'ignore' });
      const sent = () => {
        const statistics = serving.log.filter((line) => line.startsWith('{"stats"')).map((line) => JSON.parse(line).stats);
        return statistics.at(-1)?.bytes_sent ?? 0;
      };
      const before = sent();
      await serving.until('statistics of the download', () => sent() > before + 2_000_000);
      vanishing.kill('SIGKILL');
      await once(vanishing, 'exit');
      const report = await check(ready, ['--bytes', '65536', '--requests', '10']);
      assert.equal(report.ok, true, JSON.stringify(report));
    });

    test('a second server on its port is refused with one line that names the port, and exit code 2', async () => {
      const second = new Serving(runtime, ['--port', String(ready.port)]);
      assert.equal((await second.ended).code, 2, second.log.join('\n'));
      assert.match(lastLine(second.log.join('\n')), new RegExp(`127.0.0.1:${ready.port}.*EADDRINUSE`));
      assert.deepEqual(second.output, []);
    });
  });

  describe(`${runtime}: two workers`, () => {
    const serving = new Serving(runtime, ['--', '--workers', '2', '--stats-interval', '1', '--max-connections', '200']);
    /** @type {Awaited<ReturnType<Serving['ready']>>} */
    let ready;
    before(async () => (ready = await serving.ready()));
    after(() => serving.stop());

    test('each client is served, whichever it falls to', async () => {
      // More than fall to one worker by chance, each from an address of its own.
      const clients = Array.from({ length: 8 }, () => check(ready, ['--bytes', '65536', '--requests', '10']));
      for (const report of await Promise.all(clients)) assert.equal(report.ok, true, JSON.stringify(report));
    });

    test('clients that move stay with their worker, and those in the room hear each other across workers', async () => {
      const cases = Array.from({ length: 6 }, () => ['moves_in', 'rebinds', 'room']).flat();
      for (const only of cases) {
        const { code, stderr } = await run(client, clientArguments(ready, ['--only', only], 'cases'));
        assert.equal(code, 0, `${only}: ${stderr}`);
      }
      const stats = () => serving.log.filter((line) => line.startsWith('{"stats"')).map((line) => JSON.parse(line).stats).at(-1);
      await serving.until('datagrams that were passed on', () => stats()?.datagrams_forwarded > 0);
    });

    test('it stops with all of them', async () => {
      serving.child.stdin.end();
      assert.deepEqual(await serving.ended, { code: 0, signal: null });
    });
  });

  describe(`${runtime}: start and stop`, () => {
    for (const count of ['0', '1000', 'many']) {
      test(`--workers ${count} is refused with one line, and exit code 2`, async () => {
        const refused = new Serving(runtime, ['--', '--workers', count]);
        assert.equal((await refused.ended).code, 2, refused.log.join('\n'));
        assert.match(lastLine(refused.log.join('\n')), new RegExp(`'${count}' for '--workers`));
      });
    }

    for (const [file, key] of [['cert.pem', 'not-a-file.pem'], ['README.md', 'key.pem'], ['cert.pem', 'cert.pem']]) {
      test(`PEM files that can't be used are named: ${file}, ${key}`, async () => {
        const refused = new Serving(runtime, ['--cert', fixture(file), '--key', fixture(key)]);
        assert.equal((await refused.ended).code, 2, refused.log.join('\n'));
        const wrong = file === 'cert.pem' ? key : file;
        assert.ok(lastLine(refused.log.join('\n')).includes(fixture(wrong)), refused.log.join('\n'));
      });
    }

    test('it serves with the certificate it is given, stops when its standard input ends, and starts again', async () => {
      const args = ['--cert', fixture('cert.pem'), '--key', fixture('key.pem')];
      const serving = new Serving(runtime, args);
      const ready = await serving.ready();
      assert.equal(sha256OfCertificate(ready.cert_pem), ready.cert_sha256);
      assert.equal((await check(ready, ['--bytes', '8', '--requests', '1'])).ok, true);
      assert.deepEqual(await serving.stop(), { code: 0, signal: null });
      const again = new Serving(runtime, [...args, '--port', String(ready.port)]);
      assert.deepEqual(await again.ready(), ready);
      assert.deepEqual(await again.stop(), { code: 0, signal: null });
      assert.equal(serving.output.length, 1, 'one line on standard output');
    });

    for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM'])) {
      test(`${signal} stops it, with exit code 0 and no process left`, async () => {
        const serving = new Serving(runtime);
        await serving.ready();
        const below = descendants(serving.child.pid ?? 0);
        assert.ok(below.length > 0);
        serving.child.kill(signal);
        assert.deepEqual(await serving.ended, { code: 0, signal: null });
        assert.deepEqual(await leftOf(below), []);
      });
    }

    test('when the tool itself is killed, the server stops', async () => {
      const serving = new Serving(runtime);
      await serving.ready();
      const below = descendants(serving.child.pid ?? 0);
      serving.child.kill('SIGKILL');
      assert.deepEqual(await leftOf(below), []);
    });

    test('it serves on IPv6', async () => {
      const serving = new Serving(runtime, ['--address', '::1']);
      const ready = await serving.ready();
      assert.equal(ready.address, '::1');
      assert.equal((await check(ready, ['--bytes', '65536', '--requests', '1'])).ok, true);
      assert.equal((await serving.stop()).code, 0);
    });
  });
}
