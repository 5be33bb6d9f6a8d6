import assert from 'node:assert/strict';
import {
  ALIGNMENTS,
  GIB,
  KINDS,
  MIB,
  PAGE,
  assertFilled,
  assertZero,
  cursor,
  fill,
  leaves,
  newArena,
  newMemory,
  up,
  wall,
} from './arenas.js';
import { throwsBounds, throwsCode, throwsMark, throwsOutOfMemory, throwsSize } from './expect.js';

const TWO = 2 ** 31;
const END = 65535 * PAGE;

for (const [kind, options] of KINDS) {
  describe(`${kind} at the edge of 2 GiB`, () => {
    /** Its cursor stands `before` bytes before 2 GiB. Untouched pages cost nothing. */
    const near = (before, memoryOptions) => {
      const memory = newMemory({ reserve: TWO + 64 * MIB, ...memoryOptions });
      const arena = newArena({ memory, ...options });
      arena.alloc(TWO - before - cursor(arena), 1);
      assert.equal(cursor(arena), TWO - before);
      return { arena, memory };
    };

    it('goes on without a gap, in small blocks', () => {
      const { arena, memory } = near(100);
      for (let i = 0; i < 20; i++) {
        const ptr = arena.alloc(10, 1);
        assert.equal(ptr, TWO - 100 + 10 * i);
        fill(memory, ptr, 10, i);
      }
      for (let i = 0; i < 20; i++) assertFilled(memory, TWO - 100 + 10 * i, 10, i);
      assert.equal(arena.used, TWO + 100 - arena.base);
      assert.equal(arena.highWater, arena.used);
      assert.ok(arena.capacity >= arena.used);
    });

    it('goes on without a gap at every default alignment, past growth too', () => {
      const { arena } = near(60, { reserve: MIB });
      for (let i = 0; i < 10_000; i++) assert.equal(arena.alloc(60), TWO - 56 + 64 * i);
    });

    it('has a block that ends exactly there, one that begins there, one across', () => {
      const { arena } = near(8);
      assert.equal(arena.alloc(8), TWO - 8);
      assert.equal(arena.alloc(8), TWO);
      const across = near(4);
      assert.equal(across.arena.alloc(8, 1), TWO - 4);
      assert.equal(across.arena.alloc(8), TWO + 8);
    });

    it('meets all alignments there', () => {
      for (const align of ALIGNMENTS) {
        const { arena } = near(1, { reserve: MIB });
        assert.equal(arena.alloc(10, align), align === 1 ? TWO - 1 : TWO);
        const next = up(cursor(arena), align);
        assert.equal(arena.alloc(10, align), next);
      }
    });

    it('gives views there', () => {
      const { arena, memory } = near(16);
      for (let frame = 0; frame < 3; frame++) {
        const mark = arena.mark();
        const views = [arena.float32(8), arena.float64(4), arena.uint8(100), arena.bigInt64(2)];
        assert.equal(views[0].byteOffset, TWO - 16);
        assert.equal(views[1].byteOffset, TWO + 16);
        views[0].fill(1.5);
        views[2].fill(frame);
        assert.equal(memory.f32[TWO / 4], 1.5);
        assert.deepEqual([...arena.view(Float32Array, TWO, 2)], [1.5, 1.5]);
        arena.release(mark);
      }
      assert.equal(cursor(arena), TWO - 16);
      assert.equal(arena.text(arena.utf8('über die Grenze')), 'über die Grenze');
    });

    it('opens and releases marks on both sides', () => {
      const { arena } = near(10);
      const below = arena.mark();
      arena.alloc(50, 1);
      const above = arena.mark();
      assert.ok(above < 2 ** 30);
      arena.alloc(50, 1);
      const inner = arena.mark();
      arena.release(inner);
      arena.release(above);
      assert.equal(cursor(arena), TWO + 40);
      arena.release(below);
      assert.equal(cursor(arena), TWO - 10);
      assert.equal(
        arena.scope((a) => a.alloc(20, 1)),
        TWO - 10,
      );
      assert.equal(arena.highWater, TWO + 90 - arena.base);
    });

    it('reallocates and promotes across', () => {
      const { arena, memory } = near(40);
      const mark = arena.mark();
      const ptr = arena.alloc(20, 1);
      fill(memory, ptr, 20);
      assert.equal(arena.realloc(ptr, 20, 100, 1), ptr);
      assertFilled(memory, ptr, 20);
      arena.alloc(100, 1);
      const copy = arena.realloc(ptr, 20, 200, 8);
      assert.equal(copy, up(TWO + 160, 8));
      assertFilled(memory, copy, 20);
      const moved = arena.promote(mark, copy, 200, 1);
      assert.equal(moved, TWO - 40);
      assertFilled(memory, moved, 20);
      throwsMark(() => arena.release(mark));
      assert.equal(arena.realloc(moved, 200, 30, 1), moved);
      assert.equal(cursor(arena), TWO - 10);
    });

    it('goes on in another chunk beyond it, and comes back', () => {
      const { arena, memory } = near(100_000);
      const other = wall(arena);
      const mark = arena.mark();
      const { used } = arena;
      const far = arena.alloc(200_000, 1);
      assert.ok(far > TWO - 100_000);
      fill(memory, far, 200_000);
      assertFilled(memory, far, 200_000);
      assert.equal(arena.used, used + 200_000);
      arena.release(mark);
      assert.equal(arena.used, used);
      arena.reset();
      assert.equal(arena.used, 0);
      arena.free();
      other.free();
      assert.equal(memory.stats().live + memory.stats().free, 0);
    });
  });

  describe(`${kind} in a memory of 65,535 pages`, () => {
    const whole = () => {
      const memory = newMemory({ reserve: END, maximum: END });
      return { memory, arena: newArena({ memory, ...options }) };
    };

    it('uses it to its end, and no byte more', () => {
      const { memory, arena } = whole();
      let end = 0;
      for (const size of [GIB, MIB, 1000, 8, 1]) {
        for (let ptr = arena.tryAlloc(size, 1); ptr; ptr = arena.tryAlloc(size, 1)) {
          if (end) assert.equal(ptr, end);
          end = ptr + size;
        }
      }
      assert.ok(end <= END);
      assert.ok(end > END - 256, `${END - end} bytes left`);
      assert.equal(arena.used, end - arena.base);
      assert.equal(memory.stats().size, END);
      fill(memory, end - 1000, 1000);
      assertFilled(memory, end - 1000, 1000);
      assert.equal(arena.view(Uint8Array, end - 10, 10).length, 10);
    });

    it('refuses every size that passes the end: nothing wraps', () => {
      const { arena } = whole();
      arena.alloc(END - PAGE - cursor(arena), 1);
      const left = END - cursor(arena);
      for (const size of [left, left + 1, 2 * PAGE, TWO - 1, TWO, TWO + 1, 3 * GIB]) {
        for (const align of ALIGNMENTS) {
          leaves(arena, () => assert.equal(arena.tryAlloc(size, align), 0));
          leaves(arena, () => throwsOutOfMemory(() => arena.alloc(size, align)));
        }
      }
      const at = cursor(arena);
      for (const wrapped of [2 ** 32 - at - 1, 2 ** 32 - at, 2 ** 32 - at + 1, 2 ** 32 - 8]) {
        for (const align of [1, 8, 16, 65536]) {
          leaves(arena, () => assert.equal(arena.tryAlloc(wrapped, align), 0, `${wrapped}`));
          leaves(arena, () => throwsOutOfMemory(() => arena.allocZeroed(wrapped, align)));
        }
      }
      leaves(arena, () => throwsOutOfMemory(() => arena.float32(2 ** 30 - 1)));
      leaves(arena, () => throwsOutOfMemory(() => arena.float64(2 ** 29 - 1)));
      leaves(arena, () => throwsSize(() => arena.float64(2 ** 29)));
    });

    it('aligns the last cursors without wrapping to 0', () => {
      const { arena } = whole();
      arena.alloc(END - 1000 - cursor(arena), 1);
      for (const align of [1024, 4096, 65536]) {
        leaves(arena, () => assert.equal(arena.tryAlloc(0, align), 0));
        leaves(arena, () => throwsOutOfMemory(() => arena.alloc(0, align)));
      }
      while (arena.tryAlloc(1, 1));
      for (const align of [256, 4096, 65536]) {
        leaves(arena, () => throwsOutOfMemory(() => arena.alloc(0, align)));
      }
    });

    it('has marks, realloc and promote at the end', () => {
      const { memory, arena } = whole();
      arena.alloc(END - 5000 - cursor(arena), 1);
      const mark = arena.mark();
      arena.alloc(1000, 1);
      const block = arena.alloc(1000, 16);
      fill(memory, block, 1000);
      leaves(arena, () => throwsOutOfMemory(() => arena.realloc(block, 1000, 4000)));
      leaves(arena, () => throwsOutOfMemory(() => arena.realloc(block, 1000, 2 ** 32 - 1)));
      leaves(arena, () => throwsBounds(() => arena.realloc(block, 2 ** 32 - block, 8)));
      leaves(arena, () => throwsBounds(() => arena.realloc(block, 2 ** 32 - block + 1000, 8)));
      leaves(arena, () => throwsBounds(() => arena.promote(mark, block, 2 ** 32 - block + 100)));
      leaves(arena, () => throwsBounds(() => arena.view(Uint8Array, block, 2 ** 32 - block)));
      leaves(arena, () => throwsBounds(() => arena.view(Uint8Array, block, 2 ** 32 - block + 100)));
      assert.equal(arena.realloc(block, 1000, 2000), block);
      const moved = arena.promote(mark, block, 2000, 1);
      assert.equal(moved, END - 5000);
      assertFilled(memory, moved, 1000);
      arena.reset();
      assert.equal(cursor(arena), arena.base);
    });

    it('is shared by neighbours at both ends', () => {
      const { memory, arena } = whole();
      arena.alloc(2 * GIB, 1);
      const other = newArena({ memory, ...options });
      const ptr = other.alloc(2 * GIB - 2 * PAGE, 1);
      assert.ok(ptr > TWO);
      assert.equal(other.used, 2 * GIB - 2 * PAGE);
      leaves(arena, () => throwsOutOfMemory(() => arena.alloc(PAGE)));
      const last = other.alloc(100);
      if (options.zero) assertZero(memory, last, last + 100);
      arena.free();
      assert.ok(memory.stats().free >= 2 * GIB, `${memory.stats().free}`);
      assert.ok(memory.stats().live >= 2 * GIB - 2 * PAGE);
      const third = newArena({ memory });
      assert.ok(third.alloc(2 * GIB - 1000) < TWO);
    });
  });
}

describe('sizes near 2^32', () => {
  it('are refused in a small memory too, whatever the alignment, and change nothing', () => {
    const memory = newMemory({ reserve: PAGE, maximum: 16 * PAGE });
    for (const zero of [false, true]) {
      const arena = newArena({ memory, zero });
      for (const empty of [true, false]) {
        if (!empty) fill(memory, arena.alloc(100, 1), 100);
        for (const size of [TWO - 1, TWO, 2 ** 32 - PAGE, 2 ** 32 - 16, 2 ** 32 - 8, 2 ** 32 - 1]) {
          for (const align of [1, 8, 4096, 65536]) {
            leaves(arena, () => throwsOutOfMemory(() => arena.alloc(size, align)));
            leaves(arena, () => assert.equal(arena.tryAlloc(size, align), 0));
            leaves(arena, () => throwsOutOfMemory(() => arena.realloc(0, 0, size, align)));
          }
          leaves(arena, () => throwsOutOfMemory(() => arena.uint8(size)));
        }
      }
      assertFilled(memory, arena.base, 100);
    }
  });

  it('of 2^32 and above are no sizes', () => {
    const arena = newArena({ memory: newMemory() });
    arena.alloc(10);
    for (const size of [2 ** 32, 2 ** 32 + 8, 2 ** 33, 2 ** 53, 1e300]) {
      leaves(arena, () => throwsSize(() => arena.alloc(size)));
      leaves(arena, () => throwsSize(() => arena.tryAlloc(size, 1)));
      leaves(arena, () => throwsSize(() => arena.realloc(arena.base, 10, size)));
      leaves(arena, () => throwsSize(() => arena.realloc(arena.base, size, 10)));
    }
    for (const length of [2 ** 31, 2 ** 30, 2 ** 32 - 1]) {
      leaves(arena, () => throwsSize(() => arena.float32(length)));
    }
  });

  it('as limit and as trim mean all there is', () => {
    const arena = newArena({ memory: newMemory(), limit: 2 ** 32 - 1 });
    arena.alloc(10 * MIB);
    const { capacity } = arena;
    arena.trim(2 ** 32 - 1);
    assert.equal(arena.capacity, capacity);
  });

  it('as capacity are refused, and nothing is left behind', () => {
    const memory = newMemory({ reserve: PAGE, maximum: 16 * PAGE });
    newArena({ memory }).free();
    const before = memory.stats();
    for (const capacity of [16 * PAGE, TWO, 2 ** 32 - 32, 2 ** 32 - 16, 2 ** 32 - 1]) {
      throwsOutOfMemory(() => newArena({ memory, capacity }));
      assert.deepEqual(memory.stats(), before);
    }
  });

  it('as ensure are refused', () => {
    const memory = newMemory({ reserve: PAGE, maximum: 16 * PAGE });
    for (const bytes of [16 * PAGE, TWO, 2 ** 32 - 32, 2 ** 32 - 1]) {
      throwsOutOfMemory(() => memory.ensure(bytes));
    }
    assert.equal(memory.stats().size, PAGE);
  });

  it('as offset of a view are out of bounds', () => {
    const arena = newArena({ memory: newMemory() });
    arena.alloc(100);
    for (const ptr of [TWO, 2 ** 32 - 1, 2 ** 32 - 8, 2 ** 32, 2 ** 32 + arena.base, -8]) {
      leaves(arena, () =>
        throwsCode(() => arena.view(Uint8Array, ptr, 8), 'ERR_ARENA_BOUNDS', RangeError, `${ptr}`),
      );
    }
  });
});
