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
import {
  TYPED,
  throwsArgument,
  throwsBounds,
  throwsFreed,
  throwsMark,
  throwsOutOfMemory,
} from './expect.js';

for (const [kind, options] of KINDS) {
  describe(`promote in ${kind}`, () => {
    /** An arena with 10 bytes outside a scope, and `skip` bytes before a block of `size` in it. */
    const scoped = (skip, size, align = 8, more = {}) => {
      const arena = alone({ ...options, ...more });
      const { memory } = arena;
      fill(memory, arena.alloc(10, 1), 10, 9);
      const mark = arena.mark();
      const from = cursor(arena);
      arena.alloc(skip, 1);
      const block = arena.alloc(size, align);
      fill(memory, block, size, 1);
      return { arena, memory, mark, from, block };
    };

    it('moves the block to where the scope began, and closes the mark', () => {
      const { arena, memory, mark, from, block } = scoped(1000, 100);
      arena.alloc(500);
      const moved = arena.promote(mark, block, 100);
      assert.equal(moved, up(from, 8));
      assertFilled(memory, moved, 100, 1);
      assertFilled(memory, arena.base, 10, 9);
      assert.equal(cursor(arena), moved + 100);
      leaves(arena, () => throwsMark(() => arena.release(mark)));
      leaves(arena, () => throwsMark(() => arena.promote(mark, moved, 100)));
    });

    it('moves overlapping blocks as memmove does, whatever the distance', () => {
      for (const skip of [0, 1, 7, 8, 9, 50, 99, 100, 101]) {
        for (const align of [1, 8, 16]) {
          const { arena, memory, mark, from, block } = scoped(skip, 100, align);
          const moved = arena.promote(mark, block, 100, align);
          assert.equal(moved, up(from, align));
          assertFilled(memory, moved, 100, 1);
          assert.equal(cursor(arena), moved + 100);
          assertFilled(memory, arena.base, 10, 9);
        }
      }
    });

    it('leaves a block where it is that is where it should be', () => {
      const { arena, memory, mark, from, block } = scoped(0, 100, 1);
      assert.equal(block, from);
      arena.alloc(300);
      assert.equal(arena.promote(mark, block, 100, 1), block);
      assertFilled(memory, block, 100, 1);
      assert.equal(arena.used, 110);
    });

    it('keeps a part of a block', () => {
      const { arena, memory, mark, from, block } = scoped(100, 100, 1);
      const moved = arena.promote(mark, block, 40, 1);
      assert.equal(moved, from);
      assertFilled(memory, moved, 40, 1);
      assert.equal(arena.used, 50);
    });

    it('aligns to 8 where no alignment is given', () => {
      const { arena, memory, mark, from, block } = scoped(3, 100, 1);
      const moved = arena.promote(mark, block, 100);
      assert.equal(moved, up(from, 8));
      assertFilled(memory, moved, 100, 1);
    });

    it('keeps a block of 0 bytes at an aligned offset', () => {
      const { arena, mark, from, block } = scoped(100, 0, 64);
      assert.equal(arena.promote(mark, block, 0, 64), up(from, 64));
      assert.equal(arena.used, up(from, 64) - arena.base);
    });

    it('keeps a block of 0 bytes in an arena that is full', () => {
      const arena = alone({ ...options, limit: 9 });
      const mark = arena.mark();
      const block = arena.alloc(0);
      arena.alloc(9, 1);
      assert.equal(arena.promote(mark, block, 0), block);
      assert.equal(arena.used, 0);
    });

    for (const align of ALIGNMENTS) {
      it(`to an alignment of ${align} moves to its first multiple at or after the scope's begin`, () => {
        for (const skip of [0, 5, 3000, 70_000]) {
          const { arena, memory, mark, from, block } = scoped(skip, 300, 1);
          fill(memory, block, 300, 1);
          const moved = arena.promote(mark, block, 300, align);
          assert.equal(moved, up(from, align));
          assertFilled(memory, moved, 300, 1);
          assertFilled(memory, arena.base, 10, 9);
          assert.equal(cursor(arena), moved + 300);
        }
      });
    }

    it('brings a block from a later chunk home', () => {
      const { arena, memory, mark, from } = scoped(100, 100);
      for (const size of [2000, 5000]) {
        wall(arena);
        arena.alloc(size, 1);
      }
      const block = arena.alloc(300, 16);
      assert.ok(block > from + 2000);
      fill(memory, block, 300, 4);
      const moved = arena.promote(mark, block, 300, 16);
      assert.equal(moved, up(from, 16));
      assertFilled(memory, moved, 300, 4);
      assert.equal(arena.used, moved + 300 - arena.base);
      assertFilled(memory, arena.base, 10, 9);
    });

    it('moves to the first later chunk with room where its home has none', () => {
      const { arena, memory, mark } = scoped(100, 100);
      wall(arena);
      const second = arena.alloc(2000, 1);
      wall(arena);
      arena.alloc(5000, 1);
      const block = arena.alloc(1900, 8);
      fill(memory, block, 1900, 4);
      const moved = arena.promote(mark, block, 1900, 8);
      assert.equal(moved, second);
      assertFilled(memory, moved, 1900, 4);
      assert.equal(arena.used, 10 + 1900);
      assert.equal(cursor(arena), moved + 1900);
      assertFilled(memory, arena.base, 10, 9);
    });

    it('moves within its own chunk where no earlier one has room', () => {
      const { arena, memory, mark } = scoped(100, 100);
      wall(arena);
      const second = arena.alloc(2000, 1);
      wall(arena);
      const third = arena.alloc(5000, 1);
      const block = arena.alloc(4000, 8);
      assert.equal(block, third + 5000);
      fill(memory, block, 4000, 4);
      const moved = arena.promote(mark, block, 4000, 8);
      assert.equal(moved, third);
      assertFilled(memory, moved, 4000, 4);
      assert.equal(arena.used, 4010);
      assert.ok(second);
    });

    it('goes home over a free neighbour, or elsewhere, with all bytes', () => {
      const memory = newMemory();
      const arena = newArena({ memory, capacity: 1000, ...options });
      const neighbour = newArena({ memory, capacity: 4000 });
      wall(arena);
      fill(memory, arena.alloc(500, 1), 500, 9);
      const mark = arena.mark();
      const block = arena.alloc(3000, 8);
      fill(memory, block, 3000, 4);
      neighbour.alloc(100);
      neighbour.free();
      const moved = arena.promote(mark, block, 3000, 8);
      assertFilled(memory, moved, 3000, 4);
      assertFilled(memory, arena.base, 500, 9);
      assert.equal(arena.used, moved === arena.base + 504 ? 3504 : 3500);
    });

    it('closes every younger mark, and leaves the older ones open', () => {
      const arena = alone(options);
      const { memory } = arena;
      arena.alloc(10, 1);
      const outer = arena.mark();
      arena.alloc(20, 1);
      const mark = arena.mark();
      arena.alloc(30, 1);
      const inner = arena.mark();
      const block = arena.alloc(40, 1);
      fill(memory, block, 40);
      const moved = arena.promote(mark, block, 40, 1);
      assert.equal(moved, arena.base + 30);
      assertFilled(memory, moved, 40);
      throwsMark(() => arena.release(inner));
      throwsMark(() => arena.release(mark));
      const realloced = arena.realloc(moved, 40, 50, 1);
      assert.equal(realloced, moved, 'the block began after the mark that is the newest now');
      arena.release(outer);
      assert.equal(arena.used, 10);
    });

    it('hands a block on from scope to scope', () => {
      const arena = alone(options);
      const { memory } = arena;
      const dive = (depth) =>
        arena.scope((a, mark) => {
          a.alloc(100 + depth);
          let ptr;
          if (depth) {
            ptr = dive(depth - 1);
          } else {
            ptr = a.alloc(64);
            fill(memory, ptr, 64);
          }
          return a.promote(mark, ptr, 64);
        });
      assert.equal(dive(20), arena.base);
      assertFilled(memory, arena.base, 64);
      assert.equal(arena.used, 64);
    });

    it('of a mark that was opened before there was a chunk moves to base', () => {
      const arena = alone(options);
      const mark = arena.mark();
      arena.alloc(100);
      wall(arena);
      arena.alloc(5000, 1);
      const block = arena.alloc(300, 8);
      fill(arena.memory, block, 300);
      const moved = arena.promote(mark, block, 300, 8);
      assert.equal(moved, arena.base);
      assertFilled(arena.memory, moved, 300);
      assert.equal(arena.used, 300);
    });

    it('takes a view, and gives one of the same type on the new place', () => {
      for (const [name, Type, size] of TYPED) {
        const { arena, memory, mark, from } = scoped(100, 8);
        const view = arena[name](20);
        fill(memory, view.byteOffset, 20 * size, 3);
        const kept = arena.promote(mark, view);
        assert.equal(Object.getPrototypeOf(kept), Type.prototype);
        assert.equal(kept.length, 20);
        assert.equal(kept.byteOffset, up(from, size));
        assertFilled(memory, kept.byteOffset, 20 * size, 3);
        assert.equal(cursor(arena), kept.byteOffset + 20 * size);
      }
    });

    it('takes a DataView and a part of a view', () => {
      const { arena, memory, mark, from } = scoped(100, 8);
      const view = arena.dataView(50);
      fill(memory, view.byteOffset, 50, 3);
      const kept = arena.promote(mark, view);
      assert.ok(kept instanceof DataView);
      assert.equal(kept.byteLength, 50);
      assert.equal(kept.byteOffset, from);
      assertFilled(memory, from, 50, 3);
      const again = arena.mark();
      arena.alloc(10);
      const part = arena.float32(10).fill(7).subarray(3, 8);
      const moved = arena.promote(again, part);
      assert.deepEqual([...moved], [7, 7, 7, 7, 7]);
      assert.equal(moved.byteOffset, up(from + 50, 4));
    });

    it('refuses a block that does not lie in the scope, and changes nothing', () => {
      const { arena, memory, mark, from, block } = scoped(100, 200);
      wall(arena);
      const far = arena.alloc(5000, 8);
      const other = newArena({ memory });
      const foreign = other.alloc(100);
      for (const [ptr, size] of [
        [arena.base, 10],
        [arena.base, 1],
        [from - 1, 1],
        [from - 1, 50],
        [arena.base, 100],
        [block, 201],
        [block + 200, 1],
        [far, 5001],
        [far - 1, 1],
        [block, far - block + 10],
        [foreign, 10],
        [8, 8],
        [0, 8],
        [2 ** 32 - 8, 8],
        [2 ** 32 - 8, 2 ** 32 - 1],
        [block, 2 ** 32 - 1],
        [far, 2 ** 32 - far + 16],
      ]) {
        leaves(arena, () =>
          throwsBounds(() => arena.promote(mark, ptr, size, 1), `${ptr} ${size}`),
        );
      }
      assertFilled(memory, block, 200, 1);
      arena.release(mark);
      assert.equal(cursor(arena), from);
    });

    it('refuses a block of an older scope', () => {
      const arena = alone(options);
      arena.alloc(10, 1);
      arena.mark();
      const older = arena.alloc(100);
      const mark = arena.mark();
      arena.alloc(10);
      leaves(arena, () => throwsBounds(() => arena.promote(mark, older, 100)));
      wall(arena);
      arena.alloc(5000);
      leaves(arena, () => throwsBounds(() => arena.promote(mark, older, 100)));
      leaves(arena, () => throwsBounds(() => arena.promote(mark, arena.base, 10)));
    });

    it('refuses views of another memory, stale ones and what is no view', () => {
      const { arena, mark } = scoped(100, 8);
      const other = alone().uint8(8);
      leaves(arena, () => throwsBounds(() => arena.promote(mark, other)));
      leaves(arena, () => throwsBounds(() => arena.promote(mark, new Uint8Array(8))));
      for (const block of ['8', null, undefined, {}, [], 8n, new ArrayBuffer(8)]) {
        leaves(arena, () => throwsArgument(() => arena.promote(mark, block, 8)));
      }
      const view = arena.uint8(8);
      newArena({ memory: arena.memory }).alloc(2000 * KIB);
      leaves(arena, () => throwsBounds(() => arena.promote(mark, view)));
      arena.release(mark);
    });

    it('throws after free', () => {
      const { arena, mark, block } = scoped(10, 10);
      arena.free();
      throwsFreed(() => arena.promote(mark, block, 10));
      throwsFreed(() => arena.promote(mark, block, 0));
    });

    it('out of memory leaves scope and block as they were', () => {
      /* 10 bytes outside, the block at + 10: aligned to 65,536 it would end past the limit. */
      const { arena, memory, mark, from, block } = scoped(0, 300, 1, { limit: 400 });
      const far = up(from, 65536);
      assert.ok(far + 300 - arena.base > 400);
      leaves(arena, () => throwsOutOfMemory(() => arena.promote(mark, block, 300, 65536)));
      assertFilled(memory, block, 300, 1);
      assertFilled(memory, arena.base, 10, 9);
      assert.equal(arena.alloc(90, 1), block + 300);
      arena.release(mark);
      assert.equal(cursor(arena), from);
    });

    it('out of memory of the whole memory leaves scope and block as they were', () => {
      const arena = alone(options, { reserve: 64 * KIB, maximum: 64 * KIB });
      const { memory } = arena;
      arena.alloc(10, 1);
      const mark = arena.mark();
      const inner = arena.mark();
      const block = arena.alloc(40_000, 1);
      fill(memory, block, 40_000);
      leaves(arena, () => throwsOutOfMemory(() => arena.promote(mark, block, 40_000, 65536)));
      assertFilled(memory, block, 40_000);
      arena.release(inner);
      arena.release(mark);
      assert.equal(arena.used, 10);
    });

    it('to a larger alignment needs no room but at its new place', () => {
      const { base } = alone({ capacity: 16 });
      assert.equal(base % 16, 0);
      const arena = alone({ ...options, limit: 100 });
      const mark = arena.mark();
      arena.alloc(41, 1);
      const block = arena.alloc(40, 1);
      fill(arena.memory, block, 40);
      const moved = arena.promote(mark, block, 40, 16);
      assert.equal(moved, arena.base);
      assertFilled(arena.memory, moved, 40);
      assert.equal(arena.used, 40);
    });

    it('to a larger alignment moves forward over its own bytes where it has to', () => {
      const arena = alone({ ...options, limit: 90 });
      arena.alloc(1, 1);
      const mark = arena.mark();
      const block = arena.alloc(60, 1);
      fill(arena.memory, block, 60);
      const moved = arena.promote(mark, block, 60, 16);
      assert.equal(moved, arena.base + 16);
      assertFilled(arena.memory, moved, 60);
      assert.equal(arena.used, 76);
    });

    it('counts nothing in highWater that it does not keep', () => {
      const { arena, mark, block } = scoped(40, 40, 1);
      assert.equal(arena.highWater, 90);
      arena.promote(mark, block, 40, 16);
      assert.equal(arena.highWater, 90);
    });
  });
}

describe('promote where the limit forbids the padding that its home would need', () => {
  /*
   * The home chunk is shifted against the multiples of 4,096, so that an aligned block needs more
   * padding there than in the chunk where it is: within the limit only a later chunk has room.
   */
  const build = (shift, limit) => {
    const memory = newMemory();
    newArena({ memory, capacity: 16 + shift });
    const arena = newArena({ memory, limit });
    fill(memory, arena.alloc(16, 1), 16, 9);
    wall(arena);
    const mark = arena.mark();
    arena.alloc(2000, 1);
    return { memory, arena, mark, block: arena.tryAlloc(8, 4096) };
  };

  it('moves the block to a later chunk, and the arena stays whole', () => {
    let cases = 0;
    for (let shift = 0; shift < 4096; shift += 256) {
      const limit = build(shift, 2 ** 20).arena.used;
      const { memory, arena, mark, block } = build(shift, limit);
      if (!block || up(arena.base + 16, 4096) + 8 - arena.base <= limit) continue;
      cases++;
      fill(memory, block, 8, 1);
      const moved = arena.promote(mark, block, 8, 4096);
      assert.equal(moved, block);
      assertFilled(memory, moved, 8, 1);
      assertFilled(memory, arena.base, 16, 9);
      assert.ok(arena.used >= 24 && arena.used <= limit, `${arena.used}`);
    }
    assert.ok(cases > 0);
  });
});
