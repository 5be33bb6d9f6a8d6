/**
 * `npm run bench:reserve`: what the reserve of a RequestArenas does to the garbage collections of a
 * running server. V8 counts linear memory as memory outside its heap, touched or not.
 *
 *   npm run bench:reserve -- --requests 50000 --rounds 5
 *
 * Each run is a server in a process of its own, with a heap that holds as much as one of that size
 * does, and clients in this process. Reserves take turns, and figures are medians over the rounds.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const MIB = 2 ** 20;

/** In MiB; 0: no RequestArenas and no memory at all, Buffers in their place. */
const RESERVES = [0, 30, 256, 1024];

/** What a request leaves behind: objects only, or a Buffer outside of V8's heap too. */
const LOADS = { objects: 0, buffers: 2 ** 16 };

/** Objects that the server keeps, some 50 MiB: what a full collection has to mark. */
const KEPT = 300_000;

/** Objects in a request's answer. */
const ITEMS = 30;

/** Buffers that a request uses, and their bytes. */
const SCRATCH = 4;
const SCRATCH_SIZE = 1024;

const CLIENTS = 32;

/** Until entries about collections have arrived, in ms. */
const SETTLE = 200;

const { NODE_PERFORMANCE_GC_MAJOR, NODE_PERFORMANCE_GC_INCREMENTAL } = constants;

if (process.argv[2] === 'serve') await serve(...process.argv.slice(3).map(Number));
else await compare();

/* ---- the server ---- */

async function serve(reserve, garbage) {
  const entries = [];
  new PerformanceObserver((list) => entries.push(...list.getEntries())).observe({ type: 'gc' });
  const kept = Array.from({ length: KEPT }, (_, id) => ({ id, name: `item ${id}`, tags: [id] }));

  const begun = performance.now();
  const wrap = reserve ? await arenasOf(reserve * MIB) : plain;
  const made = performance.now() - begun;

  const handler = wrap(async (req, res, scratch) => {
    const at = Number(req.url.slice(1)) % (KEPT - ITEMS);
    const items = kept.slice(at, at + ITEMS).map((item) => ({ ...item, at }));
    const rest = Buffer.alloc(garbage);
    await null;
    for (let i = 0; i < SCRATCH; i++) scratch(SCRATCH_SIZE).write(items[i].name);
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ items, rest: rest.length }));
  });
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await sleep(SETTLE);
  entries.length = 0;
  process.send({ port: server.address().port });
  process.once('disconnect', () => process.exit());
  await once(process, 'message');
  const { rss } = process.memoryUsage();
  await sleep(SETTLE);
  process.send({ made, rss, ...collections(entries) });
}

/** The library is not even loaded where there is no reserve. */
async function arenasOf(reserve) {
  const { RequestArenas } = await import('../js/node.js');
  const arenas = new RequestArenas({ reserve });
  return (handler) =>
    arenas.wrap((req, res) => handler(req, res, (size) => req.arena.buffer(size)));
}

function plain(handler) {
  return (req, res) => handler(req, res, (size) => Buffer.alloc(size));
}

function collections(entries) {
  const isFull = ({ detail }) => detail.kind === NODE_PERFORMANCE_GC_MAJOR;
  const isStep = ({ detail }) => detail.kind === NODE_PERFORMANCE_GC_INCREMENTAL;
  const sum = (list) => list.reduce((total, { duration }) => total + duration, 0);
  return {
    full: entries.filter(isFull).length,
    fullTime: sum(entries.filter((entry) => isFull(entry) || isStep(entry))),
    others: entries.filter((entry) => !isFull(entry) && !isStep(entry)).length,
    time: sum(entries),
    longest: Math.max(0, ...entries.map(({ duration }) => duration)),
  };
}

/* ---- the clients ---- */

async function compare() {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '50000' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const cases = Object.keys(LOADS).flatMap((load) =>
    RESERVES.map((reserve) => ({ load, reserve, runs: [] })),
  );
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const { load, reserve, runs } of cases) {
      runs.push(await run(reserve, LOADS[load], Number(values.requests)));
    }
  }
  console.table(cases.map(row));
}

async function run(reserve, garbage, requests) {
  const file = fileURLToPath(import.meta.url);
  const server = fork(file, ['serve', String(reserve), String(garbage)]);
  const [{ port }] = await once(server, 'message');
  const agent = new Agent({ keepAlive: true });
  let next = 0;
  const client = async () => {
    while (next < requests) await fetchOnce({ host: '127.0.0.1', port, agent, path: `/${next++}` });
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const seconds = (performance.now() - start) / 1000;
  agent.destroy();
  server.send('report');
  const [report] = await once(server, 'message');
  server.disconnect();
  await once(server, 'exit');
  return { ...report, rate: requests / seconds };
}

function fetchOnce(options) {
  return new Promise((resolve, reject) => {
    const sent = get(options, (answer) => answer.resume().once('end', resolve));
    sent.once('error', reject);
  });
}

function row({ load, reserve, runs }) {
  const of = (name) => runs.map((run) => run[name]).sort((a, b) => a - b);
  const median = (name) => of(name)[runs.length >> 1];
  const rates = of('rate');
  return {
    garbage: load,
    'reserve, MiB': reserve || 'none',
    'to make, ms': round(median('made')),
    'full collections': median('full'),
    'in those, ms': round(median('fullTime')),
    others: median('others'),
    'in all, ms': round(median('time')),
    'longest, ms': round(median('longest')),
    'requests a second': Math.round(median('rate')),
    'least, most': `${Math.round(rates[0])}, ${Math.round(rates.at(-1))}`,
    'RSS, MiB': Math.round(median('rss') / MIB),
  };
}

function round(ms) {
  return Number(ms.toFixed(1));
}
