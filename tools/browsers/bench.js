/**
 * `npm run bench:browsers`: the benchmark's rows that a page can measure, in Chromium, Firefox and
 * WebKitGTK, with the same subjects as `npm run bench`.
 *
 *   npm run bench:browsers -- --engines firefox,webkit
 *   npm run bench:browsers -- alloc              a row, or all rows whose names begin so
 *   npm run bench:browsers -- --save             keeps them in bench/results.json and bench/README.md
 *
 * Each run of a subject is a page of its own.
 */
import { parseArgs } from 'node:util';
import { rows, rowsNamed } from '../../bench/rows.js';
import { run } from '../../bench/run.js';
import { save } from '../../bench/save.js';
import { textTable } from '../../bench/table.js';
import { ENGINES, missing, open } from './engines.js';
import { serve } from './server.js';

const NAMES = { chromium: 'V8', firefox: 'SpiderMonkey', webkit: 'JSC' };

/** Subjects that need Node.js, a process of their own, a clock that is not rounded, or minutes. */
const NOT_IN_A_PAGE = /^(requests|startup|size|churn|scaling)\/|\/(worst|held)/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engines: { type: 'string', default: Object.keys(ENGINES).join() },
    save: { type: 'boolean' },
  },
});
const chosen = (positionals.length ? positionals.flatMap(rowsNamed) : rows).filter(
  ({ ours, peer = '' }) => !NOT_IN_A_PAGE.test(ours) && !NOT_IN_A_PAGE.test(peer),
);

for (const engine of values.engines.split(',')) {
  const absent = missing(engine);
  if (absent.length) {
    console.log(`${engine}: not installed: ${absent.join(', ')}`);
    continue;
  }
  const server = await serve();
  const page = await open(engine);
  try {
    const measure = async (subject) => {
      await page.goto(`${server.url}tools/browsers/bench.html`);
      const result = await page.evaluate(inPage, ...subject.split('/'));
      return { engine: NAMES[engine], runtime: page.version, ...result };
    };
    const result = await run(chosen, measure, progress);
    if (values.save) await save(result);
    console.log(`${textTable(result)}\n`);
  } finally {
    await page.close();
    server.close();
  }
}

/** Runs in the page. */
function inPage(file, name) {
  return import(`/bench/subjects/${file}.js`).then((subjects) => subjects[name]());
}

/** One line that is overwritten, where there is a terminal to overwrite it. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
