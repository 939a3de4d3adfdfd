/**
 * Keys that sign bundles: made, and read with their passphrase. The app's id is made of the public key, so a key is the
 * app's identity: it is never overwritten, and for its owner alone.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { WebBundleId, readPassphrase } from 'wbn-sign';
import { LaunchError } from '../launch-error.mjs';
import { writeSecret } from './write-file.mjs';

/** What wbn-sign's own command reads too. */
export const PASSPHRASE = 'WEB_BUNDLE_SIGNING_PASSPHRASE';

export const KEY_TYPES = /** @type {const} */ (['ed25519', 'ecdsa-p256']);

const refuse = (/** @type {string} */ message) => new LaunchError(message, { exitCode: 2 });

/** @param {string} file for the prompt @param {string} why it is needed @param {{twice?: boolean}} [options] */
async function passphraseFor(file, why, { twice = false } = {}) {
  const given = process.env[PASSPHRASE];
  if (given) return given;
  if (!process.stdin.isTTY) {
    throw refuse(`${file} ${why}: set ${PASSPHRASE}, or run this in a terminal, which asks for it`);
  }
  // An interrupted prompt rejects.
  const ask = (/** @type {string} */ what) => readPassphrase(what).catch(() => '');
  const passphrase = await ask(file);
  if (passphrase === '') throw refuse(`${file} ${why}, and no passphrase was given`);
  if (twice && (await ask(`${file}, again`)) !== passphrase) {
    throw refuse(`${file} ${why}, and the two passphrases are not the same: nothing is written`);
  }
  return passphrase;
}

/**
 * Makes a key: PKCS#8, PEM, mode 0600.
 * @param {string} file must not exist
 * @param {{type: string, encrypt: boolean}} options `type` is one of KEY_TYPES; encrypted with a passphrase that is
 *   asked for
 * @returns {Promise<string>} the id of the app that it signs
 * @throws {LaunchError} exit code 2
 */
export async function generateKey(file, { type, encrypt }) {
  if (type !== 'ed25519' && type !== 'ecdsa-p256') {
    throw refuse(`--key-type ${type}: Chrome knows ${KEY_TYPES.join(' and ')}`);
  }
  if (statSync(file, { throwIfNoEntry: false })) {
    throw refuse(`${file} exists already, and a key is never overwritten: remove it yourself, or give another name`);
  }
  const { privateKey } = type === 'ed25519'
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const passphrase = encrypt ? await passphraseFor(file, 'is to be encrypted', { twice: true }) : undefined;
  const cipher = passphrase && { cipher: 'aes-256-cbc', passphrase };
  writeSecret(file, privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString());
  return new WebBundleId(privateKey).serialize();
}

/**
 * @param {string} file PEM
 * @param {(text: string) => void} warn
 * @returns {Promise<import('node:crypto').KeyObject>}
 * @throws {LaunchError} exit code 2: it can't be read, is no private key, or of no type that Chrome knows
 */
export async function readKey(file, warn) {
  let pem;
  try {
    pem = readFileSync(file, 'utf8');
    if (statSync(file).mode & 0o077) warn(`${file} can be read by other users: chmod 600 ${file}`);
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    const next = 'iwa-pack --generate-key FILE makes one';
    throw refuse(`--key ${file}: ${code === 'ENOENT' ? `no such file; ${next}` : message}`);
  }
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    const is = /-----BEGIN ([A-Z ]+)-----/.exec(pem)?.[1].toLowerCase();
    throw refuse(`--key ${file}: ${is ? `it is a ${is}` : 'it is not PEM'}: give a private key in PEM (PKCS#8)`);
  }
  const encrypted = /-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem);
  const passphrase = encrypted ? await passphraseFor(file, 'is encrypted') : undefined;
  let key;
  try {
    key = createPrivateKey({ key: pem, passphrase });
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    const why = encrypted ? 'the passphrase does not open it' : `it is damaged (${message})`;
    throw refuse(`--key ${file}: ${why}`);
  }
  try {
    new WebBundleId(key);
  } catch {
    const is = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType;
    throw refuse(`--key ${file}: it is a key of type ${is}; Chrome takes Ed25519 and ECDSA P-256: ` +
      'iwa-pack --generate-key FILE');
  }
  return key;
}
