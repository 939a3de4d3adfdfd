/**
 * Handlers for the server's requests and sessions, at the host's end of a gateway (docs/gateway.md). What carries the
 * bytes is the caller's: a socket to a native server, or a channel to one in a worker (server.js).
 */
import { Link } from './gateway-link.js';
import { serveRequest } from './gateway-http.js';
import { serveSession } from './gateway-session.js';
import { serveWebSocket } from './gateway-websocket.js';

export { GatewayError } from './gateway-link.js';
export { Session } from './gateway-session.js';
export { ServerWebSocket } from './gateway-websocket.js';

/** @typedef {import('./socket-iwa-server.d.ts').Handlers} Handlers */

/**
 * @param {Handlers} handlers
 * @throws {TypeError} that names what is wrong with them
 */
export function checkHandlers({ routes = {}, webtransport = {}, websocket = {} }) {
  for (const [name, table] of Object.entries({ routes, webtransport, websocket })) {
    for (const [path, handler] of Object.entries(table)) {
      const star = path.indexOf('*');
      if (!path.startsWith('/')) throw new TypeError(`${name}: the path "${path}" does not begin with a slash`);
      if (star >= 0 && (name !== 'routes' || star !== path.length - 1 || !path.endsWith('/*'))) {
        const rule = name === 'routes'
          ? 'only after the last slash, as in "/files/*"' : 'not in the path of a session or a WebSocket';
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
export function serveGateway(streams, {
  routes = {}, webtransport = {}, websocket = {}, standardRoutes = false, onError = report,
}) {
  checkHandlers({ routes, webtransport, websocket });
  // An object's own keys alone are paths.
  const tables = {
    http: new Map(Object.entries(routes)),
    webtransport: new Map(Object.entries(webtransport)),
    websocket: new Map(Object.entries(websocket)),
  };
  const link = new Link(streams, (exchange, head) => {
    const { kind, route } = head;
    const failed = (/** @type {unknown} */ error) => onError(error, { route });
    const request = kind === 'http' ? tables.http.get(route) : undefined;
    const session = kind === 'webtransport' ? tables.webtransport.get(route) : undefined;
    const socket = kind === 'websocket' ? tables.websocket.get(route) : undefined;
    if (request) void serveRequest(exchange, head, request, failed);
    else if (session) void serveSession(exchange, head, session, failed);
    else if (socket) void serveWebSocket(exchange, head, socket, failed);
    else throw new Error(`the server offered ${kind} at ${route}, which nobody has asked for`);
  });
  const [http, sessions, sockets] = Object.values(tables).map((table) => [...table.keys()]);
  link.hello({ http, webtransport: sessions, websocket: sockets, standard: standardRoutes });
  return { ready: link.ready, closed: link.lost };
}

/** @param {unknown} error @param {{route: string}} where */
function report(error, { route }) {
  console.error(`the handler of ${route} failed:`, error);
}
