/*
 * words.wasm: a general-purpose allocator in words of 32 bits, on the heap. docs/abi.md says how a
 * program links it.
 *
 *   base
 *   | struct words | regions of the heap ......
 *
 * Assumptions
 *   - words_init is called first, with a base that nothing of the program's lies behind.
 * Invariants
 *   - Nothing below the base is written, and no block lies in pages that the program added.
 *   - Address 0 is no block: what alloc and realloc return on failure, and what realloc and dealloc
 *     take for nothing.
 * Debugging
 *   - A trap in realloc or dealloc: the address is of no block (freed twice, made up, or with an
 *     overwritten header); nothing has changed then.
 */
#include "../heap.h"
#include "base.h"
#include "regions.h"

#define EXPORT(name) __attribute__((export_name(#name), used)) export_##name

#define WORD_SIZE ((size_t)4)
#define BLOCK_ALIGN ((size_t)8)

/* All of the module's state, at the base. */
struct words {
  struct heap heap;
  struct regions regions; /* last, so that the first region follows */
};

_Static_assert(offsetof(struct words, regions) + sizeof(struct regions) == sizeof(struct words),
               "the first region follows the struct");

static WASM_GLOBAL uintptr_t state;

static inline struct heap *heap(void) {
  return &((struct words *)state)->heap;
}

/* The entry that Emscripten wants of a library: there is nothing to construct. */
void _initialize(void);
void _initialize(void) {
}

/* Begins at the first multiple of 8 at or after `base`. Traps where there is no memory for that. */
void EXPORT(words_init)(uintptr_t base) {
  state = base_place(base, sizeof(struct words), RUN_ALIGN);
  struct regions *regions = &((struct words *)state)->regions;
  regions->spare = NULL;
  runs_init(&regions->runs, base_end());
  heap_init(heap(), &regions->allocator);
}

/*
 * Changes a block's size, and moves it if need be: as many words as both sizes have go with it. 0:
 * a new block. Traps where the address is of no block. 0: there is no memory for it; the block is
 * as it was.
 */
void *EXPORT(realloc)(void *block, size_t words) {
  if (block && !heap_size(heap(), block)) __builtin_trap();
  if (words > SIZE_MAX / WORD_SIZE) return NULL;
  return heap_realloc(heap(), block, words * WORD_SIZE, BLOCK_ALIGN);
}

/* A block of so many words. 0: there is no memory for it; nothing has changed then. */
void *EXPORT(alloc)(size_t words) {
  return export_realloc(NULL, words);
}

/* Frees a block; 0 is none. Traps where the address is of no block; nothing has changed then. */
void EXPORT(dealloc)(void *block) {
  if (block && !heap_free(heap(), block)) __builtin_trap();
}
