/**
 * The frames of the gateway protocol (docs/gateway.md) as bytes. It knows their layout, and nothing of what may come when.
 */

/** By number. */
export const HELLO = 0;
export const OPEN = 1;
export const HEAD = 2;
export const DATA = 3;
export const END = 4;
export const RESET = 5;
export const STOP = 6;
export const CREDIT = 7;
export const DATAGRAM = 8;
export const CLOSE = 9;
export const MESSAGE = 10;

/** In the first byte of a message's part: it is the last one, and it is text. */
export const LAST = 1;
export const TEXT = 2;

/** Bytes before the payload: type, length of the payload, number of the exchange. */
const HEADER = 12;
/** The largest payload. */
const MAX_PAYLOAD = 256 * 1024;
/** The largest piece of data that is put into one frame. */
export const MAX_DATA = 64 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @typedef {{type: number, id: number, payload: Uint8Array<ArrayBuffer>}} Frame `id` is 0 in a hello */
/** @typedef {{clean: boolean, code: number, reason: string}} Close */

/**
 * @param {number} type @param {number} id @param {number} length of the payload
 * @returns {Uint8Array<ArrayBuffer>} a frame whose payload is still to be written
 */
function frame(type, id, length) {
  if (length > MAX_PAYLOAD) throw new RangeError(`a gateway frame has ${length} bytes, more than ${MAX_PAYLOAD}`);
  const bytes = new Uint8Array(HEADER + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type * 0x1000000 + length);
  view.setUint32(4, Math.floor(id / 0x100000000));
  view.setUint32(8, id >>> 0);
  return bytes;
}

/** @param {number} type @param {number} id @param {Uint8Array} [payload] */
export function bytesFrame(type, id, payload = new Uint8Array()) {
  const bytes = frame(type, id, payload.byteLength);
  bytes.set(payload, HEADER);
  return bytes;
}

/** @param {number} type @param {number} id @param {unknown} value */
export const jsonFrame = (type, id, value) => bytesFrame(type, id, encoder.encode(JSON.stringify(value)));

/** RESET, STOP or CREDIT. @param {number} type @param {number} id @param {number} number of 32 bits */
export function numberFrame(type, id, number) {
  const bytes = frame(type, id, 4);
  new DataView(bytes.buffer).setUint32(HEADER, number);
  return bytes;
}

/** @param {number} id @param {Close} close */
export function closeFrame(id, { clean, code, reason }) {
  const text = encoder.encode(reason);
  const bytes = frame(CLOSE, id, 5 + text.byteLength);
  bytes[HEADER] = Number(clean);
  new DataView(bytes.buffer).setUint32(HEADER + 1, code);
  bytes.set(text, HEADER + 5);
  return bytes;
}

/** @param {Frame} frame whose payload is JSON @returns {any} */
export const readJson = ({ payload }) => JSON.parse(decoder.decode(payload));

/** @param {Frame} frame of a type with one number @returns {number} */
export function readNumber({ type, payload }) {
  if (payload.byteLength !== 4) throw new Error(`a gateway frame of type ${type} has ${payload.byteLength} bytes, not 4`);
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

/** @param {Frame} frame CLOSE @returns {Close} */
export function readClose({ payload }) {
  if (payload.byteLength < 5) throw new Error('a gateway close has less than 5 bytes');
  return {
    clean: payload[0] !== 0,
    code: new DataView(payload.buffer, payload.byteOffset).getUint32(1),
    reason: decoder.decode(payload.subarray(5)),
  };
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  /** What has come of a frame that is not whole. @type {Uint8Array<ArrayBuffer>} */
  #rest = new Uint8Array();

  /**
   * @param {Uint8Array<ArrayBuffer>} chunk the next bytes, however they are cut; payloads are parts of it
   * @returns {Generator<Frame>}
   * @throws {Error} when what came is no frame
   */
  *push(chunk) {
    let data = chunk;
    if (this.#rest.byteLength > 0) {
      data = new Uint8Array(this.#rest.byteLength + chunk.byteLength);
      data.set(this.#rest);
      data.set(chunk, this.#rest.byteLength);
    }
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;
    while (data.byteLength - at >= HEADER) {
      const type = data[at];
      const length = view.getUint32(at) & 0xffffff;
      if (type > MESSAGE) throw new Error(`a gateway frame has the unknown type ${type}`);
      if (length > MAX_PAYLOAD) throw new Error(`a gateway frame has ${length} bytes, more than ${MAX_PAYLOAD}`);
      const end = at + HEADER + length;
      if (end > data.byteLength) break;
      const id = view.getUint32(at + 4) * 0x100000000 + view.getUint32(at + 8);
      yield { type, id, payload: data.subarray(at + HEADER, end) };
      at = end;
    }
    this.#rest = data.subarray(at);
  }
}
