/**
 * The C core's fuzzer: `npm run fuzz` builds test/native/fuzz.c with Clang and runs it.
 *
 *   npm run fuzz                            a minute under AddressSanitizer and UBSan
 *   npm run fuzz -- --minutes N             as long as you like; --seconds N likewise
 *   npm run fuzz -- --operations N          until so many operations are done, in any number of
 *                                           processes; 1e9 is a number too
 *   npm run fuzz -- --without-sanitizers    more operations a second
 *   npm run fuzz -- --fast                  ten times as many: random programs without libFuzzer,
 *                                           sanitizers and model (test/native/program.h says what is
 *                                           checked then)
 *   npm run fuzz -- --jobs N                so many processes at once; 1 if not said
 *   npm run fuzz -- --seed N                the first process's; the next one has the next number
 *   npm run fuzz -- --minimise              writes test/native/corpus anew, from what runs have found
 *
 * A run begins with the programs of test/native/corpus, and with what runs before it found, which is
 * in build/fuzz; --fast needs neither. Ends with `1 passed, 0 failed`, or with the command that runs
 * the program again that failed.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const committed = join(root, 'test/native/corpus');
const found = join(root, 'build/fuzz/corpus');

/** Bytes of a program, at the most: some 2,500 operations. */
const LONGEST = 16384;

/** After so many operations a new process begins, with another seed and with what all have found. */
const TURN = { sanitized: 1e8, plain: 2e8, fast: 1e9 };

/** What the committed corpus has at most. */
const CORPUS = { files: 300, bytes: 300_000, longest: 2048 };

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    operations: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(1 + (Date.now() % 1e9)) },
    fast: { type: 'boolean', default: false },
    'without-sanitizers': { type: 'boolean', default: false },
    minimise: { type: 'boolean', default: false },
  },
});

/** @param {string} name @param {string} text @returns {number} */
function positive(name, text) {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  console.error(`--${name} is a number above 0, not ${text}`);
  process.exit(2);
}

const mode = options.fast ? 'fast' : options['without-sanitizers'] ? 'plain' : 'sanitized';
const folder = join(root, 'build/fuzz', mode);

/** @param {string} target @param {...string} settings */
function compile(target, ...settings) {
  const quiet = /** @type {const} */ ({ stdio: ['ignore', 'ignore', 'inherit'] });
  const configure = ['-S', root, '-B', folder, '-DCMAKE_C_COMPILER=clang', ...settings];
  execFileSync('cmake', configure, quiet);
  execFileSync('cmake', ['--build', folder, '--target', target, '-j2'], quiet);
}

/** @returns {string} the path of the fuzzer */
function build() {
  if (mode !== 'fast') {
    compile(
      'fuzz',
      '-DWASM_ARENA_FUZZ=ON',
      `-DWASM_ARENA_SANITIZE=${mode === 'plain' ? 'OFF' : 'ON'}`,
    );
    return join(folder, 'test/native/fuzz');
  }
  const flags = ['-O3', '-g', '-DPROGRAM_FAST'];
  compile('program', `-DCMAKE_C_FLAGS=${flags.join(' ')}`);
  const libraries = ['test/native/libprogram.a', 'test/native/libharness.a', 'libwasm_arena.a'];
  const fuzzer = join(folder, 'fast');
  execFileSync('clang', [
    ...flags,
    `-I${join(root, 'src')}`,
    join(root, 'test/native/program_fast.c'),
    ...libraries.map((library) => join(folder, library)),
    `-o${fuzzer}`,
  ]);
  return fuzzer;
}

/** What is still to be done, by all jobs, and what was. */
const work = {
  left: Infinity,
  end: Infinity, // in ms, as performance.now()
  operations: 0,
  programs: 0,
  processes: 0,
  failed: /** @type {string | undefined} */ (undefined), // the log of the process that failed first
  running: /** @type {Set<import('node:child_process').ChildProcess>} */ (new Set()),
};

/**
 * One process, which shares what it finds with the others through the corpus.
 *
 * @param {string} fuzzer
 * @param {number} seed
 * @param {number} operations
 * @returns {Promise<{ status: number | null, log: string }>}
 */
function run(fuzzer, seed, operations) {
  const log = /** @type {string[]} */ ([]);
  const settings = [
    `-seed=${seed}`,
    `--operations=${operations}`,
    `-artifact_prefix=${join(root, 'build/fuzz')}/`,
  ];
  if (work.end < Infinity) {
    const seconds = Math.max(1, Math.ceil((work.end - performance.now()) / 1000));
    settings.push(`-max_total_time=${seconds}`);
  }
  if (mode !== 'fast') {
    settings.push(found, ...(existsSync(committed) ? [committed] : []));
    settings.push(`-max_len=${LONGEST}`, '-len_control=0', '-reload=10');
  }
  const child = spawn(fuzzer, settings, { stdio: ['ignore', 'pipe', 'pipe'] });
  work.running.add(child);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => log.push(text));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      work.running.delete(child);
      resolve({ status, log: log.join('') });
    });
  });
}

/** @param {string} log @param {RegExp} pattern @returns {number} the pattern's first group, 0 without */
function figure(log, pattern) {
  return Number(pattern.exec(log)?.[1] ?? 0);
}

/** @param {number} number @returns {string} */
function grouped(number) {
  return Math.round(number).toLocaleString('en');
}

/** @param {string} fuzzer @param {string} log */
function report(fuzzer, log) {
  const program = /Test unit written to (\S+)/.exec(log)?.[1];
  const lines = log.split('\n').filter((line) => !/^(#\d+|INFO:)|\tNEW |\tREDUCE /.test(line));
  console.log(lines.slice(-80).join('\n'));
  if (!program) return;
  console.log(`To run it again:\n  ${relative(root, fuzzer)} ${relative(root, program)}`);
  if (mode === 'fast') console.log('The fuzzer with model and sanitizers runs it too.');
}

/**
 * Processes one after the other, until nothing is left to do or one has failed. A program is not
 * broken off, so that more is done than was left to do, and never less.
 *
 * @param {string} fuzzer
 * @param {number} jobs
 * @param {number} first the first seed of all
 */
async function takeTurns(fuzzer, jobs, first) {
  while (work.failed === undefined && work.left > 0 && performance.now() < work.end) {
    const turn = Math.min(TURN[mode], Math.ceil(work.left / jobs));
    const seed = first + work.processes++;
    work.left -= turn;
    const { status, log } = await run(fuzzer, seed, turn);
    const operations = figure(log, /^\d+ programs, (\d+) operations, /m);
    work.left += turn - operations;
    work.operations += operations;
    work.programs += figure(log, /^(\d+) programs, /m);
    console.log(`seed ${seed}: ${grouped(operations)} operations`);
    if (status === 0 && operations) continue;
    work.failed ??= log;
    for (const other of work.running) other.kill();
  }
}

/** @param {string} fuzzer @returns {Promise<boolean>} whether nothing failed */
async function fuzz(fuzzer) {
  const jobs = Math.ceil(positive('jobs', options.jobs));
  const seed = Math.ceil(positive('seed', options.seed));
  if (options.operations) work.left = positive('operations', options.operations);
  let seconds = options.operations ? Infinity : 60;
  if (options.minutes) seconds = 60 * positive('minutes', options.minutes);
  if (options.seconds) seconds = positive('seconds', options.seconds);
  const start = performance.now();
  work.end = start + 1000 * seconds;
  await Promise.all(Array.from({ length: jobs }, () => takeTurns(fuzzer, jobs, seed)));
  const took = (performance.now() - start) / 1000;
  console.log(
    `${grouped(work.operations)} operations in ${grouped(work.programs)} programs in ` +
      `${grouped(took)} s: ${grouped(work.operations / took)} a second`,
  );
  if (work.failed !== undefined) report(fuzzer, work.failed);
  return work.failed === undefined;
}

/**
 * The programs that cover all that is known to be covered, shortest first, as many as may be
 * committed.
 *
 * @param {string} fuzzer
 */
function minimise(fuzzer) {
  const merged = mkdtempSync(join(tmpdir(), 'corpus-'));
  const from = existsSync(committed) ? [found, committed] : [found];
  execFileSync(fuzzer, ['-merge=1', `-max_len=${CORPUS.longest}`, merged, ...from], {
    stdio: 'ignore',
  });
  const programs = readdirSync(merged)
    .map((name) => ({ name, size: statSync(join(merged, name)).size }))
    .sort((a, b) => a.size - b.size || (a.name < b.name ? -1 : 1));
  rmSync(committed, { recursive: true, force: true });
  mkdirSync(committed);
  let [files, bytes] = [0, 0];
  for (const { name, size } of programs) {
    if (files === CORPUS.files || bytes + size > CORPUS.bytes) break;
    copyFileSync(join(merged, name), join(committed, name));
    files++;
    bytes += size;
  }
  rmSync(merged, { recursive: true });
  console.log(`${files} of ${programs.length} programs, ${bytes} bytes`);
}

if (options.fast && options.minimise) {
  console.error('--fast has no corpus to minimise');
  process.exit(2);
}
const fuzzer = build();
mkdirSync(found, { recursive: true });
if (options.minimise) {
  minimise(fuzzer);
} else {
  const passed = await fuzz(fuzzer);
  console.log(passed ? '1 passed, 0 failed' : '0 passed, 1 failed');
  process.exitCode = passed ? 0 : 1;
}
