/**
 * One program that runs, as its owner sees it: output, standard input, the exit promise, its files, ending it. Where it runs
 * (a worker, a process) is the engine's; what goes between them is protocol.js's.
 */
import { ProgramError } from '../program-error.js';
import { bytesOf, mountsOf, resolvePath } from './given-files.js';

/** @typedef {import('../socket-iwa.d.ts').ProgramOptions} ProgramOptions */
/** @typedef {import('../socket-iwa.d.ts').Program} Program */
/** @typedef {import('./protocol.js').News} News */

/**
 * @typedef {object} Engine
 * @property {(order: import('./protocol.js').Order) => void} send
 * @property {() => void | Promise<void>} terminate ends it, whatever it does
 */

/** Milliseconds that a program which is ended gets for handing over its files; one that computes never does. */
const SAVE_LIMIT = 5000;

/** Where a program that is given files starts, unless its owner says. */
const DIRECTORY = '/files';

/** @implements {Program} */
export class RunningProgram {
  #options;
  #name;
  /** @type {Engine | undefined} */
  #engine;
  /** @type {AsyncIterator<unknown> | Iterator<unknown> | undefined} */
  #input;
  /** Paths the program sees, in their order; null: removed. @type {Map<string, Uint8Array | null>} */
  #changed = new Map();
  /** @type {import('./protocol.js').Mount[]} */
  #mounts = [];
  #over = false;
  /** @type {Promise<void> | undefined} */
  #ending;
  #exit = withResolvers();
  #files = withResolvers();
  #saved = withResolvers();

  /**
   * @param {string} name for messages
   * @param {ProgramOptions} options
   * @param {(start: import('./protocol.js').StartOrder, hear: (news: News) => void) => Engine | Promise<Engine>} launch
   *   starts the worker or process; the order is sent by launch itself
   * @param {Pick<import('./protocol.js').StartOrder, 'url' | 'allowed'>} where
   */
  constructor(name, options, launch, where) {
    this.#name = options.name ?? name;
    this.#options = options;
    for (const promise of [this.exit, this.files]) promise.catch(() => {}); // whoever wants it awaits it
    void this.#begin(launch, where);
  }

  /** @type {Promise<number>} */
  get exit() {
    return this.#exit.promise;
  }

  /** @type {Promise<Map<string, Uint8Array | null>>} */
  get files() {
    return this.#files.promise;
  }

  /** @param {ConstructorParameters<typeof RunningProgram>[2]} launch @param {ConstructorParameters<typeof RunningProgram>[3]} where */
  async #begin(launch, where) {
    const { args = [], env = {}, files, mounts = [], stdin, signal, name, anySockets = false } = this.#options;
    try {
      signal?.throwIfAborted();
      const directory = resolvePath(this.#options.cwd ?? (files ? DIRECTORY : '/'), '/');
      this.#mounts = files ? [...mounts, ...await mountsOf(files, directory)] : mounts;
      if (files && directory !== '/' && !this.#mounts.some(({ at }) => `${directory}/`.startsWith(`${at}/`))) {
        this.#mounts.push({ at: directory, readOnly: false, entries: [] });
      }
      this.#input = stdin === undefined ? undefined : inputOf(stdin);
      signal?.throwIfAborted();
      signal?.addEventListener('abort', () => void this.#end(signal.reason), { once: true });
      const engine = await launch({
        ...where,
        name: name ?? String(where.url.split(/[?#]/)[0].split('/').pop()),
        args: args.map(String),
        env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, String(value)])),
        mounts: this.#mounts,
        directory,
        stdin: stdin !== undefined,
        anySockets,
      }, (news) => this.#hear(news));
      if (this.#over) void engine.terminate();
      this.#engine = engine;
    } catch (error) {
      this.#settle({ error });
    }
  }

  /** @param {News} news */
  #hear(news) {
    if (this.#over) return;
    if ('bytes' in news) this.#write(news.stream, news.bytes);
    else if ('pull' in news) void this.#feed();
    else if ('change' in news) this.#change(news.change);
    else if ('saved' in news) this.#saved.resolve();
    else if ('warning' in news) this.#warn(news.warning);
    else if ('exit' in news) this.#settle({ code: news.exit });
    else {
      const { failed, code, stack, reason } = news;
      this.#settle({
        error: new ProgramError(`run ${this.#name}: ${failed}`, { exitCode: code, trace: stack, code: reason }),
      });
    }
  }

  /** @param {'stdout' | 'stderr'} stream @param {Uint8Array} bytes */
  #write(stream, bytes) {
    const { onStdout, onStderr } = this.#options;
    const listener = stream === 'stdout' ? onStdout : onStderr;
    if (typeof listener !== 'function') return;
    try {
      listener(bytes);
    } catch (error) {
      queueMicrotask(() => {
        throw error; // its owner's, and no reason to stop
      });
    }
  }

  /** @param {string} text */
  #warn(text) {
    const { onWarning } = this.#options;
    if (onWarning) onWarning(text);
    else console.warn(`${this.#name}: ${text}`);
  }

  /** @param {import('./program-files.js').Change} change */
  #change(change) {
    const { onChange, mounts = [] } = this.#options;
    if (change.mount < mounts.length) return void onChange?.(change);
    const path = `${this.#mounts[change.mount].at}/${change.path}`;
    if (change.type === 'removed') this.#changed.set(path, null);
    if (change.type === 'file') this.#changed.set(path, /** @type {Uint8Array} */ (change.data));
  }

  /** The next chunk of standard input, which the program has asked for. */
  async #feed() {
    /** @type {Uint8Array | null} */
    let bytes = null;
    try {
      const next = await this.#input?.next();
      if (next && !next.done) bytes = await bytesOf(next.value, 'stdin');
    } catch (error) {
      this.#warn(`standard input: ${/** @type {Error} */ (error).message ?? error}`); // and so it ends
    }
    if (!this.#over) this.#engine?.send({ stdin: bytes });
  }

  kill() {
    return this.#end(new ProgramError(`run ${this.#name}: it was ended by kill()`, { exitCode: 137 }));
  }

  [Symbol.asyncDispose]() {
    return this.kill();
  }

  /** @param {unknown} error what `exit` rejects with */
  #end(error) {
    this.#ending ??= (async () => {
      if (this.#over) return;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let timer;
      let lost = false;
      if (this.#mounts.some(({ readOnly }) => !readOnly) && this.#engine) {
        this.#engine.send({ save: true });
        const late = new Promise((resolve) => {
          timer = setTimeout(resolve, SAVE_LIMIT);
        }).then(() => {
          lost = true;
        });
        await Promise.race([this.#saved.promise, late, this.exit.catch(() => {})]);
        clearTimeout(timer);
      }
      await this.#settle({ error, filesLost: lost });
    })();
    return this.#ending;
  }

  /** @param {{code: number} | {error: unknown, filesLost?: boolean}} end */
  #settle(end) {
    if (this.#over) return undefined;
    this.#over = true;
    // The last messages of who runs it are in; a process leaves by itself, and its output is complete then.
    const gone = Promise.resolve(this.#engine?.terminate());
    void Promise.resolve(this.#input?.return?.()).catch(() => {});
    return gone.then(() => {
      if ('filesLost' in end && end.filesLost) {
        this.#files.reject(new ProgramError(`run ${this.#name}: the program computes and does not answer: what it ` +
          'changed in its files is lost', { exitCode: 137, code: 'ERR_FILES_LOST' }));
      } else this.#files.resolve(this.#changed);
      if ('code' in end) this.#exit.resolve(end.code);
      else this.#exit.reject(end.error);
    });
  }
}

/**
 * @param {any} stdin
 * @returns {AsyncIterator<unknown> | Iterator<unknown>}
 */
function inputOf(stdin) {
  if (typeof stdin === 'string' || stdin instanceof ArrayBuffer || ArrayBuffer.isView(stdin) || stdin instanceof Blob) {
    return [stdin].values();
  }
  if (stdin?.[Symbol.asyncIterator]) return stdin[Symbol.asyncIterator]();
  if (stdin?.[Symbol.iterator]) return stdin[Symbol.iterator]();
  throw new TypeError('stdin: text, bytes, a Blob, a ReadableStream or something to iterate over is expected');
}

/** Promise.withResolvers, which Node 20 has not. @returns {{promise: Promise<any>, resolve: (value?: any) => void, reject: (reason: unknown) => void}} */
function withResolvers() {
  /** @type {any} */
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
