import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { markdownTable } from './table.js';

const results = new URL('../http.json', import.meta.url);
const readme = new URL('../README.md', import.meta.url);

const BEGIN = '<!-- http -->';
const END = '<!-- end of http -->';

/** Replaces the cells that were run in http.json and README.md. */
export async function save({ cells, ...host }) {
  const kept = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')).cells : [];
  for (const cell of cells) {
    const isSame = ({ name, format }) => name === cell.name && format === cell.format;
    const at = kept.findIndex(isSame);
    kept.splice(at < 0 ? kept.length : at, at < 0 ? 0 : 1, cell);
  }
  const result = { ...host, cells: kept };
  writeFileSync(results, await format(JSON.stringify(result), { parser: 'json', printWidth: 100 }));

  const text = readFileSync(readme, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest.split(END)[1];
  const page = `${before}${BEGIN}\n\n${markdownTable(result)}\n\n${END}${after}`;
  writeFileSync(readme, await format(page, { parser: 'markdown', printWidth: 100 }));
}
