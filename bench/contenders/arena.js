import { Arena, ArenaMemory } from '../../js/index.js';

/** @returns {import('./contender.js').Contender} */
export function contender() {
  const memory = new ArenaMemory({ reserve: 2 ** 26 });
  const arena = new Arena({ memory });
  const zeroing = new Arena({ memory, zero: true });
  return {
    buffer: () => memory.buffer,
    alloc: (size, align) => arena.alloc(size, align),
    float32: (length) => arena.float32(length),
    zeroed: (length) => zeroing.uint8(length),
    reset: () => {
      arena.reset();
      zeroing.reset();
    },
    view: (kind, length) => view(arena, kind, length),
    realloc: (block, oldSize, newSize, align) => arena.realloc(block, oldSize, newSize, align),
    grow: (old, kind, length) => {
      const { byteOffset, byteLength, BYTES_PER_ELEMENT: size } = old;
      const block = arena.realloc(byteOffset, byteLength, length * size, size);
      return viewAt(arena, kind, block, length);
    },
    mark: () => arena.mark(),
    release: (mark) => arena.release(mark),
    held: () => arena.capacity,
  };
}

function view(arena, kind, length) {
  switch (kind) {
    case 1:
      return arena.uint8(length);
    case 2:
      return arena.uint16(length);
    case 3:
      return arena.uint32(length);
    case 4:
      return arena.int32(length);
    case 5:
      return arena.float32(length);
    default:
      return arena.float64(length);
  }
}

function viewAt(arena, kind, block, length) {
  switch (kind) {
    case 1:
      return arena.view(Uint8Array, block, length);
    case 2:
      return arena.view(Uint16Array, block, length);
    case 3:
      return arena.view(Uint32Array, block, length);
    case 4:
      return arena.view(Int32Array, block, length);
    case 5:
      return arena.view(Float32Array, block, length);
    default:
      return arena.view(Float64Array, block, length);
  }
}
