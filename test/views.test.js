import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../js/index.js';
import {
  TYPED,
  throwsArgument,
  throwsBounds,
  throwsFreed,
  throwsCode,
  throwsOutOfMemory,
  throwsSize,
} from './expect.js';

const small = () => new ArenaMemory({ reserve: 2 ** 16, maximum: 2 ** 24 });

/** One frame of views of every type, among blocks without one; the views that it got. */
function frame(arena, n = 5) {
  const views = TYPED.map(([name]) => arena[name](n));
  arena.alloc(3, 1);
  views.push(arena.dataView(n), arena.float32(n, 256), arena.uint8(0), arena.float64(n, 16));
  return views;
}

function assertSame(actual, expected) {
  assert.equal(actual.length, expected.length);
  actual.forEach((view, i) => assert.equal(view, expected[i], `view ${i} is another object`));
}

function assertAllNew(actual, expected) {
  assert.equal(actual.length, expected.length);
  actual.forEach((view, i) => assert.notEqual(view, expected[i], `view ${i} is the same object`));
}

describe('typed views', () => {
  for (const [name, Type, size] of TYPED) {
    it(`${name} is a ${Type.name} of the length, aligned to ${size}, on the block`, () => {
      const memory = small();
      const arena = new Arena({ memory });
      arena.alloc(1, 1);
      const view = arena[name](7);
      assert.equal(Object.getPrototypeOf(view), Type.prototype);
      assert.equal(view.length, 7);
      assert.equal(view.byteLength, 7 * size);
      assert.equal(view.byteOffset, arena.base + size);
      assert.equal(view.buffer, memory.buffer);
      assert.equal(arena.used, 8 * size);
      const big = name.startsWith('big');
      for (let i = 0; i < 7; i++) view[i] = big ? BigInt(i + 1) : i + 1;
      assert.deepEqual(Array.from(view, Number), [1, 2, 3, 4, 5, 6, 7]);
      assert.equal(memory.u8[arena.base], 0, 'the byte before is another block');
    });

    it(`${name} takes an alignment from ${size} to 65,536`, () => {
      const arena = new Arena({ memory: new ArenaMemory({ reserve: 2 ** 20 }) });
      for (let align = size; align <= 65536; align *= 2) {
        arena.alloc(1, 1);
        const cursor = arena.base + arena.used;
        const view = arena[name](3, align);
        assert.equal(view.byteOffset, Math.ceil(cursor / align) * align);
        assert.equal(view.length, 3);
      }
    });

    it(`${name} refuses an alignment below ${size} and above 65,536`, () => {
      const arena = new Arena({ memory: small() });
      const refuses = (align) =>
        throwsCode(() => arena[name](3, align), 'ERR_ARENA_ALIGNMENT', RangeError);
      for (let align = size / 2; align >= 1; align /= 2) refuses(align);
      [0, 3, 131072].forEach(refuses);
      arena[name](3);
      arena.reset();
      for (let align = size / 2; align >= 1; align /= 2) refuses(align);
      assert.equal(arena.used, 0);
    });

    it(`${name}(0) is an empty view that takes nothing but padding`, () => {
      const arena = new Arena({ memory: small() });
      arena.alloc(1, 1);
      const view = arena[name](0);
      assert.equal(view.length, 0);
      assert.equal(view.byteOffset, arena.base + size);
      assert.equal(arena.used, size);
    });

    it(`${name} refuses a length whose bytes pass 4 GiB`, () => {
      const arena = new Arena({ memory: small() });
      const most = 2 ** 32 / size;
      if (size > 1) throwsSize(() => arena[name](most));
      throwsSize(() => arena[name](2 ** 32));
      throwsOutOfMemory(() => arena[name](most - 1));
      assert.equal(arena.used, 0);
    });
  }

  it('dataView is a DataView of so many bytes, aligned to 8', () => {
    const memory = small();
    const arena = new Arena({ memory });
    arena.alloc(1, 1);
    const view = arena.dataView(12);
    assert.equal(Object.getPrototypeOf(view), DataView.prototype);
    assert.equal(view.byteLength, 12);
    assert.equal(view.byteOffset, arena.base + 8);
    view.setFloat32(8, 1.5, true);
    assert.equal(arena.view(Float32Array, view.byteOffset + 8, 1)[0], 1.5);
    assert.equal(arena.dataView(1, 1).byteOffset, arena.base + 20);
    assert.equal(arena.dataView(1, 1024).byteOffset % 1024, 0);
  });

  it('float16 is there where the engine has Float16Array, else says so and takes nothing', () => {
    const arena = new Arena({ memory: small() });
    if (globalThis.Float16Array) {
      const view = arena.float16(4);
      assert.equal(view.constructor, globalThis.Float16Array);
      assert.equal(view.byteLength, 8);
    } else {
      throwsCode(() => arena.float16(4), 'ERR_ARENA_UNSUPPORTED', Error);
      assert.equal(arena.used, 0);
    }
  });

  it('views of consecutive blocks do not overlap', () => {
    const arena = new Arena({ memory: small() });
    const views = frame(arena);
    views.forEach((view, i) => {
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(i + 1);
    });
    views.forEach((view, i) => {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      assert.ok(
        bytes.every((byte) => byte === i + 1),
        `view ${i} was overwritten`,
      );
    });
  });

  it('a view passes its length and alignment to the block, whatever the cache has seen', () => {
    const arena = new Arena({ memory: small() });
    const start = arena.float32(4).byteOffset;
    for (const [length, align] of [
      [4, 256],
      [4, 4],
      [5, 4],
      [4, 256],
      [0, 4],
    ]) {
      arena.reset();
      const view = arena.float32(length, align);
      assert.equal(view.byteOffset, Math.ceil(start / align) * align);
      assert.equal(view.length, length);
      assert.equal(arena.alloc(0, 1), view.byteOffset + 4 * length);
    }
  });
});

describe('the view cache', () => {
  it('gives the previous frame’s objects where type, length and place are the same', () => {
    const arena = new Arena({ memory: small() });
    const first = frame(arena);
    for (let i = 0; i < 5; i++) {
      const { used } = arena;
      arena.reset();
      assertSame(frame(arena), first);
      assert.equal(arena.used, used);
    }
  });

  it('gives them from the second frame on after a first one of several chunks', () => {
    const memory = small();
    const arena = new Arena({ memory });
    const neighbour = new Arena({ memory });
    for (let i = 0; i < 50; i++) {
      frame(arena, 100);
      neighbour.alloc(4096);
    }
    neighbour.free();
    arena.reset();
    const frames = [1, 2, 3].map(() => {
      const views = frame(arena, 100);
      arena.reset();
      return views;
    });
    assertSame(frames[1], frames[0]);
    assertSame(frames[2], frames[0]);
  });

  it('gives one that began a chunk below the one before', () => {
    const memory = small();
    const below = new Arena({ memory, capacity: 8192 });
    const arena = new Arena({ memory });
    const ptr = arena.alloc(8);
    new Arena({ memory }).alloc(8); // in the way of more chunk where it is
    below.free();
    const size = arena.capacity;
    const view = arena.uint8(size);
    assert.ok(view.byteOffset < ptr);
    arena.reset();
    assert.equal(arena.uint8(size), view);
  });

  it('gives one that began a chunk, its alignment behind the block before', () => {
    const memory = small();
    const arena = new Arena({ memory });
    const ptr = arena.alloc(8);
    const size = arena.capacity / 2;
    new Arena({ memory }).alloc(8); // in the way of more chunk where it is
    const align = 4096;
    const end = Math.ceil(ptr / align) * align;
    arena.alloc(end - ptr - 8, 1);
    const view = arena.uint8(size, align);
    assert.equal(view.byteOffset, end + align);
    arena.reset();
    assert.equal(arena.uint8(size, align), view);
  });

  it('is rewound by release: a scope in a loop gets the same objects', () => {
    const arena = new Arena({ memory: small() });
    const kept = arena.float32(4);
    const outer = arena.mark();
    const scratch = [];
    for (let i = 0; i < 3; i++) {
      const mark = arena.mark();
      scratch.push([arena.float32(8), arena.uint16(3)]);
      arena.release(mark);
    }
    assertSame(scratch[1], scratch[0]);
    assertSame(scratch[2], scratch[0]);
    assert.equal(
      arena.scope(() => arena.float32(8)),
      scratch[0][0],
    );
    arena.release(outer);
    assert.equal(arena.float32(8), scratch[0][0]);
    arena.reset();
    assert.equal(arena.float32(4), kept);
  });

  it('is rewound by the release of an older mark too', () => {
    const arena = new Arena({ memory: small() });
    const mark = arena.mark();
    const views = [arena.float32(8), (arena.mark(), arena.int8(1)), (arena.mark(), arena.int32(2))];
    arena.release(mark);
    assertSame([arena.float32(8), arena.int8(1), arena.int32(2)], views);
  });

  it('is rewound by a release that goes back to an earlier chunk', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20, maximum: 2 ** 20 });
    const [arena, neighbour] = [new Arena({ memory }), new Arena({ memory })];
    const kept = arena.uint8(100).fill(3);
    for (let i = 0; i < 2; i++) {
      const mark = arena.mark();
      const near = arena.float32(8);
      neighbour.alloc(16);
      const far = arena.uint8(50_000);
      assert.ok(far.byteOffset > neighbour.base);
      arena.release(mark);
      assert.equal(arena.used, 100);
      assert.equal(arena.float32(8), near);
      arena.reset();
      assert.equal(arena.uint8(100).length, 100);
    }
    assert.equal(kept.length, 100);
  });

  it('is rewound by promote to where the scope began', () => {
    const arena = new Arena({ memory: small() });
    arena.float32(4);
    const mark = arena.mark();
    const first = arena.uint8(0);
    arena.float64(4);
    arena.promote(mark, first);
    assert.equal(arena.uint8(0), first);
  });

  it('misses on a changed length in the middle of a frame', () => {
    changedInTheMiddle((arena) => arena.float32(9));
  });

  it('misses on a changed type in the middle of a frame', () => {
    changedInTheMiddle((arena) => arena.int32(8));
    changedInTheMiddle((arena) => arena.uint32(8));
    changedInTheMiddle((arena) => arena.dataView(8, 4));
  });

  it('misses on a changed alignment in the middle of a frame', () => {
    changedInTheMiddle((arena) => arena.float32(8, 64));
    changedInTheMiddle((arena) => arena.float32(8, 8));
  });

  it('keeps the views behind one of another type that takes the same place', () => {
    const arena = new Arena({ memory: small() });
    const run = (type) => {
      arena.reset();
      return [arena.int8(4), arena[type](8), arena.int16(4), arena.float64(4)];
    };
    const first = run('float32');
    const second = run('int32');
    assertAllNew([second[1]], [first[1]]);
    assertSame(second.toSpliced(1, 1), first.toSpliced(1, 1));
    assertSame(run('int32'), second);
  });

  it('misses on a block without a view before it', () => {
    const arena = new Arena({ memory: small() });
    const view = arena.float32(8);
    arena.reset();
    arena.alloc(4, 4);
    const moved = arena.float32(8);
    assert.notEqual(moved, view);
    assert.equal(moved.byteOffset, view.byteOffset + 4);
    arena.reset();
    const back = arena.float32(8);
    assert.equal(back.byteOffset, view.byteOffset);
    assert.equal(arena.used, 32);
  });

  it('is emptied by a growth: no stale view comes back', () => {
    const memory = small();
    const arena = new Arena({ memory });
    const first = frame(arena);
    arena.reset();
    memory.ensure(2 ** 20);
    assert.ok(memory.generation > 0);
    const second = frame(arena);
    assertAllNew(second, first);
    second.forEach((view) => assert.equal(view.buffer, memory.buffer));
    arena.reset();
    assertSame(frame(arena), second);
  });

  it('keeps places right where somebody grew the memory in the middle of a frame', () => {
    const memory = small();
    const arena = new Arena({ memory });
    arena.alloc(1000, 1);
    WebAssembly.Memory.prototype.grow.call(memory.wasmMemory, 1);
    const late = arena.float32(4);
    assert.equal(late.byteOffset, arena.base + 1000);
    arena.reset();
    const early = arena.float32(4);
    assert.equal(early.byteOffset, arena.base);
    assert.equal(arena.used, 16);
  });

  it('does not outlive limit, which a repeated frame may reach but not pass', () => {
    const arena = new Arena({ memory: small(), limit: 64 });
    const view = arena.float32(16);
    arena.reset();
    arena.alloc(32);
    throwsOutOfMemory(() => arena.float32(16));
    arena.reset();
    assert.equal(arena.float32(16).byteOffset, view.byteOffset);
    assert.equal(arena.used, 64);
  });

  it('does not outlive trim: what was given back is another arena’s by then', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20, maximum: 2 ** 20 });
    const [arena, other] = [new Arena({ memory }), new Arena({ memory })];
    arena.uint8(50_000);
    arena.reset();
    arena.trim(100);
    const theirs = other.uint8(40_000).fill(7);
    arena.uint8(50_000).fill(1);
    assert.equal(arena.used, 50_000);
    assert.ok(other.view(Uint8Array, theirs.byteOffset, 40_000).every((byte) => byte === 7));
  });

  it('holds at most `views` views', () => {
    const arena = new Arena({ memory: small(), views: 3 });
    const run = () => {
      arena.reset();
      return [arena.int8(1), arena.int16(1), arena.int32(1), arena.float32(1), arena.float64(1)];
    };
    const first = run();
    const second = run();
    assertSame(second.slice(0, 3), first.slice(0, 3));
    assertAllNew(second.slice(3), first.slice(3));
    second.forEach((view, i) => assert.equal(view.byteOffset, first[i].byteOffset));
  });

  it('goes on after a release where more views than `views` came before it', () => {
    const arena = new Arena({ memory: small(), views: 2 });
    const first = [arena.int8(1), arena.int8(2)];
    const mark = arena.mark();
    arena.int8(3);
    arena.int8(4);
    arena.release(mark);
    arena.reset();
    assertSame([arena.int8(1), arena.int8(2)], first);
  });

  it('has no more entries than the longest frame has views, however frames differ', () => {
    const arena = new Arena({ memory: small() });
    for (let frame = 0; frame < 50; frame++) {
      arena.reset();
      for (let i = 0; i < 10; i++) arena.uint8(1 + ((frame + i) % 7));
    }
    assert.equal(arena._cache.length, 11, 'ten views, and a miss behind them');
  });

  it('is off with views: 0', () => {
    const arena = new Arena({ memory: small(), views: 0 });
    const first = frame(arena);
    arena.reset();
    const second = frame(arena);
    assertAllNew(second, first);
    second.forEach((view, i) => assert.equal(view.byteOffset, first[i].byteOffset));
  });

  it('holds 1,024 views by default', () => {
    const arena = new Arena({ memory: small() });
    const run = () => {
      arena.reset();
      return Array.from({ length: 1026 }, () => arena.uint8(4));
    };
    const first = run();
    const second = run();
    assertSame(second.slice(0, 1024), first.slice(0, 1024));
    assertAllNew(second.slice(1024), first.slice(1024));
  });

  it('is each arena’s own', () => {
    const memory = small();
    const arenas = [1, 2, 3].map(() => new Arena({ memory }));
    const first = arenas.map((arena) => frame(arena));
    arenas.forEach((arena) => arena.reset());
    arenas.forEach((arena, i) => assertSame(frame(arena), first[i]));
    assert.equal(new Set(first.flat()).size, first.flat().length);
  });

  it('ends with free: a new arena on the same chunk makes its own objects', () => {
    const memory = small();
    const arena = new Arena({ memory });
    const view = arena.float32(8);
    arena.free();
    const next = new Arena({ memory });
    const other = next.float32(8);
    assert.equal(other.byteOffset, view.byteOffset);
    assert.notEqual(other, view);
  });

  it('lets go of its views when the arena is freed', async function () {
    if (!globalThis.gc) this.skip();
    const arena = new Arena({ memory: small() });
    let ref;
    (() => {
      ref = new WeakRef(arena.float32(8));
    })();
    for (let i = 0; i < 3; i++) await collect();
    assert.ok(ref.deref(), 'it is cached until then');
    arena.free();
    for (let i = 0; i < 10 && ref.deref(); i++) await collect();
    assert.equal(ref.deref(), undefined);
    assert.ok(arena.freed);
  });

  it('works the same with zero: recycled bytes read 0 again', () => {
    const arena = new Arena({ memory: small(), zero: true });
    for (let i = 0; i < 3; i++) {
      const views = frame(arena);
      for (const view of views) {
        const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
        assert.ok(bytes.every((byte) => byte === 0));
        bytes.fill(0xff);
      }
      arena.reset();
    }
  });
});

describe('a promoted view', () => {
  it('has the type and length of the view, aligned to its elements and no further', () => {
    for (const [name, Type, size] of TYPED) {
      const arena = new Arena({ memory: small() });
      arena.alloc(1, 1);
      const mark = arena.mark();
      arena.alloc(100);
      const view = arena[name](3);
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(5);
      const bytes = new Uint8Array(view.slice().buffer);
      const moved = arena.promote(mark, view);
      assert.equal(Object.getPrototypeOf(moved), Type.prototype);
      assert.equal(moved.length, 3);
      assert.equal(moved.byteOffset, arena.base + size);
      assert.deepEqual(new Uint8Array(moved.slice().buffer), bytes);
      assert.equal(arena.used, 4 * size);
    }
  });

  it('may be a DataView, or a part of a block', () => {
    const arena = new Arena({ memory: small() });
    arena.alloc(1, 1);
    const outer = arena.mark();
    const mark = arena.mark();
    const data = arena.dataView(12);
    data.setUint8(11, 9);
    const moved = arena.promote(mark, data);
    assert.equal(Object.getPrototypeOf(moved), DataView.prototype);
    assert.equal(moved.byteLength, 12);
    assert.equal(moved.getUint8(11), 9);
    assert.equal(moved.byteOffset, arena.base + 1);
    const part = arena.promote(outer, arena.from(Uint8Array.of(1, 2, 3)).subarray(1));
    assert.deepEqual(Array.from(part), [2, 3]);
    assert.equal(part.byteOffset, arena.base + 1);
  });
});

describe('arena.view', () => {
  it('makes a view of every type on memory that was handed out', () => {
    const memory = small();
    const arena = new Arena({ memory });
    const ptr = arena.alloc(64, 16);
    memory.u8.subarray(ptr, ptr + 64).forEach((_, i, bytes) => (bytes[i] = i));
    for (const [, Type, size] of TYPED) {
      const view = arena.view(Type, ptr + size, 3);
      assert.equal(Object.getPrototypeOf(view), Type.prototype);
      assert.equal(view.byteOffset, ptr + size);
      assert.equal(view.length, 3);
      assert.deepEqual(
        new Uint8Array(view.slice().buffer),
        memory.u8.slice(ptr + size, ptr + 4 * size),
      );
    }
    const view = arena.view(DataView, ptr + 1, 9);
    assert.equal(view.byteOffset, ptr + 1);
    assert.equal(view.byteLength, 9);
  });

  it('takes the whole block and not a byte more', () => {
    const arena = new Arena({ memory: small() });
    const ptr = arena.alloc(10, 1);
    assert.equal(arena.view(Uint8Array, ptr, 10).length, 10);
    assert.equal(arena.view(Uint8Array, ptr + 10, 0).length, 0);
    throwsBounds(() => arena.view(Uint8Array, ptr, 11));
    throwsBounds(() => arena.view(Uint8Array, ptr + 10, 1));
    throwsBounds(() => arena.view(Uint8Array, ptr - 1, 1));
    throwsBounds(() => arena.view(DataView, ptr, 11));
    throwsBounds(() => arena.view(Float64Array, ptr, 2));
    throwsBounds(() => arena.view(Uint8Array, 2 ** 32 - 1, 1));
    throwsBounds(() => arena.view(Uint8Array, ptr, 2 ** 32 - 1));
  });

  it('does not see another arena’s blocks, nor its own after a reset', () => {
    const memory = small();
    const [arena, other] = [new Arena({ memory }), new Arena({ memory })];
    const ptr = arena.alloc(8);
    throwsBounds(() => other.view(Uint8Array, ptr, 1));
    arena.reset();
    throwsBounds(() => arena.view(Uint8Array, ptr, 1));
  });

  it('does not span two chunks', () => {
    const memory = small();
    const [arena, other] = [new Arena({ memory }), new Arena({ memory })];
    const first = arena.alloc(4000);
    other.alloc(16);
    const second = arena.alloc(4000);
    assert.ok(second > first + 4000);
    assert.equal(arena.view(Uint8Array, first, 4000).length, 4000);
    assert.equal(arena.view(Uint8Array, second, 4000).length, 4000);
    throwsBounds(() => arena.view(Uint8Array, first, second - first + 1));
  });

  it('refuses an offset that is no integer, in whatever chunk', () => {
    const arena = new Arena({ memory: small() });
    const first = arena.alloc(64);
    for (const ptr of [first, arena.alloc(2000)]) {
      for (const off of [ptr + 0.5, -ptr, NaN, Infinity]) {
        throwsBounds(() => arena.view(Uint8Array, off, 1));
        throwsBounds(() => arena.view(Uint8Array, off, 0));
      }
    }
  });

  it('finds no block in an arena that has no chunk, not even one of 0 bytes', () => {
    const arena = new Arena({ memory: small() });
    for (const ptr of [0, 1, 2]) throwsBounds(() => arena.view(Uint8Array, ptr, 0));
    const mark = arena.mark();
    for (const ptr of [0, 1, 2]) throwsBounds(() => arena.promote(mark, ptr, 0, 1));
    arena.release(mark);
    arena.free();
    throwsFreed(() => arena.view(Uint8Array, 1, 0));
  });

  it('refuses an offset that is no multiple of the element size', () => {
    const arena = new Arena({ memory: small() });
    const ptr = arena.alloc(64, 16);
    for (const [, Type, size] of TYPED) {
      for (let off = 1; off < size; off++) {
        throwsCode(() => arena.view(Type, ptr + off, 1), 'ERR_ARENA_ALIGNMENT', RangeError);
      }
    }
  });

  it('refuses what is no view type', () => {
    const arena = new Arena({ memory: small() });
    const ptr = arena.alloc(64, 16);
    const types = [undefined, null, 0, 'Uint8Array', {}, [], ArrayBuffer, Array, Object];
    for (const Type of [...types, () => {}, Uint8Array.prototype, Symbol()]) {
      throwsArgument(() => arena.view(Type, ptr, 1));
    }
    const TypedArray = Object.getPrototypeOf(Uint8Array);
    throwsArgument(() => arena.view(TypedArray, ptr, 1));
  });
});

function changedInTheMiddle(changed) {
  const arena = new Arena({ memory: small() });
  const run = (middle) => {
    arena.reset();
    return [arena.int8(4), middle(arena), arena.int16(4), arena.float64(4)];
  };
  const same = (a) => a.float32(8);
  const first = run(same);
  const other = run(changed);
  const fresh = new Arena({ memory: small() });
  const expected = [fresh.int8(4), changed(fresh), fresh.int16(4), fresh.float64(4)];
  assert.equal(other[0], first[0]);
  assert.notEqual(other[1], first[1]);
  other.forEach((view, i) => {
    assert.equal(view.constructor, expected[i].constructor);
    assert.equal(view.byteLength, expected[i].byteLength);
    assert.equal(view.byteOffset - other[0].byteOffset, expected[i].byteOffset - fresh.base);
  });
  run(same).forEach((view, i) => {
    assert.equal(view.constructor, first[i].constructor);
    assert.equal(view.byteOffset, first[i].byteOffset);
    assert.equal(view.length, first[i].length);
  });
  const settled = run(same);
  assertSame(run(same), settled);
}

async function collect() {
  await new Promise((resolve) => setTimeout(resolve));
  globalThis.gc();
}
