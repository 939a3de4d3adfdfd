/** Runs an Emscripten program in a Node process of its own: which Node, its time limit, how it ends. */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LaunchError } from './launch-error.mjs';
import { TIMED_OUT } from './program-runner.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Milliseconds from being told to end until it is ended: it may have files to write. */
const END_LIMIT = 5000;
/** Milliseconds from its last word until it is ended. */
const EXIT_LIMIT = 1000;

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

/**
 * @param {string} program
 * @param {string[]} args
 * @param {{timeout: number, env: Record<string, string>, mounts: import('./mounts.mjs').Mount[], verbose: boolean,
 *   warn: (text: string) => void, signal: AbortSignal}} options `timeout` in seconds, 0 for none; an abort's reason is
 *   the name of a signal
 * @returns {Promise<{code: number, timedOut: boolean, filesLost: boolean}>}
 * @throws {LaunchError}
 */
export async function runOnNode(program, args, { timeout, env, mounts, verbose, warn, signal }) {
  const needsJspi = /WebAssembly\.(Suspending|promising)|\bSuspending\b/.test(readFileSync(program, 'utf8'));
  const node = nodeWithJspi() ?? (needsJspi ? undefined : process.execPath);
  if (!node) {
    throw new LaunchError(
      `run ${program} on Node: Node ${process.versions.node} has no JSPI (WebAssembly.Suspending), which the program ` +
        'is linked for; `npm ci` in the repository installs one that has, or set $SOCKET_IWA_NODE to Node 26 or newer',
      { exitCode: 2 },
    );
  }
  signal.throwIfAborted();
  const child = spawn(node, [path.join(HERE, 'node-program.mjs')], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  /** @type {{code: number, filesLost: boolean} | undefined} */
  let told;
  let timedOut = false;
  /** @type {NodeJS.Timeout[]} */
  const timers = [];
  const endWith = (/** @type {NodeJS.Signals} */ name) => {
    if (mounts.length === 0) return void child.kill('SIGKILL'); // nothing to be in order about
    child.kill(name);
    timers.push(setTimeout(() => {
      told ??= { code: 1, filesLost: true };
      warn('the program computes and does not answer: what it changed in its files is lost');
      child.kill('SIGKILL');
    }, END_LIMIT));
  };
  const onAbort = () => endWith(signal.reason === 'EPIPE' ? 'SIGTERM' : signal.reason);
  try {
    const exited = new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new LaunchError(`start ${node}: ${error.message}`, { exitCode: 2 })));
      child.once('exit', (code, name) => resolve(code ?? 128 + (name ? os.constants.signals[name] : 0)));
      child.on('message', (message) => {
        told = /** @type {any} */ (message);
        timers.push(setTimeout(() => child.kill('SIGKILL'), EXIT_LIMIT));
      });
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (timeout > 0) {
      timers.push(setTimeout(() => {
        timedOut = true;
        endWith('SIGTERM');
      }, timeout * 1000));
    }
    child.send({ program: path.resolve(program), args, env, mounts, verbose }, () => {});
    const code = await exited;
    if (signal.aborted) throw signal.reason;
    return { code: timedOut ? TIMED_OUT : told?.code ?? code, timedOut, filesLost: told?.filesLost ?? false };
  } finally {
    timers.forEach(clearTimeout);
    signal.removeEventListener('abort', onAbort);
  }
}
