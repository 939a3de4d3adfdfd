/** quinn and h3-quinn, as native-baseline's client uses them. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../process.mjs';
import { REPOSITORY } from '../target.mjs';

const CLIENT = path.join(REPOSITORY, 'target/release/socket-iwa-client');

/** @type {import('../client.mjs').Client} */
export const quinn = {
  name: 'quinn',
  about: 'quinn with rustls and ring, HTTP/3 by h3-quinn: `native-baseline/`',
  notOffered: {
    websocket: 'h3 has no `:protocol` websocket for its clients',
  },

  async version() {
    const lock = await readFile(path.join(REPOSITORY, 'Cargo.lock'), 'utf8');
    const of = (/** @type {string} */ name) => new RegExp(`name = "${name}"\nversion = "([^"]+)"`).exec(lock)?.[1];
    return `quinn ${of('quinn')}, h3-quinn ${of('h3-quinn')}, rustls ${of('rustls')}`;
  },

  async open() {
    return { attempt, close: async () => {} };
  },
};

/** @type {import('../client.mjs').Attempt} */
async function attempt({ kind, target, bytes, count, limit }) {
  const own = ['--connect', `${target.address}:${target.port}`, '--cert-sha256', target.certSha256, '--json'];
  const amounts = ['--bytes', String(bytes), '--count', String(count), '--limit', String(limit / 1000)];
  const { stdout, stderr } = await run(CLIENT, ['interop', kind, ...own, ...amounts], { limit: limit + 5000 });
  const report = stdout ? JSON.parse(stdout) : { ok: false, error: stderr.trim().split('\n')[0] };
  if (!report.ok) throw new Error(report.error);
}
