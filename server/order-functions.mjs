// Finds an order of a WebAssembly module's functions that gzip makes less of: it looks back 32 KiB, so what is alike belongs
// together. The order is written as a number before each function's name, by which wasm-opt --reorder-functions-by-name
// then moves them and all that refers to them.
//
//   node order-functions.mjs IN.wasm OUT.wasm
//
// Each place goes to the function of which the greatest share was seen in those before it, as far as gzip looks back. What
// few functions have counts for more: what many have is found wherever they are.
import { readFileSync, writeFileSync } from 'node:fs';

/** What is looked for in other functions: as many bytes, a few instructions. Shorter and longer ones compress worse. */
const GRAM = 6;
/** How far gzip looks back, less what it needs to look ahead. */
const WINDOW = 30_000;
/** Added to each size, in bytes, so that short functions, alike by chance, don't go first. */
const SHORT = 200;

const SECTION_CUSTOM = 0;
const SECTION_IMPORT = 2;
const SECTION_CODE = 10;
const NAMES_OF_FUNCTIONS = 1;
const KIND_FUNCTION = 0;
const KIND_TABLE = 1;
const KIND_MEMORY = 2;
const HAS_MAXIMUM = 1;

/** Reads a module, or a part of one, from its beginning on. */
class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get ended() {
    return this.at >= this.bytes.length;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128 number. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** As many bytes as the number before them says. */
  sized() {
    const size = this.number();
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  text() {
    return Buffer.from(this.sized()).toString();
  }
}

/** @param {number} value */
function leb128(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

/** @param {Uint8Array} bytes */
function sized(bytes) {
  return Buffer.concat([leb128(bytes.length), bytes]);
}

/**
 * How many functions are imported: theirs are the first numbers.
 * @param {Uint8Array} section
 */
function importedFunctions(section) {
  const reader = new Reader(section);
  let functions = 0;
  for (let left = reader.number(); left > 0; left--) {
    reader.sized();
    reader.sized();
    const kind = reader.byte();
    if (kind === KIND_FUNCTION) {
      functions++;
      reader.number();
    } else if (kind === KIND_TABLE || kind === KIND_MEMORY) {
      if (kind === KIND_TABLE) reader.byte();
      const limits = reader.byte();
      reader.number();
      if (limits & HAS_MAXIMUM) reader.number();
    } else {
      // A global's type and whether it changes.
      reader.at += 2;
    }
  }
  return functions;
}

/**
 * What can be found again in other functions.
 * @param {Uint8Array} body
 */
function grams(body) {
  /** @type {Set<number>} */
  const found = new Set();
  for (let start = 0; start + GRAM <= body.length; start++) {
    // FNV, and its high bits into the low ones.
    let hash = 0;
    for (let index = start; index < start + GRAM; index++) hash = Math.imul(hash, 0x01000193) ^ body[index];
    found.add(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0);
  }
  return found;
}

/**
 * What a gram counts.
 * @param {number[]} functions who has it
 */
function weight(functions) {
  return 1 / Math.sqrt(functions.length);
}

/**
 * The numbers of functions in the order that was found.
 * @param {Uint8Array[]} bodies
 */
function order(bodies) {
  const found = bodies.map(grams);
  /** @type {Map<number, number[]>} who has a gram */
  const owners = new Map();
  found.forEach((own, index) => {
    for (const gram of own) {
      const others = owners.get(gram);
      if (others) others.push(index);
      else owners.set(gram, [index]);
    }
  });
  const telling = found.map((own) =>
    [...own]
      .map((gram) => ({ functions: owners.get(gram) ?? [], gram }))
      .filter(({ functions }) => functions.length > 1),
  );
  /** @type {Map<number, number>} how often a gram is in what gzip sees */
  const seen = new Map();
  /** How many of its grams are, each by its weight. */
  const alike = new Float64Array(bodies.length);
  const waiting = new Set(bodies.keys());
  /** @type {number[]} */
  const ordered = [];
  let oldest = 0;
  let size = 0;

  const place = (/** @type {number} */ index) => {
    waiting.delete(index);
    ordered.push(index);
    size += bodies[index].length;
    for (const { gram, functions } of telling[index]) {
      const times = seen.get(gram) ?? 0;
      seen.set(gram, times + 1);
      if (times === 0) for (const other of functions) alike[other] += weight(functions);
    }
    for (; size > WINDOW && oldest < ordered.length - 1; oldest++) {
      size -= bodies[ordered[oldest]].length;
      for (const { gram, functions } of telling[ordered[oldest]]) {
        const times = (seen.get(gram) ?? 0) - 1;
        seen.set(gram, times);
        if (times === 0) for (const other of functions) alike[other] -= weight(functions);
      }
    }
  };

  while (waiting.size > 0) {
    let [best] = waiting;
    let share = 0;
    for (const index of waiting) {
      const its = alike[index] / (bodies[index].length + SHORT);
      if (its > share) [best, share] = [index, its];
    }
    place(best);
  }
  return ordered;
}

/**
 * The names of functions with the places before them.
 * @param {Uint8Array} names
 * @param {Map<number, number>} places
 */
function numbered(names, places) {
  const reader = new Reader(names);
  const count = reader.number();
  const written = [leb128(count)];
  for (let left = count; left > 0; left--) {
    const index = reader.number();
    const name = reader.text();
    const place = places.get(index);
    const text = place === undefined ? name : `${String(place).padStart(6, '0')} ${name}`;
    written.push(leb128(index), sized(Buffer.from(text)));
  }
  return Buffer.concat(written);
}

const [input, output] = process.argv.slice(2);
const reader = new Reader(readFileSync(input));
const parts = [reader.bytes.subarray(0, 8)];
reader.at = 8;
let imported = 0;
/** @type {Map<number, number>} */
const places = new Map();
while (!reader.ended) {
  const start = reader.at;
  const id = reader.byte();
  const section = new Reader(reader.sized());
  if (id === SECTION_IMPORT) {
    imported = importedFunctions(section.bytes);
  } else if (id === SECTION_CODE) {
    const bodies = Array.from({ length: section.number() }, () => section.sized());
    order(bodies).forEach((index, place) => places.set(imported + index, place));
  } else if (id === SECTION_CUSTOM && section.text() === 'name') {
    const kept = [sized(Buffer.from('name'))];
    while (!section.ended) {
      const kind = section.byte();
      const names = section.sized();
      kept.push(Buffer.from([kind]), sized(kind === NAMES_OF_FUNCTIONS ? numbered(names, places) : names));
    }
    parts.push(Buffer.from([id]), sized(Buffer.concat(kept)));
    continue;
  }
  parts.push(reader.bytes.subarray(start, reader.at));
}
writeFileSync(output, Buffer.concat(parts));
