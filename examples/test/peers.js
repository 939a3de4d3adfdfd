// Those whom the examples talk to: a UDP client, TCP clients that speak in lines, an HTTPS server.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';

/**
 * Sends datagrams one after the other, each when the last has come back.
 * @param {number} port on 127.0.0.1 @param {Buffer[]} datagrams @returns {Promise<Buffer[]>} what came back
 */
export async function exchange(port, datagrams) {
  const socket = createSocket('udp4');
  const back = [];
  for (const datagram of datagrams) {
    const received = once(socket, 'message');
    socket.send(datagram, port, '127.0.0.1');
    back.push((await received)[0]);
  }
  socket.close();
  return back;
}

/** A TCP client that speaks and hears lines. */
export class LineClient {
  /** @type {string[]} */
  #lines = [];
  #text = '';
  #ended = false;
  #wake = () => {};

  /** @param {number} port on 127.0.0.1 */
  constructor(port) {
    this.socket = net.connect(port, '127.0.0.1');
    this.socket.setEncoding('utf8').on('data', (text) => {
      const lines = (this.#text + text).split('\n');
      this.#text = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#wake();
    });
    for (const event of ['end', 'error']) {
      this.socket.on(event, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  /** @param {string} line */
  say(line) {
    this.socket.write(`${line}\n`);
  }

  /** The next line; undefined at the end. @returns {Promise<string | undefined>} */
  async line() {
    while (this.#lines.length === 0 && !this.#ended) await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    return this.#lines.shift();
  }

  close() {
    this.socket.destroy();
  }
}

/**
 * An HTTPS server on 127.0.0.1: /hello is answered with `body`, /elsewhere leads there, the rest is 404.
 * @param {string} cert PEM @param {string} key PEM @param {string} body
 */
export async function startHttps(cert, key, body) {
  const server = https.createServer({ cert, key }, ({ url }, response) => {
    if (url === '/elsewhere') response.writeHead(302, { location: '/hello' }).end();
    else response.writeHead(url === '/hello' ? 200 : 404).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return {
    port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
