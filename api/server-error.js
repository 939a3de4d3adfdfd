/** Why a server did not start, or ended otherwise than by being stopped, as `startServer`'s promises tell it. */

/** @typedef {import('./socket-iwa-server.d.ts').ServerError} Declared */

/** @implements {Declared} */
export class ServerError extends Error {
  name = 'ServerError';

  /**
   * @param {string} message what was tried, what happened, what to do
   * @param {{code: string, exitCode?: number | null, cause?: unknown}} details
   */
  constructor(message, { code, exitCode = null, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** What to do about it, where the server does not say so itself. @type {Record<string, string>} */
const ADVICE = {
  EACCES: 'In an Isolated Web App, the user has to allow both prompts (App info, Settings: “Apps on device” and “Local ' +
    'network”), and the manifest needs "direct-sockets", "cross-origin-isolated", "local-network" and "loopback-network" ' +
    'in permissions_policy.',
  ERR_TRAP: 'Start it again; if it happens again, please report it with its log.',
  ERR_WORKER: 'Serve the api/ directory as it is, with socket-iwa-server.js and socket_iwa_server.wasm, and say with ' +
    '`module` where they are (cargo xtask build makes them).',
};

/**
 * What became of a program that ended by itself, as an error.
 * @param {string} tried
 * @param {string} said its last word
 * @param {{exitCode?: number, failed?: boolean}} end
 */
export function errorOfEnd(tried, said, { exitCode, failed = false }) {
  const errno = /\b(E[A-Z]{3,}\d?[A-Z]*):/.exec(said)?.[1];
  const code = failed
    ? /could not be loaded/.test(said) ? 'ERR_WORKER' : 'ERR_TRAP'
    : errno ?? (exitCode === 2 ? 'EINVAL' : 'ERR_SERVER');
  const what = said.replace(/^\s*(ERROR|error:?)\s+/, '') || `the server exited with code ${exitCode}`;
  const advice = ADVICE[code];
  return new ServerError(`${tried}: ${what}${advice ? `. ${advice}` : ''}`, { code, exitCode: exitCode ?? null });
}
