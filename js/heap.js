import { checkOffset, outOfBounds, readable } from './arena.js';
import {
  Allocator,
  checkBlock,
  checkOpen,
  forgetChildren,
  nameOf,
  refuse,
  word,
} from './allocator.js';
import { checkAlign, checkSize } from './errors.js';
import { settle } from './memory.js';

/** Words of the header; src/allocators.c asserts their places. */
const LIVE = 1;
const BLOCKS = 2;
const REGIONS = 8;
const WORDS = 901;

/** What heap_check of src/heap.h finds. */
const FAULTS = [
  '',
  'the list of its regions does not hold together',
  'a header was overwritten',
  'a block reaches out of its region',
  'a block and its neighbour do not agree',
  'a list of free blocks does not hold together',
  'it has lost count of its blocks',
];

/**
 * A general-purpose allocator, for what outlives a frame or a request: blocks of any size, each
 * freed when its time comes, in the memory that the arenas are in. Allocating and freeing take
 * constant time; free neighbours become one; a region without a block goes back to the memory.
 *
 * @example
 * const heap = new Heap();
 * let p = heap.alloc(100);
 * p = heap.realloc(p, 200);
 * heap.free(p);
 * // heap.free(p);        // ERR_ARENA_BOUNDS: it is no block any more
 */
export class Heap extends Allocator {
  /**
   * @param {import('./allocator.js').AllocatorOptions} [options]
   * @throws ERR_ARENA_ARGUMENT options of the wrong type
   * @throws ERR_ARENA_OUT_OF_MEMORY there is no memory for its header
   * @throws ERR_ARENA_FREED it would stand on what was freed
   */
  constructor(options = {}) {
    super('Heap', WORDS, options);
  }

  /**
   * @internal
   * @param {number} backing
   */
  _open(backing) {
    return this._core.heap_open(this._address, backing);
  }

  /**
   * A block of `size` bytes, uninitialised.
   *
   * @param {number} size bytes
   * @param {number} [align] a power of two from 1 to 65,536; default 8
   * @returns {number} a byte offset that is a multiple of `align`; 0 bytes give one of its own
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   */
  alloc(size, align = 8) {
    return this.tryAlloc(size, align) || refuseBlock(this, size);
  }

  /**
   * The same as `alloc`, but 0 where memory doesn't suffice.
   *
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset, or 0
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_FREED
   */
  tryAlloc(size, align = 8) {
    checkSize(size, 'size');
    if (align !== 8) checkAlign(align);
    checkOpen(this);
    const ptr = this._core.heap_alloc(this._address, size, align) >>> 0;
    settle(this.memory);
    return ptr;
  }

  /**
   * Frees a block.
   *
   * @param {number} ptr byte offset
   * @throws ERR_ARENA_BOUNDS it is no block: freed already, somebody else's, or made up; or what
   *   stands beside it was overwritten. Nothing has changed then.
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  free(ptr) {
    checkOffset(ptr);
    checkOpen(this);
    if (ptr >>> 0 === ptr && this._core.heap_free(this._address, ptr)) return;
    checkBlock(this, ptr, 0);
    throw outOfBounds(`what is beside the block at ${ptr} of ${nameOf(this)} was overwritten`);
  }

  /**
   * Changes a block's size: where it is, if what follows it is free; by a copy otherwise. Shrinking
   * gives the tail back. `ptr` 0 allocates.
   *
   * @param {number} ptr byte offset
   * @param {number} size bytes
   * @param {number} [align] default 8; a block that is not at a multiple of it is copied
   * @returns {number} the byte offset where the block is now
   * @throws ERR_ARENA_BOUNDS as `free`
   * @throws ERR_ARENA_OUT_OF_MEMORY the old block is intact
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  realloc(ptr, size, align = 8) {
    checkSize(size, 'size');
    checkAlign(align);
    if (ptr !== 0) checkBlock(this, ptr, 0);
    checkOpen(this);
    const moved = this._core.heap_realloc(this._address, ptr, size, align) >>> 0;
    settle(this.memory);
    return moved || refuseBlock(this, size);
  }

  /**
   * Bytes that a block may use: at least as many as were asked for.
   *
   * @param {number} ptr byte offset
   * @returns {number}
   * @throws ERR_ARENA_BOUNDS, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  sizeOf(ptr) {
    checkBlock(this, ptr, 0);
    return this._core.heap_size(this._address, ptr) >>> 0;
  }

  /**
   * Walks all regions, blocks and lists.
   *
   * @throws ERR_ARENA_BOUNDS something was overwritten; the message says what was found first
   * @throws ERR_ARENA_FREED
   */
  check() {
    checkOpen(this);
    const fault = this._core.heap_check(this._address);
    if (fault) throw outOfBounds(`${nameOf(this)}: ${FAULTS[fault]}`);
  }

  /**
   * Frees all blocks and gives all regions back; what stands on it is freed before.
   *
   * @throws ERR_ARENA_FREED
   */
  reset() {
    checkOpen(this);
    this._core.heap_reset(this._address);
    forgetChildren(this);
  }

  /** Blocks that are not freed. */
  get blocks() {
    return word(this, BLOCKS);
  }

  /** Bytes of those blocks, with their headers. */
  get live() {
    return word(this, LIVE);
  }

  /** Bytes of all regions. */
  get held() {
    return word(this, 0);
  }

  /**
   * @internal
   * @param {number} ptr
   * @param {number} size
   */
  _holds(ptr, size) {
    return this._core.heap_holds(this._address, ptr, size);
  }

  /**
   * @internal
   * @param {number} arena
   * @param {number} since
   */
  _isBehind(arena, since) {
    return this._core.behind(arena, since, word(this, REGIONS));
  }

  /** @internal */
  _close() {
    this._core.heap_reset(this._address);
  }

  /** @internal */
  _state() {
    return `blocks: ${this.blocks}, live: ${readable(this.live)}, held: ${readable(this.held)}`;
  }
}

/**
 * @param {Heap} heap
 * @param {number} size
 * @returns {never}
 */
function refuseBlock(heap, size) {
  heap.check();
  return refuse(heap, size);
}
