/** The line of a server's log that says why it ended: the last one, or the last that is an error, if there was any. */
export class LastWord {
  line = '';
  #isError = false;

  /** @param {string} line of standard error */
  hear(line) {
    const isError = /^\s*error\b/i.test(line);
    if (!line.trim() || (this.#isError && !isError)) return;
    this.line = line.trim();
    this.#isError = isError;
  }
}
