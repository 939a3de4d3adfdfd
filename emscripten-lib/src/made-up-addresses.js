// Addresses that stand for names: what getaddrinfo() answers where nothing can wait for a resolver, as in a callback.
// The lookup goes on meanwhile; a connection goes to the name, a datagram to the address that is known by then. They are
// of 240.0.0.0/4, which is reserved (RFC 1112) and nobody's address.
import { EAGAIN, EAI_MEMORY, EHOSTUNREACH } from './abi.js';
import { ipFromBytes, isMapped, mapped, unmapped } from './address.js';

/** @typedef {import('./address.js').Ip} Ip */

/**
 * @typedef {object} MadeUp
 * @property {string} name
 * @property {Ip} ip
 * @property {Ip | undefined} real once it is known
 * @property {boolean} pending
 * @property {Promise<void>} settled never rejects
 */

const MADE_UP_MAX = 65535;

export class MadeUpAddresses {
  constructor() {
    /** @type {Map<string, MadeUp>} */
    this.byName = new Map();
    /** @type {Map<string, MadeUp>} */
    this.byAddress = new Map();
  }

  /**
   * @param {string} name
   * @param {0 | 4 | 6} family of the addresses that were asked for
   * @param {Promise<{ ips: Ip[] }>} found
   * @returns {Ip} IPv4, the same for the same name and family
   */
  standFor(name, family, found) {
    const key = `${family} ${name.toLowerCase()}`;
    let entry = this.byName.get(key);
    if (!entry) {
      const number = this.byName.size + 1;
      if (number > MADE_UP_MAX) throw EAI_MEMORY;
      const ip = ipFromBytes(Uint8Array.of(240, 0, number >> 8, number), 0, 4);
      entry = { name, ip, real: undefined, pending: false, settled: Promise.resolve() };
      this.byName.set(key, entry);
      this.byAddress.set(ip.text, entry);
    }
    if (!entry.real && !entry.pending) this.fill(entry, found);
    // An earlier lookup may have the answer, and this one have failed.
    else found.catch(() => {});
    return entry.ip;
  }

  /** @param {MadeUp} entry @param {Promise<{ ips: Ip[] }>} found */
  fill(entry, found) {
    entry.pending = true;
    entry.settled = found.then(({ ips }) => {
      entry.real = ips[0];
    }, () => {}).then(() => {
      entry.pending = false;
    });
  }

  /** @param {Ip} ip @returns {string | undefined} the name it stands for */
  nameOf(ip) {
    return this.find(ip)?.name;
  }

  /**
   * Attempt: the address to use in the place of `ip`, itself if it is none of these.
   * @param {Ip} ip
   * @param {() => void} onKnown called later where this throws EAGAIN
   * @returns {Ip}
   */
  behind(ip, onKnown) {
    const entry = this.find(ip);
    if (!entry) return ip;
    if (entry.pending) {
      entry.settled.then(onKnown);
      throw EAGAIN;
    }
    if (!entry.real) throw EHOSTUNREACH;
    return isMapped(ip) && entry.real.family === 4 ? mapped(entry.real) : entry.real;
  }

  /** @param {Ip} ip */
  find(ip) {
    return this.byAddress.size === 0 ? undefined : this.byAddress.get(unmapped(ip).text);
  }
}
