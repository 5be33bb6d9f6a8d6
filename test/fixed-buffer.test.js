import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { FixedBuffer, Heap, Pool } from '../js/allocators.js';
import {
  ALIGNMENTS,
  KIB,
  MIB,
  PAGE,
  assertFilled,
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
  TYPED,
  throwsArgument,
  throwsBounds,
  throwsCode,
  throwsFreed,
  throwsOutOfMemory,
} from './expect.js';
import { OUTSIDE } from './outsider.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

const newBuffer = (options) => keep(new FixedBuffer(options));

/** A buffer in a memory of its own. */
const alone = (size, options) => newBuffer({ memory: newMemory(), size, ...options });

/** Where its bytes begin: asked of an empty one. */
const startOf = (buffer) => {
  assert.equal(buffer.used, 0);
  return buffer.alloc(0, 1);
};

for (const [ground, make] of Object.entries(GROUNDS)) {
  describe(`a fixed buffer on ${ground}`, () => {
    const onGround = (size, options) => newBuffer({ ...make(newMemory()), size, ...options });

    it('begins at a multiple of 16, empty', () => {
      for (const size of [0, 1, 5, 16, 1000, 4097]) {
        const buffer = onGround(size);
        const { used, remaining } = buffer;
        assert.deepEqual(
          { used, remaining, size: buffer.size },
          { used: 0, remaining: size, size },
        );
        assert.equal(startOf(buffer) % 16, 0);
      }
    });

    it('hands out its bytes to the last one, and no more', () => {
      for (const size of [1, 7, 8, 9, 100, 1001]) {
        const buffer = onGround(size);
        const start = startOf(buffer);
        for (let i = 0; i < size; i++) {
          assert.equal(buffer.remaining, size - i);
          assert.equal(buffer.used, i);
          assert.equal(buffer.alloc(1, 1), start + i);
        }
        changesNothing([buffer], () => {
          assert.equal(buffer.tryAlloc(1, 1), 0);
          throwsOutOfMemory(() => buffer.alloc(1, 1));
          throwsOutOfMemory(() => buffer.alloc(1));
        });
        assert.equal(buffer.tryAlloc(0, 1), start + size, '0 bytes still fit');
      }
    });

    it('keeps what is written in it', () => {
      const buffer = onGround(10_000);
      const { memory } = buffer;
      const blocks = [];
      for (let size = 0, ptr; (ptr = buffer.tryAlloc(size, 1)); size += 3) blocks.push([ptr, size]);
      blocks.forEach(([ptr, size], id) => fill(memory, ptr, size, id));
      newArena({ memory }).allocZeroed(MIB);
      blocks.forEach(([ptr, size], id) => assertFilled(memory, ptr, size, id));
    });

    it('gives its bytes back', () => {
      const { memory, on } = { ...make(newMemory()) };
      const ground = { memory: on ? undefined : memory, on };
      const first = newBuffer({ ...ground, size: 1000 });
      const start = startOf(first);
      first.alloc(500);
      first.dispose();
      assert.equal(startOf(newBuffer({ ...ground, size: 1000 })), start);
    });
  });
}

describe('a fixed buffer', () => {
  it('gives blocks one after another, as an arena does', () => {
    const buffer = alone(1000);
    const start = startOf(buffer);
    assert.equal(buffer.alloc(10, 1), start);
    assert.equal(buffer.alloc(10, 8), start + 16);
    assert.equal(buffer.alloc(10, 1), start + 26);
    assert.equal(buffer.alloc(10), start + 40);
    assert.equal(buffer.alloc(0), start + 56);
    assert.equal(buffer.tryAlloc(3, 2), start + 56);
    assert.equal(buffer.used, 59);
    buffer.reset();
    assert.equal(buffer.alloc(10, 1), start);
  });

  it('aligns to each alignment, and counts the padding', () => {
    for (const align of ALIGNMENTS) {
      const buffer = alone(3 * 65536);
      const start = startOf(buffer);
      buffer.alloc(1, 1);
      const ptr = buffer.alloc(5, align);
      assert.equal(ptr, up(start + 1, align));
      assert.equal(buffer.used, ptr + 5 - start);
      assert.equal(buffer.remaining, 3 * 65536 - buffer.used);
    }
  });

  it('has no room where the padding takes it', () => {
    for (const align of ALIGNMENTS) {
      const exact = alone(65536 + 8);
      const start = startOf(exact);
      const size = up(start + 1, align) + 4 - start;
      const buffers = [size - 1, size].map((bytes) =>
        newBuffer({ on: arenaAt(start), size: bytes }),
      );
      buffers.forEach((buffer) => assert.equal(buffer.alloc(1, 1), start));
      assert.equal(buffers[0].tryAlloc(4, align), 0);
      assert.equal(buffers[0].used, 1);
      assert.equal(buffers[1].tryAlloc(4, align), start + size - 4);
      assert.equal(buffers[1].remaining, 0);
    }

    /** An arena in a memory of its own whose next block is at `start`. */
    function arenaAt(start) {
      const arena = newArena({ memory: newMemory() });
      const next = arena.alloc(0, 16);
      arena.alloc(start - next, 1);
      return arena;
    }
  });

  it('of 0 bytes has blocks of 0 bytes', () => {
    const buffer = alone(0);
    const ptr = buffer.alloc(0, 1);
    assert.ok(ptr > 0);
    assert.equal(buffer.alloc(0, 16), ptr);
    assert.equal(buffer.tryAlloc(1, 1), 0);
    assert.equal(buffer.owns(ptr), true);
    assert.equal(buffer.free(ptr, 0), true);
    assert.equal(buffer.resize(ptr, 0, 0), true);
    assert.equal(buffer.resize(ptr, 0, 1), false);
    assert.deepEqual([buffer.size, buffer.used, buffer.remaining], [0, 0, 0]);
  });

  it('never grows', () => {
    const memory = newMemory();
    const buffer = newBuffer({ memory, size: 100 });
    const { frontier, live } = memory.stats();
    buffer.alloc(100, 1);
    for (const size of [1, 1000, 2 ** 31, 2 ** 32 - 1]) {
      assert.equal(buffer.tryAlloc(size, 1), 0);
      assert.equal(buffer.tryAlloc(size), 0);
      const error = throwsOutOfMemory(() => buffer.alloc(size));
      assert.match(error.message, new RegExp(`no ${size} bytes in FixedBuffer; .* its 100 bytes`));
    }
    assert.deepEqual([memory.stats().frontier, memory.stats().live], [frontier, live]);
  });

  it('can have gigabytes, and offsets above 2^31', () => {
    const memory = newMemory({ maximum: 4 * 2 ** 30 - 65536 });
    let buffer;
    try {
      buffer = newBuffer({ memory, size: 2 ** 31 + 100 });
    } catch {
      return; /* the engine has no such memory */
    }
    const start = startOf(buffer);
    assert.equal(buffer.alloc(2 ** 31), start);
    const ptr = buffer.alloc(50);
    assert.equal(ptr, start + 2 ** 31);
    assert.equal(buffer.tryAlloc(45), 0);
    assert.equal(buffer.alloc(40, 2), ptr + 50);
    assert.equal(buffer.resize(ptr + 50, 40, 50), true);
    assert.equal(buffer.remaining, 0);
    assert.equal(buffer.free(ptr + 50, 50), true);
    assert.equal(buffer.owns(ptr, 50), true);
    assert.equal(buffer.view(Uint8Array, ptr, 50).byteOffset, ptr);
  });
});

describe('the last block of a fixed buffer', () => {
  it('is freed in place, the one before it then too', () => {
    const buffer = alone(100);
    const a = buffer.alloc(10, 1);
    const b = buffer.alloc(20, 1);
    assert.equal(buffer.free(b, 20), true);
    assert.equal(buffer.used, 10);
    assert.equal(buffer.free(a, 10), true);
    assert.equal(buffer.used, 0);
    assert.equal(buffer.alloc(100, 1), a);
  });

  it('gives its bytes back, its padding waits', () => {
    const buffer = alone(100);
    const a = buffer.alloc(1, 1);
    const b = buffer.alloc(8);
    assert.equal(buffer.free(b, 8), true);
    assert.equal(buffer.used, b - a);
  });

  it('grows in place to the last byte, and no further', () => {
    const buffer = alone(1003);
    buffer.alloc(100);
    const ptr = buffer.alloc(10);
    fill(buffer.memory, ptr, 10, 3);
    const most = 10 + buffer.remaining;
    changesNothing([buffer], () => {
      assert.equal(buffer.resize(ptr, 10, most + 1), false);
      assert.equal(buffer.resize(ptr, 10, 2 ** 32 - 1), false);
    });
    assert.equal(buffer.resize(ptr, 10, most), true);
    assert.equal(buffer.remaining, 0);
    assertFilled(buffer.memory, ptr, 10, 3);
  });

  it('shrinks in place, and gives back what it loses', () => {
    const buffer = alone(100);
    const ptr = buffer.alloc(50, 1);
    for (const [from, to] of [
      [50, 49],
      [49, 7],
      [7, 7],
      [7, 0],
      [0, 60],
    ]) {
      assert.equal(buffer.resize(ptr, from, to), true);
      assert.equal(buffer.used, to);
    }
  });

  it('is what ends where the bytes in use do, also a tail of a block', () => {
    const buffer = alone(100);
    const ptr = buffer.alloc(50, 1);
    assert.equal(buffer.free(ptr + 40, 10), true);
    assert.equal(buffer.used, 40);
  });
});

describe('another block of a fixed buffer', () => {
  it('keeps its bytes when it is freed', () => {
    const buffer = alone(100);
    const a = buffer.alloc(10, 1);
    buffer.alloc(10, 1);
    changesNothing([buffer], () => {
      assert.equal(buffer.free(a, 10), false);
      assert.equal(buffer.free(a, 0), false);
    });
  });

  it('shrinks, which gives nothing back, and does not grow', () => {
    const buffer = alone(100);
    const a = buffer.alloc(10, 1);
    buffer.alloc(10, 1);
    changesNothing([buffer], () => {
      assert.equal(buffer.resize(a, 10, 5), true);
      assert.equal(buffer.resize(a, 10, 10), true);
      assert.equal(buffer.resize(a, 10, 0), true);
      assert.equal(buffer.resize(a, 10, 11), false);
      assert.equal(buffer.resize(a, 5, 6), false);
    });
  });
});

describe('what a fixed buffer owns', () => {
  it('is the bytes in use, to the byte', () => {
    const buffer = alone(100);
    const ptr = buffer.alloc(40, 1);
    for (const [offset, size, expected] of [
      [0, 0, true],
      [0, 1, true],
      [0, 40, true],
      [0, 41, false],
      [39, 1, true],
      [39, 2, false],
      [40, 0, true],
      [40, 1, false],
      [41, 0, false],
      [-1, 0, false],
      [-1, 1, false],
      [-1, 41, false],
      [1, 2 ** 32 - 1, false],
      [-ptr, 0, false],
    ]) {
      assert.equal(buffer.owns(ptr + offset, size), expected, `${size} bytes at ${offset}`);
      const what = () => buffer.free(ptr + offset, size);
      if (!expected) changesNothing([buffer], () => throwsBounds(what));
    }
    assert.equal(buffer.owns(ptr + 40), true, 'a size of 0 where none is given');
    assert.equal(buffer.owns(ptr + 0.5), false);
    assert.equal(buffer.owns(NaN), false);
    assert.equal(buffer.owns(ptr + 2 ** 32), false);
  });

  it('is nothing of another buffer', () => {
    const memory = newMemory();
    const [a, b] = [newBuffer({ memory, size: 64 }), newBuffer({ memory, size: 64 })];
    const [p, q] = [a.alloc(64), b.alloc(64)];
    changesNothing([a, b], () => {
      assert.equal(a.owns(q), false);
      assert.equal(b.owns(p), false);
      throwsBounds(() => a.free(q, 64));
      throwsBounds(() => b.resize(p, 64, 32));
      throwsBounds(() => b.view(Uint8Array, p, 1));
    });
  });

  it('is nothing after the reset but its start', () => {
    const buffer = alone(100);
    const ptr = buffer.alloc(40);
    buffer.reset();
    assert.equal(buffer.owns(ptr), true);
    assert.equal(buffer.owns(ptr, 1), false);
    throwsBounds(() => buffer.free(ptr, 40));
  });
});

describe('fixed buffers take', () => {
  const buffer = () => {
    const made = alone(1000);
    made.alloc(64, 16);
    return made;
  };

  it('sizes, and nothing else', () => {
    const it = buffer();
    const ptr = it.alloc(8);
    changesNothing([it], () => {
      refusesBadSizes((size) => it.alloc(size));
      refusesBadSizes((size) => it.alloc(size, 64));
      refusesBadSizes((size) => it.tryAlloc(size));
      refusesBadSizes((size) => it.free(ptr, size));
      refusesBadSizes((size) => it.resize(ptr, size, 8));
      refusesBadSizes((size) => it.resize(ptr, 8, size));
      refusesBadSizes((size) => it.owns(ptr, size));
      refusesBadSizes((size) => it.view(Uint8Array, ptr, size));
      refusesBadSizes((size) => new FixedBuffer({ memory: it.memory, size }));
    });
    throwsCode(() => it.alloc(), 'ERR_ARENA_SIZE', TypeError);
    throwsCode(() => it.free(ptr), 'ERR_ARENA_SIZE', TypeError);
    throwsCode(() => new FixedBuffer({}), 'ERR_ARENA_SIZE', TypeError);
  });

  it('alignments, and nothing else', () => {
    const it = buffer();
    changesNothing([it], () => {
      refusesBadAligns((align) => it.alloc(8, align));
      refusesBadAligns((align) => it.alloc(0, align));
      refusesBadAligns((align) => it.tryAlloc(8, align));
    });
  });

  it('offsets in use, and nothing else', () => {
    const it = buffer();
    changesNothing([it], () => {
      writesNothing(it.memory, () => {
        refusesBadOffsets((ptr) => it.free(ptr, 0), [16, it.memory.stats().size]);
        refusesBadOffsets((ptr) => it.resize(ptr, 0, 0));
        refusesBadOffsets((ptr) => it.view(Uint8Array, ptr, 0));
      });
    });
    for (const value of [8n, '8', null, {}, Symbol('8')]) throwsArgument(() => it.owns(value));
  });

  it('options, and nothing else', () => {
    for (const options of [undefined, null, 8, 'size', () => {}]) {
      throwsCode(
        () => new FixedBuffer(options),
        typeof options === 'function' ? 'ERR_ARENA_SIZE' : 'ERR_ARENA_ARGUMENT',
        TypeError,
      );
    }
    const memory = newMemory();
    for (const wrong of [null, 0, {}, 'memory', memory.wasmMemory]) {
      throwsArgument(() => new FixedBuffer({ size: 8, memory: wrong }));
      throwsArgument(() => new FixedBuffer({ size: 8, on: wrong, memory }));
    }
    throwsArgument(() => new FixedBuffer({ size: 8, memory, label: 8 }));
    assert.equal(memory.stats().arenas, 0);
  });
});

describe('a view on a fixed buffer', () => {
  for (const [, Type, element] of TYPED) {
    it(`is a ${Type.name} on bytes in use`, () => {
      const buffer = alone(200);
      const ptr = buffer.alloc(10 * element, 16);
      const view = buffer.view(Type, ptr + 2 * element, 8);
      assert.equal(Object.getPrototypeOf(view), Type.prototype);
      assert.deepEqual(
        [view.buffer, view.byteOffset, view.length],
        [buffer.memory.buffer, ptr + 2 * element, 8],
      );
      throwsBounds(() => buffer.view(Type, ptr + 2 * element, 9));
      if (element > 1) {
        const wrong = () => buffer.view(Type, ptr + 1, 1);
        throwsCode(wrong, 'ERR_ARENA_ALIGNMENT', RangeError);
      }
    });
  }

  it('is of a view type', () => {
    const buffer = alone(100);
    const ptr = buffer.alloc(8);
    assert.equal(buffer.view(DataView, ptr + 1, 7).byteLength, 7);
    for (const Type of [undefined, null, Array, ArrayBuffer, {}, 'Uint8Array']) {
      throwsArgument(() => buffer.view(Type, ptr, 1));
    }
  });
});

describe('a disposed fixed buffer', () => {
  it('throws whatever is asked of it, and has nothing', () => {
    const memory = newMemory();
    const buffer = newBuffer({ memory, size: 100, label: 'old' });
    const ptr = buffer.alloc(8);
    const { live } = memory.stats();
    buffer.dispose();
    assert.ok(memory.stats().live <= live - 100);
    assert.equal(buffer.disposed, true);
    for (const call of [
      () => buffer.alloc(8),
      () => buffer.alloc(0),
      () => buffer.alloc(0, 1),
      () => buffer.tryAlloc(8),
      () => buffer.free(ptr, 8),
      () => buffer.resize(ptr, 8, 4),
      () => buffer.view(Uint8Array, ptr, 1),
      () => buffer.reset(),
      () => new FixedBuffer({ on: buffer, size: 1 }),
      () => new Arena({ on: buffer }),
    ]) {
      assert.match(throwsFreed(call).message, /FixedBuffer 'old' was disposed of/);
    }
    assert.equal(buffer.owns(ptr), false);
    assert.deepEqual([buffer.used, buffer.remaining, buffer.size], [0, 0, 100]);
    assert.equal(buffer[INSPECT](), "FixedBuffer 'old' { disposed }");
    assert.equal(buffer.memory, memory);
  });

  it('is disposed of once, whatever follows', () => {
    const memory = newMemory();
    const buffer = newBuffer({ memory, size: 100 });
    const other = newArena({ memory, capacity: 50 });
    buffer.dispose();
    const taken = newArena({ memory, capacity: 100 });
    const before = memory.stats();
    buffer.dispose();
    buffer.dispose();
    assert.deepEqual(memory.stats(), before);
    assert.equal(taken.freed || other.freed, false);
  });

  it('checks arguments first', () => {
    const buffer = alone(10);
    buffer.dispose();
    throwsCode(() => buffer.alloc(-1), 'ERR_ARENA_SIZE', RangeError);
    throwsCode(() => buffer.alloc(1, 3), 'ERR_ARENA_ALIGNMENT', RangeError);
    throwsArgument(() => buffer.free('1', 1));
  });

  if (Symbol.dispose) {
    it('is one whose [Symbol.dispose]() was called', () => {
      const buffer = alone(10);
      buffer[Symbol.dispose]();
      assert.equal(buffer.disposed, true);
    });
  }

  it('leaves its header to the next one', () => {
    const memory = newMemory();
    const headers = new Set();
    for (let i = 0; i < 20; i++) {
      const buffer = new FixedBuffer({ memory, size: 10 });
      headers.add(buffer._address);
      buffer.dispose();
    }
    assert.equal(headers.size, 1);
    assert.equal(memory.stats().live, 0);
    assert.equal(memory.stats().arenas, 0);
  });
});

describe('reset of a fixed buffer', () => {
  it('makes all its bytes free, however often', () => {
    const buffer = alone(1000);
    const start = startOf(buffer);
    for (let i = 0; i < 5; i++) {
      assert.equal(buffer.alloc(1000, 1), start);
      assert.equal(buffer.remaining, 0);
      buffer.reset();
      assert.deepEqual([buffer.used, buffer.remaining], [0, 1000]);
    }
  });
});

describe('a fixed buffer that is refused', () => {
  it('leaves nothing behind, and names who refused it', () => {
    const memory = newMemory({ reserve: PAGE, maximum: PAGE });
    newBuffer({ memory, size: 10 }).dispose();
    const before = memory.stats();
    for (const size of [2 ** 32 - 1, 2 ** 32 - 100, MIB, PAGE]) {
      const error = throwsOutOfMemory(() => new FixedBuffer({ memory, size, label: 'big' }));
      assert.match(
        error.message,
        /no room for FixedBuffer 'big'; .* the memory's maximum of 65536/,
      );
    }
    for (let i = 0; i < 100; i++) throwsOutOfMemory(() => new FixedBuffer({ memory, size: PAGE }));
    assert.deepEqual(memory.stats(), before);
  });

  it('names what it is on', () => {
    const memory = newMemory();
    const small = {
      arena: keep(new Arena({ memory, limit: 100 })),
      buffer: newBuffer({ memory, size: 100 }),
      pool: keep(new Pool({ memory, size: 100, align: 16, capacity: 1 })),
    };
    for (const [name, on] of Object.entries(small)) {
      changesNothing([on], () => {
        const error = throwsOutOfMemory(() => new FixedBuffer({ on, size: 200 }), name);
        assert.match(error.message, /refused by what it is on$/);
      });
      assert.equal(newBuffer({ on, size: 96 }).size, 96);
    }
    assert.equal(memory.stats().arenas, 6);
  });

  it('needs no memory for its header where one was disposed of', () => {
    const memory = newMemory({ reserve: PAGE, maximum: PAGE });
    const first = new FixedBuffer({ memory, size: 16 });
    const arena = newArena({ memory });
    while (arena.tryAlloc(16, 1) || arena.tryAlloc(1, 1));
    const error = throwsOutOfMemory(() => new Heap({ memory }));
    assert.match(error.message, /room for Heap; refused by the memory's maximum of 65536 bytes/);
    first.dispose();
    assert.equal(newBuffer({ memory, size: 16 }).size, 16);
  });
});

describe('util.inspect of a fixed buffer', () => {
  it('says what it has', () => {
    const buffer = alone(2 * KIB);
    buffer.alloc(1 * KIB);
    assert.equal(buffer[INSPECT](), 'FixedBuffer { used: 1 KiB, size: 2 KiB }');
    buffer.label = 'scratch';
    assert.equal(buffer[INSPECT](), "FixedBuffer 'scratch' { used: 1 KiB, size: 2 KiB }");
  });
});

describe('a fixed buffer in a memory that grows', () => {
  for (const [how, grow] of Object.entries(OUTSIDE)) {
    it(`does as without a growth, by ${how}`, () => {
      for (const act of [
        (it, ptr) => it.alloc(16) - ptr,
        (it, ptr) => it.tryAlloc(16, 64) - ptr,
        (it) => it.tryAlloc(2000),
        (it, ptr) => it.free(ptr, 40),
        (it, ptr) => it.resize(ptr, 40, 50),
        (it, ptr) => it.resize(ptr, 40, 5000),
        (it, ptr) => it.owns(ptr, 40),
        (it, ptr) => it.view(Uint8Array, ptr, 40)[39],
        (it) => it.reset(),
        (it) => it.dispose(),
        (it) => it[INSPECT](),
        ({ used, remaining, size }) => [used, remaining, size],
      ]) {
        const [grown, still] = [true, false].map((grows) => {
          const buffer = alone(1000);
          const ptr = buffer.alloc(40);
          fill(buffer.memory, ptr, 40, 7);
          if (grows) grow(buffer.memory, 2);
          const result = act(buffer, ptr);
          return [result, see(buffer)];
        });
        assert.deepEqual(grown, still, String(act));
      }
    });
  }

  it('hears of the growth by itself', () => {
    const heard = [];
    const memory = newMemory({ reserve: PAGE, onGrow: ({ generation }) => heard.push(generation) });
    const buffer = newBuffer({ memory, size: 3 * PAGE });
    assert.deepEqual(heard, [1]);
    fill(memory, buffer.alloc(3 * PAGE), 3 * PAGE);
  });
});

describe('the twins of a fixed buffer', () => {
  /** The same struct, through C only. */
  const cold = ({ _core, _allocator }) => ({
    alloc: (size, align) => _core.allocator_alloc(_allocator, size, align) >>> 0,
    resize: (ptr, from, to) => !!_core.allocator_resize(_allocator, ptr, from, to, 8),
    free: (ptr, size) => _core.allocator_free(_allocator, ptr, size, 8),
  });

  it('give the same pointers and the same counters', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed);
      const size = Math.floor(next() * 5000);
      const [js, buffer] = [alone(size), alone(size)];
      const c = cold(buffer);
      const blocks = [];
      for (let i = 0; i < 300; i++) {
        const what = `seed ${seed}, step ${i}`;
        const kind = next();
        const bytes = Math.floor(next() ** 4 * 600);
        const align = kind < 0.4 ? 8 : 2 ** Math.floor(next() ** 3 * 17);
        const block = blocks.at(-1 - Math.floor(next() ** 4 * blocks.length));
        if (kind < 0.7) {
          const ptr = js.tryAlloc(bytes, align);
          assert.equal(c.alloc(bytes, align), ptr, what);
          if (ptr) blocks.push([ptr, bytes]);
          if (ptr && align === 8) {
            js.free(ptr, bytes);
            assert.equal(js.alloc(bytes), ptr);
          }
        } else if (block && kind < 0.85) {
          const done = js.resize(...block, bytes);
          assert.equal(c.resize(...block, bytes), done, what);
          if (done) block[1] = bytes;
          if (js.used < block[0] + block[1]) blocks.length = blocks.indexOf(block) + 1;
        } else if (block && kind < 0.98) {
          js.free(...block);
          c.free(...block);
          blocks.splice(blocks.indexOf(block), 1);
        } else if (kind > 0.99) {
          blocks.length = 0;
          js.reset();
          buffer.reset();
        }
        assert.deepEqual(see(buffer), see(js), what);
        while (blocks.length && !js.owns(...blocks.at(-1))) blocks.pop();
      }
    }
  });

  it('meet around the end of the bytes', () => {
    const memories = [newMemory(), newMemory()];
    for (const align of ALIGNMENTS) {
      for (let size = 0; size < 40; size++) {
        const [js, buffer] = memories.map(
          (memory) => new FixedBuffer({ memory, size: 80 + (size % 7) }),
        );
        for (let i = 0; i < 6; i++) {
          const expected = js.tryAlloc(size, align);
          assert.equal(cold(buffer).alloc(size, align), expected, `${size} bytes at ${align}`);
        }
        assert.equal(buffer.used, js.used);
        [js, buffer].forEach((each) => each.dispose());
      }
    }
  });

  it('work on one header in turn', () => {
    const buffer = alone(1000);
    const c = cold(buffer);
    const a = buffer.alloc(10);
    const b = c.alloc(10, 8);
    assert.equal(b, a + 16);
    assert.equal(buffer.alloc(10), b + 16);
    c.free(b + 16, 10);
    assert.equal(buffer.used, b + 16 - a);
    assert.equal(buffer.resize(b, 16, 100), true);
    assert.equal(c.alloc(1, 1), b + 100);
  });

  it('take the hot path to the last byte', () => {
    const buffer = alone(1000);
    buffer.tryAlloc = () => assert.fail('the slow path');
    const start = buffer.alloc(0);
    assert.equal(buffer.alloc(100), start);
    assert.equal(buffer.alloc(895), start + 104);
    buffer.reset();
    assert.equal(buffer.alloc(1000), start);
    assert.equal(buffer.remaining, 0);
    assert.throws(() => buffer.alloc(1), /the slow path/);
  });

  it('never call the module on the hot path', () => {
    const buffer = alone(1000);
    buffer._core = {};
    const ptr = buffer.alloc(8);
    assert.equal(buffer.alloc(8, 32) % 32, 0);
    assert.equal(buffer.resize(ptr, 8, 4), true);
    assert.equal(buffer.free(ptr, 4), false);
    buffer._core = alone(1)._core;
    buffer.dispose();
  });
});
