/**
 * The public types of `socket-iwa`: what app authors see, and what the implementation is checked against. docs/api.md says
 * how each is used.
 */

// --- errors ------------------------------------------------------------------------------------------------------------

/** Why a socket operation failed. `message` says what was tried, on what, why it failed and what to do. */
export class SocketError extends Error {
  readonly name: 'SocketError';
  /**
   * The name of POSIX and of Node: ECONNREFUSED, ECONNRESET, ECONNABORTED, ETIMEDOUT, ENOTFOUND, EHOSTUNREACH,
   * ENETUNREACH, EADDRINUSE, EADDRNOTAVAIL, EACCES, EMSGSIZE, EINVAL, EPIPE, EBADF (closed), EOPNOTSUPP (no Direct Sockets
   * here, or not of this kind), ENODEV (multicast), EIO.
   */
  readonly code: string;
  /** What was tried: connect, listen, accept, bind, send, receive, read, write, join, leave. */
  readonly operation: string;
  /** The host or address it was tried on. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** Why a program did not end by itself. `message` says what happened. */
export class ProgramError extends Error {
  readonly name: 'ProgramError';
  /**
   * SIGABRT, SIGILL, SIGFPE, SIGSEGV of an abort or a trap; SIGKILL of kill(); ENOENT: no such program, or a file it
   * needs; ENOEXEC: no program made by emcc; ERR_NOT_LINKED: it is not linked with libdirectsockets.js; ERR_NO_JSPI;
   * ERR_WORKER: its worker or process could not be started; ERR_FILES_LOST; EINVAL; ERR_PROGRAM: any other error.
   */
  readonly code: string;
  /** As a shell's: 128 and the signal's number, otherwise 1. */
  readonly exitCode: number;
  /** The stack of a trap, with the program's own functions. */
  readonly trace: string | undefined;
}

// --- TCP ---------------------------------------------------------------------------------------------------------------

export interface ConnectOptions {
  /** Name or literal address. */
  host: string;
  port: number;
  /** Of a name: take its IPv4 or IPv6 address. Without it, what the system prefers. */
  family?: 4 | 6;
  /** Milliseconds for the attempt: ETIMEDOUT then. Without it, the platform's own limit, of minutes. */
  timeout?: number;
  /** Milliseconds, at least 1000, after which a silent connection is probed: switches keep-alive on. */
  keepAliveDelay?: number;
  /** Nagle's algorithm off: true without it. */
  noDelay?: boolean;
  /** Bytes read ahead of the program, 1 MiB without it: then the peer waits. Chrome's are at least 1, and mostly 16 MiB. */
  readAhead?: number;
  /** Aborts the attempt, and later the connection: what waits rejects with its reason. */
  signal?: AbortSignal;
}

export interface Connection extends AsyncDisposable {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Undefined where the browser does not tell: in Chrome, of accepted connections. */
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** A byte stream: takes BYOB readers too. Ends when the peer has ended, and errors with a SocketError. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * Takes bytes, which are copied. A write resolves once its bytes are in the send queue, and waits while that is full;
   * close() resolves once all are handed to the system and the peer is told the end (in Chrome: when reading has ended
   * too). abort() resets the connection.
   */
  readonly writable: WritableStream<BufferSource>;
  /** Resolves once the connection has ended in order, rejects with the SocketError that broke it. */
  readonly closed: Promise<void>;
  /** Ends both halves; what was written still goes out. Resolves when the system has it. Never rejects. */
  close(): Promise<void>;
  /** Ends it at once, dropping what was not sent; the streams error with `reason`. The peer sees a reset where the platform can. */
  abort(reason?: unknown): void;
}

/** Opens a TCP connection. Rejects with a SocketError, or with the reason of `signal`. */
export function connect(options: ConnectOptions): Promise<Connection>;

export interface ListenOptions {
  /** Any free one without it. Chrome refuses ports below 32768. */
  port?: number;
  /** Literal, '0.0.0.0' without it: all of this machine's IPv4 addresses. '::' takes IPv6, and IPv4 unless ipv6Only. */
  address?: string;
  /** Only with address '::'. */
  ipv6Only?: boolean;
  /** Connections accepted ahead of the program, 64 without it; more wait in the system's queue. */
  backlog?: number;
  /** Of the connections: as in ConnectOptions. */
  readAhead?: number;
  /** Closes the listener: what waits rejects with its reason. Its connections stay. */
  signal?: AbortSignal;
}

/** A listening port. Iterating takes its connections, and ends when it is closed. */
export interface Listener extends AsyncIterable<Connection, void>, AsyncDisposable {
  readonly localAddress: string;
  readonly localPort: number;
  /** The next connection. Rejects with EBADF once the listener is closed. */
  accept(options?: { signal?: AbortSignal }): Promise<Connection>;
  /** Frees the port. Accepted connections stay. Never rejects. */
  close(): Promise<void>;
  /** Resolves once the port is free, rejects with a SocketError when the browser has lost it. */
  readonly closed: Promise<void>;
}

/** Listens on a TCP port. Rejects with a SocketError, or with the reason of `signal`. */
export function listen(options?: ListenOptions): Promise<Listener>;

// --- UDP ---------------------------------------------------------------------------------------------------------------

export interface BindOptions {
  /** Any free one without it. Chrome refuses ports below 1024. */
  port?: number;
  /** Literal, '0.0.0.0' without it: all of this machine's IPv4 addresses. '::' takes IPv6, and IPv4 unless ipv6Only. */
  address?: string;
  /** Only with address '::'. */
  ipv6Only?: boolean;
  /** The one peer: send() goes there without an address, and no other is heard. `address` may be a name. */
  remote?: { address: string; port: number };
  /** Beside other sockets that share the port, in this program and others. Needs the multicast policy. */
  shared?: boolean;
  /** So many of the browser's sockets on the one port, which send in parallel; 1 without it. Needs the multicast policy. */
  stripes?: number;
  /** Hops of what is sent to groups, 0 to 255; 1 without it: this network. */
  multicastHops?: number;
  /** Whether this machine hears what is sent to groups; true without it. */
  multicastLoopback?: boolean;
  /** Bytes of datagrams kept for the program, 208 KiB without it: more are dropped, and counted. */
  receiveBuffer?: number;
  /** Closes the socket: what waits rejects with its reason. */
  signal?: AbortSignal;
}

export interface Datagram {
  data: Uint8Array<ArrayBuffer>;
  /** Literal. */
  address: string;
  port: number;
}

/** A bound UDP socket. Iterating takes its datagrams, and ends when it is closed. */
export interface UdpSocket extends AsyncIterable<Datagram, void>, AsyncDisposable {
  readonly localAddress: string;
  readonly localPort: number;
  /**
   * Sends one datagram, whose bytes are copied. Resolves once the system has it; rejects with a SocketError of this one
   * datagram, and the socket stays.
   * @param to a literal address; the remote peer without it
   */
  send(data: BufferSource, to?: { address: string; port: number }): Promise<void>;
  /** The next datagram. Rejects with EBADF once the socket is closed. */
  receive(options?: { signal?: AbortSignal }): Promise<Datagram>;
  /** Hears what is sent to a multicast group. */
  join(group: string): Promise<void>;
  leave(group: string): Promise<void>;
  /** Groups it is a member of. */
  readonly groups: readonly string[];
  /** Datagrams that found the receive buffer full. */
  readonly dropped: number;
  /** Frees the port; what was sent still goes out. Never rejects. */
  close(): Promise<void>;
  /** Resolves once the port is free. */
  readonly closed: Promise<void>;
}

/** Binds a UDP socket. Rejects with a SocketError, or with the reason of `signal`. */
export function bindUdp(options?: BindOptions): Promise<UdpSocket>;

// --- programs ----------------------------------------------------------------------------------------------------------

/** A URL is fetched where the program runs. */
export type FileContent = string | BufferSource | Blob | URL;

export type StandardInput =
  | string | BufferSource | Blob
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** A directory of the program with modes, times and links. */
export interface Mount {
  /** Absolute. */
  at: string;
  readOnly: boolean;
  entries: MountEntry[];
}

/** `path` is relative to the mount, a directory's before those of what is in it; `mtime` in milliseconds. */
export type MountEntry =
  | { type: 'directory'; path: string }
  | { type: 'link'; path: string; target: string }
  /** `data`, or the `url` that has it. */
  | { type: 'file'; path: string; mode: number; mtime: number; data?: Uint8Array; url?: string };

/** What a program changed in a mount: see Change in program/program-files.js. */
export interface MountChange {
  /** Which of `mounts`, from 0. */
  mount: number;
  path: string;
  type: 'directory' | 'file' | 'removed' | 'link';
  mode?: number;
  mtime?: number;
  /** Of a file. */
  data?: Uint8Array;
}

export interface ProgramOptions {
  /** Without argv[0]. */
  args?: readonly string[];
  /** argv[0]: the file's name without it. */
  name?: string;
  /** Beside Emscripten's own. */
  env?: Readonly<Record<string, string>>;
  /**
   * Files by path, relative to `cwd` or absolute; one that ends with "/" is an empty directory. What the program changes in
   * their directories is the result of `files`.
   */
  files?: Readonly<Record<string, FileContent>>;
  /** Where it starts: '/files' where files are given, '/' otherwise. */
  cwd?: string;
  /** Read as the program reads. Without it, standard input is Emscripten's own, which has none in a worker. */
  stdin?: StandardInput;
  /** Bytes as they are written. Without it they are dropped. 'inherit' (Node): this process's own. */
  onStdout?: ((bytes: Uint8Array) => void) | 'inherit';
  onStderr?: ((bytes: Uint8Array) => void) | 'inherit';
  /** A line about something that was left out; console.warn without it. */
  onWarning?: (text: string) => void;
  /** Ends the program, once it has handed over its files; `exit` rejects with its reason. */
  signal?: AbortSignal;
  /** Run it although its sockets are Emscripten's own, which reach no network here. */
  anySockets?: boolean;
  /** Further directories; what the program changes there goes to `onChange`, when it ends. */
  mounts?: Mount[];
  onChange?: (change: MountChange) => void;
  /** Where program/thread.js of this package is served, if a bundler has moved this module away from it. */
  worker?: string | URL;
  /** Node: the executable that runs it. */
  execPath?: string;
}

/** A program that runs. Disposing of it is kill(). */
export interface Program extends AsyncDisposable {
  /** The exit code. Rejects with a ProgramError when it trapped, aborted, was killed or could not be run. */
  readonly exit: Promise<number>;
  /**
   * When it has ended, however: what it changed or made in the directories of `files`, by absolute path; null where it
   * removed a file. Rejects with ERR_FILES_LOST when it was ended while it computed.
   */
  readonly files: Promise<Map<string, Uint8Array | null>>;
  /** Ends it, whatever it does, once it has handed over its files or has had five seconds for that. Never rejects. */
  kill(): Promise<void>;
}

/**
 * Runs a program made by emcc: its .js file, of this app's origin, with its .wasm beside it. In a browser it runs in a
 * worker; on Node, where `url` may be a path, in a process.
 */
export function runProgram(url: string | URL, options?: ProgramOptions): Program;

// --- support -----------------------------------------------------------------------------------------------------------

export interface Feature {
  name:
    | 'UDPSocket' | 'TCPSocket' | 'TCPServerSocket' | 'JSPI' | 'cross-origin-isolation'
    | `policy ${string}` | `permission ${string}`;
  /** 'ask': the user will be asked. 'unknown': this context cannot tell. */
  state: 'yes' | 'no' | 'ask' | 'unknown';
  /** What to change, of a `no` and an `ask`. */
  fix?: string;
}

export interface Support {
  context: 'page' | 'dedicated worker' | 'shared worker' | 'service worker' | 'node';
  /** connect, listen and bindUdp can work here; the user may still be asked. */
  sockets: boolean;
  /** Programs linked with -sJSPI can run here. */
  programs: boolean;
  /** Multicast, `shared` and `stripes` can work here. */
  multicast: boolean | 'unknown';
  features: Feature[];
}

/** What this context has and lacks. Never asks the user for anything. */
export function checkSupport(): Promise<Support>;

// --- the QUIC server ---------------------------------------------------------------------------------------------------

export * from './socket-iwa-server.js';
