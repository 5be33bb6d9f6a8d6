import assert from 'node:assert/strict';
import { FixedBuffer, Pool } from '../js/allocators.js';
import { alone, newMemory } from './arenas.js';
import { TYPED } from './expect.js';
import { keep, without } from './family.js';

describe('the hot path of an arena', () => {
  it('serves what is aligned to 8, from 0 bytes up to the last byte of a chunk', () => {
    const arena = alone({ capacity: 1000 });
    const rest = arena.capacity - 104;
    const [first, second, third, last] = without(arena, ['tryAlloc'], () => [
      arena.alloc(100),
      arena.alloc(0),
      arena.alloc(rest, 8),
      arena.alloc(0),
    ]);
    assert.deepEqual([second, third, last], [first + 104, first + 104, first + 104 + rest]);
    assert.equal(arena.used, arena.capacity);
  });

  it('leaves to the path behind it what does not fit, and what is no size', () => {
    const arena = alone({ capacity: 1000 });
    const most = arena.capacity;
    const asked = [];
    arena.tryAlloc = (size) => asked.push(size);
    for (const size of [most + 1, 2 ** 32 - 1, 2 ** 32, -8, 0.5, NaN, '8', 8n]) arena.alloc(size);
    assert.deepEqual(asked, [most + 1, 2 ** 32 - 1, 2 ** 32, -8, 0.5, NaN, '8', 8n]);
    delete arena.tryAlloc;
    assert.equal(arena.used, 0);
  });

  it('serves views that the frame before had', () => {
    const arena = alone();
    const frame = () => TYPED.map(([name]) => arena[name](3)).concat(arena.dataView(3));
    frame();
    arena.reset();
    const views = frame();
    arena.reset();
    const again = without(arena, ['tryAlloc'], frame);
    again.forEach((view, i) => assert.equal(view, views[i]));
  });

  it('opens and releases marks in a chunk that was as full before', () => {
    const arena = alone();
    arena.alloc(8);
    const round = (size) => {
      const mark = arena.mark();
      arena.alloc(size);
      arena.release(mark);
    };
    round(100);
    const { used, highWater } = arena;
    without(arena, [], () => [100, 0, 50, 100].forEach(round));
    assert.deepEqual([arena.used, arena.highWater], [used, highWater]);
    assert.throws(() => without(arena, [], () => round(101)), /release was called/);
  });

  it('opens marks inside of others, and releases them', () => {
    const arena = alone({ capacity: 1000 });
    arena.release((arena.alloc(8), arena.mark(), arena.alloc(500), arena.mark()));
    arena.reset();
    arena.alloc(8);
    const outer = arena.mark();
    const { used } = arena;
    without(arena, [], () => {
      for (let i = 0; i < 3; i++) {
        const inner = arena.mark();
        arena.alloc(100);
        arena.release(inner);
      }
    });
    assert.equal(arena.used, used);
    arena.release(outer);
  });

  it('serves every alignment, up to the last byte of a chunk', () => {
    const arena = alone({ capacity: 100_000 });
    const ptr = arena.alloc(0);
    const [first, second] = without(arena, [], () => [arena.tryAlloc(10, 1), arena.alloc(7, 4096)]);
    assert.deepEqual([first, second], [ptr, Math.ceil((ptr + 10) / 4096) * 4096]);
    const rest = arena.capacity - arena.used;
    assert.equal(
      without(arena, [], () => arena.tryAlloc(rest, 1)),
      second + 7,
    );
    assert.equal(arena.used, arena.capacity);
  });

  it('resizes the last block, up to the last byte of a chunk', () => {
    const arena = alone({ capacity: 1000 });
    const resize = (ptr, sizes) => {
      for (let i = 1; i < sizes.length; i++) {
        const moved = without(arena, [], () => arena.realloc(ptr, sizes[i - 1], sizes[i]));
        assert.equal(moved, ptr);
      }
    };
    resize(arena.alloc(8), [8, 8, 104]);
    const mark = arena.mark();
    resize(arena.alloc(16), [16, 16, 24, 400]);
    arena.release(mark);
    resize(arena.alloc(200), [200, 200, arena.capacity - 104]);
    assert.equal(arena.used, arena.capacity);
  });

  it('knows the blocks of the newest chunk', () => {
    const arena = alone({ capacity: 1000 });
    const ptr = arena.alloc(104);
    arena.alloc(24);
    const views = without(arena, [], () => [
      arena.view(Uint8Array, ptr, 128),
      arena.view(Uint8Array, ptr + 127, 1),
    ]);
    assert.deepEqual(
      views.map(({ byteOffset }) => byteOffset),
      [ptr, ptr + 127],
    );
  });

  it('releases a mark whose scope the module has worked on in the same chunk', () => {
    const arena = alone({ capacity: 1000 });
    const round = (release) => {
      const mark = arena.mark();
      arena.realloc(arena.alloc(100), 100, 50);
      release(() => arena.release(mark));
    };
    arena.alloc(8);
    round((release) => release());
    round((release) => without(arena, [], release));
    assert.equal(arena.used, 8);
  });
});

describe('the hot path of a fixed buffer', () => {
  it('serves what is aligned to 8, from 0 bytes up to the last one', () => {
    const buffer = keep(new FixedBuffer({ memory: newMemory(), size: 1000 }));
    const [first, second, third, last] = without(buffer, ['tryAlloc'], () => [
      buffer.alloc(100),
      buffer.alloc(0),
      buffer.alloc(896, 8),
      buffer.alloc(0),
    ]);
    assert.deepEqual([second, third, last], [first + 104, first + 104, first + 1000]);
    assert.equal(buffer.remaining, 0);
  });

  it('leaves to the path behind it what does not fit, and what is no size', () => {
    const buffer = keep(new FixedBuffer({ memory: newMemory(), size: 1000 }));
    const asked = [];
    buffer.tryAlloc = (size) => asked.push(size);
    for (const size of [1001, 2 ** 32 - 1, 2 ** 32, -8, 0.5, NaN, '8', 8n]) buffer.alloc(size);
    assert.deepEqual(asked, [1001, 2 ** 32 - 1, 2 ** 32, -8, 0.5, NaN, '8', 8n]);
    assert.equal(buffer.used, 0);
  });
});

describe('the hot path of a pool', () => {
  for (const size of [4, 8, 12, 100]) {
    it(`serves and takes back every object of a slab, ${size} bytes each`, () => {
      const pool = keep(new Pool({ memory: newMemory(), size, capacity: 100 }));
      const fill = () => Array.from({ length: 100 }, () => pool.alloc());
      const all = without(pool, [], () => {
        const objects = fill();
        for (const ptr of objects) pool.free(ptr);
        return fill();
      });
      assert.equal(new Set(all).size, 100);
      assert.deepEqual(
        [...pool],
        [...all].sort((a, b) => a - b),
      );
      assert.throws(() => without(pool, [], () => pool.tryAlloc()), /pool_alloc was called/);
    });
  }

  it('leaves to the module what is no live object of the slab', () => {
    const pool = keep(new Pool({ memory: newMemory(), size: 8, capacity: 100 }));
    const [ptr, freed] = [pool.alloc(), pool.alloc()];
    pool.free(freed);
    for (const bad of [freed, ptr + 4, ptr - 8, ptr + 800, ptr + 0.5, 0]) {
      const free = () => without(pool, [], () => pool.free(bad));
      assert.throws(free, /pool_free was called|no live object/);
    }
    assert.deepEqual([...pool], [ptr]);
  });
});
