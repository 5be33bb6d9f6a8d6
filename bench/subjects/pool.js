/** 1,000 objects of 64 bytes: all are allocated, then all are freed. */
import { FixedBuffer, Heap, Pool } from '../../js/allocators.js';
import { FRAME, measure } from '../sampling.js';

export function pool() {
  const pool = new Pool({ size: 64, capacity: FRAME });
  return frames(
    () => pool.alloc(),
    (object) => pool.free(object),
  );
}

export function heapExport() {
  const heap = new Heap();
  const { heap_alloc, heap_free } = heap._core;
  const address = heap._address;
  return frames(
    () => heap_alloc(address, 64, 8),
    (block) => heap_free(address, block),
  );
}

/** The same frame as that of an arena in alloc.js. */
export function fixedBuffer() {
  const buffer = new FixedBuffer({ size: 64 * FRAME });
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= buffer.alloc(64, 8);
    buffer.reset();
    return sum;
  });
}

function frames(alloc, free) {
  const blocks = new Uint32Array(FRAME);
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= blocks[i] = alloc();
    for (let i = 0; i < FRAME; i++) free(blocks[i]);
    return sum;
  });
}
