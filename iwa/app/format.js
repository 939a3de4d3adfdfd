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

/** @param {number | null} milliseconds @returns {string} e.g. "0.42 ms", "12 ms", "1.5 s"; a dash for none */
export function formatMilliseconds(milliseconds) {
  if (milliseconds === null) return '–';
  if (milliseconds >= 999.5) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds.toFixed(milliseconds < 0.995 ? 2 : milliseconds < 9.95 ? 1 : 0)} ms`;
}

/** @param {number} milliseconds @returns {string} e.g. "12 s", "3 min", "2 h 5 min" */
export function formatAge(milliseconds) {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return `${Math.floor(milliseconds / 1000)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
