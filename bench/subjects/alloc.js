/** Blocks of 64 bytes, aligned to 8, from one allocator or from eight in turn. */
import { Arena } from '../../js/index.js';
import { Bump } from '../peers/bump.js';
import { emscripten } from '../peers/emscripten.js';
import { raw } from '../peers/raw.js';
import { FRAME, measure } from '../sampling.js';

const ARENAS = 8;

export function arena() {
  const arena = new Arena();
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= arena.alloc(64, 8);
    arena.reset();
    return sum;
  });
}

export function rawExport() {
  const { core, open } = raw();
  const { alloc, reset } = core;
  const header = open();
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= alloc(header, 64, 8);
    reset(header);
    return sum;
  });
}

/** The same work as an arena's frame: all blocks are alive together, then all are given back. */
export function malloc() {
  const { malloc, free } = emscripten();
  const blocks = new Uint32Array(FRAME);
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= blocks[i] = malloc(64);
    for (let i = 0; i < FRAME; i++) free(blocks[i]);
    return sum;
  });
}

/** What dlmalloc is best at: each block is given back before the next one is taken. */
export function mallocPair() {
  const { malloc, free } = emscripten();
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) {
      const block = malloc(64);
      sum ^= block;
      free(block);
    }
    return sum;
  });
}

export function bump() {
  const bump = new Bump(2 ** 24);
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= bump.alloc(64, 8);
    bump.reset();
    return sum;
  });
}

/** One arena is reset a frame, so that each one gives as many blocks between resets as above. */
export function arenas() {
  const arenas = Array.from({ length: ARENAS }, () => new Arena());
  let turn = 0;
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= arenas[i % ARENAS].alloc(64, 8);
    arenas[turn++ % ARENAS].reset();
    return sum;
  });
}

export function rawExports() {
  const { core, open } = raw();
  const { alloc, reset } = core;
  const headers = Array.from({ length: ARENAS }, open);
  let turn = 0;
  return measure(() => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum ^= alloc(headers[i % ARENAS], 64, 8);
    reset(headers[turn++ % ARENAS]);
    return sum;
  });
}
