/**
 * Whether a Chromium can install signed web bundles. Debian's 156 can't: its reader of bundles is a stub that drops the
 * answer, so that PWA.install waits for ever. The name of a histogram of the real one tells them apart.
 */
import { createReadStream } from 'node:fs';

const MARK = Buffer.from('SwbnFileUsability');

/** @param {string} binary the browser itself, not a script that starts it @returns {Promise<boolean>} */
export async function readsBundles(binary) {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(binary, { highWaterMark: 4 << 20 })) {
    const text = Buffer.concat([rest, chunk]);
    if (text.includes(MARK)) return true;
    rest = text.subarray(-MARK.length);
  }
  return false;
}
