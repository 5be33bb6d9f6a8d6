/**
 * `npm run differential`: random programs over arenas, heaps, pools, fixed buffers and tracked
 * allocators, each the same everywhere: on the hot paths in JavaScript, with each allocation through
 * C, and through the exports alone; in this Node.js, in those of tools/runtimes, in three browsers;
 * and in the native core. All offsets, refusals, counters and kept bytes have to be the same.
 *
 *   npm run differential -- native firefox       not all hosts, but these
 *   npm run differential -- --seeds 1000 --steps 500
 *   npm run differential -- --seed 17            from this seed on
 *
 * A host that is not installed is named and skipped; where the environment has CI, it is an error.
 * Names the first seed and step that differ, and what was given there and here.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  HOW_TO_INSTALL as HOW_TO_INSTALL_RUNTIMES,
  installedRuntimes,
} from '../../bench/runtimes.js';
import { log, PATHS } from './host.js';
import {
  buildNative,
  hasNative,
  HOW_TO_INSTALL as HOW_TO_INSTALL_NATIVE,
  replay,
} from './native.js';

const RUNTIMES = ['node', 'bun', 'deno'];
const BROWSERS = ['chromium', 'firefox', 'webkit'];
const HOSTS = [...RUNTIMES, ...BROWSERS, 'native'];

/** Seeds that a process, or a page between two collections, runs at once. */
const BATCH = { process: 250, page: 10 };

/** The path in this Node.js that all others are compared with. */
const REFERENCE = 'the hot path';

const PROCESS = fileURLToPath(new URL('process.js', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '300' },
  },
});
const [count, from, steps] = ['seeds', 'seed', 'steps'].map((name) => Number(values[name]));
if (!(count > 0 && steps > 0 && Number.isInteger(from))) {
  throw new Error('--seeds and --steps are numbers above 0, --seed is an integer');
}
const unknown = positionals.filter((name) => !HOSTS.includes(name));
if (unknown.length) throw new Error(`no host: ${unknown}; there are ${HOSTS}`);
const chosen = positionals.length ? positionals : HOSTS;
const seeds = Array.from({ length: count }, (_, i) => from + i);

/* What was started is stopped at the exit. */
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const here = await runHost(processHost([process.execPath]));
for (const [name, open] of await findHosts()) {
  if (!open) continue;
  await (name === 'native' ? runNative() : runHost(await open(), here));
}

/**
 * How to open each host that was chosen; names those that are not here.
 *
 * @returns {Promise<[string, (() => object) | undefined][]>}
 */
async function findHosts() {
  const { runtimes, missing } = installedRuntimes();
  const commands = runtimes.slice(1);
  const found = RUNTIMES.map((name) => {
    const command = missing.includes(name) ? undefined : commands.shift();
    return [name, command && (() => processHost(command))];
  });
  const engines = await import('../browsers/engines.js').catch(() => undefined);
  for (const name of BROWSERS) {
    const isHere = engines && !engines.missing(name).length;
    found.push([name, isHere ? () => pageHost(engines, name) : undefined]);
  }
  found.push(['native', hasNative() ? () => {} : undefined]);
  const hosts = found.filter(([name]) => chosen.includes(name));
  for (const [name, open] of hosts) {
    if (open) continue;
    const how = RUNTIMES.includes(name) ? HOW_TO_INSTALL_RUNTIMES : 'CONTRIBUTING.md';
    console.log(`${name}: not installed: ${name === 'native' ? HOW_TO_INSTALL_NATIVE : how}`);
    if (process.env.CI) process.exitCode = 1;
  }
  return hosts;
}

/**
 * Runs all programs in a host, and compares.
 *
 * @param {object} host
 * @param {Record<string, string>[]} [wanted] the hashes of this Node.js; its own otherwise
 * @returns {Promise<Record<string, string>[]>} its hashes
 */
async function runHost(host, wanted) {
  try {
    const hashes = [];
    for (let at = 0; at < count; at += host.batch) {
      const batch = seeds.slice(at, at + host.batch);
      hashes.push(...(await host.call('hashes', { seeds: batch, steps })));
    }
    for (const path of Object.keys(PATHS)) await compare(host, path, hashes, wanted ?? hashes);
    return hashes;
  } finally {
    await host.close();
  }
}

async function compare(host, path, hashes, wanted) {
  const failed = seeds.filter((_, i) => hashes[i][path] !== wanted[i][REFERENCE]);
  if (failed.length) {
    const [seed] = failed;
    const theirs = await host.call('log', { seed, steps, path });
    const ours = log({ seed, steps, path: REFERENCE });
    const at = ours.findIndex((line, i) => line !== theirs[i]);
    console.log(`seed ${seed} differs at\n  ${ours[at]}\n  ${theirs[at]}`);
  }
  report(`${host.name()}, ${path}`, failed.length);
}

async function runNative() {
  buildNative();
  let failed = 0;
  for (const seed of seeds) {
    const difference = replay(seed, steps);
    if (difference && !failed++) console.log(`seed ${seed} differs natively at\n${difference}`);
  }
  report('the native core, i386', failed);
}

function report(name, failed) {
  console.log(`${name}: ${count - failed} passed, ${failed} failed`);
  if (failed) process.exitCode = 1;
}

/**
 * A process for each call.
 *
 * @param {string[]} command
 */
function processHost([program, ...args]) {
  let runtime;
  return {
    batch: BATCH.process,
    name: () => runtime,
    call(name, argument) {
      const all = [...args, PROCESS, name, JSON.stringify(argument)];
      const output = execFileSync(program, all, { encoding: 'utf8', maxBuffer: 2 ** 30 });
      const answer = JSON.parse(output);
      ({ runtime } = answer);
      return answer.result;
    },
    close() {},
  };
}

/** @param {typeof import('../browsers/engines.js')} engines @param {string} engine */
async function pageHost(engines, engine) {
  const { serve } = await import('../browsers/server.js');
  const server = await serve();
  const page = await engines.open(engine);
  await page.goto(`${server.url}tools/differential/page.html`);
  return {
    batch: BATCH.page,
    name: () => page.version,
    call: (name, argument) => page.evaluate(inPage, name, argument),
    async close() {
      await page.close();
      server.close();
    },
  };
}

/** Runs in the page. */
function inPage(name, argument) {
  return import('/tools/differential/host.js').then((host) => host[name](argument));
}
