/**
 * One headless Chromium: found, started with a throwaway home, spoken to over the DevTools pipe, and ended so that no
 * process and no file of it stays behind. It knows nothing of Isolated Web Apps beyond the switches they need.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LaunchError, within } from './launch-error.mjs';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** Seconds. A loaded two-core machine starts Chromium in about one; a hang is what these are for. */
const START_LIMIT = 30;
const CLOSE_LIMIT = 5;

const SWITCHES = [
  '--headless=new',
  // As root, and in containers without user namespaces, Chromium can't sandbox; the content is the project's own.
  '--no-sandbox',
  '--remote-debugging-pipe',
  '--enable-devtools-pwa-handler',
  '--enable-features=IsolatedWebApps,IsolatedWebAppDevMode',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-component-update',
  '--disable-sync',
  // Containers often have a /dev/shm of 64 MB, in which a page under load dies.
  '--disable-dev-shm-usage',
  // A page that no one looks at keeps its timers: the counts on the screenshot are those of this second.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--hide-scrollbars',
  '--mute-audio',
  '--password-store=basic',
];

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The browser to start: `explicit`, else $CHROMIUM, else the first known name on $PATH.
 * @param {string} [explicit] a path or a command name
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string} an executable file
 * @throws {LaunchError} exit code 2, names what was looked for and what to install
 */
export function findChromium(explicit, env = process.env) {
  const directories = (env.PATH ?? '').split(path.delimiter).filter(Boolean);
  const lookUp = (/** @type {string} */ name) =>
    name.includes('/')
      ? [path.resolve(name)].find(isExecutable)
      : directories.map((directory) => path.join(directory, name)).find(isExecutable);
  const [asked, source] = explicit ? [explicit, '--chromium'] : [env.CHROMIUM, '$CHROMIUM'];
  const found = (asked ? [asked] : COMMANDS).map(lookUp).find(Boolean);
  if (found) return found;
  const what = asked
    ? `${source} is ${asked}, which is not an executable file`
    : `none of ${COMMANDS.join(', ')} on $PATH`;
  throw new LaunchError(
    `no Chromium: ${what}. Install Chromium 150 or newer (Debian: apt-get install chromium), or set $CHROMIUM to ` +
      'its path',
    { exitCode: 2 },
  );
}

/**
 * A DevTools transport for puppeteer over the child's file descriptors 3 and 4: JSON messages, each ended by NUL.
 * @param {import('node:child_process').ChildProcess} child
 * @param {Promise<unknown>} exited
 * @returns {import('puppeteer-core').ConnectionTransport}
 */
function pipeTransport(child, exited) {
  const input = /** @type {import('node:stream').Writable} */ (child.stdio[3]);
  const output = /** @type {import('node:stream').Readable} */ (child.stdio[4]);
  /** @type {Buffer[]} */
  let partial = [];
  /** @type {import('puppeteer-core').ConnectionTransport} */
  const transport = {
    send: (message) => void input.write(`${message}\0`),
    close: () => void input.end(),
  };
  output.on('data', (/** @type {Buffer} */ chunk) => {
    for (let end; (end = chunk.indexOf(0)) >= 0; chunk = chunk.subarray(end + 1)) {
      const message = Buffer.concat([...partial, chunk.subarray(0, end)]).toString();
      partial = [];
      // Puppeteer expects a fresh task per message, as a WebSocket gives.
      setImmediate(() => transport.onmessage?.(message));
    }
    if (chunk.length > 0) partial.push(chunk);
  });
  // The pipe of a browser that dies breaks before the process ends, but how it ended is the better news: what hangs on
  // the connection hears of it after those who wait for the process.
  void exited.then(() => setImmediate(() => transport.onclose?.()));
  output.on('error', () => {});
  input.on('error', () => {});
  return transport;
}

/** @param {number | undefined} pid @returns {string | null} null where there is no /proc */
function binaryOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}

/**
 * @typedef {object} Chromium
 * @property {import('puppeteer-core').Browser} browser
 * @property {string | null} binary what runs, where the system tells: `executable` may be a script that starts it
 * @property {Promise<string>} exited how the process ended, in words; settles once, wanted or not
 * @property {Promise<never>} died rejects with a LaunchError when the process ends; for races
 * @property {() => Promise<void>} close ends every process of this browser and removes its files; may be called again
 */

/**
 * Starts Chromium with everything it writes (profile, caches, desktop entries of installed apps) in one temporary
 * directory.
 * @param {{
 *   executable: string, switches?: string[], verbose?: boolean, interruptions?: Promise<never>[], startLimit?: number,
 * }} options `switches` are further ones of its command line; `verbose` shows Chromium's own stderr; a rejection of an
 *   interruption ends the start
 * @returns {Promise<Chromium>}
 * @throws {LaunchError}
 */
export async function startChromium({
  executable, switches = [], verbose = false, interruptions = [], startLimit = START_LIMIT,
}) {
  // Loaded here, so that a Node too old for puppeteer gets as far as being told so.
  const { default: puppeteer } = await import('puppeteer-core').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new LaunchError('drive Chromium: the package puppeteer-core is missing: npm install puppeteer-core', { exitCode: 2 });
  });
  const home = mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-chromium-'));
  const temporary = path.join(home, 'tmp');
  mkdirSync(temporary);
  /** @type {NodeJS.ProcessEnv} */
  const environment = { ...process.env, HOME: home, TMPDIR: temporary };
  for (const name of Object.keys(environment)) {
    if (name.startsWith('XDG_')) delete environment[name]; // they would lead back to the user's own directories
  }
  const child = spawn(executable, [...SWITCHES, ...switches, `--user-data-dir=${path.join(home, 'profile')}`], {
    detached: true, // its own process group: a terminal's Ctrl-C does not reach it, and kill() reaches all of it
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  });

  let lastWords = '';
  child.stderr?.on('data', (chunk) => {
    if (verbose) process.stderr.write(chunk);
    lastWords = (lastWords + chunk).slice(-2000);
  });
  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // no process of the group is left
    }
  };
  const removeFiles = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 };
  // For a process.exit() that did not wait for close().
  const lastResort = () => {
    killGroup();
    rmSync(home, removeFiles);
  };
  process.once('exit', lastResort);

  /** @type {Promise<string>} */
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      killGroup(); // renderers and helpers outlive a browser process that was killed
      resolve(signal ? `was killed by ${signal}` : `exited with code ${code}`);
    });
  });
  /** @type {Promise<never>} */
  const died = exited.then((how) => {
    const line = lastWords.split('\n').findLast((text) => /:(FATAL|ERROR):(?!dbus)/.test(text));
    throw new LaunchError(`Chromium (${executable}) ${how}${line ? `; it last said: ${line.trim()}` : ''}`);
  });
  died.catch(() => {});

  /** @type {import('puppeteer-core').Browser | undefined} */
  let browser;
  /** @type {Promise<void> | undefined} */
  let closing;
  const close = () =>
    (closing ??= (async () => {
      if (browser?.connected) {
        const asked = browser.close().then(() => exited);
        await within('close Chromium', CLOSE_LIMIT, asked).catch(() => {});
      }
      killGroup();
      await exited;
      await rm(home, removeFiles);
      process.off('exit', lastResort);
    })());

  try {
    browser = await within(
      `start Chromium (${executable})`,
      startLimit,
      puppeteer.connect({ transport: pipeTransport(child, exited), defaultViewport: null }),
      [died, ...interruptions],
    );
    return { browser, binary: binaryOf(child.pid), exited, died, close };
  } catch (error) {
    await close();
    throw error;
  }
}
