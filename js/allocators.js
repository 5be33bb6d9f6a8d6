import './allocator.js';
export { FixedBuffer } from './fixed-buffer.js';
export { Heap } from './heap.js';
export { Pool } from './pool.js';
export { track } from './tracking.js';
