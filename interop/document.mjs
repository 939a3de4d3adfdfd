/** docs/interop.md out of results: the same results, the same text. No dates, no times, no ports. */
import { CASES } from './cases.mjs';
import { CLIENTS } from './client.mjs';
import { RUNTIMES } from './target.mjs';

const MARKS = { passed: 'passed', failed: '**failed**', 'not yet': 'not yet', 'not offered': '–' };

/**
 * @param {{versions: Record<string, string>, cells: import('./run.mjs').Cell[]}} results of a whole run
 * @returns {string} Markdown
 */
export function document({ versions, cells }) {
  const cell = (/** @type {string} */ runtime, /** @type {string} */ client, /** @type {string} */ row) =>
    cells.find((it) => it.runtime === runtime && it.client === client && it.case === row);
  const lines = [
    '# Interoperability',
    '',
    'The server against clients that this project did not write: each on Linux, on Node and in an Isolated Web App in',
    'Chromium. Written by `cargo xtask test --suite interop`, which runs every cell.',
    '',
    '| client | version | what it is |',
    '|---|---|---|',
    ...CLIENTS.map(({ name, about }) => `| ${name} | ${versions[name]} | ${about} |`),
    '',
  ];
  for (const runtime of RUNTIMES) {
    lines.push(`## The server on ${runtime === 'native' ? 'Linux' : runtime === 'node' ? 'Node' : 'Chromium'}`, '');
    lines.push(`| case | ${CLIENTS.map(({ name }) => name).join(' | ')} |`, `|---|${'---|'.repeat(CLIENTS.length)}`);
    for (const { name } of CASES) {
      const marks = CLIENTS.map((client) => MARKS[cell(runtime, client.name, name)?.result ?? 'failed']);
      lines.push(`| ${name} | ${marks.join(' | ')} |`);
    }
    lines.push('');
  }
  lines.push('## The cases', '', '| case | what is shown |', '|---|---|');
  lines.push(...CASES.map(({ name, shows, relay }) => `| ${name} | ${shows}${relay ? ' ¹' : ''} |`), '');
  lines.push(
    '¹ Through `socket-iwa-relay`, which counts the packets: the case fails unless the Retry, the 0-RTT packet, the second',
    'datagram, the change of address or the loss was seen on the way.',
    '',
    '## Reasons',
    '',
    '–: the client does not offer it.',
    '',
  );
  lines.push('| client | case | why not |', '|---|---|---|');
  for (const { name: client, notOffered } of CLIENTS) {
    const rows = CASES.filter(({ name }) => notOffered[name]);
    lines.push(...rows.map(({ name }) => `| ${client} | ${name} | ${notOffered[name]} |`));
  }
  const broken = cells.filter(({ result }) => result === 'failed' || result === 'not yet');
  if (broken.length) {
    lines.push('', '| server on | client | case | result | reason |', '|---|---|---|---|---|');
    lines.push(...broken.map((it) => `| ${it.runtime} | ${it.client} | ${it.case} | ${it.result} | ${it.reason?.replaceAll('|', '\\|')} |`));
  }
  return `${lines.join('\n')}\n`;
}
