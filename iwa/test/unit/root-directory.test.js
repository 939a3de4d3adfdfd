import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { moduleOptions, ProgramReporter } from '../../../api/program/emscripten-program.js';
import { readRoot } from '../../root-directory.mjs';

/** @param {(directory: string) => Promise<void>} use */
async function inDirectory(use) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'socket-iwa-root-'));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('an empty directory arrives as one', () =>
  inDirectory(async (directory) => {
    const { root, files } = await readRoot(directory);
    assert.equal(root, directory);
    /** @type {string[][]} */
    const made = [];
    const FS = {
      mkdirTree: (/** @type {string} */ name) => made.push(['directory', name]),
      writeFile: (/** @type {string} */ name) => made.push(['file', name]),
    };
    const data = new Uint8Array();
    const { preRun } = moduleOptions(new ProgramReporter(() => {}), { args: [], files: files.map((file) => ({ ...file, data })) });
    for (const run of preRun) run({ FS });
    assert.deepEqual(made, [['directory', directory]]);
  }));

test('files arrive with those of subdirectories, and none from outside', () =>
  inDirectory(async (directory) => {
    const inside = path.join(directory, 'inside');
    await mkdir(path.join(inside, 'sub'), { recursive: true });
    await writeFile(path.join(directory, 'secret'), 'secret');
    await symlink(path.join(directory, 'secret'), path.join(inside, 'link'));
    await writeFile(path.join(inside, 'sub', 'file'), 'text');
    const { files } = await readRoot(inside);
    assert.deepEqual(files.slice(1), [{ path: path.join(inside, 'sub', 'file'), base64: btoa('text') }]);
  }));
