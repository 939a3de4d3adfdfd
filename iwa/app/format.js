/** Numbers and hashes as people read them. Pure functions. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/**
 * @param {number} bytes
 * @returns {string} e.g. "16.8 MB": three significant digits, powers of 1000
 */
export function formatBytes(bytes) {
  let unit = 0;
  let value = bytes;
  // 999.5 would round to 1000 of its unit.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

const COUNT = new Intl.NumberFormat('en');

/** @param {number} count @returns {string} e.g. "1,234" */
export function formatCount(count) {
  return COUNT.format(count);
}

/**
 * @param {number} now @param {number} before two values of one counter @param {number} seconds between them
 * @returns {number} per second, never negative: a new run begins at 0
 */
export function rate(now, before, seconds) {
  return seconds > 0 ? Math.max(0, now - before) / seconds : 0;
}

/** @param {string} hex @returns {string} in groups of four, which people can compare */
export function groupHex(hex) {
  return hex.replace(/(.{4})(?=.)/g, '$1 ');
}
