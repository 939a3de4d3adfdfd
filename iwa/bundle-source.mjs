/** An Isolated Web App in a signed bundle, as what Chromium installs it from. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { LaunchError } from './launch-error.mjs';
import { readSignedBundle } from './pack/signed-bundle.mjs';

/**
 * @param {string} file
 * @returns {Promise<import('./app-source.mjs').Source>}
 * @throws {LaunchError} exit code 2: it is not right
 */
export async function openBundle(file) {
  const refuse = (/** @type {string} */ why) => {
    throw new LaunchError(`the bundle ${file}: ${why}`, { exitCode: 2 });
  };
  const bytes = await readFile(file).catch((error) => refuse(error.message));
  const { id, problems } = readSignedBundle(bytes, file);
  const wrong = problems.find(({ severity }) => severity === 'error');
  if (id === null || wrong) return refuse(`${wrong?.message} (iwa-pack --verify says more)`);
  const mount = () => refuse('nothing can be added to it');
  return { id, url: pathToFileURL(path.resolve(file)).href, isBundle: true, mount, close: async () => {} };
}
