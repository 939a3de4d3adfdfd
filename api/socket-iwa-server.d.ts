/**
 * The public types of `startServer`, and of the gateway's host. docs/gateway.md says how they are used.
 */

/** Why a server did not start, or ended otherwise than by being stopped. `message` says what happened and what to do. */
export class ServerError extends Error {
  name: string;
  /**
   * EADDRINUSE, EACCES, EADDRNOTAVAIL and their like of the socket; EINVAL: something that was given can't be used;
   * ERR_NO_SUPPORT: this context lacks what the server needs; ERR_WORKER: its worker or its module could not be loaded;
   * ERR_TRAP: the program trapped; ERR_TIMEOUT: it did not stop in time; ERR_SERVER: any other end.
   */
  readonly code: string;
  /** The program's exit code, if it exited by itself. */
  readonly exitCode: number | null;
}

/** Why an exchange, a stream of a session or a session goes no further. */
export class GatewayError extends Error {
  name: string;
  /** ECONNRESET: by the client; ECONNABORTED: the server is gone. */
  readonly code: string;
  /** The client's code of a stream, as WebTransportError has it. */
  readonly streamErrorCode: number | null;
}

// --- HTTP --------------------------------------------------------------------------------------------------------------

/** What a `Request` does not tell. */
export interface RequestInfo {
  /** The client's IP address. */
  remoteAddress: string;
  remotePort: number;
  /** The path that the handler was registered for. */
  route: string;
  /** The fields behind the body, once all of that has come; rejects with a GatewayError when it breaks off. */
  readonly trailers: Promise<Headers>;
}

/** An answer where a `Response` will not do: a page's `Response` takes no `set-cookie`, and none has trailers. */
export interface PlainResponse {
  /** 200 without it. */
  status?: number;
  headers?: HeadersInit;
  body?: BodyInit | null;
  /** Fields behind the body, or a function that tells them when that has gone. */
  trailers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>);
}

/**
 * Answers a request, which has all header fields. `request.signal` is aborted when the client wants no answer any more. What
 * it throws is a 500 and goes to `onError`.
 */
export type HttpHandler = (
  request: Request,
  info: RequestInfo,
) => Response | PlainResponse | Promise<Response | PlainResponse>;

// --- WebTransport ------------------------------------------------------------------------------------------------------

export interface BidirectionalStream {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface CloseInfo {
  closeCode: number;
  reason: string;
}

/** A session that a client has opened, in the shape of the browser's `WebTransport`. */
export interface Session {
  /** Where it was opened, with its query. */
  readonly url: string;
  /** Header fields of the request that opened it, `origin` among them. */
  readonly headers: Headers;
  /** The path that the handler was registered for. */
  readonly route: string;
  /** The client's IP address, when it came. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Resolved: a session is open when its handler gets it. */
  readonly ready: Promise<void>;
  /** How the session ended, by either side; rejects with a GatewayError when it was lost. */
  readonly closed: Promise<CloseInfo>;
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /**
   * A `Uint8Array` each. What the handler does not read in time is lost, as any datagram may be; one of more than
   * `maxDatagramSize` bytes is not sent.
   */
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
    readonly writable: WritableStream<Uint8Array>;
    readonly maxDatagramSize: number;
  };
  /** Opens a stream, when the client allows one more. Rejects with a GatewayError when the session is over. */
  createBidirectionalStream(): Promise<BidirectionalStream>;
  createUnidirectionalStream(): Promise<WritableStream<Uint8Array>>;
  /**
   * Closes the session; of `reason` 1024 bytes arrive. Its streams are lost: hear from the client that it has what it should
   * have, before.
   */
  close(info?: Partial<CloseInfo>): void;
}

/**
 * Serves a session, which is closed with code 0 when the promise resolves: one that leaves its work to callbacks awaits
 * `session.closed`. When it rejects the client sees the session lost, and the error goes to `onError`.
 */
export type SessionHandler = (session: Session) => void | Promise<void>;

// --- WebSocket ---------------------------------------------------------------------------------------------------------

/** A WebSocket that a client has opened over HTTP/3 (RFC 9220), in the shape of the browser's `WebSocketStream`. */
export interface ServerWebSocket {
  /** Where it was opened, with its query. */
  readonly url: string;
  /** Header fields of the request that opened it: `origin`, `sec-websocket-protocol`. */
  readonly headers: Headers;
  /** The path that the handler was registered for. */
  readonly route: string;
  /** The client's IP address, when it came. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Text as a string, anything else as bytes; the client waits while nobody reads. It ends when either side has closed. */
  readonly readable: ReadableStream<string | Uint8Array<ArrayBuffer>>;
  /** A message each, of at most 1 MiB. Closing it closes the WebSocket with code 1000. */
  readonly writable: WritableStream<string | BufferSource>;
  /** How it ended: code and reason of the close, 1005 without a code. Rejects with a GatewayError when it was lost. */
  readonly closed: Promise<CloseInfo>;
  /** Code 1000 without one. Throws a RangeError of what RFC 6455 does not allow. */
  close(info?: Partial<CloseInfo>): void;
}

/**
 * Serves a WebSocket, which is closed with code 1000 when the promise resolves: one that leaves its work to callbacks
 * awaits `socket.closed`. When it rejects the client sees code 1011, and the error goes to `onError`.
 */
export type WebSocketHandler = (socket: ServerWebSocket) => void | Promise<void>;

// --- the server --------------------------------------------------------------------------------------------------------

export interface Handlers {
  /** By path: a whole one, `/hello`, or all below one, `/files/*`. The longest that fits has the request. */
  routes?: Record<string, HttpHandler>;
  /** By path, each a whole one. */
  webtransport?: Record<string, SessionHandler>;
  /** By path, each a whole one. */
  websocket?: Record<string, WebSocketHandler>;
  /** Whether the server's own, `/bytes/N`, `/echo` and the rest of docs/applications.md, are there too. */
  standardRoutes?: boolean;
  /** Hears what a handler throws; without it `console.error` does. */
  onError?: (error: unknown, where: { route: string }) => void;
}

export interface ServerOptions extends Handlers {
  /**
   * "0.0.0.0:4433", "[::1]:4433"; without it, or without one of the parts, 127.0.0.1 and a free port. Chrome refuses ports
   * below 1024.
   */
  listen?: string | { address?: string; port?: number };
  /**
   * Files to serve where no route fits: by path, or a directory that the user picked, of which a copy is held in memory,
   * up to 256 MiB; on Node also the name of a directory, which is served as it is.
   */
  root?: string | Record<string, string | Blob | ArrayBuffer | Uint8Array<ArrayBuffer>> | FileSystemDirectoryHandle;
  /**
   * PEM. Without it one is made, for a fortnight at most, as WebTransport's `serverCertificateHashes` wants it, and renewed
   * in time.
   */
  certificate?: { cert: string; key: string };
  /** Whole seconds between counters, 1 without it. */
  statsInterval?: number;
  /** Further arguments of the server's command line (docs/server.md). */
  args?: string[];
  /** Gives up starting, with its reason; later it stops the server. */
  signal?: AbortSignal;
  /** Gets each line of the server's log. */
  onLog?: (line: string) => void;
  /**
   * socket-iwa-server.js, with socket_iwa_server.wasm beside it. In a browser it has to be of the app's own origin, where it
   * is /socket-iwa-server.js without this; on Node it is the package's own.
   */
  module?: string | URL;
}

/** Of a certificate in DER: as it is, an element of WebTransport's `serverCertificateHashes`. */
export interface CertificateHash {
  algorithm: 'sha-256';
  value: Uint8Array<ArrayBuffer>;
  hex: string;
}

export interface ServerCertificate {
  hash: CertificateHash;
  /** The hash of the one that will be next, known some days before that takes over. */
  next: CertificateHash | null;
  pem: string;
}

/** A server that serves. */
export interface RunningServer extends AsyncDisposable {
  /** The address and the port that it is bound to. */
  readonly address: string;
  readonly port: number;
  /** The certificate of now. */
  readonly certificate: ServerCertificate;
  /** Its hash. */
  readonly certificateHash: CertificateHash;
  /** The hash of the certificate of now and, once it is known, of the next: for `serverCertificateHashes`. */
  readonly certificateHashes: CertificateHash[];
  /** The certificate of now, and each change of it or of the next one's hash, until the server ends. */
  certificates(): AsyncIterableIterator<ServerCertificate>;
  /** The server's counters (those of `/metrics`), the latest each time, until it ends. */
  stats(): AsyncIterableIterator<Record<string, number>>;
  /** Resolves when it was stopped; rejects with a ServerError when it ended otherwise. */
  readonly closed: Promise<void>;
  /** Answers what clients have asked for, closes every connection and ends the worker. Never rejects: see `closed`. */
  stop(): Promise<void>;
}

/**
 * Starts a server, which serves when the promise resolves. Rejects with a ServerError, with a TypeError about wrong handlers,
 * or with the reason of `signal`.
 */
export function startServer(options?: ServerOptions): Promise<RunningServer>;
