// A real Redis server on loopback, empty, keeping nothing.
import net from 'node:net';
import { startPeer } from './programs.js';

/**
 * On a port that was free a moment ago: redis-server takes none that it chooses itself.
 * @param {string} directory its working directory
 * @returns {Promise<{ port: number, text: string, close(): Promise<void> }>}
 */
export async function startRedis(directory) {
  const probe = net.createServer();
  await new Promise((resolve) => probe.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {net.AddressInfo} */ (probe.address());
  await new Promise((resolve) => probe.close(resolve));
  const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: directory };
  // hiredis' tests use DEBUG.
  const args = Object.entries({ ...settings, 'enable-debug-command': 'local' })
    .flatMap(([name, value]) => [`--${name}`, String(value)]);
  return { port, ...await startPeer('redis-server', args, /Ready to accept connections/i) };
}
