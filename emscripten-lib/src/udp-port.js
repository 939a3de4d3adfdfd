// One UDP port, held by one or several of the browser's UDPSockets ("stripes"): opening, writing, reading, replacing a
// stripe that broke, closing. It speaks Direct Sockets and nothing else: no sockaddr, no errno but of opening, no queue.
import { EADDRINUSE, EADDRNOTAVAIL } from './abi.js';
import { bindErrno, describe, isPortTaken, sendErrno } from './browser-errors.js';
import { DATAGRAM_OVERHEAD } from './datagram-queue.js';
import { Stripe, pause } from './udp-stripe.js';

/** A stripe that cannot be reopened is tried again after 10 ms, then twice as long each time, up to this. */
const REOPEN_DELAY_MAX = 1000;
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

/**
 * @typedef {object} PortOptions
 * @property {UDPSocketClass} UDPSocket
 * @property {string} localAddress
 * @property {number} localPort 0: any free one
 * @property {boolean} ipv6Only
 * @property {number} stripes
 * @property {number | undefined} receiveBufferSize bytes
 * @property {number | undefined} sendBufferSize bytes
 * @property {(message: UDPMessage) => void} onDatagram
 * @property {() => void} onDrain outstanding bytes became fewer
 * @property {(errno: number) => void} onSendFailed a datagram was rejected, and is lost
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
    this.sharing = options.stripes > 1;
    /** @type {Stripe[]} */
    this.stripes = [];
    this.next = 0;
    /** Accepted while no stripe was open. @type {UDPMessage[]} */
    this.waiting = [];
    /** When to allow a destination again, by its address. @type {Map<string, number>} */
    this.refused = new Map();
    /** @type {(() => void)[]} */
    this.drainWaiters = [];
    openPorts.add(this);
    this.opening = this.open();
    this.opening.catch(() => {});
  }

  /** Resolves once the port is bound; rejects with an errno. */
  async open() {
    try {
      if (this.localPort !== 0) await releasing.get(this.localPort);
      const first = await this.openFirst();
      this.localPort = first.info.localPort;
      this.localAddress = first.info.localAddress;
      this.adopt(first);
      const others = Array.from({ length: this.sharing ? this.options.stripes - 1 : 0 }, () => this.openStripe());
      for (const result of await Promise.allSettled(others)) {
        if (result.status === 'fulfilled') this.adopt(result.value);
        else this.options.say(`only ${this.stripes.length} of ${this.options.stripes} stripes on port ` +
          `${this.localPort} could be opened: ${describe(result.reason)}`);
      }
    } catch (error) {
      this.outstanding = 0;
      this.waiting.length = 0;
      openPorts.delete(this);
      this.settleDrain();
      throw typeof error === 'number' ? error : this.errnoOf(error);
    }
  }

  async openFirst() {
    let known = !this.sharing || this.localPort === 0;
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
    if (!this.sharing || isPortTaken(error)) throw await this.whyNotBound(error);
    this.sharing = false;
    let stripe;
    try {
      stripe = await this.openStripe();
    } catch (second) {
      throw await this.whyNotBound(second);
    }
    this.options.say(`DS_STRIPES=${this.options.stripes} needs address sharing, which was refused ` +
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
    const { UDPSocket, ipv6Only, receiveBufferSize, sendBufferSize } = this.options;
    /** @type {UDPSocketOptions} */
    const options = { localAddress: this.localAddress };
    // 0 is a TypeError: an ephemeral port is asked for by silence.
    if (this.localPort !== 0) options.localPort = this.localPort;
    if (ipv6Only) options.ipv6Only = true;
    if (this.sharing) options.multicastAllowAddressSharing = true;
    if (receiveBufferSize) options.receiveBufferSize = receiveBufferSize;
    if (sendBufferSize) options.sendBufferSize = sendBufferSize;
    const socket = new UDPSocket(options);
    // Both promises may reject; `opened` is the one that is looked at.
    socket.closed.catch(() => {});
    return new Stripe(this, socket, await socket.opened);
  }

  /**
   * The browser calls a taken port and an address that this machine does not have by one name, NetworkError. A second
   * try with any free port tells them apart.
   * @param {any} error
   * @returns {Promise<number>}
   */
  async whyNotBound(error) {
    if (!isPortTaken(error) || error.code !== undefined) return this.errnoOf(error);
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
    for (const message of this.waiting.splice(0)) this.transmit(message);
  }

  /** @param {string} address @returns {boolean} true when a write to it was rejected a moment ago */
  refuses(address) {
    if (this.refused.size === 0) return false;
    const until = this.refused.get(address);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.refused.delete(address);
    return false;
  }

  /**
   * Takes the datagram; never waits, never throws. The caller has checked what can be checked (size, port, family):
   * a write that the browser rejects costs a stripe.
   * @param {UDPMessage} message its data now belongs to the port
   */
  send(message) {
    this.outstanding += message.data.byteLength + DATAGRAM_OVERHEAD;
    this.transmit(message);
  }

  /** @param {UDPMessage} message */
  transmit(message) {
    const { stripes } = this;
    if (stripes.length === 0) {
      this.waiting.push(message);
      return;
    }
    // Least outstanding, in turn among equals.
    const start = this.next++ % stripes.length;
    let best = stripes[start];
    for (let i = 1; i < stripes.length; i++) {
      const stripe = stripes[(start + i) % stripes.length];
      if (stripe.written.length < best.written.length) best = stripe;
    }
    best.write(message);
  }

  /** @param {UDPMessage} message */
  sent(message) {
    this.outstanding -= message.data.byteLength + DATAGRAM_OVERHEAD;
    this.options.onDrain();
    if (this.outstanding === 0) this.settleDrain();
  }

  /** @param {UDPMessage} message @param {any} error */
  rejected(message, error) {
    this.sendErrors++;
    if (this.refused.size >= REFUSED_DESTINATIONS) this.refused.clear();
    this.refused.set(message.remoteAddress, performance.now() + REFUSE_MS);
    this.options.onSendFailed(sendErrno(error));
    this.sent(message);
  }

  /**
   * Puts a new socket on the same port in the place of a broken one. Address sharing lets the new one open first, so
   * that nothing is missed; without it the port is free for a moment.
   * @param {Stripe} broken
   */
  async replace(broken) {
    this.stripes.splice(this.stripes.indexOf(broken), 1);
    if (this.closed) return;
    if (!this.sharing) await broken.close();
    for (let delay = 10; !this.closed; delay = Math.min(2 * delay, REOPEN_DELAY_MAX)) {
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
        await pause(delay);
      }
    }
    if (this.sharing) await broken.close();
  }

  /** Resolves once nothing is outstanding. */
  drained() {
    if (this.outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.drainWaiters.push(() => resolve(undefined)));
  }

  settleDrain() {
    for (const resolve of this.drainWaiters.splice(0)) resolve();
  }

  /** Datagrams already accepted still go out; none comes in any more. Returns at once. */
  close() {
    if (this.closed) return;
    this.closed = true;
    const release = async () => {
      try {
        await this.opening;
      } catch {
        return;
      }
      if (this.stripes.length > 0) await this.drained();
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
  }
}
