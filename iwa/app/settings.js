/**
 * What the page remembers between its loads: plain values in localStorage. A storage that is refused, full or holds
 * something else costs the memory, never the page.
 */

const KEY = 'socket-iwa';

/**
 * @typedef {object} Settings
 * @property {'device' | 'network' | 'other'} reach who shall reach the server
 * @property {string} address for `other`
 * @property {string} port
 * @property {'error' | 'warn' | 'info' | 'debug' | 'trace'} serverLog what the server logs
 * @property {string} page the web page that the QR code opens, or ""
 * @property {string} logLevel the least severe level that the log shows
 */

/** @type {Settings} */
export const DEFAULTS = { reach: 'device', address: '', port: '4433', serverLog: 'info', page: '', logLevel: 'trace' };

/** @type {Partial<Record<keyof Settings, string[]>>} */
const CHOICES = {
  reach: ['device', 'network', 'other'],
  serverLog: ['error', 'warn', 'info', 'debug', 'trace'],
  logLevel: ['error', 'warn', 'info', 'debug', 'trace'],
};

/**
 * The stored settings, each one that can't be used replaced by its default.
 * @param {string | null} stored
 * @returns {Settings}
 */
export function parseSettings(stored) {
  let found;
  try {
    found = JSON.parse(stored ?? '{}');
  } catch {
    found = {};
  }
  const settings = /** @type {Record<string, string>} */ ({ ...DEFAULTS });
  for (const name of /** @type {(keyof Settings)[]} */ (Object.keys(DEFAULTS))) {
    const value = found?.[name];
    if (typeof value !== 'string' || value.length > 2000) continue;
    if (CHOICES[name]?.includes(value) ?? true) settings[name] = value;
  }
  return /** @type {Settings} */ (/** @type {unknown} */ (settings));
}

/** @param {() => Pick<Storage, 'getItem'>} storage throws where it is refused @returns {Settings} */
export function loadSettings(storage) {
  try {
    return parseSettings(storage().getItem(KEY));
  } catch {
    return { ...DEFAULTS };
  }
}

/** @param {() => Pick<Storage, 'setItem'>} storage as above @param {Settings} settings */
export function saveSettings(storage, settings) {
  try {
    storage().setItem(KEY, JSON.stringify(settings));
  } catch {
    // Refused or full: the next load starts with the defaults.
  }
}
