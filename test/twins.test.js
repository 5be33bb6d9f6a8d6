import assert from 'node:assert/strict';
import { MIB, PAGE, newArena, newMemory, random, wall } from './arenas.js';
import { TYPED } from './expect.js';
import { throughC } from './through-c.js';

/*
 * The hot path stands twice: in js/arena.js and in src/arena.h. The same programs run in two
 * memories, in one of them with every allocation and every release sent through the module; all
 * results and all header words have to be the same after each step.
 */

/** The words of an arena's header, in their order in src/arena.h. */
const WORDS = [
  'cursor',
  'limit',
  'start',
  'mark',
  'peak',
  'settled',
  'highWater',
  'capacity',
  'base',
];

/* When these are written down differs; what they say does not: the getter highWater compares it. */
const NOTES = ['mark', 'peak', 'highWater'];

function header(arena) {
  const words = new Uint32Array(arena.memory.wasmMemory.buffer, arena._header * 4, WORDS.length);
  const named = WORDS.map((name, i) => [name, words[i]]).filter(([name]) => !NOTES.includes(name));
  const { used, capacity, highWater } = arena;
  return { ...Object.fromEntries(named), header: arena._header, used, capacity, highWater };
}

/** A memory with arenas of each kind, and what was done to it. */
function side(memoryOptions, forced) {
  const memory = newMemory(memoryOptions);
  const twin = forced ? throughC(memory) : undefined;
  const open = (options) => {
    const arena = newArena({ memory, ...options });
    twin?.add(arena);
    return arena;
  };
  const arenas = [{}, { zero: true }, { limit: 5000 }, { capacity: 2000, views: 0 }].map(open);
  return { memory, arenas, marks: arenas.map(() => []), calls: twin?.calls };
}

/** One step, decided by numbers from 0 to 1; what it gave. */
function step({ arenas, marks }, which, kind, a, b, c) {
  const arena = arenas[which];
  const size = Math.floor(a ** 6 * 30_000);
  const align = 2 ** Math.floor(b ** 3 * 17);
  const [name, , element] = TYPED[Math.floor(c * TYPED.length)];
  try {
    if (kind < 0.3) return arena.alloc(size);
    if (kind < 0.4) return arena.alloc(size, align);
    if (kind < 0.5) return arena.tryAlloc(size, align);
    if (kind < 0.53) return arena.allocZeroed(size, align);
    if (kind < 0.75) {
      const view = arena[name](size >> 4, Math.max(element, align));
      return [view.byteOffset, view.length, name];
    }
    if (kind < 0.85) return marks[which].push(arena.mark());
    if (kind < 0.95) return marks[which].length && arena.release(marks[which].pop());
    if (kind < 0.97) {
      const ptr = arena.alloc(16);
      return [ptr, arena.realloc(ptr, 16, size)];
    }
    marks[which] = [];
    return arena.reset();
  } catch (error) {
    return error.code ?? error;
  }
}

describe('the twins', () => {
  for (const [how, memoryOptions] of [
    ['with room', { reserve: 8 * MIB }],
    ['growing', { reserve: PAGE, maximum: 64 * MIB }],
    ['in a memory that runs full', { reserve: PAGE, maximum: 2 * PAGE }],
  ]) {
    it(`give the same pointers and the same header words, ${how}`, () => {
      for (let seed = 1; seed <= 12; seed++) {
        const next = random(seed);
        const hot = side(memoryOptions, false);
        const cold = side(memoryOptions, true);
        for (let i = 0; i < 600; i++) {
          const which = Math.floor(next() * 4);
          const numbers = [next(), next(), next(), next()];
          const expected = step(hot, which, ...numbers);
          assert.deepEqual(step(cold, which, ...numbers), expected, `seed ${seed}, step ${i}`);
          const [mine, theirs] = [hot, cold].map(({ arenas }) => header(arenas[which]));
          assert.deepEqual(theirs, mine, `seed ${seed}, step ${i}`);
        }
        assert.deepEqual(cold.memory.stats(), hot.memory.stats());
        hot.arenas.concat(cold.arenas).forEach((arena) => arena.free());
      }
    });
  }

  it('meet at every size and alignment around the end of a chunk', () => {
    const hot = side({}, false);
    const cold = side({}, true);
    for (let align = 1; align <= 65536; align *= 2) {
      for (let size = 0; size < 40; size++) {
        for (let left = 0; left < 40; left += 3) {
          const results = [hot, cold].map(({ arenas: [arena] }) => {
            arena.reset();
            arena.trim();
            arena.alloc(500, 1);
            const other = wall(arena);
            arena.alloc(arena.capacity - 500 - left, 1);
            const ptr = align === 8 && size % 2 ? arena.alloc(size) : arena.alloc(size, align);
            const result = [ptr, header(arena)];
            other.free();
            return result;
          });
          assert.deepEqual(results[1], results[0], `${size} bytes at ${align}, ${left} left`);
        }
      }
    }
  });

  it('are both asked: one side calls the module for each block, the other hardly ever', () => {
    const hot = side({}, false);
    const cold = side({}, true);
    const core = hot.memory._core;
    let calls = 0;
    const count =
      (name) =>
      (...args) => (calls++, core[name](...args));
    hot.memory._core = { ...core, alloc: count('alloc'), release: count('release') };
    for (const { arenas } of [hot, cold]) {
      for (let i = 0; i < 1000; i++) {
        const mark = arenas[0].mark();
        arenas[0].alloc(64);
        arenas[0].alloc(64, 16);
        arenas[0].float32(4);
        arenas[0].release(mark);
      }
    }
    assert.equal(cold.calls.alloc, 3000);
    assert.equal(cold.calls.release, 1000);
    assert.ok(calls < 10, `${calls} calls on the hot path`);
    assert.deepEqual(header(cold.arenas[0]), header(hot.arenas[0]));

    const [, , , filled] = hot.arenas;
    calls = 0;
    filled.alloc(filled.capacity - 8);
    filled.alloc(8);
    assert.equal(calls, 0, 'a block that ends where the chunk does is on the hot path');
  });
});
