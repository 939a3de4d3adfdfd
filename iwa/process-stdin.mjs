/** This process's standard input, untouched until someone asks for it: what is not read is the next program's. */

/** @returns {AsyncGenerator<Uint8Array>} */
export async function* standardInput() {
  // The getter itself throws where descriptor 0 is closed or of a kind that Node cannot read.
  for await (const chunk of process.stdin) yield new Uint8Array(chunk);
}
