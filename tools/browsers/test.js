/**
 * `npm run test:browsers`: the tests that need no Node.js, and those of test/browser/, which need a
 * browser, in Chromium, Firefox and WebKitGTK.
 *
 *   npm run test:browsers -- firefox webkit
 *   npm run test:browsers -- --grep FrameArenas
 *
 * An engine that is not installed is named and skipped; where the environment has CI, it is an
 * error. A run of all tests in all engines writes docs/web-apis.md.
 */
import { EventEmitter, on } from 'node:events';
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ENGINES, missing, open } from './engines.js';
import { serve } from './server.js';
import { writeTable } from './table.js';

/** The longest that a page may say nothing: more than any test may take. */
const SILENCE = 120_000;

const { values, positionals } = parseArgs({
  options: { grep: { type: 'string' } },
  allowPositionals: true,
});
const engines = positionals.length ? positionals : Object.keys(ENGINES);
const unknown = engines.filter((engine) => !ENGINES[engine]);
if (unknown.length) throw new Error(`no engine: ${unknown}; there are ${Object.keys(ENGINES)}`);

const files = ['test', 'test/browser'].flatMap((folder) =>
  readdirSync(new URL(`../../${folder}`, import.meta.url))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${folder}/${name}`),
);

/* What was started is stopped at the exit. */
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const runs = [];
for (const engine of engines) {
  const absent = missing(engine);
  if (absent.length) {
    console.log(`${engine}: not installed: ${absent.join(', ')}`);
    if (process.env.CI) process.exitCode = 1;
  } else {
    runs.push(await run(engine));
  }
}
const whole = runs.filter(({ results }) => results.at(-1)?.event === 'end');
if (whole.length === Object.keys(ENGINES).length && !values.grep) await writeTable(whole);

/**
 * Runs all files in an engine, and prints what came of it.
 *
 * @param {string} engine
 * @returns {Promise<{ version: string, results: object[] }>}
 */
async function run(engine) {
  const inbox = new EventEmitter();
  const server = await serve({ '/results': (socket) => receive(socket, inbox) });
  const page = await open(engine);
  const silence = setTimeout(() => inbox.emit('close'), SILENCE);
  const results = [];
  try {
    const arriving = on(inbox, 'result', { close: ['close'] });
    await page.goto(`${server.url}tools/browsers/tests.html?${query()}`);
    for await (const [result] of arriving) {
      silence.refresh();
      results.push(result);
      if (result.error) console.log(`${engine}: FAILED: ${result.title}\n${result.error}\n`);
    }
    if (results.at(-1)?.event !== 'end') throw new Error('the page went away, or was silent');
  } catch (error) {
    console.log(`${engine}: FAILED after '${results.at(-1)?.title}': ${error.stack}`);
    results.push({ event: 'fail' });
  } finally {
    clearTimeout(silence);
    await page.close().catch(() => {});
    server.close();
  }
  report(engine, page.version, results);
  return { version: page.version, results };
}

/**
 * Passes on what a page says.
 *
 * @param {import('ws').WebSocket} socket
 * @param {EventEmitter} inbox
 */
function receive(socket, inbox) {
  socket.on('message', (data) => {
    const result = JSON.parse(data);
    inbox.emit('result', result);
    if (result.event === 'end') inbox.emit('close');
  });
  socket.on('close', () => inbox.emit('close'));
}

function query() {
  const result = new URLSearchParams(files.map((file) => ['file', file]));
  if (values.grep) result.set('grep', values.grep);
  return result;
}

function report(engine, version, results) {
  const those = (event) => results.filter((result) => result.event === event);
  for (const { title } of those('pending')) console.log(`${engine}: pending: ${title}`);
  console.log(`${engine} is ${version}`);
  const failed = those('fail').length;
  console.log(`${engine}: ${those('pass').length} passed, ${failed} failed`);
  if (failed) process.exitCode = 1;
}
