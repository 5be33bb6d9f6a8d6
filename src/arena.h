/*
 * wasm-arena: bump arenas in linear memory.
 *
 * Words
 *   memory           linear memory, which holds many arenas
 *   frontier         first byte never yet given to a chunk
 *   chunk            a run of bytes that one arena bumps through; recycled between arenas
 *   arena            a cursor, a limit and a list of chunks
 *   mark, release    remember the cursor; give back all that came after it
 *   high-water mark  the most bytes that an arena ever used at once
 *
 *   0                                                                              maximum
 *   | never used | static | chunk | chunk | chunk |......reserve......|....growth...|
 *                         ^ first                 ^ frontier          ^ end
 *
 *   an arena's newest chunk:
 *   | header | block | block |pad| block |           free           |
 *            ^ start                     ^ cursor                   ^ limit
 *
 * Assumptions
 *   - Alignments are powers of two from 1 to ARENA_ALIGN_MAX; sizes may be anything.
 *   - One thread at a time uses the arenas of one memory.
 * Invariants
 *   - start <= cursor <= limit <= end of the newest chunk; an arena without a chunk has start and
 *     cursor 1 and limit 0, so that nothing fits, not even 0 bytes.
 *   - In a zeroing arena [cursor, limit) reads 0.
 *   - NULL is the only failure value, and after a failure the arena is as it was.
 * Debugging
 *   - test/native/check.c walks arenas and chunks and says which invariant is broken.
 *
 *   struct arena arena;
 *   arena_init(&arena, malloc_allocator(), SIZE_MAX, false);
 *   float *xs = arena_alloc(&arena, 256 * sizeof(float), 16);
 *   arena_reset(&arena);
 */
#ifndef WASM_ARENA_ARENA_H
#define WASM_ARENA_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allocator.h"
#include "malloc_allocator.h" /* so that a program needs this header alone */

#ifdef __cplusplus
extern "C" {
#endif

#define ARENA_ALIGN_MAX ((size_t)65536)

struct chunk;

/*
 * An arena's header. js/arena.js knows the order of its words up to `base`; exports.c holds the two
 * together.
 */
struct arena {
  uintptr_t cursor;           /* where the next block begins, before alignment */
  uintptr_t limit;            /* blocks end at or before this without a slow path */
  uintptr_t start;            /* where the newest chunk's payload begins; 1 without one */
  uintptr_t mark;             /* position of the newest open mark; 0 without one */
  uintptr_t peak;             /* highest cursor that the newest chunk has left behind */
  size_t settled;             /* bytes used in the older chunks */
  size_t high_water;          /* most bytes used at once, as far as `peak` does not know better */
  size_t capacity;            /* bytes of payload in all chunks held */
  uintptr_t base;             /* where the oldest chunk's payload begins; 0 without one */
  size_t most;                /* the limit that it was given: the most bytes used at once */
  struct allocator *on;       /* where chunks come from; NULL once freed */
  struct chunk *spare;        /* chunks held but not in use */
  size_t zero;                /* blocks read 0 when they are handed out */
  struct allocator allocator; /* see arena_allocator */
};

/* A mark, passed by value: the cursor then, and the mark that was the newest one before. */
struct arena_mark {
  uintptr_t position;
  uintptr_t outer;
};

/*
 * Begins an arena that takes its chunks from `on` when it first needs one. `most` bounds the bytes
 * used at once, padding included (SIZE_MAX: no bound); with `zero` every block reads 0.
 */
void arena_init(struct arena *arena, struct allocator *on, size_t most, bool zero);

/* Takes a chunk of `bytes` bytes for an arena that has none. False: there is no memory for it. */
bool arena_reserve(struct arena *arena, size_t bytes);

/*
 * The slow path of arena_alloc: extends the chunk in place, or goes on in another one.
 * NULL: memory or limit is out; the arena is as it was.
 */
void *arena_alloc_slow(struct arena *arena, size_t size, size_t align);

/*
 * A block of `size` bytes at a multiple of `align`. 0 bytes give a valid, aligned address.
 * NULL: memory or limit is out; the arena is as it was.
 *
 * The same few lines stand in js/arena.js, Arena.alloc; test/twins.test.js holds them together.
 * Nothing wraps: cursor <= 4 GiB - 64 KiB (arena.c asserts it), and the size is compared with what
 * is left instead of being added.
 */
static inline void *arena_alloc(struct arena *arena, size_t size, size_t align) {
  uintptr_t start = (arena->cursor + (align - 1)) & ~(uintptr_t)(align - 1);
  if (start > arena->limit || size > arena->limit - start) {
    return arena_alloc_slow(arena, size, align);
  }
  arena->cursor = start + size;
  return (void *)start;
}

/* Like arena_alloc, and every byte of the block reads 0. */
void *arena_alloc_zeroed(struct arena *arena, size_t size, size_t align);

/*
 * Changes a block's size. NULL or 0 old bytes: a new block. A block that is not at a multiple of
 * `align` is copied. Otherwise shrinking stays in place and never fails, and the last block gives
 * its tail back. Growing stays in place for the last block where the next bytes are to be had, and
 * copies `old_size` bytes elsewhere. A block that began before the newest open mark is never the
 * last one. [block, block + old_size) must lie in one chunk's used bytes (arena_holds).
 * NULL: memory or limit is out; the old block is intact.
 */
void *arena_realloc(struct arena *arena, void *block, size_t old_size, size_t new_size,
                    size_t align);

/* Opens a mark. Never fails. */
static inline struct arena_mark arena_mark(struct arena *arena) {
  struct arena_mark mark;
  mark.position = arena->cursor;
  mark.outer = arena->mark;
  arena->mark = arena->cursor;
  return mark;
}

/*
 * arena_release and arena_promote with the mark's words as arguments of their own: the wasm ABI
 * passes a struct of two words through the shadow stack, which this library does not use.
 */
void arena_release_to(struct arena *arena, uintptr_t position, uintptr_t outer);
void *arena_promote_to(struct arena *arena, uintptr_t position, uintptr_t outer, void *block,
                       size_t size, size_t align);

/*
 * Gives back what came after an open mark, and closes it and every younger one. One chunk stays as
 * a spare, so that a scope in a loop at a chunk's edge does not take and give one each time round.
 * Never fails.
 */
static inline void arena_release(struct arena *arena, struct arena_mark mark) {
  arena_release_to(arena, mark.position, mark.outer);
}

/*
 * Closes an open mark and keeps one block of its scope: moved to the first multiple of `align` at
 * or after where the scope began, or, where that chunk has no room, into the first one that has.
 * The block lies behind the mark (arena_holds). NULL: memory or limit is out; the scope is still
 * open and the block is where it was.
 */
static inline void *arena_promote(struct arena *arena, struct arena_mark mark, void *block,
                                  size_t size, size_t align) {
  return arena_promote_to(arena, mark.position, mark.outer, block, size, align);
}

/*
 * Whether [block, block + size) lies in the used bytes of one chunk, behind the open mark at
 * `since` (0: anywhere).
 */
bool arena_holds(struct arena *arena, uintptr_t since, uintptr_t block, size_t size);

/*
 * Everything is free, and every mark closed. Capacity is kept, in one chunk where one can be had
 * without growing the memory. Never fails.
 */
void arena_reset(struct arena *arena);

/*
 * Gives back capacity above `bytes` and above what is used, as far as whole chunks allow. Blocks
 * and marks stay. Never fails.
 */
void arena_trim(struct arena *arena, size_t bytes);

/* Gives all chunks back. Afterwards every allocation fails; freeing twice is harmless. */
void arena_free(struct arena *arena);

/*
 * Changes the size of a block where it is. Shrinking never fails; growing does for a block that is
 * not the last one, or began before the newest open mark, and where the next bytes are not to be
 * had. [block, block + old_size) must lie in one chunk's used bytes.
 * False: the block is as it was.
 */
bool arena_resize(struct arena *arena, void *block, size_t old_size, size_t new_size);

/*
 * The arena as an allocator. Freeing its last block gives that back; any other stays until the
 * reset. Never fails.
 */
struct allocator *arena_allocator(struct arena *arena);

/* Bytes in use: blocks and padding, without headers and skipped tails. */
static inline size_t arena_used(const struct arena *arena) {
  return arena->settled + (arena->cursor - arena->start);
}

#ifdef __cplusplus
}
#endif
#endif
