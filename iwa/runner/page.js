/**
 * The page of the program runner: it runs programs by the API and passes messages between them and the launcher, which
 * calls `runner` and hears `tellLauncher` (a DevTools binding, whose messages are text: bytes go as base64).
 */
import { runProgram } from '../../api/run-program.js';

/** Bytes in one message: a long one holds up the others. */
const PART = 3 << 18;

/**
 * @typedef {{program: import('../../api/socket-iwa.d.ts').Program,
 *   input: ReadableStreamDefaultController<Uint8Array> | undefined, told: Promise<unknown>}} Running
 * @typedef {Pick<import('../../api/socket-iwa.d.ts').ProgramOptions, 'args' | 'env' | 'cwd' | 'mounts' | 'name'>
 *   & {url: string, stdin: boolean, verbose: boolean}} Order the launcher's
 */

/** @type {Map<number, Running>} */
const programs = new Map();

/** @param {Uint8Array} bytes @returns {Generator<{base64: string, from: number, last: boolean}>} at least one part */
function* parts(bytes) {
  for (let from = 0; from === 0 || from < bytes.length; from += PART) {
    const base64 = /** @type {any} */ (bytes.subarray(from, from + PART)).toBase64();
    yield { base64, from, last: from + PART >= bytes.length };
  }
}

/** @type {any} */ (globalThis).runner = {
  /**
   * @param {number} run names this run in all messages
   * @param {Order} order
   */
  start(run, { url, verbose, stdin, ...options }) {
    const tell = (/** @type {object} */ message) =>
      /** @type {any} */ (globalThis).tellLauncher(JSON.stringify({ run, ...message }));
    const write = (/** @type {string} */ stream) => (/** @type {Uint8Array} */ bytes) => {
      for (const part of parts(bytes)) tell({ stream, ...part });
    };
    /** @type {Running['input']} */
    let input;
    const source = new ReadableStream({
      start: (controller) => void (input = controller),
      pull: () => tell({ pull: true }),
    }, { highWaterMark: 0 });
    const program = runProgram(url, {
      ...options,
      stdin: stdin ? source : undefined,
      anySockets: true, // the launcher has warned
      onStdout: write('stdout'),
      onStderr: write('stderr'),
      onWarning: (warning) => tell({ warning }),
      onChange({ data, ...change }) {
        if (data) for (const part of parts(data)) tell({ change, ...part });
        else tell({ change });
      },
    });
    const told = program.exit.then((exit) => tell({ exit }), async ({ message, exitCode, trace }) => {
      const filesLost = await program.files.then(() => false, () => true);
      tell({ exit: exitCode, failed: verbose && trace ? trace : message, filesLost });
    }).finally(() => programs.delete(run));
    programs.set(run, { program, input, told });
  },
  /** @param {number} run @param {string | null} base64 bytes for the program's standard input, null at its end */
  input(run, base64) {
    const input = programs.get(run)?.input;
    if (base64 === null) input?.close();
    else input?.enqueue(/** @type {any} */ (Uint8Array).fromBase64(base64));
  },
  /** @param {number} run ends it, whatever it does, once it has handed over its files or has had the time for it */
  async kill(run) {
    const running = programs.get(run);
    await running?.program.kill();
    await running?.told;
  },
};
