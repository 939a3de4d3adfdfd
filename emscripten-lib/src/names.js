// getaddrinfo(), getnameinfo() and what libc builds on them (gethostbyname, gethostbyaddr): strings and hints in, a lookup,
// a list in the program's memory out. What the answer is, is addrinfo.js's; who is asked, the resolver's. As everywhere
// a call is an attempt: numbers, localhost and everything wrong are answered at once, a name waits for the resolver, and
// where the program cannot wait a made-up address stands for the name.
import {
  AF_INET, AF_INET6, EAGAIN, EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NONAME, EAI_OVERFLOW, NI_DGRAM,
  NI_NAMEREQD, NI_NOFQDN, NI_NUMERICHOST, NI_NUMERICSERV,
} from './abi.js';
import { DEFAULT_HINTS, finishLookup, isLocalhost, listResults, prepareLookup } from './addrinfo.js';
import { ip4FromNumbers, ipFromBytes, mapped } from './address.js';
import { SIZE_4, SIZE_6, SOCKADDR_MAX } from './memory.js';

/** @typedef {import('./address.js').Ip} Ip */
/** @typedef {import('./addrinfo.js').AddrInfo} AddrInfo */
/** @typedef {import('./addrinfo.js').Lookup} Lookup */
/** @typedef {{ ips: Ip[], canonname?: string }} Found */
/** @typedef {(bytes: number) => number} Malloc */

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
  const layout = access.addrinfo;

  /** @param {number} pointer @returns {string | undefined} undefined for a null pointer */
  function readText(pointer) {
    if (pointer === 0) return undefined;
    const bytes = access.bytes();
    // Copied, because TextDecoder refuses the memory that threads share.
    return new TextDecoder().decode(bytes.slice(pointer, bytes.indexOf(0, pointer)));
  }

  /** @param {string} text @param {number} pointer @param {number} room bytes */
  function writeText(text, pointer, room) {
    const bytes = new TextEncoder().encode(`${text}\0`);
    if (bytes.length > room) throw EAI_OVERFLOW;
    access.bytes().set(bytes, pointer);
  }

  /** @param {number} pointer @returns {import('./addrinfo.js').Hints} */
  function readHints(pointer) {
    if (pointer === 0) return DEFAULT_HINTS;
    const [flags, family, socktype, protocol] = [layout.flags, layout.family, layout.socktype, layout.protocol]
      .map((offset) => access.readI32(pointer + offset));
    return { flags, family, socktype, protocol };
  }

  /**
   * Stores the list so that libc's freeaddrinfo() frees it: Emscripten's up to 6.0.8 frees the first address and then the
   * first result, whose block therefore holds all the rest; later ones free the first result alone.
   * @param {AddrInfo[]} results
   * @param {number} resultPointer
   * @param {Malloc} malloc
   */
  function writeResults(results, resultPointer, malloc) {
    const canonname = new TextEncoder().encode(`${results[0].canonname ?? ''}\0`);
    const block = malloc(results.length * (layout.size + SOCKADDR_MAX) + canonname.length);
    if (!block) throw EAI_MEMORY;
    const addresses = block + results.length * layout.size;
    const names = addresses + results.length * SOCKADDR_MAX;
    const first = layout.firstAddressApart ? malloc(SOCKADDR_MAX) : addresses;
    // Without a second block the first could be freed by no one.
    if (!first) throw EAI_MEMORY;
    access.bytes().set(canonname, names);
    results.forEach(({ flags, socktype, protocol, port, ip, scope }, index) => {
      const result = block + index * layout.size;
      const address = index === 0 ? first : addresses + index * SOCKADDR_MAX;
      const length = memory.writeEndpoint({ ip, port }, address, SOCKADDR_MAX);
      if (ip.family === 6) access.writeI32(address + 24, scope);
      access.writeI32(result + layout.flags, flags);
      access.writeI32(result + layout.family, ip.family === 4 ? AF_INET : AF_INET6);
      access.writeI32(result + layout.socktype, socktype);
      access.writeI32(result + layout.protocol, protocol);
      access.writeI32(result + layout.addrlen, length);
      access.writeSize(result + layout.addr, address);
      access.writeSize(result + layout.canonname, index === 0 && results[0].canonname !== undefined ? names : 0);
      access.writeSize(result + layout.next, index + 1 < results.length ? result + layout.size : 0);
    });
    access.writeSize(resultPointer, block);
  }

  /**
   * Waits for a lookup.
   * @param {string} name
   * @param {0 | 4 | 6} family
   * @param {(found: Promise<Found>) => number} instead the answer where the program cannot wait
   * @param {(found: Found | undefined, error: number) => number} answer
   * @returns {number | Promise<number>}
   */
  function wait(name, family, instead, answer) {
    const found = resolver()(name, family);
    /** @type {{ found?: Found, error: number } | undefined} */
    let outcome;
    let abandoned = false;
    const queue = new Queue();
    found.then((value) => {
      outcome = { found: value, error: 0 };
    }, (error) => {
      outcome = { error: typeof error === 'number' ? error : EAI_FAIL };
    }).then(() => queue.notifyListeners(0));
    const giveUp = () => {
      abandoned = true;
      queue.notifyListeners(0);
      return instead(found);
    };
    // Two ways to find that the program cannot wait: a caller whom no thread waits for, and a SuspendError.
    const waiting = attempter.call(() => {
      if (abandoned) return 0;
      if (!outcome) throw EAGAIN;
      return answer(outcome.found, outcome.error);
    }, { queue, nonblocking: false, timeout: 0, late: giveUp });
    return typeof waiting === 'number' ? waiting : Object.assign(waiting, { instead: giveUp });
  }

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

/**
 * Those who wait for one lookup.
 * @typedef {import('./attempt.js').WaitQueue} WaitQueue
 * @implements {WaitQueue}
 */
class Queue {
  constructor() {
    this.listeners = new Set();
  }

  /** @param {(flags: number) => void} callback */
  addListener(callback) {
    const entry = { callback };
    this.listeners.add(entry);
    return { listeners: this.listeners, entry };
  }

  /** @param {number} flags */
  notifyListeners(flags) {
    for (const { callback } of [...this.listeners]) callback(flags);
  }
}
