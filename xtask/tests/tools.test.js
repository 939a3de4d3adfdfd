// What the tools say when a machine lacks something or an argument is wrong: one clear line, the right exit code, and
// nothing that hangs. And that what they promise to a user outside the repository holds.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';

import { Serving, lastLine, repo, run, xtask } from './support.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'socket-iwa-tools-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/**
 * A PATH with every program of this one but those.
 * @param {RegExp} hidden
 */
function pathWithout(hidden) {
  const directory = mkdtempSync(path.join(scratch, 'path-'));
  for (const from of (process.env.PATH ?? '').split(':')) {
    for (const name of listed(from).filter((entry) => !hidden.test(entry))) {
      try {
        symlinkSync(path.join(from, name), path.join(directory, name));
      } catch {
        // An earlier directory of PATH has it too.
      }
    }
  }
  return directory;
}

/** @param {string} directory */
function listed(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const noBrowser = pathWithout(/chrom/i);
const noContainer = pathWithout(/^(docker|podman|buildah)$/);

describe('what the machine lacks', () => {
  test('no Chromium: it is named, with the ways to get it', async () => {
    const env = { ...process.env, PATH: noBrowser, CHROMIUM: '' };
    const { code, stdout, stderr } = await run(xtask, ['serve', '--runtime', 'chromium', '--no-build', '--no-install'], { env });
    assert.equal(code, 2, stderr);
    assert.match(lastLine(stderr), /chromium.*apt-get install chromium.*CHROMIUM/);
    assert.equal(stdout, '');
  });

  test('a CHROMIUM that is no program is named, whatever else is installed', async () => {
    const env = { ...process.env, CHROMIUM: '/no/such/chromium' };
    const { code, stderr } = await run(xtask, ['serve', '--runtime', 'chromium', '--no-build'], { env });
    assert.equal(code, 2, stderr);
    assert.match(lastLine(stderr), /^error: CHROMIUM=\/no\/such\/chromium: no such program/);
  });

  test('demo without Chromium shows the other runtimes, and fails', async () => {
    const env = { ...process.env, CHROMIUM: '/no/such/chromium' };
    const { code, stdout, stderr } = await run(xtask, ['demo', '--json'], { env });
    assert.equal(code, 2, stderr);
    const { ok, runtimes } = JSON.parse(stdout);
    assert.equal(ok, false);
    assert.deepEqual(runtimes.map((/** @type {any} */ row) => [row.runtime, row.ok]), [['native', true], ['node', true], ['chromium', false]]);
    assert.match(runtimes[2].error, /no\/such\/chromium/);
  });

  test('no container tool: it is named, with the ways to get one', async () => {
    const env = { ...process.env, PATH: noContainer, SOCKET_IWA_ENGINE: '' };
    const { code, stderr } = await run(xtask, ['emcc', '--no-install', '--', 'a.c'], { env, cwd: scratch });
    assert.equal(code, 2, stderr);
    assert.match(lastLine(stderr), /container tool.*buildah.*--toolchain local/);
  });

  test('a container tool that was asked for and does not work is named', async () => {
    const env = { ...process.env, PATH: noContainer, SOCKET_IWA_ENGINE: 'podman' };
    const { code, stderr } = await run(xtask, ['emcc', '--', 'a.c'], { env, cwd: scratch });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /'podman' does not work here/);
  });

  test('no emcc for --toolchain local: it is named, with its version', async () => {
    const env = { ...process.env, PATH: pathWithout(/^em(cc|\+\+)/) };
    const { code, stderr } = await run(xtask, ['emcc', '--toolchain', 'local', '--', 'a.c'], { env, cwd: scratch });
    assert.equal(code, 2, stderr);
    assert.match(lastLine(stderr), /emcc.*6\.0\.5.*emsdk/);
  });

  test('an emcc that is too old for --toolchain local is named', async () => {
    const old = mkdtempSync(path.join(scratch, 'old-'));
    writeFileSync(path.join(old, 'emcc'), '#!/bin/sh\necho "emcc (Emscripten) 3.1.6"\n', { mode: 0o755 });
    const env = { ...process.env, PATH: `${old}:${process.env.PATH}` };
    const { code, stderr } = await run(xtask, ['emcc', '--toolchain', 'local', '--', 'a.c'], { env, cwd: scratch });
    assert.equal(code, 2, stderr);
    assert.match(lastLine(stderr), /emcc is 3\.1\.6, older than the 6\.0\.5/);
  });
});

describe('a full disk', () => {
  // A toolchain that is not built yet: another Dockerfile is another image.
  const docker = path.join(scratch, 'other/docker');
  cpSync(path.join(repo, 'docker'), docker, { recursive: true });
  appendFileSync(path.join(docker, 'Dockerfile'), '# another one\n');

  test('an image is not begun where it does not fit', { skip: process.getuid?.() !== 0 && 'only root can mount a small disk' }, async () => {
    const small = path.join(scratch, 'small');
    mkdirSync(small);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', small], { encoding: 'utf8' });
    assert.equal(mounted.status, 0, mounted.stderr);
    try {
      const env = { ...process.env, SOCKET_IWA_CACHE: path.join(small, 'cache') };
      const { code, stderr } = await run(path.join(docker, 'build.sh'), ['true'], { env });
      assert.equal(code, 1, stderr);
      assert.match(lastLine(stderr), /needs 8 GB of disk, 0 GB are free at .*small/);
    } finally {
      spawnSync('umount', [small]);
    }
  });
});

describe('arguments', () => {
  /** @type {[string[], RegExp][]} */
  const cases = [
    [['serve'], /--runtime/],
    [['serve', '--runtime', 'firefox'], /firefox.*\n.*native, node, chromium/],
    [['serve', '--runtime', 'native', '--port', '70000'], /70000/],
    [['serve', '--runtime', 'native', '--address', 'localhost'], /localhost/],
    [['serve', '--runtime', 'native', '--cert', 'a.pem'], /--key/],
    [['serve', '--runtime', 'native', '--no-build', '--screenshot', 'a.png'], /--screenshot is for --runtime chromium/],
    [['serve', '--runtime', 'native', '--no-build', '--bundle', 'a.swbn'], /--bundle is for --runtime chromium/],
    [['demo', '--runtime', 'everything'], /all, native, node, chromium/],
    [['test', '--suite', 'nothing'], /conformance/],
    [['emcc'], /ARGS/],
    [['emcc', 'a.c'], /--/],
    [['frobnicate'], /frobnicate/],
  ];
  for (const [args, expected] of cases) {
    test(`cargo xtask ${args.join(' ')}: refused with exit code 2`, async () => {
      const { code, stdout, stderr } = await run(xtask, args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, expected);
      assert.equal(stdout, '');
    });
  }

  test('a server argument that is wrong is the server’s to name', async () => {
    const refused = new Serving('native', ['--', '--frobnicate']);
    assert.equal((await refused.ended).code, 2);
    assert.match(refused.log.join('\n'), /--frobnicate/);
  });

  const commands = ['demo', 'serve', 'emcc', 'emconfigure', 'emmake', 'emcmake', 'node', 'build', 'test', 'clean'];
  for (const command of [[], ...commands.map((name) => [name])]) {
    test(`cargo xtask ${[...command, '--help'].join(' ')} has an example or names the commands`, async () => {
      const { code, stdout } = await run(xtask, [...command, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, command.length ? /Examples?(, .*)?:\n {2}cargo (xtask|run .* xtask) / : /demo.*\n.*serve/);
    });
  }
});

describe('emcc for the user', () => {
  const work = path.join(scratch, 'a user’s directory/work');
  mkdirSync(work, { recursive: true });

  test('a program in any directory is compiled and runs', async () => {
    writeFileSync(path.join(work, 'say.c'), '#include "../words.h"\n#include <stdio.h>\nint main(int c, char **v) { printf(WORDS "%s\\n", v[1]); return 7; }\n');
    writeFileSync(path.join(work, '../words.h'), '#define WORDS "hello "\n');
    const compiled = await run(xtask, ['emcc', '--', '-I..', 'say.c', '-o', 'say.js'], { cwd: work });
    assert.equal(compiled.code, 0, compiled.stderr);
    assert.equal(compiled.stderr, '', 'no warning about what the user did not ask for');
    const ran = await run(xtask, ['node', '--', 'say.js', 'there'], { cwd: work });
    assert.deepEqual([ran.stdout, ran.code], ['hello there\n', 7], ran.stderr);
  });

  test('compiling alone and linking afterwards works too', async () => {
    writeFileSync(path.join(work, 'one.c'), '#include <stdio.h>\nint main(void) { puts("one"); return 0; }\n');
    const compiled = await run(xtask, ['emcc', '--', '-c', 'one.c'], { cwd: work });
    assert.deepEqual([compiled.code, compiled.stderr], [0, '']);
    assert.equal((await run(xtask, ['emcc', '--', 'one.o', '-o', 'one.js'], { cwd: work })).code, 0);
    assert.equal((await run(xtask, ['node', '--', 'one.js'], { cwd: work })).stdout, 'one\n');
  });

  test('emcc’s own messages and exit code come through', async () => {
    writeFileSync(path.join(work, 'wrong.c'), 'int main(void) { return nothing; }\n');
    const { code, stderr } = await run(xtask, ['emcc', '--', 'wrong.c', '-o', 'wrong.js'], { cwd: work });
    assert.equal(code, 1);
    assert.match(stderr, /wrong\.c:1:25: error: use of undeclared identifier 'nothing'/);
  });

  test('a directory that the container has its own of is refused', async () => {
    const { code, stderr } = await run(xtask, ['emcc', '--', 'a.c'], { cwd: '/usr' });
    assert.equal(code, 2);
    assert.match(lastLine(stderr), /work in another directory/);
  });
});

test('a build of what is built starts nothing, and says so in one JSON object', async () => {
  const build = () => run(xtask, ['build', '--only', 'wasm', '--only', 'iwa', '--json']);
  assert.equal((await build()).code, 0);
  const { code, stdout, stderr } = await build();
  assert.equal(code, 0, stderr);
  const { ok, artifacts } = JSON.parse(stdout);
  assert.equal(ok, true);
  assert.deepEqual([artifacts.wasm.rebuilt, artifacts.iwa.rebuilt], [false, false]);
  artifacts.wasm.outputs.forEach((/** @type {string} */ file) => assert.ok(readFileSync(file).length > 0));
});

describe('a package for the user', () => {
  const PROGRAM = `
    #include <errno.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <unistd.h>
    #ifdef __EMSCRIPTEN_PTHREADS__
    #define THREADS " with threads"
    #else
    #define THREADS ""
    #endif
    /* More stack, and more memory, than Emscripten's own limits. */
    static char first_of(const char *text) { char copy[300000]; memset(copy, 1, sizeof copy); strcpy(copy, text); return copy[0]; }
    int main(void) {
      int ends[2];
      char text[8];
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || write(ends[0], "hello", 6) != 6) return errno;
      if (read(ends[1], text, sizeof text) != 6 || first_of(text) != 'h' || !malloc(64 << 20)) return 1;
      printf("%s%s\\n", text, THREADS);
    }`;

  /** Writes a package, and gives what runs commands in its directory. @param {string} name @param {Record<string, string>} files */
  function packageOf(name, files) {
    const cwd = path.join(scratch, name);
    mkdirSync(cwd);
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(cwd, file), text, { mode: 0o755 });
    return async (/** @type {string[]} */ ...args) => {
      const { code, stdout, stderr } = await run(xtask, args, { cwd });
      assert.equal(code, 0, stderr);
      return stdout;
    };
  }

  const CONFIGURE = `#!/bin/sh
    for given in "$@"; do case $given in CFLAGS=*) CFLAGS=\${given#*=} ;; esac; done
    $CC $CFLAGS main.c -o conftest && echo "the test says $(./conftest)"
    printf '%s' "program: main.c
\t$CC -c $CFLAGS main.c
\t$CC $CFLAGS main.o -o program
check: program
\t./program
" > Makefile`;

  test('configure runs its tests with Direct Sockets, make builds with them, and make check runs what it has built', async () => {
    const xtask = packageOf('autoconf', { configure: CONFIGURE, 'main.c': PROGRAM });
    assert.equal(await xtask('emconfigure', '--', './configure', 'CFLAGS=-O1'), 'the test says hello\n');
    await xtask('emmake', '--', 'make');
    assert.equal(await xtask('node', '--', 'program'), 'hello\n');
    assert.match(await xtask('emmake', '--', 'make', 'check'), /^hello$/m);
  });

  test('with -pthread among the CFLAGS its programs have threads', async () => {
    const xtask = packageOf('autoconf with threads', { configure: CONFIGURE, 'main.c': PROGRAM });
    assert.equal(await xtask('emconfigure', '--', './configure', 'CFLAGS=-O1 -pthread'), 'the test says hello with threads\n');
  });

  test('a makefile that calls emcc by its name gets the one with Direct Sockets', async () => {
    const xtask = packageOf('makefile', { Makefile: 'all:\n\temcc main.c -o program && ./program\n', 'main.c': PROGRAM });
    assert.match(await xtask('emmake', '--', 'make'), /^hello$/m);
  });

  test('CMake', async () => {
    const xtask = packageOf('cmake', {
      'CMakeLists.txt': 'cmake_minimum_required(VERSION 3.10)\nproject(it C)\nadd_executable(it main.c)\n',
      'main.c': PROGRAM,
    });
    await xtask('emcmake', '--', 'cmake', '-B', 'build');
    await xtask('emmake', '--', 'cmake', '--build', 'build');
    assert.equal(await xtask('node', '--', 'build/it.js'), 'hello\n');
  });
});
