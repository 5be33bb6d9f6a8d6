/** What the frames of one mode took. */

/** Frames that are remembered. */
const WINDOW = 600;
/** A frame that takes so many times the median is a long one. */
export const LONG = 2;

export class Statistics {
  constructor() {
    this.times = new Float64Array(WINDOW);
    this.sorted = new Float64Array(WINDOW);
    this.clear();
  }

  clear() {
    this.frames = 0;
    this.next = 0;
  }

  /** @param {number} time ms */
  add(time) {
    this.times[this.next] = time;
    this.next = (this.next + 1) % WINDOW;
    this.frames = Math.min(WINDOW, this.frames + 1);
  }

  /**
   * `pause`: by how much long frames, those over twice the median, are longer than it, in the
   * median.
   */
  summary() {
    const { frames } = this;
    const sorted = this.sorted.subarray(0, frames);
    sorted.set(this.times.subarray(0, frames));
    sorted.sort();
    const at = (share) => sorted[Math.floor(share * (frames - 1))];
    const median = at(0.5);
    const first = sorted.findIndex((time) => time > LONG * median);
    const long = first < 0 ? 0 : frames - first;
    const pause = long ? sorted[first + (long >> 1)] - median : 0;
    return { frames, median, p95: at(0.95), p99: at(0.99), long, pause };
  }
}
