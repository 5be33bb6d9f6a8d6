import { assemblyScript } from '../peers/assemblyscript.js';
import { listed, MOST_BLOCKS, onBuffer, RESERVE_PAGES } from './contender.js';

/** @param {import('./contender.js').Workload} workload */
export function contender({ marks }) {
  const heap = assemblyScript();
  heap.memory.grow(RESERVE_PAGES);
  const buffer = () => heap.memory.buffer;
  const { alloc, reset } = heap;
  return onBuffer(marks ? { buffer, ...withMarks(heap) } : { buffer, alloc, reset });
}

/** `heap.free` gives the last block back, so freeing the youngest first frees all since a mark. */
function withMarks({ alloc, realloc, free, reset }) {
  const list = listed(new Uint32Array(MOST_BLOCKS), free);
  const top = () => {
    const block = alloc(0);
    free(block);
    return block;
  };
  const begin = top();
  return {
    alloc: (size) => list.add(alloc(size)),
    realloc: (block, oldSize, newSize) => {
      const moved = realloc(block, newSize);
      list.replace(block, moved);
      return moved;
    },
    mark: list.mark,
    release: list.release,
    reset: () => {
      reset();
      list.clear();
    },
    held: () => top() - begin,
  };
}
