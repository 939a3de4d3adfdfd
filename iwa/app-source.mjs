/** Where Chromium takes an Isolated Web App from; here, a development server on a directory. */
import { startDevServer } from './dev-server.mjs';

/**
 * The id of an app served by a development proxy: 35 bytes in base32, of which the last three, 00 00 02, say so. With
 * the id of a signed bundle Chromium 156 takes the URL for the bundle's own address and downloads it.
 */
const PROXY_BUNDLE_ID = `${'a'.repeat(55)}c`;

/**
 * @typedef {object} Source
 * @property {string} id the app's
 * @property {string} url for PWA.install
 * @property {boolean} isBundle whether that is a signed bundle's, which not every Chromium can install
 * @property {(prefix: string, directory: string) => void} mount serves another directory below a prefix
 * @property {() => Promise<void>} close
 */

/** @param {string} directory @param {Record<string, string>} mounts @returns {Promise<Source>} */
export async function serveDirectory(directory, mounts) {
  const server = await startDevServer(directory);
  for (const [prefix, mounted] of Object.entries(mounts)) server.mount(prefix, mounted);
  return { id: PROXY_BUNDLE_ID, isBundle: false, ...server };
}
