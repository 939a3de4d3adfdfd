// Sockets as file descriptors of Emscripten's FS: the stock close, dup, fcntl, fstat, poll and select see an ordinary
// stream. The one module besides stdin.js that knows FS. It never waits: suspending reads and writes are syscalls.js's.
import {
  EBADF, EFAULT, EMFILE, ENOTSOCK, ENOTTY, FIONBIO, FIONREAD, O_NONBLOCK, O_RDWR, S_IFDIR, S_IFSOCK, SOCK_STREAM,
} from './abi.js';

/** @typedef {import('./udp.js').UdpSocket | import('./tcp.js').TcpSocket | import('./pair.js').PairEnd |
 *   import('./route-socket.js').RouteSocket} Socket */

/**
 * What the library uses of an FS stream. `flags` is shared by duplicated descriptors, as O_NONBLOCK is in POSIX.
 * @typedef {{ fd: number, flags: number, node: any, stream_ops: any }} Stream
 */

/**
 * @param {any} FS Emscripten's
 * @param {import('./memory.js').MemoryAccess} access
 */
export function makeDescriptors(FS, access) {
  /** Sockets have nodes, but no names in the file system. */
  let root;
  let count = 0;

  const streamOps = {
    /** @param {Stream} stream */
    getattr: ({ node }) => ({
      dev: 1, ino: node.id, mode: S_IFSOCK | 0o777, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 0,
      atime: new Date(node.atime), mtime: new Date(node.mtime), ctime: new Date(node.ctime), blksize: 4096, blocks: 0,
    }),
    /** @param {Stream} stream */
    poll: ({ node }) => node.socket.poll(),
    /** @param {Stream} stream */
    dup({ node }) {
      node.descriptors++;
    },
    /** @param {Stream} stream */
    close({ node }) {
      if (--node.descriptors > 0) return;
      node.socket.close();
      FS.destroyNode(node);
    },
    /** @param {Stream} stream @param {number} request @param {number} pointer */
    ioctl(stream, request, pointer) {
      if (pointer === 0 && (request === FIONREAD || request === FIONBIO)) throw new FS.ErrnoError(EFAULT);
      switch (request) {
        case FIONREAD:
          access.writeI32(pointer, withErrnoError(() => stream.node.socket.nextLength()));
          return 0;
        case FIONBIO:
          if (access.readI32(pointer) !== 0) stream.flags |= O_NONBLOCK;
          else stream.flags &= ~O_NONBLOCK;
          return 0;
        default:
          throw new FS.ErrnoError(ENOTTY);
      }
    },
    // FS.read and FS.write called from JavaScript, which cannot suspend: one attempt.
    /** @param {Stream} stream @param {Uint8Array} buffer @param {number} offset @param {number} length */
    read({ node }, buffer, offset, length) {
      return withErrnoError(() => {
        if (node.socket.type === SOCK_STREAM) {
          return node.socket.receive(length, false, (/** @type {Uint8Array} */ piece, /** @type {number} */ done) =>
            buffer.set(piece, offset + done));
        }
        const data = node.socket.receive(false, true)?.data ?? new Uint8Array();
        buffer.set(data.subarray(0, length), offset);
        return Math.min(data.byteLength, length);
      });
    },
    /** @param {Stream} stream @param {Uint8Array} buffer @param {number} offset @param {number} length */
    write({ node }, buffer, offset, length) {
      return withErrnoError(() => {
        if (node.socket.type === SOCK_STREAM) {
          return node.socket.send(length, (/** @type {Uint8Array} */ target) =>
            target.set(buffer.subarray(offset, offset + target.byteLength)), 0);
        }
        return node.socket.send(length, () => new Uint8Array(buffer.slice(offset, offset + length)), undefined, 0);
      });
    },
  };

  /** @template T @param {() => T} operation @returns {T} */
  function withErrnoError(operation) {
    try {
      return operation();
    } catch (error) {
      throw typeof error === 'number' ? new FS.ErrnoError(error) : error;
    }
  }

  return {
    /** Throws EMFILE when all are open: Linux finds a descriptor before it takes a connection off the queue. */
    checkRoom() {
      try {
        FS.nextfd();
      } catch {
        throw EMFILE;
      }
    },

    /**
     * @param {(queue: import('./attempt.js').WaitQueue) => Socket} create
     * @param {number} flags O_NONBLOCK or 0
     * @param {number} [fd] the descriptor to open, otherwise the lowest that is free
     * @returns {number} the descriptor
     */
    open(create, flags, fd) {
      root ??= FS.mount({ mount: () => FS.createNode(null, '/', S_IFDIR | 0o777, 0) }, {}, null);
      const name = `directsocket[${count++}]`;
      const node = FS.createNode(root, name, S_IFSOCK | 0o777, 0);
      node.descriptors = 1;
      node.socket = create(node);
      try {
        return FS.createStream({
          path: name, node, flags: O_RDWR | flags, seekable: false, stream_ops: streamOps,
        }, fd).fd;
      } catch (error) {
        FS.destroyNode(node);
        throw error;
      }
    },

    /** @param {number} fd that open() returned */
    close(fd) {
      FS.close(FS.getStream(fd));
    },

    /** @param {number} fd @returns {Stream} */
    get(fd) {
      const stream = FS.getStream(fd);
      if (!stream) throw EBADF;
      if (!stream.node?.socket) throw ENOTSOCK;
      return stream;
    },
  };
}
