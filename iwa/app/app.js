/**
 * The page: it shows what the server's control, log and counters say, and hands on what the person does. It is never in
 * the path of the data: from a running server it gets one line of counts a second and the log.
 *
 * For a launcher there is `socketIwa` on the global object: `configure()` before a click on Start, and the events of
 * `socketIwa.events`; see Automation below.
 */
import { explainFailure, missingSupport } from './explain.js';
import { addressProblem, listenArgument, parseListen, portProblem } from './listen.js';
import { LogView } from './log-view.js';
import { ServerControl } from './server-control.js';
import { clearCounts, showCounts, showIdentity } from './server-view.js';

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ ($('server-form'));
const address = /** @type {HTMLInputElement} */ ($('address'));
const port = /** @type {HTMLInputElement} */ ($('port'));
const start = /** @type {HTMLButtonElement} */ ($('start'));
const stop = /** @type {HTMLButtonElement} */ ($('stop'));

/** An IWA's policy has require-trusted-types-for 'script': a worker's address must come from a named policy. */
const scripts = /** @type {any} */ (globalThis).trustedTypes?.createPolicy('socket-iwa-worker', {
  createScriptURL: (/** @type {string} */ url) => url,
});
const workerUrl = scripts ? scripts.createScriptURL('/worker.js') : '/worker.js';
const control = new ServerControl(() => new Worker(workerUrl, { type: 'module', name: 'server' }));

const log = new LogView($('log'), (shown, total) => {
  $('log-count').textContent = total > shown ? `last ${shown} of ${total} lines` : '';
});

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
    if (listen !== undefined) {
      const parts = parseListen(listen);
      address.value = parts.address;
      port.value = parts.port;
    }
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

/**
 * Shows what is wrong with a field beside it; the hint comes back when nothing is.
 * @param {HTMLInputElement} field @param {string} problem
 */
function mark(field, problem) {
  const hint = $(`${field.id}-hint`);
  hint.dataset.hint ??= hint.textContent ?? '';
  hint.textContent = problem || hint.dataset.hint;
  hint.classList.toggle('wrong', problem !== '');
  if (problem) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
  return problem;
}

const checkAddress = () => mark(address, addressProblem(address.value.trim()));
const checkPort = () => mark(port, portProblem(port.value.trim()));
const listen = () => listenArgument(address.value.trim(), port.value.trim());

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const problems = [checkAddress(), checkPort()];
  const wrong = problems.findIndex(Boolean);
  if (wrong >= 0) {
    [address, port][wrong].focus();
    tell({ invalid: `listen on ${listen()}: ${problems[wrong]}` });
    return;
  }
  const args = ['--listen', listen(), '--json', '--stop-on-stdin-close'];
  // Once a second is what a person can follow; a launcher may want another interval.
  if (!extra.args.some((arg) => arg.startsWith('--stats-interval'))) args.push('--stats-interval', '1');
  control.start({ args: [...args, ...extra.args], files: extra.files, keep: extra.keep });
});
stop.addEventListener('click', () => control.stop());
// A field that was marked is checked again while it is mended; one that was not is left alone until the start.
address.addEventListener('input', () => address.hasAttribute('aria-invalid') && checkAddress());
port.addEventListener('input', () => port.hasAttribute('aria-invalid') && checkPort());
port.addEventListener('change', checkPort);

// --- Showing ---------------------------------------------------------------------------------------------------------

const STATE_NAMES = {
  stopped: 'Stopped',
  starting: 'Starting…',
  running: 'Running',
  stopping: 'Stopping…',
  failed: 'Failed',
};

/** @param {{title: string, advice: string, reason?: string} | null} problem */
function showProblem(problem) {
  $('problem').hidden = problem === null;
  $('problem-title').textContent = problem?.title ?? '';
  $('problem-advice').textContent = problem?.advice ?? '';
  $('problem-reason').textContent = problem?.reason ?? '';
}

control.addEventListener('state', () => {
  const { state, ready, failure, exitCode } = control;
  const busy = state === 'starting' || state === 'running' || state === 'stopping';
  $('state').textContent = STATE_NAMES[state];
  $('state').dataset.state = state;
  start.disabled = address.disabled = port.disabled = busy;
  stop.disabled = state !== 'starting' && state !== 'running';
  showProblem(failure && { ...explainFailure(failure, listen()), reason: failure.reason });
  showIdentity(ready);
  if (state === 'starting') clearCounts();
  if (state === 'starting' || state === 'running') void showPrompts();
  if (state === 'running' && ready) log.add(`INFO ready on ${ready.address}, UDP port ${ready.port}`);
  if (failure && failure.exitCode === null) log.add(`ERROR ${failure.reason}`);
  if (state === 'stopped') log.add('INFO the server has stopped');
  if (!busy) $('counts').dataset.live = 'false'; // the last ones stay to be read
  tell({ state, exitCode, failure });
});
control.addEventListener('certificate', () => {
  showIdentity(control.ready);
  $('copied').textContent = ''; // what was copied may be the last one's
  const { cert_sha256: now, next_sha256: next } = control.ready ?? {};
  log.add(`INFO certificate SHA-256 ${now}${next ? `, the next one's ${next}` : ''}`);
});
control.addEventListener('stats', (event) => showCounts(/** @type {CustomEvent} */ (event).detail));
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

$('clear').addEventListener('click', () => log.clear());
$('copy').addEventListener('click', async () => {
  const copied = $('copied');
  try {
    await navigator.clipboard.writeText(control.ready?.cert_sha256 ?? '');
    copied.textContent = 'Copied';
  } catch {
    getSelection()?.selectAllChildren($('hash'));
    copied.textContent = 'Selected: copy it with the keyboard';
  }
  setTimeout(() => (copied.textContent = ''), 4000);
});

/**
 * Explains Chrome's prompts for as long as one of them is still to come. Chromium 156 has one permission per prompt,
 * earlier versions another; a name that a browser doesn't know is one that it won't ask for.
 */
async function showPrompts() {
  const states = await Promise.all(
    ['loopback-network', 'local-network'].map((name) =>
      navigator.permissions.query({ name: /** @type {PermissionName} */ (name) }).catch(() => null),
    ),
  );
  $('prompts').hidden = !states.some((status) => status?.state === 'prompt');
  for (const status of states) if (status) status.onchange = () => void showPrompts();
}

const missing = missingSupport(globalThis);
if (missing) {
  start.disabled = true;
  showProblem({ title: 'The server can’t run here', advice: missing });
} else {
  void showPrompts();
}
