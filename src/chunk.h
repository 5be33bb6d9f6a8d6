/*
 * Chunks: runs of bytes that arenas bump through, taken at the frontier or recycled.
 *
 *   first                                                          frontier           end
 *   | header | payload ...... | header | payload ...... |  ......  | top ....... | fence |
 *            ^ chunk_start,   ^ chunk_end
 *              a multiple of 16
 *
 * Boundary tags (Knuth, The Art of Computer Programming, vol. 1, 2.5) make merging O(1): a header
 * knows its chunk's size and whether the left neighbour is free, and a free chunk repeats its size
 * in its last word. Free chunks stand in power-of-two bins. What lies behind the frontier has the
 * form of a free chunk, the top, so that taking, extending and giving back work the same way there;
 * it is in no bin.
 *
 * Assumptions
 *   - One owner a chunk: who took it gives it back, once.
 * Invariants
 *   - No two free chunks touch, and none touches the top.
 *   - The top has CHUNK_LEAST bytes at least. Behind it stands the fence, a header that is always
 *     used. One stays behind wherever the frontier jumped over an outsider's pages.
 *   - [clean, chunk_end) of a chunk reads 0, whoever had it before, but for a free one's last word.
 * Debugging
 *   - test/native/check.c walks arenas and chunks and says which invariant is broken.
 */
#ifndef WASM_ARENA_CHUNK_H
#define WASM_ARENA_CHUNK_H

#include "allocator.h"
#include "memory.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CHUNK_ALIGN ((size_t)16)
#define CHUNK_BINS (8 * sizeof(size_t))

struct chunk {
  size_t tag;         /* bytes, header included; CHUNK_USED and CHUNK_LEFT_FREE in the low bits */
  struct chunk *next; /* used: the next one of its owner; free: the next one in its bin */
  union {
    uintptr_t cursor;    /* used: its owner's; an arena notes where it left it for a newer one */
    struct chunk **link; /* free: what points at it, in its bin */
  };
  uintptr_t clean; /* first byte from which on the payload reads 0 */
};

#define CHUNK_USED ((size_t)1)
#define CHUNK_LEFT_FREE ((size_t)2)
#define CHUNK_HEADER sizeof(struct chunk)
#define CHUNK_LEAST (CHUNK_HEADER + CHUNK_ALIGN) /* a header, and room for the closing tag */

/* All chunks of one memory. */
struct chunks {
  struct allocator allocator; /* see chunks_allocator; first, as backing.h wants it */
  struct memory memory;
  uintptr_t first; /* where the first chunk begins */
  size_t foreign;  /* bytes between first and frontier that are an outsider's, or fences */
  size_t free;     /* bytes of free chunks, headers included */
  struct chunk *bins[CHUNK_BINS]; /* bin n: sizes from 2^n to 2^(n + 1) - 1, last freed first */
};

static inline size_t chunk_size(const struct chunk *chunk) {
  return chunk->tag & ~(CHUNK_ALIGN - 1);
}

static inline uintptr_t chunk_start(const struct chunk *chunk) {
  return (uintptr_t)chunk + CHUNK_HEADER;
}

static inline uintptr_t chunk_end(const struct chunk *chunk) {
  return (uintptr_t)chunk + chunk_size(chunk);
}

static inline struct chunk *chunk_of(uintptr_t start) {
  return (struct chunk *)(start - CHUNK_HEADER);
}

/* Rounds up; the caller sees to it that nothing wraps. `align` is a power of two. */
static inline uintptr_t align_up(uintptr_t value, size_t align) {
  return (value + (align - 1)) & ~(uintptr_t)(align - 1);
}

static inline uintptr_t larger(uintptr_t a, uintptr_t b) {
  return a > b ? a : b;
}

static inline uintptr_t smaller(uintptr_t a, uintptr_t b) {
  return a < b ? a : b;
}

/* Whether [start, start + size) ends within the chunk, where it begins there or before. */
static inline bool chunk_fits(const struct chunk *chunk, uintptr_t start, size_t size) {
  return start <= chunk_end(chunk) && size <= chunk_end(chunk) - start;
}

/*
 * Manages memory from `start` on, a multiple of 16, which is present up to `end` and may grow up to
 * `maximum`, both multiples of a page, and reads 0. `chunks` is zeroed.
 */
void chunks_init(struct chunks *chunks, uintptr_t start, uintptr_t end, uintptr_t maximum);

/*
 * Makes sure that a block of `bytes` bytes fits behind the frontier, growing if it doesn't. False:
 * the memory can't have it.
 */
bool chunks_ensure(struct chunks *chunks, size_t bytes);

/*
 * A chunk with room for `size` bytes at an address that is a multiple of `align`, and for `want`
 * bytes where that costs no growth. With `grow` false the memory does not grow for it.
 * NULL: there is no memory for it; nothing has been given or taken then, but memory may have grown.
 */
struct chunk *chunk_take(struct chunks *chunks, size_t size, size_t align, size_t want, bool grow);

/*
 * Moves the end of `chunk` so that [start, start + size) lies inside, and by `step` bytes at least
 * where that costs nothing more: into the frontier, growing if need be, or into a free neighbour.
 * False: the next byte is somebody else's, or memory is out; the chunk is as it was.
 */
bool chunk_extend(struct chunks *chunks, struct chunk *chunk, uintptr_t start, size_t size,
                  size_t step);

/* Gives back what lies behind `end`, where that is enough for a chunk. Never fails. */
void chunk_trim(struct chunks *chunks, struct chunk *chunk, uintptr_t end);

/* Gives the whole chunk back. Never fails. */
void chunk_give(struct chunks *chunks, struct chunk *chunk);

/* The chunks as an allocator: each block is a chunk of its own. Never fails. */
struct allocator *chunks_allocator(struct chunks *chunks);
extern const struct allocator_methods chunks_methods;

#ifdef __cplusplus
}
#endif
#endif
