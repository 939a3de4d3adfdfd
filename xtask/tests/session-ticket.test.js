// Session tickets and early data on every runtime: the steps of test_session_ticket, which starts the servers itself.

import assert from 'node:assert/strict';
import path from 'node:path';
import { before, describe, test } from 'node:test';

import { client, run, xtask } from './support.js';

const ticketTest = path.join(path.dirname(client), 'test_session_ticket');

/** It starts seven servers, each in a browser of its own. Milliseconds. */
const LIMIT = 600_000;

/** As the program names them; one that is added there is to be added here. */
const STEPS = [
  'a full handshake brings tickets',
  'with a ticket, a GET in early data is accepted and answered',
  'a resumed connection brings a new ticket',
  'a POST in early data is answered with 425, and after the handshake as usual',
  'a replayed first flight resumes nothing',
  'echo takes early data only where it was configured',
  'with echo configured, a stream in early data is accepted and echoed',
  'an expired ticket is refused, and the request answered after a full handshake',
  "a ticket of another server's key is refused, and the request answered",
  'with a key file, tickets survive a restart, and used ones stay used',
];

for (const runtime of ['native', 'node', 'chromium']) {
  describe(`${runtime}: session tickets`, () => {
    /** @type {{ok: boolean, steps: {name: string, outcome: string, reason: string | null}[]}} */
    let report;
    before(async () => {
      const serve = [xtask, 'serve', '--no-install', '--no-build', '--json', '--runtime', runtime, '--port', '0', '--'];
      const { code, stdout, stderr } = await run(ticketTest, ['--json', '--server', ...serve], { limit: LIMIT });
      assert.ok(stdout, `exit code ${code}: ${stderr}`);
      report = JSON.parse(stdout);
    });

    test('there are no other steps than these', () => {
      assert.deepEqual(report.steps.map(({ name }) => name), STEPS);
    });
    for (const name of STEPS) {
      test(name, () => {
        const step = report.steps.find((one) => one.name === name);
        assert.equal(step?.outcome, 'passed', step?.reason ?? 'it was not taken');
      });
    }
  });
}
