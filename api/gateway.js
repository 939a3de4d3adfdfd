/**
 * Handlers for the server's requests and sessions, at the host's end of a gateway (docs/gateway.md). What carries the
 * bytes is the caller's: a socket to a native server, or a channel to one in a worker (server.js).
 */
import { Link } from './gateway-link.js';
import { serveRequest } from './gateway-http.js';
import { serveSession } from './gateway-session.js';

export { GatewayError } from './gateway-link.js';
export { Session } from './gateway-session.js';

/** @typedef {import('./socket-iwa-server.d.ts').Handlers} Handlers */

/**
 * @param {Handlers} handlers
 * @throws {TypeError} that names what is wrong with them
 */
export function checkHandlers({ routes = {}, webtransport = {} }) {
  for (const [name, table] of Object.entries({ routes, webtransport })) {
    for (const [path, handler] of Object.entries(table)) {
      const star = path.indexOf('*');
      if (!path.startsWith('/')) throw new TypeError(`${name}: the path "${path}" does not begin with a slash`);
      if (star >= 0 && (name === 'webtransport' || star !== path.length - 1 || !path.endsWith('/*'))) {
        const rule = name === 'routes' ? 'only after the last slash, as in "/files/*"' : 'not in the path of a session';
        throw new TypeError(`${name}: the path "${path}" has a star, which may stand ${rule}`);
      }
      if (typeof handler !== 'function') throw new TypeError(`${name}: the handler of "${path}" is no function`);
    }
  }
}

/**
 * Serves what the server at the other end offers, until it is gone.
 * @param {{readable: ReadableStream<Uint8Array<ArrayBuffer>>, writable: WritableStream<Uint8Array>}} streams
 * @param {Handlers} handlers
 * @returns {{ready: Promise<void>, closed: Promise<void>}} `ready` when the server knows what is handled here; `closed` when
 *   it is gone
 * @throws {TypeError} when something is wrong with the handlers
 */
export function serveGateway(streams, { routes = {}, webtransport = {}, standardRoutes = false, onError = report }) {
  checkHandlers({ routes, webtransport });
  // An object's own keys alone are paths.
  const tables = { http: new Map(Object.entries(routes)), webtransport: new Map(Object.entries(webtransport)) };
  const link = new Link(streams, (exchange, head) => {
    const { kind, route } = head;
    const failed = (/** @type {unknown} */ error) => onError(error, { route });
    const request = kind === 'http' ? tables.http.get(route) : undefined;
    const session = kind === 'webtransport' ? tables.webtransport.get(route) : undefined;
    if (request) void serveRequest(exchange, head, request, failed);
    else if (session) void serveSession(exchange, head, session, failed);
    else throw new Error(`the server offered ${kind} at ${route}, which nobody has asked for`);
  });
  link.hello({ http: [...tables.http.keys()], webtransport: [...tables.webtransport.keys()], standard: standardRoutes });
  return { ready: link.ready, closed: link.lost };
}

/** @param {unknown} error @param {{route: string}} where */
function report(error, { route }) {
  console.error(`the handler of ${route} failed:`, error);
}
