/**
 * WebTransport sessions for handlers: an exchange with the shape of the browser's `WebTransport`, from the server's side.
 */
import { GatewayError, asBytes } from './gateway-link.js';
import { Upgraded } from './gateway-upgrade.js';
import { DATAGRAM, bytesFrame } from './gateway-frames.js';

/** @typedef {import('./socket-iwa-server.d.ts').CloseInfo} CloseInfo */
/** @typedef {import('./socket-iwa-server.d.ts').BidirectionalStream} BidirectionalStream */
/** @typedef {import('./socket-iwa-server.d.ts').Session} Declared */

/** @template T @returns {{stream: ReadableStream<T>, push(it: T): void, end(error?: unknown): void}} */
function incoming() {
  /** @type {ReadableStreamDefaultController<T>} */
  let controller;
  const stream = new ReadableStream({ start: (it) => void (controller = it) }, { highWaterMark: Infinity });
  let open = true;
  return {
    stream,
    push: (it) => controller.enqueue(it),
    end(error) {
      if (!open) return;
      open = false;
      if (error) controller.error(error);
      else controller.close();
    },
  };
}

/** @implements {Declared} */
export class Session extends Upgraded {
  ready = Promise.resolve();
  #exchange;
  #over = false;
  /** @type {ReturnType<typeof incoming<BidirectionalStream>>} */
  #bidirectional = incoming();
  /** @type {ReturnType<typeof incoming<ReadableStream<Uint8Array<ArrayBuffer>>>>} */
  #unidirectional = incoming();

  /**
   * @param {import('./gateway-link.js').Exchange} exchange
   * @param {any} head as docs/gateway.md has it
   */
  constructor(exchange, head) {
    super(head, 'https');
    this.#exchange = exchange;
    this.incomingBidirectionalStreams = this.#bidirectional.stream;
    this.incomingUnidirectionalStreams = this.#unidirectional.stream;
    this.datagrams = datagramsOf(exchange, head.maxDatagramSize ?? 0);
    exchange.onStream = (stream, { kind }) => {
      if (this.#over) {
        stream.stop();
        stream.reset();
      } else if (kind === 'uni') this.#unidirectional.push(stream.readable());
      else this.#bidirectional.push({ readable: stream.readable(), writable: stream.writable() });
    };
    exchange.onClose = ({ clean, code, reason }) => this.#end(clean ? { closeCode: code, reason } : null, reason);
  }

  async createBidirectionalStream() {
    const stream = await this.#open('bidi');
    return { readable: stream.readable(), writable: stream.writable() };
  }

  async createUnidirectionalStream() {
    return (await this.#open('uni')).writable();
  }

  /** @param {Partial<CloseInfo>} [info] */
  close({ closeCode = 0, reason = '' } = {}) {
    this.#end({ closeCode, reason }, reason);
  }

  /** The handler failed: the client sees the session reset. @param {unknown} error */
  abort(error) {
    this.#end(null, error instanceof Error ? error.message : String(error));
  }

  /** @param {CloseInfo | null} info null: it was lost @param {string} reason */
  #end(info, reason) {
    if (this.#over) return;
    this.#over = true;
    // To one that the other side has closed it is the answer.
    this.#exchange.close({ clean: info !== null, code: info?.closeCode ?? 0, reason: info?.reason ?? '' });
    const error = info ? undefined : new GatewayError(`the session is lost: ${reason}`, { code: 'ECONNRESET' });
    this.#bidirectional.end(error);
    this.#unidirectional.end(error);
    this.#exchange.stopped = error ?? new GatewayError('the session is over', { code: 'ECONNRESET' });
    this.#exchange.failure ??= error ?? null;
    this.#exchange.coming = this.#exchange.coming && info !== null;
    this.#exchange.wake();
    this.settleClosed(info, error);
  }

  /** @param {'bidi' | 'uni'} kind */
  async #open(kind) {
    if (this.#over) throw new GatewayError('the session is over', { code: 'ECONNRESET' });
    const stream = this.#exchange.link.open(this.#exchange.id, kind);
    // Granted when the stream is open.
    while (stream.credit === 0 && !stream.stopped) await stream.changed();
    if (stream.stopped) throw stream.stopped;
    return stream;
  }
}

/** @param {import('./gateway-link.js').Exchange} exchange @param {number} maxDatagramSize */
function datagramsOf(exchange, maxDatagramSize) {
  return {
    maxDatagramSize,
    readable: new ReadableStream({
      async pull(controller) {
        while (exchange.queue.length === 0 && exchange.coming && !exchange.stopped) await exchange.changed();
        const datagram = exchange.queue.shift();
        if (!datagram) {
          if (exchange.failure) controller.error(exchange.failure);
          else controller.close();
          return;
        }
        exchange.took(datagram.byteLength);
        controller.enqueue(datagram.slice());
      },
    }, { highWaterMark: 0 }),
    writable: new WritableStream({
      async write(chunk) {
        const datagram = asBytes(chunk);
        // Sent, it would not fit into a packet.
        if (datagram.byteLength > maxDatagramSize) return;
        while (exchange.credit < datagram.byteLength && !exchange.stopped) await exchange.changed();
        if (exchange.stopped) throw exchange.stopped;
        exchange.credit -= datagram.byteLength;
        exchange.link.send(bytesFrame(DATAGRAM, exchange.id, datagram));
      },
    }),
  };
}

/**
 * @param {import('./gateway-link.js').Exchange} exchange
 * @param {any} head
 * @param {import('./socket-iwa-server.d.ts').SessionHandler} handler
 * @param {(error: unknown) => void} onError hears what a handler throws
 */
export async function serveSession(exchange, head, handler, onError) {
  const session = new Session(exchange, head);
  try {
    await handler(session);
    session.close();
  } catch (error) {
    // That the client has gone is nobody's mistake.
    if (!exchange.stopped) onError(error);
    session.abort(error);
  }
}
