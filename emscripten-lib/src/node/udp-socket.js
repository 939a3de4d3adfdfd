// Direct Sockets' UDPSocket for Node, on node:dgram: the same wasm then runs under Node. Same constructor, promises,
// error names and message objects as the browser's; the port rules are Linux's. `readable` and `writable` are not WHATWG
// streams, which cost more than the datagram, but have the part of them that UdpPort uses (direct-sockets.d.ts), and the same
// without promises. Errors carry Node's `code`; a rejected write concerns that datagram alone. A socket does not keep the
// process running.

/** Datagrams kept for a reader that is late; more are dropped, as a kernel does. UdpPort is never late. */
const BACKLOG_MAX = 4096;

/** @param {string} name @param {any} cause @returns {Error & { code?: string }} */
function named(name, cause) {
  const error = /** @type {Error & { code?: string }} */ (new Error(cause.message));
  error.name = name;
  error.code = cause.code;
  return error;
}

/**
 * Chrome's MulticastController, on a bound socket. No interface is named: the system's routes choose it.
 * @implements {MulticastController}
 */
class NodeMulticastController {
  /** @param {import('node:dgram').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    /** @type {Set<string>} */
    this.groups = new Set();
  }

  get joinedGroups() {
    return [...this.groups];
  }

  /** @param {string} group */
  async joinGroup(group) {
    if (this.groups.has(group)) throw named('InvalidStateError', new Error(`${group} is joined already`));
    try {
      this.socket.addMembership(group);
    } catch (cause) {
      throw named('NetworkError', cause);
    }
    this.groups.add(group);
  }

  /** @param {string} group */
  async leaveGroup(group) {
    if (!this.groups.delete(group)) throw named('InvalidStateError', new Error(`${group} is not joined`));
    this.socket.dropMembership(group);
  }
}

/** @param {number} value @param {string} what */
function checkPort(value, what) {
  if (!Number.isInteger(value) || value < 1 || value > 65535) throw new TypeError(`${what} must be from 1 to 65535`);
}

export class NodeUDPSocket {
  static takesEmptyDatagrams = true;
  static broadcasts = true;
  // A datagram has left when send() returns, so no number of sockets sends sooner. libuv reads 32 datagrams of each in a turn of
  // the event loop: with four the server takes 9 us for a datagram of a flood, with sixteen too, with one 13.
  static mostStripes = 4;

  /** @param {UDPSocketOptions} options */
  constructor(options) {
    const { localAddress, localPort, remoteAddress, remotePort, ipv6Only, multicastAllowAddressSharing } = options;
    if (localAddress === undefined && remoteAddress === undefined) {
      throw new TypeError('either localAddress or remoteAddress is required');
    }
    if ((remoteAddress === undefined) !== (remotePort === undefined)) {
      throw new TypeError('remoteAddress and remotePort go together');
    }
    if (remoteAddress !== undefined && localAddress !== undefined) {
      throw new TypeError('localAddress and remoteAddress exclude each other');
    }
    if (localPort !== undefined) checkPort(localPort, 'localPort');
    if (remotePort !== undefined) checkPort(remotePort, 'remotePort');
    const { multicastTimeToLive: hops } = options;
    if (hops !== undefined && !(hops >= 0 && hops <= 255)) throw new TypeError('multicastTimeToLive must be from 0 to 255');
    if (ipv6Only !== undefined && localAddress !== '::') throw new TypeError('ipv6Only needs localAddress ::');

    const { createSocket } = process.getBuiltinModule('node:dgram');
    const family = (localAddress ?? remoteAddress ?? '').includes(':') ? 6 : 4;
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: ipv6Only ?? false,
      reuseAddr: multicastAllowAddressSharing ?? false,
      reusePort: multicastAllowAddressSharing ?? false,
      recvBufferSize: options.receiveBufferSize,
      sendBufferSize: options.sendBufferSize,
      // Addresses are literals, and dgram's own lookup would cost a turn of the event loop for each datagram.
      lookup: (host, _options, callback) => callback(null, host, host.includes(':') ? 6 : 4),
    });
    this.socket = socket;
    this.isClosed = false;
    this.readable = new Readable(socket);
    this.writable = new Writable(socket, remoteAddress, remotePort);

    /** @type {(value?: undefined) => void} */
    let settleClosed;
    /** @type {Promise<void>} */
    this.closed = new Promise((resolve) => {
      settleClosed = resolve;
    });
    /** @type {Promise<UDPSocketOpenInfo>} */
    this.opened = new Promise((resolve, reject) => {
      const fail = (/** @type {any} */ cause) => {
        reject(named('NetworkError', cause));
        this.close();
      };
      socket.once('error', fail);
      socket.once('close', () => {
        this.readable.end();
        settleClosed();
      });
      const ready = () => {
        socket.off('error', fail);
        // Errors that belong to no datagram (ICMP on a connected socket) do not end the socket.
        socket.on('error', () => {});
        socket.unref();
        if (hops !== undefined) socket.setMulticastTTL(hops);
        if (options.multicastLoopback === false) socket.setMulticastLoopback(false);
        if (options.broadcast) socket.setBroadcast(true);
        const local = socket.address();
        resolve({
          readable: this.readable, writable: this.writable,
          localAddress: local.address, localPort: local.port, remoteAddress, remotePort,
          multicastController: new NodeMulticastController(socket),
        });
      };
      if (remoteAddress !== undefined) socket.connect(Number(remotePort), remoteAddress, ready);
      else socket.bind({ address: localAddress, port: localPort ?? 0, exclusive: true }, ready);
    });
    this.opened.catch(() => {});
  }

  /** @param {boolean} on */
  setBroadcast(on) {
    this.socket.setBroadcast(on);
  }

  /** @returns {Promise<void>} */
  close() {
    if (!this.isClosed) {
      this.isClosed = true;
      this.socket.close();
    }
    return this.closed;
  }
}

class Readable {
  /** @param {import('node:dgram').Socket} socket */
  constructor(socket) {
    /** @type {UDPMessage[]} */
    this.backlog = [];
    this.ended = false;
    /** @type {((result: any) => void) | undefined} */
    this.pending = undefined;
    /** Who takes every datagram. @type {((message: UDPMessage) => void) | undefined} */
    this.onMessage = undefined;
    /** @type {(() => void) | undefined} */
    this.onEnd = undefined;
    socket.on('message', (data, { address, port }) => {
      const message = { data, remoteAddress: address, remotePort: port };
      if (this.onMessage) {
        this.onMessage(message);
      } else if (this.pending) {
        const resolve = this.pending;
        this.pending = undefined;
        resolve({ value: message, done: false });
      } else if (this.backlog.length < BACKLOG_MAX) {
        this.backlog.push(message);
      }
    });
  }

  end() {
    this.ended = true;
    this.pending?.({ value: undefined, done: true });
    this.pending = undefined;
    this.onEnd?.();
    this.onMessage = this.onEnd = undefined;
  }

  /** @returns {DatagramReader} */
  getReader() {
    return {
      read: () => new Promise((resolve) => {
        const message = this.backlog.shift();
        if (message) resolve({ value: message, done: false });
        else if (this.ended) resolve({ value: undefined, done: true });
        else this.pending = resolve;
      }),
      each: (onMessage, onEnd) => {
        for (const message of this.backlog.splice(0)) onMessage(message);
        if (this.ended) {
          onEnd();
          return;
        }
        this.onMessage = onMessage;
        this.onEnd = onEnd;
      },
      cancel: async () => this.end(),
      releaseLock() {},
    };
  }
}

class Writable {
  /**
   * @param {import('node:dgram').Socket} socket
   * @param {string | undefined} remoteAddress set for a connected socket
   * @param {number | undefined} remotePort
   */
  constructor(socket, remoteAddress, remotePort) {
    this.socket = socket;
    this.connected = remoteAddress !== undefined && remotePort !== undefined;
  }

  /** @returns {DatagramWriter} */
  getWriter() {
    const { socket, connected } = this;
    return {
      desiredSize: 1,
      write: ({ data, remoteAddress, remotePort }) => new Promise((resolve, reject) => {
        const done = (/** @type {Error | null} */ error) => {
          if (error) reject(named('NetworkError', error));
          else resolve();
        };
        if (connected) socket.send(data, done);
        else socket.send(data, remotePort, remoteAddress, done);
      }),
      poster: (settled) => {
        // One for all datagrams: a promise and a closure for each are 0.7 us of 9.5.
        const done = (/** @type {Error | null} */ error) => settled(error ? named('NetworkError', error) : undefined);
        return ({ data, remoteAddress, remotePort }) => {
          try {
            if (connected) socket.send(data, done);
            else socket.send(data, remotePort, remoteAddress, done);
            // What the system has no room for is queued, and read from `data` later.
            return socket.getSendQueueCount() === 0;
          } catch (error) {
            process.nextTick(done, error);
            return false;
          }
        };
      },
      close: async () => {},
      abort: async () => {},
      releaseLock() {},
    };
  }
}
