// How a stream socket comes to its connection and how it ends: bind, listen, accept, connect, shutdown, close. Attempts, as
// all of tcp.js, which has what is done in between: each returns its value or throws an errno, EAGAIN meaning "not yet".
// It never waits, sees no wasm memory and no descriptor. Linux decides every case (net/ipv4/af_inet.c).
import {
  EADDRNOTAVAIL, EAGAIN, EALREADY, EBADF, ECONNREFUSED, EINVAL, EISCONN, ENETUNREACH, ENOTCONN, IPPROTO_TCP, POLLERR,
  POLLHUP, POLLNVAL, POLLRDHUP, READABLE, SHUT_RD, SHUT_RDWR, SHUT_WR, SOCK_STREAM, WRITABLE,
} from './abi.js';
import { isLoopback, isMapped, isWildcard, unmapped } from './address.js';
import { SocketBase, literalIp } from './socket-base.js';
import { TcpListener, boundOnly, listenerReleased } from './tcp-listener.js';
import { TcpPort } from './tcp-port.js';
import { WRITER_RESERVE } from './tcp-writer.js';

/** Linux's net.ipv4.tcp_rmem and tcp_wmem, the default of each. */
const RECEIVE_BUFFER_DEFAULT = 131072;
const SEND_BUFFER_DEFAULT = 16384;
/** Linux grows the buffers of a connection that fills them, unless the program has set them; so much is read ahead. */
const RECEIVE_BUFFER_GROWN = 1024 * 1024;

/** Linux's tcp_keepalive_time, in seconds. */
const KEEP_IDLE_DEFAULT = 7200;

/** @typedef {import('./address.js').Endpoint} Endpoint */
/** @typedef {import('./tcp-port.js').Accepted} Accepted */

/**
 * @typedef {object} TcpPlatform what sockets need from outside
 * @property {() => { TCPSocket: TCPSocketClass, capacity: import('./tcp-writer.js').Capacity | undefined }} clients
 *   throws an errno where there is no such class
 * @property {() => TCPServerSocketClass} servers throws an errno where there is no such class
 * @property {import('./made-up-addresses.js').MadeUpAddresses} madeUp addresses that stand for names
 * @property {import('./own-address.js').OwnAddresses} ownAddresses
 * @property {import('./timers.js').Timers} timers
 * @property {(text: string) => void} say one line on the console
 * @property {(text: string) => void} explain the same in debug builds only: why a call failed and what to do
 */

export class TcpLifecycle extends SocketBase {
  /**
   * @param {object} setup
   * @param {number} setup.family AF_INET or AF_INET6
   * @param {import('./attempt.js').WaitQueue} setup.queue notified at every change of readiness
   * @param {TcpPlatform} setup.platform
   */
  constructor({ family, queue, platform }) {
    super({ family, type: SOCK_STREAM, protocol: IPPROTO_TCP, queue });
    this.platform = platform;

    /** @type {'unbound' | 'binding' | 'bound' | 'listening' | 'connecting' | 'connected' | 'failed' | 'closed'} */
    this.state = 'unbound';
    /** What bind() asked for. @type {Endpoint | undefined} */
    this.local = undefined;
    /** bind() asked for any free port. */
    this.anyPort = false;
    /** Holds the port from bind() on. @type {TcpListener | undefined} */
    this.listener = undefined;
    /** @type {TcpPort | undefined} */
    this.port = undefined;
    /** @type {Endpoint | undefined} */
    this.peer = undefined;
    /** The outcome of a connect() that did not wait has been told. */
    this.connectTold = true;

    /** TCP_KEEPIDLE, seconds. */
    this.keepIdle = KEEP_IDLE_DEFAULT;
    this.sendBuffer = SEND_BUFFER_DEFAULT;
    this.receiveBuffer = RECEIVE_BUFFER_DEFAULT;
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
    this.anyPort = local.port === 0;
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
    const { madeUp } = this.platform;
    const host = madeUp.find(ip)?.name ?? unmapped(ip).text;
    const options = this.connectOptions(TCPSocket, host, ip, peer.port);
    const { listener } = this;
    this.listener = undefined;
    listener?.close();
    // Port 0 is refused here: the browser's TypeError says nothing more.
    if (peer.port === 0) throw ECONNREFUSED;
    this.peer = { ip, port: peer.port };
    this.state = 'connecting';
    this.connectTold = !nonblocking;
    this.error = 0;
    const refused = boundOnly(unmapped(ip), peer.port);
    const port = this.attach({
      create: () => {
        if (refused) throw ECONNREFUSED;
        return new TCPSocket(unmapped(madeUp.behind(ip, () => {})).text, peer.port, options);
      },
      // Of this program's own listeners close() frees both ports a moment later.
      after: Promise.all([
        listenerReleased(options.localPort ?? 0), listenerReleased(peer.port), madeUp.find(ip)?.settled,
      ]),
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
   * Whether a connection whose local address the browser chooses has the one that bind() asked for: any, or loopback's,
   * from which everything on loopback is connected to. The port is another one than after bind().
   * @param {Endpoint} local @param {import('./address.js').Ip} peer
   */
  isAsBound({ ip }, peer) {
    if (!this.anyPort) return false;
    const { text } = unmapped(ip);
    return isWildcard(ip) || (isLoopback(peer) && text === (unmapped(peer).family === 6 ? '::1' : '127.0.0.1'));
  }

  /**
   * What the program has asked for before connect(), as the browser takes it.
   * @param {TCPSocketClass} TCPSocket
   * @param {string} host where to, for the message
   * @param {import('./address.js').Ip} ip
   * @param {number} port
   * @returns {TCPSocketOptions}
   */
  connectOptions(TCPSocket, host, ip, port) {
    /** @type {TCPSocketOptions} */
    // Nagle's algorithm is a matter of speed alone, and off before the program can say so costs it nothing.
    const options = { noDelay: true };
    if (this.keepAlive) options.keepAliveDelay = this.keepIdle * 1000;
    if (this.askedSendBuffer) options.sendBufferSize = this.askedSendBuffer;
    if (this.askedReceiveBuffer) options.receiveBufferSize = this.askedReceiveBuffer;
    const { local } = this;
    if (local && TCPSocket.bindsLocally && (local.port !== 0 || !isWildcard(local.ip))) {
      options.localAddress = unmapped(local.ip).text;
      options.localPort = local.port;
    } else if (local && !this.isAsBound(local, ip)) {
      this.platform.explain(`connect ${host}:${port}: EADDRNOTAVAIL: the socket is bound to ` +
        `${local.ip.text}:${this.anyPort ? 0 : local.port}, and the browser chooses the local address of a ` +
        'connection: leave out bind()');
      throw EADDRNOTAVAIL;
    }
    return options;
  }

  /** Attempt: 0 once connected; EAGAIN while the browser has not answered. */
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
      say: this.platform.say,
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

  /** SO_ERROR: reading clears it. @override */
  takeError() {
    // Whoever has seen how a connect() ended may start another.
    if (this.state === 'failed') this.connectTold = true;
    return super.takeError();
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
}
