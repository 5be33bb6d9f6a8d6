/**
 * How a subject's time is measured, in the child process that it has for itself.
 *
 * tinybench takes the samples. It times each call of its function, which costs it some 50 ns, and an
 * operation here costs 1 to 1,000: so a frame is 1,000 operations, and a sample as many frames as
 * take 1 ms. Longer ones would be interrupted by other processes more often than not where the
 * machine is busy, shorter ones would leave nearly all garbage collections in a tail that no median
 * sees.
 */
import { Bench } from 'tinybench';

/** Operations a frame. */
export const FRAME = 1000;

const WARM_UP_MS = 800;
/* Where a browser rounds its clock, to 1 ms at worst, samples are longer and fewer. */
const SAMPLE_MS = Math.max(1, 20 * resolution());
const SAMPLES = SAMPLE_MS > 1 ? 60 : 300;

/** Written to, so that no engine finds a result unused. */
export const sink = { value: 0 };

/**
 * @param {() => number} frame does the operations and returns a number made of their results
 * @param {number} [operations] how many it does
 * @returns {{ value: number, unit: string }} the median time of one operation
 */
export function measure(frame, operations = FRAME) {
  const frames = warmUp(frame);
  const bench = new Bench({ iterations: SAMPLES, time: 0, warmup: false, throws: true });
  const sample = () => {
    for (let i = 0; i < frames; i++) sink.value += frame();
  };
  bench.add('subject', sample, { async: false });
  bench.runSync();
  const { latency } = bench.tasks[0].result;
  return { value: (latency.p50 * 1e6) / (frames * operations), unit: 'ns' };
}

/** The least that the clock tells apart, in ms. */
function resolution() {
  let least = Infinity;
  for (let i = 0; i < 10; i++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    least = Math.min(least, now - start);
  }
  return least;
}

/** Calls `frame` until it is optimised, as a program does; returns how many fit in a sample. */
function warmUp(frame) {
  let calls = 0;
  let before = 0;
  const start = performance.now();
  for (let now = start; now < start + WARM_UP_MS; now = performance.now()) {
    sink.value += frame();
    calls++;
    if (now < start + WARM_UP_MS / 2) before = calls;
  }
  return Math.max(1, Math.round(((calls - before) * SAMPLE_MS) / (WARM_UP_MS / 2)));
}
