// One of the browser's UDPSockets, one of the several that may hold a port ("stripes"): reading, writing in order, noticing
// that it broke, closing. What becomes of a datagram, and of a broken stripe, is UdpPort's business.

/** A socket that has not closed after this many ms is left behind (seen after a TypeError from a write, Chromium 156). */
const CLOSE_LIMIT = 1000;

/** @typedef {import('./udp-port.js').UdpPort} UdpPort */
/** @typedef {import('./udp-port.js').Outgoing} Outgoing */

export class Stripe {
  /** @param {UdpPort} port @param {UDPSocket} socket @param {UDPSocketOpenInfo} info */
  constructor(port, socket, info) {
    this.port = port;
    this.socket = socket;
    this.info = info;
    this.reader = info.readable.getReader();
    this.writer = info.writable.getWriter();
    this.broken = false;
    /** In the order of writing, which is the order in which the writes settle. @type {Outgoing[]} */
    this.written = [];
    /** Set by retire(): called when the last write has settled. @type {(() => void) | undefined} */
    this.onIdle = undefined;

    // Bound once: a closure for each datagram would cost more than the datagram.
    this.onWritten = () => {
      this.port.sent(/** @type {Outgoing} */ (this.written.shift()));
      if (this.written.length === 0) this.onIdle?.();
    };
    this.onRejected = (/** @type {unknown} */ error) => {
      const message = /** @type {Outgoing} */ (this.written.shift());
      if (this.written.length === 0) this.onIdle?.();
      if (this.broken && !message.released) {
        // Written after the one that broke the stream, and not at fault.
        this.port.transmit(message);
        return;
      }
      if (this.writer.desiredSize === null) this.break();
      this.port.rejected(message, error);
    };
    this.onMessage = (/** @type {UDPMessage} */ message) => {
      if (!this.broken && !this.port.closed) this.port.options.onDatagram(message);
    };
    this.onReadEnd = () => {
      if (!this.broken && !this.port.closed) this.break();
    };
    this.onRead = (/** @type {Awaited<ReturnType<DatagramReader['read']>>} */ result) => {
      if (result.done) {
        this.onReadEnd();
        return;
      }
      if (this.broken || this.port.closed) return;
      this.onMessage(result.value);
      this.read();
    };
    const post = this.writer.poster?.((error) => (error ? this.onRejected(error) : this.onWritten()));
    this.hand = post ?? ((/** @type {UDPMessage} */ message) => {
      this.writer.write(message).then(this.onWritten, this.onRejected);
      return false;
    });
  }

  /** Begins to read. */
  pump() {
    if (this.reader.each) this.reader.each(this.onMessage, this.onReadEnd);
    else this.read();
  }

  read() {
    this.reader.read().then(this.onRead, this.onReadEnd);
  }

  /** @param {Outgoing} message */
  write(message) {
    this.written.push(message);
    if (this.hand(message)) this.port.release(message);
  }

  break() {
    this.broken = true;
    this.port.replace(this).catch(() => {});
  }

  /** Resolves once every write has settled; then nothing is read any more either. The port has stopped writing to it. */
  async retire() {
    if (this.written.length > 0) await new Promise((resolve) => {
      this.onIdle = () => resolve(undefined);
    });
    this.broken = true;
  }

  /** Streams first: a socket whose streams are locked cannot be closed. */
  async close() {
    await Promise.allSettled([this.reader.cancel(), this.writer.abort()]);
    this.reader.releaseLock();
    this.writer.releaseLock();
    const closing = Promise.allSettled([this.socket.close(), this.socket.closed]);
    await Promise.race([closing, pause(CLOSE_LIMIT)]);
  }
}

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((resolve) => {
    // In Node it must not keep the process running.
    /** @type {any} */ (setTimeout(resolve, ms)).unref?.();
  });
}
