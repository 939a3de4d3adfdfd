// Imports that suspend the program only when they have to wait. A WebAssembly.Suspending import may be called on no other
// stack than one entered through a promising export: elsewhere (a callback, a static constructor, stdio flushed at
// exit) it throws a SuspendError even when its function returns a number at once (seen: Node 26.10). And JavaScript
// frames cannot be suspended. So the choice is made in wasm: a stub calls the plain import, and only when that answers
// "I would have to wait" calls the suspending one. A promise that has a method `instead` is for a call with an answer
// where nothing can suspend: the stub catches the SuspendError.

/** No syscall returns this. */
const WAIT = -0x80000000;

/** What the stub that is running just now has to wait for: nothing runs between its two calls. */
let pending = /** @type {Promise<number> & { instead?(): number } | undefined} */ (undefined);

/** Modules by the types of their parameters and whether they catch. @type {Map<string, WebAssembly.Module>} */
const stubs = new Map();

const I32 = 0x7f;
const I64 = 0x7e;

/** @param {number} id @param {number[]} content at most 127 bytes, as everything here */
const section = (id, content) => [id, content.length, ...content];
const wasmName = (/** @type {string} */ text) => [text.length, ...text.split('').map((letter) => letter.charCodeAt(0))];

/**
 * (func (export "f") (param ...) (result i32)
 *   (if (result i32) (i32.eq (local.tee $r (call $attempt ...)) (i32.const WAIT))
 *     (then (call $wait)) (else (local.get $r))))
 * or, in the place of (call $wait):
 *   (block (return (try_table (result i32) (catch_all 0) (call $wait)))) (call $instead)
 * @param {number[]} parameters value types
 * @param {boolean} catches
 * @returns {Uint8Array<ArrayBuffer>}
 */
function stubBytes(parameters, catches) {
  const result = parameters.length;
  const wait = catches
    ? [0x02, 0x40, 0x1f, I32, 1, 0x02, 0, 0x10, 1, 0x0b, 0x0f, 0x0b, 0x10, 2]
    : [0x10, 1];
  const code = [
    1, 1, I32,
    ...parameters.flatMap((_, index) => [0x20, index]),
    0x10, 0, 0x22, result,
    0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x46,
    0x04, I32, ...wait, 0x05, 0x20, result, 0x0b, 0x0b,
  ];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [2, 0x60, parameters.length, ...parameters, 1, I32, 0x60, 0, 1, I32]),
    ...section(2, [
      3, ...wasmName('e'), ...wasmName('attempt'), 0, 0, ...wasmName('e'), ...wasmName('wait'), 0, 1,
      ...wasmName('e'), ...wasmName('instead'), 0, 1,
    ]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...wasmName('f'), 0, 3]),
    ...section(10, [1, code.length, ...code]),
  ]);
}

/**
 * @param {(...args: any[]) => number | Promise<number>} call an import as a JavaScript function
 * @param {string} signature Emscripten's: a letter for the result, which is i, then one for each parameter
 * @param {boolean} memory64 pointers are i64
 * @param {boolean} [catches] its promises have `instead`
 * @returns {Function} an import for WebAssembly, which suspends when `call` returns a promise
 */
export function makeSuspendable(call, signature, memory64, catches = false) {
  const { Suspending } = /** @type {any} */ (WebAssembly);
  // Emscripten's own start-up says what is wrong.
  if (!Suspending) return call;
  const key = `${signature} ${catches}`;
  let stub = stubs.get(key);
  if (!stub) {
    const types = [...signature.slice(1)].map((letter) => (letter === 'j' || (letter === 'p' && memory64) ? I64 : I32));
    stub = new WebAssembly.Module(stubBytes(types, catches));
    stubs.set(key, stub);
  }
  const { exports } = new WebAssembly.Instance(stub, { e: {
    attempt: (/** @type {any[]} */ ...args) => {
      const value = call(...args);
      if (typeof value === 'number') return value;
      pending = value;
      return WAIT;
    },
    wait: new Suspending(() => {
      const promise = pending;
      pending = undefined;
      return promise;
    }),
    instead: () => {
      const promise = pending;
      pending = undefined;
      return promise?.instead?.();
    },
  } });
  return /** @type {Function} */ (exports.f);
}
