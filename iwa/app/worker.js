/**
 * The dedicated worker in which one run of the server lives: WebAssembly, its sockets and its memory. The page sends
 * `{start: {args, files}}` once and `{stop: true}`; the worker answers with ProgramMessages. A stop ends the server's
 * standard input, on which it closes its connections and exits. The page ends the worker.
 */
import { describeError, inputStream, moduleOptions, ProgramReporter } from './emscripten-program.js';

const PROGRAM = './socket-iwa-server.js';

const reporter = new ProgramReporter((message) => self.postMessage(message));
const stdin = inputStream();

// A trap in a timer's or a socket's callback reaches no promise of ours.
self.addEventListener('error', (event) => reporter.fail(event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => reporter.fail(event.reason));

/** @param {{args: string[], files: import('./emscripten-program.js').ProgramFile[]}} start */
async function run(start) {
  let createModule;
  try {
    ({ default: createModule } = await import(PROGRAM));
  } catch (error) {
    return reporter.fail(`${PROGRAM} could not be loaded: ${describeError(error)}`);
  }
  try {
    await createModule(moduleOptions(reporter, { ...start, stdin: stdin.stream }));
  } catch (error) {
    reporter.fail(error);
  }
}

self.addEventListener('message', ({ data }) => {
  if (data.start) void run(data.start);
  if (data.stop) stdin.end();
});
