import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { readSync, openSync, closeSync } from 'node:fs';
import { Heap } from '../../js/allocators.js';
import { Arena } from '../../js/index.js';
import { KIB, MIB, random } from '../arenas.js';
import { TYPED } from '../expect.js';
import { freedArenas } from './freed-arenas.js';

/** What no request may see of another: every byte of it is this one. */
const SECRET = 0xa5;
const RESERVE = 4 * MIB;

/** What every request is to find. */
const NOTHING = Buffer.alloc(RESERVE);

/** Arenas of a test, which are freed after it. */
const newArenas = (options) => freedArenas({ reserve: RESERVE, limit: RESERVE, ...options });

/** Asserts that the bytes [from, to) of the memory read 0. */
function assertClean({ memory }, from, to, what) {
  const bytes = memory.u8.subarray(from, to);
  if (!Buffer.compare(bytes, NOTHING.subarray(0, to - from))) return;
  const at = bytes.findIndex(Boolean);
  const byte = bytes[at];
  assert.fail(`${what}: byte ${at} of ${to - from} at ${from} is ${byte}`);
}

/** Asserts that a view reads 0. */
function assertZeros(view, what) {
  assert.ok(!Buffer.compare(view, NOTHING.subarray(0, view.length)), what);
}

/** Blocks of so many bytes until there is no memory, each given to `each`. */
function exhaust(arena, size, each) {
  for (; size; size = Math.floor(size / 2)) {
    for (let ptr; (ptr = arena.tryAlloc(size, 1));) each(ptr, size);
  }
}

/** Writes the secret over all memory there is, in `live` arenas in turn; then all are freed. */
function fillWithSecret(arenas, live = 1, size = 60 * KIB) {
  const held = Array.from({ length: live }, () => arenas.acquire());
  const write = (ptr, length) => arenas.memory.u8.fill(SECRET, ptr, ptr + length);
  for (let got = true; got;) {
    got = false;
    for (const arena of held) {
      const ptr = arena.tryAlloc(size, 1);
      if (ptr) write(ptr, size);
      got ||= ptr > 0;
    }
  }
  for (const arena of held) exhaust(arena, size, write);
  for (const arena of held) arena.free();
}

/** Asserts that arenas get nothing but zeros, wherever in memory; `live` of them, in turn. */
function assertNoSecret(arenas, what, live = 1, size = 1000) {
  const held = Array.from({ length: live }, () => arenas.acquire());
  let total = 0;
  const look = (ptr, length) => {
    assertClean(arenas, ptr, ptr + length, what);
    arenas.memory.u8.fill(1, ptr, ptr + length);
    total += length;
  };
  for (let got = true; got;) {
    got = false;
    for (const arena of held) {
      const ptr = arena.tryAlloc(size, 1);
      if (ptr) look(ptr, size);
      got ||= ptr > 0;
    }
  }
  for (const arena of held) exhaust(arena, size, look);
  assert.ok(total > RESERVE * 0.8, `${what}: saw ${total} bytes`);
  for (const arena of held) arena.free();
}

const ZEROS = openSync(new URL(import.meta.url));
after(() => closeSync(ZEROS));

/** Ways to get a block and to write into it; each leaves no byte of it 0. */
const WAYS = {
  'alloc and memory.u8': (arena) => {
    const ptr = arena.alloc(500, 1);
    arena.memory.u8.fill(SECRET, ptr, ptr + 500);
  },
  'tryAlloc with alignments': (arena) => {
    const before = arena.tryAlloc(10, 1);
    const ptr = arena.tryAlloc(10, 256);
    /* The padding too, where both are in one chunk. */
    const from = ptr - before < 300 && ptr > before ? before : ptr;
    arena.memory.u8.fill(SECRET, from, ptr + 10);
  },
  allocZeroed: (arena) => {
    const ptr = arena.allocZeroed(700);
    arena.memory.u8.fill(SECRET, ptr, ptr + 700);
  },
  buffer: (arena) => arena.buffer(600).fill('secret'),
  'buffer.write': (arena) => arena.buffer(60).write('secret'.repeat(10), 'latin1'),
  dataView: (arena) => {
    const view = arena.dataView(8);
    view.setUint32(0, 0xa5a5a5a5);
    view.setUint32(4, 0xa5a5a5a5);
  },
  from: (arena) => arena.from(new Uint16Array(300).fill(0xa5a5)),
  utf8: (arena) => arena.utf8('secret'.repeat(100)),
  'fs.readSync': (arena) => assert.equal(readSync(ZEROS, arena.buffer(2000), 0, 2000, 0), 2000),
  randomFill: (arena) => randomFillSync(arena.buffer(2000)),
  'growing realloc': (arena) => {
    let ptr = arena.alloc(10);
    for (const size of [100, 5000, 9000]) {
      ptr = arena.realloc(ptr, size === 100 ? 10 : size === 5000 ? 100 : 5000, size);
      arena.memory.u8.fill(SECRET, ptr, ptr + size);
    }
  },
  'shrinking realloc': (arena) => {
    const ptr = arena.alloc(9000);
    arena.memory.u8.fill(SECRET, ptr, ptr + 9000);
    assert.equal(arena.realloc(ptr, 9000, 10), ptr);
  },
  'a released scope': (arena) => arena.scope(() => arena.uint8(20_000).fill(SECRET)),
  'what a view keeps after its scope': (arena) => {
    const view = arena.scope(() => arena.uint8(3000));
    view.fill(SECRET);
  },
  promote: (arena) => {
    const mark = arena.mark();
    arena.uint8(3000).fill(SECRET);
    arena.promote(mark, arena.uint8(1000).fill(SECRET));
  },
  'promote to an alignment': (arena) => {
    const mark = arena.mark();
    const { byteOffset } = arena.uint8(9000).fill(SECRET);
    arena.promote(mark, byteOffset, 9000, 4096);
  },
  reset: (arena) => {
    arena.uint8(30_000).fill(SECRET);
    arena.reset();
  },
  trim: (arena) => {
    arena.uint8(30_000).fill(SECRET);
    arena.reset();
    arena.trim();
  },
  'an arena on it': (arena) => new Arena({ on: arena }).uint8(5000).fill(SECRET),
  'a heap on it': (arena) => {
    const heap = new Heap({ on: arena });
    const ptr = heap.alloc(5000);
    heap.view(Uint8Array, ptr, 5000).fill(SECRET);
  },
};
for (const [name, Type] of TYPED) {
  WAYS[name] = (arena) => {
    const { buffer, byteOffset, byteLength } = arena[name](90);
    assert.ok(Type.prototype);
    new Uint8Array(buffer, byteOffset, byteLength).fill(SECRET);
  };
}

describe('no byte of one request reaches the next, written by', () => {
  for (const [name, write] of Object.entries(WAYS)) {
    it(name, () => {
      const arenas = newArenas();
      for (const [before, live] of [
        [0, 1],
        [100, 3],
        [64 * KIB, 2],
        [600 * KIB, 2],
      ]) {
        const held = Array.from({ length: live }, () => arenas.acquire());
        for (let i = 0; i < 5; i++) {
          for (const arena of held) {
            arena.uint8(i ? 10 : before).fill(SECRET);
            write(arena);
            assert.ok(arena.highWater > 0);
          }
        }
        for (const arena of held) arena.free();
        assertNoSecret(arenas, `${name} after ${before}`, live);
      }
    });
  }
});

describe('the next request', () => {
  for (const [what, live, size] of [
    ['from one arena of all memory', 1, 60 * KIB],
    ['from one arena in small blocks', 1, 999],
    ['from arenas of many chunks, in turn', 7, 5000],
    ['from many arenas of one chunk', 60, 60 * KIB],
  ]) {
    for (const [takes, next, piece] of [
      ['one arena', 1, 100 * KIB],
      ['many arenas', 40, 3000],
    ]) {
      it(`gets zeros ${what}: ${takes}`, () => {
        const arenas = newArenas();
        for (let round = 0; round < 3; round++) {
          fillWithSecret(arenas, live, size);
          assertNoSecret(arenas, what, next, piece);
        }
      });
    }
  }

  it('finds its slot wiped already, to the last byte', () => {
    for (const size of [1, 15, 16, 17, 4095, 4096, 4097, 100_000, 512 * KIB]) {
      const arenas = newArenas();
      const arena = arenas.acquire();
      arena.uint8(size).fill(SECRET);
      exhaustChunk(arena);
      const { base, capacity } = arena;
      arenas.memory.u8.fill(SECRET, base, base + capacity);
      arena.free();
      const kept = Math.min(capacity, 512 * KIB);
      assertClean(arenas, base, base + kept, `${size} bytes`);
      const next = arenas.acquire();
      assert.equal(next.base, base);
      assert.equal(next.alloc(kept, 1), base);
      assertClean(arenas, base, base + kept, `${size} bytes, handed out`);
      next.free();
    }
  });

  it('finds zeros behind what a slot keeps', () => {
    const arenas = newArenas();
    for (const size of [513 * KIB, MIB, 3 * MIB]) {
      const arena = arenas.acquire();
      arena.uint8(size).fill(SECRET);
      arena.free();
      const next = arenas.acquire();
      assert.ok(next.capacity <= 512 * KIB);
      assertZeros(next.uint8(next.capacity), 'kept');
      assertZeros(next.uint8(1), 'the next byte');
      assertZeros(next.uint8(3 * MIB), 'far behind');
      next.free();
    }
  });

  it('finds zeros in padding, whatever the alignments', () => {
    const arenas = newArenas();
    const next = random(5);
    for (let round = 0; round < 30; round++) {
      fillWithSecret(arenas, 1 + (round % 3), 9000);
      const arena = arenas.acquire();
      let from = arena.alloc(0, 1);
      for (let i = 0; i < 60; i++) {
        const [size, align] = [Math.floor(next() * 900), 2 ** Math.floor(next() * 13)];
        const ptr = arena.alloc(size, align);
        /* In a chunk of its own there is nothing between it and the block before. */
        const start = ptr >= from && ptr - from < align ? from : ptr;
        assertClean(arenas, start, ptr + size, `${size} bytes at ${align}`);
        arenas.memory.u8.fill(1, start, ptr + size);
        from = ptr + size;
      }
      arena.free();
    }
  });

  it('finds zeros in what realloc adds, moved or not', () => {
    const arenas = newArenas();
    for (const between of [0, 1]) {
      fillWithSecret(arenas);
      const arena = arenas.acquire();
      let [ptr, size] = [arena.alloc(10), 10];
      arena.memory.u8.fill(1, ptr, ptr + size);
      while (size < 400_000) {
        if (between) arena.uint8(3).fill(1);
        const more = Math.ceil(size * 1.7);
        ptr = arena.realloc(ptr, size, more);
        assertClean(arenas, ptr + size, ptr + more, `from ${size} to ${more}`);
        assert.ok(arena.view(Uint8Array, ptr, size).every((byte) => byte === 1));
        arena.memory.u8.fill(1, ptr, ptr + more);
        size = more;
      }
      arena.free();
    }
  });

  it('finds zeros in its own released scopes, shrunk and promoted blocks', () => {
    const arenas = newArenas();
    fillWithSecret(arenas, 2);
    const arena = arenas.acquire();
    for (let round = 0; round < 50; round++) {
      const mark = arena.mark();
      const size = 100 + ((round * 7919) % 90_000);
      const bytes = arena.uint8(size);
      assertZeros(bytes, `round ${round}`);
      bytes.fill(SECRET);
      const ptr = arena.realloc(bytes.byteOffset, size, 50);
      const tail = arena.uint8(size);
      assertZeros(tail, `the tail of round ${round}`);
      tail.fill(SECRET);
      if (round % 2) {
        arena.release(mark);
      } else {
        const kept = arena.promote(mark, ptr, 50, 256);
        const behind = arena.uint8(300);
        assertZeros(behind, `behind what was promoted in round ${round}`);
        behind.fill(SECRET);
        assert.equal(arena.view(Uint8Array, kept, 1)[0], SECRET);
      }
      if (round % 10 === 9) arena.reset();
    }
    arena.free();
    assertNoSecret(arenas, 'afterwards');
  });

  it('finds zeros where what others kept was given back for it', () => {
    const arenas = newArenas();
    const held = Array.from({ length: 9 }, () => arenas.acquire());
    for (const arena of held) arena.uint8(50 * KIB).fill(SECRET);
    for (const arena of held) arena.free();
    assertNoSecret(arenas, 'with what others kept');
  });

  it('finds zeros in a memory that grew', () => {
    const arenas = newArenas({ reserve: 64 * KIB, maximum: RESERVE });
    fillWithSecret(arenas, 2, 30 * KIB);
    assert.ok(arenas.stats().growths > 1);
    assertNoSecret(arenas, 'after growths', 2);
  });

  it('never finds bytes of another that is still at work', () => {
    const arenas = newArenas();
    const held = [];
    for (let i = 0; i < 200; i++) {
      const arena = arenas.acquire();
      const bytes = arena.buffer(1 + ((i * 7919) % 30_000));
      assertZeros(bytes, `request ${i}`);
      bytes.fill(SECRET);
      held.push(arena);
      if (i % 3) held.splice((i * 31) % held.length, 1)[0].free();
      if (held.length > 40) held.splice(0, 20).forEach((other) => other.free());
    }
    for (const arena of held) arena.free();
  });
});

/** Uses its chunk up, without another one. */
function exhaustChunk(arena) {
  const left = arena.capacity - arena.used;
  if (left) arena.alloc(left, 1);
}

describe('what is not kept apart', () => {
  it('zero: false: a request gets the bytes of the one before', () => {
    const arenas = newArenas({ zero: false });
    const first = arenas.acquire();
    first.buffer(1000).fill('secret');
    first.free();
    const next = arenas.acquire();
    assert.equal(next.buffer(1000).indexOf('secret'), 0);
    assertZeros(next.view(Uint8Array, next.allocZeroed(3 * MIB), 3 * MIB), 'asked for');
    next.free();
  });

  it('zero: false: allocZeroed alone reads 0', () => {
    const arenas = newArenas({ zero: false });
    fillWithSecret(arenas);
    const arena = arenas.acquire();
    for (const size of [1, 100, 5000, MIB]) {
      const ptr = arena.allocZeroed(size);
      assertClean(arenas, ptr, ptr + size, `${size} bytes`);
    }
    arena.free();
  });

  it('who keeps a view has a view on what the next request writes', () => {
    const arenas = newArenas();
    const first = arenas.acquire();
    const view = first.buffer(10);
    first.free();
    const next = arenas.acquire();
    next.buffer(10).write('the next');
    assert.equal(view.toString('latin1', 0, 8), 'the next');
  });

  it('a property put on a view stays on it, unless no views are kept', () => {
    const found = (options) => {
      const arenas = newArenas(options);
      const first = arenas.acquire();
      first.buffer(10).owner = 'first';
      first.free();
      return arenas.acquire().buffer(10).owner;
    };
    assert.equal(found({}), 'first');
    assert.equal(found({ views: 0 }), undefined);
  });

  it('the buffer of a view has every arena in it', () => {
    const arenas = newArenas();
    const first = arenas.acquire();
    first.buffer(100).write('secret');
    const { buffer } = arenas.acquire().buffer(1);
    assert.ok(Buffer.from(buffer).includes('secret'));
  });
});
