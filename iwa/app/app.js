/**
 * The page: it shows what the server's control, log and counters say, and hands on what the person does. It is never in
 * the path of the data: from a running server it gets a line of counts and one of connections a second, and the log.
 *
 * For a launcher there is `socketIwa` on the global object: `configure()` before a click on Start, and the events of
 * `socketIwa.events`; see Automation below.
 */
import { Charts } from './charts.js';
import { ConnectionsView } from './connections-view.js';
import { byId, element } from './dom.js';
import { ALLOW, explainFailure, missingSupport } from './explain.js';
import { FolderView } from './folder-view.js';
import { History } from './history.js';
import { LogView } from './log-view.js';
import { explainPrompts, readPermissions, watchPermissions } from './permissions.js';
import { ProblemView } from './problem-view.js';
import { ReachView } from './reach-view.js';
import { ServerCrew } from '../../api/server-crew.js';
import { ServerControl } from './server-control.js';
import { clearCounts, showCounts } from './server-view.js';
import { loadSettings, saveSettings } from './settings.js';
import { SetupView } from './setup-view.js';

byId('not-loaded').remove(); // what is said where this script can't be

const start = /** @type {HTMLButtonElement} */ (byId('start'));
const stop = /** @type {HTMLButtonElement} */ (byId('stop'));

/** Connections that the table has room for, which is what the server tells at most. */
const LISTED = 100;

/** An IWA's policy has require-trusted-types-for 'script': a worker's address must come from a named policy. */
const scripts = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('socket-iwa-worker', {
  createScriptURL: (/** @type {string} */ url) => url,
});
const workerUrl = scripts ? scripts.createScriptURL('/worker.js') : '/worker.js';
const control = new ServerControl(() => new ServerCrew((number) =>
  new Worker(workerUrl, { type: 'module', name: number === 0 ? 'server' : `server ${number}` })));

let settings = loadSettings(() => localStorage);
const remember = (/** @type {Partial<import('./settings.js').Settings>} */ changed) => {
  settings = { ...settings, ...changed };
  saveSettings(() => localStorage, settings);
};

const setup = new SetupView(settings, remember);
const folder = new FolderView();
const reach = new ReachView(settings.page, (page) => remember({ page }));
const problem = new ProblemView((action) => {
  if (action === 'reload') return location.reload();
  if (action === 'free-port') setup.useAnyPort();
  void begin();
});
const history = new History();
const charts = new Charts(history);
/** @type {import('./connections-view.js').Overview | null} */
let overview = null;
const connections = new ConnectionsView((id) => control.ask({ close: id }));

// --- Automation ------------------------------------------------------------------------------------------------------

/**
 * What a launcher adds to the server's command line and file system; a person's start has none of it.
 * @type {{args: string[], files: import('../../api/program/emscripten-program.js').ProgramFile[], keep: string[]}}
 */
let extra = { args: [], files: [], keep: [] };

/**
 * For launchers and tests. Everything else they do as a person would: buttons and fields.
 */
const automation = {
  /**
   * Prepares the next starts.
   * @param {{listen?: string, args?: string[], files?: {path: string, base64: string}[], keep?: string[]}} options
   *   `listen` fills the form's fields; `args` follow the page's own server arguments; `files` are written into the
   *   server's file system; what it has written at a path of `keep` is told as an event when it ends
   */
  configure({ listen, args = [], files = [], keep = [] }) {
    if (listen !== undefined) setup.listen = listen;
    const bytes = (/** @type {string} */ base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    extra = { args, files: files.map(({ path, base64 }) => ({ path, data: bytes(base64) })), keep };
  },
  /**
   * Its `event` events have as detail one of
   * `{state, exitCode, failure}`, `{stream, line}` (of the server), `{invalid: string}` (the form refused a start),
   * `{kept: {path, base64}}` (a file that the server leaves behind).
   */
  events: new EventTarget(),
};
/** @type {any} */ (globalThis).socketIwa = automation;

const tell = (/** @type {object} */ detail) => automation.events.dispatchEvent(new CustomEvent('event', { detail }));

// --- Starting and stopping -------------------------------------------------------------------------------------------

/** A start is under way that has not come to the worker yet. */
let preparing = false;

/** Starts the server as the form says. Needs a person's click: the browser may ask about the folder. */
async function begin() {
  if (preparing) return;
  problem.show(null); // the last attempt's
  const wrong = setup.check();
  if (wrong) return void tell({ invalid: `listen on ${setup.listen}: ${wrong}` });
  preparing = true;
  try {
    // A launcher's server has the files of the launcher's command line.
    const own = extra.args.includes('--root') ? { args: [], files: [] } : await folder.read();
    if ((await readPermissions()) === 'prompt' && !(await explainPrompts())) return;
    const args = ['--listen', setup.listen, '--json', '--stop-on-stdin-close', ...own.args];
    // Once a second is what a person can follow; a launcher may want another interval, and another log.
    for (const [option, value] of [['--stats-interval', '1'], ['--log', setup.serverLog]]) {
      if (!extra.args.some((arg) => arg === option || arg.startsWith(`${option}=`))) args.push(option, value);
    }
    control.start({ args: [...args, ...extra.args], files: [...own.files, ...extra.files], keep: extra.keep });
  } catch (error) {
    const { explanation, message } = /** @type {import('./explain.js').Explained} */ (error);
    if (!explanation) throw error;
    problem.show({ ...explanation, reason: message });
    tell({ invalid: message });
  } finally {
    preparing = false;
  }
}

byId('server-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void begin();
});
stop.addEventListener('click', () => control.stop());

// The server ends with the page.
addEventListener('beforeunload', (event) => {
  if (control.state === 'running') event.preventDefault();
});

// --- Showing ---------------------------------------------------------------------------------------------------------

const STATE_NAMES = {
  stopped: 'Stopped',
  starting: 'Starting…',
  running: 'Running',
  stopping: 'Stopping…',
  failed: 'Failed',
};
const NAME = document.title;

control.addEventListener('state', async () => {
  const { state, ready, failure, exitCode } = control;
  const busy = state === 'starting' || state === 'running' || state === 'stopping';
  byId('state').textContent = STATE_NAMES[state];
  byId('state').dataset.state = state;
  document.title = state === 'stopped' ? NAME : `${STATE_NAMES[state]} · ${NAME}`;
  start.disabled = folder.disabled = busy;
  setup.running = busy ? folder.summary : null;
  stop.disabled = state !== 'starting' && state !== 'running';
  // The button that was pressed can't be pressed again: the next one is where the keyboard is. A disabled button keeps the
  // focus until the next frame, and the body has it after that.
  const focused = document.activeElement;
  if (focused === document.body || focused === start || focused === stop) (busy ? stop : start).focus();
  reach.show(ready);
  if (state === 'running') byId('live').hidden = byId('connections').hidden = false;
  if (state === 'starting') {
    clearCounts();
    history.clear();
    charts.show();
  }
  overview = null;
  connections.show(state === 'running' ? { total: 0, busiest: [] } : null);
  if (state === 'running' && ready) log.add(`INFO ready on ${ready.address}, UDP port ${ready.port}`);
  if (failure && failure.exitCode === null) log.add(`ERROR ${failure.reason}`);
  if (state === 'stopped') log.add('INFO the server has stopped');
  if (!busy) byId('counts').dataset.live = 'false'; // the last ones stay to be read
  tell({ state, exitCode, failure });
  const now = { listen: setup.listen, permissions: failure ? await readPermissions() : undefined };
  if (failure === control.failure) {
    problem.show(failure && { ...explainFailure(failure, now), reason: failure.reason });
  }
});
control.addEventListener('certificate', () => {
  reach.show(control.ready);
  const { cert_sha256: now, next_sha256: next } = control.ready ?? {};
  log.add(`INFO certificate SHA-256 ${now}${next ? `, the next one's ${next}` : ''}`);
});
control.addEventListener('stats', (event) => {
  const stats = /** @type {CustomEvent} */ (event).detail;
  showCounts(stats);
  history.add(stats, overview);
  charts.show();
  control.ask({ connections: LISTED });
});
control.addEventListener('connections', (event) => {
  overview = /** @type {CustomEvent} */ (event).detail;
  connections.show(overview);
});
control.addEventListener('closed', (event) => {
  const { id, found } = /** @type {CustomEvent} */ (event).detail;
  byId('connections-said').textContent = found ? 'The connection was closed.' : 'That connection had ended already.';
  log.add(`INFO connection ${id} ${found ? 'was closed by you' : 'had ended already'}`);
  control.ask({ connections: LISTED });
});
control.addEventListener('kept', (event) => {
  const { path, data } = /** @type {CustomEvent} */ (event).detail;
  tell({ kept: { path, base64: btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join('')) } });
});
control.addEventListener('output', (event) => {
  const { stream, line } = /** @type {CustomEvent} */ (event).detail;
  // Standard output is the JSON that the page shows in its own way.
  if (stream === 'stderr') log.add(line);
  tell({ stream, line });
});

// --- The log ---------------------------------------------------------------------------------------------------------

const log = new LogView(byId('log'), (summary) => (byId('log-count').textContent = summary));
const level = /** @type {HTMLSelectElement} */ (byId('log-level'));
const search = /** @type {HTMLInputElement} */ (byId('log-search'));
level.value = settings.logLevel;
log.filter = { level: level.value };
level.addEventListener('change', () => {
  log.filter = { level: level.value };
  remember({ logLevel: /** @type {import('./settings.js').Settings['logLevel']} */ (level.value) });
});
search.addEventListener('input', () => (log.filter = { search: search.value }));
byId('clear').addEventListener('click', () => log.clear());
byId('export').addEventListener('click', () => {
  const url = URL.createObjectURL(new Blob([log.log.export()], { type: 'text/plain' }));
  const name = `socket-iwa-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.log`;
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // after the download has begun
});

// --- At the start ----------------------------------------------------------------------------------------------------

const missing = missingSupport(globalThis);
if (missing) {
  start.disabled = true;
  problem.show(missing);
} else {
  void folder.restore();
  void watchPermissions((permissions) => {
    byId('prompts').hidden = permissions === 'granted';
    byId('prompts').dataset.permissions = permissions;
    byId('prompts-title').textContent =
      permissions === 'denied' ? 'Chrome blocks this app from the network' : 'At the first start Chrome asks two questions';
    byId('prompts-advice').textContent =
      permissions === 'denied'
        ? `A prompt was answered with Block, so no device will get an answer. ${ALLOW}`
        : 'They are explained before they appear. The server needs both answered with Allow.';
  });
}
