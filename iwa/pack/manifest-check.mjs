/**
 * The web app manifest of an Isolated Web App: what Chrome refuses to install, or installs and then can't show. What
 * each rule rests on was seen with Chromium 150 installing bundles that broke it (docs/packaging.md has the table).
 */
import { findNodeAtLocation, getNodeValue } from 'jsonc-parser';
import { versionFault } from './app-version.mjs';
import { checkIcons } from './icon-check.mjs';
import { parseJson } from './json-tree.mjs';
import { positionOf, problem, textOf } from './problem.mjs';
import { resolveReference } from './resource-path.mjs';

export const MANIFEST = '/.well-known/manifest.webmanifest';

/**
 * @typedef {object} Manifest
 * @property {Record<string, any>} fields
 * @property {(path: (string | number)[]) => import('./problem.mjs').Position} at where a field stands
 * @property {string} file
 */

/**
 * @param {import('./problem.mjs').Resources} resources
 * @returns {{manifest: Manifest | null, problems: import('./problem.mjs').Problem[]}} no manifest where it can't be
 *   read
 */
export function readManifest(resources) {
  const resource = resources.get(MANIFEST);
  if (!resource) {
    const elsewhere = [...resources.values()].find(({ file }) => /\.webmanifest$|(^|\/)manifest\.json$/.test(file));
    const next = elsewhere ? `move ${elsewhere.file} there` : 'write one (docs/packaging.md shows it)';
    const message = `the app has no manifest: Chrome looks for it here and nowhere else: ${next}`;
    return { manifest: null, problems: [problem('error', 'manifest-missing', MANIFEST.slice(1), message)] };
  }
  const { file } = resource;
  const text = textOf(resource.bytes);
  const { tree, fault } = parseJson(text);
  if (tree?.type !== 'object') {
    const what = fault ? `it is not JSON (${fault.why})` : 'it is not one JSON object';
    const at = positionOf(text, fault?.offset ?? 0);
    return { manifest: null, problems: [problem('error', 'manifest-json', file, `${what}: correct it`, at)] };
  }
  /**
   * The property where it is there, else what it would stand in.
   * @param {(string | number)[]} path @returns {import('./problem.mjs').Position}
   */
  const at = (path) => {
    const node = findNodeAtLocation(tree, path);
    if (!node) return at(path.slice(0, -1));
    return positionOf(text, (node.parent?.type === 'property' ? node.parent : node).offset);
  };
  return { manifest: { fields: getNodeValue(tree), at, file }, problems: [] };
}

/**
 * @param {Manifest} manifest
 * @param {import('./problem.mjs').Resources} resources
 * @returns {import('./problem.mjs').Problem[]} all but those of permissions_policy
 */
export function checkManifest(manifest, resources) {
  const { fields, file, at } = manifest;
  /** @type {import('./problem.mjs').Problem[]} */
  const problems = [];
  const refuse = (/** @type {string} */ field, /** @type {string} */ message) =>
    void problems.push(problem('error', `manifest-${field}`, file, `${field}: ${message}`, at([field])));
  /** The path that a field names. @param {string} field @returns {string | undefined} */
  const pathIn = (field) => {
    const found = typeof fields[field] === 'string' ? resolveReference(fields[field], MANIFEST) : null;
    return found && 'path' in found ? found.path : undefined;
  };

  const named = [fields.name, fields.short_name].some((name) => typeof name === 'string' && name.trim() !== '');
  if (!named) refuse('name', 'it is missing: say what the app is called, as "name": "My app"');
  if (fields.name !== undefined && typeof fields.name !== 'string') refuse('name', 'it is not a string');

  const fault = fields.version === undefined
    ? 'it is missing: add one, as "version": "1.0.0"' : versionFault(fields.version);
  if (fault) refuse('version', fault);

  const start = pathIn('start_url');
  if (fields.start_url === undefined) {
    refuse('start_url', 'it is missing: name the page that opens, as "start_url": "/"');
  } else if (start === undefined) {
    refuse('start_url', `${JSON.stringify(fields.start_url)} is no page of the app: name one, as "/"`);
  } else if (!resources.has(start)) {
    const page = start.endsWith('/') ? `${start.slice(1)}index.html` : 'it';
    const next = `add ${page}, or name another page`;
    refuse('start_url', `the app has no ${start}, and would open with an error page: ${next}`);
  }
  // The app's id is its origin alone: https://github.com/WICG/isolated-web-apps.
  const id = fields.id === undefined ? start : pathIn('id');
  if (start !== undefined && id !== '/') {
    const is = fields.id === undefined
      ? `missing, it becomes start_url, ${start}` : `it is ${JSON.stringify(fields.id)}`;
    refuse('id', `it has to be "/" (${is})`);
  }
  const scope = fields.scope === undefined ? start?.replace(/[^/]*$/, '') : pathIn('scope');
  if (start !== undefined && scope !== '/') {
    const is = fields.scope === undefined ? `missing, it becomes ${scope}` : `it is ${JSON.stringify(fields.scope)}`;
    refuse('scope', `it has to be "/", the whole app (${is}), with start_url inside`);
  }
  problems.push(...checkIcons(manifest, resources));
  if (fields.update_manifest_url !== undefined && !isDownloadAddress(fields.update_manifest_url)) {
    refuse('update_manifest_url', 'it has to be an absolute https: URL (http: for localhost)');
  }
  return problems;
}

/**
 * Whether Chrome downloads from there: https:, and http: of this machine.
 * @param {unknown} url @param {string} [base]
 */
export function isDownloadAddress(url, base) {
  if (typeof url !== 'string' || !URL.canParse(url, base)) return false;
  const { protocol, hostname } = new URL(url, base);
  const isHere = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isHere);
}
