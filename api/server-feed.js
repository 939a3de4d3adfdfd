/** The latest of something, for any number of readers: one that is slow misses what came in between. */

/** @template T */
export class Feed {
  /** @type {T | undefined} */
  #latest;
  #version = 0;
  #ended = false;
  /** @type {(() => void)[]} */
  #waiters = [];

  /** @param {T} it */
  push(it) {
    this.#latest = it;
    this.#version++;
    this.#wake();
  }

  end() {
    this.#ended = true;
    this.#wake();
  }

  #wake() {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /**
   * What there is, if anything, and what comes, until the end.
   * @returns {AsyncGenerator<T, void, void>}
   */
  async *values() {
    let seen = 0;
    for (;;) {
      if (this.#version > seen) {
        seen = this.#version;
        yield /** @type {T} */ (this.#latest);
      } else if (this.#ended) {
        return;
      } else {
        await new Promise((resolve) => void this.#waiters.push(() => resolve(undefined)));
      }
    }
  }
}
