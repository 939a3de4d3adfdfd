/**
 * Where every thread of a program starts: its first one in worker.js, the others (-pthread) in the program itself, as
 * Emscripten wants it. Emscripten starts them from the URL of the worker it runs in, which is this script's; the program
 * is in its fragment.
 */

// An IWA's policy lets no string become a script. Programs load their own parts by string (importScripts, and `new
// Worker` with -pthread), so this worker's default policy lets scripts of the app's own origin through.
/** @type {any} */ (globalThis).trustedTypes?.createPolicy('default', {
  createScriptURL: (/** @type {string} */ url) => (new URL(url, location.href).origin === location.origin ? url : null),
});

/** @type {any} */ (globalThis).importScripts(
  self.name.startsWith('em-pthread') ? location.hash.slice(1) : new URL('worker.js', location.href).href,
);
