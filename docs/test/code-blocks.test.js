// The code in the documents can be parsed: JavaScript by eslint's parser, shell by bash, C by the compiler, Rust by rustfmt, JSON.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Linter } from 'eslint';

const REPOSITORY = path.resolve(import.meta.dirname, '..', '..');

/** What is wrong with a text for a program that reads it from its standard input; "" if nothing is. */
function askProgram(/** @type {string} */ program, /** @type {string[]} */ args, /** @type {string} */ text) {
  const { status, stderr, error } = spawnSync(program, args, { input: text, encoding: 'utf8' });
  return status === 0 ? '' : String(error ?? stderr);
}

/** @param {string} text */
function javascript(text) {
  const languageOptions = { ecmaVersion: /** @type {const} */ ('latest'), sourceType: /** @type {const} */ ('module') };
  return new Linter().verify(text, [{ languageOptions }]).filter(({ fatal }) => fatal).map(({ message }) => message).join('\n');
}

/** By language: what is wrong with a text. @type {Record<string, (text: string) => string>} */
const CHECKS = {
  js: javascript,
  javascript,
  c: (text) => askProgram(process.env.CC ?? 'cc', ['-fsyntax-only', '-Wall', '-x', 'c', '-'], text),
  // Some are statements, which a function may hold beside items.
  rust: (text) => askProgram('rustfmt', ['--edition', '2024', '--quiet'], /\bfn main\b/.test(text) ? text : `async fn example() {\n${text}\n}\n`),
  sh: (text) => askProgram('bash', ['-n'], text),
  json(text) {
    try {
      text.trim().split('\n\n').forEach((part) => JSON.parse(part.replaceAll('…', '')));
      return '';
    } catch (error) {
      return String(error);
    }
  },
};

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: REPOSITORY });
const documents = listed.toString().split('\n').filter((file) => file && existsSync(path.join(REPOSITORY, file)));
let count = 0;

for (const document of documents) {
  const text = readFileSync(path.join(REPOSITORY, document), 'utf8');
  const blocks = [...text.matchAll(/^```(\w+)[^\n]*\n(.*?)^```/gms)].filter(([, language]) => language in CHECKS);
  if (blocks.length === 0) continue;
  count += blocks.length;
  test(`${document}: its ${blocks.length} blocks of code can be parsed`, () => {
    for (const { 1: language, 2: code, index } of blocks) {
      const line = text.slice(0, index).split('\n').length;
      assert.equal(CHECKS[language](code), '', `${document}:${line}`);
    }
  });
}

test('there is code in the documents', () => assert.ok(count > 10));
