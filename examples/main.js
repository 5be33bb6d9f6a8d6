/**
 * `npm start`: two loops, each with arenas and in plain JavaScript on the same data. They have to
 * give the same results before anything is measured.
 *
 * `npm start -- file.csv` parses a CSV of yours instead of the one in data/.
 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Arena, ArenaError, ArenaMemory } from '../js/index.js';
import { Body, InputError, toText } from './columns.js';
import { csvInArena, csvInPlain } from './csv.js';
import { measure } from './measure.js';
import { ArenaParticles, checksum, PlainParticles } from './particles.js';

const PARTICLES = 10_000;
const FRAMES = 600;
const IN_FLIGHT = 4;
/** As much as an http.IncomingMessage hands over at once. */
const PIECE = 65_536;
/** How long a loop of requests is to take, in ms, and of how many it consists at most. */
const TIME = 300;
const REQUESTS = 100;

const path = process.argv[2] ?? fileURLToPath(new URL('data/birdstrikes.csv', import.meta.url));

try {
  const csv = await readFile(path);
  const { expected, memory } = await checkRequests(csv);

  console.log(`wasm-arena on Node.js ${process.version}\n`);
  await frames();
  await requests(csv, expected, memory);
  console.log('time: of a request from its first byte to its answer, the others in between');
  console.log(
    'garbage: bytes that heap and array buffers gained, plus what V8 collected meanwhile',
  );
} catch (error) {
  const isTheirs = error instanceof InputError || error instanceof ArenaError || error.syscall;
  if (!isTheirs) throw error;
  console.error(`Cannot read ${path} as CSV: ${error.message}`);
  process.exitCode = 1;
}

async function frames() {
  const arena = new ArenaParticles(PARTICLES);
  const plain = new PlainParticles(PARTICLES);
  const pointers = [];
  let sum = 0;
  for (let frame = 0; frame < FRAMES; frame++) {
    const seen = arena.frame();
    assert.equal(seen, plain.frame());
    sum = checksum(arena.vertices, seen);
    assert.equal(sum, checksum(plain.vertices, seen), `vertices of frame ${frame}`);
    const { positions, velocities, vertices } = arena;
    if (frame < 3) pointers.push([positions, velocities, vertices].map((view) => view.byteOffset));
  }
  /* Two arenas take turns: the first one is reset for the third frame. */
  assert.deepEqual(pointers[2], pointers[0]);

  const frameLoop = (particles) => (times) => {
    for (let frame = 0; frame < FRAMES; frame++) {
      const start = times ? performance.now() : 0;
      particles.frame();
      if (times) times[frame] = performance.now() - start;
    }
  };
  const costs = [await measure(FRAMES, frameLoop(arena)), await measure(FRAMES, frameLoop(plain))];
  console.log(`Frames: ${count(PARTICLES)} particles, ${count(FRAMES)} frames`);
  console.log(`  the same vertex bytes in each, the last checksum ${sum.toString(16)}\n`);
  printCosts('frame', costs);
  printTable([
    ['pointers', 'positions', 'velocities', 'vertices'],
    ['first frame', ...pointers[0].map(String)],
    ['after reset', ...pointers[2].map(String)],
  ]);
  arena.free();
}

/** Answers the same request both ways. */
async function checkRequests(csv) {
  const memory = memoryFor(csv.length);
  const expected = await plainRequest(receive(csv));
  const answers = Array.from({ length: IN_FLIGHT }, () => arenaRequest(receive(csv), memory));
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, expected);
  return { expected, memory };
}

async function requests(csv, expected, memory) {
  const total = Math.min(REQUESTS, Math.max(2 * IN_FLIGHT, Math.round(TIME / (await warmUp(csv)))));

  const requestLoop = (handle) => async (times) => {
    let next = 0;
    const client = async () => {
      while (next < total) {
        const request = next++;
        const start = performance.now();
        const answer = await handle(receive(csv));
        if (times) times[request] = performance.now() - start;
        if (times) assert.deepEqual(answer, expected);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, client));
  };
  const arenaLoop = requestLoop((body) => arenaRequest(body, memory));
  const plainLoop = requestLoop(plainRequest);
  const costs = [await measure(total, arenaLoop), await measure(total, plainLoop)];

  const { live, arenas } = memory.stats();
  assert.deepEqual({ live, arenas }, { live: 0, arenas: 0 });
  const { rows, columns } = expected;
  const shape = `${count(rows)} × ${columns.length} fields`;
  console.log(`Requests: ${basename(path)}, ${size(csv.length)}, ${shape}`);
  console.log(`  ${total} requests, ${IN_FLIGHT} at a time, the same answer to each:\n`);
  printAnswer(columns);
  printCosts('request', costs);
}

/** @returns how long a request takes the slower way, in ms, when V8 has begun to compile it */
async function warmUp(csv) {
  let least = Infinity;
  for (let request = 0; request < IN_FLIGHT; request++) {
    const start = performance.now();
    await plainRequest(receive(csv));
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/**
 * A memory for all requests. It never grows, so no view on it ever goes stale, and what no request
 * touches costs no RAM.
 */
function memoryFor(bytes) {
  const share = 2 ** 20 + 24 * bytes;
  const maximum = Math.min(IN_FLIGHT * share, 2 ** 32 - 65536);
  return new ArenaMemory({ reserve: maximum, maximum });
}

/** The text and all that is made of it are in an arena of its own, until the answer is ready. */
async function arenaRequest(pieces, memory) {
  const arena = new Arena({ memory, label: 'request' });
  try {
    const body = new Body(arena);
    for await (const piece of pieces) body.add(piece);
    return csvInArena(arena, body.end());
  } finally {
    arena.free();
  }
}

/** The same with strings, arrays and a Map. */
async function plainRequest(body) {
  const pieces = [];
  for await (const piece of body) pieces.push(piece);
  return csvInPlain(toText(Buffer.concat(pieces)));
}

/** The body as a server gets it: piece by piece, with other work in between. */
async function* receive(bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) {
    await setImmediate();
    yield bytes.subarray(at, at + PIECE);
  }
}

/** A few of its columns: enough to see that it was read. */
function printAnswer(columns) {
  const numbers = columns.filter(({ top }) => !top).slice(0, 2);
  const texts = columns.filter(({ top }) => top).slice(0, 3);
  const lines = [
    ...numbers.map(({ name, sum, min, max }) => [name, `sum ${sum}, from ${min} to ${max}`]),
    ...texts.map(({ name, top }) => [name, top.map(([text, n]) => `${text} ${n}×`).join(', ')]),
  ];
  const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  for (const [name, value] of lines) {
    const oneLine = value.replace(/\s+/g, ' ');
    console.log(`  ${short(name, 22).padEnd(22)}  ${short(oneLine, 72)}`);
  }
  console.log();
}

/** @param {string} what what took so long @param {object[]} costs with arenas, and without */
function printCosts(what, costs) {
  const row = (name, show) => [name, ...costs.map(show)];
  printTable([
    ['', 'arena', 'plain'],
    row(`time a ${what}, median`, ({ median }) => milliseconds(median)),
    row(`time a ${what}, 99 %`, ({ high }) => milliseconds(high)),
    row(`time a ${what}, worst`, ({ worst }) => milliseconds(worst)),
    row(`garbage a ${what}`, ({ garbage }) => size(garbage)),
    row('collections', ({ collections }) => count(collections)),
    row('their pauses, total', ({ pause }) => milliseconds(pause)),
  ]);
}

/** @param {string[][]} rows names on the left, values on the right */
function printTable(rows) {
  for (const [name, ...values] of rows) {
    console.log(`  ${name.padEnd(22)}${values.map((value) => value.padStart(12)).join('')}`);
  }
  console.log();
}

function count(n) {
  return n.toLocaleString('en');
}

function milliseconds(ms) {
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
}

function size(bytes) {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  const isSmall = bytes < 2 ** 20;
  return `${(bytes / (isSmall ? 2 ** 10 : 2 ** 20)).toFixed(1)} ${isSmall ? 'KiB' : 'MiB'}`;
}
