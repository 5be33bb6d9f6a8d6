/** How the cost of an operation depends on how much there is: bytes, arenas, chunks, free chunks. */
import { Arena, ArenaMemory } from '../../js/index.js';
import { generator } from '../random.js';
import { FRAME, measure } from '../sampling.js';

const SIZE = 64;
/** Bytes of the blocks that make chunks. */
const BLOCK = 1024;
/** Blocks that each of several arenas gets between its resets. */
const TURNS = 64;
/** Resets and releases that are timed, each after its chunks were made anew. */
const TRIALS = 101;
const MOST = 2 ** 32 - 65536;

/** One arena of so many bytes, filled from one end to the other, and reset when it is full. */
export function bytes(size) {
  const capacity = Math.min(+size, MOST - 2 ** 20);
  const memory = new ArenaMemory({ reserve: Math.min(capacity + 2 ** 20, MOST), maximum: MOST });
  const arena = new Arena({ memory, capacity });
  const blocks = Math.floor(capacity / SIZE);
  let left = blocks;
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      if (left-- === 0) {
        arena.reset();
        left = blocks - 1;
      }
      sum ^= arena.alloc(SIZE, 8);
    }
    return sum;
  });
}

/** So many arenas of one memory in turn. */
export function arenas(count) {
  const memory = new ArenaMemory({ reserve: 2 ** 27 });
  const arenas = Array.from({ length: +count }, () => new Arena({ memory, views: 0 }));
  let next = 0;
  let turn = 0;
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const arena = arenas[next];
      if (turn === 0) arena.reset();
      sum ^= arena.alloc(SIZE, 8);
      if (++next < arenas.length) continue;
      next = 0;
      turn = (turn + 1) % TURNS;
    }
    return sum;
  });
}

export const reset = (chunks) => timed(+chunks, (arena) => arena.reset());
export const release = (chunks) => timed(+chunks, (arena, mark) => arena.release(mark));

/**
 * The median time to give so many chunks back. Two arenas take blocks in turn, so that one has what
 * lies behind the other's chunk, and none can be extended.
 */
function timed(chunks, giveBack) {
  const memory = new ArenaMemory({ reserve: 2 ** 28 });
  const times = Array.from({ length: TRIALS }, () => {
    const arena = new Arena({ memory });
    const other = new Arena({ memory });
    const mark = arena.mark();
    for (let end = 0, made = 0; made < chunks;) {
      const block = arena.alloc(BLOCK, 8);
      if (block !== end) made++;
      end = block + BLOCK;
      other.alloc(BLOCK, 8);
    }
    const start = performance.now();
    giveBack(arena, mark);
    const time = performance.now() - start;
    arena.free();
    other.free();
    return time;
  });
  return { value: times.sort((a, b) => a - b)[TRIALS >> 1] * 1e3, unit: 'µs' };
}

/** An arena that takes a chunk of 1 KiB and frees it, with so many free chunks in its memory. */
export function chunk(free) {
  const memory = new ArenaMemory({ reserve: 2 ** 31 });
  const random = generator(1);
  const arenas = Array.from({ length: 2 * free + 1 }, () => {
    const arena = new Arena({ memory, views: 0 });
    arena.alloc(Math.floor(64 * 256 ** random()));
    return arena;
  });
  for (let i = 1; i < arenas.length; i += 2) arenas[i].free();
  const before = memory.stats().free;
  const result = measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const arena = new Arena({ memory, views: 0 });
      sum ^= arena.alloc(1024, 8);
      arena.free();
    }
    return sum;
  });
  if (memory.stats().free !== before) throw new Error('the free chunks are not as they were');
  for (let i = 0; i < arenas.length; i += 2) arenas[i].free();
  return result;
}
