import { Pool } from '../../js/allocators.js';
import { FRAME } from '../sampling.js';
import { listed } from './contender.js';

/** @param {import('./contender.js').Workload} workload */
export function contender({ size }) {
  const pool = new Pool({ size, capacity: FRAME });
  const { add, reset } = listed(new Uint32Array(FRAME), (object) => pool.free(object));
  return {
    buffer: () => pool.memory.buffer,
    alloc: () => add(pool.alloc()),
    float32: (length) => pool.view(Float32Array, add(pool.alloc()), length),
    zeroed: (length) => pool.view(Uint8Array, add(pool.alloc()), length).fill(0),
    reset,
  };
}
