/**
 * From a server's last word to what a person can do about it. Pure functions; the words are those of the server, the
 * socket library and Chromium 156.
 */

/**
 * @typedef {{title: string, advice: string}} Explanation `title` says what happened, `advice` the next step
 */

const BROWSERS = 'Chrome or Chromium 150 or newer';

/** The first pattern that matches the reason explains it. @type {[RegExp, (listen: string) => Explanation][]} */
const KNOWN = [
  [
    /EADDRINUSE|address (already )?in use/i,
    (listen) => ({
      title: `The address ${listen} is already in use`,
      advice:
        'Another program or another window of this app has this port. Choose another port, or 0 for any free one.',
    }),
  ],
  [
    // The form has refused the ports that are EACCES for their number.
    /EACCES|EPERM|permission denied|access to local network is blocked/i,
    () => ({
      title: 'Chrome does not let this app use the network',
      advice:
        'One of Chrome’s two prompts was blocked or closed. In the app’s menu (⋮) open App info, then Settings, ' +
        'allow “Apps on device” and “Local network”, and start again.',
    }),
  ],
  [
    /EADDRNOTAVAIL|address not available|cannot assign requested address|address is not valid/i,
    (listen) => ({
      title: `This device does not have the address ${listen}`,
      advice:
        'Use 127.0.0.1 for this device only, 0.0.0.0 or :: for every network, or one of the device’s own addresses.',
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
    /could not be loaded|failed to fetch|importing a module script failed|worker could not be/i,
    () => ({
      title: 'The server program could not be loaded',
      advice: 'The installation is incomplete. Install the app again; from source, build it first (cargo xtask build).',
    }),
  ],
  [
    /RuntimeError|out of memory|unreachable|aborted|table index|signature mismatch|SuspendError/i,
    () => ({
      title: 'The server stopped because of an error of its own',
      advice: 'Start it again. If it happens again, please report it with the log below.',
    }),
  ],
];

/**
 * @param {import('./server-control.js').Failure} failure
 * @param {string} listen the address it was started with
 * @returns {Explanation}
 */
export function explainFailure({ exitCode, reason }, listen) {
  const known = KNOWN.find(([pattern]) => pattern.test(reason));
  if (known) return known[1](listen);
  return {
    title: exitCode === null ? 'The server stopped unexpectedly' : `The server ended with code ${exitCode}`,
    advice: 'The log below has its last words. It can be started again.',
  };
}

/**
 * What of the browser the server can't run without, as a sentence, or "" when all is there.
 * @param {typeof globalThis} scope the page's global object
 */
export function missingSupport(scope) {
  if (!('UDPSocket' in scope)) {
    return `This page has no Direct Sockets: it runs only as an installed Isolated Web App, in ${BROWSERS}.`;
  }
  if (!('Suspending' in WebAssembly)) {
    return `This browser has no WebAssembly JavaScript Promise Integration (JSPI): ${BROWSERS} is needed.`;
  }
  return '';
}
