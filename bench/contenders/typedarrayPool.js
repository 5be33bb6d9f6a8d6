import pool from 'typedarray-pool';
import { listed } from './contender.js';

export function contender() {
  const list = listed([], (view) => pool.free(view));
  const { add } = list;
  const view = (kind, length) => {
    switch (kind) {
      case 1:
        return pool.mallocUint8(length);
      case 2:
        return pool.mallocUint16(length);
      case 3:
        return pool.mallocUint32(length);
      case 4:
        return pool.mallocInt32(length);
      case 5:
        return pool.mallocFloat32(length);
      default:
        return pool.mallocFloat64(length);
    }
  };
  const grow = (old, kind, length) => {
    const moved = view(kind, length);
    moved.set(old.length > length ? old.subarray(0, length) : old);
    list.replace(old, moved);
    pool.free(old);
    return moved;
  };
  return {
    alloc: (size) => add(pool.mallocUint8(size)),
    float32: (length) => add(pool.mallocFloat32(length)),
    zeroed: (length) => add(pool.mallocUint8(length)).fill(0),
    view: (kind, length) => add(view(kind, length)),
    realloc: (block, oldSize, newSize) => grow(block, 1, newSize),
    grow,
    mark: list.mark,
    release: list.release,
    reset: list.reset,
    held: () => pooled() + list.all().reduce((sum, { buffer }) => sum + buffer.byteLength, 0),
  };
}

/** Bytes of the buffers that wait in its lists, which all of its instances share. */
function pooled() {
  const { DATA } = globalThis.__TYPEDARRAY_POOL;
  return DATA.flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
}
