/**
 * What this project says to a person when something is wrong, read out of its sources: the texts that are given to the
 * functions which throw, print or explain. Where a text has a part that is known only when it runs, there is an ellipsis.
 * It knows nothing of the page that explains them.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Linter } from 'eslint';

const REPOSITORY = path.resolve(import.meta.dirname, '..', '..');

/** @typedef {{ text: string, where: string }} Message `where` is file:line */

/** Functions, and methods, of which a person reads the first argument that has words: all that make errors among them. */
const SPEAKERS = /Error$|Exception$|^#?(refuse|say|warn|explain|leaveOut|within|step|fail)$/;
/** Functions that answer with what is wrong, or nothing. */
const ANSWERS = /(Problem|Reason)$|^missing[A-Z]|^whyNo|^no[A-Z]/;

/** Sources that speak to nobody: tests, measurements, and what only the project's own tests start. */
const SILENT = /(^|\/)(test|tests|tests\.rs|bench|docs|ports|examples|interop|stress-test|native-baseline)(\/|$)|^\w+\/build\.rs$|\.d\.ts$|\.config\.js$/;

/** @returns {string[]} */
function sources() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: REPOSITORY });
  return listed.toString().split('\n').filter((file) => file && !SILENT.test(file));
}

const read = (/** @type {string} */ file) => readFileSync(path.join(REPOSITORY, file), 'utf8');

/** Every message, in the order of the files. @returns {Message[]} */
export function messages() {
  return sources().flatMap((file) => {
    if (file === 'emscripten-lib/libdirectsockets.js') return ofTemplate(file);
    if (/\.m?js$/.test(file)) return ofJavaScript(file);
    if (file.endsWith('.rs')) return ofRust(file);
    if (file === 'docker/build.sh' || /^emscripten-lib\/bin\/[^.]+(\.sh)?$/.test(file)) return ofShell(file);
    return [];
  }).filter(({ text }) => hasWords(text) && !/^Usage: | \.\.\.$/.test(text));
}

/** Whether a text says more than what it passes on: two words at the least. @param {string} text */
const hasWords = (text) => /\p{L}{3,}\S* (.* )?\S*\p{L}{3,}/u.test(text.replace(/\bE[A-Z]{3,}\b|(\w+: )?\berror: /g, ''));

// --- JavaScript --------------------------------------------------------------------------------------------------------

/**
 * What an expression can be: each of its values, of which the unknown parts are ellipses.
 * @param {any} node @param {(name: string, at: any) => any} constant what a name stands for, where that is known
 * @returns {string[]}
 */
function values(node, constant) {
  const of = (/** @type {any} */ part) => values(part, constant);
  const joined = (/** @type {string[][]} */ parts) =>
    parts.reduce((sofar, part) => sofar.flatMap((head) => part.map((tail) => head + tail)), ['']);
  switch (node?.type) {
    case 'Literal': return [String(node.value)];
    case 'TemplateLiteral':
      return joined(node.quasis.flatMap((/** @type {any} */ quasi, /** @type {number} */ i) =>
        [[quasi.value.cooked], ...i < node.expressions.length ? [of(node.expressions[i])] : []]));
    case 'BinaryExpression': return node.operator === '+' ? joined([of(node.left), of(node.right)]) : ['…'];
    case 'ConditionalExpression': return [...of(node.consequent), ...of(node.alternate)];
    case 'Identifier': {
      const meant = constant(node.name, node);
      return meant ? of(meant) : ['…'];
    }
    default: return ['…'];
  }
}

/** @param {string} file @returns {Message[]} */
function ofJavaScript(file) {
  /** @type {Message[]} */
  const found = [];
  const nameOf = (/** @type {any} */ callee) => callee.name ?? callee.property?.name;
  /** @type {any} */
  const rule = {
    create(/** @type {any} */ { sourceCode }) {
      /** The value of a constant of this file that is no function. @type {(name: string, at: any) => any} */
      const constant = (name, at) => {
        for (let scope = sourceCode.getScope(at); scope; scope = scope.upper) {
          const [definition, ...others] = scope.set.get(name)?.defs ?? [];
          if (!definition) continue;
          const isConstant = others.length === 0 && definition.type === 'Variable' && definition.parent.kind === 'const';
          return isConstant && definition.node.id.type === 'Identifier' ? definition.node.init : undefined;
        }
      };
      const take = (/** @type {any} */ node) => {
        const texts = new Set(values(node, constant).map(tidy));
        for (const text of texts) found.push({ text, where: `${file}:${node.loc.start.line}` });
      };
      const call = (/** @type {any} */ node) => {
        // Of write(stream, text) and the like, the text.
        const said = node.arguments.find((/** @type {any} */ one) => values(one, constant).some(hasWords));
        const isPrinted = nameOf(node.callee) === 'write' && /\bstderr\b/.test(sourceCode.getText(node));
        if (said && (isPrinted || SPEAKERS.test(nameOf(node.callee)))) take(said);
      };
      return {
        CallExpression: call,
        NewExpression: call,
        ReturnStatement(/** @type {any} */ node) {
          const inside = sourceCode.getAncestors(node).findLast((/** @type {any} */ one) => /Function/.test(one.type));
          if (ANSWERS.test(inside?.id?.name ?? inside?.parent?.id?.name ?? '')) take(node.argument);
        },
        ArrowFunctionExpression(/** @type {any} */ { expression, body, parent }) {
          if (expression && ANSWERS.test(parent.id?.name ?? '')) take(body);
        },
        ObjectExpression(/** @type {any} */ { properties }) {
          const entry = (/** @type {string} */ key) => properties.find((/** @type {any} */ one) => one.key?.name === key);
          if (entry('title') && entry('advice')) take(entry('title').value);
        },
      };
    },
  };
  const [problem] = new Linter().verify(read(file), [{
    files: ['**/*.js', '**/*.mjs'],
    plugins: { messages: { rules: { collect: rule } } },
    rules: { 'messages/collect': 'error' },
    languageOptions: { ecmaVersion: 'latest', sourceType: 'module' },
  }], { filename: file });
  if (problem?.fatal) throw new Error(`${file}:${problem.line}: ${problem.message}`);
  return found;
}

/** What emcc's preprocessor says when it links. @param {string} file @returns {Message[]} */
function ofTemplate(file) {
  const lines = read(file).split('\n');
  return lines.flatMap((line, i) => {
    const [, quoted, template] = /\berror\((?:'([^']*)'|`([^`]*)`)\)/.exec(line) ?? [];
    const text = quoted ?? template?.replace(/\$\{[^}]*\}/g, '…');
    return text ? [{ text, where: `${file}:${i + 1}` }] : [];
  });
}

// --- Rust --------------------------------------------------------------------------------------------------------------

/**
 * Before a message, up to the bracket that it is in. `note` of xtask tells of progress, and a panic (`expect`) is a defect.
 */
const RUST_SPEAKERS = /(?:Error::(?:failed|unusable|with_code|new|other)|Failure::\w+|\bstart|\bErr|\babsent|\.(?:during|map_err|ok_or_else)|tracing::(?:error|warn)!|eprintln!|\bmessage = format!)\(|\bMissing \{/g;
/** How an error shows itself, and functions that make one. */
const RUST_ERRORS = /(?:impl (?:std::)?(?:fmt::)?Display for \w*(?:Error|Close)\b|fn (?:error|refusal|describe|not_\w+)\b)[^{]*\{/g;

/** @param {string} file @returns {Message[]} */
function ofRust(file) {
  const text = read(file).replace(/^#\[cfg\(test\)\]\nmod tests \{[^]*/m, '').replace(/^[ \t]*\/\/.*$/gm, (line) => ' '.repeat(line.length));
  /** @type {Map<number, Message>} by where a text begins: it may be in two brackets */
  const found = new Map();
  const add = (/** @type {number} */ from, /** @type {number} */ to) => {
    for (const string of strings(text, from, to)) {
      const line = text.slice(0, string.at).split('\n').length;
      found.set(string.at, { text: tidy(string.text), where: `${file}:${line}` });
    }
  };
  for (const { index, 0: name } of text.matchAll(RUST_SPEAKERS)) add(index + name.length, closing(text, index + name.length - 1));
  for (const { index, 0: head } of text.matchAll(RUST_ERRORS)) add(index, closing(text, index + head.length - 1));
  return [...found.values()];
}

/** Where the bracket at `open` closes. @param {string} text @param {number} open */
function closing(text, open) {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '"') i = endOfString(text, i);
    else if (text[i] === "'" && text[i + 2] === "'") i += 2; // a character
    else if ('([{'.includes(text[i])) depth++;
    else if (')]}'.includes(text[i]) && --depth === 0) return i;
  }
  return text.length;
}

/** @param {string} text @param {number} from of a quotation mark */
function endOfString(text, from) {
  let i = from + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

/** The string literals between two places. @param {string} text @param {number} from @param {number} to */
function* strings(text, from, to) {
  for (let i = from; i < to; i++) {
    if (text[i] === "'" && text[i + 2] === "'") i += 2;
    else if (text[i] === '"') {
      const end = endOfString(text, i);
      const literal = text.slice(i + 1, end).replace(/\\\n\s*/g, '').replace(/\\n/g, '\n').replace(/\\(.)/g, '$1');
      yield { at: i, text: literal.replace(/\{\{|\}\}|\{[^}]*\}/g, (part) => (part.length === 2 && part[0] === part[1] ? part[0] : '…')) };
      i = end;
    }
  }
}

// --- the shell ---------------------------------------------------------------------------------------------------------

/** @param {string} file @returns {Message[]} */
function ofShell(file) {
  const text = read(file);
  return [...text.matchAll(/\bdie (?:'([^']*)'|"([^"]*)")/g)].map(({ index, 1: single, 2: double }) => ({
    text: tidy((single ?? double).replace(/\$\(\([^)]*\)\)|\$\{?\w+\}?/g, '…')),
    where: `${file}:${text.slice(0, index).split('\n').length}`,
  }));
}

/** On one line, and unknown parts beside each other as one. @param {string} text */
const tidy = (text) => text.replace(/\s+/g, ' ').replace(/…(?:\s?…)+/g, '…').trim();
