// The sending half of a TCP connection: takes bytes at once, hands them to a TCPSocket's `writable` one chunk at a time,
// and sees to it that the browser does not lose them. It knows no sockets API, no errno, no wait queue.
//
// What Chromium does (156; third_party/blink/renderer/modules/direct_sockets/tcp_writable_stream_wrapper.cc, and seen):
// write() copies as much as it can into a data pipe of 64 KiB towards the network process. What is left of the chunk
// follows in later tasks, as the pipe drains, and the promise resolves with the last byte. But when the pipe has no room
// at all as the write begins, Mojo's SHOULD_WAIT leaves the length untouched, the wrapper takes that for "all written",
// and the chunk is dropped with its promise resolved. Nothing tells how full the pipe is. So:
//
// - A write that begins while the pipe surely has room loses nothing, whatever its length. `room` is a lower bound: the
//   pipe's smallest capacity less what was written since it was empty. A connection's first 64 KiB go out like that.
// - A chunk longer than the pipe cannot have been taken whole within the task that wrote it. If its promise resolves
//   in that task's microtasks it was dropped, all of it, and is written again later. Bulk data always goes out like that,
//   also its end: `take` leaves no short rest behind. The pipe's capacity is learnt (Capacity): a future browser with a
//   larger pipe would otherwise be sent such a chunk twice.
// - What remains is a short chunk when `room` is used up: a request now and then on a connection that has sent more than
//   64 KiB. It could be lost only if the pipe were full to the last byte, so it is held back until that is over: until
//   the program has paused for QUIET_MIN ms, which is fifty times what the pipe needs to drain, and longer when it drained
//   slowly before. A pause whose timer is late counts from there: on a busy machine what drains the pipe is late as well. A
//   program that does not pause fills the buffer until there is a long chunk. So does a chunk that would fill the pipe to
//   the very byte, as pieces of a round size do: with the next one it is longer than the room, and so safe. This costs a
//   wait once in 64 KiB of traffic in small pieces; none where the peer answers after every ANSWERED_MAX bytes at the most.
//   What a peer sends is no answer when it sends without reading, as to an echo: then more than that is on its way, or a
//   short write did not go in at once, and both are seen. A peer that stopped reading long ago, at the very byte, can still
//   defeat it: docs/differences.md.
//
// A `writable` that loses nothing (Node's) is written as it comes.

/** Mojo's default capacity of a data pipe, seen in Chromium 156. No pipe is smaller. */
const PIPE_MIN = 64 * 1024;
/** What is assumed as the largest until a write has shown better. */
const PIPE_MAX = 512 * 1024;

/** The longest chunk: over PIPE_MAX; 1 MiB was no faster (10 % of 400 MB/s, within the noise). */
const CHUNK_MAX = 600 * 1024;

/**
 * Bytes held in addition to SO_SNDBUF: one chunk on its way and one that fills up behind it, so that the stream never
 * runs dry and bulk data always makes long chunks.
 */
export const WRITER_RESERVE = 2 * CHUNK_MAX;

/** The least pause after which the pipe is taken to be empty, in ms: 64 KiB take 0.2 ms when the peer reads. */
const QUIET_MIN = 10;
const QUIET_MAX = 1000;
/** A timer is late when it is so by more than this part of the pause. */
const LATE = 1 / 2;
/** Bytes of a program that never pauses, and sends too little for a long chunk, are held back for so long at most; ms. */
const HELD_MAX = 250;
/** An answer to so many bytes shows that they have left the pipe: a request, or a short answer to one. */
const ANSWERED_MAX = 16 * 1024;
/** Until a dropped chunk is tried again, in ms; doubled each time. */
const RETRY_MIN = 1;
const RETRY_MAX = 32;
/** Microtasks within which a promise that resolves at once has told so: 2 were seen for a dropped chunk. */
const HOPS = 32;
const BUFFER_MIN = 4096;
/** So many bytes of a connection every kernel takes at once: half of what Linux has for ten segments. */
const KERNEL_MIN = 32 * 1024;
/** For how long the pipe of a connection of unknown speed may take to drain: 64 KiB at 64 KiB/s; and of any; ms. */
const DRAIN_UNKNOWN = 1000;
const DRAIN_MAX = 30_000;

/** What is known of the data pipe's capacity in this browser. */
export class Capacity {
  constructor() {
    /** No pipe is larger than this many bytes. */
    this.atMost = PIPE_MAX;
    this.learnt = false;
  }

  /**
   * A write that began with room in the pipe, and so was not dropped.
   * @param {number} bytes in the pipe at most, with the chunk
   * @param {number} chunk bytes of it
   * @param {boolean} atOnce it went in whole
   */
  learn(bytes, chunk, atOnce) {
    if (!atOnce) {
      this.atMost = Math.max(Math.min(this.atMost, bytes - 1), PIPE_MIN);
      this.learnt = true;
    } else if (chunk > this.atMost) {
      this.atMost = 2 * chunk;
    }
  }
}

/**
 * @typedef {object} WriterOptions
 * @property {ByteWriter} writer
 * @property {Capacity | undefined} capacity undefined: this `writable` loses nothing
 * @property {import('./timers.js').Timers} timers
 * @property {() => void} onProgress bytes left, there is more room
 * @property {(error: unknown) => void} onError the connection is broken; nothing is sent any more
 */

export class TcpWriter {
  /** @param {WriterOptions} options */
  constructor(options) {
    this.options = options;
    /** Bytes accepted that wait for their turn, from the start of `buffer`. */
    this.filled = 0;
    this.buffer = EMPTY_BUFFER;
    /** A buffer to use next, not in use. @type {Uint8Array<ArrayBuffer> | undefined} */
    this.spare = undefined;
    /** The chunk that is being written. @type {Uint8Array | undefined} */
    this.flying = undefined;
    /** The pipe has room for this many bytes, at least. */
    this.room = PIPE_MIN;
    /** Bytes in the pipe, at most, if it was not drained; for Capacity. */
    this.inPipe = 0;
    /** `room` is no longer sure, only very likely. */
    this.presumed = false;
    /** When the last write ended, when the last bytes came, and the oldest of `buffer`; ms. */
    this.lastWrite = -Infinity;
    this.lastSend = -Infinity;
    this.oldest = 0;
    /** When a timer last came late: what had passed until then says nothing; ms. */
    this.lateAt = -Infinity;
    /** The pause after which the pipe is taken to be empty: as long as the last write took, ms. */
    this.quiet = QUIET_MIN;
    this.retry = RETRY_MIN;
    /** Bytes handed over, ever; and bytes in a ms that the pipe drained lately, 0 while unknown. */
    this.written = 0;
    this.rate = 0;
    /** @type {import('./timers.js').Alarm | undefined} */
    this.alarm = undefined;
    this.broken = false;
    /** @type {(() => void)[]} */
    this.idleWaiters = [];
  }

  /** Bytes accepted that have not been handed over. */
  get outstanding() {
    return this.filled + (this.flying?.byteLength ?? 0);
  }

  /**
   * @param {number} length bytes; the caller keeps within its limit
   * @param {(target: Uint8Array) => void} copy stores them
   */
  send(length, copy) {
    this.reserve(this.filled + length);
    if (this.options.capacity) {
      this.lastSend = performance.now();
      if (this.filled === 0) this.oldest = this.lastSend;
    }
    copy(this.buffer.subarray(this.filled, this.filled + length));
    this.filled += length;
    const waits = this.alarm && this.options.capacity && this.isTooShort(this.options.capacity);
    if (!this.flying && !waits) this.pump();
  }

  /** @param {number} size */
  reserve(size) {
    if (size <= this.buffer.byteLength) return;
    let capacity = Math.max(this.buffer.byteLength, BUFFER_MIN);
    while (capacity < size) capacity *= 2;
    const larger = new Uint8Array(capacity);
    larger.set(this.buffer.subarray(0, this.filled));
    this.buffer = larger;
  }

  /** The peer has sent something: an answer to what it has read, if that was little and the pipe took it at once. */
  heard() {
    if (this.flying || this.filled > 0 || this.inPipe > ANSWERED_MAX) return;
    this.presumeDrained();
  }

  presumeDrained() {
    this.presumed = true;
    this.room = PIPE_MIN;
    this.inPipe = 0;
    this.cancelAlarm();
  }

  pump() {
    const { capacity } = this.options;
    if (this.flying || this.broken) return;
    if (this.filled === 0) {
      if (this.buffer.byteLength > PIPE_MIN) this.buffer = EMPTY_BUFFER;
      this.spare = undefined;
      for (const resolve of this.idleWaiters.splice(0)) resolve();
      return;
    }
    if (capacity && this.isTooShort(capacity)) {
      const quiet = Math.max(this.lastWrite, this.lastSend, this.lateAt) + this.quiet;
      const wait = Math.min(quiet, Math.max(this.oldest + HELD_MAX, this.lastWrite + this.quiet)) - performance.now();
      if (wait > 0) {
        const due = performance.now() + wait;
        this.alarm ??= this.options.timers.after(wait, () => {
          this.alarm = undefined;
          const now = performance.now();
          if (now - due > this.quiet * LATE) this.lateAt = now;
          if (!this.flying) this.pump();
        });
        return;
      }
      this.presumeDrained();
    }
    this.cancelAlarm();
    this.take();
    this.write();
  }

  /**
   * True when the pipe may be full and a chunk of what there is could be lost without a sign, or would fill it to the very
   * byte, so that the next one could. Before the pipe's capacity is known the last of the known room is kept for the chunk
   * that shows it.
   * @param {Capacity} capacity
   */
  isTooShort(capacity) {
    if (this.room === 0) return this.filled <= capacity.atMost;
    if (this.room < PIPE_MIN && this.filled === this.room) return true;
    return !capacity.learnt && 2 * this.room < PIPE_MIN && this.filled <= PIPE_MIN;
  }

  /** Moves bytes from the buffer to `flying`: all of them, or so many that the rest makes a long chunk of its own. */
  take() {
    const { buffer, filled } = this;
    const least = (this.options.capacity?.atMost ?? 0) + 1;
    const most = Math.max(CHUNK_MAX, least);
    const length = filled < most + least ? filled : most;
    this.flying = buffer.subarray(0, length);
    const rest = filled - length;
    const next = this.spare && this.spare.byteLength >= rest ? this.spare : undefined;
    this.spare = undefined;
    this.buffer = next ?? (rest > 0 ? new Uint8Array(Math.max(buffer.byteLength, rest)) : EMPTY_BUFFER);
    this.buffer.set(buffer.subarray(length, filled));
    this.filled = rest;
    this.oldest = this.lastSend;
  }

  write() {
    const { writer, capacity } = this.options;
    const chunk = /** @type {Uint8Array} */ (this.flying);
    const begun = performance.now();
    const sure = this.room > 0 && !this.presumed;
    const promise = writer.write(chunk);
    if (!capacity) {
      promise.then(() => this.finish(chunk), (error) => this.fail(error));
      return;
    }
    if (chunk.byteLength < this.room) {
      this.room -= chunk.byteLength;
      this.inPipe += chunk.byteLength;
      let atOnce = true;
      promise.then(() => {
        if (!atOnce) this.pipeWasFull();
        this.finish(chunk);
      }, (error) => this.fail(error));
      settlesAtOnce(promise).then((settled) => {
        atOnce = settled;
      });
      return;
    }
    // Here the outcome hangs on when a promise resolves.
    settlesAtOnce(promise).then((atOnce) => {
      if (atOnce && !sure && chunk.byteLength > capacity.atMost) {
        if (!this.broken) this.writeAgain();
        return;
      }
      if (this.room > 0) capacity.learn(this.inPipe + chunk.byteLength, chunk.byteLength, atOnce);
      promise.then(() => {
        this.room = 0;
        this.inPipe = PIPE_MIN;
        this.retry = RETRY_MIN;
        if (!atOnce) {
          const time = performance.now() - begun;
          this.quiet = Math.min(Math.max(time, QUIET_MIN), QUIET_MAX);
          const drained = chunk.byteLength - PIPE_MIN;
          if (drained > 0 && time > 0) this.rate = drained / time;
        }
        this.finish(chunk);
      }, (error) => this.fail(error));
    });
    promise.catch(() => {});
  }

  /** A write that was thought to have room did not go in at once. What is free behind it, nobody knows. */
  pipeWasFull() {
    this.room = 0;
    this.inPipe = PIPE_MIN;
  }

  /** The chunk was dropped: the pipe was full. */
  writeAgain() {
    const delay = this.retry;
    this.retry = Math.min(2 * delay, RETRY_MAX);
    this.alarm = this.options.timers.after(delay, () => {
      this.alarm = undefined;
      if (!this.broken) this.write();
    });
  }

  /** @param {Uint8Array} chunk */
  finish(chunk) {
    if (this.broken) return;
    this.flying = undefined;
    this.written += chunk.byteLength;
    this.lastWrite = performance.now();
    this.spare = new Uint8Array(/** @type {ArrayBuffer} */ (chunk.buffer));
    if (this.buffer === EMPTY_BUFFER) {
      this.buffer = this.spare;
      this.spare = undefined;
    }
    // First the next chunk, of what is there; then whoever waits for room.
    this.pump();
    this.options.onProgress();
  }

  /** @param {unknown} error */
  fail(error) {
    if (this.broken) return;
    this.discard();
    this.options.onError(error);
  }

  /** Everything not yet handed over is gone. */
  discard() {
    this.broken = true;
    this.filled = 0;
    this.flying = undefined;
    this.buffer = EMPTY_BUFFER;
    this.spare = undefined;
    this.cancelAlarm();
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  cancelAlarm() {
    if (this.alarm) this.options.timers.cancel(this.alarm);
    this.alarm = undefined;
  }

  /** Resolves once every byte accepted has been handed over, or is lost with the connection. */
  idle() {
    if (this.broken || this.outstanding === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(() => resolve(undefined)));
  }

  /**
   * For how much longer the pipe may hold bytes, in ms: closing the connection before would lose them. The browser tells
   * nobody when the pipe is empty, so this is an estimate from how fast it took the last long chunk.
   */
  drainTime() {
    if (!this.options.capacity || this.broken || this.inPipe === 0) return 0;
    let time = QUIET_MIN;
    if (this.written > KERNEL_MIN) time = this.rate > 0 ? 2 * QUIET_MIN + (4 * PIPE_MIN) / this.rate : DRAIN_UNKNOWN;
    return Math.max(this.lastWrite + Math.min(time, DRAIN_MAX) - performance.now(), 0);
  }
}

const EMPTY_BUFFER = new Uint8Array(0);

/**
 * Whether a promise settles before any other task runs: microtasks run until there are none left.
 * @param {Promise<void>} promise
 * @returns {Promise<boolean>}
 */
async function settlesAtOnce(promise) {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let hop = 0; hop < HOPS && !settled; hop++) await undefined;
  return settled;
}
