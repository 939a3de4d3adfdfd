/**
 * From a server's last word to what a person can do about it. Pure functions; the words are those of the server, the
 * socket library, Emscripten and Chromium 156.
 */

/**
 * @typedef {'free-port' | 'start' | 'reload'} Action what a button beside the advice does for the person
 * @typedef {{title: string, advice: string, action?: Action}} Explanation `title` says what happened, `advice` the next
 *   step
 * @typedef {Error & {explanation: Explanation}} Explained
 * @typedef {{listen: string, permissions?: import('./permissions.js').Permissions}} Circumstances `listen` is the address
 *   that it was started with
 */

const BROWSERS = 'Chrome or Chromium 150 or newer';

/** Where a person changes what was answered to a prompt (Chromium 156). */
export const ALLOW =
  'In this window’s menu (⋮) choose “App info”, then “Settings”, and set “Apps on device” and “Local network” to Allow.';

/** The first pattern that matches the reason explains it. @type {[RegExp, (now: Circumstances) => Explanation][]} */
const KNOWN = [
  [
    /EADDRINUSE|address (already )?in use/i,
    ({ listen }) => ({
      title: `The address ${listen} is already in use`,
      advice:
        'Another program, or another window of this app, has this port: its server is running already. Stop that one, ' +
        'or choose another port, or 0 for any free one.',
      action: 'free-port',
    }),
  ],
  [
    // The form has refused the ports that are EACCES for their number.
    /EACCES|EPERM|permission denied|access to local network is blocked/i,
    ({ permissions }) =>
      permissions === 'prompt'
        ? {
            title: 'Chrome does not let this app use the network yet',
            advice: 'A prompt was closed without an answer. Start again, and choose Allow each time Chrome asks.',
            action: 'start',
          }
        : {
            title: 'Chrome does not let this app use the network',
            advice: `One of Chrome’s two prompts was blocked, or an administrator forbids it. ${ALLOW} Then start again.`,
            action: 'start',
          },
  ],
  [
    /EADDRNOTAVAIL|address not available|cannot assign requested address|address is not valid/i,
    ({ listen }) => ({
      title: `This device does not have the address ${listen}`,
      advice:
        'Choose “This device” or “My network”, or type one of the addresses that the device has now. It may have had ' +
        'another one on another network.',
    }),
  ],
  [
    /\b(PEM|certificate|private key)\b/i,
    () => ({
      title: 'The certificate could not be used',
      advice: 'Check that the certificate and key files are PEM and belong together, then start again.',
    }),
  ],
  [
    /out of memory|could not allocate|memory allocation|array buffer allocation|\bOOM\b/i,
    () => ({
      title: 'The server ran out of memory',
      advice: 'Serve a smaller folder, close other apps, and start again.',
      action: 'start',
    }),
  ],
  [
    /could not be loaded|failed to fetch|importing a module script failed|worker could not be|fetching of the wasm|wasm streaming compile|CompileError|LinkError|\.wasm\b/i,
    () => ({
      title: 'The server program could not be loaded',
      advice:
        'A file is missing from this installation, or damaged. Install the app again; from source, build it first ' +
        '(cargo xtask build).',
      action: 'reload',
    }),
  ],
  [
    /RuntimeError|unreachable|aborted|table index|signature mismatch|SuspendError|call stack/i,
    () => ({
      title: 'The server stopped because of an error of its own',
      advice: 'Start it again. If it happens again, please report it with the log: Export saves it as a file.',
      action: 'start',
    }),
  ],
];

/**
 * @param {import('./server-control.js').Failure} failure
 * @param {Circumstances} circumstances
 * @returns {Explanation}
 */
export function explainFailure({ exitCode, reason }, circumstances) {
  const known = KNOWN.find(([pattern]) => pattern.test(reason));
  if (known) return known[1](circumstances);
  return {
    title: exitCode === null ? 'The server stopped unexpectedly' : `The server ended with code ${exitCode}`,
    advice: 'The log below has its last words. It can be started again.',
    action: 'start',
  };
}

/**
 * Why a folder can't be served.
 * @param {string} name the folder's
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explainFolder(name, error) {
  const { name: kind, message } = /** @type {Error} */ (error);
  if (kind === 'FolderTooLarge') return { title: 'The folder is too large', advice: message };
  if (kind === 'NotFoundError') {
    return { title: `“${name}” is not there any more`, advice: 'It was moved, renamed or removed: choose it again.' };
  }
  if (kind === 'NotAllowedError' || kind === 'SecurityError') {
    return {
      title: `Chrome does not let this app read “${name}”`,
      advice: 'Start again and answer “View files”, choose the folder anew, or remove it to start without.',
    };
  }
  return {
    title: `“${name}” could not be read`,
    advice: `A file in it may have changed meanwhile, or is no longer there (${message}). Choose the folder again.`,
  };
}

/**
 * What of the browser the server can't run without, or null when all is there.
 * @param {typeof globalThis} scope the page's global object
 * @returns {Explanation | null}
 */
export function missingSupport(scope) {
  const isApp = scope.location?.protocol === 'isolated-app:';
  if (!('UDPSocket' in scope)) {
    return isApp
      ? {
          title: 'This app may not open sockets',
          advice:
            `Direct Sockets is switched off: the browser is older than ${BROWSERS}, or an administrator’s policy forbids ` +
            'it. Update the browser, or ask who administers this device.',
        }
      : {
          title: 'This is an ordinary web page',
          advice:
            'A web page has no Direct Sockets, so no server can run here. Install the app as an Isolated Web App in ' +
            `${BROWSERS}, and open it from the list of apps; “Help” says how.`,
        };
  }
  if (!('Suspending' in WebAssembly)) {
    return {
      title: 'This browser is too old',
      advice: `It has no WebAssembly JavaScript Promise Integration (JSPI). Update it: ${BROWSERS} is needed.`,
    };
  }
  return null;
}
