// What a package manager and a bundler make of the package: what is unused is left out, nothing else is needed, and the
// tarball works where it is installed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'socket-iwa-package-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const run = promisify(execFile);

/** @param {string} code that imports `socket-iwa` @param {{platform?: 'browser' | 'node'}} [options] */
async function bundle(code, { platform = 'browser' } = {}) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: code, resolveDir: REPOSITORY },
    bundle: true, format: 'esm', minify: true, write: false, metafile: true, platform, logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  const inputs = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { text: outputFiles[0].text, inputs: inputs.map(([name]) => name).filter((name) => name !== '<stdin>') };
}

test('a part that is not used is not in the bundle', async () => {
  const { inputs } = await bundle('import { bindUdp } from "socket-iwa"; console.log(bindUdp);');
  assert.ok(inputs.includes('api/udp.js'));
  assert.deepEqual(inputs.filter((name) => /tcp-(port|connection|listener)|run-program|program\/|check-support/.test(name)), []);
  const check = await bundle('import { checkSupport } from "socket-iwa"; console.log(checkSupport);');
  assert.deepEqual(check.inputs, ['api/check-support.js', 'api/index.js']);
  const program = await bundle('import { runProgram } from "socket-iwa"; console.log(runProgram);');
  assert.deepEqual(program.inputs.filter((name) => name.startsWith('emscripten-lib/')), []);
});

test('importing it does nothing: an import that is not used leaves an empty bundle', async () => {
  assert.equal((await bundle('import "socket-iwa";')).text, '');
  assert.equal((await bundle('import { connect, listen, bindUdp, runProgram, SocketError } from "socket-iwa";')).text, '');
});

test('it needs no other package, and in a browser nothing of Node', async () => {
  const all = 'import * as it from "socket-iwa"; console.log(it);';
  const { inputs, text } = await bundle(all);
  assert.deepEqual(inputs.filter((name) => !/^(api|emscripten-lib\/src)\//.test(name)), []);
  assert.deepEqual(inputs.filter((name) => /node/.test(name)), []);
  assert.doesNotMatch(text, /["'`]node:/);
  assert.ok((await bundle(all, { platform: 'node' })).inputs.includes('api/node.js'));
});

test('the tarball has what its users need, and works where it is installed', async () => {
  const npm = (/** @type {string[]} */ args, /** @type {string} */ cwd) =>
    run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd });
  const { stdout } = await npm(['pack', '--json', '--pack-destination', directory], REPOSITORY);
  const [{ filename, files }] = Object.values(JSON.parse(stdout));
  const names = files.map((/** @type {{path: string}} */ file) => file.path);
  for (const needed of ['api/socket-iwa.d.ts', 'api/node.js', 'api/program/thread.js', 'emscripten-lib/libdirectsockets.js',
    'emscripten-lib/src/node/udp-socket.js', 'iwa/iwa-run.mjs', 'api/server-worker-node.js', 'LICENSE', 'README.md']) assert.ok(names.includes(needed), needed);
  assert.deepEqual(names.filter((/** @type {string} */ name) => /(^|\/)(test|bench|docker|xtask)\/|^target\/(?!dist\/)|\.(c|rs|toml)$/.test(name)), []);
  // Nothing that is in it needs a file that is not.
  for (const name of names.filter((/** @type {string} */ file) => /\.m?js$/.test(file))) {
    const code = readFileSync(path.join(REPOSITORY, name), 'utf8').replace(/\/\*\*.*?\*\//gs, '');
    for (const [, imported] of code.matchAll(/(?:from|import|import\() ?'(\.[^']+)'/g)) {
      assert.ok(names.includes(path.posix.join(path.posix.dirname(name), imported)), `${name} imports ${imported}`);
    }
  }

  writeFileSync(path.join(directory, 'package.json'), '{"private": true, "type": "module"}\n');
  // Optional dependencies are iwa-run's; the API has none.
  await npm(['install', '--omit=optional', '--offline', `./${filename}`], directory);
  writeFileSync(path.join(directory, 'echo.js'), `
    import { bindUdp } from 'socket-iwa';
    await using server = await bindUdp({ address: '127.0.0.1' });
    await using client = await bindUdp({ address: '127.0.0.1', remote: { address: '127.0.0.1', port: server.localPort } });
    await client.send(new TextEncoder().encode('echo'));
    const { data, ...sender } = await server.receive();
    await server.send(data, sender);
    console.log(new TextDecoder().decode((await client.receive()).data));
  `);
  assert.equal((await run(process.execPath, ['echo.js'], { cwd: directory })).stdout, 'echo\n');
  // The server's WebAssembly is in the tarball where it was built before.
  writeFileSync(path.join(directory, 'server.js'), `
    import { startServer } from 'socket-iwa/server';
    await startServer({ routes: { hello: () => new Response('hi') } }).catch(({ message }) => console.log(message));
  `);
  assert.match((await run(process.execPath, ['server.js'], { cwd: directory })).stdout, /"hello" does not begin with a slash/);
  writeFileSync(path.join(directory, 'types.ts'), `
    import { connect, type Connection, runProgram, SocketError } from 'socket-iwa';
    import { startServer, type HttpHandler } from 'socket-iwa/server';
    const hello: HttpHandler = (request) => new Response(request.url);
    const server = await startServer({ routes: { '/hello': hello } });
    console.log(server.port, server.certificateHash.hex);
    const connection: Connection = await connect({ host: 'localhost', port: 80 });
    for await (const chunk of connection.readable) console.log(chunk.byteLength);
    const code: number = await runProgram('a.js', { onStdout: (bytes) => console.log(bytes.byteLength) }).exit;
    // @ts-expect-error a port is a number
    connect({ host: 'localhost', port: '80' }).catch((error) => error instanceof SocketError && console.log(error.code, code));
  `);
  const tsc = path.join(REPOSITORY, 'node_modules', '.bin', 'tsc');
  await run(tsc, ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--lib', 'esnext,dom,dom.iterable,dom.asynciterable',
    '--types', '', 'types.ts'], { cwd: directory }).catch(({ stdout: said }) => assert.fail(said));
});
