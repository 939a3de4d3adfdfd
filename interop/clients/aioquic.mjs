/** aioquic, QUIC and HTTP/3 in Python: interop/aioquic/client.py, one process for each task. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../process.mjs';
import { REPOSITORY } from '../target.mjs';

const HERE = path.join(REPOSITORY, 'interop/aioquic');
/** Made by cargo xtask (xtask/src/setup.rs). */
const PYTHON = path.join(REPOSITORY, 'target/interop/venv/bin/python');

/** @type {import('../client.mjs').Client} */
export const aioquic = {
  name: 'aioquic',
  about: 'QUIC and HTTP/3 in Python: `interop/aioquic/`',
  notOffered: {},

  async version() {
    const pinned = await readFile(path.join(HERE, 'requirements.txt'), 'utf8');
    const of = (/** @type {string} */ name) => new RegExp(`^${name}==(.*)$`, 'm').exec(pinned)?.[1];
    return `aioquic ${of('aioquic')}, wsproto ${of('wsproto')}`;
  },

  async open() {
    return { attempt, close: async () => {} };
  },
};

/** @type {import('../client.mjs').Attempt} */
async function attempt({ target, ...rest }) {
  const input = JSON.stringify({ ...rest, ...target });
  const options = { limit: rest.limit + 10_000, input };
  const { stdout, stderr } = await run(PYTHON, [path.join(HERE, 'client.py')], options);
  if (!stdout) throw new Error(stderr.trim().split('\n').at(-1));
  const { ok, error } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  if (!ok) throw new Error(error);
}
