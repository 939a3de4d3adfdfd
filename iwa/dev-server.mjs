/**
 * The HTTP server behind a development-mode Isolated Web App: Chromium fetches `isolated-app://ID/path` from
 * `http://localhost:PORT/path`. It serves files below the mounted directories and nothing else, on loopback only, to
 * requests for localhost only. It knows nothing of browsers or of what the files are.
 */
import { open, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Streaming compilation of WebAssembly and module scripts insist on their type; the rest is for good manners. */
const CONTENT_TYPES = new Map([
  ['.css', 'text/css; charset=utf-8'],
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.mjs', 'text/javascript; charset=utf-8'],
  ['.json', 'application/json'],
  ['.png', 'image/png'],
  ['.svg', 'image/svg+xml'],
  ['.txt', 'text/plain; charset=utf-8'],
  ['.wasm', 'application/wasm'],
  ['.webmanifest', 'application/manifest+json'],
]);

const HEADERS = {
  // Every launch shows the files as they are now.
  'Cache-Control': 'no-store',
  // An IWA is cross-origin isolated; these let its resources load under that policy.
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * The file that a request's target names below the mounts, or null. The target is taken as it came over the wire: no
 * client's normalisation of `..` is relied on, and a symbolic link that leaves the directory is not followed.
 * @param {Map<string, string>} mounts URL prefix (begins and ends with "/") to directory
 * @param {string} target e.g. "/app.js?x=1"
 * @returns {Promise<string | null>}
 */
async function resolveTarget(mounts, target) {
  let name;
  try {
    name = decodeURIComponent(target.replace(/[?#].*$/s, ''));
  } catch {
    return null; // a malformed % sequence
  }
  if (!name.startsWith('/') || /[\0\\]/.test(name) || name.split('/').includes('..')) return null;
  if (name.endsWith('/')) name += 'index.html';
  const prefix = [...mounts.keys()].filter((p) => name.startsWith(p)).sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return null;
  try {
    const root = await realpath(/** @type {string} */ (mounts.get(prefix)));
    const file = await realpath(path.join(root, name.slice(prefix.length)));
    if (!file.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) return null;
    return (await stat(file)).isFile() ? file : null;
  } catch {
    return null;
  }
}

/**
 * Of a file whose name does not tell: what a makefile has emcc link as PROGRAM, with no suffix, is JavaScript with a first
 * line for Node.
 * @param {import('node:fs/promises').FileHandle} handle
 */
async function typeOf(handle) {
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return buffer.toString('latin1') === '#!' ? CONTENT_TYPES.get('.js') : 'application/octet-stream';
}

/**
 * Starts the server on a free port.
 * @param {string} directory what "/" shows
 * @returns {Promise<{url: string, mount(prefix: string, directory: string): void, close(): Promise<void>}>}
 *   `url` is an origin without a trailing slash; `mount` shows another directory below a prefix such as "/programs/1/"
 * @throws {Error} when no port can be had
 */
export async function startDevServer(directory) {
  const mounts = new Map([['/', directory]]);
  let origin = '';

  const server = createServer(async (request, response) => {
    const reply = (/** @type {number} */ status) =>
      void response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain' }).end(`${status}\n`);
    // A page elsewhere could point its own host name at 127.0.0.1 and read the files; its requests name that host.
    if (`http://${request.headers.host}` !== origin) return reply(421);
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(405);
    const file = await resolveTarget(mounts, request.url ?? '');
    const handle = file === null ? null : await open(file).catch(() => null);
    if (file === null || handle === null) return reply(404);
    try {
      const { size } = await handle.stat();
      const type = CONTENT_TYPES.get(path.extname(file).toLowerCase()) ?? await typeOf(handle);
      response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Content-Length': size });
      if (request.method === 'HEAD') response.end();
      else await pipeline(handle.createReadStream({ autoClose: false }), response);
    } catch {
      response.destroy(); // a read failed, or the browser has left: it sees an incomplete response
    } finally {
      await handle.close(); // nobody else does where the browser left before the first byte
    }
  });

  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  origin = `http://localhost:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;

  return {
    url: origin,
    mount: (prefix, mounted) => void mounts.set(prefix, mounted),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
