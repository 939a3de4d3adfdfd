/**
 * The worker in which one Emscripten program runs: a classic one, because that is what emcc's default output is made
 * for; an ES module (-sEXPORT_ES6) is imported. thread.js loads it. protocol.js has its messages.
 */

// In a function: a classic program's names are global, and would clash with these.
(() => {
  const parts = Promise.all([import('./program-host.js'), import('./program-text.js')]);
  /** @type {Promise<import('./program-host.js').ProgramRun> | undefined} */
  let run;
  /** @type {import('./program-host.js').ProgramRun | undefined} */
  let running;
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let input;
  /** What the program's loader has asked for. @type {Set<string>} */
  const located = new Set();

  const tell = (/** @type {import('./protocol.js').News} */ news, /** @type {Transferable[]} */ transfer = []) =>
    self.postMessage(news, { transfer });
  const fail = async (/** @type {unknown} */ error) => {
    const program = await Promise.resolve(run).catch(() => undefined);
    if (program) program.fail(await missingPart() ?? error);
    else tell({ failed: `the worker of programs could not be loaded: ${error}`, code: 1 });
  };
  self.addEventListener('error', (event) => {
    // The page would hear of it too. An end that is known stays: exit() ends the worker of a thread whose script is still
    // loading, for one, which is an error to Emscripten.
    event.preventDefault();
    if (!running?.over) void fail(event.error ?? event.message);
  });
  self.addEventListener('unhandledrejection', (event) => void fail(event.reason));

  /** A file beside the program that is not there, of which Emscripten says only that it could not compile it. */
  async function missingPart() {
    const { programError } = (await parts)[1];
    for (const url of located) {
      const response = await fetch(url, { method: 'HEAD' }).catch(() => undefined);
      if (response && !response.ok) {
        return programError('ENOENT', `${url} is missing (HTTP status ${response.status}), which the program loads: it ` +
          'belongs beside its .js file');
      }
    }
    return undefined;
  }

  /**
   * @param {import('./protocol.js').StartOrder} start
   * @param {import('./program-host.js').ProgramRun} program
   */
  async function load({ url, anySockets }, program) {
    const { isModule, checkProgram, programError } = (await parts)[1];
    const response = await fetch(url).catch((error) => {
      throw programError('ENOENT', `${url} cannot be read: ${error.message}`);
    });
    if (!response.ok) throw programError('ENOENT', `${url}: no such program: HTTP status ${response.status}`);
    const text = await response.text();
    checkProgram(text, url, anySockets);
    const scope = /** @type {any} */ (globalThis);
    let module;
    if (isModule(text)) {
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

  /** @param {import('./protocol.js').Mount} mount @returns {Promise<import('./program-files.js').MountedDirectory>} */
  async function fetchEntries({ entries, ...mount }) {
    const { programError } = (await parts)[1];
    const withData = async (/** @type {import('./protocol.js').MountEntry} */ entry) => {
      if (entry.type !== 'file') return entry;
      if (entry.url === undefined) return { ...entry, data: entry.data ?? new Uint8Array() };
      const response = await fetch(entry.url);
      if (!response.ok) {
        throw programError('ENOENT', `reading ${entry.path} of ${mount.at}: ${entry.url}: HTTP status ${response.status}`);
      }
      return { ...entry, data: new Uint8Array(await response.arrayBuffer()) };
    };
    const loaded = [];
    const batch = 16; // fetches at once
    for (let i = 0; i < entries.length; i += batch) {
      loaded.push(...await Promise.all(entries.slice(i, i + batch).map(withData)));
    }
    return { ...mount, entries: loaded };
  }

  /**
   * @param {import('./protocol.js').StartOrder} start
   * @param {import('./program-files.js').MountedDirectory[]} mounts
   */
  async function begin({ name, args, env, directory, stdin, allowed }, mounts) {
    const { ProgramRun } = (await parts)[0];
    const stream = new ReadableStream({
      start: (controller) => void (input = controller),
      pull: () => tell({ pull: true }),
    }, { highWaterMark: 0 }); // nothing is read for a program that does not
    return new ProgramRun({ name, args, env, mounts, directory, allowed, stdin: stdin ? stream : undefined }, {
      write: (output, bytes) => tell({ stream: output, bytes }, [bytes.buffer]),
      save: (change) => tell({ change }, change.data ? [change.data.buffer] : []),
      end: tell,
      warn: (text) => tell({ warning: text }),
    });
  }

  self.addEventListener('message', async ({ data }) => {
    if (data.start) {
      /** @type {import('./protocol.js').StartOrder} */
      const start = data.start;
      /** @type {{error: unknown} | undefined} */
      let failure;
      const mounts = await Promise.all(start.mounts.map(fetchEntries)).catch((error) => void (failure = { error }));
      run = begin(start, mounts ?? []);
      const program = running = await run;
      if (failure) return program.fail(failure.error);
      const base = new URL('.', new URL(start.url, location.href)).href;
      // A classic program looks for its .wasm beside the worker's script, which is this one.
      program.options.locateFile = (/** @type {string} */ name) => {
        located.add(base + name);
        return base + name;
      };
      // The exit code of a program linked without -sEXIT_RUNTIME, which Emscripten reports to no one. A classic
      // program's variables are global; one that goes on in callbacks holds its runtime by a counter.
      program.options.postRun = [
        () => {
          located.clear(); // it is loaded
          const { EXITSTATUS, runtimeKeepaliveCounter = 0 } = /** @type {any} */ (globalThis);
          if (EXITSTATUS !== undefined && runtimeKeepaliveCounter === 0) void program.exit(EXITSTATUS);
        },
      ];
      load(start, program).catch(fail);
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
