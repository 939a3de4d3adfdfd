// Direct Sockets' TCPSocket for Node, on node:net: the same wasm then runs under Node. Same constructor, promises and
// error names as the browser's; the rules are Linux's. `readable` and `writable` are not WHATWG streams but have the part
// of them that TcpPort uses (direct-sockets.d.ts). Beyond the browser's: nothing written is lost, closing `writable`
// sends FIN, aborting it resets the connection, and a local address can be chosen. A connection keeps the process
// running only while it has bytes to send.

/** Bytes read ahead of a reader that is late; then the kernel's buffer fills up, and the peer waits. */
const READ_AHEAD_MAX = 256 * 1024;

/** @param {any} cause @returns {Error & { code?: string }} */
function networkError(cause) {
  const error = /** @type {Error & { code?: string }} */ (new Error(cause.message));
  error.name = 'NetworkError';
  // A connection that was tried at several addresses of a name: the first cause stands for all.
  error.code = cause.code ?? cause.errors?.[0]?.code;
  return error;
}

export class NodeTCPSocket {
  static bindsLocally = true;
  static lossless = true;

  /**
   * @param {string} remoteAddress literal or host name
   * @param {number} remotePort
   * @param {TCPSocketOptions} [options]
   * @param {import('node:net').Socket} [accepted] a connection made already
   */
  constructor(remoteAddress, remotePort, options = {}, accepted) {
    if (!Number.isInteger(remotePort) || remotePort < 1 || remotePort > 65535) {
      throw new TypeError('remotePort must be from 1 to 65535');
    }
    const { keepAliveDelay, noDelay = false, dnsQueryType, localAddress, localPort } = options;
    if (keepAliveDelay !== undefined && keepAliveDelay < 1000) throw new TypeError('keepAliveDelay must be at least 1000');
    const { connect } = process.getBuiltinModule('node:net');
    const socket = this.socket = accepted ?? connect({
      host: remoteAddress,
      port: remotePort,
      family: dnsQueryType === undefined ? 0 : dnsQueryType === 'ipv6' ? 6 : 4,
      allowHalfOpen: true,
      noDelay,
      keepAlive: keepAliveDelay !== undefined,
      keepAliveInitialDelay: keepAliveDelay,
      localAddress,
      localPort,
    });
    this.readable = new ByteSource(socket);
    this.writable = new ByteSink(socket);

    /** @type {Promise<void>} */
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve());
    });
    /** @type {Promise<TCPSocketOpenInfo>} */
    this.opened = accepted ? Promise.resolve(this.openInfo()) : new Promise((resolve, reject) => {
      socket.once('error', (error) => reject(networkError(error)));
      socket.once('connect', () => {
        socket.unref();
        resolve(this.openInfo());
      });
    });
    this.opened.catch(() => {});
    // Each half hears of it; this keeps Node from throwing it.
    socket.on('error', () => {});
  }

  /** @returns {TCPSocketOpenInfo} */
  openInfo() {
    const { remoteAddress = '', remotePort = 0, localAddress, localPort } = this.socket;
    return { readable: this.readable, writable: this.writable, remoteAddress, remotePort, localAddress, localPort };
  }

  /** @returns {Promise<void>} */
  close() {
    this.socket.destroy();
    return this.closed;
  }

  /** @param {boolean} enable @param {number} delay ms */
  setKeepAlive(enable, delay) {
    this.socket.setKeepAlive(enable, delay);
  }
}

/** `readable`. */
class ByteSource {
  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    /** @type {Uint8Array[]} */
    this.backlog = [];
    this.bytes = 0;
    this.ended = false;
    /** @type {Error | undefined} */
    this.error = undefined;
    /** @type {{ resolve: (result: any) => void, reject: (error: Error) => void } | undefined} */
    this.pending = undefined;
    socket.on('data', (/** @type {Buffer} */ data) => {
      // A part of a Buffer is dearer to make, and a reader of small pieces makes one for each.
      this.backlog.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      this.bytes += data.byteLength;
      if (this.bytes >= READ_AHEAD_MAX) socket.pause();
      this.settle();
    });
    socket.once('end', () => {
      this.ended = true;
      this.settle();
    });
    socket.once('error', (error) => {
      this.error = networkError(error);
      this.settle();
    });
    socket.once('close', () => {
      this.ended = true;
      this.settle();
    });
  }

  settle() {
    const { pending } = this;
    if (!pending) return;
    const chunk = this.backlog.shift();
    if (chunk) {
      if (this.bytes >= READ_AHEAD_MAX) this.socket.resume();
      this.bytes -= chunk.byteLength;
      pending.resolve({ value: chunk, done: false });
    } else if (this.error) {
      pending.reject(this.error);
    } else if (this.ended) {
      pending.resolve({ value: undefined, done: true });
    } else {
      return;
    }
    this.pending = undefined;
  }

  /** @returns {ByteReader} */
  getReader() {
    return {
      read: () => new Promise((resolve, reject) => {
        this.pending = { resolve, reject };
        this.settle();
      }),
      cancel: async () => {
        this.backlog.length = 0;
        this.ended = true;
        this.settle();
        // Both halves are done once what was written is sent.
        if (this.socket.writableEnded && !this.socket.writableFinished) {
          this.socket.once('finish', () => this.socket.destroy());
        } else if (this.socket.writableEnded || this.socket.destroyed) {
          this.socket.destroy();
        }
      },
      releaseLock() {},
    };
  }
}

/** `writable`. */
class ByteSink {
  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    this.unsent = 0;
  }

  /** @returns {ByteWriter} */
  getWriter() {
    const { socket } = this;
    const begin = () => {
      if (this.unsent++ === 0) socket.ref();
    };
    const finish = () => {
      if (--this.unsent === 0) socket.unref();
    };
    return {
      // Node calls back when the kernel has taken the bytes: that is the back-pressure.
      write: (chunk) => new Promise((resolve, reject) => {
        begin();
        socket.write(chunk, (error) => {
          finish();
          if (error) reject(networkError(error));
          else resolve();
        });
      }),
      close: () => new Promise((resolve) => {
        if (socket.destroyed || socket.writableEnded) {
          resolve();
          return;
        }
        begin();
        const done = () => {
          socket.off('close', done);
          finish();
          resolve();
        };
        socket.once('close', done);
        socket.end(done);
      }),
      abort: async () => {
        socket.resetAndDestroy();
      },
      releaseLock() {},
    };
  }
}
