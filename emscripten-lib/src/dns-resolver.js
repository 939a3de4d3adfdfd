// The resolver that a program's author configures: questions to one DNS server, or to one DNS-over-HTTPS endpoint
// (RFC 8484). It knows how to ask and how often; what the bytes mean is dns-message.js's. Rejects with an EAI_* number.
import { EAI_AGAIN, EAI_FAIL, EAI_NODATA, EAI_NONAME } from './abi.js';
import { ipFromBytes, ipFromText } from './address.js';
import {
  RCODE_NXDOMAIN, RCODE_REFUSED, RCODE_SERVFAIL, TYPE_A, TYPE_AAAA, decodeAnswer, encodeQuestion,
} from './dns-message.js';

/** As resolv.conf(5) has them by default: milliseconds for each try, and tries. */
const DNS_TIMEOUT = 5000;
const DNS_ATTEMPTS = 2;
const DNS_PORT = 53;
/** Aliases that lead to a further question. */
const CHAIN_MAX = 8;

/**
 * @typedef {object} DnsOptions one of `server` and `https`
 * @property {string} [server] ADDRESS or ADDRESS:DNS_PORT of a DNS server, [ADDRESS]:DNS_PORT for IPv6
 * @property {string} [https] URL of a DNS-over-HTTPS endpoint
 * @property {number} [timeout] ms for each try
 * @property {number} [attempts]
 */

/** @typedef {import('./address.js').Ip} Ip */
/** @typedef {import('./dns-message.js').Answer} Answer */
/** @typedef {import('./dns-message.js').Question} Question */

/** @typedef {(name: string, family: 0 | 4 | 6) => Promise<{ ips: Ip[], canonname?: string }>} Resolver */

/**
 * @typedef {object} DnsPlatform
 * @property {() => UDPSocketClass} udp
 * @property {() => TCPSocketClass} tcp
 * @property {import('./timers.js').Timers} timers
 * @property {(text: string) => void} explain
 */

/**
 * @param {string} server
 * @returns {{ address: string, port: number } | undefined} undefined: it is no ADDRESS[:DNS_PORT]
 */
export function parseServer(server) {
  const match = /^\[(.+)\](?::(\d+))?$/.exec(server) ?? /^([^:]+)(?::(\d+))?$/.exec(server) ?? /^(.+)$/.exec(server);
  const port = Number(match?.[2] ?? DNS_PORT);
  const ip = ipFromText(match?.[1] ?? '');
  return ip && port > 0 && port < 65536 ? { address: ip.text, port } : undefined;
}

/**
 * @param {DnsOptions} options
 * @param {DnsPlatform} platform
 * @returns {Resolver}
 */
export function makeDnsResolver({ server, https, timeout = DNS_TIMEOUT, attempts = DNS_ATTEMPTS }, platform) {
  const { explain } = platform;
  const where = https ?? `the DNS server ${server}`;
  const target = server === undefined ? undefined : parseServer(server);
  if (https === undefined ? !target : server !== undefined || !isEndpoint(https)) {
    throw new Error(`directSockets.dns: ${JSON.stringify({ server, https })}: give either server, an address with or ` +
      'without a port, or https, the URL of a DNS-over-HTTPS endpoint');
  }

  /** @param {Question} question @param {AbortSignal} signal @returns {Promise<Answer>} */
  async function exchange(question, signal) {
    // Only when names that no message can carry are left out is there something to send.
    const message = /** @type {Uint8Array<ArrayBuffer>} */ (encodeQuestion(question));
    if (!target) return askHttps(String(https), message, question, signal);
    const answer = await askUdp(platform.udp(), target, message, question, signal);
    return answer.truncated ? askTcp(platform.tcp(), target, message, question, signal) : answer;
  }

  /** @param {Question} question @returns {Promise<Answer>} */
  async function ask(question) {
    let failure = EAI_AGAIN;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const controller = new AbortController();
      const alarm = platform.timers.after(timeout, () => controller.abort(new Error(`no answer within ${timeout} ms`)));
      try {
        const answer = await exchange({ ...question, id: target ? randomId() : 0 }, controller.signal);
        if (answer.rcode !== RCODE_SERVFAIL && answer.rcode !== RCODE_REFUSED) return answer;
        explain(`getaddrinfo ${question.name}: EAI_AGAIN: ${where} answered with rcode ${answer.rcode}`);
        failure = EAI_AGAIN;
      } catch (error) {
        failure = error instanceof RangeError ? EAI_FAIL : EAI_AGAIN;
        explain(`getaddrinfo ${question.name}: ${failure === EAI_FAIL ? 'EAI_FAIL' : 'EAI_AGAIN'}: ${where}: ` +
          `${/** @type {any} */ (error)?.message ?? error}`);
      } finally {
        platform.timers.cancel(alarm);
        controller.abort();
      }
    }
    throw failure;
  }

  /** @param {string} name @param {4 | 6} family */
  async function addressesOf(name, family) {
    const type = family === 4 ? TYPE_A : TYPE_AAAA;
    let canonname = name.replace(/\.$/, '');
    for (let steps = 0; steps < CHAIN_MAX; steps++) {
      if (!encodeQuestion({ id: 0, name: canonname, type })) throw EAI_NONAME;
      const answer = await ask({ id: 0, name: canonname, type });
      if (answer.rcode === RCODE_NXDOMAIN) throw EAI_NONAME;
      if (answer.rcode !== 0) throw EAI_FAIL;
      if (answer.addresses.length > 0) {
        return { ips: answer.addresses.map((bytes) => ipFromBytes(bytes, 0, family)), canonname: answer.canonname };
      }
      if (answer.canonname === canonname.toLowerCase()) throw EAI_NODATA;
      canonname = answer.canonname;
    }
    throw EAI_FAIL;
  }

  return (name, family) => bothFamilies((each) => addressesOf(name, each), family);
}

/**
 * Both questions at once where both families are wanted, IPv6 first in the result (RFC 6724 prefers it).
 * @param {(family: 4 | 6) => Promise<{ ips: Ip[], canonname?: string }>} find
 * @param {0 | 4 | 6} family
 * @returns {Promise<{ ips: Ip[], canonname?: string }>} rejects when neither has an address
 */
export async function bothFamilies(find, family) {
  if (family !== 0) return find(family);
  const results = await Promise.allSettled([find(6), find(4)]);
  const found = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (found.length > 0) return { ips: found.flatMap(({ ips }) => ips), canonname: found[0].canonname };
  // The name exists where one family says NODATA; and nothing is known of it where one gave no answer.
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  throw [EAI_AGAIN, EAI_FAIL, EAI_NODATA].find((code) => errors.includes(code)) ?? errors[0];
}

/** @param {string} url */
function isEndpoint(url) {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  // Plain HTTP only to this machine, as browsers treat it.
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname));
}

function randomId() {
  return crypto.getRandomValues(new Uint16Array(1))[0];
}

/** @param {AbortSignal} signal @returns {Promise<never>} rejects when it aborts */
function aborted(signal) {
  const promise = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  promise.catch(() => {});
  return /** @type {Promise<never>} */ (promise);
}

/**
 * The socket is connected: the system takes answers from the server's address and port only, on a port of its choice.
 * @param {UDPSocketClass} UDPSocket
 * @param {{ address: string, port: number }} server
 * @param {Uint8Array} message
 * @param {Question} question
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
async function askUdp(UDPSocket, { address, port }, message, question, signal) {
  const late = aborted(signal);
  const socket = new UDPSocket({ remoteAddress: address, remotePort: port });
  const { readable, writable } = await opening(socket, late);
  const reader = readable.getReader();
  const writer = writable.getWriter();
  try {
    await Promise.race([writer.write(/** @type {UDPMessage} */ ({ data: message })), late]);
    for (;;) {
      const { value, done } = await Promise.race([reader.read(), late]);
      if (done) throw new Error('the socket was closed');
      const answer = decodeAnswer(value.data, question);
      // An answer to an earlier question, or a forged one: the right one may still come.
      if (answer) return answer;
    }
  } finally {
    await closeSocket(socket, reader, writer);
  }
}

/**
 * Each message is preceded by its length: RFC 1035, 4.2.2.
 * @param {TCPSocketClass} TCPSocket
 * @param {{ address: string, port: number }} server
 * @param {Uint8Array} message
 * @param {Question} question
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
async function askTcp(TCPSocket, { address, port }, message, question, signal) {
  const late = aborted(signal);
  const socket = new TCPSocket(address, port, { noDelay: true });
  const { readable, writable } = await opening(socket, late);
  const reader = readable.getReader();
  const writer = writable.getWriter();
  try {
    const framed = new Uint8Array(2 + message.length);
    framed.set([message.length >> 8, message.length]);
    framed.set(message, 2);
    await Promise.race([writer.write(framed), late]);
    let received = new Uint8Array(0);
    while (received.length < 2 || received.length < 2 + ((received[0] << 8) | received[1])) {
      const { value, done } = await Promise.race([reader.read(), late]);
      if (done) throw new RangeError('the connection ended within an answer');
      const longer = new Uint8Array(received.length + value.length);
      longer.set(received);
      longer.set(value, received.length);
      received = longer;
    }
    const answer = decodeAnswer(received.subarray(2, 2 + ((received[0] << 8) | received[1])), question);
    if (!answer || answer.truncated) throw new RangeError('no answer to the question over TCP');
    return answer;
  } finally {
    await closeSocket(socket, reader, writer);
  }
}

/**
 * By GET, which needs no preflight request.
 * @param {string} url
 * @param {Uint8Array<ArrayBuffer>} message
 * @param {Question} question
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
async function askHttps(url, message, question, signal) {
  const base64url = btoa(String.fromCharCode(...message)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
  const response = await fetch(`${url}${url.includes('?') ? '&' : '?'}dns=${base64url}`, {
    headers: { accept: 'application/dns-message' }, signal, credentials: 'omit',
  });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const answer = decodeAnswer(new Uint8Array(await response.arrayBuffer()), question);
  if (!answer || answer.truncated) throw new RangeError('what came is no answer to the question');
  return answer;
}

/**
 * @template T
 * @param {{ opened: Promise<T>, closed: Promise<void>, close(): Promise<void> }} socket
 * @param {Promise<never>} late
 * @returns {Promise<T>}
 */
async function opening(socket, late) {
  socket.closed.catch(() => {});
  try {
    return await Promise.race([socket.opened, late]);
  } catch (error) {
    socket.opened.then(() => socket.close()).catch(() => {});
    throw error;
  }
}

/**
 * Streams first: a socket whose streams are locked cannot be closed.
 * @param {UDPSocket | TCPSocket} socket
 * @param {DatagramReader | ByteReader} reader
 * @param {DatagramWriter | ByteWriter} writer
 */
async function closeSocket(socket, reader, writer) {
  await Promise.allSettled([reader.cancel(), writer.abort()]);
  reader.releaseLock();
  writer.releaseLock();
  socket.close().catch(() => {});
}
