#!/usr/bin/env node
/**
 * iwa-pack: makes a directory into a signed web bundle that Chrome installs as an Isolated Web App, checks bundles,
 * makes keys, and keeps an update manifest. This file is the command line; pack/ does the work.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runMain } from './command.mjs';
import { LaunchError } from './launch-error.mjs';
import { checkApp } from './pack/app-check.mjs';
import { compareVersions, versionFault } from './pack/app-version.mjs';
import { idOf, makeSignedBundle, originOf } from './pack/bundle.mjs';
import { readApp } from './pack/directory.mjs';
import { formatProblem } from './pack/problem.mjs';
import { BUNDLE_ID, readSignedBundle } from './pack/signed-bundle.mjs';
import { KEY_TYPES, PASSPHRASE, generateKey, readKey } from './pack/signing-key.mjs';
import { addVersion } from './pack/update-manifest.mjs';
import { writeAtomically } from './pack/write-file.mjs';
import { withRecentNode } from './recent-node.mjs';

const USAGE = `Usage: iwa-pack DIR --key KEY -o FILE.swbn [OPTIONS]
       iwa-pack DIR --check
       iwa-pack --verify FILE.swbn
       iwa-pack --generate-key FILE [--key-type TYPE] [--encrypt]
       iwa-pack --update-manifest FILE --version VERSION --src URL [--channel NAME]

Makes the directory of an Isolated Web App into a signed web bundle, and prints its id and origin. What Chrome refuses
to install, or what fails when the app runs, is said with its file and line, and no bundle is made then.

  --key FILE              the private key, PEM; again and again for further signatures, then with --id. If it is
                          encrypted, its passphrase is asked for, or is in $${PASSPHRASE}
  -o, --output FILE       the bundle
  --id ID                 the app's id, where its key was replaced by this one (default: the one that the key makes)
  --check                 check the directory, make nothing
  --verify FILE           check a bundle: integrity block, signatures, id, resources, and the app inside
  --generate-key FILE     make a key, readable by you alone; a file that exists is never overwritten
  --key-type TYPE         ${KEY_TYPES.join(' or ')} (default: ${KEY_TYPES[0]})
  --encrypt               with a passphrase
  --update-manifest FILE  add the version to an update manifest, which is made if it is not there
  --version VERSION       the version (default: the app's; 1 to 4 numbers, as 1.2.3)
  --src URL               where the bundle is downloaded from: https:, or relative to the update manifest
  --channel NAME          an update channel that gets it, again and again (default: the channel "default")
  --json                  one JSON object on standard output; problems are in it too
  --help                  this text

Examples:
  iwa-pack --generate-key app-key.pem
  iwa-pack dist --key app-key.pem -o app-1.0.0.swbn --update-manifest updates.json --src app-1.0.0.swbn
  iwa-pack --verify app-1.0.0.swbn

Exit code: 0 done; 1 what was looked at is not right; 2 it could not be tried (arguments, a file that can't be read or
written, a key).
`;

const OPTIONS = /** @type {const} */ ({
  key: { type: 'string', multiple: true },
  output: { type: 'string', short: 'o' },
  id: { type: 'string' },
  check: { type: 'boolean', default: false },
  verify: { type: 'string' },
  'generate-key': { type: 'string' },
  'key-type': { type: 'string', default: KEY_TYPES[0] },
  encrypt: { type: 'boolean', default: false },
  'update-manifest': { type: 'string' },
  version: { type: 'string' },
  src: { type: 'string' },
  channel: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean' },
});

/** Bytes from which on the steps are told: below it takes a second or two. */
const LONG = 64 << 20;

/** @typedef {ReturnType<typeof parseArgs<{options: typeof OPTIONS, allowPositionals: true}>>['values']} Values */
/** @typedef {{ok: boolean, lines: string[], [field: string]: unknown}} Result `lines` are the result for people */

const say = (/** @type {string} */ text) => void process.stderr.write(`iwa-pack: ${text}\n`);
const warn = (/** @type {string} */ text) => say(`warning: ${text}`);
const refuse = (/** @type {string} */ message) => {
  throw new LaunchError(message, { exitCode: 2 });
};
const count = (/** @type {number} */ number, /** @type {string} */ thing) =>
  `${number} ${thing}${number === 1 ? '' : 's'}`;
const size = (/** @type {number} */ bytes) =>
  (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const byteLength = (/** @type {import('./pack/problem.mjs').Resources} */ resources) =>
  [...resources.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);

/** Lines of names and values. @param {Record<string, string>} fields */
const table = (fields) => Object.entries(fields).map(([name, value]) => `  ${name.padEnd(10)}  ${value}`);

/**
 * Shows problems, and says how many there are.
 * @param {import('./pack/problem.mjs').Problem[]} problems
 * @param {(file: string) => string} place a file's name for people
 */
function report(problems, place) {
  for (const found of problems) process.stderr.write(`${formatProblem({ ...found, file: place(found.file) })}\n`);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const said = [errors && count(errors, 'error'), warnings && count(warnings, 'warning')];
  return { errors, said: said.filter(Boolean).join(', ') };
}

/** The app in a directory, and everything that is wrong with it. @param {string} directory */
function examine(directory) {
  const { resources, problems: ofFiles } = readApp(directory);
  if (resources.size === 0 && ofFiles.length === 0) {
    refuse(`${directory}: there is nothing in it: give the directory that the app is in`);
  }
  const { problems: ofApp, version, name } = checkApp(resources);
  const problems = [...ofFiles, ...ofApp];
  const shown = report(problems, (file) => path.join(directory, file));
  return { resources, problems, version, name, ...shown };
}

/** @param {string} directory @returns {Result} */
function check(directory) {
  const { errors, said, problems, resources } = examine(directory);
  const found = `${directory}: ${count(resources.size, 'resource')}, ${said || 'nothing is wrong with it'}`;
  return { ok: errors === 0, action: 'check', directory, problems, lines: [found] };
}

/** @param {string} directory @param {Values} values @param {AbortSignal} signal @returns {Promise<Result>} */
async function pack(directory, values, signal) {
  const { key: keyFiles = [], output, id: givenId } = values;
  if (keyFiles.length === 0) {
    return refuse('--key is needed; iwa-pack --generate-key FILE makes one (--check needs none)');
  }
  if (output === undefined) return refuse('-o FILE.swbn is needed: where the bundle goes');
  if (keyFiles.length > 1 && givenId === undefined) {
    return refuse('several keys make several ids: say with --id which is the app’s');
  }
  if (givenId !== undefined && !BUNDLE_ID.test(givenId)) {
    return refuse(`--id ${givenId}: an id is 56 or 58 letters and digits of base32`);
  }
  refuseInside(directory, output, '-o');
  if (values['update-manifest'] !== undefined) refuseInside(directory, values['update-manifest'], '--update-manifest');

  const { errors, said, problems, resources, version = '', name } = examine(directory);
  if (errors > 0) {
    return { ok: false, action: 'pack', directory, problems, lines: [`${directory}: ${said}: no bundle is made`] };
  }
  const { version: asked } = values;
  if (asked !== undefined && (versionFault(asked) || compareVersions(asked, version) !== 0)) {
    return refuse(`--version ${asked}: the app's manifest says that it is ${version}, and Chrome compares them`);
  }
  const update = values['update-manifest'] && addVersion(values['update-manifest'], updateEntry(values, version));
  const keys = [];
  for (const file of keyFiles) keys.push(await readKey(file, warn));
  const id = givenId ?? idOf(keys[0]);
  if (!keys.some((key) => idOf(key) === id)) {
    warn(`no key makes the id ${id}: Chrome takes it only where it was told that the key was replaced`);
  }

  const long = byteLength(resources) > LONG;
  if (long) say(`packing ${size(byteLength(resources))} ...`);
  await breathe();
  signal.throwIfAborted();
  const bytes = await makeSignedBundle(resources, { keys, id });
  if (long) say('checking the bundle ...');
  await breathe();
  signal.throwIfAborted();
  const wrong = readSignedBundle(bytes, output).problems.find(({ severity }) => severity === 'error');
  if (wrong) throw new Error(`the bundle that was made is not right: ${wrong.message}`);
  writeAtomically(output, bytes);
  if (update) writeAtomically(/** @type {string} */ (values['update-manifest']), update.text);

  const result = { id, origin: originOf(id), name, version, resources: resources.size, bytes: bytes.length };
  const lines = [
    `${output}: ${name} ${version}, ${count(resources.size, 'resource')}, ${size(bytes.length)}${said && `, ${said}`}`,
    ...table({ id, origin: originOf(id) }),
  ];
  if (update) lines.push(...sayUpdate(values, update));
  const { versions } = update || {};
  return { ok: true, action: 'pack', file: output, ...result, ...(versions && { versions }), problems, lines };
}

/** A file that would be packed the next time. @param {string} directory @param {string} file @param {string} option */
function refuseInside(directory, file, option) {
  const exists = (/** @type {string} */ name) => statSync(name, { throwIfNoEntry: false }) !== undefined;
  const real = (/** @type {string} */ name) => (exists(name) ? realpathSync(name) : path.resolve(name));
  const within = path.relative(real(directory), real(path.dirname(file)));
  if (!within.startsWith('..') && !path.isAbsolute(within)) {
    refuse(`${option} ${file}: it is in ${directory}, and would be packed the next time: write it elsewhere`);
  }
}

/** @param {Values} values @param {string} version */
function updateEntry({ src, channel }, version) {
  if (src === undefined) return refuse('--src is needed with --update-manifest: where the bundle is downloaded from');
  return { version, src, ...(channel && { channels: channel }) };
}

/** @param {Values} values @param {ReturnType<typeof addVersion>} update */
function sayUpdate({ 'update-manifest': file, version }, { versions, older }) {
  if (older !== null) {
    const than = version ? ` than ${version}` : '';
    const what = 'Chrome goes back to a lower version only where a policy says so';
    warn(`${file} has ${older}, which is higher${than}: ${what}`);
  }
  return [`${file}: ${versions.join(', ')}`];
}

/** @param {Values} values @returns {Result} */
function update(values) {
  const file = /** @type {string} */ (values['update-manifest']);
  if (values.version === undefined) return refuse('--version is needed, or the DIR to take it from');
  const added = addVersion(file, updateEntry(values, values.version));
  writeAtomically(file, added.text);
  return { ok: true, action: 'update-manifest', file, versions: added.versions, lines: sayUpdate(values, added) };
}

/** @param {string} file @returns {Result} */
function verify(file) {
  let bytes;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    const why = { ENOENT: 'no such file', EISDIR: 'it is a directory: --check looks at one' }[code ?? ''] ?? message;
    return refuse(`--verify ${file}: ${why}`);
  }
  const { id, signatures, resources, problems: ofBundle } = readSignedBundle(bytes, file);
  // What can't be read says nothing about the app.
  const app = resources.size > 0 ? checkApp(resources) : { problems: [], version: undefined, name: undefined };
  const inside = app.problems.map((found) => ({ ...found, file: `${file}!/${found.file}` }));
  const problems = [...ofBundle, ...inside];
  const { errors, said } = report(problems, (name) => name);
  const lines = [`${file}: ${said || 'good'}`];
  if (id !== null) {
    const signed = signatures.map(({ type, good }) => `${type} ${good ? 'good' : 'BAD'}`).join(', ');
    lines.push(...table({
      id, origin: originOf(id), app: `${app.name ?? '?'} ${app.version ?? '?'}`, signatures: signed || 'none',
      resources: `${resources.size}, ${size(byteLength(resources))}`,
    }));
  }
  const list = [...resources.values()]
    .map(({ path: url, type, bytes: body }) => ({ path: url, type, bytes: body.length }));
  const found = { id, origin: id && originOf(id), name: app.name, version: app.version, signatures, resources: list };
  return { ok: errors === 0, action: 'verify', file, ...found, problems, lines };
}

/** @param {Values} values @returns {Promise<Result>} */
async function makeKey({ 'generate-key': file = '', 'key-type': type, encrypt }) {
  const id = await generateKey(file, { type, encrypt });
  const names = { id, origin: originOf(id) };
  const said = `a key of type ${type}${encrypt ? ', encrypted' : ''}; keep it: who has lost it can't update the app`;
  return { ok: true, action: 'generate-key', file, ...names, lines: [`${file}: ${said}`, ...table(names)] };
}

/** @param {Values} values @param {string[]} directories @param {AbortSignal} signal */
async function run(values, directories, signal) {
  if (directories.length > 1) refuse(`one directory is packed at a time, not ${directories.join(' and ')}`);
  const [directory] = directories;
  const alone = /** @type {const} */ (['verify', 'generate-key']).filter((name) => values[name] !== undefined);
  if (alone.length > 1 || (alone.length === 1 && directory !== undefined)) {
    refuse(`--${alone[0]} is a task of its own: leave ${directory ?? `--${alone[1]}`} out`);
  }
  if (values.verify !== undefined) return verify(values.verify);
  if (values['generate-key'] !== undefined) return makeKey(values);
  if (directory === undefined) {
    return values['update-manifest'] ? update(values) : refuse('a directory is needed (see --help)');
  }
  return values.check ? check(directory) : pack(directory, values, signal);
}

await withRecentNode('iwa-pack');
await runMain('iwa-pack', async (signal) => {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help) return process.stdout.write(USAGE), 0;
  try {
    const { lines, ...result } = await run(values, positionals, signal);
    process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`);
    return result.ok ? 0 : 1;
  } catch (error) {
    if (signal.aborted && error === signal.reason) {
      return 128 + os.constants.signals[/** @type {NodeJS.Signals} */ (error === 'EPIPE' ? 'SIGPIPE' : error)];
    }
    if (values.json && error instanceof LaunchError) {
      process.stdout.write(`${JSON.stringify({ ok: false, error: error.message })}\n`);
    }
    throw error;
  }
});
