/** UDP sockets: what `bindUdp` does on a platform. The port, its stripes and their repair are UdpPort's. */
import {
  ipFromText, isBroadcast, isMapped, isMulticast, isWildcard, mapped, sameIp,
} from '../emscripten-lib/src/address.js';
import { DatagramQueue } from '../emscripten-lib/src/datagram-queue.js';
import { MULTICAST_POLICY, Multicast } from '../emscripten-lib/src/udp-multicast.js';
import { UdpPort } from '../emscripten-lib/src/udp-port.js';
import { Explanations, SocketError, checkPort } from './socket-error.js';
import { interrupted } from './tcp.js';

/** @typedef {import('./socket-iwa.d.ts').UdpSocket} UdpSocket */
/** @typedef {import('./socket-iwa.d.ts').BindOptions} BindOptions */
/** @typedef {import('./socket-iwa.d.ts').Datagram} Datagram */
/** @typedef {import('../emscripten-lib/src/address.js').Ip} Ip */
/** @typedef {import('../emscripten-lib/src/address.js').Endpoint} Endpoint */

/** Linux's net.core.rmem_default. */
const RECEIVE_BUFFER = 212992;
/** Asked of the system, bytes: it holds what arrives while the program computes. */
const SYSTEM_RECEIVE_BUFFER = 1 << 20;
/** 65,535 bytes of IP packet or payload, less the headers counted in it: RFC 791, RFC 8200, RFC 768. */
const LENGTH_MAX_4 = 65507;
const LENGTH_MAX_6 = 65527;

/**
 * @param {import('./platform.js').Platform} platform
 * @param {BindOptions} options
 * @returns {Promise<UdpSocket>}
 */
export async function bindUdpOn(platform, options) {
  const { port, remote, signal } = options;
  const address = options.address ?? (remote?.address?.includes(':') ? '::' : '0.0.0.0');
  const tried = { operation: 'bind', address, port };
  checkPort(port, tried);
  const local = ipFromText(address);
  if (!local) {
    throw new SocketError('EINVAL', tried, 'a literal address of this machine is expected, as 0.0.0.0, :: or 127.0.0.1');
  }
  signal?.throwIfAborted();
  const UDPSocket = platform.classOf('UDPSocket', tried);
  const peer = remote && await interrupted(peerOf(platform, remote, local), signal);
  const socket = new BoundSocket(platform, { ...options, address }, UDPSocket, peer);
  return interrupted(socket.opened(), signal);
}

/**
 * @param {import('./platform.js').Platform} platform
 * @param {{address: string, port: number}} remote
 * @param {Ip} local
 * @returns {Promise<Endpoint>}
 */
async function peerOf(platform, { address, port }, local) {
  const tried = { operation: 'connect', address, port };
  checkPort(port ?? 0, tried);
  const literal = ipFromText(address);
  if (literal) return { ip: literal, port };
  try {
    const { ips: [ip] } = await platform.resolver()(address, local.family === 4 ? 4 : 0);
    if (ip) return { ip, port };
  } catch {
    // The platform's resolver tells no more than that there is no answer.
  }
  throw new SocketError('ENOTFOUND', tried);
}

/** @implements {UdpSocket} */
class BoundSocket {
  #platform;
  #options;
  #UDPSocket;
  #peer;
  #explanations = new Explanations();
  #multicast;
  #port;
  /** @type {DatagramQueue<UDPMessage>} */
  #received;
  /** Those who wait for a datagram; undefined tells the end. @type {((message: UDPMessage | undefined) => void)[]} */
  #waiting = [];
  /** What becomes of each datagram that is on its way. @type {Map<UDPMessage, {resolve: (value?: undefined) => void, reject: (error: unknown) => void}>} */
  #sending = new Map();
  /** @type {Promise<void> | undefined} */
  #closing;
  /** Of the signal: what whoever waits gets. @type {{error: unknown} | undefined} */
  #failure;
  #onAbort = () => this.#fail(this.#options.signal?.reason);
  /** @type {(value?: undefined) => void} */
  #settleClosed = () => {};
  /** @type {Promise<void>} */
  closed = new Promise((resolve) => {
    this.#settleClosed = resolve;
  });

  /**
   * @param {import('./platform.js').Platform} platform
   * @param {BindOptions & {address: string}} options
   * @param {UDPSocketClass} UDPSocket
   * @param {Endpoint | undefined} peer
   */
  constructor(platform, options, UDPSocket, peer) {
    const { address, port = 0, ipv6Only = false, stripes = 1, shared = false, receiveBuffer = RECEIVE_BUFFER } = options;
    this.#platform = platform;
    this.#options = options;
    this.#UDPSocket = UDPSocket;
    this.#peer = peer;
    this.#received = new DatagramQueue(receiveBuffer);
    const { explain } = this.#explanations;
    this.#multicast = new Multicast(explain);
    this.#multicast.hops = options.multicastHops ?? 1;
    this.#multicast.loop = options.multicastLoopback ?? true;
    platform.hold();
    this.#port = new UdpPort({
      UDPSocket,
      localAddress: address,
      localPort: port,
      ipv6Only,
      stripes,
      shared,
      broadcast: false,
      multicast: this.#multicast,
      receiveBufferSize: Math.max(receiveBuffer, SYSTEM_RECEIVE_BUFFER),
      sendBufferSize: undefined,
      onDatagram: (message) => this.#hear(message),
      onReleased: () => {},
      onDrain: (message) => {
        if (message) this.#settle(message)?.resolve();
      },
      onSendFailed: (errno, message) => {
        const tried = { operation: 'send', address: message.remoteAddress, port: message.remotePort };
        this.#settle(message)?.reject(this.#explanations.errorOf(errno, tried));
      },
      say: (text) => console.warn(`socket-iwa: ${text}`),
      explain,
    });
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  async opened() {
    try {
      await this.#port.opening;
    } catch (failure) {
      const { address, port } = this.#options;
      void this.close();
      throw this.#explanations.errorOf(failure, { operation: 'bind', address, port });
    }
    return this;
  }

  get localAddress() {
    return this.#port.localAddress;
  }

  get localPort() {
    return this.#port.localPort;
  }

  get groups() {
    return [...this.#multicast.groups];
  }

  get dropped() {
    return this.#received.drops;
  }

  /** @param {BufferSource} data @param {{address: string, port: number}} [to] @returns {Promise<void>} */
  async send(data, to) {
    const { address = this.#peer?.ip.text, port = this.#peer?.port } = to ?? {};
    const tried = { operation: 'send', address, port };
    this.#throwFailure();
    if (this.#closing) throw new SocketError('EBADF', tried);
    if (address === undefined || port === undefined) {
      throw new SocketError('EINVAL', { operation: 'send' }, 'to whom? send(data, { address, port }), or bindUdp({ remote })');
    }
    checkPort(port, tried);
    const bytes = copyOf(data, tried);
    const ip = this.#destination(address, tried);
    this.#check(ip, bytes.byteLength, tried);
    return new Promise((resolve, reject) => {
      this.#sending.set(this.#port.send(bytes, ip.text, port), { resolve, reject });
    });
  }

  /** @param {{signal?: AbortSignal}} [options] */
  async receive({ signal } = {}) {
    const message = await this.#next(signal);
    if (message) return datagramOf(message);
    throw new SocketError('EBADF', { operation: 'receive', address: this.localAddress, port: this.localPort });
  }

  /** @param {string} group */
  async join(group) {
    const tried = { operation: 'join', address: group };
    if (this.#multicast.groups.has(this.#group(group, tried))) return;
    await this.#port.join(this.#group(group, tried)).catch((failure) => {
      throw this.#explanations.errorOf(failure, tried);
    });
  }

  /** @param {string} group */
  async leave(group) {
    const tried = { operation: 'leave', address: group };
    if (!this.#multicast.groups.has(this.#group(group, tried))) {
      throw new SocketError('EADDRNOTAVAIL', tried, 'the socket is no member of that group');
    }
    await this.#port.leave(this.#group(group, tried)).catch((failure) => {
      throw this.#explanations.errorOf(failure, tried);
    });
  }

  close() {
    this.#closing ??= (async () => {
      for (const resolve of this.#waiting.splice(0)) resolve(undefined);
      await this.#port.close();
      this.#options.signal?.removeEventListener('abort', this.#onAbort);
      this.#settleClosed();
      this.#platform.release();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /** @returns {AsyncIterator<Datagram, void>} */
  [Symbol.asyncIterator]() {
    return {
      next: async () => {
        const message = await this.#next();
        return message ? { value: datagramOf(message), done: false } : { value: undefined, done: true };
      },
    };
  }

  /** @param {AbortSignal} [signal] @returns {Promise<UDPMessage | undefined>} undefined once it is closed */
  async #next(signal) {
    signal?.throwIfAborted();
    this.#throwFailure();
    const queued = this.#received.shift();
    if (queued) return queued;
    if (this.#closing) return undefined;
    /** @type {(message: UDPMessage | undefined) => void} */
    let settle = () => {};
    /** @type {Promise<UDPMessage | undefined>} */
    const next = new Promise((resolve) => {
      settle = resolve;
      this.#waiting.push(settle);
    });
    try {
      const message = await interrupted(next, signal);
      if (!message) this.#throwFailure();
      return message;
    } finally {
      if (signal?.aborted) this.#waiting = this.#waiting.filter((other) => other !== settle);
    }
  }

  /** @param {UDPMessage} message */
  #hear(message) {
    if (this.#peer && !this.#isFromPeer(message, this.#peer)) return;
    const waiting = this.#waiting.shift();
    if (waiting) waiting(message);
    else this.#received.push(message);
  }

  /** @param {UDPMessage} message @param {Endpoint} peer */
  #isFromPeer({ remoteAddress, remotePort }, { ip, port }) {
    if (remotePort !== port) return false;
    const from = ipFromText(remoteAddress);
    return from !== undefined && sameIp(from, this.#fitting(ip));
  }

  /** The address as this socket's family writes it. @param {Ip} ip */
  #fitting(ip) {
    return ip.family === 4 && this.#isIpv6 ? mapped(ip) : ip;
  }

  get #isIpv6() {
    return this.localAddress.includes(':');
  }

  /** @param {string} address @param {import('./socket-error.js').Tried} tried @returns {Ip} */
  #destination(address, tried) {
    const ip = ipFromText(address);
    if (!ip) {
      throw new SocketError('EINVAL', tried, 'a literal IP address is expected; bindUdp({ remote: { address: NAME, port } }) ' +
        'looks a name up, once');
    }
    if (ip.family === 6 && !this.#isIpv6) {
      throw new SocketError('EAFNOSUPPORT', tried, 'the socket is bound to an IPv4 address: bindUdp({ address: \'::\' })');
    }
    // Linux takes the wildcard for this host.
    if (isWildcard(ip)) return this.#fitting(/** @type {Ip} */ (ipFromText(ip.family === 4 ? '127.0.0.1' : '::1')));
    return this.#fitting(ip);
  }

  /**
   * What the browser would answer by an error that ends the stream.
   * @param {Ip} ip @param {number} length @param {import('./socket-error.js').Tried} tried
   */
  #check(ip, length, tried) {
    const port = this.#port;
    const most = ip.family === 4 || isMapped(ip) ? LENGTH_MAX_4 : LENGTH_MAX_6;
    const fail = (/** @type {string} */ code, /** @type {string | undefined} */ advice = undefined) => {
      throw new SocketError(code, tried, advice);
    };
    if (length > most) fail('EMSGSIZE', `${length} bytes are more than the ${most} that one datagram has room for`);
    if (length === 0 && !this.#UDPSocket.takesEmptyDatagrams) {
      fail('EOPNOTSUPP', 'Chrome sends no empty datagrams (it receives them): send at least one byte');
    }
    if (isBroadcast(ip)) fail('EACCES', 'Direct Sockets send to no broadcast address: use multicast');
    if (isMapped(ip) && this.#options.ipv6Only) fail('ENETUNREACH', 'the socket is for IPv6 alone');
    if (port.forbids(ip)) fail('EACCES', MULTICAST_POLICY);
    if (port.down) fail('ENETDOWN');
    const refused = port.refuses(ip.text);
    if (refused !== 0) throw this.#explanations.errorOf(refused, tried);
  }

  /** @param {string} text @param {import('./socket-error.js').Tried} tried @returns {string} canonical */
  #group(text, tried) {
    if (this.#closing) throw new SocketError('EBADF', tried);
    const ip = ipFromText(text);
    if (!ip || !isMulticast(ip)) {
      throw new SocketError('EINVAL', tried, 'a multicast address is expected: 224.0.0.0 to 239.255.255.255, or ff00::/8');
    }
    if ((ip.family === 6) !== this.#isIpv6) {
      throw new SocketError('EAFNOSUPPORT', tried, this.#isIpv6
        ? 'the socket is bound to an IPv6 address, and joins no IPv4 group: bind 0.0.0.0'
        : 'the socket is bound to an IPv4 address, and joins no IPv6 group: bind ::');
    }
    return ip.text;
  }

  /** @param {UDPMessage} message */
  #settle(message) {
    const promise = this.#sending.get(message);
    this.#sending.delete(message);
    return promise;
  }

  #throwFailure() {
    if (this.#failure) throw this.#failure.error;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#failure ??= { error };
    void this.close();
  }
}

/** @param {UDPMessage} message @returns {Datagram} */
function datagramOf({ data, remoteAddress, remotePort }) {
  const buffer = /** @type {ArrayBuffer} */ (data.buffer);
  // Node's are Buffers, whose slice() and toString() are not a Uint8Array's.
  const bytes = data.constructor === Uint8Array ? data : new Uint8Array(buffer, data.byteOffset, data.byteLength);
  return { data: /** @type {Uint8Array<ArrayBuffer>} */ (bytes), address: remoteAddress, port: remotePort };
}

/** @param {unknown} data @param {import('./socket-error.js').Tried} tried @returns {Uint8Array<ArrayBuffer>} */
function copyOf(data, tried) {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  if (ArrayBuffer.isView(data)) return new Uint8Array(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  throw new SocketError('EINVAL', tried, `bytes are expected (an ArrayBuffer or a view of one), not ${typeof data}` +
    (typeof data === 'string' ? ': new TextEncoder().encode(text) makes them' : ''));
}
