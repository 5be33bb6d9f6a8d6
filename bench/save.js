import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { markdownTable } from './table.js';

const results = new URL('results.json', import.meta.url);
const readme = new URL('README.md', import.meta.url);

const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';

/** Replaces the rows that were run, of the runtime that ran them, in results.json and README.md. */
export async function save({ rows, ...host }) {
  const runs = JSON.parse(readFileSync(results, 'utf8'));
  let kept = runs.find(({ runtime }) => runtime === host.runtime);
  if (!kept) runs.push((kept = { ...host, rows: [] }));
  for (const row of rows) {
    const at = kept.rows.findIndex(({ name }) => name === row.name);
    kept.rows.splice(at < 0 ? kept.rows.length : at, at < 0 ? 0 : 1, row);
  }
  writeFileSync(results, await format(JSON.stringify(runs), { parser: 'json', printWidth: 100 }));

  const text = readFileSync(readme, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest.split(END)[1];
  const page = `${before}${BEGIN}\n\n${markdownTable(runs)}\n\n${END}${after}`;
  writeFileSync(readme, await format(page, { parser: 'markdown', printWidth: 100 }));
}
