/**
 * The update manifest: which versions of the app there are, and where. Versions add up over time, in their order
 * (https://github.com/WICG/isolated-web-apps/blob/main/Updates.md). What it does not know in the file stays.
 */
import { readFileSync } from 'node:fs';
import { LaunchError } from '../launch-error.mjs';
import { compareVersions, versionFault } from './app-version.mjs';
import { isDownloadAddress } from './manifest-check.mjs';
import { parseJson } from './json-tree.mjs';
import { positionOf } from './problem.mjs';

/** @typedef {{version: string, src: string, channels?: string[]}} Entry */

/**
 * @param {string} file made where there is none
 * @param {Entry} entry
 * @returns {{text: string, versions: string[], older: string | null}} the new content, and the highest version where
 *   the entry's is below it
 * @throws {LaunchError} exit code 2 for what can't be used, 1 where the version stands there with another src
 */
export function addVersion(file, entry) {
  const fault = versionFault(entry.version);
  if (fault) throw new LaunchError(`--version: ${fault}`, { exitCode: 2 });
  // A relative src is resolved against the update manifest's own address.
  if (!isDownloadAddress(entry.src, 'https://update.invalid/')) {
    throw new LaunchError(
      `--src ${entry.src}: Chrome downloads from https: (http: for localhost), or beside the update manifest`,
      { exitCode: 2 },
    );
  }
  if (entry.channels?.some((name) => name === '')) {
    throw new LaunchError('--channel: a channel has a name', { exitCode: 2 });
  }

  const manifest = read(file);
  const same = manifest.versions.find(({ version }) => compareVersions(version, entry.version) === 0);
  if (same && same.src !== entry.src) {
    throw new LaunchError(
      `${file} has version ${same.version} already, at ${same.src}: who has it would never get another; raise ` +
        "\"version\" in the app's manifest",
      { exitCode: 1 },
    );
  }
  if (same && entry.channels) same.channels = entry.channels;
  if (!same) manifest.versions.push(entry);
  manifest.versions.sort((a, b) => compareVersions(a.version, b.version));
  const highest = manifest.versions[manifest.versions.length - 1].version;
  return {
    text: `${JSON.stringify(manifest, null, 2)}\n`,
    versions: manifest.versions.map(({ version }) => version),
    older: compareVersions(entry.version, highest) < 0 ? highest : null,
  };
}

/** @param {string} file @returns {{versions: Entry[]}} */
function read(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT') return { versions: [] };
    throw new LaunchError(`--update-manifest ${file}: ${message}`, { exitCode: 2 });
  }
  const refuse = (/** @type {string} */ what, offset = 0) => {
    const { line, column } = positionOf(text, offset);
    const message = `${file}:${line}:${column}: ${what}: correct it, or remove the file to begin anew`;
    throw new LaunchError(message, { exitCode: 2 });
  };
  const { tree, fault } = parseJson(text);
  if (fault) refuse(`it is not JSON (${fault.why})`, fault.offset);
  const manifest = JSON.parse(text);
  if (!Array.isArray(manifest?.versions)) {
    refuse('it is no update manifest: an object with a list "versions" is expected', tree?.offset);
  }
  for (const [index, entry] of manifest.versions.entries()) {
    const fault = versionFault(entry?.version);
    if (fault || typeof entry.src !== 'string') refuse(`versions[${index}]: ${fault ?? 'it has no src'}`);
  }
  return manifest;
}
