import assert from 'node:assert/strict';
import { KIB, MIB, PAGE, alone, cursor, leaves, newArena, newMemory, wall } from './arenas.js';
import { TYPED, throwsOutOfMemory } from './expect.js';

const kinds = [
  ['an arena', {}],
  ['a zeroing arena', { zero: true }],
  ['an arena without cached views', { views: 0 }],
];

for (const [kind, options] of kinds) {
  describe(`the limit of ${kind}`, () => {
    const limited = (limit, more) => alone({ ...options, limit, ...more });

    it('is hit exactly, and by one byte', () => {
      for (const limit of [1, 7, 100, 1023, 1024, 1025, 5000, 70_000]) {
        const arena = limited(limit);
        leaves(arena, () => throwsOutOfMemory(() => arena.alloc(limit + 1, 1)));
        assert.equal(
          leaves(arena, () => arena.tryAlloc(limit + 1, 1)),
          0,
        );
        assert.equal(arena.alloc(limit, 1), arena.base);
        assert.equal(arena.used, limit);
        leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1, 1)));
        assert.equal(
          leaves(arena, () => arena.tryAlloc(1, 1)),
          0,
        );
        assert.equal(
          leaves(arena, () => arena.alloc(0, 1)),
          arena.base + limit,
        );
      }
    });

    it('is hit exactly, and by one byte, at the default alignment too', () => {
      for (const limit of [8, 64, 1024, 1088, 70_000]) {
        for (const ready of [0, limit]) {
          const arena = limited(limit, { capacity: ready });
          arena.alloc(0);
          leaves(arena, () => throwsOutOfMemory(() => arena.alloc(limit + 1)));
          assert.equal(arena.alloc(limit - 8), arena.base);
          leaves(arena, () => throwsOutOfMemory(() => arena.alloc(9)));
          assert.equal(arena.alloc(8), arena.base + limit - 8);
          leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1)));
        }
      }
    });

    it('is hit exactly by many small blocks', () => {
      for (const limit of [1000, 4099, 70_001]) {
        const arena = limited(limit);
        for (let used = 0; used + 7 <= limit; used += 7) {
          assert.equal(arena.tryAlloc(7, 1), arena.base + used);
        }
        const left = limit % 7;
        assert.equal(arena.tryAlloc(left + 1, 1), 0);
        assert.equal(arena.alloc(left, 1), arena.base + limit - left);
        assert.equal(arena.tryAlloc(1, 1), 0);
        assert.equal(arena.used, limit);
        assert.equal(arena.highWater, limit);
      }
    });

    it('counts padding', () => {
      const enough = limited(32);
      enough.alloc(10, 1);
      assert.equal(enough.alloc(16, 16), enough.base + 16);
      assert.equal(enough.used, 32);
      const short = limited(31);
      short.alloc(10, 1);
      leaves(short, () => throwsOutOfMemory(() => short.alloc(16, 16)));
      leaves(short, () => throwsOutOfMemory(() => short.alloc(0, 65536)));
      assert.equal(short.alloc(21, 1), short.base + 10, 'without padding it fits');
    });

    it('counts the padding before the first block of a chunk', () => {
      const { base } = limited(MIB, { capacity: 16 });
      const padding = Math.ceil(base / 4096) * 4096 - base;
      const enough = limited(padding + 10);
      assert.equal(enough.alloc(10, 4096), base + padding);
      assert.equal(enough.used, padding + 10);
      const short = limited(padding + 9);
      leaves(short, () => throwsOutOfMemory(() => short.alloc(10, 4096)));
      assert.ok(short.alloc(9, 4096));
    });

    it('is a sum over several chunks, without the skipped tails', () => {
      const arena = limited(10_000);
      arena.alloc(1000, 1);
      wall(arena);
      arena.alloc(3000, 1);
      wall(arena);
      arena.alloc(5000, 1);
      assert.equal(arena.used, 9000);
      wall(arena);
      leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1001, 1)));
      assert.ok(arena.alloc(1000, 1));
      assert.equal(arena.used, 10_000);
      leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1, 1)));
    });

    it('bounds typed views, copies and strings alike', () => {
      for (const [name, , size] of TYPED) {
        const arena = limited(4 * size);
        leaves(arena, () => throwsOutOfMemory(() => arena[name](5)));
        assert.equal(arena[name](4).byteOffset, arena.base);
        leaves(arena, () => throwsOutOfMemory(() => arena[name](1)));
      }
      const arena = limited(10);
      leaves(arena, () => throwsOutOfMemory(() => arena.utf8('12345678901')));
      assert.equal(arena.utf8('grün').length, 5);
      leaves(arena, () => throwsOutOfMemory(() => arena.from(new Uint8Array(6))));
      assert.equal(arena.from(new Uint8Array(5)).length, 5);
      assert.equal(arena.used, 10);
    });

    it('bounds a frame of cached views as it bounded the first one', () => {
      const arena = limited(100);
      for (let frame = 0; frame < 3; frame++) {
        arena.uint8(60);
        leaves(arena, () => throwsOutOfMemory(() => arena.uint8(41)));
        arena.uint8(40);
        leaves(arena, () => throwsOutOfMemory(() => arena.uint8(1)));
        arena.reset();
      }
    });

    it('is there again after release, reset and a shrinking realloc', () => {
      const arena = limited(5000);
      const mark = arena.mark();
      const ptr = arena.alloc(5000, 1);
      arena.release(mark);
      assert.equal(arena.alloc(5000, 1), ptr);
      arena.reset();
      assert.equal(arena.alloc(5000, 1), ptr);
      assert.equal(arena.realloc(ptr, 5000, 4000, 1), ptr);
      leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1001, 1)));
      assert.equal(arena.alloc(1000, 1), ptr + 4000);
    });

    it('bounds realloc in place and elsewhere, exactly', () => {
      const arena = limited(1000);
      const first = arena.alloc(100, 1);
      const last = arena.alloc(100, 1);
      leaves(arena, () => throwsOutOfMemory(() => arena.realloc(last, 100, 901, 1)));
      assert.equal(arena.realloc(last, 100, 200, 1), last);
      leaves(arena, () => throwsOutOfMemory(() => arena.realloc(first, 100, 701, 1)));
      assert.equal(arena.realloc(first, 100, 700, 1), first + 300);
      assert.equal(arena.used, 1000);
    });

    it('of 0 allows blocks of 0 bytes and no other', () => {
      const arena = limited(0);
      leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1, 1)));
      const ptr = arena.alloc(0, 1);
      assert.ok(ptr > 0);
      assert.equal(arena.alloc(0, 16), ptr);
      leaves(arena, () => throwsOutOfMemory(() => arena.alloc(1, 1)));
      assert.equal(arena.used, 0);
      assert.equal(arena.capacity, 0);
    });

    it('bounds what capacity says, whatever the chunks have', () => {
      for (const limit of [1, 100, 1000, 5000, 100_000]) {
        const arena = limited(limit, { capacity: limit });
        assert.equal(arena.capacity, limit);
        arena.alloc(limit, 1);
        assert.equal(arena.capacity, limit);
        arena.reset();
        assert.equal(arena.capacity, limit);
      }
      const arena = limited(1010);
      arena.alloc(1000, 1);
      wall(arena);
      arena.alloc(10, 1);
      wall(arena);
      assert.equal(arena.capacity, 1010);
    });

    it('is whole in one arena when another of the same memory has reached its own', () => {
      const memory = newMemory();
      const a = newArena({ memory, ...options, limit: 500 });
      const b = newArena({ memory, ...options, limit: 500 });
      a.alloc(500, 1);
      throwsOutOfMemory(() => a.alloc(1, 1));
      assert.ok(b.alloc(500, 1));
    });
  });
}

describe('a refusal', () => {
  it('by the limit names what was asked, what is used, and the limit', () => {
    const arena = alone({ limit: 777, label: 'tiles' });
    arena.alloc(123, 1);
    const { message } = throwsOutOfMemory(() => arena.alloc(4321, 1));
    for (const part of ['4321', '123', '777', 'limit', 'tiles']) {
      assert.ok(message.includes(part), `${part} in: ${message}`);
    }
  });

  it("by the memory's maximum names that one, and not the limit", () => {
    const arena = alone({ limit: 10 * MIB }, { reserve: PAGE, maximum: 2 * PAGE });
    arena.alloc(123, 1);
    const { message } = throwsOutOfMemory(() => arena.alloc(4 * MIB, 1));
    for (const part of [`${4 * MIB}`, '123', `${2 * PAGE}`, 'maximum']) {
      assert.ok(message.includes(part), `${part} in: ${message}`);
    }
    assert.ok(!message.includes(`${10 * MIB}`), message);
    const own = throwsOutOfMemory(() => arena.alloc(11 * MIB)).message;
    assert.ok(own.includes(`${10 * MIB}`) && !own.includes('maximum'), own);
  });
});

describe('capacity', () => {
  it('is 0 without a chunk, and at least what was asked to be ready', () => {
    assert.equal(alone().capacity, 0);
    assert.equal(alone().base, 0);
    for (const capacity of [1, 15, 16, 17, 1000, 65_536, 100_001]) {
      const arena = alone({ capacity });
      assert.ok(arena.capacity >= capacity && arena.capacity < capacity + 64);
      assert.ok(arena.base > 0);
      assert.equal(arena.used, 0);
    }
  });

  it('is what can be used without another chunk, to the byte', () => {
    for (const options of [{ capacity: 1000 }, { capacity: 1000, zero: true }]) {
      const arena = alone(options);
      const { capacity } = arena;
      wall(arena);
      assert.equal(arena.alloc(capacity, 1), arena.base);
      assert.equal(arena.capacity, capacity);
      arena.alloc(1, 1);
      assert.ok(arena.capacity > capacity);
      assert.ok(cursor(arena) > arena.base + capacity + 1);
    }
  });

  it('that is ready costs no growth later', () => {
    const memory = newMemory({ reserve: PAGE });
    const arena = newArena({ memory, capacity: MIB });
    const { generation } = memory;
    while (arena.used + KIB <= MIB) arena.alloc(KIB);
    assert.equal(memory.generation, generation);
    assert.ok(generation <= 1);
  });

  it('that cannot be had throws and opens no arena', () => {
    const memory = newMemory({ reserve: PAGE, maximum: 2 * PAGE });
    const before = { ...memory.stats() };
    throwsOutOfMemory(() => newArena({ memory, capacity: 3 * PAGE }));
    assert.deepEqual({ ...memory.stats(), frontier: 0 }, { ...before, frontier: 0 });
    const { frontier } = memory.stats();
    for (let i = 0; i < 100; i++) throwsOutOfMemory(() => newArena({ memory, capacity: 3 * PAGE }));
    assert.equal(memory.stats().frontier, frontier, 'a header each');
  });

  it('is a sum over several chunks', () => {
    const arena = alone({ capacity: 1008 });
    assert.equal(arena.capacity, 1008);
    wall(arena);
    arena.alloc(5008, 1);
    assert.equal(arena.capacity, 6016);
  });
});

describe('used and highWater', () => {
  it('count blocks and padding, to the byte', () => {
    const arena = alone();
    assert.equal(arena.used, 0);
    assert.equal(arena.highWater, 0);
    arena.alloc(10, 1);
    assert.equal(arena.used, 10);
    arena.alloc(10, 8);
    assert.equal(arena.used, 26);
    arena.float64(1);
    assert.equal(arena.used, 40);
    assert.equal(arena.highWater, 40);
  });

  it('highWater is the most there ever was: after release, reset, realloc, trim and free', () => {
    for (const options of [{}, { zero: true }]) {
      const arena = alone(options);
      arena.alloc(100, 1);
      const mark = arena.mark();
      arena.alloc(400, 1);
      arena.release(mark);
      assert.equal(arena.used, 100);
      assert.equal(arena.highWater, 500);
      arena.alloc(50, 1);
      assert.equal(arena.highWater, 500);
      arena.reset();
      assert.equal(arena.highWater, 500);
      const ptr = arena.alloc(700, 1);
      assert.equal(arena.highWater, 700);
      arena.realloc(ptr, 700, 10, 1);
      assert.equal(arena.used, 10);
      assert.equal(arena.highWater, 700);
      arena.realloc(ptr, 10, 800, 1);
      assert.equal(arena.highWater, 800);
      arena.reset();
      arena.trim();
      assert.equal(arena.highWater, 800);
      arena.alloc(900, 1);
      arena.free();
      assert.equal(arena.highWater, 900);
    }
  });

  it('highWater sums chunks, also of those given back', () => {
    for (const options of [{}, { zero: true }]) {
      const arena = alone(options);
      arena.alloc(1000, 1);
      const mark = arena.mark();
      wall(arena);
      arena.alloc(2000, 1);
      wall(arena);
      arena.alloc(70_000, 1);
      assert.equal(arena.highWater, 73_000);
      arena.release(mark);
      assert.equal(arena.highWater, 73_000);
      arena.alloc(100, 1);
      assert.equal(arena.highWater, 73_000);
      arena.reset();
      assert.equal(arena.highWater, 73_000);
      arena.alloc(73_001, 1);
      assert.equal(arena.highWater, 73_001);
    }
  });

  it('highWater counts what a scope used, through the hot path alone', () => {
    const arena = alone();
    arena.alloc(8);
    for (let i = 1; i <= 10; i++) {
      const mark = arena.mark();
      arena.alloc(i * 16);
      arena.release(mark);
      assert.equal(arena.highWater, 8 + i * 16);
    }
    const mark = arena.mark();
    arena.alloc(16);
    arena.release(mark);
    assert.equal(arena.highWater, 168);
  });

  it('a refused block counts in neither', () => {
    const arena = alone({ limit: 1000 });
    arena.alloc(10, 1);
    arena.tryAlloc(991, 1);
    assert.equal(arena.used, 10);
    assert.equal(arena.highWater, 10);
  });

  it('do not count what realloc leaves of a last block that it moved', () => {
    const arena = alone({ capacity: 1000 });
    const ptr = arena.alloc(900, 1);
    wall(arena);
    assert.notEqual(arena.realloc(ptr, 900, 3000, 1), ptr);
    assert.equal(arena.used, 3000);
  });
});
