/** The app's page as the browser tests use it: what a person sees and does there, by the ids of its elements. */

export class AppPage {
  #page;

  /** @param {import('puppeteer-core').Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {string} selector */
  text(selector) {
    return this.#page.$eval(selector, (element) => element.textContent.trim());
  }

  /** @param {string} selector */
  isHidden(selector) {
    return this.#page.$eval(selector, (element) => /** @type {HTMLElement} */ (element).hidden);
  }

  /** Waits for a state of the server's. @param {string} name */
  async state(name) {
    await this.#page.waitForSelector(`#state[data-state=${name}]`);
  }

  /** Waits for a failure and its explanation. */
  async failed() {
    await this.state('failed');
    await this.#page.waitForSelector('#problem:not([hidden])');
  }

  /** @param {RegExp} pattern */
  async logged(pattern) {
    const matches = (/** @type {string} */ source) => new RegExp(source).test(document.querySelector('#log')?.textContent ?? '');
    await this.#page.waitForFunction(matches, {}, pattern.source);
  }

  /** Waits for a count. @param {string} name @param {string} value */
  async count(name, value) {
    const has = (/** @type {string} */ n, /** @type {string} */ v) => document.querySelector(`[data-count=${n}]`)?.textContent === v;
    await this.#page.waitForFunction(has, {}, name, value);
  }

  /** @param {string[]} args further arguments of the next starts */
  configure(args) {
    return this.#page.evaluate((options) => /** @type {any} */ (globalThis).socketIwa.configure(options), { args });
  }

  /** Types a text in the place of what is there. @param {string} selector @param {string} text */
  async type(selector, text) {
    await this.#page.$eval(selector, (field) => {
      /** @type {HTMLInputElement} */ (field).value = '';
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
    await this.#page.type(selector, text);
  }

  /** Chooses an address, types a port, and presses Start. @param {string} address @param {string} port */
  async start(address, port) {
    const reach = new Map([['127.0.0.1', 'device'], ['0.0.0.0', 'network']]).get(address) ?? 'other';
    await this.#page.click(`#reach-${reach}`);
    if (reach === 'other') await this.type('#address', address);
    await this.type('#port', port);
    await this.#page.click('#start');
  }

  async stop() {
    await this.#page.click('#stop');
    await this.state('stopped');
  }
}
