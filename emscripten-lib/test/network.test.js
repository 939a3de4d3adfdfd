// Multicast between sockets, compared with Linux, in a network namespace: groups are joined on the interface of the default
// route, which on the machine itself is somebody's network.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { buildNetworkPrograms, nodeWithJspi, whyNoChromium } from './c-programs.mjs';
import { inNetwork, whyNoNetwork } from './network/namespace.mjs';

const run = promisify(execFile);

/** @param {'linux' | 'node' | 'chromium'} runtime @returns {Promise<string>} */
async function groupsOn(runtime) {
  const directory = await buildNetworkPrograms(runtime === 'linux' ? 'native' : 'wasm');
  const script = join(import.meta.dirname, 'network', 'run.mjs');
  return (await run(...inNetwork([nodeWithJspi(), script, runtime, directory, 'groups']))).stdout;
}

for (const runtime of /** @type {const} */ (['node', 'chromium'])) {
  const skip = whyNoNetwork || (runtime === 'chromium' && whyNoChromium());
  test(`multicast groups deliver on ${runtime} what they deliver on Linux`, { skip }, async () => {
    const expected = await groupsOn('linux');
    assert.match(expected, /^group_delivers_to_a_member: hello$/m);
    assert.equal(await groupsOn(runtime), expected);
  });
}
