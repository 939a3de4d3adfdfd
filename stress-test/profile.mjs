// Lists the costliest functions of a CPU profile: `node stress-test/profile.mjs FILE.cpuprofile [COUNT]`. Self time is the
// function's own, in percent of the time that was not idle.
import { readFileSync } from 'node:fs';

const [file, count = '25'] = process.argv.slice(2);
if (!file) {
  process.stderr.write('usage: node stress-test/profile.mjs FILE.cpuprofile [COUNT]\n');
  process.exit(2);
}
/** @type {{ nodes: { id: number, callFrame: { functionName: string, url: string, lineNumber: number } }[],
 *   samples: number[], timeDeltas: number[] }} */
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));

const names = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
  const where = url ? ` ${url.slice(url.lastIndexOf('/') + 1)}:${lineNumber + 1}` : '';
  return [id, `${functionName || '(anonymous)'}${where}`];
}));
/** Microseconds by function. @type {Map<string, number>} */
const times = new Map();
let busy = 0;
samples.forEach((id, index) => {
  const name = names.get(id) ?? '(unknown)';
  times.set(name, (times.get(name) ?? 0) + timeDeltas[index]);
  if (name !== '(idle)') busy += timeDeltas[index];
});
const total = timeDeltas.reduce((sum, time) => sum + time, 0);
console.log(`${(total / 1000).toFixed(0)} ms, busy ${(busy / 1000).toFixed(0)} ms`);
for (const [name, time] of [...times].filter(([name]) => name !== '(idle)').sort((a, b) => b[1] - a[1])
  .slice(0, Number(count))) {
  console.log(`${(100 * time / busy).toFixed(1).padStart(5)} %  ${name}`);
}
