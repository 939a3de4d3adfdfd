/** What the launchers check before any browser is there. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { buildApp } from '../../build.mjs';
import { findChromium } from '../../chromium.mjs';
import { saveKept } from '../../kept-files.mjs';
import { LaunchError, within } from '../../launch-error.mjs';
import { prepareServerArgs } from '../../server-args.mjs';

const directory = mkdtempSync(path.join(os.tmpdir(), 'launch-test-'));
test.after(() => rmSync(directory, { recursive: true }));

/** @param {RegExp} message @param {number} exitCode */
const launchError = (message, exitCode) => (/** @type {unknown} */ error) => {
  assert.ok(error instanceof LaunchError);
  assert.match(error.message, message);
  assert.equal(error.exitCode, exitCode);
  return true;
};

test('Chromium: the option, then $CHROMIUM, then the known names on $PATH', () => {
  const bin = path.join(directory, 'chromium');
  writeFileSync(bin, '', { mode: 0o755 });
  assert.equal(findChromium(bin, {}), bin);
  assert.equal(findChromium(undefined, { CHROMIUM: bin }), bin);
  assert.equal(findChromium(undefined, { PATH: `/nonexistent:${directory}` }), bin);
  assert.equal(findChromium('chromium', { PATH: directory }), bin);
});

test('no Chromium: what was looked for, and what to install', () => {
  const find = (/** @type {NodeJS.ProcessEnv} */ env) => () => findChromium(undefined, env);
  assert.throws(find({ PATH: '' }), launchError(/none of chromium, .*apt-get install chromium/, 2));
  assert.throws(find({ CHROMIUM: '/nonexistent' }), launchError(/\$CHROMIUM is \/nonexistent/, 2));
  assert.throws(() => findChromium(directory, {}), launchError(/--chromium is .*not an executable file/, 2));
});

test('a step that never answers ends with its name', async () => {
  await assert.rejects(within('install', 0.01, new Promise(() => {})), launchError(/^install: no answer within/, 1));
  await assert.rejects(within('launch', 1, Promise.reject(new Error('no'))), launchError(/^launch: no$/, 1));
  assert.equal(await within('launch', 1, Promise.resolve(7)), 7);
});

test('server arguments: the address apart, files along, the rest as it is', async () => {
  const cert = path.join(directory, 'cert.pem');
  writeFileSync(cert, 'PEM');
  const launch = await prepareServerArgs([
    '--json', '--listen=[::1]:0', '--cert', cert, `--key=${cert}`, '--log', 'debug', '--stats-interval', '5',
    '--stop-on-stdin-close',
  ]);
  const base64 = Buffer.from('PEM').toString('base64');
  assert.deepEqual(launch, {
    listen: '[::1]:0',
    args: ['--cert', cert, '--key', cert, '--log', 'debug', '--stats-interval', '5'],
    files: [{ path: cert, base64 }, { path: cert, base64 }],
    keep: [],
    json: true,
    stats: true,
  });
});

test('server arguments: what the server writes goes along if it is there, and is kept', async () => {
  const keys = path.join(directory, 'ticket-keys');
  const missing = await prepareServerArgs(['--ticket-keys', keys, '--qlog=logs', '--drain-timeout=9']);
  assert.deepEqual(missing.args, ['--ticket-keys', keys, '--qlog', 'logs', '--drain-timeout=9']);
  assert.deepEqual([missing.keep, missing.files], [[keys, 'logs'], []]);
  writeFileSync(keys, 'KEYS');
  const there = await prepareServerArgs(['--ticket-keys', keys]);
  assert.deepEqual(there.files, [{ path: keys, base64: Buffer.from('KEYS').toString('base64') }]);
});

test('kept files: where they were asked for, for their owner alone, and nowhere else', () => {
  const [keys, logs] = [path.join(directory, 'kept'), path.join(directory, 'logs')];
  const asked = [keys, logs];
  const data = Buffer.from('new');
  saveKept(asked, { path: keys, data });
  saveKept(asked, { path: path.join(logs, 'one.sqlog'), data });
  assert.equal(readFileSync(keys, 'utf8'), 'new');
  assert.equal(statSync(keys).mode & 0o777, 0o600);
  assert.equal(readFileSync(path.join(logs, 'one.sqlog'), 'utf8'), 'new');
  for (const elsewhere of [path.join(directory, 'other'), path.join(logs, '..', 'other'), path.join(logs, 'deep', 'one')]) {
    assert.throws(() => saveKept(asked, { path: elsewhere, data }), /was not asked for it/);
  }
});

test('server arguments: a file that is not there, an option without its value', async () => {
  await assert.rejects(prepareServerArgs(['--cert', '/none.pem']), launchError(/--cert: ENOENT.*\/none\.pem/, 2));
  await assert.rejects(prepareServerArgs(['--listen']), launchError(/--listen needs a value/, 2));
});

test('the build needs a server, and leaves nothing half-made', async () => {
  await assert.rejects(
    buildApp({ server: path.join(directory, 'none.js'), out: path.join(directory, 'app') }),
    launchError(/no server at .*none\.js .*cargo xtask build/, 2),
  );
});
