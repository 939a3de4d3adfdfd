/** What the tests of iwa-pack share: a small app that nothing is wrong with, and the command as a user types it. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { REPOSITORY, temporaryDirectory } from './support.js';

const IWA_PACK = path.join(REPOSITORY, 'iwa', 'iwa-pack.mjs');

/** A PNG of one colour. @param {number} width @param {number} [height] */
export function png(width, height = width) {
  const chunk = (/** @type {string} */ type, /** @type {Buffer} */ data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]); // 8 bits of grey
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const rows = deflateSync(Buffer.alloc((width + 1) * height));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

/** The manifest of makeApp()'s app. @returns {Record<string, any>} */
export const goodManifest = () => ({
  name: 'Test app',
  version: '1.0.0',
  start_url: '/',
  icons: [{ src: '/icon.png', sizes: '192x192', type: 'image/png' }],
  permissions_policy: { 'cross-origin-isolated': ['self'] },
});

/**
 * An app in a fresh directory.
 * @param {Record<string, string | Buffer | null>} [files] in place of its own or beside them; null leaves one out
 * @returns {string} the directory
 */
export function makeApp(files = {}) {
  const directory = path.join(temporaryDirectory(), 'app');
  const all = {
    '.well-known/manifest.webmanifest': JSON.stringify(goodManifest(), null, 2),
    'index.html': '<!doctype html>\n<title>Test</title>\n<script type="module" src="/app.js"></script>\n',
    'app.js': 'import "./part.js";\ndocument.title = "Started";\n',
    'part.js': 'export {};\n',
    'icon.png': png(192),
    ...files,
  };
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(all)) {
    if (content === null) continue;
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), content);
  }
  return directory;
}

/**
 * makeApp() with another manifest.
 * @param {(manifest: Record<string, any>) => void} change @param {Parameters<typeof makeApp>[0]} [files]
 */
export function makeAppWith(change, files = {}) {
  const manifest = goodManifest();
  change(manifest);
  return makeApp({ '.well-known/manifest.webmanifest': JSON.stringify(manifest, null, 2), ...files });
}

/**
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, under?: string[]}} [options] `under` is a command that starts it
 * @returns {Promise<{code: number, stdout: string, stderr: string}>}
 */
export function iwaPack(args, { cwd, env = {}, under = [] } = {}) {
  return new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, encoding: /** @type {const} */ ('utf8'), maxBuffer: 1 << 26 };
    const [program, ...words] = [...under, process.execPath, IWA_PACK, ...args];
    const child = execFile(program, words, options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') return reject(error);
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** The lines about a directory's files, names from there on. @param {string} directory @param {string} stderr */
export const linesOf = (directory, stderr) =>
  stderr.split('\n').filter(Boolean).map((line) => line.replace(`${directory}/`, ''));

/** What takes from root its right to every file; nothing for others. */
export const ASIDE_FROM_ROOT = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
