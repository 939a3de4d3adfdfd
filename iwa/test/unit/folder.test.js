import assert from 'node:assert/strict';
import test from 'node:test';
import { FolderTooLarge, listDirectory, listFiles, MAX_BYTES, readListing, ROOT } from '../../app/folder.js';

/**
 * A directory handle as the browser's.
 * @param {string} name @param {Record<string, any>} entries names with a File, or with the entries of a directory
 * @returns {any}
 */
function directory(name, entries) {
  return {
    name,
    kind: 'directory',
    async *values() {
      for (const [child, content] of Object.entries(entries)) {
        if (content instanceof File) yield { name: child, kind: 'file', getFile: async () => content };
        else yield directory(child, content);
      }
    },
  };
}
const file = (/** @type {string} */ text) => new File([text], 'a');
/** One that says it has so many bytes. @param {number} size */
const large = (size) => Object.defineProperty(file(''), 'size', { value: size });

test('a folder’s files are found with their paths, hidden ones left out', async () => {
  const listing = await listDirectory(directory('site', {
    'index.html': file('hello'),
    css: { 'a.css': file('css') },
    '.git': { config: file('secret') },
    '.env': file('secret'),
    '.well-known': { 'x.json': file('{}') },
  }));
  assert.deepEqual(listing.found.map(({ path }) => path), ['index.html', 'css/a.css', '.well-known/x.json']);
  assert.equal(listing.bytes, 10);
  assert.equal(listing.hidden, 2);
  const files = await readListing(listing);
  assert.deepEqual(files.map(({ path }) => path), [`${ROOT}/`, `${ROOT}/index.html`, `${ROOT}/css/a.css`, `${ROOT}/.well-known/x.json`]);
  assert.equal(new TextDecoder().decode(files[1].data), 'hello');
});

test('files of an input have the folder’s own name in front', () => {
  const given = ['site/index.html', 'site/a/b.js', 'site/.git/config'].map((path) =>
    Object.defineProperty(file('x'), 'webkitRelativePath', { value: path }));
  const { name, found, hidden } = listFiles(given);
  assert.equal(name, 'site');
  assert.deepEqual(found.map(({ path }) => path), ['index.html', 'a/b.js']);
  assert.equal(hidden, 1);
});

test('an empty folder is a folder', async () => {
  const files = await readListing(await listDirectory(directory('empty', {})));
  assert.deepEqual(files.map(({ path }) => path), [`${ROOT}/`]);
});

test('more than 256 MiB is refused before it is read', async () => {
  assert.equal(MAX_BYTES, 268_435_456);
  await listDirectory(directory('just', { a: large(MAX_BYTES) }));
  await assert.rejects(
    listDirectory(directory('big', { a: large(MAX_BYTES), b: { c: large(1) } })),
    (error) => error instanceof FolderTooLarge && /“big” has more than 256 MiB/.test(error.message),
  );
});
