/**
 * `npm run valgrind`: the native tests under valgrind's memcheck, which sees what the sanitizers do
 * not: bytes that are read before anybody wrote them. Takes CMake, a C compiler and valgrind.
 *
 *   npm run valgrind -- heap_test pool_test
 *
 * Ends with `N passed, N failed`, of programs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build/valgrind');

/**
 * Valgrind takes 40 times as long, and more where a program maps much memory: one seed of the random
 * programs will do, since the fuzzer has more, and each eleventh stack of three allocators.
 */
const ARGUMENTS = { model_test: ['1'], malloc_allocator_test: ['1'], family_test: ['11'] };

/** What a program ends with where memcheck has found something. */
const FOUND = 99;
const MEMCHECK = ['--quiet', `--error-exitcode=${FOUND}`];

const chosen = process.argv.slice(2);
const tests = build().filter(({ name }) => !chosen.length || chosen.includes(name));
const failed = tests.filter(({ command }) => !run(command)).map(({ name }) => name);
for (const name of failed) console.log(`FAILED: ${name}`);
console.log(`${tests.length - failed.length} passed, ${failed.length} failed`);
if (failed.length || !tests.length) process.exitCode = 1;

/** @returns {{ name: string, command: string[] }[]} what ctest would run */
function build() {
  const quiet = /** @type {const} */ ({ stdio: ['ignore', 'ignore', 'inherit'] });
  const flags = ['-DCMAKE_C_FLAGS=-O1 -g', '-DCMAKE_CXX_FLAGS=-O1 -g'];
  execFileSync('cmake', ['-S', root, '-B', folder, ...flags], quiet);
  execFileSync('cmake', ['--build', folder, '-j2'], quiet);
  const list = ['--test-dir', folder, '--show-only=json-v1'];
  return JSON.parse(execFileSync('ctest', list, { encoding: 'utf8' })).tests;
}

/** @param {string[]} command @returns {boolean} whether it passed, and nothing was found */
function run(command) {
  const name = basename(command[0]);
  const start = performance.now();
  const { status, stdout, stderr, error } = spawnSync(
    'valgrind',
    [...MEMCHECK, ...command, ...(ARGUMENTS[name] ?? [])],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (error) throw error;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (status === 0) console.log(`${name}: ${seconds} s`);
  else console.log(`${stdout}${stderr}${name} ended with ${status}`);
  return status === 0;
}
