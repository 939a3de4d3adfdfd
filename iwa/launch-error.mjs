/**
 * The launchers' errors and time limits. An error here is one line that a person can act on; the command line prints it
 * without a stack and exits with its code.
 */

/** What went wrong outside the program: exit code 2 is the caller's or the machine's to mend, 1 a failure under way. */
export class LaunchError extends Error {
  /**
   * @param {string} message what was tried, on what, and what to do
   * @param {{exitCode?: number, cause?: unknown}} [options]
   */
  constructor(message, { exitCode = 1, cause } = {}) {
    super(message, { cause });
    this.name = 'LaunchError';
    this.exitCode = exitCode;
  }
}

/**
 * The result of `promise`, unless `seconds` pass first: DevTools commands can stay unanswered for ever (Debian's
 * Chromium 156 never answers PWA.install of a signed bundle), so no step of a launch waits without a limit.
 * @template T
 * @param {string} what the step as the error names it, e.g. "install the app from http://localhost:8080"
 * @param {number} seconds
 * @param {Promise<T>} promise
 * @param {Promise<never>[]} [interruptions] promises whose rejection ends the wait too (the browser died, a signal)
 * @returns {Promise<T>}
 */
export async function within(what, seconds, promise, interruptions = []) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new LaunchError(`${what}: no answer within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, limit, ...interruptions]);
  } catch (error) {
    // What is no Error is the reason of an abort: someone asked to stop.
    if (error instanceof LaunchError || !(error instanceof Error)) throw error;
    throw new LaunchError(`${what}: ${error.message}`, { cause: error });
  } finally {
    clearTimeout(timer);
    promise.catch(() => {}); // it may still fail after the race is decided
  }
}
