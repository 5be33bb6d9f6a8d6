import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { Heap, Pool } from '../js/allocators.js';
import {
  ALIGNMENTS,
  KIB,
  MIB,
  PAGE,
  assertFilled,
  dirty,
  fill,
  newArena,
  newMemory,
  random,
  up,
} from './arenas.js';
import {
  GROUNDS,
  changesNothing,
  keep,
  refusesBadAligns,
  refusesBadOffsets,
  refusesBadSizes,
  see,
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

const newPool = (options) => keep(new Pool(options));

/** A pool in a memory of its own. */
const alone = (options, memoryOptions) => newPool({ memory: newMemory(memoryOptions), ...options });

/** So many objects. */
const take = (pool, count) => Array.from({ length: count }, () => pool.alloc());

for (const [ground, make] of Object.entries(GROUNDS)) {
  describe(`a pool on ${ground}`, () => {
    const onGround = (options) => newPool({ ...make(newMemory()), ...options });

    it('has its capacity of objects, dense, and not one more', () => {
      const pool = onGround({ size: 24, capacity: 100 });
      const objects = take(pool, 100);
      objects.forEach((ptr, i) => assert.equal(ptr, objects[0] + 24 * i));
      assert.deepEqual([pool.live, pool.capacity, pool.stride, pool.size], [100, 100, 24, 24]);
      changesNothing([pool], () => {
        assert.equal(pool.tryAlloc(), 0);
        const error = throwsOutOfMemory(() => pool.alloc());
        assert.match(error.message, /no 24 bytes in Pool; refused by its capacity of 100$/);
      });
    });

    it('grows by slabs, and keeps what is in its objects', () => {
      const pool = onGround({ size: 40, capacity: 3, slab: 5 });
      const objects = take(pool, 500);
      objects.forEach((ptr, id) => fill(pool.memory, ptr, 40, id));
      assert.equal(new Set(objects).size, 500);
      objects.forEach((ptr, id) => assertFilled(pool.memory, ptr, 40, id));
      assert.deepEqual([...pool].toSorted(), objects.toSorted());
      assert.equal(pool.live, 500);
    });

    it('gives its slabs back', () => {
      const { memory, on } = make(newMemory());
      const [a, b] = [1, 2].map(() => {
        const pool = newPool({ ...(on ? { on } : { memory }), size: 16, capacity: 100 });
        const first = pool.alloc();
        pool.dispose();
        return first;
      });
      assert.equal(b, a);
    });
  });
}

describe('a pool', () => {
  it('has strides of its size, rounded up to alignment and words', () => {
    const memory = newMemory();
    for (let size = 1; size <= 200; size++) {
      for (const align of ALIGNMENTS.slice(0, size % 20 ? 8 : 17)) {
        const pool = new Pool({ memory, size, align, capacity: 3 });
        const stride = up(size, Math.max(4, align));
        const [a, b, c] = take(pool, 3);
        assert.equal(pool.stride, stride);
        assert.deepEqual([a % align, b - a, c - b], [0, stride, stride], `${size} at ${align}`);
        pool.free(b);
        assert.equal(pool.alloc(), b);
        assert.equal(pool.tryAlloc(), 0);
        assert.equal(pool.owns(c, size), true);
        assert.equal(pool.owns(c, size + 1), false);
        pool.dispose();
      }
    }
  });

  it('is aligned to 8 where nothing else is said', () => {
    const pool = alone({ size: 4, capacity: 5 });
    assert.equal(pool.stride, 8);
    for (const ptr of take(pool, 5)) assert.equal(ptr % 8, 0);
  });

  it('gives the object again that was freed last', () => {
    const pool = alone({ size: 8, capacity: 10 });
    const [a, b, c] = take(pool, 3);
    [b, a, c].forEach((ptr) => pool.free(ptr));
    assert.deepEqual(take(pool, 4), [c, a, b, c + 8]);
  });

  it('counts live objects and capacity', () => {
    const pool = alone({ size: 8, capacity: 4 });
    assert.deepEqual([pool.live, pool.capacity], [0, 4]);
    const [a] = take(pool, 3);
    pool.free(a);
    assert.deepEqual([pool.live, pool.capacity], [2, 4]);
  });

  it('with `slab` grows where its capacity ends, by as many objects as it has', () => {
    const pool = alone({ size: 16, capacity: 4, slab: 2 });
    const capacities = new Set();
    for (let i = 0; i < 64; i++) {
      pool.alloc();
      capacities.add(pool.capacity);
    }
    assert.deepEqual([...capacities], [4, 8, 16, 32, 64]);
  });

  it('with a big `slab` grows by that', () => {
    const pool = alone({ size: 16, capacity: 4, slab: 100 });
    take(pool, 5);
    assert.equal(pool.capacity, 104);
  });

  it('without a capacity takes its first slab when it first needs one, of 4 KiB', () => {
    for (const [size, count] of [
      [1, 4096],
      [16, 256],
      [1000, 5],
      [4096, 1],
      [5000, 1],
    ]) {
      const pool = alone({ size });
      assert.deepEqual([pool.capacity, [...pool]], [0, []]);
      pool.alloc();
      assert.equal(pool.capacity, count);
      take(pool, count);
      assert.equal(pool.capacity, 2 * count);
    }
  });

  it('with a capacity of 0, or a slab of 0, has no objects', () => {
    for (const options of [{ capacity: 0 }, { slab: 0 }, { capacity: 0, slab: 0 }]) {
      const pool = alone({ size: 8, ...options });
      assert.equal(pool.tryAlloc(), 0);
      assert.match(throwsOutOfMemory(() => pool.alloc()).message, /its capacity of 0$/);
    }
    assert.ok(alone({ size: 8, capacity: 0, slab: 1 }).alloc());
  });

  it('reuses objects of every slab before it grows', () => {
    const pool = alone({ size: 8, slab: 4 });
    const objects = take(pool, 60);
    const { capacity } = pool;
    for (const ptr of objects) pool.free(ptr);
    assert.equal(pool.live, 0);
    assert.deepEqual(take(pool, 60), objects.toReversed());
    assert.equal(pool.capacity, capacity);
  });

  it('takes what there is where memory refuses to double it, and then fails', () => {
    const pool = alone({ size: 1000 }, { reserve: PAGE, maximum: 4 * PAGE });
    let ptr;
    while ((ptr = pool.tryAlloc())) fill(pool.memory, ptr, 1000, pool.live);
    assert.ok(pool.live * 1000 > 3.8 * PAGE, `${pool.live} objects`);
    assert.equal(pool.capacity, pool.live);
    const error = throwsOutOfMemory(() => pool.alloc());
    assert.match(error.message, /no 1000 bytes in Pool; refused by the memory's maximum of 262144/);
    pool.free([...pool][7]);
    assert.ok(pool.tryAlloc());
    assert.equal(pool.tryAlloc(), 0);
  });

  it('has 64 slabs at the most, and says so', () => {
    const memory = newMemory({ reserve: 2 * PAGE, maximum: 2 * PAGE });
    const pool = newPool({ memory, size: 100, slab: 1 });
    const holders = [];
    for (let arena; (arena = tryArena());) holders.push(arena);
    for (let i = 0; i < 64; i++) {
      assert.equal(pool.capacity, i);
      holders.splice(i, 1)[0].free();
      assert.ok(pool.tryAlloc(), `slab ${i}`);
    }
    holders[0].free();
    assert.equal(pool.tryAlloc(), 0);
    assert.match(throwsOutOfMemory(() => pool.alloc()).message, /refused by its own limit$/);
    for (const arena of holders) arena.free();

    function tryArena() {
      try {
        return new Arena({ memory, capacity: 160 });
      } catch {
        return undefined;
      }
    }
  });

  it('has objects above 2^31', () => {
    const memory = newMemory({ maximum: 4 * 2 ** 30 - 65536 });
    try {
      memory.ensure(2 ** 31 + MIB);
    } catch {
      return; /* the engine has no such memory */
    }
    newArena({ memory, capacity: 2 ** 31 });
    const pool = newPool({ memory, size: 12, capacity: 100 });
    const objects = take(pool, 100);
    assert.ok(objects[0] > 2 ** 31);
    assert.deepEqual([...pool], objects);
    for (const ptr of objects) pool.free(ptr);
    assert.deepEqual(take(pool, 100), objects.toReversed());
    throwsBounds(() => pool.free(objects[0] + 4));
    assert.ok(newPool({ memory, size: 8 }).tryAlloc() > 2 ** 31, 'the first of a slab');
  });
});

describe('a pool frees live objects and nothing else:', () => {
  /** A pool with two slabs, where the first has free objects and the second is hot. */
  const used = (options) => {
    const pool = alone({ size: 20, align: 4, capacity: 8, slab: 8, ...options });
    const objects = take(pool, 12);
    [objects[2], objects[9]].forEach((ptr) => pool.free(ptr));
    return { pool, objects, live: objects.filter((_, i) => i !== 2 && i !== 9) };
  };

  it('a double free is told', () => {
    const { pool, objects } = used();
    changesNothing([pool], () => {
      writesNothing(pool.memory, () => {
        for (const i of [2, 9]) {
          const error = throwsBounds(() => pool.free(objects[i]));
          assert.match(error.message, new RegExp(`no live object of Pool is at ${objects[i]}$`));
        }
      });
    });
  });

  it('an object that was never given out is told', () => {
    const { pool, objects } = used();
    writesNothing(pool.memory, () => {
      for (let i = 1; i < 6; i++) throwsBounds(() => pool.free(objects[11] + 20 * i));
    });
  });

  it('one past the last object is told, whatever is in the objects', () => {
    for (const size of [4, 8, 12, 32]) {
      for (const capacity of [1, 8, 31, 32, 64, 128]) {
        for (const slab of [0, 1]) {
          const pool = alone({ size, align: 4, capacity, slab });
          const objects = take(pool, capacity);
          for (const ptr of objects) pool.memory.u8.fill(0xff, ptr, ptr + size);
          if (slab) pool.alloc();
          writesNothing(pool.memory, () => {
            throwsBounds(() => pool.free(objects.at(-1) + size));
            throwsBounds(() => pool.free(objects[0] - size));
          });
        }
      }
    }
  });

  it('an object that was never given out is told in dirty memory too, in each slab', () => {
    for (const options of [{ capacity: 50 }, { slab: 20 }, { capacity: 4, slab: 100 }]) {
      const memory = newMemory();
      dirty(memory, 50_000);
      const pool = newPool({ memory, size: 16, ...options });
      for (let i = 0; i < 40; i++) {
        const ptr = pool.alloc();
        for (const later of [16, 32, 160]) throwsBounds(() => pool.free(ptr + later));
        assert.equal([...pool].length, i + 1);
      }
    }
  });

  it('every offset inside of an object, and beside them, is told', () => {
    const { pool, live } = used();
    writesNothing(pool.memory, () => {
      for (const ptr of live) {
        for (let i = 1; i < 20; i++) throwsBounds(() => pool.free(ptr + i));
      }
      for (let i = 1; i < 40; i++) throwsBounds(() => pool.free(live[0] - i));
    });
  });

  it('what belongs to others is told', () => {
    const { pool } = used();
    const { memory } = pool;
    const others = [
      newPool({ memory, size: 20, align: 4 }).alloc(),
      keep(new Heap({ memory })).alloc(20),
      newArena({ memory }).alloc(20),
    ];
    for (const ptr of others) writesNothing(memory, () => throwsBounds(() => pool.free(ptr)));
  });

  it('what is no offset is told', () => {
    for (const shape of [{}, { capacity: undefined, slab: undefined }]) {
      const { pool, live } = used(shape);
      changesNothing([pool], () => {
        writesNothing(pool.memory, () => {
          const near = [
            live[0] + 0.5,
            live[0] + 2 ** 32,
            live[0] - 2 ** 32,
            -live[0],
            live[0] + 1e-9,
          ];
          refusesBadOffsets((ptr) => pool.free(ptr), [0, 8, pool.memory.stats().size, ...near]);
          refusesBadOffsets((ptr) => pool.view(Uint8Array, ptr, 1), [0, live[0] + 0.5]);
        });
        for (const value of [8n, '8', null, {}, undefined]) throwsArgument(() => pool.next(value));
        for (const value of [-1, 0.5, NaN, live[0] + 0.5, 2 ** 32]) {
          throwsBounds(() => pool.next(value));
        }
      });
    }
  });

  it('an empty pool has nothing to free', () => {
    const pool = alone({ size: 8 });
    refusesBadOffsets((ptr) => pool.free(ptr), [0, 1, 4096]);
    refusesBadOffsets((ptr) => pool.view(DataView, ptr, 0), [0, 1, 4096]);
  });

  it('all of it is freed in any order', () => {
    const { pool, live } = used();
    for (const ptr of live.toReversed()) pool.free(ptr);
    assert.deepEqual([pool.live, [...pool]], [0, []]);
    for (const ptr of live) throwsBounds(() => pool.free(ptr));
  });
});

describe('iteration of a pool', () => {
  it('goes by slabs, in each by address, over the live ones', () => {
    const pool = alone({ size: 12, align: 4, slab: 3 });
    const objects = take(pool, 100);
    assert.deepEqual([...pool], objects);
    const live = objects.filter((ptr, i) => i % 7 && i % 3);
    for (const ptr of objects) if (!live.includes(ptr)) pool.free(ptr);
    assert.deepEqual([...pool], live);
    const walked = [];
    for (let ptr = pool.next(0); ptr; ptr = pool.next(ptr)) walked.push(ptr);
    assert.deepEqual(walked, live);
  });

  it('of any stride is complete, at the edges of the words of its bitmap', () => {
    for (const size of [4, 8, 12, 20, 32, 36, 96, 100]) {
      for (const count of [1, 31, 32, 33, 64, 65]) {
        const pool = alone({ size, align: 4, capacity: count });
        const objects = take(pool, count);
        assert.deepEqual([...pool], objects);
        pool.free(objects[0]);
        assert.deepEqual([...pool], objects.slice(1));
        if (count > 1) pool.free(objects.at(-1));
        assert.deepEqual([...pool], objects.slice(1, -1));
      }
    }
  });

  it('may free what it is at, and all others', () => {
    const pool = alone({ size: 8, slab: 5 });
    const objects = take(pool, 40);
    for (const ptr of pool) if ((ptr / 8) % 2) pool.free(ptr);
    assert.deepEqual(
      [...pool],
      objects.filter((ptr) => (ptr / 8) % 2 === 0),
    );
    const seen = [];
    for (const ptr of pool) {
      seen.push(ptr);
      for (const other of objects) if (pool.owns(other)) pool.free(other);
    }
    assert.equal(seen.length, 1);
  });

  it('may allocate: what lies ahead is met', () => {
    const pool = alone({ size: 8, slab: 5 });
    take(pool, 5);
    let met = 0;
    for (const ptr of pool) {
      met++;
      if (met <= 30) assert.ok(pool.alloc() > 0);
      assert.ok(pool.owns(ptr));
    }
    assert.equal(met, 35);
    assert.equal(pool.live, 35);
  });

  it('sees objects whose place was free again', () => {
    const pool = alone({ size: 8, capacity: 5 });
    const [a, b, c] = take(pool, 3);
    pool.free(b);
    assert.equal(pool.next(a), c);
    assert.equal(pool.next(b), c, 'from a freed one too');
    assert.equal(pool.alloc(), b);
    assert.equal(pool.next(a), b);
    assert.equal(pool.next(c), 0);
  });

  it('begins again after a reset', () => {
    const pool = alone({ size: 8, slab: 2 });
    const objects = take(pool, 20);
    const walk = pool[Symbol.iterator]();
    walk.next();
    pool.reset();
    assert.deepEqual([...pool], []);
    assert.equal(walk.next().done, true);
    assert.deepEqual(take(pool, 3), objects.slice(0, 3));
    assert.deepEqual([...pool], objects.slice(0, 3));
  });
});

describe('a view on a pool', () => {
  it('is on one live object, or on a part of it', () => {
    const pool = alone({ size: 20, align: 8, capacity: 4 });
    const [a, b] = take(pool, 3);
    fill(pool.memory, b, 20, 3);
    const view = pool.view(Uint8Array, b, 20);
    assert.deepEqual([view.byteOffset, view.length, view.buffer], [b, 20, pool.memory.buffer]);
    assert.equal(pool.view(Float32Array, a, 5).length, 5);
    assert.equal(pool.view(Int16Array, a + 18, 1).byteOffset, a + 18);
    assert.equal(pool.view(DataView, a + 13, 7).byteLength, 7);
    assert.equal(pool.view(Uint8Array, a + 20, 0).length, 0);
  });

  it('does not cross an object, nor its padding', () => {
    const pool = alone({ size: 20, align: 8, capacity: 4 });
    const [a] = take(pool, 3);
    for (const [offset, length] of [
      [0, 21],
      [0, 24],
      [0, 48],
      [1, 20],
      [20, 1],
      [21, 0],
      [23, 1],
      [-1, 1],
      [-1, 2],
    ]) {
      changesNothing([pool], () => throwsBounds(() => pool.view(Uint8Array, a + offset, length)));
      assert.equal(pool.owns(a + offset, length), false);
    }
    throwsCode(() => pool.view(Int32Array, a + 2, 1), 'ERR_ARENA_ALIGNMENT', RangeError);
  });

  it('is on no freed object, and on none never given out', () => {
    const pool = alone({ size: 8, capacity: 4 });
    const [a, b] = take(pool, 2);
    pool.free(a);
    for (const ptr of [a, b + 8, b + 32, 0]) {
      throwsBounds(() => pool.view(Uint8Array, ptr, 1));
      assert.equal(pool.owns(ptr), false);
    }
    assert.equal(pool.owns(b), true);
    assert.equal(pool.owns(NaN), false);
    assert.equal(pool.owns(b + 0.5), false);
    for (const value of [8n, '8', {}]) throwsArgument(() => pool.owns(value));
    refusesBadSizes((size) => pool.owns(b, size));
    refusesBadSizes((size) => pool.view(Uint8Array, b, size));
  });
});

describe('pools take', () => {
  const memory = newMemory();

  it('sizes, alignments and counts, and nothing else', () => {
    const before = memory.stats();
    refusesBadSizes((size) => new Pool({ memory, size }));
    refusesBadSizes((capacity) => {
      if (capacity !== undefined) new Pool({ memory, size: 8, capacity });
    });
    refusesBadSizes((slab) => new Pool({ memory, size: 8, slab }));
    refusesBadAligns((align) => new Pool({ memory, size: 8, align }));
    throwsArgument(() => new Pool({ memory, size: 0 }));
    throwsCode(() => new Pool({ memory }), 'ERR_ARENA_SIZE', TypeError);
    for (const options of [undefined, null, 8, 'x']) throwsArgument(() => new Pool(options));
    throwsArgument(() => new Pool({ memory, size: 8, label: 1 }));
    assert.deepEqual(memory.stats(), before);
  });

  it('`arena` in place of `on`', () => {
    const arena = newArena({ memory });
    const pool = newPool({ arena, size: 8, capacity: 4 });
    assert.ok(arena.used >= 32);
    assert.equal(pool.memory, memory);
    arena.free();
    assert.equal(pool.disposed, true);
  });

  it('no more than memory has', () => {
    const small = newMemory({ reserve: PAGE, maximum: 2 * PAGE });
    newPool({ memory: small, size: 8 }).dispose();
    const before = small.stats();
    for (const options of [
      { size: 2 ** 32 - 1, capacity: 1 },
      { size: 2 ** 32 - 1, capacity: 2 ** 32 - 1 },
      { size: 1, capacity: 2 ** 32 - 1 },
      { size: 65536, capacity: 65536 },
      { size: 2 ** 31, capacity: 2 },
      { size: 2 ** 32 - 1 },
      { size: 1024, capacity: 128 },
    ]) {
      const error = throwsOutOfMemory(() => new Pool({ memory: small, label: 'p', ...options }));
      assert.match(
        error.message,
        /no room for Pool 'p'; refused by the memory's maximum of 131072/,
      );
    }
    assert.deepEqual(small.stats(), before);
    throwsOutOfMemory(() => newPool({ memory: small, size: 2 ** 31 }).alloc());
  });
});

describe('reset of a pool', () => {
  it('frees all objects and keeps the slabs', () => {
    const pool = alone({ size: 8, slab: 3 });
    const objects = take(pool, 50);
    pool.free(objects[20]);
    const { capacity } = pool;
    const { live } = pool.memory.stats();
    for (let i = 0; i < 3; i++) {
      pool.reset();
      assert.deepEqual([pool.live, pool.capacity, [...pool]], [0, capacity, []]);
      throwsBounds(() => pool.free(objects[0]));
      throwsBounds(() => pool.free(objects[49]));
      assert.deepEqual(take(pool, 50), objects);
    }
    assert.equal(pool.memory.stats().live, live);
  });
});

describe('a disposed pool', () => {
  it('throws whatever is asked of it, and has nothing', () => {
    const memory = newMemory();
    const pool = newPool({ memory, size: 8, slab: 4, label: 'old' });
    const [ptr] = take(pool, 20);
    const walk = pool[Symbol.iterator]();
    walk.next();
    pool.dispose();
    assert.equal(memory.stats().live, 0);
    assert.equal(memory.stats().arenas, 0);
    for (const call of [
      () => pool.alloc(),
      () => pool.tryAlloc(),
      () => pool.free(ptr),
      () => pool.free(0),
      () => pool.free(NaN),
      () => pool.view(Uint8Array, ptr, 1),
      () => pool.next(0),
      () => pool.next(ptr),
      () => [...pool],
      () => walk.next(),
      () => pool.reset(),
      () => new Pool({ on: pool, size: 1 }),
    ]) {
      assert.match(throwsFreed(call).message, /Pool 'old' was disposed of/);
    }
    throwsArgument(() => pool.free('8'));
    assert.equal(pool.owns(ptr), false);
    assert.deepEqual([pool.live, pool.capacity, pool.stride, pool.size], [0, 0, 0, 8]);
    assert.equal(pool[INSPECT](), "Pool 'old' { disposed }");
    const before = memory.stats();
    pool.dispose();
    assert.deepEqual(memory.stats(), before);
  });

  it('is refused on the hot path too, whatever was in the memory before', () => {
    const next = random(11);
    for (let headers = 0; headers < 60; headers++) {
      const memory = newMemory();
      const dirt = newArena({ memory });
      dirt.uint32(2000).forEach((_, i, words) => (words[i] = next() * 2 ** 32));
      dirt.free();
      for (let i = 0; i < headers; i++) newArena({ memory });
      const pool = newPool({ memory, size: 8 });
      pool.dispose();
      throwsFreed(() => pool.tryAlloc());
      for (let i = 0; i < 10; i++) throwsFreed(() => pool.free(Math.floor(next() * 2 ** 32)));
    }
  });

  if (Symbol.dispose) {
    it('is one whose [Symbol.dispose]() was called', () => {
      const pool = alone({ size: 8 });
      pool[Symbol.dispose]();
      throwsFreed(() => pool.alloc());
    });
  }
});

describe('util.inspect of a pool', () => {
  it('says what it has', () => {
    const pool = alone({ size: 2 * KIB, capacity: 4, label: 'ps' });
    pool.alloc();
    assert.equal(pool[INSPECT](), "Pool 'ps' { live: 1, capacity: 4, size: 2 KiB }");
  });
});

describe('a pool in a memory that grows', () => {
  for (const [how, grow] of Object.entries(OUTSIDE)) {
    it(`does as without a growth, by ${how}`, () => {
      for (const act of [
        (it, [ptr]) => it.alloc() - ptr,
        (it, [ptr]) => it.tryAlloc() - ptr,
        (it, objects) => it.free(objects.at(-1)),
        (it, [ptr]) => it.free(ptr),
        (it, [ptr]) => it.owns(ptr),
        (it, [ptr]) => it.next(ptr) - ptr,
        (it) => [...it].length,
        (it, [ptr]) => it.view(Uint8Array, ptr, 8)[3],
        (it) => take(it, 200).length,
        (it) => it.reset(),
        (it) => it.dispose(),
        (it) => it[INSPECT](),
        ({ live, capacity, stride, size }) => [live, capacity, stride, size],
      ]) {
        for (const freed of [0, 1]) {
          const [grown, still] = [true, false].map((grows) => {
            const pool = alone({ size: 8, capacity: 2, slab: 2 });
            const objects = take(pool, 3);
            fill(pool.memory, objects[0], 8, 7);
            if (freed) pool.free(objects.splice(1, 1)[0]);
            if (grows) grow(pool.memory, 2);
            const result = act(pool, objects);
            return [result, { ...see(pool), objects: see(pool).objects?.length }];
          });
          assert.deepEqual(grown, still, String(act));
        }
      }
    });
  }

  it('tells a bad pointer right after the growth', () => {
    for (const grow of Object.values(OUTSIDE)) {
      const pool = alone({ size: 8, capacity: 4 });
      const [a] = take(pool, 2);
      pool.free(a);
      grow(pool.memory, 1);
      throwsBounds(() => pool.free(a));
      grow(pool.memory, 1);
      throwsBounds(() => pool.free(a + 12));
      assert.deepEqual([pool.live, pool.alloc()], [1, a]);
    }
  });

  it('lets onGrow hear of it before the call that noticed it is over', () => {
    let heard = 0;
    const memory = newMemory({ reserve: PAGE, onGrow: () => heard++ });
    const pool = newPool({ memory, size: 1000, slab: 2 });
    for (let i = 0; i < 200; i++) {
      const [before, { buffer }] = [heard, memory.wasmMemory];
      pool.alloc();
      assert.equal(heard > before, memory.wasmMemory.buffer !== buffer);
    }
    const before = heard;
    const [first] = pool;
    OUTSIDE['WebAssembly.Memory.prototype.grow'](memory, 1);
    pool.free(first);
    assert.equal(heard, before + 1);
  });

  it('grows it itself, once a slab, and is heard of', () => {
    let heard = 0;
    const memory = newMemory({ reserve: PAGE, onGrow: () => heard++ });
    const pool = newPool({ memory, size: 1000 });
    take(pool, 1000).forEach((ptr, id) => fill(memory, ptr, 1000, id));
    assert.ok(heard > 0 && heard <= 8);
    [...pool].forEach((ptr, id) => assertFilled(memory, ptr, 1000, id));
  });
});

describe('the twins of a pool', () => {
  /** The same struct, through C only. */
  const cold = ({ _core, _address }) => ({
    alloc: () => _core.pool_alloc(_address) >>> 0,
    free: (ptr) => !!_core.pool_free(_address, ptr),
  });
  /** The words of the header that the hot path reads and writes. */
  const header = ({ memory, _address }) => [...memory.u32.slice(_address / 4, _address / 4 + 14)];

  it('give the same pointers and the same headers', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const next = random(seed);
      const options = {
        size: 1 + Math.floor(next() * 60),
        align: 2 ** Math.floor(next() * 6),
        capacity: [undefined, 20, 33][seed % 3],
        slab: [undefined, 7, undefined][seed % 3],
      };
      const [js, pool] = [alone(options), alone(options)];
      const c = cold(pool);
      const live = [];
      for (let i = 0; i < 500; i++) {
        const what = `seed ${seed}, step ${i}`;
        if (next() < (i % 200 < 100 ? 0.7 : 0.35) || !live.length) {
          const ptr = js.tryAlloc();
          assert.equal(c.alloc(), ptr, what);
          if (ptr) live.push(ptr);
        } else {
          const ptr = live.splice(Math.floor(next() * live.length), 1)[0];
          js.free(ptr);
          assert.equal(c.free(ptr), true, what);
          const wrong = ptr + Math.floor(next() * 9) * 2;
          if (i % 8 === 0 && !live.includes(wrong)) {
            throwsBounds(() => js.free(wrong), what);
            assert.equal(c.free(wrong), false, what);
          }
        }
        assert.deepEqual(header(pool), header(js), what);
      }
      assert.deepEqual([...pool], [...js]);
      assert.deepEqual(
        [...js],
        live.toSorted((a, b) => rank(js, a) - rank(js, b)),
      );
    }

    /** Slabs by age: where an object comes in the iteration. */
    function rank(pool, ptr) {
      return [...pool].indexOf(ptr);
    }
  });

  it('work on one header in turn', () => {
    const pool = alone({ size: 8, capacity: 10 });
    const c = cold(pool);
    const a = pool.alloc();
    const b = c.alloc();
    assert.equal(b, a + 8);
    pool.free(b);
    assert.equal(c.alloc(), b);
    assert.equal(c.free(a), true);
    assert.equal(pool.alloc(), a);
    throwsBounds(() => pool.free(a + 16));
    assert.equal(pool.live, 2);
  });

  it('do not call the module on the hot path', () => {
    const pool = alone({ size: 8, capacity: 100 });
    const core = pool._core;
    pool._core = {};
    for (let i = 0; i < 3; i++) {
      const objects = take(pool, 100);
      for (const ptr of objects) pool.free(ptr);
    }
    pool._core = core;
  });
});
