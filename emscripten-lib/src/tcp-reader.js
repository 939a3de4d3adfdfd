// The receiving half of a TCP connection: reads a TCPSocket's `readable` ahead into a queue, within a bound, and sees to it
// that the browser does not lose the end of it unnoticed. It knows no sockets API, no errno, no wait queue.
//
// What Chromium does (156; third_party/blink/renderer/modules/direct_sockets/tcp_readable_stream_wrapper.cc, and seen): what
// the peer sends waits in a data pipe of 64 KiB until somebody reads. The network process closes its end of the pipe with the
// peer's last byte; the renderer's then throws away what is in it, and reports an ordinary end. Who reads on as long as there is
// something loses nothing: the pipe is empty whenever a read() waits. Who stops loses what has come, if that was the last of
// it: up to 64 KiB. A pipe that is full keeps the network process from seeing the end. So:
//
// - Reading seldom stops. What the program has not read may be much, more than it has asked for with SO_RCVBUF, and reading
//   goes on only when most of it is read: a stream that ends within 64 KiB of such a stop is at risk, and no other.
// - A stop leaves bytes in the pipe, as far as can be told: the last piece is one of PROBE bytes, into a buffer of that
//   length, and where it has more there is no stop. If the end comes first when reading goes on, those bytes were lost, and the
//   program hears of an error after what it has.
//
// A `readable` that loses nothing (Node's) is read up to the limit.

/** Bytes that all connections together read ahead, and each of them at least and at most, where a stop is dangerous. */
const AHEAD = 256 << 20;
const AHEAD_MIN = 1 << 20;
const AHEAD_MAX = 16 << 20;
/** Reading goes on when less than this part of the limit is unread. */
const GO_ON = 1 / 4;
/** Bytes of the piece before a stop. Odd, as a peer whose pieces end there would be taken for one that has sent more. */
const PROBE = 4099;

/** Those that read ahead like that. @type {Set<TcpReader>} */
const ahead = new Set();

/**
 * @typedef {object} ReaderOptions
 * @property {TCPSocketOpenInfo['readable']} readable
 * @property {boolean} dropsUnread as above
 * @property {import('./byte-queue.js').ByteQueue} received the queue
 * @property {() => number} limit bytes to read ahead; at least, where a stop is dangerous
 * @property {() => void} onChunk bytes were queued
 * @property {() => void} onEnd the last one was
 * @property {(error: unknown) => void} onError the connection is broken, or its last bytes are lost (EndLost)
 */

/** What the peer has sent last did not arrive. */
export class EndLost extends Error {}

export class TcpReader {
  /** @param {ReaderOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {Omit<ByteReader, 'read'>} what is to be cancelled */
    this.reader = this.chunks = options.readable.getReader();
    this.reading = false;
    /** Reading was stopped, with bytes left in the pipe, and did not go on since. */
    this.stopped = false;
    this.over = false;
    if (options.dropsUnread) ahead.add(this);

    this.onRead = (/** @type {Awaited<ReturnType<ByteReader['read']>>} */ { done, value }) => {
      this.reading = false;
      if (this.over) return;
      if (done) {
        this.end();
        return;
      }
      this.stopped = false;
      options.received.push(value);
      this.pull();
      options.onChunk();
    };
    this.onFailed = (/** @type {unknown} */ error) => {
      this.reading = false;
      if (!this.over) this.fail(error);
    };
  }

  /** Bytes that may be unread before reading stops. */
  get limit() {
    const limit = this.options.limit();
    if (!this.options.dropsUnread) return limit;
    return Math.max(limit, AHEAD_MIN, Math.min(AHEAD / ahead.size, AHEAD_MAX));
  }

  /** Whether no more comes before something of the queue is read. */
  get isFull() {
    const { received: { length }, dropsUnread } = this.options;
    if (!dropsUnread) return length >= this.limit;
    return this.stopped && length > this.limit * GO_ON;
  }

  /** Reads on, if there is room. */
  pull() {
    if (this.reading || this.over || this.isFull) return;
    const { received: { length } } = this.options;
    const { limit } = this;
    this.reading = true;
    if (length >= limit) this.readLast().then(undefined, this.onFailed);
    else this.chunks.read().then(this.onRead, this.onFailed);
  }

  /** Reads a little, and stops there if there is more. */
  async readLast() {
    this.reader.releaseLock();
    const reader = this.options.readable.getReader({ mode: 'byob' });
    this.reader = reader;
    const result = await reader.read(new Uint8Array(PROBE));
    reader.releaseLock();
    if (this.over) return;
    this.reader = this.chunks = this.options.readable.getReader();
    if (result.done || result.value.byteLength < PROBE) {
      this.onRead(result);
      return;
    }
    this.reading = false;
    this.stopped = true;
    this.options.received.push(result.value);
    this.options.onChunk();
  }

  end() {
    if (this.stopped) {
      this.fail(new EndLost());
      return;
    }
    this.finish();
    this.options.onEnd();
  }

  /** @param {unknown} error */
  fail(error) {
    this.finish();
    this.options.onError(error);
  }

  /** Nothing more is read. */
  finish() {
    this.over = true;
    ahead.delete(this);
  }

  /** @returns {Promise<void>} */
  cancel() {
    this.finish();
    return this.reader.cancel();
  }

  releaseLock() {
    this.reader.releaseLock();
  }
}
