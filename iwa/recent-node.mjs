/** For commands that npx may start with the node of $PATH, an older one than what npm installed beside them. */
import { spawn } from 'node:child_process';
import os from 'node:os';
import { isRecentNode } from './command.mjs';
import { nodeWithJspi } from './node-with-jspi.mjs';

/**
 * Goes on in a Node that is recent enough, where this one is not and such a one is installed.
 * @param {string} name for error lines
 */
export async function withRecentNode(name) {
  const node = isRecentNode() ? undefined : nodeWithJspi();
  if (!node) return;
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => child.kill(signal));
  const code = await new Promise((resolve) => {
    child.once('exit', (status, signal) => resolve(status ?? 128 + (signal ? os.constants.signals[signal] : 0)));
    child.once('error', (error) => {
      process.stderr.write(`${name}: error: ${node}: ${error.message}\n`);
      resolve(2);
    });
  });
  process.exit(code);
}
