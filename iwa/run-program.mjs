/**
 * Runs one Emscripten program in a worker of a throwaway Isolated Web App, as a shell runs a program: arguments, stdin,
 * stdout, stderr, exit code.
 */
import { parseArgs } from 'node:util';
import { runMain } from './command.mjs';
import { LaunchError } from './launch-error.mjs';
import { TIMED_OUT, withBrowser } from './program-runner.mjs';

const USAGE = `Usage: node iwa/run-program.mjs [OPTIONS] PROGRAM.js [-- ARGUMENTS]

Runs an Emscripten program with Direct Sockets in a headless Chromium.

  --stdin            this process's standard input is the program's (module option stdinStream)
  --timeout SECONDS  time limit (default: 60, 0 for none); exit code ${TIMED_OUT}
  --chromium PATH    the browser (default: $CHROMIUM, else chromium, google-chrome, ... on $PATH)
  --verbose          Chromium's own messages and the page's console too
  --help             this text

Exit code: the program's; link it with -sEXIT_RUNTIME (see program-runner.mjs for programs without). 1 for a trap or an
abort, 2 without a browser or program.
`;

const OPTIONS = /** @type {const} */ ({
  stdin: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '60' },
  chromium: { type: 'string' },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean' },
});

await runMain('run-program', async (signal) => {
  const split = process.argv.indexOf('--');
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2, split < 0 ? undefined : split),
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help) return void process.stdout.write(USAGE);
  if (positionals.length !== 1) throw new LaunchError('one program is needed (see --help)', { exitCode: 2 });
  const timeout = Number(values.timeout);
  if (!(timeout >= 0)) throw new LaunchError(`--timeout is seconds, not ${values.timeout}`, { exitCode: 2 });

  const [program] = positionals;
  const { chromium, verbose } = values;
  return withBrowser(async (run) => {
    const result = await run(program, split < 0 ? [] : process.argv.slice(split + 1), {
      timeout,
      signal,
      ...(values.stdin && { stdin: process.stdin }),
      onStdout: (line) => void process.stdout.write(`${line}\n`),
      onStderr: (line) => void process.stderr.write(`${line}\n`),
    });
    if (result.timedOut) throw new LaunchError(`${program} did not end within ${timeout} s`, { exitCode: TIMED_OUT });
    return result.code;
  }, { chromium, verbose, signal });
});
