/**
 * `npm run mutation -- js`: changes js/ in one place after another, and sees whether a test fails.
 *
 *   npm run mutation -- js --files arena,memory   only these; all if not said
 *   npm run mutation -- js --jobs N               so many processes at once; default: one a core
 *   npm run mutation -- js --one-in N             a sample: each Nth mutant
 *   npm run mutation -- js --again                only what survived the last pass or is new
 *
 * A mutant is run against the tests that come to its place, until one fails: first those that
 * killed others of its function, then those of its topic. What survives is run once more where the
 * optional globals are taken away or stood in for (test/node/globals.js), against all tests of the
 * files that come to its place, since what runs once in a process is seen in one test only, and
 * against tests that start processes. The tests of requests are for the files of requests only. The random programs
 * are shorter than in `npm test`, and the same in each pass.
 *
 * Survivors that nothing can tell from the original are listed in equivalent-js.json, each with the
 * reason. Ends with the score: the share of the others that were killed. Below LEAST it fails.
 *
 * Why no StrykerJS, whose operators these are: it needs Node.js 22 by now, and the default memory of
 * this package is shared by what a process loads, so that a mutant which ruins it must not have the
 * next one beside it. Here each mutant has modules of its own, which takes some 0.1 s of loading.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutantsOf } from './js-mutants.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = join(root, 'build/mutation');

/** The score, in percent, that a pass has to reach. */
const LEAST = 95;

/** What has code to change: all but the names and what is generated. */
const FILES = [
  ...['arena', 'memory', 'frames', 'allocator', 'heap', 'pool', 'fixed-buffer', 'tracking'],
  ...['errors', 'words', 'request-arena', 'request-arenas', 'request-lifetime', 'response-end'],
];

/** Tests that run none of js/ in their own process, or another build of it. */
const NOT_OF_JS =
  /^(abi.*|build|package|readme|ulimit|request-workers|server-examples|finalization|nested)\.test/;

/** Those of them whose processes import js/ from where it is. */
const IN_PROCESSES = ['test/node/finalization.test.js', 'test/node/nested.test.js'];

const TESTS = readdirSync(join(root, 'test'))
  .filter((name) => name.endsWith('.test.js'))
  .map((name) => join(root, 'test', name));
const NODE_TESTS = readdirSync(join(root, 'test/node'))
  .filter((name) => name.endsWith('.test.js') && !NOT_OF_JS.test(name))
  .map((name) => join(root, 'test/node', name));

/** What the tests are run in. */
const WORLDS = {
  plain: { tests: [...TESTS, ...NODE_TESTS], preload: [] },
  globals: { tests: TESTS, preload: ['--import', './test/node/globals.js'] },
};

/** So that each pass is like the last one, and short. */
const SEEDS = { ARENA_SEED: '1', FAMILY_SEED: '1', SEED: '1' };
const ROUNDS = { ARENA_RUNS: '40', FAMILY_STEPS: '30000' };

/** How many mutants a process sees: what a request leaves open could fail the next one's tests. */
const RUNS = 40;
const RUNS_OF_REQUESTS = 1;
const isOfRequests = (file) => /^(request|response)-/.test(file);

/** A test whose processor time is this times what it takes otherwise, and this in ms, has hung. */
const SLOWER = 10;
const SLOWEST = 3000;

/** Lines that have to do with globals that not every engine has. */
const OPTIONAL = /dispose|resizable|optional|float16|WebAssembly|Finalization/i;

/** How long a worker may say nothing at all, in ms. */
const PATIENCE = 180_000;

/** Tests that take longer, in ms, are left for the end. */
const QUICK = 100;

/** How many tests that killed are tried first on the next mutants of their function. */
const PROVEN = 6;

/** Those that take longer than this are left out: what only they would see counts as survived. */
const TOO_LONG = 5000;

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: FILES.join() },
    jobs: { type: 'string', default: String(availableParallelism()) },
    'one-in': { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
  },
});
const chosen = options.files.split(',');
const unknown = chosen.filter((name) => !FILES.includes(name));
const EACH = Number(options['one-in']);
if (unknown.length || !(Number(options.jobs) >= 1) || !(EACH >= 1)) {
  console.error(`--files is some of ${FILES.join()}, --jobs and --one-in are numbers from 1`);
  process.exit(2);
}

/** A process that runs tests, started when it is needed and ended when it hangs. */
class Worker {
  /** @param {string} world */
  constructor(world) {
    this.world = world;
  }

  /**
   * @param {object} job
   * @param {number} limit ms that may pass without a test that ends
   * @returns {Promise<any>} what the worker says, or { hung: true }
   */
  run(job, limit) {
    this.process ??= fork(join(here, 'js-worker.js'), {
      cwd: root,
      env: { ...process.env, ...SEEDS, ...ROUNDS, ...preload() },
      execArgv: ['--expose-gc', ...WORLDS[this.world].preload],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const child = this.process;
    return new Promise((resolve) => {
      let timer;
      const settle = (result) => {
        clearTimeout(timer);
        child.removeAllListeners();
        if (result.hung || result.died) this.end();
        resolve(result);
      };
      const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => settle({ hung: true }), limit);
      };
      child.on('message', ({ done }) => (done ? settle(done) : wait()));
      child.on('exit', (_, signal) => settle({ died: signal ?? 'exit' }));
      child.send(job);
      wait();
    });
  }

  end() {
    this.process?.removeAllListeners();
    this.process?.kill('SIGKILL');
    this.process = undefined;
  }
}

/** The hooks, for the workers and for what they start. */
function preload() {
  const before = process.env.NODE_OPTIONS ?? '';
  return { NODE_OPTIONS: `${before} --import ${join(here, 'js-register.js')}`.trim() };
}

/**
 * What each test covers and how long it takes, in a world. It is kept for as long as nothing
 * changes that it depends on.
 *
 * @param {string} world
 */
async function baseline(world) {
  const helpers = readdirSync(join(root, 'test'), { recursive: true })
    .filter((name) => /(?<!\.test)\.js$/.test(name) && !/^(native|cmake|browser)/.test(name))
    .map((name) => join(root, 'test', name));
  const sources = FILES.map((name) => join(root, 'js', `${name}.js`));
  const common = [...sources, ...helpers];
  const path = join(folder, `baseline-${world}.json`);
  const known = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const all = {};
  await each(WORLDS[world].tests, async (file) => {
    const hash = hashOf([...common, file]);
    if (known[file]?.hash !== hash) {
      const worker = new Worker(world);
      const result = await worker.run({ files: [{ path: file }], look: true }, PATIENCE);
      worker.end();
      if (!result.tests?.length) throw new Error(`${file}: ${result.broken ?? 'no tests'}`);
      for (const { title } of result.failures) console.log(`left out, for it fails: ${title}`);
      const places = new Set(result.failures.map(({ place }) => place));
      const tests = result.tests.filter(({ place }) => !places.has(place));
      known[file] = { hash, tests, loaded: result.loaded };
      writeFileSync(path, JSON.stringify(known));
    }
    all[file] = known[file];
  });
  return all;
}

/** @param {string[]} paths */
function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/**
 * Does something with each item, on so many at once as there are jobs.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T, job: number) => Promise<void>} fn
 */
async function each(items, fn) {
  const rest = items.values();
  const work = async (_, job) => {
    for (const item of rest) await fn(item, job);
  };
  await Promise.all(Array.from({ length: Number(options.jobs) }, work));
}

/**
 * Whether a place was come to.
 *
 * @param {Record<string, [start: number, end: number, isRun: 0 | 1][][]>} covered
 * @param {string} file
 * @param {number} offset
 */
function isCovered(covered, file, offset) {
  let least = Infinity;
  let isRun = 0;
  for (const ranges of covered[file] ?? []) {
    for (const [start, end, run] of ranges) {
      if (start <= offset && offset < end && end - start <= least)
        [least, isRun] = [end - start, run];
    }
  }
  return isRun > 0;
}

/**
 * The tests that come to a mutant's place, in stages: first those of the files most about it.
 *
 * @param {import('./js-mutants.js').Mutant} mutant
 * @param {Awaited<ReturnType<typeof baseline>>} world
 */
function planOf({ file, in: name, start }, world) {
  const found = [];
  for (const [path, { tests, loaded }] of Object.entries(world)) {
    if (isOfRequests(basename(path)) && !isOfRequests(file)) continue;
    const isAll = isCovered(loaded, file, start);
    const some = tests.filter(
      ({ duration, covered }) => duration <= TOO_LONG && (isAll || isCovered(covered, file, start)),
    );
    if (!some.length) continue;
    const isTopic = basename(path) === file.replace('.js', '.test.js');
    const share = isTopic ? 2 : some.length / tests.length;
    const cost = some.reduce((sum, { duration }) => sum + duration, 0);
    found.push({ path, tests: some, share, cost });
  }
  found.sort((a, b) => b.share - a.share || a.cost - b.cost);
  const groups = [found.slice(0, 2), found.slice(2, 8), found.slice(8)];
  const isQuick = (/** @type {any} */ test) => test.duration <= QUICK;
  const stages = groups.map((files) => stageOf(files, isQuick));
  stages.push(stageOf(found, (test) => !isQuick(test)));
  stages.unshift(stageOf(provenOf(file, name, found), isQuick));
  return stages.filter(({ files }) => files.length);
}

/** @type {Map<string, { path: string, place: number }[]>} the tests that killed, by function */
const killers = new Map();

/** What killed one mutant of a function is the first to be tried on the others. */
function note({ file, in: name }, { path, place }) {
  const key = `${file} ${name}`;
  const others = (killers.get(key) ?? []).filter((it) => it.path !== path || it.place !== place);
  killers.set(key, [{ path, place }, ...others].slice(0, PROVEN));
}

/** Of the tests that come to a place, those that killed in its function before. */
function provenOf(file, name, found) {
  const known = killers.get(`${file} ${name}`) ?? [];
  return found.map(({ path, tests }) => {
    const isKnown = (test) => known.some((it) => it.path === path && it.place === test.place);
    return { path, tests: tests.filter(isKnown) };
  });
}

/**
 * @param {{ path: string, tests: any[] }[]} found
 * @param {(test: any) => boolean} isWanted
 */
function stageOf(found, isWanted) {
  let limit = SLOWEST;
  const files = [];
  for (const { path, tests: all } of found) {
    const wanted = all.filter(isWanted);
    for (const { duration } of wanted) limit = Math.max(limit, SLOWEST + SLOWER * duration);
    if (wanted.length) files.push({ path, tests: wanted.map(({ place }) => place) });
  }
  return { files, limit };
}

/**
 * All tests of the files of which some come to a mutant's place.
 *
 * @param {import('./js-mutants.js').Mutant} mutant
 * @param {Awaited<ReturnType<typeof baseline>>} world
 */
function wholeFiles(mutant, world) {
  const paths = new Set(
    planOf(mutant, world).flatMap(({ files }) => files.map(({ path }) => path)),
  );
  const found = [...paths].map((path) => ({ path, tests: world[path].tests }));
  return stageOf(found, ({ duration }) => duration <= TOO_LONG);
}

/**
 * @param {Worker} worker
 * @param {{ files: any[], limit: number }[]} stages
 * @param {string} name
 * @param {import('./js-mutants.js').Mutant} mutant
 * @returns {Promise<{ status: string, by?: string }>}
 */
async function runStages(worker, stages, name, mutant) {
  const { file } = mutant;
  for (const { files, limit } of stages) {
    const result = await worker.run({ files, mutant: name, file, limit }, PATIENCE);
    const { hung, died, broken, failed } = result;
    if (hung || died === 'SIGKILL') return { status: 'timeout' };
    if (died) return { status: 'killed', by: 'the process died' };
    if (broken?.startsWith('SyntaxError')) return { status: 'invalid', by: broken };
    if (broken) return { status: 'killed', by: broken.split('\n')[0] };
    if (failed?.path) note(mutant, failed);
    if (failed) return { status: 'killed', by: `${failed.test}: ${failed.message.split('\n')[0]}` };
  }
  return { status: 'survived' };
}

/** A name for a mutant that lasts as long as its file is as it is. */
const keyOf = ({ file, start, end, replacement }) => `${file} ${start} ${end} ${replacement}`;

/** By file, what nothing can tell from the original. */
const listed = JSON.parse(readFileSync(join(here, 'equivalent-js.json'), 'utf8'));

const isListed = (mutant) => (listed[mutant.file] ?? []).some((entry) => isAbout(entry, mutant));

const squeezed = (/** @type {string} */ text) => text.replace(/\s+/g, ' ');

/** Whether an entry of the list is about a mutant; `…` ends a text that is not all there. */
function isAbout(entry, mutant) {
  const original = squeezed(mutant.original);
  const isSame = entry.original.endsWith('…')
    ? original.startsWith(entry.original.slice(0, -1))
    : original === entry.original;
  const { in: function_, line, replacement } = mutant;
  return (
    isSame &&
    entry.in === function_ &&
    entry.line === line &&
    [entry.replacement].flat().includes(squeezed(replacement))
  );
}

const began = Date.now();
const texts = new Map(
  chosen.map((n) => [`${n}.js`, readFileSync(join(root, 'js', `${n}.js`), 'utf8')]),
);
const all = [...texts].flatMap(([file, text]) => mutantsOf(file, text));
const pathOfResults = join(folder, 'js.json');
mkdirSync(join(folder, 'mutants'), { recursive: true });
const results = existsSync(pathOfResults) ? JSON.parse(readFileSync(pathOfResults, 'utf8')) : {};
for (const [file, text] of texts) {
  const hash = createHash('sha256').update(text).digest('hex');
  if (!options.again || results[file]?.hash !== hash) results[file] = { hash, mutants: {} };
}
const save = () => writeFileSync(pathOfResults, JSON.stringify(results));
const resultOf = (mutant) => results[mutant.file].mutants[keyOf(mutant)];

const worlds = { plain: await baseline('plain'), globals: await baseline('globals') };
const took = Math.round((Date.now() - began) / 1000);
console.log(`${all.length} mutants; the tests pass without one, in ${took} s`);

const workers = [];
const open = all.filter((mutant, i) => {
  const status = resultOf(mutant)?.status;
  return status === 'survived' || (!status && i % EACH === 0);
});
let tested = 0;
await each(open, async (mutant, job) => {
  const { file, start, end, replacement } = mutant;
  const name = `${job}-${tested++}`;
  const path = join(folder, 'mutants', `${name}.js`);
  const text = texts.get(file);
  writeFileSync(path, text.slice(0, start) + replacement + text.slice(end));
  const mine = (workers[job] ??= {
    plain: new Worker('plain'),
    globals: new Worker('globals'),
    runs: 0,
  });
  if (++mine.runs >= (isOfRequests(file) ? RUNS_OF_REQUESTS : RUNS)) {
    mine.plain.end();
    mine.globals.end();
    mine.runs = 0;
  }
  let result = await runStages(mine.plain, planOf(mutant, worlds.plain), name, mutant);
  if (result.status === 'survived' && OPTIONAL.test(mutant.line)) {
    result = await runStages(mine.globals, planOf(mutant, worlds.globals), name, mutant);
  }
  if (result.status === 'survived' && !isListed(mutant)) {
    result = await runStages(mine.plain, [wholeFiles(mutant, worlds.plain)], name, mutant);
  }
  if (result.status === 'survived') {
    const files = IN_PROCESSES.map((test) => ({ path: join(root, test) }));
    result = await runStages(mine.plain, [{ files, limit: 20_000 }], name, mutant);
  }
  results[file].mutants[keyOf(mutant)] = result;
  rmSync(path);
  if (tested % 10 === 0) {
    save();
    console.log(`${tested} of ${open.length}, ${Math.round((Date.now() - began) / 1000)} s`);
  }
});
for (const { plain, globals } of workers.filter(Boolean)) {
  plain.end();
  globals.end();
}
save();

const total = { all: 0, killed: 0, timeout: 0, survived: 0, listed: 0 };
const rows = [];
for (const name of chosen) {
  const file = `${name}.js`;
  const row = { all: 0, killed: 0, timeout: 0, survived: 0, listed: 0 };
  const entries = (listed[file] ?? []).map((entry) => ({ entry, matches: 0 }));
  for (const mutant of all.filter((each) => each.file === file)) {
    const about = entries.filter(({ entry }) => isAbout(entry, mutant));
    for (const each of about) each.matches++;
    if (!resultOf(mutant)) continue;
    const { status, by } = resultOf(mutant);
    if (status === 'invalid') throw new Error(`${keyOf(mutant)}: ${by}`);
    row.all++;
    row[status === 'survived' && about.length ? 'listed' : status]++;
    if (status === 'survived' && !about.length) show(mutant);
  }
  for (const { entry, matches } of entries) {
    if (!matches) console.log(`listed, but there is no such mutant: ${JSON.stringify(entry)}`);
  }
  for (const key in total) total[key] += row[key];
  rows.push({ file, ...row, score: scoreOf(row) });
}
console.table([...rows, { file: 'all', ...total, score: scoreOf(total) }]);
console.log(`${Math.round((Date.now() - began) / 1000)} s`);
if (scoreOf(total) < LEAST) {
  console.error(`the score is ${scoreOf(total)}, below ${LEAST}`);
  process.exitCode = 1;
}

/** @param {import('./js-mutants.js').Mutant} mutant */
function show({ file, at, in: name, operator, original, replacement }) {
  const short = (/** @type {string} */ text) => squeezed(text).slice(0, 90);
  console.log(`js/${file}:${at} ${name} [${operator}] ${short(original)} → ${short(replacement)}`);
}

/** The share of what is not listed that was killed, in percent. */
function scoreOf({ all: count, killed, timeout, listed: left }) {
  return Math.floor((1000 * (killed + timeout)) / (count - left)) / 10;
}
