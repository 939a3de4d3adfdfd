import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildHelp, rewriteLink } from '../../help-pages.mjs';

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url));
const directory = mkdtempSync(path.join(os.tmpdir(), 'socket-iwa-help-'));
test.after(() => rmSync(directory, { recursive: true, force: true }));

test('links lead from page to page, and what is not in the help is text', () => {
  const names = ['a.md', 'deep/b.md', 'README.md'];
  assert.equal(rewriteLink('a.md#part', 'deep/b.md', names), null, 'relative to the page');
  assert.equal(rewriteLink('../a.md#part', 'deep/b.md', names), '../a.html#part');
  assert.equal(rewriteLink('deep/b.md', 'a.md', names), 'deep/b.html');
  assert.equal(rewriteLink('README.md', 'a.md', names), 'index.html');
  assert.equal(rewriteLink('#part', 'a.md', names), '#part');
  assert.equal(rewriteLink('https://example.com/x.md', 'a.md', names), 'https://example.com/x.md');
  assert.equal(rewriteLink('../server/src/lib.rs', 'a.md', names), null);
});

test('a page’s text can’t become markup, and its pictures come with it', async () => {
  const docs = path.join(directory, 'docs');
  mkdirSync(path.join(docs, 'images'), { recursive: true });
  writeFileSync(path.join(docs, 'images', 'x.png'), 'picture');
  writeFileSync(path.join(docs, 'images', 'README.md'), '# not a page');
  writeFileSync(path.join(docs, 'a.md'), '# A & `<b>`\n\nFirst.\n\n![x "y"](images/x.png)\n\n```js\nif (a < b) "c";\n```\n\n| | h |\n|---|---|\n| a | `<i>` |\n');
  const out = path.join(directory, 'small');
  await buildHelp(docs, out);
  const page = readFileSync(path.join(out, 'a.html'), 'utf8');
  assert.match(page, /<title>A &amp; &lt;b&gt; /);
  assert.match(page, /<img src="images\/x.png" alt="x &quot;y&quot;"/);
  assert.match(page, /if \(a &lt; b\)/);
  assert.match(page, /<td><\/td>\s*<th>h<\/th>/, 'a corner without words is no heading');
  assert.match(page, /<td><code>&lt;i&gt;<\/code><\/td>/);
  assert.equal(readFileSync(path.join(out, 'images', 'x.png'), 'utf8'), 'picture');
  assert.ok(!existsSync(path.join(out, 'images', 'README.html')));
  assert.match(readFileSync(path.join(out, 'index.html'), 'utf8'), /href="a.html"[^]*First\./);
});

test('every link of the help leads somewhere, to a heading that is there', async () => {
  const out = path.join(directory, 'help');
  await buildHelp(DOCS, out);
  const pages = new Map();
  for (const name of readdirSync(out, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.html')) pages.set(name, readFileSync(path.join(out, name), 'utf8'));
  }
  assert.ok(pages.size > 5);
  const broken = [];
  for (const name of readdirSync(DOCS).filter((file) => file.endsWith('.md'))) {
    for (const [, target] of readFileSync(path.join(DOCS, name), 'utf8').matchAll(/\]\(([^)#\s]+)/g)) {
      if (!/^[a-z]+:/i.test(target) && !existsSync(path.join(DOCS, target))) broken.push(`${name}: ${target}`);
    }
  }
  for (const [name, html] of pages) {
    for (const [, href] of html.matchAll(/href="([^"]*)"/g)) {
      if (/^https?:|^\//.test(href)) continue;
      const [file, anchor] = href.split('#');
      const target = file === '' ? name : path.posix.join(path.posix.dirname(name), file);
      const isThere = pages.has(target) && (!anchor || pages.get(target).includes(`id="${decodeURIComponent(anchor)}"`));
      if (!isThere) broken.push(`${name}: ${href}`);
    }
    assert.doesNotMatch(html, /<script|\son\w+=/i, `${name} has no script`);
  }
  assert.deepEqual(broken, []);
});
