import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { createHistogram } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

const SERVER = fileURLToPath(new URL('server.js', import.meta.url));
const SERVERS = ['arena', 'usual'];
const LATENCIES = { p50: 50, p99: 99, p999: 99.9 };
/** Warm-up and run go on until there are so many answers a connection, even if that takes longer. */
const ANSWERS = 2;
/** How long an answer may take, in seconds. */
const TIMEOUT = 300;

/**
 * Loads the servers in rounds, arena, usual, arena, usual …, so that a machine that is busy for a
 * while hits both. Each run has a process of its own.
 *
 * @param {(import('./cells.js').Cell & { format: string, body: Buffer })[]} loads
 * @param {{ duration: number, warmup: number, rounds: number }} options seconds, seconds, runs
 * @param {(done: string) => void} progress
 */
export async function runCells(loads, { duration, warmup, rounds }, progress) {
  const results = [];
  for (const load of loads) {
    const runs = { arena: [], usual: [] };
    for (let round = 0; round < rounds; round++) {
      for (const server of SERVERS) {
        progress(`${load.name}, round ${round + 1} of ${rounds}: ${server}`);
        runs[server].push(await run(server, load, { duration, warmup }));
      }
    }
    const [arena, usual] = SERVERS.map((server) => medians(runs[server]));
    const { name, format, connections, body } = load;
    results.push({ name, format, bytes: body.length, connections, arena, usual });
  }
  progress('');
  return {
    runtime: `Node.js ${process.version}`,
    cpu: `${availableParallelism()} × ${cpus()[0]?.model.trim() || 'CPU'}`,
    date: new Date().toISOString().slice(0, 10),
    load: Number((loadavg()[0] / availableParallelism()).toFixed(1)),
    ...{ duration, rounds, cells: results },
  };
}

async function run(server, load, options) {
  const child = fork(SERVER, [server], { silent: true });
  try {
    const [{ url }] = await once(child, 'message');
    const answer = await answerOf(url, load);
    const begin = () => child.send('begin');
    const { latencies, requests } = await fire(url, load, answer, options, begin);
    child.send('report');
    const [{ seconds, cpu, collections, gc, rss }] = await once(child, 'message');
    return {
      rate: requests / seconds,
      ...latencies,
      cpu: (1000 * cpu) / requests,
      rss,
      seconds,
      requests,
      ...{ gc, collections },
    };
  } finally {
    child.disconnect();
    await once(child, 'exit');
  }
}

async function answerOf(url, { format, body }) {
  const response = await fetch(`${url}${format}`, { method: 'POST', body });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.text();
}

/**
 * Warms the server up and measures it over the same connections: what it costs to open them is not
 * of interest.
 *
 * @returns latencies in ms, and how many requests were answered
 */
async function fire(url, { format, body, connections }, answer, { duration, warmup }, begin) {
  const histogram = createHistogram({ highest: TIMEOUT * 1e6, figures: 3 });
  const load = autocannon({
    ...{ url: `${url}${format}`, method: 'POST', body, connections, timeout: TIMEOUT },
    ...{ duration: TIMEOUT, expectBody: answer },
  });
  let isWarm = false;
  let start = performance.now();
  let requests = 0;
  let cause;
  load.on('reqError', (error) => (cause = error));
  load.on('response', (client, status, bytes, milliseconds) => {
    requests++;
    if (isWarm) histogram.record(Math.max(1, Math.round(1000 * milliseconds)));
    const seconds = (performance.now() - start) / 1000;
    if (requests < ANSWERS * connections || seconds < (isWarm ? duration : warmup)) return;
    if (isWarm) return load.stop();
    begin();
    [isWarm, start, requests] = [true, performance.now(), 0];
  });
  const { non2xx, errors, mismatches } = await load;
  if (non2xx || errors || mismatches) {
    const message = `${non2xx} refused, ${errors} failed, ${mismatches} answered wrongly`;
    throw new Error(message, { cause });
  }
  const latencies = Object.entries(LATENCIES).map(([name, percent]) => [
    name,
    histogram.percentile(percent) / 1000,
  ]);
  return { requests, latencies: Object.fromEntries(latencies) };
}

/** Of each figure its median over the runs. */
function medians(runs) {
  const names = Object.keys(runs[0]);
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name]))]));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
}
