// Links between the documents lead somewhere: to a file that is there, and to a heading that it has.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const REPOSITORY = path.resolve(import.meta.dirname, '..', '..');

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: REPOSITORY });
const documents = listed.toString().split('\n').filter((file) => file && existsSync(path.join(REPOSITORY, file)));

/** Without code, in which brackets mean something else. @param {string} file */
const prose = (file) => readFileSync(path.join(REPOSITORY, file), 'utf8').replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, 'code');

/** What forges make of headings. @param {string} file */
function anchors(file) {
  const text = readFileSync(path.join(REPOSITORY, file), 'utf8').replace(/^```.*?^```/gms, '');
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

for (const document of documents) {
  test(`${document} has no broken link`, () => {
    const broken = [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target).filter((target) => {
      if (/^[a-z]+:/.test(target)) return false; // another site's
      const [name, anchor] = target.split('#');
      const file = name ? path.join(path.dirname(document), name) : document;
      if (!existsSync(path.join(REPOSITORY, file))) return true;
      return anchor !== undefined && statSync(path.join(REPOSITORY, file)).isFile() && !anchors(file).has(anchor);
    });
    assert.deepEqual(broken, []);
  });
}
