// The platform's limit: the same work as subject.c in hand-written JavaScript straight on Direct Sockets, with the same
// arguments and output. An ES module in the place of an Emscripten program (a default export that takes Module's options):
// it runs in the same worker of the same browser, or on Node over this project's classes of the same interface. The runner
// takes for such a program what names WebAssembly and ExitStatus, as this line does.
//
// Sending over TCP it is as safe as the library, and no safer loop is known: Chromium drops a chunk whose write begins
// while the pipe is full (emscripten-lib/src/tcp-writer.js), so bulk data goes out in chunks longer than the pipe, and one
// whose promise resolves within its own task is written again.

/** More than the data pipe holds. */
const LONG = 600 * 1024;
/** As subject.c. */
const PERIOD = 1048573;
const UDP_BUFFER = 4 << 20;
/** What the flood's other end says (scenarios.rs). */
const KNOCK = [...'knock'].map((letter) => letter.charCodeAt(0));
const END = [...'end'].map((letter) => letter.charCodeAt(0));
/** Writes under way at once: a stream orders them, and the promise of each would otherwise cost a turn. */
const AHEAD = 64;

/** @typedef {{ UDPSocket: UDPSocketClass, TCPSocket: TCPSocketClass, TCPServerSocket: TCPServerSocketClass }} Platform */

/** @typedef {{ numbers: number[], print: (line: string) => void, platform: Platform }} Job numbers: the arguments */
/** @typedef {{ reader: DatagramReader, writer: DatagramWriter, localPort: number }} OpenUdp */

/**
 * @param {{ arguments: string[], print: (line: string) => void, onExit: (code: number) => void, platform?: Platform }} module
 */
export default async function createModule({ arguments: [mode, ...rest], print, onExit, platform }) {
  const job = {
    numbers: rest.map(Number),
    print,
    platform: platform ?? /** @type {Platform} */ (/** @type {any} */ (globalThis)),
  };
  /** @type {Record<string, () => Promise<void>>} */
  const modes = { ...udpModes(job), ...tcpModes(job) };
  try {
    await (modes[mode] ?? (async () => {
      throw new Error(`no mode ${mode}`);
    }))();
    print('done');
    onExit(0);
  } catch (error) {
    print(String(error));
    onExit(1);
  }
}

/** @param {Job} job @returns {Record<string, () => Promise<void>>} */
function udpModes({ numbers, print, platform: { UDPSocket } }) {
  const openUdp = async (/** @type {UDPSocketOptions} */ options = {}) => {
    const socket = new UDPSocket({ localAddress: '127.0.0.1', receiveBufferSize: UDP_BUFFER, ...options });
    const { readable, writable, localPort } = await socket.opened;
    return { reader: readable.getReader(), writer: writable.getWriter(), localPort };
  };

  return {
    async 'udp-echo'() {
      const { reader, writer, localPort } = await openUdp();
      print(`port ${localPort}`);
      for (;;) {
        const { value } = await reader.read();
        if (!value || value.data.byteLength === 1) return;
        writer.write(value);
      }
    },

    async 'udp-send'() {
      const [port, size, ms] = numbers;
      print(`sent ${await sendFor(ms, port, size, await openUdp())}`);
    },

    // On several sockets of one port, whose writes the browser makes in parallel; each has its datagrams in order.
    async 'udp-send-striped'() {
      const [port, size, ms, count] = numbers;
      const first = await openUdp({ multicastAllowAddressSharing: true });
      const more = Array.from({ length: count - 1 }, () =>
        openUdp({ multicastAllowAddressSharing: true, localPort: first.localPort }));
      const sockets = [first, ...await Promise.all(more)];
      const sent = await Promise.all(sockets.map((socket) => sendFor(ms, port, size, socket)));
      print(`sent ${sent.reduce((sum, one) => sum + one)}`);
    },

    async 'udp-receive'() {
      const [size, ms] = numbers;
      const { reader, localPort } = await openUdp();
      print(`port ${localPort}`);
      let received = 0;
      let start = 0;
      /** @type {number} */
      let time;
      do {
        for (let i = 0; i < 16; i++) {
          const { value } = await reader.read();
          start ||= performance.now();
          if (value?.data.byteLength === size) received++;
        }
        time = performance.now() - start;
      } while (time < ms);
      print(`received ${received}`);
      print(`ms ${time}`);
    },

    // All of a flood, on several sockets of one port, and an answer at once to whoever knocks: how many have come by then.
    async 'udp-flood'() {
      const [count, receiveBufferSize] = numbers;
      const first = await openUdp({ multicastAllowAddressSharing: true, receiveBufferSize });
      const { localPort } = first;
      const more = Array.from({ length: count - 1 }, () =>
        openUdp({ multicastAllowAddressSharing: true, receiveBufferSize, localPort }));
      const sockets = [first, ...await Promise.all(more)];
      print(`port ${localPort}`);
      let received = 0n;
      const readAll = async (/** @type {OpenUdp} */ { reader, writer }) => {
        for (;;) {
          const { value } = await reader.read();
          if (!value) throw new Error('the port was lost');
          received++;
          const { data, remoteAddress, remotePort } = value;
          if (begins(data, END)) return;
          if (begins(data, KNOCK)) {
            const answer = new BigUint64Array([received]);
            writer.write({ data: new Uint8Array(answer.buffer), remoteAddress, remotePort });
          }
        }
      };
      await Promise.race(sockets.map(readAll));
    },
  };
}

/**
 * Sends datagrams, many ahead of those that have left.
 * @param {number} ms for how long @param {number} port where to @param {number} size of each, in bytes
 * @param {OpenUdp} socket
 * @returns {Promise<number>} how many have left
 */
async function sendFor(ms, port, size, { writer }) {
  const data = new Uint8Array(size);
  /** @type {Promise<void>[]} */
  const flying = [];
  let sent = 0;
  for (const end = performance.now() + ms; performance.now() < end;) {
    for (let i = 0; i < 16; i++, sent++) {
      if (flying.length >= AHEAD) await flying.shift();
      flying.push(writer.write({ data, remoteAddress: '127.0.0.1', remotePort: port }));
    }
  }
  await Promise.all(flying);
  return sent;
}

/** @param {Job} job @returns {Record<string, () => Promise<void>>} */
function tcpModes({ numbers, print, platform: { TCPSocket, TCPServerSocket } }) {
  /** @param {number} port */
  const dial = async (port) => {
    const socket = new TCPSocket('127.0.0.1', port, { noDelay: true });
    const { readable, writable } = await socket.opened;
    const reader = readable.getReader();
    const writer = writable.getWriter();
    return { reader, writer, close: () => closeTcp(socket, reader, writer) };
  };

  const listen = async () => {
    const { readable, localPort } = await new TCPServerSocket('127.0.0.1', { backlog: 1024 }).opened;
    print(`port ${localPort}`);
    print('listening 1');
    return readable.getReader();
  };

  return {
    async 'tcp-upload'() {
      const [port, total, chunk] = numbers;
      const bytes = stream(chunk);
      const { reader, writer, close } = await dial(port);
      // Pieces of the program's size are gathered, as any safe loop has to; two buffers take turns.
      const buffers = [new Uint8Array(LONG + chunk), new Uint8Array(LONG + chunk)];
      let filled = 0;
      let turn = 0;
      let flying = Promise.resolve();
      for (let sent = 0; sent < total;) {
        const length = Math.min(chunk, total - sent);
        const from = sent % PERIOD;
        buffers[turn].set(bytes.subarray(from, from + length), filled);
        filled += length;
        sent += length;
        // The last one is made long enough to be sent safely: what is left is more than a pipe, or nothing.
        if (filled < LONG || (total - sent < LONG && sent < total)) {
          if (filled + chunk > buffers[turn].byteLength) buffers[turn] = enlarged(buffers[turn]);
          continue;
        }
        await flying;
        const whole = buffers[turn].subarray(0, filled);
        flying = TCPSocket.lossless ? writer.write(whole) : writeSafely(writer, whole);
        turn ^= 1;
        filled = 0;
      }
      await flying;
      await reader.read();
      await close();
    },

    async 'tcp-download'() {
      // The program's buffer (the third number) plays no part: the stream's own chunks are as large as they come.
      const [port, total, , check] = numbers;
      const bytes = check ? stream(1 << 20) : new Uint8Array(0);
      const { reader, writer, close } = await dial(port);
      for (let received = 0; received < total;) {
        const { value } = await reader.read();
        if (!value) throw new Error(`the stream ended after ${received} bytes of ${total}`);
        if (check) {
          const from = received % PERIOD;
          for (let i = 0; i < value.length; i++) {
            if (value[i] !== bytes[(from + i) % PERIOD]) throw new Error(`wrong bytes after ${received + i}`);
          }
        }
        received += value.byteLength;
      }
      await writer.write(new Uint8Array(1));
      await reader.read();
      await close();
    },

    async 'tcp-connect'() {
      const [port, count] = numbers;
      const closings = new Set();
      for (let i = 0; i < count; i++) {
        // The next one does not wait for the end of this one, nor does it in the program.
        const { close } = await dial(port);
        const closing = close().finally(() => closings.delete(closing));
        closings.add(closing);
      }
      await Promise.all(closings);
    },

    async 'tcp-accept'() {
      const [count] = numbers;
      const accepted = await listen();
      for (let i = 0; i < count; i++) {
        const { value } = await accepted.read();
        if (!value) throw new Error('the port was lost');
        await value.opened;
        value.close().catch(() => {});
      }
    },

    async 'tcp-echo'() {
      const accepted = await listen();
      const { value: socket } = await accepted.read();
      if (!socket) throw new Error('the port was lost');
      const { readable, writable } = await socket.opened;
      const reader = readable.getReader();
      const writer = writable.getWriter();
      for (;;) {
        const { value } = await reader.read();
        if (!value) break;
        // Request and answer: the pipe is empty each time.
        await writer.write(value);
      }
      await closeTcp(socket, reader, writer);
    },
  };
}

/** @param {Uint8Array} data @param {number[]} bytes */
function begins(data, bytes) {
  return bytes.every((byte, at) => data[at] === byte);
}

/** @param {number} chunk @returns {Uint8Array} as subject.c */
function stream(chunk) {
  const bytes = new Uint8Array(PERIOD + chunk);
  for (let i = 0; i < PERIOD; i++) {
    const k = Math.imul(i, 2654435761);
    bytes[i] = (k >>> 24) ^ (k >>> 13);
  }
  for (let i = 0; i < chunk; i++) bytes[PERIOD + i] = bytes[i % PERIOD];
  return bytes;
}

/** @param {Uint8Array<ArrayBuffer>} buffer */
function enlarged(buffer) {
  const larger = new Uint8Array(2 * buffer.byteLength);
  larger.set(buffer);
  return larger;
}

/** @param {ByteWriter} writer @param {Uint8Array} chunk longer than the pipe */
async function writeSafely(writer, chunk) {
  for (let delay = 1; ; delay = Math.min(2 * delay, 32)) {
    const write = writer.write(chunk);
    let settled = false;
    write.then(() => {
      settled = true;
    });
    for (let hop = 0; hop < 32 && !settled; hop++) await undefined;
    if (!settled) return write;
    await new Promise((resolve) => void setTimeout(resolve, delay));
  }
}

/** @param {TCPSocket} socket @param {ByteReader} reader @param {ByteWriter} writer */
async function closeTcp(socket, reader, writer) {
  await writer.close().catch(() => {});
  await reader.cancel().catch(() => {});
  reader.releaseLock();
  writer.releaseLock();
  await socket.closed.catch(() => {});
}
