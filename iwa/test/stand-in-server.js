/**
 * Stands in for the WebAssembly server in tests of the page and the launcher: the same module interface, arguments,
 * JSON lines and exit codes, on Chromium's UDPSocket directly. It echoes datagrams, and has two connections to tell of,
 * which are closed when asked. --lines N logs so many lines. Three further arguments make it misbehave: --trap (throws),
 * --deaf (ignores the end of its standard input), --silent (never gets ready).
 *
 * @param {any} module the options that Emscripten's module function takes
 */
export default async function createModule(module) {
  /** @type {string[]} */
  const args = module.arguments;
  const value = (/** @type {string} */ name) => args[args.indexOf(name) + 1];
  const files = new Map();
  const FS = {
    mkdirTree: () => {},
    writeFile: (/** @type {string} */ path, /** @type {Uint8Array} */ data) => files.set(path, data),
  };
  for (const callback of module.preRun) callback({ FS });

  module.printErr(`INFO arguments: ${args.join(' ')}`);
  for (const [path, data] of files) module.printErr(`INFO file: ${path} (${new TextDecoder().decode(data)})`);
  if (args.includes('--lines')) {
    for (let line = 0; line < Number(value('--lines')); line += 1) module.printErr(`DEBUG line ${line}`);
  }
  if (args.includes('--trap')) throw new WebAssembly.RuntimeError('unreachable');

  const listen = /** @type {RegExpExecArray} */ (/^\[?(.*?)\]?:(\d+)$/.exec(value('--listen')));
  const port = Number(listen[2]);
  const Socket = /** @type {any} */ (globalThis).UDPSocket;
  const socket = new Socket({ localAddress: listen[1], ...(port > 0 && { localPort: port }) });
  let opened;
  try {
    opened = await socket.opened;
  } catch (error) {
    const { name, message } = /** @type {Error} */ (error);
    const errno = name === 'NetworkError' ? 'EADDRINUSE' : 'EACCES';
    module.printErr(`ERROR bind ${listen[1]}:${port}: ${errno}: ${message}`);
    return module.onExit(2);
  }

  const stats = {
    connections: 1, connections_total: 1, requests_total: 0, streams_total: 0, bytes_sent: 0, bytes_received: 0,
    datagrams_sent: 0, datagrams_received: 0, datagrams_dropped: 0, send_errors: 0,
  };
  const print = (/** @type {object} */ report) => module.print(JSON.stringify(report));
  if (!args.includes('--silent')) {
    const { localAddress: address, localPort } = opened;
    print({ ready: true, address, port: localPort, cert_sha256: 'ab'.repeat(32), cert_pem: '' });
  }
  const timer = setInterval(() => print({ stats }), 1000 * Number(value('--stats-interval')));

  const reader = opened.readable.getReader();
  const writer = opened.writable.getWriter();
  const echo = async () => {
    for (;;) {
      const { value: datagram, done } = await reader.read();
      if (done) return;
      stats.datagrams_received += 1;
      stats.bytes_received += datagram.data.byteLength;
      await writer.write(datagram);
      stats.datagrams_sent += 1;
      stats.bytes_sent += datagram.data.byteLength;
    }
  };
  void echo();

  const connection = { alpn: 'h3', age_ms: 61_000, bytes_sent: 2_000_000, bytes_received: 5000, rtt_ms: 0.42, lost_packets: 0, sessions: 1 };
  let busiest = [{ id: 7, remote: '127.0.0.1:50000', ...connection }, { id: 3, remote: '[::1]:50001', ...connection }];
  const input = module.stdinStream.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await input.read(); !chunk.done || args.includes('--deaf'); chunk = await input.read()) {
    if (chunk.done) await new Promise(() => {});
    for (const line of chunk.value.split('\n').filter(Boolean)) {
      const command = JSON.parse(line);
      if (command.connections) {
        busiest.filter(({ id }) => id === 3).forEach((one) => (one.lost_packets += 1)); // no two overviews are alike
        print({ connections: { total: busiest.length, busiest } });
      }
      if (!command.close) continue;
      print({ closed: { id: command.close, found: busiest.some(({ id }) => id === command.close) } });
      busiest = busiest.filter(({ id }) => id !== command.close);
    }
  }
  clearInterval(timer);
  await reader.cancel();
  reader.releaseLock();
  await writer.close();
  writer.releaseLock();
  await socket.close();
  print({ stopped: true });
  return module.onExit(0);
}
