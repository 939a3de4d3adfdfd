// TCP as POSIX has it: the attempts of a stream socket, each of which returns its value or throws an errno, EAGAIN
// meaning "not yet". It holds the state, the options and the pending error. It never waits, sees no wasm memory and no
// descriptor; connections are TcpPort's, listening ports TcpListener's. Linux decides every case (net/ipv4/af_inet.c,
// net/ipv4/tcp.c).
import {
  AF_INET6, EADDRNOTAVAIL, EAGAIN, EALREADY, EBADF, ECONNREFUSED, EINVAL, EISCONN, ENETUNREACH, ENOPROTOOPT,
  ENOTCONN, EOPNOTSUPP, EPIPE, IPPROTO_TCP, MSG_OOB, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP, READABLE, SHUT_RD, SHUT_RDWR,
  SHUT_WR, SOCK_STREAM, WRITABLE,
} from './abi.js';
import { ipFromText, isLoopback, isMapped, isWildcard, mapped, unmapped } from './address.js';
import { TcpListener, listenerReleased } from './tcp-listener.js';
import { TcpPort } from './tcp-port.js';
import { WRITER_RESERVE } from './tcp-writer.js';

/** Linux's net.ipv4.tcp_rmem and tcp_wmem, the default of each. */
const RECEIVE_BUFFER_DEFAULT = 131072;
const SEND_BUFFER_DEFAULT = 16384;
/** Linux grows the buffers of a connection that fills them, unless the program has set them; so much is read ahead. */
const RECEIVE_BUFFER_GROWN = 1024 * 1024;

/** What the browser takes for keepAliveDelay, in ms. Linux's tcp_keepalive_time is the default. */
const KEEP_IDLE_DEFAULT = 7200;

/** @typedef {import('./address.js').Endpoint} Endpoint */
/** @typedef {import('./tcp-port.js').Accepted} Accepted */

/**
 * @typedef {object} TcpPlatform what sockets need from outside
 * @property {() => { TCPSocket: TCPSocketClass, capacity: import('./tcp-writer.js').Capacity | undefined }} clients
 *   throws an errno where there is no such class
 * @property {() => TCPServerSocketClass} servers throws an errno where there is no such class
 * @property {(address: string) => string | undefined} hostName the name behind an address that getaddrinfo invented
 * @property {import('./timers.js').Timers} timers
 * @property {(text: string) => void} explain one line on the console in debug builds: why a call failed and what to do
 */

export class TcpSocket {
  /**
   * @param {object} setup
   * @param {number} setup.family AF_INET or AF_INET6
   * @param {import('./attempt.js').WaitQueue} setup.queue notified at every change of readiness
   * @param {TcpPlatform} setup.platform
   */
  constructor({ family, queue, platform }) {
    this.family = family;
    this.type = SOCK_STREAM;
    this.protocol = IPPROTO_TCP;
    this.queue = queue;
    this.platform = platform;

    /** @type {'unbound' | 'binding' | 'bound' | 'listening' | 'connecting' | 'connected' | 'failed' | 'closed'} */
    this.state = 'unbound';
    /** What bind() asked for. @type {Endpoint | undefined} */
    this.local = undefined;
    /** Why the last bind failed, until someone has been told. */
    this.bindError = 0;
    /** Holds the port from bind() on. @type {TcpListener | undefined} */
    this.listener = undefined;
    /** @type {TcpPort | undefined} */
    this.port = undefined;
    /** @type {Endpoint | undefined} */
    this.peer = undefined;
    /** The outcome of a connect() that did not wait has been told. */
    this.connectTold = true;
    /** SO_ERROR. */
    this.error = 0;
    this.readShut = false;
    this.writeShut = false;

    // Socket options. Timeouts are ms: 0 waits for ever, negative not at all.
    this.receiveTimeout = 0;
    this.sendTimeout = 0;
    this.reuseAddress = false;
    this.broadcast = false;
    this.v6Only = false;
    this.keepAlive = false;
    /** Seconds. */
    this.keepIdle = KEEP_IDLE_DEFAULT;
    this.noDelay = false;
    /** Seconds; undefined is off. @type {number | undefined} */
    this.linger = undefined;
    this.sendBuffer = SEND_BUFFER_DEFAULT;
    this.receiveBuffer = RECEIVE_BUFFER_DEFAULT;
    /** Sizes asked for by the program. @type {number | undefined} */
    this.askedSendBuffer = undefined;
    /** @type {number | undefined} */
    this.askedReceiveBuffer = undefined;
  }

  /**
   * Starts binding; finishBind() says when and whether it is done. The browser's class for a port listens from the start,
   * and names a taken port, a refused one and an ephemeral one only in its promise `opened`; so bind() opens it and waits.
   * @param {Endpoint} local port 0: any free one
   */
  beginBind(local) {
    if (this.state === 'closed') throw EBADF;
    if (this.state !== 'unbound' || this.local) throw EINVAL;
    const listener = this.listener = new TcpListener({
      TCPServerSocket: this.platform.servers(),
      // The browser has no mapped addresses to listen on.
      localAddress: unmapped(local.ip).text,
      localPort: local.port,
      ipv6Only: this.v6Only,
      onConnection: () => this.queue.notifyListeners(READABLE),
      explain: this.platform.explain,
    });
    this.state = 'binding';
    this.local = local;
    this.bindError = 0;
    listener.opening.then(
      () => {
        if (this.listener !== listener) return;
        this.local = { ip: local.ip, port: listener.localPort };
        this.state = 'bound';
        this.queue.notifyListeners(WRITABLE);
      },
      (/** @type {number} */ errno) => {
        if (this.listener !== listener) return;
        this.state = 'unbound';
        this.local = this.listener = undefined;
        this.bindError = errno;
        this.queue.notifyListeners(WRITABLE);
      },
    );
  }

  /** Attempt: 0 once bound; EAGAIN while the browser has not answered. */
  finishBind() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'binding') throw EAGAIN;
    if (this.bindError !== 0) {
      const errno = this.bindError;
      this.bindError = 0;
      throw errno;
    }
    return 0;
  }

  /** Binds first, if need be: finishListen() tells. */
  beginListen() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'unbound') this.beginBind({ ip: this.wildcard(), port: 0 });
    else if (this.state !== 'bound' && this.state !== 'listening' && this.state !== 'binding') throw EINVAL;
  }

  /** Attempt. @param {number} backlog */
  finishListen(backlog) {
    this.finishBind();
    if (!this.listener) throw EINVAL;
    this.state = 'listening';
    this.listener.listen(backlog);
    return 0;
  }

  /**
   * Attempt: the oldest pending connection, of which `adopt` makes a socket.
   * @returns {Accepted}
   */
  accept() {
    if (this.state === 'closed') throw EBADF;
    if (this.state !== 'listening' || this.readShut) throw EINVAL;
    const accepted = this.listener?.accept();
    if (!accepted) throw EAGAIN;
    return accepted;
  }

  /**
   * @param {Accepted} accepted
   * @param {import('./attempt.js').WaitQueue} queue of the new socket
   */
  adopt(accepted, queue) {
    const connection = new TcpSocket({ family: this.family, queue, platform: this.platform });
    // Linux hands these down; SO_RCVTIMEO and its like it does not.
    connection.askedSendBuffer = this.askedSendBuffer;
    connection.askedReceiveBuffer = this.askedReceiveBuffer;
    connection.sendBuffer = this.sendBuffer;
    connection.receiveBuffer = this.receiveBuffer;
    connection.keepAlive = this.keepAlive;
    connection.keepIdle = this.keepIdle;
    connection.noDelay = this.noDelay;
    connection.linger = this.linger;
    connection.reuseAddress = this.reuseAddress;
    connection.v6Only = this.v6Only;
    connection.local = this.local;
    const { capacity } = this.platform.clients();
    connection.attach({ accepted, capacity, what: 'accept' });
    connection.state = 'connected';
    return connection;
  }

  /**
   * connect(): starts; finishConnect() says when and whether it is done.
   * @param {Endpoint} peer
   * @param {boolean} nonblocking
   * @returns {boolean} false: it was under way
   */
  beginConnect(peer, nonblocking) {
    switch (this.state) {
      case 'closed': throw EBADF;
      case 'listening': throw EISCONN;
      case 'connected':
        if (this.connectTold) throw EISCONN;
        return false;
      case 'connecting':
        if (nonblocking) throw EALREADY;
        return false;
      case 'failed':
        if (!this.connectTold) return false;
        break;
    }
    const ip = this.reachable(peer.ip);
    const { TCPSocket, capacity } = this.platform.clients();
    const host = this.platform.hostName(unmapped(ip).text) ?? unmapped(ip).text;
    /** @type {TCPSocketOptions} */
    // Nagle's algorithm is a matter of speed alone, and off before the program can say so costs it nothing.
    const options = { noDelay: true };
    if (this.keepAlive) options.keepAliveDelay = this.keepIdle * 1000;
    if (this.askedSendBuffer) options.sendBufferSize = this.askedSendBuffer;
    if (this.askedReceiveBuffer) options.receiveBufferSize = this.askedReceiveBuffer;
    const { local, listener } = this;
    if (local && (local.port !== 0 || !isWildcard(local.ip))) {
      if (!TCPSocket.bindsLocally) {
        this.platform.explain(`connect ${host}:${peer.port}: EADDRNOTAVAIL: the socket is bound to ` +
          `${local.ip.text}:${local.port}, and the browser chooses the local address of a connection: leave out bind()`);
        throw EADDRNOTAVAIL;
      }
      options.localAddress = unmapped(local.ip).text;
      options.localPort = local.port;
    }
    this.listener = undefined;
    listener?.close();
    // Port 0 is refused here: the browser's TypeError says nothing more.
    if (peer.port === 0) throw ECONNREFUSED;
    this.peer = { ip, port: peer.port };
    this.state = 'connecting';
    this.connectTold = !nonblocking;
    this.error = 0;
    const port = this.attach({
      create: () => new TCPSocket(host, peer.port, options),
      // Of this program's own listeners close() frees both ports a moment later.
      after: Promise.all([listenerReleased(options.localPort ?? 0), listenerReleased(peer.port)]),
      capacity,
      what: `connect ${host}:${peer.port}`,
    });
    port.opening.then(
      () => {
        if (this.port !== port) return;
        this.state = 'connected';
        this.queue.notifyListeners(WRITABLE);
      },
      (/** @type {number} */ errno) => {
        if (this.port !== port) return;
        this.port = undefined;
        this.state = 'failed';
        this.error = errno;
        this.queue.notifyListeners(POLLERR | POLLHUP | READABLE | WRITABLE);
      },
    );
    return true;
  }

  /**
   * Attempt: 0 once connected; EAGAIN while the browser has not answered.
   */
  finishConnect() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'connecting') throw EAGAIN;
    this.connectTold = true;
    if (this.state === 'failed' || this.state === 'unbound') throw this.takeError() || ECONNREFUSED;
    return 0;
  }

  /** connect() to AF_UNSPEC: the connection is given up, and the socket is as new. */
  disconnect() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'listening' || this.state === 'bound') this.listener?.close();
    this.port?.close(true);
    this.port = this.listener = this.local = this.peer = undefined;
    this.state = 'unbound';
    this.error = 0;
    this.connectTold = true;
    this.readShut = this.writeShut = false;
    this.queue.notifyListeners(POLLHUP | READABLE | WRITABLE);
  }

  /** @param {Pick<import('./tcp-port.js').TcpPortOptions, 'create' | 'accepted' | 'after' | 'capacity' | 'what'>} how */
  attach(how) {
    const port = this.port = new TcpPort({
      ...how,
      timers: this.platform.timers,
      receiveLimit: () => this.receiveLimit(),
      onReadable: () => {
        if (this.port === port) this.noticeError(port);
        this.queue.notifyListeners(READABLE | (port.ended ? POLLRDHUP | POLLHUP : 0));
      },
      onWritable: () => {
        if (this.writable()) this.queue.notifyListeners(WRITABLE);
      },
      explain: this.platform.explain,
    });
    return port;
  }

  /** @param {TcpPort} port */
  noticeError(port) {
    if (port.error !== 0 && !port.errorNoticed) {
      port.errorNoticed = true;
      this.error = port.error;
    }
  }

  /**
   * Attempt.
   * @param {number} length bytes
   * @param {(target: Uint8Array) => void} copy stores the first bytes of them, as many as the target has
   * @param {number} flags MSG_*
   * @returns {number} bytes accepted, which may be fewer
   */
  send(length, copy, flags) {
    if (this.state === 'closed') throw EBADF;
    if (flags & MSG_OOB) throw EOPNOTSUPP;
    if (this.state === 'connecting') throw EAGAIN;
    this.throwPending();
    const writer = this.port?.writer;
    if (this.state !== 'connected' || this.writeShut || !writer || writer.broken) throw EPIPE;
    if (length === 0) return 0;
    const room = this.sendLimit() - writer.outstanding;
    if (room <= 0) throw EAGAIN;
    const accepted = Math.min(room, length);
    writer.send(accepted, copy);
    return accepted;
  }

  /**
   * Attempt.
   * @param {number} limit bytes at most
   * @param {boolean} peek leave them queued
   * @param {(piece: Uint8Array, offset: number) => void} sink as of ByteQueue.read
   * @returns {number} bytes; 0 at the end of the stream
   */
  receive(limit, peek, sink) {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'connecting') throw EAGAIN;
    const { port } = this;
    if (port && port.received.length > 0) {
      const count = port.received.read(limit, peek, sink);
      if (!peek) port.pull();
      return count;
    }
    this.throwPending();
    if (!port || this.state !== 'connected') {
      if (this.state === 'failed') return 0;
      throw ENOTCONN;
    }
    if (port.ended || this.readShut) return 0;
    throw EAGAIN;
  }

  /** True when receive() is sure to throw EAGAIN. */
  nothingToReceive() {
    const { port } = this;
    return this.state === 'connected' && port !== undefined && port.received.length === 0 && !port.ended &&
      !this.readShut && this.error === 0;
  }

  /** FIONREAD: bytes that can be read. */
  nextLength() {
    if (this.state === 'listening') throw EINVAL;
    return this.port?.received.length ?? 0;
  }

  /** True when no more is read ahead than is queued. */
  isFull() {
    return this.nextLength() >= this.receiveLimit();
  }

  /** True when no more bytes will come than are queued. */
  atEnd() {
    return this.readShut || this.port === undefined || this.port.ended;
  }

  /** Attempt: the local address; EAGAIN while it is not known yet. @returns {Endpoint} */
  localEndpoint() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'binding') throw EAGAIN;
    const info = this.port?.info;
    if (info?.localAddress !== undefined) {
      return { ip: this.shown(info.localAddress), port: Number(info.localPort) };
    }
    // The browser does not tell an accepted connection's own address: the port is the listener's.
    const { local } = this;
    if (!local) return { ip: this.wildcard(), port: 0 };
    if (!info || !isWildcard(local.ip)) return local;
    return { ip: this.sourceTowards(this.shown(info.remoteAddress)), port: local.port };
  }

  /** @returns {Endpoint} */
  peerEndpoint() {
    if (this.state === 'closed') throw EBADF;
    if (this.state !== 'connected' || this.port?.error) throw ENOTCONN;
    // Of a connection by name, the address the program connected to is one that getaddrinfo made up.
    if (this.peer) return this.peer;
    const info = this.port?.info;
    if (!info) throw ENOTCONN;
    return { ip: this.shown(info.remoteAddress), port: info.remotePort };
  }

  /** @param {number} how SHUT_* */
  shutdown(how) {
    if (this.state === 'closed') throw EBADF;
    if (how !== SHUT_RD && how !== SHUT_WR && how !== SHUT_RDWR) throw EINVAL;
    if (this.state === 'listening') {
      if (how === SHUT_WR) return 0;
      this.listener?.close();
      this.listener = undefined;
      this.state = 'unbound';
      this.local = undefined;
      this.queue.notifyListeners(POLLHUP | READABLE);
      return 0;
    }
    if (this.state !== 'connected' || !this.port) throw ENOTCONN;
    if (how !== SHUT_WR) this.readShut = true;
    if (how !== SHUT_RD && !this.writeShut) {
      this.writeShut = true;
      if (!this.port.endsHalf && !this.readShut && !this.port.ended) {
        this.platform.explain('shutdown(SHUT_WR): Chromium tells the peer only when the socket is closed or the peer ' +
          'has ended its side too');
      }
      this.port.endSending();
    }
    if (this.readShut && this.writeShut) this.port.endBoth();
    this.queue.notifyListeners(READABLE | POLLRDHUP | POLLHUP | WRITABLE);
    return 0;
  }

  /** Whoever waits wakes with EBADF. Accepted bytes still go out. */
  close() {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.listener?.close();
    this.port?.close(this.linger === 0);
    this.port = this.listener = undefined;
    this.queue.notifyListeners(POLLNVAL);
  }

  /** @returns {number} POLL*: tcp_poll */
  poll() {
    switch (this.state) {
      case 'closed': return POLLNVAL;
      case 'binding':
      case 'bound':
      case 'unbound': return POLLHUP | WRITABLE;
      case 'listening': return (this.listener?.pending.length ?? 0) > 0 ? READABLE : 0;
      case 'connecting': return 0;
      case 'failed': return READABLE | POLLRDHUP | POLLHUP | WRITABLE | (this.error !== 0 ? POLLERR : 0);
    }
    const port = /** @type {TcpPort} */ (this.port);
    let mask = 0;
    if (port.received.length > 0) mask |= READABLE;
    if (port.ended || this.readShut) mask |= READABLE | POLLRDHUP;
    if ((port.ended || this.readShut) && (this.writeShut || port.error !== 0)) mask |= POLLHUP;
    if (this.error !== 0) mask |= POLLERR;
    if (this.writable()) mask |= WRITABLE;
    return mask;
  }

  /** A third of the limit free, as in Linux: a waiter woken for each chunk would do little but wake. */
  writable() {
    const writer = this.port?.writer;
    if (!writer || this.state !== 'connected' || this.writeShut || writer.broken) return true;
    return 3 * writer.outstanding <= 2 * this.sendLimit();
  }

  sendLimit() {
    return this.sendBuffer + WRITER_RESERVE;
  }

  receiveLimit() {
    return this.askedReceiveBuffer === undefined ? RECEIVE_BUFFER_GROWN : this.receiveBuffer;
  }

  /** SO_ACCEPTCONN. */
  get accepting() {
    return this.state === 'listening';
  }

  /** Options that the browser takes only when a connection is opened. @param {boolean} value @param {number} seconds */
  setKeepAlive(value, seconds) {
    const port = this.port;
    if (port && !port.setKeepAlive(value, seconds)) {
      if (value === this.keepAlive && seconds === this.keepIdle) return;
      this.platform.explain('setsockopt SO_KEEPALIVE: ENOPROTOOPT: the browser takes it before connect() only');
      throw ENOPROTOOPT;
    }
    this.keepAlive = value;
    this.keepIdle = seconds;
  }

  /** SO_ERROR: reading clears it. */
  takeError() {
    const { error } = this;
    this.error = 0;
    // Whoever has seen how a connect() ended may start another.
    if (this.state === 'failed') this.connectTold = true;
    return error;
  }

  throwPending() {
    if (this.error !== 0) throw this.takeError();
  }

  wildcard() {
    return literalIp(this.family === AF_INET6 ? '::' : '0.0.0.0');
  }

  /** @param {string} text as the browser writes it; an IPv6 socket sees IPv4 addresses as mapped ones */
  shown(text) {
    const ip = ipFromText(text) ?? this.wildcard();
    return this.family === AF_INET6 && ip.family === 4 ? mapped(ip) : ip;
  }

  /**
   * The address to connect to; Linux takes the wildcard for this host.
   * @param {import('./address.js').Ip} ip
   */
  reachable(ip) {
    if (isWildcard(ip)) return literalIp(ip.family === 6 ? '::1' : '127.0.0.1');
    if (this.v6Only && isMapped(ip)) throw ENETUNREACH;
    if (ip.text === '255.255.255.255') throw ENETUNREACH;
    return ip;
  }

  /**
   * Only for loopback the local address of an accepted connection is known here.
   * @param {import('./address.js').Ip} peer
   */
  sourceTowards(peer) {
    return isLoopback(peer) ? peer : this.wildcard();
  }
}

/** @param {string} text */
function literalIp(text) {
  return /** @type {import('./address.js').Ip} */ (ipFromText(text));
}
