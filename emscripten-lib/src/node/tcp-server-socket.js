// Direct Sockets' TCPServerSocket for Node, on node:net. Same constructor, promises and error names as the browser's; the
// port rules are Linux's, and errors carry Node's `code`. It does not keep the process running.
import { NodeTCPSocket } from './tcp-socket.js';

export class NodeTCPServerSocket {
  /**
   * @param {string} localAddress literal
   * @param {TCPServerSocketOptions} [options]
   */
  constructor(localAddress, { localPort, backlog, ipv6Only } = {}) {
    if (localPort !== undefined && (!Number.isInteger(localPort) || localPort < 1 || localPort > 65535)) {
      throw new TypeError('localPort must be from 1 to 65535');
    }
    if (backlog === 0) throw new TypeError('backlog must be above 0');
    if (ipv6Only !== undefined && localAddress !== '::') throw new TypeError('ipv6Only needs localAddress ::');
    const { createServer } = process.getBuiltinModule('node:net');
    /** @type {NodeTCPSocket[]} */
    this.backlog = [];
    /** @type {((result: any) => void) | undefined} */
    this.pending = undefined;
    this.isClosed = false;
    const server = this.server = createServer({ allowHalfOpen: true }, (connection) => {
      connection.unref();
      const { remoteAddress, remotePort } = connection;
      // Reset before it was accepted.
      if (remoteAddress === undefined || remotePort === undefined) {
        connection.destroy();
        return;
      }
      const socket = new NodeTCPSocket(remoteAddress, remotePort, {}, connection);
      if (!this.pending) {
        this.backlog.push(socket);
        return;
      }
      this.pending({ value: socket, done: false });
      this.pending = undefined;
    });
    /** @type {() => void} */
    this.settleClosed = () => {};
    /** @type {Promise<void>} */
    this.closed = new Promise((resolve) => {
      this.settleClosed = resolve;
    });
    /** @type {Promise<TCPServerSocketOpenInfo>} */
    this.opened = new Promise((resolve, reject) => {
      server.once('error', (/** @type {any} */ cause) => {
        const error = /** @type {Error & { code?: string }} */ (new Error(cause.message));
        error.name = 'NetworkError';
        error.code = cause.code;
        reject(error);
      });
      server.listen({ host: localAddress, port: localPort ?? 0, backlog, ipv6Only, exclusive: true }, () => {
        server.unref();
        const { address, port } = /** @type {import('node:net').AddressInfo} */ (server.address());
        resolve({ readable: { getReader: () => this.getReader() }, localAddress: address, localPort: port });
      });
    });
    this.opened.catch(() => {});
  }

  /** @returns {AcceptReader} */
  getReader() {
    return {
      read: () => new Promise((resolve) => {
        const socket = this.backlog.shift();
        if (socket) resolve({ value: socket, done: false });
        else if (this.isClosed) resolve({ value: undefined, done: true });
        else this.pending = resolve;
      }),
      cancel: async () => void this.close(),
      releaseLock() {},
    };
  }

  /** Connections that nobody took are closed. @returns {Promise<void>} */
  close() {
    if (!this.isClosed) {
      this.isClosed = true;
      for (const socket of this.backlog.splice(0)) socket.close();
      this.pending?.({ value: undefined, done: true });
      this.pending = undefined;
      this.server.close();
      // Node's own 'close' waits for the connections too; the port is free at once.
      this.settleClosed();
    }
    return this.closed;
  }
}
