// A real DNS server on loopback: dnsmasq with a zone of its own, asking nobody else.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const PROGRAM = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'].map((directory) => join(directory, 'dnsmasq'))
  .find((path) => existsSync(path));

/** Why the tests with a real server cannot run here, or false. */
export const whyNoDnsmasq = PROGRAM ? false : 'dnsmasq is not installed (Debian, Ubuntu: apt-get install dnsmasq-base)';

/** Addresses that do not fit into one UDP answer of 512 bytes. */
export const MANY = Array.from({ length: 60 }, (_, index) => `192.0.2.${index + 100}`);

const ZONE = [
  '--host-record=one.test,192.0.2.1,2001:db8::1', '--host-record=four.test,192.0.2.4', '--host-record=six.test,2001:db8::6',
  '--host-record=home.test,127.0.0.1', '--cname=alias.test,middle.test', '--cname=middle.test,one.test',
  ...MANY.map((address) => `--host-record=many.test,${address}`),
  // Everything else below test does not exist; nothing else is answered for.
  '--local=/test/',
];

/**
 * @returns {Promise<{ port: number, stop: () => Promise<void> }>} on 127.0.0.1
 */
export async function startDnsmasq() {
  for (let attempt = 0; ; attempt++) {
    const port = await freePort();
    const child = spawn(String(PROGRAM), [
      '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--log-facility=-', '--no-resolv', '--no-hosts', '--user=',
      '--bind-interfaces', '--listen-address=127.0.0.1', `--port=${port}`, ...ZONE,
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    const over = new Promise((resolve) => child.once('close', resolve));
    const started = new Promise((resolve) => child.stderr.on('data', (chunk) => {
      said += chunk;
      if (/started, version/.test(said)) resolve(true);
    }));
    if (await Promise.race([started, over.then(() => false)])) {
      return {
        port,
        async stop() {
          child.kill();
          await over;
        },
      };
    }
    // Another program may have taken the port meanwhile.
    if (attempt === 3 || !/in use/.test(said)) throw new Error(`dnsmasq did not start: ${said}`);
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
