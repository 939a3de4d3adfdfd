/** Where Chromium takes an Isolated Web App from: a development server on a directory, or a signed bundle. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { startDevServer } from './dev-server.mjs';
import { LaunchError } from './launch-error.mjs';

/**
 * The id of an app served by a development proxy: 35 bytes in base32, of which the last three, 00 00 02, say so. With
 * the id of a signed bundle Chromium 156 takes the URL for the bundle's own address and downloads it.
 */
const PROXY_BUNDLE_ID = `${'a'.repeat(55)}c`;

/**
 * @typedef {object} Source
 * @property {string} id the app's
 * @property {string} url for PWA.install
 * @property {(prefix: string, directory: string) => void} mount serves another directory below a prefix
 * @property {() => Promise<void>} close
 */

/** @param {string} directory @param {Record<string, string>} mounts @returns {Promise<Source>} */
export async function serveDirectory(directory, mounts) {
  const server = await startDevServer(directory);
  for (const [prefix, mounted] of Object.entries(mounts)) server.mount(prefix, mounted);
  return { id: PROXY_BUNDLE_ID, ...server };
}

/** @param {string} file @returns {Promise<Source>} @throws {LaunchError} exit code 2: it is not right */
export async function openBundle(file) {
  const refuse = (/** @type {string} */ why) => {
    throw new LaunchError(`the bundle ${file}: ${why}`, { exitCode: 2 });
  };
  // Loaded here: who runs a directory needs nothing of bundles.
  const { readSignedBundle } = await import('./pack/signed-bundle.mjs');
  const bytes = await readFile(file).catch((error) => refuse(error.message));
  const { id, problems } = readSignedBundle(bytes, file);
  const wrong = problems.find(({ severity }) => severity === 'error');
  if (id === null || wrong) return refuse(`${wrong?.message} (iwa-pack --verify says more)`);
  const mount = () => refuse('nothing can be added to it');
  return { id, url: pathToFileURL(path.resolve(file)).href, mount, close: async () => {} };
}
