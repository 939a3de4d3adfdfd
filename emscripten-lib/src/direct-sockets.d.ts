// The part of Chrome's Direct Sockets API (WICG/direct-sockets) that this project uses, as global types. TypeScript's
// DOM library does not have it. The Node implementation (node/udp-socket.js) offers the same surface.

/** One datagram, as read from `readable` and written to `writable`. */
interface UDPMessage {
  /** Absent only when reading fails in ways the API does not produce. */
  data: Uint8Array;
  /** Literal IPv4 or IPv6 address. In bound mode it is required on a write. */
  remoteAddress: string;
  remotePort: number;
}

interface UDPSocketOptions {
  localAddress?: string;
  /** Left out for an ephemeral port: 0 is a TypeError. */
  localPort?: number;
  remoteAddress?: string;
  remotePort?: number;
  /** Of a remote address that is a name. */
  dnsQueryType?: 'ipv4' | 'ipv6';
  /** Bytes; above 0. */
  sendBufferSize?: number;
  /** Bytes; above 0. */
  receiveBufferSize?: number;
  /** Only with localAddress '::'. */
  ipv6Only?: boolean;
  /** Several sockets on one port. Needs the direct-sockets-multicast policy, as the next two do. */
  multicastAllowAddressSharing?: boolean;
  /** Hops, 0 to 255; 1 without it. */
  multicastTimeToLive?: number;
  /** Whether this machine gets what the socket sends to a group; true without it. */
  multicastLoopback?: boolean;
  /** Not in the browser's, which refuses to write to broadcast addresses: see UDPSocket.broadcasts. */
  broadcast?: boolean;
}

interface MulticastController {
  /** Rejects with InvalidStateError when it is a member, with NetworkError when the system refuses. */
  joinGroup(group: string): Promise<void>;
  leaveGroup(group: string): Promise<void>;
  readonly joinedGroups: readonly string[];
}

/** What the library calls on a reader: a subset of ReadableStreamDefaultReader. */
interface DatagramReader {
  read(): Promise<{ value: UDPMessage, done: false } | { value?: undefined, done: true }>;
  /** Not in the browser's: calls back for each datagram from now on, in the place of read(). */
  each?(onMessage: (message: UDPMessage) => void, onEnd: () => void): void;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

/** What the library calls on a writer: a subset of WritableStreamDefaultWriter. */
interface DatagramWriter {
  /** null once the stream has errored: a rejected write in Chrome errors the whole stream. */
  readonly desiredSize: number | null;
  write(message: UDPMessage): Promise<void>;
  /**
   * Not in the browser's: a write() without promises, which calls back in the order of writing and never at once. It returns
   * true where the system has read the data, or has refused them: others may then be written over them before the call back.
   */
  poster?(settled: (error?: Error) => void): (message: UDPMessage) => boolean;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

interface UDPSocketOpenInfo {
  readable: { getReader(): DatagramReader };
  writable: { getWriter(): DatagramWriter };
  localAddress: string;
  localPort: number;
  remoteAddress?: string;
  remotePort?: number;
  /** Absent without the direct-sockets-multicast policy; a write to a group is then rejected too. */
  multicastController?: MulticastController;
}

declare class UDPSocket {
  constructor(options: UDPSocketOptions);
  /** Not the browser's: true where a message may have no bytes. Chromium 156 answers one by erroring `writable`. */
  static readonly takesEmptyDatagrams?: boolean;
  /** Not the browser's: true where `broadcast` and setBroadcast() are. */
  static readonly broadcasts?: boolean;
  /** Not the browser's: of how many on one port at most there is a use. */
  static readonly mostStripes?: number;
  readonly opened: Promise<UDPSocketOpenInfo>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
  /** Not in the browser's. */
  setBroadcast?(on: boolean): void;
}

type UDPSocketClass = typeof UDPSocket;

interface TCPSocketOptions {
  /** Bytes; above 0. Chrome takes no more than 128 KiB. */
  sendBufferSize?: number;
  receiveBufferSize?: number;
  noDelay?: boolean;
  /** Milliseconds, at least 1000: switches keep-alive on. */
  keepAliveDelay?: number;
  dnsQueryType?: 'ipv4' | 'ipv6';
  /** Not in the browser's: see TCPSocket.bindsLocally. */
  localAddress?: string;
  localPort?: number;
}

/** What the library calls on a reader: a subset of ReadableStreamDefaultReader. */
interface ByteReader {
  read(): Promise<{ value: Uint8Array, done: false } | { value?: Uint8Array, done: true }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

/** What the library calls on a reader into its own buffers: a subset of ReadableStreamBYOBReader. */
interface IntoReader extends Omit<ByteReader, 'read'> {
  /** Its bytes, as many as there are, are at the start of another buffer; that of `view` is gone. */
  read(view: Uint8Array): ReturnType<ByteReader['read']>;
}

/** What the library calls on a writer: a subset of WritableStreamDefaultWriter. */
interface ByteWriter {
  /** The chunk must not change before the promise settles. */
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

interface TCPSocketOpenInfo {
  readable: { getReader(): ByteReader, getReader(options: { mode: 'byob' }): IntoReader };
  writable: { getWriter(): ByteWriter };
  remoteAddress: string;
  remotePort: number;
  /** Chrome leaves these out of accepted connections. */
  localAddress?: string;
  localPort?: number;
}

declare class TCPSocket {
  constructor(remoteAddress: string, remotePort: number, options?: TCPSocketOptions);
  /** Not in the browser's: `localAddress` and `localPort` work. */
  static readonly bindsLocally?: boolean;
  /** Not in the browser's: `writable` keeps every chunk, and close() on it sends FIN. */
  static readonly lossless?: boolean;
  readonly opened: Promise<TCPSocketOpenInfo>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
  /** Not in the browser's. */
  setKeepAlive?(enable: boolean, delay: number): void;
}

interface TCPServerSocketOptions {
  /** Left out for an ephemeral port: 0 is a TypeError. */
  localPort?: number;
  backlog?: number;
  /** Only with localAddress '::'. */
  ipv6Only?: boolean;
}

/** What the library calls on a reader of connections. */
interface AcceptReader {
  read(): Promise<{ value: TCPSocket, done: false } | { value?: undefined, done: true }>;
  cancel(reason?: unknown): Promise<void>;
  releaseLock(): void;
}

interface TCPServerSocketOpenInfo {
  readable: { getReader(): AcceptReader };
  localAddress: string;
  localPort: number;
}

declare class TCPServerSocket {
  constructor(localAddress: string, options?: TCPServerSocketOptions);
  readonly opened: Promise<TCPServerSocketOpenInfo>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

type TCPSocketClass = typeof TCPSocket;
type TCPServerSocketClass = typeof TCPServerSocket;
