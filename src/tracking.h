/*
 * Tracking: counts what is asked of another allocator, and passes it on.
 *
 * What counts as what
 *   - An allocation is a block given out, a free is one given back: when all are back, the two are
 *     equal and `live` is 0.
 *   - A resize or remap that succeeds moves `live` by the difference, and is neither an allocation
 *     nor a free: there was one block before, and there is one after.
 *   - A failure is a refused alloc or remap: who asked goes without. A refused resize is none,
 *     because it is a question: who asks goes on to take another block.
 *   - Bytes are those asked for, without what the other allocator adds.
 *
 * Assumptions
 *   - What goes back through the wrapper came through it, with the size that it had last.
 * Invariants
 *   - live <= peak, and frees <= allocations.
 *   - Failure values are those of the other allocator, and leave behind what it says.
 * Debugging
 *   - This is what it is for: put one in between and read its words.
 */
#ifndef WASM_ARENA_TRACKING_H
#define WASM_ARENA_TRACKING_H

#include "allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The counters come first: js/ reads those words, and allocators.c holds the two together. */
struct tracking {
  size_t allocations;         /* blocks given out */
  size_t frees;               /* blocks given back */
  size_t live;                /* bytes of the blocks that are out */
  size_t peak;                /* the most that `live` ever was */
  size_t failures;            /* allocs and remaps refused */
  struct allocator *on;       /* who does the work */
  struct allocator allocator; /* see tracking_allocator */
};

/* Begins to count, from 0, what goes to `on` from here. */
void tracking_init(struct tracking *tracking, struct allocator *on);

/* What to use in place of `on`. Never fails. */
struct allocator *tracking_allocator(struct tracking *tracking);

#ifdef __cplusplus
}
#endif
#endif
