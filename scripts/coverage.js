/**
 * Coverage: fails where a line or a branch of js/ or of the C core was never run.
 *
 *   npm run coverage          both
 *   npm run coverage -- js    js/, in the mocha suite: in this Node.js, once more with the optional
 *                             globals the other way round (test/node/globals.js), and in the newer
 *                             Node.js of tools/runtimes where that is installed. What counts is what
 *                             they have run together.
 *   npm run coverage -- c     src/, in all native tests together, by the counters of Clang: all code
 *                             has to have been run, and each condition to have been true and false.
 *                             Needs Clang and its llvm-cov.
 *
 * What of src/ is in the wasm modules alone (exports.c, allocators.c, memory_wasm.c, abi/) is not in
 * the native tests: the mocha suite calls it, and nothing counts there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const newerNode = join(root, 'tools/runtimes/node_modules/.bin/node');

/** What of llvm-cov's regions is code; the others are gaps, comments, and macros where they stand. */
const CODE = 0;

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env] beside what there is
 * @returns {{ ok: boolean, output: string, errors: string }}
 */
function attempt(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error) throw error;
  return { ok: status === 0, output: stdout, errors: stderr };
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 * @returns {string} what it has printed
 */
function run(command, args, env) {
  const { ok, output, errors } = attempt(command, args, env);
  if (ok) return output;
  console.log(output);
  throw new Error(`${command}: ${errors}`);
}

/**
 * @param {string} title
 * @param {string} node
 * @param {string} folder for V8's counters
 * @param {string[]} [args]
 * @returns {boolean} whether the mocha suite passed
 */
function mocha(title, node, folder, args = []) {
  const program = ['node_modules/mocha/bin/mocha.js', '--reporter', 'dot', ...args];
  const { ok, output, errors } = attempt(node, program, { NODE_V8_COVERAGE: folder });
  if (!ok) console.log(errors, output);
  console.log(`js/, ${title}: ${/\d+ passing/.exec(output)?.[0] ?? 'nothing ran'}`);
  return ok;
}

/** @returns {boolean} whether all of js/ was run, by tests that passed */
function js() {
  const folder = join(root, 'coverage/tmp');
  const { version, execPath } = process;
  const swapped = ['--require', './test/node/globals.js', '--ignore', 'test/node/*'];
  rmSync(folder, { recursive: true, force: true });
  let passed = mocha(`Node.js ${version}`, execPath, folder);
  passed = mocha('the optional globals the other way round', execPath, folder, swapped) && passed;
  if (existsSync(newerNode)) {
    const newer = run(newerNode, ['--version']).trim();
    passed = mocha(`Node.js ${newer}`, newerNode, folder) && passed;
  } else {
    console.log('js/, no newer Node.js: `npm install --prefix tools/runtimes` installs one');
  }
  const report = ['node_modules/c8/bin/c8.js', 'report', '--temp-directory', folder];
  const { ok, output, errors } = attempt(execPath, report);
  console.log(output, errors);
  return passed && ok;
}

/** @param {string} name of a tool that belongs to clang @returns {string} its path */
function llvm(name) {
  return run('clang', [`-print-prog-name=${name}`]).trim();
}

/** @returns {any[]} what llvm-cov knows of each function, after all native tests */
function runNativeTests() {
  const build = join(root, 'build/coverage');
  const profiles = join(build, 'profiles');
  const merged = join(build, 'merged.profdata');
  const compilers = ['-DCMAKE_C_COMPILER=clang', '-DCMAKE_CXX_COMPILER=clang++'];
  run('cmake', ['-S', root, '-B', build, '-DWASM_ARENA_COVERAGE=ON', ...compilers]);
  run('cmake', ['--build', build, '-j2']);

  rmSync(profiles, { recursive: true, force: true });
  mkdirSync(profiles);
  /* Each claim is a process. With %m all those of a program add to one file. */
  const env = { LLVM_PROFILE_FILE: join(profiles, '%m.profraw') };
  const log = run('ctest', ['--test-dir', build, '-j2', '--output-on-failure'], env);
  console.log(`src/, native tests: ${/\d+% tests passed.*/.exec(log)?.[0]}`);

  const { tests } = JSON.parse(run('ctest', ['--test-dir', build, '--show-only=json-v1']));
  const programs = tests.map((/** @type {any} */ { command: [program] }) => program);
  /* What look_test has of chunk.c is changed by a macro. */
  const unchanged = programs.filter((/** @type {string} */ name) => !name.endsWith('look_test'));
  const raw = readdirSync(profiles).map((name) => join(profiles, name));
  run(llvm('llvm-profdata'), ['merge', '-o', merged, ...raw]);
  const objects = unchanged.flatMap((/** @type {string} */ name) => ['-object', name]);
  const report = ['export', '-instr-profile', merged, ...objects];
  return JSON.parse(run(llvm('llvm-cov'), report)).data[0].functions;
}

/**
 * @param {any} fn
 * @returns {Generator<[file: string, place: string, what: string, times: number]>}
 */
function* countersOf({ filenames, regions, branches }) {
  for (const [line, column, endLine, endColumn, times, file, , kind] of regions) {
    const place = `${line}:${column} to ${endLine}:${endColumn}`;
    if (kind === CODE) yield [filenames[file], place, 'run', times];
  }
  for (const [line, column, endLine, endColumn, yes, no, file] of branches) {
    const place = `${line}:${column} to ${endLine}:${endColumn}`;
    yield [filenames[file], place, 'true', yes];
    yield [filenames[file], place, 'false', no];
  }
}

/**
 * A function of a header is in many programs: what one of them has not run, another one has.
 *
 * @param {any[]} functions
 * @returns {Map<string, Map<string, number>>} by file of src/, what there is to run, and how often it
 *   was
 */
function sum(functions) {
  const files = new Map();
  for (const fn of functions) {
    for (const [path, place, what, times] of countersOf(fn)) {
      const file = relative(root, path);
      if (!file.startsWith('src/')) continue;
      if (!files.has(file)) files.set(file, new Map());
      const counters = files.get(file);
      const name = `${file}:${place}: never ${what}`;
      counters.set(name, (counters.get(name) ?? 0) + times);
    }
  }
  return files;
}

/** @returns {boolean} whether all of the C core was run */
function c() {
  let all = true;
  for (const [file, counters] of [...sum(runNativeTests())].sort()) {
    const missing = [...counters].filter(([, times]) => !times);
    const run = counters.size - missing.length;
    console.log(`${file.padEnd(24)} ${run} of ${counters.size} regions and branches`);
    for (const [name] of missing) console.log(`  ${name}`);
    all &&= missing.length === 0;
  }
  return all;
}

const parts = { js, c };
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(parts, name));
if (unknown) {
  console.error(`npm run coverage -- js, or c, not ${unknown}`);
  process.exit(2);
}
const wanted = /** @type {(keyof typeof parts)[]} */ (asked.length ? asked : Object.keys(parts));
const results = wanted.map((name) => parts[name]());
process.exitCode = results.every(Boolean) ? 0 : 1;
