/**
 * Builds the app's directory, which a development server serves and a bundle packs: the page of iwa/app with its scripts
 * and style bundled, docs/ as its help, the version of package.json in its manifest, and the WebAssembly server beside it.
 *
 *     node iwa/build.mjs [--server FILE.js] [--out DIRECTORY]
 */
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleApp } from './bundle.mjs';
import { buildHelp } from './help-pages.mjs';
import { LaunchError } from './launch-error.mjs';
import { runMain } from './command.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const REPOSITORY = path.dirname(HERE);
/** The names that the worker and Emscripten's own loader ask for. */
const SERVER = 'socket-iwa-server.js';
const SERVER_WASM = 'socket_iwa_server.wasm';
/** Of iwa/app, what goes into the app as it is. */
const AS_IT_IS = ['.well-known', 'index.html', 'icon.svg', 'icon-192.png', 'icon-512.png'];

const USAGE = `Usage: node iwa/build.mjs [OPTIONS]

Puts the Isolated Web App together in a directory.

  --server FILE.js   the server's module, its ${SERVER_WASM} beside it (default: target/dist/${SERVER})
  --out DIRECTORY    where to (default: target/iwa); replaced as a whole
  --help             this text
`;

/**
 * @param {{server?: string, out?: string}} [options] paths; defaults as in the usage
 * @returns {Promise<string>} the directory
 * @throws {LaunchError} exit code 2 when there is no server to put in
 */
export async function buildApp({
  server = path.join(REPOSITORY, 'target', 'dist', SERVER),
  out = path.join(REPOSITORY, 'target', 'iwa'),
} = {}) {
  await stat(server).catch((error) => {
    throw new LaunchError(`build the app: no server at ${server} (${error.code}); build it first: cargo xtask build`, {
      exitCode: 2,
    });
  });
  const wasm = path.join(path.dirname(server), SERVER_WASM);
  const { version } = JSON.parse(await readFile(path.join(REPOSITORY, 'package.json'), 'utf8'));

  // Built beside the target and moved over it, so that a failure (a full disk) leaves the last build as it was.
  await mkdir(path.dirname(out), { recursive: true });
  const stage = await mkdtemp(`${out}.new-`);
  try {
    for (const name of AS_IT_IS) await cp(path.join(HERE, 'app', name), path.join(stage, name), { recursive: true });
    await bundleApp(stage);
    await buildHelp(path.join(REPOSITORY, 'docs'), path.join(stage, 'help'));
    const manifest = path.join(stage, '.well-known', 'manifest.webmanifest');
    const fields = JSON.parse(await readFile(manifest, 'utf8'));
    await writeFile(manifest, `${JSON.stringify({ ...fields, version }, null, 2)}\n`);
    await cp(server, path.join(stage, SERVER));
    // A server of one file has none, as the tests' stand-in; a missing one shows when the app loads it.
    await cp(wasm, path.join(stage, SERVER_WASM)).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rm(out, { recursive: true, force: true });
    await rename(stage, out);
  } catch (error) {
    await rm(stage, { recursive: true, force: true });
    throw error;
  }
  return out;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain('build', async () => {
    const { values } = parseArgs({
      options: { server: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help) return void process.stdout.write(USAGE);
    process.stderr.write(`built ${await buildApp(values)}\n`);
  });
}
