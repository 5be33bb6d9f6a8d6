/**
 * `npm run soak`: a server with an arena for each request, and clients that end their requests in every
 * way that there is, a million times. It fails where a byte of one request is seen in another, a new
 * byte does not read 0, an arena is not given back, or memory grows.
 *
 *   npm run soak -- --requests 50000
 *   npm run soak -- --seed 1          the same requests again
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from './client.js';
import { countOf, ENDINGS, planOf, STORMS } from './mix.js';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const REQUESTS = Number(values.requests);
const SEED = Number(values.seed);

/** In fewer, chance leaves out what the run is for. */
const LEAST = 20_000;
if (!(REQUESTS >= LEAST && Number.isInteger(SEED))) {
  console.error(`--requests is ${LEAST} or more, --seed an integer`);
  process.exit(2);
}

/** How many clients send one request after the other. */
const CLIENTS = 64;

/** Requests after which RAM is as it is to stay: V8 optimises what is called seldom up to then. */
const WARM_UP = Math.min(20_000, REQUESTS * 0.4);

/** How much more RAM the server may take then, as a share. */
const RSS_MORE = 0.05;

/** How much more V8's heap may take: 2 bytes for each of a million requests. */
const HEAP_MORE = 2 * 2 ** 20;

/** What takes longer, in ms, has stalled. */
const STALLED = 30_000;

/** How many failures are shown. */
const SHOWN = 10;

const failures = [];
/** @type {Map<string, Record<string, number>>} how requests ended */
const counts = new Map(ENDINGS.map((ending) => [ending, { ended: 0, refused: 0, gone: 0 }]));
let done = 0;
let next = 0;

console.log(`seed ${SEED}, ${REQUESTS} requests, Node.js ${process.versions.node}`);
const server = fork(fileURLToPath(new URL('server.js', import.meta.url)), [String(SEED)], {
  execArgv: ['--expose-gc'],
});
server.on('message', ({ failure }) => failure && failures.push(failure));
server.once('exit', (code, signal) => abandon(`the server ended: ${code ?? signal}`));
const [{ port }] = await once(server, 'message');
const client = new Client(port, SEED);

const start = performance.now();
await serve(STORMS[0]);
const settled = await check();
await serve(STORMS[1]);
await check(settled);
await serve(WARM_UP / 2);
await check(settled);
await serve(WARM_UP);
const warm = await check(settled);
let last = warm;
for (let tenth = 1; tenth <= 10 && !failures.length; tenth++) {
  const most = (REQUESTS * tenth) / 10;
  if (most <= done) continue;
  await serve(most);
  last = await check(settled, warm);
}
if (last) checkMix(last);
end();

/** Fails where chance has left out what the run is for. */
function checkMix({ seen, refused, limited }) {
  for (const [what, count] of Object.entries({ ...seen, refused, limited })) {
    if (!count) failures.push(`never happened: ${what}`);
  }
  for (const [ending, { ended, gone }] of counts) {
    if (!ended && !gone) failures.push(`never happened: ${ending}`);
  }
}

/** Has the clients send requests until so many are done. */
async function serve(most) {
  if (failures.length) return;
  const watch = stalls();
  await Promise.all(Array.from({ length: CLIENTS }, () => sendOn(most)));
  clearInterval(watch);
}

async function sendOn(most) {
  while (next < most && !failures.length) {
    const id = next;
    const plan = planOf(SEED, id);
    next += countOf(plan);
    try {
      for (const way of await client.perform(id)) counts.get(plan.ending)[way]++;
    } catch (error) {
      failures.push(error.message);
    }
    done += countOf(plan);
  }
}

function stalls() {
  let before = -1;
  return setInterval(() => {
    if (done === before) abandon(`no request has ended for ${STALLED / 1000} s`);
    before = done;
  }, STALLED);
}

/**
 * Asks the server how it is while nothing runs.
 *
 * @param {any} [settled] the report whose frontier is to be that of this one
 * @param {any} [warm] the report whose RAM is to be that of this one
 */
async function check(settled, warm) {
  if (failures.length) return undefined;
  const report = await reportOf(server);
  const { live, orphaned, waiting, held, memory, rss, heapUsed } = report;
  console.log(summary(report));
  for (const [name, count] of Object.entries({ live, orphaned, waiting })) {
    if (count) failures.push(`${name}: ${count}, while nothing runs`);
  }
  if (held.length) failures.push(`not given back: ${held.join(', ')}`);
  if (settled && memory.frontier > settled.memory.frontier) {
    failures.push(`the frontier: ${mib(memory.frontier)}, it was ${mib(settled.memory.frontier)}`);
  }
  if (warm && rss > warm.rss * (1 + RSS_MORE)) {
    failures.push(`RSS: ${mib(rss)}, it was ${mib(warm.rss)}`);
  }
  if (warm && heapUsed > warm.heapUsed + HEAP_MORE) {
    failures.push(`the heap: ${mib(heapUsed)}, it was ${mib(warm.heapUsed)}`);
  }
  return report;
}

async function reportOf(server) {
  const timer = setTimeout(() => abandon('the server does not answer'), STALLED);
  server.send('report');
  for (;;) {
    const [{ report }] = await once(server, 'message');
    if (!report) continue;
    clearTimeout(timer);
    return report;
  }
}

function summary({ served, refused, limited, memory, rss, heapUsed }) {
  const rate = Math.round((done * 1000) / (performance.now() - start));
  return [
    `${done} done, ${rate} a second`,
    `${served} arenas served, ${refused} requests refused, ${limited} blocks`,
    `frontier ${mib(memory.frontier)}, of that kept ${mib(memory.live)}`,
    `RSS ${mib(rss)}, heap ${mib(heapUsed)}`,
  ].join('; ');
}

function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** Ends the run in the middle. */
function abandon(failure) {
  failures.push(failure);
  end();
}

function end() {
  console.table(Object.fromEntries(counts));
  for (const failure of failures.slice(0, SHOWN)) console.error(failure);
  const seconds = Math.round((performance.now() - start) / 1000);
  const verdict = failures.length ? `failed: ${failures.length} failures` : 'passed';
  console.log(`soak ${verdict}: ${done} requests in ${seconds} s, --seed ${SEED}`);
  server.removeAllListeners('exit').kill();
  process.exit(failures.length ? 1 : 0);
}
