// Compares what the C programs print on Linux with what they print elsewhere. Linux is the oracle: a line may differ only
// if docs/differences.md has that difference, and what docs/differences.md has must really differ. Also a program: --help.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RUNTIMES, inChromium, openRuntime, programNames, repository, whyNoChromium } from './c-programs.mjs';

/** @typedef {import('./c-programs.mjs').Ending} Ending */
/** @typedef {(typeof RUNTIMES)[number]} Elsewhere */
/** @typedef {{ name: string, linux: string, here: string, where: string[], reason: string }} Difference */

/**
 * The table of a document: | `case` | on Linux | here | where | why |.
 * @param {string} [document] below the repository
 * @returns {Difference[]}
 */
export function readDifferences(document = 'docs/differences.md') {
  const text = readFileSync(join(repository, document), 'utf8');
  return text.split('\n').filter((line) => /^\| `\w+` \|/.test(line)).map((line) => {
    const [, name, linux, here, where, reason] = line.split('|').map((cell) => cell.trim());
    const plain = (/** @type {string} */ cell) => cell.replace(/^`|`$/g, '');
    const places = where.toLowerCase().split(/,\s*/).map((place) => place.replace(' ', '-'));
    return { name: plain(name), linux: plain(linux), here: plain(here), where: places, reason };
  });
}

/**
 * "Chromium" is Chromium with threads and without, "Chromium threads" and "Chromium JSPI" are one of them.
 * @param {Difference} difference
 * @param {Elsewhere} runtime
 */
function concerns({ where }, runtime) {
  const [platform, threads] = runtime.split('-');
  return where.includes(platform) || where.includes(`${platform}-${threads ?? 'jspi'}`);
}

/** @param {string} stdout @returns {Map<string, string>} result by case */
function parseResults(stdout) {
  return new Map(stdout.split('\n').filter(Boolean).map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  }));
}

/**
 * What came out, for a program to read. A case has a column for Linux and for each runtime it ran on.
 * @typedef {object} Report
 * @property {number} cases different ones
 * @property {Record<string, { cases: number, documented: number, problems: number }>} runtimes
 * @property {({ case: string, program: string, linux: string } & Partial<Record<Elsewhere, string>>)[]} results
 * @property {string[]} problems
 */

/** Runs programs and collects what came out. Each program runs once on Linux. */
export class Conformance {
  /** @type {Report} */
  report = { cases: 0, runtimes: {}, results: [], problems: [] };
  #differences = readDifferences();
  /** @type {Map<string, Promise<Ending>>} */
  #linux = new Map();

  /** @param {string} program */
  async onLinux(program) {
    let ending = this.#linux.get(program);
    if (!ending) {
      ending = openRuntime('linux').then(({ run }) => run(program));
      this.#linux.set(program, ending);
      for (const [name, linux] of parseResults((await ending).stdout)) {
        this.report.results.push({ case: name, program, linux });
        this.report.cases++;
      }
    }
    return ending;
  }

  /**
   * Compares a program with itself on Linux.
   * @param {string} program
   * @param {Elsewhere} runtime
   * @param {Ending} other how it ended there
   * @returns {Promise<{ cases: number, documented: string[], problems: string[] }>}
   */
  async compare(program, runtime, other) {
    const linux = await this.onLinux(program);
    const expected = parseResults(linux.stdout);
    const actual = parseResults(other.stdout);
    const differences = new Map(this.#differences.filter((row) => concerns(row, runtime)).map((row) => [row.name, row]));
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
      const entry = this.report.results.find((result) => result.case === name);
      if (entry) entry[runtime] = here;
    }
    for (const name of actual.keys()) {
      if (!expected.has(name)) problems.push(`${name}: only ${runtime} prints it`);
    }
    const counts = this.report.runtimes[runtime] ??= { cases: 0, documented: 0, problems: 0 };
    counts.cases += expected.size;
    counts.documented += documented.length;
    counts.problems += problems.length;
    this.report.problems.push(...problems);
    return { cases: expected.size, documented, problems };
  }
}

const USAGE = `Usage: node emscripten-lib/test/conformance.mjs [--runtime NAME]... [--program NAME]... [--json]

Runs the C programs of emscripten-lib/test/c and compares what they print with what they print on Linux.

  --runtime NAME  ${RUNTIMES.join(', ')} (default: all of them)
  --program NAME  a program, without .c (default: all of them)
  --json          the result of each case on each runtime, and the counts
`;

async function main() {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', multiple: true, default: [...RUNTIMES] },
      program: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const runtimes = RUNTIMES.filter((runtime) => values.runtime.includes(runtime));
  if (values.help || runtimes.length < values.runtime.length) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const conformance = new Conformance();
  const { report } = conformance;
  for (const runtime of runtimes) {
    const missing = inChromium(runtime) ? whyNoChromium() : undefined;
    if (missing) {
      report.problems.push(`cannot run on ${runtime}: ${missing}`);
      continue;
    }
    const { run, close } = await openRuntime(runtime);
    try {
      for (const program of programNames(runtime)) {
        if (values.program && !values.program.includes(program)) continue;
        const { cases, documented, problems } = await conformance.compare(program, runtime, await run(program));
        console.error(`${runtime}: ${program}: ${cases} cases, ${documented.length} documented differences, ` +
          `${problems.length} problems`);
      }
    } finally {
      await close();
    }
  }
  if (values.json) console.log(JSON.stringify(report));
  else for (const problem of report.problems) console.log(problem);
  return report.problems.length > 0 ? 1 : 0;
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) process.exitCode = await main();
