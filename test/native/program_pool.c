/* Pools in programs: the next object is foretold, unless other subjects have some too. */
#include "pool.h"

#include <stdlib.h>

#include "program.h"

static void take(void) {
  doing = "alloc";
  struct pool *pool = &it->pool;
  struct pool before = *pool;
  uintptr_t object = (uintptr_t)pool_alloc(pool);
  if (!object) {
    EXPECT(!before.free && before.fresh == before.end);
    EXPECT(!memcmp(&before, pool, sizeof before));
    counts.refused++;
    return;
  }
  EXPECT(object % pool->align == 0 && pool->live == before.live + 1);
  if (before.free) {
    EXPECT(object == before.free && pool->fresh == before.fresh);
  } else if (before.fresh != before.end) {
    EXPECT(object == before.fresh && pool->fresh == object + pool->stride);
  } else {
    EXPECT(object == pool->start && pool->fresh == object + pool->stride);
  }
  if (!it->shared) {
    EXPECT(!before.free == !it->freed_count);
    if (before.free) EXPECT(object == it->freed[--it->freed_count]);
  }
  EXPECT(pool->capacity == before.capacity || (before.slab && pool->slabs == before.slabs + 1));
  add_block(object, pool->size, pool->align);
}

static void give(void) {
  doing = "free";
  size_t index = below(it->count);
  uintptr_t object = it->blocks[index].start;
  EXPECT(holds(&it->blocks[index], it->pool.size));
  size_t live = it->pool.live;
  EXPECT(pool_free(&it->pool, (void *)object));
  EXPECT(it->pool.live == live - 1 && it->pool.free == object);
  it->blocks[index] = it->blocks[--it->count];
  if (!it->shared) it->freed[it->freed_count++] = object;
}

static bool is_live(uintptr_t address) {
  for (size_t i = 0; i < it->count; i++) {
    if (it->blocks[i].start == address) return true;
  }
  return false;
}

/* What is no live object: free already, never used, inside of one, or somebody else's. */
static uintptr_t some_other_address(void) {
  const struct pool *pool = &it->pool;
  uintptr_t object = it->count ? it->blocks[below(it->count)].start : pool->start;
  size_t kind = below(8);
  if (it->shared || kind < 3) return object + 1 + below(pool->stride - 1);
  if (kind < 5 && it->freed_count) return it->freed[below(it->freed_count)];
  if (kind == 5) return pool->fresh + below(4) * pool->stride;
  if (kind == 6) return (uintptr_t)pool->first + below(100);
  return below(200) * 8;
}

static void give_wrongly(void) {
  doing = "wrong free";
  uintptr_t address = some_other_address();
  if (is_live(address)) return;
  struct pool before = it->pool;
  EXPECT(!pool_free(&it->pool, (void *)address));
  EXPECT(!memcmp(&before, &it->pool, sizeof before));
}

static void ask(void) {
  doing = "holds";
  const struct pool *pool = &it->pool;
  uintptr_t object = it->count ? it->blocks[below(it->count)].start : 0;
  size_t within = below(pool->size + 2);
  size_t size = below(pool->size + 2);
  if (object && within < pool->stride) {
    EXPECT(pool_holds(pool, object + within, size) == (within + size <= pool->size));
  }
  if (!it->shared && it->freed_count) {
    EXPECT(!pool_holds(pool, it->freed[below(it->freed_count)], 0));
  }
}

static int by_address(const void *a, const void *b) {
  uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;
  return (left > right) - (left < right);
}

/* The walk meets each live object once, and only these. */
static void expect_walk(void) {
  uintptr_t met[BLOCKS], known[BLOCKS];
  size_t count = 0;
  size_t links = 0;
  for (uintptr_t at = 0; (at = pool_next(&it->pool, at));) {
    EXPECT(it->pool.live > count);
    if (!it->shared || is_live(at)) {
      EXPECT(links < it->count);
      met[links++] = at;
    }
    count++;
  }
  EXPECT(count == it->pool.live && links == it->count && (it->shared || count == links));
  for (size_t i = 0; i < links; i++) known[i] = it->blocks[i].start;
  qsort(met, links, sizeof *met, by_address);
  qsort(known, links, sizeof *known, by_address);
  EXPECT(!memcmp(met, known, links * sizeof *met));
}

static void expect_free_list(void) {
  if (it->shared) return;
  size_t links = 0;
  for (uintptr_t at = it->pool.free; at; at = *(uintptr_t *)at) {
    EXPECT(links < it->freed_count && at == it->freed[it->freed_count - 1 - links]);
    links++;
  }
  EXPECT(links == it->freed_count);
}

static void check_it(void) {
  expect_walk();
  expect_free_list();
}

static void reset(void) {
  doing = "reset";
  close_children();
  drop_blocks(0);
  size_t capacity = it->pool.capacity;
  pool_reset(&it->pool);
  it->freed_count = 0;
  it->shared = false;
  EXPECT(it->pool.capacity == capacity && it->pool.live == 0 && !pool_next(&it->pool, 0));
}

static void step(void) {
  size_t choice = some_operation(64);
  if (choice == 0) {
    reset();
  } else if (choice < 8) {
    give_wrongly();
  } else if (choice < 14) {
    ask();
  } else if (it->count < BLOCKS && (it->count == 0 || choice < 46)) {
    take();
  } else {
    give();
  }
}

static bool open(void) {
  size_t size = one_in(8) ? below(9000) : below((size_t)1 << below(9));
  size_t align = (size_t)1 << below(one_in(4) ? 10 : 5);
  size_t capacity = one_in(2) ? below(100) : 0;
  it->freed_count = 0;
  it->shared = false;
  if (pool_init(&it->pool, it->on, size, align, capacity, one_in(4) ? 0 : 1 + below(20))) {
    EXPECT(it->pool.capacity == capacity);
    return true;
  }
  EXPECT(!it->pool.slabs && !it->pool.capacity && !pool_alloc(&it->pool));
  return false;
}

static void close(void) {
  drop_blocks(0);
  pool_close(&it->pool);
  EXPECT(!pool_alloc(&it->pool));
}

static struct allocator *allocator(void) {
  return pool_allocator(&it->pool);
}

const struct behaviour pool_behaviour = {"pool", open, step, close, check_it, allocator};
