/** iwa-run with real emcc output, in Chromium and on Node: several programs in one browser, and the command line. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { LaunchError } from '../launch-error.mjs';
import { TIMED_OUT, withBrowser } from '../program-runner.mjs';
import { REPOSITORY, startLauncher, temporaryDirectory, until, withoutChromium } from './support.js';

const directory = temporaryDirectory();
const IWA_RUN = path.join(REPOSITORY, 'iwa', 'iwa-run.mjs');

/** Why the programs can't be had, or false. @returns {string | false} @throws {Error} when they do not compile */
function compile() {
  try {
    execFileSync(path.join(REPOSITORY, 'docker', 'build.sh'), ['--which'], { stdio: 'pipe' });
  } catch (error) {
    return `no toolchain to compile the programs with: ${/** @type {{stderr?: Buffer}} */ (error).stderr}`;
  }
  cpSync(path.join(REPOSITORY, 'iwa', 'test', 'program.c'), path.join(directory, 'program.c'));
  const library = path.join(REPOSITORY, 'emscripten-lib', 'libdirectsockets.js');
  const emcc = 'emcc program.c -O1 -sJSPI -Wno-experimental';
  const script = [
    `${emcc} --js-library ${library} -sEXIT_RUNTIME -o exits.js`,
    `${emcc} --js-library ${library} -sEXIT_RUNTIME -o module.mjs`,
    `${emcc} --js-library ${library} -sEXIT_RUNTIME -sMODULARIZE -sEXPORT_NAME=makeIt -o factory.js`,
    `${emcc} --js-library ${library} -sASSERTIONS=2 -o stays.js`,
    `${emcc} -sEXIT_RUNTIME -o bare.js`,
  ].join(' && ');
  execFileSync(path.join(REPOSITORY, 'docker', 'build.sh'), ['sh', '-c', script], { cwd: directory, stdio: 'pipe' });
  return false;
}
const programs = { skip: compile(), timeout: 180_000 };
const browser = { ...programs, skip: withoutChromium || programs.skip };
const program = (/** @type {string} */ name) => path.join(directory, name);

test('programs in one browser', browser, async (t) => {
  await withBrowser(async (run) => {
    for (const name of ['exits.js', 'module.mjs', 'factory.js', 'stays.js']) {
      await t.test(`${name}: arguments, output, exit code`, async () => {
        const { code, stdout, stderr } = await run(program(name), ['print', 'a b', '“ü”']);
        assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'a b\n“ü”\n', stderr: '3 arguments\n' });
      });
    }
    await t.test('exit(), abort() and traps have the exit codes of a shell', async () => {
      for (const [what, expected] of Object.entries({ exit: 7, abort: 134, trap: 132, segv: 139 })) {
        const { code, stderr } = await run(program('exits.js'), [what]);
        assert.equal(code, expected, what);
        assert.match(stderr, what === 'exit' ? /^$/ : /RuntimeError/);
      }
    });
    await t.test('a last line without its newline', async () => {
      assert.equal((await run(program('exits.js'), ['unfinished'])).stdout, 'unfinished');
      assert.equal((await run(program('bare.js'), ['unfinished'])).stdout, 'unfinished\n', 'not linked with the library');
    });
    await t.test('exit codes of a program linked without -sEXIT_RUNTIME', async () => {
      assert.equal((await run(program('stays.js'), ['print'])).code, 3);
      assert.equal((await run(program('stays.js'), ['exit'])).code, 7);
      assert.equal((await run(program('stays.js'))).code, 0);
      assert.equal((await run(program('stays.js'), ['sleep'])).code, 0);
    });
    await t.test('standard input', async () => {
      const result = await run(program('exits.js'), ['cat'], { stdin: 'one\ntwo\n' });
      assert.deepEqual([result.code, result.stdout], [0, 'one\ntwo\n']);
      const large = `${'x'.repeat(99_999)}\n`;
      const chunks = async function* () {
        for (let i = 0; i < 3; i += 1) yield Buffer.from(large);
      };
      assert.equal((await run(program('exits.js'), ['cat'], { stdin: chunks() })).stdout, large.repeat(3));
    });
    await t.test('a UDP socket', async () => {
      const { code, stdout } = await run(program('exits.js'), ['udp']);
      assert.deepEqual([code, stdout], [0, 'datagram\n']);
    });
    await t.test('a program that never ends is ended, and others run beside it', async () => {
      const [hung, other] = await Promise.all([
        run(program('exits.js'), ['hang'], { timeout: 2 }),
        run(program('exits.js'), ['sleep']),
      ]);
      assert.deepEqual([hung.code, hung.timedOut, other.code], [TIMED_OUT, true, 0]);
    });
    await t.test('no such program', async () => {
      await assert.rejects(run(program('none.js')), (error) => error instanceof LaunchError && error.exitCode === 2);
    });
  });
});

/** A directory with files for the program's "files". */
function filesForProgram() {
  const work = temporaryDirectory();
  for (const name of ['nested', 'removed']) mkdirSync(path.join(work, name));
  for (const [name, text] of /** @type {[string, string][]} */ ([['nested/in.txt', 'words\n'], ['changed.txt', 'old'],
    ['kept.bin', '\0\xff'], ['old-name', 'renamed'], ['removed.txt', '']])) writeFileSync(path.join(work, name), text);
  utimesSync(path.join(work, 'kept.bin'), 1, 1);
  symlinkSync('/etc/passwd', path.join(work, 'outside'));
  return work;
}

/** @param {string} work */
function assertFilesChanged(work) {
  const read = (/** @type {string} */ name) => readFileSync(path.join(work, name), 'latin1');
  assert.deepEqual(readdirSync(work).sort(), ['changed.txt', 'kept.bin', 'made', 'nested', 'new-name', 'outside']);
  assert.deepEqual([read('changed.txt'), read('made/deep/out.txt'), read('new-name')], ['new text\n', 'made\n', 'renamed']);
  const big = Buffer.from(Uint8Array.from({ length: 3000001 }, (_, i) => i * 7 + Math.floor(i / 256)));
  assert.ok(readFileSync(path.join(work, 'made/big.bin')).equals(big));
  assert.equal(statSync(path.join(work, 'kept.bin')).mtimeMs, 1000, 'a file that was not changed is not written');
}

for (const runtime of ['--node', '--chromium']) {
  const here = runtime === '--node' ? programs : browser;
  /** @param {string[]} args @param {object} [options] of spawnSync */
  const iwaRun = (args, options = {}) =>
    spawnSync(process.execPath, [IWA_RUN, runtime, ...args], { encoding: 'utf8', input: '', timeout: 100_000, ...options });

  test(`${runtime}: streams are bytes, the exit code is the program’s`, here, () => {
    const bytes = iwaRun([program('exits.js'), 'bytes'], { encoding: 'buffer' });
    assert.deepEqual([bytes.status, bytes.stdout], [0, Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i))]);
    const printed = iwaRun([program('stays.js'), '--', 'print', '--help', '--']);
    assert.deepEqual([printed.status, printed.stdout, printed.stderr], [3, '--help\n--\n', '3 arguments\n']);
    assert.equal(iwaRun([program('exits.js'), 'trap']).status, 132);
  });

  test(`${runtime}: a prompt is seen before its answer is given`, here, async () => {
    const { child, exited, output } = startLauncher('iwa-run.mjs', [runtime, program('exits.js'), 'ask']);
    await until(() => output.stdout === 'name? ');
    child.stdin.write('world\n'); // and does not end
    assert.equal(await exited, 0, output.stderr);
    assert.equal(output.stdout, 'name? hello world\n');
  });

  test(`${runtime}: standard input that the program does not read is left to the next one`, here, () => {
    const script = '"$@" && cat';
    const words = [process.execPath, IWA_RUN, runtime, program('exits.js'), 'environment'];
    const { stdout } = spawnSync('sh', ['-c', script, 'sh', ...words], { input: 'for cat\n', encoding: 'utf8' });
    assert.equal(stdout, 'none\nfor cat\n');
  });

  test(`${runtime}: environment`, here, () => {
    assert.equal(iwaRun(['--env', 'NAME=a=b', program('exits.js'), 'environment']).stdout, 'a=b\n');
    const env = { ...process.env, NAME: 'passed on' };
    assert.equal(iwaRun(['--env', 'NAME', program('stays.js'), 'environment'], { env }).stdout, 'passed on\n');
    assert.equal(iwaRun([program('exits.js'), 'environment'], { env }).stdout, 'none\n');
  });

  for (const then of ['', 'abort']) {
    test(`${runtime}: files of a mount go in and out${then && ', also when the program aborts'}`, here, () => {
      const work = filesForProgram();
      const { status, stdout, stderr } = iwaRun(['--mount', '.', program('exits.js'), 'files', then], { cwd: work });
      assert.equal(stdout, 'read words\ndone\n', stderr);
      assert.match(stderr, /outside is left out: the link leads outside/);
      assert.match(stderr, /to-etc is not written back: it is a symbolic link/);
      assert.equal(status, then ? 134 : 0);
      assertFilesChanged(work);
    });
  }

  test(`${runtime}: a read-only mount stays as it is`, here, () => {
    const work = filesForProgram();
    const before = readdirSync(work);
    const { status, stderr } = iwaRun(['--mount', `${work}:/data:ro`, program('factory.js'), 'files'], { cwd: work });
    assert.equal(status, 0);
    assert.match(stderr, /changed\.txt: Permission denied/);
    assert.deepEqual(readdirSync(work), before);
    assert.equal(readFileSync(path.join(work, 'changed.txt'), 'utf8'), 'old');
  });

  for (const [how, code] of /** @type {[NodeJS.Signals | 'time limit', number][]} */ ([['SIGINT', 130], ['SIGTERM', 143], ['time limit', 124]])) {
    test(`${runtime}: ${how} ends a program that waits, its files are written back`, here, async () => {
      const work = filesForProgram();
      const limit = how === 'time limit' ? ['--timeout', '1'] : [];
      const launcher = startLauncher('iwa-run.mjs',
        [runtime, ...limit, '--mount', `${work}:/data`, program('exits.js'), 'files', 'wait'], {}, work);
      await until(() => launcher.output.stdout.endsWith('done\n'));
      if (how !== 'time limit') launcher.child.kill(how);
      assert.equal(await launcher.exited, code, launcher.output.stderr);
      assertFilesChanged(work);
      await until(() => launcher.leftovers().length === 0);
    });
  }

  test(`${runtime}: SIGINT ends a program that computes, and says that its files are lost`, here, async () => {
    const work = filesForProgram();
    const launcher = startLauncher('iwa-run.mjs', [runtime, '--mount', work, program('exits.js'), 'hang']);
    await until(() => launcher.output.stdout === 'hanging\n');
    launcher.child.kill('SIGINT');
    assert.equal(await launcher.exited, 130);
    assert.match(launcher.output.stderr, /does not answer: what it changed in its files is lost/);
    await until(() => launcher.leftovers().length === 0);
  });

  test(`${runtime}: a reader that leaves ends the program`, here, async () => {
    const script = '{ "$@"; echo $? >&2; } | head -n 1';
    const words = [process.execPath, IWA_RUN, runtime, program('exits.js'), 'flood'];
    const { stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', ...words], { input: '', encoding: 'utf8' });
    assert.deepEqual([stdout, stderr], ['a line that no one reads\n', '141\n']);
  });

  test(`${runtime}: a program without the library runs, and is told that its sockets are not real`, here, () => {
    const { status, stdout, stderr } = iwaRun([program('bare.js'), 'print', 'a']);
    assert.deepEqual([status, stdout], [3, 'a\n']);
    assert.match(stderr, /warning: .*bare\.js is linked without libdirectsockets\.js/);
    assert.match(iwaRun(['--mount', directory, program('bare.js')]).stderr, /the program has no file system .*link it with/);
  });
}

test('what cannot be tried is said in one line, with exit code 2', programs, () => {
  writeFileSync(program('page.js'), 'document.title = "";\n');
  for (const [args, message] of /** @type {[string[], RegExp][]} */ ([
    [[], /a program is needed/],
    [['--timeout', 'soon', 'a.js'], /--timeout is seconds, not soon/],
    [['--wrong', 'a.js'], /--wrong/],
    [['--node', '--chromium', 'a.js'], /two places/],
    [['--env', '=x', 'a.js'], /--env =x/],
    [['--mount', '/no/such', 'a.js'], /--mount \/no\/such: .*no such file/],
    [['--mount', `${directory}:/`, 'a.js'], /whole file system/],
    [['--mount', directory, '--mount', `${directory}:/b`, 'a.js'], /the same/],
    [['none.js'], /none\.js: no such program/],
    [[program('exits.wasm')], /exits\.wasm is WebAssembly: give the \.js file/],
    [[program('page.js')], /page\.js is not a program made by emcc/],
    [['--chromium-path', '/no/browser', program('exits.js')], /no Chromium: .*\/no\/browser/],
  ])) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [IWA_RUN, ...args], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});

test('npx finds the command in a clone, whichever Node is first in PATH', programs, () => {
  const { status, stdout, stderr } = spawnSync('npx', ['iwa-run', '--node', program('exits.js'), 'print', 'x'],
    { cwd: REPOSITORY, encoding: 'utf8', input: '' });
  assert.deepEqual([status, stdout], [3, 'x\n'], stderr);
});
