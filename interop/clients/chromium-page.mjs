/**
 * What Chromium does inside the page: one function that is sent there whole, so that it refers to nothing outside of it.
 */

/**
 * @param {{kind: string, bytes: number, sha256: string, count: number, certSha256: string, at: string}} plan
 * @returns {Promise<string | undefined>} what went otherwise than it should
 */
export async function inPage({ kind, bytes, sha256, count, certSha256, at }) {
  const hex = (/** @type {ArrayBuffer} */ data) => [...new Uint8Array(data)].map((x) => x.toString(16).padStart(2, '0')).join('');
  const hash = async (/** @type {BufferSource} */ data) => hex(await crypto.subtle.digest('SHA-256', data));

  async function body(/** @type {string} */ path, /** @type {RequestInit} */ options = {}) {
    const response = await fetch(path, { cache: 'no-store', ...options });
    if (!response.ok) throw new Error(`${options.method ?? 'GET'} ${path}: ${response.status}`);
    return response.arrayBuffer();
  }

  async function download(/** @type {RequestInit} */ options = {}) {
    const got = await hash(await body(`/bytes/${bytes}`, options));
    return got === sha256 ? undefined : `SHA-256 ${got}`;
  }

  async function upload() {
    const data = new Uint8Array(bytes).map((_, index) => (index * 7) % 251);
    const answer = new TextDecoder().decode(await body('/upload', { method: 'POST', body: data }));
    if (!answer.includes(await hash(data))) return `answered ${answer}`;
    // A browser takes no answer before its body has gone, not even one that needs no body.
    const { status } = await fetch('/nothing', { method: 'POST', body: data });
    return status === 404 ? undefined : `a POST to a path where nothing is was answered with ${status}`;
  }

  async function parallel() {
    const lengths = Array.from({ length: 20 }, (_, index) => 1000 + index);
    const bodies = await Promise.all(lengths.map((length) => body(`/bytes/${length}`)));
    return bodies.every(({ byteLength }, index) => byteLength === lengths[index]) ? undefined : 'bodies of other lengths';
  }

  /** @param {ReadableStream<Uint8Array>} readable */
  const readAll = (readable) => new Response(/** @type {any} */ (readable)).arrayBuffer();

  /** @param {WritableStream<any>} writable @param {Uint8Array} data */
  async function writeAll(writable, data) {
    const writer = writable.getWriter();
    await writer.write(data);
    await writer.close();
  }

  async function connect() {
    const value = Uint8Array.from(certSha256.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    const session = new WebTransport(`${at}/echo`, { serverCertificateHashes: [{ algorithm: 'sha-256', value }] });
    await session.ready;
    return session;
  }

  async function connections() {
    for (let number = 0; number < count; number += 1) {
      const session = await connect();
      const { readable, writable } = await session.createBidirectionalStream();
      const data = new TextEncoder().encode(`connection ${number}`);
      const [back] = await Promise.all([readAll(readable), writeAll(writable, data)]);
      if (new TextDecoder().decode(back) !== `connection ${number}`) return `connection ${number} came back changed`;
      session.close();
      await session.closed;
    }
    return undefined;
  }

  async function webtransport() {
    const session = await connect();
    const data = new Uint8Array(100_000).map((_, index) => (index * 7) % 251);
    const wanted = await hash(data);

    const stream = await session.createBidirectionalStream();
    const [back] = await Promise.all([readAll(stream.readable), writeAll(stream.writable, data)]);
    if ((await hash(back)) !== wanted) return `a bidirectional stream came back as ${back.byteLength} bytes`;

    const incoming = session.incomingUnidirectionalStreams.getReader();
    await writeAll(await session.createUnidirectionalStream(), data);
    const answer = await readAll((await incoming.read()).value);
    if ((await hash(answer)) !== wanted) return `a unidirectional stream came back as ${answer.byteLength} bytes`;

    // A datagram may be lost in a full buffer: it is sent again until one comes back.
    const writer = /** @type {any} */ (session.datagrams).writable.getWriter();
    const timer = setInterval(() => writer.write(data.subarray(0, 100)), 200);
    const { value: datagram } = await session.datagrams.readable.getReader().read();
    clearInterval(timer);
    if ((await hash(datagram)) !== (await hash(data.subarray(0, 100)))) return 'a datagram came back changed';
    session.close({ closeCode: 7, reason: 'done' });
    await session.closed;
    return undefined;
  }

  switch (kind) {
    case 'handshake':
    case 'post-quantum': {
      const [{ nextHopProtocol }] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType('navigation'));
      return nextHopProtocol === 'h3' ? undefined : `the page came over ${nextHopProtocol}`;
    }
    case 'transfer':
    case 'rebinding':
      return download();
    case 'zero-rtt':
      // Without credentials it is another connection, of the same network partition: with the tickets of the first.
      return (await download()) ?? download({ credentials: 'omit' });
    case 'upload':
      return upload();
    case 'parallel':
      return parallel();
    case 'connections':
      return connections();
    case 'webtransport':
      return webtransport();
    default:
      return `no such exchange: ${kind}`;
  }
}
