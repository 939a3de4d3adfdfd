/**
 * Everything that is checked of an app, whether its files come from a directory or out of a bundle.
 */
import { isUtf8 } from 'node:buffer';
import { checkManifest, readManifest } from './manifest-check.mjs';
import { checkPage, checkStyle } from './page-check.mjs';
import { checkPermissions } from './permissions-check.mjs';
import { problem } from './problem.mjs';
import { resolveReference } from './resource-path.mjs';
import { checkScript } from './script-check.mjs';

/** @typedef {import('./problem.mjs').Problem} Problem */

/**
 * @param {import('./problem.mjs').Resources} resources
 * @returns {{problems: Problem[], version: string | undefined, name: string | undefined}} the problems in the order of
 *   the files; version and name as the manifest has them
 */
export function checkApp(resources) {
  // "/" is "/index.html" once more.
  const files = [...new Map([...resources.values()].map((resource) => [resource.file, resource])).values()];
  const ofType = (/** @type {RegExp} */ type) => files.filter((resource) => type.test(resource.type));

  const scripts = new Map(ofType(/javascript/)
    .map((resource) => [resource.path, { resource, ...checkScript(resource) }]));
  const pages = ofType(/^text\/html/).map((resource) => checkPage(resource, resources));
  const { manifest, problems } = readManifest(resources);
  if (manifest) {
    const names = new Set([...scripts.values()].flatMap((script) => [...script.names]));
    problems.push(...checkManifest(manifest, resources), ...checkPermissions(manifest, names));
  }
  problems.push(
    ...pages.flatMap((page) => page.problems),
    ...[...scripts.values()].flatMap((script) => script.problems),
    ...checkImports(pages.flatMap((page) => page.scripts.map(({ path }) => path)), scripts, resources),
    ...ofType(/^text\/css/).flatMap(checkStyle),
    ...ofType(/^text\//).flatMap(checkEncoding),
  );
  problems.sort((a, b) => compare(a.file, b.file) || (a.at?.line ?? 0) - (b.at?.line ?? 0));
  const text = (/** @type {unknown} */ value) => (typeof value === 'string' ? value : undefined);
  const { version, name, short_name: shortName } = manifest?.fields ?? {};
  return { problems, version: text(version), name: text(name) ?? text(shortName) };
}

/** @param {import('./problem.mjs').Resource} resource @returns {Problem[]} */
function checkEncoding({ file, bytes }) {
  const message = 'it is not UTF-8, which Chrome takes it for: its letters will be wrong; convert it';
  return isUtf8(bytes) ? [] : [problem('warning', 'encoding', file, message)];
}

/** @param {string} a @param {string} b */
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The imports of what the pages load: one that fails keeps the whole module from running. Scripts that no page loads
 * may be anyone's.
 * @param {string[]} entries paths of the pages' scripts
 * @param {Map<string, import('./script-check.mjs').Script & {resource: import('./problem.mjs').Resource}>} scripts
 * @param {import('./problem.mjs').Resources} resources
 * @returns {Problem[]}
 */
function checkImports(entries, scripts, resources) {
  /** @type {Problem[]} */
  const problems = [];
  const reached = new Set(entries);
  for (const path of reached) {
    const script = scripts.get(path);
    for (const { specifier, at } of script?.imports ?? []) {
      const { file } = /** @type {NonNullable<typeof script>} */ (script).resource;
      const refuse = (/** @type {string} */ rule, /** @type {string} */ message) =>
        void problems.push(problem('error', rule, file, message, at));
      const target = /^(\.{0,2}\/|[a-z][a-z+.-]*:)/i.test(specifier) ? resolveReference(specifier, path) : null;
      if (!target) {
        const next = `write its path, as "./${specifier}.js"`;
        refuse('bare-import', `import "${specifier}" names no file, and import maps are blocked: ${next}`);
      } else if ('url' in target) {
        refuse('external-script', `a script from elsewhere (${specifier}) is blocked: put a copy of it into the app`);
      } else if (!resources.has(target.path)) {
        refuse('missing-file', `import "${specifier}" is not in the app: add the file, or correct the name`);
      } else {
        reached.add(target.path);
      }
    }
  }
  return problems;
}
