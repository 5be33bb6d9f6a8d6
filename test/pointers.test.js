import assert from 'node:assert/strict';
import {
  ALIGNMENTS,
  KIB,
  PAGE,
  alone,
  assertFilled,
  cursor,
  fill,
  newArena,
  newMemory,
  up,
  wall,
} from './arenas.js';
import { TYPED } from './expect.js';

describe('the pointer sequence', () => {
  it('goes base, base + 16, base + 26, and begins at base again after a reset', () => {
    const arena = alone();
    const first = arena.alloc(10, 1);
    assert.equal(first, arena.base);
    assert.equal(arena.alloc(10, 8), arena.base + 16);
    assert.equal(arena.alloc(10, 1), arena.base + 26);
    arena.reset();
    assert.equal(arena.alloc(10, 1), first);
    assert.equal(arena.base, first);
  });

  it('is the same in the default memory, but for its base', () => {
    const arena = newArena();
    assert.equal(arena.alloc(10, 1), arena.base);
    assert.equal(arena.alloc(10, 8), arena.base + 16);
    assert.equal(arena.alloc(10, 1), arena.base + 26);
    arena.free();
  });

  it('is the same by alloc, tryAlloc and allocZeroed, and in a zeroing arena', () => {
    const sizes = [0, 1, 3, 8, 100, 5000, 70_000, 2];
    const run = (method, options) => {
      const arena = alone(options);
      return sizes.flatMap((size) => [1, 8, 64].map((align) => arena[method](size, align)));
    };
    const expected = run('alloc');
    assert.deepEqual(run('tryAlloc'), expected);
    assert.deepEqual(run('allocZeroed'), expected);
    assert.deepEqual(run('alloc', { zero: true }), expected);
  });

  it('aligns to 8 where no alignment is given', () => {
    for (const method of ['alloc', 'tryAlloc', 'allocZeroed']) {
      const arena = alone();
      arena[method](1);
      assert.equal(arena[method](1), arena.base + 8, method);
      assert.equal(arena[method](0), arena.base + 16, method);
    }
    const arena = alone();
    arena.alloc(1);
    assert.equal(arena.realloc(0, 0, 1), arena.base + 8);
    assert.equal(arena.dataView(1).byteOffset, arena.base + 16);
  });

  for (const align of ALIGNMENTS) {
    it(`meets an alignment of ${align} at the first multiple that is free`, () => {
      const arena = alone();
      const before = arena.alloc(1, 1) + 1;
      const p = arena.alloc(10, align);
      assert.equal(p, up(before, align));
      assert.equal(arena.alloc(10, align), up(p + 10, align));
      assert.equal(arena.used, up(p + 10, align) + 10 - arena.base);
    });

    it(`meets an alignment of ${align} with the first block of an arena`, () => {
      const arena = alone();
      const p = arena.alloc(10, align);
      assert.equal(p, up(arena.base, align));
      assert.equal(arena.used, p + 10 - arena.base);
    });
  }

  it('wastes nothing where the cursor is aligned already', () => {
    const arena = alone();
    for (let i = 0; i < 100; i++) assert.equal(arena.alloc(64, 16), arena.base + i * 64);
    assert.equal(arena.used, 6400);
  });

  it('puts a typed view at the first multiple of its element size', () => {
    for (const [name, , size] of TYPED) {
      const arena = alone();
      arena.alloc(1, 1);
      assert.equal(arena[name](3).byteOffset, arena.base + size, name);
      assert.equal(arena.used, 4 * size, name);
      assert.equal(arena[name](1, 32).byteOffset, up(arena.base + 4 * size, 32), name);
    }
  });

  it('begins every chunk at a multiple of 16', () => {
    const memory = newMemory();
    for (let size = 1; size < 60; size++) {
      const arena = newArena({ memory });
      assert.ok(arena.alloc(size, 1) > 0);
      assert.equal(arena.base % 16, 0);
      assert.equal(newArena({ memory, capacity: size }).base % 16, 0);
    }
  });
});

describe('a block of 0 bytes', () => {
  it('has an aligned offset and consumes nothing but padding', () => {
    const arena = alone();
    const first = arena.alloc(0, 1);
    assert.equal(first, arena.base);
    assert.equal(arena.alloc(0, 1), first);
    assert.equal(arena.used, 0);
    arena.alloc(3, 1);
    assert.equal(arena.alloc(0, 8), arena.base + 8);
    assert.equal(arena.used, 8);
    assert.equal(arena.alloc(5, 1), arena.base + 8);
  });

  for (const align of ALIGNMENTS) {
    it(`has an offset above 0 as the first block, aligned to ${align}`, () => {
      for (const options of [{}, { zero: true }, { capacity: 16 }]) {
        const p = alone(options).alloc(0, align);
        assert.ok(p > 0);
        assert.equal(p % align, 0);
      }
    });
  }

  it('is had at the very end of a chunk', () => {
    const arena = alone();
    arena.alloc(1, 1);
    wall(arena);
    const end = arena.alloc(arena.capacity - 1, 1) + arena.capacity - 1;
    assert.equal(arena.alloc(0, 1), end);
    assert.equal(arena.alloc(0), end, 'chunks end at a multiple of 16');
  });

  it('is an empty view in every typed form', () => {
    const arena = alone();
    arena.alloc(1, 1);
    for (const [name, , size] of TYPED) {
      const view = arena[name](0);
      assert.equal(view.length, 0);
      assert.equal(view.byteOffset % size, 0);
      assert.ok(view.byteOffset > 0);
    }
    assert.equal(arena.used, 8);
  });
});

describe('blocks at page and chunk edges', () => {
  const around = Array.from({ length: 19 }, (_, i) => 65_519 + i);

  for (const reserve of [PAGE, 1024 * KIB]) {
    it(`follow each other without a gap in sizes of 65,519 to 65,537, reserve ${reserve}`, () => {
      for (const size of around) {
        const arena = alone({}, { reserve });
        arena.alloc(1, 1);
        let expected = arena.base + 1;
        for (let i = 0; i < 4; i++) {
          assert.equal(arena.alloc(size, 1), expected, `${size} bytes`);
          fill(arena.memory, expected, size, i);
          expected += size;
        }
        assert.equal(arena.used, 1 + 4 * size);
        for (let i = 0; i < 4; i++) {
          assertFilled(arena.memory, arena.base + 1 + i * size, size, i);
        }
      }
    });
  }

  it('follow each other without a gap as first block of an arena', () => {
    for (const size of around) {
      const arena = alone({}, { reserve: PAGE });
      assert.equal(arena.alloc(size, 1), arena.base);
      assert.equal(arena.alloc(1, 1), arena.base + size);
    }
  });

  it('end exactly at, one before and one behind a page edge', () => {
    for (const by of [-1, 0, 1]) {
      const arena = alone({}, { reserve: PAGE });
      const first = arena.alloc(1, 1);
      const size = PAGE - first - 1 + by;
      assert.equal(arena.alloc(size, 1), first + 1);
      assert.equal(arena.alloc(16, 16), up(PAGE + by, 16));
      fill(arena.memory, first, size + 1);
      assertFilled(arena.memory, first, size + 1);
    }
  });

  it('end exactly at the end of a chunk, and go on without a gap behind it', () => {
    for (const by of [-1, 0, 1]) {
      const arena = alone();
      const first = arena.alloc(1, 1);
      const size = arena.capacity - 1 + by;
      assert.equal(arena.alloc(size, 1), first + 1);
      assert.equal(arena.alloc(1, 1), first + 1 + size);
    }
  });

  it('are 100,000 of them, each right behind the one before, over many pages', () => {
    const arena = alone({}, { reserve: PAGE });
    const base = arena.alloc(24);
    for (let i = 1; i < 100_000; i++) {
      if (arena.alloc(24) !== base + 24 * i) assert.fail(`block ${i}`);
    }
    assert.equal(arena.used, 2_400_000);
  });
});

describe('among other arenas', () => {
  it('an arena goes on in another chunk where the next byte is taken', () => {
    const memory = newMemory();
    const a = newArena({ memory });
    const b = newArena({ memory });
    const first = a.alloc(100, 1);
    const other = b.alloc(100, 1);
    fill(memory, first, 100, 1);
    fill(memory, other, 100, 2);
    const far = a.alloc(a.capacity, 1);
    assert.ok(far >= other + 100, 'behind the other arena');
    assert.equal(far % 16, 0);
    assert.equal(a.base, first);
    fill(memory, far, 1024, 3);
    assert.equal(a.alloc(1, 1), far + 1024, 'without a gap in the new chunk');
    assert.equal(b.alloc(1, 1), other + 100);
    assertFilled(memory, first, 100, 1);
    assertFilled(memory, other, 100, 2);
    assertFilled(memory, far, 1024, 3);
  });

  it('what does not fit skips the tail of the chunk, which nobody is charged for', () => {
    const arena = alone();
    arena.alloc(1000, 1);
    wall(arena);
    arena.alloc(100, 1);
    assert.equal(arena.used, 1100);
    arena.alloc(10, 1);
    assert.equal(arena.used, 1110);
  });

  it('a free neighbour is absorbed', () => {
    const memory = newMemory();
    const [a, b, c] = [0, 1, 2].map(() => newArena({ memory, capacity: 4000 }));
    c.alloc(10);
    const first = a.alloc(4000, 1);
    fill(memory, b.alloc(4000, 1), 4000, 9);
    b.free();
    const { frontier } = memory.stats();
    assert.equal(a.alloc(4000, 1), first + 4000);
    assert.equal(memory.stats().frontier, frontier);
    assert.equal(memory.stats().free, 0, 'all of a neighbour that is smaller than a step');
    assert.equal(a.used, 8000);
    assert.equal(a.capacity, 8016, "the neighbour's header has become payload");
  });

  it('a free neighbour is absorbed step by step where it is bigger than a step', () => {
    const memory = newMemory();
    const [a, b, c] = [1000, 200 * KIB, 16].map((capacity) => newArena({ memory, capacity }));
    const first = a.alloc(1000, 1);
    b.free();
    for (let i = 0; i < 200; i++) assert.equal(a.alloc(1000, 1), first + 1000 * (i + 1));
    assert.ok(a.base + a.capacity < c.base);
  });

  it('a free neighbour that is too small is passed over', () => {
    const memory = newMemory();
    const [a, b, c] = [0, 1, 2].map(() => newArena({ memory, capacity: 4000 }));
    a.alloc(4000, 1);
    b.free();
    const far = a.alloc(5000, 1);
    assert.ok(far >= c.base + 4000);
    assert.equal(a.used, 9000);
  });

  it('two that take turns never get the same byte', () => {
    const memory = newMemory({ reserve: PAGE });
    const arenas = [0, 1, 2, 3].map(() => newArena({ memory }));
    const blocks = [];
    for (let i = 0; i < 400; i++) {
      const size = (i * 97) % 1500;
      const ptr = arenas[i % 4].alloc(size, 2 ** (i % 6));
      fill(memory, ptr, size, i);
      blocks.push([ptr, size]);
    }
    blocks.forEach(([ptr, size], i) => assertFilled(memory, ptr, size, i));
  });

  it("one's reset and free do not touch another's blocks", () => {
    const memory = newMemory();
    const arenas = [0, 1, 2].map(() => newArena({ memory }));
    const blocks = arenas.map((arena, i) => {
      const ptr = arena.alloc(3000, 1);
      fill(memory, ptr, 3000, i);
      return ptr;
    });
    arenas[0].reset();
    arenas[1].free();
    fill(memory, arenas[0].alloc(20_000), 20_000, 7);
    assertFilled(memory, blocks[2], 3000, 2);
    assert.equal(cursor(arenas[2]), blocks[2] + 3000);
  });
});

describe('one oversized block', () => {
  it('does not inflate the chunks after it', () => {
    const arena = alone({}, { maximum: 2 ** 28 });
    arena.alloc(8 * 1024 * KIB, 1);
    for (let i = 0; i < 4; i++) {
      wall(arena);
      const before = arena.capacity;
      while (arena.capacity === before) arena.alloc(64, 1);
      assert.ok(arena.capacity - before <= 64 * KIB + 64, `${arena.capacity - before} more`);
    }
  });

  it('gets just what it needs', () => {
    const arena = alone({}, { maximum: 2 ** 28 });
    arena.alloc(1000, 1);
    wall(arena);
    const before = arena.capacity;
    arena.alloc(5 * 1024 * KIB, 1);
    assert.ok(arena.capacity - before < 5 * 1024 * KIB + 64);
  });

  it('does not inflate the steps in place after it', () => {
    const arena = alone({}, { maximum: 2 ** 28 });
    arena.alloc(8 * 1024 * KIB, 1);
    const before = arena.capacity;
    arena.alloc(1000, 1);
    assert.ok(arena.capacity - before <= 64 * KIB + 64);
  });
});
