// A browser's TCPSocket and TCPServerSocket in the hands of a test: it opens them or fails them, sends bytes, ends, breaks
// and looks at what was written. The interface is that of direct-sockets.d.ts; nothing is behind it.
import { domError } from './support.js';

/** A promise and what settles it. */
function deferred() {
  /** @type {(value?: any) => void} */
  let resolve = () => {};
  /** @type {(error: any) => void} */
  let reject = () => {};
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

export class FakeTcpSocket {
  /** @param {string} [host] @param {number} [port] @param {TCPSocketOptions} [options] */
  constructor(host = '127.0.0.1', port = 1234, options = {}) {
    if (port === 0) throw new TypeError('port must be greater than zero');
    this.host = host;
    this.remotePort = port;
    this.options = options;
    this.opening = deferred();
    this.closing = deferred();
    this.opened = this.opening.promise;
    this.closed = this.closing.promise;
    /** Chunks that were written, by reference. @type {Uint8Array[]} */
    this.written = [];
    /** What became of the streams, in order. @type {string[]} */
    this.events = [];
    /** Writes are held back while set. */
    this.stalled = false;
    /** @type {{ resolve: () => void, reject: (error: any) => void }[]} */
    this.pendingWrites = [];
    /** Waiting results of read(), or waiting readers. @type {any[]} */
    this.incoming = [];
    /** @type {ReturnType<typeof deferred>[]} */
    this.readers = [];
    this.reads = 0;
    this.locks = 2;
  }

  /** @param {Partial<TCPSocketOpenInfo>} [info] */
  openInfo(info = {}) {
    return {
      remoteAddress: this.host, remotePort: this.remotePort, localAddress: '127.0.0.1', localPort: 40_000,
      readable: { getReader: () => this.reader() }, writable: { getWriter: () => this.writer() }, ...info,
    };
  }

  /** The connection is made. @param {Partial<TCPSocketOpenInfo>} [info] */
  open(info) {
    this.opening.resolve(this.openInfo(info));
  }

  /** @param {string} name @param {string} [message] */
  fail(name, message) {
    this.opening.reject(domError(name, message));
    this.closing.reject(domError(name, message));
  }

  /** The peer sends. @param {string | Uint8Array} bytes */
  receive(bytes) {
    this.#give({ value: typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes, done: false });
  }

  /** The peer sends FIN. */
  end() {
    this.#give({ value: undefined, done: true });
  }

  /** The connection breaks. @param {string} [message] */
  break(message = 'Stream aborted by the remote: net::ERR_CONNECTION_RESET') {
    this.#give(domError('NetworkError', message));
    for (const { reject } of this.pendingWrites.splice(0)) reject(domError('NetworkError', message));
  }

  /** @param {any} result */
  #give(result) {
    this.incoming.push(result);
    this.#settle();
  }

  #settle() {
    while (this.incoming.length > 0 && this.readers.length > 0) {
      const { resolve, reject } = /** @type {ReturnType<typeof deferred>} */ (this.readers.shift());
      const result = this.incoming.shift();
      if (result instanceof Error) reject(result);
      else resolve(result);
    }
  }

  /** Lets the writes that were held back succeed, and those that follow. */
  resume() {
    this.stalled = false;
    for (const { resolve } of this.pendingWrites.splice(0)) resolve();
  }

  /** Everything written so far, as text. */
  get text() {
    return Buffer.concat(this.written).toString();
  }

  /** @returns {ByteReader} */
  reader() {
    return {
      read: () => {
        this.reads++;
        const waiting = deferred();
        this.readers.push(waiting);
        this.#settle();
        return waiting.promise;
      },
      cancel: async () => {
        this.events.push('cancel');
        for (const { resolve } of this.readers.splice(0)) resolve({ value: undefined, done: true });
      },
      releaseLock: () => this.#unlock(),
    };
  }

  /** @returns {ByteWriter} */
  writer() {
    return {
      write: (chunk) => {
        // A copy: the buffer is the writer's to use again.
        this.written.push(chunk.slice());
        if (!this.stalled) return Promise.resolve();
        return new Promise((resolve, reject) => void this.pendingWrites.push({ resolve: () => resolve(), reject }));
      },
      close: async () => void this.events.push('close'),
      abort: async () => void this.events.push('abort'),
      releaseLock: () => this.#unlock(),
    };
  }

  #unlock() {
    if (--this.locks === 0) this.closing.resolve();
  }

  async close() {
    this.events.push('socket closed');
    this.closing.resolve();
  }
}

class FakeTcpServerSocket {
  /** @param {string} localAddress @param {TCPServerSocketOptions} options */
  constructor(localAddress, options) {
    if (options.localPort === 0) throw new TypeError('localPort must be greater than zero');
    this.localAddress = localAddress;
    this.options = options;
    this.opening = deferred();
    this.closing = deferred();
    this.opened = this.opening.promise;
    this.closed = this.closing.promise;
    this.reads = 0;
    /** @type {any[]} */
    this.incoming = [];
    /** @type {ReturnType<typeof deferred>[]} */
    this.readers = [];
  }

  /** @param {number} [port] */
  open(port = this.options.localPort ?? 50_000) {
    this.opening.resolve({
      localAddress: this.localAddress, localPort: port, readable: { getReader: () => this.reader() },
    });
  }

  /** @param {string} name @param {string} [message] */
  fail(name, message) {
    this.opening.reject(domError(name, message));
    this.closing.reject(domError(name, message));
  }

  /** A peer connects. @param {FakeTcpSocket} [socket] */
  connection(socket = new FakeTcpSocket('127.0.0.1', 60_000)) {
    socket.open({ localAddress: undefined, localPort: undefined });
    this.incoming.push({ value: socket, done: false });
    this.#settle();
    return socket;
  }

  #settle() {
    while (this.incoming.length > 0 && this.readers.length > 0) this.readers.shift()?.resolve(this.incoming.shift());
  }

  /** @returns {AcceptReader} */
  reader() {
    return {
      read: () => {
        this.reads++;
        const waiting = deferred();
        this.readers.push(waiting);
        this.#settle();
        return waiting.promise;
      },
      cancel: async () => {
        for (const { resolve } of this.readers.splice(0)) resolve({ value: undefined, done: true });
      },
      releaseLock: () => this.closing.resolve(),
    };
  }

  async close() {
    this.closing.resolve();
  }
}

/**
 * The two classes, and every socket that was made of them.
 * @param {{ bindsLocally?: boolean }} [abilities]
 */
export function fakeTcpBrowser({ bindsLocally = false } = {}) {
  /** @type {FakeTcpSocket[]} */
  const clients = [];
  /** @type {FakeTcpServerSocket[]} */
  const servers = [];
  class Client extends FakeTcpSocket {
    static bindsLocally = bindsLocally;

    /** @param {string} host @param {number} port @param {TCPSocketOptions} options */
    constructor(host, port, options) {
      super(host, port, options);
      clients.push(this);
    }
  }
  class Server extends FakeTcpServerSocket {
    /** @param {string} address @param {TCPServerSocketOptions} options */
    constructor(address, options) {
      super(address, options);
      servers.push(this);
    }
  }
  return {
    clients,
    servers,
    TCPSocket: /** @type {TCPSocketClass} */ (/** @type {any} */ (Client)),
    TCPServerSocket: /** @type {TCPServerSocketClass} */ (/** @type {any} */ (Server)),
  };
}
