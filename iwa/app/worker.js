/**
 * The dedicated worker in which one run of the server lives: WebAssembly, its sockets and its memory. The page sends
 * `{start: {args, files}}` once and `{stop: true}`; the worker answers with ProgramMessages. A stop ends the server's
 * standard input, on which it closes its connections and exits. The page ends the worker.
 */
import { describeError, inputStream, moduleOptions } from './emscripten-program.js';

const stdin = inputStream();
let over = false;

/** @param {import('./emscripten-program.js').ProgramMessage} message */
function post(message) {
  if (over) return; // a trap is reported once, however many promises it rejects
  over = 'exit' in message || 'failed' in message;
  self.postMessage(message);
}

// A trap in a timer's or a socket's callback reaches no promise of ours.
self.addEventListener('error', (event) => post({ failed: describeError(event.error ?? event.message) }));
self.addEventListener('unhandledrejection', (event) => post({ failed: describeError(event.reason) }));

/** @param {{args: string[], files: import('./emscripten-program.js').ProgramFile[]}} start */
async function run({ args, files }) {
  const name = './socket-iwa-server.js';
  let createModule;
  try {
    ({ default: createModule } = await import(name));
  } catch (error) {
    return post({ failed: `${name} could not be loaded: ${describeError(error)}` });
  }
  try {
    await createModule(moduleOptions({ args, files, stdin: stdin.stream, post }));
  } catch (error) {
    // Emscripten throws its ExitStatus through here after onExit; `post` then knows that it is over.
    post({ failed: describeError(error) });
  }
}

self.addEventListener('message', ({ data }) => {
  if (data.start) void run(data.start);
  if (data.stop) stdin.end();
});
