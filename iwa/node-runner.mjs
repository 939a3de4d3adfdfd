/** Runs an Emscripten program on Node by the API's runProgram: which Node, its files, its time limit. */
import { accessSync, constants, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runProgram } from '../api/node-run-program.js';
import { needsJspi } from '../api/program/program-text.js';
import { LaunchError } from './launch-error.mjs';
import { WriteBack, placeOf, readMount } from './mounts.mjs';
import { TIMED_OUT } from './program-runner.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** The exit code of a program whose output no one reads any more. */
const PIPE_LOST = 128 + os.constants.signals.SIGPIPE;

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
 *   stdin: AsyncIterable<Uint8Array>, warn: (text: string) => void, signal: AbortSignal}} options `timeout` in seconds, 0
 *   for none
 * @returns {Promise<{code: number, timedOut: boolean, filesLost: boolean}>}
 * @throws {LaunchError}
 */
export async function runOnNode(program, args, { timeout, env, mounts, verbose, stdin, warn, signal }) {
  const node = nodeWithJspi() ?? (needsJspi(readFileSync(program, 'utf8')) ? undefined : process.execPath);
  if (!node) {
    throw new LaunchError(
      `run ${program} on Node: Node ${process.versions.node} has no JSPI (WebAssembly.Suspending), which the program ` +
        'is linked for; `npm ci` in the repository installs one that has, or set $SOCKET_IWA_NODE to Node 26 or newer',
      { exitCode: 2 },
    );
  }
  const limit = timeout > 0 ? AbortSignal.timeout(timeout * 1000) : undefined;
  const saving = new WriteBack(mounts, warn);
  const running = runProgram(path.resolve(program), {
    args, env, stdin,
    cwd: placeOf(mounts),
    mounts: mounts.map((mount) => {
      const entries = readMount(mount, warn).map(({ file, ...entry }) => ({ ...entry, url: pathToFileURL(file).href }));
      return { at: mount.at, readOnly: mount.readOnly, entries };
    }),
    signal: limit ? AbortSignal.any([signal, limit]) : signal,
    anySockets: true, // the command line has warned
    execPath: node,
    onStdout: 'inherit',
    onStderr: 'inherit',
    onWarning: warn,
    onChange: ({ data, ...change }) => saving.apply(change, data),
  });
  let code;
  try {
    code = await running.exit;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { message, exitCode, trace } = /** @type {any} */ (error);
    code = limit?.aborted ? TIMED_OUT : exitCode;
    if (!limit?.aborted && code !== PIPE_LOST) process.stderr.write(`${verbose && trace ? trace : message}\n`);
  } finally {
    await running.files.catch(() => {
      saving.failed = true;
      warn('the program computes and does not answer: what it changed in its files is lost');
    });
    saving.end();
  }
  return { code, timedOut: limit?.aborted ?? false, filesLost: saving.failed };
}
