import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import {
  KIB,
  MIB,
  PAGE,
  alone,
  assertFilled,
  fill,
  newArena,
  newMemory,
  random,
  wall,
} from './arenas.js';

/** Arenas of one chunk each, side by side, and a wall behind them. */
function row(memory, sizes) {
  const arenas = sizes.map((capacity) => newArena({ memory, capacity }));
  wall({ memory });
  return arenas;
}

const orders = ([first, ...rest]) =>
  first === undefined
    ? [[]]
    : orders(rest).flatMap((order) =>
        [...order, null].map((_, i) => [...order.slice(0, i), first, ...order.slice(i)]),
      );

describe('chunks of freed arenas', () => {
  it('serve the next arenas: the frontier stays', () => {
    const memory = newMemory();
    let frontier;
    for (let i = 0; i < 500; i++) {
      const arena = newArena({ memory });
      arena.alloc(50_000);
      frontier ??= memory.stats().frontier;
      assert.equal(memory.stats().frontier, frontier);
      arena.free();
    }
  });

  it('give their bytes back to the frontier where they touch it', () => {
    const memory = newMemory();
    newArena({ memory });
    const { frontier } = memory.stats();
    const arenas = [1000, 20_000, 300].map((capacity) => newArena({ memory, capacity }));
    for (const order of [0, 2, 1]) arenas[order].free();
    assert.equal(memory.stats().frontier, frontier);
    assert.equal(memory.stats().free, 0);
    assert.equal(memory.stats().live, 0);
  });

  it('merge with their neighbours, in whatever order they are freed', () => {
    for (const order of orders([0, 1, 2, 3])) {
      const memory = newMemory();
      const sizes = [1000, 3000, 500, 7000];
      const arenas = row(memory, sizes);
      const before = memory.stats();
      for (const i of order) arenas[i].free();
      const after = memory.stats();
      assert.equal(after.frontier, before.frontier);
      assert.equal(after.live + after.free, before.live);
      const whole = newArena({ memory, capacity: after.free - 16 });
      assert.equal(memory.stats().frontier, before.frontier, `freed in order ${order}`);
      assert.equal(memory.stats().free, 0);
      whole.free();
    }
  });

  it('serve an arena of the exact size again', () => {
    const memory = newMemory();
    const sizes = [16, 1000, 4000, 100_000, 48, 16_384];
    const arenas = row(
      memory,
      sizes.flatMap((size) => [size, 16]),
    ).filter((_, i) => i % 2 === 0);
    const { frontier } = memory.stats();
    const bases = arenas.map((arena) => arena.base);
    arenas.forEach((arena) => arena.free());
    const again = sizes.map((capacity) => newArena({ memory, capacity }));
    assert.equal(memory.stats().frontier, frontier);
    assert.deepEqual(new Set(again.map((arena) => arena.base)), new Set(bases));
  });

  it('are split: one big chunk serves many small arenas', () => {
    const memory = newMemory();
    const [big] = row(memory, [100_000]);
    const { frontier } = memory.stats();
    big.free();
    for (let i = 0; i < 85; i++) newArena({ memory }).alloc(1000);
    assert.equal(memory.stats().frontier, frontier);
  });

  it('are split for an aligned block, and what lies before it is padding', () => {
    const memory = newMemory();
    const [big] = row(memory, [200_000]);
    const { frontier } = memory.stats();
    big.free();
    const arena = newArena({ memory });
    const ptr = arena.alloc(100, 65536);
    assert.equal(ptr % 65536, 0);
    assert.equal(arena.used, ptr + 100 - arena.base);
    assert.equal(memory.stats().frontier, frontier);
  });

  it('are counted: live and free and what the others hold make up the frontier', () => {
    const memory = newMemory();
    const { frontier } = memory.stats();
    const next = random(3);
    const live = [];
    let others;
    for (let i = 0; i < 2000; i++) {
      if (live.length > 30 || (live.length && next() < 0.4)) {
        live.splice(Math.floor(next() * live.length), 1)[0].free();
      } else {
        const arena = new Arena({ memory });
        arena.alloc(Math.floor(next() ** 4 * 20_000), 1);
        live.push(arena);
      }
      const stats = memory.stats();
      assert.equal(stats.arenas, live.length);
      const held = live.reduce((sum, { capacity }) => sum + capacity, 0);
      assert.ok(stats.live >= held && stats.live <= held + 64 * live.length + live.length * 16);
      if (i > 100) others ??= stats.frontier - stats.live - stats.free;
      else others = undefined;
      if (others) assert.ok(stats.frontier - stats.live - stats.free - frontier < 4 * KIB);
    }
    live.forEach((arena) => arena.free());
    assert.equal(memory.stats().live, 0);
  });

  it('serve a request in any bin when the memory is full', () => {
    /*
     * 40 free chunks of a size that lies in the request's own bin, but is too small, were freed
     * after the one that fits: it is found by looking at all of them.
     */
    const memory = newMemory({ reserve: 4 * PAGE, maximum: 4 * PAGE });
    const fits = newArena({ memory, capacity: 1900 });
    wall(fits);
    const small = Array.from({ length: 40 }, () => {
      const arena = newArena({ memory, capacity: 1100 });
      wall(arena);
      return arena;
    });
    const rest = wall(fits);
    while (rest.tryAlloc(500, 1));
    while (rest.tryAlloc(1, 1));
    fits.free();
    small.forEach((arena) => arena.free());
    const arena = newArena({ memory });
    assert.ok(arena.tryAlloc(1800), 'there is a chunk for it');
    assert.ok(arena.alloc(1));
  });
});

describe('an arena among free chunks', () => {
  it('extends into the free chunk behind it before it takes another', () => {
    const memory = newMemory();
    const [a, b, , d] = row(memory, [2000, 2000, 16, 2000]);
    b.free();
    d.free();
    const ptr = a.alloc(2000, 1);
    assert.equal(a.alloc(1500, 1), ptr + 2000);
  });

  it('does not extend over the chunk of another', () => {
    const memory = newMemory();
    const [a, b, c] = row(memory, [1000, 16, 5000]);
    c.free();
    fill(memory, b.alloc(16, 1), 16);
    a.alloc(1000, 1);
    assert.ok(a.alloc(3000, 1) > b.base);
    assertFilled(memory, b.base, 16);
  });

  it('gives the rest of a big free neighbour to others', () => {
    const memory = newMemory();
    const [a, b] = row(memory, [1000, 500_000]);
    b.free();
    a.alloc(1000, 1);
    a.alloc(1000, 1);
    assert.ok(memory.stats().free > 490_000 - 64 * KIB);
    const { frontier } = memory.stats();
    newArena({ memory, capacity: 400_000 });
    assert.equal(memory.stats().frontier, frontier);
  });
});

describe('the frontier', () => {
  it('is at most 12 MiB with 10,000 arenas of 1 KiB each', () => {
    const memory = newMemory({ reserve: 16 * MIB });
    const arenas = [];
    for (let i = 0; i < 10_000; i++) {
      const arena = new Arena({ memory });
      fill(memory, arena.alloc(KIB), KIB, i);
      arenas.push(arena);
    }
    assert.ok(memory.stats().frontier <= 12 * MIB, `${memory.stats().frontier}`);
    assert.equal(memory.stats().arenas, 10_000);
    arenas.forEach((arena, i) => i % 16 || assertFilled(memory, arena.base, KIB, i));
    arenas.forEach((arena) => arena.free());
    assert.equal(memory.stats().live, 0);
    const { frontier } = memory.stats();
    for (let i = 0; i < 1000; i++) {
      const arena = new Arena({ memory });
      arena.alloc(KIB);
      arena.free();
    }
    assert.equal(memory.stats().frontier, frontier);
  });

  it('moves by 1 GiB in at most 12 growths, in blocks of 1 KiB past a reserve of 1 MiB', () => {
    const arena = alone();
    const base = arena.alloc(KIB, 1);
    for (let i = 1; i < MIB; i++) arena.alloc(KIB, 1);
    assert.equal(arena.alloc(1, 1), base + 1024 * MIB);
    const { grows, frontier } = arena.memory.stats();
    assert.ok(grows <= 12, `${grows} growths`);
    assert.equal(arena.memory.generation, grows);
    assert.ok(frontier >= 1024 * MIB);
  });

  /* The contract's churn in small: fewer arenas, so that one big arena weighs more in the peak. */
  for (const interleaved of [false, true]) {
    const how = interleaved ? 'interleaved' : 'one by one';

    it(`stays near the peak of what is asked for in churn, filled ${how}`, () => {
      const memory = newMemory({ reserve: 16 * MIB, maximum: 512 * MIB });
      const next = random(11);
      const live = [];
      let asked = 0;
      let peak = 0;
      let highest = 0;
      const start = memory.stats().frontier;
      for (let i = 0; i < 12_000; i++) {
        const size = Math.floor(KIB * 1024 ** next());
        live.push({ arena: new Arena({ memory }), size, left: size });
        asked += size;
        peak = Math.max(peak, asked);
        if (!interleaved) {
          const last = live.at(-1);
          while (last.left > 0) last.left -= block(last);
        } else {
          for (let turns = 0; turns < 200; turns++) {
            const some = live[Math.floor(next() * live.length)];
            if (some.left > 0) some.left -= block(some);
          }
        }
        if (live.length > 300) {
          const at = Math.floor(next() * live.length);
          asked -= live[at].size;
          live[at].arena.free();
          live[at] = live.at(-1);
          live.pop();
        }
        if (i % 16 === 0) highest = Math.max(highest, memory.stats().frontier - start);
      }
      for (const { arena } of live) arena.free();
      const ratio = highest / peak;
      assert.ok(ratio <= 1.3, `${ratio}`);
      assert.equal(memory.stats().live, 0);

      function block({ arena, left }) {
        const size = Math.min(left, 256 + Math.floor(next() * 8000));
        arena.alloc(size, 1);
        return size;
      }
    });
  }

  it('falls back to where it was when all arenas of a long life are freed', () => {
    const memory = newMemory();
    const keep = newArena({ memory });
    keep.alloc(100);
    const { frontier } = memory.stats();
    const next = random(5);
    for (let round = 0; round < 20; round++) {
      const arenas = Array.from({ length: 12 }, () => new Arena({ memory }));
      for (let i = 0; i < 300; i++) {
        arenas[Math.floor(next() * 12)].alloc(Math.floor(next() * 3000), 1);
      }
      for (const arena of arenas.sort(() => next() - 0.5)) arena.free();
      assert.equal(memory.stats().frontier, frontier, `round ${round}`);
      assert.equal(memory.stats().free, 0);
    }
  });

  it('is bounded while arenas reset over and over with others between them', () => {
    const memory = newMemory();
    const arenas = [0, 1, 2, 3, 4].map(() => newArena({ memory }));
    let bound = 0;
    for (let frame = 0; frame < 300; frame++) {
      for (let i = 0; i < 60; i++) arenas[i % 5].alloc(100 + ((i * 331) % 4000), 1);
      for (const arena of arenas) arena.reset();
      if (frame === 5) bound = memory.stats().frontier;
      if (frame > 5) assert.equal(memory.stats().frontier, bound);
    }
  });
});

describe('many arenas of one memory', () => {
  it('never share a byte while they come and go', () => {
    const memory = newMemory({ reserve: PAGE });
    const next = random(42);
    const live = [];
    for (let i = 0; i < 3000; i++) {
      if (live.length > 40 || (live.length && next() < 0.3)) {
        const { arena, blocks } = live.splice(Math.floor(next() * live.length), 1)[0];
        blocks.forEach(([ptr, size, id]) => assertFilled(memory, ptr, size, id));
        arena.free();
      } else if (live.length && next() < 0.6) {
        const { arena, blocks } = live[Math.floor(next() * live.length)];
        const size = Math.floor(next() ** 3 * 5000);
        const ptr = arena.alloc(size, 2 ** Math.floor(next() * 8));
        fill(memory, ptr, size, i);
        blocks.push([ptr, size, i]);
      } else {
        live.push({ arena: new Arena({ memory }), blocks: [] });
      }
    }
    for (const { arena, blocks } of live) {
      blocks.forEach(([ptr, size, id]) => assertFilled(memory, ptr, size, id));
      arena.free();
    }
    assert.equal(memory.stats().live, 0);
  });

  it('20,000 free chunks apart from each other serve and take back arenas', () => {
    const memory = newMemory({ reserve: 8 * MIB });
    const arenas = Array.from({ length: 40_000 }, () => new Arena({ memory, capacity: 32 }));
    const { frontier } = memory.stats();
    arenas.forEach((arena, i) => i % 2 && arena.free());
    const again = Array.from({ length: 20_000 }, () => new Arena({ memory, capacity: 32 }));
    assert.equal(memory.stats().frontier, frontier);
    again.forEach((arena) => arena.free());
    arenas.forEach((arena) => arena.free());
    assert.equal(memory.stats().live, 0);
  });

  it('reuse the headers of freed ones: 100,000 arenas take no more than one', () => {
    const memory = newMemory();
    newArena({ memory }).free();
    const { frontier } = memory.stats();
    for (let i = 0; i < 100_000; i++) new Arena({ memory }).free();
    assert.equal(memory.stats().frontier, frontier);
  });
});
