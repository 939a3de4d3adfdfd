/**
 * An ordinary page in a headless Chromium as a client of the server, over the browser's own WebTransport: what the demo
 * ends with, the server being in another browser's Isolated Web App.
 */
import { parseArgs } from 'node:util';
import { runMain } from '../iwa/command.mjs';
import { LaunchError, within } from '../iwa/launch-error.mjs';
import { openBrowserPage } from '../xtask/tests/browser-page.js';

const USAGE = `Usage: node interop/page.mjs --connect ADDR:PORT --cert-sha256 HEX [--json]

Opens a page of http://localhost in a headless Chromium, connects from there to the server's WebTransport /echo, which it
trusts by the certificate's hash, and says what came back: a mebibyte on a stream, datagrams one after another.

  --connect ADDR:PORT   the server
  --cert-sha256 HEX     SHA-256 of its certificate, as it prints it
  --json                print one JSON object
  --help                this text

Exit code 1 if something did not come back as it was sent.
`;

/** Seconds. */
const LIMIT = 60;

const OPTIONS = /** @type {const} */ ({
  connect: { type: 'string' },
  'cert-sha256': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
});

/**
 * Runs in the page.
 * @param {{url: string, hash: string}} server
 */
async function visit({ url, hash }) {
  const value = Uint8Array.from(hash.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: 'sha-256', value }] });
  await session.ready;

  const data = Uint8Array.from({ length: 2 ** 20 }, (_, index) => (index * 7) % 251);
  const { readable, writable } = await session.createBidirectionalStream();
  const received = new Response(/** @type {any} */ (readable)).arrayBuffer();
  const writer = writable.getWriter();
  await writer.write(data);
  await writer.close();
  const back = new Uint8Array(await received);
  const same = back.length === data.length && back.every((byte, index) => byte === data[index]);

  // One after another, each with a number of its own: the time from one to its answer is a round trip.
  const datagrams = /** @type {any} */ (session.datagrams);
  const [sender, receiver] = [datagrams.writable.getWriter(), datagrams.readable.getReader()];
  const times = [];
  const count = 50;
  for (let number = 1; number <= count; number += 1) {
    const start = performance.now();
    await sender.write(Uint8Array.of(number));
    const lost = new Promise((resolve) => setTimeout(resolve, 1000, {}));
    const { value: answer } = await Promise.race([receiver.read(), lost]);
    if (answer?.[0] === number) times.push(performance.now() - start);
    if (!answer) break; // the read that is still waiting would take the next answer
  }
  session.close();
  times.sort((a, b) => a - b);
  return {
    ok: same && times.length > 0,
    stream_bytes: back.length,
    stream_ok: same,
    datagrams: times.length,
    datagram_ms: times[times.length >> 1] ?? null,
  };
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) return void process.stdout.write(USAGE);
  const [at, hash] = [values.connect, values['cert-sha256']];
  if (!at || !/^[0-9a-f]{64}$/i.test(hash ?? '')) {
    throw new LaunchError('--connect and --cert-sha256 (64 hexadecimal digits) are needed; see --help', { exitCode: 2 });
  }
  const { page, close } = await openBrowserPage();
  try {
    const visiting = page.evaluate(visit, { url: `https://${at}/echo`, hash: String(hash) });
    const report = await within(`WebTransport from a page to ${at}`, LIMIT, visiting);
    const stream = report.stream_ok ? 'came back unchanged' : 'CAME BACK CHANGED';
    const text = `${report.stream_bytes} bytes on a stream ${stream}, ${report.datagrams} datagrams came back`;
    process.stdout.write(`${values.json ? JSON.stringify(report) : text}\n`);
    return report.ok ? 0 : 1;
  } finally {
    await close();
  }
}

await runMain('page', main);
