// UDP as POSIX has it: the attempts of a datagram socket, each of which returns its value or throws an errno, EAGAIN
// meaning "not yet". It holds the receive queue, the peer, the pending error. It never waits, sees no wasm memory and no
// descriptor; the browser's sockets are behind UdpPort. Linux decides every case (net/ipv4/udp.c, net/ipv6/udp.c).
import {
  EACCES, EAGAIN, EBADF, EDESTADDRREQ, EINVAL, EIO, EMSGSIZE, ENETDOWN, ENETUNREACH, ENOPROTOOPT, ENOTCONN, EOPNOTSUPP, EPIPE,
  IPPROTO_UDP, MSG_MORE, MSG_OOB, POLLERR, POLLHUP, POLLNVAL, READABLE, SHUT_RD, SHUT_RDWR, SHUT_WR,
  SOCK_DGRAM, WRITABLE,
} from './abi.js';
import { ipFromText, isBroadcast, isLoopback, isMapped, isWildcard, sameIp } from './address.js';
import { DatagramQueue } from './datagram-queue.js';
import { BUFFER_DEFAULT, SocketBase, literalIp } from './socket-base.js';
import { MULTICAST_POLICY, Multicast } from './udp-multicast.js';
import { UdpPort } from './udp-port.js';

/**
 * Asked of the system for every socket, in bytes: it holds what arrives while the program computes and nothing can be
 * read, which is not bounded by SO_RCVBUF here; and SO_RCVBUF may be set after the browser has opened the socket. Stripes
 * share it, down to a quarter for each, as a flow comes by one of them alone: all of them full are a flood, and what is
 * behind it waits until they are read (0.3 s with eight times the whole). Chromium gives no socket more than 128 KiB
 * (ClampUDPBufferSize in services/network/udp_socket.cc; seen in 156).
 */
const SYSTEM_RECEIVE_BUFFER = 1 << 20;
const SHARES_MAX = 4;

/** 65,535 bytes of IP packet or payload, less the headers counted in it: RFC 791, RFC 8200, RFC 768. */
const LENGTH_MAX_4 = 65507;
const LENGTH_MAX_6 = 65527;

/** @typedef {import('./address.js').Endpoint} Endpoint */
/** @typedef {import('./address.js').Ip} Ip */

export class UdpSocket extends SocketBase {
  /**
   * @param {object} setup
   * @param {number} setup.family AF_INET or AF_INET6
   * @param {import('./attempt.js').WaitQueue} setup.queue notified at every change of readiness
   * @param {UDPSocketClass} setup.UDPSocket
   * @param {number} setup.stripes default of DS_STRIPES
   * @param {(text: string) => void} setup.say one line on the console
   * @param {(text: string) => void} setup.explain the same in debug builds only: why a call failed and what to do
   * @param {(ip: Ip, onKnown: () => void) => Ip} [setup.addressBehind] see MadeUpAddresses.behind
   * @param {(peer: Ip) => Ip | undefined} [setup.ownAddress] see OwnAddresses.towards
   * @param {(data: Uint8Array) => void} [setup.giveBack] takes what send()'s `copy` made, once it has left or is lost
   */
  constructor({
    family, queue, UDPSocket, stripes, say, explain, addressBehind = (ip) => ip, ownAddress = () => undefined,
    giveBack = () => {},
  }) {
    super({ family, type: SOCK_DGRAM, protocol: IPPROTO_UDP, queue });
    this.UDPSocket = UDPSocket;
    this.say = say;
    this.explain = explain;
    this.addressBehind = addressBehind;
    this.ownAddress = ownAddress;
    this.giveBack = giveBack;

    /** @type {'unbound' | 'opening' | 'bound' | 'closed'} */
    this.state = 'unbound';
    /** Bound by the first send or by connect, not by the program. */
    this.implicit = false;
    /** The address the program bound to, kept when a port it did not name is given back. @type {Ip | undefined} */
    this.boundIp = undefined;
    this.namedPort = false;
    /** @type {UdpPort | undefined} */
    this.port = undefined;
    /** @type {Endpoint | undefined} */
    this.peer = undefined;

    this.stripes = stripes;
    this.reusePort = false;
    this.multicast = new Multicast(explain);
    this.sendBuffer = BUFFER_DEFAULT;
    /** @type {DatagramQueue<UDPMessage>} */
    this.received = new DatagramQueue(BUFFER_DEFAULT);
  }

  /**
   * Starts binding; finishBind() says when and whether it is done. The browser names a taken port, a refused one and an
   * ephemeral port only in its promise `opened`, so bind waits for it even on a non-blocking descriptor.
   * @param {Endpoint} local port 0: any free one
   */
  beginBind(local, implicit = false) {
    if (this.state === 'closed') throw EBADF;
    if (this.state !== 'unbound') throw EINVAL;
    this.state = 'opening';
    this.implicit = implicit;
    this.namedPort = local.port !== 0;
    if (!implicit) this.boundIp = local.ip;
    this.bindError = 0;
    const stripes = Math.min(this.stripes, this.UDPSocket.mostStripes ?? Infinity);
    const port = this.port = new UdpPort({
      UDPSocket: this.UDPSocket,
      localAddress: local.ip.text,
      localPort: local.port,
      // Elsewhere than on :: there is nothing to restrict, and the browser refuses the option.
      ipv6Only: this.v6Only && local.ip.text === '::',
      stripes,
      shared: this.reuseAddress || this.reusePort,
      broadcast: this.broadcast,
      multicast: this.multicast,
      receiveBufferSize: Math.max(this.askedReceiveBuffer ?? 0, SYSTEM_RECEIVE_BUFFER / Math.min(stripes, SHARES_MAX)),
      sendBufferSize: this.askedSendBuffer,
      onDatagram: (message) => this.deliver(message),
      onReleased: this.giveBack,
      onDrain: () => {
        if (this.writable()) this.queue.notifyListeners(WRITABLE);
      },
      onSendFailed: (errno) => this.sendFailed(errno),
      say: this.say,
      explain: this.explain,
    });
    port.opening.then(
      () => {
        if (this.port !== port) return;
        this.state = 'bound';
        this.queue.notifyListeners(WRITABLE);
      },
      (/** @type {number} */ errno) => {
        if (this.port !== port) return;
        this.state = 'unbound';
        this.port = undefined;
        this.bindError = errno;
        if (!implicit) this.boundIp = undefined;
        // Nobody asked for this bind: whoever calls next is told, as with any asynchronous error of Linux.
        if (implicit) this.error = errno;
        this.queue.notifyListeners(POLLERR | READABLE | WRITABLE);
      },
    );
  }

  /** Attempt: 0 once bound; EAGAIN while the browser has not answered. */
  finishBind() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'opening') throw EAGAIN;
    if (this.bindError !== 0) {
      const errno = this.bindError;
      this.bindError = 0;
      if (this.implicit) this.error = 0;
      throw errno;
    }
    return 0;
  }

  bindImplicitly() {
    if (this.state === 'unbound') this.beginBind({ ip: this.boundIp ?? this.wildcard(), port: 0 }, true);
  }

  /**
   * Sets the peer, which then is the only one heard and the default destination. Binds if need be: finishBind() tells.
   * @param {Endpoint} peer
   */
  connect(peer) {
    if (this.state === 'closed') throw EBADF;
    this.peer = { ip: this.reachable(peer.ip), port: peer.port };
    this.bindImplicitly();
  }

  /** connect() to AF_UNSPEC: no peer any more. A port that the program did not name is given back. */
  disconnect() {
    if (this.state === 'closed') throw EBADF;
    this.peer = undefined;
    if (!this.namedPort && this.port) {
      this.port.close();
      this.port = undefined;
      this.state = 'unbound';
      // Whoever waits for that port, in another thread.
      this.queue.notifyListeners(WRITABLE);
    }
  }

  /**
   * Attempt.
   * @param {number} length bytes
   * @param {() => Uint8Array} copy makes the copy that is sent, once the datagram is accepted
   * @param {Endpoint | undefined} destination
   * @param {number} flags MSG_*
   * @returns {number} length
   */
  send(length, copy, destination, flags) {
    if (this.state === 'closed') throw EBADF;
    if (length > 0xffff) throw EMSGSIZE;
    // Corking (MSG_MORE) would have to be undone on every other path; no caller of it is known on this platform.
    if (flags & (MSG_OOB | MSG_MORE)) throw EOPNOTSUPP;
    const to = destination ?? this.peer;
    if (!to) throw EDESTADDRREQ;
    // Each of these the browser would answer by breaking the stream.
    if (to.port === 0 && destination) throw EINVAL;
    const ip = this.addressBehind(this.reachable(to.ip), () => this.queue.notifyListeners(WRITABLE));
    if (length > (ip.family === 4 || isMapped(ip) ? LENGTH_MAX_4 : LENGTH_MAX_6)) throw EMSGSIZE;
    if (length === 0 && !this.UDPSocket.takesEmptyDatagrams) {
      this.explain('send: EOPNOTSUPP: Chrome sends no empty datagrams (it receives them): send at least one byte');
      throw EOPNOTSUPP;
    }
    this.throwPending();
    if (this.writeShut) throw EPIPE;
    // connect() takes port 0, and what is sent there is lost.
    if (to.port === 0) return length;
    this.bindImplicitly();
    const port = /** @type {UdpPort} */ (this.port);
    if (port.down) throw ENETDOWN;
    const refusal = port.refuses(ip.text);
    if (refusal !== 0) throw refusal;
    if (port.forbids(ip)) {
      this.explain(`send to ${ip.text}: EACCES: ${MULTICAST_POLICY}`);
      throw EACCES;
    }
    if (port.outstanding >= this.sendBuffer) throw EAGAIN;
    port.send(copy(), ip.text, to.port);
    return length;
  }

  /**
   * Attempt.
   * @param {boolean} peek leave it queued
   * @param {boolean} nonblocking
   * @returns {UDPMessage | undefined} undefined after shutdown(SHUT_RD): end of file
   */
  receive(peek, nonblocking) {
    if (this.state === 'closed') throw EBADF;
    this.throwPending();
    const message = peek ? this.received.peek() : this.received.shift();
    if (message) return message;
    // A call that would not wait never finds out: Linux looks at the shutdown when it goes to sleep.
    if (this.readShut && !nonblocking) return undefined;
    throw EAGAIN;
  }

  /** True when receive() is sure to throw EAGAIN. */
  nothingToReceive() {
    return this.received.length === 0 && this.error === 0 && this.state !== 'closed' && !this.readShut;
  }

  /** FIONREAD: bytes of the next datagram. */
  nextLength() {
    return this.received.peek()?.data.byteLength ?? 0;
  }

  /** Attempt: the local address; EAGAIN while the port is not known yet. @returns {Endpoint} */
  localEndpoint() {
    if (this.state === 'closed') throw EBADF;
    if (this.state === 'opening') throw EAGAIN;
    if (!this.port) return { ip: this.boundIp ?? this.wildcard(), port: 0 };
    const ip = ipFromText(this.port.localAddress) ?? this.wildcard();
    return { ip: this.peer && isWildcard(ip) ? this.sourceTowards(this.peer.ip) : ip, port: this.port.localPort };
  }

  /** @returns {Endpoint} */
  peerEndpoint() {
    if (this.state === 'closed') throw EBADF;
    if (!this.peer) throw ENOTCONN;
    return this.peer;
  }

  /** @param {number} how SHUT_* */
  shutdown(how) {
    if (this.state === 'closed') throw EBADF;
    if (how !== SHUT_RD && how !== SHUT_WR && how !== SHUT_RDWR) throw EINVAL;
    if (how !== SHUT_WR) this.readShut = true;
    if (how !== SHUT_RD) this.writeShut = true;
    this.queue.notifyListeners(READABLE | POLLHUP);
    // Linux shuts an unconnected socket down too, and then says so.
    if (!this.peer) throw ENOTCONN;
    return 0;
  }

  /** Whoever waits wakes with EBADF. Datagrams already accepted still go out. */
  close() {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.port?.close();
    this.port = undefined;
    this.received.clear();
    this.queue.notifyListeners(POLLNVAL);
  }

  /** @returns {number} POLL* */
  poll() {
    if (this.state === 'closed') return POLLNVAL;
    return this.readiness(this.received.length > 0, this.writable());
  }

  /** Half of SO_SNDBUF free, as in Linux: a waiter woken for each datagram would do nothing but wake. */
  writable() {
    return !this.port || this.port.down || 2 * this.port.outstanding <= this.sendBuffer;
  }

  /** @param {UDPMessage} message */
  deliver(message) {
    const { peer } = this;
    if (peer && !(message.remotePort === peer.port && isFrom(message, this.peerAddress(peer.ip)))) return;
    if (this.received.push(message)) this.queue.notifyListeners(READABLE);
  }

  /** @param {Ip} ip that connect() was given @returns {Ip} where datagrams come from */
  peerAddress(ip) {
    try {
      return this.addressBehind(ip, () => {});
    } catch {
      return ip;
    }
  }

  /** Only a connected socket hears of a datagram that could not be sent; an unconnected one does not in Linux either. */
  sendFailed(/** @type {number} */ errno) {
    if (!this.peer) return;
    this.error = errno;
    this.queue.notifyListeners(POLLERR | READABLE | WRITABLE);
  }

  /** @param {boolean} on */
  setBroadcast(on) {
    if (on && !this.UDPSocket.broadcasts) {
      this.explain('setsockopt SO_BROADCAST: ENOPROTOOPT: Direct Sockets send to no broadcast address: use multicast');
      throw ENOPROTOOPT;
    }
    this.broadcast = on;
    this.port?.setBroadcast(on);
  }

  /** Hops or loop of what is sent to groups. @param {{ hops?: number, loop?: boolean }} change */
  changeMulticast(change) {
    const { multicast, port } = this;
    const { hops = multicast.hops, loop = multicast.loop } = change;
    if (hops === multicast.hops && loop === multicast.loop) return undefined;
    const set = () => void Object.assign(multicast, change);
    if (port) return this.outcomeOf(port.reopen(set));
    set();
    return undefined;
  }

  /** @param {Ip} group that it is not a member of */
  join(group) {
    if (this.port) return this.outcomeOf(this.port.join(group.text));
    // When it is bound.
    this.multicast.groups.add(group.text);
    return undefined;
  }

  /** @param {Ip} group */
  leave(group) {
    if (this.port) return this.outcomeOf(this.port.leave(group.text));
    this.multicast.groups.delete(group.text);
    return undefined;
  }

  /**
   * @param {Promise<void>} promise of the port; rejects with an errno
   * @returns {() => number} an attempt: EAGAIN until it settles
   */
  outcomeOf(promise) {
    let errno = EAGAIN;
    const settle = (/** @type {number} */ value) => {
      errno = value;
      // Nothing became readable or writable.
      this.queue.notifyListeners(0);
    };
    promise.then(() => settle(0), (error) => settle(typeof error === 'number' ? error : EIO));
    return () => {
      if (this.state === 'closed') throw EBADF;
      if (errno !== 0) throw errno;
      return 0;
    };
  }

  /** SO_RCVBUF. */
  get receiveBuffer() {
    return this.received.limit;
  }

  set receiveBuffer(bytes) {
    this.received.limit = bytes;
  }

  /**
   * The address to write for a destination; Linux takes the wildcard for this host.
   * @param {Ip} ip
   */
  reachable(ip) {
    if (isWildcard(ip)) return literalIp(ip.family === 6 ? '::1' : '127.0.0.1');
    if (isBroadcast(ip) && !this.broadcast) throw EACCES;
    if (this.v6Only && isMapped(ip)) throw ENETUNREACH;
    return ip;
  }

  /** Attempt: the source address that Linux chooses when a socket is connected. @param {Ip} peer */
  sourceTowards(peer) {
    if (!isLoopback(peer)) return this.ownAddress(peer) ?? this.wildcard();
    if (peer.family === 4) return literalIp('127.0.0.1');
    return literalIp(isMapped(peer) ? '::ffff:127.0.0.1' : '::1');
  }
}

/** @param {UDPMessage} message @param {Ip} ip */
function isFrom(message, ip) {
  if (message.remoteAddress === ip.text) return true;
  const from = ipFromText(message.remoteAddress);
  return from !== undefined && sameIp(from, ip);
}
