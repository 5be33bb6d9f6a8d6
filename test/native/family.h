/*
 * Allocators of all kinds, to put on each other.
 *
 * Debugging
 *   - member_name says what a member is, in what a failing claim prints.
 */
#ifndef WASM_ARENA_TEST_FAMILY_H
#define WASM_ARENA_TEST_FAMILY_H

#include "allocator.h"
#include "arena.h"
#include "fixed_buffer.h"
#include "heap.h"
#include "pool.h"
#include "tracking.h"

enum kind { ARENA, ZEROING_ARENA, FIXED_BUFFER, POOL, HEAP, TRACKING, KINDS };

/* An allocator that stands on another one. */
struct member {
  enum kind kind;
  struct allocator *on;
  size_t bytes; /* a fixed buffer's, which it took from `on` */
  union {
    struct arena arena;
    struct fixed_buffer fixed_buffer;
    struct pool pool;
    struct heap heap;
    struct tracking tracking;
  };
};

/*
 * Begins one. Fixed buffers have `bytes` bytes, pools objects of so many at multiples of `align`.
 * NULL: `on` refused what it needs to begin.
 */
struct allocator *member_open(struct member *member, enum kind kind, struct allocator *on,
                              size_t bytes, size_t align);

/* Gives back all that it took. */
void member_close(struct member *member);

const char *member_name(enum kind kind);

/* Whether nothing has happened to a member since it was `before`, but for notes that it took. */
bool member_same(const struct member *member, const struct member *before);

/* An allocator that does what another one does as long as it may. */
struct fussy {
  struct allocator *on;
  size_t refuse_from; /* what may fail is refused from the so many-th on, 1 is the next; 0: none */
  size_t refused;
  struct allocator allocator;
};

struct allocator *fussy_open(struct fussy *fussy, struct allocator *on);

#endif
