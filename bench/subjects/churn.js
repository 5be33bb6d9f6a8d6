/**
 * A million arenas of 1 KiB to 1 MiB, 1,000 of them alive: how far the frontier goes beyond the
 * bytes that were asked for.
 */
import { Arena, ArenaMemory } from '../../js/index.js';
import { generator } from '../random.js';

const ARENAS = 1_000_000;
const LIVE = 1000;
const GIB = 2 ** 30;

/** Each arena is filled before the next one is made; a random one makes room for it. */
export const oneByOne = () => churn(1);

/** 32 arenas are being filled at a time, a block of a random one in turn. */
export const interleaved = () => churn(32);

/** All 1,000 are being filled at a time; the one that is full makes room for a new one. */
export const allAtOnce = () => churn(LIVE);

function churn(open) {
  const random = generator(1);
  const logUniform = (least, most) => Math.floor(least * (most / least) ** random());
  const memory = new ArenaMemory({ reserve: GIB, maximum: GIB });
  const full = [];
  const filling = [];
  let asked = 0;
  let peak = 0;
  let frontier = 0;

  const begin = () => {
    if (full.length + open > LIVE) end(full, Math.floor(random() * full.length));
    const arena = new Arena({ memory, views: 0 });
    filling.push({ arena, bytes: 0, target: logUniform(2 ** 10, 2 ** 20) });
  };
  /* Only giving back moves the frontier down, so this is when it is at its highest. */
  const end = (list, index) => {
    frontier = Math.max(frontier, memory.stats().frontier);
    peak = Math.max(peak, asked);
    const [{ arena, bytes }] = list.splice(index, 1);
    arena.free();
    asked -= bytes;
  };

  for (let i = 0; i < open; i++) begin();
  for (let made = open; made < ARENAS;) {
    const index = Math.floor(random() * open);
    const job = filling[index];
    const size = Math.min(logUniform(16, 16384), job.target - job.bytes);
    job.arena.alloc(size);
    job.bytes += size;
    asked += size;
    if (job.bytes < job.target) continue;
    if (open < LIVE) full.push(...filling.splice(index, 1));
    else end(filling, index);
    begin();
    made++;
  }
  return { value: frontier / peak, unit: '×' };
}
