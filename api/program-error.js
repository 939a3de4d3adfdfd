/** Why a program did not end by itself, as runProgram's promises tell it. */

/** The signals of a shell's exit codes, 128 and the number. */
const SIGNALS = new Map([[132, 'SIGILL'], [134, 'SIGABRT'], [136, 'SIGFPE'], [137, 'SIGKILL'], [139, 'SIGSEGV']]);

/** @typedef {import('./socket-iwa.d.ts').ProgramError} Declared */

/** @implements {Declared} */
export class ProgramError extends Error {
  /**
   * @param {string} message what was tried, on what, what happened, what to do
   * @param {{code?: string, exitCode?: number, trace?: string, cause?: unknown}} [details]
   */
  constructor(message, { exitCode = 1, code = SIGNALS.get(exitCode) ?? 'ERR_PROGRAM', trace, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = /** @type {const} */ ('ProgramError');
    this.code = code;
    this.exitCode = exitCode;
    this.trace = trace;
  }
}
