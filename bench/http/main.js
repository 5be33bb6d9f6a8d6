/**
 * Measures the two servers of examples/server under load, the same uploads to both.
 *
 *   npm run bench:http                        all cells
 *   npm run bench:http -- 64KiB 1MiB/512      those whose names begin so
 *   npm run bench:http -- --duration 2 --warmup 1 --rounds 1
 *   npm run bench:http -- --format ndjson     newline-delimited JSON in place of CSV
 *   npm run bench:http -- --json              the figures as JSON
 *   npm run bench:http -- --save              keeps them in bench/http.json and bench/README.md
 */

import { parseArgs } from 'node:util';
import { bodyOf, cellsNamed, cells } from './cells.js';
import { runCells } from './run.js';
import { save } from './save.js';
import { textTable } from './table.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    duration: { type: 'string', default: '10' },
    warmup: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    format: { type: 'string', default: 'csv' },
    json: { type: 'boolean' },
    save: { type: 'boolean' },
  },
});

const chosen = positionals.length ? positionals.flatMap(cellsNamed) : cells;
const [duration, warmup, rounds] = [values.duration, values.warmup, values.rounds].map(Number);
const problem =
  (!chosen.length && `No such cell. There are: ${cells.map(({ name }) => name).join(', ')}`) ||
  (!(duration > 0 && warmup > 0 && rounds >= 1) && 'Durations and rounds are numbers above 0.') ||
  (!['csv', 'ndjson'].includes(values.format) && 'The formats are csv and ndjson.');
if (problem) {
  console.error(problem);
  process.exit(1);
}

const { format } = values;
const loads = chosen.map((cell) => ({ ...cell, format, body: bodyOf(format, cell.size) }));
const result = await runCells(loads, { duration, warmup, rounds }, progress);
if (values.save) await save(result);
console.log(values.json ? JSON.stringify(result, null, 2) : textTable(result));

/** One line that is overwritten, where there is a terminal to overwrite it. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
