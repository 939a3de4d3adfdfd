// Two apps find each other by multicast: each of them in a browser of its own, on Node, or natively. In a network
// namespace, since a group is joined on the interface of the default route, which on the machine itself is somebody's
// network.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { whyNoChromium } from '../../emscripten-lib/test/c-programs.mjs';
import { inNetwork, whyNoNetwork } from '../../emscripten-lib/test/network/namespace.mjs';
import { buildExamples, commandOf, startCommand } from './programs.js';

before(() => buildExamples(), { timeout: 1_200_000 });

for (const [one, other] of /** @type {const} */ ([['linux', 'node'], ['linux', 'chromium'], ['chromium', 'chromium']])) {
  const skip = whyNoNetwork || ([one, other].includes('chromium') && whyNoChromium());
  test(`a program on ${one} and one on ${other} find each other`, { skip }, async () => {
    const quote = (/** @type {string[]} */ words) => words.map((word) => `'${word}'`).join(' ');
    const commands = [commandOf('discovery', one, ['one']), commandOf('discovery', other, ['other'])];
    // In one namespace, since two of them hear nothing of each other.
    const script = `${commands.map((words) => `${quote(words)} & `).join('')} wait -n && wait -n`;
    const [file, args] = inNetwork(['bash', '-c', script]);
    const { code, stdout, stderr } = await startCommand([file, ...args]).ended;
    assert.deepEqual([code, stdout.split('\n').toSorted()], [0, ['', 'one is at 10.77.0.1', 'other is at 10.77.0.1']], stderr);
  });
}
