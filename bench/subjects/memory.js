/** How much linear memory arenas take, and how often they make it grow. */
import { Arena, ArenaMemory } from '../../js/index.js';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

export function growth() {
  const memory = new ArenaMemory({ reserve: MIB });
  const arena = new Arena({ memory });
  for (let i = 0; i < GIB / KIB; i++) arena.alloc(KIB);
  const { grows } = memory.stats();
  arena.free();
  return { value: grows, unit: 'calls' };
}

/** The worse of two ways to fill them: one block, or 16 blocks of 64 bytes. */
export function smallArenas() {
  const frontiers = [KIB, 64].map((size) => {
    const memory = new ArenaMemory({ reserve: 32 * MIB });
    const arenas = Array.from({ length: 10_000 }, () => new Arena({ memory }));
    for (const arena of arenas) {
      for (let used = 0; used < KIB; used += size) arena.alloc(size);
    }
    const { frontier } = memory.stats();
    for (const arena of arenas) arena.free();
    return frontier;
  });
  return { value: Math.max(...frontiers) / MIB, unit: 'MiB' };
}
