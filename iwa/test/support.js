/** What the browser tests share: the app with the stand-in server, launchers as processes, and what they leave. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildApp } from '../build.mjs';
import { findChromium } from '../chromium.mjs';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const STAND_IN = fileURLToPath(new URL('stand-in-server.js', import.meta.url));

/** Why browser tests are skipped here, or false. @type {string | false} */
export const withoutChromium = (() => {
  try {
    findChromium();
    return false;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
})();

/** Launchers of a test that failed before they had ended. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
/** What temporaryDirectory() made. @type {string[]} */
const directories = [];
test.after(async () => {
  for (const child of running) {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
  }
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
});

/** A fresh directory, removed after the file's tests. */
export function temporaryDirectory() {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-test-'));
  directories.push(directory);
  return directory;
}

/** The app with the stand-in server, in a directory of its own below `directory`. @param {string} directory */
export function buildStandInApp(directory) {
  return buildApp({ server: STAND_IN, out: path.join(directory, 'app') });
}

/** Processes of this machine whose command line names `text`. @param {string} text */
function processesNaming(text) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return { pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') };
      } catch {
        return { pid: 0, command: '' }; // it ended meanwhile
      }
    })
    .filter(({ pid, command }) => pid !== process.pid && command.includes(text));
}

/** Waits until `condition` holds; the test's own time limit ends a wait in vain. @param {() => boolean} condition */
export async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/**
 * A launcher in a child process, with a temporary directory of its own, in which whatever it leaves behind is found.
 * @param {string} script of iwa/, e.g. "serve.mjs"
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] further environment
 * @param {string} [cwd]
 */
export function startLauncher(script, args, env = {}, cwd = process.cwd()) {
  const directory = temporaryDirectory();
  const child = spawn(process.execPath, [path.join(REPOSITORY, 'iwa', script), ...args], {
    cwd,
    env: { ...process.env, ...env, TMPDIR: directory },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  /** @type {string[]} */
  const stdout = [];
  /** @type {string[]} */
  const stderr = [];
  const output = { stdout: '', stderr: '' };
  for (const stream of /** @type {const} */ (['stdout', 'stderr'])) child[stream].on('data', (chunk) => (output[stream] += chunk));
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => stdout.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => child.once('close', resolve));
  running.add(child);
  void exited.then(() => running.delete(child));
  return {
    child,
    stdout,
    stderr,
    /** The same as it came, unfinished lines too. */
    output,
    /** The exit code, once its output is complete. */
    exited,
    /** The first report on stdout that has `key`. @param {string} key @returns {Promise<any>} */
    report: (key) =>
      new Promise((resolve, reject) => {
        const look = (/** @type {string} */ line) => {
          const report = JSON.parse(line);
          if (key in report) resolve(report);
        };
        stdout.forEach(look);
        lines.on('line', look);
        void exited.then((code) => reject(new Error(`exit code ${code} before ${key}: ${stderr.join('\n')}`)));
      }),
    /** Chromium's main process. */
    chromium: () =>
      processesNaming(directory).find(({ command }) => command.includes(' --headless') && !command.includes(' --type=')),
    renderers: () => processesNaming(directory).filter(({ command }) => command.includes(' --type=renderer')),
    /** Files and processes that are still there. */
    leftovers: () => [...readdirSync(directory), ...processesNaming(directory).map(({ command }) => command)],
  };
}
