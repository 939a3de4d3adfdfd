/**
 * The worker in which one Emscripten program runs: a classic one, because that is what emcc's default output is made
 * for; an ES module (-sEXPORT_ES6) is imported. thread.js loads it. It gets
 * `{start: {url, args, stdin}}` once and `{stdin: bytes | null}`, and answers with ProgramMessages
 * (app/emscripten-program.js).
 */

// The app's module: the launcher mounts iwa/app as /app/, and a URL's .. ends at the root.
const tools = import('../app/emscripten-program.js');
const reporter = tools.then(({ ProgramReporter }) => new ProgramReporter((message) => self.postMessage(message)));
/** @type {ReturnType<typeof import('../app/emscripten-program.js').inputStream> | undefined} */
let input;

const fail = async (/** @type {unknown} */ error) => (await reporter).fail(error);
self.addEventListener('error', (event) => void fail(event.error ?? event.message));
self.addEventListener('unhandledrejection', (event) => void fail(event.reason));

/** Classic scripts have no exports; a minified module has its one anywhere in a line. */
const EXPORTS = /(?:^|[;}\s])export\s*(?:default\b|\{)/;

/**
 * @param {string} url
 * @param {any} options for Emscripten's Module
 * @param {import('../app/emscripten-program.js').ProgramReporter} report
 */
async function run(url, options, report) {
  if (!EXPORTS.test(await (await fetch(url)).text())) {
    /** @type {any} */ (globalThis).Module = options;
    /** @type {any} */ (globalThis).importScripts(url);
    return;
  }
  const { default: createModule } = await import(url);
  const module = await createModule(options);
  // With threads, main() has one of its own and goes on.
  if (report.over || '__emscripten_proxy_main' in module) return;
  report.print('stderr', `${url}: exit code unknown: the program is linked without -sEXIT_RUNTIME`);
  await report.exit(0);
}

self.addEventListener('message', async ({ data }) => {
  const { inputStream, moduleOptions } = await tools; // keeps the messages' order
  const report = await reporter;
  if (data.start) {
    const { url, args, stdin } = data.start;
    if (stdin) input = inputStream();
    const base = new URL('.', new URL(url, location.href)).href;
    const options = {
      ...moduleOptions(report, { args, stdin: input?.stream }),
      thisProgram: url.slice(url.lastIndexOf('/') + 1),
      // A classic program looks for its .wasm beside the worker's script, which is this one.
      locateFile: (/** @type {string} */ name) => base + name,
      // The exit code of a program linked without -sEXIT_RUNTIME, which Emscripten reports to no one. A classic
      // program's variables are global; one that goes on in callbacks holds its runtime by a counter.
      postRun: [
        () => {
          const { EXITSTATUS, runtimeKeepaliveCounter = 0 } = /** @type {any} */ (globalThis);
          if (EXITSTATUS !== undefined && runtimeKeepaliveCounter === 0) void report.exit(EXITSTATUS);
        },
      ],
    };
    run(url, options, report).catch(fail);
  } else if (data.stdin) {
    input?.push(data.stdin);
  } else {
    input?.end();
  }
});
