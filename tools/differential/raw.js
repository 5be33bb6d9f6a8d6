/**
 * The world of a program that goes through the exports of the two wasm modules and does everything
 * else itself, as a program in C would: what is done here in JavaScript is what arena.h has inline.
 *
 * Whatever it does can be recorded, for native code to do it again (native.js).
 */
import * as second from '../../js/allocators_wasm.js';
import * as first from '../../js/wasm.js';
import { PAGE, sum } from './bytes.js';

/** Words of the state and of headers; src/exports.c and src/allocators.c assert their places. */
const CHUNKS = 14;
const FRONTIER = 15;
const GROWS = 18;
const FREE = 22;
const HEADERS = 55;
const ARENA = { size: 56, cursor: 0, start: 2, mark: 3, peak: 4, settled: 5, high: 6, capacity: 7 };
const BASE = 8;
const HEAP = { size: 3604, held: 0, live: 1, blocks: 2 };
const POOL = { size: 68, live: 1, stride: 7, capacity: 10 };
const BUFFER = { size: 16, cursor: 0, limit: 1, start: 2 };
const TRACKED = { size: 28, counters: 5 };

/** Bytes of the header that js/ has for what was disposed of, from the first allocator on. */
const DEAD = 32;

/** What fixed buffers begin at a multiple of. */
const BUFFER_ALIGN = 16;

/** The limit of an arena that has none. */
const NO_LIMIT = 0xffffffff;

/**
 * What each export gives and takes: an address (p), a truth value (b), a number (n), nothing (v).
 *
 * @type {Record<string, string>}
 */
export const SIGNATURES = {
  'first.open': 'bpnnn',
  'first.free': 'vp',
  'first.alloc': 'ppnn',
  'first.realloc': 'pppnnn',
  'first.release': 'vppp',
  'first.promote': 'pppppnn',
  'first.reset': 'vp',
  'first.trim': 'vpn',
  'second.init': 'pp',
  'second.open': 'bpnnnp',
  'second.free': 'vp',
  'second.alloc': 'ppnn',
  'second.realloc': 'pppnnn',
  'second.release': 'vppp',
  'second.promote': 'pppppnn',
  'second.reset': 'vp',
  'second.trim': 'vpn',
  'second.allocator_alloc': 'ppnn',
  'second.allocator_resize': 'bppnnn',
  'second.allocator_remap': 'pppnnn',
  'second.allocator_free': 'vppnn',
  'second.arena_allocator': 'pp',
  'second.fixed_buffer_open': 'pppn',
  'second.pool_open': 'bppnnnn',
  'second.pool_allocator': 'pp',
  'second.pool_alloc': 'pp',
  'second.pool_free': 'bpp',
  'second.pool_reset': 'vp',
  'second.pool_close': 'vp',
  'second.heap_open': 'ppp',
  'second.heap_alloc': 'ppnn',
  'second.heap_free': 'bpp',
  'second.heap_realloc': 'pppnn',
  'second.heap_reset': 'vp',
  'second.tracking_open': 'ppp',
};

/** Pages that a recorded world leaves alone, and fills with headers of its own. */
export const HEADERS_FROM = PAGE;
export const CHUNKS_FROM = 2 * PAGE;

/**
 * @param {object} [recorder] gets all that is done, and what came of it. Headers lie in
 *   [HEADERS_FROM, CHUNKS_FROM) then and chunks behind them, so that nothing is below a page, where
 *   native code may have nothing; elsewhere headers are where js/ has them.
 * @returns {(memory: { reserve: number, maximum: number }) => RawWorld}
 */
export const rawWorld = (recorder) => (memory) => new RawWorld(memory, recorder);

class RawWorld {
  constructor({ reserve, maximum }, recorder) {
    const more = recorder ? CHUNKS_FROM / PAGE : 0;
    const [initial, most] = [reserve + more, maximum + more];
    this.memory = new WebAssembly.Memory({ initial, maximum: most });
    const imports = { env: { memory: this.memory } };
    const modules = { first, second };
    this.exports = {};
    for (const [name, { moduleBytes }] of Object.entries(modules)) {
      moduleBytes.compiled ??= new WebAssembly.Module(moduleBytes());
      const { exports } = new WebAssembly.Instance(moduleBytes.compiled, imports);
      for (const key of Object.keys(exports)) this.exports[`${name}.${key}`] = exports[key];
    }
    this.state = this.exports['first.init'](most * PAGE);
    this.recorder = undefined;
    if (recorder) {
      const room = CHUNKS_FROM - this.word(this.state, FRONTIER) - 16;
      this.exports['first.alloc'](this.state + 4 * HEADERS, room, 8);
      this.recorder = recorder;
      recorder.begin({ state: this.state, initial, maximum: most });
    }
    this.bump = HEADERS_FROM;
    /** @type {Record<number, number[]>} headers that are not in use, by their size */
    this.headers = {};
    this.chunks = this.call('second.init', this.state + 4 * CHUNKS);
    this.fill(this.newHeader(DEAD), DEAD, 0);
    this.openHeap().close(); // as api.js does
  }

  step(number) {
    this.recorder?.step(number);
  }

  /** Calls an export. */
  call(name, ...args) {
    const value = this.exports[name](...args) >>> 0;
    this.recorder?.call(name, args, value);
    return value;
  }

  get words() {
    if (!this.view?.length) this.view = new Uint32Array(this.memory.buffer);
    return this.view;
  }

  get bytes() {
    if (!this.byteView?.length) this.byteView = new Uint8Array(this.memory.buffer);
    return this.byteView;
  }

  word(address, index) {
    const value = this.words[address / 4 + index];
    this.recorder?.load(address + 4 * index, value);
    return value;
  }

  setWord(address, index, value) {
    this.words[address / 4 + index] = value;
    this.recorder?.store(address + 4 * index, value);
  }

  stats() {
    const at = (index) => this.word(this.state, index);
    return [at(FRONTIER), at(FREE), this.memory.buffer.byteLength, at(GROWS)];
  }

  grow(pages) {
    try {
      const before = this.memory.grow(pages);
      this.recorder?.grow(pages);
      return before;
    } catch {
      return -1;
    }
  }

  fill(ptr, size, byte) {
    this.bytes.fill(byte, ptr, ptr + size);
    this.recorder?.fill(ptr, size, byte);
  }

  sum(ptr, size) {
    const value = sum(this.bytes, ptr, size);
    this.recorder?.sum(ptr, size, value);
    return value;
  }

  newHeader(size) {
    const freed = this.headers[size]?.pop();
    if (freed) return freed;
    if (!this.recorder) return this.call('first.alloc', this.state + 4 * HEADERS, size, 8);
    const header = this.bump;
    this.bump += Math.ceil(size / 8) * 8;
    if (this.bump > CHUNKS_FROM) throw new Error('no room for headers');
    return header;
  }

  returnHeader(header, size) {
    if (header) (this.headers[size] ??= []).push(header);
  }

  /** The address of what an allocator stands on. */
  ground(on) {
    return on ? on.allocator() : this.chunks;
  }

  openArena(on, { limit = NO_LIMIT, capacity, zero }) {
    const header = this.newHeader(ARENA.size);
    if (!header) return 0;
    const least = on ? 0 : capacity;
    let isOpen = this.call('first.open', header, least, limit, +zero);
    const ground = isOpen && on && this.ground(on);
    if (ground) isOpen = this.call('second.open', header, capacity, limit, +zero, ground);
    if (isOpen) return new RawArena(this, header, on ? 'second' : 'first', limit);
    this.returnHeader(header, ARENA.size);
    return 0;
  }

  openHeap(on) {
    const ground = this.ground(on);
    return this.open(RawHeap, HEAP.size, (header) => this.call('second.heap_open', header, ground));
  }

  openPool(on, { size, align, capacity, slab }) {
    const ground = this.ground(on);
    return this.open(RawPool, POOL.size, (header) => {
      const isOpen = this.call('second.pool_open', header, ground, size, align, capacity, slab);
      return isOpen && this.call('second.pool_allocator', header);
    });
  }

  openBuffer(on, { size }) {
    const ground = this.ground(on);
    const buffer = this.open(RawBuffer, BUFFER.size, (header) => {
      const bytes = this.call('second.allocator_alloc', ground, size, BUFFER_ALIGN);
      return bytes && this.call('second.fixed_buffer_open', header, bytes, size);
    });
    if (buffer) Object.assign(buffer, { ground, size });
    return buffer;
  }

  openTracked(on) {
    const ground = this.ground(on);
    const { size } = TRACKED;
    return this.open(RawTracked, size, (header) =>
      this.call('second.tracking_open', header, ground),
    );
  }

  open(Kind, size, begin) {
    const header = this.newHeader(size);
    const allocator = header && begin(header);
    if (allocator) return new Kind(this, header, allocator);
    this.returnHeader(header, size);
    return 0;
  }
}

class RawArena {
  constructor(world, header, module, limit) {
    this.world = world;
    this.header = header;
    this.module = module;
    this.limit = limit;
    /** Positions of the open marks, oldest first. */
    this.marks = [];
  }

  allocator() {
    return this.world.call('second.arena_allocator', this.header);
  }

  call(name, ...args) {
    return this.world.call(`${this.module}.${name}`, this.header, ...args);
  }

  word(index) {
    return this.world.word(this.header, index);
  }

  counts() {
    const [start, cursor] = [this.word(ARENA.start), this.word(ARENA.cursor)];
    const settled = this.word(ARENA.settled);
    const reached = settled + Math.max(cursor, this.word(ARENA.peak)) - start;
    const highWater = Math.max(this.word(ARENA.high), reached);
    const capacity = Math.min(this.word(ARENA.capacity), this.limit);
    return [settled + cursor - start, highWater, capacity, this.word(BASE)];
  }

  alloc(size, align, method) {
    const ptr = this.call('alloc', size, align);
    if (ptr && method === 'allocZeroed') this.world.fill(ptr, size, 0);
    return ptr;
  }

  frame(views, length) {
    this.mark();
    const offsets = Array.from({ length: views }, () => this.call('alloc', 4 * length, 4));
    this.release(this.marks.length - 1);
    return offsets;
  }

  realloc(ptr, size, newSize, align) {
    return this.call('realloc', ptr, size, newSize, align);
  }

  /** A mark is how many there were before. */
  mark() {
    const position = this.word(ARENA.cursor);
    this.world.setWord(this.header, ARENA.mark, position);
    return this.marks.push(position) - 1;
  }

  release(mark) {
    const [position] = this.marks.splice(mark);
    this.call('release', position, this.marks.at(-1) ?? 0);
  }

  scope(sizes) {
    const mark = this.mark();
    const offsets = sizes.map((size) => this.call('alloc', size, 8));
    this.release(mark);
    return offsets;
  }

  promote(mark, ptr, size, align) {
    const outer = this.marks[mark - 1] ?? 0;
    const moved = this.call('promote', this.marks[mark], outer, ptr, size, align);
    if (moved) this.marks.length = mark;
    return moved;
  }

  reset() {
    this.marks = [];
    this.call('reset');
  }

  trim(bytes) {
    this.call('trim', bytes);
  }

  close() {
    this.call('free');
    this.world.returnHeader(this.header, ARENA.size);
  }
}

/** What the others have in common. */
class RawAllocator {
  constructor(world, header, allocator) {
    this.world = world;
    this.header = header;
    this.address = allocator;
  }

  allocator() {
    return this.address;
  }

  call(name, ...args) {
    return this.world.call(`second.${name}`, this.header, ...args);
  }

  /** By the methods that any allocator has. */
  ask(method, ...args) {
    return this.world.call(`second.allocator_${method}`, this.address, ...args);
  }

  word(index) {
    return this.world.word(this.header, index);
  }
}

class RawHeap extends RawAllocator {
  counts() {
    return [this.word(HEAP.held), this.word(HEAP.live), this.word(HEAP.blocks)];
  }

  alloc(size, align) {
    return this.call('heap_alloc', size, align);
  }

  free(ptr) {
    return this.call('heap_free', ptr);
  }

  realloc(ptr, size, newSize, align) {
    return this.call('heap_realloc', ptr, newSize, align);
  }

  reset() {
    this.call('heap_reset');
  }

  close() {
    this.call('heap_reset');
    this.world.returnHeader(this.header, HEAP.size);
  }
}

class RawPool extends RawAllocator {
  counts() {
    return [this.word(POOL.live), this.word(POOL.capacity), this.word(POOL.stride)];
  }

  alloc() {
    return this.call('pool_alloc');
  }

  free(ptr) {
    return this.call('pool_free', ptr);
  }

  reset() {
    this.call('pool_reset');
  }

  close() {
    this.call('pool_close');
    this.world.returnHeader(this.header, POOL.size);
  }
}

class RawBuffer extends RawAllocator {
  counts() {
    const [cursor, limit] = [this.word(BUFFER.cursor), this.word(BUFFER.limit)];
    return [cursor - this.word(BUFFER.start), limit - cursor];
  }

  alloc(size, align) {
    return this.ask('alloc', size, align);
  }

  free(ptr, size) {
    const isLast = ptr + size === this.word(BUFFER.cursor);
    this.ask('free', ptr, size, 1);
    return +isLast;
  }

  resize(ptr, size, newSize) {
    return this.ask('resize', ptr, size, newSize, 1);
  }

  reset() {
    this.world.setWord(this.header, BUFFER.cursor, this.word(BUFFER.start));
  }

  close() {
    const start = this.word(BUFFER.start);
    this.world.call('second.allocator_free', this.ground, start, this.size, BUFFER_ALIGN);
    this.world.returnHeader(this.header, BUFFER.size);
  }
}

class RawTracked extends RawAllocator {
  counts() {
    return Array.from({ length: TRACKED.counters }, (_, index) => this.word(index));
  }

  alloc(size, align) {
    return this.ask('alloc', size, align);
  }

  free(ptr, size) {
    this.ask('free', ptr, size, 8);
    return 1;
  }

  resize(ptr, size, newSize) {
    return this.ask('resize', ptr, size, newSize, 8);
  }

  realloc(ptr, size, newSize, align) {
    return this.ask('remap', ptr, size, newSize, align);
  }

  close() {
    this.world.returnHeader(this.header, TRACKED.size);
  }
}
