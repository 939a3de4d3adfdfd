/**
 * The life of the server as the page sees it: stopped, starting, running, stopping, failed, and again. It owns the
 * worker and its deadlines, and knows nothing of the page: state, output and counts leave as events.
 *
 * Events: `state` (read .state, .ready, .failure), `certificate` (another one, or the next one is known: read .ready),
 * `output` {stream, line}, `stats` {the server's counters}, `connections` and `closed` (answers to `ask`), `kept` {path,
 * data} of a file that the server leaves behind. What answers `ask` is not `output`.
 */
import { LastWord } from '../../api/last-word.js';
import { stopPatience } from '../../api/server-arguments.js';

/**
 * @typedef {'stopped' | 'starting' | 'running' | 'stopping' | 'failed'} State
 * @typedef {{cert_sha256: string, cert_pem: string, next_sha256?: string | null}} Certificate
 * @typedef {{ready: true, address: string, port: number} & Certificate} Ready
 * @typedef {{args: string[], files?: import('../../api/program/emscripten-program.js').ProgramFile[], keep?: string[]}} StartOptions
 * @typedef {{exitCode: number | null, reason: string}} Failure `exitCode` is null when the program did not exit by
 *   itself; `reason` is its last word
 * @typedef {Omit<import('../../api/server-crew.js').WorkerLike, 'postMessage'> & {postMessage(message: any): void}} WorkerLike
 */

export class ServerControl extends EventTarget {
  /** @type {State} */
  state = 'stopped';
  /** What the running server said of itself, with its certificate of now. @type {Ready | null} */
  ready = null;
  /** Why `state` is failed. @type {Failure | null} */
  failure = null;
  /** The exit code of the last run that ended by itself. @type {number | null} */
  exitCode = null;

  #createWorker;
  #patienceWith;
  #patience = 0;
  /** @type {WorkerLike | null} */
  #worker = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #lastWord = new LastWord();

  /**
   * @param {() => WorkerLike} createWorker a fresh worker for each run
   * @param {{patience?: (args: string[]) => number}} [options] milliseconds for a stop, by the server's arguments
   */
  constructor(createWorker, { patience = stopPatience } = {}) {
    super();
    this.#createWorker = createWorker;
    this.#patienceWith = patience;
  }

  /**
   * Starts the server in a fresh worker. Does nothing while one is there.
   * @param {StartOptions} options the server's arguments, files it shall find in its file system, and paths of those that
   *   it leaves behind
   */
  start({ args, files = [], keep = [] }) {
    if (this.#worker) return;
    this.#patience = this.#patienceWith(args);
    this.ready = this.failure = this.exitCode = null;
    this.#lastWord = new LastWord();
    let worker;
    try {
      worker = this.#worker = this.#createWorker();
    } catch (error) {
      return this.#fail(null, `no worker could be started: ${error}`);
    }
    const current = (/** @type {(event: any) => void} */ handler) => (/** @type {any} */ event) => {
      if (this.#worker === worker) handler(event); // a terminated worker's last messages belong to no run
    };
    worker.addEventListener('message', current((event) => this.#receive(event.data)));
    const unloaded = 'its worker could not be loaded'; // the one error event without a message
    worker.addEventListener('error', current((event) => this.#fail(null, event.message || unloaded)));
    this.#enter('starting');
    worker.postMessage({ start: { args, files, keep } });
  }

  /**
   * Gives the running server a command: `{connections: 20}` is answered by the event `connections`, `{close: id}` by
   * `closed`.
   * @param {{connections: number} | {close: number}} command
   */
  ask(command) {
    if (this.state === 'running') this.#worker?.postMessage({ input: JSON.stringify(command) });
  }

  /** Asks the server to close its connections and exit; after the deadline its worker is ended. */
  stop() {
    if (this.state !== 'starting' && this.state !== 'running') return;
    this.#enter('stopping');
    this.#worker?.postMessage({ stop: true });
    this.#timer = setTimeout(() => {
      this.#output('stderr', `WARN the server did not stop within ${this.#patience / 1000} s and was ended`);
      this.#end('stopped');
    }, this.#patience);
  }

  /** @param {import('../../api/program/emscripten-program.js').ProgramMessage | {kept: import('../../api/program/emscripten-program.js').ProgramFile}} message */
  #receive(message) {
    if ('kept' in message) {
      this.dispatchEvent(new CustomEvent('kept', { detail: message.kept }));
    } else if ('stream' in message) {
      this.#output(message.stream, message.line);
    } else if ('failed' in message) {
      this.#fail(null, message.failed);
    } else {
      this.exitCode = message.exit;
      if (message.exit === 0) this.#end('stopped');
      else this.#fail(message.exit, this.#lastWord.line || `the server exited with code ${message.exit}`);
    }
  }

  /** @param {'stdout' | 'stderr'} stream @param {string} line */
  #output(stream, line) {
    if (stream === 'stderr') {
      this.#lastWord.hear(line);
    } else if (this.#interpret(line)) {
      return;
    }
    this.dispatchEvent(new CustomEvent('output', { detail: { stream, line } }));
  }

  /**
   * @param {string} line of the server's standard output: one JSON object
   * @returns {boolean} whether it answers `ask`
   */
  #interpret(line) {
    let report;
    try {
      report = JSON.parse(line) ?? {};
    } catch {
      return false; // not a report; it is shown as it is
    }
    for (const answer of ['connections', 'closed']) {
      if (!report[answer]) continue;
      this.dispatchEvent(new CustomEvent(answer, { detail: report[answer] }));
      return true;
    }
    if (report.ready && this.state === 'starting') {
      this.ready = report;
      this.#enter('running');
    } else if (report.certificate && this.ready) {
      this.ready = { ...this.ready, ...report.certificate };
      this.dispatchEvent(new Event('certificate'));
    } else if (report.stats) {
      this.dispatchEvent(new CustomEvent('stats', { detail: report.stats }));
    }
    return false;
  }

  /** @param {number | null} exitCode @param {string} reason */
  #fail(exitCode, reason) {
    this.failure = { exitCode, reason };
    this.#end('failed');
  }

  /** @param {'stopped' | 'failed'} state */
  #end(state) {
    clearTimeout(this.#timer);
    this.#worker?.terminate();
    this.#worker = null;
    this.ready = null;
    this.#enter(state);
  }

  /** @param {State} state */
  #enter(state) {
    this.state = state;
    this.dispatchEvent(new Event('state'));
  }
}
