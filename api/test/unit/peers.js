/** Real peers for sockets under test: node:net and node:dgram, with none of the project's code. */
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';

/** What a test that failed has left open. @type {Set<() => void>} */
const left = new Set();
test.afterEach(() => {
  for (const close of left) close();
  left.clear();
});

/** A TCP server on a free port. @param {(socket: net.Socket) => void} serve @param {net.ServerOpts} [options] */
export async function tcpServer(serve, options = {}) {
  const server = net.createServer(options, (socket) => {
    left.add(() => socket.destroy());
    socket.on('error', () => {});
    serve(socket);
  });
  left.add(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return /** @type {net.AddressInfo} */ (server.address()).port;
}

/** @param {number} port @param {net.SocketConstructorOpts} [options] */
export async function tcpClient(port, options = {}) {
  const socket = net.connect({ ...options, port, host: '127.0.0.1' });
  left.add(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A UDP socket on a free port. */
export async function udpPeer() {
  const socket = createSocket('udp4');
  left.add(() => {
    try {
      socket.close();
    } catch {
      // It is closed.
    }
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

/** A megabyte that differs from every other one. @param {number} number */
export function megabyte(number) {
  const words = new Uint32Array(1 << 18);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + number * words.length, 0x9e3779b1);
  return new Uint8Array(words.buffer);
}

/** @param {number} megabytes @returns {string} hex */
export function hashOfMegabytes(megabytes) {
  const hash = createHash('sha256');
  for (let number = 0; number < megabytes; number++) hash.update(megabyte(number));
  return hash.digest('hex');
}

export const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);
export const bytes = (/** @type {string} */ words) => new TextEncoder().encode(words);

/** @param {AsyncIterable<Uint8Array>} stream */
export async function textOf(stream) {
  const decoder = new TextDecoder();
  let all = '';
  for await (const chunk of stream) all += decoder.decode(chunk, { stream: true });
  return all;
}
