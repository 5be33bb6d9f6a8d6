import assert from 'node:assert/strict';
import {
  KIB,
  KINDS,
  PAGE,
  alone,
  assertFilled,
  cursor,
  fill,
  leaves,
  look,
  newArena,
  newMemory,
  wall,
} from './arenas.js';
import { throwsFreed, throwsMark, throwsOutOfMemory, throwsSize } from './expect.js';

/** An arena of several chunks. */
function scattered(options, memoryOptions) {
  const arena = alone(options, memoryOptions);
  for (const size of [1000, 2000, 30_000, 80_000]) {
    arena.alloc(size, 1);
    wall(arena);
  }
  return arena;
}

for (const [kind, options] of KINDS) {
  describe(`reset of ${kind}`, () => {
    it('frees everything, and keeps base and capacity', () => {
      const arena = alone(options);
      const first = arena.alloc(5000, 1);
      const { capacity } = arena;
      for (let i = 0; i < 3; i++) {
        arena.reset();
        assert.equal(arena.used, 0);
        assert.equal(arena.capacity, capacity);
        assert.equal(arena.base, first);
        assert.equal(arena.alloc(5000, 1), first);
      }
      assert.equal(arena.highWater, 5000);
    });

    it('of an arena without a chunk does nothing', () => {
      const arena = alone(options);
      leaves(arena, () => arena.reset());
      assert.equal(arena.base, 0);
      const mark = arena.mark();
      arena.reset();
      throwsMark(() => arena.release(mark));
    });

    it('of an arena of several chunks leaves it one that has the capacity of all', () => {
      const arena = scattered(options);
      const { capacity } = arena;
      const { generation } = arena.memory;
      arena.reset();
      assert.equal(arena.used, 0);
      assert.ok(arena.capacity >= capacity);
      assert.ok(arena.capacity < capacity + 64, 'and no more');
      assert.equal(arena.memory.generation, generation);
      wall(arena);
      const ptr = arena.alloc(capacity, 1);
      assert.equal(ptr, arena.base, 'the same frame fits into one chunk');
      assert.ok(arena.capacity < capacity + 64);
    });

    it('keeps one chunk the frame after, and base with it', () => {
      const arena = scattered(options);
      arena.reset();
      const { base } = arena;
      for (let frame = 0; frame < 5; frame++) {
        for (const size of [1000, 2000, 30_000, 80_000]) arena.alloc(size, 1);
        arena.reset();
        assert.equal(arena.base, base);
      }
    });

    it('moves the frontier no further in the frames after', () => {
      const arena = scattered(options);
      arena.reset();
      const { frontier } = arena.memory.stats();
      for (let frame = 0; frame < 50; frame++) {
        for (const size of [1000, 2000, 30_000, 80_000]) arena.alloc(size, 1);
        arena.reset();
      }
      assert.equal(arena.memory.stats().frontier, frontier);
    });

    it('makes one chunk of a scope that left a spare', () => {
      const arena = alone(options);
      arena.alloc(500, 1);
      wall(arena);
      arena.scope((a) => a.alloc(5000));
      const { capacity } = arena;
      arena.reset();
      assert.ok(arena.capacity >= capacity);
      assert.equal(arena.alloc(capacity, 1), arena.base);
    });

    it('keeps capacity where no single chunk is to be had', () => {
      /* A memory that is full but for what the arena holds between the others' chunks. */
      const memory = newMemory({ reserve: PAGE, maximum: PAGE });
      const arena = newArena({ memory, ...options });
      const others = [];
      for (const size of [1000, 3000, 5000, 7000]) {
        arena.alloc(size, 1);
        others.push(wall(arena));
      }
      while (others[3].tryAlloc(100, 1));
      while (others[3].tryAlloc(1, 1));
      const { capacity } = arena;
      for (let frame = 0; frame < 4; frame++) {
        arena.reset();
        assert.ok(arena.capacity >= capacity, `${arena.capacity} of ${capacity}`);
        assert.equal(arena.used, 0);
        for (let used = 0; used < 12_000; used += 400) assert.ok(arena.alloc(400, 1));
      }
    });

    it('grows no memory', () => {
      const memory = newMemory({ reserve: PAGE });
      const arena = newArena({ memory, ...options });
      for (const size of [1000, 20_000, 25_000]) {
        arena.alloc(size, 1);
        wall(arena);
      }
      const { generation } = memory;
      arena.reset();
      assert.equal(memory.generation, generation);
      assert.equal(memory.stats().size, PAGE);
    });

    it("leaves others' blocks alone", () => {
      const memory = newMemory();
      const arena = newArena({ memory, ...options });
      const others = [];
      for (let i = 0; i < 10; i++) {
        arena.alloc(3000 * i, 1);
        const other = newArena({ memory });
        fill(memory, other.alloc(500), 500, i);
        others.push(other);
      }
      arena.reset();
      fill(memory, arena.alloc(arena.capacity, 1), arena.capacity, 77);
      others.forEach((other, i) => assertFilled(memory, other.base, 500, i));
    });

    it('closes all marks', () => {
      const arena = scattered(options);
      const marks = [arena.mark(), arena.mark()];
      arena.reset();
      leaves(arena, () => marks.forEach((mark) => throwsMark(() => arena.release(mark))));
    });

    it('never throws in a full memory', () => {
      const memory = newMemory({ reserve: PAGE, maximum: PAGE });
      const a = newArena({ memory, ...options });
      const b = newArena({ memory, ...options });
      for (let i = 0; a.tryAlloc(500, 1) && b.tryAlloc(900, 1); i++);
      a.reset();
      b.reset();
      assert.equal(a.used + b.used, 0);
      assert.ok(a.alloc(500, 1));
      assert.ok(b.alloc(900, 1));
    });
  });

  describe(`trim of ${kind}`, () => {
    it('gives back what is not used, in place', () => {
      const arena = alone({ ...options, capacity: 50_000 });
      const ptr = arena.alloc(1000, 1);
      fill(arena.memory, ptr, 1000);
      arena.trim();
      assert.ok(arena.capacity >= 1000 && arena.capacity < 1064, `${arena.capacity}`);
      assert.equal(arena.used, 1000);
      assert.equal(arena.base, ptr);
      assertFilled(arena.memory, ptr, 1000);
      assert.equal(arena.alloc(10, 1), ptr + 1000, 'it goes on where it was');
    });

    it('gives the bytes back to the memory', () => {
      const arena = alone({ ...options, capacity: 50_000 });
      const { frontier } = arena.memory.stats();
      arena.alloc(1000);
      arena.trim();
      assert.ok(arena.memory.stats().frontier < frontier - 48_900);
      assert.ok(arena.memory.stats().live < 1100);
    });

    it('keeps as many bytes as it is told to', () => {
      for (const bytes of [1, 1000, 20_000, 49_999]) {
        const arena = alone({ ...options, capacity: 50_000 });
        arena.alloc(500, 1);
        arena.trim(bytes);
        const most = Math.max(bytes, 500);
        assert.ok(arena.capacity >= most && arena.capacity < most + 64, `${arena.capacity}`);
        wall(arena);
        assert.ok(arena.alloc(most - 500, 1) < arena.base + 501, 'in the same chunk');
      }
    });

    it('keeps as many bytes as it is told to where a release left a spare', () => {
      const arena = alone(options);
      arena.alloc(1000, 1);
      wall(arena);
      arena.scope((a) => a.alloc(5000));
      const { capacity } = arena;
      assert.ok(capacity > 6000);
      arena.trim(capacity);
      assert.ok(arena.capacity >= capacity, `${arena.capacity}, not ${capacity}`);
      arena.trim(3000);
      assert.ok(arena.capacity >= 3000, `${arena.capacity}`);
      arena.trim();
      assert.ok(arena.capacity < 1064);
    });

    it('with more than there is changes nothing', () => {
      const arena = alone({ ...options, capacity: 5000 });
      arena.alloc(1000);
      leaves(arena, () => arena.trim(1_000_000));
      leaves(arena, () => arena.trim(2 ** 32 - 1));
    });

    it('of nothing used gives all back: capacity and base are 0, and the next block begins anew', () => {
      const arena = alone(options);
      const { live } = arena.memory.stats();
      arena.alloc(5000);
      arena.reset();
      arena.trim();
      assert.equal(arena.capacity, 0);
      assert.equal(arena.base, 0);
      assert.equal(arena.used, 0);
      assert.equal(arena.memory.stats().live, live);
      assert.equal(arena.alloc(10, 1), arena.base);
      assert.equal(arena.freed, false);
    });

    it('of an arena without a chunk does nothing', () => {
      const arena = alone(options);
      leaves(arena, () => arena.trim());
      leaves(arena, () => arena.trim(1000));
    });

    it('keeps blocks in all chunks, and all marks', () => {
      const arena = alone(options);
      const { memory } = arena;
      const blocks = [];
      const marks = [];
      for (const size of [1000, 2000, 30_000, 80_000]) {
        marks.push([arena.mark(), arena.used]);
        blocks.push([arena.alloc(size, 1), size]);
        wall(arena);
      }
      blocks.forEach(([ptr, size], i) => fill(memory, ptr, size, i));
      const { used, base } = arena;
      arena.trim();
      assert.equal(arena.used, used);
      assert.equal(arena.base, base);
      assert.ok(arena.capacity < used + 4 * 64, `${arena.capacity} for ${used}`);
      fill(memory, newArena({ memory }).alloc(100_000), 100_000, 9);
      blocks.forEach(([ptr, size], i) => assertFilled(memory, ptr, size, i));
      for (const [mark, before] of marks.reverse()) {
        arena.release(mark);
        assert.equal(arena.used, before);
      }
    });

    it('keeps the place of a mark at the begin of an empty arena', () => {
      const arena = alone({ ...options, capacity: 1000 });
      const { base } = arena;
      const mark = arena.mark();
      arena.trim();
      assert.equal(arena.base, base);
      arena.alloc(100, 1);
      arena.release(mark);
      assert.equal(arena.used, 0);
      assert.equal(cursor(arena), base);
      arena.trim();
      assert.equal(arena.base, 0);
    });

    it('keeps the sequence of what was released back into a trimmed chunk', () => {
      const arena = alone(options);
      const { memory } = arena;
      const ptr = arena.alloc(600, 1);
      const mark = arena.mark();
      wall(arena);
      arena.alloc(9000, 1);
      arena.trim();
      const other = newArena({ memory });
      fill(memory, other.alloc(200), 200, 5);
      arena.release(mark);
      const blocks = [0, 1, 2, 3].map((i) => {
        const block = arena.alloc(100, 1);
        fill(memory, block, 100, i);
        return block;
      });
      assert.ok(blocks[0] >= ptr + 600);
      assertFilled(memory, other.base, 200, 5);
      blocks.forEach((block, i) => assertFilled(memory, block, 100, i));
    });

    it('refuses what is no size', () => {
      const arena = alone(options);
      arena.alloc(10);
      for (const bytes of [-1, 0.5, NaN, Infinity, 2 ** 32]) {
        leaves(arena, () => throwsSize(() => arena.trim(bytes)));
      }
    });
  });

  describe(`free of ${kind}`, () => {
    it('gives all chunks back', () => {
      const memory = newMemory();
      const before = newArena({ memory });
      const stats = memory.stats();
      const arena = newArena({ memory, ...options });
      for (let i = 0; i < 20; i++) {
        arena.alloc(i * 1000);
        if (i % 3 === 0) newArena({ memory }).free();
      }
      assert.ok(memory.stats().live > stats.live);
      assert.equal(memory.stats().arenas, 2);
      arena.free();
      assert.deepEqual(memory.stats(), stats);
      assert.equal(before.freed, false);
    });

    it('twice is harmless, also when another arena has its place by then', () => {
      const memory = newMemory();
      const a = newArena({ memory, ...options });
      a.alloc(100);
      a.free();
      const b = newArena({ memory, ...options });
      const ptr = b.alloc(100, 1);
      fill(memory, ptr, 100);
      a.free();
      a.free();
      assert.equal(memory.stats().arenas, 1);
      assert.equal(b.freed, false);
      assertFilled(memory, ptr, 100);
      assert.equal(b.alloc(10, 1), ptr + 100);
    });

    it('leaves freed, label, memory, used, capacity and highWater to be read', () => {
      const memory = newMemory();
      const arena = newArena({ memory, label: 'mine', ...options });
      arena.alloc(700, 1);
      arena.free();
      assert.equal(arena.freed, true);
      assert.equal(arena.label, 'mine');
      assert.equal(arena.memory, memory);
      assert.equal(arena.used, 0);
      assert.equal(arena.capacity, 0);
      assert.equal(arena.highWater, 700);
      newArena({ memory }).alloc(5000);
      assert.deepEqual([arena.used, arena.capacity, arena.highWater], [0, 0, 700]);
    });

    it('makes everything else throw, size 0 included', () => {
      const arena = alone(options);
      const mark = arena.mark();
      const ptr = arena.alloc(10);
      const view = arena.uint8(4);
      arena.free();
      for (const use of [
        () => arena.alloc(0),
        () => arena.alloc(0, 1),
        () => arena.alloc(8),
        () => arena.alloc(2 ** 32 - 1),
        () => arena.tryAlloc(0),
        () => arena.tryAlloc(0, 1),
        () => arena.tryAlloc(8, 64),
        () => arena.allocZeroed(0),
        () => arena.realloc(0, 0, 0),
        () => arena.realloc(ptr, 10, 5),
        () => arena.float32(0),
        () => arena.float32(4),
        () => arena.uint8(0, 1),
        () => arena.dataView(0),
        () => arena.from(new Uint8Array(0)),
        () => arena.utf8(''),
        () => arena.text(view),
        () => arena.view(Uint8Array, ptr, 0),
        () => arena.mark(),
        () => arena.release(mark),
        () => arena.scope(() => {}),
        () => arena.promote(mark, ptr, 0),
        () => arena.promote(mark, view),
        () => arena.reset(),
        () => arena.trim(),
        () => arena.base,
      ]) {
        throwsFreed(use);
      }
      assert.deepEqual(look(arena), { ...look(arena), used: 0, capacity: 0, freed: true });
    });

    it('of an arena without a chunk does nothing but free it', () => {
      const arena = alone(options);
      const { frontier } = arena.memory.stats();
      arena.free();
      assert.equal(arena.memory.stats().frontier, frontier);
      throwsFreed(() => arena.alloc(0));
      throwsFreed(() => arena.mark());
    });

    it('inside a scope ends it, and lets the next arena have the memory', () => {
      const memory = newMemory();
      const arena = newArena({ memory, ...options });
      arena.scope((a) => {
        a.alloc(50 * KIB);
        a.free();
      });
      assert.equal(memory.stats().live, 0);
    });

    it('gives a full memory back to others', () => {
      const memory = newMemory({ reserve: PAGE, maximum: 2 * PAGE });
      for (let i = 0; i < 50; i++) {
        const arena = newArena({ memory, ...options });
        assert.ok(arena.alloc(PAGE + 50 * KIB));
        throwsOutOfMemory(() => arena.alloc(PAGE));
        arena.free();
      }
    });

    it('is what [Symbol.dispose] does, where the engine has it', function () {
      if (!Symbol.dispose) this.skip();
      const arena = alone(options);
      arena.alloc(10);
      arena[Symbol.dispose]();
      assert.equal(arena.freed, true);
    });
  });
}
