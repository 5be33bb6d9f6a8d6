import { Heap } from '../../js/allocators.js';
import { ArenaMemory } from '../../js/index.js';
import { listed, MOST_BLOCKS, onBuffer } from './contender.js';

export function contender() {
  const heap = new Heap({ memory: new ArenaMemory({ reserve: 2 ** 26 }) });
  const list = listed(new Uint32Array(MOST_BLOCKS), (block) => heap.free(block));
  const alloc = (size, align) => list.add(heap.alloc(size, align));
  return {
    ...onBuffer({
      buffer: () => heap.memory.buffer,
      alloc,
      realloc: (block, oldSize, newSize, align) => {
        const moved = heap.realloc(block, newSize, align);
        list.replace(block, moved);
        return moved;
      },
      mark: list.mark,
      release: list.release,
      reset: list.reset,
      held: () => heap.held,
    }),
    float32: (length) => heap.view(Float32Array, alloc(4 * length), length),
    zeroed: (length) => heap.view(Uint8Array, alloc(length), length).fill(0),
  };
}
