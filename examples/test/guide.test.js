/**
 * The guide, word for word: its files are saved, its commands typed into terminals, in its order, and what it says that they
 * print has to be printed. What a fence says behind its language is for this test:
 *   file=NAME   the block is this file of ~/first
 *   terminal=N  where it is typed; 1 if nothing is said
 *   stays       the last command goes on; the text that follows is waited for
 *   text address, text page  where a browser is sent, and what it then shows
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { whyNoChromium } from '../../emscripten-lib/test/c-programs.mjs';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { REPOSITORY, buildExamples } from './programs.js';

/** Milliseconds for one command; what it compiles is there already, for the most part. */
const LIMIT = 900_000;

/** @typedef {{ language: string, words: string[], text: string, line: number }} Block */

/** The blocks of each part. @returns {Map<string, Block[]>} */
function readGuide() {
  /** @type {Map<string, Block[]>} */
  const parts = new Map();
  /** @type {Block | undefined} */
  let block;
  const lines = readFileSync(path.join(REPOSITORY, 'docs', 'guide.md'), 'utf8').split('\n');
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

/**
 * A bash that commands are typed into. They come by a descriptor of their own, since those that run would read them from
 * standard input.
 */
class Terminal {
  printed = '';
  /** Whether the last command goes on. */
  isBusy = false;
  #watch = () => {};

  /** @param {NodeJS.ProcessEnv} env */
  constructor(env) {
    const loop = 'trap : INT; while IFS= read -r -d "" typed <&4 || [ $? -gt 128 ]; do eval "$typed"; done';
    // Its process group is that of all that is started in it, as a terminal's.
    this.child = spawn('bash', ['-c', loop], { cwd: env.HOME, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe'] });
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

/** What the guide says is printed, as a pattern: an ellipsis is anything, lines in between may be others. @param {string} text */
const asPattern = (text) => new RegExp(text.trim().split('\n').map((line) => line.trim().split('…')
  .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*')).join('[^]*?\n'), 'm');

const home = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-guide-')));
/** The guide's ports, and those that are free here. @type {Map<string, number>} */
const ports = new Map();
/** The terminals, which stay open through all parts. @type {Map<string, Terminal>} */
const terminals = new Map();
/** @type {Awaited<ReturnType<typeof openBrowserPage>>} */
let browser;

/** Nothing of this process's environment, but where programs are and how registries are reached. */
function environment() {
  const kept = Object.entries(process.env)
    .filter(([name]) => /^(PATH|CHROMIUM|SOCKET_IWA_\w+|\w+_(CERTS|CERT_FILE|CERT_DIR|CAINFO)|https?_proxy)$/i.test(name));
  // What is made goes into a home of its own; tools and caches are where they were.
  const was = (/** @type {string} */ name, /** @type {string[]} */ ...place) => ({ [name]: process.env[name] ?? path.join(os.homedir(), ...place) });
  return {
    ...Object.fromEntries(kept), ...was('CARGO_HOME', '.cargo'), ...was('RUSTUP_HOME', '.rustup'),
    ...was('SOCKET_IWA_CACHE', '.cache', 'socket-iwa'), ...was('XDG_DATA_HOME', '.local', 'share'),
    HOME: home, PYTHONUNBUFFERED: '1',
  };
}

/**
 * What the test does and a reader need not: new crates take the versions of the examples, and the standard library that was
 * compiled for them.
 */
const PRELUDE = `cargo() {
  command cargo "$@" || return
  if [ "$1" = new ]; then
    ln -s '${REPOSITORY}/target/ports/cargo' "$2/target" && cp '${REPOSITORY}/examples/rust/Cargo.lock' "$2/"
  fi
}
`;

before(async () => {
  buildExamples();
  for (const port of ['7777', '4433', '8000']) ports.set(port, await freePort());
  for (const name of ['1', '2']) terminals.set(name, new Terminal(environment()));
  await terminals.get('1')?.run(PRELUDE, 'the beginning');
  browser = await openBrowserPage();
}, { timeout: 1_200_000 });
after(async () => {
  await browser?.close();
  await Promise.all([...terminals.values()].map((terminal) => terminal.close()));
  rmSync(home, { recursive: true, force: true });
});

/** With free ports, and in the clone that is there. @param {string} text */
function adapted(text) {
  const here = text.replace(/^git clone .*\n/m, '').replace(/^cd socket-iwa$/m, `cd '${REPOSITORY}'`);
  return [...ports].reduce((done, [port, free]) => done.replaceAll(port, String(free)), here);
}

/** Does what the blocks of a part say. @param {Block[]} blocks */
async function follow(blocks) {
  /** The terminal of the last command. @type {Terminal | undefined} */
  let last;
  let hash = '';
  for (const { language, words, text, line } of blocks) {
    const where = `docs/guide.md:${line}`;
    const named = Object.fromEntries(words.filter((word) => word.includes('=')).map((word) => word.split('=')));
    if (named.file) {
      const file = path.join(home, 'first', named.file);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, adapted(text));
    } else if (language === 'sh') {
      last = terminals.get(named.terminal ?? '1');
      assert.ok(last, where);
      if (words.includes('stays')) await last.begin(adapted(text));
      else await last.run(adapted(text), where);
    } else if (words.includes('address')) {
      await browser.page.goto(adapted(text.trim()).replace('HASH', hash));
    } else if (words.includes('page')) {
      const shows = (/** @type {string} */ expected) => document.body.textContent?.includes(expected);
      await browser.page.waitForFunction(shows, { timeout: 60_000 }, text.trim()).catch(async () =>
        assert.fail(`${where}: the page shows ${await browser.page.evaluate(() => document.body.textContent)}`));
    } else if (language === 'text') {
      await last?.until(asPattern(adapted(text)), where);
      hash = /certificate ([0-9a-f]{64})/.exec(last?.printed ?? '')?.[1] ?? hash;
    }
  }
  for (const terminal of terminals.values()) if (terminal.isBusy) await terminal.interrupt();
}

describe('the guide', { skip: whyNoChromium() }, () => {
  for (const [part, blocks] of readGuide()) {
    if (blocks.length > 0) test(part, { timeout: LIMIT * 2 }, () => follow(blocks));
  }
});
