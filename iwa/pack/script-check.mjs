/**
 * JavaScript as the Content Security Policy of Isolated Web Apps lets it run: code made from strings, and workers and
 * markup from strings, which need Trusted Types, are warnings, for they may never be reached. It also tells what a
 * script imports and which APIs it names.
 */
import { parse } from 'acorn';
import { full } from 'acorn-walk';
import { problem, textOf } from './problem.mjs';

/**
 * @typedef {object} Script
 * @property {{specifier: string, at: import('./problem.mjs').Position}[]} imports those that are loaded with it
 * @property {Set<string>} names identifiers and properties in it, of those in NOTED
 * @property {import('./problem.mjs').Problem[]} problems
 */

/** What permissions-check.mjs asks for. */
const NOTED = ['UDPSocket', 'TCPSocket', 'TCPServerSocket', 'SharedArrayBuffer', 'joinGroup',
  'multicastAllowAddressSharing'];

const GLOBALS = ['globalThis', 'self', 'window'];

/** @param {import('./problem.mjs').Resource} resource @returns {Script} */
export function checkScript({ file, bytes }) {
  const text = textOf(bytes);
  /** @type {Script} */
  const script = { imports: [], names: new Set(), problems: [] };
  const warn = (/** @type {string} */ rule, /** @type {string} */ message, /** @type {any} */ { line, column }) =>
    void script.problems.push(problem('warning', rule, file, message, { line, column: column + 1 }));

  const tree = parseScript(text);
  if ('fault' in tree) {
    const { message, loc } = tree.fault;
    warn('script-syntax', `it can't be read as JavaScript, so nothing in it is checked: ${message}`, loc);
    return script;
  }
  full(tree.program, (/** @type {any} */ node) => {
    const at = node.loc.start;
    note(script.names, node);
    if (/^(Import|ExportAll|ExportNamed)Declaration$/.test(node.type) && node.source) {
      script.imports.push({ specifier: String(node.source.value), at: { line: at.line, column: at.column + 1 } });
    } else if (node.type === 'CallExpression' || node.type === 'NewExpression') {
      const found = faultOfCall(node);
      if (found) warn(...found, at);
    } else if (node.type === 'AssignmentExpression' && isMarkup(node)) {
      const { name } = node.left.property;
      warn('trusted-types', `a string in ${name} throws here: build elements, or use a Trusted Types policy`, at);
    }
  });
  return script;
}

/** @param {string} text @returns {{program: any} | {fault: any}} */
function parseScript(text) {
  const options = /** @type {const} */ ({ ecmaVersion: 'latest', locations: true, allowHashBang: true });
  let fault;
  for (const sourceType of /** @type {const} */ (['module', 'script'])) {
    try {
      return { program: parse(text, { ...options, sourceType }) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      fault ??= error;
    }
  }
  return { fault };
}

/** @param {Set<string>} names @param {any} node */
function note(names, node) {
  for (const part of [node, node.property, node.key]) {
    const name = part?.type === 'Identifier' ? part.name : part?.type === 'Literal' ? part.value : undefined;
    if (NOTED.includes(name)) names.add(name);
  }
  if (node.type !== 'ObjectPattern' && node.type !== 'ObjectExpression') return;
  for (const { key } of node.properties) if (key) note(names, key);
}

/**
 * The name of a global that is called, plainly or as globalThis.NAME.
 * @param {any} callee @returns {string | undefined}
 */
function globalName(callee) {
  if (callee.type === 'Identifier') return callee.name;
  const ofGlobal = callee.type === 'MemberExpression' && !callee.computed && GLOBALS.includes(callee.object.name);
  return ofGlobal ? callee.property.name : undefined;
}

const isString = (/** @type {any} */ node) =>
  (node?.type === 'Literal' && typeof node.value === 'string') || node?.type === 'TemplateLiteral';

/** A URL object becomes a string too. @param {any} node */
const isAddress = (node) => isString(node) || (node?.type === 'NewExpression' && globalName(node.callee) === 'URL');

/** @param {any} node a call or new @returns {[rule: string, message: string] | undefined} */
function faultOfCall({ type, callee, arguments: [first] }) {
  const name = globalName(callee);
  const method = callee.type === 'MemberExpression' && !callee.computed ? callee.property.name : undefined;
  if (name === 'Function' || (name === 'eval' && type === 'CallExpression')) {
    return ['eval', `${name}() of a string throws here: Isolated Web Apps have no eval; write the code out`];
  }
  if ((name === 'setTimeout' || name === 'setInterval') && isString(first)) {
    return ['eval', `${name}() with code in a string does nothing here: give it a function`];
  }
  if (((name === 'Worker' || name === 'SharedWorker') && type === 'NewExpression' && isAddress(first)) ||
    (name === 'importScripts' && isAddress(first)) ||
    (method === 'register' && callee.object.property?.name === 'serviceWorker' && isAddress(first))) {
    const what = `${name ?? method}() of a string throws here`;
    return ['trusted-types', `${what}: make the address with a Trusted Types policy`];
  }
  if (method === 'insertAdjacentHTML' || (/^write(ln)?$/.test(method ?? '') && callee.object.name === 'document')) {
    return ['trusted-types', `${method}() of a string throws here: build elements, or use a Trusted Types policy`];
  }
  return undefined;
}

/** @param {any} assignment */
const isMarkup = ({ left, right }) =>
  left.type === 'MemberExpression' && /^(inner|outer)HTML$/.test(left.property.name ?? '') && isString(right);
