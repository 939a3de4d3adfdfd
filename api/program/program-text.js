/**
 * What the text of a program's JavaScript tells of it, before it runs: whether emcc made it, how it is loaded, whether its
 * sockets are the library's. It knows no worker, no process and no file.
 */

/** Classic scripts have no exports; a minified module has its one anywhere in a line. */
const EXPORTS = /(?:^|[;}\s])export\s*(?:default\b|\{)/;

/** Whether a program's text is an ES module (-sEXPORT_ES6). @param {string} text */
export const isModule = (text) => EXPORTS.test(text);

/** @param {string} text */
const isMadeByEmcc = (text) =>
  // The shell of emcc's programs names the program so until it is told its name; --minify keeps strings.
  text.includes('WebAssembly') && /this\.program|ExitStatus|EXITSTATUS/.test(text);

/** Whether it has sockets, and they are Emscripten's own. @param {string} text */
export const hasForeignSockets = (text) =>
  /SOCKFS|__syscall_(socket|connect|bind)\b/.test(text) && !text.includes('directSockets');

/** Whether it is linked with -sJSPI. @param {string} text */
export const needsJspi = (text) => /WebAssembly\.(Suspending|promising)|\bSuspending\b/.test(text);

/**
 * An error that carries a ProgramError's code out of the worker or process.
 * @param {string} code @param {string} message
 */
export const programError = (code, message) => Object.assign(new Error(message), { code });

/**
 * Fails where the program cannot run here.
 * @param {string} text
 * @param {string} name of it, for the message
 * @param {boolean} anySockets let Emscripten's own sockets pass
 * @throws {Error & {code: string}}
 */
export function checkProgram(text, name, anySockets) {
  if (text.startsWith('\0asm')) {
    throw programError('ENOEXEC', `${name} is WebAssembly: give the .js file that emcc made with it (emcc -o NAME.js)`);
  }
  if (!isMadeByEmcc(text)) {
    throw programError('ENOEXEC', `${name} is not a program made by emcc: -o NAME.js or NAME.mjs makes one`);
  }
  if (!anySockets && hasForeignSockets(text)) {
    throw programError('ERR_NOT_LINKED', `${name} is linked without libdirectsockets.js: its sockets are Emscripten's ` +
      'own, which reach no network here: link it with --js-library PATH/libdirectsockets.js');
  }
  if (needsJspi(text) && !('Suspending' in WebAssembly)) {
    throw programError('ERR_NO_JSPI', `${name} is linked with -sJSPI, and there is no WebAssembly.Suspending here: take ` +
      'Chrome 137 or newer, or Node 26; or link it with -pthread -sPROXY_TO_PTHREAD');
  }
}
