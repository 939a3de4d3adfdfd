/**
 * What a WebTransport session and a WebSocket have in common: both are an extended CONNECT request
 * (RFC 9220) that has been answered, and end with a code and a reason, or are lost.
 */
import { splitRemote } from './gateway-http.js';

/** @typedef {import('./socket-iwa-server.d.ts').CloseInfo} CloseInfo */

export class Upgraded {
  #settle;
  #fail;

  /** @param {any} head as docs/gateway.md has it @param {'https' | 'wss'} scheme */
  constructor(head, scheme) {
    this.url = `${scheme}://${head.authority}${head.path}`;
    this.headers = new Headers(head.headers);
    this.route = head.route;
    const { remoteAddress, remotePort } = splitRemote(head.remote);
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    /** @type {(info: CloseInfo) => void} */
    let settle = () => {};
    /** @type {(error: unknown) => void} */
    let fail = () => {};
    /** @type {Promise<CloseInfo>} */
    this.closed = new Promise((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    // A handler need not look.
    this.closed.catch(() => {});
    this.#settle = settle;
    this.#fail = fail;
  }

  /**
   * Settles `closed`.
   * @protected
   * @param {CloseInfo | null} info null: it was lost
   * @param {unknown} error why
   */
  settleClosed(info, error) {
    if (info) this.#settle(info);
    else this.#fail(error);
  }
}
