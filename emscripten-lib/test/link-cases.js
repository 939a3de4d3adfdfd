// What holds for a program however its calls wait: with JSPI and with threads. Each build links the programs its own way.
import assert from 'node:assert/strict';
import { test } from 'node:test';

/**
 * Registers the cases.
 * @param {(name: string, script: string) => Promise<{ stdout: string, code: number | null }>} withModule runs JavaScript
 *   that has the ES module `name` as createModule
 * @param {string} [firstLine] what stdin.c says before it waits; left open with threads, where input may come first
 */
export function linkedModules(withModule, firstLine) {
  test('an ES module runs', async () => {
    assert.deepEqual(await withModule('echo.mjs', 'await createModule();'), { stdout: 'hello\n', code: 7 });
  });

  test('standard input from a stream: read and poll wait for it, and see its end', async () => {
    const { stdout, code } = await withModule('stdin.mjs', `
      const chunks = ['one\\nt', '', 'wo\\n', 'three'];
      const stdinStream = new ReadableStream({ async pull(controller) {
        await new Promise(setImmediate);
        const chunk = chunks.shift();
        if (chunk === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(chunk));
      } }, { highWaterMark: 0 });
      await createModule({ stdinStream });`);
    assert.equal(code, 0);
    const [first, ...lines] = stdout.split('\n');
    assert.equal(first, firstLine ?? first);
    assert.deepEqual(lines,
      ['poll said IN', 'line one', 'line two', 'line threeat the end IN HUP, read 0', '']);
  });

  test('while main waits, calls that do not wait work from JavaScript, and close wakes main with EBADF', async () => {
    const { stdout, code } = await withModule('tasks.mjs', `
      const Module = { print(line) {
        console.log(line);
        if (line === 'waiting') setImmediate(() => console.log('probe', Module._probe()));
        if (line === 'waiting again') setImmediate(() => Module._close_waiting());
      } };
      await createModule(Module);`);
    assert.deepEqual(stdout.split('\n'), ['waiting', 'probe 1', 'received 1', 'waiting again', '-1 EBADF', '']);
    assert.equal(code, 0);
  });
}
