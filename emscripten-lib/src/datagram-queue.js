// The receive queue of a datagram socket: first in, first out, bounded in bytes as a kernel's is. What does not fit is
// dropped and counted. It knows nothing of addresses or of who waits.

/**
 * Charged for each datagram on top of its length: what Linux charges for a small one (struct sk_buff and its head). It
 * bounds a flood of empty datagrams, and covers what the objects of one datagram take here.
 */
export const DATAGRAM_OVERHEAD = 768;

/** @template {{ data: Uint8Array }} T */
export class DatagramQueue {
  /** @param {number} limit bytes, overhead included */
  constructor(limit) {
    this.limit = limit;
    /** Bytes queued, overhead included. */
    this.bytes = 0;
    this.length = 0;
    /** Datagrams that found the queue full, modulo 2^32. */
    this.drops = 0;
    this.head = 0;
    /** Ring; its capacity is a power of two. @type {(T | undefined)[]} */
    this.ring = new Array(16).fill(undefined);
  }

  /**
   * A datagram that is larger than the limit alone is still taken by an empty queue, as Linux does.
   * @param {T} datagram
   * @returns {boolean} false when it was dropped
   */
  push(datagram) {
    const cost = datagram.data.byteLength + DATAGRAM_OVERHEAD;
    if (this.length > 0 && this.bytes + cost > this.limit) {
      this.drops = (this.drops + 1) >>> 0;
      return false;
    }
    if (this.length === this.ring.length) this.grow();
    this.ring[(this.head + this.length) & (this.ring.length - 1)] = datagram;
    this.length++;
    this.bytes += cost;
    return true;
  }

  /** @returns {T | undefined} the oldest datagram, which stays */
  peek() {
    return this.length > 0 ? this.ring[this.head] : undefined;
  }

  /** @returns {T | undefined} the oldest datagram, taken out */
  shift() {
    if (this.length === 0) return undefined;
    const datagram = /** @type {T} */ (this.ring[this.head]);
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.length--;
    this.bytes -= datagram.data.byteLength + DATAGRAM_OVERHEAD;
    return datagram;
  }

  clear() {
    this.ring.fill(undefined);
    this.length = this.bytes = this.head = 0;
  }

  grow() {
    const { ring, head } = this;
    this.ring = [...ring.slice(head), ...ring.slice(0, head), ...new Array(ring.length).fill(undefined)];
    this.head = 0;
  }
}
