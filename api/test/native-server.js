// What the tests of the gateway share: a native server whose handlers are in this process, over an inherited socket, and
// the independent client. It knows no test.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { serveGateway } from '../gateway.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** What an app under test needs beside the API: these tests' handlers, and the server. */
export const SERVER_MOUNTS = {
  '/test/': fileURLToPath(new URL('.', import.meta.url)),
  '/dist/': `${repository}target/dist`,
};

/** A failure, not a measurement. Milliseconds. */
const LIMIT = 60_000;

/** @typedef {{address: string, port: number, cert_sha256: string}} Ready */

/**
 * Starts a native server on a free port.
 * @param {import('../gateway.js').Handlers} handlers
 * @param {{args?: string[]}} [options]
 */
export async function startNative(handlers, { args = [] } = {}) {
  const child = spawn(`${repository}target/release/socket-iwa-server`,
    ['--listen', '127.0.0.1:0', '--gateway-fd', '3', '--json', '--stop-on-stdin-close', '--log', 'warn', ...args],
    { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close').then(([code]) => code);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (data) => (log += data));
  const gateway = serveGateway(/** @type {any} */ (Duplex.toWeb(/** @type {any} */ (child.stdio[3]))), handlers);
  /** @type {Ready} */
  const ready = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', (line) => resolve(JSON.parse(line)));
    void ended.then((code) => reject(new Error(`the server ended with ${code}: ${log}`)));
  });
  return {
    ready,
    gateway,
    child,
    ended,
    log: () => log,
    async stop() {
      child.stdin.end();
      return ended;
    },
  };
}

/**
 * The independent client's request.
 * @param {Ready} ready
 * @param {string} path
 * @param {string[]} [args]
 * @returns {Promise<any[]>} the outcome of each
 */
export const request = (ready, path, args = []) => runClient('request', ready, [...args, path]);

/**
 * @param {string} command @param {Ready} ready @param {string[]} args
 * @returns {Promise<any[]>} a line of its output each
 */
function runClient(command, { address, port, cert_sha256: hash }, args) {
  const all = [command, '--connect', `${address}:${port}`, '--cert-sha256', hash, ...args];
  return new Promise((resolve, reject) => {
    execFile(`${repository}target/release/socket-iwa-client`, all, { timeout: LIMIT }, (error, stdout, stderr) => {
      const outcomes = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
      if (outcomes.length === 0) reject(new Error(`${stderr}`, { cause: error }));
      else resolve(outcomes);
    });
  });
}

/**
 * The independent client's WebSocket.
 * @param {Ready} ready
 * @param {string} path
 * @param {string[]} [args]
 * @returns {Promise<any[]>} the messages that came, and the server's close
 */
export const webSocket = (ready, path, args = []) => runClient('websocket', ready, [...args, path]);

/**
 * A case of the independent client's.
 * @param {Ready} ready @param {string} name
 * @returns {Promise<any>} how many passed and failed
 */
export const runCase = async (ready, name) => (await runClient('cases', ready, ['--json', '--only', name]))[0];
