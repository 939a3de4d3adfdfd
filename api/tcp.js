/** Opening TCP connections and listening for them: what `connect` and `listen` do on a platform. */
import { EADDRINUSE, EADDRNOTAVAIL } from '../emscripten-lib/src/abi.js';
import { TcpListener, listenerReleased } from '../emscripten-lib/src/tcp-listener.js';
import { Explanations, SocketError, checkPort } from './socket-error.js';
import { TcpConnection } from './tcp-connection.js';

/** @typedef {import('./socket-iwa.d.ts').Connection} Connection */
/** @typedef {import('./socket-iwa.d.ts').Listener} Listener */
/** @typedef {import('../emscripten-lib/src/tcp-port.js').Accepted} Accepted */

/** Connections accepted ahead of the program. */
const BACKLOG = 64;

/**
 * @param {import('./platform.js').Platform} platform
 * @param {import('./socket-iwa.d.ts').ConnectOptions} options
 * @returns {Promise<Connection>}
 */
export async function connectOn(platform, {
  host, port, family, timeout, keepAliveDelay, noDelay = true, readAhead, signal,
}) {
  const tried = { operation: 'connect', address: host, port };
  if (typeof host !== 'string' || host === '') throw new SocketError('EINVAL', { operation: 'connect' }, 'host is needed');
  checkPort(port ?? 0, tried);
  signal?.throwIfAborted();
  const TCPSocket = platform.classOf('TCPSocket', tried);
  /** @type {TCPSocketOptions} */
  const options = { noDelay };
  if (keepAliveDelay !== undefined) options.keepAliveDelay = keepAliveDelay;
  if (family !== undefined) options.dnsQueryType = family === 6 ? 'ipv6' : 'ipv4';
  const create = () => new TCPSocket(host, port, options);
  const connection = new TcpConnection(platform, tried, { create }, { readAhead, signal });
  const alarm = timeout === undefined ? undefined : platform.timers.after(timeout, () =>
    connection.abort(new SocketError('ETIMEDOUT', tried, `no answer within ${timeout} ms: is the host up, and does no ` +
      'firewall drop what is sent to it?')));
  try {
    // A time limit shows in `closed` alone while the platform still tries.
    return await interrupted(Promise.race([connection.opened(), connection.broken]), signal);
  } finally {
    if (alarm) platform.timers.cancel(alarm);
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<T>} rejects with the signal's reason when that comes first
 */
export async function interrupted(promise, signal) {
  if (!signal) return promise;
  promise.catch(() => {});
  /** @type {(reason: unknown) => void} */
  let reject = () => {};
  const stop = () => reject(signal.reason);
  const stopped = new Promise((_resolve, rejectIt) => {
    reject = rejectIt;
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (stopped)]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * @param {import('./platform.js').Platform} platform
 * @param {import('./socket-iwa.d.ts').ListenOptions} options
 * @returns {Promise<Listener>}
 */
export async function listenOn(platform, options) {
  const { port, address = '0.0.0.0', signal } = options;
  const tried = { operation: 'listen', address, port };
  checkPort(port, tried);
  signal?.throwIfAborted();
  const listener = new TcpServer(platform, tried, options, platform.classOf('TCPServerSocket', tried));
  return interrupted(listener.opened(), signal);
}

/** @implements {Listener} */
class TcpServer {
  #platform;
  #tried;
  #options;
  #explanations = new Explanations();
  #listener;
  /** Those who wait for a connection; undefined tells the end. @type {((connection: Connection | undefined) => void)[]} */
  #waiting = [];
  /** @type {Promise<void> | undefined} */
  #closing;
  /** What whoever wants a connection gets: the browser has lost the port, or the signal came. @type {{error: unknown} | undefined} */
  #failure;
  #onAbort = () => this.#fail(this.#options.signal?.reason);
  /** @type {(value?: undefined) => void} */
  #settleClosed = () => {};
  /** @type {(error: unknown) => void} */
  #failClosed = () => {};
  /** @type {Promise<void>} */
  closed = new Promise((resolve, reject) => {
    this.#settleClosed = resolve;
    this.#failClosed = reject;
  });

  /**
   * @param {import('./platform.js').Platform} platform
   * @param {import('./socket-error.js').Tried} tried
   * @param {import('./socket-iwa.d.ts').ListenOptions} options
   * @param {TCPServerSocketClass} TCPServerSocket
   */
  constructor(platform, tried, options, TCPServerSocket) {
    this.#platform = platform;
    this.#tried = tried;
    this.#options = options;
    this.closed.catch(() => {});
    platform.hold();
    this.#listener = new TcpListener({
      TCPServerSocket,
      localAddress: tried.address ?? '',
      localPort: tried.port ?? 0,
      ipv6Only: options.ipv6Only ?? false,
      onConnection: () => this.#handOut(),
      onLost: () => this.#fail(new SocketError('ENETDOWN', { ...this.#tried, operation: 'accept' },
        'the browser has lost the port, and no connection will come: close the listener and listen again')),
      explain: this.#explanations.explain,
    });
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async opened() {
    try {
      await this.#listener.opening;
    } catch (failure) {
      this.#closing ??= Promise.resolve();
      this.#release();
      // The browser has one name for both; a free port cannot be taken.
      const isFree = failure === EADDRINUSE && this.#tried.port === undefined;
      throw this.#explanations.errorOf(isFree ? EADDRNOTAVAIL : failure, this.#tried);
    }
    this.#tried = { ...this.#tried, address: this.localAddress, port: this.localPort };
    this.#listener.listen(this.#options.backlog ?? BACKLOG);
    return this;
  }

  get localAddress() {
    return this.#listener.localAddress;
  }

  get localPort() {
    return this.#listener.localPort;
  }

  /** @param {{signal?: AbortSignal}} [options] */
  async accept({ signal } = {}) {
    const connection = await this.#next(signal);
    if (connection) return connection;
    throw new SocketError('EBADF', { ...this.#tried, operation: 'accept' }, 'the listener is closed');
  }

  close() {
    this.#closing ??= (async () => {
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
      // Of a port that could not be opened there is nothing to close.
      const isOpen = await this.#listener.opening.then(() => true, () => false);
      if (!isOpen) return;
      this.#listener.close();
      await listenerReleased(this.localPort);
      this.#release();
    })();
    return this.#closing;
  }

  #released = false;

  #release() {
    if (this.#released) return;
    this.#released = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#settleClosed();
    this.#platform.release();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /** @returns {AsyncIterator<Connection, void>} */
  [Symbol.asyncIterator]() {
    return {
      next: async () => {
        const value = await this.#next();
        return value ? { value, done: false } : { value: undefined, done: true };
      },
    };
  }

  /** @param {AbortSignal} [signal] @returns {Promise<Connection | undefined>} undefined once it is closed */
  async #next(signal) {
    signal?.throwIfAborted();
    const accepted = this.#listener.accept();
    if (accepted) return this.#adopt(accepted);
    this.#throwFailure();
    if (this.#closing) return undefined;
    /** @type {(connection: Connection | undefined) => void} */
    let settle = () => {};
    const next = new Promise((resolve) => {
      settle = resolve;
      this.#waiting.push(settle);
    });
    const stop = () => {
      this.#waiting = this.#waiting.filter((other) => other !== settle);
    };
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const connection = await interrupted(next, signal);
      if (!connection) this.#throwFailure();
      return connection;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  #handOut() {
    while (this.#waiting.length > 0) {
      const accepted = this.#listener.accept();
      if (!accepted) return;
      this.#waiting.shift()?.(this.#adopt(accepted));
    }
  }

  /** @param {Accepted} accepted @returns {Connection} */
  #adopt(accepted) {
    const { remoteAddress: address, remotePort: port } = accepted.info;
    const { readAhead } = this.#options;
    return new TcpConnection(this.#platform, { operation: 'connection from', address, port }, { accepted }, { readAhead });
  }

  #throwFailure() {
    if (this.#failure) throw this.#failure.error;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#failure ??= { error };
    this.#failClosed(error);
    void this.close();
  }
}
