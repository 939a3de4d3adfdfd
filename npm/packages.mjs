/**
 * Makes the npm packages that are published from this repository, as tarballs in target/npm:
 *
 *   socket-iwa  the API: no dependency, and the WebAssembly server
 *   iwa-pack    the command of that name
 *   iwa-run     the command of that name
 *
 * Their files lie in them as in the repository. Which ones are found from the entries by their imports; what code names
 * by URL is listed here. What they import of others becomes their dependencies, in the versions of package.json.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const REPOSITORY = path.resolve(import.meta.dirname, '..');
const OUTPUT = path.join(REPOSITORY, 'target', 'npm');

/** The WebAssembly server. */
const SERVER = ['target/dist/socket-iwa-server.js', 'target/dist/socket_iwa_server.wasm'];

/**
 * @typedef {object} Package
 * @property {string} description
 * @property {string} node the oldest that it runs on
 * @property {string[]} entries modules that are loaded by their names: the rest is found by their imports
 * @property {string[]} files further files, and directories
 * @property {object} fields of its package.json
 */

const { exports, types, sideEffects, engines, version, license, devDependencies } =
  JSON.parse(readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8'));

/** The library for emcc, and the parts of it that the API imports. */
const LIBRARY = ['emscripten-lib/libdirectsockets.js', 'emscripten-lib/libc.c', 'emscripten-lib/src'];

/** What runProgram starts, on Node and in a page, and what it loads there. */
const PROGRAM = ['api/program/node-process.js', 'api/program/thread.js', 'api/program/worker.js'];

/** @type {Record<string, Package>} */
const PACKAGES = {
  'socket-iwa': {
    description: 'Direct Sockets as streams, Emscripten programs and a QUIC server, in Isolated Web Apps and on Node',
    node: engines.node,
    entries: ['api/index.js', 'api/node.js', 'api/server-browser.js', 'api/server-node.js', 'api/server-worker.js',
      'api/server-worker-node.js', ...PROGRAM],
    files: ['api/socket-iwa.d.ts', 'api/socket-iwa-server.d.ts', ...LIBRARY, ...SERVER],
    fields: { sideEffects, types, exports },
  },
  'iwa-pack': {
    description: 'Makes and checks signed web bundles of Isolated Web Apps',
    node: '>=22.12',
    entries: ['iwa/iwa-pack.mjs'],
    files: [],
    fields: { bin: { 'iwa-pack': 'iwa/iwa-pack.mjs' } },
  },
  'iwa-run': {
    description: 'Runs Emscripten programs with sockets in an Isolated Web App in a headless Chromium, or on Node',
    node: '>=22.12',
    entries: ['iwa/iwa-run.mjs', 'iwa/runner/page.js', ...PROGRAM],
    files: ['iwa/runner', 'iwa/app/icon-192.png', ...LIBRARY],
    fields: { bin: { 'iwa-run': 'iwa/iwa-run.mjs' } },
  },
};

/**
 * The modules that the entries need, and the packages of others.
 * @param {string[]} entries
 */
async function followImports(entries) {
  const { metafile } = await build({
    absWorkingDir: REPOSITORY, entryPoints: entries, bundle: true, packages: 'external', metafile: true, write: false,
    outdir: OUTPUT, format: 'esm', platform: 'node', logLevel: 'error',
  });
  const inputs = Object.values(metafile.inputs);
  const names = inputs.flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path: name }) => name));
  return {
    modules: Object.keys(metafile.inputs),
    others: [...new Set(names.filter((name) => !name.startsWith('node:')))].sort(),
  };
}

/** @param {string} name @returns {Promise<string>} the tarball */
async function make(name) {
  const { description, node, entries, files, fields } = PACKAGES[name];
  const { modules, others } = await followImports(entries);
  const unknown = others.filter((other) => !(other in devDependencies));
  if (unknown.length > 0) throw new Error(`${name}: package.json has no version of ${unknown}, which it imports`);
  const dependencies = Object.fromEntries(others.map((other) => [other, devDependencies[other]]));

  const directory = path.join(OUTPUT, name);
  rmSync(directory, { recursive: true, force: true });
  const copy = (/** @type {string} */ from, /** @type {string} */ to) =>
    cpSync(path.join(REPOSITORY, from), path.join(directory, to), { recursive: true });
  for (const file of [...modules, ...files]) copy(file, file);
  copy('LICENSE', 'LICENSE');
  copy(`npm/readme/${name}.md`, 'README.md');
  const text = { name, version, description, license, type: 'module', engines: { node }, ...fields,
    ...(others.length > 0 && { dependencies }) };
  writeFileSync(path.join(directory, 'package.json'), `${JSON.stringify(text, null, 2)}\n`);

  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', OUTPUT], {
    cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'],
  }));
  return path.join(OUTPUT, packed.filename);
}

const unbuilt = SERVER.filter((file) => !existsSync(path.join(REPOSITORY, file)));
if (unbuilt.length > 0) throw new Error(`${unbuilt[0]} is missing: cargo xtask build --only npm makes it first`);
rmSync(OUTPUT, { recursive: true, force: true });
for (const name of Object.keys(PACKAGES)) process.stdout.write(`${path.relative(REPOSITORY, await make(name))}\n`);
