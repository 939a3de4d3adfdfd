/** What a program tells of its files never reaches outside of its mounts. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, beforeEach } from 'node:test';
import { WriteBack, checkMounts, parseMount, placeOf, readMount } from '../../mounts.mjs';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-mounts-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const outside = path.join(scratch, 'outside');
const mounted = path.join(scratch, 'mounted');
/** @type {string[]} */
let warnings = [];

beforeEach(() => {
  for (const directory of [outside, mounted]) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
  }
  writeFileSync(path.join(outside, 'victim'), 'untouched');
  warnings = [];
});
const warn = (/** @type {string} */ text) => void warnings.push(text);
const writeBack = (readOnly = false) => new WriteBack([{ directory: mounted, at: '/m', readOnly }], warn);
const change = (/** @type {string} */ name, /** @type {'file' | 'removed' | 'directory'} */ type = 'file') =>
  ({ mount: 0, path: name, type, mode: 0o644 });

for (const name of ['../outside/victim', 'a/../../outside/victim', path.join(outside, 'victim'), '..', '.', '', 'a//b', 'a\0b', '/']) {
  test(`the path ${JSON.stringify(name)} is refused`.replace(scratch, ''), () => {
    for (const type of /** @type {const} */ (['file', 'removed', 'directory'])) {
      const saving = writeBack();
      saving.apply(change(name, type), Buffer.from('evil'));
      assert.ok(saving.failed);
    }
    assert.equal(warnings.length, 3);
    assert.equal(readFileSync(path.join(outside, 'victim'), 'utf8'), 'untouched');
    assert.deepEqual(readdirSync(scratch).sort(), ['mounted', 'outside']);
    assert.deepEqual(readdirSync(mounted), []);
  });
}

test('no way leads through a symbolic link, though it stays below', () => {
  symlinkSync(outside, path.join(mounted, 'link'));
  mkdirSync(path.join(mounted, 'real'));
  symlinkSync('real', path.join(mounted, 'inner'));
  const saving = writeBack();
  saving.apply(change('link/victim'), Buffer.from('evil'));
  saving.apply(change('link/new', 'directory'));
  saving.apply(change('inner/file'), Buffer.from('evil'));
  saving.apply(change('link/victim', 'removed'));
  assert.equal(warnings.length, 4);
  assert.deepEqual(readdirSync(outside), ['victim']);
  assert.equal(readFileSync(path.join(outside, 'victim'), 'utf8'), 'untouched');
});

test('a symbolic link is replaced and removed, not followed', () => {
  for (const name of ['one', 'two', 'three']) symlinkSync(path.join(outside, 'victim'), path.join(mounted, name));
  const saving = writeBack();
  saving.apply(change('one'), Buffer.from('mine'));
  saving.apply(change('two', 'removed'));
  saving.apply(change('three', 'directory'));
  assert.deepEqual(warnings, []);
  assert.equal(readFileSync(path.join(mounted, 'one'), 'utf8'), 'mine');
  assert.ok(lstatSync(path.join(mounted, 'one')).isFile() && lstatSync(path.join(mounted, 'three')).isDirectory());
  assert.equal(existsSync(path.join(mounted, 'two')), false);
  assert.equal(readFileSync(path.join(outside, 'victim'), 'utf8'), 'untouched');
});

test('neither a read-only mount nor one that is not there is written to', () => {
  writeBack(true).apply(change('file'), Buffer.from('x'));
  writeBack().apply({ ...change('file'), mount: 7 }, Buffer.from('x'));
  assert.equal(warnings.length, 2);
  assert.deepEqual(readdirSync(mounted), []);
});

test('a file comes in parts, with its mode and time; half of one leaves nothing', () => {
  const saving = writeBack();
  const file = { ...change('file'), mode: 0o4755, mtime: 5000 };
  saving.apply(file, Buffer.from('one '), { first: true, last: false });
  saving.apply(file, Buffer.from('two'), { first: false, last: true });
  saving.apply(change('half'), Buffer.from('one'), { first: true, last: false });
  saving.end();
  assert.deepEqual(readdirSync(mounted), ['file']);
  const { mode, mtimeMs } = statSync(path.join(mounted, 'file'));
  assert.deepEqual([readFileSync(path.join(mounted, 'file'), 'utf8'), mode & 0o7777, mtimeMs], ['one two', 0o755, 5000]);
});

test('once something could not be written, nothing is removed', () => {
  writeFileSync(path.join(mounted, 'old-name'), 'content');
  mkdirSync(path.join(mounted, 'new-name/full'), { recursive: true });
  const saving = writeBack();
  saving.apply(change('new-name'), Buffer.from('content'));
  saving.apply(change('old-name', 'removed'));
  assert.equal(readFileSync(path.join(mounted, 'old-name'), 'utf8'), 'content');
  assert.match(warnings[0], /new-name is not written back/);
});

test('what is read: files and inner links; what leads outside is left out', () => {
  mkdirSync(path.join(mounted, 'sub'));
  writeFileSync(path.join(mounted, 'sub/file'), 'x');
  symlinkSync(path.join(mounted, 'sub/file'), path.join(mounted, 'absolute'));
  symlinkSync('../..', path.join(mounted, 'sub/up'));
  symlinkSync('nowhere', path.join(mounted, 'dangling'));
  const entries = readMount({ directory: mounted, at: '/m', readOnly: false }, warn);
  assert.deepEqual(entries.map(({ type, path: name, target }) => [type, name, target]),
    [['link', 'absolute', 'sub/file'], ['directory', 'sub', ''], ['file', 'sub/file', '']]);
  assert.equal(warnings.length, 2);
});

test('DIR[:PATH][:ro]', () => {
  assert.deepEqual(parseMount(mounted), { directory: mounted, at: mounted, readOnly: false });
  assert.deepEqual(parseMount(`${mounted}:/data/`), { directory: mounted, at: '/data', readOnly: false });
  assert.deepEqual(parseMount(`${mounted}:/data:ro`), { directory: mounted, at: '/data', readOnly: true });
  assert.deepEqual(parseMount(`${mounted}:ro`), { directory: mounted, at: mounted, readOnly: true });
  for (const wrong of ['', ':ro', ':/x', `${mounted}:/`, `${mounted}:/dev/x`, `${mounted}:/x/../proc`, path.join(outside, 'victim')]) {
    assert.throws(() => parseMount(wrong), /--mount/, wrong);
  }
  const mount = (/** @type {string} */ directory, /** @type {string} */ at, readOnly = false) => ({ directory, at, readOnly });
  assert.throws(() => checkMounts([mount('/a', '/x'), mount('/b', '/x/y')]), /inside of/);
  assert.throws(() => checkMounts([mount('/a', '/x'), mount('/a/b', '/y', true)]), /inside of/);
  checkMounts([mount('/a', '/x', true), mount('/a/b', '/y', true), mount('/ab', '/xy')]);
});

test('the program starts where this process is, if a mount has it', () => {
  mkdirSync(path.join(mounted, 'sub'));
  const mounts = [{ directory: mounted, at: '/m', readOnly: false }];
  assert.deepEqual([placeOf(mounts, path.join(mounted, 'sub')), placeOf(mounts, outside)], ['/m/sub', '/']);
});
