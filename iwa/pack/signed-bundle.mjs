/**
 * Reads a signed web bundle and checks what its signer vouches for: integrity block, signatures, id, length, and that
 * every resource is one that Chrome takes. Which app is inside is not its matter.
 */
import { ECDH, createPublicKey, verify } from 'node:crypto';
import { decodeFirst, encode } from 'cborg';
import { Bundle } from 'wbn';
import { IntegrityBlockSigner } from 'wbn-sign';
import { idOf, originOf } from './bundle.mjs';
import { problem } from './problem.mjs';
import { nameOfPath } from './resource-path.mjs';

/** https://github.com/WICG/webpackage/blob/main/explainers/integrity-signature.md */
const BLOCK_MAGIC = '🖋📦';
const BUNDLE_MAGIC = '🌐📦';
const BLOCK_VERSION = '2b\0\0';

/** Names of signature attributes; the one that a signature has tells its type. */
const KEY_ATTRIBUTES = new Map([['ed25519PublicKey', 'Ed25519'], ['ecdsaP256SHA256PublicKey', 'ECDSA P-256']]);

/** Base32 of a public key and a type: 32 and 3 bytes, or 33 and 3. */
export const BUNDLE_ID = /^([a-z2-7]{56}|[a-z2-7]{58})$/;

/**
 * @typedef {object} SignedBundle
 * @property {string | null} id
 * @property {{type: string, id: string | null, good: boolean}[]} signatures `id` is that of an app whose only key this
 *   is
 * @property {import('./problem.mjs').Resources} resources by path
 * @property {import('./problem.mjs').Problem[]} problems
 */

/**
 * @param {Uint8Array} bytes
 * @param {string} file its name, for problems
 * @returns {SignedBundle} as much of it as can be read
 */
export function readSignedBundle(bytes, file) {
  /** @type {SignedBundle} */
  const read = { id: null, signatures: [], resources: new Map(), problems: [] };
  const refuse = (/** @type {string} */ rule, /** @type {string} */ message) =>
    void read.problems.push(problem('error', rule, file, message));

  const block = readBlock(bytes, refuse);
  if (!block) return read;
  const { id, bundle } = block;
  read.id = id;
  checkLength(bundle, refuse);
  read.signatures = block.signatures.map(([attributes, signature], index) => {
    const checked = checkSignature(block, attributes, signature);
    const what = `signature ${index + 1} of ${block.signatures.length} (${checked.type})`;
    // Chrome passes over types that it does not know, but not the first.
    if (checked.type === 'unknown' && index === 0) {
      refuse('signature', `${what} is of a type that Chrome does not know`);
    } else if (!checked.good && checked.type !== 'unknown') {
      refuse('signature', `${what} does not match: the bundle was changed after it was signed, or is not whole; ` +
        'get it again, or sign it again');
    }
    return checked;
  });
  if (!BUNDLE_ID.test(id)) {
    refuse('id', `the id ${JSON.stringify(id)} is none of 56 or 58 letters and digits of base32`);
  } else if (!read.signatures.some((signature) => signature.id === id)) {
    const message = `none of its keys is the one that the id ${id} is made of: Chrome takes it only where it was ` +
      'told that the key was replaced';
    read.problems.push(problem('warning', 'id', file, message));
  }
  readResources(bundle, id, read, refuse);
  return read;
}

/** @typedef {(rule: string, message: string) => void} Refuse */

/**
 * @param {Uint8Array} bytes @param {Refuse} refuse
 * @returns {{id: string, attributes: Map<string, unknown>, head: unknown[],
 *   signatures: [Map<string, unknown>, unknown][], bundle: Uint8Array} | undefined}
 */
function readBlock(bytes, refuse) {
  let value, bundle;
  try {
    [value, bundle] = decodeFirst(bytes, { useMaps: true });
  } catch (error) {
    const begins = Buffer.from(bytes.subarray(0, 12)).includes(BLOCK_MAGIC);
    refuse('integrity-block', begins
      ? `the integrity block is cut short or damaged (${/** @type {Error} */ (error).message}): get the file again`
      : bytes.length === 0 ? 'the file is empty' : 'it is no signed web bundle: it does not begin as one');
    return undefined;
  }
  const [magic, version, attributes, signatures] = Array.isArray(value) ? value : [];
  if (isText(magic, BUNDLE_MAGIC)) {
    return void refuse('integrity-block', 'it is a web bundle without a signature: iwa-pack signs one');
  }
  if (!isText(magic, BLOCK_MAGIC)) {
    return void refuse('integrity-block', 'it is no signed web bundle: it does not begin as one');
  }
  if (!isText(version, BLOCK_VERSION)) {
    const is = version instanceof Uint8Array ? Buffer.from(version).toString().replaceAll('\0', '') : version;
    const message = `its integrity block is of version ${is}, Chrome reads 2b alone: pack it again`;
    return void refuse('integrity-block', message);
  }
  const id = attributes instanceof Map ? attributes.get('webBundleId') : undefined;
  const isSignature = (/** @type {any} */ entry) =>
    Array.isArray(entry) && entry[0] instanceof Map && entry[1] instanceof Uint8Array;
  if (value.length !== 4 || typeof id !== 'string' || !Array.isArray(signatures) || !signatures.every(isSignature)) {
    const message = 'its integrity block is damaged (no id, or no list of signatures): get the file again';
    return void refuse('integrity-block', message);
  }
  if (signatures.length === 0) return void refuse('signature', 'nobody has signed it: pack it again with --key');
  // Chrome takes one way of writing CBOR alone, and signs what it writes itself.
  if (!Buffer.from(encode(value)).equals(bytes.subarray(0, bytes.length - bundle.length))) {
    const message = 'its integrity block is not written as Chrome wants it (deterministic CBOR): pack it again';
    refuse('integrity-block', message);
  }
  return { id, attributes, head: [magic, version, attributes], signatures, bundle };
}

/** @param {unknown} value @param {string} text */
const isText = (value, text) => value instanceof Uint8Array && Buffer.from(value).equals(Buffer.from(text));

/** A bundle ends with its own length. @param {Uint8Array} bundle @param {Refuse} refuse */
function checkLength(bundle, refuse) {
  const stated = bundle.length < 8 ? undefined : Buffer.from(bundle.slice(-8)).readBigUInt64BE();
  if (stated !== BigInt(bundle.length)) {
    refuse('length', `it does not end with its own length (${bundle.length} bytes): it is cut short, or something ` +
      'was added; get the file again');
  }
}

/**
 * @param {{id: string, head: unknown[], bundle: Uint8Array}} block
 * @param {Map<string, unknown>} attributes @param {unknown} signature
 */
function checkSignature({ id, head, bundle }, attributes, signature) {
  const name = [...KEY_ATTRIBUTES.keys()].find((one) => attributes.has(one));
  const key = name && publicKey(name, attributes.get(name));
  if (!key) return { type: (name && KEY_ATTRIBUTES.get(name)) ?? 'unknown', id: null, good: false };
  const signer = new IntegrityBlockSigner(bundle, id, []);
  const signed = signer.generateDataToBeSigned(signer.calcWebBundleHash(), encode([...head, []]), encode(attributes));
  const digest = key.asymmetricKeyType === 'ec' ? 'sha256' : null;
  const good = verify(digest, signed, key, /** @type {Uint8Array} */ (signature));
  return { type: KEY_ATTRIBUTES.get(name) ?? 'unknown', id: idOf(key), good };
}

/**
 * @param {string} name of the attribute @param {unknown} raw
 * @returns {import('node:crypto').KeyObject | undefined} none where it is no point of the curve
 */
function publicKey(name, raw) {
  if (!(raw instanceof Uint8Array)) return undefined;
  const text = (/** @type {Uint8Array} */ bytes) => Buffer.from(bytes).toString('base64url');
  try {
    if (name === 'ed25519PublicKey') {
      return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text(raw) }, format: 'jwk' });
    }
    const point = /** @type {Buffer} */ (ECDH.convertKey(raw, 'prime256v1', undefined, undefined, 'uncompressed'));
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map(text);
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** @param {Uint8Array} bytes @param {string} id @param {SignedBundle} read filled in @param {Refuse} refuse */
function readResources(bytes, id, read, refuse) {
  /** @type {Bundle} */
  let bundle;
  /** @type {string[]} */
  let urls;
  try {
    bundle = new Bundle(bytes);
    urls = bundle.urls;
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    return refuse('bundle', `what is signed can't be read as a web bundle (${why}): it is cut short or damaged; ` +
      'get the file again');
  }
  const { version, primaryURL } = bundle;
  if (version !== 'b2') refuse('bundle', `the web bundle's format is ${version}, Chrome reads b2 alone: pack it again`);
  if (primaryURL !== null) {
    refuse('bundle', `it has a primary URL (${primaryURL}), which Chrome refuses: pack it again`);
  }
  const origin = originOf(id);
  const foreign = urls.filter((url) => !String(url).startsWith(`${origin}/`));
  if (foreign.length > 0) {
    const [first] = foreign;
    refuse('url', `${foreign.length} of its ${urls.length} URLs are none of the app's (${origin}/), as ${first}: ` +
      'Chrome refuses the bundle; pack it again');
  }
  const paths = new Set(urls.filter((url) => !foreign.includes(url)).map((url) => url.slice(origin.length)));
  for (const path of paths) {
    if (/[?#]/.test(path)) {
      refuse('url', `${path} has a query or a fragment: Chrome refuses the bundle; pack it again`);
      continue;
    }
    try {
      const { status, headers, body } = bundle.getResponse(origin + path);
      const type = headers['content-type'];
      if (status !== 200) refuse('status', `${path} has status ${status}, Chrome shows nothing but 200`);
      if (!type) refuse('content-type', `${path} has no content-type: Chrome can't tell what it is`);
      // A directory's page stands there twice.
      const file = nameOfPath(path.endsWith('/') && paths.has(`${path}index.html`) ? `${path}index.html` : path);
      read.resources.set(path, { path, file, type: type ?? '', bytes: body });
    } catch (error) {
      refuse('bundle', `${path}: ${/** @type {Error} */ (error).message}: it is damaged; get the file again`);
    }
  }
}
