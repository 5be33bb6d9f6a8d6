/* For posix_memalign. NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _POSIX_C_SOURCE 200112L
#include "malloc_allocator.h"

#include <stdlib.h>

/* malloc aligns a block for everything that fits in it, up to this. */
#define MALLOC_ALIGN _Alignof(max_align_t)

/*
 * No object in C is bigger than this. Not every malloc refuses what is: emmalloc (Emscripten 3.1.6)
 * takes SIZE_MAX - 243 bytes for a few negative ones, and serves them.
 */
#define SIZE_MOST ((size_t)PTRDIFF_MAX)

/* What to ask malloc for: not 0 bytes, and enough for the alignment. */
static inline size_t size_for(size_t size, size_t align) {
  return size > align ? size : align;
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  (void)allocator;
  if (size > SIZE_MOST) return NULL;
  if (align <= MALLOC_ALIGN) return malloc(size_for(size, align));
  void *block = NULL;
  return posix_memalign(&block, align, size_for(size, 1)) == 0 ? block : NULL;
}

/* malloc_usable_size could let some blocks grow, but what it counts is not the caller's to use. */
static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)allocator;
  (void)block;
  (void)align;
  return new_size <= old_size;
}

/* realloc keeps no bigger alignment than malloc's. */
static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  if (align > MALLOC_ALIGN) {
    return allocator_resize_or_move(allocator, block, old_size, new_size, align);
  }
  return new_size > SIZE_MOST ? NULL : realloc(block, size_for(new_size, align));
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  (void)allocator;
  (void)size;
  (void)align;
  free(block);
}

struct allocator *malloc_allocator(void) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  static const struct allocator allocator = {&methods};
  return (struct allocator *)&allocator; /* nobody writes to it */
}
