// Compares what the C programs print on Linux with what they print elsewhere. Linux is the oracle: a line may differ only
// if docs/differences.md has that difference, and what docs/differences.md has must really differ. Also a program:
//   node emscripten-lib/test/conformance.mjs [--runtime node|chromium] [--program NAME] [--json]
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { programNames, repository, runProgram, whyNoChromium } from './c-programs.mjs';

/** @typedef {{ name: string, linux: string, here: string, runtimes: string[], reason: string }} Difference */

/**
 * The table of docs/differences.md: | `case` | on Linux | here | where | why |.
 * @returns {Difference[]}
 */
export function readDifferences() {
  const text = readFileSync(join(repository, 'docs', 'differences.md'), 'utf8');
  return text.split('\n').filter((line) => /^\| `\w+` \|/.test(line)).map((line) => {
    const [, name, linux, here, where, reason] = line.split('|').map((cell) => cell.trim());
    const plain = (/** @type {string} */ cell) => cell.replace(/^`|`$/g, '');
    const runtimes = where.toLowerCase().split(/,\s*/);
    return { name: plain(name), linux: plain(linux), here: plain(here), runtimes, reason };
  });
}

/** @param {string} stdout @returns {Map<string, string>} result by case */
function parseResults(stdout) {
  return new Map(stdout.split('\n').filter(Boolean).map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  }));
}

/**
 * Runs one program on Linux and on a runtime.
 * @param {string} program
 * @param {'node' | 'chromium'} runtime
 * @returns {Promise<{ cases: number, documented: string[], problems: string[] }>}
 */
export async function compareProgram(program, runtime) {
  const linux = await runProgram('linux', program);
  const other = await runProgram(runtime, program);
  const expected = parseResults(linux.stdout);
  const actual = parseResults(other.stdout);
  const differences = new Map(readDifferences().filter((row) => row.runtimes.includes(runtime))
    .map((row) => [row.name, row]));
  const documented = [];
  const problems = [];
  if (linux.code !== 0) problems.push(`${program} on Linux ended with ${linux.code}: ${linux.stderr}`);
  if (other.code !== 0) problems.push(`${program} on ${runtime} ended with ${other.code}: ${other.stderr}`);
  for (const [name, onLinux] of expected) {
    const here = actual.get(name) ?? 'no output';
    const row = differences.get(name);
    if (row) {
      if (row.linux !== onLinux) problems.push(`${name}: docs/differences.md says Linux gives "${row.linux}", it gives "${onLinux}"`);
      if (row.here !== here) problems.push(`${name}: docs/differences.md says ${runtime} gives "${row.here}", it gives "${here}"`);
      documented.push(name);
    } else if (here !== onLinux) {
      problems.push(`${name}: Linux "${onLinux}", ${runtime} "${here}"`);
    }
  }
  for (const name of actual.keys()) {
    if (!expected.has(name)) problems.push(`${name}: only ${runtime} prints it`);
  }
  return { cases: expected.size, documented, problems };
}

async function main() {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', default: 'node' },
      program: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const runtime = values.runtime;
  if (values.help || (runtime !== 'node' && runtime !== 'chromium')) {
    console.log('Usage: node emscripten-lib/test/conformance.mjs [--runtime node|chromium] [--program NAME]... [--json]');
    return values.help ? 0 : 2;
  }
  const missing = runtime === 'chromium' ? whyNoChromium() : undefined;
  if (missing) {
    console.error(`cannot run in Chromium: ${missing}`);
    return 1;
  }
  const report = { runtime, cases: 0, documented: 0, problems: /** @type {string[]} */ ([]) };
  for (const program of values.program ?? programNames()) {
    const { cases, documented, problems } = await compareProgram(program, runtime);
    report.cases += cases;
    report.documented += documented.length;
    report.problems.push(...problems);
    console.error(`${program}: ${cases} cases, ${documented.length} documented differences, ${problems.length} problems`);
  }
  if (values.json) console.log(JSON.stringify(report));
  else for (const problem of report.problems) console.log(problem);
  return report.problems.length > 0 ? 1 : 0;
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) process.exitCode = await main();
