// What getaddrinfo() and getnameinfo() read from the program's memory and store there: C strings, hints, struct addrinfo.
import { AF_INET, AF_INET6, EAI_MEMORY, EAI_OVERFLOW } from './abi.js';
import { DEFAULT_HINTS } from './addrinfo.js';
import { SOCKADDR_MAX } from './memory.js';

/** @typedef {import('./addrinfo.js').AddrInfo} AddrInfo */
/** @typedef {(bytes: number) => number} Malloc */

/** @param {import('./memory.js').Memory} memory */
export function makeAddrInfoMemory(memory) {
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

  return { readText, writeText, readHints, writeResults };
}
