// The library in stock Emscripten: optimised and not, as a script and as a module, with standard input, called from
// JavaScript while main waits, and refused where it cannot work. The programs are in test/link.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { IWA_RUN, buildLinkPrograms, runNode, whyNoChromium } from './c-programs.mjs';
import { linkedModules } from './link-cases.js';

const MODULE = ['-O2', '-sJSPI', '-sMODULARIZE', '-sEXPORT_ES6', '-sEXIT_RUNTIME'];

let directory = '';

before(async () => {
  directory = await buildLinkPrograms([
    { source: 'hello.c', output: 'hello.js', flags: ['-O2', '-sJSPI'] },
    { source: 'user.c', output: 'user.js', flags: ['-O2', '-sJSPI', '-sEXIT_RUNTIME', join(import.meta.dirname, '..', 'libc.c')] },
    ...['-O0', '-O3', '-Oz'].map((level) =>
      ({ source: 'echo.c', output: `echo${level}.js`, flags: [level, '-sJSPI'] })),
    { source: 'echo.c', output: 'echo.mjs', flags: [...MODULE, '--closure=0', '-sALLOW_MEMORY_GROWTH'] },
    { source: 'echo.c', output: 'verbose.js', flags: ['-sJSPI', '-sVERBOSE'] },
    { source: 'echo.c', output: 'worker.js', flags: ['-O2', '-sJSPI', '-sENVIRONMENT=worker'] },
    { source: 'stdin.c', output: 'stdin.mjs', flags: MODULE },
    { source: 'channel.c', output: 'channel.mjs', flags: MODULE },
    { source: 'tasks.c', output: 'tasks.mjs', flags: MODULE },
    { source: 'epoll.c', output: 'epoll.mjs', flags: MODULE },
    { source: 'reopen.c', output: 'reopen.js',
      flags: ['-O2', '-sJSPI', '-sEXIT_RUNTIME', '--pre-js', join(import.meta.dirname, 'link', 'failing-writes.js')] },
    { source: 'stdio.c', output: 'stdio.js', flags: ['-O2', '-sJSPI', '-sEXIT_RUNTIME'] },
    ...['exit', 'no-exit'].map((name) => ({ source: 'exit-in-signal.c', output: `${name}-runtime.js`,
      flags: ['-sJSPI', `-sEXIT_RUNTIME=${Number(name === 'exit')}`] })),
    { source: 'late-error.c', output: 'late-error.js', flags: ['-O2', '-sJSPI', '-sEXIT_RUNTIME'] },
    { source: 'echo.c', output: 'no-jspi.txt', flags: [], fails: true },
    { source: 'echo.c', output: 'closure.txt', flags: ['-O2', '-sJSPI', '--closure=1'], fails: true },
    { source: 'echo.c', output: 'wasmfs.txt', flags: ['-sJSPI', '-sWASMFS'], fails: true },
  ]);
});

const node = (/** @type {string[]} */ ...args) => runNode(directory, args);

/** Runs JavaScript that has the ES module `name` as createModule. @param {string} name @param {string} script */
const withModule = (name, script) => node('--input-type=module', '--eval', `
  import createModule from ${JSON.stringify(join(directory, name))};
  ${script}`);

linkedModules(withModule, 'pipe, poll now 0');

for (const program of ['echo-O0.js', 'echo-O3.js', 'echo-Oz.js', 'verbose.js']) {
  test(`${program} runs and ends with its exit code`, async () => {
    assert.deepEqual(await node(program), { stdout: 'hello\n', code: 7 });
  });
}

test('printing works where nothing can suspend: constructors, callbacks, the flush at exit', async () => {
  assert.deepEqual(await node('stdio.js'), { stdout: 'constructor\ncallback ran\nno newline\n', code: 3 });
});

test('exit() in a signal handler ends the program while main waits', async () => {
  assert.deepEqual(await node('exit-runtime.js'), { stdout: 'signal SIGALRM\nat exit\n', code: 3 });
  // Without EXIT_RUNTIME Emscripten runs no atexit().
  assert.deepEqual(await node('no-exit-runtime.js'), { stdout: 'signal SIGALRM\n', code: 3 });
});

test('a program is not root, and is told so when it sets its groups', async () => {
  assert.deepEqual(await node('user.js'), { stdout: '0 0 0 0\n-1 1\n', code: 0 });
});

test('a program without sockets has nothing of the library in it', async () => {
  assert.deepEqual(await node('hello.js'), { stdout: 'hello\n', code: 0 });
  assert.doesNotMatch(readFileSync(join(directory, 'hello.js'), 'utf8'), /DirectSockets|UDPSocket/);
});

test('a program for the browser alone has nothing of Node\'s sockets in it', () => {
  const text = readFileSync(join(directory, 'worker.js'), 'utf8');
  assert.match(text, /DirectSockets/);
  assert.doesNotMatch(text, /node:dgram/);
});

test('without JSPI the link stops and names the option', () => {
  assert.match(readFileSync(join(directory, 'no-jspi.txt'), 'utf8'), /needs JSPI: add -sJSPI/);
});

test('with WasmFS the link stops and says why', () => {
  assert.match(readFileSync(join(directory, 'wasmfs.txt'), 'utf8'), /link without -sWASMFS/);
});

test('with the Closure compiler, which renames what the browser is passed, the link stops and says so', () => {
  assert.match(readFileSync(join(directory, 'closure.txt'), 'utf8'), /link without --closure/);
});

test('Module.directSockets.UDPSocket is used in the place of the platform\'s', async () => {
  const { stdout } = await withModule('echo.mjs', `
    let count = 0;
    class Refusing { constructor() { count++; throw new TypeError('no'); } }
    await createModule({ directSockets: { UDPSocket: Refusing }, printErr: console.log });
    console.log(count, 'made');`);
  assert.match(stdout, /bind: Invalid argument\n1 made/);
});

test('standard input that the program does not read is not taken from the stream', async () => {
  const { stdout } = await withModule('echo.mjs', `
    let taken = 0;
    const stdinStream = new ReadableStream({ pull: () => void (taken += 1) }, { highWaterMark: 0 });
    process.on('exit', () => console.log(taken, 'taken'));
    await createModule({ stdinStream });`);
  assert.equal(stdout, 'hello\n0 taken\n');
});

test('a channel is a stream socket that is open when the program starts, and its end comes after its last bytes', async () => {
  const { stdout, code } = await withModule('channel.mjs', `
    const toProgram = new TransformStream(), fromProgram = new TransformStream();
    const ended = createModule({ directSockets: { channels: [{ readable: toProgram.readable, writable: fromProgram.writable }] } });
    const writer = toProgram.writable.getWriter(), reader = fromProgram.readable.getReader();
    const text = async () => new TextDecoder().decode((await reader.read()).value);
    await new Promise(setImmediate);
    for (const word of ['one', 'two']) {
      await writer.write(new TextEncoder().encode(word));
      console.log(await text());
    }
    await writer.close();
    console.log(await text(), (await reader.read()).done);
    await ended;`);
  assert.equal(code, 0);
  assert.deepEqual(stdout.split('\n'), ['socket of AF_UNIX 1, read now -1 EAGAIN, descriptor 4 is closed', 'ONE', 'TWO', 'the end', 'bye true', '']);
});

test('the library hands the file system and the environment to its host', async () => {
  const { stdout } = await withModule('echo.mjs', `
    const directSockets = {};
    await createModule({ directSockets, preRun: () => {
      directSockets.FS.writeFile('/file', 'content');
      directSockets.ENV.NAME = 'value';
      console.log(directSockets.FS.readFile('/file', { encoding: 'utf8' }), directSockets.ENV.NAME);
    } });`);
  assert.equal(stdout, 'content value\nhello\n');
});

test('a stream that is closed from the start is an end of file', async () => {
  const { stdout } = await withModule('stdin.mjs', `
    const stdinStream = new ReadableStream({ start: (controller) => controller.close() });
    await createModule({ stdinStream });`);
  assert.match(stdout, /poll said IN HUP\nat the end IN HUP, read 0\n$/);
});

test('epoll waits for standard input, a pipe and a socket together, and sees them closed', async () => {
  const { stdout, code } = await withModule('epoll.mjs', `
    let input;
    const stdinStream = new ReadableStream({ start: (controller) => void (input = controller) });
    const tasks = {
      'waiting for a pipe': () => Module._write_pipe(),
      'waiting for a socket': () => Module._send_datagram(),
      'waiting for input': () => input.enqueue(new Uint8Array(1)),
      'waiting for a closed socket, then a pipe': () => {
        Module._close_socket();
        Module._write_pipe();
      },
      'waiting for a closed epoll': () => Module._close_epoll(),
    };
    const Module = { stdinStream, print(line) {
      console.log(line);
      if (tasks[line]) setImmediate(tasks[line]);
    } };
    await createModule(Module);`);
  assert.deepEqual(stdout.split('\n').filter((line) => !line.startsWith('waiting')),
    ['pipe', 'socket', 'standard input', 'pipe', 'EBADF', '']);
  assert.equal(code, 0);
});

for (const stripes of ['1', '4']) {
  test(`a write that Chrome rejects does not end the socket, stripes ${stripes}`, { skip: whyNoChromium() }, async () => {
    const { stdout, code } = await node(IWA_RUN, '--chromium', 'reopen.js', '--', stripes);
    assert.equal(stdout, 'before\nafter from the same port\nanswer\n'.repeat(3));
    assert.equal(code, 0);
  });
}

test('an error behind the end of a program changes nothing about its exit code', { skip: whyNoChromium() }, async () => {
  const server = createServer((socket) => void socket.resume());
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  try {
    assert.equal((await node(IWA_RUN, 'late-error.js', '--', String(port))).code, 3);
  } finally {
    server.close();
  }
});
