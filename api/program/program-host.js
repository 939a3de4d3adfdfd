/**
 * One run of an Emscripten program as a process: arguments, environment, mounted files, standard streams as bytes, and
 * its end. It serves the worker in the browser and the process on Node alike, and knows neither.
 */
import { ProgramReporter, describeError, moduleOptions } from './emscripten-program.js';
import { ProgramFiles } from './program-files.js';
import { programError } from './program-text.js';

/**
 * @typedef {object} Start
 * @property {string} name argv[0]
 * @property {string[]} args
 * @property {Record<string, string>} env
 * @property {import('./program-files.js').MountedDirectory[]} mounts
 * @property {string} directory where the program starts
 * @property {boolean} [allowed] false: the app's policy has no Direct Sockets
 * @property {ReadableStream<Uint8Array>} [stdin] without it, Emscripten's own
 *
 * @typedef {object} Host
 * @property {(stream: 'stdout' | 'stderr', bytes: Uint8Array) => void} write
 * @property {(change: import('./program-files.js').Change) => void} save
 * @property {(end: import('./protocol.js').End) => void} end once, last
 * @property {(text: string) => void} warn
 */

const encoder = new TextEncoder();

export class ProgramRun {
  #host;
  #start;
  /** @type {ProgramFiles | undefined} */
  #files;
  #saved = false;
  #reporter;
  /** For Emscripten's Module. @type {any} */
  options;

  /** @param {Start} start @param {Host} host */
  constructor(start, host) {
    this.#host = host;
    this.#start = start;
    this.#reporter = new ProgramReporter((message) => this.#hear(message), () => this.save());
    const { args, stdin, allowed } = start;
    this.#reporter.directSockets.allowed = allowed;
    this.options = {
      ...moduleOptions(this.#reporter, { args, stdin }),
      thisProgram: start.name,
      preRun: [(/** @type {any} */ module) => this.#prepare(module)],
    };
  }

  get over() {
    return this.#reporter.over;
  }

  /** The program exited. @param {number} code */
  exit(code) {
    return this.#reporter.exit(code);
  }

  /** It trapped, aborted, or could not be loaded. @param {unknown} error */
  fail(error) {
    // What Emscripten throws to leave the stack is no failure.
    const name = /** @type {any} */ (error)?.name;
    if (error === 'unwind' || name === 'ExitStatus') return;
    this.#reporter.fail(error);
  }

  /** Hands over what the program changed in its mounts; the second time nothing. */
  save() {
    if (!this.#files || this.#saved) return;
    this.#saved = true;
    try {
      for (const change of this.#files.changes()) this.#host.save(change);
    } catch (error) {
      this.#host.warn(`reading the program's files: ${describeError(error)}`);
    }
  }

  /** @param {import('./emscripten-program.js').ProgramMessage} message */
  #hear(message) {
    if ('line' in message) this.#host.write(message.stream, encoder.encode(`${message.line}\n`));
    else this.#host.end(message);
  }

  /** Before the program's constructors run. @param {any} module */
  #prepare(module) {
    const { env, mounts, directory } = this.#start;
    const FS = hookOf(this.#reporter.directSockets, module, 'FS');
    const ENV = hookOf(this.#reporter.directSockets, module, 'ENV');
    if (Object.keys(env).length > 0 && !ENV) throw programError('ERR_NOT_LINKED', noHook('ENV'));
    Object.assign(ENV ?? {}, env);
    if (!FS) {
      if (mounts.length > 0) throw programError('ERR_NOT_LINKED', noHook('FS'));
      return; // its output comes in lines
    }
    if (!FS.initialized) FS.init();
    this.#redirect(FS.streams[1], 'stdout');
    this.#redirect(FS.streams[2], 'stderr');
    this.#files = new ProgramFiles(FS, mounts);
    if (directory !== '/') FS.chdir(directory);
  }

  /**
   * Bytes as they are written, an unfinished line too. It stays a terminal to the program: libc then writes each line
   * when it ends, where it would keep kilobytes for a file or a pipe.
   * @param {any} descriptor @param {'stdout' | 'stderr'} stream
   */
  #redirect(descriptor, stream) {
    /** @param {any} _stream @param {Int8Array} buffer @param {number} offset @param {number} length */
    const write = (_stream, buffer, offset, length) => {
      // A copy: the memory is the program's, and shared when it has threads.
      if (length > 0) this.#host.write(stream, new Uint8Array(buffer.slice(offset, offset + length).buffer));
      return length;
    };
    descriptor.stream_ops = { ...descriptor.stream_ops, write };
  }
}

/**
 * What the library hands over, or the program exports.
 * @param {any} directSockets @param {any} module @param {'FS' | 'ENV'} name
 */
function hookOf(directSockets, module, name) {
  // In a debug build an unexported one is a getter that aborts.
  return directSockets[name] ?? Object.getOwnPropertyDescriptor(module ?? {}, name)?.value;
}

const noHook = (/** @type {string} */ name) =>
  `the program has no ${name === 'FS' ? 'file system' : 'environment'} that can be reached: link it with ` +
  `libdirectsockets.js, or with -sEXPORTED_RUNTIME_METHODS=${name}`;
