/** The world of a program that goes through the classes of js/, as everybody does. */
import { FixedBuffer, Heap, Pool, track } from '../../js/allocators.js';
import { Arena, ArenaMemory } from '../../js/index.js';
import { throughC } from '../../test/through-c.js';
import { PAGE, sum } from './bytes.js';

/**
 * @param {boolean} forced whether every allocation of arenas and every release goes through C
 * @returns {(memory: { reserve: number, maximum: number }) => ApiWorld}
 */
export const apiWorld = (forced) => (memory) => new ApiWorld(memory, forced);

class ApiWorld {
  constructor({ reserve, maximum }, forced) {
    this.memory = new ArenaMemory({ reserve: reserve * PAGE, maximum: maximum * PAGE });
    new Heap({ memory: this.memory }).dispose(); // the second module begins before words are proxies
    this.twin = forced ? throughC(this.memory) : undefined;
  }

  stats() {
    const { frontier, free, size, grows } = this.memory.stats();
    return [frontier, free, size, grows];
  }

  grow(pages) {
    try {
      return this.memory.wasmMemory.grow(pages);
    } catch {
      return -1;
    }
  }

  fill(ptr, size, byte) {
    this.memory.u8.fill(byte, ptr, ptr + size);
  }

  sum(ptr, size) {
    return sum(this.memory.u8, ptr, size);
  }

  /** The options that say what an allocator stands on. */
  ground(on) {
    return on ? { on: on.it } : { memory: this.memory };
  }

  openArena(on, options) {
    const arena = attempt(() => new Arena({ ...this.ground(on), ...options }));
    if (arena) this.twin?.add(arena);
    return arena && new ApiArena(arena);
  }

  openHeap(on) {
    const heap = attempt(() => new Heap(this.ground(on)));
    return heap && new ApiHeap(heap);
  }

  openPool(on, options) {
    const pool = attempt(() => new Pool({ ...this.ground(on), ...options }));
    return pool && new ApiPool(pool);
  }

  openBuffer(on, options) {
    const buffer = attempt(() => new FixedBuffer({ ...this.ground(on), ...options }));
    return buffer && new ApiBuffer(buffer);
  }

  openTracked(on) {
    const tracked = attempt(() => track(on.it));
    return tracked && new ApiTracked(tracked);
  }
}

/** What `fn` gives, 0 where it is refused. */
function attempt(fn) {
  try {
    return fn();
  } catch (error) {
    if (error.code === 'ERR_ARENA_OUT_OF_MEMORY') return 0;
    throw error;
  }
}

/** Other methods of an arena take bytes; these take elements. */
const BYTES_PER_ELEMENT = {
  ...{ int8: 1, uint8: 1, uint8Clamped: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, float32: 4 },
  ...{ float64: 8, bigInt64: 8, bigUint64: 8 },
};

class ApiArena {
  constructor(it) {
    this.it = it;
  }

  counts() {
    const { used, highWater, capacity, base } = this.it;
    return [used, highWater, capacity, base];
  }

  alloc(size, align, method) {
    const length = size / (BYTES_PER_ELEMENT[method] ?? 1);
    return attempt(() => {
      const block = this.it[method](length, align);
      return typeof block === 'number' ? block : block.byteOffset;
    });
  }

  frame(views, length) {
    const offsets = [];
    const mark = this.it.mark();
    for (let i = 0; i < views; i++) {
      offsets.push(attempt(() => this.it.float32(length).byteOffset));
    }
    this.it.release(mark);
    return offsets;
  }

  realloc(ptr, size, newSize, align) {
    return attempt(() => this.it.realloc(ptr, size, newSize, align));
  }

  mark() {
    return this.it.mark();
  }

  release(mark) {
    this.it.release(mark);
  }

  scope(sizes) {
    return this.it.scope((arena) => sizes.map((size) => arena.tryAlloc(size)));
  }

  promote(mark, ptr, size, align) {
    return attempt(() => this.it.promote(mark, ptr, size, align));
  }

  reset() {
    this.it.reset();
  }

  trim(bytes) {
    this.it.trim(bytes);
  }

  close() {
    this.it.free();
  }
}

class ApiHeap {
  constructor(it) {
    this.it = it;
  }

  counts() {
    const { held, live, blocks } = this.it;
    return [held, live, blocks];
  }

  alloc(size, align) {
    return this.it.tryAlloc(size, align);
  }

  free(ptr) {
    this.it.free(ptr);
    return 1;
  }

  realloc(ptr, size, newSize, align) {
    return attempt(() => this.it.realloc(ptr, newSize, align));
  }

  reset() {
    this.it.reset();
  }

  close() {
    this.it.dispose();
  }
}

class ApiPool {
  constructor(it) {
    this.it = it;
  }

  counts() {
    const { live, capacity, stride } = this.it;
    return [live, capacity, stride];
  }

  alloc() {
    return this.it.tryAlloc();
  }

  free(ptr) {
    this.it.free(ptr);
    return 1;
  }

  reset() {
    this.it.reset();
  }

  close() {
    this.it.dispose();
  }
}

class ApiBuffer {
  constructor(it) {
    this.it = it;
  }

  counts() {
    const { used, remaining } = this.it;
    return [used, remaining];
  }

  alloc(size, align) {
    return this.it.tryAlloc(size, align);
  }

  free(ptr, size) {
    return +this.it.free(ptr, size);
  }

  resize(ptr, size, newSize) {
    return +this.it.resize(ptr, size, newSize);
  }

  reset() {
    this.it.reset();
  }

  close() {
    this.it.dispose();
  }
}

class ApiTracked {
  constructor(it) {
    this.it = it;
  }

  counts() {
    const { allocations, frees, live, peak, failures } = this.it.stats();
    return [allocations, frees, live, peak, failures];
  }

  alloc(size, align) {
    return this.it.tryAlloc(size, align);
  }

  free(ptr, size) {
    this.it.free(ptr, size);
    return 1;
  }

  resize(ptr, size, newSize) {
    return +this.it.resize(ptr, size, newSize);
  }

  realloc(ptr, size, newSize, align) {
    return attempt(() => this.it.realloc(ptr, size, newSize, align));
  }

  close() {
    this.it.dispose();
  }
}
