// A network of its own for a command: a namespace with a pair of interfaces, of which one carries multicast and is the
// default route.
import { execFileSync } from 'node:child_process';

/** In a user namespace it takes no privileges, where the system allows that. Root needs none. */
const NAMESPACE = ['unshare', ...(process.getuid?.() === 0 ? ['-n'] : ['-rn'])];

/** A pair of interfaces, because what is sent on loopback comes back whatever IP_MULTICAST_LOOP says. */
const SETUP = [
  'ip link set lo up',
  'ip link add mc0 type veth peer name mc1',
  'ip addr add 10.77.0.1/24 dev mc0',
  'ip addr add fd77::1/64 dev mc0 nodad',
  'ip link set mc1 up',
  'ip link set mc0 up multicast on',
  'ip route add default dev mc0',
  'ip -6 route add default dev mc0',
].join(' && ');

/**
 * A command that runs another in a new network, whose own address is 10.77.0.1.
 * @param {string[]} command @returns {[string, string[]]} the program and its arguments
 */
export function inNetwork(command) {
  const [file, ...args] = [...NAMESPACE, 'bash', '-c', `${SETUP} && exec "$@"`, 'bash', ...command];
  return [file, args];
}

/** @returns {string | false} */
function tryIt() {
  try {
    execFileSync(...inNetwork(['true']), { stdio: 'pipe' });
    return false;
  } catch (error) {
    const { stderr, message } = /** @type {any} */ (error);
    return `no network namespace with a veth pair can be made here: ${String(stderr || message).trim()}`;
  }
}

/** Why no network can be made here, or false. */
export const whyNoNetwork = tryIt();
