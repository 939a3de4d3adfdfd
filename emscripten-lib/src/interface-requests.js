// ioctl()'s requests about network interfaces, on any socket (netdevice(7)): what if_nametoindex(), if_indextoname() and
// programs that are older than getifaddrs() ask with.
import {
  EADDRNOTAVAIL, EFAULT, ENODEV, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFINDEX,
  SIOCGIFMTU, SIOCGIFNAME, SIOCGIFNETMASK,
} from './abi.js';
import { ipFromBytes } from './address.js';
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, broadcastAddress, interfaceFlags, netmask } from './interfaces.js';

/** @typedef {import('./interfaces.js').Interface} Interface */

/** struct ifreq: a name, and a union of which a struct sockaddr or a struct ifmap is the longest part. */
const NAME_SIZE = 16;
const SOCKADDR_SIZE = 16;

const REQUESTS = new Set([
  SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR,
  SIOCGIFINDEX,
]);

/** @param {number} request @returns {boolean} true when it is for answerRequest() */
export function isInterfaceRequest(request) {
  return REQUESTS.has(request);
}

/**
 * @param {import('./memory.js').Memory} memory
 * @param {Interface[]} interfaces
 * @param {number} request SIOCGIF*
 * @param {number} pointer struct ifreq, or struct ifconf
 * @returns {number} 0; otherwise it throws an errno
 */
export function answerRequest(memory, interfaces, request, pointer) {
  const { access } = memory;
  const size = NAME_SIZE + (access.pointerSize === 8 ? 24 : 16);
  if (request === SIOCGIFCONF) return listAddresses(memory, interfaces, pointer, size);
  if (pointer === 0) throw EFAULT;
  memory.check(pointer, size);
  const value = pointer + NAME_SIZE;
  if (request === SIOCGIFNAME) {
    const index = access.readI32(value);
    const named = interfaces.find((one) => one.index === index);
    if (!named) throw ENODEV;
    writeInterfaceName(memory, named.name, pointer);
    return 0;
  }
  const name = readInterfaceName(memory, pointer);
  const one = interfaces.find((each) => each.name === name);
  if (!one) throw ENODEV;
  switch (request) {
    case SIOCGIFINDEX:
      access.writeI32(value, one.index);
      return 0;
    case SIOCGIFFLAGS:
      // A short: what does not fit is told by netlink alone.
      access.writeI16(value, interfaceFlags(one.loopback));
      return 0;
    case SIOCGIFMTU:
      access.writeI32(value, one.mtu);
      return 0;
    case SIOCGIFHWADDR:
      access.bytes().fill(0, value, value + SOCKADDR_SIZE);
      access.writeI16(value, one.loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
      access.bytes().set(one.hardware, value + 2);
      return 0;
    default: {
      const address = one.addresses.find(({ ip }) => ip.family === 4);
      if (!address) throw EADDRNOTAVAIL;
      const { ip: { bytes }, prefix } = address;
      const told = request === SIOCGIFADDR ? bytes
        : request === SIOCGIFNETMASK ? netmask(prefix)
        : one.loopback ? [0, 0, 0, 0] : broadcastAddress(bytes, prefix);
      writeInterfaceAddress(memory, told, value);
      return 0;
    }
  }
}

/**
 * Each IPv4 address with its interface's name, as many as there is room for; without a place, how long all are.
 * @param {import('./memory.js').Memory} memory @param {Interface[]} interfaces
 * @param {number} pointer struct ifconf @param {number} size of a struct ifreq
 */
function listAddresses(memory, interfaces, pointer, size) {
  const { access } = memory;
  if (pointer === 0) throw EFAULT;
  memory.check(pointer, 2 * access.pointerSize);
  const room = access.readI32(pointer);
  const list = access.readPointer(pointer + access.pointerSize);
  const all = interfaces.flatMap(({ name, addresses }) =>
    addresses.filter(({ ip }) => ip.family === 4).map(({ ip }) => ({ name, ip })));
  const told = list === 0 ? all.length : Math.min(all.length, Math.max(Math.floor(room / size), 0));
  if (list !== 0) {
    memory.check(list, told * size);
    all.slice(0, told).forEach(({ name, ip }, index) => {
      writeInterfaceName(memory, name, list + index * size);
      writeInterfaceAddress(memory, ip.bytes, list + index * size + NAME_SIZE);
    });
  }
  access.writeI32(pointer, told * size);
  return 0;
}

/** @param {import('./memory.js').Memory} memory @param {ArrayLike<number>} bytes @param {number} pointer struct sockaddr */
function writeInterfaceAddress(memory, bytes, pointer) {
  memory.writeEndpoint({ ip: ipFromBytes(Uint8Array.from(bytes), 0, 4), port: 0 }, pointer, SOCKADDR_SIZE);
}

/** @param {import('./memory.js').Memory} memory @param {number} pointer @returns {string} */
function readInterfaceName(memory, pointer) {
  const bytes = memory.access.bytes().slice(pointer, pointer + NAME_SIZE);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}

/** @param {import('./memory.js').Memory} memory @param {string} name @param {number} pointer */
function writeInterfaceName(memory, name, pointer) {
  const bytes = memory.access.bytes();
  bytes.fill(0, pointer, pointer + NAME_SIZE);
  for (let i = 0; i < name.length && i < NAME_SIZE - 1; i++) bytes[pointer + i] = name.charCodeAt(i);
}
