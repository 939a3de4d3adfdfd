// The library in programs with threads: what the link demands, and what main's return, exit(), a growing memory, standard
// input and calls from JavaScript do. What the socket calls do there is test/c's business.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { IWA_RUN, buildLinkPrograms, runNode, whyNoChromium } from './c-programs.mjs';
import { linkedModules } from './link-cases.js';

const THREADS = ['-pthread', '-sPROXY_TO_PTHREAD'];
const SCRIPT = [...THREADS, '-O2', '-sEXIT_RUNTIME'];
const MODULE = [...SCRIPT, '-sMODULARIZE', '-sEXPORT_ES6'];

let directory = '';

before(async () => {
  directory = await buildLinkPrograms([
    { source: 'hello.c', output: 'hello.js', flags: SCRIPT },
    ...['-O0', '-O3'].map((level) =>
      ({ source: 'echo.c', output: `echo${level}.js`, flags: [...THREADS, level, '-sEXIT_RUNTIME'] })),
    { source: 'echo.c', output: 'echo.mjs', flags: MODULE },
    { source: 'stdio.c', output: 'stdio.js', flags: SCRIPT },
    { source: 'stdio.c', output: 'stdio-jspi.js', flags: [...SCRIPT, '-sJSPI'] },
    { source: 'stdin.c', output: 'stdin.mjs', flags: MODULE },
    { source: 'tasks.c', output: 'tasks.mjs', flags: MODULE },
    { source: 'cannot-wait.c', output: 'cannot-wait.mjs', flags: [...MODULE, '-sASSERTIONS'] },
    { source: 'lock.c', output: 'lock.mjs', flags: MODULE },
    { source: 'grow.c', output: 'grow.js', flags: [...SCRIPT, '-sALLOW_MEMORY_GROWTH', '-Wno-pthreads-mem-growth'] },
    { source: 'exit.c', output: 'exit.js', flags: [...SCRIPT, '-sASSERTIONS'] },
    { source: 'echo.c', output: 'no-proxy.txt', flags: ['-pthread'], fails: true },
    { source: 'echo.c', output: 'no-proxy-jspi.txt', flags: ['-pthread', '-sJSPI'], fails: true },
  ], 'link-threads');
});

const node = (/** @type {string[]} */ ...args) => runNode(directory, args);

/** Runs JavaScript that has the ES module `name` as createModule. @param {string} name @param {string} script */
function withModule(name, script) {
  // A file: threads inherit Node's options, and --input-type is none of theirs.
  const file = join(directory, `${name}.driver.mjs`);
  writeFileSync(file, `import createModule from './${name}';\n${script}`);
  return node(file);
}

linkedModules(withModule);

for (const program of ['echo-O0.js', 'echo-O3.js']) {
  test(`${program} needs no JSPI, and ends with its exit code`, async () => {
    assert.doesNotMatch(readFileSync(join(directory, program), 'utf8'), /new WebAssembly\.Suspending\(original/);
    assert.deepEqual(await node(program), { stdout: 'hello\n', code: 7 });
  });
}

test('an ES module runs in Chromium', { skip: whyNoChromium() }, async () => {
  assert.deepEqual(await node(IWA_RUN, 'echo.mjs'), { stdout: 'hello\n', code: 7 });
});

for (const program of ['stdio.js', 'stdio-jspi.js']) {
  test(`${program} prints from constructors, callbacks, and the flush at exit`, async () => {
    assert.deepEqual(await node(program), { stdout: 'constructor\ncallback ran\nno newline\n', code: 3 });
  });
}

test('a program without sockets has nothing of the library in it', async () => {
  assert.deepEqual(await node('hello.js'), { stdout: 'hello\n', code: 0 });
  assert.doesNotMatch(readFileSync(join(directory, 'hello.js'), 'utf8'), /UDPSocket/);
});

for (const name of ['no-proxy.txt', 'no-proxy-jspi.txt']) {
  test(`without -sPROXY_TO_PTHREAD the link stops and names it: ${name}`, () => {
    assert.match(readFileSync(join(directory, name), 'utf8'), /add -sPROXY_TO_PTHREAD to -pthread/);
  });
}

test('on the main runtime thread a call that would wait comes back at once, and says why on the console', async () => {
  const { stdout, code } = await withModule('cannot-wait.mjs', `
    const Module = {
      print(line) {
        console.log(line);
        if (line === 'waiting') setImmediate(() => console.log('probe', Module._probe()));
      },
      printErr: (line) => console.log(line.slice(0, 80)),
    };
    await createModule(Module);`);
  assert.deepEqual(stdout.split('\n'), [
    'waiting', 'directsockets: a call would have to wait on the main runtime thread, whose event', 'probe 1',
    'received 1', '']);
  assert.equal(code, 0);
});

test('calls that do not wait are served while the main runtime thread waits for a lock of their caller', async () => {
  const { stdout, code } = await withModule('lock.mjs', `
    const Module = { print(line) {
      console.log(line);
      if (line === 'locked') setImmediate(() => Module._enter());
    } };
    await createModule(Module);`);
  assert.deepEqual([stdout, code], ['locked\nsent 1, received 1\nentered\n', 0]);
});

test('memory that a thread grew is seen by the calls of another', async () => {
  assert.deepEqual(await node('grow.js'), { stdout: '1200 same\n', code: 0 });
});

for (const runner of [[], [IWA_RUN]]) {
  const where = runner.length > 0 ? 'Chromium' : 'Node';
  const skip = runner.length > 0 && whyNoChromium();
  test(`exit() on a thread ends a program whose others wait, and loses nothing it sent: ${where}`, { skip }, async () => {
    let received = 0;
    const ended = Promise.withResolvers();
    const server = createServer((socket) => {
      socket.on('data', (data) => { received += data.length; });
      socket.on('close', ended.resolve);
      socket.on('error', ended.reject);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    try {
      const args = runner.length > 0 ? [...runner, 'exit.js', '--', String(port)] : ['exit.js', String(port)];
      const { stdout, code } = await node(...args);
      assert.deepEqual([stdout.trimEnd(), code], ['no newline', 3]); // Emscripten itself adds one on Node
      await ended.promise;
      assert.equal(received, 1 << 20);
    } finally {
      server.close();
    }
  });
}
