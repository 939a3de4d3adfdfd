// A channel between the program and the JavaScript that runs it (Module.directSockets.channels): a connected stream socket
// without addresses, as an end of socketpair(AF_UNIX, SOCK_STREAM) is, whose other end is a pair of WHATWG streams of
// bytes. Reading ahead, queues, ends and readiness are those of any stream socket (tcp.js), on streams that lose nothing.
import { AF_UNIX, EBADF } from './abi.js';
import { TcpSocket } from './tcp.js';

/** The descriptor of the first channel: behind standard error's. */
export const FIRST_CHANNEL = 3;

/**
 * What the program writes goes to `writable`, each chunk in memory of its own; what it reads comes from `readable`.
 * @typedef {{ readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array> }} Channel
 */

export class ChannelSocket extends TcpSocket {
  /**
   * @param {object} setup
   * @param {import('./attempt.js').WaitQueue} setup.queue notified at every change of readiness
   * @param {import('./tcp-lifecycle.js').TcpPlatform} setup.platform
   * @param {Channel} setup.channel
   */
  constructor({ queue, platform, channel }) {
    super({ family: AF_UNIX, queue, platform });
    this.protocol = 0;
    this.attach({ accepted: connection(channel), capacity: undefined, what: 'channel' });
    /** @type {TcpSocket['state']} */
    this.state = 'connected';
  }

  /** Unnamed, as both are. @override @returns {any} */
  localEndpoint() {
    if (this.state === 'closed') throw EBADF;
    return undefined;
  }

  /** @override @returns {any} */
  peerEndpoint() {
    return this.localEndpoint();
  }
}

/**
 * The channel as a connection that was accepted.
 * @param {Channel} channel
 * @returns {import('./tcp-port.js').Accepted}
 */
function connection({ readable, writable }) {
  const writer = writable.getWriter();
  // Told by write() and read(), where it matters.
  writer.closed.catch(() => {});
  return {
    socket: { opened: /** @type {any} */ (undefined), closed: Promise.resolve(), close: async () => {} },
    info: {
      readable: /** @type {any} */ (readable),
      writable: {
        getWriter: () => ({
          // The socket uses its buffer again, and whoever reads may keep the chunk or transfer it.
          write: (chunk) => writer.write(chunk.slice()),
          close: () => writer.close(),
          abort: (reason) => writer.abort(reason),
          releaseLock: () => writer.releaseLock(),
        }),
      },
      remoteAddress: '',
      remotePort: 0,
    },
  };
}
