import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { FixedBuffer, Heap, Pool, track } from '../js/allocators.js';
import { PAGE, assertFilled, fill, newArena, newMemory } from './arenas.js';
import {
  changesNothing,
  keep,
  refusesBadAligns,
  refusesBadOffsets,
  refusesBadSizes,
  writesNothing,
} from './family.js';
import {
  throwsArgument,
  throwsBounds,
  throwsCode,
  throwsFreed,
  throwsOutOfMemory,
} from './expect.js';
import { OUTSIDE } from './outsider.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');
const NONE = { allocations: 0, frees: 0, live: 0, peak: 0, failures: 0 };

/** What is tracked, and whether what is not its last block comes back. */
const TRACKED = {
  'an arena': (memory) => newArena({ memory }),
  'a heap': (memory) => keep(new Heap({ memory })),
  'a pool': (memory) => keep(new Pool({ memory, size: 100_000, align: 16 })),
  'a fixed buffer': (memory) => keep(new FixedBuffer({ memory, size: 10 * PAGE })),
};

for (const [name, make] of Object.entries(TRACKED)) {
  describe(`tracking of ${name}`, () => {
    const tracked = (options) => keep(track(make(newMemory()), options));

    it('begins with nothing counted', () => {
      const it = tracked();
      assert.deepEqual(it.stats(), NONE);
      assert.equal(it.disposed, false);
    });

    it('counts blocks, their bytes, and the most of those', () => {
      const it = tracked();
      const a = it.alloc(100);
      assert.deepEqual(it.stats(), { ...NONE, allocations: 1, live: 100, peak: 100 });
      const b = it.tryAlloc(50, 16);
      assert.equal(b % 16, 0);
      const c = it.alloc(0);
      assert.deepEqual(it.stats(), { ...NONE, allocations: 3, live: 150, peak: 150 });
      it.free(c, 0);
      it.free(b, 50, 16);
      assert.deepEqual(it.stats(), { allocations: 3, frees: 2, live: 100, peak: 150, failures: 0 });
      it.free(a, 100);
      assert.deepEqual(it.stats(), { allocations: 3, frees: 3, live: 0, peak: 150, failures: 0 });
      it.alloc(149);
      assert.equal(it.stats().peak, 150);
      it.alloc(2);
      assert.equal(it.stats().peak, 151);
    });

    it('counts a resize by its difference, as neither a block nor a free', () => {
      const it = tracked();
      const ptr = it.alloc(100);
      fill(it.memory, ptr, 100, 2);
      assert.equal(it.resize(ptr, 100, 300), true);
      assert.deepEqual(it.stats(), { ...NONE, allocations: 1, live: 300, peak: 300 });
      assert.equal(it.resize(ptr, 300, 40), true);
      assert.deepEqual(it.stats(), { ...NONE, allocations: 1, live: 40, peak: 300 });
      assertFilled(it.memory, ptr, 40, 2);
    });

    it('counts a move by its difference, and keeps the contents', () => {
      const it = tracked();
      const ptr = it.alloc(100);
      fill(it.memory, ptr, 100, 2);
      const wall = it.alloc(10);
      const moved = it.realloc(ptr, 100, 5000);
      if (name !== 'a pool') assert.notEqual(moved, ptr);
      assertFilled(it.memory, moved, 100, 2);
      assert.deepEqual(it.stats(), { ...NONE, allocations: 2, live: 5010, peak: 5010 });
      assert.equal(it.realloc(moved, 5000, 20), moved);
      assert.deepEqual(it.stats(), { ...NONE, allocations: 2, live: 30, peak: 5010 });
      it.free(moved, 20);
      it.free(wall, 10);
      assert.deepEqual(it.stats().live, 0);
    });

    it('counts refused blocks and moves as failures, a refused resize not', () => {
      const it = tracked({ label: 't' });
      const ptr = it.alloc(100);
      it.alloc(8);
      const before = it.stats();
      const huge = 2 ** 32 - 2 ** 16;
      assert.equal(it.tryAlloc(huge), 0);
      const error = throwsOutOfMemory(() => it.alloc(huge));
      assert.match(error.message, /no 4294901760 bytes in Tracked 't'; refused by what it is on$/);
      throwsOutOfMemory(() => it.realloc(ptr, 100, huge));
      assert.deepEqual(it.stats(), { ...before, failures: 3 });
      assert.equal(it.resize(ptr, 100, huge), false);
      assert.deepEqual(it.stats(), { ...before, failures: 3 });
      it.free(ptr, 100);
    });

    it('counts nothing where arguments are bad', () => {
      const it = tracked();
      const ptr = it.alloc(64);
      changesNothing([it], () => {
        refusesBadSizes((size) => it.alloc(size));
        refusesBadSizes((size) => it.tryAlloc(size));
        refusesBadSizes((size) => it.free(ptr, size));
        refusesBadSizes((size) => it.resize(ptr, size, 8));
        refusesBadSizes((size) => it.resize(ptr, 64, size));
        refusesBadSizes((size) => it.realloc(ptr, size, 8));
        refusesBadSizes((size) => it.realloc(ptr, 64, size));
        refusesBadAligns((align) => it.alloc(8, align));
        refusesBadAligns((align) => it.tryAlloc(8, align));
        refusesBadAligns((align) => it.free(ptr, 64, align));
        refusesBadAligns((align) => it.resize(ptr, 64, 8, align));
        refusesBadAligns((align) => it.realloc(ptr, 64, 8, align));
      });
    });

    it('refuses bad pointers, and counts nothing', () => {
      const it = tracked();
      const ptr = it.alloc(64);
      const far = [0, ptr + 0.5, ptr + 2 ** 32, it.memory.stats().frontier, 4];
      changesNothing([it, it._parent], () => {
        refusesBadOffsets((at) => it.free(at, 8), far);
        refusesBadOffsets((at) => it.resize(at, 8, 4), far);
        refusesBadOffsets((at) => it.realloc(at, 8, 4), far);
        refusesBadOffsets((at) => it.view(Uint8Array, at, 1), far);
        throwsBounds(() => it.free(ptr, 200_000));
        throwsBounds(() => it.resize(ptr, 200_000, 1));
        throwsBounds(() => it.realloc(ptr, 200_000, 1));
      });
      assert.equal(it.owns(ptr, 64), true);
      assert.equal(it.owns(ptr, 200_000), false);
    });

    it('gives views', () => {
      const it = tracked();
      const ptr = it.alloc(64, 16);
      assert.equal(it.view(Float32Array, ptr, 16).byteOffset, ptr);
      throwsBounds(() => it.view(Uint8Array, ptr, 200_000));
    });

    it('counts what arenas on it take and give', () => {
      const it = tracked();
      const arena = newArena({ on: it, capacity: 1000 });
      assert.deepEqual(it.stats(), { ...NONE, allocations: 1, live: 1024, peak: 1024 });
      arena.alloc(1000);
      arena.alloc(1000);
      const { allocations, live } = it.stats();
      assert.ok(live >= 2000);
      assert.ok(name === 'a heap' || allocations === 1, 'it grew in place');
      arena.reset();
      arena.trim();
      assert.equal(it.stats().live, 0);
      arena.alloc(10);
      const heap = keep(new Heap({ on: it }));
      heap.alloc(10);
      const buffer = keep(new FixedBuffer({ on: it, size: 500 }));
      [buffer, heap].forEach((each) => each.dispose());
      arena.free();
      const { frees, live: left } = it.stats();
      assert.deepEqual([left, frees], [0, it.stats().allocations]);
    });

    it('stops with what it tracks', () => {
      const it = tracked();
      const ptr = it.alloc(10);
      const arena = newArena({ on: it });
      if (it._parent instanceof Arena) it._parent.free();
      else it._parent.dispose();
      assert.deepEqual([it.disposed, arena.freed], [true, true]);
      for (const call of [
        () => it.alloc(8),
        () => it.tryAlloc(8),
        () => it.resize(ptr, 8, 4),
        () => it.realloc(ptr, 8, 4),
        () => it.free(ptr, 8),
        () => it.view(Uint8Array, ptr, 1),
        () => track(it),
      ]) {
        throwsFreed(call);
      }
      assert.deepEqual(it.stats(), NONE);
      assert.equal(it.owns(ptr), false);
    });

    it('leaves what it tracked as it was when it is disposed of', () => {
      const it = tracked({ label: 'old' });
      const ptr = it.alloc(10);
      fill(it.memory, ptr, 10, 3);
      const on = it._parent;
      writesNothing(it.memory, () => it.dispose());
      it.dispose();
      assertFilled(it.memory, ptr, 10, 3);
      assert.equal(on.freed ?? on.disposed, false);
      assert.equal(on._children.size, 0);
      assert.match(throwsFreed(() => it.alloc(1)).message, /Tracked 'old' was disposed of/);
      assert.equal(it[INSPECT](), "Tracked 'old' { disposed }");
    });

    for (const [how, grow] of Object.entries(OUTSIDE)) {
      it(`goes on after a growth by ${how}`, () => {
        for (const act of [
          (it) => it.alloc(8),
          (it) => it.tryAlloc(8),
          (it, ptr) => it.resize(ptr, 64, 32),
          (it, ptr) => it.realloc(ptr, 64, 5000),
          (it, ptr) => it.free(ptr, 64),
          (it, ptr) => it.view(Uint8Array, ptr, 64)[63],
          (it, ptr) => it.owns(ptr),
          (it) => it.stats(),
          (it) => it[INSPECT](),
          (it) => it.dispose(),
        ]) {
          const [grown, still] = [true, false].map((grows) => {
            const it = tracked();
            const ptr = it.alloc(64);
            fill(it.memory, ptr, 64, 5);
            if (grows) grow(it.memory, 1);
            const result = act(it, ptr);
            return [typeof result === 'number' ? result > 0 : result, it.stats()];
          });
          assert.deepEqual(grown, still, String(act));
        }
      });
    }
  });
}

describe('tracking', () => {
  it('of a tracked allocator counts in both', () => {
    const memory = newMemory();
    const inner = keep(track(keep(new Heap({ memory }))));
    const outer = keep(track(inner));
    const ptr = outer.alloc(100);
    inner.alloc(10);
    assert.equal(outer.stats().live, 100);
    assert.equal(inner.stats().live, 110);
    outer.free(ptr, 100);
    assert.deepEqual([outer.stats().frees, inner.stats().frees], [1, 1]);
    throwsBounds(() => outer.free(ptr, 100));
    assert.equal(outer.stats().frees, 1);
  });

  it('hands on a double free and a foreign pointer to none', () => {
    const memory = newMemory();
    for (const on of [keep(new Heap({ memory })), keep(new Pool({ memory, size: 100 }))]) {
      const it = keep(track(on));
      const [a, b] = [it.alloc(100), it.alloc(100)];
      it.free(a, 100);
      const foreign = newArena({ memory }).alloc(100);
      changesNothing([it, on], () => {
        writesNothing(memory, () => {
          for (const ptr of [a, foreign]) {
            throwsBounds(() => it.free(ptr, 100));
            throwsBounds(() => it.free(ptr, 0));
            throwsBounds(() => it.resize(ptr, 100, 10));
            throwsBounds(() => it.realloc(ptr, 100, 10));
          }
        });
      });
      it.free(b, 100);
      assert.equal(it.stats().live, 0);
    }
  });

  it('of a pool takes whole objects, below other tracking too', () => {
    const pool = keep(new Pool({ memory: newMemory(), size: 64 }));
    for (const it of [keep(track(pool)), keep(track(keep(track(pool))))]) {
      const ptr = it.alloc(64);
      changesNothing([it, pool], () => {
        for (const at of [4, 8, 63, 64]) {
          throwsBounds(() => it.free(ptr + at, 0));
          throwsBounds(() => it.resize(ptr + at, 0, 64));
          throwsBounds(() => it.realloc(ptr + at, 0, 8));
        }
        throwsBounds(() => it.free(ptr, 65));
      });
      assert.equal(it.view(Uint8Array, ptr + 8, 8).byteOffset, ptr + 8);
      it.free(ptr, 64);
      assert.equal(pool.live, 0);
    }
  });

  it('counts what the pool refuses: too big, too strictly aligned', () => {
    const it = keep(track(keep(new Pool({ memory: newMemory(), size: 64, align: 16 }))));
    assert.equal(it.tryAlloc(65), 0);
    assert.equal(it.tryAlloc(8, 32), 0);
    const ptr = it.alloc(10, 16);
    throwsOutOfMemory(() => it.realloc(ptr, 10, 65));
    assert.equal(it.resize(ptr, 10, 65), false);
    assert.equal(it.resize(ptr, 10, 64), true);
    assert.deepEqual(it.stats(), { allocations: 1, frees: 0, live: 64, peak: 64, failures: 3 });
  });

  it('lets onGrow hear of a growth before the call is over', () => {
    let heard = 0;
    const memory = newMemory({ reserve: PAGE, onGrow: () => heard++ });
    const it = keep(track(newArena({ memory })));
    const ptr = it.alloc(PAGE);
    assert.equal(heard, 1);
    assert.equal(it.resize(ptr, PAGE, 20 * PAGE), true);
    assert.equal(heard, 2);
    it.realloc(ptr, 20 * PAGE, 200 * PAGE);
    assert.equal(heard, 3);
  });

  it('counts the failures of those on it', () => {
    const it = keep(track(keep(new FixedBuffer({ memory: newMemory(), size: 100 }))));
    throwsOutOfMemory(() => new FixedBuffer({ on: it, size: 101 }));
    const { failures } = it.stats();
    assert.equal(failures, 1);
    throwsOutOfMemory(() => newArena({ on: it }).alloc(100));
    assert.ok(it.stats().failures > failures);
    assert.equal(it.stats().allocations, 0);
  });

  it('counts up to 4 GiB and begins anew in each wrapper', () => {
    const memory = newMemory();
    const heap = keep(new Heap({ memory }));
    const first = keep(track(heap));
    first.alloc(1000);
    const second = keep(track(heap));
    assert.deepEqual(second.stats(), NONE);
    first.dispose();
    assert.deepEqual(keep(track(heap)).stats(), NONE, 'in the same header');
  });

  it('has nothing of an allocator that it hides', () => {
    const heap = keep(new Heap({ memory: newMemory() }));
    const it = keep(track(heap));
    heap.alloc(100);
    assert.deepEqual(it.stats(), NONE);
  });

  it('is seen in the example of its documentation', () => {
    const heap = keep(new Heap({ memory: newMemory() }));
    const it = keep(track(heap));
    newArena({ on: it }).alloc(100);
    assert.deepEqual(it.stats(), { ...NONE, allocations: 1, live: 1040, peak: 1040 });
  });

  it('takes an allocator and options, and nothing else', () => {
    const heap = keep(new Heap({ memory: newMemory() }));
    for (const options of [null, 8, 'x']) throwsArgument(() => track(heap, options));
    throwsArgument(() => track(heap, { label: 8 }));
    for (const value of [undefined, null, 8, {}, heap.memory]) throwsArgument(() => track(value));
    assert.match(throwsArgument(() => track()).message, /no allocator to track/);
    assert.equal(heap._children.size, 0);
    assert.equal(keep(track(heap, { label: 'name' })).label, 'name');
    throwsCode(() => keep(track(heap)).alloc(), 'ERR_ARENA_SIZE', TypeError);
  });

  it('says in util.inspect what it counted', () => {
    const it = keep(track(newArena({ memory: newMemory() }), { label: 'frame' }));
    it.alloc(100);
    assert.equal(it[INSPECT](), "Tracked 'frame' { allocations: 1, frees: 0, live: 100 }");
  });

  if (Symbol.dispose) {
    it('ends with [Symbol.dispose]()', () => {
      const it = keep(track(newArena({ memory: newMemory() })));
      it[Symbol.dispose]();
      throwsFreed(() => it.alloc(1));
    });
  }
});
