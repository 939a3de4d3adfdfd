// The parts of runProgram() that need no program: files as directories, what a text tells, and errors before one starts.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { checkSupport, runProgram } from '../../node.js';
import { mountsOf, resolvePath } from '../../program/given-files.js';
import { checkProgram, hasForeignSockets, isModule, needsJspi } from '../../program/program-text.js';

const directory = mkdtempSync(path.join(tmpdir(), 'socket-iwa-program-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('paths are the program’s, whatever stands in them', () => {
  assert.deepEqual(['a', './b/../c', '/d/', '../../e'].map((name) => resolvePath(name, '/files')), ['/files/a', '/files/c', '/d', '/e']);
});

test('files make directories, each in one place, and directories come before what is in them', async () => {
  const mounts = await mountsOf({
    'a/b/c.txt': 'text', 'd.bin': Uint8Array.of(1, 2), '/data/x': new Blob(['blob']), '/data/sub/y': new ArrayBuffer(3), '/empty/': '',
    'url': new URL('file:///etc/hosts'),
  }, '/files');
  const shown = mounts.map(({ at, entries }) =>
    [at, ...entries.map((entry) => `${entry.type} ${entry.path}${entry.type === 'file' ? ` ${entry.url ?? entry.data?.length}` : ''}`)]);
  assert.deepEqual(shown.sort(), [
    ['/data', 'directory sub', 'file sub/y 3', 'file x 4'],
    ['/empty'],
    ['/files', 'directory a', 'directory a/b', 'file a/b/c.txt 4', 'file d.bin 2', 'file url file:///etc/hosts'],
  ]);
});

test('files that cannot be are said', async () => {
  await assert.rejects(mountsOf({ '/top': '' }, '/files'), /the program's root directory holds no files: name one below, as \/data\/top/);
  await assert.rejects(mountsOf({ '/dev/null': '' }, '/files'), /that is Emscripten's own/);
  await assert.rejects(mountsOf({ a: /** @type {any} */ (7) }, '/files'), /\/files\/a: a string, an ArrayBuffer.*not number/);
});

test('a text tells whether emcc made it, and how it is loaded', () => {
  const script = 'var Module; var thisProgram = "./this.program"; WebAssembly.instantiate();';
  checkProgram(script, 'a.js', false);
  assert.equal(isModule(script), false);
  assert.equal(isModule(`${script}export default Module;`), true);
  assert.equal(needsJspi(`${script} new WebAssembly.Suspending(f)`), true);
  assert.equal(hasForeignSockets(`${script} SOCKFS.root`), true);
  assert.equal(hasForeignSockets(`${script} SOCKFS.root; Module.directSockets`), false);
  assert.throws(() => checkProgram('\0asm', 'a.wasm', false), { code: 'ENOEXEC' });
  assert.throws(() => checkProgram('alert()', 'a.js', false), { code: 'ENOEXEC' });
  assert.throws(() => checkProgram(`${script} SOCKFS.root`, 'a.js', false), { code: 'ERR_NOT_LINKED' });
  checkProgram(`${script} SOCKFS.root`, 'a.js', true);
});

test('a program that is not there, on no file: URL, with no Node to run it, or with a signal that has come', async () => {
  const program = path.join(directory, 'fake.js');
  writeFileSync(program, '// this.program WebAssembly\nModule.print("never");\n');
  const fails = (/** @type {import('../../socket-iwa.d.ts').Program} */ { exit }, /** @type {object} */ expected) =>
    assert.rejects(exit, expected);
  await fails(runProgram(path.join(directory, 'none.js')), { name: 'ProgramError', code: 'ENOENT', message: /none\.js: no such program/ });
  await fails(runProgram(new URL('https://example.com/a.js')), { code: 'EINVAL', message: /a path or a file: URL/ });
  await fails(runProgram(pathToFileURL(program), { execPath: '/no/node' }), { code: 'ERR_WORKER', message: /\/no\/node could not be started/ });
  const reason = new Error('enough');
  await fails(runProgram(program, { signal: AbortSignal.abort(reason) }), reason);
  await fails(runProgram(program, { files: { a: new URL('file:///no/such/file') } }), { message: /no\/such\/file/ });
});

test('checkSupport() on Node', async () => {
  const support = await checkSupport();
  assert.deepEqual({ ...support, features: [] }, { context: 'node', sockets: true, programs: true, multicast: true, features: [] });
  assert.ok(support.features.every(({ state, fix }) => state === 'yes' || fix));
});
