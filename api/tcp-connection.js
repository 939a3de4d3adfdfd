/**
 * One TCP connection as two streams. The connection itself, reading ahead and writes that lose nothing are TcpPort's; this
 * is what they look like to people who know the Streams standard.
 */
import { TcpPort } from '../emscripten-lib/src/tcp-port.js';
import { WRITER_RESERVE } from '../emscripten-lib/src/tcp-writer.js';
import { Explanations, SocketError, describeTried } from './socket-error.js';

/** @typedef {import('./socket-iwa.d.ts').Connection} Connection */
/** @typedef {import('./socket-error.js').Tried} Tried */

/** Bytes read ahead: what Linux grows a connection's buffer to. */
const READ_AHEAD = 1 << 20;
/** Bytes accepted and not yet handed over, at most: Linux's first send buffer, and what makes long chunks. */
const SEND_QUEUE = 16384 + WRITER_RESERVE;

const aborted = () => new DOMException('The connection was aborted', 'AbortError');

/** @implements {Connection} */
export class TcpConnection {
  #platform;
  #tried;
  #explanations = new Explanations();
  #port;
  /** While it is being opened. @type {TCPSocket | undefined} */
  #attempt;
  /** The platform's own error of opening. @type {unknown} */
  #cause;
  /** @type {ReadableByteStreamController | undefined} */
  #source;
  /** @type {WritableStreamDefaultController | undefined} */
  #sink;
  /** Wakes the one that waits for bytes, and the one that waits for room. */
  #wakeReader = () => {};
  #wakeWriter = () => {};
  /** Chunks that were given to `writable` and are not in the send queue. */
  #unsent = 0;
  #wakeCloser = () => {};
  #readDone = false;
  #writeDone = false;
  #discarding = false;
  /** `writable` is being closed. */
  #ending = false;
  /** Why both streams have errored. @type {{error: unknown} | undefined} */
  #failure;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** @type {AbortSignal | undefined} */
  #signal;
  #onAbort = () => this.abort(this.#signal?.reason);
  /** @type {(value?: undefined) => void} */
  #settleClosed = () => {};
  /** @type {(error: unknown) => void} */
  #failClosed = () => {};
  /** @type {Promise<void>} */
  closed = new Promise((resolve, reject) => {
    this.#settleClosed = resolve;
    this.#failClosed = reject;
  });

  /**
   * @param {import('./platform.js').Platform} platform
   * @param {Tried} tried for messages
   * @param {{create: () => TCPSocket} | {accepted: import('../emscripten-lib/src/tcp-port.js').Accepted}} how
   * @param {{readAhead?: number, signal?: AbortSignal}} options
   */
  constructor(platform, tried, how, { readAhead = READ_AHEAD, signal }) {
    this.#platform = platform;
    this.#tried = tried;
    this.#signal = signal;
    this.closed.catch(() => {});
    platform.hold();
    const connection = 'accepted' in how ? how : {
      create: () => {
        const socket = this.#attempt = how.create();
        socket.opened.catch((error) => void (this.#cause = error));
        return socket;
      },
    };
    this.#port = new TcpPort({
      ...connection,
      capacity: platform.capacity,
      timers: platform.timers,
      what: describeTried(tried),
      receiveLimit: () => readAhead,
      onReadable: () => this.#hear(),
      onWritable: () => this.#wakeWriter(),
      say: this.#explanations.explain,
      explain: this.#explanations.explain,
    });
    /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */
    this.readable = /** @type {any} */ (new ReadableStream({
      type: 'bytes',
      start: (controller) => void (this.#source = controller),
      pull: () => this.#pull(),
      cancel: () => this.#endReading(),
    }, { highWaterMark: 0 }));
    /** @type {WritableStream<BufferSource>} */
    this.writable = new WritableStream({
      start: (controller) => void (this.#sink = controller),
      write: (chunk, { signal: stop }) => this.#write(chunk, stop).finally(() => {
        this.#unsent--;
        this.#wakeCloser();
      }),
      close: () => this.#endWriting(),
      abort: (reason) => this.abort(reason),
    }, {
      // Called for each chunk as it is given: so close() knows of those that a writer has not waited for.
      size: () => {
        this.#unsent++;
        return 1;
      },
    });
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Resolves once connected; rejects with a SocketError. */
  async opened() {
    try {
      await this.#port.opening;
      this.#attempt = undefined;
    } catch (failure) {
      const cause = /** @type {any} */ (this.#cause);
      const unknown = cause?.code === 'ENOTFOUND' || cause?.code === 'EAI_AGAIN' || /resolved/.test(cause?.message);
      const error = unknown
        ? new SocketError('ENOTFOUND', this.#tried, undefined, cause)
        : this.#explanations.errorOf(failure, this.#tried, cause);
      this.#fail(error);
      this.#release();
      throw error;
    }
    return this;
  }

  /** Rejects as `closed` does, and never resolves. @type {Promise<never>} */
  get broken() {
    return this.closed.then(() => new Promise(() => {}));
  }

  get remoteAddress() {
    return this.#port.info?.remoteAddress ?? '';
  }

  get remotePort() {
    return this.#port.info?.remotePort ?? 0;
  }

  get localAddress() {
    return this.#port.info?.localAddress;
  }

  get localPort() {
    return this.#port.info?.localPort;
  }

  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    // What a writer was given and did not wait for, too.
    while (this.#unsent > 0 && !this.#failure) {
      await new Promise((resolve) => void (this.#wakeCloser = () => resolve(undefined)));
    }
    if (this.#failure) return;
    this.#writeDone = true;
    this.#stopReading();
    if (!this.#ending) {
      this.#sink?.error(new SocketError('EBADF', { ...this.#tried, operation: 'write to' }, 'the connection was closed'));
    }
    await this.#finish();
  }

  /** @param {unknown} [reason] */
  abort(reason = aborted()) {
    // A close() that waits for a peer that does not read ends too.
    this.#fail(reason);
    const closed = this.#port.close(true);
    if (!this.#attempt) return void closed.then(() => this.#release());
    // It may be answered much later, or never.
    this.#attempt.close().catch(() => {});
    this.#release();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /** The port has bytes, or the end, or an error. */
  #hear() {
    const { error } = this.#port;
    if (this.#discarding) {
      this.#port.received.clear();
      this.#port.pull();
    }
    if (error !== 0 && !this.#failure) {
      const failure = this.#explanations.errorOf(error, { ...this.#tried, operation: 'connection to' });
      this.#failClosed(failure);
      this.#sink?.error(failure);
      this.#writeDone = true;
      // What came before it can still be read.
      if (this.#readDone || this.#port.received.length === 0) this.#fail(failure);
      this.#wakeWriter();
      this.#wakeCloser();
    }
    this.#wakeReader();
  }

  async #pull() {
    const port = this.#port;
    const source = /** @type {ReadableByteStreamController} */ (this.#source);
    for (;;) {
      if (this.#readDone || this.#failure) return;
      if (port.received.length > 0) {
        this.#deliver(source);
        port.pull();
        return;
      }
      if (port.error !== 0) {
        this.#fail(this.#explanations.errorOf(port.error, { ...this.#tried, operation: 'read from' }));
        return;
      }
      if (port.ended) {
        this.#stopReading();
        if (this.#writeDone) void this.#finish();
        return;
      }
      await new Promise((resolve) => void (this.#wakeReader = () => resolve(undefined)));
    }
  }

  /** @param {ReadableByteStreamController} source */
  #deliver(source) {
    const { received } = this.#port;
    const request = source.byobRequest;
    if (request?.view) {
      const { buffer, byteOffset, byteLength } = request.view;
      const target = new Uint8Array(buffer, byteOffset, byteLength);
      request.respond(received.read(byteLength, false, (piece, offset) => target.set(piece, offset)));
      return;
    }
    /** @type {Uint8Array[]} */
    const pieces = [];
    received.read(received.length, false, (piece) => pieces.push(piece));
    // Out of the queue first: the stream takes a whole buffer for itself, which empties its view.
    for (const piece of pieces) {
      const whole = piece.byteLength === piece.buffer.byteLength && piece.buffer instanceof ArrayBuffer;
      source.enqueue(whole ? new Uint8Array(/** @type {ArrayBuffer} */ (piece.buffer)) : new Uint8Array(piece));
    }
  }

  /** The readable ends, here. */
  #stopReading() {
    if (this.#readDone) return;
    this.#readDone = true;
    try {
      this.#source?.close();
      this.#source?.byobRequest?.respond(0);
    } catch {
      // It was cancelled or has errored.
    }
    this.#wakeReader();
  }

  /** Nobody reads any more: what still comes is thrown away. */
  #endReading() {
    this.#readDone = this.#discarding = true;
    this.#wakeReader();
    this.#hear();
    if (this.#writeDone) return this.#finish();
    return undefined;
  }

  /** @param {unknown} chunk @param {AbortSignal} stop */
  async #write(chunk, stop) {
    const bytes = bytesOf(chunk, this.#tried);
    const port = this.#port;
    const wake = () => this.#wakeWriter();
    stop.addEventListener('abort', wake);
    try {
      for (let done = 0; done < bytes.byteLength;) {
        stop.throwIfAborted();
        if (this.#failure) throw this.#failure.error;
        const { writer } = port;
        if (port.error !== 0 || !writer || writer.broken) {
          throw this.#explanations.errorOf(port.error, { ...this.#tried, operation: 'write to' });
        }
        const room = SEND_QUEUE - writer.outstanding;
        if (room > 0) {
          const part = bytes.subarray(done, done + room);
          writer.send(part.byteLength, (target) => target.set(part.subarray(0, target.byteLength)));
          done += part.byteLength;
        } else {
          await new Promise((resolve) => void (this.#wakeWriter = () => resolve(undefined)));
        }
      }
    } finally {
      stop.removeEventListener('abort', wake);
    }
  }

  async #endWriting() {
    this.#ending = true;
    await this.#port.endSending();
    if (this.#failure) throw this.#failure.error;
    if (this.#port.error !== 0) {
      throw this.#explanations.errorOf(this.#port.error, { ...this.#tried, operation: 'write to' });
    }
    this.#writeDone = true;
    if (this.#readDone) await this.#finish();
  }

  /** Both halves are done. */
  async #finish() {
    // Bytes that were not read would make it a reset, which can overtake what was sent.
    this.#port.received.clear();
    await this.#port.close();
    this.#release();
  }

  /** @param {unknown} error of both streams, and of `closed` */
  #fail(error) {
    if (this.#failure) return;
    this.#failure = { error };
    this.#readDone = this.#writeDone = true;
    for (const controller of [this.#source, this.#sink]) {
      try {
        controller?.error(error);
      } catch {
        // The stream has ended.
      }
    }
    this.#failClosed(error);
    this.#wakeReader();
    this.#wakeWriter();
    this.#wakeCloser();
    if (this.#port.error !== 0) void this.#port.close().then(() => this.#release());
  }

  #released = false;

  #release() {
    if (this.#released) return;
    this.#released = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#settleClosed();
    this.#platform.release();
  }
}

/** @param {unknown} chunk @param {Tried} tried @returns {Uint8Array} */
function bytesOf(chunk, tried) {
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new SocketError('EINVAL', { ...tried, operation: 'write to' },
    `bytes are expected (an ArrayBuffer or a view of one), not ${typeof chunk}` +
    (typeof chunk === 'string' ? ': new TextEncoder().encode(text) makes them' : ''));
}
