/**
 * HTTP requests for handlers: an exchange as a `Request` of the Fetch standard, and the handler's answer back. The body is a
 * stream in both directions.
 */
import { asBytes } from './gateway-link.js';

/** @typedef {import('./socket-iwa-server.d.ts').HttpHandler} HttpHandler */

/** Those of which `Request` takes no body, and RFC 9110 gives none a meaning. */
const BODILESS = ['GET', 'HEAD'];
/** Answers that have no body (RFC 9110, sections 15.3.5 and 15.4.5). */
const EMPTY = [204, 304];

/** @param {string} remote "127.0.0.1:4433" or "[::1]:4433" */
export function splitRemote(remote) {
  const colon = remote.lastIndexOf(':');
  return { remoteAddress: remote.slice(0, colon).replace(/^\[|\]$/g, ''), remotePort: Number(remote.slice(colon + 1)) };
}

/**
 * @param {import('./gateway-link.js').Exchange} exchange
 * @param {any} head as docs/gateway.md has it
 * @param {AbortSignal} signal
 */
function requestFrom(exchange, head, signal) {
  const headers = new Headers(head.headers);
  const hasBody = !BODILESS.includes(head.method) && headers.get('content-length') !== '0';
  const request = new Request(`https://${head.authority}${head.path}`, {
    method: head.method,
    signal,
    ...(hasBody && { body: exchange.readable(), duplex: 'half' }),
  });
  // A page's Request leaves out what a page may not send: cookie, origin, host.
  Object.defineProperty(request, 'headers', { value: headers, enumerable: true });
  return request;
}

/**
 * The fields behind a request's body. Nobody need wait for them.
 * @param {import('./gateway-link.js').Exchange} exchange
 */
async function trailersOf(exchange) {
  while (exchange.coming && !exchange.failure) await exchange.changed();
  if (exchange.failure) throw exchange.failure;
  return new Headers(exchange.trailers);
}

/**
 * @param {import('./gateway-link.js').Exchange} exchange
 * @param {any} head
 * @returns {import('./socket-iwa-server.d.ts').RequestInfo}
 */
function infoFrom(exchange, head) {
  /** @type {Promise<Headers> | undefined} */
  let trailers;
  return {
    ...splitRemote(head.remote),
    route: head.route,
    get trailers() {
      trailers ??= trailersOf(exchange);
      trailers.catch(() => {});
      return trailers;
    },
  };
}

/**
 * @param {unknown} answer of a handler
 * @returns {Response} with a `headers` that has all fields
 */
function responseFrom(answer) {
  if (answer instanceof Response) {
    if (answer.type === 'error') throw new TypeError('the handler answered with Response.error()');
    return answer;
  }
  if (typeof answer !== 'object' || answer === null) {
    throw new TypeError(`the handler returned ${answer === null ? 'null' : typeof answer}, not a Response`);
  }
  const { status = 200, headers, body } = /** @type {import('./socket-iwa-server.d.ts').PlainResponse} */ (answer);
  const response = new Response(EMPTY.includes(status) ? null : body, { status });
  const all = new Headers(headers);
  const type = response.headers.get('content-type');
  if (type !== null && !all.has('content-type')) all.set('content-type', type);
  return Object.defineProperty(response, 'headers', { value: all, enumerable: true });
}

/**
 * @param {import('./gateway-link.js').Exchange} exchange
 * @param {any} head
 * @param {HttpHandler} handler
 * @param {(error: unknown) => void} onError hears what a handler throws
 */
export async function serveRequest(exchange, head, handler, onError) {
  const abort = new AbortController();
  exchange.onStop = (error) => abort.abort(error);
  let answered = false;
  try {
    const request = requestFrom(exchange, head, abort.signal);
    const given = await handler(request, infoFrom(exchange, head));
    const answer = responseFrom(given);
    const { body, status } = answer;
    const empty = head.method === 'HEAD' || EMPTY.includes(status);
    exchange.answer({ status, headers: [...answer.headers] });
    answered = true;
    if (body && empty) await body.cancel();
    else if (body) await send(body, exchange);
    exchange.end(empty ? [] : await trailersIn(given));
  } catch (error) {
    // That the client has gone, or its body was cut off, is no mistake of the handler's; the server has its own answer then.
    const byClient = exchange.stopped ?? exchange.failure;
    if (!byClient) onError(error);
    if (!answered && !byClient) {
      exchange.answer({ status: 500, headers: [['content-type', 'text/plain; charset=utf-8']] });
      await exchange.write(new TextEncoder().encode('The handler failed.\n')).catch(() => {});
      exchange.end();
    }
    exchange.reset();
  }
  // Of a body that the handler has not read.
  if (exchange.coming) exchange.stop();
}

/**
 * What goes behind the body: told by a function when that has gone.
 * @param {Response | import('./socket-iwa-server.d.ts').PlainResponse} answer
 * @returns {Promise<[string, string][]>}
 */
async function trailersIn(answer) {
  if (answer instanceof Response || answer.trailers === undefined) return [];
  const { trailers } = answer;
  return [...new Headers(typeof trailers === 'function' ? await trailers() : trailers)];
}

/** @param {ReadableStream<Uint8Array>} body @param {import('./gateway-link.js').Exchange} exchange */
async function send(body, exchange) {
  const reader = body.getReader();
  const { onStop } = exchange;
  exchange.onStop = (error) => {
    onStop(error);
    // A body that has nothing to say for long would not hear of it otherwise.
    void reader.cancel(error).catch(() => {});
  };
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (exchange.stopped) throw exchange.stopped;
      if (done) return;
      await exchange.write(asBytes(value));
    }
  } catch (error) {
    void reader.cancel(error).catch(() => {});
    throw error;
  }
}
