/** What another device needs to reach the server, as texts. Pure functions. */

/** @param {string} address @returns {boolean} whether it stands for every address of the device */
export const isWildcard = (address) => address === '0.0.0.0' || address === '::';

/** @param {string} address that a server is bound to @returns {string} one at which this device itself reaches it */
export function ownSide(address) {
  if (!isWildcard(address)) return address;
  return address === '::' ? '::1' : '127.0.0.1';
}

/** @param {string} address @returns {boolean} whether only this device reaches it */
export const isLoopback = (address) => /^127\.|^::1$|^::ffff:127\./i.test(address);

/** @param {string} host an address or a name @param {number} port @returns {string} an origin */
export function originOf(host, port) {
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * JavaScript that opens a WebTransport session and has it echo a line; it may be pasted into any module or console.
 * @param {string} origin @param {string} sha256 hexadecimal
 * @returns {string}
 */
export function snippet(origin, sha256) {
  return `const sha256 = '${sha256}';
const transport = new WebTransport('${origin}/echo', {
  serverCertificateHashes: [{
    algorithm: 'sha-256',
    value: Uint8Array.from(sha256.match(/../g), (byte) => parseInt(byte, 16)),
  }],
});
await transport.ready;
const { readable, writable } = await transport.createBidirectionalStream();
const writer = writable.getWriter();
await writer.write(new TextEncoder().encode('Hello from the page'));
await writer.close();
console.log(await new Response(readable).text());
`;
}

/**
 * What the QR code says: a page of the person's own that is told of the server behind its "#", or else the server's
 * address with the hash behind it.
 * @param {string} page a URL, or ""
 * @param {string} origin @param {string} sha256
 * @returns {string}
 */
export function shareLink(page, origin, sha256) {
  if (page === '') return `${origin}/#sha256=${sha256}`;
  const link = new URL(page);
  const told = new URLSearchParams({ server: origin, sha256 });
  link.hash = link.hash ? `${link.hash}&${told}` : `${told}`;
  return link.href;
}

/** @param {string} page @returns {string} what is wrong with it, or "" */
export function pageProblem(page) {
  if (page === '') return '';
  const url = URL.canParse(page) ? new URL(page) : null;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === 'localhost')) return '';
  return 'A page that may use WebTransport has an address that begins with https://.';
}
