/** A block of 64 bytes in a scope of its own. */
import { Arena } from '../../js/index.js';
import { emscripten } from '../peers/emscripten.js';
import { FRAME, measure } from '../sampling.js';

export function arena() {
  const arena = new Arena();
  arena.alloc(64, 8);
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const mark = arena.mark();
      sum ^= arena.alloc(64, 8);
      arena.release(mark);
    }
    return sum;
  });
}

export function stack() {
  const { stackSave, stackAlloc, stackRestore } = emscripten();
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const saved = stackSave();
      sum ^= stackAlloc(64);
      stackRestore(saved);
    }
    return sum;
  });
}
