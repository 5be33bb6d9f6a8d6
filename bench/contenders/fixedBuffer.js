import { FixedBuffer } from '../../js/allocators.js';
import { onBuffer } from './contender.js';

export function contender() {
  const fixed = new FixedBuffer({ size: 2 ** 23 });
  return {
    ...onBuffer({
      buffer: () => fixed.memory.buffer,
      alloc: (size, align) => fixed.alloc(size, align),
      reset: () => fixed.reset(),
    }),
    float32: (length) => fixed.view(Float32Array, fixed.alloc(4 * length, 4), length),
    zeroed: (length) => fixed.view(Uint8Array, fixed.alloc(length, 1), length).fill(0),
  };
}
