/**
 * The QUIC server from JavaScript: HTTP/3 and WebTransport whose handlers are functions of the caller's own context, while
 * the server runs in a worker. What differs between a browser and Node comes as a platform: server-browser.js and
 * server-node.js export `startServer`.
 */
import { checkHandlers, serveGateway } from './gateway.js';
import { portStreams } from './gateway-port.js';
import { LastWord } from './last-word.js';
import { stopPatience } from './server-arguments.js';
import { ServerError, errorOfEnd } from './server-error.js';
import { Feed } from './server-feed.js';
import { ROOT, filesOf } from './server-root.js';

/** Where the program finds a certificate that it is given. */
const CERTIFICATE = { cert: '/certificate.pem', key: '/key.pem' };
/** The program's descriptor that is its first channel. */
const GATEWAY_FD = '3';

/** @typedef {import('./socket-iwa-server.d.ts').ServerOptions} ServerOptions */
/** @typedef {import('./socket-iwa-server.d.ts').ServerCertificate} ServerCertificate */
/** @typedef {import('./socket-iwa-server.d.ts').RunningServer} Declared */

/**
 * @typedef {object} ServerPlatform
 * @property {() => string} missing why no server can run in this context and what to do, or ""
 * @property {() => WorkerHandle} startWorker
 * @property {() => string} module URL of the server's module
 * @property {((directory: string) => string) | null} mount the absolute name of a directory of this machine; null where
 *   the program cannot get at one
 *
 * @typedef {object} WorkerHandle
 * @property {(order: import('./server-program.js').Order, transfer?: MessagePort[]) => void} send
 * @property {(hear: (news: import('./server-program.js').News) => void) => void} onNews
 * @property {(fail: (why: string) => void) => void} onFailure it could not be loaded, or broke
 * @property {() => void} terminate
 */

/** @implements {Declared} */
class RunningServer {
  /** @type {ServerCertificate} */
  #certificate;
  #process;

  /** @param {ServerProcess} process @param {any} ready the server's own report */
  constructor(process, ready) {
    this.#process = process;
    this.address = ready.address;
    this.port = ready.port;
    this.closed = process.ended;
    this.#certificate = certificateFrom(ready);
    process.onCertificate = (report) => {
      this.#certificate = certificateFrom(report);
      process.certificates.push(this.#certificate);
    };
    process.certificates.push(this.#certificate);
  }

  get certificate() {
    return this.#certificate;
  }

  get certificateHash() {
    return this.#certificate.hash;
  }

  get certificateHashes() {
    const { hash, next } = this.#certificate;
    return next ? [hash, next] : [hash];
  }

  certificates() {
    return this.#process.certificates.values();
  }

  stats() {
    return this.#process.stats.values();
  }

  async stop() {
    this.#process.stop();
    await this.closed.catch(() => {});
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

/** @param {{cert_sha256: string, cert_pem: string, next_sha256?: string | null}} report @returns {ServerCertificate} */
function certificateFrom({ cert_sha256: hex, cert_pem: pem, next_sha256: next }) {
  /** @type {(hex: string) => import('./socket-iwa-server.d.ts').CertificateHash} */
  const hash = (text) => ({
    algorithm: 'sha-256',
    value: Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16)),
    hex: text,
  });
  return { hash: hash(hex), next: next ? hash(next) : null, pem };
}

/** One run of the server in its worker. */
class ServerProcess {
  /** @type {Feed<Record<string, number>>} */
  stats = new Feed();
  /** @type {Feed<ServerCertificate>} */
  certificates = new Feed();
  /** @type {(report: any) => void} */
  onCertificate = () => {};
  /** Resolves with the server's report. @type {Promise<any>} */
  ready;
  /** @type {Promise<void>} */
  ended;

  #worker;
  #tried;
  #patience;
  #onLog;
  #isOver = false;
  #stopping = false;
  #lastWord = new LastWord();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {(report: any) => void} */
  #isReady = () => {};
  /** @type {(error?: unknown) => void} */
  #settle = () => {};

  /**
   * @param {WorkerHandle} worker
   * @param {{tried: string, patience: number, onLog: (line: string) => void}} options `patience` in milliseconds
   */
  constructor(worker, { tried, patience, onLog }) {
    this.#worker = worker;
    this.#tried = tried;
    this.#patience = patience;
    this.#onLog = onLog;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.ended.catch(() => {});
    const failed = this.ended.then(() => {
      throw new ServerError(`${tried}: it was stopped before it served`, { code: 'ERR_SERVER' });
    });
    this.ready = Promise.race([new Promise((resolve) => (this.#isReady = resolve)), failed]);
    this.ready.catch(() => {});
    worker.onNews((news) => this.#hear(news));
    worker.onFailure((why) => this.end(errorOfEnd(tried, `its worker could not be loaded: ${why}`, { failed: true })));
  }

  /** Asks it to stop; after the deadline its worker is ended. */
  stop() {
    if (this.#stopping || this.#isOver) return;
    this.#stopping = true;
    this.#worker.send({ stop: true });
    this.#timer = setTimeout(() => {
      const message = `stop the server: it did not stop within ${this.#patience / 1000} s, and was ended`;
      this.end(new ServerError(message, { code: 'ERR_TIMEOUT' }));
    }, this.#patience);
  }

  /** It is over. @param {unknown} [error] */
  end(error) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#worker.terminate();
    this.stats.end();
    this.certificates.end();
    this.#settle(error);
  }

  /** @param {import('./server-program.js').News} news */
  #hear(news) {
    if (this.#isOver || 'kept' in news) return;
    if ('stream' in news) {
      if (news.stream === 'stderr') {
        this.#lastWord.hear(news.line);
        this.#onLog(news.line);
      } else {
        this.#report(news.line);
      }
    } else if ('exit' in news) {
      this.end(news.exit === 0 ? undefined : errorOfEnd(this.#tried, this.#lastWord.line, { exitCode: news.exit }));
    } else {
      this.end(errorOfEnd(this.#tried, news.failed, { failed: true }));
    }
  }

  /** @param {string} line of the server's standard output: one JSON object */
  #report(line) {
    const report = JSON.parse(line);
    if (report.ready) this.#isReady(report);
    else if (report.stats) this.stats.push(report.stats);
    else if (report.certificate) this.onCertificate(report.certificate);
  }
}

/** @param {ServerOptions['listen']} listen @returns {{text: string, port: number}} */
function listenArgument(listen = {}) {
  if (typeof listen === 'string') return { text: listen, port: Number(/:(\d+)$/.exec(listen)?.[1] ?? 0) };
  const { address = '127.0.0.1', port = 0 } = listen;
  return { text: `${address.includes(':') ? `[${address}]` : address}:${port}`, port };
}

/**
 * Holds the name of a port among all servers of this origin, or of this Node process, until the server has ended: with
 * several stripes Chrome would let two of them share it, and each would get a part of the packets of the other.
 * @param {number} port 0: any
 * @param {string} tried
 * @returns {Promise<() => void>} lets go
 */
function holdPort(port, tried) {
  const { locks } = globalThis.navigator ?? {};
  if (port === 0 || !locks) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    void locks.request(`socket-iwa-server:${port}`, { ifAvailable: true }, (lock) => {
      if (!lock) {
        throw new ServerError(`${tried}: EADDRINUSE: a server of this app has this port already: stop that first, or choose ` +
          'another port', { code: 'EADDRINUSE' });
      }
      return new Promise((letGo) => resolve(() => letGo(undefined)));
    }).catch(reject);
  });
}

/**
 * @param {ServerOptions} options
 * @param {ServerPlatform} platform
 * @returns {Promise<Pick<import('./server-program.js').StartOrder, 'args' | 'files' | 'mounts'>>}
 */
async function prepare({ listen, root, certificate, statsInterval = 1, args = [] }, { mount }) {
  const all = ['--listen', listenArgument(listen).text, '--json', '--stop-on-stdin-close', '--gateway-fd', GATEWAY_FD,
    '--stats-interval', String(statsInterval)];
  /** @type {import('./program/emscripten-program.js').ProgramFile[]} */
  const files = [];
  /** @type {string[]} */
  const mounts = [];
  if (typeof root === 'string') {
    if (!mount) {
      throw new ServerError(`start the server: root: the directory ${root} is out of a browser's reach: give its files, or a ` +
        'directory that the user picked (showDirectoryPicker)', { code: 'EINVAL' });
    }
    mounts.push(mount(root));
    all.push('--root', mounts[0]);
  } else if (root) {
    files.push(...await filesOf(root));
    all.push('--root', ROOT);
  }
  if (certificate) {
    const bytes = new TextEncoder();
    files.push({ path: CERTIFICATE.cert, data: bytes.encode(certificate.cert) });
    files.push({ path: CERTIFICATE.key, data: bytes.encode(certificate.key) });
    all.push('--cert', CERTIFICATE.cert, '--key', CERTIFICATE.key);
  }
  return { args: [...all, ...args], files, mounts };
}

/**
 * @param {ServerPlatform} platform
 * @param {ServerOptions} options
 * @returns {Promise<RunningServer>}
 */
export async function startServerOn(platform, options) {
  const { args = [], signal, onLog = () => {}, module } = options;
  const { text, port } = listenArgument(options.listen);
  const tried = `start the server on ${text}`;
  signal?.throwIfAborted();
  checkHandlers(options);
  const missing = platform.missing();
  if (missing) throw new ServerError(`${tried}: ${missing}`, { code: 'ERR_NO_SUPPORT' });
  const order = await prepare(options, platform);
  const letGo = await holdPort(port, tried);

  const { port1: ours, port2: theirs } = new MessageChannel();
  const channel = portStreams(ours);
  /** @type {ServerProcess} */
  let process;
  try {
    const worker = platform.startWorker();
    process = new ServerProcess(worker, { tried, patience: stopPatience(args), onLog });
    process.ended.catch(() => {}).then(() => {
      channel.end();
      letGo();
    });
    serveGateway(channel, options);
    worker.send({ start: { module: String(module ?? platform.module()), keep: [], gateway: theirs, ...order } }, [theirs]);
  } catch (error) {
    channel.end();
    letGo();
    throw error;
  }
  const abort = () => process.end(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const report = await process.ready;
    if (port === 0) process.ended.catch(() => {}).then(await holdPort(report.port, tried));
    const server = new RunningServer(process, report);
    signal?.addEventListener('abort', () => process.stop(), { once: true });
    return server;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
