import { emscripten } from '../peers/emscripten.js';
import { onBuffer } from './contender.js';

/** Nothing says when the stack ends, 5 MiB below where it begins. */
export function contender() {
  const { memory, stackAlloc, stackSave, stackRestore } = emscripten();
  const begin = stackSave();
  return onBuffer({
    buffer: () => memory.buffer,
    alloc: (size) => stackAlloc(size),
    mark: () => stackSave(),
    release: (mark) => stackRestore(mark),
    reset: () => stackRestore(begin),
    held: () => begin - stackSave(),
  });
}
