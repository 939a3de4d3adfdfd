/**
 * Many exchanges with the server over one pair of byte streams: who may send how much, who waits for what, and when an
 * exchange is over. It knows nothing of HTTP and WebTransport, nor of what carries the bytes.
 */
import {
  CLOSE, CREDIT, DATA, DATAGRAM, END, HEAD, HELLO, MAX_DATA, MESSAGE, OPEN, RESET, STOP, FrameReader, bytesFrame,
  closeFrame, jsonFrame, numberFrame, readClose, readJson, readNumber,
} from './gateway-frames.js';

/** Of the protocol. */
const VERSION = 1;

/** @typedef {import('./gateway-frames.js').Close} Close */

/**
 * Why an exchange, a stream of a session or a session goes no further.
 */
export class GatewayError extends Error {
  name = 'GatewayError';

  /**
   * @param {string} message
   * @param {{code: string, streamErrorCode?: number | null, cause?: unknown}} details `code`: ECONNRESET by the client,
   *   ECONNABORTED with the server; `streamErrorCode` as WebTransportError has it
   */
  constructor(message, { code, streamErrorCode = null, cause }) {
    super(message, { cause });
    this.code = code;
    this.streamErrorCode = streamErrorCode;
  }
}

/** @param {unknown} reason of a cancel or an abort @returns {number} the application's code in it, 0 without one */
const codeIn = (reason) => {
  const code = typeof reason === 'number' ? reason : Number(/** @type {any} */ (reason)?.streamErrorCode ?? 0);
  return Number.isInteger(code) && code >= 0 && code <= 0xffffffff ? code : 0;
};

/** One exchange: a request, a stream of a session, or a session. */
export class Exchange {
  /** What has come and nobody has taken. @type {Uint8Array<ArrayBuffer>[]} */
  queue = [];
  /** Whether more may come. */
  coming = true;
  /** Whether this side has more to send. */
  going = true;
  /** Bytes that may be sent. */
  credit;
  /** The server wants no more. @type {GatewayError | null} */
  stopped = null;
  /** Called when something has come, once. @type {(() => void)[]} */
  waiters = [];
  /** @type {(close: Close) => void} */
  onClose = () => {};
  /** @type {(error: GatewayError) => void} */
  onStop = () => {};
  /** Of a session: a stream that the client opens. @type {(exchange: Exchange, head: any) => void} */
  onStream = () => {};
  /** Fields behind the end of what came. @type {[string, string][]} */
  trailers = [];
  /** Why what comes has broken off. @type {GatewayError | null} */
  failure = null;
  /** What comes is dropped: the server has been told to stop. */
  ignored = false;
  #taken = 0;

  /** @param {Link} link @param {number} id */
  constructor(link, id) {
    this.link = link;
    this.id = id;
    this.credit = link.window;
  }

  /** Resolves when something has changed. @returns {Promise<void>} */
  changed() {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  wake() {
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  /** Credit for what is taken off the queue. @param {number} bytes */
  took(bytes) {
    this.#taken += bytes;
    if (this.#taken < this.link.window / 2 || !this.coming) return;
    this.link.send(numberFrame(CREDIT, this.id, this.#taken));
    this.#taken = 0;
  }

  /**
   * Sends bytes as the server takes them.
   * @param {Uint8Array} bytes
   * @throws {GatewayError} when the server wants no more, or is gone
   */
  async write(bytes) {
    for (let at = 0; at < bytes.byteLength;) {
      while (this.credit === 0 && !this.stopped) await this.changed();
      if (this.stopped) throw this.stopped;
      const end = at + Math.min(bytes.byteLength - at, this.credit, MAX_DATA);
      this.credit -= end - at;
      this.link.send(bytesFrame(DATA, this.id, bytes.subarray(at, end)));
      at = end;
    }
  }

  /** @param {{status: number, headers: [string, string][]}} head */
  answer(head) {
    this.link.send(jsonFrame(HEAD, this.id, head));
  }

  /** @param {[string, string][]} [trailers] fields behind the data */
  end(trailers = []) {
    this.#finish(() => (trailers.length > 0 ? jsonFrame(END, this.id, trailers) : bytesFrame(END, this.id)));
  }

  /** @param {number} [code] */
  reset(code = 0) {
    this.#finish(() => numberFrame(RESET, this.id, code));
  }

  /** @param {Close} close */
  close(close) {
    this.#finish(() => closeFrame(this.id, close));
  }

  /** @param {() => Uint8Array} last frame of this direction */
  #finish(last) {
    if (!this.going) return;
    this.going = false;
    this.link.send(last());
    this.link.settle(this);
  }

  /** No more is wanted. @param {number} [code] */
  stop(code = 0) {
    this.queue.length = 0;
    this.ignored = true;
    if (this.coming) this.link.send(numberFrame(STOP, this.id, code));
  }

  /**
   * What comes, as a stream of bytes: a piece is asked for when somebody reads.
   * @returns {ReadableStream<Uint8Array<ArrayBuffer>>}
   */
  readable() {
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        while (this.queue.length === 0 && this.coming && !this.failure) await this.changed();
        const chunk = this.queue.shift();
        if (chunk) {
          // The stream transfers the buffer, which the chunk may share with others.
          controller.enqueue(chunk.slice());
          this.took(chunk.byteLength);
        } else if (this.failure) {
          controller.error(this.failure);
          return;
        }
        if (this.queue.length === 0 && !this.coming && !this.failure) {
          controller.close();
          controller.byobRequest?.respond(0);
        }
      },
      cancel: (reason) => this.stop(codeIn(reason)),
    }, { highWaterMark: 0 });
  }

  /** What is sent, as a stream of bytes. @returns {WritableStream<Uint8Array>} */
  writable() {
    return new WritableStream({
      start: (controller) => {
        this.onStop = (error) => {
          controller.error(error);
          this.reset();
        };
      },
      write: (chunk) => this.write(asBytes(chunk)),
      close: () => this.end(),
      abort: (reason) => this.reset(codeIn(reason)),
    });
  }
}

/** @param {unknown} chunk @returns {Uint8Array} */
export function asBytes(chunk) {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError(`a stream of bytes takes Uint8Arrays, not ${typeof chunk === 'object' ? 'objects' : `a ${typeof chunk}`}`);
}

/** The connection to one server. */
export class Link {
  /** Bytes that either side may send of an exchange before the other has taken any, as the server says. */
  window = 0;
  /** Resolves when the server has ended the connection, or it is broken; then everything on it has failed. @type {Promise<void>} */
  lost;
  /** @type {Map<number, Exchange>} */
  #exchanges = new Map();
  #opened = 0;
  #writer;
  #readable;
  /** Frames of this turn, which go as one chunk. @type {Uint8Array[]} */
  #outgoing = [];
  #onOpen;
  #isLost = false;
  /** @type {(window: number) => void} */
  #greeted = () => {};

  /**
   * @param {{readable: ReadableStream<Uint8Array<ArrayBuffer>>, writable: WritableStream<Uint8Array>}} streams
   * @param {(exchange: Exchange, head: any) => void} onOpen a request or a session
   */
  constructor({ readable, writable }, onOpen) {
    this.#readable = readable;
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#onOpen = onOpen;
    /** @type {Promise<void>} */
    this.ready = new Promise((resolve) => (this.#greeted = (window) => {
      this.window = window;
      resolve();
    }));
    this.lost = this.#run();
  }

  /**
   * Says what is handled here.
   * @param {{http: string[], webtransport: string[], websocket: string[], standard: boolean}} handled
   */
  hello(handled) {
    this.send(jsonFrame(HELLO, 0, { version: VERSION, ...handled }));
  }

  /** @param {Uint8Array} frame */
  send(frame) {
    if (this.#isLost) return;
    this.#outgoing.push(frame);
    if (this.#outgoing.length === 1) queueMicrotask(() => this.#flush());
  }

  /** Opens a stream of a session. Nothing may be written before the server grants credit. @param {number} session @param {'bidi' | 'uni'} kind */
  open(session, kind) {
    const exchange = new Exchange(this, 2 * this.#opened++ + 1);
    exchange.credit = 0;
    exchange.coming = kind === 'bidi';
    this.#exchanges.set(exchange.id, exchange);
    this.send(jsonFrame(OPEN, exchange.id, { kind, session }));
    return exchange;
  }

  /** Forgets an exchange that is over for both sides. @param {Exchange} exchange */
  settle(exchange) {
    if (!exchange.coming && !exchange.going) this.#exchanges.delete(exchange.id);
  }

  #flush() {
    const frames = this.#outgoing.splice(0);
    let chunk = frames[0];
    if (frames.length > 1) {
      chunk = new Uint8Array(frames.reduce((sum, { byteLength }) => sum + byteLength, 0));
      let at = 0;
      for (const frame of frames) {
        chunk.set(frame, at);
        at += frame.byteLength;
      }
    }
    // What becomes of it shows in what is read.
    this.#writer.write(chunk).catch(() => {});
  }

  async #run() {
    /** @type {unknown} */
    let cause;
    const frames = new FrameReader();
    const reader = this.#readable.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        for (const frame of frames.push(value)) this.#receive(frame);
      }
    } catch (error) {
      cause = error;
      await reader.cancel(error).catch(() => {});
    }
    this.#isLost = true;
    this.#writer.close().catch(() => {});
    const failure = new GatewayError('the server is gone', { code: 'ECONNABORTED', cause });
    for (const exchange of this.#exchanges.values()) {
      exchange.failure = exchange.stopped = failure;
      exchange.coming = exchange.going = false;
      exchange.onStop(failure);
      exchange.onClose({ clean: false, code: 0, reason: failure.message });
      exchange.wake();
    }
    this.#exchanges.clear();
  }

  /** @param {import('./gateway-frames.js').Frame} frame */
  #receive(frame) {
    const { type, id } = frame;
    if (type === HELLO) return this.#greeted(readJson(frame).window);
    if (type === OPEN) return this.#accept(id, readJson(frame));
    const exchange = this.#exchanges.get(id);
    // Credit and stops may cross this side's end.
    if (!exchange) return;
    switch (type) {
      case DATA:
      case DATAGRAM:
      case MESSAGE:
        if (!exchange.ignored) exchange.queue.push(frame.payload);
        break;
      case END:
        exchange.coming = false;
        if (frame.payload.byteLength > 0) exchange.trailers = readJson(frame);
        break;
      case RESET: {
        const code = readNumber(frame);
        exchange.coming = false;
        exchange.failure = new GatewayError(`the client reset the stream with code ${code}`,
          { code: 'ECONNRESET', streamErrorCode: code });
        exchange.queue.length = 0;
        break;
      }
      case STOP: {
        const code = readNumber(frame);
        exchange.stopped = new GatewayError(`the client wants no more of the stream, code ${code}`,
          { code: 'ECONNRESET', streamErrorCode: code });
        exchange.onStop(exchange.stopped);
        break;
      }
      case CREDIT:
        exchange.credit += readNumber(frame);
        break;
      case CLOSE:
        exchange.coming = false;
        exchange.onClose(readClose(frame));
        break;
      default:
        throw new Error(`a gateway frame of type ${type} came from the server`);
    }
    exchange.wake();
    this.settle(exchange);
  }

  /** @param {number} id @param {any} head */
  #accept(id, head) {
    const exchange = new Exchange(this, id);
    if (head.kind === 'uni') exchange.going = false;
    this.#exchanges.set(id, exchange);
    if (head.session === undefined) return this.#onOpen(exchange, head);
    const session = this.#exchanges.get(head.session);
    if (session) return session.onStream(exchange, head);
    exchange.stop();
    exchange.reset();
  }
}
