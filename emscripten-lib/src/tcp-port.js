// One TCP connection, as the browser's TCPSocket has it: opening, ending either half, closing without losing what was
// accepted. It speaks Direct Sockets: no sockaddr, no descriptor, no errno but of a connection that could not be opened or
// that broke. Reading ahead is tcp-reader.js's, sending safely tcp-writer.js's.
import { ECONNABORTED, ECONNRESET, ETIMEDOUT } from './abi.js';
import { connectErrno } from './browser-errors.js';
import { ByteQueue } from './byte-queue.js';
import { EndLost, TcpReader } from './tcp-reader.js';
import { TcpWriter } from './tcp-writer.js';

/** Every connection that is not yet released. @type {Set<TcpPort>} */
const openConnections = new Set();

/** Resolves once every byte that was accepted has been handed to the system. */
export async function tcpDrained() {
  await Promise.all([...openConnections].map((port) => port.drained()));
}

/** A connection that a listening port took. @typedef {{ socket: TCPSocket, info: TCPSocketOpenInfo }} Accepted */

/**
 * @typedef {object} TcpPortOptions
 * @property {() => TCPSocket} [create] makes the browser's socket
 * @property {Accepted} [accepted] instead of `create`
 * @property {Promise<unknown>} [after] not before this
 * @property {import('./tcp-writer.js').Capacity | undefined} capacity as TcpWriter has it; undefined: neither stream loses
 *   anything
 * @property {import('./timers.js').Timers} timers
 * @property {string} what for messages: "connect 10.0.0.1:80"
 * @property {() => number} receiveLimit bytes to read ahead, as of TcpReader
 * @property {() => void} onReadable data, the end of it, or an error
 * @property {() => void} onWritable more room, or an error
 * @property {(text: string) => void} say one line on the console
 * @property {(text: string) => void} explain the same in debug builds only
 */

export class TcpPort {
  /** @param {TcpPortOptions} options */
  constructor(options) {
    this.options = options;
    this.received = new ByteQueue();
    /** The peer has sent its last byte, and it is in `received` or was read. */
    this.ended = false;
    /** errno of a connection that broke, for good. */
    this.error = 0;
    /** The socket has made `error` its SO_ERROR. */
    this.errorNoticed = false;
    this.closed = false;
    /** @type {TCPSocket | undefined} */
    this.socket = undefined;
    /** @type {TCPSocketOpenInfo | undefined} */
    this.info = undefined;
    /** @type {TcpReader | undefined} */
    this.reader = undefined;
    /** @type {ByteWriter | undefined} */
    this.rawWriter = undefined;
    /** @type {TcpWriter | undefined} */
    this.writer = undefined;
    /** The end of sending, once it has been asked for. @type {Promise<void> | undefined} */
    this.finishing = undefined;
    /** @type {Promise<void> | undefined} */
    this.releasing = undefined;

    openConnections.add(this);
    const { accepted } = options;
    if (accepted) this.adopt(accepted.socket, accepted.info);
    /** Resolves once connected; rejects with an errno. @type {Promise<void>} */
    this.opening = accepted ? Promise.resolve() : this.open();
    this.opening.catch(() => {});
  }

  async open() {
    const begun = performance.now();
    try {
      await this.options.after;
      const socket = /** @type {() => TCPSocket} */ (this.options.create)();
      // Both promises may reject; `opened` and the streams are looked at.
      socket.closed.catch(() => {});
      this.adopt(socket, await socket.opened);
    } catch (error) {
      openConnections.delete(this);
      // A made-up address with nothing behind it.
      if (typeof error === 'number') throw error;
      throw connectErrno(error, performance.now() - begun, this.options.what, this.options.explain);
    }
  }

  /** @param {TCPSocket} socket @param {TCPSocketOpenInfo} info */
  adopt(socket, info) {
    this.socket = socket;
    this.info = info;
    const { capacity, receiveLimit, say, what } = this.options;
    this.reader = new TcpReader({
      readable: info.readable,
      dropsUnread: capacity !== undefined,
      received: this.received,
      limit: receiveLimit,
      onChunk: () => {
        this.writer?.heard();
        this.options.onReadable();
      },
      onEnd: () => {
        this.ended = true;
        this.options.onReadable();
      },
      onError: (error) => {
        if (error instanceof EndLost) {
          say(`${what}: ECONNRESET: the browser has dropped the last bytes of a connection, up to 64 KiB, as the ` +
            'program read behind');
        }
        this.break(error);
      },
    });
    const writer = this.rawWriter = info.writable.getWriter();
    this.writer = new TcpWriter({
      writer,
      capacity,
      timers: this.options.timers,
      onProgress: () => this.options.onWritable(),
      onError: (error) => this.break(error),
    });
    this.pull();
  }

  /** Reads on, if there is room. */
  pull() {
    if (!this.ended) this.reader?.pull();
  }

  /** Whether no more comes before something of `received` is read. */
  get isFull() {
    return this.reader?.isFull === true;
  }

  /** @param {any} error of one of the streams */
  break(error) {
    if (this.closed || this.error !== 0) return;
    // "Stream aborted by the remote: net::ERR_CONNECTION_RESET" in Chromium, whose own `code` is a number; Node's is a name.
    const name = typeof error?.code === 'string' ? error.code : /ERR_([A-Z_]+)/.exec(error?.message)?.[1];
    if (name === 'CONNECTION_ABORTED' || name === 'ECONNABORTED') this.error = ECONNABORTED;
    else if (name === 'TIMED_OUT' || name === 'CONNECTION_TIMED_OUT' || name === 'ETIMEDOUT') this.error = ETIMEDOUT;
    else this.error = ECONNRESET;
    this.ended = true;
    this.writer?.discard();
    this.options.onReadable();
    this.options.onWritable();
  }

  /**
   * Accepted bytes still go out, then the peer is told that there are no more: at once on Node; in Chromium (156) only
   * when reading has ended too, because it sends FIN when both of a socket's streams are closed.
   * @returns {Promise<void>} resolves when the stream is closed
   */
  endSending() {
    this.finishing ??= (async () => {
      await this.opening;
      await this.writer?.idle();
      await this.rawWriter?.close().catch(() => {});
    })();
    this.finishing.catch(() => {});
    return this.finishing;
  }

  /** Whether the end of sending reaches the peer at once. */
  get endsHalf() {
    return this.options.capacity === undefined;
  }

  /** Both halves are shut down: the peer is told now, what it still sends is not read. */
  endBoth() {
    this.endSending().then(async () => {
      await this.pause(this.error === 0 ? this.writer?.drainTime() ?? 0 : 0);
      if (!this.closed) await this.reader?.cancel();
    }).catch(() => {});
  }

  /**
   * @param {boolean} value @param {number} seconds
   * @returns {boolean} false where it cannot be set on an open connection
   */
  setKeepAlive(value, seconds) {
    if (!this.socket?.setKeepAlive) return false;
    this.socket.setKeepAlive(value, seconds * 1000);
    return true;
  }

  /** Resolves once nothing accepted is on this side of the system's socket, as far as can be known. */
  async drained() {
    // Nothing is accepted before there is a connection, which may take minutes.
    if (!this.writer) return;
    await this.writer.idle();
    await this.pause(this.writer.drainTime());
    if (this.closed) await this.releasing;
  }

  /** @param {number} ms */
  async pause(ms) {
    if (ms > 0) await new Promise((resolve) => void this.options.timers.after(ms, () => resolve(undefined)));
  }

  /**
   * Returns at once; accepted bytes still go out. Bytes that the program did not read make the peer see a reset, where
   * the platform can send one (Node; Chromium does when the bytes were still in the system's queue).
   * @param {boolean} [abort] accepted bytes do not go out either
   * @returns {Promise<void>} resolves when the connection is released
   */
  close(abort = false) {
    const unread = this.received.length > 0;
    this.closed = true;
    this.reader?.finish();
    this.received.clear();
    if (abort) this.writer?.discard();
    this.releasing ??= this.release(abort || unread);
    return this.releasing;
  }

  /** @param {boolean} reset */
  async release(reset) {
    try {
      await this.opening;
    } catch {
      return;
    }
    const { reader, rawWriter, writer, socket } = this;
    await (reset ? writer?.idle() : this.endSending());
    // The browser throws away what is in its pipe once both streams are closed.
    await this.pause(this.error === 0 ? writer?.drainTime() ?? 0 : 0);
    if (reset) await rawWriter?.abort().catch(() => {});
    await reader?.cancel().catch(() => {});
    // Streams first: a socket whose streams are locked cannot be closed.
    reader?.releaseLock();
    rawWriter?.releaseLock();
    await socket?.closed.catch(() => {});
    openConnections.delete(this);
  }
}
