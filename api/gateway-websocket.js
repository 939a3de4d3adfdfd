/**
 * WebSockets for handlers: an exchange of messages with the shape of the browser's `WebSocketStream`, from the server's
 * side.
 */
import { GatewayError, asBytes } from './gateway-link.js';
import { Upgraded } from './gateway-upgrade.js';
import { LAST, MAX_DATA, MESSAGE, TEXT, bytesFrame } from './gateway-frames.js';

/** @typedef {import('./socket-iwa-server.d.ts').CloseInfo} CloseInfo */
/** @typedef {import('./socket-iwa-server.d.ts').ServerWebSocket} Declared */

/** The largest message that the server takes, in bytes. */
const MAX_MESSAGE = 1 << 20;
/** Of a control frame, RFC 6455, section 5.5. */
const MAX_REASON = 123;
const NORMAL = 1000;
const FAILED = 1011;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Codes that may be sent: RFC 6455, section 7.4, and those registered since. @param {number} code */
const isSendable = (code) => Number.isInteger(code) &&
  ((code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999));

/** @implements {Declared} */
export class ServerWebSocket extends Upgraded {
  #exchange;
  #over = false;

  /**
   * @param {import('./gateway-link.js').Exchange} exchange
   * @param {any} head as docs/gateway.md has it
   */
  constructor(exchange, head) {
    super(head, 'wss');
    this.#exchange = exchange;
    this.readable = messagesFrom(exchange);
    this.writable = new WritableStream({
      write: (message) => this.#send(message),
      close: () => this.close(),
      abort: (reason) => this.abort(reason),
    });
    exchange.onClose = ({ clean, code, reason }) => this.#end(clean ? { closeCode: code, reason } : null, reason, code);
  }

  /** @param {Partial<CloseInfo>} [info] */
  close({ closeCode = NORMAL, reason = '' } = {}) {
    if (!isSendable(closeCode)) throw new RangeError(`close: ${closeCode} is no code that a WebSocket is closed with`);
    if (encoder.encode(reason).byteLength > MAX_REASON) {
      throw new RangeError(`close: the reason has more than ${MAX_REASON} bytes`);
    }
    this.#end({ closeCode, reason }, reason, closeCode);
  }

  /** The handler failed: the client sees code 1011. @param {unknown} error */
  abort(error) {
    this.#end(null, error instanceof Error ? error.message : String(error), FAILED);
  }

  /** @param {unknown} message */
  async #send(message) {
    const text = typeof message === 'string';
    const bytes = text ? encoder.encode(message) : asBytes(message);
    if (bytes.byteLength > MAX_MESSAGE) {
      throw new RangeError(`a message has at most ${MAX_MESSAGE} bytes, not ${bytes.byteLength}`);
    }
    const exchange = this.#exchange;
    let at = 0;
    do {
      // The first byte costs as the others do.
      while (exchange.credit < 2 && !exchange.stopped) await exchange.changed();
      if (exchange.stopped) throw exchange.stopped;
      const end = at + Math.min(bytes.byteLength - at, exchange.credit - 1, MAX_DATA);
      const part = new Uint8Array(1 + end - at);
      part[0] = (text ? TEXT : 0) | (end === bytes.byteLength ? LAST : 0);
      part.set(bytes.subarray(at, end), 1);
      exchange.credit -= part.byteLength;
      exchange.link.send(bytesFrame(MESSAGE, exchange.id, part));
      at = end;
    } while (at < bytes.byteLength);
  }

  /** @param {CloseInfo | null} info null: it was lost @param {string} reason @param {number} code */
  #end(info, reason, code) {
    if (this.#over) return;
    this.#over = true;
    const exchange = this.#exchange;
    // To one that the other side has closed it is the answer.
    exchange.close({ clean: info !== null, code, reason: info?.reason ?? '' });
    const error = info ? undefined : new GatewayError(`the WebSocket is lost: ${reason}`, { code: 'ECONNRESET' });
    exchange.stopped = error ?? new GatewayError('the WebSocket is closed', { code: 'ECONNRESET' });
    exchange.failure ??= error ?? null;
    exchange.wake();
    this.settleClosed(info, error);
  }
}

/**
 * @param {import('./gateway-link.js').Exchange} exchange
 * @returns {ReadableStream<string | Uint8Array<ArrayBuffer>>}
 */
function messagesFrom(exchange) {
  /** What has come of a message. @type {Uint8Array<ArrayBuffer>[]} */
  let parts = [];
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        while (exchange.queue.length === 0 && exchange.coming && !exchange.stopped) await exchange.changed();
        const part = exchange.queue.shift();
        if (!part) {
          if (exchange.failure) controller.error(exchange.failure);
          else controller.close();
          return;
        }
        exchange.took(part.byteLength);
        parts.push(part.subarray(1));
        if ((part[0] & LAST) === 0) continue;
        const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
        let at = 0;
        for (const piece of parts) {
          whole.set(piece, at);
          at += piece.byteLength;
        }
        parts = [];
        controller.enqueue((part[0] & TEXT) === 0 ? whole : decoder.decode(whole));
        return;
      }
    },
  }, { highWaterMark: 0 });
}

/**
 * @param {import('./gateway-link.js').Exchange} exchange
 * @param {any} head
 * @param {import('./socket-iwa-server.d.ts').WebSocketHandler} handler
 * @param {(error: unknown) => void} onError hears what a handler throws
 */
export async function serveWebSocket(exchange, head, handler, onError) {
  const socket = new ServerWebSocket(exchange, head);
  try {
    await handler(socket);
    socket.close();
  } catch (error) {
    // That the client has gone is nobody's mistake.
    if (!exchange.stopped) onError(error);
    socket.abort(error);
  }
}
