import assert from 'node:assert/strict';
import {
  ALIGNMENTS,
  KIB,
  KINDS,
  alone,
  assertFilled,
  cursor,
  fill,
  leaves,
  newArena,
  newMemory,
  up,
  wall,
} from './arenas.js';
import { throwsBounds, throwsFreed, throwsMark, throwsOutOfMemory } from './expect.js';

for (const [kind, options] of KINDS) {
  const start = (size = 100) => {
    const arena = alone(options);
    const ptr = arena.alloc(size, 8);
    fill(arena.memory, ptr, size);
    return { arena, memory: arena.memory, ptr };
  };

  describe(`realloc in ${kind}`, () => {
    it('allocates where ptr is 0 or oldSize is 0', () => {
      const { arena, ptr } = start(100);
      assert.equal(arena.realloc(0, 0, 10), ptr + 104);
      assert.equal(arena.realloc(0, 50, 10, 1), ptr + 114, 'oldSize means nothing without a block');
      assert.equal(arena.realloc(ptr, 0, 10, 16), ptr + 128 - ((ptr + 128) % 16));
      assert.equal(alone(options).realloc(0, 0, 0) % 8, 0);
    });

    it('allocates where oldSize is 0 though ptr is no offset of the arena', () => {
      const { arena, ptr } = start(100);
      assert.equal(arena.realloc(3, 0, 10, 1), ptr + 100);
      assert.equal(arena.realloc(2 ** 32 - 1, 0, 10, 1), ptr + 110);
    });

    it('allocates where ptr is 0 though oldSize is where the cursor is', () => {
      const { arena, ptr } = start(100);
      const end = cursor(arena);
      assert.equal(arena.realloc(0, end, end), ptr + 104);
      assert.equal(arena.realloc(0, cursor(arena), 10), ptr + 104 + up(end, 8));
    });

    it('allocates in place where oldSize is 0 and ptr is the cursor', () => {
      const { arena, ptr } = start(104);
      assert.equal(arena.realloc(ptr + 104, 0, 10), ptr + 104);
      assert.equal(arena.used, 114);
      const outside = arena.mark();
      assert.equal(arena.realloc(ptr + 114, 0, 6, 2), ptr + 114);
      arena.release(outside);
      assert.equal(arena.used, 114);
    });

    it('shrinks the last block in place, and its tail is free', () => {
      const { arena, memory, ptr } = start(100);
      assert.equal(arena.realloc(ptr, 100, 40), ptr);
      assert.equal(arena.used, 40);
      assert.equal(cursor(arena), ptr + 40);
      assertFilled(memory, ptr, 40);
      assert.equal(arena.realloc(ptr, 40, 0), ptr);
      assert.equal(arena.used, 0);
    });

    it('shrinks any other block in place, and gives nothing back', () => {
      const { arena, memory, ptr } = start(100);
      arena.alloc(10, 1);
      leaves(arena, () => assert.equal(arena.realloc(ptr, 100, 40), ptr));
      leaves(arena, () => assert.equal(arena.realloc(ptr, 100, 0), ptr));
      assertFilled(memory, ptr, 100);
    });

    it('keeps a block in place whose size stays', () => {
      const { arena, ptr } = start(100);
      leaves(arena, () => assert.equal(arena.realloc(ptr, 100, 100), ptr));
      arena.alloc(1);
      leaves(arena, () => assert.equal(arena.realloc(ptr, 100, 100), ptr));
    });

    it('grows the last block in place', () => {
      const { arena, memory, ptr } = start(100);
      let size = 100;
      for (const more of [101, 200, 1000, 1024, 1025, 5000, 70_000, 500_000]) {
        assert.equal(arena.realloc(ptr, size, more), ptr);
        assert.equal(arena.used, more);
        assertFilled(memory, ptr, size);
        fill(memory, ptr, more);
        size = more;
      }
      assert.equal(cursor(arena), ptr + 500_000);
    });

    it('grows the last block in place up to the last byte of its chunk, and of its limit', () => {
      for (const limit of [4000, 2 ** 20]) {
        const arena = alone({ capacity: 4000, limit, ...options });
        const { capacity } = arena;
        wall(arena);
        const ptr = arena.alloc(8);
        fill(arena.memory, ptr, 8);
        for (const size of [9, 3999, capacity - 1, capacity]) {
          assert.equal(arena.realloc(ptr, arena.used, size), ptr);
          assert.equal(arena.used, size);
          assertFilled(arena.memory, ptr, 8);
        }
        assert.equal(arena.capacity, capacity, 'no other chunk');
      }
    });

    it('counts what a block grew by in highWater, also after it shrank', () => {
      const { arena, ptr } = start(100);
      arena.realloc(ptr, 100, 900);
      assert.equal(arena.highWater, 900);
      arena.realloc(ptr, 900, 50);
      arena.realloc(ptr, 50, 60);
      assert.equal(arena.used, 60);
      assert.equal(arena.highWater, 900);
      arena.reset();
      assert.equal(arena.highWater, 900);
    });

    it('grows a block that a release left the last one, in the scope of an older mark', () => {
      const { arena } = start(100);
      const outer = arena.mark();
      const block = arena.alloc(50, 8);
      arena.release(arena.mark());
      assert.equal(arena.realloc(block, 50, 60), block);
      arena.release(outer);
      assert.equal(arena.used, 100);
    });

    it('grows the last block in place across the end of its chunk into a free neighbour', () => {
      const memory = newMemory();
      const arena = newArena({ memory, capacity: 1000, ...options });
      const neighbour = newArena({ memory, capacity: 4000 });
      wall(arena);
      const ptr = arena.alloc(1000);
      fill(memory, ptr, 1000);
      neighbour.alloc(100);
      neighbour.free();
      const { frontier } = memory.stats();
      assert.equal(arena.realloc(ptr, 1000, 4500), ptr);
      assert.equal(memory.stats().frontier, frontier);
      assertFilled(memory, ptr, 1000);
      assert.equal(arena.used, 4500);
    });

    it('moves the last block where the next byte is taken, and what it leaves is free', () => {
      const { arena, memory, ptr } = start(100);
      arena.alloc(50, 1);
      const last = arena.alloc(800, 8);
      fill(memory, last, 800, 2);
      wall(arena);
      const moved = arena.realloc(last, 800, 9000);
      assert.ok(moved >= last + 800);
      assertFilled(memory, moved, 800, 2);
      assertFilled(memory, ptr, 100);
      assert.equal(arena.used, last - ptr + 9000);
      assert.equal(cursor(arena), moved + 9000);
    });

    it('copies any other block to the end, oldSize bytes', () => {
      const { arena, memory, ptr } = start(100);
      const next = arena.alloc(60, 8);
      fill(memory, next, 60, 2);
      const used = arena.used;
      const copy = arena.realloc(ptr, 100, 150);
      assert.equal(copy, next + 64 - (next % 8));
      assertFilled(memory, copy, 100);
      assertFilled(memory, ptr, 100);
      assertFilled(memory, next, 60, 2);
      assert.equal(arena.used, copy + 150 - arena.base);
      assert.ok(arena.used > used);
    });

    it('copies the bytes of oldSize alone where the block is bigger', () => {
      const { arena, memory, ptr } = start(100);
      arena.alloc(8);
      const copy = arena.realloc(ptr, 50, 60, 8);
      assert.notEqual(copy, ptr);
      assertFilled(memory, copy, 50);
    });

    it('of a part that does not end at the cursor is not of the last block', () => {
      const { arena, ptr } = start(100);
      const copy = arena.realloc(ptr, 99, 120);
      assert.equal(copy, ptr + 104);
      leaves(arena, () => assert.equal(arena.realloc(copy, 119, 10), copy));
    });

    for (const align of ALIGNMENTS) {
      it(`copies a block that is no multiple of ${align}, though it is the last or shrinks`, () => {
        if (align === 1) return;
        const { arena, memory } = start(0);
        arena.alloc(align - (cursor(arena) % align) + align / 2, 1);
        const ptr = arena.alloc(200, 1);
        assert.equal(ptr % align, align / 2);
        fill(memory, ptr, 200);
        const shrunk = arena.realloc(ptr, 200, 100, align);
        assert.equal(shrunk % align, 0);
        assert.ok(shrunk >= ptr + 200);
        assertFilled(memory, shrunk, 100);
        assertFilled(memory, ptr, 200);
        const grown = arena.realloc(ptr, 200, 300, align);
        assert.equal(grown % align, 0);
        assertFilled(memory, grown, 200);
      });
    }

    it('copies the last block where it grows and is no multiple of align', () => {
      for (const align of ALIGNMENTS.slice(1)) {
        const { arena, memory } = start(0);
        arena.alloc(align - (cursor(arena) % align) + align / 2, 1);
        const ptr = arena.alloc(20, 1);
        fill(memory, ptr, 20);
        const grown = arena.realloc(ptr, 20, 21, align);
        assert.equal(grown, up(ptr + 20, align));
        assertFilled(memory, grown, 20);
      }
    });

    it('keeps a block in place that meets a larger alignment by chance', () => {
      const { arena, ptr } = start(100);
      const aligned = arena.alloc(100, 4096);
      assert.equal(arena.realloc(aligned, 100, 200, 4096), aligned);
      assert.equal(arena.realloc(aligned, 200, 300, 1), aligned);
      assert.equal(arena.realloc(ptr, 100, 50, 16), ptr);
    });

    it('copies to the given alignment, 8 where there is none', () => {
      const { arena, ptr } = start(100);
      arena.alloc(1, 1);
      assert.equal(arena.realloc(ptr, 100, 101) % 8, 0);
      arena.alloc(1, 1);
      assert.equal(arena.realloc(ptr, 100, 101, 512) % 512, 0);
    });

    it('does not take a block for the last one that began before the newest open mark', () => {
      const { arena, memory, ptr } = start(100);
      const mark = arena.mark();
      leaves(arena, () => assert.equal(arena.realloc(ptr, 100, 40), ptr));
      const copy = arena.realloc(ptr, 100, 200);
      assert.equal(copy, ptr + 104);
      assertFilled(memory, copy, 100);
      arena.release(mark);
      assert.equal(cursor(arena), ptr + 100);
      assertFilled(memory, ptr, 100);
      assert.equal(arena.realloc(ptr, 100, 200), ptr, 'after the release it is the last again');
    });

    it('goes by the newest mark, not by an outer or a closed one', () => {
      const { arena } = start(100);
      const outer = arena.mark();
      const block = arena.alloc(50, 8);
      assert.equal(arena.realloc(block, 50, 60), block);
      const inner = arena.mark();
      assert.notEqual(arena.realloc(block, 60, 70), block);
      arena.release(inner);
      assert.equal(arena.realloc(block, 60, 70), block);
      const again = arena.mark();
      const young = arena.alloc(10, 8);
      assert.equal(arena.realloc(young, 10, 20), young);
      arena.release(again);
      arena.release(outer);
      assert.equal(arena.used, 100);
      arena.mark();
      arena.reset();
      const first = arena.alloc(10);
      assert.equal(arena.realloc(first, 10, 20), first, 'a reset closed the mark');
    });

    it('goes by the newest mark where that is in another chunk, whichever lies higher', () => {
      for (const higher of [true, false]) {
        const memory = newMemory();
        const low = newArena({ memory, capacity: 3000 });
        const arena = newArena({ memory, capacity: 1000, ...options });
        arena.alloc(1000, 1);
        wall(arena);
        if (!higher) low.free();
        const mark = arena.mark();
        const block = arena.alloc(1200, 8);
        assert.equal(block < arena.base, !higher);
        assert.equal(arena.realloc(block, 1200, 1300), block);
        assert.equal(arena.realloc(block, 1300, 100), block);
        assert.equal(arena.used, 1100);
        const inner = arena.mark();
        assert.notEqual(arena.realloc(block, 100, 200), block);
        arena.release(inner);
        assert.equal(arena.realloc(block, 100, 200), block);
        arena.release(mark);
        assert.equal(arena.used, 1000);
      }
    });

    it('with a mark that was opened before there was a chunk grows in place', () => {
      const arena = alone(options);
      const mark = arena.mark();
      const ptr = arena.alloc(10);
      assert.equal(arena.realloc(ptr, 10, 20), ptr);
      assert.equal(arena.realloc(ptr, 20, 5), ptr);
      arena.release(mark);
      assert.equal(arena.used, 0);
    });

    it('of the last block of an older chunk copies, or shrinks in place and gives nothing back', () => {
      const { arena, memory, ptr } = start(100);
      wall(arena);
      arena.alloc(5000, 8);
      leaves(arena, () => assert.equal(arena.realloc(ptr, 100, 10), ptr));
      const copy = arena.realloc(ptr, 100, 110);
      assert.ok(copy > ptr + 100);
      assertFilled(memory, copy, 100);
    });

    it('leaves the old block intact on failure', () => {
      for (const limited of [true, false]) {
        const arena = limited
          ? alone({ ...options, limit: 20_000 })
          : alone(options, { reserve: 64 * KIB, maximum: 64 * KIB });
        const { memory } = arena;
        const first = arena.alloc(100, 1);
        const last = arena.alloc(400, 8);
        fill(memory, first, 100, 1);
        fill(memory, last, 400, 2);
        for (const size of [70_000, 2 ** 31, 2 ** 32 - 1]) {
          leaves(arena, () => throwsOutOfMemory(() => arena.realloc(first, 100, size, 1)));
          leaves(arena, () => throwsOutOfMemory(() => arena.realloc(last, 400, size, 8)));
          leaves(arena, () => throwsOutOfMemory(() => arena.realloc(last, 400, size, 65536)));
          leaves(arena, () => throwsOutOfMemory(() => arena.realloc(0, 0, size)));
        }
        assertFilled(memory, first, 100, 1);
        assertFilled(memory, last, 400, 2);
        assert.equal(arena.realloc(last, 400, 500), last, 'it still is the last block');
      }
    });

    it('never fails to shrink, also in an arena that is full', () => {
      const arena = alone({ ...options, limit: 200 });
      const first = arena.alloc(100, 8);
      const last = arena.alloc(96, 8);
      for (let size = 96; size > 0; size -= 5) {
        assert.equal(arena.realloc(first, 100, size), first);
        assert.equal(arena.realloc(last, size, Math.max(0, size - 5)), last);
      }
    });

    it('takes any range of used bytes of one chunk, and no other', () => {
      const { arena, ptr } = start(100);
      wall(arena);
      const far = arena.alloc(5000, 8);
      assert.equal(arena.realloc(ptr + 8, 92, 20), ptr + 8);
      assert.equal(arena.realloc(ptr, 1, 1), ptr);
      for (const [p, size] of [
        [ptr, 101],
        [ptr + 100, 1],
        [ptr + 1, 100],
        [ptr - 1, 1],
        [ptr - 8, 8],
        [far, 5001],
        [far - 1, 2],
        [far - 8, 5008],
        [far + 5000, 1],
        [ptr, far - ptr],
        [ptr, far - ptr + 100],
        [ptr, far - ptr + 5000],
        [8, 8],
        [1, 1],
        [2 ** 32 - 1, 1],
        [ptr, 2 ** 32 - 1],
        [far, 2 ** 32 - far],
        [far, 2 ** 32 - far + 100],
        [2 ** 31, 2 ** 31],
      ]) {
        for (const size2 of [0, 1, size, 2 ** 32 - 1]) {
          leaves(arena, () =>
            throwsBounds(() => arena.realloc(p, size, size2, 1), `${p}, ${size}`),
          );
        }
      }
    });

    it('refuses blocks of another arena, and ones that a release or reset gave back', () => {
      const memory = newMemory();
      const a = newArena({ memory, ...options });
      const b = newArena({ memory, ...options });
      const ofA = a.alloc(100);
      b.alloc(100);
      leaves(b, () => throwsBounds(() => b.realloc(ofA, 100, 200)));
      const mark = a.mark();
      const gone = a.alloc(100, 1);
      a.release(mark);
      leaves(a, () => throwsBounds(() => a.realloc(gone, 100, 200)));
      a.reset();
      leaves(a, () => throwsBounds(() => a.realloc(ofA, 100, 200)));
      a.free();
      throwsFreed(() => a.realloc(ofA, 100, 200));
      throwsFreed(() => a.realloc(0, 0, 0));
      leaves(b, () => throwsMark(() => b.release(mark)));
    });

    it('forwards to the end of a growing list, as a program that appends does', () => {
      const arena = alone(options, { reserve: 64 * KIB });
      const { memory } = arena;
      const lists = [0, 1, 2].map((id) => ({ id, ptr: 0, size: 0 }));
      for (let round = 1; round <= 60; round++) {
        for (const list of lists) {
          const size = round * 50;
          list.ptr = arena.realloc(list.ptr, list.size, size, 4);
          assertFilled(memory, list.ptr, list.size, list.id);
          fill(memory, list.ptr, size, list.id);
          list.size = size;
        }
      }
      for (const list of lists) assertFilled(memory, list.ptr, list.size, list.id);
    });
  });
}
