// Buffers of datagrams that have been sent, for those that will be. One for each datagram is garbage of the browser's too: its
// own object for the view, one for the buffer, and what ties both to the program's.

/** Bytes that are kept: what a socket has under way with Linux's send buffer. */
const BYTES = 1 << 18;
/** Lengths of which some are kept. A busy server's datagrams have few: full ones, handshakes, acknowledgements. */
const LENGTHS = 256;

export class BufferPool {
  constructor() {
    /** Bytes of all that are kept. */
    this.bytes = 0;
    /** By their length, the length first that came first. @type {Map<number, Uint8Array[]>} */
    this.kept = new Map();
  }

  /** @param {number} length @returns {Uint8Array} with whatever is in it */
  take(length) {
    const data = this.kept.get(length)?.pop();
    if (!data) return new Uint8Array(length);
    this.bytes -= length;
    return data;
  }

  /** @param {Uint8Array} data nobody else's any more */
  give(data) {
    const length = data.byteLength;
    if (length === 0 || length > BYTES) return;
    while (this.bytes + length > BYTES || (this.kept.size === LENGTHS && !this.kept.has(length))) {
      const [[oldest, buffers]] = this.kept;
      // Else those of one length alone would be thrown away each time they are too many.
      if (oldest === length) return;
      this.kept.delete(oldest);
      this.bytes -= oldest * buffers.length;
    }
    const buffers = this.kept.get(length);
    if (buffers) buffers.push(data);
    else this.kept.set(length, [data]);
    this.bytes += length;
  }
}
