/**
 * HTML as the Content Security Policy of Isolated Web Apps lets it work: inline script, handlers in attributes,
 * javascript: URLs, <base>, plug-ins, and scripts and styles from elsewhere are blocked there, whatever the page says.
 * A page in a srcdoc attribute has the policy of the page around it.
 */
import { parse } from 'parse5';
import { problem, textOf } from './problem.mjs';
import { resolveReference } from './resource-path.mjs';

/** Attributes with a URL that a click or a load follows. */
const URL_ATTRIBUTES = ['href', 'src', 'action', 'formaction', 'data', 'xlink:href', 'poster'];

/** Types of script elements that are code: https://html.spec.whatwg.org/#attr-script-type. */
const CODE =
  /^(|module|importmap|speculationrules|(text|application)\/(x-)?(java|ecma)script|text\/(jscript|livescript))$/;

/**
 * @typedef {{path: string, at: import('./problem.mjs').Position}} Reference a file of the app, where the page names it
 */

/**
 * @typedef {object} Element
 * @property {string} tag
 * @property {Map<string, string>} attributes
 * @property {any[]} children
 * @property {(attribute: string) => import('./problem.mjs').Position} at where an attribute is; '': the element
 * @property {(rule: string, message: string, attribute?: string) => void} refuse
 */

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

  /** @typedef {(place: any) => import('./problem.mjs').Position} Locate where something of a text is in the file */

  /** In a list, not by recursion: the elements of a page may be deeper in each other than calls can be. */
  function visit(/** @type {any} */ root, /** @type {Locate} */ locate) {
    const open = [root];
    for (let element = open.pop(); element; element = open.pop()) {
      const { tagName, attrs = [], childNodes = [], content, sourceCodeLocation: place } = element;
      // Elements that the parser adds have no place, and no attributes.
      if (tagName && place) checkElement(tagName, new Map(attrs.map(nameAndValue)), place, childNodes, locate);
      for (let i = childNodes.length - 1; i >= 0; i--) open.push(childNodes[i]);
      if (content) open.push(content);
    }
  }

  /** @param {string} text @param {Locate} locate */
  const visitText = (text, locate) => visit(parse(text, { sourceCodeLocationInfo: true }), locate);

  /**
   * @param {string} tag @param {Map<string, string>} attributes @param {any} place @param {any[]} children
   * @param {Locate} locate
   */
  function checkElement(tag, attributes, place, children, locate) {
    const at = (/** @type {string} */ name) => locate(place.attrs?.[name] ?? place);
    /** @type {Element} */
    const element = {
      tag,
      attributes,
      children,
      at,
      refuse: (rule, message, attribute = '') =>
        void problems.push(problem('error', rule, page.file, message, at(attribute))),
    };
    checkAttributes(element);
    if (tag === 'base' && attributes.has('href')) {
      const next = 'remove it, write the paths out';
      element.refuse('base', `<base href> is blocked, so relative URLs would mean other files: ${next}`, 'href');
    } else if (tag === 'meta' && /^refresh$/i.test(attributes.get('http-equiv')?.trim() ?? '')) {
      if (isJavascript(refreshUrl(attributes.get('content') ?? ''))) {
        element.refuse('javascript-url', 'a refresh to a javascript: URL does nothing: run a script file', 'content');
      }
    } else if (tag === 'object' || tag === 'embed' || tag === 'applet') {
      element.refuse('plugin', `<${tag}> is blocked: use <img>, <video> or <iframe>`);
    } else if (tag === 'script' && CODE.test((attributes.get('type') ?? '').trim().toLowerCase())) {
      checkScript(element);
    } else if (tag === 'link' && /(^|\s)(stylesheet|modulepreload)(\s|$)/i.test(attributes.get('rel') ?? '')) {
      fileOf(element, 'href', /stylesheet/i.test(attributes.get('rel') ?? '') ? 'style' : 'script');
    } else if (tag === 'style') {
      const css = children.map(({ value }) => value).join('');
      if (EXTERNAL_IMPORT.test(css)) element.refuse('external-style', IMPORT_IS_BLOCKED);
    } else if (tag === 'iframe' && attributes.has('srcdoc')) {
      visitText(attributes.get('srcdoc') ?? '', withinAttribute(at('srcdoc')));
    } else if (/^(img|video|audio|source|iframe)$/.test(tag) && attributes.has('src')) {
      checkMedia(attributes.get('src') ?? '', tag, at('src'));
    }
  }

  /** @param {Element} element whose script is code */
  function checkScript(element) {
    const { attributes, children } = element;
    // In SVG it is href.
    const source = ['src', 'href', 'xlink:href'].find((name) => attributes.has(name));
    if (source) {
      const path = fileOf(element, source, 'script');
      if (path) scripts.push({ path, at: element.at(source) });
    } else if (children.some((child) => child.value?.trim())) {
      const type = attributes.get('type');
      const next = type === 'importmap' ? 'write the modules’ paths out' : 'move it into a file and load it with src';
      element.refuse('inline-script', `an inline script${type ? ` (${type})` : ''} is blocked: ${next}`);
    }
  }

  /**
   * What an attribute refers to; complains of what is elsewhere or missing.
   * @param {Element} element @param {string} attribute @param {string} kind
   */
  function fileOf({ attributes, refuse }, attribute, kind) {
    const value = attributes.get(attribute)?.trim() ?? '';
    const target = resolveReference(value, page.path);
    if (isJavascript(value)) return undefined; // said already
    if (value === '') refuse('missing-file', `the ${kind} has no address: write one, or remove it`, attribute);
    else if (target && 'path' in target) {
      if (resources.has(target.path)) return target.path;
      refuse('missing-file', `${kind} ${value} is not in the app: add the file, or correct the name`, attribute);
    } else {
      const message = `a ${kind} from elsewhere (${value}) is blocked: put a copy of it into the app`;
      refuse(`external-${kind}`, message, attribute);
    }
    return undefined;
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

  visitText(textOf(page.bytes), positionIn);
  return { scripts, problems };
}

/** Handlers and javascript: URLs, whatever the element is. @param {Element} element */
function checkAttributes({ tag, attributes, refuse }) {
  for (const [name, value] of attributes) {
    if (/^on[a-z]+$/.test(name)) {
      refuse('event-handler', `${name}=… on <${tag}> is blocked: call addEventListener in a script file`, name);
    } else if (URL_ATTRIBUTES.includes(name) && isJavascript(value)) {
      const next = 'use a button and a listener in a script file';
      refuse('javascript-url', `a javascript: URL on <${tag}> is blocked: ${next}`, name);
    }
  }
}

/** CSS that takes in a style from elsewhere, and what is said of it. */
const IMPORT_IS_BLOCKED = 'an @import from elsewhere is blocked: put a copy of it into the app';
// Without two spaces in a row that may be empty: each split of many would be tried.
const EXTERNAL_IMPORT = /@import\s+(?:url\(\s*(?:["']\s*)?|["']\s*)?(?:https?:)?\/\//i;

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

/**
 * Where something in an attribute's text is: in its line; in its first line, where the attribute begins.
 * @param {import('./problem.mjs').Position} attribute
 * @returns {(place: {startLine: number, startCol: number}) => import('./problem.mjs').Position}
 */
const withinAttribute = (attribute) => ({ startLine, startCol }) =>
  (startLine === 1 ? attribute : { line: attribute.line + startLine - 1, column: startCol });

/**
 * Where a refresh leads: https://html.spec.whatwg.org/#shared-declarative-refresh-steps.
 * @param {string} content as `3; url='next.html'` @returns {string} empty where it is the page itself
 */
const refreshUrl = (content) =>
  /^\s*[\d.]+\s*[;,\s]\s*(?:url\s*=\s*)?(["']?)(.*)/is.exec(content)?.[2].replace(/["'].*/s, '') ?? '';

/** @param {string} value */
const isJavascript = (value) => URL.canParse(value) && new URL(value).protocol === 'javascript:';
