/**
 * What whoever runs the server looks up in its command line. It is the server that checks it: a value that can't be is
 * taken for the default here, and refused there.
 */

/** As the server has them (server/src/arguments). */
const MAX_WORKERS = 16;
const DRAIN_SECONDS = 3;
/** Seconds for closing its connections, beyond those for answering what it was asked. */
const CLOSING_SECONDS = 2;

/**
 * The value of an option.
 * @param {string[]} args
 * @param {string} name
 * @returns {string | undefined}
 */
export function valueOf(args, name) {
  const place = args.findLastIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  if (place < 0) return undefined;
  return args[place] === name ? args[place + 1] : args[place].slice(name.length + 1);
}

/**
 * How many workers are asked for.
 * @param {string[]} args
 */
export function workersOf(args) {
  const asked = Number(valueOf(args, '--workers') ?? 1);
  return Number.isInteger(asked) && asked >= 1 && asked <= MAX_WORKERS ? asked : 1;
}

/**
 * Milliseconds in which a server that is asked to stop has to end.
 * @param {string[]} args
 */
export function stopPatience(args) {
  const drain = Number(valueOf(args, '--drain-timeout') ?? DRAIN_SECONDS);
  return 1000 * ((Number.isFinite(drain) ? drain : DRAIN_SECONDS) + CLOSING_SECONDS);
}
