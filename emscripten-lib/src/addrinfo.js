// What getaddrinfo() answers: everything but the addresses behind a host name, which a resolver finds in between. The
// rules are glibc's (sysdeps/posix/getaddrinfo.c), because Linux is the oracle; musl's differ in the number of results
// and in some errors. It throws EAI_* numbers, never waits, and sees no wasm memory.
import {
  AF_INET, AF_INET6, AF_UNSPEC, AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE,
  AI_V4MAPPED, EAI_ADDRFAMILY, EAI_BADFLAGS, EAI_FAMILY, EAI_NODATA, EAI_NONAME, EAI_SERVICE, EAI_SOCKTYPE, IPPROTO_TCP,
  IPPROTO_UDP, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
} from './abi.js';
import { ip4FromNumbers, ipFromText, isMapped, mapped, unmapped } from './address.js';

/** @typedef {import('./address.js').Ip} Ip */
/** @typedef {{ flags: number, family: number, socktype: number, protocol: number }} Hints */
/** @typedef {{ socktype: number, protocol: number, port: number }} Endpoint one for each kind of socket */
/** @typedef {{ ip: Ip, scope: number }} ScopedIp */

/**
 * @typedef {object} Lookup
 * @property {Hints} hints
 * @property {Endpoint[]} endpoints
 * @property {ScopedIp[]} [known] the addresses, where nobody has to be asked
 * @property {string} [name] whose addresses are to be found
 * @property {0 | 4 | 6} family of the addresses to look for; 0 is both
 * @property {string} [canonname]
 */

/**
 * @typedef {object} AddrInfo one result
 * @property {number} flags
 * @property {number} socktype
 * @property {number} protocol
 * @property {number} port
 * @property {Ip} ip
 * @property {number} scope of an IPv6 address
 * @property {string} [canonname]
 */

/** What hints may be without: getaddrinfo(name, service, NULL, &result). @type {Hints} */
export const DEFAULT_HINTS = { flags: AI_V4MAPPED | AI_ADDRCONFIG, family: AF_UNSPEC, socktype: 0, protocol: 0 };

/** glibc takes the flags of internationalised names (0x40, 0x80) too, and echoes them. */
const KNOWN_FLAGS = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | AI_NUMERICSERV |
  0x40 | 0x80;

/** Raw sockets do not exist here, but portable programs skip what they did not ask for, and Linux lists them. */
const KINDS = [
  { socktype: SOCK_STREAM, protocol: IPPROTO_TCP, service: 'tcp' },
  { socktype: SOCK_DGRAM, protocol: IPPROTO_UDP, service: 'udp' },
  { socktype: SOCK_RAW, protocol: 0, service: undefined },
];

/** RFC 1035, 2.3.4, in presentation format. */
const HOST_NAME_MAX = 253;

const SCOPE_MAX = 0xffffffff;

/**
 * @param {string | undefined} node
 * @param {string | undefined} service
 * @param {Hints} hints
 * @param {(name: string, protocol: string) => number | undefined} portOf by service name
 * @returns {Lookup}
 */
export function prepareLookup(node, service, hints, portOf) {
  if (node === '*') node = undefined;
  if (service === '*') service = undefined;
  if (node === undefined && service === undefined) throw EAI_NONAME;
  if (hints.flags & ~KNOWN_FLAGS) throw EAI_BADFLAGS;
  if (hints.flags & AI_CANONNAME && node === undefined) throw EAI_BADFLAGS;
  const { family } = hints;
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) throw EAI_FAMILY;
  const number = service ? serviceNumber(service) : 0;
  if (number === undefined && hints.flags & AI_NUMERICSERV) throw EAI_NONAME;
  const endpoints = endpointsFor(service, number, hints, portOf);
  const canonname = hints.flags & AI_CANONNAME ? node : undefined;
  const known = node === undefined ? ownAddresses(hints) : literalAddress(node, hints);
  if (known) return { hints, endpoints, known, canonname, family: 0 };
  const name = String(node);
  if (hints.flags & AI_NUMERICHOST || name === '') throw EAI_NONAME;
  const wanted = family === AF_INET ? 4 : family === AF_INET6 && !(hints.flags & AI_V4MAPPED) ? 6 : 0;
  if (isLocalhost(name)) {
    // RFC 6761, 6.3: never a question for a name server.
    const ips = [ipLiteral('::1'), ipLiteral('127.0.0.1')].filter((ip) => wanted === 0 || ip.family === wanted);
    return { hints, endpoints, known: scoped(chooseAddresses(ips, hints)), canonname: canonname?.toLowerCase(), family: 0 };
  }
  if (name.replace(/\.$/, '').length > HOST_NAME_MAX) throw EAI_NONAME;
  return { hints, endpoints, name, canonname, family: wanted };
}

/**
 * The results for a name that a resolver has found.
 * @param {Lookup} lookup
 * @param {{ ips: Ip[], canonname?: string }} found
 */
export function finishLookup(lookup, { ips, canonname }) {
  const { hints } = lookup;
  const chosen = chooseAddresses(ips, hints);
  if (chosen.length === 0) throw EAI_NODATA;
  return listResults({
    ...lookup, known: scoped(chosen), canonname: hints.flags & AI_CANONNAME ? canonname ?? lookup.canonname : undefined,
  });
}

/** @param {Lookup} lookup with its addresses known @returns {AddrInfo[]} */
export function listResults({ hints, endpoints, known = [], canonname }) {
  const results = known.flatMap(({ ip, scope }) =>
    endpoints.map((endpoint) => ({ flags: hints.flags, ...endpoint, ip, scope })));
  return canonname === undefined ? results : [{ ...results[0], canonname }, ...results.slice(1)];
}

/** @param {string} name */
export function isLocalhost(name) {
  return /^([^.]+\.)*localhost\.?$/i.test(name);
}

/**
 * strtoul() of the whole text, cut to an int; negative numbers are names to glibc.
 * @param {string} service
 * @returns {number | undefined}
 */
function serviceNumber(service) {
  const match = /^[\t-\r ]*([+-]?\d+)$/.exec(service);
  if (!match) return undefined;
  const value = Number(BigInt.asIntN(32, BigInt(match[1].replace('+', ''))));
  return value < 0 ? undefined : value;
}

/**
 * @param {string | undefined} service
 * @param {number | undefined} number undefined: a name
 * @param {Hints} hints
 * @param {(name: string, protocol: string) => number | undefined} portOf
 * @returns {Endpoint[]}
 */
function endpointsFor(service, number, { socktype, protocol }, portOf) {
  let kinds = KINDS;
  if (socktype !== 0 || protocol !== 0) {
    const kind = KINDS.find((each) => (socktype === 0 || socktype === each.socktype) &&
      (protocol === 0 || !each.service || protocol === each.protocol));
    if (!kind) throw socktype === 0 ? EAI_SERVICE : EAI_SOCKTYPE;
    if (service && !kind.service) throw EAI_SERVICE;
    kinds = [kind.service ? kind : { ...kind, protocol }];
  }
  if (number !== undefined) {
    return kinds.map((kind) => ({ socktype: kind.socktype, protocol: kind.protocol, port: number & 0xffff }));
  }
  const endpoints = [];
  for (const kind of kinds) {
    const port = kind.service && portOf(String(service), kind.service);
    if (port !== undefined) endpoints.push({ socktype: kind.socktype, protocol: kind.protocol, port: Number(port) });
  }
  if (endpoints.length === 0) throw EAI_SERVICE;
  return endpoints;
}

/** Of this host: what a server binds to, or how a client reaches it. @param {Hints} hints @returns {ScopedIp[]} */
function ownAddresses({ flags, family }) {
  const texts = flags & AI_PASSIVE ? ['0.0.0.0', '::'] : ['::1', '127.0.0.1'];
  const ips = texts.map(ipLiteral);
  return scoped(ips.filter((ip) => family === AF_UNSPEC || (family === AF_INET) === (ip.family === 4)));
}

/**
 * @param {string} node
 * @param {Hints} hints
 * @returns {ScopedIp[] | undefined} undefined: no literal
 */
function literalAddress(node, { flags, family }) {
  const v4 = ip4FromNumbers(node);
  if (v4) {
    if (family !== AF_INET6) return scoped([v4]);
    if (flags & AI_V4MAPPED) return scoped([mapped(v4)]);
    throw EAI_ADDRFAMILY;
  }
  const percent = node.indexOf('%');
  const text = percent < 0 ? node : node.slice(0, percent);
  const v6 = text.includes(':') ? ipFromText(text) : undefined;
  if (!v6) return undefined;
  if (family === AF_INET) {
    if (isMapped(v6)) return scoped([unmapped(v6)]);
    throw EAI_ADDRFAMILY;
  }
  if (percent < 0) return scoped([v6]);
  const zone = node.slice(percent + 1);
  // Direct Sockets do not tell interface names.
  if (!/^\d+$/.test(zone) || Number(zone) > SCOPE_MAX) throw EAI_NONAME;
  return [{ ip: v6, scope: Number(zone) }];
}

/** @param {Ip[]} ips @param {Hints} hints @returns {Ip[]} in the order of preference */
function chooseAddresses(ips, { flags, family }) {
  const distinct = [...new Map(ips.map((ip) => [ip.text, ip])).values()];
  if (family === AF_UNSPEC) return distinct;
  if (family === AF_INET) return distinct.filter((ip) => ip.family === 4);
  const v6 = distinct.filter((ip) => ip.family === 6);
  if (!(flags & AI_V4MAPPED) || (v6.length > 0 && !(flags & AI_ALL))) return v6;
  return [...v6, ...distinct.filter((ip) => ip.family === 4).map(mapped)];
}

/** @param {Ip[]} ips @returns {ScopedIp[]} */
function scoped(ips) {
  return ips.map((ip) => ({ ip, scope: 0 }));
}

/** @param {string} text @returns {Ip} */
function ipLiteral(text) {
  return /** @type {Ip} */ (ipFromText(text));
}
