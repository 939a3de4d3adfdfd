// The frames of the gateway as bytes: what is written is read, however it is cut, and what is none is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CLOSE, CREDIT, DATA, END, HEAD, FrameReader, bytesFrame, closeFrame, jsonFrame, numberFrame, readClose, readJson, readNumber,
} from '../../gateway-frames.js';

/** @param {Uint8Array[]} frames */
const joined = (...frames) => Uint8Array.from(frames.flatMap((frame) => [...frame]));

/** @param {FrameReader} reader @param {number[] | Uint8Array} bytes */
const read = (reader, bytes) => [...reader.push(Uint8Array.from(bytes))];

test('frames survive however their bytes are cut', () => {
  const all = joined(
    jsonFrame(HEAD, 2, { status: 200, headers: [['a', 'ÿ']] }),
    bytesFrame(DATA, 2 ** 53 - 1, Uint8Array.of(0, 1, 255)),
    bytesFrame(END, 4),
    numberFrame(CREDIT, 6, 0xffffffff),
    closeFrame(8, { clean: true, code: 3, reason: 'enough, é' }),
  );
  for (const step of [1, 5, 13, all.length]) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < all.length; at += step) frames.push(...reader.push(all.slice(at, at + step)));
    const [head, data, end, credit, close] = frames;
    assert.deepEqual(frames.map(({ type, id }) => [type, id]), [[HEAD, 2], [DATA, 2 ** 53 - 1], [END, 4], [CREDIT, 6], [CLOSE, 8]]);
    assert.deepEqual(readJson(head), { status: 200, headers: [['a', 'ÿ']] });
    assert.deepEqual([...data.payload], [0, 1, 255]);
    assert.equal(end.payload.length, 0);
    assert.equal(readNumber(credit), 0xffffffff);
    assert.deepEqual(readClose(close), { clean: true, code: 3, reason: 'enough, é' });
  }
});

test('the layout is the documented one', () => {
  assert.deepEqual([...closeFrame(0x0102, { clean: true, code: 5, reason: 'no' })],
    [9, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 5, 110, 111]);
});

test('what is no frame is an error', () => {
  assert.throws(() => read(new FrameReader(), [11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), /unknown type 11/);
  assert.throws(() => read(new FrameReader(), [3, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), /1048576 bytes/);
  assert.throws(() => readNumber({ type: CREDIT, id: 2, payload: new Uint8Array(3) }), /3 bytes, not 4/);
  assert.throws(() => readClose({ type: CLOSE, id: 2, payload: new Uint8Array(4) }), /less than 5/);
  assert.throws(() => bytesFrame(HEAD, 2, new Uint8Array((256 << 10) + 1)), RangeError);
});
