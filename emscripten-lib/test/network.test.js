// Multicast between sockets, compared with Linux, in a network namespace: groups are joined on the interface of the default
// route, which on the machine itself is somebody's network.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { buildNetworkPrograms, nodeWithJspi, whyNoChromium } from './c-programs.mjs';

const run = promisify(execFile);

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

/** @param {string[]} command @returns {[string, string[]]} */
function inNetwork(command) {
  const [file, ...args] = [...NAMESPACE, 'bash', '-c', `${SETUP} && exec "$@"`, 'bash', ...command];
  return [file, args];
}

/** @returns {string | false} why no network can be made here */
function whyNoNetwork() {
  try {
    execFileSync(...inNetwork(['true']), { stdio: 'pipe' });
    return false;
  } catch (error) {
    const { stderr, message } = /** @type {any} */ (error);
    return `no network namespace with a veth pair can be made here: ${String(stderr || message).trim()}`;
  }
}

/** @param {'linux' | 'node' | 'chromium'} runtime @returns {Promise<string>} */
async function groupsOn(runtime) {
  const directory = await buildNetworkPrograms(runtime === 'linux' ? 'native' : 'wasm');
  const script = join(import.meta.dirname, 'network', 'run.mjs');
  return (await run(...inNetwork([nodeWithJspi(), script, runtime, directory, 'groups']))).stdout;
}

const noNetwork = whyNoNetwork();

for (const runtime of /** @type {const} */ (['node', 'chromium'])) {
  const skip = noNetwork || (runtime === 'chromium' && whyNoChromium());
  test(`multicast groups deliver on ${runtime} what they deliver on Linux`, { skip }, async () => {
    const expected = await groupsOn('linux');
    assert.match(expected, /^group_delivers_to_a_member: hello$/m);
    assert.equal(await groupsOn(runtime), expected);
  });
}
