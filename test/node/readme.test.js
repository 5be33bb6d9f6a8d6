import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

/** Inside the package, so that a snippet's `wasm-arena` is this one. */
const folder = new URL('build/readme/', root);

/** The JavaScript blocks, with the indentation of a list item taken off. */
const snippets = [...readme.matchAll(/^( *)```js\n(.*?)^ *```$/gms)].map(([, indent, code]) =>
  code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
);

/** What a snippet says that it prints: the comments behind its calls of console.log. */
function promised(code) {
  const lines = code.split('\n').filter((line) => line.includes('console.log('));
  return lines.map((line) => line.slice(line.lastIndexOf('; // ') + 5));
}

describe('README', () => {
  before(async () => {
    mkdirSync(folder, { recursive: true });
    // What `prepack` makes, for the snippet that imports it.
    const { moduleBytes } = await import('../../js/wasm.js');
    writeFileSync(new URL('arena.wasm', root), moduleBytes());
  });

  after(() => rmSync(folder, { recursive: true }));

  it('has snippets', () => assert.ok(snippets.length >= 8));

  for (const [index, code] of snippets.entries()) {
    const title = code.split('\n').find((line) => line.includes('console.log(')) ?? code;
    it(`snippet ${index + 1} prints what it says: ${title.trim()}`, async () => {
      const file = new URL(`${index + 1}.mjs`, folder);
      writeFileSync(file, code);
      const run = promisify(execFile);
      const { stdout } = await run(process.execPath, [file.pathname], { cwd: root.pathname });
      assert.deepEqual(stdout.trimEnd().split('\n'), promised(code));
    });
  }
});
