import {
  arenaError,
  badArgument,
  checkOptions,
  checkSize,
  outOfMemory,
  show,
  unsupported,
} from './errors.js';
import { moduleBytes } from './wasm.js';

const PAGE = 65536;
const MOST = 65535 * PAGE;

/**
 * V8 counts a memory of 32 MiB or more as external pressure: making one costs a garbage collection
 * of 4 to 5 ms. 16 MiB stays below that, and untouched pages cost no RAM.
 */
const RESERVE = 16 * 2 ** 20;

/** Below this a refused reserve is not halved further; what is halved then is the maximum. */
const LEAST_RESERVE = 2 ** 20 / PAGE;

/** Words of the module's state, whose address `init` returns; src/exports.c asserts their places. */
const STATE = { FRONTIER: 13, END: 14, GROWS: 16, REFUSAL: 17, FIRST: 18, FOREIGN: 19, FREE: 20 };

/**
 * What the wasm module exports: src/exports.c says what each one does.
 *
 * @internal
 * @typedef {object} Core
 * @property {(maximum: number) => number} init
 * @property {() => number} header
 * @property {(arena: number, capacity: number, limit: number, zero: number) => number} open
 * @property {(arena: number) => void} free
 * @property {(arena: number, size: number, align: number) => number} alloc
 * @property {(arena: number, size: number, align: number) => number} allocZeroed
 * @property {(arena: number, ptr: number, oldSize: number, newSize: number, align: number) =>
 *   number} realloc
 * @property {(arena: number, since: number, ptr: number, size: number) => number} holds
 * @property {(arena: number, position: number, outer: number) => void} release
 * @property {(arena: number, position: number, outer: number, ptr: number, size: number,
 *   align: number) => number} promote
 * @property {(arena: number) => void} reset
 * @property {(arena: number, bytes: number) => void} trim
 * @property {(bytes: number) => number} ensure
 */

/**
 * @typedef {object} ArenaMemoryOptions
 * @property {number} [reserve] bytes present from the start, rounded up to pages of 64 KiB; default
 *   16 MiB, or `maximum` where that is less. Untouched pages cost no RAM. From 32 MiB on V8 counts
 *   it as external pressure: making the memory then costs a garbage collection.
 * @property {number} [maximum] most bytes, rounded up to pages; default and most 4 GiB − 64 KiB. A
 *   memory whose maximum equals its reserve never grows, so its views never go stale.
 * @property {'fixed' | 'resizable' | 'shared'} [buffer] what views lie on; default 'fixed'. Views
 *   on a resizable buffer survive growth, and are 2 to 3 times slower to write. 'shared' is not
 *   supported yet.
 * @property {WebAssembly.Module} [module] the compiled module (`wasm-arena/arena.wasm`), for hosts
 *   that forbid compiling bytes
 * @property {(memory: ArenaMemory) => void} [onGrow] called once for each generation of views after
 *   the first, when the state is consistent
 */

/**
 * @typedef {object} ArenaMemoryStats
 * @property {number} size bytes present
 * @property {number} reserve bytes present at the start
 * @property {number} maximum most bytes
 * @property {number} frontier first byte never yet given to a chunk
 * @property {number} live bytes of chunks that arenas hold
 * @property {number} free bytes of chunks that nobody holds
 * @property {number} arenas arenas that were made and not freed
 * @property {number} leaked arenas that were collected without `free()`; their chunks stay taken
 * @property {number} grows how often the arenas made the memory grow
 */

/**
 * A linear memory with one instance of the module; holds many arenas. Views are made again when the
 * memory has grown, so take them from here, or from an arena, each time.
 *
 * @example
 * const memory = new ArenaMemory({ reserve: 2 ** 20, maximum: 2 ** 26 });
 * const arena = new Arena({ memory });
 * memory.u8.length; // 1048576
 */
export class ArenaMemory {
  /**
   * @param {ArenaMemoryOptions} [options]
   * @throws ERR_ARENA_SIZE a reserve or maximum that is none, or a reserve above the maximum
   * @throws ERR_ARENA_ARGUMENT options of the wrong type
   * @throws ERR_ARENA_UNSUPPORTED a buffer that the engine lacks, or a policy that forbids wasm
   * @throws ERR_ARENA_OUT_OF_MEMORY the engine refuses even the least memory
   */
  constructor(options = {}) {
    checkOptions(options, { buffer: 'string', module: 'object', onGrow: 'function' });
    const { buffer = 'fixed', module = compiledModule(), onGrow } = options;
    if (buffer !== 'fixed' && buffer !== 'resizable' && buffer !== 'shared') {
      throw badArgument(`buffer must be 'fixed', 'resizable' or 'shared', not ${show(buffer)}`);
    }
    if (buffer === 'shared') throw unsupported('shared memory is not supported yet');
    const maximum = toPages(options.maximum ?? MOST, 'maximum');
    const reserve = toPages(options.reserve ?? Math.min(RESERVE, maximum * PAGE), 'reserve');
    if (reserve > maximum) {
      const message = `reserve (${reserve} pages) is above maximum (${maximum} pages)`;
      throw arenaError(RangeError, 'ERR_ARENA_SIZE', message);
    }
    const made = makeMemory(reserve, maximum);
    if (buffer === 'resizable') makeResizable(made.wasmMemory);

    /**
     * The `WebAssembly.Memory`, to import into other modules. Its `grow` keeps the views current.
     * @readonly
     */
    this.wasmMemory = made.wasmMemory;
    /** How often the views were made again. */
    this.generation = 0;
    /** @internal */
    this._onGrow = onGrow;
    /** @internal whether _onGrow has a growth to hear of */
    this._grown = false;
    /** @internal */
    this._maximum = made.maximum * PAGE;
    /** @internal */
    this._reserve = made.reserve * PAGE;
    /** @internal */
    this._core = instantiate(module, this.wasmMemory);
    const state = this._core.init(this._maximum);
    /** @internal word index of the module's state */
    this._state = state / 4;
    /** @internal word index of the header that freed arenas point at: nothing fits there */
    this._dead = this._state;
    /** @internal @type {number[]} headers of freed arenas, for the next ones */
    this._headers = [];
    /** @internal bytes of the chunks that hold headers */
    this._overhead = 0;
    /** @internal */
    this._arenas = 0;
    /** @internal */
    this._leaked = 0;
    /** @internal the next mark */
    this._serial = 1;
    /** @internal @type {FinalizationRegistry<string> | undefined} */
    this._registry = undefined;
    /** @internal @type {ArrayBuffer} */
    this._buffer = this.wasmMemory.buffer;
    /** @internal what the hot paths read headers through */
    this._words = new Uint32Array(this._buffer);
    /** @internal @type {Map<Function, any>} views of the whole memory, made at the first use */
    this._views = new Map();

    Object.defineProperty(this.wasmMemory, 'grow', {
      configurable: true,
      writable: true,
      value: (/** @type {number} */ delta) => {
        const before = WebAssembly.Memory.prototype.grow.call(this.wasmMemory, delta);
        this._current();
        this._settle();
        return before;
      },
    });
  }

  /** The buffer that views lie on now. It is the whole memory, with every arena in it. */
  get buffer() {
    this._current();
    this._settle();
    return this._buffer;
  }

  /** The whole memory as a view, always current: take it anew after anything that may grow. */
  get u8() {
    return this._view(Uint8Array);
  }
  get i8() {
    return this._view(Int8Array);
  }
  get u16() {
    return this._view(Uint16Array);
  }
  get i16() {
    return this._view(Int16Array);
  }
  get u32() {
    return this._view(Uint32Array);
  }
  get i32() {
    return this._view(Int32Array);
  }
  get f32() {
    return this._view(Float32Array);
  }
  get f64() {
    return this._view(Float64Array);
  }
  get u64() {
    return this._view(BigUint64Array);
  }
  get i64() {
    return this._view(BigInt64Array);
  }

  /**
   * Grows now, while no view is held, until so many bytes lie past the frontier.
   *
   * @param {number} bytes
   * @throws ERR_ARENA_SIZE, ERR_ARENA_OUT_OF_MEMORY
   * @example
   * memory.ensure(64 * 2 ** 20); // the next 64 MiB of allocations make no view stale
   */
  ensure(bytes) {
    checkSize(bytes, 'bytes');
    const done = this._core.ensure(bytes);
    this._current();
    this._settle();
    if (!done) throw outOfMemory(`${bytes} bytes past the frontier`, this._refusal());
  }

  /** @returns {ArenaMemoryStats} */
  stats() {
    const words = this._current();
    this._settle();
    return {
      size: this._buffer.byteLength,
      reserve: this._reserve,
      maximum: this._maximum,
      frontier: words[this._state + STATE.FRONTIER],
      live: this._live() - this._overhead,
      free: words[this._state + STATE.FREE],
      arenas: this._arenas,
      leaked: this._leaked,
      grows: words[this._state + STATE.GROWS],
    };
  }

  /**
   * The words of memory; makes the views again first where somebody grew it. A stale view is an
   * empty one, which costs less to ask than the getter `wasmMemory.buffer`.
   *
   * @internal
   */
  _current() {
    if (this._words.length === 0) {
      this._buffer = this.wasmMemory.buffer;
      this._words = new Uint32Array(this._buffer);
      this._views.clear();
      this.generation++;
      this._grown = true;
    }
    return this._words;
  }

  /**
   * Tells onGrow of a growth, at the end of a public call. What it throws is reported as uncaught.
   *
   * @internal
   */
  _settle() {
    if (!this._grown) return;
    this._grown = false;
    try {
      this._onGrow?.(this);
    } catch (error) {
      Promise.reject(error);
    }
  }

  /**
   * @internal
   * @template {new (buffer: ArrayBuffer) => any} T
   * @param {T} Type
   * @returns {InstanceType<T>}
   */
  _view(Type) {
    this._current();
    this._settle();
    let view = this._views.get(Type);
    if (!view) this._views.set(Type, (view = new Type(this._buffer)));
    return view;
  }

  /** @internal bytes of used chunks */
  _live() {
    const words = this._current();
    const bytes = words[this._state + STATE.FRONTIER] - words[this._state + STATE.FIRST];
    return bytes - words[this._state + STATE.FOREIGN] - words[this._state + STATE.FREE];
  }

  /**
   * A new arena's header.
   *
   * @internal
   * @param {number} capacity
   * @param {number} limit
   * @param {boolean} zero
   * @returns {number} its address
   */
  _open(capacity, limit, zero) {
    const before = this._live();
    const header = this._headers.pop() ?? this._core.header() >>> 0;
    this._overhead += this._live() - before;
    const done = header && this._core.open(header, capacity, limit, zero ? 1 : 0);
    this._current();
    if (header && !done) this._headers.push(header);
    this._settle();
    if (!done) throw outOfMemory(`${capacity} bytes of capacity`, this._refusal());
    return header;
  }

  /**
   * @internal
   * @param {object} arena
   * @param {number} header
   */
  _close(arena, header) {
    this._core.free(header);
    this._headers.push(header);
    this._arenas--;
    this._registry?.unregister(arena);
  }

  /**
   * Watches for an arena that is collected without `free()`. Its chunks stay taken, because views
   * on them may outlive it.
   *
   * @internal
   * @param {object} arena
   * @param {string} label
   */
  _watch(arena, label) {
    this._arenas++;
    if (typeof FinalizationRegistry === 'undefined') return;
    this._registry ??= new FinalizationRegistry((name) => {
      this._arenas--;
      if (this._leaked++) return;
      warn(`arena ${name} was collected without free(); its memory stays taken`);
    });
    this._registry.register(arena, label, arena);
  }

  /** @internal which limit refused the last request; undefined: the arena's own */
  _refusal() {
    const refusal = this._current()[this._state + STATE.REFUSAL];
    if (refusal === 2) return `the memory's maximum of ${this._maximum} bytes`;
    return refusal === 3 ? `the engine, at ${this._buffer.byteLength} bytes of memory` : undefined;
  }
}

/** @type {ArenaMemory | undefined} */
let sharedMemory;

/**
 * The memory of arenas that name none, made when the first of them is.
 *
 * @internal
 */
export function defaultMemory() {
  return (sharedMemory ??= new ArenaMemory());
}

/**
 * @param {unknown} bytes
 * @param {string} name
 */
function toPages(bytes, name) {
  checkSize(bytes, name);
  const pages = Math.max(1, Math.ceil(bytes / PAGE));
  if (bytes <= MOST) return pages;
  throw arenaError(RangeError, 'ERR_ARENA_SIZE', `${name} (${bytes}) is above ${MOST}`);
}

/**
 * A memory of so many pages, or of fewer where the engine or the system refuses: the reserve is
 * halved, then the maximum. A memory that is not to grow stays one.
 *
 * @param {number} reserve pages
 * @param {number} maximum pages
 */
function makeMemory(reserve, maximum) {
  if (typeof WebAssembly === 'undefined') throw unsupported('this host has no WebAssembly');
  const fixed = reserve === maximum;
  for (;;) {
    try {
      return { wasmMemory: new WebAssembly.Memory({ initial: reserve, maximum }), reserve, maximum };
    } catch (error) {
      if (reserve > LEAST_RESERVE) {
        reserve = Math.max(LEAST_RESERVE, reserve >> 1);
        if (fixed) maximum = reserve;
      } else if (maximum > reserve) {
        maximum = Math.max(reserve, maximum >> 1);
      } else {
        throw outOfMemory(`${reserve * PAGE} bytes of linear memory`, 'the engine', error);
      }
    }
  }
}

/** @param {WebAssembly.Memory & { toResizableBuffer?: () => unknown }} wasmMemory */
function makeResizable(wasmMemory) {
  if (!wasmMemory.toResizableBuffer) throw unsupported('this engine has no resizable wasm buffers');
  wasmMemory.toResizableBuffer();
}

/** @type {WebAssembly.Module | undefined} */
let compiled;

function compiledModule() {
  try {
    return (compiled ??= new WebAssembly.Module(moduleBytes()));
  } catch (error) {
    throw unsupported(
      "this host forbids compiling wasm: allow 'wasm-unsafe-eval' in the script-src of the page's " +
        'content security policy, or pass the compiled wasm-arena/arena.wasm as `module`',
      error,
    );
  }
}

/**
 * @param {WebAssembly.Module} module
 * @param {WebAssembly.Memory} memory
 * @returns {Core}
 */
function instantiate(module, memory) {
  try {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return /** @type {any} */ (exports);
  } catch (error) {
    throw badArgument('module must be the compiled wasm-arena/arena.wasm', error);
  }
}

/** @param {string} message */
function warn(message) {
  const { process } = /** @type {any} */ (globalThis);
  if (process?.emitWarning) process.emitWarning(message, { code: 'WASM_ARENA_LEAK' });
  else console.warn(message);
}
