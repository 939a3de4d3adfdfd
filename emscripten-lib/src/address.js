// IP addresses: text as Direct Sockets has them, bytes as sockaddr has them, and back, with a cache each way because
// every datagram carries a text. It knows no ports and no wasm memory beyond a byte array it is handed.

/**
 * One IP address. Treat it as a value: it is shared through the caches.
 * @typedef {object} Ip
 * @property {4 | 6} family
 * @property {string} text canonical (RFC 5952), without a zone
 * @property {Uint8Array} bytes 4 or 16, network order
 */

/** @typedef {{ ip: Ip, port: number }} Endpoint */

/** A cache that is full is emptied: a flood from forged sources costs parsing, never memory. */
const CACHE_ENTRIES = 4096;

/** @type {Map<string, Ip | undefined>} */
const byText = new Map();
/** Keyed by the address as an unsigned integer. @type {Map<number, Ip>} */
const byWord = new Map();
/** Keyed by four unsigned words. @type {Map<string, Ip>} */
const bySixteen = new Map();

/**
 * @template K, V
 * @param {Map<K, V>} cache
 * @param {K} key
 * @param {V} value
 * @returns {V}
 */
function remember(cache, key, value) {
  if (cache.size >= CACHE_ENTRIES) cache.clear();
  cache.set(key, value);
  return value;
}

/**
 * @param {string} text IPv4 or IPv6 literal; a zone (`%eth0`) is dropped
 * @returns {Ip | undefined} undefined when it is no literal
 */
export function ipFromText(text) {
  const known = byText.get(text);
  if (known) return known;
  const bytes = text.includes(':') ? parse6(text) : parse4(text);
  return remember(byText, text, bytes && makeIp(bytes));
}

/**
 * @param {Uint8Array} memory
 * @param {number} offset
 * @param {4 | 6} family
 * @returns {Ip}
 */
export function ipFromBytes(memory, offset, family) {
  const word = wordAt(memory, offset);
  if (family === 4) {
    return byWord.get(word) ?? remember(byWord, word, makeIp(memory.slice(offset, offset + 4)));
  }
  const key = `${word},${wordAt(memory, offset + 4)},${wordAt(memory, offset + 8)},${wordAt(memory, offset + 12)}`;
  return bySixteen.get(key) ?? remember(bySixteen, key, makeIp(memory.slice(offset, offset + 16)));
}

/** @param {Ip} a @param {Ip} b */
export function sameIp(a, b) {
  return a === b || a.text === b.text;
}

/** @param {Ip} ip 0.0.0.0 or :: */
export function isWildcard(ip) {
  return ip.bytes.every((byte) => byte === 0);
}

/** @param {Ip} ip 127.0.0.0/8, ::1, or the former mapped into IPv6 */
export function isLoopback(ip) {
  const v4 = unmapped(ip);
  return v4.family === 4 ? v4.bytes[0] === 127 : v4.text === '::1';
}

/** @param {Ip} ip 224.0.0.0/4 or ff00::/8 */
export function isMulticast(ip) {
  return ip.family === 4 ? ip.bytes[0] >> 4 === 14 : ip.bytes[0] === 255;
}

/** @param {Ip} ip a broadcast address whatever the networks are: of all of them, and of the loopback's */
export function isBroadcast(ip) {
  return ip.text === '255.255.255.255' || ip.text === '127.255.255.255';
}

/** @param {Ip} ip */
export function isMapped(ip) {
  return ip.family === 6 && ip.bytes[10] === 255 && ip.bytes[11] === 255 &&
    ip.bytes.subarray(0, 10).every((byte) => byte === 0);
}

/** @param {Ip} ip @returns {Ip} the IPv4 address in an IPv4-mapped IPv6 one, or the argument itself */
export function unmapped(ip) {
  return isMapped(ip) ? ipFromBytes(ip.bytes, 12, 4) : ip;
}

/** @param {Ip} ip IPv4 @returns {Ip} ::ffff:a.b.c.d */
export function mapped(ip) {
  const bytes = new Uint8Array(16);
  bytes.fill(255, 10, 12);
  bytes.set(ip.bytes, 12);
  return ipFromBytes(bytes, 0, 6);
}

/** @param {Uint8Array} bytes @returns {Ip} */
function makeIp(bytes) {
  return bytes.length === 4
    ? { family: 4, text: bytes.join('.'), bytes }
    : { family: 6, text: format6(bytes), bytes };
}

/** @param {Uint8Array} memory @param {number} offset */
function wordAt(memory, offset) {
  return ((memory[offset] << 24) | (memory[offset + 1] << 16) | (memory[offset + 2] << 8) | memory[offset + 3]) >>> 0;
}

/**
 * IPv4 as inet_aton() reads it: one to four numbers, decimal, octal (0…) or hexadecimal (0x…), of which the last fills
 * what is left.
 * @param {string} text
 * @returns {Ip | undefined}
 */
export function ip4FromNumbers(text) {
  const parts = text.split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(part))) return undefined;
  const numbers = parts.map((part) => (/^0[0-7]+$/.test(part) ? parseInt(part, 8) : Number(part)));
  const last = Number(numbers.pop());
  if (numbers.some((number) => number > 255) || last >= 256 ** (4 - numbers.length)) return undefined;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, last);
  bytes.set(numbers);
  return ipFromBytes(bytes, 0, 4);
}

/** @param {string} text @returns {Uint8Array | undefined} */
function parse4(text) {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

/** @param {string} text @returns {Uint8Array | undefined} */
function parse6(text) {
  let literal = text.split('%')[0];
  const bytes = new Uint8Array(16);
  if (literal.includes('.')) {
    const tail = literal.slice(literal.lastIndexOf(':') + 1);
    const v4 = parse4(tail);
    if (!v4) return undefined;
    literal = literal.slice(0, -tail.length) +
      `${((v4[0] << 8) | v4[1]).toString(16)}:${((v4[2] << 8) | v4[3]).toString(16)}`;
  }
  const halves = literal.split('::');
  if (halves.length > 2) return undefined;
  const [front, back] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const groups = back
    ? [...front, ...new Array(Math.max(8 - front.length - back.length, 1)).fill('0'), ...back]
    : front;
  if (groups.length !== 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  groups.forEach((group, index) => {
    const value = parseInt(group, 16);
    bytes[2 * index] = value >> 8;
    bytes[2 * index + 1] = value;
  });
  return bytes;
}

/** RFC 5952: lower case, the longest run of two or more zero groups shortened, the first one of equals. */
function format6(/** @type {Uint8Array} */ bytes) {
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index] << 8) | bytes[2 * index + 1]);
  let start = -1;
  let length = 1;
  for (let index = 0; index < 8;) {
    let end = index;
    while (end < 8 && groups[end] === 0) end++;
    if (end - index > length) {
      start = index;
      length = end - index;
    }
    index = end + 1;
  }
  const hex = groups.map((group) => group.toString(16));
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${bytes.subarray(12).join('.')}`;
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
