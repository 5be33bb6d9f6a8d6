import { Arena, ArenaError, ArenaMemory, ArenaOutOfMemoryError, FrameArenas } from 'wasm-arena';
import { FixedBuffer, Heap, Pool, track } from 'wasm-arena/allocators';

const memory = new ArenaMemory({ reserve: 2 ** 20 });
const frames = new FrameArenas({ memory, inFlight: 2 });
const [first, , third] = [1, 2, 3].map(() => frames.next().float32(100));

const heap = new Heap({ memory });
const tracked = track(heap);
tracked.free(tracked.alloc(100), 100);
const pool = new Pool({ size: 4, on: heap });
pool.view(Uint32Array, pool.alloc(), 1)[0] = 7;
const buffer = new FixedBuffer({ size: 8, arena: new Arena({ on: heap }) });

globalThis.outcome = {
  same: first === third,
  peak: tracked.stats().peak,
  objects: [...pool].map((ptr) => memory.u32[ptr / 4]),
  refused: refusal(() => buffer.alloc(9)),
};

function refusal(run) {
  try {
    return run();
  } catch (error) {
    return [error instanceof ArenaError, error instanceof ArenaOutOfMemoryError, error.code];
  }
}
