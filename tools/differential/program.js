/**
 * Random programs over everything that hands out blocks in one memory. What a program does follows
 * from its seed, and from what it got so far: two worlds that give the same offsets, refusals and
 * counters are asked the same to the end.
 *
 * A world is a way to the core: api.js goes through the classes of js/, raw.js through the exports of
 * the wasm modules alone. This file runs in every host, so it uses the language and nothing else.
 */
import { generator } from '../../bench/random.js';

/** In pages: what a memory has and may have. */
const MEMORIES = [
  { reserve: 1, maximum: 1024 },
  { reserve: 16, maximum: 1024 },
  { reserve: 4, maximum: 40 },
  { reserve: 1, maximum: 3 },
  { reserve: 2, maximum: 2 },
];

const PLACES = 8;
const BLOCKS = 60;
const MARKS = 6;

/** How high allocators stand on each other. */
const HEIGHT = 3;

/** The methods of an arena that give a view, and the size of an element. */
const VIEWS = Object.entries({
  ...{ int8: 1, uint8: 1, uint8Clamped: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, float32: 4 },
  ...{ float64: 8, bigInt64: 8, bigUint64: 8, dataView: 1 },
});

/** Of a block that has to hold certain bytes, so many are looked at. */
const LOOKED_AT = 4096;

/**
 * Runs the program of a seed.
 *
 * @param {(memory: { reserve: number, maximum: number }) => object} makeWorld
 * @param {number} seed
 * @param {number} steps
 * @param {string[]} [log] gets a line a step
 * @returns {string} a hash of all that the program was given
 */
export function run(makeWorld, seed, steps, log) {
  const next = generator(seed);
  const world = makeWorld(MEMORIES[Math.floor(next() * MEMORIES.length)]);
  const program = new Program(world, next);
  for (let step = 0; step < steps; step++) {
    world.step?.(step);
    try {
      program.step(step);
    } catch (error) {
      error.message = `seed ${seed}, step ${step}, ${program.doing}: ${error.message}`;
      throw error;
    }
    log?.push(`step ${step}: ${program.doing}: ${program.seen.join(' ')}`);
  }
  world.step?.(steps);
  program.end();
  log?.push(`the end: ${program.seen.join(' ')}`);
  return (program.hash >>> 0).toString(16).padStart(8, '0');
}

class Program {
  constructor(world, next) {
    this.world = world;
    this.next = next;
    this.hash = 0x811c9dc5;
    /** What the step was given. */
    this.seen = [];
    this.doing = '';
    /** @type {Array<Subject | undefined>} */
    this.subjects = new Array(PLACES).fill();
    this.see(world.stats());
  }

  step(number) {
    this.seen = [];
    this.filling = 1 + (number % 251);
    const place = this.below(PLACES);
    const subject = this.subjects[place];
    if (this.oneIn(200)) this.beOutsider();
    else if (!subject) this.open(place);
    else if (this.oneIn(40)) this.close(subject);
    else this.use(subject);
    for (const each of this.subjects) if (each) this.see(each.it.counts());
    this.see(this.world.stats());
  }

  end() {
    this.seen = [];
    for (const subject of this.subjects) if (subject) this.close(subject);
    this.see(this.world.stats());
  }

  /** An integer from 0 to below `n`. */
  below(n) {
    return Math.floor(this.next() * n);
  }

  oneIn(n) {
    return this.next() < 1 / n;
  }

  pick(array) {
    return array[this.below(array.length)];
  }

  /** Most are small, some are bigger than a chunk, a few more than there can be. */
  size() {
    const kind = this.below(64);
    if (kind === 0) return 2 ** 32 - 1 - this.below(100_000);
    if (kind < 4) return this.below(kind === 1 ? 400_000 : 70_000);
    return this.below(2 ** (kind % 14));
  }

  newSize(size) {
    return this.oneIn(2) ? this.below(2 * size + 2) : this.size();
  }

  align() {
    return 2 ** (this.oneIn(10) ? this.below(17) : this.below(7));
  }

  /** Takes numbers into the hash. */
  see(numbers) {
    for (const number of numbers) {
      this.seen.push(number);
      this.hash = Math.imul(this.hash ^ number, 0x01000193);
      this.hash = Math.imul(this.hash ^ (this.hash >>> 15), 0x2c1b3c6d);
    }
    return numbers[0];
  }

  beOutsider() {
    this.doing = 'an outsider grows the memory';
    this.see([this.world.grow(1 + this.below(2))]);
  }

  open(place) {
    const kind = this.pick(KINDS);
    const parent = this.pick(this.subjects);
    const isFit = parent && parent.height < HEIGHT && kind.isFor(parent.kind);
    const on = isFit && this.oneIn(2) ? parent : undefined;
    const options = kind.options(this);
    this.doing = `open ${kind.name} ${JSON.stringify(options)} on ${on?.kind.name ?? 'the memory'}`;
    const it = kind.open(this.world, on?.it, options);
    this.see([it ? 1 : 0]);
    if (it) this.subjects[place] = new Subject(kind, it, options, on);
  }

  close(subject) {
    this.closeChildren(subject);
    this.doing = `close ${subject.kind.name}`;
    subject.it.close();
    this.subjects[this.subjects.indexOf(subject)] = undefined;
  }

  closeChildren(parent) {
    for (const each of this.subjects) if (each?.parent === parent) this.close(each);
  }

  use(subject) {
    const { operations } = subject.kind;
    const total = operations.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.below(total);
    const [, operation] = operations.find(([weight]) => (at -= weight) < 0);
    this[operation](subject);
  }

  /** A block that was handed out, of which the first `kept` bytes, and what is to be 0, are known. */
  own(subject, ptr, size, kept, isZero) {
    if (this.see([ptr]) === 0 || size === 0) return;
    const known = Math.min(LOOKED_AT, isZero ? size : kept);
    if (known) this.see([this.world.sum(ptr, known)]);
    this.world.fill(ptr, size, this.filling);
    subject.blocks.push({ ptr, size });
  }

  alloc(subject) {
    if (subject.blocks.length === BLOCKS) return this.reset(subject);
    let [size, align] = [this.size(), this.align()];
    let method = this.pick(['alloc', 'alloc', 'tryAlloc', 'allocZeroed', 'view', 'view']);
    if (method === 'view') {
      const [name, bytes] = this.pick(VIEWS);
      method = name;
      align = Math.max(align, bytes);
      size -= size % bytes;
    }
    if (this.oneIn(2)) align = Math.max(8, align % 16);
    this.doing = `arena.${method}(${size} bytes, ${align})`;
    const ptr = subject.it.alloc(size, align, method);
    return this.own(subject, ptr, size, 0, subject.options.zero || method === 'allocZeroed');
  }

  /** A frame, and the same once more, which finds its views in the cache. */
  frame(subject) {
    const views = 1 + this.below(6);
    const length = this.below(100);
    this.doing = `two frames of ${views} × float32(${length})`;
    this.see(subject.it.frame(views, length));
    this.see(subject.it.frame(views, length));
  }

  allocBlock(subject) {
    if (subject.blocks.length === BLOCKS) return this.freeBlock(subject);
    const [size, align] = [this.size(), subject.kind.align ?? this.align()];
    this.doing = `${subject.kind.name}.alloc(${size}, ${align})`;
    return this.own(subject, subject.it.alloc(size, align), size, 0, false);
  }

  allocObject(subject) {
    if (subject.blocks.length === BLOCKS) return this.freeBlock(subject);
    this.doing = 'pool.alloc()';
    return this.own(subject, subject.it.alloc(), subject.options.size, 0, false);
  }

  freeBlock(subject) {
    const block = this.someBlock(subject);
    if (!block) return;
    this.doing = `${subject.kind.name}.free(${block.ptr}, ${block.size})`;
    this.see([subject.it.free(block.ptr, block.size)]);
    this.forget(subject, block);
  }

  realloc(subject) {
    const block = this.someBlock(subject);
    if (!block) return;
    const { ptr, size } = block;
    const [newSize, align] = [this.newSize(size), subject.kind.align ?? this.align()];
    this.doing = `${subject.kind.name}.realloc(${ptr}, ${size}, ${newSize}, ${align})`;
    const moved = subject.it.realloc(ptr, size, newSize, align);
    const kept = Math.min(size, newSize);
    if (moved === ptr && newSize) {
      this.see([moved, this.world.sum(ptr, Math.min(LOOKED_AT, kept))]);
      this.world.fill(ptr, newSize, this.filling);
      block.size = newSize;
    } else {
      if (moved) this.forget(subject, block);
      this.own(subject, moved, newSize, kept, false);
    }
  }

  resize(subject) {
    const block = this.someBlock(subject);
    if (!block) return;
    const size = this.newSize(block.size);
    this.doing = `${subject.kind.name}.resize(${block.ptr}, ${block.size}, ${size})`;
    const isDone = this.see([subject.it.resize(block.ptr, block.size, size)]);
    if (isDone && !size) this.forget(subject, block);
    else if (isDone) block.size = size;
  }

  mark(subject) {
    if (subject.marks.length === MARKS) return this.release(subject);
    this.doing = 'arena.mark()';
    subject.marks.push({ mark: subject.it.mark(), count: subject.blocks.length });
  }

  release(subject) {
    const { marks, blocks } = subject;
    if (!marks.length) return;
    this.closeChildren(subject);
    const at = this.below(marks.length);
    this.doing = `arena.release() of mark ${at} of ${marks.length}`;
    const [{ mark, count }] = marks.splice(at);
    subject.it.release(mark);
    blocks.length = count;
  }

  scope(subject) {
    const sizes = Array.from({ length: this.below(5) }, () => this.size());
    this.doing = `arena.scope() of ${sizes}`;
    this.see(subject.it.scope(sizes));
  }

  promote(subject) {
    const { marks, blocks } = subject;
    if (!marks.length) return;
    const at = this.below(marks.length);
    const inside = blocks.slice(marks[at].count);
    if (!inside.length) return;
    this.closeChildren(subject);
    const block = this.pick(inside);
    const size = this.oneIn(2) ? block.size : Math.ceil(block.size / 2);
    const align = this.align();
    this.doing = `arena.promote(mark ${at}, ${block.ptr}, ${size}, ${align})`;
    const ptr = subject.it.promote(marks[at].mark, block.ptr, size, align);
    if (ptr) [{ count: blocks.length }] = marks.splice(at);
    this.own(subject, ptr, size, size, false);
  }

  reset(subject) {
    this.closeChildren(subject);
    this.doing = `${subject.kind.name}.reset()`;
    subject.it.reset();
    subject.blocks.length = subject.marks.length = 0;
  }

  trim(subject) {
    const bytes = this.pick([0, 0, this.size()]);
    this.doing = `arena.trim(${bytes})`;
    subject.it.trim(bytes);
  }

  /** Mostly the last one, with which most can be done. */
  someBlock({ blocks }) {
    return this.oneIn(2) ? blocks.at(-1) : blocks[this.below(blocks.length)];
  }

  /** What was counted when a mark was opened lies before it, and has become one less. */
  forget({ blocks, marks }, block) {
    const at = blocks.indexOf(block);
    blocks.splice(at, 1);
    for (const mark of marks) if (at < mark.count) mark.count--;
  }
}

/** What hands out blocks, and what the program knows of it. */
class Subject {
  constructor(kind, it, options, parent) {
    this.kind = kind;
    this.it = it;
    this.options = options;
    this.parent = parent;
    this.height = parent ? parent.height + 1 : 1;
    this.blocks = [];
    this.marks = [];
  }
}

const ARENA = {
  name: 'arena',
  isFor: () => true,
  options: (program) => ({
    zero: program.oneIn(3),
    limit: program.oneIn(3) ? program.below(60_000) : undefined,
    capacity: program.oneIn(4) ? program.below(8) : program.oneIn(3) ? program.below(9000) : 0,
    views: program.oneIn(4) ? program.below(4) : undefined,
  }),
  open: (world, on, { limit, capacity, ...rest }) =>
    world.openArena(on, { ...rest, limit, capacity: Math.min(capacity, limit ?? capacity) }),
  operations: [
    [30, 'alloc'],
    [4, 'frame'],
    [12, 'realloc'],
    [9, 'mark'],
    [6, 'release'],
    [4, 'scope'],
    [6, 'promote'],
    [2, 'reset'],
    [3, 'trim'],
  ],
};

const HEAP = {
  name: 'heap',
  isFor: () => true,
  options: () => ({}),
  open: (world, on) => world.openHeap(on),
  operations: [
    [40, 'allocBlock'],
    [25, 'freeBlock'],
    [20, 'realloc'],
    [1, 'reset'],
  ],
};

const POOL = {
  name: 'pool',
  isFor: () => true,
  options: (program) => ({
    size: 1 + program.below(program.oneIn(6) ? 9000 : 200),
    align: 2 ** program.below(program.oneIn(4) ? 11 : 5),
    capacity: program.oneIn(2) ? program.below(60) : 0,
    slab: program.oneIn(4) ? 0 : 1 + program.below(20),
  }),
  open: (world, on, options) => world.openPool(on, options),
  operations: [
    [40, 'allocObject'],
    [25, 'freeBlock'],
    [1, 'reset'],
  ],
};

const BUFFER = {
  name: 'buffer',
  isFor: () => true,
  options: (program) => ({ size: program.below(program.oneIn(4) ? 100_000 : 5000) }),
  open: (world, on, options) => world.openBuffer(on, options),
  operations: [
    [40, 'allocBlock'],
    [20, 'freeBlock'],
    [20, 'resize'],
    [2, 'reset'],
  ],
};

/** What counts for a pool knows its objects by their size alone, which leaves nothing to resize. */
const TRACKED = {
  name: 'tracked',
  isFor: (parent) => parent !== POOL && parent !== TRACKED,
  align: 8, // which its blocks are given back with
  options: () => ({}),
  open: (world, on) => on && world.openTracked(on),
  operations: [
    [40, 'allocBlock'],
    [20, 'freeBlock'],
    [10, 'resize'],
    [10, 'realloc'],
  ],
};

const KINDS = [ARENA, ARENA, ARENA, HEAP, POOL, BUFFER, TRACKED];
