import assert from 'node:assert/strict';
import {
  KIB,
  MIB,
  PAGE,
  assertFilled,
  assertZero,
  cursor,
  dirty,
  fill,
  newArena,
  newMemory,
  random,
  wall,
} from './arenas.js';
import { TYPED } from './expect.js';

const SIZES = [1, 5, 16, 100, 1000, 4095, 4096, 4097, 10_000, 65_536, 200_001];

/** A memory in which 4 MiB were written and given back. */
function dirtyMemory() {
  const memory = newMemory({ reserve: 8 * MIB });
  dirty(memory, 3 * MIB);
  return memory;
}

/** A zeroing arena in such a memory. */
function zeroing() {
  const memory = dirtyMemory();
  return { memory, arena: newArena({ memory, zero: true }) };
}

describe('without zero', () => {
  it('recycled bytes are what they were: these tests have something to find', () => {
    const memory = dirtyMemory();
    const ptr = newArena({ memory }).alloc(100_000);
    assert.equal(memory.u8[ptr + 50_000], 0xff);
  });
});

describe('with zero: true', () => {
  it('every block of every size reads 0, in recycled chunks', () => {
    const { memory, arena } = zeroing();
    for (const size of SIZES) {
      const ptr = arena.alloc(size, 1);
      assertZero(memory, ptr, ptr + size);
      memory.u8.fill(0xaa, ptr, ptr + size);
    }
  });

  it('padding reads 0 too', () => {
    const { memory, arena } = zeroing();
    let end = cursor(arena);
    for (const align of [64, 4096, 65536, 8, 512, 32]) {
      const ptr = arena.alloc(3, align);
      assertZero(memory, end, ptr + 3);
      end = ptr + 3;
      memory.u8.fill(0xaa, ptr, end);
    }
  });

  it('padding before the first block of a chunk reads 0', () => {
    const { memory, arena } = zeroing();
    const ptr = arena.alloc(3, 65536);
    assertZero(memory, arena.base, ptr + 3);
  });

  it('every typed view reads 0, the cached one of the next frames too', () => {
    const { memory, arena } = zeroing();
    for (let frame = 0; frame < 4; frame++) {
      for (const [name, , size] of TYPED) {
        const view = arena[name](700);
        assertZero(memory, view.byteOffset, view.byteOffset + 700 * size);
        memory.u8.fill(0xaa, view.byteOffset, view.byteOffset + 700 * size);
      }
      arena.reset();
    }
  });

  it('blocks read 0 again after a reset, by small steps and by big ones', () => {
    const { memory, arena } = zeroing();
    for (const step of [10_000, 1, 9000, 13, 4096, 40_000, 7]) {
      for (let used = 0; used + step <= 60_000 && used < 300 * step; used += step) {
        const ptr = arena.alloc(step, 1);
        assertZero(memory, ptr, ptr + step);
        memory.u8.fill(0xaa, ptr, ptr + step);
      }
      arena.reset();
    }
  });

  it('blocks read 0 after a release, in the same chunk and over several', () => {
    const { memory, arena } = zeroing();
    const kept = arena.alloc(100, 1);
    fill(memory, kept, 100);
    for (const size of [50, 3000, 500, 100_000, 70_000, 10]) {
      const mark = arena.mark();
      const inner = [];
      for (let i = 0; i < 3; i++) {
        const ptr = arena.alloc(size, 1);
        assertZero(memory, ptr, ptr + size);
        memory.u8.fill(0xaa, ptr, ptr + size);
        inner.push(ptr);
        if (size > 1000) wall(arena);
      }
      arena.release(mark);
    }
    assertFilled(memory, kept, 100);
  });

  it('blocks read 0 in a scope in a loop', () => {
    const { memory, arena } = zeroing();
    for (let i = 1; i < 200; i++) {
      arena.scope((a) => {
        const view = a.uint8(i * 41);
        assertZero(memory, view.byteOffset, view.byteOffset + view.length);
        view.fill(i);
      });
    }
  });

  it('the tail that realloc adds reads 0: in place', () => {
    const { memory, arena } = zeroing();
    const ptr = arena.alloc(10, 1);
    let size = 10;
    fill(memory, ptr, size);
    for (const more of [20, 100, 5000, 5001, 100_000]) {
      assert.equal(arena.realloc(ptr, size, more, 1), ptr);
      assertFilled(memory, ptr, size);
      assertZero(memory, ptr + size, ptr + more);
      size = more;
      fill(memory, ptr, size);
    }
  });

  it('the tail that realloc adds reads 0: in place, after it was given back', () => {
    const { memory, arena } = zeroing();
    const ptr = arena.alloc(10_000, 1);
    fill(memory, ptr, 10_000);
    assert.equal(arena.realloc(ptr, 10_000, 100, 1), ptr);
    assert.equal(arena.realloc(ptr, 100, 20_000, 1), ptr);
    assertFilled(memory, ptr, 100);
    assertZero(memory, ptr + 100, ptr + 20_000);
  });

  it('the tail that realloc adds reads 0: copied', () => {
    const { memory, arena } = zeroing();
    const ptr = arena.alloc(100, 1);
    fill(memory, ptr, 100);
    arena.alloc(1, 1);
    for (const more of [200, 9000, 100_000]) {
      const copy = arena.realloc(ptr, 100, more, 1);
      assert.notEqual(copy, ptr);
      assertFilled(memory, copy, 100);
      assertZero(memory, copy + 100, copy + more);
      memory.u8.fill(0xaa, copy + 100, copy + more);
      arena.alloc(1, 1);
    }
  });

  it('what realloc gives back reads 0 for the next block', () => {
    const { memory, arena } = zeroing();
    const ptr = arena.alloc(5000, 1);
    fill(memory, ptr, 5000);
    arena.realloc(ptr, 5000, 1000, 1);
    const next = arena.alloc(3000, 1);
    assert.equal(next, ptr + 1000);
    assertZero(memory, next, next + 3000);
    assertFilled(memory, ptr, 1000);
  });

  it('what follows a promoted block reads 0, and the block is as it was', () => {
    for (const skip of [0, 3, 300, 5000, 80_000]) {
      for (const size of [1, 100, 6000]) {
        const { memory, arena } = zeroing();
        fill(memory, arena.alloc(100, 1), 100, 3);
        const mark = arena.mark();
        memory.u8.fill(0xaa, arena.alloc(skip, 1), cursor(arena));
        const block = arena.alloc(size, 1);
        fill(memory, block, size, 4);
        memory.u8.fill(0xaa, arena.alloc(2000, 1), cursor(arena));
        const moved = arena.promote(mark, block, size, 1);
        assertFilled(memory, moved, size, 4);
        assert.equal(cursor(arena), moved + size);
        const next = arena.alloc(skip + 4000, 1);
        assertZero(memory, next, next + skip + 4000);
        assertFilled(memory, moved, size, 4);
        assertFilled(memory, arena.base, 100, 3);
      }
    }
  });

  it('the padding before a promoted block that moved to another chunk reads 0', () => {
    const { memory, arena } = zeroing();
    arena.alloc(1000, 1);
    const mark = arena.mark();
    wall(arena);
    memory.u8.fill(0xaa, arena.alloc(9000, 1), cursor(arena));
    const block = arena.alloc(5000, 1024);
    fill(memory, block, 5000);
    const moved = arena.promote(mark, block, 5000, 1024);
    assertFilled(memory, moved, 5000);
    const start = moved + 5000 - (arena.used - 1000);
    assertZero(memory, start, moved);
  });

  it('the padding before a block that was promoted to a larger alignment reads 0', () => {
    const { memory, arena } = zeroing();
    arena.alloc(5, 1);
    const mark = arena.mark();
    const from = cursor(arena);
    memory.u8.fill(0xaa, arena.alloc(9000, 1), cursor(arena));
    const block = arena.alloc(500, 8);
    fill(memory, block, 500);
    const moved = arena.promote(mark, block, 500, 4096);
    assertFilled(memory, moved, 500);
    assertZero(memory, from, moved);
  });

  it('a neighbour that is absorbed reads 0 from end to end, its header and its tags too', () => {
    for (const capacity of [16, 48, 1000, 30_000]) {
      const memory = newMemory();
      const arena = newArena({ memory, zero: true, capacity: 16 });
      const neighbour = newArena({ memory, capacity });
      const size = neighbour.capacity;
      wall(arena);
      memory.u8.fill(0xff, neighbour.alloc(size, 1), cursor(neighbour));
      neighbour.free();
      const ptr = arena.alloc(32 + size, 1);
      assert.equal(ptr, arena.base);
      assertZero(memory, ptr, ptr + 32 + size);
    }
  });

  it('a neighbour that was used in part, or never, reads 0 to its end when it is absorbed', () => {
    for (const used of [0, 10, 500]) {
      const memory = newMemory();
      const arena = newArena({ memory, zero: true, capacity: 16 });
      const neighbour = newArena({ memory, capacity: 1000 });
      const size = neighbour.capacity;
      wall(arena);
      memory.u8.fill(0xff, neighbour.alloc(used, 1), cursor(neighbour));
      neighbour.free();
      const ptr = arena.alloc(32 + size, 1);
      assert.equal(ptr, arena.base);
      assertZero(memory, ptr, ptr + 32 + size);
    }
  });

  it('several neighbours that were merged read 0 from end to end', () => {
    const memory = newMemory();
    const some = Array.from({ length: 6 }, () => newArena({ memory, capacity: 2000 }));
    wall(some[0]);
    for (const arena of some) memory.u8.fill(0xff, arena.alloc(2000, 1), cursor(arena));
    for (const i of [1, 4, 0, 5, 3, 2]) some[i].free();
    const { frontier } = memory.stats();
    const arena = newArena({ memory, zero: true });
    const ptr = arena.alloc(12_000, 1);
    assert.equal(memory.stats().frontier, frontier);
    assertZero(memory, ptr, ptr + 12_000);
  });

  it('what came back to the frontier reads 0', () => {
    const memory = newMemory({ reserve: PAGE });
    const first = newArena({ memory, capacity: 3 * PAGE });
    memory.u8.fill(0xff, first.alloc(3 * PAGE, 1), cursor(first));
    first.free();
    const arena = newArena({ memory, zero: true });
    for (let i = 0; i < 600; i++) {
      const ptr = arena.alloc(KIB, 1);
      assertZero(memory, ptr, ptr + KIB);
    }
  });

  it('what lies before pages of an outsider reads 0, and theirs are not wiped', () => {
    const memory = newMemory({ reserve: PAGE });
    const first = newArena({ memory });
    memory.u8.fill(0xff, first.alloc(20 * KIB, 1), cursor(first));
    first.free();
    const theirs = memory.wasmMemory.grow(1) * PAGE;
    fill(memory, theirs, PAGE);
    const arena = newArena({ memory, zero: true });
    const far = arena.alloc(PAGE, 1);
    assertZero(memory, far, far + PAGE);
    const other = newArena({ memory, zero: true });
    const near = other.alloc(50 * KIB, 1);
    assert.ok(near < PAGE);
    assertZero(memory, near, near + 50 * KIB);
    assertFilled(memory, theirs, PAGE);
  });

  it('what a trim gave back reads 0 for its next owner, and for the arena itself', () => {
    const { memory, arena } = zeroing();
    memory.u8.fill(0xaa, arena.alloc(50_000, 1), cursor(arena));
    arena.reset();
    arena.alloc(100, 1);
    arena.trim();
    const other = newArena({ memory, zero: true });
    const ptr = other.alloc(60_000, 1);
    assertZero(memory, ptr, ptr + 60_000);
    const more = arena.alloc(60_000, 1);
    assertZero(memory, more, more + 60_000);
  });

  it('an arena that does not zero leaves nothing for one that does', () => {
    const memory = newMemory({ reserve: PAGE, maximum: 16 * PAGE });
    const next = random(7);
    for (let round = 0; round < 60; round++) {
      const zero = round % 2 === 1;
      const pair = [newArena({ memory, zero }), newArena({ memory, zero })];
      for (let i = 0; i < 40; i++) {
        const size = Math.floor(next() ** 3 * 12_000);
        const ptr = pair[i % 2].alloc(size, 2 ** (i % 7));
        if (zero) assertZero(memory, ptr, ptr + size);
        memory.u8.fill(0xff, ptr, ptr + size);
        if (i === 20) pair[0].reset();
      }
      pair.forEach((arena) => arena.free());
    }
  });

  it('bytes that were never used are not written', () => {
    const memory = newMemory({ reserve: 8 * MIB });
    const arena = newArena({ memory, zero: true });
    const ahead = arena.alloc(16, 1) + 2 * MIB;
    memory.u8[ahead] = 1;
    const ptr = arena.alloc(4 * MIB, 1);
    assert.ok(ptr < ahead);
    assert.equal(memory.u8[ahead], 1, 'what nobody may write reads as nobody wrote it');
  });

  it('bytes that were never used are not written in the rest of a recycled chunk', () => {
    const memory = newMemory({ reserve: 8 * MIB });
    const first = newArena({ memory, capacity: 4 * MIB });
    wall(first);
    memory.u8.fill(0xff, first.alloc(10_000, 1), cursor(first));
    first.free();
    const arena = newArena({ memory, zero: true, capacity: 4 * MIB });
    const ahead = arena.base + 2 * MIB;
    memory.u8[ahead] = 1;
    const ptr = arena.alloc(4 * MIB, 1);
    assertZero(memory, ptr, ahead);
    assert.equal(memory.u8[ahead], 1);
  });
});

describe('allocZeroed', () => {
  it('reads 0 in an arena that does not zero: recycled, released, reset', () => {
    const memory = dirtyMemory();
    const arena = newArena({ memory });
    for (let round = 0; round < 3; round++) {
      for (const size of SIZES) {
        const mark = arena.mark();
        for (const align of [1, 64]) {
          const ptr = arena.allocZeroed(size, align);
          assertZero(memory, ptr, ptr + size);
          memory.u8.fill(0xaa, ptr, ptr + size);
        }
        if (round) arena.release(mark);
      }
      arena.reset();
    }
  });

  it('reads 0 after blocks that the hot path alone handed out and took back', () => {
    const memory = newMemory();
    const arena = newArena({ memory, capacity: 10_000 });
    const mark = arena.mark();
    memory.u8.fill(0xff, arena.alloc(8000), cursor(arena));
    arena.release(mark);
    const ptr = arena.allocZeroed(8000);
    assertZero(memory, ptr, ptr + 8000);
    memory.u8.fill(0xff, ptr, ptr + 8000);
    arena.reset();
    assertZero(memory, arena.allocZeroed(8000), ptr + 8000);
  });

  it('leaves the blocks around it alone', () => {
    const memory = dirtyMemory();
    const arena = newArena({ memory });
    const before = arena.alloc(100, 1);
    fill(memory, before, 100, 1);
    const ptr = arena.allocZeroed(100, 1);
    const after = arena.alloc(100, 1);
    fill(memory, after, 100, 2);
    assertZero(memory, ptr, ptr + 100);
    assertFilled(memory, before, 100, 1);
    const last = arena.allocZeroed(5000, 1);
    assert.equal(last, after + 100);
    assertFilled(memory, after, 100, 2);
  });
});
