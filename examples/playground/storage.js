/**
 * Where a frame's arrays come from: from arenas, or new ones each time. Nothing else in the
 * playground knows which. Both count what they do.
 *
 *   storage.begin();
 *   let xs = storage.float32(length, most);
 *   if (storage.grew()) storage.again();   // xs is stale: the frame begins once more
 *   storage.carry(xs);                     // `storage.carried` in the next frame
 */
import { ArenaMemory, FrameArenas } from 'wasm-arena';

const NOTHING = new Float32Array(0);

/** Which frames of a ring are valid at a time: this one, and the last one, for its positions. */
const IN_FLIGHT = 2;

/** The memory may have this much, whatever its reserve. */
const MAXIMUM = 2 ** 30;

/** Most arrays of a frame that are remembered for the map. */
const MOST_BLOCKS = 16;

export class PlainStorage {
  constructor() {
    /** Arrays that this frame made. */
    this.made = 0;
    /** Bytes of them: all are garbage when the next frame is over. */
    this.garbage = 0;
    /** Positions of the last frame. */
    this.carried = NOTHING;
  }

  begin() {
    this.made = 0;
    this.garbage = 0;
  }

  /** @param {number} length */
  float32(length) {
    return this.counted(new Float32Array(length));
  }

  /** @param {number} length */
  uint32(length) {
    return this.counted(new Uint32Array(length));
  }

  counted(array) {
    this.made++;
    this.garbage += array.byteLength;
    return array;
  }

  /* Ordinary arrays never go stale, and need no scopes. */
  grew() {
    return false;
  }
  mark() {}
  release() {}

  /** @param {Float32Array} positions */
  carry(positions) {
    this.carried = positions;
  }

  forget() {
    this.carried = NOTHING;
  }
}

export class ArenaStorage {
  /** @param {number} reserve bytes */
  constructor(reserve) {
    this.memory = new ArenaMemory({ reserve, maximum: MAXIMUM });
    this.frames = new FrameArenas({ memory: this.memory, inFlight: IN_FLIGHT });
    /** @type {Ring[]} one an arena, in the order of their turns */
    this.rings = Array.from({ length: IN_FLIGHT }, () => new Ring());
    this.turn = IN_FLIGHT - 1;
    /** Views that this frame made, because no cached one was right. */
    this.made = 0;
    /** What is left of the frames before: no array, ever. */
    this.garbage = 0;
    /** Bytes that the last reset freed. */
    this.freed = 0;
    this.carried = NOTHING;
    this.carriedAt = 0;
    this.carriedLength = 0;
    this.generation = 0;
  }

  get ring() {
    return this.rings[this.turn];
  }

  begin() {
    const before = this.frames.current;
    this.turn = (this.turn + 1) % IN_FLIGHT;
    this.freed = this.ring.arena?.used ?? 0;
    this.ring.arena = this.frames.next();
    this.made = 0;
    this.start(before);
  }

  /** The frame once more, after a growth: the arena has the room now that was missing. */
  again() {
    const before = this.rings[(this.turn + IN_FLIGHT - 1) % IN_FLIGHT].arena;
    this.ring.arena.reset();
    this.start(before);
  }

  start(before) {
    this.ring.length = 0;
    if (this.generation === this.memory.generation) return;
    /* The last frame's bytes are where they were; the view on them is not. */
    this.generation = this.memory.generation;
    if (!this.carriedLength) return;
    this.carried = before.view(Float32Array, this.carriedAt, this.carriedLength);
  }

  /**
   * @param {number} length
   * @param {number} [most] what the list may get to in another frame: room that stays unused costs
   *   nothing in an arena, and a length that stays the same gives the same view
   */
  float32(length, most = length) {
    return this.counted(this.ring.arena.float32(most));
  }

  /**
   * @param {number} length
   * @param {number} [most]
   */
  uint32(length, most = length) {
    return this.counted(this.ring.arena.uint32(most));
  }

  counted(view) {
    if (this.ring.isNew(view)) this.made++;
    return view;
  }

  /** Whether the frame's views are stale, because it outgrew the memory. */
  grew() {
    return this.generation !== this.memory.generation;
  }

  /** What is taken from here on until `release` is scratch. */
  mark() {
    const { ring } = this;
    ring.marked = ring.arena.used;
    return ring.arena.mark();
  }

  release(mark) {
    const { ring } = this;
    ring.scratch = ring.arena.used - ring.marked;
    ring.arena.release(mark);
  }

  carry(positions) {
    this.carried = positions;
    this.carriedAt = positions.byteOffset;
    this.carriedLength = positions.length;
  }

  forget() {
    this.carried = NOTHING;
    this.carriedLength = 0;
  }

  free() {
    this.frames.free();
  }
}

/** An arena of the ring, and what its last frame took from it. */
class Ring {
  constructor() {
    /** @type {import('wasm-arena').Arena | undefined} */
    this.arena = undefined;
    /** The views in the order of their allocation, to tell the same one from a new one. */
    this.views = [];
    this.length = 0;
    /** Bytes in use when the scratch began, and bytes of it. */
    this.marked = 0;
    this.scratch = 0;
  }

  isNew(view) {
    const at = this.length++;
    const isNew = this.views[at] !== view;
    if (at < MOST_BLOCKS) this.views[at] = view;
    return isNew;
  }
}
