/**
 * HTML as the Content Security Policy of Isolated Web Apps lets it work: inline script, handlers in attributes,
 * javascript: URLs, <base>, plug-ins, and scripts and styles from elsewhere are blocked there, whatever the page says.
 */
import { parse } from 'parse5';
import { problem, textOf } from './problem.mjs';
import { resolveReference } from './resource-path.mjs';

/** Attributes with a URL that a click or a load follows. */
const URL_ATTRIBUTES = ['href', 'src', 'action', 'formaction', 'data', 'xlink:href', 'poster'];

/** Types of script elements that are code: https://html.spec.whatwg.org/#attr-script-type. */
const CODE = /^(|module|importmap|speculationrules|(text|application)\/(x-)?(java|ecma)script|text\/(jscript|livescript))$/;

/** @typedef {{path: string, at: import('./problem.mjs').Position}} Reference a file of the app, where the page names it */

/**
 * @param {import('./problem.mjs').Resource} page
 * @param {import('./problem.mjs').Resources} resources
 * @returns {{scripts: Reference[], problems: import('./problem.mjs').Problem[]}} `scripts` are those that are there
 */
export function checkPage(page, resources) {
  /** @type {Reference[]} */
  const scripts = [];
  /** @type {import('./problem.mjs').Problem[]} */
  const problems = [];
  const text = textOf(page.bytes);

  /** @param {any} element */
  function visit(element) {
    const { tagName, attrs = [], childNodes = [], content, sourceCodeLocation: place } = element;
    // Elements that the parser adds have no place, and no attributes.
    if (tagName && place) checkElement(tagName, new Map(attrs.map(nameAndValue)), place, childNodes);
    for (const child of content ? [content, ...childNodes] : childNodes) visit(child);
  }

  /**
   * @param {string} tag @param {Map<string, string>} attributes @param {any} place @param {any[]} children
   */
  function checkElement(tag, attributes, place, children) {
    const at = (/** @type {string} */ name) => positionIn(place.attrs?.[name] ?? place);
    const refuse = (/** @type {string} */ rule, /** @type {string} */ message, attribute = '') =>
      void problems.push(problem('error', rule, page.file, message, at(attribute)));
    for (const [name, value] of attributes) {
      if (/^on[a-z]+$/.test(name)) {
        refuse('event-handler', `${name}=… on <${tag}> is blocked: call addEventListener in a script file`, name);
      } else if (URL_ATTRIBUTES.includes(name) && isJavascript(value)) {
        refuse('javascript-url', `a javascript: URL on <${tag}> is blocked: use a button and a listener in a script file`, name);
      }
    }
    /** What an attribute refers to; complains of what is elsewhere or missing. @param {string} attribute @param {string} kind */
    const file = (attribute, kind) => {
      const value = attributes.get(attribute)?.trim() ?? '';
      const target = resolveReference(value, page.path);
      if (isJavascript(value)) return undefined; // said already
      if (value === '') refuse('missing-file', `the ${kind} has no address: write one, or remove it`, attribute);
      else if (target && 'path' in target) {
        if (resources.has(target.path)) return target.path;
        refuse('missing-file', `${kind} ${value} is not in the app: add the file, or correct the name`, attribute);
      } else {
        refuse(`external-${kind}`, `a ${kind} from elsewhere (${value}) is blocked: put a copy of it into the app`, attribute);
      }
      return undefined;
    };

    if (tag === 'base' && attributes.has('href')) {
      refuse('base', '<base href> is blocked, so relative URLs would mean other files: remove it, write the paths out', 'href');
    } else if (tag === 'object' || tag === 'embed' || tag === 'applet') {
      refuse('plugin', `<${tag}> is blocked: use <img>, <video> or <iframe>`);
    } else if (tag === 'script' && CODE.test((attributes.get('type') ?? '').trim().toLowerCase())) {
      // In SVG it is href.
      const source = ['src', 'href', 'xlink:href'].find((name) => attributes.has(name));
      if (source) {
        const path = file(source, 'script');
        if (path) scripts.push({ path, at: at(source) });
      } else if (children.some((child) => child.value?.trim())) {
        const type = attributes.get('type');
        const next = type === 'importmap' ? 'write the modules’ paths out' : 'move it into a file and load it with src';
        refuse('inline-script', `an inline script${type ? ` (${type})` : ''} is blocked: ${next}`);
      }
    } else if (tag === 'link' && /(^|\s)(stylesheet|modulepreload)(\s|$)/i.test(attributes.get('rel') ?? '')) {
      file('href', /stylesheet/i.test(attributes.get('rel') ?? '') ? 'style' : 'script');
    } else if (tag === 'style') {
      const css = children.map(({ value }) => value).join('');
      if (EXTERNAL_IMPORT.test(css)) refuse('external-style', IMPORT_IS_BLOCKED);
    } else if (/^(img|video|audio|source|iframe)$/.test(tag) && attributes.has('src')) {
      checkMedia(attributes.get('src') ?? '', tag, at('src'));
    }
  }

  /** @param {string} value @param {string} tag @param {import('./problem.mjs').Position} at */
  function checkMedia(value, tag, at) {
    const target = resolveReference(value.trim(), page.path);
    if (value.trim() === '' || !target || isJavascript(value)) return;
    const warn = (/** @type {string} */ rule, /** @type {string} */ message) =>
      void problems.push(problem('warning', rule, page.file, message, at));
    if ('path' in target && !resources.has(target.path)) {
      warn('missing-file', `<${tag}> shows ${value}, which is not in the app: add the file, or correct the name`);
    } else if ('url' in target && target.protocol === 'http:') {
      warn('external-media', `<${tag}> from http: is blocked: put the file into the app, or take it from https:`);
    }
  }

  visit(parse(text, { sourceCodeLocationInfo: true }));
  return { scripts, problems };
}

/** CSS that takes in a style from elsewhere, and what is said of it. */
const IMPORT_IS_BLOCKED = 'an @import from elsewhere is blocked: put a copy of it into the app';
const EXTERNAL_IMPORT = /@import\s+(url\(\s*)?["']?\s*(https?:)?\/\//i;

/**
 * @param {import('./problem.mjs').Resource} style
 * @returns {import('./problem.mjs').Problem[]}
 */
export function checkStyle({ file, bytes }) {
  const lines = textOf(bytes).replace(/\/\*[^]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).split('\n');
  return lines.flatMap((line, index) => {
    const found = EXTERNAL_IMPORT.exec(line);
    if (!found) return [];
    return [problem('error', 'external-style', file, IMPORT_IS_BLOCKED, { line: index + 1, column: found.index + 1 })];
  });
}

/** @param {{name: string, prefix?: string, value: string}} attribute @returns {[string, string]} */
const nameAndValue = ({ name, prefix, value }) => [prefix ? `${prefix}:${name}` : name, value];

/** @param {{startLine: number, startCol: number}} place of parse5 */
const positionIn = ({ startLine, startCol }) => ({ line: startLine, column: startCol });

/** @param {string} value */
const isJavascript = (value) => URL.canParse(value) && new URL(value).protocol === 'javascript:';
