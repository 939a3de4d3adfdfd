// How late calls with a time limit come back, on each runtime in turn: see --help. It measures and asserts nothing.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { runCommand } from '../test/c-programs.mjs';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const repository = dirname(dirname(here));
const out = join(repository, 'target', 'bench', 'lateness');
const RUNTIMES = /** @type {const} */ (['linux', 'node', 'chromium']);

const USAGE = `Usage: node emscripten-lib/bench/lateness.mjs [--runtime NAME]... [--rounds N] [--json]

Measures how many milliseconds after their limit poll, select, epoll_wait and recv with SO_RCVTIMEO return, on an idle
socket: median, 95th percentile and maximum of N waits each.

  --runtime NAME  ${RUNTIMES.join(', ')} (default: all of them)
  --rounds N      waits for each call and limit (default: 50)
  --json          one JSON object a line`;

async function main() {
  const { values } = parseArgs({
    options: {
      runtime: { type: 'string', multiple: true, default: [...RUNTIMES] },
      rounds: { type: 'string', default: '50' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const runtimes = RUNTIMES.filter((name) => values.runtime.includes(name));
  if (values.help || runtimes.length !== new Set(values.runtime).size || !(Number(values.rounds) > 0)) {
    console[values.help ? 'log' : 'error'](USAGE);
    return values.help ? 0 : 2;
  }
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'package.json'), '{ "type": "commonjs" }\n');
  const source = join(here, 'lateness.c');
  await run(process.env.CC ?? 'cc', ['-O2', source, '-o', join(out, 'lateness')]);
  await run(join(repository, 'docker', 'build.sh'), ['emcc', '-O2', '-sJSPI', '-sEXIT_RUNTIME', '-Wno-experimental',
    '--js-library', join(repository, 'emscripten-lib', 'libdirectsockets.js'), source, '-o', join(out, 'lateness.js')],
  { cwd: repository });

  if (!values.json) console.log('runtime   call          limit ms   late ms: median     95 %      max');
  for (const runtime of runtimes) {
    const { stdout, stderr, code } = await runCommand(runtime, out, 'lateness', [values.rounds]);
    if (code !== 0) {
      console.error(`lateness on ${runtime} ended with ${code}: ${stderr}`);
      return 1;
    }
    for (const line of stdout.trim().split('\n')) {
      const [call, ...numbers] = line.split(' ');
      const [limit, median, p95, max] = numbers.map(Number);
      if (values.json) console.log(JSON.stringify({ runtime, call, limit, median, p95, max }));
      else {
        const times = [median, p95, max].map((ms, index) => ms.toFixed(3).padStart(index === 0 ? 18 : 8));
        console.log(runtime.padEnd(9), call.padEnd(13), String(limit).padStart(8), ...times);
      }
    }
  }
  return 0;
}

process.exitCode = await main();
