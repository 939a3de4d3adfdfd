// The machine's network interfaces, as Node tells of them: those that are up and have an address.
import { ipFromText } from '../address.js';
import { ETHERNET_MTU, loopbackInterface, makeInterface } from '../interfaces.js';

/** @returns {Promise<import('../interfaces.js').Interface[]>} */
export async function nodeInterfaces() {
  const { networkInterfaces } = process.getBuiltinModule('node:os');
  const { readFileSync } = process.getBuiltinModule('node:fs');
  /** What Linux says of an interface; elsewhere there is no such file. @param {string} name @param {string} file */
  const number = (name, file) => {
    try {
      return Number(readFileSync(`/sys/class/net/${name}/${file}`, 'utf8'));
    } catch {
      return undefined;
    }
  };
  const loopback = loopbackInterface();
  return Object.entries(networkInterfaces()).map(([name, addresses = []], position) => {
    const internal = addresses.some((address) => address.internal);
    return makeInterface({
      index: number(name, 'ifindex') ?? position + 1,
      name,
      loopback: internal,
      mtu: number(name, 'mtu') ?? (internal ? loopback.mtu : ETHERNET_MTU),
      hardware: Uint8Array.from(addresses[0]?.mac.split(':') ?? [], (byte) => parseInt(byte, 16)),
      addresses: addresses.flatMap(({ address, cidr }) => {
        const ip = ipFromText(address);
        return ip ? [{ ip, prefix: Number(cidr?.split('/')[1] ?? ip.bytes.length * 8) }] : [];
      }),
    });
  });
}
