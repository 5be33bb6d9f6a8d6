/*
 * Regions: where the heap of words.wasm gets its chunks from (backing.h), on runs.
 *
 *   | struct regions | region ...... | skipped |  an outsider's pages  | run | region ...... | free
 *
 * As long as nobody else grows the memory there is one region, which moves its end. chunk.h does
 * more, recycling chunks between many owners, and takes more than words.wasm has room for.
 *
 * Assumptions
 *   - The heap is the only owner, and wants no alignment of its chunks.
 * Invariants
 *   - Regions are multiples of CHUNK_ALIGN in size, and of RUN_ALIGN where they begin.
 *   - A region that was given back and isn't the last one is a spare, and so is what was skipped.
 * Debugging
 *   - From `spare` on, `next` leads through the free regions; none is used while the last one can
 *     grow.
 */
#ifndef WASM_ARENA_ABI_REGIONS_H
#define WASM_ARENA_ABI_REGIONS_H

#include "../allocator.h"
#include "runs.h"

struct chunk;

struct regions {
  struct allocator allocator; /* without methods: only backing.h's functions take it */
  struct chunk *spare;
  struct runs runs; /* last, so that the regions follow */
};

#endif
