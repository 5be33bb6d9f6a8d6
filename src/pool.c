#include "pool.h"

#include "backing.h"

/*
 * Which slab an address lies in is found by asking each, so their number bounds what that costs.
 * Each further slab doubles the pool at least, so that 32-bit memories have no room for more than
 * 31 of them; the rest is for the smaller ones that are taken where memory refuses a doubling.
 */
#define SLABS_MOST 64

struct slab {
  struct chunk chunk; /* `next` is the next younger slab */
  uintptr_t start;    /* the first object */
  uintptr_t end;      /* one past the last object */
  uint32_t bits[];    /* the live bitmap */
};

static inline bool in_slab(const struct slab *slab, uintptr_t address) {
  return address - slab->start < slab->end - slab->start;
}

static inline struct slab *younger(const struct slab *slab) {
  return (struct slab *)slab->chunk.next;
}

/* The slab that the address lies in the objects of; NULL where there is none. */
static struct slab *slab_of(const struct pool *pool, uintptr_t address) {
  struct slab *slab = pool->first;
  while (slab && !in_slab(slab, address)) slab = younger(slab);
  return slab;
}

/* Bytes of the live bitmap for so many bytes of objects. */
static inline size_t bitmap_size(const struct pool *pool, size_t bytes) {
  size_t granules = bytes >> pool->shift;
  return (granules / 32 + (granules % 32 != 0)) * sizeof(uint32_t);
}

/* Goes on with the slab's objects, none of which was used since it was taken or reset. */
static void enter(struct pool *pool, struct slab *slab) {
  pool->hot = slab;
  pool->start = pool->fresh = slab->start;
  pool->end = slab->end;
  pool->bits = (uintptr_t)slab->bits;
}

/*
 * A slab of `count` objects, without a successor. NULL: there is no memory for it.
 *
 * It counts as written to its end from the first, because who writes the objects, the wrapper in
 * js/ among them, does not say how far they have come.
 */
static struct slab *take(struct pool *pool, size_t count) {
  size_t head = sizeof(struct slab) - CHUNK_HEADER + (pool->align - 1);
  /* A granule has 4 bytes at least: the bitmap takes a 32nd of the objects' bytes, and a word. */
  size_t most = (SIZE_MAX - head - sizeof(uint32_t)) / 33 * 32;
  backing_refuse(pool->on, REFUSED_BY_MAXIMUM);
  if (count > most / pool->stride) return NULL;
  size_t bytes = count * pool->stride;
  size_t bitmap = bitmap_size(pool, bytes);
  struct slab *slab = (struct slab *)backing_take(pool->on, head + bitmap + bytes, 1, 0, true);
  if (!slab) return NULL;

  slab->chunk.next = NULL;
  slab->chunk.clean = chunk_end(&slab->chunk);
  slab->start = align_up((uintptr_t)slab->bits + bitmap, pool->align);
  slab->end = slab->start + bytes;
  memset(slab->bits, 0, bitmap);
  pool->slabs++;
  pool->capacity += count;
  return slab;
}

bool pool_init(struct pool *pool, struct allocator *on, size_t size, size_t align, size_t capacity,
               size_t slab) {
  memset(pool, 0, sizeof *pool);
  backing_refuse(on, REFUSED_BY_MAXIMUM);
  align = larger(align, sizeof(uintptr_t));
  if (size > SIZE_MAX - align) return false;
  pool->on = on;
  pool->size = size;
  pool->align = align;
  pool->stride = align_up(larger(size, 1), align);
  pool->shift = (size_t)__builtin_ctzl(pool->stride);
  if (capacity) {
    pool->first = take(pool, capacity);
    if (!pool->first) return false;
    enter(pool, pool->first);
  }
  pool->slab = slab;
  return true;
}

/*
 * A further slab, which doubles the pool at least. Where memory refuses, half of it will do, and so
 * on down to one object: one is what was asked for, and all of the doubling may be too much just
 * where a pool is a big part of the memory. NULL: there is no memory for that, or enough slabs.
 */
static struct slab *grow(struct pool *pool) {
  if (!pool->slab) return NULL;
  backing_refuse(pool->on, REFUSED_BY_LIMIT);
  if (pool->slabs == SLABS_MOST) return NULL;
  for (size_t count = larger(pool->slab, pool->capacity); count; count /= 2) {
    struct slab *slab = take(pool, count);
    if (slab) return slab;
  }
  return NULL;
}

/* Enters the next slab: one that a reset left, or a further one. False: there is none. */
static bool go_on(struct pool *pool) {
  struct slab *slab = pool->hot ? younger(pool->hot) : NULL;
  if (!slab) {
    slab = grow(pool);
    if (!slab) return false;
    if (pool->hot) {
      pool->hot->chunk.next = &slab->chunk;
    } else {
      pool->first = slab;
    }
  }
  enter(pool, slab);
  return true;
}

void *pool_alloc_slow(struct pool *pool) {
  if (!pool->free) return go_on(pool) ? pool_alloc(pool) : NULL;
  uintptr_t object = pool->free;
  struct slab *slab = slab_of(pool, object);
  size_t offset = object - slab->start;
  pool->free = *(uintptr_t *)object;
  *pool_word(pool, (uintptr_t)slab->bits, offset) |= pool_bit(pool, offset);
  pool->live++;
  return (void *)object;
}

bool pool_free_slow(struct pool *pool, void *object) {
  struct slab *slab = slab_of(pool, (uintptr_t)object);
  return slab && pool_free_in(pool, slab->start, (uintptr_t)slab->bits, object);
}

/* The first live object from granule `from` on, before `end`; 0 where there is none. */
static uintptr_t next_in(const struct pool *pool, const struct slab *slab, size_t from,
                         uintptr_t end) {
  size_t words = bitmap_size(pool, end - slab->start) / sizeof(uint32_t);
  uint32_t mask = UINT32_MAX << (from % 32);
  for (size_t i = from / 32; i < words; i++, mask = UINT32_MAX) {
    uint32_t word = slab->bits[i] & mask;
    if (word) {
      size_t granule = i * 32 + (size_t)__builtin_ctz(word);
      return slab->start + (granule << pool->shift);
    }
  }
  return 0;
}

uintptr_t pool_next(const struct pool *pool, uintptr_t after) {
  struct slab *slab = after ? slab_of(pool, after) : pool->first;
  size_t from = after && slab ? ((after - slab->start) >> pool->shift) + 1 : 0;
  for (; slab; slab = younger(slab), from = 0) {
    bool last = slab == pool->hot;
    uintptr_t object = next_in(pool, slab, from, last ? pool->fresh : slab->end);
    if (object || last) return object;
  }
  return 0;
}

bool pool_holds(const struct pool *pool, uintptr_t address, size_t size) {
  const struct slab *slab = slab_of(pool, address);
  if (!slab) return false;
  size_t within = (address - slab->start) % pool->stride;
  size_t offset = address - slab->start - within;
  return *pool_word(pool, (uintptr_t)slab->bits, offset) & pool_bit(pool, offset) &&
         within <= pool->size && size <= pool->size - within;
}

void pool_reset(struct pool *pool) {
  for (struct slab *slab = pool->first; slab; slab = younger(slab)) {
    memset(slab->bits, 0, bitmap_size(pool, slab->end - slab->start));
  }
  pool->free = 0;
  pool->live = 0;
  if (pool->first) enter(pool, pool->first);
}

void pool_close(struct pool *pool) {
  /* The youngest goes first: an arena or a fixed buffer takes back only what it gave last. */
  struct chunk *youngest = NULL;
  for (struct slab *slab = pool->first, *next; slab; slab = next) {
    next = younger(slab);
    slab->chunk.next = youngest;
    youngest = &slab->chunk;
  }
  while (youngest) {
    struct chunk *older = youngest->next;
    backing_give(pool->on, youngest);
    youngest = older;
  }
  struct allocator allocator = pool->allocator;
  memset(pool, 0, sizeof *pool);
  pool->allocator = allocator; /* who has its address may still ask, and is refused */
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  struct pool *pool = ALLOCATOR_OWNER(struct pool, allocator);
  return size <= pool->size && align <= pool->align ? pool_alloc(pool) : NULL;
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)block, (void)old_size, (void)align;
  return new_size <= ALLOCATOR_OWNER(struct pool, allocator)->size;
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  return method_resize(allocator, block, old_size, new_size, align) ? block : NULL;
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  (void)size, (void)align;
  pool_free(ALLOCATOR_OWNER(struct pool, allocator), block);
}

struct allocator *pool_allocator(struct pool *pool) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  pool->allocator.methods = &methods;
  return &pool->allocator;
}
