/**
 * The folder on the page: chosen in a dialog, dropped, or remembered from the last time; what was found in it, and what
 * is wrong with it. It gives the server its files.
 */
import { byId } from './dom.js';
import { explainFolder } from './explain.js';
import { listDirectory, listFiles, readListing, ROOT } from './folder.js';
import { loadFolder, saveFolder } from './folder-store.js';
import { formatBytes, formatCount } from './format.js';

/** @param {import('./folder.js').Listing} listing */
function describe({ found, bytes, hidden }) {
  const files = found.length === 1 ? '1 file' : `${formatCount(found.length)} files`;
  const left = hidden === 0 ? '' : `, without ${formatCount(hidden)} whose name begins with a dot`;
  return `${files}, ${formatBytes(bytes)}${left}`;
}

export class FolderView {
  /** The folder, if the browser gives handles. @type {FileSystemDirectoryHandle | null} */
  #handle = null;
  /** Without handles, what was chosen. @type {import('./folder.js').Listing | null} */
  #listing = null;
  #input = /** @type {HTMLInputElement} */ (byId('folder-input'));

  constructor() {
    byId('choose-folder').addEventListener('click', () => void this.#choose());
    byId('remove-folder').addEventListener('click', () => {
      this.#forget();
      byId('choose-folder').focus();
    });
    this.#input.addEventListener('change', () => this.#takeFiles());
    const zone = byId('folder');
    for (const name of ['dragover', 'dragleave', 'drop']) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.toggleAttribute('data-over', name === 'dragover' && !this.disabled);
      });
    }
    zone.addEventListener('drop', (event) => void this.#drop(/** @type {DragEvent} */ (event)));
    // A folder that is dropped beside the zone must not take the page's place.
    for (const name of ['dragover', 'drop']) addEventListener(name, (event) => event.preventDefault());
  }

  /** While the server has the folder it can't be changed. */
  disabled = false;

  /** What is served, in words. */
  get summary() {
    const about = byId('folder-about').textContent ?? '';
    const size = /^[\d,]+ files?, [\d.]+ .?B/.exec(about)?.[0];
    return this.#handle || this.#listing ? `“${byId('folder-name').textContent}”${size ? ` (${size})` : ''}` : 'its own pages';
  }

  /** Takes up the folder of the last time. */
  async restore() {
    const handle = await loadFolder();
    if (!handle || this.#handle || this.#listing) return;
    this.#handle = handle;
    this.#show(handle.name, 'It is read at the start.');
  }

  async #choose() {
    const picker = /** @type {any} */ (globalThis).showDirectoryPicker;
    if (!picker) return this.#input.click();
    try {
      await this.#take(await picker.call(globalThis, { id: 'served', mode: 'read' }));
    } catch (error) {
      // A policy forbids handles, not files: the other dialog gives those.
      if (/** @type {DOMException} */ (error).name === 'SecurityError') this.#input.click();
      else if (/** @type {DOMException} */ (error).name !== 'AbortError') this.#fail('the folder', error);
    }
  }

  /** @param {DragEvent} event */
  async #drop(event) {
    if (this.disabled) return;
    const item = [...(event.dataTransfer?.items ?? [])].find(({ kind }) => kind === 'file');
    const handle = await /** @type {any} */ (item)?.getAsFileSystemHandle?.();
    if (handle?.kind === 'directory') return this.#take(handle);
    this.#say('That was not a folder. Drop one folder, or choose it.', true);
  }

  /** @param {FileSystemDirectoryHandle} handle */
  async #take(handle) {
    this.#forget();
    this.#say('Reading…');
    try {
      const listing = await listDirectory(handle);
      this.#handle = handle;
      this.#show(handle.name, `${describe(listing)}.`);
      await saveFolder(handle);
    } catch (error) {
      this.#fail(handle.name, error);
    }
  }

  #takeFiles() {
    if (!this.#input.files?.length) return;
    this.#forget();
    try {
      const { name, ...listing } = listFiles(this.#input.files);
      this.#listing = listing;
      this.#show(name, `${describe(listing)}. Choose it again after a reload: this browser keeps no way to it.`);
    } catch (error) {
      this.#fail(this.#input.files[0].webkitRelativePath.split('/')[0], error);
    }
    this.#input.value = '';
  }

  #forget() {
    this.#handle = this.#listing = null;
    this.#show('', '');
    void saveFolder(null);
  }

  /** @param {string} name "" without a folder @param {string} about */
  #show(name, about) {
    byId('folder-name').textContent = name || 'No folder: the server’s own pages';
    byId('folder').toggleAttribute('data-chosen', name !== '');
    byId('remove-folder').hidden = name === '';
    this.#say(about);
  }

  /** @param {string} text @param {boolean} [isWrong] */
  #say(text, isWrong = false) {
    byId('folder-about').textContent = text;
    byId('folder-about').classList.toggle('wrong', isWrong);
  }

  /** @param {string} name @param {unknown} error */
  #fail(name, error) {
    const { title, advice } = explainFolder(name, error);
    this.#say(`${title}. ${advice}`, true);
  }

  /**
   * The server's arguments and files for the folder, read now. Needs a person's click, as the browser may ask again.
   * @returns {Promise<{args: string[], files: import('../../api/program/emscripten-program.js').ProgramFile[]}>}
   * @throws {import('./explain.js').Explained} it can't be had
   */
  async read() {
    const handle = /** @type {any} */ (this.#handle);
    if (!handle && !this.#listing) return { args: [], files: [] };
    try {
      if (handle && (await handle.requestPermission({ mode: 'read' })) !== 'granted') {
        throw new DOMException('reading it was not allowed', 'NotAllowedError');
      }
      const listing = this.#listing ?? (await listDirectory(handle));
      const files = await readListing(listing);
      if (handle) this.#show(handle.name, `${describe(listing)}.`);
      return { args: ['--root', ROOT], files };
    } catch (error) {
      const name = handle?.name ?? byId('folder-name').textContent;
      this.#fail(name, error);
      throw Object.assign(new Error(String(error)), { explanation: explainFolder(name, error) });
    }
  }
}
