/**
 * One run of the server in a worker: the program, its files, its output as messages, and the channel to its handlers. The
 * entry points server-worker.js and server-worker-node.js say what a worker's messages are.
 */
import { describeError, inputStream, moduleOptions, prepareKept, ProgramReporter, readKept } from './program/emscripten-program.js';
import { portStreams } from './gateway-port.js';

/** @typedef {import('./program/emscripten-program.js').ProgramFile} ProgramFile */
/** @typedef {import('./program/emscripten-program.js').ProgramMessage} ProgramMessage */

/**
 * @typedef {object} StartOrder
 * @property {string} module URL of the server's module
 * @property {string[]} args
 * @property {ProgramFile[]} files
 * @property {string[]} keep paths of what it shall leave behind
 * @property {string[]} [mounts] directories of the machine, which the program sees under their own names; on Node
 * @property {MessagePort} [gateway] to the handlers: the program's descriptor 3
 * @property {MessagePort[]} [peers] to the server's other workers: the descriptors behind it
 */
/**
 * @typedef {{start: StartOrder} | {input: string} | {stop: true}} Order `start` comes once; `input` is a line for the server's
 *   standard input, and `stop` ends that: then the server closes its connections and exits
 */
/** @typedef {ProgramMessage | {kept: ProgramFile}} News the last one is `exit` or `failed` */

/**
 * @param {(news: News) => void} tell
 * @returns {{obey(order: Order): void, fail(error: unknown): void}} `fail` is for errors that reach no promise, as a trap in
 *   a timer's or a socket's callback
 */
export function hostServer(tell) {
  /** @type {() => ProgramFile[]} */
  let kept = () => [];
  /** @type {ReturnType<typeof portStreams>[]} */
  let links = [];
  const reporter = new ProgramReporter(tell, () => {
    for (const link of links) link.finish();
    for (const file of kept()) tell({ kept: file });
  });
  const stdin = inputStream();

  /** @param {StartOrder} order */
  async function run({ module, args, files, keep, mounts = [], gateway, peers = [] }) {
    let createModule;
    try {
      ({ default: createModule } = await import(module));
    } catch (error) {
      return reporter.fail(`${module} could not be loaded: ${describeError(error)}`);
    }
    try {
      const options = moduleOptions(reporter, { args, files, stdin: stdin.stream });
      links = peers.map(portStreams);
      Object.assign(reporter.directSockets, { channels: [...(gateway ? [portStreams(gateway)] : []), ...links] });
      options.preRun.push(({ FS }) => {
        for (const root of mounts) {
          FS.mkdirTree(root);
          FS.mount(FS.filesystems.NODEFS, { root }, root);
        }
        if (keep.length === 0) return;
        prepareKept(FS, keep);
        kept = () => readKept(FS, keep);
      });
      await createModule(options);
    } catch (error) {
      reporter.fail(error);
    }
  }

  return {
    obey(order) {
      if ('start' in order) void run(order.start);
      else if ('input' in order) stdin.push(new TextEncoder().encode(`${order.input}\n`));
      else stdin.end();
    },
    fail: (error) => reporter.fail(error),
  };
}
