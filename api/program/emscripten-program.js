/**
 * What any Emscripten program needs from the worker that runs it: arguments, files, standard streams, and news of its
 * end. It knows nothing of which program it is, nor of what is at the other end of `post`.
 */

/**
 * @typedef {{path: string, data: Uint8Array}} ProgramFile a file as the program shall see it, below "/" when
 *   relative; one whose path ends with "/" is a directory, and has no data
 * @typedef {{stream: 'stdout' | 'stderr', line: string} | {exit: number}
 *   | {failed: string, code: number, stack?: string, reason?: string}} ProgramMessage
 *   `exit` and `failed` are the last one; `failed` is for a person: what was thrown or aborted; `code` is a shell's;
 *   `reason` is the `code` of the error, if it has one
 */

/**
 * Milliseconds that what the program has sent gets for leaving: the worker, and its sockets, end with the program. A TCP
 * peer may be slow to read, or never read again.
 */
const DRAIN_LIMIT = 10_000;

/** Tells of a program's output and, once, of its end. */
export class ProgramReporter {
  /**
   * For Emscripten's Module; the socket library adds what it has.
   * @type {{allowed?: boolean, drained?: () => Promise<void>, FS?: any, ENV?: Record<string, string>}}
   */
  directSockets = {};
  /** Whether the end is known. */
  over = false;
  #post;
  #beforeEnd;

  /**
   * @param {(message: ProgramMessage) => void} post
   * @param {() => void} [beforeEnd] called once, before the last message
   */
  constructor(post, beforeEnd = () => {}) {
    this.#post = post;
    this.#beforeEnd = beforeEnd;
  }

  /** @param {'stdout' | 'stderr'} stream @param {unknown} line */
  print(stream, line) {
    this.#post({ stream, line: String(line) });
  }

  /** The program exited. @param {number} code */
  async exit(code) {
    if (this.over) return;
    this.over = true;
    const limit = new Promise((resolve) => setTimeout(resolve, DRAIN_LIMIT));
    await Promise.race([this.directSockets.drained?.(), limit]);
    this.#beforeEnd();
    this.#post({ exit: code });
  }

  /** The program trapped, aborted or could not be loaded. @param {unknown} error */
  fail(error) {
    if (this.over) return; // one trap can reject several promises
    this.over = true;
    this.#beforeEnd();
    const stack = error instanceof Error ? error.stack : undefined;
    const { code: reason } = /** @type {{code?: unknown}} */ (error ?? {});
    this.#post({
      failed: describeError(error), code: exitCodeOf(error), stack, ...(typeof reason === 'string' && { reason }),
    });
  }
}

/**
 * Writes files into the program's in-memory file system.
 * @param {any} FS Emscripten's
 * @param {ProgramFile[]} files
 */
function writeFiles(FS, files) {
  for (const { path, data } of files) {
    const slash = path.lastIndexOf('/');
    if (slash > 0) FS.mkdirTree(path.slice(0, slash));
    if (!path.endsWith('/')) FS.writeFile(path, data);
  }
}

/**
 * Makes the directories in which the program will write files that outlive it.
 * @param {any} FS Emscripten's
 * @param {string[]} paths of those files, or of directories of them
 */
export function prepareKept(FS, paths) {
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    if (slash > 0) FS.mkdirTree(path.slice(0, slash));
  }
}

/**
 * What the program has written for its user.
 * @param {any} FS Emscripten's
 * @param {string[]} paths of files, and of directories of files
 * @returns {ProgramFile[]} those that are there
 */
export function readKept(FS, paths) {
  const there = paths.filter((path) => FS.analyzePath(path).exists);
  const files = there.flatMap((path) => {
    if (!FS.isDir(FS.stat(path).mode)) return [path];
    return FS.readdir(path).map((/** @type {string} */ name) => `${path}/${name}`);
  });
  return files.filter((path) => FS.isFile(FS.stat(path).mode)).map((path) => ({ path, data: FS.readFile(path) }));
}

/**
 * The options for Emscripten's `Module`.
 * @param {ProgramReporter} reporter
 * @param {{args: string[], files?: ProgramFile[], stdin?: ReadableStream<Uint8Array>}} options `files` need a program
 *   linked with -sEXPORTED_RUNTIME_METHODS=FS
 */
export function moduleOptions(reporter, { args, files = [], stdin }) {
  return {
    arguments: args,
    print: (/** @type {unknown} */ line) => reporter.print('stdout', line),
    printErr: (/** @type {unknown} */ line) => reporter.print('stderr', line),
    directSockets: reporter.directSockets,
    ...(stdin && { stdinStream: stdin }),
    // Without files FS is not touched: in a debug build the mere look at an unexported one aborts.
    preRun: files.length > 0 ? [(/** @type {any} */ module) => writeFiles(module.FS, files)] : [],
    // Called only by programs linked with -sEXIT_RUNTIME.
    onExit: (/** @type {number} */ code) => void reporter.exit(code),
  };
}

/**
 * A byte stream fed by messages: `push` for bytes, `end` for end of file.
 * @returns {{stream: ReadableStream<Uint8Array>, push(bytes: Uint8Array): void, end(): void}}
 */
export function inputStream() {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let controller;
  let ended = false;
  const stream = new ReadableStream({ start: (c) => void (controller = c), cancel: () => void (ended = true) });
  return {
    stream,
    push: (bytes) => void (ended || controller.enqueue(bytes)),
    end: () => {
      if (!ended) controller.close();
      ended = true;
    },
  };
}

/**
 * An error as one line for a person.
 * @param {unknown} error
 * @returns {string}
 */
export function describeError(error) {
  if (!(error instanceof Error)) return String(error);
  return error.message.startsWith(error.name) ? error.message : `${error.name}: ${error.message}`;
}

/**
 * What V8 says of a trap or an abort, and the signal that ends a native program at such a place.
 * @type {[RegExp, number][]}
 */
const SIGNALS = [
  [/^Aborted/, 6], // SIGABRT
  [/divide by zero|integer overflow|remainder by zero/, 8], // SIGFPE
  [/^unreachable/, 4], // SIGILL
  [/out of bounds|null function|signature mismatch|call stack size/, 11], // SIGSEGV
];

/**
 * The exit code of a program that ended by an error, as a shell gives it: 128 and the signal, 1 for any other error.
 * @param {unknown} error
 */
function exitCodeOf(error) {
  const message = error instanceof Error ? error.message : String(error);
  const signal = SIGNALS.find(([pattern]) => pattern.test(message.replace(/^RuntimeError: /, '')));
  return signal ? 128 + signal[1] : 1;
}
