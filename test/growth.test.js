import assert from 'node:assert/strict';
import {
  KIB,
  MIB,
  PAGE,
  assertFilled,
  cursor,
  fill,
  leaves,
  newArena,
  newMemory,
  up,
  wall,
} from './arenas.js';
import { throwsOutOfMemory } from './expect.js';
import { OUTSIDE } from './outsider.js';

const tiny = (options) => newMemory({ reserve: PAGE, ...options });

describe('growth', () => {
  it('leaves no gap in the pointer sequence and loses no byte', () => {
    const memory = tiny();
    const arena = newArena({ memory });
    for (let i = 0; i < 1000; i++) {
      const ptr = arena.alloc(KIB, 1);
      assert.equal(ptr, arena.base + i * KIB);
      fill(memory, ptr, KIB, i);
    }
    assert.ok(memory.generation > 0);
    for (let i = 0; i < 1000; i++) assertFilled(memory, arena.base + i * KIB, KIB, i);
    assert.equal(arena.used, 1000 * KIB);
  });

  it("by a neighbour leaves an arena's blocks and sequence alone", () => {
    const memory = tiny();
    const a = newArena({ memory });
    const b = newArena({ memory });
    const ptr = a.alloc(500, 1);
    fill(memory, ptr, 500);
    b.alloc(10 * MIB);
    assert.equal(memory.generation, 1);
    assertFilled(memory, ptr, 500);
    assert.equal(a.alloc(1, 1), ptr + 500);
  });

  it('serves a block of many times the memory in one step', () => {
    const memory = tiny();
    const arena = newArena({ memory });
    assert.equal(arena.alloc(50 * MIB, 1), arena.base);
    assert.equal(memory.stats().grows, 1);
    assert.equal(arena.alloc(1, 1), arena.base + 50 * MIB);
  });

  it('doubles the memory at least, where that is allowed', () => {
    const memory = tiny();
    const arena = newArena({ memory });
    let { size } = memory.stats();
    for (let grows = 1; grows <= 6; grows++) {
      while (memory.stats().grows < grows) arena.alloc(KIB, 1);
      assert.ok(memory.stats().size >= 2 * size);
      ({ size } = memory.stats());
    }
  });

  it('keeps open marks, which give back what came after them', () => {
    const memory = tiny();
    const arena = newArena({ memory });
    const ptr = arena.alloc(100, 1);
    const outer = arena.mark();
    arena.alloc(PAGE);
    const at = cursor(arena);
    const inner = arena.mark();
    arena.alloc(4 * PAGE);
    arena.release(inner);
    assert.equal(cursor(arena), at);
    arena.release(outer);
    assert.equal(cursor(arena), ptr + 100);
  });

  it('is seen by realloc and promote, which move contents as they are', () => {
    const memory = tiny();
    const arena = newArena({ memory });
    let ptr = arena.alloc(1000, 1);
    arena.alloc(1, 1);
    fill(memory, ptr, 1000, 1);
    ptr = arena.realloc(ptr, 1000, 3 * PAGE);
    assertFilled(memory, ptr, 1000, 1);
    const mark = arena.mark();
    arena.alloc(8 * PAGE);
    const block = arena.alloc(1000, 8);
    fill(memory, block, 1000, 2);
    assertFilled(memory, arena.promote(mark, block, 1000), 1000, 2);
    assertFilled(memory, ptr, 1000, 1);
    assert.ok(memory.generation >= 2);
  });

  it('happens not at all where maximum is the reserve', () => {
    const memory = newMemory({ reserve: 4 * PAGE, maximum: 4 * PAGE });
    const { buffer } = memory;
    const arena = newArena({ memory });
    while (arena.tryAlloc(1000));
    assert.equal(memory.generation, 0);
    assert.equal(memory.buffer, buffer);
    assert.ok(arena.used > 4 * PAGE - 8 * KIB);
  });

  it('uses every page up to a maximum that is no power of two', () => {
    const memory = tiny({ maximum: 11 * PAGE });
    const arena = newArena({ memory });
    while (arena.tryAlloc(100, 1));
    assert.equal(memory.stats().size, 11 * PAGE);
    assert.equal(memory.stats().grows, 4, 'to 2, 4, 8 and 11 pages');
    assert.ok(cursor(arena) > 11 * PAGE - 200);
    assert.ok(cursor(arena) <= 11 * PAGE);
  });
});

describe('refused growth', () => {
  const full = (options) => {
    const memory = tiny({ maximum: 3 * PAGE });
    const arena = newArena({ memory, ...options });
    fill(memory, arena.alloc(1000, 1), 1000);
    return { memory, arena };
  };

  for (const options of [{}, { zero: true }]) {
    const kind = options.zero ? 'a zeroing arena' : 'an arena';

    it(`makes alloc throw, and leaves ${kind} as it was`, () => {
      const { memory, arena } = full(options);
      for (const size of [3 * PAGE, 4 * PAGE, 2 ** 31, 2 ** 32 - 1]) {
        for (const align of [1, 8, 65536]) {
          leaves(arena, () => throwsOutOfMemory(() => arena.alloc(size, align)));
          leaves(arena, () => throwsOutOfMemory(() => arena.allocZeroed(size, align)));
        }
      }
      assertFilled(memory, arena.base, 1000);
      assert.equal(arena.alloc(1, 1), arena.base + 1000);
    });

    it(`makes tryAlloc give 0, and leaves ${kind} as it was`, () => {
      const { memory, arena } = full(options);
      for (const size of [3 * PAGE, 2 ** 31, 2 ** 32 - 1]) {
        assert.equal(
          leaves(arena, () => arena.tryAlloc(size)),
          0,
        );
        assert.equal(
          leaves(arena, () => arena.tryAlloc(size, 4096)),
          0,
        );
      }
      assertFilled(memory, arena.base, 1000);
    });

    it(`makes every other method that allocates throw, and leaves ${kind} as it was`, () => {
      const { memory, arena } = full(options);
      const foreign = new Uint8Array(3 * PAGE);
      const text = 'x'.repeat(3 * PAGE);
      const block = arena.alloc(100, 1);
      const mark = arena.mark();
      fill(memory, block, 100, 2);
      for (const method of [
        () => arena.float64(PAGE),
        () => arena.dataView(3 * PAGE),
        () => arena.from(foreign),
        () => arena.utf8(text),
        () => arena.realloc(arena.base, 1000, 3 * PAGE),
        () => arena.realloc(block, 100, 3 * PAGE, 1),
        () => arena.scope((a) => a.alloc(3 * PAGE)),
      ]) {
        leaves(arena, () => throwsOutOfMemory(method));
      }
      assertFilled(memory, arena.base, 1000);
      assertFilled(memory, block, 100, 2);
      arena.release(mark);
      assert.equal(cursor(arena), block + 100);
    });
  }

  it('leaves an arena without a chunk without one', () => {
    const arena = newArena({ memory: tiny({ maximum: 2 * PAGE }) });
    leaves(arena, () => throwsOutOfMemory(() => arena.alloc(2 * PAGE)));
    leaves(arena, () => assert.equal(arena.tryAlloc(2 ** 32 - 1, 65536), 0));
    assert.equal(arena.base, 0);
    assert.equal(arena.capacity, 0);
  });

  it('takes nothing: smaller blocks are had as if it had not happened', () => {
    const run = (refused) => {
      const { arena } = full();
      const ptrs = [];
      for (let i = 0; i < 200; i++) {
        if (refused) assert.equal(arena.tryAlloc(3 * PAGE), 0);
        ptrs.push(arena.tryAlloc(i * 11));
      }
      return ptrs;
    };
    assert.deepEqual(run(true), run(false));
  });

  it('hits every arena of a full memory, and ends when one is freed', () => {
    const memory = tiny({ maximum: 2 * PAGE });
    const a = newArena({ memory });
    const b = newArena({ memory });
    b.alloc(1000);
    while (a.tryAlloc(1000, 1));
    while (a.tryAlloc(1, 1));
    leaves(b, () => throwsOutOfMemory(() => b.alloc(5000)));
    a.free();
    assert.ok(b.alloc(5000) > 0);
  });

  it('is survived by an arena whose block is wanted at the very end', () => {
    const memory = tiny({ maximum: 2 * PAGE });
    const arena = newArena({ memory });
    let last = arena.alloc(1, 1);
    for (let ptr = last; ptr; ptr = arena.tryAlloc(1, 1)) last = ptr;
    assert.ok(last < 2 * PAGE);
    assert.equal(arena.used, last + 1 - arena.base);
    leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1, 1)));
    assert.ok(arena.alloc(0, 1), 'zero bytes need none');
    arena.reset();
    assert.equal(arena.alloc(1, 1), arena.base);
  });
});

describe("an outsider's growth", () => {
  const METHODS = {
    alloc: (a) => a.alloc(40),
    'alloc, unaligned': (a) => a.alloc(3, 1),
    tryAlloc: (a) => a.tryAlloc(40, 32),
    allocZeroed: (a) => a.allocZeroed(40),
    realloc: (a) => a.realloc(a.alloc(8), 8, 80),
    float32: (a) => a.float32(7).byteOffset,
    dataView: (a) => a.dataView(7).byteOffset,
    from: (a) => a.from(new Uint16Array(9)).byteOffset,
    utf8: (a) => a.utf8('grün').byteOffset,
    view: (a) => a.view(Uint8Array, a.base, 1).byteOffset,
    scope: (a) => a.scope((inner) => inner.alloc(10)),
    reset: (a) => a.reset(),
    trim: (a) => a.trim(),
    base: (a) => a.base,
    used: (a) => a.used,
    capacity: (a) => a.capacity,
    highWater: (a) => a.highWater,
    'the slow path': (a) => a.alloc(5000),
  };

  for (const [how, grow] of Object.entries(OUTSIDE)) {
    for (const [name, method] of Object.entries(METHODS)) {
      it(`before ${name} changes no result, by ${how}`, () => {
        const run = (before) => {
          const memory = newMemory();
          const arena = newArena({ memory });
          arena.alloc(20);
          before(memory);
          return [method(arena), method(arena), cursor(arena), arena.used];
        };
        assert.deepEqual(
          run((memory) => grow(memory, 1)),
          run(() => {}),
        );
      });
    }

    it(`between mark and release, or mark and promote, changes nothing, by ${how}`, () => {
      const memory = newMemory();
      const arena = newArena({ memory });
      const ptr = arena.alloc(20, 1);
      let mark = arena.mark();
      arena.alloc(5);
      grow(memory, 1);
      arena.release(mark);
      assert.equal(cursor(arena), ptr + 20);
      grow(memory, 1);
      mark = arena.mark();
      arena.alloc(5);
      const block = arena.alloc(50);
      fill(memory, block, 50);
      grow(memory, 1);
      const moved = arena.promote(mark, block, 50, 1);
      assert.equal(moved, ptr + 20);
      assertFilled(memory, moved, 50);
    });

    it(`adds pages that stay the outsider's, by ${how}`, () => {
      const memory = tiny();
      const arena = newArena({ memory });
      arena.alloc(100);
      const theirs = grow(memory, 2) * PAGE || PAGE;
      fill(memory, theirs, 2 * PAGE, 5);
      const blocks = [];
      for (let i = 0; i < 300; i++) {
        const ptr = arena.alloc(KIB);
        assert.ok(ptr + KIB <= theirs || ptr >= theirs + 2 * PAGE, 'a block in their pages');
        fill(memory, ptr, KIB, i);
        blocks.push(ptr);
      }
      assertFilled(memory, theirs, 2 * PAGE, 5);
      blocks.forEach((ptr, i) => assertFilled(memory, ptr, KIB, i));
      assert.ok(memory.stats().frontier > theirs + 2 * PAGE);
    });
  }

  it('wastes nothing before their pages: what is left there serves the next arena', () => {
    const memory = tiny();
    const arena = newArena({ memory, capacity: 16 });
    OUTSIDE['memory.wasmMemory.grow'](memory, 1);
    const far = arena.alloc(PAGE);
    assert.ok(far > 2 * PAGE);
    const { frontier } = memory.stats();
    const other = newArena({ memory });
    assert.ok(other.alloc(30 * KIB) < PAGE);
    assert.equal(memory.stats().frontier, frontier);
  });

  it('up to the maximum leaves an arena the rest of its own pages', () => {
    const memory = tiny({ maximum: 4 * PAGE });
    const arena = newArena({ memory });
    arena.alloc(100);
    memory.wasmMemory.grow(3);
    leaves(arena, () => throwsOutOfMemory(() => arena.alloc(PAGE)));
    assert.equal(arena.alloc(30 * KIB, 1), arena.base + 100);
  });

  it('in between is passed each time', () => {
    const memory = tiny();
    const arena = newArena({ memory });
    const theirs = [];
    for (let i = 0; i < 6; i++) {
      theirs.push(memory.wasmMemory.grow(1) * PAGE);
      fill(memory, theirs[i], PAGE, i);
      const ptr = arena.alloc(up(memory.stats().size / 2, 16));
      fill(memory, ptr, 100, 100 + i);
      for (const page of theirs) assert.ok(ptr >= page + PAGE || ptr + PAGE <= page);
    }
    theirs.forEach((page, i) => assertFilled(memory, page, PAGE, i));
    wall(arena);
  });
});
