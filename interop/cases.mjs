/**
 * The matrix's rows: what is shown, what it takes, and how it is known that it really happened. Clients know how they do
 * it (clients/*.mjs); a case knows neither clients nor runtimes.
 */

/**
 * What the relay saw, as `socket-iwa-relay --json` reports it.
 * @typedef {object} RelayReport
 * @property {number} clients
 * @property {number} before_first_handshake
 * @property {number} rebindings
 * @property {{lost: number, reordered: number, packets: Record<string, number>}} to_server
 * @property {{lost: number, reordered: number, packets: Record<string, number>}} to_client
 */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} shows a sentence for the table
 * @property {number} [bytes] to transfer
 * @property {number} [briefBytes] in the short run; the same if missing
 * @property {number} [count] of connections
 * @property {number} [briefCount] in the short run
 * @property {string[]} [server] further arguments of the server
 * @property {string[]} [relay] arguments of the relay in between; without them there is none
 * @property {(report: RelayReport) => string | undefined} [evidence] what the relay did not see, and should have
 */

const MIB = 2 ** 20;

/** @param {boolean} seen @param {string} otherwise */
const unless = (seen, otherwise) => (seen ? undefined : otherwise);

/** @type {Case[]} */
export const CASES = [
  { name: 'handshake', shows: 'a handshake with ALPN h3' },
  { name: 'transfer', shows: 'GET of 1 KiB, its SHA-256', bytes: 1024 },
  { name: 'transfer-64m', shows: 'GET of 64 MiB, its SHA-256', bytes: 64 * MIB, briefBytes: 4 * MIB },
  { name: 'upload', shows: 'POST of 8 MiB, answered with its SHA-256', bytes: 8 * MIB, briefBytes: MIB },
  { name: 'parallel', shows: '20 requests at once on one connection' },
  {
    name: 'post-quantum',
    shows: 'a ClientHello of two datagrams, as a post-quantum key share makes it',
    relay: [],
    evidence: (report) =>
      unless(report.before_first_handshake >= 2, 'the ClientHello came in one datagram'),
  },
  { name: 'resumption', shows: 'a second connection that resumes the session of the first', bytes: 1024 },
  {
    name: 'zero-rtt',
    shows: 'a request in 0-RTT; that it was accepted, where the client can tell (aioquic, quinn)',
    bytes: 1024,
    relay: [],
    evidence: (report) => unless(report.to_server.packets.zero_rtt > 0, 'no 0-RTT packet was sent'),
  },
  {
    name: 'retry',
    shows: 'a server that validates every address with a Retry',
    bytes: 1024,
    server: ['--retry', 'always'],
    relay: [],
    evidence: (report) => unless(report.to_client.packets.retry > 0, 'the server sent no Retry'),
  },
  { name: 'key-update', shows: 'key updates by the client during a download', bytes: 2 * MIB },
  {
    name: 'rebinding',
    shows: 'another address of the client during a download',
    bytes: 8 * MIB,
    briefBytes: 2 * MIB,
    relay: ['--rebind-after', '60'],
    // A client that changes its own port is another client to the relay.
    evidence: (report) =>
      unless(report.rebindings > 0 || report.clients > 1, 'the download was over before the address changed'),
  },
  { name: 'chacha20', shows: 'a client that has ChaCha20-Poly1305 alone', bytes: MIB },
  {
    name: 'version-negotiation',
    shows: 'an unknown version, answered with the known ones',
    bytes: 1024,
    relay: [],
    evidence: (report) =>
      unless(report.to_client.packets.version_negotiation > 0, 'the server sent no Version Negotiation'),
  },
  { name: 'connections', shows: '100 connections one after another, a request on each', count: 100, briefCount: 20 },
  { name: 'webtransport', shows: 'WebTransport: bidirectional and unidirectional streams and datagrams, echoed' },
  { name: 'websocket', shows: 'WebSocket over HTTP/3 (RFC 9220), messages echoed' },
  {
    name: 'loss',
    shows: 'GET of 2 MiB with 5 % loss and 5 % reordering each way',
    bytes: 2 * MIB,
    briefBytes: MIB / 2,
    relay: ['--delay', '2', '--loss', '5', '--reorder', '5', '--seed', '7'],
    evidence: (report) =>
      unless(report.to_client.lost > 0 && report.to_client.reordered > 0, 'the relay lost or reordered nothing'),
  },
];

/**
 * What the server does not have yet, by case: a failure there is reported with this reason and does not fail the run.
 * @type {Record<string, string>}
 */
export const NOT_YET = {};
