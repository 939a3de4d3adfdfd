/**
 * Child processes with a limit: run to their end, or kept while they speak JSON lines. It knows no program.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Runs a program to its end.
 * @param {string} program
 * @param {string[]} args
 * @param {{limit: number, input?: string}} options `limit` in milliseconds; `input` goes to its standard input
 * @returns {Promise<{code: number | null, stdout: string, stderr: string}>}
 */
export async function run(program, args, { limit, input = '' }) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // It ends without reading.
  child.stdin.end(input);
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  try {
    const [code, signal] = await once(child, 'close');
    if (signal) throw new Error(`${program} was ended by ${signal}, after ${limit / 1000} s at the most: ${stderr()}`);
    return { code, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
  }
}

/** @param {import('node:stream').Readable} stream */
function gather(stream) {
  let text = '';
  stream.setEncoding('utf8').on('data', (data) => (text += data));
  return () => text;
}

/** A program that prints JSON objects, one a line, and stops when its standard input ends. */
export class Speaker {
  /** @type {any[]} objects nobody has taken yet */
  #said = [];
  /** @type {(() => void)[]} */
  #waiting = [];
  #ended = false;
  #stderr;

  /** @param {string} program @param {string[]} args */
  constructor(program, args) {
    this.name = program;
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => {}); // It has ended already.
    this.#stderr = gather(this.child.stderr);
    this.closed = once(this.child, 'close').then(([code]) => {
      this.#ended = true;
      this.#tell();
      return code;
    });
    this.closed.catch(() => {});
    createInterface(this.child.stdout).on('line', (line) => {
      try {
        this.#said.push(JSON.parse(line));
      } catch {
        return; // not for programs
      }
      this.#tell();
    });
  }

  #tell() {
    this.#waiting.splice(0).forEach((resolve) => resolve());
  }

  /** @param {unknown} value written as one line to its standard input */
  say(value) {
    this.child.stdin.write(`${JSON.stringify(value)}\n`);
  }

  /**
   * The next object for which `wanted` is true; others before it are dropped.
   * @param {string} what for the error
   * @param {(value: any) => boolean} wanted
   * @param {number} limit milliseconds
   */
  async next(what, wanted, limit) {
    const deadline = Date.now() + limit;
    for (;;) {
      while (this.#said.length) {
        const value = this.#said.shift();
        if (wanted(value)) return value;
      }
      if (this.#ended) throw new Error(`${what}: ${this.name} ended: ${this.#stderr().trim().slice(-500)}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${what}: nothing within ${limit / 1000} s`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve(undefined);
        });
      });
    }
  }

  /** Ends its standard input and waits for its end. @param {number} limit milliseconds */
  async stop(limit) {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), limit);
    const code = await this.closed;
    clearTimeout(timer);
    return code;
  }
}
