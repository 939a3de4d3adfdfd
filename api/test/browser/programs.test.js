// runProgram() with what emcc makes, in Chromium and on Node: the same options, results and errors.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runProgram } from '../../node.js';
import { compilePrograms, launchApp, temporaryDirectory, withoutChromium, withoutToolchain } from './support.js';

const withoutPrograms = withoutToolchain();
const directory = temporaryDirectory();

/** @type {Awaited<ReturnType<typeof launchApp>>} */
let app;
before(async () => {
  if (withoutPrograms) return;
  compilePrograms(directory);
  mkdirSync(path.join(directory, 'alone'));
  cpSync(path.join(directory, 'exits.js'), path.join(directory, 'alone', 'exits.js')); // its .wasm is missing
  writeFileSync(path.join(directory, 'page.js'), 'document.title = "";\n');
  if (!withoutChromium) app = await launchApp({ mounts: { '/programs/': directory } });
});
after(() => app?.close());

/**
 * @typedef {object} Told
 * @property {number} [code]
 * @property {{name: string, code: string, message: string, exitCode: number}} [error]
 * @property {string} stdout
 * @property {string} stderr
 * @property {Record<string, string | null>} files
 *
 * @typedef {Omit<import('../../socket-iwa.d.ts').ProgramOptions, 'signal'> & {kill?: boolean, abort?: boolean}} Options
 *   `kill`, `abort`: when the first output has come
 */

/**
 * Runs one and gathers what comes. It is called in the page too.
 * @param {typeof runProgram} run @param {string} url @param {Options} options @returns {Promise<Told>}
 */
async function gather(run, url, { kill, abort, ...options }) {
  const decoder = new TextDecoder();
  const controller = new AbortController();
  const told = /** @type {Told} */ ({ stdout: '', stderr: '', files: {} });
  const program = run(url, {
    ...options,
    signal: controller.signal,
    onStdout(/** @type {Uint8Array} */ bytes) {
      told.stdout += decoder.decode(bytes);
      if (kill) void program.kill();
      if (abort) controller.abort(new Error('enough'));
    },
    onStderr: (/** @type {Uint8Array} */ bytes) => void (told.stderr += decoder.decode(bytes)),
  });
  try {
    told.code = await program.exit;
  } catch (error) {
    const { name, code, message, exitCode } = /** @type {any} */ (error);
    told.error = { name, code, message, exitCode };
  }
  const files = await program.files.catch(() => new Map([['lost', null]]));
  for (const [file, content] of files) told.files[file] = content && decoder.decode(content.subarray(0, 100));
  return told;
}

/** @type {Record<string, {skip: string | false, run: (name: string, options?: Options) => Promise<Told>}>} */
const runtimes = {
  Node: {
    skip: withoutPrograms,
    run: (name, options = {}) => gather(runProgram, path.join(directory, name), options),
  },
  Chromium: {
    skip: withoutPrograms || withoutChromium,
    run: (name, options = {}) => /** @type {any} */ (app.page.evaluate(
      `(${gather})(under.api.runProgram, '/programs/${name}', ${JSON.stringify(options)})`)),
  },
};

for (const [runtime, { skip, run }] of Object.entries(runtimes)) {
  const limits = { skip, timeout: 60_000 };

  test(`${runtime}: arguments, output, exit code`, limits, async () => {
    const { code, stdout, stderr } = await run('exits.js', { args: ['print', 'a b', '“ü”'] });
    assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'a b\n“ü”\n', stderr: '3 arguments\n' });
    assert.equal((await run('exits.js', { args: ['exit'] })).code, 7);
  });

  test(`${runtime}: environment and standard input`, limits, async () => {
    assert.equal((await run('exits.js', { args: ['environment'], env: { NAME: 'a=b' } })).stdout, 'a=b\n');
    assert.equal((await run('exits.js', { args: ['cat'], stdin: 'one\ntwo\n' })).stdout, 'one\ntwo\n');
    assert.equal((await run('exits.js', { args: ['cat'], stdin: ['by ', 'and ', 'by'] })).stdout, 'by and by');
  });

  test(`${runtime}: a socket`, limits, async () => {
    assert.equal((await run('exits.js', { args: ['udp'] })).stdout, 'datagram\n');
  });

  const files = {
    'nested/in.txt': 'words\n', 'changed.txt': 'old', '/files/kept.txt': 'same', 'old-name': 'renamed', 'removed.txt': '', 'removed/': '',
  };
  const changed = {
    '/files/changed.txt': 'new text\n', '/files/made/deep/out.txt': 'made\n', '/files/new-name': 'renamed',
    '/files/old-name': null, '/files/removed.txt': null, '/files/removed': null,
  };
  for (const [how, options] of /** @type {[string, Options][]} */ ([
    ['a program that ends', { args: ['files'] }], ['one that aborts', { args: ['files', 'abort'] }],
    ['one that is killed while it waits', { args: ['files', 'wait'], kill: true }],
  ])) {
    test(`${runtime}: files go in, and what was changed comes out, of ${how}`, limits, async () => {
      const told = await run('exits.js', { files, ...options });
      assert.match(told.stdout, /^read words\ndone\n/);
      const { '/files/made/big.bin': big, ...rest } = told.files;
      assert.equal(big?.length, 100);
      assert.deepEqual(rest, changed);
    });
  }

  test(`${runtime}: traps and aborts reject, with a signal and what happened`, limits, async () => {
    for (const [what, signal, exitCode] of /** @type {const} */ ([['trap', 'SIGILL', 132], ['abort', 'SIGABRT', 134], ['segv', 'SIGSEGV', 139]])) {
      const { error } = await run('exits.js', { args: [what] });
      assert.deepEqual({ ...error, message: '' }, { name: 'ProgramError', code: signal, exitCode, message: '' });
      assert.match(String(error?.message), /^run .*exits\.js: .*(RuntimeError|Aborted)/);
    }
  });

  test(`${runtime}: kill() and a signal end a program, one that computes too`, limits, async () => {
    const killed = await run('exits.js', { args: ['hang'], kill: true });
    assert.deepEqual([killed.error?.code, killed.error?.exitCode], ['SIGKILL', 137]);
    const aborted = await run('exits.js', { args: ['hang'], abort: true });
    assert.deepEqual([aborted.error?.name, aborted.error?.message], ['Error', 'enough']);
    const { files: lost } = await run('exits.js', { args: ['hang'], files, kill: true });
    assert.deepEqual(lost, { lost: null });
  });

  test(`${runtime}: what cannot be run: a code, what is missing and what to do`, limits, async () => {
    for (const [name, code, message, options] of /** @type {[string, string, RegExp, Options?][]} */ ([
      ['none.js', 'ENOENT', /none\.js: no such program/],
      ['alone/exits.js', 'ENOENT', /alone\/exits\.wasm is missing.*belongs beside its \.js file/],
      ['exits.wasm', 'ENOEXEC', /is WebAssembly: give the \.js file/],
      ['page.js', 'ENOEXEC', /is not a program made by emcc/],
      ['bare.js', 'ERR_NOT_LINKED', /without libdirectsockets\.js: .*--js-library/],
      ['bare.js', 'ERR_NOT_LINKED', /no file system that can be reached: link it/, { anySockets: true, files: { a: '' } }],
    ])) {
      const { error } = await run(name, options);
      assert.deepEqual([error?.name, error?.code], ['ProgramError', code], String(error?.message));
      assert.match(String(error?.message), message);
    }
    assert.equal((await run('bare.js', { anySockets: true, args: ['print'] })).code, 3);
  });
}

test('Chromium: a program elsewhere, a file that is a URL, a worker that is not there', { skip: runtimes.Chromium.skip, timeout: 60_000 }, async () => {
  const told = await app.page.evaluate(`(async () => {
    const { runProgram } = under.api;
    const copied = runProgram('/programs/exits.js', { args: ['files'], files: { 'nested/in.txt': new URL('/programs/page.js', location.href) }, onStdout: (bytes) => (said += under.text(bytes)) });
    let said = '';
    await copied.exit;
    return [said, await under.failure(runProgram('https://example.com/a.js').exit),
      await under.failure(runProgram('/programs/exits.js', { files: { a: new URL('/none', location.href) } }).exit),
      await under.failure(runProgram('/programs/exits.js', { worker: '/none.js' }).exit)];
  })()`);
  const [said, ...errors] = /** @type {any[]} */ (told);
  assert.match(said, /^read document\.title/);
  assert.deepEqual(errors.map(({ code }) => code), ['EINVAL', 'ENOENT', 'ERR_WORKER']);
  assert.match(errors[0].message, /loaded from the app's own origin/);
  assert.match(errors[1].message, /reading a of \/files: .*\/none: HTTP status 404/);
  assert.match(errors[2].message, /\/none\.js, in which programs run, could not be loaded: .*program\/thread\.js/);
});
