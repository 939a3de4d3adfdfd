/**
 * Follows the guide: saves its files, types its commands into terminals, in its order, and waits for what it says that
 * they print. What a fence says behind its language is for this:
 *   file=NAME   the block is this file of ~/first
 *   terminal=N  where it is typed; 1 if nothing is said
 *   stays       the last command goes on; the text that follows is waited for
 *   bare        only for a system that has nothing yet
 *   text address, text page  where a browser is sent, and what it then shows
 * It knows neither where the terminals are nor what is installed there.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { REPOSITORY } from './programs.js';

/** Milliseconds for one command: some compile the compilers' libraries. */
export const LIMIT = 900_000;

/** @typedef {{ language: string, words: string[], text: string, line: number }} Block */

/** The blocks of each part. @param {string} [file] @returns {Map<string, Block[]>} */
export function readGuide(file = path.join(REPOSITORY, 'docs', 'guide.md')) {
  /** @type {Map<string, Block[]>} */
  const parts = new Map();
  /** @type {Block | undefined} */
  let block;
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('```')) {
      const [language, ...words] = line.slice(3).split(' ');
      if (block) block = undefined;
      else [...parts.values()].at(-1)?.push((block = { language, words, text: '', line: index + 1 }));
    } else if (block) block.text += `${line}\n`;
    else if (line.startsWith('## ')) parts.set(line.slice(3), []);
  }
  return parts;
}

/** The guide's ports, and those that are free here. */
export async function freePorts() {
  /** @type {Map<string, number>} */
  const ports = new Map();
  for (const port of ['7777', '4433', '8000']) ports.set(port, await freePort());
  return ports;
}

/** A port that is free now, for UDP and TCP. @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  socket.close();
  server.close();
  return port;
}

/** @param {string} text @param {Map<string, number>} ports */
export const withPorts = (text, ports) =>
  [...ports].reduce((done, [port, free]) => done.replaceAll(port, String(free)), text);

/**
 * A bash that commands are typed into. They come by a descriptor of their own, since those that run would read them
 * from standard input.
 */
export class Terminal {
  printed = '';
  /** Whether the last command goes on. */
  isBusy = false;
  #watch = () => {};

  /**
   * @param {NodeJS.ProcessEnv} env
   * @param {string[]} [inside] a command that starts another one in another place, as chroot does
   */
  constructor(env, inside = []) {
    const loop = 'cd; trap : INT; while IFS= read -r -d "" typed <&4 || [ $? -gt 128 ]; do eval "$typed"; done';
    // Its process group is that of all that is started in it, as a terminal's.
    const [program, ...args] = [...inside, 'bash', '-c', loop];
    this.child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        this.printed += text;
        this.#watch();
      });
    }
    this.child.once('close', () => this.#watch());
  }

  /** @param {string} commands */
  #type(commands) {
    this.printed = '';
    /** @type {import('node:stream').Writable} */ (this.child.stdio[4]).write(`${commands}\0`);
  }

  /** Types commands, of which the last goes on. @param {string} commands */
  async begin(commands) {
    if (this.isBusy) await this.interrupt();
    this.isBusy = true;
    this.#type(commands);
  }

  /** Types commands, and waits for their end. @param {string} commands @param {string} where */
  async run(commands, where) {
    if (this.isBusy) await this.interrupt();
    this.#type(`${commands}echo "ended with $?"`);
    const [, code] = await this.until(/^ended with (\d+)$/m, where);
    assert.equal(code, '0', `${where}\n${this.printed}`);
  }

  /** Ctrl-C. */
  async interrupt() {
    process.kill(-Number(this.child.pid), 'SIGINT');
    this.isBusy = false;
    await this.run('', 'Ctrl-C');
  }

  /**
   * Waits for what matches, in what was printed since the last command.
   * @param {RegExp} pattern @param {string} where @returns {Promise<RegExpExecArray>}
   */
  until(pattern, where) {
    return new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ why) => reject(new Error(`${where}: ${pattern} ${why}\n${this.printed}`));
      const timer = setTimeout(() => fail('was not printed'), LIMIT);
      this.#watch = () => {
        const match = pattern.exec(this.printed);
        const isClosed = this.child.exitCode !== null || this.child.signalCode !== null;
        if (match || isClosed) clearTimeout(timer);
        if (match) resolve(match);
        else if (isClosed) fail('was not printed before the terminal was closed');
      };
      this.#watch();
    });
  }

  async close() {
    if (this.isBusy) await this.interrupt();
    const closed = once(this.child, 'close');
    /** @type {import('node:stream').Writable} */ (this.child.stdio[4]).end();
    await closed;
  }
}

/**
 * What the guide says is printed, as a pattern: an ellipsis is anything, lines in between may be others.
 * @param {string} text
 */
const asPattern = (text) => new RegExp(text.trim().split('\n').map((line) => line.trim().split('…')
  .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*')).join('[^]*?\n'), 'm');

/**
 * @typedef {object} Reader who follows the guide
 * @property {Map<string, Terminal>} terminals by their names
 * @property {(text: string) => string} adapted a block as it is typed here
 * @property {string} first the directory that the reader's own programs live in
 * @property {import('puppeteer-core').Page} page
 */

/** Does what the blocks of a part say. @param {Block[]} blocks @param {Reader} reader */
export async function follow(blocks, { terminals, adapted, first, page }) {
  /** The terminal of the last command. @type {Terminal | undefined} */
  let last;
  let hash = '';
  for (const { language, words, text, line } of blocks) {
    const where = `docs/guide.md:${line}`;
    const named = Object.fromEntries(words.filter((word) => word.includes('=')).map((word) => word.split('=')));
    if (named.file) {
      const file = path.join(first, named.file);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, adapted(text));
    } else if (language === 'sh') {
      last = terminals.get(named.terminal ?? '1');
      assert.ok(last, where);
      if (words.includes('stays')) await last.begin(adapted(text));
      else await last.run(adapted(text), where);
    } else if (words.includes('address')) {
      await page.goto(adapted(text.trim()).replace('HASH', hash));
    } else if (words.includes('page')) {
      const shows = (/** @type {string} */ expected) => document.body.textContent?.includes(expected);
      await page.waitForFunction(shows, { timeout: 60_000 }, text.trim()).catch(async () =>
        assert.fail(`${where}: the page shows ${await page.evaluate(() => document.body.textContent)}`));
    } else if (language === 'text') {
      await last?.until(asPattern(adapted(text)), where);
      hash = /certificate ([0-9a-f]{64})/.exec(last?.printed ?? '')?.[1] ?? hash;
    }
  }
  for (const terminal of terminals.values()) if (terminal.isBusy) await terminal.interrupt();
}
