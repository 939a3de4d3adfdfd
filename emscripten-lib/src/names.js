// getaddrinfo(), getnameinfo() and what libc builds on them (gethostbyname, gethostbyaddr): strings and hints in, a lookup,
// a list in the program's memory out. What the answer is, is addrinfo.js's; how it is stored, addrinfo-memory.js's; who is
// asked, the resolver's. As everywhere a call is an attempt: numbers, localhost and everything wrong are answered at once,
// a name waits for the resolver (lookup-wait.js), and where the program cannot wait a made-up address stands for the name.
import {
  AF_INET, AF_INET6, EAI_BADFLAGS, EAI_FAMILY, EAI_NONAME, NI_DGRAM, NI_NAMEREQD, NI_NOFQDN, NI_NUMERICHOST, NI_NUMERICSERV,
} from './abi.js';
import { finishLookup, isLocalhost, listResults, prepareLookup } from './addrinfo.js';
import { makeAddrInfoMemory } from './addrinfo-memory.js';
import { ip4FromNumbers, ipFromBytes, mapped } from './address.js';
import { makeLookupWait } from './lookup-wait.js';
import { SIZE_4, SIZE_6 } from './memory.js';

/** @typedef {import('./address.js').Ip} Ip */
/** @typedef {import('./addrinfo.js').AddrInfo} AddrInfo */
/** @typedef {import('./lookup-wait.js').Found} Found */
/** @typedef {import('./addrinfo-memory.js').Malloc} Malloc */

/** 255.255.255.255, as struct in_addr. */
const BROADCAST = -1;

/** glibc's mask, with musl's NI_NUMERICSCOPE (0x100), which is always so here, and glibc's NI_IDN (0x20). */
const KNOWN_NI_FLAGS = NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM | 0x20 | 0x100;

/**
 * @param {object} parts
 * @param {import('./memory.js').Memory} parts.memory
 * @param {import('./attempt.js').Attempter} parts.attempter
 * @param {() => import('./dns-resolver.js').Resolver} parts.resolver
 * @param {ReturnType<typeof import('./services.js').makeServices>} parts.services
 * @param {import('./made-up-addresses.js').MadeUpAddresses} parts.madeUp
 */
export function makeNames({ memory, attempter, resolver, services, madeUp }) {
  const { access } = memory;
  const { readText, writeText, readHints, writeResults } = makeAddrInfoMemory(memory);
  const wait = makeLookupWait(attempter, resolver);

  /** @template {number | Promise<number>} T @param {() => T} call @returns {T | number} a thrown EAI_* is returned */
  function guard(call) {
    try {
      return call();
    } catch (error) {
      if (typeof error === 'number') return error;
      throw error;
    }
  }

  return {
    /**
     * @param {number} node
     * @param {number} service
     * @param {number} hints
     * @param {number} result where the list goes
     * @param {Malloc} malloc
     * @returns {number | Promise<number>} 0 or EAI_*
     */
    getaddrinfo: (node, service, hints, result, malloc) => guard(() => {
      const lookup = prepareLookup(readText(node), readText(service), readHints(hints), services.portOf);
      const { name, family } = lookup;
      const store = (/** @type {AddrInfo[]} */ results) => {
        writeResults(results, result, malloc);
        return 0;
      };
      if (name === undefined) return store(listResults(lookup));
      return wait(name, family,
        (found) => guard(() => {
          const ip = madeUp.standFor(name, family, found);
          const { family: wanted } = lookup.hints;
          return store(finishLookup(lookup, { ips: [wanted === AF_INET6 ? mapped(ip) : ip] }));
        }),
        (found, error) => guard(() => {
          if (!found) throw error;
          return store(finishLookup(lookup, found));
        }));
    }),

    /**
     * Never waits: the browser does not tell the name of an address.
     * @param {number} address struct sockaddr
     * @param {number} length
     * @param {number} host
     * @param {number} hostRoom bytes
     * @param {number} service
     * @param {number} serviceRoom bytes
     * @param {number} flags NI_*
     * @returns {number} 0 or EAI_*
     */
    getnameinfo: (address, length, host, hostRoom, service, serviceRoom, flags) => guard(() => {
      if (flags & ~KNOWN_NI_FLAGS) throw EAI_BADFLAGS;
      if (address === 0 || length < 2) throw EAI_FAMILY;
      if (flags & NI_NAMEREQD && host === 0 && service === 0) throw EAI_NONAME;
      const family = access.readI16(address);
      if (!(family === AF_INET && length >= SIZE_4) && !(family === AF_INET6 && length >= SIZE_6)) throw EAI_FAMILY;
      const { ip, port } = memory.readEndpoint(address, family === AF_INET ? 4 : 6);
      if (host !== 0 && hostRoom > 0) {
        const name = flags & NI_NUMERICHOST ? undefined : nameOf(ip);
        if (name === undefined && flags & NI_NAMEREQD) throw EAI_NONAME;
        const scope = ip.family === 6 ? access.readI32(address + 24) >>> 0 : 0;
        writeText(name ?? (scope ? `${ip.text}%${scope}` : ip.text), host, hostRoom);
      }
      if (service !== 0 && serviceRoom > 0) {
        const name = flags & NI_NUMERICSERV ? undefined : services.nameOf(port, flags & NI_DGRAM ? 'udp' : 'tcp');
        writeText(name ?? String(port), service, serviceRoom);
      }
      return 0;
    }),

    /**
     * What Emscripten's gethostbyname() asks for. It takes any answer for an address: a name that cannot be found gets a
     * made-up one, and connect() to that fails.
     * @param {number} pointer the name
     * @returns {number | Promise<number>} an IPv4 address as in struct in_addr
     */
    lookupName: (pointer) => {
      const name = String(readText(pointer));
      const literal = ip4FromNumbers(name);
      if (literal) return inAddr(literal);
      if (isLocalhost(name)) return inAddr(ipFromBytes(Uint8Array.of(127, 0, 0, 1), 0, 4));
      const madeUpFor = (/** @type {Promise<Found>} */ found) => {
        try {
          return inAddr(madeUp.standFor(name, 4, found));
        } catch {
          // There are no more. connect() to this one fails too, whereas an error number would be taken for an address.
          found.catch(() => {});
          return BROADCAST;
        }
      };
      return wait(name, 4, madeUpFor, (found, error) => {
        const ip = found?.ips.find(({ family }) => family === 4);
        return ip ? inAddr(ip) : madeUpFor(Promise.reject(error));
      });
    },
  };

  /** @param {Ip} ip @returns {string | undefined} */
  function nameOf(ip) {
    return madeUp.nameOf(ip) ?? (ip.text === '127.0.0.1' || ip.text === '::1' ? 'localhost' : undefined);
  }
}

/** @param {Ip} ip IPv4 @returns {number} struct in_addr as the program's memory has it */
function inAddr({ bytes }) {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
}
