/*
 * One interface for everything that hands out blocks: arena, fixed buffer, pool, heap, chunks, the
 * program's own malloc, and the wrappers around them.
 *
 * An allocator is a struct of its own kind that has a `struct allocator` in it, and a function that
 * gives its address (heap_allocator(&heap)). Who has that address needs to know nothing else, so
 * they stand on each other as one likes: an arena on a fixed buffer on a heap.
 *
 * A wrapper is an allocator that has another one's address, as tracking.h shows. The one that will
 * lock around each call, when memories can be shared, is of the same form.
 *
 * Assumptions
 *   - Alignments are powers of two; a block goes back to who gave it, with the size and alignment
 *     that it was asked for with last.
 *   - What an allocator stands on outlives it.
 * Invariants
 *   - NULL and false are the only failure values, and after a failure the block is as it was.
 *   - A block of 0 bytes is a valid address, and may be freed like any other.
 *
 * Memory and methods in one value, as in Zig's std.mem.Allocator, from which resize and remap are
 * taken too: who can't be moved asks for the first, who can asks for the second.
 */
#ifndef WASM_ARENA_ALLOCATOR_H
#define WASM_ARENA_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct allocator;

struct allocator_methods {
  void *(*alloc)(struct allocator *allocator, size_t size, size_t align);
  bool (*resize)(struct allocator *allocator, void *block, size_t old_size, size_t new_size,
                 size_t align);
  void *(*remap)(struct allocator *allocator, void *block, size_t old_size, size_t new_size,
                 size_t align);
  void (*free)(struct allocator *allocator, void *block, size_t size, size_t align);
};

struct allocator {
  const struct allocator_methods *methods;
};

/* The struct of type `type` whose member `allocator` this is. */
#define ALLOCATOR_OWNER(type, address) ((type *)((uintptr_t)(address)-offsetof(type, allocator)))

/* A block of `size` bytes at a multiple of `align`, uninitialised. NULL: there is none. */
static inline void *allocator_alloc(struct allocator *allocator, size_t size, size_t align) {
  return allocator->methods->alloc(allocator, size, align);
}

/* Changes a block's size where it is. False: it can't be done there; the block is as it was. */
static inline bool allocator_resize(struct allocator *allocator, void *block, size_t old_size,
                                    size_t new_size, size_t align) {
  return allocator->methods->resize(allocator, block, old_size, new_size, align);
}

/*
 * Changes a block's size, and moves it if need be: the first min(old_size, new_size) bytes go with
 * it. NULL: there is no memory for it; the block is as it was.
 */
static inline void *allocator_remap(struct allocator *allocator, void *block, size_t old_size,
                                    size_t new_size, size_t align) {
  return allocator->methods->remap(allocator, block, old_size, new_size, align);
}

/* Gives a block back. Never fails; an arena keeps what is not its last block until its reset. */
static inline void allocator_free(struct allocator *allocator, void *block, size_t size,
                                  size_t align) {
  allocator->methods->free(allocator, block, size, align);
}

/* A remap for allocators that have no shorter way: in place, or into a new block. */
static inline void *allocator_resize_or_move(struct allocator *allocator, void *block,
                                             size_t old_size, size_t new_size, size_t align) {
  if (allocator_resize(allocator, block, old_size, new_size, align)) return block;
  void *moved = allocator_alloc(allocator, new_size, align);
  if (!moved) return NULL;
  memcpy(moved, block, old_size < new_size ? old_size : new_size);
  allocator_free(allocator, block, old_size, align);
  return moved;
}

#ifdef __cplusplus
}
#endif
#endif
