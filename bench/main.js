/**
 * Measures the rows of the performance contract, against their peers.
 *
 *   npm run bench                            all rows, in this Node.js
 *   npm run bench -- churn                   a row, or all rows whose names begin so
 *   npm run bench -- peers                   the matrix of all peers; `trace` is that of the traces
 *   npm run bench -- --json                  the figures as JSON
 *   npm run bench -- --runtime PATH          in another runtime: `bun`, `deno run -A --no-lock`
 *   npm run bench -- --runtimes              in this Node.js and in those of tools/runtimes
 *   npm run bench -- --save                  keeps them in bench/results.json and bench/README.md
 *   npm run bench -- --check                 names the ratios that are not as in results.json
 *   npm run bench -- --rounds 1              not as many rounds: a quick look
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { moved } from './compare.js';
import { matrixRows, matrixRowsNamed } from './matrices.js';
import { rows, rowsNamed } from './rows.js';
import { run } from './run.js';
import { HOW_TO_INSTALL, installedRuntimes } from './runtimes.js';
import { save } from './save.js';
import { textTable } from './table.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean' },
    json: { type: 'boolean' },
    rounds: { type: 'string' },
    runtime: { type: 'string', default: process.execPath },
    runtimes: { type: 'boolean' },
    save: { type: 'boolean' },
  },
});

const named = (name) => [...rowsNamed(name), ...matrixRowsNamed(name)];
const chosen = positionals.length ? positionals.flatMap(named) : rows;
if (!chosen.length) {
  const names = [...rows, ...matrixRows].map(({ name }) => name);
  console.error(`No such row. There are: ${names.join(', ')}`);
  process.exit(1);
}

const script = fileURLToPath(new URL('subject.js', import.meta.url));
const results = [];
for (const runtime of commands()) {
  try {
    results.push(await run(chosen, measurer(runtime), progress, values.rounds && +values.rounds));
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
if (values.json) console.log(JSON.stringify(values.runtimes ? results : results[0], null, 2));
else console.log(results.map(textTable).join('\n\n'));
if (values.check) check();
if (values.save) for (const result of results) await save(result);

/** @returns {string[][]} programs with their first arguments */
function commands() {
  if (!values.runtimes) return [values.runtime.split(' ')];
  const { runtimes, missing } = installedRuntimes();
  if (missing.length) console.error(`Without ${missing.join(', ')}: ${HOW_TO_INSTALL}`);
  return runtimes;
}

/**
 * Each run is a process of its own, because what one subject teaches an engine's optimiser would
 * change the next one's figure. Where it fails, the error has what it wrote to stderr.
 */
function measurer([program, ...args]) {
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  return (subject) => JSON.parse(execFileSync(program, [...args, script, subject], options));
}

/** Says what moved, and fails where something did. */
function check() {
  const committed = JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8'));
  const lines = results.flatMap((result) => moved(result, committed));
  for (const line of lines) console.error(`moved: ${line}`);
  if (lines.length) process.exitCode = 1;
  else console.error('Nothing moved by more than 25 %.');
}

/** One line that is overwritten, where there is a terminal to overwrite it. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
