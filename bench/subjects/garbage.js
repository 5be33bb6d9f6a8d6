/** What a steady frame of 1,000 views and marks leaves to the garbage collector. */
import { getHeapStatistics } from 'node:v8';
import { Arena } from '../../js/index.js';

const WARM_UP = 20_000;
const FRAMES = 200;
const WINDOWS = 15;

/** Bytes a frame where the engine counts them exactly, else objects that an earlier frame lacked. */
export function arena() {
  const arena = new Arena();
  const keep = (index, view) => views[index] === view || (views[index] = view);
  const views = [];
  for (let i = 0; i < WARM_UP; i++) frame(arena, keep);

  if (countsBytes()) return { value: bytesOf(() => frame(arena, ignore)), unit: 'bytes' };
  let created = 0;
  const compare = (index, view) => (created += views[index] === view ? 0 : 1);
  for (let i = 0; i < FRAMES; i++) frame(arena, compare);
  return { value: created, unit: 'objects' };
}

const ignore = () => {};

/** 500 views for the whole frame, then 100 scopes of 4 views each. */
function frame(arena, see) {
  let index = 0;
  for (let i = 0; i < 250; i++) {
    see(index++, arena.float32(16));
    see(index++, arena.uint16(i));
  }
  for (let i = 0; i < 100; i++) {
    const mark = arena.mark();
    see(500, arena.float32(256));
    see(501, arena.uint8(100));
    see(502, arena.float64(4));
    see(503, arena.dataView(20));
    arena.release(mark);
  }
  arena.reset();
}

/** Whether 1,000 arrays of 16 floats a frame are seen to be more than the 64,000 bytes in them. */
function countsBytes() {
  const kept = [];
  const wasteful = () => {
    for (let i = 0; i < 1000; i++) kept[i] = new Array(16).fill(0.5);
  };
  return bytesOf(wasteful, 1) > 64_000;
}

/** Median over windows without a collection: one that has a collection in it shrinks the heap. */
function bytesOf(work, frames = FRAMES) {
  const deltas = [];
  for (let window = 0; window < WINDOWS; window++) {
    const before = used();
    const counting = used() - before;
    const start = used();
    for (let i = 0; i < frames; i++) work();
    deltas.push((used() - start - counting) / frames);
  }
  return deltas.sort((a, b) => a - b)[WINDOWS >> 1];
}

function used() {
  return getHeapStatistics().used_heap_size;
}
