/** Resources as a signed web bundle: format b2, integrity block v2. The formats are those of wbn and wbn-sign. */
import { BundleBuilder } from 'wbn';
import { IntegrityBlockSigner, NodeCryptoSigningStrategy, WebBundleId } from 'wbn-sign';

/**
 * What every response says. Chrome needs Content-Type alone and enforces the rest by itself (seen with 150); these are
 * for other readers of the bundle, and are the ones that Isolated Web Apps are specified to have.
 */
const REQUIRED_HEADERS = Object.freeze({
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
});

/** @param {string} id @returns {string} without a trailing slash */
export const originOf = (id) => `isolated-app://${id}`;

/** @param {import('node:crypto').KeyObject} key @returns {string} the id of the app that it signs */
export const idOf = (key) => new WebBundleId(key).serialize();

/**
 * @param {import('./problem.mjs').Resources} resources
 * @param {{keys: import('node:crypto').KeyObject[], id: string}} signing private keys, each of which signs
 * @returns {Promise<Uint8Array>}
 */
export async function makeSignedBundle(resources, { keys, id }) {
  const builder = new BundleBuilder('b2');
  for (const { path, type, bytes } of resources.values()) {
    builder.addExchange(originOf(id) + path, 200, { 'content-type': type, ...REQUIRED_HEADERS }, bytes);
  }
  const strategies = keys.map((key) => new NodeCryptoSigningStrategy(key));
  const { signedWebBundle } = await new IntegrityBlockSigner(builder.createBundle(), id, strategies).sign();
  return signedWebBundle;
}
