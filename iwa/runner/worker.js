/**
 * The worker in which one Emscripten program runs: a classic one, because that is what emcc's default output is made
 * for; an ES module (-sEXPORT_ES6) is imported. thread.js loads it. It gets `{start}` once, `{stdin: bytes | null}` for
 * each `{pull}` that it sent, and `{save}` when it is to end; it answers with the messages of `tell`.
 */

// In a function: a classic program's names are global, and would clash with these.
(() => {
  const host = import('./program-host.js');
  /** @type {Promise<import('./program-host.js').ProgramRun>} */
  let run;
  /** @type {import('./program-host.js').ProgramRun | undefined} */
  let running;
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let input;

  const tell = (/** @type {object} */ message, /** @type {Transferable[]} */ transfer = []) =>
    self.postMessage(message, { transfer });
  const fail = async (/** @type {unknown} */ error) => (await run).fail(error);
  self.addEventListener('error', (event) => {
    // An end that is known stays, although the page would hear of the error too: exit() ends the worker of a thread whose
    // script is still loading, for one, which is an error to Emscripten.
    if (running?.over) event.preventDefault();
    else void fail(event.error ?? event.message);
  });
  self.addEventListener('unhandledrejection', (event) => void fail(event.reason));

  /**
   * @param {string} url
   * @param {import('./program-host.js').ProgramRun} program
   */
  async function load(url, program) {
    const { isModule } = await host;
    const scope = /** @type {any} */ (globalThis);
    let module;
    if (isModule(await (await fetch(url)).text())) {
      const { default: createModule } = await import(url);
      module = await createModule(program.options);
    } else {
      /** @type {Function | undefined} */
      let factory;
      // What a script linked with -sMODULARIZE defines for AMD loaders, whatever its name is.
      scope.define = (/** @type {unknown} */ _names, /** @type {() => Function} */ make) => void (factory = make());
      scope.define.amd = true;
      scope.Module = program.options;
      scope.importScripts(url);
      if (!factory) return;
      module = await factory(program.options);
    }
    // With threads, main() has one of its own and goes on.
    if (program.over || '__emscripten_proxy_main' in module) return;
    program.options.printErr(`${url}: exit code unknown: the program is linked without -sEXIT_RUNTIME`);
    await program.exit(0);
  }

  /** @param {any} mounted as the launcher describes it: a file's data is a URL */
  async function fetchEntries({ entries, ...mount }) {
    const withData = async (/** @type {any} */ entry) => {
      if (entry.type !== 'file') return entry;
      const response = await fetch(entry.url);
      if (!response.ok) throw new Error(`reading ${entry.path} of ${mount.at}: HTTP status ${response.status}`);
      return { ...entry, data: await response.bytes() };
    };
    const loaded = [];
    const batch = 16; // fetches at once
    for (let i = 0; i < entries.length; i += batch) {
      loaded.push(...await Promise.all(entries.slice(i, i + batch).map(withData)));
    }
    return { ...mount, entries: loaded };
  }

  /** @param {any} start of the launcher */
  async function begin({ name, args, env, mounts, directory, stdin, verbose, allowed }) {
    const { ProgramRun } = await host;
    const stream = new ReadableStream({
      start: (controller) => void (input = controller),
      pull: () => tell({ pull: true }),
    }, { highWaterMark: 0 }); // nothing is read for a program that does not
    return new ProgramRun({ name, args, env, mounts, directory, allowed, stdin: stdin ? stream : undefined }, {
      write: (output, bytes) => tell({ stream: output, bytes }, [bytes.buffer]),
      save: (change) => tell({ change }, change.data ? [change.data.buffer] : []),
      end: (code) => tell({ exit: code }),
      warn: (text) => tell({ warning: text }),
      verbose,
    });
  }

  self.addEventListener('message', async ({ data }) => {
    if (data.start) {
      let failure;
      const mounts = await Promise.all(data.start.mounts.map(fetchEntries)).catch((error) => void (failure = error));
      run = begin({ ...data.start, mounts: mounts ?? [] });
      const program = running = await run;
      if (failure) return program.fail(failure);
      const { url } = data.start;
      const base = new URL('.', new URL(url, location.href)).href;
      // A classic program looks for its .wasm beside the worker's script, which is this one.
      program.options.locateFile = (/** @type {string} */ name) => base + name;
      // The exit code of a program linked without -sEXIT_RUNTIME, which Emscripten reports to no one. A classic
      // program's variables are global; one that goes on in callbacks holds its runtime by a counter.
      program.options.postRun = [
        () => {
          const { EXITSTATUS, runtimeKeepaliveCounter = 0 } = /** @type {any} */ (globalThis);
          if (EXITSTATUS !== undefined && runtimeKeepaliveCounter === 0) void program.exit(EXITSTATUS);
        },
      ];
      load(url, program).catch(fail);
    } else if (data.stdin) {
      input.enqueue(data.stdin);
    } else if (data.stdin === null) {
      input.close();
    } else if (data.save) {
      (await run)?.save();
      tell({ saved: true });
    }
  });
})();
