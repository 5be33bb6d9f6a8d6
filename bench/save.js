import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { markdownMatrices, markdownTable } from './table.js';

const results = new URL('results.json', import.meta.url);
const readme = new URL('README.md', import.meta.url);

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

  let page = readFileSync(readme, 'utf8');
  page = replaced(page, 'results', markdownTable(runs));
  page = replaced(page, 'matrices', markdownMatrices(runs));
  writeFileSync(readme, await format(page, { parser: 'markdown', printWidth: 100 }));
}

/** The page with other text between two comments. */
function replaced(page, name, text) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = page.split(begin);
  return `${before}${begin}\n\n${text}\n\n${end}${rest.split(end)[1]}`;
}
