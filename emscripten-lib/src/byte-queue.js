// The bytes a stream socket has received and the program has not read: a queue of the chunks as they came, read across
// their boundaries. It copies nothing on the way in, and knows no limit: who fills it asks for `length` first.

/** A queue that is mostly read chunks is compacted. */
const COMPACT_AFTER = 64;

/** In the place of a chunk that is read, so that it can be freed. */
const READ = new Uint8Array();

export class ByteQueue {
  constructor() {
    /** Bytes queued. */
    this.length = 0;
    /** @type {Uint8Array[]} */
    this.chunks = [];
    /** The chunks before this one are read. */
    this.head = 0;
    /** Bytes of the head that are read. */
    this.offset = 0;
  }

  /** @param {Uint8Array} chunk now belongs to the queue */
  push(chunk) {
    if (chunk.byteLength === 0) return;
    this.chunks.push(chunk);
    this.length += chunk.byteLength;
  }

  /**
   * Hands the oldest bytes to `sink`, piece by piece.
   * @param {number} limit bytes at most
   * @param {boolean} peek leave them queued
   * @param {(piece: Uint8Array, offset: number) => void} sink `offset`: bytes handed over before
   * @returns {number} bytes handed over
   */
  read(limit, peek, sink) {
    const { chunks } = this;
    let { head, offset } = this;
    let done = 0;
    while (done < limit && head < chunks.length) {
      const chunk = chunks[head];
      const end = Math.min(offset + limit - done, chunk.byteLength);
      sink(offset === 0 && end === chunk.byteLength ? chunk : chunk.subarray(offset, end), done);
      done += end - offset;
      offset = end;
      if (offset === chunk.byteLength) {
        if (!peek) chunks[head] = READ;
        head++;
        offset = 0;
      }
    }
    if (!peek) this.advance(head, offset, done);
    return done;
  }

  /** @param {number} head @param {number} offset @param {number} bytes */
  advance(head, offset, bytes) {
    this.length -= bytes;
    this.offset = offset;
    if (head === this.chunks.length) {
      this.chunks.length = 0;
      head = 0;
    } else if (head >= COMPACT_AFTER && 2 * head >= this.chunks.length) {
      this.chunks.splice(0, head);
      head = 0;
    }
    this.head = head;
  }

  clear() {
    this.chunks.length = 0;
    this.length = this.head = this.offset = 0;
  }
}
