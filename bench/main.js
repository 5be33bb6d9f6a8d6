/**
 * Measures the rows of the performance contract, against their peers.
 *
 *   npm run bench                            all rows, in this Node.js
 *   npm run bench -- churn                   a row, or all rows whose names begin so
 *   npm run bench -- --json                  the figures as JSON
 *   npm run bench -- --runtime PATH          in another runtime: `bun`, `deno run -A --no-lock`
 *   npm run bench -- --save                  keeps them in bench/results.json and bench/README.md
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

const script = fileURLToPath(new URL('subject.js', import.meta.url));
const [runtime, ...runtimeArgs] = values.runtime.split(' ');

let result;
try {
  result = await run(chosen, measure, progress);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
if (values.save) await save(result);
console.log(values.json ? JSON.stringify(result, null, 2) : textTable(result));

/**
 * Each run is a process of its own, because what one subject teaches an engine's optimiser would
 * change the next one's figure. Where it fails, the error has what it wrote to stderr.
 */
function measure(subject) {
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  return JSON.parse(execFileSync(runtime, [...runtimeArgs, script, subject], options));
}

/** One line that is overwritten, where there is a terminal to overwrite it. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
