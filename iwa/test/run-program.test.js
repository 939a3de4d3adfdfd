/** The program runner with real emcc output: several programs in one browser, and the command line. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { LaunchError } from '../launch-error.mjs';
import { TIMED_OUT, withBrowser } from '../program-runner.mjs';
import { REPOSITORY, startLauncher, temporaryDirectory, until, withoutChromium } from './support.js';

const SOURCE = `
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int echo_to_itself(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in self = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t length = sizeof self;
  char answer[16] = "";
  if (bind(fd, (struct sockaddr *)&self, length) || getsockname(fd, (struct sockaddr *)&self, &length)) return 1;
  if (sendto(fd, "datagram", 8, 0, (struct sockaddr *)&self, length) != 8) return 1;
  if (recv(fd, answer, sizeof answer, 0) != 8) return 1;
  puts(answer);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  fprintf(stderr, "%d arguments\\n", argc - 1);
  if (!strcmp(what, "print")) { for (int i = 2; i < argc; i++) puts(argv[i]); return 3; }
  if (!strcmp(what, "unfinished")) { printf("unfinished"); return 3; }
  if (!strcmp(what, "exit")) exit(7);
  if (!strcmp(what, "abort")) abort();
  if (!strcmp(what, "trap")) __builtin_trap();
  if (!strcmp(what, "hang")) for (;;);
  if (!strcmp(what, "sleep")) { sleep(1); return 0; }
  if (!strcmp(what, "cat")) {
    char buffer[4096];
    ssize_t n;
    while ((n = read(0, buffer, sizeof buffer)) > 0) write(1, buffer, n);
    return n < 0;
  }
  if (!strcmp(what, "udp")) return echo_to_itself();
  return 0;
}
`;

const directory = temporaryDirectory();

/** Why the programs can't be had, or false. @returns {string | false} */
function compile() {
  if (withoutChromium) return withoutChromium;
  writeFileSync(path.join(directory, 'program.c'), SOURCE);
  const library = path.join(REPOSITORY, 'emscripten-lib', 'libdirectsockets.js');
  const emcc = 'emcc program.c -O1 -sJSPI -Wno-experimental';
  const script = [
    `${emcc} --js-library ${library} -sEXIT_RUNTIME -o exits.js`,
    `${emcc} --js-library ${library} -sEXIT_RUNTIME -o module.mjs`,
    `${emcc} --js-library ${library} -o stays.js`,
    `${emcc} -sEXIT_RUNTIME -o bare.js`,
  ].join(' && ');
  try {
    execFileSync(path.join(REPOSITORY, 'docker', 'build.sh'), ['sh', '-c', script], { cwd: directory, stdio: 'pipe' });
    return false;
  } catch (error) {
    const { stderr } = /** @type {{stderr?: Buffer}} */ (error);
    return `no toolchain to compile the program with: ${stderr?.toString().trim() || error}`;
  }
}
const browser = { skip: compile(), timeout: 180_000 };
const program = (/** @type {string} */ name) => path.join(directory, name);

test('programs in one browser', browser, async (t) => {
  await withBrowser(async (run) => {
    for (const name of ['exits.js', 'module.mjs']) {
      await t.test(`${name}: arguments, output, exit code`, async () => {
        const { code, stdout, stderr } = await run(program(name), ['print', 'a b', '“ü”']);
        assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'a b\n“ü”\n', stderr: '3 arguments\n' });
      });
      await t.test(`${name}: exit(), abort() and a trap`, async () => {
        assert.equal((await run(program(name), ['exit'])).code, 7);
        const aborted = await run(program(name), ['abort']);
        assert.equal(aborted.code, 1);
        assert.match(aborted.stderr, /Aborted/);
        const trapped = await run(program(name), ['trap']);
        assert.equal(trapped.code, 1);
        assert.match(trapped.stderr, /unreachable/);
      });
    }
    await t.test('a last line without its newline', async () => {
      assert.equal((await run(program('bare.js'), ['unfinished'])).stdout, 'unfinished\n');
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

test('the command line: streams, exit code, time limit', browser, async () => {
  for (const { args, input, code, stdout } of [
    { args: ['--stdin', program('exits.js'), '--', 'cat'], input: 'hello\n', code: 0, stdout: ['hello'] },
    { args: [program('exits.js'), '--', 'print', '--help'], input: '', code: 3, stdout: ['--help'] },
    { args: ['--timeout', '1', program('exits.js'), '--', 'hang'], input: '', code: TIMED_OUT, stdout: [] },
  ]) {
    const launcher = startLauncher('run-program.mjs', args);
    launcher.child.stdin.end(input);
    assert.equal(await launcher.exited, code, launcher.stderr.join('\n'));
    assert.deepEqual(launcher.stdout, stdout);
    await until(() => launcher.leftovers().length === 0);
  }
});

test('the command line: no program, no such program', async () => {
  for (const [args, message] of /** @type {[string[], RegExp][]} */ ([
    [[], /one program is needed/],
    [['--timeout', 'soon', 'a.js'], /--timeout is seconds, not soon/],
  ])) {
    const launcher = startLauncher('run-program.mjs', args);
    assert.equal(await launcher.exited, 2);
    assert.match(launcher.stderr.join('\n'), message);
  }
});
