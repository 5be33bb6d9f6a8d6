/**
 * Typed arrays of a steady frame: the same lengths each time, one element written, dropped at the
 * frame's end. None is kept meanwhile: keeping one costs a write barrier, which is not the subject.
 */
import { Arena } from '../../js/index.js';
import { FRAME, measure } from '../sampling.js';

export const arena16 = () => arena(16);
export const arena256 = () => arena(256);
export const plain16 = () => plain(16);
export const plain256 = () => plain(256);

function arena(length) {
  const arena = new Arena();
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const view = arena.float32(length);
      view[0] = i;
      sum ^= view.length;
    }
    arena.reset();
    return sum;
  });
}

function plain(length) {
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const view = new Float32Array(length);
      view[0] = i;
      sum ^= view.length;
    }
    return sum;
  });
}
