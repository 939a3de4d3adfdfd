// A DNS-over-HTTPS endpoint (RFC 8484, GET) in front of a DNS server on loopback, with a certificate of its own or, where
// TLS is not the point, without.
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * @param {number} dnsPort of the server that answers
 * @param {{ key: string, certificate: string }} [tls]
 * @returns {Promise<{ url: string, requests: () => number, stop: () => void }>}
 */
export async function startDohEndpoint(dnsPort, tls) {
  let requests = 0;
  /** @type {import('node:http').RequestListener} */
  const answer = (request, response) => {
    requests++;
    const question = Buffer.from(new URL(String(request.url), 'http://localhost').searchParams.get('dns') ?? '', 'base64url');
    const socket = createSocket('udp4');
    socket.on('message', (message) => {
      response.setHeader('content-type', 'application/dns-message').setHeader('access-control-allow-origin', '*').end(message);
      socket.close();
    });
    socket.send(question, dnsPort, '127.0.0.1');
  };
  const server = tls ? createHttpsServer({ key: tls.key, cert: tls.certificate }, answer) : createHttpServer(answer);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}/dns-query`,
    requests: () => requests,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * A certificate for 127.0.0.1, made by openssl(1).
 * @returns {{ key: string, certificate: string, spki: string } | undefined} `spki` is the hash of its public key, as
 *   Chromium's --ignore-certificate-errors-spki-list wants it; undefined where there is no openssl
 */
export function makeCertificate() {
  const directory = mkdtempSync(join(tmpdir(), 'socket-iwa-certificate-'));
  const [keyFile, file] = ['key.pem', 'certificate.pem'].map((name) => join(directory, name));
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile,
      '-out', file, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
    const certificate = readFileSync(file, 'utf8');
    const publicKey = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
    return {
      key: readFileSync(keyFile, 'utf8'), certificate, spki: createHash('sha256').update(publicKey).digest('base64'),
    };
  } catch (error) {
    if (/** @type {any} */ (error).code === 'ENOENT') return undefined;
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
