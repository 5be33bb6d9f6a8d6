/**
 * `npm run soak:arenas`: a thousand arenas in one memory, for as long as you like, each with random
 * blocks, marks, promotions, resets and ends. It fails where a block is not as it was written, a new
 * byte of a zeroing arena does not read 0, or memory does not stay as it is after the first tenth: the
 * frontier, the chunks that nobody holds, RAM.
 *
 *   npm run soak:arenas -- --minutes 10
 *   npm run soak:arenas -- --seed 1      the same programs again
 */
import { parseArgs } from 'node:util';
import { generator } from '../../bench/random.js';
import { Arena, ArenaMemory } from '../../js/index.js';
import { isZero, Pattern } from './mix.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const MINUTES = Number(values.minutes);
const SEED = Number(values.seed);
if (!(MINUTES > 0 && Number.isInteger(SEED))) {
  console.error('--minutes is a number above 0, --seed an integer');
  process.exit(2);
}

const MIB = 2 ** 20;
const ARENAS = 1000;

/**
 * Bytes of chunks that arenas hold at the most: an arena is freed whenever they hold more. Without
 * that it would be 1.5 times as many, so memory is always this full, and its peak is met early.
 */
const LIVE = 32 * MIB;

/** Blocks of an arena, and bytes of a block. */
const BLOCKS = 40;
const BIGGEST = 16384;

/** How far above the bytes that are held the frontier may be: what npm run bench calls churn. */
const FRONTIER = 1.5;

/** How much more than after the first tenth there may be in the end, as a share. */
const MORE = { frontier: 0.05, chunks: 0.15 };

/**
 * How many bytes more than then. RAM swings by 25 MiB: by what V8 leaves to collect, although
 * package.json keeps the young part of its heap at 2 MiB, and by what the system takes back.
 */
const BYTES_MORE = { rss: 32 * MIB, heapUsed: 2 * MIB };

/** Steps until as much is held as ever, and V8 has optimised what there is. */
const WARM_UP = 300_000;

/** Steps between two looks at the clock and at what is held. */
const ROUND = 64;

/** How many failures are shown. */
const SHOWN = 10;

const KINDS = [{}, {}, { zero: true }, { limit: 100_000 }, { capacity: 2000 }, { views: 0 }];

/** Words of the module's state, and of a chunk; src/exports.c and src/chunk.h say the same. */
const FIRST = 20;
const USED = 1;
const FLAGS = 15;

const next = generator(SEED);
const below = (n) => Math.floor(next() * n);
const failures = [];
let step = 0;

/** An arena, and what was written into it. */
class Shadow {
  constructor(memory) {
    this.options = KINDS[below(KINDS.length)];
    this.arena = new Arena({ memory, ...this.options });
    this.blocks = [];
    this.marks = [];
  }

  /** One of what arenas can do. */
  step() {
    const kind = below(100);
    if (kind < 60) this.alloc();
    else if (kind < 72) this.realloc();
    else if (kind < 82) this.mark();
    else if (kind < 89) this.release();
    else if (kind < 94) this.promote();
    else if (kind < 97) this.reset();
    else this.trim();
  }

  alloc() {
    if (this.blocks.length === BLOCKS) return this.reset();
    const size = Math.floor(BIGGEST ** next());
    const align = 2 ** below(below(8) ? 5 : 13);
    const ptr = this.arena.tryAlloc(size, align);
    if (ptr) this.own(ptr, size, 0);
    else if (!this.options.limit) fail(`no ${size} bytes, aligned to ${align}`);
    return undefined;
  }

  /** A new block, of which the first `kept` bytes are another one's. */
  own(ptr, size, kept) {
    const { memory } = this.arena;
    const bytes = memory.u8.subarray(ptr, ptr + size);
    if (this.options.zero && !isZero(bytes.subarray(kept))) fail(`${size} new bytes are not 0`);
    const pattern = new Pattern({ key: step });
    pattern.fill(Buffer.from(memory.buffer, ptr, size), 0);
    this.blocks.push({ ptr, size, pattern });
  }

  check({ pattern, size }, ptr, kept = size) {
    const bytes = Buffer.from(this.arena.memory.buffer, ptr, Math.min(size, kept));
    if (!pattern.is(bytes, 0)) fail(`${size} bytes at ${ptr} are not as they were written`);
  }

  checkAll() {
    for (const block of this.blocks) this.check(block, block.ptr);
  }

  /** Of the youngest blocks, which are most likely the last one of a chunk. */
  realloc() {
    const { blocks, marks } = this;
    if (!blocks.length) return;
    const at = blocks.length - 1 - below(Math.min(3, blocks.length));
    const block = blocks[at];
    const size = 1 + below(2 * block.size);
    let ptr;
    try {
      ptr = this.arena.realloc(block.ptr, block.size, size, 1);
    } catch (error) {
      if (!this.options.limit) throw error;
      this.check(block, block.ptr);
      return;
    }
    this.check(block, ptr, size);
    blocks.splice(at, 1);
    this.own(ptr, size, Math.min(size, block.size));
    if (ptr === block.ptr) blocks.splice(at, 0, blocks.pop());
    else for (const mark of marks) if (at < mark.count) mark.count--;
  }

  mark() {
    if (this.marks.length === 8) return this.release();
    this.marks.push({ mark: this.arena.mark(), count: this.blocks.length });
    return undefined;
  }

  release() {
    if (!this.marks.length) return;
    this.checkAll();
    const [{ mark, count }] = this.marks.splice(below(this.marks.length));
    this.arena.release(mark);
    this.blocks.length = count;
  }

  promote() {
    const { marks, blocks } = this;
    const at = below(marks.length || 1);
    const count = marks[at]?.count ?? blocks.length;
    if (count === blocks.length) return;
    this.checkAll();
    const block = blocks[count + below(blocks.length - count)];
    const ptr = this.arena.promote(marks[at].mark, block.ptr, block.size, 1);
    marks.length = at;
    blocks.length = count;
    this.check(block, ptr);
    this.own(ptr, block.size, block.size);
  }

  reset() {
    this.checkAll();
    this.arena.reset();
    this.blocks.length = this.marks.length = 0;
  }

  trim() {
    this.arena.trim(below(2) ? 0 : below(50_000));
  }

  free() {
    this.checkAll();
    this.arena.free();
  }
}

function fail(what) {
  failures.push(`step ${step}: ${what}`);
}

const memory = new ArenaMemory({ reserve: 64 * MIB, maximum: 256 * MIB });
/* Their headers stay where they are: first, so that in the end nothing is left behind the last one. */
for (const arena of Array.from({ length: ARENAS }, () => new Arena({ memory }))) arena.free();
const begin = memory.stats().frontier;
const shadows = Array.from({ length: ARENAS }, () => new Shadow(memory));
let highest = 0;

console.log(`seed ${SEED}, ${MINUTES} minutes, Node.js ${process.versions.node}`);
run(() => step < WARM_UP);
const begun = step;
const start = performance.now();
const reports = [];
for (let tenth = 1; tenth <= 10 && !failures.length; tenth++) {
  const until = start + (MINUTES * 60_000 * tenth) / 10;
  run(() => performance.now() < until);
  reports.push(report());
  compare(reports[0], reports.at(-1));
}
end();

/** Steps as long as there is time. */
function run(hasTime) {
  while (hasTime() && !failures.length) {
    try {
      for (let i = 0; i < ROUND && !failures.length; i++, step++) shadows[below(ARENAS)].step();
    } catch (error) {
      fail(error.stack);
    }
    let stats = memory.stats();
    highest = Math.max(highest, stats.frontier);
    for (let freed = 0; stats.live > LIVE && !failures.length; stats = memory.stats()) {
      renew(below(ARENAS));
      if (++freed === 10 * ARENAS) fail(`${mib(stats.live)} are held when all arenas were freed`);
    }
  }
}

function renew(at) {
  shadows[at].free();
  shadows[at] = new Shadow(memory);
}

/** How everything is. */
function report() {
  for (const shadow of shadows) shadow.checkAll();
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  const { live, frontier } = memory.stats();
  const result = { frontier: highest, chunks: countFree(), rss, heapUsed };
  const rate = Math.round(((step - begun) * 1000) / (performance.now() - start));
  console.log(
    [
      `${step} steps, ${rate} a second`,
      `held ${mib(live)}, frontier ${mib(frontier)}, at the highest ${mib(highest)}`,
      `${result.chunks} free chunks`,
      `RSS ${mib(rss)}, heap ${mib(heapUsed)}`,
    ].join('; '),
  );
  return result;
}

/** Walks all chunks, and counts those that nobody holds. */
function countFree() {
  const { frontier, free } = memory.stats();
  const words = memory.u32;
  let [count, bytes, isLeftFree] = [0, 0, false];
  for (let at = words[memory._state + FIRST]; at !== frontier;) {
    const tag = words[at / 4];
    const isFree = !(tag & USED);
    if (isFree && isLeftFree) fail(`two free chunks touch at ${at}`);
    if (isFree) [count, bytes] = [count + 1, bytes + tag];
    isLeftFree = isFree;
    at += tag - (tag & FLAGS);
    if (at > frontier) {
      fail(`the chunks lead past the frontier, to ${at}`);
      break;
    }
  }
  if (bytes !== free) fail(`${bytes} bytes of free chunks, where ${free} are counted`);
  return count;
}

function compare(first, last) {
  if (last.frontier > FRONTIER * LIVE) fail(`the frontier: ${mib(last.frontier)}`);
  for (const [name, more] of Object.entries(MORE)) {
    const [was, is] = [first[name], last[name]];
    if (is > was * (1 + more)) fail(`${name}: ${is}, it was ${was} after the first tenth`);
  }
  for (const [name, more] of Object.entries(BYTES_MORE)) {
    const [was, is] = [first[name], last[name]];
    if (is > was + more) fail(`${name}: ${mib(is)}, it was ${mib(was)} after the first tenth`);
  }
}

function mib(bytes) {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

function end() {
  for (const shadow of shadows) shadow.free();
  const { live, frontier, arenas } = memory.stats();
  if (live || frontier !== begin || arenas) {
    fail(`in the end ${arenas} arenas hold ${live} bytes, and the frontier is at ${frontier}`);
  }
  for (const failure of failures.slice(0, SHOWN)) console.error(failure);
  const verdict = failures.length ? `failed: ${failures.length} failures` : 'passed';
  console.log(`soak of arenas ${verdict}: ${step} steps, --seed ${SEED}`);
  process.exitCode = failures.length ? 1 : 0;
}
