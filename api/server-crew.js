/**
 * The workers of one server (--workers) as if they were one: started together, connected with each other, heard as one. It
 * has the interface of a worker whose messages are server-program.js's, in a browser and on Node.
 *
 * The first worker speaks for all: what it is told, it tells the others, and when one of them has failed it says why and
 * ends. One that can't is not waited for.
 */
import { valueOf, workersOf } from './server-arguments.js';

/** The program's first channel, behind its standard streams. */
const FIRST_FD = '3';
/** Milliseconds between the end of one worker and the end of all, whatever the others do. */
const PATIENCE = 2000;
/** Files that the first worker alone reads and writes. */
const FIRST_ONLY = '--ticket-keys';

/**
 * @typedef {import('./server-program.js').Order} Order
 * @typedef {import('./server-program.js').StartOrder} StartOrder
 *
 * @typedef {object} WorkerLike what is used of a worker
 * @property {(order: any, transfer: any[]) => void} postMessage
 * @property {(type: 'message' | 'error', listener: (event: any) => void) => void} addEventListener
 * @property {() => unknown} terminate
 */

export class ServerCrew extends EventTarget {
  #startWorker;
  /** @type {WorkerLike[]} */
  #workers = [];
  /** Those that have not ended. @type {Set<number>} */
  #running = new Set();
  /** The first worker's last message, held back until all have ended. @type {object | null} */
  #end = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(number: number) => WorkerLike} startWorker makes the worker of a number, from 0; may throw */
  constructor(startWorker) {
    super();
    this.#startWorker = startWorker;
    this.#add();
  }

  /** @param {Order} order @param {any[]} [transfer] */
  postMessage(order, transfer = []) {
    if ('start' in order) this.#start(order.start, transfer);
    else this.#workers[0].postMessage(order, []);
  }

  terminate() {
    clearTimeout(this.#timer);
    for (const worker of this.#workers) worker.terminate();
  }

  #add() {
    const number = this.#workers.length;
    const worker = this.#startWorker(number);
    worker.addEventListener('message', ({ data }) => this.#hear(number, data));
    worker.addEventListener('error', (event) => {
      if (!this.#running.has(number)) return; // what it has said of its end is better
      if (number === 0) this.dispatchEvent(Object.assign(new Event('error'), { message: event.message }));
      else this.#lost(number, event.message || 'it could not be loaded', true);
    });
    this.#workers.push(worker);
    this.#running.add(number);
  }

  /** @param {StartOrder} start @param {any[]} transfer */
  #start(start, transfer) {
    const count = workersOf(start.args);
    if (count === 1) return this.#workers[0].postMessage({ start }, transfer);
    while (this.#workers.length < count) this.#add();
    /** By worker: its ports to the others, in the order of their numbers. @type {MessagePort[][]} */
    const peers = this.#workers.map(() => []);
    for (let one = 0; one < count; one += 1) {
      for (let other = one + 1; other < count; other += 1) {
        const { port1, port2 } = new MessageChannel();
        peers[one].push(port1);
        peers[other].push(port2);
      }
    }
    const own = valueOf(start.args, FIRST_ONLY);
    const others = {
      ...start,
      files: start.files.filter(({ path }) => path !== own),
      keep: start.keep.filter((path) => path !== own),
    };
    for (const [number, worker] of this.#workers.entries()) {
      const order = number === 0 ? start : others;
      const args = [...order.args, '--worker', String(number), '--workers-fd', FIRST_FD];
      worker.postMessage({ start: { ...order, args, peers: peers[number] } }, [...transfer, ...peers[number]]);
    }
  }

  /** @param {number} number @param {import('./server-program.js').News} news */
  #hear(number, news) {
    if (!('exit' in news) && !('failed' in news)) return this.#tell(news);
    this.#running.delete(number);
    if (number > 0) {
      if ('failed' in news) this.#lost(number, news.failed, true);
      else if (news.exit !== 0) this.#lost(number, `it exited with code ${news.exit}`, false);
    } else {
      this.#end = news;
      // After a stop the others have files to leave behind as well.
      if ('exit' in news && news.exit === 0) this.#endWithin(news);
      else this.#tell(news);
    }
    if (this.#end && this.#running.size === 0) this.#endWithin(this.#end, 0);
  }

  /**
   * Another worker than the first has failed. The first one hears of it from the other's channel, and ends.
   * @param {number} number @param {string} why
   * @param {boolean} broken it may not have told the first one why
   */
  #lost(number, why, broken) {
    this.#running.delete(number);
    if (this.#end) return; // asked to, or with the first one
    const failed = `worker ${number} has ended: ${why}`;
    if (broken) this.#tell({ stream: 'stderr', line: `ERROR ${failed}` });
    this.#endWithin({ failed, code: 1 });
  }

  /** @param {object} last the last message @param {number} [patience] milliseconds */
  #endWithin(last, patience = PATIENCE) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(last), patience);
  }

  /** @param {object} data */
  #tell(data) {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
}
