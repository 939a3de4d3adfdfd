/** Which Node a program, or a command of this directory, can run on. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/**
 * A Node with JSPI: this one, $SOCKET_IWA_NODE, or the one that npm installed beside this file.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function nodeWithJspi(env = process.env) {
  if ('Suspending' in WebAssembly) return process.execPath;
  const below = [path.join(HERE, '..', 'node_modules'), path.join(HERE, '..', '..')];
  const installed = below.flatMap((modules) =>
    [path.join(modules, '.bin', 'node'), path.join(modules, `node-linux-${process.arch}`, 'bin', 'node')]);
  return [env.SOCKET_IWA_NODE, ...installed].filter((file) => file !== undefined).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
