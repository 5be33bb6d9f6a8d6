/**
 * What a request takes and gives back, in Node.js: 20 buffers of one size, from an arena or from
 * Buffer. One byte of each is written. An operation is a buffer, with its share of the arena's own
 * cost, so that a frame is 50 requests.
 */
import { RequestArenas } from '../../js/node.js';
import { FRAME, measure } from '../sampling.js';

const BUFFERS = 20;
const REQUESTS = FRAME / BUFFERS;

export const arena64 = () => arena(64, true);
export const arena1024 = () => arena(1024, true);
export const arena16384 = () => arena(16384, true);
export const plain64 = () => plain(64, Buffer.alloc);
export const plain1024 = () => plain(1024, Buffer.alloc);
export const plain16384 = () => plain(16384, Buffer.alloc);

export const unsafeArena64 = () => arena(64, false);
export const unsafeArena1024 = () => arena(1024, false);
export const unsafeArena16384 = () => arena(16384, false);
export const unsafePlain64 = () => plain(64, Buffer.allocUnsafe);
export const unsafePlain1024 = () => plain(1024, Buffer.allocUnsafe);
export const unsafePlain16384 = () => plain(16384, Buffer.allocUnsafe);

function arena(size, zero) {
  const arenas = new RequestArenas({ zero });
  return measure(() => {
    let sum = 0;
    for (let request = 0; request < REQUESTS; request++) {
      const arena = arenas.acquire();
      for (let i = 0; i < BUFFERS; i++) {
        const buffer = arena.buffer(size);
        buffer[0] = i + 1;
        sum ^= buffer[i];
      }
      arena.free();
    }
    return sum;
  });
}

function plain(size, alloc) {
  return measure(() => {
    let sum = 0;
    for (let request = 0; request < REQUESTS; request++) {
      for (let i = 0; i < BUFFERS; i++) {
        const buffer = alloc(size);
        buffer[0] = i + 1;
        sum ^= buffer[i];
      }
    }
    return sum;
  });
}
