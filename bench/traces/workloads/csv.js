/** Requests of examples/: a CSV comes in pieces, is split into columns, and each is summarized. */
import { readFileSync } from 'node:fs';
import { Body } from '../../../examples/columns.js';
import { csvInArena } from '../../../examples/csv.js';
import { Arena, ArenaMemory } from '../../../js/index.js';

const CSV = new URL('../../../examples/data/birdstrikes.csv', import.meta.url);
/** As much as an http.IncomingMessage hands over at once. */
const PIECE = 65_536;
const REQUESTS = 8;
const LEAST = 4096;

/** Of a text as long as the first lines that a request has: from 4 KiB to all of it. */
export function run() {
  const csv = readFileSync(CSV);
  const memory = new ArenaMemory({ reserve: 2 ** 26, maximum: 2 ** 26 });
  for (let request = 0; request < REQUESTS; request++) {
    const length = LEAST * (csv.length / LEAST) ** (request / (REQUESTS - 1));
    const text = csv.subarray(0, csv.lastIndexOf('\n', Math.round(length)) + 1 || csv.length);
    const arena = new Arena({ memory });
    const body = new Body(arena);
    for (let at = 0; at < text.length; at += PIECE) body.add(text.subarray(at, at + PIECE));
    csvInArena(arena, body.end());
    arena.free();
  }
}
