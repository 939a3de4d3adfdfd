/**
 * How the running server is reached: its address as others see it, the certificate's hash, code to paste, and a QR code.
 * It owns that card alone.
 */
import { byId, copy } from './dom.js';
import { groupHex } from './format.js';
import { ownAddress } from './own-address.js';
import { qrCode } from './qr-code.js';
import { isLoopback, isWildcard, originOf, ownSide, pageProblem, shareLink, snippet } from './reach.js';

export class ReachView {
  #host = /** @type {HTMLInputElement} */ (byId('share-host'));
  #page = /** @type {HTMLInputElement} */ (byId('share-page'));
  /** @type {import('./server-control.js').Ready | null} */
  #ready = null;

  /** @param {string} page remembered @param {(page: string) => void} onPage a usable one was typed */
  constructor(page, onPage) {
    this.#page.value = page;
    this.#host.addEventListener('input', () => this.#fill());
    this.#page.addEventListener('input', () => {
      this.#fill();
      if (pageProblem(this.#page.value.trim()) === '') onPage(this.#page.value.trim());
    });
    for (const what of ['hash', 'snippet', 'url']) {
      const button = byId(what === 'hash' ? 'copy' : `copy-${what}`);
      const said = byId(what === 'hash' ? 'copied' : `copied-${what}`);
      button.addEventListener('click', () => {
        const text = what === 'hash' ? (this.#ready?.cert_sha256 ?? '') : (byId(what).textContent ?? '');
        void copy(text, byId(what), said);
      });
    }
  }

  /** @param {import('./server-control.js').Ready | null} ready null: it does not run */
  show(ready) {
    const isNew = ready?.port !== this.#ready?.port || ready?.address !== this.#ready?.address;
    this.#ready = ready;
    byId('reach').hidden = ready === null;
    if (!ready) return;
    byId('copied').textContent = byId('copied-snippet').textContent = ''; // what was copied may be the last one's
    const { address, port, next_sha256: next } = ready;
    byId('hash').textContent = groupHex(ready.cert_sha256);
    byId('next-hash').textContent = next ? `The next certificate’s: ${groupHex(next)}` : '';
    byId('share-host-field').hidden = !isWildcard(address);
    byId('firewall').textContent = `If another device gets no answer, let UDP port ${port} in at this device’s firewall.`;
    byId('firewall').hidden = isLoopback(address);
    if (isNew) void this.#findHost(address);
    this.#fill();
  }

  /** @param {string} address that the server is bound to */
  async #findHost(address) {
    this.#host.value = isWildcard(address) ? '' : address;
    if (!isWildcard(address)) return;
    const found = (await ownAddress(address === '::' ? 6 : 4)) || (address === '::' ? await ownAddress(4) : '');
    // The person may have been quicker.
    if (this.#host.value === '' && this.#ready?.address === address) this.#host.value = found;
    this.#fill();
  }

  #fill() {
    const ready = this.#ready;
    if (!ready) return;
    const host = this.#host.value.trim();
    const isKnown = host !== '' && URL.canParse(originOf(host, ready.port));
    const origin = originOf(isKnown ? host : ownSide(ready.address), ready.port);
    byId('url').textContent = origin;
    byId('snippet').textContent = snippet(origin, ready.cert_sha256);
    const page = this.#page.value.trim();
    const problem = pageProblem(page);
    const hint = byId('share-page-hint');
    hint.dataset.hint ??= hint.textContent ?? '';
    hint.textContent = problem || hint.dataset.hint;
    hint.classList.toggle('wrong', problem !== '');
    if (problem) this.#page.setAttribute('aria-invalid', 'true');
    else this.#page.removeAttribute('aria-invalid');
    this.#showCode(isKnown && !isLoopback(host), shareLink(problem ? '' : page, origin, ready.cert_sha256));
  }

  /** @param {boolean} isReachable @param {string} link */
  #showCode(isReachable, link) {
    byId('qr').hidden = !isReachable;
    byId('no-qr').hidden = isReachable;
    byId('no-qr').textContent = isLoopback(this.#ready?.address ?? '')
      ? 'Only this device reaches the server. For a code that another device can use, stop it and choose “My network”.'
      : 'Type this device’s address for a code that another device can use: its system settings for the network show it.';
    if (!isReachable) return;
    byId('qr-code').replaceChildren(qrCode(link));
    byId('qr-link').textContent = link;
  }
}
