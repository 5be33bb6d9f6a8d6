import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Arena } from '../js/index.js';
import { MIB, PAGE, assertFilled, assertZero, fill, newMemory, up } from './arenas.js';
import { OUTSIDE } from './outsider.js';
import { TYPED } from './expect.js';
import { throughC } from './through-c.js';

/*
 * Random programs of operations on several arenas of one memory, against a model that knows what the
 * contract says and nothing of how it is done. ARENA_SEED repeats a run, ARENA_RUNS makes more of
 * them.
 */
const environment = globalThis.process?.env ?? {};
const seed = Number(environment.ARENA_SEED ?? Math.floor(Math.random() * 2 ** 31));
const numRuns = Number(environment.ARENA_RUNS ?? 300);

const MEMORIES = [
  { reserve: PAGE, maximum: 64 * MIB },
  { reserve: MIB, maximum: 64 * MIB },
  { reserve: PAGE, maximum: 3 * PAGE },
  { reserve: 2 * PAGE, maximum: 2 * PAGE },
];

const ARENAS = [
  {},
  { zero: true },
  { limit: 20_000 },
  { zero: true, limit: 30_000, capacity: 3000 },
  { capacity: 10_000, views: 4 },
];

const METHODS = ['alloc', 'tryAlloc', 'allocZeroed', ...TYPED.map(([name]) => name), 'dataView'];

/** What happened at all in the runs: a model that never gets somewhere proves nothing there. */
const seen = new Map();
const note = (what) => seen.set(what, (seen.get(what) ?? 0) + 1);

/** An arena, and what the model knows of it. */
class Shadow {
  constructor(world, options) {
    this.world = world;
    this.options = options;
    this.limit = options.limit ?? Infinity;
    this.arena = new Arena({ memory: world.memory, ...options });
    world.onNew(this.arena);
    /* Where each chunk begins that has blocks, its cursor, and how far it was ever filled. */
    this.chunks = [];
    this.blocks = [];
    this.marks = [];
    this.closed = [];
    this.high = 0;
    this.seeBase();
  }

  get used() {
    return this.chunks.reduce((sum, { start, cursor }) => sum + cursor - start, 0);
  }

  get last() {
    return this.chunks.at(-1);
  }

  /** No block yet: the first chunk is where the arena says. */
  seeBase() {
    const { base } = this.arena;
    this.chunks = base ? [{ start: base, cursor: base, high: base }] : [];
  }

  verify(blocks = this.blocks) {
    for (const { ptr, size, id } of blocks) assertFilled(this.world.memory, ptr, size, id);
  }

  /** A block that has just been handed out; `used` is what was used without it. */
  add(ptr, size, align, used, kept) {
    const { memory } = this.world;
    assert.ok(ptr > 0 && Number.isInteger(ptr));
    assert.equal(ptr % align, 0, 'alignment');
    const start = ptr + size - (this.arena.used - used);
    const last = this.last;
    if (last && start === last.cursor) {
      assert.equal(ptr, up(last.cursor, align), 'the next block in the chunk');
    } else {
      assert.equal(start % 16, 0, 'chunks start at multiples of 16');
      assert.equal(ptr, up(start, align), 'the first block of a chunk');
      const fits = last && up(last.cursor, align) + size <= last.high;
      const allowed = last && used + up(last.cursor, align) - last.cursor + size <= this.limit;
      assert.ok(!fits || !allowed, 'there was room in the chunk before');
      if (last) note('another chunk');
      this.chunks.push({ start, cursor: start, high: start });
    }
    if (this.options.zero) assertZero(memory, start, kept ? ptr : ptr + size);
    if (this.options.zero && kept) assertZero(memory, ptr + kept.size, ptr + size);
    if (kept) assertFilled(memory, ptr, Math.min(size, kept.size), kept.id);
    this.last.cursor = ptr + size;
    this.last.high = Math.max(this.last.high, ptr + size);
    assert.ok(this.used <= this.limit, 'the limit');
    this.high = Math.max(this.high, this.used);
    this.own(ptr, size);
  }

  /** Writes to a block, after a look whether it lies on somebody else's. */
  own(ptr, size) {
    if (size === 0) return;
    this.world.assertNobodys(ptr, size);
    const id = this.world.nextId++;
    fill(this.world.memory, ptr, size, id);
    this.blocks.push({ ptr, size, id });
  }

  /** A request was refused: was it right, as far as the model can know? */
  refused(size, align, used = this.used, cursor = this.last?.cursor) {
    note(this.world.tight ? 'refused, maybe by the memory' : 'refused by the limit');
    if (this.world.tight || size > this.world.memory.stats().maximum) return;
    const padding = cursor ? up(cursor, align) - cursor : 0;
    const most = Math.max(padding, align - 16);
    assert.ok(used + most + size > this.limit, `${size} bytes, aligned to ${align}, refused`);
  }

  alloc(size, align, method) {
    const { arena, used } = this;
    const before = look(arena);
    const typed = TYPED.find(([name]) => name === method);
    if (typed) {
      align = Math.max(align, typed[2]);
      size -= size % typed[2];
    }
    const got = attempt(() => {
      const result = arena[method](typed ? size / typed[2] : size, align);
      return typeof result === 'number' ? result : check(result);
    });
    if (got.error || got.value === 0) {
      if (got.error) assert.equal(got.error.code, 'ERR_ARENA_OUT_OF_MEMORY', got.error.stack);
      assert.deepEqual(look(arena), before);
      this.refused(size, align);
      return 0;
    }
    if (method === 'allocZeroed') assertZero(this.world.memory, got.value, got.value + size);
    this.add(got.value, size, align, used);
    return got.value;

    function check(view) {
      assert.equal(view.byteLength, size);
      assert.equal(view.buffer, arena.memory.buffer, 'a current view');
      return view.byteOffset;
    }
  }

  realloc(pick, size, align) {
    const { arena } = this;
    const block = this.blocks[pick % (this.blocks.length + 1)];
    const before = look(arena);
    if (!block) {
      const { used } = this;
      const got = attempt(() => arena.realloc(0, 0, size, align));
      if (!got.error) this.add(got.value, size, align, used);
      else this.refused(size, align);
      return got.value ?? 0;
    }
    const last = this.isLast(block);
    const inPlace = block.ptr % align === 0;
    const got = attempt(() => arena.realloc(block.ptr, block.size, size, align));
    const used = last && inPlace ? this.used - block.size : this.used;
    if (got.error) {
      assert.equal(got.error.code, 'ERR_ARENA_OUT_OF_MEMORY', got.error.stack);
      assert.ok(!inPlace || size > block.size, 'shrinking failed');
      assert.deepEqual(look(arena), before);
      this.verify([block]);
      const cursor = last && inPlace ? block.ptr : this.last.cursor;
      this.refused(size, align, used, cursor);
      return 0;
    }
    const ptr = got.value;
    if (inPlace && (size <= block.size || (last && ptr === block.ptr))) {
      assert.equal(ptr, block.ptr, 'in place');
      assertFilled(this.world.memory, ptr, Math.min(size, block.size), block.id);
      this.drop(block);
      if (last) {
        note('realloc in place');
        if (this.options.zero) assertZero(this.world.memory, ptr + block.size, ptr + size);
        this.last.cursor = ptr + size;
        this.last.high = Math.max(this.last.high, ptr + size);
        this.high = Math.max(this.high, this.used);
      }
      this.own(ptr, size);
    } else {
      note('realloc by a copy');
      if (inPlace && last) {
        assert.ok(block.ptr + size > this.last.high, 'there was room in place');
        this.last.cursor = block.ptr;
        this.drop(block);
      }
      this.add(ptr, size, align, used, block);
      this.drop(block);
    }
    return ptr;
  }

  isLast({ ptr, size }) {
    const { last } = this;
    if (ptr < last.start || ptr + size !== last.cursor) return false;
    const mark = this.marks.at(-1);
    return !mark || mark.chunks !== this.chunks.length || ptr >= mark.cursor;
  }

  drop(block) {
    this.blocks = this.blocks.filter((other) => other !== block);
  }

  mark() {
    const { used } = this;
    const mark = this.arena.mark();
    assert.ok(Number.isInteger(mark) && mark >= 0 && mark < 2 ** 30);
    assert.ok(!this.world.marks.has(mark), 'a mark twice');
    assert.equal(this.arena.used, used);
    this.opened(mark);
    return mark;
  }

  opened(mark) {
    this.world.marks.add(mark);
    this.marks.push({ mark, chunks: this.chunks.length, cursor: this.last?.cursor });
  }

  /** Back to where a mark was opened: what comes after it is gone. */
  cut(at) {
    const { chunks, cursor } = this.marks[at];
    for (const { mark } of this.marks.splice(at)) this.closed.push(mark);
    if (this.chunks.length > chunks) note('release over chunks');
    if (chunks) {
      this.chunks.length = chunks;
      this.last.cursor = cursor;
    } else if (this.last) {
      this.chunks.length = 1;
      this.last.cursor = this.last.start;
    }
    this.blocks = this.blocks.filter((block) => this.holds(block));
  }

  holds({ ptr, size }) {
    return this.chunks.some(({ start, cursor }) => ptr >= start && ptr + size <= cursor);
  }

  release(pick) {
    if (!this.marks.length) return 0;
    this.verify();
    const at = pick % this.marks.length;
    this.arena.release(this.marks[at].mark);
    this.cut(at);
    this.verify();
    return this.used;
  }

  promote(pick, which, part, align) {
    if (!this.marks.length) return 0;
    const at = pick % this.marks.length;
    const { mark, chunks, cursor } = this.marks[at];
    const inside = this.blocks.filter(({ ptr }) => {
      const chunk = this.chunks.findIndex(({ start, cursor: end }) => ptr >= start && ptr < end);
      return chunk >= chunks || (chunk === chunks - 1 && ptr >= cursor);
    });
    const outside = this.blocks.find((block) => !inside.includes(block));
    if (outside) {
      const wrong = () => this.arena.promote(mark, outside.ptr, outside.size, align);
      assert.throws(wrong, { code: 'ERR_ARENA_BOUNDS' });
    }
    if (!inside.length) return 0;
    const block = inside[which % inside.length];
    const size = Math.ceil(block.size * part);
    const before = look(this.arena);
    const got = attempt(() => this.arena.promote(mark, block.ptr, size, align));
    const home = this.chunks[Math.max(0, chunks - 1)];
    const from = cursor ?? home.start;
    /* A block that is copied to be aligned may count twice on its way: promote.test.js is exact. */
    if (block.ptr % align && this.arena.highWater <= before.used + align + size) {
      this.high = this.arena.highWater;
    }
    if (got.error) {
      assert.equal(got.error.code, 'ERR_ARENA_OUT_OF_MEMORY', got.error.stack);
      assert.deepEqual({ ...look(this.arena), highWater: 0 }, { ...before, highWater: 0 });
      assert.notEqual(block.ptr % align, 0, 'an aligned block can stay where it is at least');
      note('promote refused');
      return 0;
    }
    note(got.value === up(from, align) ? 'promote home' : 'promote elsewhere');
    this.cut(at);
    this.drop(block);
    this.add(got.value, size, align, this.used, { id: block.id, size });
    this.verify();
    return got.value;
  }

  scope(sizes, end) {
    const depth = this.marks.length;
    const got = attempt(() =>
      this.arena.scope((arena, mark) => {
        assert.equal(arena, this.arena);
        this.opened(mark);
        for (const size of sizes) this.alloc(size, 8, 'alloc');
        if (end === 'release') this.release(depth);
        if (end === 'promote') this.promote(depth, 0, 1, 16);
        if (end === 'reset') this.reset();
        if (end === 'mark' || end === 'throw') this.mark();
        if (end === 'throw') throw sizes;
        return sizes;
      }),
    );
    assert.equal(end === 'throw' ? got.error : got.value, sizes);
    if (this.marks.length > depth) {
      this.verify();
      this.cut(depth);
    }
    return this.used;
  }

  reset() {
    this.verify();
    const { capacity } = this.arena;
    this.arena.reset();
    this.closed.push(...this.marks.map(({ mark }) => mark));
    this.marks = [];
    this.blocks = [];
    this.seeBase();
    /* Where no single chunk is to be had, the headers of several cost something. */
    const least = capacity * 0.9 - 1024;
    assert.ok(this.arena.capacity >= least, `reset keeps ${capacity}: ${this.arena.capacity}`);
    return this.arena.base;
  }

  trim(bytes) {
    const { base, capacity, used } = look(this.arena);
    this.arena.trim(bytes);
    const now = look(this.arena);
    assert.equal(now.used, used);
    assert.ok(now.capacity <= capacity);
    assert.ok(
      now.capacity >= Math.max(used, Math.min(bytes, capacity)),
      'trim keeps so many bytes',
    );
    if (!used && !bytes && !this.marks.length) {
      assert.equal(now.base, 0);
      assert.equal(now.capacity, 0);
      this.chunks = [];
    } else {
      assert.equal(now.base, base);
      const most = Math.max(bytes, used) + 48 * (this.chunks.length + 1);
      assert.ok(bytes || now.capacity <= most, `${now.capacity}, not ${most} after trim(${bytes})`);
    }
    for (const chunk of this.chunks) chunk.high = chunk.cursor;
    return now.capacity;
  }

  /** Calls that must be refused whatever the state, and change nothing. */
  bad(which) {
    const { arena } = this;
    const before = look(arena);
    const block = this.blocks.at(-1) ?? { ptr: 64, size: 8 };
    const closed = this.closed[which % (this.closed.length || 1)] ?? -1;
    const foreign = this.world.shadows.find((other) => other !== this).marks.at(-1)?.mark ?? 0.5;
    const [call, code] = [
      [() => arena.release(closed), 'ERR_ARENA_MARK'],
      [() => arena.release(foreign), 'ERR_ARENA_MARK'],
      [() => arena.promote(closed, block.ptr, 1), 'ERR_ARENA_MARK'],
      [() => arena.alloc(2 ** 32 - 1), 'ERR_ARENA_OUT_OF_MEMORY'],
      [() => arena.alloc(-1), 'ERR_ARENA_SIZE'],
      [() => arena.alloc(8, 3), 'ERR_ARENA_ALIGNMENT'],
      [() => arena.realloc(block.ptr, 2 ** 32 - block.ptr + 8, 8), 'ERR_ARENA_BOUNDS'],
      [() => arena.realloc(16, 16, 8), 'ERR_ARENA_BOUNDS'],
      [() => arena.float32(2 ** 30), 'ERR_ARENA_SIZE'],
      [() => arena.trim(-1), 'ERR_ARENA_SIZE'],
      [() => arena.scope(async () => {}), 'ERR_ARENA_ASYNC'],
    ][which % 11];
    assert.throws(call, { code });
    assert.deepEqual(look(arena), before);
    return 0;
  }

  /** The arena is freed, and another one takes its place, where that can be had. */
  free() {
    this.verify();
    const { arena, high } = this;
    arena.free();
    assert.deepEqual([arena.used, arena.capacity, arena.highWater], [0, 0, high]);
    const at = this.world.shadows.indexOf(this);
    const got = attempt(() => new Shadow(this.world, this.options));
    this.world.shadows[at] = got.value ?? new Shadow(this.world, {});
    return 0;
  }

  assertAccounts() {
    const { arena } = this;
    assert.equal(arena.used, this.used, 'used');
    assert.equal(arena.highWater, this.high, 'highWater');
    assert.equal(arena.base, this.chunks[0]?.start ?? 0, 'base');
    assert.ok(arena.capacity >= arena.used && arena.capacity <= this.limit, 'capacity');
  }
}

function look(arena) {
  const { used, capacity, highWater, base } = arena;
  return { used, capacity, highWater, base };
}

function attempt(fn) {
  try {
    return { value: fn() };
  } catch (error) {
    if (error?.code === 'ERR_ASSERTION') throw error;
    return { error };
  }
}

/** Runs a program, and gives what each operation gave. */
function run({ memoryOptions, arenas, program }, forced) {
  const memory = newMemory(memoryOptions);
  const twin = forced ? throughC(memory) : undefined;
  const foreign = [];
  const world = {
    memory,
    tight: memoryOptions.maximum < MIB,
    shadows: [],
    marks: new Set(),
    nextId: 1,
    onNew: (arena) => twin?.add(arena),
    assertNobodys(ptr, size) {
      assert.ok(ptr + size <= memory.stats().frontier, 'behind the frontier');
      for (const { blocks } of [...world.shadows, { blocks: foreign }]) {
        for (const other of blocks) {
          const apart = ptr + size <= other.ptr || ptr >= other.ptr + other.size;
          if (!apart) assert.fail(`${size} bytes at ${ptr} lie on ${other.size} at ${other.ptr}`);
        }
      }
    },
  };
  new Arena({ memory }).free();
  const { frontier } = memory.stats();
  for (const index of arenas) world.shadows.push(new Shadow(world, ARENAS[index]));

  let peak = 0;
  const trace = program.map(({ at, op, args }) => {
    let result;
    if (op === 'outsider') {
      const got = attempt(() => Object.values(OUTSIDE)[args[0] % 2](memory, 1));
      if (!got.error) {
        note('outsider');
        foreign.push({ ptr: got.value * PAGE, size: PAGE, id: world.nextId++ });
        fill(memory, foreign.at(-1).ptr, PAGE, foreign.at(-1).id);
      }
    } else {
      result = world.shadows[at % world.shadows.length][op](...args);
    }
    for (const shadow of world.shadows) shadow.assertAccounts();
    const stats = memory.stats();
    const held = world.shadows.reduce((sum, { arena }) => sum + arena.used, 0);
    assert.ok(stats.live >= held && stats.frontier <= stats.size);
    peak = Math.max(peak, stats.live);
    return result;
  });

  for (const shadow of world.shadows) shadow.verify();
  for (const { ptr, size, id } of foreign) assertFilled(memory, ptr, size, id);
  const stats = memory.stats();
  if (memory.generation) note('growth');
  if (!foreign.length) {
    assert.ok(stats.frontier <= frontier + 2 * peak + 2 * PAGE, 'the frontier is bounded');
  }
  for (const { arena } of world.shadows) arena.free();
  assert.equal(memory.stats().live, 0);
  if (!foreign.length) assert.equal(memory.stats().frontier, frontier, 'all is given back');
  if (twin) note('through C');
  return trace;
}

const size = fc.oneof(
  { arbitrary: fc.nat(100), weight: 5 },
  { arbitrary: fc.nat(3000), weight: 4 },
  { arbitrary: fc.nat(70_000), weight: 1 },
);
const align = fc
  .oneof({ arbitrary: fc.nat(4), weight: 9 }, { arbitrary: fc.nat(16), weight: 1 })
  .map((n) => 2 ** n);
const pick = fc.nat(1000);
const operation = (op, weight, ...args) => ({
  weight,
  arbitrary: fc.record({ at: fc.nat(11), op: fc.constant(op), args: fc.tuple(...args) }),
});
const ends = fc.constantFrom('return', 'throw', 'release', 'promote', 'mark', 'reset');

const programs = fc.record({
  memoryOptions: fc.constantFrom(...MEMORIES),
  arenas: fc.array(fc.nat(ARENAS.length - 1), { minLength: 2, maxLength: 4 }),
  program: fc.array(
    fc.oneof(
      operation('alloc', 30, size, align, fc.constantFrom(...METHODS)),
      operation('realloc', 12, pick, size, align),
      operation('mark', 8),
      operation('release', 5, pick),
      operation('scope', 4, fc.array(size, { maxLength: 4 }), ends),
      operation('promote', 5, pick, pick, fc.constantFrom(1, 1, 0.5), align),
      operation('reset', 2),
      operation('trim', 2, fc.oneof(fc.constant(0), size, fc.constant(2 ** 32 - 1))),
      operation('free', 1),
      operation('bad', 2, pick),
      operation('outsider', 1, pick),
    ),
    { minLength: 20, maxLength: 120, size: 'max' },
  ),
});

/*
 * The two memories of a run can be collected only when its task is over, because a WeakRef was made
 * for them, and a page in Chromium has address space for some 125.
 */
const nextTask = () => new Promise((resolve) => setTimeout(resolve));

describe(`random programs (ARENA_SEED=${seed} ARENA_RUNS=${numRuns})`, () => {
  it('do what the model says, the same on the hot path and through C', function () {
    this.timeout(60_000 + 100 * numRuns);
    const property = fc.asyncProperty(programs, async (program) => {
      assert.deepEqual(run(program, true), run(program, false));
      await nextTask();
    });
    return fc.assert(property, { seed, numRuns });
  });

  it('came to everything that they are about', function () {
    if (numRuns < 100) this.skip();
    for (const what of [
      'refused by the limit',
      'refused, maybe by the memory',
      'another chunk',
      'realloc in place',
      'realloc by a copy',
      'release over chunks',
      'promote home',
      'promote elsewhere',
      'outsider',
      'growth',
      'through C',
    ]) {
      assert.ok(seen.get(what) > 0, `never: ${what}`);
    }
  });
});
