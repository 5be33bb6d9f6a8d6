import { checkOffset, outOfBounds, readable } from './arena.js';
import { Allocator, checkOpen, forgetChildren, nameOf, refuse, word } from './allocator.js';
import { badArgument, checkAlign, checkOptions, checkSize } from './errors.js';
import { settle } from './memory.js';

/** Words of the header; src/allocators.c asserts their places. */
const LIVE = 1;
const FRESH = 2;
const START = 3;
const END = 4;
const BITS = 5;
const SHIFT = 6;
const STRIDE = 7;
const CAPACITY = 10;
const FIRST = 13;
const WORDS = 17;

/** Bytes of objects that the first slab has at least where no capacity was given. */
const SLAB = 4096;

/**
 * @typedef {object} PoolShape
 * @property {number} size bytes of an object, from 1
 * @property {number} [align] objects begin at multiples of this; default 8
 * @property {number} [capacity] objects to have ready, in one run; without `slab` the pool has no
 *   more than these. Without a capacity the pool grows as it needs.
 * @property {number} [slab] the pool grows by slabs of so many objects at least, each as big as all
 *   before it together
 *
 * @typedef {import('./allocator.js').AllocatorOptions & PoolShape} PoolOptions
 */

/**
 * Objects of one size, allocated and freed in constant time. They lie densely, in the order of
 * their addresses, and have no headers; which ones are live is known by a bit each.
 *
 * @example
 * const particles = new Pool({ size: 32, capacity: 1000 });
 * const p = particles.alloc();
 * particles.view(Float32Array, p, 8).fill(0);
 * for (const each of particles) console.log(each); // p
 * particles.free(p);
 * // particles.free(p);   // ERR_ARENA_BOUNDS: it is no live object any more
 */
export class Pool extends Allocator {
  /**
   * @param {PoolOptions} options
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT bad options
   * @throws ERR_ARENA_OUT_OF_MEMORY there is no memory for its capacity
   * @throws ERR_ARENA_FREED it would stand on what was freed
   */
  constructor(options) {
    checkOptions(options, {});
    const { size, align = 8, capacity = 0, slab = 0 } = options;
    checkSize(size, 'size');
    checkAlign(align);
    checkSize(capacity, 'capacity');
    checkSize(slab, 'slab');
    if (!size) throw badArgument('objects of 0 bytes are none');
    super('Pool', WORDS, options);
    /** Bytes of an object. */
    this.size = size;
  }

  /**
   * @internal
   * @param {number} backing
   * @param {PoolOptions} options
   */
  _open(backing, { size, align = 8, capacity, slab }) {
    slab ??= capacity === undefined ? Math.ceil(SLAB / size) : 0;
    /** @internal */
    this._grows = slab > 0;
    const { pool_open, pool_allocator } = this._core;
    const done = pool_open(this._address, backing, size, align, capacity ?? 0, slab);
    return done && pool_allocator(this._address);
  }

  /**
   * An object, uninitialised.
   *
   * @returns {number} a byte offset
   * @throws ERR_ARENA_OUT_OF_MEMORY all are live, and the pool does not grow
   * @throws ERR_ARENA_FREED
   */
  alloc() {
    return (this.tryAlloc() || refuseObject(this)) >>> 0;
  }

  /**
   * The same as `alloc`, but 0 where there is none.
   *
   * The same few lines stand in src/pool.h: the object that was freed last, or else the next one
   * that was never used, where that is one of the hot slab. The rest is C's. A stale word is
   * undefined, which is in no slab.
   *
   * @returns {number} a byte offset, or 0
   * @throws ERR_ARENA_FREED
   */
  tryAlloc() {
    const words = this.memory._words;
    const header = this._header;
    const freed = words[header];
    const ptr = freed || words[header + FRESH];
    const start = words[header + START];
    if (ptr >= start && ptr < words[header + END]) {
      words[header] = freed && words[freed >>> 2];
      if (!freed) words[header + FRESH] = ptr + words[header + STRIDE];
      const bit = (ptr - start) >>> words[header + SHIFT];
      words[(words[header + BITS] >>> 2) + (bit >>> 5)] |= 1 << (bit & 31);
      words[header + LIVE]++;
      return ptr;
    }
    return allocSlow(this);
  }

  /**
   * Frees an object.
   *
   * @param {number} ptr byte offset
   * @throws ERR_ARENA_BOUNDS it is no live object: freed already, somebody else's, or an offset
   *   inside of one. Nothing has changed then.
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  free(ptr) {
    checkOffset(ptr);
    const words = this.memory._words;
    const header = this._header;
    const offset = ptr - words[header + START];
    if (offset >= 0 && ptr < words[header + END]) {
      const shift = words[header + SHIFT];
      const index = offset >>> shift;
      const at = (words[header + BITS] >>> 2) + (index >>> 5);
      const bit = 1 << (index & 31);
      if ((index << shift) >>> 0 === offset && words[at] & bit) {
        words[at] ^= bit;
        words[ptr >>> 2] = words[header];
        words[header] = ptr;
        words[header + LIVE]--;
        return;
      }
    }
    freeSlow(this, ptr);
  }

  /**
   * The offsets of the live objects, from slab to slab, in each by address. Objects may be
   * allocated and freed on the way.
   *
   * @returns {Generator<number, void>}
   * @throws ERR_ARENA_FREED
   */
  *[Symbol.iterator]() {
    for (let ptr = this.next(0); ptr; ptr = this.next(ptr)) yield ptr;
  }

  /**
   * The live object that follows the one at `ptr`: the way to iterate that makes no garbage.
   *
   * @param {number} ptr byte offset of an object, which may be freed by now; 0 begins
   * @returns {number} a byte offset; 0 is the end
   * @throws ERR_ARENA_BOUNDS, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   * @example
   * for (let p = pool.next(0); p; p = pool.next(p)) memory.f32[p / 4] += 1;
   */
  next(ptr) {
    checkOffset(ptr);
    checkOpen(this);
    if (ptr >>> 0 !== ptr) throw outOfBounds(`no object of ${nameOf(this)} is at ${ptr}`);
    return this._core.pool_next(this._address, ptr) >>> 0;
  }

  /**
   * All objects are free; the slabs are kept. What stands on it is freed before.
   *
   * @throws ERR_ARENA_FREED
   */
  reset() {
    checkOpen(this);
    this._core.pool_reset(this._address);
    forgetChildren(this);
  }

  /** Live objects. */
  get live() {
    return word(this, LIVE);
  }

  /** Objects that may be live without a further slab. */
  get capacity() {
    return word(this, CAPACITY);
  }

  /** Bytes from one object to the next: the size, rounded up to the alignment and to 4 bytes. */
  get stride() {
    return word(this, STRIDE);
  }

  /**
   * @internal
   * @param {number} ptr
   * @param {number} size
   */
  _holds(ptr, size) {
    return this._core.pool_holds(this._address, ptr, size);
  }

  /**
   * @internal
   * @param {number} arena
   * @param {number} since
   */
  _isBehind(arena, since) {
    return this._core.behind(arena, since, word(this, FIRST));
  }

  /** @internal */
  _close() {
    this._core.pool_close(this._address);
  }

  /** @internal */
  _state() {
    return `live: ${this.live}, capacity: ${this.capacity}, size: ${readable(this.size)}`;
  }
}

/** @param {Pool} pool */
function allocSlow(pool) {
  checkOpen(pool);
  const ptr = pool._core.pool_alloc(pool._address) >>> 0;
  settle(pool.memory);
  return ptr;
}

/**
 * @param {Pool} pool
 * @param {number} ptr
 */
function freeSlow(pool, ptr) {
  settle(pool.memory); // first, because onGrow may dispose of it
  checkOpen(pool);
  if (ptr >>> 0 === ptr && pool._core.pool_free(pool._address, ptr)) return;
  throw outOfBounds(`no live object of ${nameOf(pool)} is at ${ptr}`);
}

/**
 * @param {Pool} pool
 * @returns {never}
 */
function refuseObject(pool) {
  return refuse(pool, pool.size, pool._grows ? undefined : `its capacity of ${pool.capacity}`);
}
