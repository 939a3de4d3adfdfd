/** The launcher as a program, with the stand-in server: what it prints, how it ends, what it leaves behind. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { launchIsolatedApp } from '../isolated-app.mjs';
import { iwaPack, makeApp } from './pack-support.js';
import { buildStandInApp, startLauncher, temporaryDirectory, until, withoutChromium } from './support.js';

const directory = temporaryDirectory();
const appDirectory = await buildStandInApp(directory);
const browser = { skip: withoutChromium, timeout: 120_000 };

/** @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
const serve = (args, env) => startLauncher('serve.mjs', ['--app', appDirectory, ...args], env);

/** @param {ReturnType<typeof serve>} launcher */
const leavesNothing = (launcher) => until(() => launcher.leftovers().length === 0);

test('the ready line, the log, the files, a screenshot; the end of stdin stops it', browser, async () => {
  const cert = path.join(directory, 'cert.pem');
  writeFileSync(cert, 'a certificate');
  const image = path.join(directory, 'page.png');
  const own = ['--json', '--screenshot', image, '--window', '640x480'];
  const launcher = serve([...own, '--', '--listen', '127.0.0.1:0', '--cert', cert]);
  const ready = await launcher.report('ready');
  assert.equal(ready.address, '127.0.0.1');
  assert.ok(ready.port > 0);
  launcher.child.stdin.end();
  assert.equal(await launcher.exited, 0, launcher.stderr.join('\n'));
  assert.deepEqual(JSON.parse(launcher.stdout.at(-1) ?? ''), { stopped: true });
  assert.ok(launcher.stdout.every((line) => !line.includes('"stats"')), 'counts were not asked for');
  assert.ok(launcher.stderr.includes(`INFO file: ${cert} (a certificate)`), launcher.stderr.join('\n'));
  const png = readFileSync(image);
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [640, 480]);
  await leavesNothing(launcher);
});

test('SIGUSR2 collects garbage, says so, and the server goes on', browser, async () => {
  const launcher = serve(['--json', '--', '--listen', '127.0.0.1:0']);
  await launcher.report('ready');
  launcher.child.kill('SIGUSR2');
  assert.deepEqual(await launcher.report('collected'), { collected: true });
  launcher.child.stdin.end();
  assert.equal(await launcher.exited, 0, launcher.stderr.join('\n'));
  await leavesNothing(launcher);
});

test('a line for people without --json; SIGTERM stops it', browser, async () => {
  const launcher = serve(['--', '--listen', '[::1]:0']);
  await until(() => launcher.stdout.length > 0 || launcher.child.exitCode !== null);
  const line = /^ready: https:\/\/\[::1\]:\d+ \(certificate SHA-256 (ab){32}\)$/;
  assert.match(launcher.stdout[0], line, launcher.stderr.join('\n'));
  launcher.child.kill('SIGTERM');
  assert.equal(await launcher.exited, 0);
  await leavesNothing(launcher);
});

test('a server that fails: its exit code and its own words', browser, async () => {
  const first = serve(['--json', '--', '--listen', '127.0.0.1:0']);
  const { port } = await first.report('ready');
  const second = serve(['--json', '--', '--listen', `127.0.0.1:${port}`]);
  assert.equal(await second.exited, 2);
  assert.match(second.stderr.join('\n'), new RegExp(`bind 127.0.0.1:${port}: EADDRINUSE`));
  await leavesNothing(second);
  first.child.stdin.end();
  assert.equal(await first.exited, 0);
  await leavesNothing(first);
});

test('a port that Chrome refuses: exit code 2 and the rule', browser, async () => {
  const launcher = serve(['--', '--listen', '127.0.0.1:443']);
  assert.equal(await launcher.exited, 2);
  assert.match(launcher.stderr.join('\n'), /listen on 127\.0\.0\.1:443: Chrome refuses UDP ports below 1024/);
  await leavesNothing(launcher);
});

test('a server that traps: exit code 1 and what was thrown', browser, async () => {
  const launcher = serve(['--', '--listen', '127.0.0.1:0', '--trap']);
  assert.equal(await launcher.exited, 1);
  assert.match(launcher.stderr.join('\n'), /the server failed: RuntimeError: unreachable/);
  await leavesNothing(launcher);
});

test('Chromium killed while the server runs: exit code 1, one clear line, nothing left', browser, async () => {
  const launcher = serve(['--json', '--', '--listen', '127.0.0.1:0']);
  await launcher.report('ready');
  const chromium = launcher.chromium();
  assert.ok(chromium);
  process.kill(chromium.pid, 'SIGKILL');
  assert.equal(await launcher.exited, 1);
  assert.match(launcher.stderr.at(-1) ?? '', /^serve: error: Chromium \(.*\) was killed by SIGKILL/);
  await leavesNothing(launcher);
});

test('the page’s process killed: exit code 1, one clear line, nothing left', browser, async () => {
  const launcher = serve(['--json', '--', '--listen', '127.0.0.1:0']);
  await launcher.report('ready');
  for (const { pid } of launcher.renderers()) process.kill(pid, 'SIGKILL');
  assert.equal(await launcher.exited, 1);
  assert.match(launcher.stderr.at(-1) ?? '', /^serve: error: the app's page crashed/);
  await leavesNothing(launcher);
});

test('SIGTERM while Chromium is starting: nothing left', browser, async () => {
  const launcher = serve(['--', '--listen', '127.0.0.1:0']);
  await until(() => launcher.chromium() !== undefined);
  launcher.child.kill('SIGTERM');
  assert.equal(await launcher.exited, 0);
  await leavesNothing(launcher);
});

test('no Chromium: exit code 2, and what to do', async () => {
  const launcher = serve(['--', '--listen', '127.0.0.1:0'], { CHROMIUM: '/nonexistent/chromium' });
  assert.equal(await launcher.exited, 2);
  assert.match(launcher.stderr.join('\n'), /^serve: error: no Chromium: \$CHROMIUM is \/nonexistent.*Install Chromium/);
  await leavesNothing(launcher);
});

test('a Chromium that ends at once: exit code 1, and how it ended', async () => {
  const launcher = serve(['--chromium', '/bin/false']);
  assert.equal(await launcher.exited, 1);
  assert.match(launcher.stderr.join('\n'), /^serve: error: Chromium \(\/bin\/false\) exited with code 1/);
  await leavesNothing(launcher);
});

test('unknown options and unreadable files: exit code 2', async () => {
  for (const [args, message] of /** @type {[string[], RegExp][]} */ ([
    [['--bogus'], /Unknown option '--bogus'.*--help/],
    [['--window', 'wide'], /--window is WIDTHxHEIGHT/],
    [['--', '--cert', '/nonexistent.pem'], /--cert: ENOENT/],
    [['--app', '/nonexistent'], /no app in \/nonexistent \(ENOENT\); node iwa\/build\.mjs makes it/],
  ])) {
    const launcher = startLauncher('serve.mjs', args);
    assert.equal(await launcher.exited, 2, args.join(' '));
    assert.match(launcher.stderr.join('\n'), message);
    await leavesNothing(launcher);
  }
});

/** Answers every DevTools command but PWA.install, as a browser whose bundle reader is a stub does. */
function fakeChromium() {
  const fake = path.join(temporaryDirectory(), 'fake-chromium');
  writeFileSync(fake, `#!${process.execPath}
const { createReadStream, writeSync } = require('node:fs');
let buffer = '';
createReadStream('', { fd: 3 }).on('data', (chunk) => {
  const messages = (buffer + chunk).split('\\0');
  buffer = messages.pop();
  for (const { id, method } of messages.map((text) => JSON.parse(text))) {
    const result = { browserContextIds: [], targetInfos: [], product: 'Fake/1' };
    if (method !== 'PWA.install') writeSync(4, JSON.stringify({ id, result }) + '\\0');
  }
});
setInterval(() => {}, 1000);
`);
  chmodSync(fake, 0o755);
  return fake;
}

test('a Chromium that never answers PWA.install: the error names the step', async () => {
  await assert.rejects(
    launchIsolatedApp({ directory: appDirectory, chromium: fakeChromium(), stepLimit: 2 }),
    /install the app from http:\/\/localhost:\d+ in Fake\/1 \(PWA\.install\): no answer within 2 s/,
  );
});

test('a Chromium that can’t install bundles: exit code 2 at once, and what to do', async () => {
  const [key, bundle] = ['key.pem', 'app.swbn'].map((name) => path.join(directory, name));
  await iwaPack(['--generate-key', key]);
  await iwaPack([makeApp(), '--key', key, '-o', bundle]);
  const launcher = startLauncher('serve.mjs', ['--bundle', bundle, '--chromium', fakeChromium()]);
  assert.equal(await launcher.exited, 2);
  assert.match(launcher.stderr.join('\n'), /^serve: error: Fake\/1 can't install signed bundles.*Give another browser/);
  await leavesNothing(launcher);
});

test('a bundle that is not right: exit code 2, before a browser is started', async () => {
  const bundle = path.join(directory, 'words.swbn');
  writeFileSync(bundle, 'words');
  const launcher = startLauncher('serve.mjs', ['--bundle', bundle, '--chromium', '/bin/false']);
  assert.equal(await launcher.exited, 2);
  assert.match(launcher.stderr.join('\n'), /words\.swbn: it is no signed web bundle.*iwa-pack --verify says more/);
});
