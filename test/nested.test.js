import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { FixedBuffer, Heap, Pool, track } from '../js/allocators.js';
import {
  KIB,
  MIB,
  PAGE,
  assertFilled,
  assertZero,
  cursor,
  fill,
  leaves,
  newArena,
  newMemory,
  random,
} from './arenas.js';
import { PARENTS, give, isGone, keep } from './family.js';
import {
  TYPED,
  throwsArgument,
  throwsBounds,
  throwsCode,
  throwsFreed,
  throwsMark,
  throwsOutOfMemory,
} from './expect.js';
import { OUTSIDE } from './outsider.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** One of each kind on another allocator, with a block taken. */
const CHILDREN = {
  arena: (on) => {
    const arena = keep(new Arena({ on }));
    arena.alloc(100);
    return arena;
  },
  heap: (on) => {
    const heap = keep(new Heap({ on }));
    heap.alloc(100);
    return heap;
  },
  pool: (on) => {
    const pool = keep(new Pool({ on, size: 16, slab: 4 }));
    pool.alloc();
    return pool;
  },
  'fixed buffer': (on) => {
    const buffer = keep(new FixedBuffer({ on, size: 200 }));
    buffer.alloc(100);
    return buffer;
  },
  'tracked allocator': (on) => {
    const tracked = keep(track(on));
    tracked.alloc(100);
    return tracked;
  },
};

/** Asserts that whatever is asked of a freed allocator throws ERR_ARENA_FREED, twice over. */
function assertGone(allocator, what) {
  assert.equal(isGone(allocator), true, what);
  for (let i = 0; i < 2; i++) {
    const calls = [
      () => allocator.alloc(8),
      () => allocator.tryAlloc(8),
      () => allocator.view(Uint8Array, 4096, 1),
      () => new Arena({ on: allocator }),
      () => new FixedBuffer({ on: allocator, size: 8 }),
    ];
    if (allocator instanceof Arena) {
      calls.push(
        () => allocator.float32(4),
        () => allocator.dataView(8),
        () => allocator.allocZeroed(8),
        () => allocator.realloc(0, 0, 8),
        () => allocator.realloc(4096, 8, 16),
        () => allocator.mark(),
        () => allocator.release(1),
        () => allocator.promote(1, 4096, 8),
        () => allocator.scope(() => assert.fail('fn was called')),
        () => allocator.trim(),
        () => allocator.from(Uint8Array.of(1)),
        () => allocator.utf8('x'),
        () => allocator.text(new Uint8Array(1)),
        () => allocator.base,
      );
      assert.deepEqual([allocator.used, allocator.capacity], [0, 0]);
    }
    if (allocator.reset) calls.push(() => allocator.reset());
    for (const call of calls) throwsFreed(call, `${what}: ${call}`);
    assert.match(allocator[INSPECT](), /freed|disposed/);
    give(allocator);
  }
}

for (const [ground, make] of Object.entries(PARENTS)) {
  describe(`an arena on ${ground}`, () => {
    const nested = (options, memory = newMemory()) => newArena({ on: make(memory), ...options });

    it('is in the same memory', () => {
      const arena = nested({ label: 'child' });
      assert.equal(arena.memory, arena._parent.memory);
      assert.ok(arena instanceof Arena);
      assert.deepEqual([arena.used, arena.capacity, arena.base, arena.freed], [0, 0, 0, false]);
      assert.match(arena[INSPECT](), /^Arena 'child' \{ used: 0 B/);
    });

    it('gives blocks one after another', () => {
      const arena = nested();
      const { base } = nested({ capacity: 100 });
      assert.equal(base % 16, 0);
      const ptr = arena.alloc(10, 1);
      assert.equal(ptr, arena.base);
      assert.equal(arena.alloc(10, 8), ptr + 16);
      assert.equal(arena.alloc(10, 1), ptr + 26);
      assert.equal(arena.used, 36);
      arena.reset();
      assert.equal(arena.alloc(10, 1), ptr);
      for (const align of [16, 64, 4096]) assert.equal(arena.alloc(3, align) % align, 0);
    });

    it('has each kind of view', () => {
      const arena = nested();
      for (let frame = 0; frame < 3; frame++) {
        const views = TYPED.map(([name]) => arena[name](10));
        views.forEach((view, i) => new Uint8Array(view.buffer, view.byteOffset, 5).fill(i + 1));
        views.forEach((view, i) => {
          assert.equal(Object.getPrototypeOf(view), TYPED[i][1].prototype);
          assert.equal(new Uint8Array(view.buffer, view.byteOffset)[4], i + 1);
        });
        assert.equal(arena.dataView(24).byteLength, 24);
        assert.deepEqual([...arena.from(Uint16Array.of(1, 2, 3))], [1, 2, 3]);
        assert.equal(arena.text(arena.utf8('grün')), 'grün');
        assertZero(arena.memory, arena.allocZeroed(50), arena.used - 50);
        arena.reset();
      }
    });

    it('gives the same view in the next frame', () => {
      const arena = nested();
      arena.float32(64);
      arena.reset();
      const view = arena.float32(64);
      arena.reset();
      assert.equal(arena.float32(64), view);
    });

    it('keeps what is in its blocks, over many chunks and a growth', () => {
      const arena = nested({}, newMemory({ reserve: 2 * PAGE }));
      const next = random(5);
      const blocks = [];
      for (let id = 1; id < 150; id++) {
        const size = Math.floor(next() ** 3 * 3000);
        blocks.push([arena.alloc(size, 1), size, id]);
        fill(arena.memory, ...blocks.at(-1));
      }
      for (const block of blocks) {
        assertFilled(arena.memory, ...block);
        assert.equal(arena.view(Uint8Array, block[0], block[1]).length, block[1]);
      }
    });

    it('reallocs in place and by a copy', () => {
      const arena = nested();
      const a = arena.alloc(100);
      fill(arena.memory, a, 100, 1);
      assert.equal(arena.realloc(a, 100, 500), a);
      const b = arena.alloc(10);
      fill(arena.memory, b, 10, 2);
      const moved = arena.realloc(a, 500, 900);
      assert.notEqual(moved, a);
      assertFilled(arena.memory, moved, 100, 1);
      assertFilled(arena.memory, b, 10, 2);
      throwsBounds(() => arena.realloc(moved + 4096, 100, 200));
    });

    it('has marks, scopes and promotion', () => {
      const arena = nested();
      fill(arena.memory, arena.alloc(10, 1), 10, 9);
      const from = cursor(arena);
      const outer = arena.mark();
      arena.alloc(3000);
      const inner = arena.mark();
      const block = arena.alloc(50);
      fill(arena.memory, block, 50, 3);
      assert.notEqual(outer, inner);
      const kept = arena.promote(inner, block, 50);
      assertFilled(arena.memory, kept, 50, 3);
      throwsMark(() => arena.release(inner));
      arena.scope((a) => a.alloc(5000));
      arena.release(outer);
      leaves(arena, () => throwsMark(() => arena.release(outer)));
      assert.equal(cursor(arena), from);
      assertFilled(arena.memory, arena.base, 10, 9);
    });

    it('promotes views', () => {
      const arena = nested();
      const mark = arena.mark();
      const child = newArena({ on: arena, capacity: 100 });
      const view = arena.from(Float32Array.of(1, 2, 3));
      const kept = arena.promote(mark, view);
      assert.deepEqual([...kept], [1, 2, 3]);
      assert.equal(kept.byteOffset, arena.base);
      assertGone(child, 'behind the mark');
    });

    it('holds to its limit, and says so', () => {
      const arena = nested({ limit: 1000 });
      arena.alloc(900);
      leaves(arena, () => {
        assert.equal(arena.tryAlloc(101, 1), 0);
        const error = throwsOutOfMemory(() => arena.alloc(101, 1));
        assert.match(error.message, /which uses 900; refused by its limit of 1000 bytes$/);
      });
      arena.alloc(100, 1);
      assert.equal(arena.capacity, 1000);
    });

    it('with zero reads 0, whatever was there', () => {
      const on = make(newMemory());
      const dirt = newArena({ on, capacity: 20_000 });
      dirt.memory.u8.fill(0xff, dirt.alloc(20_000, 1), cursor(dirt));
      dirt.free();
      const arena = newArena({ on, zero: true });
      for (let i = 0; i < 3; i++) {
        for (let n = 0; n < 20; n++) {
          const ptr = arena.alloc(700);
          assertZero(arena.memory, ptr, ptr + 700);
          arena.memory.u8.fill(0xee, ptr, ptr + 700);
        }
        arena.reset();
      }
      const ptr = arena.alloc(10);
      arena.memory.u8.fill(0xee, ptr, ptr + 10);
      assertZero(arena.memory, arena.realloc(ptr, 10, 5000) + 10, ptr + 5000);
    });

    it('has its capacity ready, and gives it back on trim and free', () => {
      const on = make(newMemory());
      const arena = newArena({ on, capacity: 10_000 });
      assert.ok(arena.capacity >= 10_000);
      const { base } = arena;
      arena.alloc(10_000, 1);
      assert.equal(arena.base, base, 'in one chunk');
      arena.reset();
      arena.trim();
      assert.deepEqual([arena.capacity, arena.base], [0, 0]);
      arena.alloc(10);
      arena.free();
      assertGone(arena, 'the arena');
      const again = newArena({ on, capacity: 10_000 });
      assert.equal(again.base, base, 'its bytes were given back');
    });

    it('gives back on trim what it does not use of a chunk', () => {
      const on = make(newMemory());
      const arena = newArena({ on, capacity: 10_000 });
      fill(arena.memory, arena.alloc(100), 100, 2);
      arena.trim(500);
      if (!on.stride) assert.ok(arena.capacity >= 500 && arena.capacity < 600);
      arena.trim();
      if (!on.stride) assert.ok(arena.capacity >= 100 && arena.capacity < 200);
      assertFilled(arena.memory, arena.base, 100, 2);
    });

    it('that has no room for its capacity is not made', () => {
      const on = make(newMemory({ reserve: 40 * PAGE, maximum: 40 * PAGE }));
      newArena({ on }).free();
      const before = on.memory.stats();
      const children = on._children.size;
      for (const capacity of [2 ** 32 - 1, 2 ** 31, 8 * MIB]) {
        const error = throwsOutOfMemory(() => new Arena({ on, capacity }));
        assert.match(error.message, new RegExp(`no ${capacity} bytes; refused by what it is on$`));
      }
      assert.deepEqual(on.memory.stats(), before);
      assert.equal(on._children.size, children);
    });

    it('says that what it is on refused', () => {
      const arena = nested({}, newMemory({ reserve: 40 * PAGE, maximum: 40 * PAGE }));
      const most = throwsOutOfMemory(() => arena.alloc(2 ** 32 - 1));
      assert.match(most.message, /which uses 0; refused by what it is on$/);
      arena.alloc(100);
      leaves(arena, () => {
        for (const size of [8 * MIB, 2 ** 31, 2 ** 32 - 1000]) {
          assert.equal(arena.tryAlloc(size), 0);
          const error = throwsOutOfMemory(() => arena.alloc(size));
          assert.match(error.message, /in Arena, which uses 100; refused by what it is on$/);
        }
      });
    });

    it('goes with its parent', () => {
      const on = make(newMemory());
      const arena = newArena({ on });
      arena.alloc(100);
      const { used } = arena;
      give(on);
      assert.equal(arena.highWater, used);
      assertGone(arena, 'the child');
      assertGone(on, 'the parent');
    });

    it('goes when its parent is reset', () => {
      const on = make(newMemory());
      if (!on.reset) return; /* a tracked allocator has none */
      const arena = newArena({ on });
      arena.alloc(100);
      on.reset();
      assertGone(arena, 'the child');
      assert.ok(newArena({ on }).alloc(100));
    });

    it('survives growth from outside', () => {
      for (const grow of Object.values(OUTSIDE)) {
        const arena = nested();
        const ptr = arena.alloc(100);
        fill(arena.memory, ptr, 100, 4);
        const mark = arena.mark();
        grow(arena.memory, 1);
        assert.equal(arena.alloc(8), ptr + 104);
        grow(arena.memory, 1);
        arena.release(mark);
        grow(arena.memory, 1);
        assert.equal(arena._parent.owns?.(1) ?? false, false);
        assertFilled(arena.memory, ptr, 100, 4);
        grow(arena.memory, 1);
        give(arena._parent);
        assert.equal(arena.freed, true);
      }
    });

    if (Symbol.dispose) {
      it('is freed by [Symbol.dispose]() of it or of its parent', () => {
        const on = make(newMemory());
        const [a, b] = [newArena({ on }), newArena({ on })];
        const grandchild = CHILDREN.heap(a);
        a[Symbol.dispose]();
        assertGone(a, 'disposed of');
        assertGone(grandchild, 'its child');
        assert.equal(b.freed, false);
        on[Symbol.dispose]();
        assertGone(b, 'the other one');
      });
    }
  });
}

describe('three deep', () => {
  for (const [outer, makeOuter] of Object.entries(CHILDREN)) {
    for (const [inner, makeInner] of Object.entries(CHILDREN)) {
      if (outer === 'pool' || inner === 'pool') continue; /* of objects too small for others */
      if (outer === 'fixed buffer' || inner === 'fixed buffer') continue; /* likewise */
      it(`an arena on a ${inner} on a ${outer} on an arena goes with the root`, () => {
        const memory = newMemory();
        const root = newArena({ memory });
        const middle = makeOuter(root);
        const on = makeInner(middle);
        const leaf = CHILDREN.arena(on);
        fill(memory, leaf.alloc(1000), 1000, 3);
        const bystander = CHILDREN.heap(memory && newArena({ memory }));
        root.free();
        for (const each of [middle, on, leaf, root]) assertGone(each, 'one of them');
        bystander.check();
        assert.equal(memory.stats().arenas, 2);
        const [parent] = [bystander._parent];
        parent.free();
        assert.deepEqual([memory.stats().arenas, memory.stats().live], [0, 0]);
      });
    }
  }

  it('a child of a child goes when the middle does, and the root stays', () => {
    const memory = newMemory();
    const root = keep(new Heap({ memory }));
    const other = CHILDREN.pool(root);
    const middle = CHILDREN.arena(root);
    const leaves = Object.values(CHILDREN).map((make) => make(middle));
    middle.free();
    for (const leaf of leaves) assertGone(leaf, leaf._kind);
    assert.equal(other.disposed, false);
    assert.equal(memory.stats().arenas, 2);
    root.check();
    other.dispose();
    root.check();
    assert.equal(root.held, 0, 'all blocks came back');
  });

  it('children leave their parents as they are freed', () => {
    const root = newArena({ memory: newMemory() });
    for (const make of Object.values(CHILDREN)) {
      const child = make(root);
      assert.ok(root._children.has(child));
      give(child);
      assert.ok(!root._children.has(child));
    }
    assert.equal(root.freed, false);
  });
});

for (const [name, make] of Object.entries(CHILDREN)) {
  describe(`a ${name} on an arena`, () => {
    const tree = () => {
      const root = newArena({ memory: newMemory() });
      root.alloc(10, 1);
      return root;
    };

    if (name !== 'tracked allocator') {
      it('made behind a mark goes with its release', () => {
        const root = tree();
        const from = cursor(root);
        const mark = root.mark();
        const child = make(root);
        root.release(mark);
        assertGone(child, name);
        assert.equal(cursor(root), from);
      });

      it('made behind an inner mark goes with the release of an outer one', () => {
        const root = tree();
        const outer = root.mark();
        root.alloc(10);
        const inner = root.mark();
        const child = make(root);
        const grandchild = name === 'arena' || name === 'heap' ? make(child) : child;
        root.release(outer);
        assertGone(child, name);
        assertGone(grandchild, name);
        throwsMark(() => root.release(inner));
      });

      it('made between two marks stays where the inner one is released', () => {
        const root = tree();
        const outer = root.mark();
        const child = make(root);
        const inner = root.mark();
        const other = make(root);
        root.release(inner);
        assertGone(other, name);
        assert.equal(isGone(child), false);
        root.release(outer);
        assertGone(child, name);
      });

      it('goes with a scope, also where that throws', () => {
        const root = tree();
        const children = [];
        root.scope((arena) => children.push(make(arena)));
        const thrown = new Error('thrown');
        const fails = () => {
          children.push(make(root));
          throw thrown;
        };
        assert.throws(() => root.scope(fails), thrown);
        throwsCode(
          () => root.scope(async () => children.push(make(root))),
          'ERR_ARENA_ASYNC',
          TypeError,
        );
        assert.equal(children.length, 3);
        for (const child of children) assertGone(child, name);
      });

      it('goes with a promotion, and the promoted block stays', () => {
        const root = tree();
        const mark = root.mark();
        const child = make(root);
        const ptr = root.alloc(50);
        fill(root.memory, ptr, 50, 6);
        const moved = root.promote(mark, ptr, 50);
        assertFilled(root.memory, moved, 50, 6);
        assertGone(child, name);
        assert.equal(cursor(root), moved + 50);
      });

      it('stays where a promotion is refused', () => {
        const root = tree();
        const mark = root.mark();
        const child = make(root);
        const ptr = root.alloc(50);
        throwsBounds(() => root.promote(mark, ptr, 51));
        throwsMark(() => root.promote(12345, ptr, 50));
        throwsArgument(() => root.promote(mark, '8', 50));
        assert.equal(isGone(child), false);
        root.release(mark);
        assertGone(child, name);
      });

      it('on a tracked arena goes with the release too, and the tracked one stays', () => {
        const root = tree();
        const tracked = keep(track(root));
        const before = make(tracked);
        const mark = root.mark();
        const behind = make(tracked);
        const deeper = make(keep(track(tracked)));
        root.release(mark);
        assertGone(behind, name);
        assertGone(deeper, name);
        assert.deepEqual([isGone(before), tracked.disposed], [false, false]);
        assert.ok(tracked.alloc(10));
        root.reset();
        assertGone(tracked, 'tracked');
        assertGone(before, name);
      });

      it('in another chunk than the mark goes too', () => {
        const root = tree();
        const mark = root.mark();
        newArena({ memory: root.memory, capacity: 16 });
        root.alloc(root.capacity - root.used, 1);
        const child = make(root);
        root.release(mark);
        assertGone(child, name);
      });
    }

    it('made before a mark stays, and what it has', () => {
      const root = tree();
      const child = make(root);
      const [ptr, size] = name === 'pool' ? [child.alloc(), 16] : [child.alloc(20), 20];
      fill(root.memory, ptr, size, 5);
      for (let i = 0; i < 3; i++) {
        const mark = root.mark();
        root.memory.u8.fill(0xff, root.alloc(2000, 1), cursor(root));
        root.release(mark);
        assert.equal(isGone(child), false);
      }
      root.scope((arena) => arena.alloc(5000));
      const mark = root.mark();
      root.promote(mark, root.alloc(8), 8);
      assert.equal(isGone(child), false);
      assertFilled(root.memory, ptr, size, 5);
      child.view(Uint8Array, ptr, size);
    });

    it('goes when the arena is reset or freed', () => {
      for (const end of ['reset', 'free']) {
        const root = tree();
        const children = [make(root), make(root), make(keep(track(root)))];
        root[end]();
        for (const child of children) assertGone(child, name);
        assert.equal(root._children.size, 0);
        assert.equal(root.memory.stats().arenas, end === 'reset' ? 1 : 0);
      }
    });

    it('does not change what the arena does', () => {
      const root = tree();
      const child = make(root);
      const ptr = root.alloc(100);
      fill(root.memory, ptr, 100, 8);
      assert.equal(root.realloc(ptr, 100, 200), ptr);
      root.trim();
      assert.equal(root.float32(4).length, 4);
      give(child);
      assertFilled(root.memory, ptr, 100, 8);
      assert.equal(root.freed, false);
    });
  });
}

describe('a child that is made before a mark and grows behind it', () => {
  const grown = {
    arena: (on) => {
      const arena = newArena({ on });
      arena.alloc(10);
      return [arena, () => arena.alloc(5000)];
    },
    heap: (on) => {
      const heap = keep(new Heap({ on }));
      heap.alloc(10);
      return [heap, () => heap.alloc(20_000)];
    },
    pool: (on) => {
      const pool = keep(new Pool({ on, size: 16, capacity: 2, slab: 2 }));
      pool.alloc();
      return [pool, () => Array.from({ length: 3 }, () => pool.alloc())];
    },
  };
  for (const [name, make] of Object.entries(grown)) {
    it(`goes with the release: ${name}`, () => {
      const root = newArena({ memory: newMemory() });
      const [child, grow] = make(root);
      const [bystander] = make(root);
      const ptr = root.alloc(100);
      fill(root.memory, ptr, 100, 1);
      const from = cursor(root);
      const mark = root.mark();
      grow();
      assert.ok(cursor(root) > from, 'it has grown behind the mark');
      root.release(mark);
      assertGone(child, name);
      assert.equal(isGone(bystander), false);
      assertFilled(root.memory, ptr, 100, 1);
      assert.equal(cursor(root), from);
    });
  }

  it('goes with its own children', () => {
    const root = newArena({ memory: newMemory() });
    const heap = keep(new Heap({ on: root }));
    heap.alloc(10);
    const arena = newArena({ on: heap });
    const mark = root.mark();
    arena.alloc(50_000);
    root.release(mark);
    assertGone(heap, 'the heap');
    assertGone(arena, 'the arena on it');
  });

  it('goes for a chunk that it only keeps as a spare', () => {
    const root = newArena({ memory: newMemory() });
    const child = newArena({ on: root });
    child.alloc(10);
    const inner = child.mark();
    const mark = root.mark();
    child.alloc(5000);
    child.release(inner);
    assert.equal(child.used, 10);
    root.release(mark);
    assertGone(child, 'the child');
  });

  it('a fixed buffer of 0 bytes at the mark has nothing behind it', () => {
    const root = newArena({ memory: newMemory() });
    root.alloc(16, 16);
    const buffer = keep(new FixedBuffer({ on: root, size: 0 }));
    const mark = root.mark();
    root.alloc(10);
    root.release(mark);
    assert.equal(buffer.disposed, false);
  });
});

describe('an open mark of an arena', () => {
  it('is kept where children grow and shrink behind it', () => {
    const root = newArena({ memory: newMemory() });
    fill(root.memory, root.alloc(100), 100, 1);
    const from = cursor(root);
    const mark = root.mark();
    const child = newArena({ on: root, capacity: 100 });
    for (let size = 100; size < 50_000; size *= 2) child.alloc(size);
    child.free();
    root.alloc(10);
    root.release(mark);
    assert.equal(cursor(root), from);
    assertFilled(root.memory, root.base, 100, 1);
  });

  it('that was opened before there was a child stays open', () => {
    const root = newArena({ memory: newMemory() });
    root.alloc(100);
    const from = cursor(root);
    const outer = root.mark();
    root.alloc(10);
    const inner = root.mark();
    const child = newArena({ on: root });
    child.alloc(100);
    root.release(inner);
    assertGone(child, 'the child');
    root.release(outer);
    assert.equal(cursor(root), from);
    leaves(root, () => throwsMark(() => root.release(inner)));
  });

  it('keeps a child from growing in place over it', () => {
    for (const first of ['child', 'mark']) {
      const root = newArena({ memory: newMemory() });
      if (first === 'mark') root.alloc(1);
      const child = newArena({ on: root });
      const ptr = child.alloc(100);
      fill(root.memory, ptr, 100, 2);
      const from = cursor(root);
      const mark = root.mark();
      const { base } = child;
      child.alloc(child.capacity);
      assert.ok(child.used > 1000);
      assert.equal(child.base, base);
      assert.ok(root.owns === undefined && cursor(root) > from);
      root.release(mark);
      assertGone(child, 'it grew behind the mark');
      assert.equal(cursor(root), from);
    }
  });

  it('keeps a child from giving back what lies before it', () => {
    const root = newArena({ memory: newMemory() });
    const child = newArena({ on: root, capacity: 1000 });
    const from = cursor(root);
    const mark = root.mark();
    child.free();
    assert.equal(cursor(root), from);
    const ptr = root.alloc(10, 1);
    assert.ok(ptr >= from);
    root.release(mark);
    assert.equal(cursor(root), from);
  });

  it('that was opened before there was a child holds for what is tracked', () => {
    const root = newArena({ memory: newMemory() });
    const ptr = root.alloc(64);
    const from = cursor(root);
    const mark = root.mark();
    const tracked = keep(track(root));
    assert.equal(tracked.resize(ptr, 64, 100), false);
    tracked.free(ptr, 64);
    assert.equal(cursor(root), from, 'what began before the mark keeps its bytes');
    root.release(mark);
    assert.equal(cursor(root), from);
    tracked.free(ptr, 64);
    assert.equal(cursor(root), ptr, 'until the mark is closed');
  });

  it('is released across chunks that children took and gave back', () => {
    const root = newArena({ memory: newMemory() });
    newArena({ on: root, capacity: 100 });
    const block = root.alloc(100);
    fill(root.memory, block, 100, 4);
    const from = cursor(root);
    const { used } = root;
    const mark = root.mark();
    newArena({ memory: root.memory, capacity: 16 });
    root.alloc(root.capacity - root.used, 1);
    const child = newArena({ on: root, capacity: 5000 });
    child.free();
    root.release(mark);
    assert.deepEqual([root.used, cursor(root)], [used, from]);
    assertFilled(root.memory, block, 100, 4);
    root.view(Uint8Array, block, 100);
  });

  it('that is closed lets the child before it grow in place again', () => {
    const root = newArena({ memory: newMemory() });
    const child = newArena({ on: root, capacity: 100 });
    const { used } = root;
    root.scope((arena) => arena.alloc(10));
    child.free();
    assert.ok(root.used < used);
  });

  it('is closed as marks are, with children or without', () => {
    const root = newArena({ memory: newMemory() });
    CHILDREN.heap(root);
    const marks = [root.mark(), root.mark(), root.mark()];
    assert.equal(new Set(marks).size, 3);
    root.release(marks[1]);
    leaves(root, () => throwsMark(() => root.release(marks[2])));
    leaves(root, () => throwsMark(() => root.promote(marks[1], root.base, 1)));
    root.release(marks[0]);
    const last = root.mark();
    root.reset();
    throwsMark(() => root.release(last));
  });
});

describe('a child that is freed', () => {
  for (const [name, make] of Object.entries(CHILDREN)) {
    if (name === 'tracked allocator') continue;
    it(`gives its bytes back where they were the last: ${name}`, () => {
      const root = newArena({ memory: newMemory() });
      root.alloc(16, 16);
      const { used } = root;
      const child = make(root);
      assert.ok(root.used > used);
      give(child);
      assert.equal(root.used, used);
    });

    it(`leaves them to the reset where they were not: ${name}`, () => {
      const root = newArena({ memory: newMemory() });
      const child = make(root);
      const ptr = root.alloc(8);
      const { used } = root;
      give(child);
      assert.equal(root.used, used);
      assert.equal(cursor(root), ptr + 8);
    });
  }
});

describe('a class of the user', () => {
  class Mine extends Arena {
    constructor(options) {
      super(options);
      this.released = 0;
    }
    double(n) {
      return this.float64(n);
    }
    release(mark) {
      super.release(mark);
      this.released++;
    }
    get twice() {
      return 2 * this.used;
    }
  }

  it('keeps its methods as a child and as a parent', () => {
    const memory = newMemory();
    const parent = keep(new Mine({ memory }));
    const child = keep(new Mine({ on: parent }));
    const plain = newArena({ on: child });
    for (const arena of [parent, child]) {
      assert.ok(arena instanceof Mine && arena instanceof Arena);
      assert.equal(arena.double(3).length, 3);
      assert.equal(arena.twice, 2 * arena.used);
      const mark = arena.mark();
      const inside = newArena({ on: arena, capacity: 10 });
      arena.release(mark);
      assert.equal(arena.released, 1);
      assertGone(inside, 'behind the mark');
    }
    assert.equal(plain.double, undefined);
    assert.equal(plain.freed, false);
    parent.free();
    for (const arena of [plain, child]) assertGone(arena, 'below');
  });

  it('has one set of methods for all its arenas', () => {
    const memory = newMemory();
    const [a, b] = [keep(new Mine({ memory })), keep(new Mine({ memory }))];
    [a, b, a].forEach((on) => newArena({ on }));
    assert.equal(Object.getPrototypeOf(a), Object.getPrototypeOf(b));
    assert.notEqual(Object.getPrototypeOf(a), Mine.prototype);
    assert.equal(Object.getPrototypeOf(Object.getPrototypeOf(a)), Mine.prototype);
  });
});

describe('what an allocator cannot stand on', () => {
  const memory = newMemory();
  const MAKERS = {
    Arena: (options) => new Arena(options),
    Heap: (options) => new Heap(options),
    Pool: (options) => new Pool({ size: 8, ...options }),
    FixedBuffer: (options) => new FixedBuffer({ size: 8, ...options }),
    track: ({ on }) => track(on),
  };
  for (const [name, make] of Object.entries(MAKERS)) {
    it(`is refused by ${name}`, () => {
      const { arenas } = memory.stats();
      for (const on of [
        null,
        0,
        1,
        '',
        'heap',
        {},
        [],
        memory,
        memory.wasmMemory,
        Arena,
        Symbol('x'),
      ]) {
        const error = throwsArgument(() => make({ memory, on }), `on ${String(typeof on)}`);
        assert.match(error.message, /^no allocator: /);
      }
      for (const of of [Object.create(Arena.prototype), Object.create(Heap.prototype)]) {
        assert.throws(() => make({ memory, on: of }));
      }
      assert.equal(memory.stats().arenas, arenas);
    });

    it(`is refused by ${name} where it was freed`, () => {
      for (const child of Object.values(CHILDREN)) {
        const on = child(newArena({ memory }));
        give(on);
        throwsFreed(() => make({ on }));
      }
    });

    if (name !== 'track') {
      it(`is of the same memory for ${name}`, () => {
        const on = newArena({ memory: newMemory() });
        const error = throwsArgument(() => make({ memory, on }));
        assert.match(error.message, /`on` is of another memory/);
        const made = keep(make({ memory: on.memory, on }));
        assert.equal(made.memory, on.memory);
        assert.equal(on._children.size, 1);
      });
    }
  }
});

describe('onGrow that frees what is being built on', () => {
  const build = {
    arena: (on) => new Arena({ on, capacity: 2 * PAGE }),
    pool: (on) => new Pool({ on, size: 100, capacity: 2000 }),
    'fixed buffer': (on) => new FixedBuffer({ on, size: 2 * PAGE }),
  };
  for (const [name, make] of Object.entries(build)) {
    for (const [what, giveBack] of [
      ['reset', (arena) => arena.reset()],
      ['release', (arena, mark) => arena.release(mark)],
    ]) {
      it(`leaves no ${name} behind a ${what}`, () => {
        let giving = () => {};
        const memory = newMemory({ reserve: PAGE, onGrow: () => giving() });
        const parent = newArena({ memory });
        parent.alloc(10);
        const mark = parent.mark();
        giving = () => giveBack(parent, mark);
        const { arenas } = memory.stats();
        throwsFreed(() => make(parent));
        assert.ok(memory.generation > 0, 'it has grown');
        assert.equal(memory.stats().arenas, arenas);
      });
    }
  }

  it('leaves no arena in the bytes of a fixed buffer that an outsider made it free', () => {
    let giving = () => {};
    const memory = newMemory({ onGrow: () => giving() });
    const buffer = keep(new FixedBuffer({ memory, size: 1000 }));
    const bytes = buffer.alloc(0, 1);
    const neighbours = [];
    giving = () => {
      buffer.dispose();
      neighbours.push(newArena({ memory, capacity: 2000 }));
      fill(memory, neighbours[0].alloc(2000), 2000, 7);
    };
    OUTSIDE["another module's memory.grow"](memory, 1);
    throwsFreed(() => new Arena({ on: buffer, capacity: 100 }));
    assert.equal(neighbours[0].base, bytes, 'it is where the buffer was');
    assertFilled(memory, bytes, 2000, 7);
  });
  for (const [name, make] of Object.entries(build)) {
    for (const [ground, makeParent] of [
      ['arena', (memory) => new Arena({ memory })],
      ['heap', (memory) => new Heap({ memory })],
    ]) {
      it(`leaves no ${name} on a freed ${ground}`, () => {
        const memory = newMemory({ reserve: PAGE, onGrow: () => give(parent) });
        const root = newArena({ memory });
        for (const warm of Object.values(CHILDREN)) warm(root);
        root.free();
        const parent = keep(makeParent(memory));
        throwsFreed(() => make(parent));
        assert.equal(memory.stats().live, 0);
        const made = Object.values(CHILDREN).map((child) => child(newArena({ memory })));
        assert.equal(new Set(made.map(({ _header }) => _header)).size, made.length);
      });
    }
  }

  it('leaves nothing twice freed where a promotion grows the memory', () => {
    const memory = newMemory({ reserve: PAGE, onGrow: () => heap.dispose() });
    const root = newArena({ memory });
    root.alloc(10);
    const mark = root.mark();
    const heap = keep(new Heap({ on: root }));
    heap.alloc(10);
    const arena = newArena({ on: root, capacity: 10 });
    const ptr = root.alloc(30_001, 1);
    fill(memory, ptr, 30_001, 3);
    newArena({ memory, capacity: 16 });
    const moved = root.promote(mark, ptr, 30_001, 65536);
    assert.ok(memory.generation > 0, 'it has grown');
    assertFilled(memory, moved, 30_001, 3);
    assertGone(heap, 'the heap');
    assertGone(arena, 'the arena');
    const [a, b] = [1, 2].map(() => keep(new Heap({ memory })));
    assert.notEqual(a._address, b._address);
    assert.notEqual(a._address, heap._address);
    assert.throws(() => heap.alloc(8), { code: 'ERR_ARENA_FREED' });
  });
});

describe('onGrow that frees what is asked', () => {
  /** The allocator is disposed of where the next call hears that an outsider grew the memory. */
  function disposedOnGrow(make) {
    const memory = newMemory({ onGrow: () => allocator.dispose() });
    const allocator = make(memory);
    newArena({ memory });
    return [allocator, () => OUTSIDE["another module's memory.grow"](memory, 1)];
  }

  it('is heard of before a pool looks for an object', () => {
    for (const ask of [
      (pool, ptr) => pool.free(ptr + 4),
      (pool, ptr) => pool.view(Uint8Array, ptr, 1),
    ]) {
      const [pool, grow] = disposedOnGrow((memory) => keep(new Pool({ memory, size: 16 })));
      keep(new Heap({ memory: pool.memory })).alloc(10);
      const ptr = pool.alloc();
      grow();
      throwsFreed(() => ask(pool, ptr));
    }
  });

  it('is heard of before a promotion looks for children, and gets new ones', () => {
    let growing = () => {};
    const memory = newMemory({ onGrow: () => growing() });
    const arena = newArena({ memory });
    keep(new Heap({ on: arena }));
    const mark = arena.mark();
    const ptr = arena.alloc(100);
    let late;
    growing = () => (late = CHILDREN['fixed buffer'](arena));
    OUTSIDE["another module's memory.grow"](memory, 1);
    arena.promote(mark, ptr, 10);
    assertGone(late, 'the buffer');
  });

  it('is heard of before a fixed buffer moves its cursor', () => {
    const [buffer, grow] = disposedOnGrow((memory) => keep(new FixedBuffer({ memory, size: 16 })));
    const arena = newArena({ memory: buffer.memory });
    arena.free();
    grow();
    throwsFreed(() => buffer.free(0, 0));
    throwsFreed(() => arena.alloc(0));
  });
});

describe('an allocator that was disposed of', () => {
  it('finds no blocks, whatever lies in the memory', () => {
    const memory = newMemory({ reserve: 4 * PAGE, maximum: 4 * PAGE });
    const make = {
      heap: () => new Heap({ memory }),
      pool: () => new Pool({ memory, size: 8 }),
      'fixed buffer': () => new FixedBuffer({ memory, size: 100 }),
    };
    const gone = Object.values(make).map((fn) => fn());
    for (const allocator of gone) allocator.dispose();
    /* Here it is the header of a pool that lives, again and again. */
    const pool = keep(new Pool({ memory, size: 8, capacity: 100 }));
    pool.free(pool.alloc());
    const header = memory.u32.slice(pool._header, pool._header + 8);
    const ptr = newArena({ memory, capacity: 3 * PAGE }).alloc(3 * PAGE - 32, 32);
    const words = new Uint32Array(memory.buffer, ptr, (3 * PAGE - 32) / 4);
    for (let i = 0; i < words.length; i++) words[i] = header[i % 8];
    for (const allocator of gone) {
      throwsFreed(() => allocator.tryAlloc(8));
      throwsFreed(() => allocator.alloc(8));
      throwsFreed(() => allocator.free(ptr, 8));
      assert.equal(allocator.owns(ptr, 1), false);
    }
    assert.ok(words.every((word, i) => word === header[i % 8]));
  });

  it('goes with `using`, and takes what stands on it along', () => {
    if (!Symbol.dispose) return;
    for (const [kind, make] of Object.entries(PARENTS)) {
      const parent = make(newMemory());
      const heap = keep(new Heap({ on: parent }));
      parent[Symbol.dispose]();
      assert.ok(heap.disposed, kind);
    }
  });
});

describe('an allocator that is refused', () => {
  it('has told onGrow of a growth', () => {
    let heard = 0;
    const memory = newMemory({ reserve: PAGE, maximum: 4 * PAGE, onGrow: () => heard++ });
    OUTSIDE["another module's memory.grow"](memory, 1);
    throwsOutOfMemory(() => new FixedBuffer({ memory, size: 4 * PAGE }));
    assert.equal(heard, 1);
  });
});

describe('a memory without room for what they all share', () => {
  it('has no allocator, and no arena on another one, until there is room', () => {
    const memory = newMemory({ reserve: PAGE, maximum: PAGE });
    const arena = newArena({ memory });
    const spare = newArena({ memory });
    while (arena.tryAlloc(16, 1) || arena.tryAlloc(1, 1));
    throwsOutOfMemory(() => {
      for (;;) newArena({ memory }); /* until there is no room for a header */
    });
    const { arenas } = memory.stats();
    for (const call of [() => new Heap({ memory }), () => new Arena({ on: arena })]) {
      const error = throwsOutOfMemory(call);
      assert.match(error.message, /no a header; refused by the memory's maximum of 65536 bytes$/);
    }
    assert.equal(memory.stats().arenas, arenas);
    arena.free();
    assert.ok(newArena({ on: spare }).alloc(100));
    keep(new Heap({ memory })).alloc(100);
  });

  it('says so where there is room on what it is to be on', () => {
    const memory = newMemory({ reserve: PAGE, maximum: PAGE });
    const arena = newArena({ memory, capacity: 16 * KIB });
    keep(new Pool({ on: arena, size: 8 }));
    const filler = newArena({ memory });
    while (filler.tryAlloc(16, 1) || filler.tryAlloc(1, 1));
    const { message } = throwsOutOfMemory(() => new Heap({ on: arena }));
    assert.match(message, /refused by the memory's maximum of 65536 bytes$/);
  });
});

describe('an arena on what is nearly full', () => {
  it('takes what there is where that is less than it would like', () => {
    const buffer = keep(new FixedBuffer({ memory: newMemory(), size: 500 }));
    const arena = newArena({ on: buffer });
    let bytes = 0;
    while (arena.tryAlloc(8)) bytes += 8;
    assert.ok(bytes >= 460, `${bytes} bytes`);
    assert.match(throwsOutOfMemory(() => arena.alloc(8)).message, /refused by what it is on$/);
  });
});

describe('many children', () => {
  it('share headers with those before them, and leave nothing', () => {
    const memory = newMemory();
    const round = () => {
      const root = new Arena({ memory });
      for (const make of Object.values(CHILDREN)) {
        const child = make(root);
        for (const inner of Object.values(CHILDREN)) if (child instanceof Arena) inner(child);
      }
      root.free();
      return memory.stats();
    };
    const first = round();
    for (let i = 0; i < 50; i++) assert.deepEqual(round(), first);
    assert.equal(first.arenas, 0);
  });

  it('of one arena are freed in the time that they take to be made', () => {
    const root = newArena({ memory: newMemory() });
    const children = Array.from({ length: 1000 }, () => new Arena({ on: root, capacity: 10 }));
    root.reset();
    assert.ok(children.every(({ freed }) => freed));
    assert.equal(root.memory.stats().arenas, 1);
  });

  it('of a frame are made anew in each, without growth', () => {
    const memory = newMemory();
    const frame = newArena({ memory });
    const seen = new Set();
    for (let i = 0; i < 100; i++) {
      const [scratch, stack] = [
        new Arena({ on: frame }),
        new FixedBuffer({ on: frame, size: KIB }),
      ];
      seen.add(`${scratch.alloc(1000)} ${stack.alloc(100)}`);
      frame.reset();
    }
    assert.ok(seen.size <= 2, `${seen.size} layouts`);
  });
});
