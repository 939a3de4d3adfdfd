/**
 * The app's scripts and style sheet, each bundled into one file with the libraries it imports, and those libraries'
 * licences. Nothing is minified: what is installed can be read. No eval, no source maps, no inline script.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** By their names in the app's directory. */
const ENTRIES = { app: 'app/app.js', worker: 'app/worker.js', style: 'app/app.css', help: 'help/help.css' };

/** @param {string} out directory */
export async function bundleApp(out) {
  const { metafile } = await build({
    absWorkingDir: HERE,
    entryPoints: ENTRIES,
    bundle: true,
    splitting: false,
    format: 'esm',
    target: 'chrome150',
    charset: 'utf8',
    legalComments: 'inline',
    logLevel: 'warning',
    metafile: true,
    outdir: out,
  });
  await writeFile(path.join(out, 'licenses.txt'), await licenses(Object.keys(metafile.inputs)));
}

/** @param {string[]} inputs files that went into the bundles, relative to this directory */
async function licenses(inputs) {
  const packages = inputs.map((input) => /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(input)).filter((it) => it !== null);
  const texts = [];
  for (const [directory, name] of new Map(packages.map(([, where, what]) => [path.join(HERE, where), what]))) {
    const file = (await readdir(directory)).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${directory} has no licence to put into the app`);
    texts.push(`${name}\n\n${(await readFile(path.join(directory, file), 'utf8')).trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
