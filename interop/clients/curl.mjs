/**
 * curl with HTTP/3 (ngtcp2, nghttp3, OpenSSL), from the toolchain's container: one shell in it that is given lines of
 * commands, because a container's start takes longer than most exchanges.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../process.mjs';
import { REPOSITORY } from '../target.mjs';

const CONTAINER = path.join(REPOSITORY, 'docker/build.sh');
const CURL = 'curl --silent --show-error --insecure --http3-only';
const START_LIMIT = 120_000;

/** @type {import('../client.mjs').Client} */
export const curl = {
  name: 'curl',
  about: '`curl --http3-only`, of Debian’s package in the toolchain’s container',
  notOffered: {
    'key-update': 'curl has no option for it',
    'version-negotiation': 'curl offers version 1 alone',
    webtransport: 'curl has no WebTransport',
    websocket: 'curl’s WebSocket is over HTTP/1.1',
  },

  async version() {
    const { stdout } = await run(CONTAINER, ['curl', '--version'], { limit: START_LIMIT });
    const words = stdout.split('\n')[0].split(' ');
    const parts = words.filter((word) => /^(libcurl|OpenSSL|ngtcp2|nghttp3)\//.test(word));
    return parts.map((word) => word.replace('libcurl/', 'curl ').replace('/', ' ')).join(', ');
  },

  async open() {
    const shell = new Shell();
    return { attempt: (task) => attempt(shell, task), close: () => shell.close() };
  },
};

/** A shell in the container. Each command's output comes as one line of base64, behind its exit code. */
class Shell {
  constructor() {
    const loop =
      'set -o pipefail; while read -r line; do out=$( (eval "$line") 2>&1 | base64 -w0); echo "$? $out"; done';
    this.child = spawn(CONTAINER, ['bash', '-c', loop], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin.on('error', () => {}); // It has ended: the answer that does not come tells.
    this.lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
    this.ended = once(this.child, 'close');
  }

  /** @param {string} command of one line @returns {Promise<{code: number, output: string}>} */
  async run(command) {
    this.child.stdin.write(`${command}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('the container’s shell ended');
    const [code, output] = value.split(' ');
    return { code: Number(code), output: Buffer.from(output ?? '', 'base64').toString() };
  }

  async close() {
    this.child.stdin.end();
    await this.ended;
  }
}

/** @param {Shell} shell @param {import('../client.mjs').Task} task */
async function attempt(shell, { kind, target, bytes, sha256, count, limit }) {
  const url = `https://${target.address}:${target.port}`;
  const most = `${CURL} --max-time ${limit / 1000}`;
  const expect = async (/** @type {string} */ command, /** @type {(output: string) => boolean} */ right) => {
    const { code, output } = await shell.run(command);
    if (code !== 0 || !right(output)) throw new Error(`exit code ${code}: ${output.trim().slice(-300)}`);
  };
  const download = `${most} --fail ${url}/bytes/${bytes} | sha256sum`;
  const rightHash = (/** @type {string} */ output) => output.includes(sha256);

  switch (kind) {
    case 'handshake':
    case 'post-quantum':
      return expect(`${most} --output /dev/null --write-out '%{http_code} %{http_version}' ${url}/`, (o) => o === '200 3');
    case 'transfer':
    case 'rebinding':
      return expect(download, rightHash);
    case 'chacha20':
      return expect(download.replace(most, `${most} --tls13-ciphers TLS_CHACHA20_POLY1305_SHA256`), rightHash);
    case 'upload': {
      const body = `head -c ${bytes} /dev/urandom > /tmp/body`;
      const post = `${most} --fail --data-binary @/tmp/body ${url}/upload`;
      return expect(`${body}; ${post} | tee /tmp/said; grep -qF "$(sha256sum < /tmp/body | cut -c1-64)" /tmp/said`, () => true);
    }
    case 'parallel': {
      const out = '--output /dev/null --write-out "%{http_code} %{num_connects}\\n"';
      return expect(`${most} --parallel --parallel-max 20 ${out} ${url}/bytes/[1001-1020]`, (output) => {
        const lines = output.trim().split('\n');
        return lines.length === 20 && lines.every((line) => line.startsWith('200 '));
      });
    }
    case 'resumption':
    case 'zero-rtt': {
      const one = `--verbose --tls-earlydata ${url}/bytes/${bytes} --output /dev/null`;
      // Another range of local ports makes a connection of its own, which shares the process's tickets.
      const two = `${one} --next --silent --insecure --http3-only --local-port 20000-60000 ${one}`;
      // It says when early data is refused, not when it is accepted.
      const right = (/** @type {string} */ output) =>
        /SSL reusing session/.test(output) && !/early data.*reject|reject.*early data/i.test(output);
      return expect(`${CURL} ${two}`, right);
    }
    case 'connections':
      return expect(
        `for i in $(seq ${count}); do ${most} --fail --output /dev/null ${url}/ || exit; done`,
        (output) => output === '',
      );
    default:
      throw new Error(`no such exchange: ${kind}`);
  }
}
