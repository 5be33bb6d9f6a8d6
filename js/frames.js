import { Arena } from './arena.js';
import { arenaError, checkOptions, checkSize } from './errors.js';

/**
 * @typedef {import('./arena.js').ArenaOptions & { inFlight?: number }} FrameArenasOptions
 *   `inFlight`: how many frames' data is valid at a time, the current one's included; at least 1,
 *   default 2. The other options are those of each arena.
 */

/**
 * A ring of arenas, one a frame: what a frame allocates is valid until `inFlight − 1` more have
 * begun. For what is read later than it is written: the last frame, to interpolate with; encoders,
 * `createImageBitmap`, async jobs. WebGL and WebGPU copy at the call and need no ring.
 *
 * @example
 * const frames = new FrameArenas();
 * function frame() {
 *   const arena = frames.next();
 *   const positions = arena.float32(3000);  // valid in the next frame, too
 *   requestAnimationFrame(frame);
 * }
 */
export class FrameArenas {
  /**
   * @param {FrameArenasOptions} [options]
   * @throws ERR_ARENA_SIZE `inFlight` is no integer from 1 on
   * @throws what `new Arena` throws; nothing is kept then
   */
  constructor(options = {}) {
    checkOptions(options, {});
    const { inFlight = 2, ...arenaOptions } = options;
    checkSize(inFlight, 'inFlight');
    if (!inFlight) throw arenaError(RangeError, 'ERR_ARENA_SIZE', 'inFlight must be at least 1');
    /** @internal @type {Arena[]} */
    this._arenas = [];
    /** @internal the current one's place */
    this._turn = -1;
    try {
      for (let i = 0; i < inFlight; i++) this._arenas.push(new Arena(arenaOptions));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /**
   * Begins a frame: resets the oldest arena of the ring.
   *
   * @returns {Arena} it, empty; the same object every `inFlight` frames, so that its views are too
   * @throws ERR_ARENA_FREED
   */
  next() {
    const turn = this._turn + 1 < this._arenas.length ? this._turn + 1 : 0;
    const arena = this._arenas[turn];
    arena.reset();
    this._turn = turn;
    return arena;
  }

  /**
   * The arena of the frame that runs; undefined before the first `next()`.
   *
   * @returns {Arena | undefined}
   */
  get current() {
    return this._arenas[this._turn];
  }

  /** Frees all arenas of the ring. Twice is harmless; afterwards `next` throws. */
  free() {
    for (const arena of this._arenas) arena.free();
  }
}

/* Where the engine has explicit resource management, `using frames = new FrameArenas()` frees it. */
if (Symbol.dispose) {
  /** @type {any} */ (FrameArenas.prototype)[Symbol.dispose] = FrameArenas.prototype.free;
}
