/**
 * The interop matrix: every client against the server in every runtime, case by case; results as JSON, and as
 * docs/interop.md. A cell is passed, failed, or not offered, the last two with their reason.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CASES, NOT_YET } from './cases.mjs';
import { CLIENTS, kindOf } from './client.mjs';
import { document } from './document.mjs';
import { run } from './process.mjs';
import { REPOSITORY, RUNTIMES, startRelay, startServer } from './target.mjs';

const USAGE = `Usage: node interop/run.mjs [OPTIONS]

Runs other people's QUIC clients against the server in each runtime and says how each case went.

  --brief            less to transfer and fewer connections; docs/interop.md stays as it is
  --runtime NAME     native, node or chromium alone (may be repeated)
  --client NAME      curl, aioquic, quinn or chromium alone (may be repeated)
  --case NAME        one case alone (may be repeated)
  --json             print one JSON object on standard output
  --help             this text

A run of everything writes docs/interop.md; results are in target/interop/results.json. Exit code 1 if a cell failed.
`;

/** Of one cell. Milliseconds: a failure, not a measurement. */
const LIMIT = 60_000;
const BRIEF_LIMIT = 60_000;

/**
 * @typedef {object} Cell
 * @property {string} runtime
 * @property {string} client
 * @property {string} case
 * @property {'passed' | 'failed' | 'not offered' | 'not yet'} result 'not yet': by the server
 * @property {string} [reason]
 */

const OPTIONS = /** @type {const} */ ({
  brief: { type: 'boolean', default: false },
  runtime: { type: 'string', multiple: true, default: RUNTIMES },
  client: { type: 'string', multiple: true, default: CLIENTS.map(({ name }) => name) },
  case: { type: 'string', multiple: true, default: CASES.map(({ name }) => name) },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
});

/** @param {string} line */
const note = (line) => process.stderr.write(`${line}\n`);

/** The SHA-256 of /bytes/N, computed by no server. @type {(bytes: number) => Promise<string>} */
const expected = remembered(async (bytes) => {
  const client = path.join(REPOSITORY, 'target/release/socket-iwa-client');
  return (await run(client, ['sha256', String(bytes)], { limit: LIMIT })).stdout.trim();
});

/** @template K, V @param {(key: K) => Promise<V>} make @returns {(key: K) => Promise<V>} */
function remembered(make) {
  /** @type {Map<K, Promise<V>>} */
  const made = new Map();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}

/**
 * One cell, with a relay in between where the case wants one.
 * @param {import('./cases.mjs').Case} row
 * @param {import('./client.mjs').Attempt} attempt
 * @param {import('./target.mjs').Target} server
 * @param {boolean} brief
 */
async function runCell(row, attempt, server, brief) {
  const bytes = (brief ? row.briefBytes : undefined) ?? row.bytes ?? 1024;
  const count = (brief ? row.briefCount : undefined) ?? row.count ?? 1;
  const relay = row.relay && (await startRelay(server, row.relay));
  const task = {
    kind: kindOf(row.name),
    target: relay?.target ?? server,
    bytes,
    sha256: await expected(bytes),
    count,
    limit: brief ? BRIEF_LIMIT : LIMIT,
  };
  /** @type {import('./cases.mjs').RelayReport | undefined} */
  let report;
  try {
    await attempt(task);
  } finally {
    report = await relay?.stop();
  }
  const missing = report && row.evidence?.(report);
  if (missing) throw new Error(missing);
}

/** A message as one short line, the same in every run: no ports, no times. @param {unknown} error */
function reasonOf(error) {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.replace(/\s+/g, ' ').replace(/127\.0\.0\.1:\d+/g, 'the server').trim();
  return line.length > 160 ? `${line.slice(0, 157)}...` : line;
}

/**
 * All cells of one runtime and client.
 * @param {import('./client.mjs').Client} client
 * @param {string} runtime
 * @param {import('./cases.mjs').Case[]} rows
 * @param {(args: string[]) => Promise<import('./target.mjs').Target>} serverWith
 * @param {boolean} brief
 * @returns {Promise<Cell[]>}
 */
async function runClient(client, runtime, rows, serverWith, brief) {
  /** @type {Cell[]} */
  const cells = [];
  const opened = await client.open().catch((error) => error);
  for (const row of rows) {
    const cell = { runtime, client: client.name, case: row.name };
    const notOffered = client.notOffered[row.name];
    /** @type {Cell} */
    let done = { ...cell, result: 'passed' };
    const start = Date.now();
    if (notOffered) {
      done = { ...cell, result: 'not offered', reason: notOffered };
    } else {
      try {
        if (opened instanceof Error) throw opened;
        await runCell(row, opened.attempt, await serverWith(row.server ?? []), brief);
      } catch (error) {
        const notYet = NOT_YET[row.name];
        done = { ...cell, result: notYet ? 'not yet' : 'failed', reason: notYet ?? reasonOf(error) };
        if (notYet) note(`         (${reasonOf(error)})`);
      }
    }
    const took = `${((Date.now() - start) / 1000).toFixed(1)} s`;
    const why = done.reason ? `: ${done.reason}` : '';
    note(`${done.result.padEnd(11)} ${took.padStart(6)}  ${runtime} ${client.name} ${row.name}${why}`);
    cells.push(done);
  }
  if (!(opened instanceof Error)) await opened.close();
  return cells;
}

async function main() {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) return void process.stdout.write(USAGE);
  const rows = CASES.filter(({ name }) => values.case.includes(name));
  const clients = CLIENTS.filter(({ name }) => values.client.includes(name));
  const runtimes = RUNTIMES.filter((name) => values.runtime.includes(name));
  if (!rows.length || !clients.length || !runtimes.length) throw new Error('nothing to run: see --help for the names');

  /** @type {Cell[]} */
  const cells = [];
  for (const runtime of runtimes) {
    /** @type {import('./target.mjs').Running[]} */
    const servers = [];
    const started = remembered(async (/** @type {string} */ args) => {
      const running = await startServer(runtime, JSON.parse(args));
      servers.push(running);
      return running.target;
    });
    const serverWith = (/** @type {string[]} */ args) => started(JSON.stringify(args));
    try {
      for (const client of clients) cells.push(...(await runClient(client, runtime, rows, serverWith, values.brief)));
    } finally {
      for (const server of servers) await server.stop();
    }
  }

  const versions = Object.fromEntries(await Promise.all(clients.map(async (it) => [it.name, await it.version()])));
  const results = { versions, cells };
  await mkdir(path.join(REPOSITORY, 'target/interop'), { recursive: true });
  await writeFile(path.join(REPOSITORY, 'target/interop/results.json'), `${JSON.stringify(results, null, 2)}\n`);
  const everything = rows.length === CASES.length && clients.length === CLIENTS.length && runtimes.length === RUNTIMES.length;
  if (everything && !values.brief) {
    await writeFile(path.join(REPOSITORY, 'docs/interop.md'), document(results));
  }
  const number = (/** @type {string} */ result) => cells.filter((cell) => cell.result === result).length;
  const counts = { passed: number('passed'), failed: number('failed'), notYet: number('not yet'), notOffered: number('not offered') };
  if (values.json) process.stdout.write(`${JSON.stringify({ ok: counts.failed === 0, ...counts, ...results })}\n`);
  const left = `${counts.notYet} not yet offered by the server, ${counts.notOffered} not offered by the client`;
  const say = values.json ? note : (/** @type {string} */ line) => process.stdout.write(`${line}\n`);
  say(`interop: ${counts.passed} passed, ${counts.failed} failed, ${left}`);
  process.exitCode = counts.failed ? 1 : 0;
}

try {
  await main();
} catch (error) {
  note(`interop: error: ${error instanceof Error ? error.stack : error}`);
  process.exitCode = 2;
}
