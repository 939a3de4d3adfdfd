/**
 * What the checks of a bundle find, each with its place: they return problems, and only the command line prints them.
 */

/**
 * @typedef {object} Problem
 * @property {'error' | 'warning'} severity an error is what Chrome refuses or what fails when the app runs
 * @property {string} rule the check's name, for programs: "inline-script"
 * @property {string} file below the app's directory, or the resource's path in a bundle
 * @property {Position} [at]
 * @property {string} message what is wrong, and the next step
 */

/** @typedef {{line: number, column: number}} Position both from 1 */

/**
 * A file of the app, on its way into a bundle or out of one.
 * @typedef {object} Resource
 * @property {string} path as a URL has it: "/app.js"
 * @property {string} file its name for people
 * @property {string} type Content-Type
 * @property {Uint8Array} bytes
 */

/** @typedef {Map<string, Resource>} Resources by path */

/**
 * @param {Problem['severity']} severity @param {string} rule @param {string} file @param {string} message
 * @param {Position} [at]
 * @returns {Problem}
 */
export const problem = (severity, rule, file, message, at) => ({ severity, rule, file, message, ...(at && { at }) });

/** @param {string} text @param {number} offset in UTF-16 units @returns {Position} */
export function positionOf(text, offset) {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/** As compilers print it. @param {Problem} found */
export function formatProblem({ severity, file, at, message }) {
  return `${file}${at ? `:${at.line}:${at.column}` : ''}: ${severity}: ${message}`;
}

/** @param {Uint8Array} bytes */
export const textOf = (bytes) => new TextDecoder().decode(bytes);
