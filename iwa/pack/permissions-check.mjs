/**
 * The manifest's permissions_policy against the APIs that the app's scripts name. In an Isolated Web App every policy
 * that the manifest does not have is off.
 */
import { problem } from './problem.mjs';

const SOCKETS = ['UDPSocket', 'TCPSocket', 'TCPServerSocket'];
const MULTICAST = ['joinGroup', 'multicastAllowAddressSharing'];

/** Without these, addresses of this machine and of local networks are refused: `Access to local network is blocked`. */
const LOCAL = {
  'direct-sockets-private': 'Chromium 150 and its like',
  'local-network-access': 'prompts of Chrome until 155 or so',
  'local-network': 'other devices of the network, newer Chrome',
  'loopback-network': 'this device, newer Chrome',
};

/**
 * @param {import('./manifest-check.mjs').Manifest} manifest
 * @param {Set<string>} names what scripts name, as of script-check.mjs
 * @returns {import('./problem.mjs').Problem[]}
 */
export function checkPermissions({ fields, file, at }, names) {
  const policy = fields.permissions_policy ?? {};
  if (typeof policy !== 'object' || Array.isArray(policy)) {
    const message = 'permissions_policy: it is an object of lists, as {"direct-sockets": ["self"]}';
    return [problem('error', 'manifest-permissions', file, message, at(['permissions_policy']))];
  }
  /** @type {import('./problem.mjs').Problem[]} */
  const problems = [];
  for (const [name, allowed] of Object.entries(policy)) {
    if (!Array.isArray(allowed) || allowed.some((origin) => typeof origin !== 'string')) {
      const message =
        `permissions_policy: ${name} is a list of strings, as ["self"]; Chrome refuses the manifest otherwise`;
      problems.push(problem('error', 'manifest-permissions', file, message, at(['permissions_policy', name])));
    }
  }
  const lacks = (/** @type {string} */ name) =>
    !(Array.isArray(policy[name]) && policy[name].some((origin) => origin === 'self' || origin === '*'));
  const tell = (/** @type {'error' | 'warning'} */ severity, /** @type {string} */ name, /** @type {string} */ why) =>
    void problems.push(problem(severity, 'manifest-permissions', file,
      `permissions_policy: "${name}": ["self"] is missing: ${why}`, at(['permissions_policy', name])));

  const socket = SOCKETS.find((name) => names.has(name));
  const isolated = socket ?? (names.has('SharedArrayBuffer') ? 'SharedArrayBuffer' : undefined);
  if (lacks('cross-origin-isolated')) {
    tell(isolated ? 'error' : 'warning', 'cross-origin-isolated',
      isolated ? `${isolated}, which the app uses, fails without it` : 'Direct Sockets and shared memory need it');
  }
  if (!socket) return problems;
  if (lacks('direct-sockets')) tell('error', 'direct-sockets', `${socket}, which the app uses, fails without it`);
  for (const [name, where] of Object.entries(LOCAL)) {
    if (lacks(name)) tell('warning', name, `local addresses are refused without it (${where})`);
  }
  const multicast = MULTICAST.find((name) => names.has(name));
  if (multicast && lacks('direct-sockets-multicast')) {
    tell('warning', 'direct-sockets-multicast', `${multicast}, which the app names, fails without it`);
  }
  return problems;
}
