import {
  badArgument,
  checkMost,
  checkOptions,
  checkSize,
  optional,
  outOfMemory,
  show,
  unsupported,
} from './errors.js';
import { moduleBytes } from './wasm.js';
import { FIRST, FOREIGN, FREE, FRONTIER, GROWS, HEADER_SIZE, HEADERS, REFUSAL } from './words.js';

const PAGE = 65536;
const MOST = 65535 * PAGE;

/**
 * V8 counts a memory of 32 MiB or more as external pressure: making one costs a garbage collection
 * of 4 to 5 ms. 16 MiB stays below that, and untouched pages cost no RAM.
 */
const RESERVE = 16 * 2 ** 20;

/** Below this a refused reserve is not halved further; what is halved then is the maximum. */
const LEAST_RESERVE = 2 ** 20 / PAGE;

/**
 * What the wasm module exports: src/exports.c says what each one does.
 *
 * @internal
 * @typedef {object} Core
 * @property {(maximum: number) => number} init
 * @property {(arena: number, capacity: number, limit: number, zero: number) => number} open
 * @property {(arena: number) => void} free
 * @property {(arena: number, size: number, align: number) => number} alloc
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
 *   the first, when the state is consistent; never on a resizable buffer, whose views stay
 */

/**
 * @typedef {object} ArenaMemoryStats
 * @property {number} size bytes present
 * @property {number} reserve bytes present at the start
 * @property {number} maximum most bytes
 * @property {number} frontier first byte never yet given to a chunk
 * @property {number} live bytes of chunks that arenas hold
 * @property {number} free bytes of chunks that nobody holds
 * @property {number} arenas arenas that were made, and neither freed nor collected
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
    checkOptions(options, { buffer: 'string', onGrow: 'function' });
    const { buffer = 'fixed', maximum = MOST, module, onGrow } = options;
    const most = toPages(maximum, 'maximum');
    const { reserve = Math.min(RESERVE, maximum) } = options;
    const least = toPages(reserve, 'reserve');
    checkMost(reserve, 'reserve', maximum);
    const [wasmMemory, pages] = makeMemory(least, most, buffer);
    const [core, state] = instantiate(module, moduleBytes, wasmMemory, pages * PAGE);

    /**
     * The `WebAssembly.Memory`, to import into other modules. Its `grow` keeps the views current.
     * @readonly
     */
    this.wasmMemory = wasmMemory;
    /** How often the views were made again. */
    this.generation = 0;
    /** @internal */
    this._onGrow = onGrow;
    /** @internal whether _onGrow has a growth to hear of */
    this._grown = false;
    /** @internal */
    this._core = core;
    /** @internal */
    this._maximum = pages * PAGE;
    /** @internal */
    this._reserve = wasmMemory.buffer.byteLength;
    /** @internal word index of the module's state, which begins with the header of freed arenas */
    this._state = state / 4;
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
    /** @internal @type {ArrayBuffer} */
    this._buffer = wasmMemory.buffer;
    /** @internal what the hot paths read headers through */
    this._words = new Uint32Array(this._buffer);
    /** @internal @type {Record<string, any>} views of the whole memory, made at the first use */
    this._views = {};

    const { grow } = wasmMemory;
    wasmMemory.grow = (/** @type {number} */ delta) => {
      const before = grow.call(wasmMemory, delta);
      settle(this);
      return before;
    };
  }

  /** The buffer that views lie on now. It is the whole memory, with every arena in it. */
  get buffer() {
    settle(this);
    return this._buffer;
  }

  /** The whole memory as a view, always current: take it anew after anything that may grow. */
  get u8() {
    return wholeView(this, Uint8Array);
  }
  get i8() {
    return wholeView(this, Int8Array);
  }
  get u16() {
    return wholeView(this, Uint16Array);
  }
  get i16() {
    return wholeView(this, Int16Array);
  }
  get u32() {
    return wholeView(this, Uint32Array);
  }
  get i32() {
    return wholeView(this, Int32Array);
  }
  get f32() {
    return wholeView(this, Float32Array);
  }
  get f64() {
    return wholeView(this, Float64Array);
  }
  get u64() {
    return wholeView(this, BigUint64Array);
  }
  get i64() {
    return wholeView(this, BigInt64Array);
  }

  /**
   * Grows now, while no view is held, until a block of so many bytes fits past the frontier.
   *
   * @param {number} bytes
   * @throws ERR_ARENA_SIZE, ERR_ARENA_OUT_OF_MEMORY
   * @example
   * memory.ensure(64 * 2 ** 20); // the next 64 MiB of allocations make no view stale
   */
  ensure(bytes) {
    checkSize(bytes, 'bytes');
    const done = this._core.ensure(bytes);
    settle(this);
    if (!done) throw outOfMemory(`${bytes} bytes`, refusal(this));
  }

  /** @returns {ArenaMemoryStats} */
  stats() {
    return {
      size: this.buffer.byteLength,
      reserve: this._reserve,
      maximum: this._maximum,
      frontier: stateWord(this, FRONTIER),
      live: live(this) - this._overhead,
      free: stateWord(this, FREE),
      arenas: this._arenas,
      leaked: this._leaked,
      grows: stateWord(this, GROWS),
    };
  }
}

/**
 * The words of memory; makes the views again first where somebody grew it. A stale view is an
 * empty one, which costs less to ask than the getter `wasmMemory.buffer`.
 *
 * @internal
 * @param {ArenaMemory} memory
 */
export function current(memory) {
  if (memory._words.length === 0) {
    memory._buffer = memory.wasmMemory.buffer;
    memory._words = new Uint32Array(memory._buffer);
    memory._views = {};
    memory.generation++;
    memory._grown = true;
  }
  return memory._words;
}

/**
 * Tells onGrow of a growth, at the end of a public call. What it throws is reported as uncaught.
 *
 * @internal
 * @param {ArenaMemory} memory
 */
export function settle(memory) {
  current(memory);
  if (!memory._grown) return;
  memory._grown = false;
  try {
    memory._onGrow?.(memory);
  } catch (error) {
    Promise.reject(error);
  }
  current(memory);
}

/**
 * @param {ArenaMemory} memory
 * @template {{ name: string, new (buffer: ArrayBuffer): any }} T
 * @param {T} Type
 * @returns {InstanceType<T>}
 */
function wholeView(memory, Type) {
  settle(memory);
  return (memory._views[Type.name] ??= new Type(memory._buffer));
}

/**
 * @param {ArenaMemory} memory
 * @param {number} index a word of the module's state
 */
function stateWord(memory, index) {
  return current(memory)[memory._state + index];
}

/**
 * Bytes of used chunks.
 *
 * @param {ArenaMemory} memory
 */
function live(memory) {
  const words = current(memory);
  const at = memory._state;
  return words[at + FRONTIER] - words[at + FIRST] - words[at + FOREIGN] - words[at + FREE];
}

/**
 * A header for a new arena, which is watched: an arena that is collected without `free()` keeps
 * its chunks, because views on them may outlive it.
 *
 * @internal
 * @param {ArenaMemory} memory
 * @param {object} arena
 * @param {string} label
 * @param {number} capacity
 * @param {number} limit
 * @param {boolean} zero
 * @returns {number} its address
 */
export function open(memory, arena, label, capacity, limit, zero) {
  const header = memory._headers.pop() || newHeader(memory, HEADER_SIZE);
  const done = header && memory._core.open(header, capacity, limit, +zero);
  if (!done) memory._headers.push(header);
  settle(memory);
  if (!done) throw outOfMemory(`${capacity} bytes`, refusal(memory));
  memory._arenas++;
  leaks ??= globalThis.FinalizationRegistry && new FinalizationRegistry(countLeak);
  leaks?.register(arena, { memory: new WeakRef(memory), label }, arena);
  return header;
}

/**
 * Room for the header of an arena, or of another allocator; 0 where there is none.
 *
 * @internal
 * @param {ArenaMemory} memory
 * @param {number} size bytes
 * @returns {number} its address
 */
export function newHeader(memory, size) {
  const before = live(memory);
  const header = memory._core.alloc((memory._state + HEADERS) * 4, size, 8) >>> 0;
  memory._overhead += live(memory) - before;
  return header;
}

/**
 * Gives an arena's chunks and header back.
 *
 * @internal
 * @param {ArenaMemory} memory
 * @param {{ _core: Core }} arena
 * @param {number} header its address
 */
export function close(memory, arena, header) {
  arena._core.free(header);
  memory._headers.push(header);
  memory._arenas--;
  leaks?.unregister(arena);
}

/**
 * Which limit refused the last request; undefined: the arena's own.
 *
 * @internal
 * @param {ArenaMemory} memory
 */
export function refusal(memory) {
  return [
    `the memory's maximum of ${memory._maximum} bytes`,
    `the engine, at ${memory._buffer.byteLength} bytes`,
    'what it is on',
  ][stateWord(memory, REFUSAL) - 2];
}

/**
 * Hears of arenas that were collected, where the host has such a thing. One for all memories,
 * because V8 11 stops cleaning up in the whole process where a registry is collected before it has
 * cleaned up.
 *
 * @type {FinalizationRegistry<{ memory: WeakRef<ArenaMemory>, label: string }> | undefined}
 */
let leaks;

/**
 * @internal
 * @param {{ memory: WeakRef<ArenaMemory>, label: string }} arena
 */
export function countLeak({ memory: weak, label }) {
  const memory = weak.deref();
  if (!memory) return;
  memory._arenas--;
  if (!memory._leaked++) console.warn(`arena '${label}' was collected without free()`);
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
 * @param {number} bytes
 * @param {string} name
 */
function toPages(bytes, name) {
  checkSize(bytes, name);
  checkMost(bytes, name, MOST);
  return Math.ceil(bytes / PAGE) || 1;
}

/**
 * A memory of so many pages, or of fewer where the engine or the system refuses: the reserve is
 * halved, then the maximum. A memory that is not to grow stays one.
 *
 * @param {number} initial pages
 * @param {number} maximum pages
 * @param {string} buffer
 * @returns {[WebAssembly.Memory, number]} and how many pages it may have
 */
function makeMemory(initial, maximum, buffer) {
  const { Memory } = optional('WebAssembly');
  const ready = { fixed() {}, resizable: Memory.prototype.toResizableBuffer, shared: undefined };
  if (!Object.hasOwn(ready, buffer)) throw badArgument(`no buffer: ${show(buffer)}`);
  const make = ready[/** @type {keyof typeof ready} */ (buffer)];
  if (!make) throw unsupported(`no ${buffer} buffers here`);

  const fixed = initial === maximum;
  for (;;) {
    try {
      const memory = new Memory({ initial, maximum });
      make.call(memory);
      return [memory, maximum];
    } catch (error) {
      if (initial > LEAST_RESERVE) {
        initial = Math.max(LEAST_RESERVE, initial >> 1);
        if (fixed) maximum = initial;
      } else if ((maximum >>= 1) < initial) {
        throw outOfMemory('linear memory', 'the engine', error);
      }
    }
  }
}

/**
 * The exports of a new instance in a memory, and what its `init` returned.
 *
 * @internal
 * @param {WebAssembly.Module | undefined} given what a caller brought
 * @param {any} bytes makes the bytes of the module that is taken otherwise, and remembers that one
 * @param {WebAssembly.Memory} memory
 * @param {number} argument of `init`
 * @returns {[any, number]}
 */
export function instantiate(given, bytes, memory, argument) {
  try {
    const module = given === undefined ? (bytes.module ??= new WebAssembly.Module(bytes())) : given;
    /** @type {any} */
    const core = new WebAssembly.Instance(module, { env: { memory } }).exports;
    return [core, core.init(argument)];
  } catch (error) {
    if (given !== undefined) throw badArgument('not the compiled `module`', error);
    throw unsupported("allow 'wasm-unsafe-eval' in the CSP or pass `module`", error);
  }
}
