// A TCPSocket's `writable` as Chromium 156 has it, with its fault: a chunk whose write begins while the data pipe is full
// is dropped, and its promise resolves. The test is the network process: it drains the pipe.

export class FakePipe {
  /** @param {number} [capacity] bytes */
  constructor(capacity = 65536) {
    this.capacity = capacity;
    /** In the pipe. @type {Uint8Array[]} */
    this.held = [];
    this.length = 0;
    /** What came out. @type {number[]} */
    this.arrived = [];
    this.drops = 0;
    /** @type {{ chunk: Uint8Array, offset: number, resolve: () => void } | undefined} */
    this.write = undefined;
    this.longest = 0;
  }

  get room() {
    return this.capacity - this.length;
  }

  /** Copies what fits. */
  copy() {
    const { write } = this;
    if (!write) return;
    const part = write.chunk.slice(write.offset, write.offset + this.room);
    this.held.push(part);
    this.length += part.byteLength;
    write.offset += part.byteLength;
    if (write.offset === write.chunk.byteLength) {
      this.write = undefined;
      write.resolve();
    }
  }

  /** @param {number} [bytes] at most; what waits follows in a task of its own, as it does there */
  async drain(bytes = Infinity) {
    while (bytes > 0 && this.held.length > 0) {
      const part = this.held[0].subarray(0, bytes);
      for (const byte of part) this.arrived.push(byte);
      this.length -= part.byteLength;
      bytes -= part.byteLength;
      if (part.byteLength === this.held[0].byteLength) this.held.shift();
      else this.held[0] = this.held[0].subarray(part.byteLength);
    }
    await task();
    this.copy();
    await task();
  }

  /** Until nothing moves any more. */
  async drainAll() {
    do await this.drain();
    while (this.length > 0 || this.write);
  }

  /** @returns {ByteWriter} */
  getWriter() {
    return {
      write: (chunk) => {
        if (this.write) throw new Error('one write at a time');
        this.longest = Math.max(this.longest, chunk.byteLength);
        if (this.room === 0) {
          this.drops++;
          return Promise.resolve();
        }
        return new Promise((resolve) => {
          this.write = { chunk, offset: 0, resolve };
          this.copy();
        });
      },
      close: async () => {},
      abort: async () => {},
      releaseLock() {},
    };
  }
}

/** A turn of the event loop. */
export function task() {
  return new Promise((resolve) => void setImmediate(resolve));
}
