/**
 * Chrome's two permissions for a server on this device and its networks: what they are now, and the explanation that a
 * person acknowledges before Chrome asks.
 */
import { byId } from './dom.js';

/** Chromium 156 has one permission per prompt; earlier versions have the last alone, for both. */
const NAMES = ['loopback-network', 'local-network'];
const EARLIER = ['local-network-access'];

/**
 * @typedef {'granted' | 'prompt' | 'denied'} Permissions the worst of the two; `granted` where the browser knows none of
 *   them, and so asks for none
 */

/** @param {string[]} names @returns {Promise<PermissionStatus[]>} of those that this browser knows */
async function query(names) {
  const asked = names.map((name) =>
    navigator.permissions.query({ name: /** @type {PermissionName} */ (name) }).catch(() => null),
  );
  return (await Promise.all(asked)).filter((status) => status !== null);
}

/** @returns {Promise<PermissionStatus[]>} */
async function known() {
  const now = await query(NAMES);
  return now.length > 0 ? now : query(EARLIER);
}

/**
 * @param {(permissions: Permissions) => void} onChange called at once, and whenever one changes
 */
export async function watchPermissions(onChange) {
  for (const status of await known()) status.addEventListener('change', async () => onChange(await readPermissions()));
  onChange(await readPermissions());
}

/** @returns {Promise<Permissions>} */
export async function readPermissions() {
  const states = (await known()).map(({ state }) => state);
  if (states.includes('denied')) return 'denied';
  return states.includes('prompt') ? 'prompt' : 'granted';
}

/**
 * Explains the prompts in a dialog.
 * @returns {Promise<boolean>} whether the person wants to see them now
 */
export function explainPrompts() {
  const dialog = byId('prompts-dialog');
  const box = /** @type {HTMLDialogElement} */ (dialog);
  box.returnValue = '';
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener('close', () => resolve(box.returnValue === 'continue'), { once: true });
  });
}
