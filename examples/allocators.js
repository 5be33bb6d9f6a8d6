/**
 * Three lifetimes in one memory: `node examples/allocators.js`
 *
 * - Tiles of a map live until a cache throws them out, which nobody knows beforehand: a heap.
 * - Sparks live for a second or so, they are many, and all alike: a pool.
 * - What a frame works out is gone when the frame is over: an arena.
 */
import assert from 'node:assert/strict';
import { Heap, Pool, track } from '../js/allocators.js';
import { Arena, ArenaMemory } from '../js/index.js';

const FRAMES = 600;
const TILES = 64; // that the cache holds
const WORLD = 256; // tiles that there are
const SPARKS = 20_000;
const SPARK = 16; // bytes: x, velocity, seconds to live, tile

const memory = new ArenaMemory({ reserve: 2 ** 24, maximum: 2 ** 24 });
const heap = new Heap({ memory, label: 'tiles' });
const tiles = track(heap);
const sparks = new Pool({ size: SPARK, capacity: SPARKS, memory, label: 'sparks' });
const scratch = new Arena({ memory, label: 'frame' });

let seed = 1;
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;

/** A cache of tiles, the one that was used last at its end: a Map keeps the order. */
const cache = new Map();

/** The bytes of a tile: 1 to 64 KiB, loaded when it is not in the cache. */
function tile(number) {
  let entry = cache.get(number);
  cache.delete(number);
  if (!entry) {
    if (cache.size === TILES) throwOut();
    const size = 1024 << (number % 7);
    entry = { ptr: tiles.alloc(size), size };
    memory.u8.fill(number, entry.ptr, entry.ptr + size);
  }
  cache.set(number, entry);
  return entry;
}

function throwOut() {
  const [[number, { ptr, size }]] = cache;
  assert.equal(memory.u8[ptr + size - 1], number, 'a tile was overwritten');
  tiles.free(ptr, size);
  cache.delete(number);
}

function spray(count) {
  const { f32, u32 } = memory;
  for (let i = 0; i < count; i++) {
    const spark = sparks.tryAlloc();
    if (!spark) return; // as many as there can be
    f32[spark / 4] = random() * WORLD;
    f32[spark / 4 + 1] = random() - 0.5;
    f32[spark / 4 + 2] = random() * 60;
    u32[spark / 4 + 3] = 0;
  }
}

/** Moves the sparks; what burnt out is freed while the others are walked. */
function step() {
  const { f32, u32 } = memory;
  for (let spark = sparks.next(0); spark; spark = sparks.next(spark)) {
    const x = (f32[spark / 4] += f32[spark / 4 + 1]);
    if (--f32[spark / 4 + 2] <= 0 || x < 0 || x >= WORLD) sparks.free(spark);
    else u32[spark / 4 + 3] = x;
  }
}

/** How many sparks each tile has, and the fullest tiles; both are a frame's own. */
function fullest(count) {
  const { u32 } = memory;
  const sums = scratch.uint32(WORLD).fill(0);
  for (let spark = sparks.next(0); spark; spark = sparks.next(spark)) sums[u32[spark / 4 + 3]]++;
  const order = scratch.uint16(WORLD);
  for (let i = 0; i < WORLD; i++) order[i] = i;
  order.sort((a, b) => sums[b] - sums[a] || a - b);
  return order.subarray(0, count);
}

let most = 0;
for (let frame = 0; frame < FRAMES; frame++) {
  spray(300);
  step();
  for (const number of fullest(8)) tile(number);
  most = Math.max(most, sparks.live);
  scratch.reset();
}

const { allocations, frees, live, peak } = tiles.stats();
console.log(`${FRAMES} frames; ${sparks.live} sparks alive, ${most} at most`);
console.log(
  `${allocations} tiles loaded, ${frees} thrown out, ${live} bytes held, ${peak} at most`,
);
console.log(`scratch: ${scratch.highWater} bytes a frame`);

let sum = 0;
for (const { size } of cache.values()) sum += size;
assert.deepEqual([live, allocations - frees], [sum, cache.size]);
assert.equal([...sparks].length, sparks.live);

while (cache.size) throwOut();
for (const spark of sparks) sparks.free(spark);
sparks.dispose();
heap.dispose(); // and the tracking on it
scratch.free();
