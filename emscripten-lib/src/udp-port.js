// One UDP port, held by one or several of the browser's UDPSockets ("stripes"): opening, writing, reading, replacing a
// stripe that broke, closing. It speaks Direct Sockets and nothing else: no sockaddr, no errno but of opening, no queue.
import { EACCES, EADDRINUSE, EADDRNOTAVAIL } from './abi.js';
import { ipFromText, isMulticast } from './address.js';
import { bindErrno, describe, isPortTaken, sendErrno } from './browser-errors.js';
import { DATAGRAM_OVERHEAD } from './datagram-queue.js';
import { Stripe, pause } from './udp-stripe.js';

/** A stripe that cannot be reopened is tried again after 10 ms, then twice as long each time, up to this. */
const REOPEN_DELAY_MAX = 1000;
/**
 * Stripes that a port opens with; the others join one by one as datagrams queue up behind those under way: so many of them
 * within CROWDED_MS. A small program pays for four sockets, and a busy one has all it may have after a tenth of a second.
 */
const STRIPES_AT_FIRST = 4;
const CROWDED_DATAGRAMS = 256;
const CROWDED_MS = 1000;
/** For how long a destination whose write was rejected is refused, in ms: each rejection costs a stripe. */
const REFUSE_MS = 1000;
const REFUSED_DESTINATIONS = 256;

/** Chrome's, for Isolated Web Apps. */
const PORT_RULE = { ports: 'UDP ports', lowest: 1024 };

/** Ports being released, by number: a bind that follows a close at once waits for it. @type {Map<number, Promise<void>>} */
const releasing = new Map();

/**
 * When ports were released, by number. Chromium says closed a little before the system's socket is; a port that was
 * released less than RELEASE_LAG ms ago and is said to be in use is tried again.
 * @type {Map<number, number>}
 */
const released = new Map();
const RELEASE_LAG = 500;
const RELEASED_PORTS = 1024;

/** @param {number} port */
function markReleased(port) {
  if (released.size >= RELEASED_PORTS) released.clear();
  released.set(port, performance.now());
}

/** Every port that is not yet released. @type {Set<UdpPort>} */
const openPorts = new Set();

/** Resolves once every datagram that was accepted has been handed to the system. */
export async function drained() {
  await Promise.all([...openPorts].map((port) => port.drained()));
}

/** @typedef {UDPMessage & { released: boolean }} Outgoing once it is released, others write to its `data` */

/**
 * @typedef {object} PortOptions
 * @property {UDPSocketClass} UDPSocket
 * @property {string} localAddress
 * @property {number} localPort 0: any free one
 * @property {boolean} ipv6Only
 * @property {number} stripes as many as it may have
 * @property {boolean} shared the program wants the port beside others that share it
 * @property {boolean} broadcast
 * @property {import('./udp-multicast.js').Multicast} multicast
 * @property {number | undefined} receiveBufferSize bytes
 * @property {number | undefined} sendBufferSize bytes
 * @property {(message: UDPMessage) => void} onDatagram
 * @property {(message?: Outgoing) => void} onDrain outstanding bytes became fewer: `message` is off the list, sent or lost
 * @property {(data: Uint8Array) => void} onReleased the data of a datagram are needed no more
 * @property {(errno: number, message: Outgoing) => void} onSendFailed a datagram was rejected, and is lost
 * @property {(text: string) => void} say one line on the console
 * @property {(text: string) => void} explain the same in debug builds only
 */

export class UdpPort {
  /** @param {PortOptions} options */
  constructor(options) {
    this.options = options;
    this.localAddress = options.localAddress;
    this.localPort = options.localPort;
    /** Bytes accepted by send() and not yet taken by the system, DATAGRAM_OVERHEAD included for each datagram. */
    this.outstanding = 0;
    /** Writes that were rejected. */
    this.sendErrors = 0;
    /** True while no stripe works and reopening one has failed. */
    this.down = false;
    this.closed = false;
    /** @type {Promise<void> | undefined} */
    this.closing = undefined;
    this.sharing = options.stripes > 1 || options.shared;
    /** @type {Stripe[]} */
    this.stripes = [];
    this.next = 0;
    /** Datagrams that found every stripe busy since `crowdedSince`, a time of performance.now(). */
    this.crowded = 0;
    this.crowdedSince = -Infinity;
    this.growing = false;
    /** Accepted while no stripe was open. @type {Outgoing[]} */
    this.waiting = [];
    /**
     * Why a destination is not allowed, and until when, by its address.
     * @type {Map<string, { errno: number, until: number }>}
     */
    this.refused = new Map();
    /** @type {(() => void)[]} */
    this.drainWaiters = [];
    openPorts.add(this);
    this.opening = this.open();
    this.opening.catch(() => {});
    /** Of reopen(), join() and leave(), which go one after the other. @type {Promise<void>} */
    this.changes = this.opening;
  }

  /** Resolves once the port is bound; rejects with an errno. */
  async open() {
    try {
      if (this.localPort !== 0) await releasing.get(this.localPort);
      const first = await this.openFirst();
      this.localPort = first.info.localPort;
      this.localAddress = first.info.localAddress;
      this.adopt(first);
      // Each socket on the port gets its own copy of what is sent to a group.
      const more = this.mayGrow() ? Math.min(this.options.stripes, STRIPES_AT_FIRST) - 1 : 0;
      const others = Array.from({ length: more }, () => this.openStripe());
      for (const result of await Promise.allSettled(others)) {
        if (result.status === 'fulfilled') this.adopt(result.value);
        else this.growNoMore(result.reason);
      }
    } catch (error) {
      this.outstanding = 0;
      this.waiting.length = 0;
      openPorts.delete(this);
      this.settleDrain();
      throw typeof error === 'number' ? error : this.errnoOf(error);
    }
  }

  /** Each socket on the port would get its own copy of what is sent to a group. */
  mayGrow() {
    const { stripes, multicast } = this.options;
    return this.sharing && multicast.groups.size === 0 && this.stripes.length < stripes;
  }

  /** @param {unknown} error why one more stripe could not be opened */
  growNoMore(error) {
    this.options.say(`only ${this.stripes.length} of ${this.options.stripes} stripes on port ${this.localPort} could be ` +
      `opened: ${describe(error)}`);
    this.options.stripes = this.stripes.length;
  }

  /** A datagram found every stripe busy. */
  crowd() {
    if (++this.crowded < CROWDED_DATAGRAMS) return;
    const now = performance.now();
    const quick = now - this.crowdedSince < CROWDED_MS;
    this.crowded = 0;
    this.crowdedSince = now;
    if (quick && !this.growing && this.mayGrow()) void this.grow();
  }

  /** One stripe more. */
  async grow() {
    this.growing = true;
    await this.inTurn(async () => {
      if (this.closed || !this.mayGrow()) return;
      const stripe = await this.openStripe();
      if (this.closed) await stripe.close();
      else this.adopt(stripe);
    }).catch((error) => this.growNoMore(error));
    this.growing = false;
  }

  async openFirst() {
    let known = !this.sharing || this.options.shared || this.localPort === 0;
    for (let delay = 1; ; delay *= 2) {
      try {
        if (!known) {
          await this.expectFree();
          known = true;
          markReleased(this.localPort);
        }
        return await this.openStripe();
      } catch (error) {
        const lag = performance.now() - (released.get(this.localPort) ?? -Infinity);
        if (!isPortTaken(error) || lag > RELEASE_LAG) return this.openWithoutSharing(error);
        await pause(delay);
      }
    }
  }

  /**
   * After a failure with address sharing: one socket without, if it was the sharing that was refused.
   * @param {any} error that failure
   * @returns {Promise<Stripe>}
   */
  async openWithoutSharing(error) {
    if (typeof error === 'number') throw error;
    if (!this.sharing || isPortTaken(error)) throw await this.whyNotBound(error);
    this.sharing = false;
    let stripe;
    try {
      stripe = await this.openStripe();
    } catch (second) {
      throw await this.whyNotBound(second);
    }
    const { stripes } = this.options;
    const asked = stripes > 1 ? `DS_STRIPES=${stripes}` : 'SO_REUSEADDR or SO_REUSEPORT';
    this.options.say(`${asked} needs address sharing, which was refused ` +
      `(${describe(error)}): going on with one socket. Add "direct-sockets-multicast" to permissions_policy in the ` +
      'manifest of the Isolated Web App.');
    return stripe;
  }

  /**
   * Fails where the port is taken. A socket that shares its address is also bound beside those of another program, and
   * the two would then get parts of each other's datagrams: only one that does not share it tells.
   */
  async expectFree() {
    const { UDPSocket, ipv6Only } = this.options;
    /** @type {UDPSocketOptions} */
    const options = { localAddress: this.localAddress, localPort: this.localPort };
    if (ipv6Only) options.ipv6Only = true;
    const socket = new UDPSocket(options);
    socket.closed.catch(() => {});
    await socket.opened;
    await socket.close();
  }

  /** @returns {Promise<Stripe>} */
  async openStripe() {
    const { UDPSocket, ipv6Only, receiveBufferSize, sendBufferSize, broadcast, multicast } = this.options;
    /** @type {UDPSocketOptions} */
    const options = { localAddress: this.localAddress, ...multicast.creationOptions() };
    // 0 is a TypeError: an ephemeral port is asked for by silence.
    if (this.localPort !== 0) options.localPort = this.localPort;
    if (ipv6Only) options.ipv6Only = true;
    if (this.sharing) options.multicastAllowAddressSharing = true;
    if (receiveBufferSize) options.receiveBufferSize = receiveBufferSize;
    if (sendBufferSize) options.sendBufferSize = sendBufferSize;
    if (broadcast) options.broadcast = true;
    const socket = new UDPSocket(options);
    // Both promises may reject; `opened` is the one that is looked at.
    socket.closed.catch(() => {});
    const stripe = new Stripe(this, socket, await socket.opened);
    try {
      await multicast.joinAll(stripe.info);
    } catch (errno) {
      await stripe.close();
      throw errno;
    }
    return stripe;
  }

  /**
   * The browser calls a taken port and an address that this machine does not have by one name, NetworkError. A second
   * try with any free port tells them apart.
   * @param {any} error
   * @returns {Promise<number>}
   */
  async whyNotBound(error) {
    // Node's code says it; a DOMException's is a number of old.
    if (!isPortTaken(error) || typeof error.code === 'string') return this.errnoOf(error);
    if (this.localPort === 0) return EADDRNOTAVAIL;
    const { UDPSocket } = this.options;
    try {
      const probe = new UDPSocket({ localAddress: this.localAddress });
      probe.closed.catch(() => {});
      await probe.opened;
      probe.close().catch(() => {});
      return EADDRINUSE;
    } catch {
      return EADDRNOTAVAIL;
    }
  }

  /** @param {any} error @returns {number} */
  errnoOf(error) {
    return bindErrno(error, this, PORT_RULE, this.options.explain);
  }

  /** @param {Stripe} stripe */
  adopt(stripe) {
    this.stripes.push(stripe);
    this.down = false;
    stripe.pump();
    for (const message of this.waiting.splice(0)) {
      const group = ipFromText(message.remoteAddress);
      if (group && this.forbids(group)) this.rejected(message, EACCES);
      else this.transmit(message);
    }
  }

  /** @param {string} address @returns {number} the errno when a write to it was rejected a moment ago, otherwise 0 */
  refuses(address) {
    if (this.refused.size === 0) return 0;
    const refusal = this.refused.get(address);
    if (refusal === undefined) return 0;
    if (performance.now() < refusal.until) return refusal.errno;
    this.refused.delete(address);
    return 0;
  }

  /** @param {import('./address.js').Ip} ip @returns {boolean} true for a group where the policy is missing */
  forbids(ip) {
    return isMulticast(ip) && this.stripes.length > 0 && !this.stripes[0].info.multicastController;
  }

  /**
   * Takes the datagram; never waits, never throws. The caller has checked what can be checked (size, port, family):
   * a write that the browser rejects costs a stripe.
   * @param {Uint8Array} data belongs to the port until it is released
   * @param {string} remoteAddress
   * @param {number} remotePort
   * @returns {Outgoing} which onDrain and onSendFailed name, later
   */
  send(data, remoteAddress, remotePort) {
    const message = { data, remoteAddress, remotePort, released: false };
    this.outstanding += data.byteLength + DATAGRAM_OVERHEAD;
    this.transmit(message);
    return message;
  }

  /** @param {Outgoing} message */
  transmit(message) {
    const { stripes } = this;
    if (stripes.length === 0) {
      this.waiting.push(message);
      return;
    }
    // Least outstanding, in turn among equals.
    const start = this.next++ % stripes.length;
    let best = stripes[start];
    for (let i = 1; i < stripes.length && best.written.length > 0; i++) {
      const stripe = stripes[(start + i) % stripes.length];
      if (stripe.written.length < best.written.length) best = stripe;
    }
    if (best.written.length > 0) this.crowd();
    best.write(message);
  }

  /** Nobody reads its data any more, whether it is settled or not. @param {Outgoing} message */
  release(message) {
    if (message.released) return;
    message.released = true;
    this.options.onReleased(message.data);
  }

  /** @param {Outgoing} message off the list, sent or lost */
  sent(message) {
    this.outstanding -= message.data.byteLength + DATAGRAM_OVERHEAD;
    this.release(message);
    this.options.onDrain(message);
    if (this.outstanding === 0) this.settleDrain();
  }

  /** @param {Outgoing} message @param {any} error or an errno */
  rejected(message, error) {
    this.sendErrors++;
    const errno = typeof error === 'number' ? error : sendErrno(error);
    if (this.refused.size >= REFUSED_DESTINATIONS) this.refused.clear();
    this.refused.set(message.remoteAddress, { errno, until: performance.now() + REFUSE_MS });
    this.options.onSendFailed(errno, message);
    this.sent(message);
  }

  /** Puts a new socket on the same port in the place of a broken one. @param {Stripe} broken */
  async replace(broken) {
    const index = this.stripes.indexOf(broken);
    if (index < 0) return;
    this.stripes.splice(index, 1);
    if (!this.closed || this.outstanding > 0) await this.exchange([broken], 1);
  }

  /**
   * Puts new sockets on the same port in the place of others. Address sharing lets the new ones open first, so that
   * nothing is missed; without it the port is free for a moment.
   * @param {Stripe[]} old no longer in use
   * @param {number} count how many new ones
   */
  async exchange(old, count) {
    if (!this.sharing) await Promise.all(old.map((stripe) => stripe.close()));
    for (let i = 0; i < count; i++) await this.openAgain();
    if (this.sharing) await Promise.all(old.map((stripe) => stripe.close()));
  }

  /**
   * Opens one more socket on the port; tries until it has, or the port is closed. What a closed port still has to send
   * is given up after the longest delay.
   */
  async openAgain() {
    for (let delay = 10; !this.closed || this.outstanding > 0; delay = Math.min(2 * delay, REOPEN_DELAY_MAX)) {
      try {
        const stripe = await this.openStripe();
        if (this.closed && this.outstanding === 0) await stripe.close();
        else this.adopt(stripe);
        break;
      } catch (error) {
        if (this.stripes.length === 0 && !this.down) {
          this.down = true;
          this.options.say(`the UDP socket on port ${this.localPort} was lost and cannot be reopened yet: ` +
            describe(error));
          this.options.onDrain();
        }
        if (this.closed && delay === REOPEN_DELAY_MAX) {
          for (const message of this.waiting.splice(0)) this.sent(message);
          return;
        }
        await pause(delay);
      }
    }
  }

  /**
   * One after the other, once the port is open.
   * @param {() => Promise<void>} change
   * @returns {Promise<void>} rejects with an errno
   */
  inTurn(change) {
    const done = this.changes.then(change);
    this.changes = done.catch(() => {});
    return done;
  }

  /**
   * Opens the sockets of the port anew, for options that are fixed when one is made. What was sent before leaves before.
   * @param {() => void} change sets them
   */
  reopen(change) {
    return this.inTurn(async () => {
      if (this.closed) return;
      if (this.stripes.length > 0) this.options.multicast.controllerOf(this.stripes[0].info);
      change();
      await this.renew(this.stripes.length);
    });
  }

  /** @param {number} count of sockets from now on */
  async renew(count) {
    const old = this.stripes.splice(0);
    await Promise.all(old.map((stripe) => stripe.retire()));
    await this.exchange(old, count);
  }

  /** @param {string} group */
  join(group) {
    return this.inTurn(async () => {
      const { multicast } = this.options;
      if (this.stripes.length > 1) await this.renew(1);
      if (this.closed) return;
      if (this.stripes.length > 0) await multicast.join(this.stripes[0].info, group);
      multicast.groups.add(group);
    });
  }

  /** @param {string} group */
  leave(group) {
    return this.inTurn(async () => {
      const { multicast } = this.options;
      if (this.stripes.length > 0) await multicast.leave(this.stripes[0].info, group);
      multicast.groups.delete(group);
    });
  }

  /** @param {boolean} on */
  setBroadcast(on) {
    this.options.broadcast = on;
    for (const { socket } of this.stripes) socket.setBroadcast?.(on);
  }

  /** Resolves once nothing is outstanding. */
  drained() {
    if (this.outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.drainWaiters.push(() => resolve(undefined)));
  }

  settleDrain() {
    for (const resolve of this.drainWaiters.splice(0)) resolve();
  }

  /**
   * Datagrams already accepted still go out; none comes in any more. Returns at once.
   * @returns {Promise<void>} resolves when the port is free
   */
  close() {
    if (this.closing) return this.closing;
    this.closed = true;
    const release = async () => {
      try {
        await this.opening;
      } catch {
        return;
      }
      await this.drained();
      await this.changes; // a stripe that is being opened
      await Promise.all(this.stripes.map((stripe) => stripe.close()));
      openPorts.delete(this);
      this.outstanding = 0;
      this.settleDrain();
    };
    const done = release().finally(() => {
      if (releasing.get(this.localPort) === done) releasing.delete(this.localPort);
      markReleased(this.localPort);
    });
    if (this.localPort !== 0) releasing.set(this.localPort, done);
    this.closing = done;
    return done;
  }
}
