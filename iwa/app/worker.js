/**
 * The dedicated worker in which one run of the server lives: WebAssembly, its sockets and its memory. The page sends
 * `{start: {args, files, keep}}` once, `{input: line}` for the server's standard input, and `{stop: true}`, which ends that
 * input: then the server closes its connections and exits. The worker answers with ProgramMessages, and with
 * `{kept: ProgramFile}` for what the server has written at a path of `keep`, before the last. The page ends the worker.
 */
import { describeError, inputStream, moduleOptions, prepareKept, ProgramReporter, readKept } from '../../api/program/emscripten-program.js';

const PROGRAM = './socket-iwa-server.js';

/** What the program has to leave behind, when it has begun. @type {() => import('../../api/program/emscripten-program.js').ProgramFile[]} */
let kept = () => [];

const reporter = new ProgramReporter((message) => self.postMessage(message), () => {
  for (const file of kept()) self.postMessage({ kept: file });
});
const stdin = inputStream();

// A trap in a timer's or a socket's callback reaches no promise of ours.
self.addEventListener('error', (event) => reporter.fail(event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => reporter.fail(event.reason));

/** @param {{args: string[], files: import('../../api/program/emscripten-program.js').ProgramFile[], keep: string[]}} start */
async function run({ keep, ...start }) {
  let createModule;
  try {
    ({ default: createModule } = await import(PROGRAM));
  } catch (error) {
    return reporter.fail(`${PROGRAM} could not be loaded: ${describeError(error)}`);
  }
  try {
    const options = moduleOptions(reporter, { ...start, stdin: stdin.stream });
    if (keep.length > 0) {
      options.preRun.push(({ FS }) => {
        prepareKept(FS, keep);
        kept = () => readKept(FS, keep);
      });
    }
    await createModule(options);
  } catch (error) {
    reporter.fail(error);
  }
}

self.addEventListener('message', ({ data }) => {
  if (data.start) void run(data.start);
  if (data.input) stdin.push(new TextEncoder().encode(`${data.input}\n`));
  if (data.stop) stdin.end();
});
