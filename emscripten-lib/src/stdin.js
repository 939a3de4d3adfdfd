// Standard input from a ReadableStream of bytes (Module.stdinStream): descriptor 0 then is the read end of a pipe, on
// which read() waits, poll() sees data, and the end of the stream is an end of file. It takes a chunk from the stream when
// the program asks for one: what a program does not read is left to whoever reads next.
import { EAGAIN, FIONREAD, O_RDONLY, POLLHUP, READABLE, S_IFDIR, S_IFIFO } from './abi.js';

/**
 * Puts the stream in the place of descriptor 0.
 * @param {any} FS
 * @param {import('./memory.js').MemoryAccess} access
 * @param {ReadableStream<Uint8Array>} source
 */
export function installStdin(FS, access, source) {
  const root = FS.mount({ mount: () => FS.createNode(null, '/', S_IFDIR | 0o777, 0) }, {}, null);
  const node = FS.createNode(root, 'stdin', S_IFIFO | 0o600, 0);
  const input = new StdinReader(source, node);
  node.stdin = input;
  const stream_ops = {
    getattr: () => ({
      dev: 1, ino: node.id, mode: node.mode, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 0,
      atime: new Date(node.atime), mtime: new Date(node.mtime), ctime: new Date(node.ctime), blksize: 4096, blocks: 0,
    }),
    poll: () => input.poll(),
    /** @param {unknown} _stream @param {number} request @param {number} pointer */
    ioctl(_stream, request, pointer) {
      if (request === FIONREAD) access.writeI32(pointer, input.available());
      return 0;
    },
    // FS.read called from JavaScript, which cannot suspend.
    /** @param {unknown} _stream @param {Uint8Array} buffer @param {number} offset @param {number} length */
    read(_stream, buffer, offset, length) {
      try {
        const data = input.read(length);
        buffer.set(data, offset);
        return data.byteLength;
      } catch (error) {
        throw typeof error === 'number' ? new FS.ErrnoError(error) : error;
      }
    },
    close() {},
  };
  FS.closeStream(0);
  FS.createStream({ path: 'stdin', node, flags: O_RDONLY, seekable: false, stream_ops }, 0);
}

class StdinReader {
  /** @param {ReadableStream<Uint8Array>} source @param {import('./attempt.js').WaitQueue} queue */
  constructor(source, queue) {
    this.queue = queue;
    this.reader = source.getReader();
    /** @type {Uint8Array} */
    this.chunk = new Uint8Array();
    this.ended = false;
    this.asked = false;
  }

  /** Asks the source for a chunk when there is none. */
  fill() {
    if (this.asked || this.ended || this.chunk.byteLength > 0) return;
    this.asked = true;
    this.reader.read().then(
      ({ value, done }) => {
        this.asked = false;
        if (done) this.end();
        else if (value.byteLength === 0) this.fill();
        else {
          this.chunk = value;
          this.queue.notifyListeners(READABLE);
        }
      },
      // A source that fails is a source that ends: read() has no errno for it that programs expect.
      () => this.end(),
    );
  }

  end() {
    this.ended = true;
    this.queue.notifyListeners(READABLE | POLLHUP);
  }

  /** Attempt. @param {number} length bytes at most @returns {Uint8Array} empty at the end */
  read(length) {
    if (this.chunk.byteLength === 0) {
      if (this.ended || length === 0) return this.chunk;
      this.fill();
      throw EAGAIN;
    }
    const data = this.chunk.subarray(0, length);
    this.chunk = this.chunk.subarray(data.byteLength);
    return data;
  }

  /** Bytes at hand. */
  available() {
    this.fill();
    return this.chunk.byteLength;
  }

  poll() {
    this.fill();
    if (this.chunk.byteLength > 0) return READABLE;
    return this.ended ? READABLE | POLLHUP : 0;
  }
}
