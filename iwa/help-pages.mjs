/**
 * The help: each Markdown file of docs/ as a page, with the same navigation on all of them and an index. Links between the
 * files become links between the pages; what they link to elsewhere in the repository is not in the app, and stays text.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Marked } from 'marked';
import { getHeadingList, gfmHeadingId } from 'marked-gfm-heading-id';

/** Their text begins the index page. */
const INDEX = ['README.md', 'index.md'];
/** Comes first in the navigation: it is about the app in which it is read. */
const FIRST = 'app.md';
/** A directory of docs/ that has no pages; its pictures are copied where a page shows them. */
const IMAGES = 'images';

/**
 * @typedef {object} Page
 * @property {string} name of its file, e.g. "applications.md"
 * @property {string} title
 * @property {string} summary its first paragraph, as HTML
 * @property {string} body HTML
 */

const escape = (/** @type {string} */ text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const htmlName = (/** @type {string} */ name) => name.replace(/\.md$/, '.html');

/**
 * Where a link of a page leads within the help, or null.
 * @param {string} href @param {string} from the page's name @param {string[]} names all of them
 * @returns {string | null}
 */
export function rewriteLink(href, from, names) {
  if (/^[a-z][a-z+.-]*:/i.test(href) || href.startsWith('#')) return href;
  const [file, anchor] = href.split('#');
  const target = path.posix.normalize(path.posix.join(path.posix.dirname(from), file));
  if (!names.includes(target)) return null;
  const page = INDEX.includes(target) ? 'index.html' : htmlName(target);
  const relative = path.posix.relative(path.posix.dirname(from), page);
  return anchor === undefined ? relative : `${relative}#${anchor}`;
}

/**
 * @param {string} name @param {string} markdown @param {string[]} names
 * @param {Set<string>} pictures what it shows is added, relative to docs/
 * @returns {Page}
 */
function convert(name, markdown, names, pictures) {
  const marked = new Marked(gfmHeadingId(), {
    renderer: {
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const target = rewriteLink(href, name, names);
        if (target === null) return text;
        const outside = /^https?:/.test(target) ? ' target="_blank" rel="noopener"' : '';
        return `<a href="${escape(target)}"${outside}>${text}</a>`;
      },
      image({ href, text }) {
        const picture = path.posix.join(path.posix.dirname(name), href);
        pictures.add(picture);
        return `<img src="${escape(href)}" alt="${escape(text)}" loading="lazy">`;
      },
      // What may be wider than a small screen scrolls by itself, by the keyboard too.
      code({ text }) {
        return `<pre tabindex="0"><code>${escape(text)}</code></pre>\n`;
      },
      // A corner without words is no heading.
      table(token) {
        const cell = (/** @type {any} */ it) => this.tablecell(it.text === '' ? { ...it, header: false } : it);
        const cells = (/** @type {any[]} */ row) => row.map(cell).join('');
        const head = this.tablerow({ text: cells(token.header) });
        const body = token.rows.map((row) => this.tablerow({ text: cells(row) })).join('');
        return `<div class="wide" tabindex="0"><table><thead>${head}</thead><tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  const body = /** @type {string} */ (marked.parse(markdown));
  const title = getHeadingList().find(({ level }) => level === 1)?.text ?? name;
  const summary = /<p>([^]*?)<\/p>/.exec(body)?.[1].replaceAll(/<\/?(a|img)\b[^>]*>/g, '') ?? '';
  return { name, title, summary, body };
}

/** @param {{title: string, content: string, up: string, nav: string}} page `up` leads to the help's directory */
const layout = ({ title, content, up, nav }) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title.replaceAll(/<[^>]*>/g, '')} · Socket.IWA help</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/help.css">
  </head>
  <body>
    <a class="skip" href="#page-content">Skip to the text</a>
    <header>
      <img src="/icon.svg" alt="" width="32" height="32">
      <a href="${up}index.html">Socket.IWA help</a>
    </header>
    <nav aria-label="Help pages">
${nav}
    </nav>
    <main id="page-content" tabindex="-1">
${content}
    </main>
    <footer><a href="/licenses.txt">Licences of the libraries in this app</a></footer>
  </body>
</html>
`;

/**
 * @param {string} docs directory of Markdown files
 * @param {string} out directory of the pages, which is made
 * @throws {Error} a page can't be read, or shows a picture that is not there
 */
export async function buildHelp(docs, out) {
  const found = (await readdir(docs, { recursive: true })).map((name) => name.replaceAll(path.sep, '/'));
  const names = found.filter((name) => name.endsWith('.md') && !name.startsWith(`${IMAGES}/`));
  /** @type {Set<string>} */
  const pictures = new Set();
  const all = [];
  for (const name of names) {
    all.push(convert(name, await readFile(path.join(docs, name), 'utf8'), names, pictures));
  }
  const isFirst = (/** @type {Page} */ page) => Number(page.name === FIRST);
  const pages = all.filter(({ name }) => !INDEX.includes(name));
  pages.sort((a, b) => isFirst(b) - isFirst(a) || a.title.localeCompare(b.title, 'en'));
  const intro = all.find(({ name }) => INDEX.includes(name))?.body ?? '<h1>Help</h1>';

  /** @param {string} current @param {string} file @param {string} content @param {string} title */
  async function write(current, file, content, title) {
    const up = '../'.repeat(file.split('/').length - 1);
    const link = (/** @type {string} */ name, /** @type {string} */ text) =>
      `<li><a href="${up}${name}"${name === current ? ' aria-current="page"' : ''}>${text}</a></li>`;
    const items = [link('index.html', 'All pages'), ...pages.map((page) => link(htmlName(page.name), page.title))];
    const nav = `<ul>\n${items.join('\n')}\n</ul>`;
    await mkdir(path.dirname(path.join(out, file)), { recursive: true });
    await writeFile(path.join(out, file), layout({ title, content, up, nav }));
  }
  for (const { name, title, body } of pages) await write(htmlName(name), htmlName(name), body, title);
  const list = pages.map(({ name, title, summary }) => `<li><a href="${htmlName(name)}">${title}</a><p>${summary}</p></li>`);
  await write('index.html', 'index.html', `${intro}\n<ul class="pages">\n${list.join('\n')}\n</ul>`, 'All pages');
  for (const picture of pictures) {
    await mkdir(path.dirname(path.join(out, picture)), { recursive: true });
    await copyFile(path.join(docs, picture), path.join(out, picture)).catch((error) => {
      throw new Error(`a page of ${docs} shows ${picture}, which can't be copied: ${error.message}`);
    });
  }
}
