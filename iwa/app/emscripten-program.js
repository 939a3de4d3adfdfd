/**
 * What any Emscripten program needs from the worker that runs it: arguments, files, standard streams, and news of its
 * end. It knows nothing of which program it is, nor of what is at the other end of `post`.
 */

/**
 * @typedef {{path: string, data: Uint8Array}} ProgramFile a file as the program shall see it, below "/" when relative
 * @typedef {{stream: 'stdout' | 'stderr', line: string} | {exit: number} | {failed: string}} ProgramMessage
 *   `exit` and `failed` are the last one; `failed` is for a person: what was thrown or aborted
 */

/**
 * Writes files into the program's in-memory file system.
 * @param {any} FS Emscripten's
 * @param {ProgramFile[]} files
 */
function writeFiles(FS, files) {
  for (const { path, data } of files) {
    const slash = path.lastIndexOf('/');
    if (slash > 0) FS.mkdirTree(path.slice(0, slash));
    FS.writeFile(path, data);
  }
}

/**
 * The options for Emscripten's `Module`.
 * @param {{
 *   args: string[], files?: ProgramFile[], stdin?: ReadableStream<Uint8Array>,
 *   fileSystem?: (module: any) => any, post: (message: ProgramMessage) => void,
 * }} options `fileSystem` finds FS where it is not exported on the Module
 */
export function moduleOptions({ args, files = [], stdin, fileSystem = (module) => module.FS, post }) {
  return {
    arguments: args,
    print: (/** @type {unknown} */ line) => post({ stream: 'stdout', line: String(line) }),
    printErr: (/** @type {unknown} */ line) => post({ stream: 'stderr', line: String(line) }),
    ...(stdin && { stdinStream: stdin }),
    // Without files FS is not touched: in a debug build the mere look at an unexported one aborts.
    preRun: files.length > 0 ? [(/** @type {any} */ module) => writeFiles(fileSystem(module), files)] : [],
    // Called only by programs linked with -sEXIT_RUNTIME.
    onExit: (/** @type {number} */ code) => post({ exit: code }),
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
 */
export function describeError(error) {
  if (!(error instanceof Error)) return String(error);
  return error.message.startsWith(error.name) ? error.message : `${error.name}: ${error.message}`;
}
