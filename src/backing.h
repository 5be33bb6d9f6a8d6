/*
 * Where the chunks of an arena, a pool or a heap come from: any allocator.
 *
 * Chunks of linear memory, or of a region, are extended and trimmed as chunk.h says. Those of other
 * allocators are blocks of theirs. Which of the two it is gets decided when a chunk is needed; a
 * build with WASM_ARENA_MEMORY_ONLY has just the first, without a table of functions anywhere: the
 * main wasm module is one.
 *
 * Invariants
 *   - After a failure chunks and backing are as they were, but that memory may have grown.
 */
#ifndef WASM_ARENA_BACKING_H
#define WASM_ARENA_BACKING_H

#include "allocator.h"
#include "chunk.h"

#ifdef WASM_ARENA_MEMORY_ONLY

static inline bool backing_is_memory(const struct allocator *on) {
  (void)on;
  return true;
}

static inline struct chunk *backing_take(struct allocator *on, size_t size, size_t align,
                                         size_t want, bool grow) {
  return chunk_take((struct chunks *)on, size, align, want, grow);
}

static inline bool backing_extend(struct allocator *on, struct chunk *chunk, uintptr_t start,
                                  size_t size, size_t step) {
  return chunk_extend((struct chunks *)on, chunk, start, size, step);
}

static inline void backing_trim(struct allocator *on, struct chunk *chunk, uintptr_t end) {
  chunk_trim((struct chunks *)on, chunk, end);
}

static inline void backing_give(struct allocator *on, struct chunk *chunk) {
  chunk_give((struct chunks *)on, chunk);
}

/* Notes why a request failed. */
static inline void backing_refuse(struct allocator *on, enum memory_refusal why) {
  ((struct chunks *)on)->memory.refusal = why;
}

#else

#ifdef __cplusplus
extern "C" {
#endif

bool backing_is_memory(const struct allocator *on);
struct chunk *backing_take(struct allocator *on, size_t size, size_t align, size_t want, bool grow);
bool backing_extend(struct allocator *on, struct chunk *chunk, uintptr_t start, size_t size,
                    size_t step);
void backing_trim(struct allocator *on, struct chunk *chunk, uintptr_t end);
void backing_give(struct allocator *on, struct chunk *chunk);
/*
 * Notes why a request failed: at the memory, or, where the backing is another allocator, with
 * backing_note, which does nothing unless the program brings its own.
 */
void backing_refuse(struct allocator *on, enum memory_refusal why);
void backing_note(enum memory_refusal why);

#ifdef __cplusplus
}
#endif

#endif
#endif
