// The resolver of the platform: the system's own, as the browser or Node asks it. Rejects with an EAI_* number.
import { EAI_AGAIN, EAI_FAIL, EAI_NONAME } from './abi.js';
import { ipFromText } from './address.js';
import { bothFamilies } from './dns-resolver.js';
import { askByConnecting } from './own-address.js';

/** @typedef {import('./dns-resolver.js').Resolver} Resolver */

/**
 * A UDPSocket with a remote address looks the name up when it is opened and tells what it found; connecting a UDP socket
 * sends nothing. Chromium 156 tells the one address it would use: one for each family. It does not tell a name that
 * does not exist from a resolver that does not answer.
 * @param {() => UDPSocketClass} udp
 * @param {(text: string) => void} explain
 * @returns {Resolver}
 */
export function makeBrowserResolver(udp, explain) {
  /** @param {string} name @param {4 | 6} family */
  const find = async (name, family) => {
    let address;
    try {
      const info = await askByConnecting(udp, { remoteAddress: name, dnsQueryType: family === 4 ? 'ipv4' : 'ipv6' });
      address = info.remoteAddress;
    } catch (error) {
      throw errorOf(error, name, explain);
    }
    const ip = ipFromText(String(address));
    if (!ip || ip.family !== family) throw EAI_NONAME;
    return { ips: [ip] };
  };
  return (name, family) => bothFamilies((each) => find(name, each), family);
}

/**
 * @param {any} error
 * @param {string} name
 * @param {(text: string) => void} explain
 * @returns {number} EAI_*
 */
function errorOf(error, name, explain) {
  // No UDPSocket here: whoever chose it has said why.
  if (typeof error === 'number') return EAI_FAIL;
  if (error?.name === 'NetworkError') {
    if (/resolve/.test(error.message) && globalThis.navigator?.onLine !== false) return EAI_NONAME;
    return EAI_AGAIN;
  }
  explain(`getaddrinfo ${name}: EAI_FAIL: ${error?.name}: ${error?.message}. The app's manifest needs the policies of ` +
    'bind(), and the user has to allow local network access');
  return EAI_FAIL;
}
