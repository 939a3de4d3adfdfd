// What a bundler makes of the package: what is unused is left out, and nothing else is needed. npm/test installs it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

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
