/*
 * Pools: objects of one size, allocated and freed in constant time.
 *
 * Objects lie densely in slabs, without headers. What is free is linked through the free objects
 * themselves; what is live is a bit in the slab's bitmap.
 *
 *   a slab:
 *   | chunk header | slab head | live bitmap |pad| object | object | object |  never used  |
 *                                                ^ start                    ^ fresh        ^ end
 *
 *   the slabs, oldest first:    | used up | used up | hot | untouched |
 *
 * The bitmap has a bit for every granule, the biggest power of two that divides the stride, so that
 * an object's bit is found by a shift. An address inside of an object has a bit that is never set:
 * a look at one bit tells a live object from whatever else an address may be.
 *
 * Words
 *   stride     bytes from one object to the next
 *   slab       a chunk full of objects
 *   hot slab   the one whose objects are being used for the first time
 *
 * Assumptions
 *   - Alignments are powers of two from 1 to 65,536; sizes may be anything.
 *   - Nobody writes into a free object: its first word is the link to the next one.
 * Invariants
 *   - A bit is set exactly for each live object; there are `live` of them.
 *   - Every object before `fresh` in slab order is live or in the free list, once.
 *   - Objects from `fresh` on were not written since the slab was taken or the pool was reset.
 *   - A pool without a slab has start, fresh and end 0, so that nothing is in it.
 *   - NULL and false are the only failure values, and after a failure the pool is as it was.
 * Debugging
 *   - pool_next walks the live objects; test/native/pool_test.c checks the invariants.
 *
 *   struct pool pool;
 *   if (!pool_init(&pool, malloc_allocator(), sizeof(struct particle), 16, 1000, 0)) return;
 *   struct particle *one = pool_alloc(&pool);
 *   pool_free(&pool, one);
 *   pool_close(&pool);
 */
#ifndef WASM_ARENA_POOL_H
#define WASM_ARENA_POOL_H

#include "allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

struct slab;

/* A pool's header. js/ reads some of these words; allocators.c holds the two together. */
struct pool {
  uintptr_t free;             /* the last freed object; 0: none is free but the never used */
  size_t live;                /* live objects */
  uintptr_t fresh;            /* the hot slab's first object that was never used; `end`: none */
  uintptr_t start;            /* the hot slab's first object */
  uintptr_t end;              /* one past the hot slab's last object */
  uintptr_t bits;             /* the hot slab's live bitmap, of uint32_t words */
  size_t shift;               /* a granule has 2^shift bytes */
  size_t stride;              /* bytes from one object to the next */
  size_t size;                /* bytes of an object */
  size_t align;               /* objects begin at multiples of this, a word at least */
  size_t capacity;            /* objects in all slabs */
  size_t slab;                /* least objects of a further slab; 0: the pool does not grow */
  size_t slabs;               /* how many slabs there are */
  struct slab *first;         /* the oldest slab */
  struct slab *hot;           /* the hot slab */
  struct allocator *on;       /* where slabs come from */
  struct allocator allocator; /* see pool_allocator */
};

/*
 * Begins a pool of objects of `size` bytes at multiples of `align`, with `capacity` of them ready
 * in one slab of a chunk from `on`. When all are live it takes further slabs, of `slab` objects at
 * least; with `slab` 0 it never does. The stride is `size` rounded up to `align` and to words: a
 * free object holds a link.
 * False: there is no memory for it; the pool is then as if closed.
 */
bool pool_init(struct pool *pool, struct allocator *on, size_t size, size_t align, size_t capacity,
               size_t slab);

/*
 * The slow path of pool_alloc: a free object of another slab than the hot one, or a further slab.
 * NULL: no object is free and the pool does not grow; the pool is as it was.
 */
void *pool_alloc_slow(struct pool *pool);

/* The slow path of pool_free: an object of another slab than the hot one, if of any. */
bool pool_free_slow(struct pool *pool, void *object);

/* The word of a live bitmap that has the bit of the object at `offset` in its slab. */
static inline uint32_t *pool_word(const struct pool *pool, uintptr_t bits, size_t offset) {
  return (uint32_t *)bits + (offset >> pool->shift) / 32;
}

static inline uint32_t pool_bit(const struct pool *pool, size_t offset) {
  return (uint32_t)1 << ((offset >> pool->shift) & 31);
}

/*
 * An object, uninitialised: the one freed last, or else the next one that was never used.
 * NULL: no object is free and the pool does not grow, or there is no memory for that; the pool is
 * as it was.
 *
 * The wrapper in js/ has the same few lines, as it has those of pool_free.
 */
static inline void *pool_alloc(struct pool *pool) {
  uintptr_t object = pool->free ? pool->free : pool->fresh;
  size_t offset = object - pool->start;
  if (offset >= pool->end - pool->start) return pool_alloc_slow(pool);
  if (pool->free) {
    pool->free = *(uintptr_t *)object;
  } else {
    pool->fresh = object + pool->stride;
  }
  *pool_word(pool, pool->bits, offset) |= pool_bit(pool, offset);
  pool->live++;
  return (void *)object;
}

/* pool_free in the slab whose objects begin at `start`, before whose end the object lies. */
static inline bool pool_free_in(struct pool *pool, uintptr_t start, uintptr_t bits, void *object) {
  size_t offset = (uintptr_t)object - start;
  uint32_t *word = pool_word(pool, bits, offset);
  uint32_t bit = pool_bit(pool, offset);
  if (offset & (((size_t)1 << pool->shift) - 1) || !(*word & bit)) return false;
  *word &= ~bit;
  *(uintptr_t *)object = pool->free;
  pool->free = (uintptr_t)object;
  pool->live--;
  return true;
}

/*
 * Gives an object back.
 * False: that is no live object of this pool: it is free already, or it is somebody else's, or an
 * address inside of one. The pool is as it was.
 */
static inline bool pool_free(struct pool *pool, void *object) {
  if ((uintptr_t)object - pool->start >= pool->end - pool->start) {
    return pool_free_slow(pool, object);
  }
  return pool_free_in(pool, pool->start, pool->bits, object);
}

/*
 * The live object that follows the object at `after`, which may be free by now: slabs by age, in
 * each by address. 0 begins, and 0 is the end. Never fails.
 */
uintptr_t pool_next(const struct pool *pool, uintptr_t after);

/* Whether [address, address + size) lies in one live object. */
bool pool_holds(const struct pool *pool, uintptr_t address, size_t size);

/* All objects are free; the slabs are kept, and used again from the first on. Never fails. */
void pool_reset(struct pool *pool);

/* Gives all slabs back. Afterwards every allocation fails; closing twice is harmless. */
void pool_close(struct pool *pool);

/* Objects that the pool can have live without a further slab. */
static inline size_t pool_capacity(const struct pool *pool) {
  return pool->capacity;
}

/*
 * The pool as an allocator of blocks up to its objects' size and alignment: each is an object, and
 * stays where it is when it is resized up to that. Never fails.
 */
struct allocator *pool_allocator(struct pool *pool);

#ifdef __cplusplus
}
#endif
#endif
