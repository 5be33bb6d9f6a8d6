/**
 * A heap against Emscripten's mallocs: 10,000 blocks of 16 bytes to 16 KiB live, and each operation
 * frees a random one and allocates another one. All of them follow the same trace.
 */
import { Heap } from '../../js/allocators.js';
import { ArenaMemory } from '../../js/index.js';
import { mallocs } from '../peers/mallocs.js';
import { generator } from '../random.js';
import { FRAME, measure } from '../sampling.js';

const LIVE = 10_000;
const LEAST = 16;
const MOST = 16_384;
/** Operations that the trace has, and then begins again. */
const TRACE = 2 ** 20;
const OPERATIONS = 10_000_000;
const TIMED = 1_000_000;

export const uniform = () => pairs(heap(), even);
export const uniformExport = () => pairs(heapExports(), even);
export const uniformDlmalloc = () => pairs(malloc('dlmalloc'), even);
export const uniformEmmalloc = () => pairs(malloc('emmalloc'), even);

export const log = () => pairs(heap(), logarithmic);
export const logExport = () => pairs(heapExports(), logarithmic);
export const logDlmalloc = () => pairs(malloc('dlmalloc'), logarithmic);
export const logEmmalloc = () => pairs(malloc('emmalloc'), logarithmic);

export const worst = () => tail(heap());
export const worstDlmalloc = () => tail(malloc('dlmalloc'));
export const worstEmmalloc = () => tail(malloc('emmalloc'));

export const held = () => fragmentation(heap(), even);
export const heldDlmalloc = () => fragmentation(malloc('dlmalloc'), even);
export const heldEmmalloc = () => fragmentation(malloc('emmalloc'), even);

export const heldLog = () => fragmentation(heap(), logarithmic);
export const heldLogDlmalloc = () => fragmentation(malloc('dlmalloc'), logarithmic);
export const heldLogEmmalloc = () => fragmentation(malloc('emmalloc'), logarithmic);

/* What is compared: alloc, free, and the bytes that they hold. */

function heap() {
  const heap = new Heap({ memory: new ArenaMemory({ reserve: 2 ** 20 }) });
  return {
    alloc: (size) => heap.alloc(size),
    free: (block) => heap.free(block),
    held: () => heap.held,
  };
}

/** The heap without its wrapper, called as the mallocs are. */
function heapExports() {
  const heap = new Heap();
  const { heap_alloc, heap_free } = heap._core;
  const address = heap._address;
  return {
    alloc: (size) => heap_alloc(address, size, 8),
    free: (block) => heap_free(address, block),
  };
}

function malloc(name) {
  const { malloc, free, footprint } = mallocs(name);
  return {
    alloc: (size) => malloc(size),
    free: (block) => free(block),
    held: () => footprint() >>> 0,
  };
}

/* What is done with them. */

function pairs(allocator, sizeOf) {
  const step = stepper(allocator, sizeOf);
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= step();
    return sum;
  });
}

/** The time below which 99.99 % of the operations stay. */
function tail(allocator) {
  const step = stepper(allocator, logarithmic);
  for (let i = 0; i < TIMED; i++) step();
  const times = new Float64Array(TIMED);
  for (let i = 0; i < TIMED; i++) {
    const start = performance.now();
    step();
    times[i] = performance.now() - start;
  }
  times.sort();
  return { value: times[Math.floor(TIMED * 0.9999)] * 1e3, unit: 'µs' };
}

/** Bytes held ÷ live bytes in the end. */
function fragmentation(allocator, sizeOf) {
  const step = stepper(allocator, sizeOf);
  for (let i = 0; i < OPERATIONS; i++) step();
  return { value: allocator.held() / step.live(), unit: '×' };
}

/** A function that frees a block and allocates another one, as the trace says. */
function stepper({ alloc, free }, sizeOf) {
  const random = generator(1);
  const slots = Uint16Array.from({ length: TRACE }, () => Math.floor(random() * LIVE));
  const sizes = Uint16Array.from({ length: TRACE }, () => sizeOf(random()));
  const liveSizes = sizes.slice(0, LIVE);
  const blocks = Uint32Array.from(liveSizes, alloc);
  let at = 0;
  const step = () => {
    const slot = slots[at];
    const size = sizes[at];
    at = (at + 1) % TRACE;
    free(blocks[slot]);
    const block = alloc(size);
    blocks[slot] = block;
    liveSizes[slot] = size;
    return block;
  };
  step.live = () => liveSizes.reduce((sum, size) => sum + size, 0);
  return step;
}

function even(random) {
  return LEAST + Math.floor(random * (MOST - LEAST + 1));
}

function logarithmic(random) {
  return Math.floor(LEAST * (MOST / LEAST) ** random);
}
