// How a syscall fails: the library throws errnos as plain numbers, Emscripten's FS throws objects that carry one, and a
// syscall returns either negated.

/**
 * @template {any[]} A
 * @param {(...args: A) => number | Promise<number>} syscall
 * @returns {(...args: A) => number | Promise<number>}
 */
export function guarded(syscall) {
  return (...args) => {
    try {
      return syscall(...args);
    } catch (error) {
      if (typeof error === 'number') return -error;
      const { name, errno } = /** @type {{ name?: string, errno?: number }} */ (error);
      if (name === 'ErrnoError' && errno !== undefined) return -errno;
      throw error;
    }
  };
}
