/**
 * Versions of an Isolated Web App: one to four numbers of 32 bits without leading zeros, as Chrome reads them in the
 * manifest, in an update manifest and in a policy (components/webapps/isolated_web_apps/types/iwa_version.cc).
 */

/** @param {unknown} version @returns {string | null} what is wrong with it */
export function versionFault(version) {
  const form = 'one to four numbers with dots between them, without leading zeros, as 1.2.3';
  if (typeof version !== 'string') return `it is ${form}, in quotes`;
  const parts = version.split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0|[1-9]\d*)$/.test(part))) return `"${version}" is not ${form}`;
  return parts.some((part) => Number(part) > 0xffff_ffff) ? `"${version}" has a number above 4294967295` : null;
}

/** As Chrome compares them: 1.2 and 1.2.0 are the same. @param {string} a @param {string} b @returns {number} */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < 4; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
