/**
 * File names and URLs of an app. The scheme isolated-app: is a standard one to Chrome, so its URLs are parsed as those
 * of https: are, which the URL class of Node can.
 */

/** Stands for the app's origin, which its references are resolved against. */
const APP = 'https://app.invalid';

/**
 * The path of a file's URL, as the URL parser writes it when a page asks for that file.
 * @param {string} name with "/" between directories, e.g. "icons/a b.png"
 * @returns {string | null} "/icons/a%20b.png"; null where no URL means that file
 */
export function pathOfFile(name) {
  // A control character or a backslash in a URL is dropped or becomes "/".
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f\\]/.test(name)) return null;
  return new URL(`${APP}/${name.replace(/[%?#]/g, encodeURIComponent)}`).pathname;
}

/**
 * What a reference in the app means.
 * @param {string} reference e.g. "../style.css?v=2"
 * @param {string} base the path of the file it stands in
 * @returns {{path: string} | {url: string, protocol: string} | null} a path of the app, a URL outside it, or nothing
 *   that a URL parser understands
 */
export function resolveReference(reference, base) {
  if (!URL.canParse(reference, APP + base)) return null;
  const url = new URL(reference, APP + base);
  return url.origin === APP ? { path: url.pathname } : { url: url.href, protocol: url.protocol };
}

/** A file's name of its path. @param {string} path @throws {URIError} */
export const nameOfPath = (path) => decodeURIComponent(path).replace(/^\//, '');
