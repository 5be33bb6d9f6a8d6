/**
 * What heaps, pools, fixed buffers and tracked allocators have in common, and how arenas stand on
 * other allocators.
 *
 * Lifetimes are a tree: what an allocator stands on is its parent, and a parent that gives its
 * blocks back frees its children before, each with children of its own. Who has no parent stands on
 * a memory.
 */
import {
  Arena,
  checkOffset,
  checkOpen as checkArena,
  flushMark,
  indexOfMark,
  outOfBounds,
  placeView,
  setNest,
  viewSize,
} from './arena.js';
import { moduleBytes } from './allocators_wasm.js';
import { arenaError, badArgument, checkOptions, checkSize, outOfMemory, show } from './errors.js';
import {
  ArenaMemory,
  close,
  countLeak,
  current,
  defaultMemory,
  instantiate,
  newHeader,
  open,
  refusal,
  settle,
} from './memory.js';

/** Words of headers; src/allocators.c asserts their places. */
const START = 2;
const SPARE = 11;
const CHUNKS = 14;

/** Bytes of a chunk's header, and its word that has the next chunk of a list. */
const CHUNK_HEADER = 16;

/** Words of the header that disposed allocators have: the most that a hot path reads. */
const DEAD_WORDS = 8;

/**
 * What the second wasm module exports: src/allocators.c says what each one does.
 *
 * @internal
 * @typedef {Record<string, (...args: any[]) => number>} AllocatorsCore
 */

/**
 * A memory's instance of the second module, and what belongs to it.
 *
 * @internal
 * @typedef {object} Attachment
 * @property {AllocatorsCore} core
 * @property {number} allocator address of the memory as an allocator
 * @property {number} dead word index of the header that disposed allocators have
 * @property {Record<number, number[]>} headers those of disposed allocators, by their words
 */

/**
 * Hears of allocators that were collected, as that of memory.js does of arenas: one more, so that
 * who imports only those has nothing of it.
 *
 * @type {FinalizationRegistry<{ memory: WeakRef<ArenaMemory>, label: string }> | undefined}
 */
let leaks;

/** @type {WeakMap<ArenaMemory, Attachment>} */
const attachments = new WeakMap();

/**
 * @internal
 * @param {ArenaMemory} memory
 * @param {WebAssembly.Module} [module]
 * @returns {Attachment}
 */
function attach(memory, module) {
  let attachment = attachments.get(memory);
  if (attachment) return attachment;
  if (isOther(module)) throw badArgument('not the compiled `module`');
  const chunks = (memory._state + CHUNKS) * 4;
  const [core, allocator] = instantiate(module, moduleBytes, memory.wasmMemory, chunks);
  const dead = newHeader(memory, DEAD_WORDS * 4) / 4;
  if (!dead) throw outOfMemory('a header', refusal(memory));
  current(memory).fill(0, dead, dead + DEAD_WORDS);
  attachment = { core, allocator, dead, headers: {} };
  attachments.set(memory, attachment);
  return attachment;
}

/**
 * Whether this is another module than that of the allocators: the first one's `init` would begin the
 * memory anew.
 *
 * @param {unknown} module
 */
function isOther(module) {
  const { Module } = WebAssembly;
  return (
    module instanceof Module && !Module.exports(module).some(({ name }) => name === 'heap_open')
  );
}

/**
 * @typedef {object} AllocatorOptions
 * @property {ArenaMemory} [memory] where its blocks come from; default: the memory that all arenas
 *   share that name none
 * @property {import('./arena.js').Backing} [on] in place of `memory`: another allocator that its
 *   blocks come from. What frees that one disposes of this one before.
 * @property {Arena} [arena] the same as `on`, for an arena
 * @property {string} [label] shown in errors and by `util.inspect`
 * @property {WebAssembly.Module} [module] the compiled module (`wasm-arena/allocators.wasm`), for
 *   hosts that forbid compiling bytes; the first allocator of a memory decides
 */

/**
 * An allocator in a memory, or on another allocator. The base of the others; never constructed.
 *
 * Each kind has `_open(backing, options)`, which begins in its header and returns the address of it
 * as an allocator, 0 where there is no memory; `_close()`, which gives its blocks back;
 * `_holds(ptr, size)`, whether a block has those bytes; `_isBehind(arena, since)`, whether it has
 * blocks in an arena behind the open mark at `since`; and `_state()`, what there is to see of it.
 */
export class Allocator {
  /**
   * @internal
   * @param {string} kind
   * @param {number} words of its header
   * @param {AllocatorOptions & Record<string, any>} options
   */
  constructor(kind, words, options) {
    checkOptions(options, { label: 'string' });
    const { label = '', module, arena } = options;
    /** @type {any} */
    const { on = arena } = options;
    const { memory = on?.memory ?? defaultMemory() } = options;
    if (on !== undefined) checkParent(on, memory);
    if (!(memory instanceof ArenaMemory)) throw badArgument(`no ArenaMemory: ${show(memory)}`);
    const attachment = attach(memory, module);

    /**
     * The memory that its blocks lie in.
     * @readonly
     * @type {ArenaMemory}
     */
    this.memory = memory;
    /** Its name in errors and in `util.inspect`. */
    this.label = label;
    /** Whether it was disposed of. */
    this.disposed = false;
    /** @internal */
    this._kind = kind;
    /** @internal */
    this._core = attachment.core;
    /** @internal what it stands on, where that is no memory */
    this._parent = on;
    /** @internal @type {Set<any>} what stands on it */
    this._children = new Set();
    /** @internal how many its header has */
    this._headerWords = words;
    const address = attachment.headers[words]?.pop() || newHeader(memory, words * 4);
    /** @internal word index of the header; of the dead one once disposed of */
    this._header = address / 4;
    /** @internal address of the header */
    this._address = address;
    const backing = on ? allocatorOf(on) : attachment.allocator;
    const allocator = address && /** @type {any} */ (this)._open(backing, options);
    if (!allocator) {
      returnHeader(this);
      const limit = address ? limitOf(this) : refusal(memory);
      settle(memory);
      throw outOfMemory(`room for ${nameOf(this)}`, limit);
    }
    /** @internal address of it as an allocator */
    this._allocator = allocator >>> 0;
    on && adopt(on, this);
    memory._arenas++;
    leaks ??= globalThis.FinalizationRegistry && new FinalizationRegistry(countLeak);
    leaks?.register(this, { memory: new WeakRef(memory), label }, this);
    /* Not before it goes with its parent: onGrow may reset or free that. */
    settle(memory);
    checkOpen(this);
  }

  /**
   * Gives everything back that it has; what stands on it is freed before. Twice is harmless;
   * afterwards what allocates or reads blocks throws. `[Symbol.dispose]()` is the same.
   */
  dispose() {
    if (this.disposed) return;
    /** @type {any} */ (this)._close();
    this._retire();
  }

  /**
   * A view on a block: the way to it, also again after a growth. In a heap it begins where the block
   * does; elsewhere anywhere in it.
   *
   * @template {ArrayBufferView} T
   * @param {import('./arena.js').ViewType<T>} Type a typed array's constructor, or DataView
   * @param {number} ptr byte offset
   * @param {number} length elements; bytes for a DataView
   * @returns {T}
   * @throws ERR_ARENA_BOUNDS no block, or more than it has
   * @throws ERR_ARENA_ALIGNMENT `ptr` is no multiple of the element size
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_SIZE, ERR_ARENA_FREED
   */
  view(Type, ptr, length) {
    checkBlock(this, ptr, viewSize(Type, length));
    return placeView(this.memory, Type, ptr, length);
  }

  /**
   * Whether a block has the bytes [ptr, ptr + size).
   *
   * @param {number} ptr byte offset
   * @param {number} [size] bytes; default 0
   * @returns {boolean}
   * @throws ERR_ARENA_ARGUMENT, ERR_ARENA_SIZE
   */
  owns(ptr, size = 0) {
    checkSize(size, 'size');
    checkOffset(ptr);
    return !this.disposed && holds(this, ptr, size);
  }

  /** @internal what `console.log` shows in Node.js */
  [Symbol.for('nodejs.util.inspect.custom')]() {
    const { disposed, _state } = /** @type {any} */ (this);
    return `${nameOf(this)} { ${disposed ? 'disposed' : _state.call(this)} }`;
  }

  /**
   * @internal what of it and its children has blocks in an arena behind the open mark at `since`
   * @param {number} arena
   * @param {number} since
   * @returns {any[]}
   */
  _behind(arena, since) {
    return /** @type {any} */ (this)._isBehind(arena, since) ? [this] : [];
  }

  /** @internal takes leave, when its blocks are given back or gone */
  _retire() {
    leave(this);
    this.disposed = true;
    returnHeader(this);
    this._header = /** @type {Attachment} */ (attachments.get(this.memory)).dead;
    this._address = this._header * 4;
    this.memory._arenas--;
    leaks?.unregister(this);
    forgetChildren(this);
  }
}

/* Where the engine has explicit resource management, `using heap = new Heap()` disposes of it. */
if (Symbol.dispose) {
  /** @type {any} */ (Allocator.prototype)[Symbol.dispose] = Allocator.prototype.dispose;
}

/**
 * Throws ERR_ARENA_FREED where the allocator was disposed of.
 *
 * @internal
 * @param {Allocator} allocator
 */
export function checkOpen(allocator) {
  if (!allocator.disposed) return;
  throw arenaError(Error, 'ERR_ARENA_FREED', `${nameOf(allocator)} was disposed of`);
}

/**
 * Throws unless [ptr, ptr + size) lies in a block.
 *
 * @internal
 * @param {Allocator} allocator
 * @param {number} ptr
 * @param {number} size
 */
export function checkBlock(allocator, ptr, size) {
  checkOffset(ptr);
  settle(allocator.memory); // first, because onGrow may dispose of it
  checkOpen(allocator);
  if (holds(allocator, ptr, size)) return;
  throw outOfBounds(`no block of ${nameOf(allocator)} has ${size} bytes at ${ptr}`);
}

/**
 * @param {Allocator} allocator
 * @param {number} ptr
 * @param {number} size
 * @returns {boolean}
 */
function holds(allocator, ptr, size) {
  return ptr >>> 0 === ptr && !!(/** @type {any} */ (allocator)._holds(ptr, size));
}

/**
 * Throws the out-of-memory error for a request of `size` bytes.
 *
 * @internal
 * @param {Allocator} allocator
 * @param {number} size
 * @param {string} [limit] what refused it, where that was neither the memory nor what it is on
 * @returns {never}
 */
export function refuse(allocator, size, limit = limitOf(allocator)) {
  throw outOfMemory(`${size} bytes in ${nameOf(allocator)}`, limit);
}

/**
 * What refused an allocator. What it is on need not have asked the memory, which then would name
 * what was refused before.
 *
 * @param {Allocator} allocator
 */
function limitOf({ memory, _parent }) {
  return _parent ? 'what it is on' : (refusal(memory) ?? 'its own limit');
}

/**
 * A word of the header, through views that are current; 0 once disposed of.
 *
 * @internal
 * @param {Allocator} allocator
 * @param {number} index
 */
export function word(allocator, index) {
  return allocator.disposed ? 0 : current(allocator.memory)[allocator._header + index];
}

/**
 * Names an allocator in messages.
 *
 * @internal
 * @param {Allocator} allocator
 */
export function nameOf({ _kind, label }) {
  return label ? `${_kind} '${label}'` : _kind;
}

/** @param {Allocator} allocator */
function returnHeader({ memory, _headerWords, _address }) {
  const { headers } = /** @type {Attachment} */ (attachments.get(memory));
  (headers[_headerWords] ??= []).push(_address);
}

/**
 * Throws unless blocks of `memory` can be had from `on`.
 *
 * @param {any} on
 * @param {any} memory
 */
function checkParent(on, memory) {
  if (!(on instanceof Arena || on instanceof Allocator))
    throw badArgument(`no allocator: ${show(on)}`);
  if (on.memory !== memory) throw badArgument('`on` is of another memory');
  if (on instanceof Arena) checkArena(on);
  else checkOpen(on);
}

/**
 * The address of an allocator's `struct allocator`.
 *
 * @param {any} on
 * @returns {number}
 */
function allocatorOf(on) {
  if (on instanceof Allocator) return on._allocator;
  return attach(on.memory).core.arena_allocator(on._header * 4) >>> 0;
}

/**
 * Makes `child` one that goes with `parent`.
 *
 * @param {any} parent
 * @param {any} child
 */
function adopt(parent, child) {
  joinTree(parent);
  parent._children.add(child);
}

/** @param {any} child */
function leave(child) {
  child._parent?._children.delete(child);
}

/**
 * Frees the children of an allocator whose blocks are gone already, or will be at once: they give
 * nothing back.
 *
 * @internal
 * @param {any} parent
 */
export function forgetChildren({ _children }) {
  for (const child of _children) forget(child);
}

/** @param {any} child */
function forget(child) {
  if (isGone(child)) return;
  if (child instanceof Allocator) {
    child._retire();
    return;
  }
  child._core = FORGOTTEN;
  child.free();
}

/**
 * Whether it was freed: onGrow may do so wherever the memory grows.
 *
 * @param {any} allocator
 */
function isGone({ freed, disposed }) {
  return freed || disposed;
}

/** What works on an arena whose chunks are gone. */
const FORGOTTEN = /** @type {any} */ ({ free() {} });

/**
 * Opens an arena on another allocator: what `new Arena({ on })` calls.
 *
 * @param {ArenaMemory} memory
 * @param {any} arena
 * @param {string} label
 * @param {number} capacity
 * @param {number} limit
 * @param {boolean} zero
 * @param {any} on
 * @returns {number} the address of its header
 */
function nest(memory, arena, label, capacity, limit, zero, on) {
  checkParent(on, memory);
  const { core } = attach(memory);
  const header = open(memory, arena, label, 0, limit, zero);
  const done = !isGone(on) && core.open(header, capacity, limit, +zero, allocatorOf(on));
  arena._core = core;
  if (!done) {
    close(memory, arena, header);
    settle(memory);
    checkParent(on, memory);
    throw outOfMemory(`${capacity} bytes`, 'what it is on');
  }
  arena._header = header / 4;
  joinTree(arena);
  arena._parent = on;
  adopt(on, arena);
  /* Not before it goes with its parent: onGrow may reset or free that. */
  settle(memory);
  checkArena(arena);
  return header;
}

setNest(nest);

/** @type {WeakMap<object, object>} prototypes of arenas in trees, by those that they had before */
const prototypes = new WeakMap();

/**
 * Gives an arena that has a parent, or children, the methods that care for them. They are not in
 * Arena itself, which is to stay small and fast for those who have neither. Allocators of other kinds
 * have them from the start.
 *
 * @param {any} arena
 */
function joinTree(arena) {
  if (arena._children) return;
  const prototype = Object.getPrototypeOf(arena);
  let inTree = prototypes.get(prototype);
  if (!inTree) prototypes.set(prototype, (inTree = treeMethods(prototype)));
  arena._children = new Set();
  /* Children move the cursor and take other chunks, so C has to know which mark is the newest. */
  flushMark(arena);
  Object.setPrototypeOf(arena, inTree);
}

/** @param {any} base a prototype of arenas */
function treeMethods(base) {
  const methods = {
    __proto__: base,

    mark() {
      const mark = super.mark();
      flushMark(/** @type {any} */ (this));
      return mark;
    },

    /** @param {number} mark */
    release(mark) {
      const lost = lostBy(this, mark);
      super.release(mark);
      lost.forEach(forget);
    },

    /** @param {[number, ...any]} args */
    promote(...args) {
      settle(/** @type {any} */ (this).memory); // first, because onGrow may put children here
      const lost = lostBy(this, args[0]);
      const kept = super.promote(...args);
      lost.forEach(forget);
      return kept;
    },

    reset() {
      super.reset();
      forgetChildren(this);
    },

    free() {
      leave(this);
      super.free();
      forgetChildren(this);
    },

    /**
     * @param {number} arena
     * @param {number} since
     */
    _behind(arena, since) {
      const { memory, _header } = /** @type {any} */ (this);
      const words = current(memory);
      const { core } = attach(memory);
      const start = words[_header + START];
      const newest = start > CHUNK_HEADER ? start - CHUNK_HEADER : 0;
      const lists = [newest, words[_header + SPARE]];
      return lists.some((chunk) => core.behind(arena, since, chunk)) ? [this] : [];
    },

    /**
     * @param {number} ptr
     * @param {number} size
     * @returns {number}
     */
    _holds(ptr, size) {
      const { _core, _header } = /** @type {any} */ (this);
      return _core.holds(_header * 4, 0, ptr, size);
    },
  };
  /* What Arena has there is its own `free`. */
  if (Symbol.dispose) /** @type {any} */ (methods)[Symbol.dispose] = methods.free;
  return methods;
}

/**
 * What stands on an arena and has blocks behind an open mark.
 *
 * @param {any} arena
 * @param {number} mark
 * @returns {any[]}
 */
function lostBy(arena, mark) {
  const at = indexOfMark(arena, mark);
  return at < 0 ? [] : childrenBehind(arena, arena._header * 4, arena._stack[at + 1]);
}

/**
 * The children of an allocator that have blocks in an arena behind the open mark at `since`.
 *
 * @internal
 * @param {any} parent
 * @param {number} arena
 * @param {number} since
 * @returns {any[]}
 */
export function childrenBehind({ _children }, arena, since) {
  return [..._children].flatMap((child) => child._behind(arena, since));
}
