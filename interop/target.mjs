/**
 * What a client is sent against: a server in one of the runtimes, and for some cases the relay in front of it.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Speaker } from './process.mjs';

export const REPOSITORY = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const XTASK = process.env.XTASK || path.join(REPOSITORY, 'target/debug/xtask');
const RELAY = path.join(REPOSITORY, 'target/release/socket-iwa-relay');

export const RUNTIMES = ['native', 'node', 'chromium'];

/** Milliseconds: failures, not measurements. */
const START_LIMIT = 240_000;
const STOP_LIMIT = 60_000;

/**
 * Where a client connects to.
 * @typedef {object} Target
 * @property {string} address
 * @property {number} port
 * @property {string} certSha256 of the server’s certificate (DER), hexadecimal
 * @property {string} pem the certificate
 */

/** @typedef {{target: Target, stop: () => Promise<void>}} Running */

/**
 * @param {string} runtime
 * @param {string[]} args the server's own
 * @returns {Promise<Running>}
 */
export async function startServer(runtime, args) {
  const serve = ['serve', '--no-install', '--no-build', '--json', '--runtime', runtime, '--port', '0', '--', ...args];
  const server = new Speaker(XTASK, serve);
  try {
    const ready = await server.next(`start the ${runtime} server`, (line) => line.ready === true, START_LIMIT);
    const target = { address: ready.address, port: ready.port, certSha256: ready.cert_sha256, pem: ready.cert_pem };
    return { target, stop: async () => void (await server.stop(STOP_LIMIT)) };
  } catch (error) {
    await server.stop(STOP_LIMIT);
    throw error;
  }
}

/**
 * @param {Target} server
 * @param {string[]} args the relay's own
 * @returns {Promise<{target: Target, stop: () => Promise<import('./cases.mjs').RelayReport>}>}
 */
export async function startRelay(server, args) {
  const at = `${server.address}:${server.port}`;
  const relay = new Speaker(RELAY, ['--server', at, '--json', '--stop-on-stdin-close', ...args]);
  const ready = await relay.next('start the relay', (line) => line.ready === true, START_LIMIT);
  const stop = async () => {
    relay.child.stdin.end();
    const { report } = await relay.next('what the relay saw', (line) => line.stopped === true, STOP_LIMIT);
    await relay.stop(STOP_LIMIT);
    return report;
  };
  return { target: { ...server, port: ready.port }, stop };
}
