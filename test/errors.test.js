import assert from 'node:assert/strict';
import { Arena, ArenaError, ArenaMemory, ArenaOutOfMemoryError } from '../js/index.js';
import {
  TYPED,
  throwsArgument,
  throwsBounds,
  throwsCode,
  throwsFreed,
  throwsMark,
  throwsOutOfMemory,
  throwsSize,
} from './expect.js';

/** What throws where anything of it is run or read, as a conversion to a number or string would. */
const forbidden = () => {
  throw new Error('something of an argument was run');
};
const HOOKS = {
  valueOf: forbidden,
  toString: forbidden,
  toJSON: forbidden,
  [Symbol.toPrimitive]: forbidden,
  get length() {
    return forbidden();
  },
  get constructor() {
    return forbidden();
  },
};
const TRAPS = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [name, forbidden]),
);
const OBJECTS = [{}, [], [8], new Number(8), HOOKS, new Proxy({}, TRAPS), new Proxy(Array, TRAPS)];
const NO_NUMBERS = ['8', '', null, true, 8n, Symbol('8'), ...OBJECTS];
const NO_INTEGERS = [-1, -8, 1.5, 0.5, NaN, Infinity, -Infinity, 2 ** 32, 2 ** 32 + 8, 2 ** 53];

/** An argument that is no size, no alignment, no offset, no mark; undefined is added where due. */
const BAD_SIZES = [...NO_INTEGERS, ...NO_NUMBERS];
const BAD_ALIGNS = [
  ...[0, 3, 6, 9, -1, -8, 1.5, 0.5, 8.5, 65537, 131072, 2 ** 31, -(2 ** 31), 2 ** 32, NaN],
  ...[Infinity, -Infinity, ...NO_NUMBERS],
];
const nameOf = (value) => {
  if (Object(value) === value) return typeof value;
  return typeof value === 'bigint' ? `${value}n` : `${typeof value} ${String(value)}`;
};
const classFor = (value) => (typeof value === 'number' ? RangeError : TypeError);

function throwsBadSize(fn, value, what) {
  const error = throwsCode(fn, 'ERR_ARENA_SIZE', classFor(value), `${what} of ${nameOf(value)}`);
  assertNames(error, value);
}

function throwsBadAlign(fn, value, what) {
  const title = `${what} aligned to ${nameOf(value)}`;
  assertNames(throwsCode(fn, 'ERR_ARENA_ALIGNMENT', classFor(value), title), value);
}

function throwsBadPtr(fn, value, what) {
  const title = `${what} at ${nameOf(value)}`;
  if (typeof value === 'number') throwsBounds(fn, title);
  else assertNames(throwsArgument(fn, title), value);
}

function assertNames(error, value) {
  if (Object(value) === value) return;
  const name = typeof value === 'string' ? `'${value}'` : String(value);
  assert.ok(error.message.includes(name), `"${error.message}" names ${nameOf(value)}`);
}

const memory = new ArenaMemory({ reserve: 2 ** 20, maximum: 2 ** 20 });

/** Arenas in which good arguments would be served by the hot path, by the cold one, by none. */
const PATHS = {
  'on the hot path': () => {
    const arena = new Arena({ memory });
    for (let i = 0; i < 2; i++) {
      arena.reset();
      TYPED.forEach(([name]) => arena[name](2));
      arena.dataView(8);
    }
    arena.reset();
    return arena;
  },
  'on the cold path, without a chunk': () => new Arena({ memory }),
  'on the cold path, in a full chunk': () => {
    const arena = new Arena({ memory });
    arena.alloc(16);
    arena.alloc(arena.capacity - arena.used, 1);
    return arena;
  },
  'in an arena with zero': () => {
    const arena = new Arena({ memory, zero: true });
    arena.alloc(16);
    return arena;
  },
};

/** Methods with a size or length: how to call them with it. */
const SIZED = {
  alloc: (arena, size) => arena.alloc(size),
  'alloc aligned': (arena, size) => arena.alloc(size, 64),
  tryAlloc: (arena, size) => arena.tryAlloc(size),
  allocZeroed: (arena, size) => arena.allocZeroed(size),
  'realloc from 0': (arena, size) => arena.realloc(0, 0, size),
  'realloc to': (arena, size, { ptr }) => arena.realloc(ptr, 8, size),
  'realloc from': (arena, size, { ptr }) => arena.realloc(ptr, size, 8),
  dataView: (arena, size) => arena.dataView(size),
  view: (arena, size, { ptr }) => arena.view(Uint8Array, ptr, size),
  promote: (arena, size, { ptr, inner }) => arena.promote(inner, ptr, size),
  trim: (arena, size) => arena.trim(size),
};
for (const [name] of TYPED) SIZED[name] = (arena, length) => arena[name](length);

/** Methods with an alignment: how to call them with it. */
const ALIGNED = {
  alloc: (arena, align) => arena.alloc(8, align),
  'alloc of 0 bytes': (arena, align) => arena.alloc(0, align),
  tryAlloc: (arena, align) => arena.tryAlloc(8, align),
  allocZeroed: (arena, align) => arena.allocZeroed(8, align),
  'realloc from 0': (arena, align) => arena.realloc(0, 0, 8, align),
  realloc: (arena, align, { ptr }) => arena.realloc(ptr, 8, 16, align),
  dataView: (arena, align) => arena.dataView(8, align),
  promote: (arena, align, { ptr, inner }) => arena.promote(inner, ptr, 8, align),
};
for (const [name] of TYPED) ALIGNED[name] = (arena, align) => arena[name](2, align);

/** Methods with an offset: how to call them with it. */
const PLACED = {
  'realloc, growing': (arena, ptr) => arena.realloc(ptr, 8, 16),
  'realloc, shrinking': (arena, ptr) => arena.realloc(ptr, 8, 4),
  'view of bytes': (arena, ptr) => arena.view(Uint8Array, ptr, 1),
  'view of floats': (arena, ptr) => arena.view(Float32Array, ptr, 1),
  'empty view': (arena, ptr) => arena.view(Uint8Array, ptr, 0),
};

/**
 * Runs a check in an arena with two open marks and known contents, and asserts that neither the
 * figures nor the marks nor the contents changed.
 */
function unchanged(make, check) {
  const arena = make();
  const outer = arena.mark();
  const ptr = arena.uint8(24, 8).fill(0xa5).byteOffset;
  const inner = arena.mark();
  const kept = arena.uint8(8, 8).fill(0x5a).byteOffset;
  const before = stateOf(arena, ptr, kept);
  check(arena, { ptr: kept, inner, outer });
  assert.deepEqual(stateOf(arena, ptr, kept), before);
  arena.release(inner);
  arena.release(outer);
  arena.free();
}

function stateOf(arena, ptr, kept) {
  const { used, capacity, highWater, base, freed } = arena;
  const bytes = [arena.view(Uint8Array, ptr, 24).slice(), arena.view(Uint8Array, kept, 8).slice()];
  return { used, capacity, highWater, base, freed, bytes, next: arena.alloc(0, 1) };
}

function freedArena() {
  const arena = new Arena({ memory, label: 'gone' });
  const mark = arena.mark();
  const ptr = arena.alloc(8);
  arena.free();
  return { arena, mark, ptr };
}

for (const [path, make] of Object.entries(PATHS)) {
  describe(`bad arguments ${path}`, () => {
    for (const [what, call] of Object.entries(SIZED)) {
      it(`${what}: every bad size throws ERR_ARENA_SIZE and changes nothing`, () => {
        unchanged(make, (arena, it) => {
          const bad = what === 'trim' ? BAD_SIZES : [...BAD_SIZES, undefined];
          for (const size of bad) throwsBadSize(() => call(arena, size, it), size, what);
        });
      });
    }

    for (const [what, call] of Object.entries(ALIGNED)) {
      it(`${what}: every bad alignment throws ERR_ARENA_ALIGNMENT and changes nothing`, () => {
        unchanged(make, (arena, it) => {
          for (const align of BAD_ALIGNS) throwsBadAlign(() => call(arena, align, it), align, what);
        });
      });
    }

    for (const [what, call] of Object.entries(PLACED)) {
      it(`${what}: every bad offset throws and changes nothing`, () => {
        unchanged(make, (arena, { ptr }) => {
          const outside = [1, arena.base - 8, ptr + 8 * 1024, 2 ** 32 - 8, 2 ** 20];
          outside.push(ptr + 0.5, ptr + 2 ** 32, ptr - 2 ** 32, -ptr);
          if (!what.includes('shrinking') && what !== 'empty view') outside.push(ptr + 8);
          for (const bad of [...BAD_SIZES, ...outside, undefined]) {
            throwsBadPtr(() => call(arena, bad), bad, what);
          }
        });
      });
    }

    it('realloc of 0 bytes: what is no number throws and nothing of it is run', () => {
      unchanged(make, (arena) => {
        for (const bad of [...NO_NUMBERS, undefined]) {
          throwsBadPtr(() => arena.realloc(bad, 0, 8), bad, 'realloc of 0 bytes');
          throwsBadPtr(() => arena.realloc(bad, 0, 0), bad, 'realloc of 0 bytes to 0');
        }
      });
    });

    it('typed lengths whose byte size passes 4 GiB throw ERR_ARENA_SIZE', () => {
      unchanged(make, (arena, { ptr }) => {
        for (const [name, Type, size] of TYPED) {
          const lengths = [2 ** 32 / size, 2 ** 32 - 1].filter((n) => n * size >= 2 ** 32);
          for (const length of lengths) {
            throwsSize(() => arena[name](length), `${name}(${length})`);
            throwsSize(() => arena.view(Type, ptr, length), `view of ${length} ${Type.name}`);
          }
        }
      });
    });

    it('an alignment below the element size throws ERR_ARENA_ALIGNMENT', () => {
      unchanged(make, (arena) => {
        for (const [name, , size] of TYPED) {
          for (let align = 1; align < size; align *= 2) {
            throwsBadAlign(() => arena[name](2, align), align, name);
          }
        }
      });
    });

    it('a mark that is none throws ERR_ARENA_MARK, and no mark is closed', () => {
      unchanged(make, (arena, { ptr, inner, outer }) => {
        const view = arena.view(Uint8Array, ptr, 8);
        const marks = [inner, outer].flatMap((mark) => [
          ...[`${mark}`, BigInt(mark), [mark], new Number(mark), mark + 0.5, -mark],
          ...[mark + 2 ** 30, mark + 2 ** 32, mark - 2 ** 32, ~mark],
        ]);
        for (const mark of [...BAD_SIZES, undefined, -2, -3, 0, 2 ** 30, ...marks]) {
          throwsMark(() => arena.release(mark), `release(${nameOf(mark)})`);
          throwsMark(() => arena.promote(mark, ptr, 8), `promote(${nameOf(mark)}, ptr)`);
          throwsMark(() => arena.promote(mark, view), `promote(${nameOf(mark)}, view)`);
        }
      });
    });

    it('a block to promote that is none throws', () => {
      unchanged(make, (arena, { inner }) => {
        const bad = NO_NUMBERS.filter((value) => value !== undefined);
        for (const block of [...bad, undefined, new ArrayBuffer(8)]) {
          throwsArgument(() => arena.promote(inner, block, 8), nameOf(block));
        }
      });
    });

    it('a block outside of the scope throws ERR_ARENA_BOUNDS', () => {
      unchanged(make, (arena, { ptr, inner, outer }) => {
        const first = ptr - 24;
        for (const [mark, block, size] of [
          [inner, first, 8],
          [inner, ptr - 1, 1],
          [inner, ptr - 8, 16],
          [inner, ptr, 9],
          [inner, ptr + 8, 1],
          [outer, first - 1, 8],
          [outer, 0, 8],
          [outer, 0, 0],
          [outer, first, 33],
          [outer, ptr, 2 ** 32 - 1],
          ...[...NO_INTEGERS, ptr + 0.5, ptr + 2 ** 32].map((bad) => [outer, bad, 0]),
        ]) {
          throwsBounds(() => arena.promote(mark, block, size), `${size} bytes at ${block}`);
        }
        throwsBounds(() => arena.promote(inner, arena.view(Uint8Array, first, 8)));
        throwsBounds(() => arena.promote(inner, new Uint8Array(8)));
        throwsBounds(() => arena.promote(inner, new Uint8Array(0)));
        const foreign = new Uint8Array(new ArrayBuffer(ptr + 8), ptr, 8);
        throwsBounds(() => arena.promote(inner, foreign), 'a view on another buffer');
      });
    });

    it('a range outside of the used bytes throws ERR_ARENA_BOUNDS', () => {
      unchanged(make, (arena, { ptr }) => {
        for (const [block, size] of [
          [ptr, 9],
          [ptr + 8, 1],
          [ptr + 4, 8],
          [ptr, 2 ** 32 - 1],
          [2 ** 32 - 1, 2 ** 32 - 1],
        ]) {
          throwsBounds(() => arena.realloc(block, size, 16), `${size} bytes at ${block}`);
          throwsBounds(() => arena.realloc(block, size, 4), `${size} bytes at ${block}`);
          throwsBounds(() => arena.view(Uint8Array, block, size), `${size} bytes at ${block}`);
        }
      });
    });

    it('scope without a function, from without an array, utf8 without a string throw', () => {
      unchanged(make, (arena) => {
        for (const bad of [...NO_NUMBERS.filter((it) => typeof it !== 'function'), undefined, 8]) {
          throwsArgument(() => arena.scope(bad), nameOf(bad));
          throwsArgument(() => arena.from(bad), nameOf(bad));
          throwsArgument(() => arena.text(bad), nameOf(bad));
          if (typeof bad !== 'string') throwsArgument(() => arena.utf8(bad), nameOf(bad));
        }
      });
    });
  });
}

describe('marks that are closed', () => {
  const open = () => {
    const arena = new Arena({ memory });
    arena.uint8(8).fill(1);
    return { arena, outer: arena.mark(), inner: (arena.alloc(8), arena.mark()) };
  };

  function assertClosed(arena, ...marks) {
    const ptr = arena.alloc(8);
    const { used } = arena;
    for (const mark of marks) {
      throwsMark(() => arena.release(mark));
      throwsMark(() => arena.promote(mark, ptr, 8));
    }
    assert.equal(arena.used, used);
  }

  it('throw when an older one was released', () => {
    const { arena, outer, inner } = open();
    arena.release(outer);
    assertClosed(arena, inner, outer);
    arena.mark();
    assertClosed(arena, inner, outer);
  });

  it('throw when they were released before', () => {
    const { arena, outer, inner } = open();
    arena.release(inner);
    assertClosed(arena, inner);
    arena.release(outer);
    assertClosed(arena, outer, inner);
  });

  it('throw when they were promoted before', () => {
    const { arena, outer, inner } = open();
    arena.promote(inner, arena.alloc(8), 8);
    assertClosed(arena, inner);
    arena.promote(outer, arena.alloc(8), 8);
    assertClosed(arena, inner, outer);
  });

  it('throw after a reset', () => {
    const { arena, outer, inner } = open();
    arena.reset();
    assertClosed(arena, inner, outer);
  });

  it('throw after a scope that they were opened in', () => {
    const arena = new Arena({ memory });
    let marks;
    arena.scope((_, mark) => (marks = [mark, arena.mark()]));
    assertClosed(arena, ...marks);
  });

  it('throw in another arena, where the same cursor has a mark of its own', () => {
    const [a, b] = [new Arena({ memory }), new Arena({ memory })];
    const [ours, theirs] = [a.mark(), b.mark()];
    assert.notEqual(ours, theirs);
    throwsMark(() => a.release(theirs));
    throwsMark(() => b.promote(ours, b.alloc(8), 8));
    a.release(ours);
    b.release(theirs);
  });
});

describe('use after free', () => {
  it('every method throws ERR_ARENA_FREED, size 0 included', () => {
    const { arena, mark, ptr } = freedArena();
    for (const call of [
      ...TYPED.flatMap(([name]) => [() => arena[name](0), () => arena[name](2)]),
      ...[0, 8].flatMap((n) => [
        () => arena.alloc(n),
        () => arena.alloc(n, 1),
        () => arena.alloc(n, 4096),
        () => arena.tryAlloc(n),
        () => arena.tryAlloc(n, 1),
        () => arena.allocZeroed(n),
        () => arena.realloc(0, 0, n),
        () => arena.realloc(ptr, 0, n),
        () => arena.realloc(ptr, 8, n),
        () => arena.dataView(n),
        () => arena.view(Uint8Array, ptr, n),
        () => arena.from(new Uint8Array(n)),
        () => arena.promote(mark, ptr, n),
        () => arena.promote(mark, memory.u8.subarray(ptr, ptr + n)),
        () => arena.trim(n),
      ]),
      () => arena.utf8(''),
      () => arena.utf8('x'),
      () => arena.text(new Uint8Array(0)),
      () => arena.mark(),
      () => arena.release(mark),
      () => arena.release(12345),
      () => arena.scope(() => assert.fail('the function ran')),
      () => arena.reset(),
      () => arena.trim(),
      () => arena.base,
    ]) {
      const error = throwsFreed(call);
      assert.ok(error.message.includes('gone'), 'it names the arena');
    }
  });

  it('figures are 0 or as they were, and free twice is harmless', () => {
    const { arena } = freedArena();
    const { live, arenas } = memory.stats();
    arena.free();
    if (Symbol.dispose) arena[Symbol.dispose]();
    assert.equal(arena.freed, true);
    assert.equal(arena.used, 0);
    assert.equal(arena.capacity, 0);
    assert.equal(arena.highWater, 8);
    assert.equal(arena.label, 'gone');
    assert.equal(arena.memory, memory);
    assert.equal(memory.stats().live, live);
    assert.equal(memory.stats().arenas, arenas);
  });

  it('bad arguments throw as in an arena that is not freed: they are looked at first', () => {
    const { arena, mark, ptr } = freedArena();
    for (const [what, call] of Object.entries(SIZED)) {
      const bad = what === 'trim' ? BAD_SIZES : [...BAD_SIZES, undefined];
      for (const size of bad) {
        throwsBadSize(() => call(arena, size, { ptr, inner: mark }), size, what);
      }
    }
    for (const [what, call] of Object.entries(ALIGNED)) {
      for (const align of BAD_ALIGNS) {
        throwsBadAlign(() => call(arena, align, { ptr, inner: mark }), align, what);
      }
    }
    for (const bad of NO_NUMBERS) {
      throwsArgument(() => arena.view(Uint8Array, bad, 1), `view at ${nameOf(bad)}`);
      throwsArgument(() => arena.realloc(bad, 8, 16), `realloc at ${nameOf(bad)}`);
      throwsArgument(() => arena.promote(mark, bad, 8), `promote of ${nameOf(bad)}`);
      throwsArgument(() => arena.text(bad), `text of ${nameOf(bad)}`);
      throwsArgument(() => arena.from(bad), `from of ${nameOf(bad)}`);
      if (typeof bad !== 'function') throwsArgument(() => arena.scope(bad));
      if (typeof bad !== 'string') throwsArgument(() => arena.utf8(bad));
    }
  });

  it('a disposed arena is a freed one, where the engine has Symbol.dispose', () => {
    const name = Symbol.dispose;
    const arena = new Arena({ memory });
    const { [name ?? 'free']: dispose } = arena;
    dispose.call(arena);
    assert.ok(arena.freed);
    assert.equal('undefined' in arena, false);
  });
});

describe('out of memory', () => {
  it('a limit is hit exactly, and missed by one byte', () => {
    const arena = new Arena({ memory, limit: 100, label: 'frame' });
    assert.equal(arena.alloc(96) > 0, true);
    throwsOutOfMemory(() => arena.alloc(5, 1));
    assert.equal(arena.tryAlloc(5, 1), 0);
    assert.equal(arena.used, 96);
    assert.equal(arena.alloc(4, 1), arena.base + 96);
    throwsOutOfMemory(() => arena.alloc(1, 1));
    assert.equal(arena.alloc(0, 1), arena.base + 100);
  });

  it('names what was asked, what is used, the limit, and which limit it was', () => {
    const arena = new Arena({ memory, limit: 1000, label: 'frame' });
    arena.alloc(123, 1);
    const byLimit = throwsOutOfMemory(() => arena.alloc(5678));
    for (const part of ['5678', '123', '1000', 'limit', 'frame']) {
      assert.ok(byLimit.message.includes(part), `"${byLimit.message}" names ${part}`);
    }
    const unlimited = new Arena({ memory });
    const byMaximum = throwsOutOfMemory(() => unlimited.float32(2 ** 20));
    for (const part of [String(2 ** 22), String(2 ** 20), 'maximum']) {
      assert.ok(byMaximum.message.includes(part), `"${byMaximum.message}" names ${part}`);
    }
  });

  it('leaves the arena as it was, whatever asked', () => {
    unchanged(
      () => new Arena({ memory, limit: 200 }),
      (arena, { ptr, inner }) => {
        for (const [name, , size] of TYPED) throwsOutOfMemory(() => arena[name](200 / size));
        throwsOutOfMemory(() => arena.alloc(200));
        throwsOutOfMemory(() => arena.alloc(200, 1));
        throwsOutOfMemory(() => arena.alloc(8, 65536));
        throwsOutOfMemory(() => arena.allocZeroed(200));
        throwsOutOfMemory(() => arena.realloc(ptr, 8, 200));
        throwsOutOfMemory(() => arena.realloc(ptr - 24, 24, 180));
        throwsOutOfMemory(() => arena.realloc(0, 0, 200));
        throwsOutOfMemory(() => arena.from(new Uint8Array(200)));
        throwsOutOfMemory(() => arena.utf8('x'.repeat(200)));
        throwsOutOfMemory(() => arena.promote(inner, ptr, 8, 65536));
        assert.equal(arena.tryAlloc(200), 0);
        assert.equal(arena.tryAlloc(2 ** 32 - 1), 0);
      },
    );
  });

  it('a memory that may not grow further refuses and goes on', () => {
    const few = new ArenaMemory({ reserve: 2 ** 17, maximum: 2 ** 18 });
    unchanged(
      () => new Arena({ memory: few }),
      (arena) => {
        throwsOutOfMemory(() => arena.alloc(2 ** 18));
        throwsOutOfMemory(() => arena.alloc(2 ** 32 - 1));
        throwsOutOfMemory(() => few.ensure(2 ** 18));
        throwsOutOfMemory(() => new Arena({ memory: few, capacity: 2 ** 18 }));
        assert.equal(few.stats().arenas, 1);
      },
    );
  });

  it('is an ArenaOutOfMemoryError, which is a RangeError', () => {
    const error = throwsOutOfMemory(() => new Arena({ memory, limit: 1 }).alloc(2));
    assert.equal(error.constructor.name, 'ArenaOutOfMemoryError');
    assert.ok(error instanceof ArenaOutOfMemoryError);
    assert.ok(error instanceof RangeError);
  });
});

describe('scope', () => {
  it('lets an error of fn through, though fn has open marks of its own', () => {
    const arena = new Arena({ memory });
    arena.alloc(8);
    const { used } = arena;
    const mine = new Error('mine');
    const run = () =>
      arena.scope((a) => {
        a.mark();
        a.alloc(100);
        a.mark();
        throw mine;
      });
    assert.throws(run, (error) => error === mine);
    assert.equal(arena.used, used);
  });

  it('lets an error of fn through where fn reset or freed the arena or closed the mark', () => {
    for (const undo of [
      (arena) => arena.reset(),
      (arena) => arena.free(),
      (arena, mark) => arena.release(mark),
    ]) {
      const arena = new Arena({ memory });
      const mine = new Error('mine');
      const run = () =>
        arena.scope((a, mark) => {
          a.alloc(8);
          undo(a, mark);
          throw mine;
        });
      assert.throws(run, (error) => error === mine);
      assert.equal(arena.used, 0);
    }
  });

  it('refuses a thenable with ERR_ARENA_ASYNC after the release', () => {
    const arena = new Arena({ memory });
    const then = () => {};
    for (const thenable of [Promise.resolve(), { then }, Object.assign(() => {}, { then })]) {
      const run = () => arena.scope(() => (arena.alloc(8), thenable));
      throwsCode(run, 'ERR_ARENA_ASYNC', TypeError);
      assert.equal(arena.used, 0);
    }
    throwsCode(() => arena.scope(async () => {}), 'ERR_ARENA_ASYNC', TypeError);
  });

  it('gives everything else back as it is', () => {
    const arena = new Arena({ memory });
    for (const value of [undefined, null, 0, '', false, 1n, {}, { then: 1 }, [], () => {}]) {
      assert.equal(
        arena.scope(() => value),
        value,
      );
    }
  });
});

describe('options of an Arena', () => {
  it('that are no sizes throw ERR_ARENA_SIZE', () => {
    for (const name of ['capacity', 'limit', 'views']) {
      for (const value of BAD_SIZES) {
        throwsBadSize(() => new Arena({ memory, [name]: value }), value, name);
      }
    }
  });

  it('a capacity above the limit throws ERR_ARENA_SIZE', () => {
    assert.equal(new Arena({ memory, capacity: 100, limit: 100 }).capacity, 100);
    throwsSize(() => new Arena({ memory, capacity: 101, limit: 100 }));
  });

  it('of another type throw ERR_ARENA_ARGUMENT', () => {
    for (const options of [
      ...[null, 0, 1, 'options', true, Symbol('s'), 1n],
      ...[null, 0, 'memory', {}, [], Symbol('s'), new WebAssembly.Memory({ initial: 1 })].map(
        (value) => ({ memory: value }),
      ),
      ...[null, 0, 1, 'yes', {}, Symbol('s')].map((zero) => ({ memory, zero })),
      ...[null, 0, 1n, {}, Symbol('s'), HOOKS].map((label) => ({ memory, label })),
    ]) {
      throwsArgument(() => new Arena(options));
    }
  });

  it('undefined means the default', () => {
    const names = ['capacity', 'limit', 'views', 'zero', 'label'];
    const options = Object.fromEntries(names.map((name) => [name, undefined]));
    const arena = new Arena({ memory, ...options });
    assert.equal(arena.label, '');
    assert.equal(arena.capacity, 0);
    const view = arena.float32(2);
    arena.reset();
    assert.equal(arena.float32(2), view);
    assert.equal(new Arena({ memory: undefined }).memory, new Arena().memory);
  });

  it('none of them opens an arena where one is bad', () => {
    const { arenas, live } = memory.stats();
    throwsSize(() => new Arena({ memory, capacity: -1 }));
    throwsArgument(() => new Arena({ memory, label: 1 }));
    throwsOutOfMemory(() => new Arena({ memory, capacity: 2 ** 21 }));
    assert.equal(memory.stats().arenas, arenas);
    assert.equal(memory.stats().live, live);
  });

  it('that cannot be met take no memory, however often', () => {
    const few = new ArenaMemory({ reserve: 65536, maximum: 65536 });
    new Arena({ memory: few }).free();
    const { frontier } = few.stats();
    for (let i = 0; i < 2000; i++) {
      throwsOutOfMemory(() => new Arena({ memory: few, capacity: 65536 }));
    }
    assert.equal(few.stats().frontier, frontier);
    assert.ok(new Arena({ memory: few }).alloc(1000));
  });
});

describe('ArenaError', () => {
  it('is for instanceof only', () => {
    assert.throws(() => new ArenaError(), TypeError);
    const native = [new Error('e'), new TypeError('e'), new RangeError('e'), { code: 'ERR_ARENA' }];
    native.push({ code: 'NO_ERR_ARENA_SIZE' });
    for (const value of [...native, null, undefined, 1, 'ERR_ARENA_SIZE', Symbol('s')]) {
      assert.equal(value instanceof ArenaError, false);
    }
  });

  it('has what it needs in enumerable code, and nothing else that is enumerable', () => {
    const error = throwsSize(() => new Arena({ memory }).alloc(-1));
    assert.deepEqual(Object.keys(error), ['code']);
  });
});
