/** JSON with the places of its values, or why it is none. */
import { parseTree, printParseErrorCode } from 'jsonc-parser';

/**
 * @param {string} text
 * @returns {{tree?: import('jsonc-parser').Node, fault?: {why: string, offset: number}}} no tree where there is nothing
 */
export function parseJson(text) {
  /** @type {import('jsonc-parser').ParseError[]} */
  const faults = [];
  try {
    const tree = parseTree(text, faults, { disallowComments: true });
    if (faults.length === 0) return { tree };
  } catch (error) {
    // The parser calls itself for each level.
    if (!(error instanceof RangeError)) throw error;
    return { fault: { why: 'too many levels', offset: 0 } };
  }
  const [{ error, offset }] = faults;
  return { fault: { why: spaced(printParseErrorCode(error)), offset } };
}

/** @param {string} name "ValueExpected" */
const spaced = (name) => name.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
