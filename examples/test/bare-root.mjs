/**
 * Follows the guide on a bare Debian: a directory in which mmdebstrap's smallest system is and nothing else, with
 * processes and mounts of its own, so that all that the guide does not say is missing. As root, on Debian or Ubuntu with
 * mmdebstrap:
 *
 *     node_modules/.bin/node examples/test/bare-root.mjs [GUIDE.md]
 *
 * It takes ten to twenty minutes on two cores and 12 GB below /var/tmp. Of this machine it takes what leads to package
 * registries (certificates, proxies, apt's and npm's settings), Rust as rustup has installed it, and the commit that is
 * checked out; the browser that looks at the guide's page is this machine's.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { Terminal, follow, freePorts, readGuide, withPorts } from './guide.js';
import { REPOSITORY } from './programs.js';

const SUITE = 'bookworm';
/** Files and directories by which a machine reaches package registries. */
const REGISTRIES = ['/etc/hosts', '/etc/resolv.conf', '/usr/local/share/ca-certificates', '/root/.npmrc', '/etc/npmrc',
  '/root/.cargo/config.toml'];
/** Variables that say so. Those of certificates name files, which ca-certificates makes. */
const VARIABLES =
  /^(https?_proxy|no_proxy|npm_config_registry|cargo_registries_\w+|\w+_(ca_bundle|certs|cert_file|cert_dir|cainfo))$/i;

const run = (/** @type {string} */ program, /** @type {string[]} */ ...args) =>
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });

/** A system with nothing in it. @param {string} root */
function makeRoot(root) {
  run('mmdebstrap', '--quiet', '--variant=minbase', '--aptopt=Acquire::Check-Valid-Until "false"', SUITE, root);
  const copy = (/** @type {string} */ file) => {
    if (existsSync(file)) cpSync(file, path.join(root, file), { recursive: true, dereference: true });
  };
  REGISTRIES.forEach(copy);
  // apt's settings, of those that say how to reach archives.
  for (const name of readdirSync('/etc/apt/apt.conf.d')) {
    const file = path.join('/etc/apt/apt.conf.d', name);
    if (/^\s*Acquire::/m.test(readFileSync(file, 'utf8'))) copy(file);
  }
  run('git', 'clone', '--quiet', '--bare', REPOSITORY, path.join(root, 'srv/socket-iwa.git'));
}

/** Rust, as rustup's script leaves it, in a home. @param {string} root */
function giveRust(root) {
  const cargo = process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo');
  const rustup = process.env.RUSTUP_HOME ?? path.join(os.homedir(), '.rustup');
  const home = path.join(root, 'root');
  for (const name of ['bin', 'env']) {
    cpSync(path.join(cargo, name), path.join(home, '.cargo', name), { recursive: true });
  }
  mkdirSync(path.join(home, '.rustup'));
  run('mount', '--bind', rustup, path.join(home, '.rustup'));
  run('mount', '-o', 'remount,bind,ro', path.join(home, '.rustup'));
}

/** @param {string} root */
function mountKernel(root) {
  // A root of its own is a mount: the container tool wants to change how its mounts spread.
  run('mount', '--bind', root, root);
  run('mount', '-t', 'proc', 'proc', path.join(root, 'proc'));
  run('mount', '--rbind', '/sys', path.join(root, 'sys'));
  run('mount', '--rbind', '/dev', path.join(root, 'dev'));
}

/** The guide in a root, inside of namespaces of its own. @param {string} root @param {string} guide */
async function followIn(root, guide) {
  mountKernel(root);
  giveRust(root);
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => VARIABLES.test(name))),
    HOME: '/root', LANG: 'C.UTF-8', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    DEBIAN_FRONTEND: 'noninteractive', PYTHONUNBUFFERED: '1',
  };
  const terminals = new Map(['1', '2'].map((name) => [name, new Terminal(env, ['chroot', root])]));
  const ports = await freePorts();
  const browser = await openBrowserPage();
  // rustup's script may not be had here: what it installs is there already.
  const adapted = (/** @type {string} */ text) => withPorts(text, ports)
    .replace(/^curl .*sh\.rustup\.rs.*\n/m, '')
    .replace('ADDRESS-OF-THIS-REPOSITORY', '/srv/socket-iwa.git');
  try {
    for (const [part, blocks] of readGuide(guide)) {
      if (blocks.length === 0) continue;
      const start = Date.now();
      process.stdout.write(`${part} ...\n`);
      await follow(blocks, { terminals, adapted, first: path.join(root, 'root/first'), page: browser.page });
      process.stdout.write(`${part}: done in ${Math.round((Date.now() - start) / 1000)} s\n`);
    }
  } finally {
    await Promise.all([...terminals.values()].map((terminal) => terminal.close()));
    await browser.close();
  }
}

const guide = path.resolve(process.argv.find((name) => name.endsWith('.md')) ?? path.join(REPOSITORY, 'docs/guide.md'));
const inside = process.argv.indexOf('--inside');
if (inside > 0) {
  await followIn(process.argv[inside + 1], guide);
  process.exit();
}
const root = mkdtempSync('/var/tmp/socket-iwa-bare-');
try {
  process.stdout.write(`a bare Debian ${SUITE} in ${root} ...\n`);
  makeRoot(root);
  // Mounts and processes go with what it starts, whatever becomes of them.
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const again = [process.execPath, fileURLToPath(import.meta.url), '--inside', root, guide];
  const child = spawn('unshare', [...namespaces, ...again], { stdio: 'inherit' });
  // unshare passes no signal on, and its first process would not hear it; what is killed takes all of them along.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill('SIGKILL'));
  const [code] = await once(child, 'close');
  process.stdout.write(`the guide ${code === 0 ? 'holds' : 'does not hold'} on a bare system\n`);
  process.exitCode = code ?? 1;
} finally {
  rmSync(root, { recursive: true, force: true });
}
