/**
 * Runs test files with mocha, in the runtime that runs this, and prints what fails, what is skipped
 * and how many pass. mocha's own command is for Node.js: it starts `process.execPath` with flags that
 * no other runtime has.
 *
 *   mocha.js [--grep TEXT] FILE…
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';
import { LACKS } from './lacks.js';

const { values, positionals } = parseArgs({
  options: { grep: { type: 'string' } },
  allowPositionals: true,
});
const root = fileURLToPath(new URL('../../', import.meta.url));
const { timeout } = createRequire(import.meta.url)('../../.mocharc.json');

/** What is slow in one runtime need not be so in another: this is for what hangs. */
const PATIENCE = 6;

const lacking = LACKS.filter(({ isLacking }) => isLacking());
const skipped = new Map(
  lacking.flatMap(({ files = [], why }) => files.map((name) => [`test/node/${name}.test.js`, why])),
);
const mocha = new Mocha({
  timeout: PATIENCE * timeout,
  reporter,
  ...(values.grep && { fgrep: values.grep }),
});
for (const file of positionals) {
  if (skipped.has(file)) console.log(`pending: ${file}: ${skipped.get(file)}`);
  else mocha.addFile(`${root}${file}`);
}
await mocha.loadFilesAsync();
mocha.suite.eachTest(skipWhatIsLacking);
mocha.run((failed) => process.exit(failed ? 1 : 0));

function skipWhatIsLacking(test) {
  const title = test.fullTitle();
  const isOf = (begin) => (typeof begin === 'string' ? title.startsWith(begin) : begin.test(title));
  const found = lacking.find(({ titles = [] }) => titles.some(isOf));
  if (!found) return;
  test.pending = true;
  test.why = found.why;
}

function reporter(runner) {
  let [passed, failed] = [0, 0];
  runner.on('pass', () => passed++);
  runner.on('pending', (test) => {
    console.log(`pending: ${test.fullTitle()}${test.why ? `: ${test.why}` : ''}`);
  });
  runner.on('fail', (test, error) => {
    failed++;
    console.log(`FAILED: ${test.fullTitle()}\n${error.stack ?? error}\n`);
  });
  runner.on('end', () => console.log(`${passed} passed, ${failed} failed`));
}
