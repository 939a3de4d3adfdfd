// Questions as RFC 1035 has them, and answers that cannot be trusted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE_A, TYPE_AAAA, decodeAnswer, encodeQuestion } from '../src/dns-message.js';

const QUESTION = { id: 0x1234, name: 'one.test', type: TYPE_A };
const A = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4];
const CNAME = [0, 5, 0, 1, 0, 0, 0, 60];
/** The name of the question. */
const SAME = [0xc0, 12];

/** @param {string} text */
const name = (text) => [...text.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]), 0];

/**
 * @param {number[][]} records
 * @param {{ flags?: number, id?: number, name?: number[], type?: number, count?: number }} [other]
 */
function answer(records, { flags = 0x8180, id = QUESTION.id, name: asked = name(QUESTION.name), type = TYPE_A, count } = {}) {
  const short = (/** @type {number} */ value) => [value >> 8, value & 255];
  return Uint8Array.from([
    ...short(id), ...short(flags), 0, 1, ...short(count ?? records.length), 0, 0, 0, 0, ...asked, ...short(type), 0, 1,
    ...records.flat(),
  ]);
}

/** @param {Uint8Array} message */
const addresses = (message) => decodeAnswer(message, QUESTION)?.addresses.map((bytes) => [...bytes]);

test('a question is one question for recursion', () => {
  assert.deepEqual([.../** @type {Uint8Array} */ (encodeQuestion({ id: 0x1234, name: 'one.test.', type: TYPE_AAAA }))],
    [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name('one.test'), 0, 28, 0, 1]);
});

for (const [what, text] of [
  ['an empty label', 'one..test'], ['a label of 64 bytes', `${'a'.repeat(64)}.test`],
  ['more than 255 bytes', Array(64).fill('abc').join('.')], ['no name', ''],
]) {
  test(`${what} is no question`, () => {
    assert.equal(encodeQuestion({ ...QUESTION, name: text }), undefined);
  });
}

test('addresses of the name that was asked for', () => {
  assert.deepEqual(addresses(answer([[...SAME, ...A, 192, 0, 2, 1], [...name('ONE.test'), ...A, 192, 0, 2, 2]])),
    [[192, 0, 2, 1], [192, 0, 2, 2]]);
});

test('addresses at the end of a chain of aliases, in any order', () => {
  const message = answer([
    [...name('b.test'), ...A, 192, 0, 2, 9],
    [...SAME, ...CNAME, 0, 8, ...name('a.test')],
    [...name('a.test'), ...CNAME, 0, 8, ...name('b.test')],
  ]);
  assert.deepEqual(addresses(message), [[192, 0, 2, 9]]);
  assert.equal(decodeAnswer(message, QUESTION)?.canonname, 'b.test');
});

test('aliases in a circle end', () => {
  const message = answer([
    [...SAME, ...CNAME, 0, 8, ...name('a.test')],
    [...name('a.test'), ...CNAME, 0, 10, ...name('one.test')],
  ]);
  assert.deepEqual(addresses(message), []);
});

test('addresses of another name are not taken', () => {
  assert.deepEqual(addresses(answer([[...name('two.test'), ...A, 192, 0, 2, 1]])), []);
});

test('a truncated answer says so', () => {
  assert.equal(decodeAnswer(answer([], { flags: 0x8380 }), QUESTION)?.truncated, true);
});

test('rcode 3 is told', () => {
  assert.equal(decodeAnswer(answer([], { flags: 0x8183 }), QUESTION)?.rcode, 3);
});

for (const [what, message] of /** @type {[string, Uint8Array][]} */ ([
  ['with another id', answer([], { id: 1 })],
  ['that is a question', answer([], { flags: 0x0100 })],
  ['of another opcode', answer([], { flags: 0x8980 })],
  ['to another name', answer([], { name: name('two.test') })],
  ['to another type', answer([], { type: TYPE_AAAA })],
  ['shorter than a header', Uint8Array.of(0x12, 0x34, 0x81, 0x80)],
])) {
  test(`an answer ${what} is none`, () => {
    assert.equal(decodeAnswer(message, QUESTION), undefined);
  });
}

for (const [what, message] of /** @type {[string, Uint8Array][]} */ ([
  ['cut off in a record', answer([[...SAME, ...A, 192, 0]])],
  ['with fewer records than it says', answer([[...SAME, ...A, 192, 0, 2, 1]], { count: 2 })],
  ['with an address of five bytes', answer([[...SAME, 0, 1, 0, 1, 0, 0, 0, 60, 0, 5, 1, 2, 3, 4, 5]])],
  ['whose name points at itself', answer([[0xc0, 26, ...A, 192, 0, 2, 1]])],
  ['whose name points forward', answer([[0xc0, 40, ...A, 192, 0, 2, 1], [0xc0, 26, ...A, 192, 0, 2, 1]])],
  ['whose names point at each other', answer([[1, 97, 0xc0, 26, ...A, 192, 0, 2, 1]])],
  ['whose name points beyond its end', answer([[0xff, 0xff, ...A, 192, 0, 2, 1]])],
  ['whose label is of an unknown kind', answer([[0x81, 97, 0, ...A, 192, 0, 2, 1]])],
  ['whose name has a dot in a label', answer([[3, 97, 46, 98, 0, ...A, 192, 0, 2, 1]])],
  ['whose name is longer than 255 bytes', answer([[...name(Array(90).fill('abc').join('.')), ...A, 192, 0, 2, 1]])],
])) {
  test(`an answer ${what} is damaged`, () => {
    assert.throws(() => decodeAnswer(message, QUESTION), RangeError);
  });
}

test('no flipped byte makes anything but an answer, no answer, or a damaged one', () => {
  const good = answer([[...SAME, ...CNAME, 0, 8, ...name('a.test')], [...name('a.test'), ...A, 192, 0, 2, 9]]);
  for (let index = 0; index < good.length; index++) {
    for (let bit = 0; bit < 8; bit++) {
      const bad = good.slice();
      bad[index] ^= 1 << bit;
      try {
        decodeAnswer(bad, QUESTION);
      } catch (error) {
        assert.ok(error instanceof RangeError, `byte ${index}, bit ${bit}: ${error}`);
      }
    }
  }
});
