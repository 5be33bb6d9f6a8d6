import { readable } from './arena.js';
import { Allocator, checkBlock, checkOpen, forgetChildren, refuse, word } from './allocator.js';
import { checkAlign, checkOptions, checkSize } from './errors.js';

/** Words of the header; src/allocators.c asserts their places. */
const LIMIT = 1;
const START = 2;
const WORDS = 4;

/** What its bytes are aligned to. */
const ALIGN = 16;

/**
 * @typedef {import('./allocator.js').AllocatorOptions & { size: number }} FixedBufferOptions `size`:
 *   bytes, all there are
 */

/**
 * A stack of blocks in one block of a memory, an arena or another allocator. It never grows. The
 * last block can be freed and resized in place; the others wait for the reset.
 *
 * @example
 * const buffer = new FixedBuffer({ size: 1024 });
 * const p = buffer.alloc(100);
 * buffer.resize(p, 100, 200);  // true: it is the last block
 * buffer.free(p, 200);         // true: its bytes are back
 * buffer.remaining;            // 1024
 */
export class FixedBuffer extends Allocator {
  /**
   * @param {FixedBufferOptions} options
   * @throws ERR_ARENA_SIZE a size that is none
   * @throws ERR_ARENA_ARGUMENT options of the wrong type
   * @throws ERR_ARENA_OUT_OF_MEMORY there is no memory for it
   * @throws ERR_ARENA_FREED it would stand on what was freed
   */
  constructor(options) {
    checkOptions(options, {});
    checkSize(options.size, 'size');
    super('FixedBuffer', WORDS, options);
    /**
     * Bytes, all there are.
     * @readonly
     */
    this.size = options.size;
  }

  /**
   * @internal
   * @param {number} backing
   * @param {FixedBufferOptions} options
   */
  _open(backing, { size }) {
    /** @internal */
    this._backing = backing;
    /** @internal where its bytes begin */
    this._bytes = this._core.allocator_alloc(backing, size, ALIGN) >>> 0;
    return this._bytes && this._core.fixed_buffer_open(this._address, this._bytes, size);
  }

  /**
   * A block of `size` bytes, uninitialised.
   *
   * The same few lines stand in src/fixed_buffer.h, and in Arena.alloc, which says more of them.
   *
   * @param {number} size bytes
   * @param {number} [align] a power of two from 1 to 65,536; default 8
   * @returns {number} a byte offset that is a multiple of `align`; 0 bytes give one too
   * @throws ERR_ARENA_OUT_OF_MEMORY it does not fit
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_FREED
   */
  alloc(size, align = 8) {
    if (align === 8 && typeof size === 'number') {
      const words = this.memory._words;
      const header = this._header;
      const start = ((words[header] + 7) & -8) >>> 0;
      const end = start + size;
      if (end <= words[header + LIMIT] && size >>> 0 === size) {
        words[header] = end;
        return start;
      }
    }
    return (this.tryAlloc(size, align) || refuse(this, size, `its ${this.size} bytes`)) >>> 0;
  }

  /**
   * The same as `alloc`, but 0 where it does not fit.
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
    const start = Math.ceil(word(this, 0) / align) * align;
    const end = start + size;
    if (end > word(this, LIMIT)) return 0;
    this.memory._words[this._header] = end;
    return start;
  }

  /**
   * Gives the last block back; any other keeps its bytes until the reset.
   *
   * @param {number} ptr byte offset
   * @param {number} size bytes that it has
   * @returns {boolean} whether its bytes are free now
   * @throws ERR_ARENA_BOUNDS [ptr, ptr + size) is not in use here
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  free(ptr, size) {
    checkSize(size, 'size');
    checkBlock(this, ptr, size);
    const isLast = ptr + size === word(this, 0);
    if (isLast) this.memory._words[this._header] = ptr;
    return isLast;
  }

  /**
   * Changes a block's size where it is. The last block gives back what it loses, and grows as far as
   * the bytes go. Shrinking another one gives nothing back.
   *
   * @param {number} ptr byte offset
   * @param {number} oldSize bytes
   * @param {number} newSize bytes
   * @returns {boolean} false: it would grow, and can't; nothing has changed
   * @throws ERR_ARENA_BOUNDS [ptr, ptr + oldSize) is not in use here
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   */
  resize(ptr, oldSize, newSize) {
    checkSize(oldSize, 'oldSize');
    checkSize(newSize, 'newSize');
    checkBlock(this, ptr, oldSize);
    const isLast = ptr + oldSize === word(this, 0);
    if (isLast && ptr + newSize <= word(this, LIMIT)) {
      this.memory._words[this._header] = ptr + newSize;
      return true;
    }
    return newSize <= oldSize;
  }

  /**
   * Everything is free; what stands on it is freed before.
   *
   * @throws ERR_ARENA_FREED
   */
  reset() {
    checkOpen(this);
    const start = word(this, START);
    this.memory._words[this._header] = start;
    forgetChildren(this);
  }

  /** Bytes in use, padding included. */
  get used() {
    return word(this, 0) - word(this, START);
  }

  /** Bytes that are left: a block of so many fits at alignment 1. */
  get remaining() {
    return word(this, LIMIT) - word(this, 0);
  }

  /**
   * @internal
   * @param {number} ptr
   * @param {number} size
   */
  _holds(ptr, size) {
    return ptr >= word(this, START) && ptr + size <= word(this, 0);
  }

  /**
   * @internal one of 0 bytes may be at the mark, and is behind none
   * @param {number} arena
   * @param {number} since
   */
  _isBehind(arena, since) {
    const size = word(this, LIMIT) - word(this, START);
    return size && this._core.holds(arena, since, this._bytes, size);
  }

  /** @internal */
  _close() {
    this._core.allocator_free(this._backing, this._bytes, this.size, ALIGN);
  }

  /** @internal where the hot path finds that nothing fits: cursor 1, limit 0 */
  _retire() {
    super._retire();
    this._header = this.memory._state;
  }

  /** @internal */
  _state() {
    return `used: ${readable(this.used)}, size: ${readable(this.size)}`;
  }
}
