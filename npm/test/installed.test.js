// The packages as their users have them: installed from their tarballs into an empty directory, which knows nothing of
// the repository. npm takes what they depend on from its registry, or its cache.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { request } from '../../api/test/native-server.js';
import { repo, run } from '../../xtask/tests/support.js';

const scratch = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-npm-')));
after(() => rmSync(scratch, { recursive: true, force: true }));

// The user's Node is a recent one: this process's.
const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`, npm_config_yes: 'false' };

/** Runs a program to its end, which has to be a good one. @param {string} directory @param {string[]} command */
async function runIn(directory, [program, ...args]) {
  const done = await run(program, args, { cwd: directory, env });
  assert.equal(done.code, 0, `${program} ${args.join(' ')}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** @type {string[]} */
let tarballs;
before(async () => {
  const made = await runIn(repo, [process.execPath, 'npm/packages.mjs']);
  tarballs = made.trim().split('\n').map((file) => path.join(repo, file));
});

/** An empty directory with one package in it. @param {string} name */
async function install(name) {
  const directory = path.join(scratch, `with-${name}`);
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'package.json'), '{ "private": true, "type": "module" }\n');
  const tarball = tarballs.find((file) => path.basename(file).startsWith(`${name}-`));
  assert.ok(tarball);
  await runIn(directory, ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball]);
  return directory;
}

/** The packages in a directory, without npm's own files. @param {string} directory */
const installed = (directory) =>
  readdirSync(path.join(directory, 'node_modules')).filter((name) => !name.startsWith('.'));

/**
 * Starts a program, which runs until `use` has ended; that gets its lines, one at each call.
 * @param {string} directory
 * @param {string[]} command
 * @param {(next: () => Promise<string>) => Promise<void>} use
 */
async function whileRunning(directory, [program, ...args], use) {
  // A process group: npx hands no signal on.
  const child = spawn(program, args, { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    assert.ok(!done, `${program} ${args.join(' ')} ended`);
    return value;
  };
  try {
    await use(next);
  } finally {
    process.kill(-Number(child.pid), 'SIGTERM');
    await ended;
  }
}

describe('socket-iwa', () => {
  /** @type {string} */
  let directory;
  before(async () => {
    directory = await install('socket-iwa');
  });

  test('it brings no other package', () => assert.deepEqual(installed(directory), ['socket-iwa']));

  test('its sockets work', async () => {
    writeFileSync(path.join(directory, 'sockets.js'), `
      import { bindUdp, connect, listen, checkSupport } from 'socket-iwa';
      await using listener = await listen({ address: '127.0.0.1' });
      void (async () => { for await (const { readable, writable } of listener) void readable.pipeTo(writable); })();
      await using connection = await connect({ host: '127.0.0.1', port: listener.localPort });
      const writer = connection.writable.getWriter();
      await writer.write(new TextEncoder().encode('echo'));
      await writer.close();
      for await (const chunk of connection.readable) console.log(new TextDecoder().decode(chunk));
      await using socket = await bindUdp({ address: '127.0.0.1' });
      await socket.send(new TextEncoder().encode('datagram'), { address: '127.0.0.1', port: socket.localPort });
      console.log(new TextDecoder().decode((await socket.receive()).data), (await checkSupport()).context);`);
    assert.equal(await runIn(directory, ['node', 'sockets.js']), 'echo\ndatagram node\n');
  });

  test('its server answers an independent client, by a handler in JavaScript', async () => {
    writeFileSync(path.join(directory, 'server.js'), `
      import { startServer } from 'socket-iwa/server';
      const server = await startServer({ routes: { '/hello': () => new Response('hello from a package') } });
      const { address, port, certificateHash: { hex } } = server;
      console.log(JSON.stringify({ address, port, cert_sha256: hex }));
      process.once('SIGTERM', () => server.stop());`);
    await whileRunning(directory, ['node', 'server.js'], async (next) => {
      const [answer] = await request(JSON.parse(await next()), '/hello');
      assert.equal(answer.text, 'hello from a package');
    });
  });

  test('its types are found, and hold', async () => {
    writeFileSync(path.join(directory, 'app.ts'), `
      import { connect, type Connection, runProgram, SocketError } from 'socket-iwa';
      import { startServer, type HttpHandler, type WebSocketHandler } from 'socket-iwa/server';
      const hello: HttpHandler = (request) => new Response(request.url);
      const echo: WebSocketHandler = ({ readable, writable }) => readable.pipeTo(writable);
      const { port }: { port: number } = await startServer({ routes: { '/': hello }, websocket: { '/echo': echo } });
      const connection: Connection = await connect({ host: 'localhost', port });
      for await (const chunk of connection.readable) console.log(chunk.byteLength);
      const code: number = await runProgram('a.js', { onStdout: (bytes) => console.log(bytes.byteLength) }).exit;
      // @ts-expect-error: a port is a number
      connect({ host: 'localhost', port: '80' }).catch((error) => error instanceof SocketError && error.code && code);`);
    const tsc = path.join(repo, 'node_modules/.bin/tsc');
    await runIn(directory, [tsc, '--noEmit', '--strict', '--target', 'esnext', '--lib',
      'esnext,dom,dom.iterable,dom.asynciterable', '--module', 'nodenext', '--types', '', 'app.ts']);
  });
});

describe('iwa-pack', () => {
  test('npx iwa-pack makes a key, an app’s bundle, and finds nothing wrong with it', async () => {
    const directory = await install('iwa-pack');
    cpSync(path.join(repo, 'target/iwa'), path.join(directory, 'app'), { recursive: true });
    await runIn(directory, ['npx', 'iwa-pack', '--generate-key', 'key.pem']);
    const packed = await runIn(directory, ['npx', 'iwa-pack', 'app', '--key', 'key.pem', '-o', 'app.swbn']);
    const [, id] = /^ *origin +isolated-app:\/\/(\w+)$/m.exec(packed) ?? [];
    assert.match(await runIn(directory, ['npx', 'iwa-pack', '--verify', 'app.swbn']), new RegExp(id));
    assert.ok(!installed(directory).some((name) => /^node-linux|puppeteer/.test(name)));
  });
});

describe('iwa-run', () => {
  /** @type {string} */
  let directory;
  before(async () => {
    directory = await install('iwa-run');
    cpSync(path.join(repo, 'examples/c/udp-echo.c'), path.join(directory, 'udp-echo.c'));
    // With the library that is in the package, by the command that its README gives.
    await runIn(directory, [path.join(repo, 'docker/build.sh'), '--', 'emcc', 'udp-echo.c', '-o', 'udp-echo.js',
      '-sJSPI', '-sEXIT_RUNTIME', '--js-library', 'node_modules/iwa-run/emscripten-lib/libdirectsockets.js']);
  });

  for (const runtime of ['node', 'chromium']) {
    test(`npx iwa-run --${runtime} runs a C program with sockets`, async () => {
      await whileRunning(directory, ['npx', 'iwa-run', `--${runtime}`, 'udp-echo.js'], async (next) => {
        const [, port] = /^listening on 127\.0\.0\.1:(\d+)$/.exec(await next()) ?? [];
        const socket = createSocket('udp4');
        socket.send('hello', Number(port), '127.0.0.1');
        const [answer] = await once(socket, 'message');
        assert.equal(String(answer), 'hello');
        socket.close();
      });
    });
  }

  test('without its DevTools client it says how to install that', async () => {
    const without = path.join(scratch, 'without-puppeteer');
    cpSync(directory, without, { recursive: true, verbatimSymlinks: true });
    rmSync(path.join(without, 'node_modules/puppeteer-core'), { recursive: true });
    const { code, stderr } = await run('npx', ['iwa-run', '--chromium', 'udp-echo.js'], { cwd: without, env });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /puppeteer-core is missing: npm install puppeteer-core/);
  });
});

test('npm pack in the repository says what makes the packages', async () => {
  const { code, stderr } = await run('npm', ['pack', '--dry-run'], { cwd: repo, env });
  assert.notEqual(code, 0);
  assert.match(stderr, /cargo xtask build --only npm/);
});
