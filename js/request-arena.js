import { Arena, CachedView } from './arena.js';
import { ArenaError, ArenaOutOfMemoryError, badArgument } from './errors.js';
import { close, current, open, refusal } from './memory.js';
import { BASE, CAPACITY, HIGH_WATER, MARK } from './words.js';

/** The other words of an arena's header that it reads; src/exports.c asserts their places. */
const LIMIT = 1;
const START = 2;
const PEAK = 4;
const SPARE = 11;

/** Where a chunk's word `clean` is, counted back from its payload; src/exports.c asserts it. */
const CLEAN = -1;

/** What `_mark` is of an arena without marks, and of one that keeps them all on the stack. */
const ON_STACK = -1;
const ALWAYS_ON_STACK = -2;

/**
 * The most that an arena keeps for the next request, in bytes. What is above goes back to the
 * memory at once, without being wiped before: that is left to whoever gets it.
 */
const KEPT_MOST = 2 ** 19;

/**
 * What is used again by one request after the other: a header with its chunk, whose bytes read 0
 * where arenas are to be zeroed, and the lists of the wrapper.
 *
 * @internal
 * @typedef {object} Slot
 * @property {any} _core the exports that work on it
 * @property {number} header its address
 * @property {any[]} cache of views
 * @property {number[]} stack of marks
 */

/**
 * An arena of one request or job: what `RequestArenas` hands out. It is an Arena with Node.js
 * Buffers, and `free()` gives it back to the RequestArenas it is from. After that the object is
 * freed for good: another request gets its memory in another object.
 */
export class RequestArena extends Arena {
  /** @private */
  constructor() {
    super(refuseToConstruct());
  }

  /**
   * A Node.js Buffer on a new block: no copy, no garbage where a request before had the same one.
   *
   * Whoever keeps it beyond the request keeps a view on memory that another request has then, and
   * its `.buffer` is the memory with every arena in it.
   *
   * @param {number} size bytes
   * @param {number} [align] bytes; default 8
   * @returns {Buffer<ArrayBuffer>}
   * @throws ERR_ARENA_SIZE, ERR_ARENA_ALIGNMENT, ERR_ARENA_OUT_OF_MEMORY, ERR_ARENA_FREED
   * @example
   * const buffer = arena.buffer(1024);
   * const size = buffer.write('grün');
   * res.write(buffer.subarray(0, size));
   */
  buffer(size, align = 8) {
    return this._view(BufferOn, size, align);
  }

  /**
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset
   */
  alloc(size, align = 8) {
    try {
      return super.alloc(size, align);
    } catch (error) {
      throw labelled(error, this);
    }
  }

  /**
   * @internal
   * @param {any} Type
   * @param {number} length
   * @param {number} align
   */
  _view(Type, length, align) {
    try {
      return super._view(Type, length, align);
    } catch (error) {
      throw labelled(error, this);
    }
  }

  /**
   * @param {number} size bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset, or 0
   */
  tryAlloc(size, align = 8) {
    const ptr = super.tryAlloc(size, align);
    return ptr || !ownerOf(this)._refused(this, size) ? ptr : this.tryAlloc(size, align);
  }

  /**
   * @param {number} ptr byte offset
   * @param {number} oldSize bytes
   * @param {number} newSize bytes
   * @param {number} [align] default 8
   * @returns {number} a byte offset
   */
  realloc(ptr, oldSize, newSize, align = 8) {
    return orMakeRoom(this, newSize, () => super.realloc(ptr, oldSize, newSize, align));
  }

  /** Gives its memory back, once; afterwards what allocates or reads blocks throws. */
  free() {
    if (!this.freed) ownerOf(this)._giveBack(this);
  }
}

if (Symbol.dispose) {
  /** @type {any} */ (RequestArena.prototype)[Symbol.dispose] = RequestArena.prototype.free;
}

/** @type {any} */ (RequestArena.prototype).promote = function (
  /** @type {any[]} */ ...[mark, block, size = block?.byteLength, align]
) {
  /** @type {any} */
  const { promote } = Arena.prototype;
  return orMakeRoom(this, size, () => promote.call(this, mark, block, size, align));
};

/** What names its arena in `error.label`; so do `alloc` and the views, which are to be inlined. */
const NAMING = ['tryAlloc', 'realloc', 'promote', 'view', 'from', 'utf8', 'text'];
NAMING.push('mark', 'release', 'scope', 'reset', 'trim', 'float16');

for (const name of NAMING) {
  const { prototype } = /** @type {any} */ (RequestArena);
  const method = prototype[name];
  prototype[name] = {
    /** @type {(this: any, ...args: any[]) => any} */
    [name](...args) {
      try {
        return method.apply(this, args);
      } catch (error) {
        throw labelled(error, this);
      }
    },
  }[name];
}

/**
 * The constructor that is used: Arena's own checks options and watches each arena for leaks, which
 * costs more than all else that a short request does. Its fields are those of an Arena.
 *
 * @this {any}
 * @param {any} owner a RequestArenas
 * @param {Slot} slot
 */
function Recycled(owner, slot) {
  this.memory = owner.memory;
  this.label = owner.label;
  this._core = slot._core;
  this._limit = owner._limit;
  this._maxViews = owner._maxViews;
  this._mark = owner._zero ? ALWAYS_ON_STACK : ON_STACK;
  this._markCursor = 0;
  this._markIndex = 0;
  this._stack = slot.stack;
  this._depth = 0;
  this._cache = slot.cache;
  this._index = 0;
  this._highWater = 0;
  this._header = slot.header / 4;
  /* And these are its own: who it is from, what it is made of, and what may still use it. */
  this._owner = owner;
  this._slot = slot;
  this._response = undefined;
  this._outer = undefined;
  this._running = false;
  this._open = false;
  this._sending = false;
  this._handedOn = false;
  this._ended = false;
  this._orphaned = false;
  this._timer = undefined;
}
Recycled.prototype = RequestArena.prototype;

/**
 * @internal
 * @param {any} owner a RequestArenas
 * @param {Slot} slot
 * @returns {RequestArena}
 */
export function occupy(owner, slot) {
  return new /** @type {any} */ (Recycled)(owner, slot);
}

/**
 * A slot with a header of its own, and no chunk yet.
 *
 * @internal
 * @param {any} owner a RequestArenas
 * @returns {Slot}
 * @throws ERR_ARENA_OUT_OF_MEMORY there is no memory for a header
 */
export function newSlot({ memory, label, _limit, _zero }) {
  const slot = { _core: memory._core, header: 0, cache: [new CachedView()], stack: [] };
  slot.header = open(memory, slot, label, 0, _limit, _zero);
  return slot;
}

/**
 * Ends an arena, and leaves its slot as the next request wants it: nothing used, and what is kept of
 * the chunk wiped in one go, which costs less than the core's way, a piece at a time before it is
 * handed out, and leaves nobody's bytes lying about. `npm run bench -- request` measures it. None of
 * the calls grows the memory.
 *
 * @internal
 * @param {any} arena
 * @returns {number} the most bytes that it used at once
 */
export function vacate(arena) {
  const { memory, _slot: slot, _limit } = arena;
  const header = slot.header / 4;
  const words = current(memory);
  if (words[header + CAPACITY] > KEPT_MOST) {
    /* Where it is: a reset would make one chunk of all, often at the frontier, to keep its head. */
    slot._core.release(slot.header, words[header + BASE], 0);
    slot._core.trim(slot.header, KEPT_MOST);
    if (words[header + SPARE]) slot._core.reset(slot.header);
  } else if (words[header + START] === words[header + BASE] && !words[header + SPARE]) {
    rewind(words, header);
  } else {
    slot._core.reset(slot.header);
  }
  const used = words[header + HIGH_WATER];
  if (words[header + SPARE]) slot._core.trim(slot.header, 0);
  const start = words[header + START];
  const capacity = words[header + CAPACITY];
  if (arena._owner._zero && capacity) {
    const clean = start / 4 + CLEAN;
    memory.u8.fill(0, start, Math.min(words[clean], start + capacity));
    words[clean] = start;
    words[header + LIMIT] = start + Math.min(capacity, _limit);
  }
  words[header + PEAK] = start;
  words[header + HIGH_WATER] = 0;
  arena._highWater = used;
  arena._header = memory._state;
  arena._depth = 0;
  arena._mark = ON_STACK;
  /* What outlives the request on its connection, such as a timer, still has the arena as its current
     one: it is not to keep the request and the response as well, or they grow old with it. */
  arena._response = undefined;
  return used;
}

/**
 * What the core's `reset` does where there is one chunk: src/arena.c, note_cursor and rewind_to. The
 * core has noted each cursor that was higher. Its call takes a sixth of all the time of a request with
 * 20 small buffers.
 *
 * @param {Uint32Array} words
 * @param {number} header
 */
function rewind(words, header) {
  const start = words[header + START];
  const clean = start / 4 + CLEAN;
  const cursor = words[header];
  words[header + HIGH_WATER] = Math.max(words[header + HIGH_WATER], cursor - start);
  words[clean] = Math.max(words[clean], cursor);
  words[header] = start;
  words[header + MARK] = 0;
}

/**
 * Gives back what an arena keeps that has not used any of it: a block may fit where it is.
 *
 * @internal
 * @param {any} arena
 * @returns {boolean} whether there was something
 */
export function giveWay(arena) {
  const { capacity, used, _core } = arena;
  if (!capacity || used || arena._depth) return false;
  _core.trim(arena._header * 4, 0);
  return true;
}

/**
 * What a slot keeps for the next request, in bytes.
 *
 * @internal
 * @param {any} memory
 * @param {Slot} slot
 * @returns {number}
 */
export function kept(memory, slot) {
  return current(memory)[slot.header / 4 + CAPACITY];
}

/**
 * Gives a slot's chunk and header back.
 *
 * @internal
 * @param {any} memory
 * @param {Slot} slot
 */
export function dissolve(memory, slot) {
  close(memory, slot, slot.header);
}

/** @returns {never} */
function refuseToConstruct() {
  throw badArgument('RequestArenas makes these');
}

/**
 * Node.js Buffers as a type of views.
 *
 * @param {ArrayBuffer} buffer
 * @param {number} ptr
 * @param {number} length
 */
function BufferOn(buffer, ptr, length) {
  return Buffer.from(buffer, ptr, length);
}

/**
 * @param {any} arena
 * @returns {any} a RequestArenas
 */
function ownerOf(arena) {
  return arena._owner;
}

/**
 * Adds the arena's label to an error of it, and where it had no memory the status that Express and
 * Fastify answer if nobody handles it: 413 for the request's own limit, 503 for that of all.
 *
 * @param {any} error
 * @param {RequestArena} arena
 */
function labelled(error, { label, memory }) {
  if (error instanceof ArenaError) Object.assign(error, { label });
  if (error instanceof ArenaOutOfMemoryError) {
    Object.assign(error, { statusCode: refusal(memory) === undefined ? 413 : 503 });
  }
  return error;
}

/**
 * Tries once more where its owner could make room.
 *
 * @template T
 * @param {RequestArena} arena
 * @param {number} size
 * @param {() => T} attempt
 * @returns {T}
 */
function orMakeRoom(arena, size, attempt) {
  try {
    return attempt();
  } catch (error) {
    const { code } = /** @type {any} */ (error);
    if (code !== 'ERR_ARENA_OUT_OF_MEMORY' || !ownerOf(arena)._refused(arena, size)) throw error;
    return orMakeRoom(arena, size, attempt);
  }
}
