import {
  arenaError,
  badArgument,
  checkAlign,
  checkOptions,
  checkSize,
  outOfMemory,
  show,
  unsupported,
} from './errors.js';
import { ArenaMemory, defaultMemory } from './memory.js';

/** Words of an arena's header, counted from its cursor; src/exports.c asserts their places. */
const LIMIT = 1;
const START = 2;
const MARK = 3;
const PEAK = 4;
const SETTLED = 5;
const HIGH_WATER = 6;
const CAPACITY = 7;
const BASE = 8;

/** The cursor of an arena without a chunk. */
const NOWHERE = 1;

/** Marks are numbers from 0 to this, given out in turn. */
const MARKS = 0x3fffffff;

/** What `_mark` is while the newest mark is on the stack, and where it always is. */
const ON_STACK = -1;
const ALWAYS_ON_STACK = -2;

const Float16 = /** @type {any} */ (globalThis).Float16Array;

/** Element types; a kind is an index into this. */
const TYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  Float16,
];
const INT8 = 0;
const UINT8 = 1;
const UINT8_CLAMPED = 2;
const INT16 = 3;
const UINT16 = 4;
const INT32 = 5;
const UINT32 = 6;
const FLOAT32 = 7;
const FLOAT64 = 8;
const BIG_INT64 = 9;
const BIG_UINT64 = 10;
const DATA_VIEW = 11;
const FLOAT16 = 12;

/** The intrinsic getter that names a typed array's type, and is undefined for everything else. */
const { get: typeName } = /** @type {{ get: () => string | undefined }} */ (
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
);

/**
 * A view that an earlier frame got, and what has to be as it was then for it to be right again.
 * Where `start` is the cursor, kind, length and alignment decide where the block lies, so nothing
 * needs to be computed; `words` differs after a growth.
 */
class CachedView {
  /**
   * @param {number} kind
   * @param {number} length
   * @param {number} align
   * @param {number} start cursor before the block
   * @param {number} end cursor behind it
   * @param {Uint32Array | null} words the memory's words then
   * @param {any} view
   */
  constructor(kind, length, align, start, end, words, view) {
    this.kind = kind;
    this.length = length;
    this.align = align;
    this.start = start;
    this.end = end;
    this.words = words;
    this.view = view;
  }
}

/** What stands where no view is cached: no length is equal to this one. */
const MISS = new CachedView(-1, -1, 0, 0, 0, null, null);

/** @type {TextEncoder | undefined} */
let encoder;
/** @type {TextDecoder | undefined} */
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
 * `Float16Array` where TypeScript's `lib` has it.
 *
 * @typedef {typeof globalThis extends { Float16Array: { prototype: infer T } } ? T : never} Half
 */

/**
 * @typedef {object} ArenaOptions
 * @property {ArenaMemory} [memory] where its chunks come from; default: one memory that all arenas
 *   share that name none. That is for applications: a library passes or makes its own.
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
    checkOptions(options, { memory: 'object', zero: 'boolean', label: 'string' });
    const { capacity = 0, limit = 0xffffffff, views = 1024, zero = false, label = '' } = options;
    checkSize(capacity, 'capacity');
    checkSize(limit, 'limit');
    checkSize(views, 'views');
    if (capacity > limit) {
      const message = `capacity (${capacity}) is above limit (${limit})`;
      throw arenaError(RangeError, 'ERR_ARENA_SIZE', message);
    }
    const memory = options.memory ?? defaultMemory();
    if (!(memory instanceof ArenaMemory)) throw badArgument('memory must be an ArenaMemory');

    /**
     * The memory that its chunks come from.
     * @readonly
     */
    this.memory = memory;
    /** Its name in errors and in `util.inspect`. */
    this.label = label;
    /** @internal */
    this._limit = limit;
    /** @internal word index of the header; of the memory's dead one once freed */
    this._header = memory._open(capacity, limit, zero) / 4;
    /** @internal which view since the reset comes next */
    this._index = 0;
    /** @internal */
    this._maxViews = views;
    /** @internal views by allocation index, and a miss behind the last one */
    this._cache = [MISS];
    /** @internal the newest open mark where it is in these fields, and the cursor and index then */
    this._mark = zero ? ALWAYS_ON_STACK : ON_STACK;
    /** @internal */
    this._markCursor = 0;
    /** @internal */
    this._markIndex = 0;
    /** @internal @type {number[]} the marks before it: mark, cursor, index; mark, cursor, index … */
    this._stack = [];
    /** @internal numbers on the stack */
    this._depth = 0;
    /** @internal what `highWater` is once freed */
    this._highWater = 0;
    memory._watch(this, label);
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
    return this._allocSlow(size, align);
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
    const ptr = this._tryAlloc(size, align);
    this.memory._settle();
    return ptr;
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
    checkSize(size, 'size');
    checkAlign(align);
    const ptr = this._call(this.memory._core.allocZeroed, size, align);
    if (!ptr) throw this._outOfMemory(size);
    this.memory._settle();
    return ptr;
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
    if (ptr !== 0 && oldSize) this._checkBlock(ptr, oldSize, 0);
    this._check();
    this._flushMark();
    const moved = this._call(this.memory._core.realloc, ptr, oldSize, newSize, align);
    if (!moved) throw this._outOfMemory(newSize);
    this.memory._settle();
    return moved;
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
    return this._cached(INT8, length, align) ?? this._view(INT8, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint8Array<ArrayBuffer>}
   */
  uint8(length, align = 1) {
    return this._cached(UINT8, length, align) ?? this._view(UINT8, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint8ClampedArray<ArrayBuffer>}
   */
  uint8Clamped(length, align = 1) {
    return this._cached(UINT8_CLAMPED, length, align) ?? this._view(UINT8_CLAMPED, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Int16Array<ArrayBuffer>}
   */
  int16(length, align = 2) {
    return this._cached(INT16, length, align) ?? this._view(INT16, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint16Array<ArrayBuffer>}
   */
  uint16(length, align = 2) {
    return this._cached(UINT16, length, align) ?? this._view(UINT16, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Int32Array<ArrayBuffer>}
   */
  int32(length, align = 4) {
    return this._cached(INT32, length, align) ?? this._view(INT32, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Uint32Array<ArrayBuffer>}
   */
  uint32(length, align = 4) {
    return this._cached(UINT32, length, align) ?? this._view(UINT32, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Float32Array<ArrayBuffer>}
   */
  float32(length, align = 4) {
    return this._cached(FLOAT32, length, align) ?? this._view(FLOAT32, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {Float64Array<ArrayBuffer>}
   */
  float64(length, align = 8) {
    return this._cached(FLOAT64, length, align) ?? this._view(FLOAT64, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {BigInt64Array<ArrayBuffer>}
   */
  bigInt64(length, align = 8) {
    return this._cached(BIG_INT64, length, align) ?? this._view(BIG_INT64, length, align);
  }

  /**
   * @param {number} length elements
   * @param {number} [align] bytes
   * @returns {BigUint64Array<ArrayBuffer>}
   */
  bigUint64(length, align = 8) {
    return this._cached(BIG_UINT64, length, align) ?? this._view(BIG_UINT64, length, align);
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
    if (!Float16) throw unsupported('this engine has no Float16Array');
    return this._cached(FLOAT16, length, align) ?? this._view(FLOAT16, length, align);
  }

  /**
   * @param {number} size bytes
   * @param {number} [align] bytes
   * @returns {DataView<ArrayBuffer>}
   */
  dataView(size, align = 8) {
    return this._cached(DATA_VIEW, size, align) ?? this._view(DATA_VIEW, size, align);
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
    const name = typeName.call(source);
    const kind = TYPES.findIndex((Type) => Type?.name === name);
    if (!name || kind < 0) throw badArgument(`source must be a typed array, not ${show(source)}`);
    const { byteOffset, length } = source;
    checkStale(source);
    const inside = source.buffer === this.memory._buffer;
    const view = this._quietView(kind, length, elementSize(kind));
    if (inside) source = new TYPES[kind](this.memory._buffer, byteOffset, length);
    view.set(source);
    this.memory._settle();
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
    if (typeof string !== 'string') throw badArgument(`not a string: ${show(string)}`);
    if (typeof TextEncoder === 'undefined') throw unsupported('this host has no TextEncoder');
    encoder ??= new TextEncoder();
    const view = this._quietView(UINT8, utf8Length(string), 1);
    if (/** @type {any} */ (view.buffer).resizable) view.set(encoder.encode(string));
    else encoder.encodeInto(string, view);
    this.memory._settle();
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
    this._check();
    if (!ArrayBuffer.isView(view)) throw badArgument(`not a view: ${show(view)}`);
    if (typeof TextDecoder === 'undefined') throw unsupported('this host has no TextDecoder');
    checkStale(view);
    decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
    const { buffer, byteOffset, byteLength } = view;
    const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (buffer), byteOffset, byteLength);
    return decoder.decode(/** @type {any} */ (buffer).resizable ? bytes.slice() : bytes);
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
    const kind = TYPES.indexOf(/** @type {any} */ (Type));
    if (!Type || kind < 0) throw badArgument(`not a view type: ${show(Type)}`);
    const size = byteSize(kind, length);
    this._checkBlock(ptr, size, 0);
    if (ptr % elementSize(kind)) {
      const message = `ptr (${ptr}) is no multiple of the element size (${elementSize(kind)})`;
      throw arenaError(RangeError, 'ERR_ARENA_ALIGNMENT', message);
    }
    this.memory._settle();
    return new Type(this.memory._buffer, ptr, length);
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
    if (this._mark !== ON_STACK || !(cursor > NOWHERE)) return this._markSlow();
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
      const cursor = words[header];
      if (cursor >= this._markCursor) {
        if (cursor > words[header + PEAK]) words[header + PEAK] = cursor;
        words[header] = this._markCursor;
        this._index = this._markIndex;
        this._mark = ON_STACK;
        return;
      }
    }
    this._releaseSlow(mark);
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
    if (typeof fn !== 'function') throw badArgument(`fn must be a function, not ${show(fn)}`);
    const mark = this.mark();
    let result;
    try {
      result = fn(this, mark);
    } finally {
      if (this._isOpen(mark)) this.release(mark);
    }
    if (typeof (/** @type {any} */ (result)?.then) !== 'function') return result;
    throw arenaError(
      TypeError,
      'ERR_ARENA_ASYNC',
      'fn is async, but its scope ends when it returns; give an async job an arena of its own',
    );
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
    if (ArrayBuffer.isView(block)) return this._promoteView(mark, block);
    const moved = this._promote(mark, block, size, align);
    this.memory._settle();
    return moved;
  }

  /**
   * Everything is free, and every mark closed. The capacity stays; several chunks become one where
   * one can be had without growing the memory, so no view goes stale by it.
   *
   * @throws ERR_ARENA_FREED
   */
  reset() {
    this._check();
    this._closeAll();
    this.memory._core.reset(this._header * 4);
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
    this._check();
    this._flushMark();
    this.memory._core.trim(this._header * 4, bytes);
  }

  /** Gives all chunks back. Twice is harmless; afterwards what allocates or reads blocks throws. */
  free() {
    if (this.freed) return;
    const { memory } = this;
    const header = this._header * 4;
    this._highWater = this.highWater;
    this._closeAll();
    this._cache = [MISS];
    this._mark = ON_STACK;
    this._header = memory._dead;
    memory._close(this, header);
  }

  /** Whether it was freed. */
  get freed() {
    return this._header === this.memory._dead;
  }

  /** Bytes in use: blocks and padding, without headers and skipped tails of chunks. */
  get used() {
    const words = this.memory._current();
    const header = this._header;
    return words[header + SETTLED] + words[header] - words[header + START];
  }

  /** Bytes that can be used in all chunks held, at most the limit. */
  get capacity() {
    return Math.min(this.memory._current()[this._header + CAPACITY], this._limit);
  }

  /** The most bytes that were ever used at once. */
  get highWater() {
    const words = this.memory._current();
    const header = this._header;
    const peak = Math.max(words[header + PEAK], words[header]) - words[header + START];
    const used = words[header + SETTLED] + peak;
    return Math.max(this._highWater, words[header + HIGH_WATER], used);
  }

  /**
   * Start of the first chunk, where the pointer sequence begins; 0 while there is none. Only `trim`
   * and a `reset` from several chunks change it.
   */
  get base() {
    this._check();
    return this.memory._current()[this._header + BASE];
  }

  /** @internal what `console.log` shows in Node.js */
  [Symbol.for('nodejs.util.inspect.custom')]() {
    const name = this.label ? `Arena '${this.label}'` : 'Arena';
    if (this.freed) return `${name} { freed, highWater: ${readable(this.highWater)} }`;
    const [used, capacity, highWater] = [this.used, this.capacity, this.highWater].map(readable);
    return `${name} { used: ${used}, capacity: ${capacity}, highWater: ${highWater} }`;
  }

  /**
   * @internal
   * @param {number} size
   * @param {number} align
   */
  _allocSlow(size, align) {
    const ptr = this._tryAlloc(size, align);
    if (!ptr) throw this._outOfMemory(size);
    this.memory._settle();
    return ptr;
  }

  /**
   * The bump once more, for every alignment, and then the core.
   *
   * @internal
   * @param {number} size
   * @param {number} align
   * @returns {number} 0 where it can't be had
   */
  _tryAlloc(size, align) {
    checkSize(size, 'size');
    checkAlign(align);
    const words = this.memory._words;
    const header = this._header;
    const start = ((words[header] + (align - 1)) & -align) >>> 0;
    if (start + size <= words[header + LIMIT]) {
      words[header] = start + size;
      return start;
    }
    return this._call(this.memory._core.alloc, size, align);
  }

  /**
   * Calls a function of the core that may take another chunk or grow the memory.
   *
   * @internal
   * @param {(arena: number, ...rest: any[]) => number} fn
   * @param {...number} rest
   * @returns {number} an offset, or 0
   */
  _call(fn, ...rest) {
    this._check();
    const start = this.memory._current()[this._header + START];
    const ptr = fn(this._header * 4, ...rest) >>> 0;
    /* A mark in the fields is always one of the newest chunk. */
    if (this.memory._current()[this._header + START] !== start) this._pushMark();
    return ptr;
  }

  /**
   * The view that is next in the cache, where it is the one that is asked for.
   *
   * @internal
   * @param {number} kind
   * @param {number} length
   * @param {number} align
   * @returns {any} undefined where it isn't
   */
  _cached(kind, length, align) {
    const words = this.memory._words;
    const header = this._header;
    const next = this._cache[this._index];
    if (
      next.length === length &&
      next.kind === kind &&
      next.align === align &&
      next.start === words[header] &&
      next.end <= words[header + LIMIT] &&
      next.words === words
    ) {
      words[header] = next.end;
      this._index++;
      return next.view;
    }
  }

  /**
   * @internal
   * @param {number} kind
   * @param {number} length
   * @param {number} align
   * @returns {any}
   */
  _view(kind, length, align) {
    const view = this._newView(kind, length, align);
    this.memory._settle();
    return view;
  }

  /**
   * A view whose block is to be written before anybody else hears of a growth.
   *
   * @internal
   * @param {number} kind
   * @param {number} length
   * @param {number} align
   * @returns {any}
   */
  _quietView(kind, length, align) {
    return this._cached(kind, length, align) ?? this._newView(kind, length, align);
  }

  /**
   * @internal
   * @param {number} kind
   * @param {number} length
   * @param {number} align
   */
  _newView(kind, length, align) {
    const size = byteSize(kind, length);
    checkAlign(align, elementSize(kind));
    const before = this.memory._words[this._header];
    const ptr = this._tryAlloc(size, align);
    if (!ptr) throw this._outOfMemory(size);
    const view = new TYPES[kind](this.memory._buffer, ptr, length);
    if (this._index < this._maxViews) {
      const words = this.memory._words;
      const chunk = words[this._header + START];
      const start = before >= chunk && before <= ptr ? before : chunk;
      const end = words[this._header];
      if (this._cache.length === this._index + 1) this._cache.push(MISS);
      this._cache[this._index++] = new CachedView(kind, length, align, start, end, words, view);
    }
    return view;
  }

  /** @internal */
  _markSlow() {
    this._check();
    const { memory } = this;
    const cursor = memory._current()[this._header];
    const mark = memory._serial;
    memory._serial = (mark + 1) & MARKS;
    this._pushMark();
    if (cursor > NOWHERE && this._mark === ON_STACK) {
      this._mark = mark;
      this._markCursor = cursor;
      this._markIndex = this._index;
    } else {
      this._push(mark, cursor, this._index);
    }
    memory._settle();
    return mark;
  }

  /** @internal moves the mark in the fields, if there is one, to the stack */
  _pushMark() {
    if (this._mark < 0) return;
    this._push(this._mark, this._markCursor, this._markIndex);
    this._mark = ON_STACK;
  }

  /**
   * @internal
   * @param {number} mark
   * @param {number} cursor
   * @param {number} index
   */
  _push(mark, cursor, index) {
    const stack = this._stack;
    stack[this._depth] = mark;
    stack[this._depth + 1] = cursor;
    stack[this._depth + 2] = index;
    this._depth += 3;
  }

  /** @internal @param {number} mark */
  _releaseSlow(mark) {
    this._check();
    const at = this._find(mark);
    this.memory._core.release(this._header * 4, this._stack[at + 1], this._outer(at));
    this._closeFrom(at);
  }

  /**
   * @internal
   * @param {number} mark
   * @param {number} ptr
   * @param {number} size
   * @param {number} align
   */
  _promote(mark, ptr, size, align) {
    checkSize(size, 'size');
    checkAlign(align);
    this._check();
    const at = this._find(mark);
    const position = this._stack[at + 1];
    this._checkBlock(ptr, size, position);
    const { promote } = this.memory._core;
    const moved = this._call(promote, position, this._outer(at), ptr, size, align);
    if (!moved) throw this._outOfMemory(size);
    this._closeFrom(at);
    return moved;
  }

  /**
   * @internal
   * @param {number} mark
   * @param {any} view
   */
  _promoteView(mark, view) {
    const kind = TYPES.findIndex((Type) => Type && view instanceof Type);
    checkStale(view);
    if (view.buffer !== this.memory._buffer) throw outOfBounds('the view lies in another memory');
    const { byteOffset, byteLength, length = byteLength } = view;
    const ptr = this._promote(mark, byteOffset, byteLength, elementSize(kind));
    const moved = new TYPES[kind](this.memory._buffer, ptr, length);
    this.memory._settle();
    return moved;
  }

  /** @internal where on the stack an open mark is, -1 for others; a mark in the fields goes there */
  /** @param {number} mark */
  _indexOf(mark) {
    this._pushMark();
    let at = this._depth - 3;
    while (at >= 0 && this._stack[at] !== mark) at -= 3;
    return at;
  }

  /** @internal @param {number} mark */
  _find(mark) {
    const at = this._indexOf(mark);
    if (at >= 0) return at;
    const message = `mark ${show(mark)} is not open in ${this._name()}`;
    throw arenaError(RangeError, 'ERR_ARENA_MARK', message);
  }

  /** @internal @param {number} mark */
  _isOpen(mark) {
    return mark === this._mark || this._indexOf(mark) >= 0;
  }

  /** @internal the cursor of the mark before the one at `at`; 0 where there is none */
  /** @param {number} at */
  _outer(at) {
    return at ? this._stack[at - 2] : 0;
  }

  /** @internal closes the mark at `at` and all above it */
  /** @param {number} at */
  _closeFrom(at) {
    this._depth = at;
    this._index = this._stack[at + 2];
  }

  /** @internal */
  _closeAll() {
    if (this._mark >= 0) this._mark = ON_STACK;
    this._depth = 0;
    this._index = 0;
  }

  /** @internal tells the header where the newest open mark is */
  _flushMark() {
    const mark = this._mark < 0 ? this._outer(this._depth) : this._markCursor;
    this.memory._current()[this._header + MARK] = mark;
  }

  /** @internal */
  _check() {
    if (!this.freed) return;
    throw arenaError(Error, 'ERR_ARENA_FREED', `${this._name()} was freed`);
  }

  /**
   * Whether [ptr, ptr + size) lies in the used bytes of one chunk, behind the mark at `since`.
   *
   * @internal
   * @param {number} ptr
   * @param {number} size
   * @param {number} since position of an open mark, or 0
   */
  _checkBlock(ptr, size, since) {
    this._check();
    if (typeof ptr !== 'number') throw badArgument(`ptr must be a number, not ${show(ptr)}`);
    this.memory._current();
    const { holds } = this.memory._core;
    if (ptr >>> 0 === ptr && holds(this._header * 4, since, ptr, size)) return;
    const where = since ? 'the used bytes behind the mark' : 'the used bytes of one chunk';
    throw outOfBounds(`${size} bytes at ${ptr} are not in ${where}`);
  }

  /** @internal */
  _name() {
    return this.label ? `arena '${this.label}'` : 'the arena';
  }

  /** @internal @param {number} size */
  _outOfMemory(size) {
    const refusal = this.memory._refusal() ?? `its limit of ${this._limit} bytes`;
    this.memory._settle();
    return outOfMemory(`${size} bytes in ${this._name()}, which uses ${this.used}`, refusal);
  }
}

/** Where the engine has explicit resource management, `using arena = new Arena()` frees it. */
if (Symbol.dispose) {
  Object.defineProperty(Arena.prototype, Symbol.dispose, { value: Arena.prototype.free });
}

/** @param {string} message */
function outOfBounds(message) {
  return arenaError(RangeError, 'ERR_ARENA_BOUNDS', message);
}

/**
 * A view of 0 bytes is fine, unless it is one because its memory has grown: there is no view to be
 * made on a detached buffer.
 *
 * @param {ArrayBufferView} view
 */
function checkStale(view) {
  if (view.byteLength) return;
  try {
    new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer));
  } catch {
    throw outOfBounds('the view is stale: memory has grown since it was made');
  }
}

/**
 * @param {number} kind
 * @param {number} length
 */
function byteSize(kind, length) {
  checkSize(length, 'length');
  const size = length * elementSize(kind);
  checkSize(size, 'the size in bytes');
  return size;
}

/** @param {number} kind */
function elementSize(kind) {
  return TYPES[kind].BYTES_PER_ELEMENT ?? 1;
}

/** @param {string} string */
function utf8Length(string) {
  let bytes = string.length;
  for (let i = 0; i < string.length; i++) {
    const unit = string.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    /* The two units of a pair count 4 bytes together, what is left alone 3. */
    if (unit >= 0xd800 && unit < 0xdc00 && (string.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return bytes;
}

/** @param {number} bytes */
function readable(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const unit = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${+(bytes / 1024 ** unit).toFixed(1)} ${['', 'KiB', 'MiB', 'GiB'][unit]}`;
}
