/**
 * A pair of byte streams over a MessagePort: what a gateway is between a page and the worker in which its server runs, and
 * what the workers of one server have between each other. The port carries whole chunks, and null for the end; how much is
 * under way is their protocols' to bound.
 */

/**
 * @param {MessagePort} port
 * @returns {{
 *   readable: ReadableStream<Uint8Array<ArrayBuffer>>, writable: WritableStream<Uint8Array>, end(): void, finish(): void,
 * }} a chunk that is written is given away; `end` is for when there is nobody at the other end any more, `finish` for when
 *   there will be nobody at this one
 */
export function portStreams(port) {
  /** @type {ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>} */
  let controller;
  let open = true;
  const end = () => {
    if (!open) return;
    open = false;
    controller.close();
    port.close();
  };
  const readable = new ReadableStream({
    start(it) {
      controller = it;
      port.onmessage = ({ data }) => {
        if (data === null) end();
        else if (open) controller.enqueue(data);
      };
    },
    cancel() {
      open = false;
      port.close();
    },
  });
  const writable = new WritableStream({
    write(/** @type {Uint8Array<ArrayBuffer>} */ chunk) {
      const whole = chunk.byteLength === chunk.buffer.byteLength ? chunk : chunk.slice();
      port.postMessage(whole, [whole.buffer]);
    },
    close: () => port.postMessage(null),
    abort: () => port.postMessage(null),
  });
  return { readable, writable, end, finish: () => port.postMessage(null) };
}
