/**
 * The form: who may reach the server, on which port, and how much it logs. It checks what was typed in place, keeps it
 * for the next load, and says where to listen.
 */
import { byId } from './dom.js';
import { isLoopback, isWildcard } from './reach.js';
import { addressProblem, listenArgument, parseListen, portProblem } from './listen.js';

const ADDRESSES = { device: '127.0.0.1', network: '0.0.0.0' };

/** @typedef {keyof typeof ADDRESSES | 'other'} Reach */

/**
 * Shows what is wrong with a field beside it; the hint comes back when nothing is.
 * @param {HTMLInputElement} field @param {string} problem
 */
function mark(field, problem) {
  const hint = byId(`${field.id}-hint`);
  hint.dataset.hint ??= hint.textContent ?? '';
  hint.textContent = problem || hint.dataset.hint;
  hint.classList.toggle('wrong', problem !== '');
  if (problem) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
  return problem;
}

export class SetupView {
  #address = /** @type {HTMLInputElement} */ (byId('address'));
  #port = /** @type {HTMLInputElement} */ (byId('port'));
  #serverLog = /** @type {HTMLSelectElement} */ (byId('server-log'));

  /**
   * @param {import('./settings.js').Settings} settings those of the last time
   * @param {(changed: Partial<import('./settings.js').Settings>) => void} onChange
   */
  constructor(settings, onChange) {
    this.reach = settings.reach;
    this.#address.value = settings.address;
    this.#port.value = settings.port;
    this.#serverLog.value = settings.serverLog;
    const changed = () =>
      onChange({
        reach: this.reach,
        address: this.#address.value.trim(),
        port: this.#port.value.trim(),
        serverLog: /** @type {import('./settings.js').Settings['serverLog']} */ (this.#serverLog.value),
      });
    byId('setup').addEventListener('input', () => {
      this.#showAddress();
      // A field that was marked is checked again while it is mended; one that was not is left alone until the start.
      if (this.#address.hasAttribute('aria-invalid')) this.#checkAddress();
      if (this.#port.hasAttribute('aria-invalid')) this.#checkPort();
      changed();
    });
    this.#port.addEventListener('change', () => this.#checkPort());
  }

  /** @returns {Reach} */
  get reach() {
    // Not by FormData, which has nothing of a form that is disabled.
    const chosen = /** @type {HTMLInputElement | null} */ (byId('setup').querySelector('[name=reach]:checked'));
    return /** @type {Reach} */ (chosen?.value ?? 'device');
  }

  set reach(reach) {
    /** @type {HTMLInputElement} */ (byId(`reach-${reach}`)).checked = true;
    this.#showAddress();
  }

  #showAddress() {
    byId('address-field').hidden = this.reach !== 'other';
  }

  /** Fills the form with where a launcher wants the server. @param {string} listen */
  set listen(listen) {
    const { address, port } = parseListen(listen);
    const known = Object.entries(ADDRESSES).find(([, it]) => it === address)?.[0];
    this.#address.value = known ? '' : address;
    this.#port.value = port;
    this.reach = /** @type {Reach} */ (known ?? 'other');
  }

  /** Where the server shall listen. */
  get listen() {
    const { reach } = this;
    return listenArgument(reach === 'other' ? this.#address.value.trim() : ADDRESSES[reach], this.#port.value.trim());
  }

  /** What the server shall log. */
  get serverLog() {
    return this.#serverLog.value;
  }

  useAnyPort() {
    this.#port.value = '0';
    this.#checkPort();
  }

  #checkAddress() {
    return mark(this.#address, this.reach === 'other' ? addressProblem(this.#address.value.trim()) : '');
  }

  #checkPort() {
    return mark(this.#port, portProblem(this.#port.value.trim()));
  }

  /** Checks the fields and leads to the first that is wrong. @returns {string} what is wrong, or "" */
  check() {
    const problems = [this.#checkAddress(), this.#checkPort()];
    const wrong = problems.findIndex(Boolean);
    if (wrong < 0) return '';
    [this.#address, this.#port][wrong].focus();
    return problems[wrong];
  }

  /**
   * While the server runs nothing can be changed: a sentence stands in the place of the fields.
   * @param {string | null} folder the one that is served, in words; null shows the fields
   */
  set running(folder) {
    const setup = /** @type {HTMLFieldSetElement} */ (byId('setup'));
    setup.disabled = setup.hidden = folder !== null;
    byId('setup-summary').hidden = folder === null;
    const { address } = parseListen(this.listen);
    const who = isLoopback(address) ? 'Only this device reaches it' : `Devices reach it at ${isWildcard(address) ? 'every address of this one' : address}`;
    byId('setup-summary').textContent = `${who}. It serves ${folder}.`;
  }
}
