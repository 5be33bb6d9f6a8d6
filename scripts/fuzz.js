/**
 * The C core's fuzzer: `npm run fuzz` builds test/native/fuzz.c with Clang and runs it.
 *
 *   npm run fuzz                            a minute under AddressSanitizer and UBSan
 *   npm run fuzz -- --minutes N             as long as you like; --seconds N likewise
 *   npm run fuzz -- --without-sanitizers    more operations a second
 *   npm run fuzz -- --jobs N                so many processes at once; 1 if not said
 *   npm run fuzz -- --minimise              writes test/native/corpus anew, from what runs have found
 *
 * A run begins with the programs of test/native/corpus, and with what runs before it found, which is
 * in build/fuzz. Ends with `1 passed, 0 failed`, or with the command that runs the program again that
 * failed.
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

/** What the committed corpus has at most. */
const CORPUS = { files: 300, bytes: 300_000, longest: 2048 };

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    jobs: { type: 'string', default: '1' },
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

/** @returns {string} the path of the fuzzer */
function build() {
  const plain = options['without-sanitizers'];
  const folder = join(root, 'build', plain ? 'fuzz/plain' : 'fuzz/sanitized');
  const configure = ['-S', root, '-B', folder, '-DCMAKE_C_COMPILER=clang', '-DWASM_ARENA_FUZZ=ON'];
  configure.push(`-DWASM_ARENA_SANITIZE=${plain ? 'OFF' : 'ON'}`);
  const quiet = /** @type {const} */ ({ stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('cmake', configure, quiet);
  execFileSync('cmake', ['--build', folder, '--target', 'fuzz', '-j2'], quiet);
  return join(folder, 'test/native/fuzz');
}

/**
 * One process, which shares what it finds with the others through the corpus.
 *
 * @param {string} fuzzer
 * @param {number} seconds
 * @returns {Promise<{ status: number | null, log: string }>}
 */
function run(fuzzer, seconds) {
  const log = /** @type {string[]} */ ([]);
  const folders = existsSync(committed) ? [found, committed] : [found];
  const failures = `${join(root, 'build/fuzz')}/`;
  const child = spawn(
    fuzzer,
    [
      ...folders,
      `-max_total_time=${Math.ceil(seconds)}`,
      `-max_len=${LONGEST}`,
      '-len_control=0',
      '-reload=10',
      '-print_final_stats=1',
      `-artifact_prefix=${failures}`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => log.push(text));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, log: log.join('') }));
  });
}

/** @param {string} log @param {RegExp} pattern @returns {number} the pattern's first group, 0 without */
function figure(log, pattern) {
  return Number(pattern.exec(log)?.[1] ?? 0);
}

/** @param {string} fuzzer @param {string} log */
function report(fuzzer, log) {
  const program = /Test unit written to (\S+)/.exec(log)?.[1];
  const lines = log
    .split('\n')
    .filter((line) => !/^(#\d+|INFO:|stat::)|\tNEW |\tREDUCE /.test(line));
  console.log(lines.slice(-80).join('\n'));
  if (program)
    console.log(`To run it again:\n  ${relative(root, fuzzer)} ${relative(root, program)}`);
}

/** @param {string} fuzzer @returns {Promise<boolean>} whether nothing failed */
async function fuzz(fuzzer) {
  const seconds = options.minutes
    ? 60 * positive('minutes', options.minutes)
    : positive('seconds', options.seconds ?? '60');
  const jobs = positive('jobs', options.jobs);
  const start = performance.now();
  const runs = await Promise.all(Array.from({ length: jobs }, () => run(fuzzer, seconds)));
  const took = (performance.now() - start) / 1000;
  let [executions, operations] = [0, 0];
  for (const { log } of runs) {
    executions += figure(log, /^stat::number_of_executed_units: (\d+)/m);
    operations += figure(log, /^(\d+) operations, /m);
  }
  const rate = Math.round(operations / took).toLocaleString('en');
  console.log(
    `${executions.toLocaleString('en')} executions, ${operations.toLocaleString('en')} operations ` +
      `in ${Math.round(took)} s: ${rate} a second`,
  );
  const failed = runs.find(({ status }) => status !== 0);
  if (failed) report(fuzzer, failed.log);
  return !failed;
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

const fuzzer = build();
mkdirSync(found, { recursive: true });
if (options.minimise) {
  minimise(fuzzer);
} else {
  const passed = await fuzz(fuzzer);
  console.log(passed ? '1 passed, 0 failed' : '0 passed, 1 failed');
  process.exitCode = passed ? 0 : 1;
}
