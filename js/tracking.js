import { Allocator, checkBlock, checkOpen, childrenBehind, refuse, word } from './allocator.js';
import { badArgument, checkAlign, checkOptions, checkSize } from './errors.js';
import { settle } from './memory.js';

/** Words of the header; src/allocators.c asserts their places. */
const COUNTERS = ['allocations', 'frees', 'live', 'peak', 'failures'];
const WORDS = 7;

/**
 * @typedef {object} TrackingStats
 * @property {number} allocations blocks given out
 * @property {number} frees blocks given back
 * @property {number} live bytes of the blocks that are out
 * @property {number} peak the most that `live` ever was
 * @property {number} failures blocks refused
 */

/**
 * Counts what is asked of an allocator: use what this returns in its place.
 *
 * @param {import('./arena.js').Backing} allocator an arena, heap, pool, fixed buffer or tracked one
 * @param {{ label?: string }} [options] `label`: shown in errors and by `util.inspect`
 * @returns {Tracked}
 * @throws ERR_ARENA_ARGUMENT no allocator
 * @throws ERR_ARENA_FREED it was freed
 */
export function track(allocator, options = {}) {
  checkOptions(options, {});
  if (allocator === undefined) throw badArgument('no allocator to track');
  return new Tracked({ label: options.label, on: allocator });
}

/**
 * An allocator that counts what goes through it to another one. What stands on it is counted too.
 *
 * @example
 * const tracked = track(heap);
 * const arena = new Arena({ on: tracked });
 * arena.alloc(100);
 * tracked.stats(); // { allocations: 1, frees: 0, live: 1040, peak: 1040, failures: 0 }
 */
export class Tracked extends Allocator {
  /**
   * @internal
   * @param {import('./allocator.js').AllocatorOptions} options
   */
  constructor(options) {
    super('Tracked', WORDS, options);
  }

  /**
   * @internal
   * @param {number} backing
   */
  _open(backing) {
    return this._core.tracking_open(this._address, backing);
  }

  /**
   * A block of `size` bytes, uninitialised.
   *
   * @param {number} size bytes
   * @param {number} [align] a power of two from 1 to 65,536; default 8
   * @returns {number} a byte offset
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   */
  alloc(size, align = 8) {
    return this.tryAlloc(size, align) || refuse(this, size);
  }

  /**
   * The same as `alloc`, but 0 where there is none.
   *
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset, or 0
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_FREED
   */
  tryAlloc(size, align = 8) {
    checkSize(size, 'size');
    checkAlign(align);
    checkOpen(this);
    return this._call('allocator_alloc', size, align);
  }

  /**
   * Changes a block's size where it is.
   *
   * @param {number} ptr byte offset
   * @param {number} oldSize bytes
   * @param {number} newSize bytes
   * @param {number} [align] what it was asked for with; default 8
   * @returns {boolean} false: it can't be done there; nothing has changed
   * @throws ERR_ARENA_BOUNDS no such block
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  resize(ptr, oldSize, newSize, align = 8) {
    checkSize(oldSize, 'oldSize');
    checkSize(newSize, 'newSize');
    checkAlign(align);
    checkWhole(this, ptr, oldSize);
    return !!this._call('allocator_resize', ptr, oldSize, newSize, align);
  }

  /**
   * Changes a block's size, and moves it if need be.
   *
   * @param {number} ptr byte offset
   * @param {number} oldSize bytes
   * @param {number} newSize bytes
   * @param {number} [align] what it was asked for with; default 8
   * @returns {number} the byte offset where it is now
   * @throws ERR_ARENA_BOUNDS no such block
   * @throws ERR_ARENA_OUT_OF_MEMORY the old block is intact
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  realloc(ptr, oldSize, newSize, align = 8) {
    checkSize(oldSize, 'oldSize');
    checkSize(newSize, 'newSize');
    checkAlign(align);
    checkWhole(this, ptr, oldSize);
    return this._call('allocator_remap', ptr, oldSize, newSize, align) || refuse(this, newSize);
  }

  /**
   * Gives a block back.
   *
   * @param {number} ptr byte offset
   * @param {number} size bytes that it has
   * @param {number} [align] what it was asked for with; default 8
   * @throws ERR_ARENA_BOUNDS no such block
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  free(ptr, size, align = 8) {
    checkSize(size, 'size');
    checkAlign(align);
    checkWhole(this, ptr, size);
    this._call('allocator_free', ptr, size, align);
  }

  /**
   * What went through it so far.
   *
   * @returns {TrackingStats}
   */
  stats() {
    const entries = COUNTERS.map((name, index) => [name, word(this, index)]);
    return Object.fromEntries(entries);
  }

  /**
   * @internal
   * @param {string} name
   * @param {...number} args
   */
  _call(name, ...args) {
    const result = this._core[name](this._allocator, ...args) >>> 0;
    settle(this.memory);
    return result;
  }

  /**
   * @internal
   * @param {number} ptr
   * @param {number} size
   */
  _holds(ptr, size) {
    return this._parent._holds(ptr, size);
  }

  /**
   * @internal it has no blocks of its own
   * @param {number} arena
   * @param {number} since
   */
  _behind(arena, since) {
    return childrenBehind(this, arena, since);
  }

  /** @internal its blocks are those of what it tracks */
  _close() {}

  /** @internal */
  _state() {
    const { allocations, frees, live } = this.stats();
    return `allocations: ${allocations}, frees: ${frees}, live: ${live}`;
  }
}

/**
 * Throws unless a block begins at `ptr` and has so many bytes, as far as what is tracked can tell:
 * of a pool an offset inside of an object is none.
 *
 * @param {Tracked} tracked
 * @param {number} ptr
 * @param {number} size
 */
function checkWhole(tracked, ptr, size) {
  let on = tracked._parent;
  while (on instanceof Tracked) on = on._parent;
  checkBlock(tracked, ptr, size);
  if (on._kind === 'Pool') checkBlock(tracked, ptr, on.size);
}
