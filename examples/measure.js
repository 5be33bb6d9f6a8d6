/**
 * What a loop costs: time, garbage, and the garbage collector's work.
 *
 * Bytes are counted, not sampled: what the heap and its array buffers grew by over the loop, plus
 * what each collection on the way took away, which `v8.GCProfiler` reports.
 */

import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/**
 * Runs the loop for the times and the collections, and again to count the bytes. Then it gets
 * nothing to write times to, because the numbers of a stopwatch are garbage too.
 *
 * @param {number} count how often the loop runs its body
 * @param {(times?: Float64Array) => void | Promise<void>} loop writes `count` times, in ms
 */
export async function measure(count, loop) {
  const times = new Float64Array(count);
  const { collections } = await profile(loop, times);
  times.sort();
  return {
    median: times[count >> 1],
    high: times[Math.floor(0.99 * (count - 1))],
    worst: times[count - 1],
    garbage: (await countBytes(loop)) / count,
    collections: collections.length,
    pause: sum(collections, ({ cost }) => cost) / 1000,
  };
}

/** @param {() => void | Promise<void>} loop */
async function countBytes(loop) {
  /* Buffers that are freed in another thread, after the collection, would escape its report. */
  v8.setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  const { grown, collections } = await profile(loop);
  v8.setFlagsFromString('--concurrent-array-buffer-sweeping');
  return grown + sum(collections, taken);
}

function taken({ beforeGC: { heapStatistics: before }, afterGC: { heapStatistics: after } }) {
  const heap = before.usedHeapSize - after.usedHeapSize;
  return heap + before.externalMemory - after.externalMemory;
}

async function profile(loop, times) {
  /* No loop pays for what others left behind. A forced collection also throws compiled code away:
     the first run, which nobody looks at, is for V8 to compile. */
  collect();
  await loop();
  const profiler = new v8.GCProfiler();
  profiler.start();
  /* Statistics are garbage as well: each tells what the last one made. The first is for V8 to take
     the block that it allocates from. */
  v8.getHeapStatistics();
  const [first, before] = [v8.getHeapStatistics(), v8.getHeapStatistics()];
  const pending = loop(times);
  /* Node.js gets to work of its own while we wait: not for a loop that is over. */
  if (pending) await pending;
  const after = v8.getHeapStatistics();
  const grown = used(after) - used(before) - (used(before) - used(first));
  return { grown, collections: profiler.stop().statistics };
}

const used = (statistics) => statistics.used_heap_size + statistics.external_memory;

const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);
