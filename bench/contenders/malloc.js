import { mallocs } from '../peers/mallocs.js';
import { listed, MOST_BLOCKS, onBuffer, RESERVE_PAGES } from './contender.js';

/** One of Emscripten's mallocs. */
export function mallocContender(name) {
  const { memory, malloc, free, realloc, footprint } = mallocs(name);
  memory.grow(RESERVE_PAGES);
  const list = listed(new Uint32Array(MOST_BLOCKS), free);
  return onBuffer({
    buffer: () => memory.buffer,
    alloc: (size) => list.add(malloc(size)),
    realloc: (block, oldSize, newSize) => {
      const moved = realloc(block, newSize);
      list.replace(block, moved);
      return moved;
    },
    mark: list.mark,
    release: list.release,
    reset: list.reset,
    held: () => footprint() >>> 0,
  });
}
