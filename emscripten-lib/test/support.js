// Stand-ins for what surrounds the parts under test: a wait queue, a clock, and a browser whose UDPSocket fails on demand.

/** The wait queue that Emscripten's FS nodes have. @implements {WaitQueueLike} */
export class FakeNode {
  constructor() {
    this.listeners = new Set();
  }

  /** @param {(flags: number) => void} cb */
  addListener(cb) {
    const entry = { cb };
    this.listeners.add(entry);
    return { listeners: this.listeners, entry };
  }

  /** @param {number} flags */
  notifyListeners(flags) {
    for (const { cb } of this.listeners) cb(flags);
  }
}

/** @typedef {{ addListener: any, notifyListeners: any }} WaitQueueLike */

/** A clock that stands still until told. */
export class FakeClock {
  constructor() {
    this.time = 0;
    /** @type {{ at: number, callback: () => void }[]} */
    this.sleeps = [];
    this.sleep = (/** @type {number} */ ms, /** @type {() => void} */ callback) => {
      this.sleeps.push({ at: this.time + ms, callback });
    };
    this.now = () => this.time;
  }

  /** @param {number} ms */
  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      this.sleeps.sort((a, b) => a.at - b.at);
      if (this.sleeps.length === 0 || this.sleeps[0].at > end) break;
      const { at, callback } = /** @type {{ at: number, callback: () => void }} */ (this.sleeps.shift());
      this.time = at;
      callback();
    }
    this.time = end;
  }
}

/** Lets every promise that can settle settle. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** @param {string} name @param {string} [message] @returns {Error} with a number as its `code`, as in a browser */
export function domError(name, message = name) {
  return new DOMException(message, name);
}

/**
 * A browser with its own small network. Its UDPSocket has real WHATWG streams, so that a rejected write errors the whole
 * stream as Chrome's does.
 */
export function fakeBrowser() {
  /** Sockets by port. @type {Map<number, FakeSocket[]>} */
  const ports = new Map();
  let nextPort = 50_000;

  const browser = {
    /** Every socket that was constructed. @type {FakeSocket[]} */
    sockets: /** @type {any[]} */ ([]),
    /** Every datagram that got out. @type {(UDPMessage & { from: number })[]} */
    sent: /** @type {any[]} */ ([]),
    /** Called before a datagram goes out; throws or returns a promise to fail or delay it. */
    onWrite: /** @type {(message: UDPMessage) => any} */ (() => {}),
    /** Called before a socket opens; throws to fail it. */
    onOpen: /** @type {(options: UDPSocketOptions) => any} */ (() => {}),
    /** The direct-sockets-multicast policy. */
    sharingAllowed: true,
    /** Called before a group is joined; throws to refuse it. */
    onJoin: /** @type {(group: string) => any} */ (() => {}),
    /** @param {number} port @param {Partial<UDPMessage> & { data: Uint8Array }} message */
    deliver(port, message) {
      ports.get(port)?.[0]?.receive({ remoteAddress: '127.0.0.1', remotePort: 9, ...message });
    },
    open: () => browser.sockets.filter((socket) => socket.isOpen),
    UDPSocket: /** @type {UDPSocketClass} */ (/** @type {any} */ (undefined)),
  };

  class FakeSocket {
    /** @param {UDPSocketOptions} options */
    constructor(options) {
      if (options.localPort === 0) throw new TypeError('localPort must be greater than zero');
      this.options = options;
      this.isOpen = false;
      /** @type {string[]} */
      this.groups = [];
      browser.sockets.push(this);
      this.closed = new Promise((resolve, reject) => {
        this.settleClosed = resolve;
        this.failClosed = reject;
      });
      this.opened = this.#open();
      this.opened.catch(() => {});
    }

    async #open() {
      await null;
      const { multicastAllowAddressSharing: sharing, multicastTimeToLive: hops, multicastLoopback: loop } = this.options;
      if ((sharing ?? hops ?? loop) !== undefined && !browser.sharingAllowed) {
        throw domError('NotAllowedError', 'no multicast policy');
      }
      await browser.onOpen(this.options);
      const port = this.options.localPort ?? nextPort++;
      const holders = ports.get(port) ?? [];
      if (holders.some((holder) => !sharing || !holder.options.multicastAllowAddressSharing)) {
        throw domError('NetworkError', 'Network Error.');
      }
      ports.set(port, [...holders, this]);
      this.port = port;
      this.isOpen = true;
      this.readable = new ReadableStream({
        start: (controller) => {
          this.controller = controller;
        },
      }, { highWaterMark: 64 });
      this.writable = new WritableStream({
        write: async (message) => {
          await browser.onWrite(message);
          // What was written is the writer's again as soon as the write has settled.
          const data = message.data.slice();
          browser.sent.push({ ...message, data, from: port });
          for (const target of ports.get(message.remotePort) ?? []) {
            target.receive({ data, remoteAddress: '127.0.0.1', remotePort: port });
            break;
          }
        },
      });
      return {
        readable: this.readable, writable: this.writable,
        localAddress: this.options.localAddress, localPort: port,
        multicastController: browser.sharingAllowed ? this.#controller() : undefined,
      };
    }

    #controller() {
      return {
        joinGroup: async (/** @type {string} */ group) => {
          if (this.groups.includes(group)) throw domError('InvalidStateError');
          await browser.onJoin(group);
          this.groups.push(group);
        },
        leaveGroup: async (/** @type {string} */ group) => {
          if (!this.groups.includes(group)) throw domError('InvalidStateError');
          this.groups.splice(this.groups.indexOf(group), 1);
        },
      };
    }

    /** @param {UDPMessage} message */
    receive(message) {
      this.controller?.enqueue(message);
    }

    async close() {
      if (this.readable?.locked || this.writable?.locked) throw domError('InvalidStateError', 'locked');
      this.isOpen = false;
      const holders = (ports.get(/** @type {number} */ (this.port)) ?? []).filter((holder) => holder !== this);
      ports.set(/** @type {number} */ (this.port), holders);
      this.settleClosed?.(undefined);
      return this.closed;
    }
  }
  browser.UDPSocket = /** @type {any} */ (FakeSocket);
  return browser;
}
