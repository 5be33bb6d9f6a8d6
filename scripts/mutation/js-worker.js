/**
 * Runs tests against a mutant, again and again: each run imports the package and the test files
 * anew, so nothing of a mutant is left for the next one but what the process has.
 */
import { Session } from 'node:inspector/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import Mocha from 'mocha';

/** What a test waits for and does not come in this time, in ms, never comes. */
const PATIENCE = 20_000;

/** What runs print is nobody's to read. */
class Silent {}

/** As mocha's own command does: a rejection that nobody hears of fails the test that runs. */
process.on('unhandledRejection', (reason) => {
  throw reason;
});
process.on('uncaughtException', () => {});

/** For the watchdog: how many tests have ended, and the ms that the next one may take; 0: any. */
const words = new Int32Array(new SharedArrayBuffer(8));
const env = { ...process.env, NODE_OPTIONS: '' };
new Worker(new URL('js-watchdog.js', import.meta.url), { workerData: words.buffer, env }).unref();

let session;
let runs = 0;

process.on('message', async (job) => {
  try {
    words[1] = job.limit ?? 0;
    process.send({ done: await run(job) });
  } catch (error) {
    process.send({ done: { broken: String(error?.stack ?? error) } });
  } finally {
    words[1] = 0;
  }
});

/**
 * @param {object} job
 * @param {{ path: string, tests?: number[] }[]} job.files the tests to run, by their place in the
 *   file; default all
 * @param {number} [job.limit] ms of processor time that a test may take
 * @param {string} [job.mutant] its name
 * @param {string} [job.file] what it stands in for
 * @param {boolean} [job.look] whether to say what was covered
 */
async function run({ files, mutant, file, look }) {
  if (look && !session) await startCoverage();
  const query = mutant ? `&mutant=${mutant}&file=${file}` : '';
  const search = `?run=${++runs}${query}`;
  if (mutant) Object.assign(process.env, { MUTATION_MUTANT: mutant, MUTATION_FILE: file });
  const mocha = new Mocha({ reporter: Silent, bail: !look, timeout: PATIENCE });
  for (const { path } of files) {
    mocha.suite.emit('pre-require', globalThis, path, mocha);
    await import(pathToFileURL(path).href + search);
  }
  const loaded = look && (await covered(search));
  const chosen = new Map(files.map(({ path, tests }) => [path, tests]));
  const places = keepOnly(mocha.suite, chosen);
  const tests = [];
  const failures = [];
  if (look) {
    mocha.suite.afterEach(async function () {
      const { currentTest } = this;
      const { path, place } = places.get(currentTest);
      const [title, duration] = [currentTest.fullTitle(), currentTest.duration ?? 0];
      tests.push({ path, place, title, duration, covered: await covered(search) });
    });
  }
  let failed;
  await new Promise((resolve) => {
    const runner = mocha.run(resolve);
    runner.on('test end', () => {
      words[0]++;
      process.send({ alive: true });
    });
    runner.on('fail', (test, { message }) => {
      failed ??= { test: test.fullTitle(), message, ...places.get(test) };
      failures.push({ title: `${test.fullTitle()}: ${message}`, place: places.get(test)?.place });
    });
  });
  mocha.dispose();
  globalThis.gc();
  return { failed, failures, tests, loaded };
}

/**
 * Takes all other tests out of the suites.
 *
 * @returns {Map<any, { path: string, place: number }>} where each test is
 */
function keepOnly(suite, chosen) {
  const places = new Map();
  const counts = new Map();
  const visit = (each) => {
    each.tests = each.tests.filter((test) => {
      const place = counts.get(test.file) ?? 0;
      counts.set(test.file, place + 1);
      places.set(test, { path: test.file, place });
      test.timeout(PATIENCE);
      return chosen.get(test.file)?.includes(place) ?? true;
    });
    each.suites.forEach(visit);
  };
  visit(suite);
  return places;
}

async function startCoverage() {
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
}

/** What was run since the last call: for each file of js/ the functions, with ranges and counts. */
async function covered(search) {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const files = {};
  for (const { url, functions } of result) {
    const name = url.endsWith(search) && /\/js\/([\w-]+\.js)\?/.exec(url)?.[1];
    if (!name) continue;
    files[name] = functions.map(({ ranges }) =>
      ranges.map(({ startOffset, endOffset, count }) => [startOffset, endOffset, +(count > 0)]),
    );
  }
  return files;
}
