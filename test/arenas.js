import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../js/index.js';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const PAGE = 64 * KIB;

/** What behaves alike but for what a block reads at first. */
export const KINDS = [
  ['an arena', {}],
  ['a zeroing arena', { zero: true }],
];

/** All alignments there are. */
export const ALIGNMENTS = Array.from({ length: 17 }, (_, i) => 2 ** i);

/** The first multiple of `align` at or after `n`. */
export const up = (n, align) => Math.ceil(n / align) * align;

/** A memory of its own for a test; 1 MiB is present from the start. */
export const newMemory = (options) => new ArenaMemory({ reserve: MIB, ...options });

const arenas = [];

/** An arena that is freed after the test. */
export function newArena(options) {
  arenas.push(new Arena(options));
  return arenas.at(-1);
}

afterEach(() => {
  for (const arena of arenas.splice(0)) arena.free();
});

/** An arena alone in its memory. */
export const alone = (options, memoryOptions) =>
  newArena({ memory: newMemory(memoryOptions), ...options });

/**
 * Another arena, whose one chunk of 16 bytes stands where the frontier is: what lies before it can't
 * be extended past it.
 */
export const wall = ({ memory }) => newArena({ memory, capacity: 16 });

/** Where the arena's next block begins, before alignment; takes a chunk if there is none. */
export const cursor = (arena) => arena.alloc(0, 1);

/** What can be seen of an arena. */
export function look(arena) {
  const { used, capacity, highWater, freed } = arena;
  return { used, capacity, highWater, freed, base: freed ? undefined : arena.base };
}

/** Asserts that `fn` leaves the arena as it was: accounting, and where the next block begins. */
export function leaves(arena, fn) {
  const before = look(arena);
  const next = before.base ? cursor(arena) : undefined;
  const result = fn();
  assert.deepEqual(look(arena), before);
  if (next) assert.equal(cursor(arena), next, 'the cursor has moved');
  return result;
}

/** Bytes that tell their place and their block: no shift and no neighbour looks the same. */
const PATTERN = Uint8Array.from({ length: 2 * MIB }, (_, i) => 1 + ((i * 7 + (i >> 8) * 13) % 255));
const patternOf = (size, id) => PATTERN.subarray((id * 37) % 251, ((id * 37) % 251) + size);

/** Fills a block with the pattern of `id`, in which no byte is 0. */
export function fill(memory, ptr, size, id = 1) {
  memory.u8.set(patternOf(size, id), ptr);
}

/** Asserts that the block still holds what `fill` wrote. */
export function assertFilled(memory, ptr, size, id = 1) {
  const bytes = memory.u8;
  const expected = patternOf(size, id);
  for (let i = 0; i < size; i++) {
    if (bytes[ptr + i] !== expected[i]) {
      assert.fail(`byte ${i} of block ${id}, ${size} bytes at ${ptr}, is ${bytes[ptr + i]}`);
    }
  }
}

/** Asserts that [from, to) reads 0. */
export function assertZero(memory, from, to) {
  const bytes = memory.u8;
  for (let i = from; i < to; i++) {
    if (bytes[i] !== 0) assert.fail(`byte ${i} of [${from}, ${to}) is ${bytes[i]}`);
  }
}

/** Writes over `bytes` bytes of a memory in chunks of several sizes, and gives them back. */
export function dirty(memory, bytes) {
  const holders = [];
  for (let size = bytes; size >= 16; size = Math.floor(size / 3)) {
    const arena = new Arena({ memory, capacity: size });
    memory.u8.fill(0xff, arena.alloc(arena.capacity, 1), cursor(arena));
    holders.push(arena);
  }
  for (const arena of holders) arena.free();
}

/** Random numbers that a seed repeats. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
