import assert from 'node:assert/strict';
import { FixedBuffer, Heap, Pool, track } from '../js/allocators.js';
import { Arena } from '../js/index.js';
import { GIB, KIB, MIB, assertFilled, fill, newArena, newMemory } from './arenas.js';
import { throwsBounds } from './expect.js';
import { keep, without } from './family.js';

const TWO = 2 * GIB;

/*
 * The module's addresses are signed in JavaScript: what lies beyond 2 GiB comes out negative where
 * nobody minds it, headers included.
 */
describe('beyond 2 GiB', () => {
  let memory;

  before(function () {
    memory = newMemory({ maximum: 4 * GIB - 64 * KIB });
    try {
      memory.ensure(TWO + 64 * MIB);
    } catch {
      this.skip(); // the engine has no such memory
    }
  });

  /* What lies below is somebody else's, so that headers go beyond, too. */
  beforeEach(() => newArena({ memory, capacity: TWO }));

  after(() => {
    memory = undefined;
  });

  /** Asserts that blocks are where they are said to be, and hold what is written there. */
  function hold(blocks) {
    blocks.forEach(([ptr, size], i) => {
      assert.ok(ptr > TWO, `${ptr}`);
      fill(memory, ptr, size, i);
    });
    blocks.forEach(([ptr, size], i) => assertFilled(memory, ptr, size, i));
  }

  it('a heap allocates, resizes, views and frees', () => {
    const heap = keep(new Heap({ memory }));
    const [a, b, c] = [heap.alloc(100), heap.tryAlloc(1000, 64), heap.alloc(0)];
    hold([
      [a, 100],
      [b, 1000],
    ]);
    assert.ok(c > TWO);
    assert.ok(heap.sizeOf(b) >= 1000 && heap.owns(b, 1000) && !heap.owns(b, 9000));
    assert.equal(heap.view(Uint8Array, a, 100).byteOffset, a);
    const moved = heap.realloc(a, 20_000, 256);
    assert.ok(moved > TWO && moved % 256 === 0);
    hold([
      [moved, 20_000],
      [b, 1000],
    ]);
    heap.check();
    throwsBounds(() => heap.free(a));
    for (const ptr of [moved, b, c]) heap.free(ptr);
    assert.equal(heap.blocks, 0);
    heap.reset();
    assert.equal(heap.held, 0);
  });

  it('a pool allocates, iterates and frees, from slab to slab', () => {
    const pool = keep(new Pool({ memory, size: 24, slab: 16 }));
    const objects = Array.from({ length: 100 }, () => pool.alloc());
    hold(objects.map((ptr) => [ptr, 24]));
    assert.deepEqual(new Set(pool), new Set(objects));
    for (const ptr of objects) {
      assert.ok(pool.owns(ptr, 24));
      pool.free(ptr);
      throwsBounds(() => pool.free(ptr));
    }
    assert.deepEqual([...pool], []);
  });

  it('a pool has the same hot path', () => {
    const pool = keep(new Pool({ memory, size: 24, capacity: 16 }));
    without(pool, [], () => {
      const objects = Array.from({ length: 16 }, () => pool.alloc());
      for (const ptr of objects) pool.free(ptr);
      assert.equal(pool.alloc(), objects[15]);
    });
  });

  it('a heap knows the size of a block of more than 2 GiB', () => {
    const heap = keep(new Heap({ memory: newMemory({ maximum: 4 * GIB - 64 * KIB }) }));
    const ptr = heap.alloc(TWO + 8);
    assert.ok(heap.sizeOf(ptr) >= TWO + 8);
    heap.free(ptr);
  });

  it('a fixed buffer allocates, resizes and frees', () => {
    const buffer = keep(new FixedBuffer({ memory, size: 1000 }));
    const [a, b] = [buffer.alloc(100), buffer.tryAlloc(100, 64)];
    hold([
      [a, 100],
      [b, 100],
    ]);
    assert.equal(buffer.resize(b, 100, 200), true);
    assert.ok(buffer.owns(b, 200) && !buffer.owns(b, 201));
    assert.equal(buffer.free(b, 200), true);
    assert.equal(buffer.free(a, 100), false);
    buffer.reset();
    assert.equal(buffer.alloc(1000), a);
  });

  it('a tracked heap allocates, resizes and frees, and counts it', () => {
    const tracked = keep(track(keep(new Heap({ memory }))));
    const [a, b] = [tracked.alloc(100), tracked.tryAlloc(100)];
    hold([
      [a, 100],
      [b, 100],
    ]);
    assert.equal(tracked.resize(b, 100, 200), true);
    const moved = tracked.realloc(a, 100, 10_000);
    hold([
      [moved, 10_000],
      [b, 200],
    ]);
    tracked.free(moved, 10_000);
    tracked.free(b, 200);
    const { live, failures } = tracked.stats();
    assert.deepEqual({ live, failures }, { live: 0, failures: 0 });
  });

  for (const [name, make] of Object.entries({
    'a heap': () => new Heap({ memory }),
    'an arena': () => new Arena({ memory }),
    'a fixed buffer': () => new FixedBuffer({ memory, size: MIB }),
    'a pool': () => new Pool({ memory, size: 64 * KIB, align: 64 }),
  })) {
    it(`an arena on ${name} allocates, reallocates, promotes and releases`, () => {
      const arena = keep(new Arena({ on: keep(make()) }));
      const first = arena.alloc(100);
      const mark = arena.mark();
      const grown = arena.realloc(first, 100, 5000);
      const view = arena.from(Uint8Array.of(1, 2, 3));
      hold([
        [first, 100],
        [grown, 5000],
        [arena.alloc(20_000, 64), 20_000],
      ]);
      const kept = arena.promote(mark, view);
      assert.deepEqual([...kept], [1, 2, 3]);
      assert.ok(kept.byteOffset > TWO);
      arena.scope(() => arena.alloc(3000));
      arena.reset();
      assert.equal(arena.used, 0);
    });
  }

  it('a pool finds and frees an object that lies 2 GiB behind the first one of its slab', () => {
    const big = newMemory({ maximum: 4 * GIB - 64 * KIB });
    const COUNT = 2100;
    const pool = keep(new Pool({ memory: big, size: MIB, capacity: COUNT }));
    const objects = Array.from({ length: COUNT }, () => pool.alloc());
    objects.forEach((ptr, i) => assert.equal(ptr, objects[0] + i * MIB));
    assert.deepEqual([...pool], objects);
    const last = objects.at(-1);
    assert.ok(last - objects[0] > TWO);
    pool.free(last);
    assert.equal(pool.live, COUNT - 1);
    throwsBounds(() => pool.free(last));
    assert.equal(pool.alloc(), last);
    assert.deepEqual([...pool], objects);
  });
});
