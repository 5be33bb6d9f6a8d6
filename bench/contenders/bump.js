import { Bump } from '../peers/bump.js';
import { onBuffer } from './contender.js';

const SIZE = 2 ** 25;

/** What its author does by hand: views on its buffer, marks that are cursors, copies that grow. */
export function contender() {
  const buffer = new ArrayBuffer(SIZE);
  const bytes = new Uint8Array(buffer);
  const bump = new Bump(SIZE);
  return onBuffer({
    buffer: () => buffer,
    alloc: (size, align) => bump.alloc(size, align),
    realloc: (block, oldSize, newSize, align) => {
      const moved = bump.alloc(newSize, align);
      bytes.copyWithin(moved, block, block + Math.min(oldSize, newSize));
      return moved;
    },
    mark: () => bump.cursor,
    release: (mark) => {
      bump.cursor = mark;
    },
    reset: () => bump.reset(),
    held: () => bump.cursor,
  });
}
