/**
 * Remembers the folder's handle between loads, in IndexedDB, the one storage that takes handles. What can't be stored or
 * read is forgotten, not an error: the person chooses again.
 */

const DATABASE = 'socket-iwa';
const STORE = 'handles';
const KEY = 'folder';

/** @param {IDBRequest} request @returns {Promise<any>} */
const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} use */
async function inStore(mode, use) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    return await settled(use(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

/** @returns {Promise<FileSystemDirectoryHandle | null>} */
export async function loadFolder() {
  return inStore('readonly', (store) => store.get(KEY)).then((handle) => handle ?? null, () => null);
}

/** @param {FileSystemDirectoryHandle | null} handle null forgets it */
export async function saveFolder(handle) {
  await inStore('readwrite', (store) => (handle ? store.put(handle, KEY) : store.delete(KEY))).catch(() => {});
}
