/**
 * The guide, word for word, with the tools and caches of this machine. bare-root.mjs follows it on one that has nothing.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { whyNoChromium } from '../../emscripten-lib/test/c-programs.mjs';
import { openBrowserPage } from '../../xtask/tests/browser-page.js';
import { LIMIT, Terminal, follow, freePorts, readGuide, withPorts } from './guide.js';
import { REPOSITORY, buildExamples } from './programs.js';

const home = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-guide-')));
/** @type {Map<string, number>} */
let ports;
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
  ports = await freePorts();
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
  return withPorts(here, ports);
}

describe('the guide', { skip: whyNoChromium() }, () => {
  for (const [part, blocks] of readGuide()) {
    const here = blocks.filter(({ words }) => !words.includes('bare'));
    if (here.length === 0) continue;
    test(part, { timeout: LIMIT * 2 }, () =>
      follow(here, { terminals, adapted, first: path.join(home, 'first'), page: browser.page }));
  }
});
