// What the tests of the tools share: running them as a user does, waiting for what they say, and knowing what they left
// running. It knows no test.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const repo = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
/** The tool under test: as `cargo xtask test` names it, else where cargo puts it. */
export const xtask = process.env.XTASK || path.join(repo, 'target/debug/xtask');
export const client = path.join(repo, 'target/release/socket-iwa-client');

/** A failure, not a measurement: nothing here takes this long on a machine that works. Milliseconds. */
const LIMIT = 240_000;

/**
 * @typedef {object} Ended
 * @property {number | null} code exit code
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions & {input?: string, limit?: number}} [options] `input` is written to
 *   standard input; `limit` in milliseconds, for what starts many servers
 * @returns {Promise<Ended>}
 */
export async function run(program, args, options = {}) {
  const child = spawn(program, args, { cwd: repo, ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const [stdout, stderr] = [child.stdout, child.stderr].map(gather);
  child.stdin?.on('error', () => {}); // A program that ends without reading.
  child.stdin?.end(options.input);
  const timer = setTimeout(() => child.kill('SIGKILL'), options.limit ?? LIMIT);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** @param {import('node:stream').Readable | null} stream */
function gather(stream) {
  let text = '';
  stream?.setEncoding('utf8').on('data', (data) => (text += data));
  return () => text;
}

/**
 * A line that says what is wrong, without the progress before it.
 * @param {string} stderr
 */
export function lastLine(stderr) {
  return stderr.trimEnd().split('\n').at(-1) ?? '';
}

/** `cargo xtask serve --json`, running. */
export class Serving {
  /** @type {string[]} every line of standard error */
  log = [];
  /** @type {string[]} every line of standard output */
  output = [];
  /** @type {(() => void)[]} */
  #watchers = [];

  /**
   * @param {string} runtime
   * @param {string[]} args further arguments
   */
  constructor(runtime, args = []) {
    const port = args.includes('--port') ? [] : ['--port', '0'];
    const all = ['serve', '--no-install', '--no-build', '--json', '--runtime', runtime, ...port, ...args];
    this.child = spawn(xtask, all, { cwd: repo, stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), LIMIT);
    /** Resolves with how it ended, which it does in any case. */
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      clearTimeout(timer);
      return { code, signal };
    });
    createInterface(this.child.stdout).on('line', (line) => this.#add(this.output, line));
    createInterface(this.child.stderr).on('line', (line) => this.#add(this.log, line));
    this.child.on('close', () => this.#tell());
  }

  /** @param {string[]} lines @param {string} line */
  #add(lines, line) {
    lines.push(line);
    this.#tell();
  }

  #tell() {
    this.#watchers.forEach((watcher) => watcher());
  }

  /**
   * Waits until `condition` holds; it is looked at after each line. Rejects if the process ends first.
   * @template T
   * @param {string} what
   * @param {() => T} condition
   * @returns {Promise<NonNullable<T>>}
   */
  until(what, condition) {
    return new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ why) => reject(new Error(`${what}: ${why}\n${this.log.join('\n')}`));
      const timer = setTimeout(() => fail('never came'), LIMIT);
      const look = () => {
        const value = condition();
        if (value) {
          clearTimeout(timer);
          resolve(value);
        } else if (this.child.exitCode !== null || this.child.signalCode !== null) {
          clearTimeout(timer);
          fail(`ended with ${this.child.exitCode ?? this.child.signalCode}`);
        }
      };
      this.#watchers.push(look);
      look();
    });
  }

  /** The ready line. */
  async ready() {
    const line = await this.until('ready line', () => this.output[0]);
    /** @type {{ready: true, runtime: string, address: string, port: number, cert_sha256: string, cert_pem: string}} */
    const ready = JSON.parse(line);
    return ready;
  }

  /** Closes standard input and waits for the end. */
  stop() {
    this.child.stdin.end();
    return this.ended;
  }
}

/**
 * The independent client's check of a server.
 * @param {{address: string, port: number, cert_sha256: string}} ready
 * @param {string[]} args
 */
export async function check(ready, args = []) {
  const { stdout, stderr } = await run(client, clientArguments(ready, args));
  return stdout ? JSON.parse(stdout) : { ok: false, error: stderr };
}

/**
 * @param {{address: string, port: number, cert_sha256: string}} ready
 * @param {string[]} args
 * @param {'check' | 'cases'} command of the client
 */
export function clientArguments(ready, args = [], command = 'check') {
  const address = ready.address.includes(':') ? `[${ready.address}]` : ready.address;
  return [command, '--json', '--connect', `${address}:${ready.port}`, '--cert-sha256', ready.cert_sha256, ...args];
}

/**
 * curl with HTTP/3 from the toolchain's container, a client that shares no code with the server.
 * @param {string[]} args
 * @param {string} [input] the body, for `--data-binary @-`
 */
export function curl(args, input) {
  const script = path.join(repo, 'docker/build.sh');
  return run(script, ['curl', '--silent', '--show-error', '--insecure', '--http3-only', '--max-time', '60', ...args], { input });
}

/**
 * The processes below one, as /proc has them now.
 * @param {number} pid
 * @returns {number[]}
 */
export function descendants(pid) {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const parent = parentOf(Number(name));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = children.get(pid) ?? [];
  // Grows while it is gone through.
  for (const one of found) found.push(...(children.get(one) ?? []));
  return found;
}

/**
 * @param {number} pid
 * @returns {number | undefined} undefined for a process that has ended, a zombie among them
 */
function parentOf(pid) {
  try {
    // pid (name) state parent ...; the name may have spaces and brackets in it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

/**
 * Those of `pids` that still run after a while.
 * @param {number[]} pids
 */
export async function leftOf(pids) {
  const deadline = Date.now() + 30_000;
  let left = pids;
  // The kernel tells nobody but the parent of a process's end.
  while ((left = left.filter((pid) => parentOf(pid) !== undefined)).length && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return left.map((pid) => `${pid}: ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`);
}
