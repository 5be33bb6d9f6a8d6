/**
 * `npm run test:runtimes`: the mocha suite in the runtimes of this folder: a newer Node.js, Bun, Deno.
 *
 *   npm run test:runtimes -- bun deno
 *   npm run test:runtimes -- bun --grep FrameArenas
 *   npm run test:runtimes -- bun --file test/views.test.js
 *
 * A runtime that is not installed is named and skipped; where the environment has CI, it is an error.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HOW_TO_INSTALL, installedRuntimes } from '../../bench/runtimes.js';

/** What gives each of them a function `gc`. */
const FLAGS = { node: '--expose-gc', bun: '--expose-gc', deno: '--v8-flags=--expose-gc' };

/** The longest that a suite may take, in ms. */
const PATIENCE = 1_200_000;

/** Characters of what a runtime said last that ended before its tests did. */
const MOST_SHOWN = 4000;

const MOCHA = fileURLToPath(new URL('mocha.js', import.meta.url));

const { values, positionals } = parseArgs({
  options: { grep: { type: 'string' }, file: { type: 'string', multiple: true } },
  allowPositionals: true,
});
const NAMES = Object.keys(FLAGS);
const unknown = positionals.filter((name) => !NAMES.includes(name));
if (unknown.length) throw new Error(`no runtime: ${unknown}; there are ${NAMES}`);

const files =
  values.file ??
  ['test', 'test/node'].flatMap((folder) =>
    readdirSync(new URL(`../../${folder}`, import.meta.url))
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => `${folder}/${name}`),
  );

const { runtimes, missing } = installedRuntimes();
const commands = runtimes.slice(1);
for (const name of NAMES) {
  const command = missing.includes(name) ? undefined : commands.shift();
  if (positionals.length && !positionals.includes(name)) continue;
  if (command) await run(name, command);
  else report(name, `not installed: ${HOW_TO_INSTALL}`, !!process.env.CI);
}

/**
 * Runs all files in a runtime; its flag comes behind the command of those that have one.
 *
 * @param {string} name
 * @param {string[]} command
 */
async function run(name, [program, ...args]) {
  const flag = FLAGS[name];
  const grep = values.grep ? ['--grep', values.grep] : [];
  const child = spawn(program, [...args, flag, MOCHA, ...grep, ...files], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE,
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const [status, signal] = await once(child, 'close');
  process.removeListener('exit', kill);
  for (const line of output.split('\n').slice(0, -2)) console.log(`${name}: ${line}`);
  const counts = /^\d+ passed, \d+ failed$/m.exec(output)?.[0];
  if (counts) report(name, counts, status !== 0);
  else report(name, `${errors.slice(-MOST_SHOWN)}\n0 passed, 1 failed: ${signal ?? status}`, true);
}

function report(name, text, isFailure) {
  console.log(`${name}: ${text}`);
  if (isFailure) process.exitCode = 1;
}
