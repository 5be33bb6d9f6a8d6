import { MemPool } from '@thi.ng/malloc';
import { listed, MOST_BLOCKS, onBuffer } from './contender.js';

/**
 * Without marks all blocks are freed together: finding a single one walks those in use, youngest
 * first.
 *
 * @param {import('./contender.js').Workload} workload
 */
export function contender({ marks }) {
  const pool = new MemPool({ size: 2 ** 25 });
  const common = { buffer: () => pool.buf, held: () => pool.stats().top };
  if (marks) return { ...onBuffer({ ...common, ...withMarks(pool) }) };
  return {
    ...onBuffer({ ...common, alloc: (size) => pool.malloc(size), reset: () => pool.freeAll() }),
    float32: (length) => pool.mallocAs('f32', length),
    zeroed: (length) => pool.callocAs('u8', length),
  };
}

function withMarks(pool) {
  const list = listed(new Uint32Array(MOST_BLOCKS), (block) => pool.free(block));
  return {
    alloc: (size) => list.add(pool.malloc(size)),
    realloc: (block, oldSize, newSize) => {
      const moved = pool.realloc(block, newSize);
      list.replace(block, moved);
      return moved;
    },
    mark: list.mark,
    release: list.release,
    reset: () => {
      pool.freeAll();
      list.clear();
    },
  };
}
