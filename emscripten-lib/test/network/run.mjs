// Runs one compiled program on one runtime and prints what it printed: what network.test.js starts in the network it made.
//   node run.mjs linux|node|chromium DIRECTORY NAME
import { runCommand } from '../c-programs.mjs';

const [runtime, directory, name] = process.argv.slice(2);
const { stdout, stderr, code } = await runCommand(/** @type {any} */ (runtime), directory, name, []);
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = code;
