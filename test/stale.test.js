import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../js/index.js';
import { TYPED, throwsBounds, throwsFreed, throwsMark } from './expect.js';
import { OUTSIDE, outsider } from './outsider.js';

const RESERVE = 2 ** 17;
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * Each way in which a memory grows. The twin does not grow: it has room for what an arena takes,
 * and no outsider.
 */
const GROWTH = {
  'this arena': ({ arena }) => arena.alloc(300_000),
  'a neighbour': ({ neighbour }) => neighbour.alloc(300_000),
};
for (const [how, grow] of Object.entries(OUTSIDE)) {
  GROWTH[how] = ({ memory, isTwin }) => isTwin || grow(memory, 3);
}

/** Every public method and getter of an Arena, with what it is called with and gives. */
const MEMBERS = {
  'alloc(16)': ({ arena }) => arena.alloc(16),
  'alloc(0)': ({ arena }) => arena.alloc(0),
  'alloc(16, 64)': ({ arena }) => arena.alloc(16, 64),
  'alloc past the chunk': ({ arena }) => arena.alloc(20_000),
  'alloc past the limit': ({ arena }) => arena.alloc(2 ** 20),
  'tryAlloc(16)': ({ arena }) => arena.tryAlloc(16),
  'tryAlloc past the limit': ({ arena }) => arena.tryAlloc(2 ** 20),
  'allocZeroed(16)': ({ arena }) => arena.view(Uint8Array, arena.allocZeroed(16), 16),
  'realloc, growing': ({ arena, last }) => arena.realloc(last, 24, 48),
  'realloc, shrinking': ({ arena, last }) => arena.realloc(last, 24, 8),
  'realloc, moving': ({ arena, kept }) => arena.view(Uint8Array, arena.realloc(kept, 16, 32), 16),
  'dataView(8)': ({ arena }) => zeroed(arena.dataView(8)),
  'from(array)': ({ arena }) => arena.from(Uint16Array.of(1, 2, 3)),
  'utf8(string)': ({ arena }) => arena.utf8('grün'),
  'text(bytes)': ({ arena }) => arena.text(Uint8Array.of(0x68, 0x69)),
  'view(Uint8Array, ptr, 16)': ({ arena, kept }) => arena.view(Uint8Array, kept, 16),
  'view outside': ({ arena, kept }) => arena.view(Uint8Array, kept, 2 ** 19),
  'mark()': ({ arena }) => arena.mark(),
  'release(newest)': ({ arena, inner }) => arena.release(inner),
  'release(older)': ({ arena, mark }) => arena.release(mark),
  'release(made up)': ({ arena }) => arena.release(12345),
  'scope(fn)': ({ arena }) => arena.scope((a) => a.alloc(16)),
  'promote(mark, ptr, size)': ({ arena, inner, last }) => arena.promote(inner, last, 24),
  'promote(older, ptr, size, align)': ({ arena, mark, last }) => arena.promote(mark, last, 24, 32),
  'reset()': ({ arena }) => (arena.reset(), arena.alloc(16)),
  'trim()': ({ arena }) => (arena.trim(), arena.capacity >= arena.used),
  'free()': ({ arena }) => arena.free(),
  used: ({ arena }) => arena.used,
  capacity: ({ arena }) => arena.capacity >= arena.used && arena.capacity <= 400_000,
  highWater: ({ arena }) => arena.highWater,
  base: ({ arena }) => arena.base,
  freed: ({ arena }) => arena.freed,
  label: ({ arena }) => arena.label,
  memory: ({ arena, memory }) => arena.memory === memory,
  'util.inspect': ({ arena }) => arena[INSPECT](),
  'new Arena': ({ memory }) => new Arena({ memory, capacity: 100 }).alloc(100),
};
for (const [name] of TYPED) MEMBERS[`${name}(3)`] = ({ arena }) => zeroed(arena[name](3));
if (Symbol.dispose) MEMBERS['[Symbol.dispose]()'] = ({ arena }) => arena[Symbol.dispose]();

/** Getters of an ArenaMemory that are views on all of it. */
const VIEWS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
};

describe('after growth from anywhere', () => {
  for (const [member, act] of Object.entries(MEMBERS)) {
    it(`${member} does as without a growth`, () => {
      for (const [how, grow] of Object.entries(GROWTH)) {
        const [actual, expected] = [false, true].map((isTwin) => {
          const it = prepare(isTwin);
          const { length } = new Uint8Array(it.memory.buffer);
          grow(it);
          if (!isTwin) assert.ok(it.memory.wasmMemory.buffer.byteLength > length, 'no growth');
          const outcome = outcomeOf(act, it);
          return { outcome, state: stateOf(it) };
        });
        assert.deepEqual(actual, expected, `after growth by ${how}`);
      }
    });
  }

  for (const [name, Type] of Object.entries(VIEWS)) {
    it(`memory.${name} is the whole memory, as a ${Type.name}`, () => {
      for (const [how, grow] of Object.entries(GROWTH)) {
        const it = prepare(false);
        const stale = it.memory[name];
        grow(it);
        const { buffer } = it.memory.wasmMemory;
        const view = it.memory[name];
        assert.equal(stale.length, 0, how);
        assert.equal(Object.getPrototypeOf(view), Type.prototype);
        assert.equal(view.buffer, buffer);
        assert.equal(view.byteLength, buffer.byteLength);
        assert.equal(it.memory[name], view, 'it is made once');
      }
    });
  }

  it('memory.buffer is the buffer of now', () => {
    for (const grow of Object.values(GROWTH)) {
      const it = prepare(false);
      const { generation } = it.memory;
      grow(it);
      assert.equal(it.memory.buffer, it.memory.wasmMemory.buffer);
      assert.equal(it.memory.generation, generation + 1);
    }
  });

  it('memory.stats() and memory.ensure() see the memory of now', () => {
    for (const grow of Object.values(GROWTH)) {
      const [stats, ensured] = [prepare(false), prepare(false)];
      grow(stats);
      assert.equal(stats.memory.stats().size, stats.memory.wasmMemory.buffer.byteLength);
      assert.equal(stats.memory.stats().arenas, 2);
      grow(ensured);
      ensured.memory.ensure(10);
      assert.equal(ensured.memory.buffer, ensured.memory.wasmMemory.buffer);
      assert.equal(ensured.memory.u8[ensured.kept + 15], 16);
    }
  });

  it('a promoted view may be one that was made by hand on the buffer of now', () => {
    for (const grow of Object.values(OUTSIDE)) {
      const { arena, memory, inner, last } = prepare(false);
      grow(memory, 1);
      const moved = arena.promote(inner, new Uint8Array(memory.wasmMemory.buffer, last, 24));
      assert.equal(moved.buffer, memory.buffer);
      assert.deepEqual(Array.from(moved), Array(24).fill(9));
    }
  });
});

describe('pages of an outsider', () => {
  for (const [how, grow] of Object.entries(OUTSIDE)) {
    it(`that came by ${how} are never given to an arena`, () => {
      const memory = new ArenaMemory({ reserve: RESERVE, maximum: 2 ** 22 });
      const arena = new Arena({ memory });
      arena.alloc(100);
      grow(memory, 2);
      const theirs = new Uint8Array(memory.wasmMemory.buffer, RESERVE, 2 * 65536).fill(0xee);
      assert.ok(theirs.every((byte) => byte === 0xee));
      for (let size = 1000; arena.used < 2 ** 20; size += 1000) {
        const ptr = arena.alloc(size);
        assert.ok(ptr + size <= RESERVE || ptr >= RESERVE + 2 * 65536, `a block at ${ptr}`);
        memory.u8.fill(1, ptr, ptr + size);
      }
      const after = memory.u8.subarray(RESERVE, RESERVE + 2 * 65536);
      assert.ok(after.every((byte) => byte === 0xee));
    });
  }

  it('are read by the outsider that imports the memory, as is what arenas hold', () => {
    const memory = new ArenaMemory({ reserve: RESERVE });
    const arena = new Arena({ memory });
    const { read, grow } = outsider(memory);
    const view = arena.from(Uint8Array.of(7, 8, 9));
    assert.equal(read(view.byteOffset + 1), 8);
    assert.equal(grow(1), RESERVE / 65536);
    memory.u8[RESERVE + 5] = 77;
    assert.equal(read(RESERVE + 5), 77);
  });
});

describe('stale views', () => {
  it('read undefined and lose what is written, until arena.view makes them again', () => {
    const { arena, memory, kept } = prepare(false);
    const stale = arena.view(Uint8Array, kept, 16);
    memory.ensure(2 ** 20);
    assert.equal(stale.length, 0);
    assert.equal(stale[0], undefined);
    stale[0] = 99;
    const again = arena.view(Uint8Array, kept, 16);
    assert.deepEqual(
      Array.from(again),
      Array.from({ length: 16 }, (_, i) => i + 1),
    );
    again[0] = 50;
    assert.equal(memory.u8[kept], 50);
  });

  it('are refused as sources, and nothing changes', () => {
    for (const [how, grow] of Object.entries(GROWTH)) {
      const it = prepare(false);
      const { arena, inner, last } = it;
      const stale = arena.view(Uint8Array, last, 24);
      const empty = arena.view(Float32Array, last, 0);
      const data = arena.view(DataView, last, 24);
      grow(it);
      const before = stateOf(it);
      for (const view of [stale, empty, data]) {
        throwsBounds(() => arena.promote(inner, view), `promote after ${how}`);
        throwsBounds(() => arena.text(view), `text after ${how}`);
        if (view !== data) throwsBounds(() => arena.from(view), `from after ${how}`);
      }
      assert.deepEqual(stateOf(it), before);
      arena.release(inner);
    }
  });

  it('do not exist in a memory whose maximum is its reserve', () => {
    const memory = new ArenaMemory({ reserve: RESERVE, maximum: RESERVE });
    const arena = new Arena({ memory });
    const view = arena.uint8(10);
    while (arena.tryAlloc(1000));
    assert.throws(() => memory.wasmMemory.grow(1), RangeError);
    assert.equal(view.length, 10);
    assert.equal(memory.generation, 0);
  });
});

describe('structuredClone', () => {
  it('of view.slice() carries the bytes of the view only', () => {
    const arena = new Arena({ memory: new ArenaMemory({ reserve: RESERVE }) });
    const view = arena.from(Float32Array.of(1, 2, 3));
    const clone = structuredClone(view.slice());
    assert.deepEqual(Array.from(clone), [1, 2, 3]);
    assert.equal(clone.buffer.byteLength, 12);
  });

  it('of a view carries the whole memory', () => {
    const arena = new Arena({ memory: new ArenaMemory({ reserve: RESERVE }) });
    const secret = arena.utf8('secret');
    const clone = structuredClone(arena.from(Float32Array.of(1, 2, 3)));
    assert.equal(clone.buffer.byteLength, RESERVE);
    const bytes = new Uint8Array(clone.buffer, secret.byteOffset, 6);
    assert.equal(new TextDecoder().decode(bytes.slice()), 'secret');
  });
});

describe('generation and onGrow', () => {
  it('generation is 0 at first, and onGrow is not called', () => {
    const { memory, grown } = observed();
    new Arena({ memory, capacity: 1000 }).alloc(100);
    assert.equal(memory.generation, 0);
    assert.deepEqual(grown, []);
  });

  it('onGrow is called with the memory, once per generation, with every way to grow', () => {
    const { memory, grown } = observed();
    const arena = new Arena({ memory });
    let generation = 0;
    const once = (grow) => {
      grow();
      arena.alloc(8);
      assert.equal(memory.buffer, memory.wasmMemory.buffer);
      generation++;
      assert.equal(memory.generation, generation);
      assert.deepEqual(grown.at(-1), { memory, generation });
      assert.equal(grown.length, generation);
    };
    const more = () => memory.stats().size;
    once(() => arena.alloc(more()));
    once(() => arena.uint8(more()));
    once(() => arena.allocZeroed(more()));
    once(() => arena.realloc(arena.alloc(8), 8, more()));
    once(() => new Arena({ memory }).utf8('x'.repeat(more())));
    once(() => new Arena({ memory, capacity: more() }));
    once(() => memory.ensure(more()));
    for (const grow of Object.values(OUTSIDE)) once(() => grow(memory, 1));
  });

  it('onGrow is called by wasmMemory.grow at once, which returns the pages before', () => {
    const { memory, grown } = observed();
    assert.equal(memory.wasmMemory.grow(2), RESERVE / 65536);
    assert.equal(grown.length, 1);
    assert.equal(memory.generation, 1);
    assert.equal(memory.wasmMemory.grow(1), RESERVE / 65536 + 2);
    assert.equal(grown.length, 2);
  });

  it('onGrow is called by a call that only looks at a block', () => {
    const { memory, grown } = observed();
    const arena = new Arena({ memory });
    const ptr = arena.alloc(8);
    OUTSIDE["another module's memory.grow"](memory, 1);
    assert.equal(arena.view(Uint8Array, ptr, 8).buffer, memory.wasmMemory.buffer);
    assert.equal(grown.length, 1);
  });

  it('onGrow sees the arena after the allocation that grew', () => {
    const seen = [];
    const memory = new ArenaMemory({
      reserve: RESERVE,
      onGrow: () => seen.push([arena.used, arena.view(Uint8Array, arena.base, 8)[0]]),
    });
    const arena = new Arena({ memory });
    arena.uint8(8).fill(3);
    arena.alloc(200_000);
    assert.deepEqual(seen, [[200_008, 3]]);
  });

  it('onGrow may allocate: the blocks do not overlap', () => {
    const inner = [];
    const memory = new ArenaMemory({
      reserve: RESERVE,
      onGrow: () => inner.push(arena.uint32(50).fill(7).byteOffset),
    });
    const arena = new Arena({ memory });
    const first = arena.uint32(10).fill(1).byteOffset;
    const big = arena.uint32(50_000).fill(2).byteOffset;
    const last = arena.from(Uint32Array.of(3, 3)).byteOffset;
    assert.equal(inner.length, 1);
    const read = (ptr, n) => new Set(arena.view(Uint32Array, ptr, n));
    assert.deepEqual(read(first, 10), new Set([1]));
    assert.deepEqual(read(big, 50_000), new Set([2]));
    assert.deepEqual(read(inner[0], 50), new Set([7]));
    assert.deepEqual(read(last, 2), new Set([3]));
  });

  it('onGrow may grow the memory again: it hears of that too, and both views are current', () => {
    const generations = [];
    const memory = new ArenaMemory({
      reserve: RESERVE,
      onGrow: ({ generation }) => {
        generations.push(generation);
        if (generation < 4) neighbour.alloc(memory.stats().size);
      },
    });
    const [arena, neighbour] = [new Arena({ memory }), new Arena({ memory })];
    const view = arena.uint8(200_000);
    assert.deepEqual(generations, [1, 2, 3, 4]);
    assert.equal(view.buffer, memory.buffer);
    const source = Uint8Array.from({ length: memory.stats().size }, (_, i) => i);
    generations.length = 0;
    assert.ok(arena.from(source).every((byte, i) => byte === (i & 255)));
    assert.ok(generations.length > 0);
  });

  it('onGrow may reset the arena: the next block begins at the base', () => {
    for (const member of ['alloc', 'uint8', 'dataView']) {
      const memory = new ArenaMemory({ reserve: RESERVE, onGrow: () => arena.reset() });
      const arena = new Arena({ memory });
      arena.mark();
      arena.uint8(8);
      arena[member](200_000);
      assert.equal(arena.used, 0);
      assert.equal(arena.alloc(8), arena.base);
      assert.equal(arena.uint8(8).byteOffset, arena.base + 8);
    }
  });

  it('onGrow may reset the arena in a scope, whose mark is closed then', () => {
    const memory = new ArenaMemory({ reserve: RESERVE, onGrow: () => arena.reset() });
    const arena = new Arena({ memory });
    assert.equal(
      arena.scope(() => (arena.alloc(200_000), 'done')),
      'done',
    );
    assert.equal(arena.used, 0);
  });

  it('onGrow may free the arena: nothing is written to memory that is another’s by then', () => {
    for (const act of [
      (arena) => arena.from(new Uint8Array(200_000).fill(1)),
      (arena) => arena.utf8('x'.repeat(200_000)),
      (arena) => arena.allocZeroed(200_000),
      (arena) => arena.realloc(arena.alloc(8), 8, 200_000),
      (arena) => arena.float64(25_000),
    ]) {
      const memory = new ArenaMemory({
        reserve: RESERVE,
        onGrow: () => {
          if (arena.freed) return;
          arena.free();
          theirs.uint8(250_000).fill(7);
        },
      });
      const [arena, theirs] = [new Arena({ memory }), new Arena({ memory })];
      try {
        act(arena);
      } catch (error) {
        assert.equal(error.code, 'ERR_ARENA_FREED');
      }
      const bytes = theirs.view(Uint8Array, theirs.base, 250_000);
      assert.ok(bytes.every((byte) => byte === 7));
      assertFreed(arena);
    }
  });

  it('onGrow may move the arena to another chunk: no view comes from the old one', () => {
    let theirs;
    const memory = new ArenaMemory({
      reserve: RESERVE,
      onGrow() {
        if (theirs) return;
        arena.reset();
        arena.trim();
        theirs = neighbour.uint8(250_000).fill(7).byteOffset;
        arena.alloc(300_000);
      },
    });
    const [arena, neighbour] = [new Arena({ memory }), new Arena({ memory })];
    arena.alloc(16);
    neighbour.alloc(16);
    arena.uint8(200_000);
    for (let i = 0; i < 2; i++) {
      arena.reset();
      const view = arena.uint8(200_000).fill(1);
      assert.equal(view.byteOffset, arena.base);
      assert.equal(arena.used, 200_000);
    }
    assert.ok(neighbour.view(Uint8Array, theirs, 250_000).every((byte) => byte === 7));
  });

  it('onGrow may close the mark that is promoted to', () => {
    const memory = new ArenaMemory({ reserve: RESERVE, onGrow: () => arena.release(mark) });
    const arena = new Arena({ memory });
    arena.alloc(8);
    const mark = arena.mark();
    const block = arena.alloc(16);
    OUTSIDE["another module's memory.grow"](memory, 1);
    throwsMark(() => arena.promote(mark, block, 16));
    assert.equal(arena.used, 8);
  });

  it('onGrow may free the arena while it promotes', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 16, onGrow: () => arena.free() });
    const arena = new Arena({ memory });
    for (let i = 0; i < 5; i++) arena.float32(4);
    const mark = arena.mark();
    const block = arena.alloc(16);
    assert.ok(block < 65536);
    arena.promote(mark, block, 16, 65536);
    assert.equal(memory.generation, 1);
    assertFreed(arena);
  });
});

/** An arena with a neighbour, two open marks and blocks with known contents. */
function prepare(isTwin) {
  const memory = new ArenaMemory({ reserve: isTwin ? 2 ** 22 : RESERVE });
  const arena = new Arena({ memory, limit: 400_000, label: 'this' });
  const neighbour = new Arena({ memory });
  arena.alloc(10, 1);
  const kept = arena.from(Uint8Array.from({ length: 16 }, (_, i) => i + 1)).byteOffset;
  const mark = arena.mark();
  arena.float32(4).fill(5);
  const inner = arena.mark();
  const last = arena.uint8(24).fill(9).byteOffset;
  return { isTwin, memory, arena, neighbour, kept, mark, inner, last };
}

function outcomeOf(act, it) {
  try {
    const value = act(it);
    if (!ArrayBuffer.isView(value)) return value;
    assert.equal(value.buffer, it.memory.wasmMemory.buffer, 'the view is current');
    const { byteOffset, byteLength, buffer } = value;
    const bytes = Array.from(new Uint8Array(buffer, byteOffset, byteLength));
    return { type: value.constructor.name, byteOffset, bytes };
  } catch (error) {
    assert.ok(error.code, error.stack);
    return error.code;
  }
}

/** What is left of an arena: the figures, the bytes of what was kept, where the next block goes. */
function stateOf({ arena, kept }) {
  const { used, highWater, freed } = arena;
  if (freed) return { used, highWater, freed };
  const isKept = arena.used > 40 && arena.base < kept;
  const bytes = isKept && Array.from(arena.view(Uint8Array, kept, 16));
  return { used, highWater, freed, base: arena.base, bytes, next: arena.alloc(0, 1) };
}

function zeroed(view) {
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(0);
  return view;
}

function observed() {
  const grown = [];
  const memory = new ArenaMemory({
    reserve: RESERVE,
    onGrow: (it) => grown.push({ memory: it, generation: it.generation }),
  });
  return { memory, grown };
}

function assertFreed(arena) {
  assert.ok(arena.freed);
  for (const [name] of TYPED) throwsFreed(() => arena[name](0));
  throwsFreed(() => arena.alloc(0));
  throwsFreed(() => arena.mark());
  throwsFreed(() => arena.realloc(0, 0, 8));
  assert.equal(arena.used, 0);
}
