// One headless Chromium for a whole benchmark: runs the programs that it is told to, on lines of JSON.
//   in   {"id": 1, "program": "subject.js", "args": ["tcp-echo"], "profile": "FILE.cpuprofile" or null}, {"id": 1, "stop": true}
//   out  {"ready": "Chrome/156.0"}, {"id": 1, "line": "port 1234"}, {"id": 1, "code": 0, "stderr": ""}
// Ends when its standard input does. It knows nothing of what the programs do.
import { createInterface } from 'node:readline';
import { runMain } from '../iwa/command.mjs';
import { withBrowser } from '../iwa/program-runner.mjs';
import { profileNextWorker } from '../iwa/worker-profile.mjs';

/** Seconds; whoever asks has shorter limits. */
const PROGRAM_LIMIT = 120;
const PROFILE_MS = 1000;

const tell = (/** @type {object} */ message) => void process.stdout.write(`${JSON.stringify(message)}\n`);

await runMain('socket-iwa-bench (Chromium)', (signal) => withBrowser(async (run, app) => {
  tell({ ready: app.version });
  const running = new Set();
  const input = createInterface({ input: process.stdin });
  const lost = new Promise((_, reject) => void signal.addEventListener('abort', () => reject(signal.reason)));
  lost.catch(() => {});

  /** @type {Map<number, AbortController>} */
  const stops = new Map();

  /** @param {{ id: number, program: string, args: string[], profile: string | null }} order */
  const obey = async ({ id, program, args, profile }) => {
    const stop = new AbortController();
    stops.set(id, stop);
    try {
      const profiled = profile ? profileForAWhile(app.page, profile) : undefined;
      const texts = { stdout: '', stderr: '' };
      const { code } = await run(program, args, {
        timeout: PROGRAM_LIMIT,
        signal: stop.signal,
        output(stream, bytes) {
          texts[stream] += bytes;
          if (stream === 'stderr') return;
          const lines = texts.stdout.split('\n');
          texts.stdout = lines.pop() ?? '';
          for (const line of lines) tell({ id, line });
        },
      });
      await profiled;
      tell({ id, code, stderr: texts.stderr });
    } finally {
      stops.delete(id);
    }
  };

  const orders = (async () => {
    for await (const line of input) {
      const order = JSON.parse(line);
      if (order.stop) {
        stops.get(order.id)?.abort(new Error('stopped'));
        continue;
      }
      const done = obey(order).catch((error) => tell({ id: order.id, code: 1, stderr: String(error) }))
        .finally(() => running.delete(done));
      running.add(done);
    }
    // Nobody waits for them any more.
    for (const stop of stops.values()) stop.abort(new Error('stopped'));
    await Promise.all(running);
  })();
  await Promise.race([orders, lost]);
}, { signal }));

/** Of the program that starts next, which has to run for longer. @param {import('puppeteer-core').Page} page @param {string} file */
async function profileForAWhile(page, file) {
  const stop = await profileNextWorker(page, file);
  await new Promise((resolve) => void setTimeout(resolve, PROFILE_MS));
  await stop();
}
