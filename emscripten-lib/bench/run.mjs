// UDP echo a second on each runtime in turn, with a native load generator on the same machine:
//   node emscripten-lib/bench/run.mjs [--runtime linux,node,chromium] [--stripes 1,4] [--window 64] [--size 1200]
//     [--seconds 3] [--rounds 3]
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const repository = dirname(dirname(here));
const out = join(repository, 'target', 'bench', 'udp');

const { values } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'linux,node,chromium' },
    stripes: { type: 'string', default: '1' },
    window: { type: 'string', default: '64' },
    size: { type: 'string', default: '1200' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
  },
});

mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'package.json'), '{ "type": "commonjs" }\n');
await run('cc', ['-O2', join(here, 'load.c'), '-o', join(out, 'load')]);
await run('cc', ['-O2', join(here, 'echo.c'), '-o', join(out, 'echo')]);
await run(join(repository, 'docker', 'build.sh'), ['emcc', '-O3', '-sJSPI', '-sEXIT_RUNTIME', '-Wno-experimental',
  '--js-library', join(repository, 'emscripten-lib', 'libdirectsockets.js'), join(here, 'echo.c'), '-o', join(out, 'echo.js')],
{ cwd: repository });

const node = join(repository, 'node_modules', '.bin', 'node');
/** @type {Record<string, string[]>} */
const commands = {
  linux: [join(out, 'echo')],
  node: [node, join(out, 'echo.js')],
  chromium: [node, join(repository, 'iwa', 'iwa-run.mjs'), '--chromium', join(out, 'echo.js'), '--'],
};

/** @param {string} runtime @param {string} stripes @returns {Promise<string>} what the load generator found */
async function measure(runtime, stripes) {
  const [file, ...args] = commands[runtime];
  const server = spawn(file, [...args, stripes], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => server.once('close', resolve));
  for await (const line of createInterface({ input: server.stdout })) {
    const port = /^port (\d+)$/.exec(line)?.[1];
    if (!port) continue;
    const { stdout } = await run(join(out, 'load'), [port, values.window, values.size, values.seconds]);
    await ended;
    return stdout.trim();
  }
  throw new Error(`${runtime}: the server printed no port`);
}

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const runtime of values.runtime.split(',')) {
    for (const stripes of runtime === 'chromium' ? values.stripes.split(',') : ['1']) {
      console.log(`round ${round}  ${runtime.padEnd(8)} stripes ${stripes}  ${await measure(runtime, stripes)}`);
    }
  }
}
