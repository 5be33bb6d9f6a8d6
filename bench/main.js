/**
 * Measures the rows of the performance contract, against their peers.
 *
 *   npm run bench                            all rows, in this Node.js
 *   npm run bench -- churn                   a row, or all rows whose names begin so
 *   npm run bench -- --json                  the figures as JSON
 *   npm run bench -- --runtime PATH          in another runtime: `bun`, `deno run -A --no-lock`
 *   npm run bench -- --save                  keeps them in bench/results.json and bench/README.md
 */
import { parseArgs } from 'node:util';
import { rows, rowsNamed } from './rows.js';
import { run } from './run.js';
import { save } from './save.js';
import { textTable } from './table.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    runtime: { type: 'string', default: process.execPath },
    save: { type: 'boolean' },
  },
});

const chosen = positionals.length ? positionals.flatMap(rowsNamed) : rows;
if (!chosen.length) {
  console.error(`No such row. There are: ${rows.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}

let result;
try {
  result = run(chosen, values.runtime.split(' '), progress);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
if (values.save) await save(result);
console.log(values.json ? JSON.stringify(result, null, 2) : textTable(result));

/** One line that is overwritten, where there is a terminal to overwrite it. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
