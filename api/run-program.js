/** runProgram in a browser: a worker for each program, in a page or a worker of an app. */
import { ProgramError } from './program-error.js';
import { RunningProgram } from './program/running-program.js';
import { trusted } from './trusted-url.js';

/** @type {typeof import('./socket-iwa.d.ts').runProgram} */
export function runProgram(url, options = {}) {
  const program = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  const thread = new URL(options.worker ?? new URL('./program/thread.js', import.meta.url), globalThis.location?.href);
  thread.hash = program.href; // where Emscripten's threads find it
  // In a worker of an app without that policy, where it cannot be asked for, Chromium 156 ends the page at the first
  // UDPSocket.
  const allowed = /** @type {any} */ (globalThis.document)?.featurePolicy?.allowsFeature('direct-sockets');

  return new RunningProgram(program.pathname, options, (start, hear) => {
    if (program.origin !== location.origin) {
      throw new ProgramError(`run ${program.href}: programs are loaded from the app's own origin, ${location.origin}: ` +
        'make it one of the app\'s files', { code: 'EINVAL' });
    }
    const unloaded = (/** @type {unknown} */ why) =>
      new ProgramError(`run ${program.pathname}: ${thread.pathname}, in which programs run, could not be loaded: ${why}: ` +
        'serve the api/ directory of socket-iwa as it is, or say with `worker` where its program/thread.js is',
      { code: 'ERR_WORKER', cause: why });
    /** @type {Worker} */
    let worker;
    try {
      worker = new Worker(trusted(thread.href), { name: program.href });
    } catch (error) {
      throw unloaded(error);
    }
    worker.addEventListener('message', ({ data }) => hear(data));
    worker.addEventListener('error', (event) => {
      const failed = event.message || 'it is not there, or the page\'s policy forbids it';
      hear({ failed: unloaded(failed).message.replace(/^run \S+: /, ''), code: 1, reason: 'ERR_WORKER' });
    });
    worker.postMessage({ start });
    return {
      send: (order) => worker.postMessage(order),
      terminate: () => worker.terminate(),
    };
  }, { url: program.href, allowed });
}
