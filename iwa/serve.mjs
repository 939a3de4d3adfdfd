/**
 * Runs the server inside the Isolated Web App in a headless Chromium, as `socket-iwa-server` runs natively: the same
 * arguments, ready line, log on stderr, exit codes, and the same ways to stop it.
 */
import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stopPatience } from '../api/server-arguments.js';
import { openBundle } from './bundle-source.mjs';
import { runMain } from './command.mjs';
import { saveKept } from './kept-files.mjs';
import { launchIsolatedApp } from './isolated-app.mjs';
import { LaunchError, within } from './launch-error.mjs';
import { prepareServerArgs } from './server-args.mjs';
import { profileNextWorker } from './worker-profile.mjs';

const USAGE = `Usage: node iwa/serve.mjs [OPTIONS] [-- SERVER ARGUMENTS]

Serves from inside a headless Chromium: installs the app of target/iwa, presses Start, prints one line when the server
is ready, logs to stderr. Stops on SIGINT, SIGTERM or the end of its stdin. SIGUSR2 collects the garbage of the page and
the server, for measurements of memory, and then prints {"collected":true}.

  --json               the ready line is one JSON object, as the server's own, with start_ms, the milliseconds since
                       the press of Start
  --screenshot FILE    a PNG of the page, taken just before it stops
  --window WxH         the window's size in CSS pixels (default: 1280x800)
  --app DIRECTORY      the app (default: target/iwa, made by iwa/build.mjs)
  --bundle FILE        the app in a signed bundle, as iwa-pack makes it, in the place of a directory
  --chromium PATH      the browser (default: $CHROMIUM, else chromium, google-chrome, ... on $PATH)
  --profile FILE       a CPU profile of the server's worker, from its start to its stop
  --verbose            Chromium's own messages and the page's console too
  --help               this text

Server arguments are those of socket-iwa-server, e.g. --listen 127.0.0.1:0 --cert FILE --key FILE.
Exit code: that of the server; 2 for what can be mended here (no browser, bad arguments, port in use); 1 when the
browser or the page fails.
`;

/** Seconds. Compiling the server's WebAssembly and making a certificate take well under one. */
const READY_LIMIT = 60;
/** Seconds. Beside the time that the server gets for stopping: the page ends it then. */
const STOP_LIMIT = 15;

const OPTIONS = /** @type {const} */ ({
  json: { type: 'boolean' },
  screenshot: { type: 'string' },
  window: { type: 'string', default: '1280x800' },
  app: { type: 'string', default: fileURLToPath(new URL('../target/iwa', import.meta.url)) },
  bundle: { type: 'string' },
  chromium: { type: 'string' },
  profile: { type: 'string' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean' },
});

/**
 * @typedef {{state: string, exitCode: number | null, failure: {exitCode: number | null, reason: string} | null}
 *   | {stream: 'stdout' | 'stderr', line: string} | {invalid: string} | {kept: {path: string, base64: string}}} PageEvent as app.js's automation tells them
 */

/**
 * Hears the page's events, in order.
 * @param {import('puppeteer-core').Page} page
 * @param {(event: PageEvent) => void} onEvent
 */
async function listenTo(page, onEvent) {
  const devtools = await page.createCDPSession();
  devtools.on('Runtime.bindingCalled', ({ name, payload }) => {
    if (name === 'tellLauncher') onEvent(JSON.parse(payload));
  });
  await devtools.send('Runtime.enable');
  await devtools.send('Runtime.addBinding', { name: 'tellLauncher' });
  await page.waitForFunction(() => /** @type {any} */ (globalThis).socketIwa);
  await page.evaluate(() => {
    const { socketIwa, tellLauncher } = /** @type {any} */ (globalThis);
    const tell = (/** @type {CustomEvent} */ event) => tellLauncher(JSON.stringify(event.detail));
    socketIwa.events.addEventListener('event', tell);
  });
}

/**
 * Collects the garbage of the page and its workers.
 * @param {import('puppeteer-core').Page} page
 */
async function collectGarbage(page) {
  const ofPage = await page.createCDPSession();
  const all = [ofPage, ...page.workers().map(({ client }) => client)];
  await Promise.all(all.map((devtools) => devtools.send('HeapProfiler.collectGarbage')));
  await ofPage.detach();
}

/** @param {string} line of the server's standard output @returns {any} its report, {} when it is none */
function parseReport(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

/** @param {{address: string, port: number, cert_sha256: string}} ready the server's report */
function readable({ address, port, cert_sha256: hash }) {
  const host = address.includes(':') ? `[${address}]` : address;
  return `ready: https://${host}:${port} (certificate SHA-256 ${hash})`;
}

/**
 * Turns the page's events into what the server's own process would print, and into how its run goes.
 * @param {{json: boolean, stats: boolean, keep: string[]}} wanted whether reports are printed as they are, and counters
 *   among them; where files may be written that the server leaves behind
 * @returns {{onEvent: (event: PageEvent) => void, started: Promise<void>, ended: Promise<number>}} `ended` is the exit
 *   code
 */
function reportRun({ json, stats, keep }) {
  let settleStart = () => {};
  /** @type {Promise<void>} */
  const started = new Promise((resolve) => (settleStart = resolve));
  /** @type {(exitCode: number) => void} */
  let settleEnd = () => {};
  /** @type {Promise<number>} */
  const ended = new Promise((resolve) => (settleEnd = resolve));
  let serverSaidWhy = false;
  let startedAt = 0;

  /** @param {PageEvent} event */
  function onEvent(event) {
    if ('invalid' in event) {
      process.stderr.write(`serve: error: ${event.invalid}\n`);
      settleEnd(2);
    } else if ('kept' in event) {
      const { path: file, base64 } = event.kept;
      try {
        saveKept(keep, { path: file, data: Buffer.from(base64, 'base64') });
      } catch (error) {
        process.stderr.write(`serve: error: ${/** @type {Error} */ (error).message}\n`);
      }
    } else if ('stream' in event && event.stream === 'stderr') {
      serverSaidWhy = true;
      process.stderr.write(`${event.line}\n`);
    } else if ('stream' in event) {
      const report = parseReport(event.line);
      if (report.ready) settleStart();
      if (!json && report.ready) process.stdout.write(`${readable(report)}\n`);
      if (json && report.ready) {
        process.stdout.write(`${JSON.stringify({ ...report, start_ms: Math.round(performance.now() - startedAt) })}\n`);
      } else if (json && (stats || !report.stats)) {
        process.stdout.write(`${event.line}\n`);
      }
    } else if (event.state === 'starting') {
      startedAt = performance.now();
    } else if (event.state === 'stopped') {
      settleEnd(event.exitCode ?? 0);
    } else if (event.failure) {
      // A server that exits has said why on stderr; one that traps has not.
      if (event.failure.exitCode === null || !serverSaidWhy) {
        process.stderr.write(`serve: error: the server failed: ${event.failure.reason}\n`);
      }
      settleEnd(event.failure.exitCode ?? 1);
    }
  }
  return { onEvent, started, ended };
}

/**
 * One run of the server in the app, from the press of Start to its end.
 * @param {import('./isolated-app.mjs').IsolatedApp} app
 * @param {import('./server-args.mjs').ServerLaunch} launch
 * @param {Promise<unknown>} stopAsked
 * @param {{screenshot?: string, profile?: string}} wanted files
 * @returns {Promise<number>} exit code
 */
async function serve({ page, lost }, { listen, args, files, keep, json, stats }, stopAsked, { screenshot, profile }) {
  const { onEvent, started, ended } = reportRun({ json, stats, keep });
  await within('reach the app’s page', READY_LIMIT, listenTo(page, onEvent), [lost]);
  const options = { listen, args, files, keep };
  await page.evaluate((o) => /** @type {any} */ (globalThis).socketIwa.configure(o), options);
  const profiling = profile ? profileNextWorker(page, profile) : undefined;
  profiling?.catch(() => {}); // a page that was lost has said so
  const collect = () => void collectGarbage(page).then(
    () => process.stdout.write(`${JSON.stringify({ collected: true })}\n`),
    (error) => process.stderr.write(`serve: error: collect garbage: ${error.message}\n`),
  );
  process.on('SIGUSR2', collect);
  await within('press Start', READY_LIMIT, page.click('#start'), [lost]);
  await within('start the server in the app', READY_LIMIT, Promise.race([started, ended, stopAsked]), [lost]);
  await Promise.race([ended, stopAsked, lost]);

  if (screenshot) {
    const image = await within('take the screenshot', STOP_LIMIT, page.screenshot({ type: 'png' }), [lost]);
    await writeFile(screenshot, image);
  }
  // Of a server that ended by itself there is none: its worker is gone.
  if (profiling) {
    const written = Promise.race([profiling.then((write) => write()), ended]);
    await within(`write ${profile}`, STOP_LIMIT, written, [lost]);
  }
  // Enabled while there is a server to stop.
  const stop = page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('#stop:enabled'))?.click());
  await within('press Stop', STOP_LIMIT, stop, [lost]);
  return within('stop the server in the app', STOP_LIMIT + stopPatience(args) / 1000, ended, [lost]);
}

/** @param {AbortSignal} signal */
async function main(signal) {
  const split = process.argv.indexOf('--');
  const own = process.argv.slice(2, split < 0 ? undefined : split);
  const { values } = parseArgs({ args: own, options: OPTIONS });
  if (values.help) return void process.stdout.write(USAGE);
  const size = /^(\d+)x(\d+)$/.exec(values.window);
  if (!size) throw new LaunchError(`--window is WIDTHxHEIGHT, not ${values.window}`, { exitCode: 2 });

  // Listened to before anything is waited for: a parent that dies while Chromium is starting leaves none behind.
  const stopAsked = Promise.race([
    new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
    new Promise((resolve) => process.stdin.once('end', resolve).once('close', resolve).once('error', resolve).resume()),
  ]);
  const early = new AbortController();
  void stopAsked.then(() => early.abort('SIGTERM'));

  const launch = await prepareServerArgs(split < 0 ? [] : process.argv.slice(split + 1));
  launch.json ||= values.json ?? false;
  const directory = path.resolve(values.app);
  const source = values.bundle === undefined ? undefined : await openBundle(values.bundle);
  if (!source) {
    await access(path.join(directory, '.well-known', 'manifest.webmanifest')).catch((error) => {
      throw new LaunchError(`no app in ${directory} (${error.code}); node iwa/build.mjs makes it`, { exitCode: 2 });
    });
  }

  const app = await launchIsolatedApp({
    directory,
    source,
    chromium: values.chromium,
    verbose: values.verbose,
    window: { width: Number(size[1]), height: Number(size[2]) },
    signal: early.signal,
  });
  try {
    const { page } = app;
    if (values.verbose) page.on('console', (message) => process.stderr.write(`page: ${message.text()}\n`));
    page.on('pageerror', (error) => process.stderr.write(`page: ${error instanceof Error ? error.stack : error}\n`));
    return await serve(app, launch, stopAsked, values);
  } finally {
    await app.close();
  }
}

await runMain('serve', main);
