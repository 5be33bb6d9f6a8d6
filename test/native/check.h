/*
 * Says which invariant of chunks and arenas is broken.
 *
 * Assumptions
 *   - The chunks lie in the host's memory, which knows where an outsider's pages are.
 */
#ifndef WASM_ARENA_TEST_CHECK_H
#define WASM_ARENA_TEST_CHECK_H

#include "arena.h"
#include "chunk.h"

/* Walks all chunks. The first broken invariant as a sentence, or NULL. */
const char *check_chunks(const struct chunks *chunks);

/*
 * Walks all chunks and all arenas that have some of them. The first broken invariant as a sentence,
 * or NULL.
 */
const char *check(const struct chunks *chunks, struct arena *const *arenas, size_t count);

/* The same, where so many other used chunks belong to somebody else. */
const char *check_beside(const struct chunks *chunks, struct arena *const *arenas, size_t count,
                         size_t others);

/* Looks at an arena alone, wherever its chunks come from. */
const char *check_arena(const struct arena *arena);

/* Bytes of used chunks, headers included. */
static inline size_t chunks_live(const struct chunks *chunks) {
  return chunks->memory.frontier - chunks->first - chunks->foreign - chunks->free;
}

/* The most bytes that the arena ever used at once. */
static inline size_t high_water(const struct arena *arena) {
  uintptr_t peak = larger(arena->peak, arena->cursor);
  return larger(arena->high_water, arena->settled + (peak - arena->start));
}

#endif
