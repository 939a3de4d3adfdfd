/** The address of a worker where Trusted Types are required, as in every Isolated Web App: from the one policy of this library. */

/** An app whose own policy names its Trusted Types policies has to name this one. @type {any} */
let scripts;

/** @param {string} url of this library's own files @returns {any} what `new Worker` takes */
export function trusted(url) {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  scripts ??= trustedTypes?.createPolicy('socket-iwa', { createScriptURL: (/** @type {string} */ text) => text });
  return scripts ? scripts.createScriptURL(url) : url;
}
