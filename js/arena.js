import {
  arenaError,
  badArgument,
  checkAlign,
  checkMost,
  checkOptions,
  checkSize,
  optional,
  outOfMemory,
  refuseValue,
  show,
  unsupported,
} from './errors.js';
import { ArenaMemory, close, current, defaultMemory, open, refusal, settle } from './memory.js';
import { BASE, CAPACITY, HIGH_WATER, MARK, SETTLED } from './words.js';

/** The words of an arena's header that hot paths read; js/words.js has the others, and says why. */
const LIMIT = 1;
const START = 2;
const PEAK = 4;

/** The cursor of an arena without a chunk. */
const NOWHERE = 1;

/** Marks are numbers from 0 to this, given out in turn. */
const MARKS = 0x3fffffff;

/** What `_mark` is while the newest mark is on the stack, and where it always is. */
const ON_STACK = -1;
const ALWAYS_ON_STACK = -2;

/**
 * @internal A view that an earlier frame got, and what has to be as it was then for it to be right
 * again. Where `start` is the cursor, type, length and alignment decide where the block lies, so
 * nothing needs to be computed; `words` differs after a growth. A new one is a miss: no length is
 * equal to its own. It is overwritten by the next frame's view, because a new object for each would
 * be nearly as much garbage as the views.
 */
export class CachedView {
  /** @type {any} */
  Type;
  length = -1;
  align = 0;
  /** Cursor before the block. */
  start = 0;
  /** Cursor behind it. */
  end = 0;
  /** @type {Uint32Array | undefined} the memory's words then */
  words;
  /** @type {any} */
  view;
}

/** What the constructors of all typed arrays inherit from. */
const TypedArray = Object.getPrototypeOf(Int8Array);

/** @type {TextEncoder} made at the first use, as the decoder is: not every host has them */
let encoder;
/** @type {TextDecoder} */
let decoder;

/**
 * @typedef {Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array |
 *   Uint32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array} TypedArray
 */

/**
 * @template T
 * @typedef {new (buffer: ArrayBuffer, ptr: number, length: number) => T} ViewType a typed array's
 *   constructor, or DataView
 */

/**
 * What hands out blocks: an arena, or what `wasm-arena/allocators` has.
 *
 * @typedef {Arena | import('./allocator.js').Allocator} Backing
 */

/**
 * `Float16Array` where TypeScript's `lib` has it.
 *
 * @typedef {typeof globalThis extends { Float16Array: { prototype: infer T } } ? T : never} Half
 */

/**
 * @typedef {object} ArenaOptions
 * @property {ArenaMemory} [memory] where its chunks come from; default: one memory that all arenas
 *   share that name none. That is for applications: a library passes or makes its own.
 * @property {Backing} [on] in place of `memory`: what its chunks come from, an arena, heap, pool,
 *   fixed buffer or tracked allocator. What frees that one frees this arena before.
 * @property {number} [capacity] bytes to have ready; default 0
 * @property {number} [limit] most bytes used at once, padding included; default: no limit
 * @property {boolean} [zero] every byte of a block reads 0 when it is handed out; default false
 * @property {number} [views] most cached views; default 1,024; 0 turns the cache off
 * @property {string} [label] shown in errors and by `util.inspect`
 */

/**
 * A bump arena: allocating moves a cursor, and everything is freed at once.
 *
 * @example
 * const arena = new Arena();
 * const p = arena.alloc(64, 16);    // a byte offset, a multiple of 16
 * const xs = arena.float32(256);    // a Float32Array of 256 elements, uninitialised
 * arena.reset();                    // all of it is free
 * // xs[0] = 1;                     // wrong: that is the next frame's memory now
 */
export class Arena {
  /**
   * @param {ArenaOptions} [options]
   * @throws ERR_ARENA_ARGUMENT options of the wrong type
   * @throws ERR_ARENA_SIZE a capacity, limit or number of views that is none; a capacity above the
   *   limit
   * @throws ERR_ARENA_OUT_OF_MEMORY there is no memory for the capacity
   * @throws ERR_ARENA_UNSUPPORTED the default memory cannot be made here
   */
  constructor(options = {}) {
    checkOptions(options, { zero: 'boolean', label: 'string' });
    const { capacity = 0, limit = 0xffffffff, views = 1024, zero = false, label = '' } = options;
    checkSize(capacity, 'capacity');
    checkSize(limit, 'limit');
    checkSize(views, 'views');
    checkMost(capacity, 'capacity', limit);
    const { on, memory = /** @type {any} */ (on)?.memory ?? defaultMemory() } = options;
    if (!(memory instanceof ArenaMemory)) throw badArgument(`no ArenaMemory: ${show(memory)}`);

    /**
     * The memory that its chunks come from.
     * @readonly
     * @type {ArenaMemory}
     */
    this.memory = memory;
    /** Its name in errors and in `util.inspect`. */
    this.label = label;
    /** @internal the exports that work on it */
    this._core = memory._core;
    /** @internal */
    this._limit = limit;
    /** @internal */
    this._maxViews = views;
    /** @internal the newest open mark, where it is in these fields, and the cursor and index then */
    this._mark = zero ? ALWAYS_ON_STACK : ON_STACK;
    /** @internal */
    this._markCursor = 0;
    /** @internal */
    this._markIndex = 0;
    /** @internal @type {number[]} the marks before it: mark, cursor, index; mark, cursor, index … */
    this._stack = [];
    /** @internal numbers on the stack */
    this._depth = 0;
    /** @internal views by allocation index since the reset, and a miss behind the last one */
    this._cache = [new CachedView()];
    /** @internal which of them comes next */
    this._index = 0;
    /** @internal what `highWater` is once freed */
    this._highWater = 0;
    const begin = /** @type {typeof nest} */ (on === undefined ? open : nest);
    /** @internal word index of the header; of the memory's dead one once freed */
    this._header = begin(memory, this, label, capacity, limit, zero, on) / 4;
  }

  /**
   * A block of `size` bytes.
   *
   * The same few lines stand in src/arena.h, arena_alloc; test/twins.test.js holds them together.
   * The alignment that is nearly always meant has a path of its own. Nothing here coerces: a size
   * that is no number, or no integer from 0 to 2³² − 1, is left to the slow path, which says so. A
   * stale word is undefined, which is below nothing.
   *
   * @param {number} size bytes
   * @param {number} [align] a power of two from 1 to 65,536; default 8
   * @returns {number} a byte offset above 0 that is a multiple of `align`; 0 bytes give one too
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   * @example
   * const p = arena.alloc(64, 16);
   * memory.f32[p / 4] = 1;
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
    return (this.tryAlloc(size, align) || refuse(this, size)) >>> 0;
  }

  /**
   * The same as `alloc`, but 0 where memory or the limit doesn't suffice.
   *
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset, or 0
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_FREED
   */
  tryAlloc(size, align = 8) {
    checkSize(size, 'size');
    checkAlign(align);
    const words = this.memory._words;
    const header = this._header;
    const start = ((words[header] + (align - 1)) & -align) >>> 0;
    if (start + size <= words[header + LIMIT]) {
      words[header] = start + size;
      return start;
    }
    return call(this, this._core.alloc, size, align);
  }

  /**
   * The same as `alloc`, and every byte of the block reads 0.
   *
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   */
  allocZeroed(size, align = 8) {
    return viewToWrite(this, Uint8Array, size, align).fill(0).byteOffset;
  }

  /**
   * Changes a block's size. `ptr` 0 or `oldSize` 0 allocates. A block that is not at a multiple of
   * `align` is copied. Otherwise shrinking stays in place and never fails; growing stays in place
   * for the last block where the next bytes are free, and copies `oldSize` bytes where they are not.
   * The last block gives its tail back. A block that began before the newest open mark is never the
   * last one.
   *
   * @param {number} ptr byte offset
   * @param {number} oldSize bytes
   * @param {number} newSize bytes
   * @param {number} [align] default 8
   * @returns {number} the byte offset where the block is now
   * @throws ERR_ARENA_BOUNDS [ptr, ptr + oldSize) is not in the used bytes of one chunk
   * @throws ERR_ARENA_OUT_OF_MEMORY the old block is intact
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   * @example
   * let p = arena.alloc(100);
   * p = arena.realloc(p, 100, 200); // the last block: the same offset
   */
  realloc(ptr, oldSize, newSize, align = 8) {
    checkSize(oldSize, 'oldSize');
    checkSize(newSize, 'newSize');
    checkAlign(align);
    checkOffset(ptr);
    /*
     * What a growing list does most: the last block, with room behind it. A stale word is undefined,
     * so that none of this holds, and the core sees to it.
     */
    const words = this.memory._words;
    const header = this._header;
    const end = ptr + newSize;
    if (
      ptr >= newestMark(this) &&
      ptr >= words[header + START] &&
      ptr % align === 0 &&
      newSize >= oldSize &&
      ptr + oldSize === words[header] &&
      end <= words[header + LIMIT]
    ) {
      words[header] = end;
      return ptr;
    }
    if (ptr !== 0 && oldSize) checkBlock(this, ptr, oldSize, 0);
    flushMark(this);
    const moved = call(this, this._core.realloc, ptr, oldSize, newSize, align);
    return moved || refuse(this, newSize);
  }

  /**
   * A view on a new block of `length` elements, uninitialised. The others differ by element type
   * only.
   *
   * @param {number} length elements
   * @param {number} [align] bytes, at least the element size, which is the default
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   * @returns {Int8Array<ArrayBuffer>}
   */
  int8(length, align = 1) {
    return this._view(Int8Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint8Array<ArrayBuffer>}
   */
  uint8(length, align = 1) {
    return this._view(Uint8Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint8ClampedArray<ArrayBuffer>}
   */
  uint8Clamped(length, align = 1) {
    return this._view(Uint8ClampedArray, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Int16Array<ArrayBuffer>}
   */
  int16(length, align = 2) {
    return this._view(Int16Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint16Array<ArrayBuffer>}
   */
  uint16(length, align = 2) {
    return this._view(Uint16Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Int32Array<ArrayBuffer>}
   */
  int32(length, align = 4) {
    return this._view(Int32Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint32Array<ArrayBuffer>}
   */
  uint32(length, align = 4) {
    return this._view(Uint32Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Float32Array<ArrayBuffer>}
   */
  float32(length, align = 4) {
    return this._view(Float32Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Float64Array<ArrayBuffer>}
   */
  float64(length, align = 8) {
    return this._view(Float64Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {BigInt64Array<ArrayBuffer>}
   */
  bigInt64(length, align = 8) {
    return this._view(BigInt64Array, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {BigUint64Array<ArrayBuffer>}
   */
  bigUint64(length, align = 8) {
    return this._view(BigUint64Array, length, align);
  }

  /**
   * Where the engine has `Float16Array`.
   *
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Half}
   * @throws ERR_ARENA_UNSUPPORTED it hasn't
   */
  float16(length, align = 2) {
    return /** @type {Half} */ (this._view(optional('Float16Array'), length, align));
  }

  /**
   * @param {number} size bytes
   * @param {number} [align] bytes
   * @returns {DataView<ArrayBuffer>}
   */
  dataView(size, align = 8) {
    return this._view(DataView, size, align);
  }

  /**
   * A copy in the arena, of the same type. The source may lie in the same memory.
   *
   * @template {TypedArray} T
   * @param {T} source
   * @returns {T}
   * @throws ERR_ARENA_ARGUMENT no typed array
   * @throws ERR_ARENA_BOUNDS a stale view: memory has grown since it was made
   * @throws ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   * @example
   * arena.from(new Uint16Array([1, 2, 3])); // Uint16Array(3) [1, 2, 3]
   */
  from(source) {
    const Type = typeOf(source);
    if (Type === DataView) throw badArgument('no typed array');
    const { buffer, byteOffset, length } = source;
    const own = buffer === this.memory.buffer;
    const view = viewToWrite(this, Type, length);
    /* What lies in this memory is stale now where it grew; or grew with it, where it tracks it. */
    view.set(own ? new Type(this.memory._buffer, byteOffset, length) : source);
    return view;
  }

  /**
   * The string's UTF-8 bytes, exactly that long; lone surrogates become U+FFFD.
   *
   * @param {string} string
   * @returns {Uint8Array<ArrayBuffer>}
   * @throws ERR_ARENA_ARGUMENT no string
   * @throws ERR_ARENA_UNSUPPORTED a host without `TextEncoder`, such as an AudioWorklet
   * @throws ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   * @example
   * arena.utf8('grün').length; // 5
   */
  utf8(string) {
    if (typeof string !== 'string') throw badArgument(`no string: ${show(string)}`);
    encoder ??= new (optional('TextEncoder'))();
    const view = viewToWrite(this, Uint8Array, utf8Length(string));
    if (view.buffer.resizable) view.set(encoder.encode(string));
    else encoder.encodeInto(string, view);
    return view;
  }

  /**
   * Decodes UTF-8; what is not valid becomes U+FFFD.
   *
   * @param {ArrayBufferView} view
   * @returns {string}
   * @throws ERR_ARENA_ARGUMENT no view
   * @throws ERR_ARENA_BOUNDS a stale view: memory has grown since it was made
   * @throws ERR_ARENA_UNSUPPORTED a host without `TextDecoder`
   * @example
   * arena.text(arena.utf8('grün')); // 'grün'
   */
  text(view) {
    typeOf(view);
    checkOpen(this);
    decoder ??= new (optional('TextDecoder'))('utf-8', { ignoreBOM: true });
    const { buffer, byteOffset, byteLength } = /** @type {any} */ (view);
    const end = byteOffset + byteLength;
    return decoder.decode(buffer.resizable ? buffer.slice(byteOffset, end) : view);
  }

  /**
   * A view on memory that was handed out earlier: the way to it after a growth.
   *
   * @template {ArrayBufferView} T
   * @param {ViewType<T>} Type a typed array's constructor, or DataView
   * @param {number} ptr byte offset
   * @param {number} length elements; bytes for a DataView
   * @returns {T}
   * @throws ERR_ARENA_BOUNDS not in the used bytes of one chunk
   * @throws ERR_ARENA_ALIGNMENT `ptr` is no multiple of the element size
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_SIZE, ERR_ARENA_FREED
   * @example
   * const p = arena.float32(256).byteOffset;
   * arena.float64(1e6);                        // memory grew
   * const xs = arena.view(Float32Array, p, 256);
   */
  view(Type, ptr, length) {
    checkBlock(this, ptr, viewSize(Type, length), 0);
    return placeView(this.memory, Type, ptr, length);
  }

  /**
   * Opens a mark, which remembers the cursor.
   *
   * It is open until it or an older one is released or promoted, or the arena is reset or freed.
   *
   * @returns {number} opaque; an integer below 2³⁰ that its memory does not repeat for 2³⁰ marks
   * @throws ERR_ARENA_FREED
   * @example
   * const mark = arena.mark();
   * arena.float32(1000);
   * arena.release(mark);       // the 1000 elements are free
   * // arena.release(mark);    // ERR_ARENA_MARK: it is not open any more
   */
  mark() {
    const memory = this.memory;
    const cursor = memory._words[this._header];
    if (this._mark !== ON_STACK || !(cursor > NOWHERE)) return markSlow(this) | 0;
    const mark = memory._serial;
    memory._serial = (mark + 1) & MARKS;
    this._mark = mark;
    this._markCursor = cursor;
    this._markIndex = this._index;
    return mark;
  }

  /**
   * Gives back what came after the mark, and closes it and every younger one.
   *
   * @param {number} mark
   * @throws ERR_ARENA_MARK it is not open in this arena
   * @throws ERR_ARENA_FREED
   */
  release(mark) {
    if (mark === this._mark && mark >= 0) {
      const words = this.memory._words;
      const header = this._header;
      /* The core notes a cursor that was never as high. A stale word is undefined, so not below. */
      if (words[header] <= words[header + PEAK]) {
        words[header] = this._markCursor;
        this._index = this._markIndex;
        this._mark = ON_STACK;
        return;
      }
    }
    releaseSlow(this, mark);
  }

  /**
   * Runs `fn` and gives back what it allocated, also when it throws.
   *
   * @template T
   * @param {(arena: this, mark: number) => T} fn must not be async: what it awaits would run after
   *   the release. An async job has an arena of its own.
   * @returns {T}
   * @throws ERR_ARENA_ASYNC `fn` returned a thenable; the scope is released
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   * @example
   * const sum = arena.scope((a) => {
   *   const squares = a.float64(3);
   *   for (let i = 0; i < 3; i++) squares[i] = i * i;
   *   return squares[0] + squares[1] + squares[2];
   * }); // 5
   */
  scope(fn) {
    if (typeof fn !== 'function') throw badArgument(`no function: ${show(fn)}`);
    const mark = this.mark();
    let result;
    try {
      result = fn(this, mark);
    } finally {
      if (mark === this._mark || indexOfMark(this, mark) >= 0) this.release(mark);
    }
    if (typeof (/** @type {any} */ (result)?.then) !== 'function') return result;
    throw arenaError(TypeError, 'ERR_ARENA_ASYNC', 'fn must not be async');
  }

  /**
   * Closes the mark and keeps one block of its scope: moved to the first multiple of `align` at or
   * after where the scope began, or, where that chunk has no room, into the first one that has.
   *
   * @overload
   * @param {number} mark
   * @param {number} ptr byte offset of a block of the scope
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} the block's new byte offset
   */
  /**
   * @template {ArrayBufferView} T
   * @overload
   * @param {number} mark
   * @param {T} view on a block of the scope
   * @returns {T} a view on its new place
   */
  /**
   * @param {number} mark
   * @param {any} block
   * @param {any} [size]
   * @param {number} [align]
   * @returns {any}
   * @throws ERR_ARENA_MARK the mark is not open in this arena
   * @throws ERR_ARENA_BOUNDS the block does not lie in the mark's scope
   * @throws ERR_ARENA_OUT_OF_MEMORY scope and block are as they were
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_ARGUMENT, ERR_ARENA_FREED
   * @example
   * const mark = arena.mark();
   * arena.float32(1000);                            // scratch
   * const kept = arena.float32(4);
   * const moved = arena.promote(mark, kept);        // the scratch is free, the four elements stay
   */
  promote(mark, block, size, align = 8) {
    if (typeof block === 'number') return promoteBlock(this, mark, block, size, align);
    const Type = typeOf(block);
    const { buffer, byteOffset, byteLength, length = byteLength } = block;
    if (buffer !== this.memory.buffer) throw outOfBounds('the view is of another memory');
    const ptr = promoteBlock(this, mark, byteOffset, byteLength, elementSize(Type));
    return new Type(this.memory._buffer, ptr, length);
  }

  /**
   * Everything is free, and every mark closed. The capacity stays; several chunks become one where
   * one can be had without growing the memory, so no view goes stale by it.
   *
   * @throws ERR_ARENA_FREED
   */
  reset() {
    checkOpen(this);
    closeAll(this);
    this._core.reset(this._header * 4);
  }

  /**
   * Gives back capacity above `bytes`, and above what is used, as far as whole chunks allow. Blocks
   * and marks stay.
   *
   * @param {number} [bytes] default 0
   * @throws ERR_ARENA_SIZE, ERR_ARENA_FREED
   */
  trim(bytes = 0) {
    checkSize(bytes, 'bytes');
    checkOpen(this);
    flushMark(this);
    this._core.trim(this._header * 4, bytes);
  }

  /** Gives all chunks back. Twice is harmless; afterwards what allocates or reads blocks throws. */
  free() {
    if (this.freed) return;
    const { memory } = this;
    const header = this._header * 4;
    this._highWater = this.highWater;
    closeAll(this);
    this._cache = [new CachedView()];
    this._header = memory._state;
    close(memory, this, header);
  }

  /** Whether it was freed. */
  get freed() {
    return this._header === this.memory._state;
  }

  /** Bytes in use: blocks and padding, without headers and skipped tails of chunks. */
  get used() {
    return word(this, SETTLED) + word(this, 0) - word(this, START);
  }

  /** Bytes that can be used in all chunks held, at most the limit. */
  get capacity() {
    return Math.min(word(this, CAPACITY), this._limit);
  }

  /** The most bytes that were ever used at once. */
  get highWater() {
    const more = Math.max(0, word(this, PEAK) - word(this, 0));
    return Math.max(this._highWater, word(this, HIGH_WATER), this.used + more);
  }

  /**
   * Start of the first chunk, where the pointer sequence begins; 0 while there is none. Only `trim`
   * and a `reset` from several chunks change it.
   */
  get base() {
    checkOpen(this);
    return word(this, BASE);
  }

  /** @internal what `console.log` shows in Node.js */
  [Symbol.for('nodejs.util.inspect.custom')]() {
    const [used, capacity, highWater] = [this.used, this.capacity, this.highWater].map(readable);
    const state = this.freed ? 'freed' : `used: ${used}, capacity: ${capacity}`;
    return `${nameOf(this)} { ${state}, highWater: ${highWater} }`;
  }

  /**
   * The next view of the cache where it is the one that is asked for, else a new one.
   *
   * @internal
   * @param {any} Type a typed array's constructor, or DataView
   * @param {number} length
   * @param {number} align
   * @returns {any}
   */
  _view(Type, length, align) {
    const words = this.memory._words;
    const header = this._header;
    const next = this._cache[this._index];
    if (
      next.length === length &&
      next.Type === Type &&
      next.align === align &&
      next.start === words[header] &&
      next.end <= words[header + LIMIT] &&
      next.words === words
    ) {
      words[header] = next.end;
      this._index++;
      return next.view;
    }
    return newView(this, Type, length, align);
  }
}

/**
 * Opens an arena on another allocator.
 *
 * @type {(...args: any[]) => number}
 */
let nest = () => {
  throw unsupported('`on` needs wasm-arena/allocators');
};

/**
 * Says how an arena is put on another allocator; who imports just this file does not load that.
 *
 * @internal
 * @param {typeof nest} fn
 */
export function setNest(fn) {
  nest = fn;
}

/* Where the engine has explicit resource management, `using arena = new Arena()` frees it. */
if (Symbol.dispose) {
  /** @type {any} */ (Arena.prototype)[Symbol.dispose] = Arena.prototype.free;
}

/**
 * Calls a function of the core that may take another chunk or grow the memory.
 *
 * @param {Arena} arena
 * @param {(arena: number, ...rest: any[]) => number} fn
 * @param {number} a
 * @param {number} b
 * @param {number} [c]
 * @param {number} [d]
 * @param {number} [e]
 * @returns {number} an offset, or 0
 */
function call(arena, fn, a, b, c, d, e) {
  checkOpen(arena);
  const start = word(arena, START);
  const ptr = fn(arena._header * 4, a, b, c, d, e) >>> 0;
  /* A mark in the fields is always one of the newest chunk. */
  if (word(arena, START) !== start) pushMark(arena);
  settle(arena.memory);
  return ptr;
}

/**
 * Allocates, makes the view, and caches it where it will be right again in the next frame.
 *
 * @param {Arena} arena
 * @param {any} Type a typed array's constructor, or DataView
 * @param {number} length
 * @param {number} align
 */
function newView(arena, Type, length, align) {
  const element = elementSize(Type);
  checkSize(length, 'length');
  if (align !== element) checkAlign(align, element);
  const size = length * element;
  let start = arena.memory._words[arena._header];
  const ptr = arena.tryAlloc(size, align) || refuse(arena, size);
  const view = new Type(arena.memory._buffer, ptr, length);
  /*
   * The block follows the cursor, or begins a chunk; neither where onGrow did something else. A
   * cursor that was stale is undefined, and not cached either.
   */
  const words = arena.memory._words;
  if ((ptr - start) >>> 0 >= align) start = words[arena._header + START];
  if (start && (ptr - start) >>> 0 < align && arena._index < arena._maxViews) {
    const cache = arena._cache;
    const next = cache[arena._index++];
    cache[arena._index] ??= new CachedView();
    next.Type = Type;
    next.length = length;
    next.align = align;
    next.start = start;
    next.end = ptr + size;
    next.words = words;
    next.view = view;
  }
  return view;
}

/**
 * A view that we write to: after a growth onGrow was called, which may have freed anything.
 *
 * @param {Arena} arena
 * @param {any} Type a typed array's constructor
 * @param {number} length
 * @param {number} [align]
 */
function viewToWrite(arena, Type, length, align = elementSize(Type)) {
  const view = arena._view(Type, length, align);
  checkBlock(arena, view.byteOffset, view.byteLength, 0);
  return view;
}

/**
 * Opens a mark inside another one, or in an arena without a chunk, or in one that wipes.
 *
 * @param {Arena} arena
 */
function markSlow(arena) {
  checkOpen(arena);
  pushMark(arena);
  const cursor = word(arena, 0);
  if (arena._mark === ON_STACK && cursor > NOWHERE) return arena.mark();
  const mark = arena.memory._serial;
  arena.memory._serial = (mark + 1) & MARKS;
  push(arena, mark, cursor, arena._index);
  return mark;
}

/**
 * Moves the mark in the fields, if there is one, to the stack.
 *
 * @param {Arena} arena
 */
function pushMark(arena) {
  if (arena._mark < 0) return;
  push(arena, arena._mark, arena._markCursor, arena._markIndex);
  arena._mark = ON_STACK;
}

/**
 * Releases through the core: a mark that is not the newest, or whose scope left its chunk.
 *
 * @param {Arena} arena
 * @param {number} mark
 */
function releaseSlow(arena, mark) {
  checkOpen(arena);
  const at = findMark(arena, mark);
  arena._core.release(arena._header * 4, arena._stack[at + 1], outer(arena, at));
  arena._depth = at;
  arena._index = arena._stack[at + 2];
}

/**
 * Promotes a block that is given by offset and size.
 *
 * @param {Arena} arena
 * @param {number} mark
 * @param {number} ptr
 * @param {number} size
 * @param {number} align
 */
function promoteBlock(arena, mark, ptr, size, align) {
  checkSize(size, 'size');
  checkAlign(align);
  settle(arena.memory);
  checkOpen(arena);
  const at = findMark(arena, mark);
  const [position, index] = arena._stack.slice(at + 1);
  checkBlock(arena, ptr, size, position);
  /* Closed before the call, so that onGrow finds it so; open again if there was no growth. */
  const before = [arena._depth, arena._index];
  [arena._depth, arena._index] = [at, index];
  const moved = call(arena, arena._core.promote, position, outer(arena, at), ptr, size, align);
  if (!moved) [arena._depth, arena._index] = before;
  return moved || refuse(arena, size);
}

/**
 * Where on the stack an open mark is; -1 for others. A mark in the fields goes there first.
 *
 * @internal
 * @param {Arena} arena
 * @param {number} mark
 */
export function indexOfMark(arena, mark) {
  pushMark(arena);
  let at = arena._depth - 3;
  while (at >= 0 && arena._stack[at] !== mark) at -= 3;
  return at;
}

/**
 * Finds an open mark on the stack, or throws ERR_ARENA_MARK.
 *
 * @param {Arena} arena
 * @param {number} mark
 */
function findMark(arena, mark) {
  const at = indexOfMark(arena, mark);
  if (at >= 0) return at;
  const message = `mark ${show(mark)} is not open in ${nameOf(arena)}`;
  throw arenaError(RangeError, 'ERR_ARENA_MARK', message);
}

/**
 * The cursor of the mark before the one at `at`; 0 where there is none.
 *
 * @param {Arena} arena
 * @param {number} at
 */
function outer(arena, at) {
  return at ? arena._stack[at - 2] : 0;
}

/**
 * Closes every mark, and goes back to the first cached view.
 *
 * @param {Arena} arena
 */
function closeAll(arena) {
  arena._mark = Math.min(arena._mark, ON_STACK);
  arena._depth = 0;
  arena._index = 0;
}

/**
 * Tells the header where the newest open mark is.
 *
 * @internal
 * @param {Arena} arena
 */
export function flushMark(arena) {
  current(arena.memory)[arena._header + MARK] = newestMark(arena);
}

/**
 * Throws ERR_ARENA_FREED where the arena was freed.
 *
 * @internal
 * @param {Arena} arena
 */
export function checkOpen(arena) {
  if (!arena.freed) return;
  throw arenaError(Error, 'ERR_ARENA_FREED', `${nameOf(arena)} was freed`);
}

/**
 * The cursor of the newest open mark; 0 where there is none.
 *
 * @param {Arena} arena
 */
function newestMark(arena) {
  return arena._mark < 0 ? outer(arena, arena._depth) : arena._markCursor;
}

/**
 * Throws unless [ptr, ptr + size) lies in the used bytes of one chunk, behind the mark at `since`.
 *
 * @param {Arena} arena
 * @param {number} ptr
 * @param {number} size
 * @param {number} since position of an open mark, or 0
 */
function checkBlock(arena, ptr, size, since) {
  checkOffset(ptr);
  checkOpen(arena);
  settle(arena.memory);
  if (ptr >>> 0 === ptr) {
    /* In the newest chunk there is nothing to walk. */
    const start = Math.max(since, word(arena, START), NOWHERE + 1);
    if (ptr >= start && ptr + size <= word(arena, 0)) return;
    if (arena._core.holds(arena._header * 4, since, ptr, size)) return;
  }
  throw outOfBounds(`no ${size} used bytes at ${ptr}`);
}

/**
 * Names an arena in messages.
 *
 * @internal
 * @param {{ label: string }} arena
 */
export function nameOf({ label }) {
  return label ? `Arena '${label}'` : 'Arena';
}

/**
 * Throws the out-of-memory error for a request of `size` bytes.
 *
 * @param {Arena} arena
 * @param {number} size
 * @returns {never}
 */
function refuse(arena, size) {
  const reason = refusal(arena.memory) ?? `its limit of ${arena._limit} bytes`;
  throw outOfMemory(`${size} bytes in ${nameOf(arena)}, which uses ${arena.used}`, reason);
}

/**
 * Reads a word of the header, through views that are current.
 *
 * @param {Arena} arena
 * @param {number} index a word of the header
 */
function word(arena, index) {
  return current(arena.memory)[arena._header + index];
}

/**
 * Puts a mark on the stack.
 *
 * @param {Arena} arena
 * @param {number} mark
 * @param {number} cursor
 * @param {number} index
 */
function push(arena, mark, cursor, index) {
  const stack = arena._stack;
  stack[arena._depth] = mark;
  stack[arena._depth + 1] = cursor;
  stack[arena._depth + 2] = index;
  arena._depth += 3;
}

/**
 * Throws where an offset is no number; what number it is is for checkBlock to say.
 *
 * @internal
 * @param {unknown} ptr
 */
export function checkOffset(ptr) {
  if (typeof ptr !== 'number') throw badArgument(`no offset: ${show(ptr)}`);
}

/**
 * @internal
 * @param {string} message
 */
export function outOfBounds(message) {
  return arenaError(RangeError, 'ERR_ARENA_BOUNDS', message);
}

/**
 * The type of a view that is not stale. A view of 0 bytes may be one because its memory has grown:
 * on its buffer, which is detached then, no view can be made.
 *
 * @param {any} view
 */
function typeOf(view) {
  if (!ArrayBuffer.isView(view)) throw badArgument(`no view: ${show(view)}`);
  try {
    if (!view.byteLength) new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer));
  } catch {
    throw outOfBounds('the view is stale');
  }
  /* The getter of all typed arrays, whatever a subclass says; undefined for a DataView. */
  const name = Reflect.get(Uint8Array.prototype, Symbol.toStringTag, view) ?? 'DataView';
  return /** @type {any} */ (globalThis)[name];
}

/**
 * The size of a view of `length` elements of a type that a caller names.
 *
 * @internal
 * @param {any} Type
 * @param {number} length
 */
export function viewSize(Type, length) {
  if (Type !== DataView && Object.getPrototypeOf(Type ?? 0) !== TypedArray) {
    throw badArgument(`no view type: ${show(Type)}`);
  }
  checkSize(length, 'length');
  const size = length * elementSize(Type);
  checkSize(size, 'size');
  return size;
}

/**
 * A view at an offset that a caller names.
 *
 * @internal
 * @param {ArenaMemory} memory
 * @param {any} Type
 * @param {number} ptr
 * @param {number} length
 */
export function placeView(memory, Type, ptr, length) {
  const align = elementSize(Type);
  if (ptr % align) refuseValue('ERR_ARENA_ALIGNMENT', ptr, `ptr must be a multiple of ${align}`);
  return new Type(memory._buffer, ptr, length);
}

/** @param {any} Type */
function elementSize(Type) {
  return Type.BYTES_PER_ELEMENT ?? 1;
}

/**
 * Counts the bytes of a string in UTF-8, lone surrogates as U+FFFD.
 *
 * @param {string} string
 */
function utf8Length(string) {
  let bytes = string.length;
  for (let i = 0; i < string.length; i++) {
    const unit = string.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    /* The two units of a pair count 4 bytes together, what is left alone 3. */
    if (/** @type {number} */ (string.codePointAt(i)) > 0xffff) i++;
  }
  return bytes;
}

/**
 * @internal
 * @param {number} bytes
 */
export function readable(bytes) {
  const unit = (Math.log2(bytes || 1) / 10) | 0;
  return `${+(bytes / 1024 ** unit).toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB'][unit]}`;
}
