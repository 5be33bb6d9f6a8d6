#include "pool.h"

#include "arena.h"
#include "check.h"
#include "chunk.h"
#include "harness.h"
#include "host.h"

#define SOUND() EXPECT_SOUND(check_chunks(&chunks))
#define PAGES 16
#define MOST 4096

static struct chunks chunks;
static struct pool pool;

static void set_up_memory(size_t pages, size_t most) {
  host_open_chunks(&chunks, pages, most);
}

static void set_up(size_t size, size_t align, size_t capacity, size_t slab) {
  set_up_memory(PAGES, MOST);
  EXPECT(pool_init(&pool, chunks_allocator(&chunks), size, align, capacity, slab));
}

/* An object, filled with `byte`. */
static uintptr_t take(int byte) {
  void *object = pool_alloc(&pool);
  EXPECT(object && (uintptr_t)object % pool.align == 0);
  memset(object, byte, pool.size);
  return (uintptr_t)object;
}

static bool give(uintptr_t object) {
  return pool_free(&pool, (void *)object);
}

/* Counts the live objects, which come by address in each slab, the slabs as they come. */
static size_t count_live(void) {
  size_t count = 0;
  for (uintptr_t at = 0; (at = pool_next(&pool, at));) {
    EXPECT(pool_holds(&pool, at, pool.size));
    count++;
  }
  return count;
}

static size_t count_free(void) {
  size_t count = 0;
  for (uintptr_t at = pool.free; at; at = *(uintptr_t *)at) count++;
  return count;
}

static struct pool before;

static void remember(void) {
  before = pool;
}

static bool unchanged(void) {
  return memcmp(&before, &pool, sizeof pool) == 0;
}

static void objects_lie_densely(void) {
  set_up(24, 8, 100, 0);
  uintptr_t first = take(1);
  for (size_t i = 1; i < 100; i++) EXPECT(take(2) == first + i * 24);
  EXPECT(pool.end == first + (size_t)100 * 24 && pool.live == 100);
  SOUND();
}

static void a_fixed_pool_has_its_capacity_and_no_more(void) {
  set_up(16, 16, 33, 0);
  size_t live = chunks_live(&chunks);
  EXPECT(pool_capacity(&pool) == 33);
  for (size_t i = 0; i < 33; i++) take(1);
  remember();
  EXPECT(!pool_alloc(&pool) && unchanged());
  EXPECT(chunks_live(&chunks) == live);
  EXPECT(give(pool.start) && take(2) == pool.start && !pool_alloc(&pool));
}

static void a_pool_of_one_object_works(void) {
  set_up(1, 1, 1, 0);
  uintptr_t only = take(1);
  EXPECT(!pool_alloc(&pool) && give(only) && !give(only) && take(2) == only);
}

static void every_size_and_alignment_is_honoured(void) {
  for (size_t align = 1; align <= 65536; align *= 2) {
    for (size_t size = 0; size < 70; size = size * 2 + 1) {
      set_up(size, align, 3, 3);
      EXPECT(pool.stride % align == 0 && pool.stride >= size);
      EXPECT(pool.stride % sizeof(uintptr_t) == 0 && pool.stride > 0);
      EXPECT(pool.stride % ((size_t)1 << pool.shift) == 0);
      EXPECT((pool.stride >> pool.shift) % 2 == 1);
      uintptr_t objects[9];
      for (size_t i = 0; i < 9; i++) objects[i] = take((int)i);
      for (size_t i = 0; i < 9; i++) {
        EXPECT(objects[i] % align == 0);
        const unsigned char *bytes = (const unsigned char *)objects[i];
        for (size_t j = 0; j < size; j++) EXPECT(bytes[j] == i);
      }
      EXPECT(count_live() == 9);
      SOUND();
      pool_close(&pool);
      EXPECT(chunks_live(&chunks) == 0);
      SOUND();
    }
  }
}

static void the_stride_is_the_least_that_keeps_alignment_and_links(void) {
  static const size_t cases[][3] = {{1, 1, 8}, {8, 8, 8}, {9, 1, 16}, {24, 8, 24}, {24, 16, 32}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_up(cases[i][0], cases[i][1], 1, 0);
    EXPECT(pool.stride == cases[i][2]);
  }
  set_up(0, 1, 1, 0);
  EXPECT(pool.stride == sizeof(uintptr_t));
}

static void a_slab_takes_a_bit_for_each_granule_and_no_more(void) {
  set_up(8, 8, 64, 0);
  EXPECT(pool.start == pool.bits + 8);
  EXPECT(chunks_live(&chunks) == CHUNK_HEADER + align_up(2 * sizeof(uintptr_t) + 8 + 512, 16));
  set_up(8, 8, 1984, 0);
  EXPECT(pool.start == pool.bits + 248);
  set_up(8, 8, 65, 0);
  EXPECT(pool.start == align_up(pool.bits + 12, 8));
}

static void the_object_freed_last_comes_first(void) {
  set_up(16, 8, 10, 0);
  uintptr_t a = take(1), b = take(2), c = take(3);
  EXPECT(give(b) && give(a) && give(c));
  EXPECT(take(4) == c && take(5) == a && take(6) == b && take(7) == c + 16);
}

static void a_double_free_is_refused(void) {
  set_up(40, 8, 10, 0);
  uintptr_t a = take(1), b = take(2);
  EXPECT(give(a));
  remember();
  EXPECT(!give(a) && unchanged());
  EXPECT(give(b));
  remember();
  EXPECT(!give(a) && !give(b) && unchanged());
}

static void every_address_but_a_live_object_is_refused(void) {
  static const size_t sizes[] = {8, 24, 40, 64, 100};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    set_up(sizes[i], 1, 64, 64);
    for (size_t j = 0; j < 100; j++) take(0xff); /* objects of two slabs, full of set bits */
    uintptr_t first = pool_next(&pool, 0);
    EXPECT(give(first + pool.stride) && give(pool.start + pool.stride));
    remember();
    uintptr_t next = pool_next(&pool, 0);
    for (uintptr_t at = chunks.first; at < chunks.memory.frontier; at++) {
      if (at == next) {
        next = pool_next(&pool, at);
      } else {
        EXPECT(!give(at));
      }
    }
    EXPECT(!next && unchanged());
    EXPECT(!give(0) && !give(1) && !give(UINTPTR_MAX) && unchanged());
  }
}

static void never_used_objects_are_refused(void) {
  set_up(16, 16, 10, 0);
  uintptr_t first = take(1);
  remember();
  for (size_t i = 1; i < 12; i++) EXPECT(!give(first + i * 16));
  EXPECT(unchanged());
}

static void another_pools_objects_are_refused(void) {
  set_up(16, 16, 10, 0);
  struct pool other;
  EXPECT(pool_init(&other, chunks_allocator(&chunks), 16, 16, 10, 0));
  void *theirs = pool_alloc(&other);
  remember();
  EXPECT(theirs && !pool_free(&pool, theirs) && unchanged());
  EXPECT(pool_free(&other, theirs));
}

static void objects_that_were_never_used_are_not_touched(void) {
  set_up(64, 8, 1000, 1000);
  struct chunk *dirty = chunk_take(&chunks, 200000, 1, 0, true);
  memset((void *)chunk_start(dirty), 0xdd, 200000);
  dirty->clean = chunk_end(dirty);
  chunk_give(&chunks, dirty);
  for (size_t i = 0; i < 1000; i++) take(1);
  EXPECT(pool_free(&pool, (void *)take(2)) && pool.slabs == 2);
  unsigned char *bytes = (unsigned char *)pool.fresh;
  EXPECT(pool.end - pool.fresh == (size_t)999 * 64);
  for (size_t i = 0; i < (size_t)999 * 64; i++) EXPECT(bytes[i] == 0xdd || bytes[i] == 0);
  memset(bytes, 0xcc, (size_t)999 * 64);
  EXPECT(pool_capacity(&pool) == 2000 && count_live() == 1000);
  take(3), take(4);
  pool_next(&pool, 0);
  bytes = (unsigned char *)pool.fresh;
  for (size_t i = 0; i < (size_t)998 * 64; i++) EXPECT(bytes[i] == 0xcc);
}

static void each_further_slab_has_as_many_objects_as_the_pool(void) {
  set_up(16, 8, 0, 10);
  EXPECT(pool_capacity(&pool) == 0 && chunks_live(&chunks) == 0);
  size_t capacity = 0;
  for (size_t slabs = 1; slabs < 14; slabs++) {
    while (pool.live < capacity) take(1);
    take(1);
    EXPECT(pool.slabs == slabs);
    capacity = capacity ? capacity * 2 : 10;
    EXPECT(pool_capacity(&pool) == capacity);
  }
  SOUND();
}

static void a_slab_may_grow_the_memory(void) {
  set_up(1024, 8, 2 * PAGES * 64, 1);
  EXPECT(chunks.memory.grows == 1);
  while (pool.fresh != pool.end) take(1);
  take(1);
  EXPECT(chunks.memory.grows == 2 || host.start > MEMORY_PAGE); /* high up, once brings all */
  SOUND();
}

static void a_slab_is_as_big_as_was_asked(void) {
  set_up(16, 8, 1, 500);
  take(1), take(1);
  EXPECT(pool_capacity(&pool) == 501);
}

static void where_memory_refuses_a_smaller_slab_will_do(void) {
  set_up_memory(1, 1);
  EXPECT(pool_init(&pool, chunks_allocator(&chunks), 64, 8, 1, 1));
  size_t count = 0;
  while (pool_alloc(&pool)) count++;
  EXPECT(count > 980 && count == pool.live && count == pool_capacity(&pool));
  EXPECT(pool.slabs <= 30);
  remember();
  EXPECT(!pool_alloc(&pool) && unchanged());
  SOUND();
  EXPECT(count_live() == count);
  pool_close(&pool);
  EXPECT(chunks_live(&chunks) == 0);
}

static void where_memory_refuses_half_of_a_slab_is_asked_for_next(void) {
  set_up_memory(1, 1);
  struct chunk *hole = chunk_take(&chunks, 3000, 1, 0, false);
  EXPECT(hole && pool_init(&pool, chunks_allocator(&chunks), 64, 8, 64, 1));
  while (chunk_take(&chunks, 100, 1, 0, false)) continue;
  chunk_give(&chunks, hole);
  for (size_t i = 0; i < 65; i++) take(1);
  EXPECT(pool_capacity(&pool) == 96);
  SOUND();
}

static void there_are_few_slabs_however_scattered_the_memory_is(void) {
  set_up_memory(16, 16);
  static struct chunk *taken[5000];
  size_t count = 0;
  for (; count < 5000 && (taken[count] = chunk_take(&chunks, 200, 1, 0, true));) count++;
  EXPECT(count > 2000 && count < 5000);
  for (size_t i = 0; i < count; i += 2) chunk_give(&chunks, taken[i]);
  EXPECT(pool_init(&pool, chunks_allocator(&chunks), 64, 8, 0, 1));
  while (pool_alloc(&pool)) continue;
  EXPECT(pool.slabs == 64 && chunks.memory.refusal == REFUSED_BY_LIMIT);
  remember();
  EXPECT(!pool_alloc(&pool) && unchanged());
}

static void a_refused_pool_is_closed(void) {
  set_up_memory(1, 1);
  struct allocator *on = chunks_allocator(&chunks);
  size_t wraps_with_its_bitmap = SIZE_MAX / 65 * 64 + 1000;
  const size_t sizes[] = {16,           SIZE_MAX,           SIZE_MAX - 7,
                          SIZE_MAX / 2, SIZE_MAX / 33 * 32, wraps_with_its_bitmap};
  static const size_t counts[] = {5000, 1, 3, SIZE_MAX, SIZE_MAX / 16, SIZE_MAX / 17};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
      if (i == 0 && (j == 1 || j == 2)) continue;
      chunks.memory.refusal = 0;
      EXPECT(!pool_init(&pool, on, sizes[i], 8, counts[j], 1));
      EXPECT(chunks.memory.refusal == REFUSED_BY_MAXIMUM);
      EXPECT(!pool_alloc(&pool) && pool_capacity(&pool) == 0 && !pool_next(&pool, 0));
      EXPECT(!pool.first && !pool.slabs && !pool.end);
      pool_close(&pool);
      EXPECT(chunks_live(&chunks) == 0);
    }
  }
  for (size_t i = 3; i < sizeof sizes / sizeof *sizes; i++) {
    chunks.memory.refusal = 0;
    EXPECT(pool_init(&pool, on, sizes[i], 8, 0, 1) && !pool_alloc(&pool));
    EXPECT(chunks.memory.refusal == REFUSED_BY_MAXIMUM);
  }
  EXPECT(chunks_live(&chunks) == 0);
  SOUND();
}

static void freed_objects_of_every_slab_come_back(void) {
  set_up(24, 8, 4, 4);
  uintptr_t objects[64];
  for (size_t i = 0; i < 64; i++) objects[i] = take(1);
  EXPECT(pool.slabs == 5 && pool_capacity(&pool) == 64);
  for (size_t i = 0; i < 64; i++) EXPECT(give(objects[i * 37 % 64]));
  EXPECT(pool.live == 0 && count_free() == 64 && count_live() == 0);
  for (size_t i = 64; i-- > 0;) EXPECT(take(2) == objects[i * 37 % 64]);
  EXPECT(pool.slabs == 5 && count_live() == 64 && pool.live == 64);
}

static void iteration_meets_live_objects_by_age_of_slab_and_address(void) {
  set_up(40, 8, 3, 3);
  uintptr_t objects[48];
  for (size_t i = 0; i < 48; i++) objects[i] = take(1);
  for (size_t i = 0; i < 48; i += 3) EXPECT(give(objects[i]));
  uintptr_t at = 0;
  for (size_t i = 0; i < 48; i++) {
    if (i % 3) EXPECT((at = pool_next(&pool, at)) == objects[i]);
  }
  EXPECT(pool_next(&pool, at) == 0);
}

static void objects_may_be_freed_while_iterating(void) {
  set_up(16, 8, 10, 10);
  for (size_t i = 0; i < 100; i++) take(1);
  size_t count = 0;
  for (uintptr_t at = 0; (at = pool_next(&pool, at)); count++) EXPECT(give(at));
  EXPECT(count == 100 && pool.live == 0 && pool_next(&pool, 0) == 0);
}

static void iteration_after_what_is_in_no_slab_ends(void) {
  set_up(16, 8, 10, 10);
  take(1);
  EXPECT(!pool_next(&pool, 1) && !pool_next(&pool, UINTPTR_MAX));
  EXPECT(!pool_next(&pool, pool.end));
  EXPECT(pool_next(&pool, 0) == pool.start && !pool_next(&pool, pool.start));
}

static void iteration_finds_objects_at_every_bit(void) {
  for (size_t size = 8; size <= 72; size += 8) {
    set_up(size, 8, 100, 0);
    for (size_t i = 0; i < 100; i++) take(1);
    for (size_t i = 0; i < 100; i++) {
      uintptr_t object = pool.start + i * size;
      EXPECT(pool_next(&pool, object) == (i < 99 ? object + size : 0));
    }
    for (uintptr_t at = 0; (at = pool_next(&pool, at));) give(at);
    for (size_t i = 0; i < 100; i++) {
      uintptr_t object = take(1);
      EXPECT(pool_next(&pool, 0) == object && pool_next(&pool, object) == 0 && give(object));
      take(2); /* the free list's order: another one next time */
      EXPECT(give(object) && pool.live == 0);
    }
  }
}

static void it_holds_ranges_within_one_live_object(void) {
  set_up(20, 8, 10, 10);
  for (size_t i = 0; i < 15; i++) take(1);
  uintptr_t one = pool.start + 24;
  EXPECT(pool_holds(&pool, one, 20) && pool_holds(&pool, one + 19, 1));
  EXPECT(pool_holds(&pool, one + 20, 0) && pool_holds(&pool, one + 7, 13));
  EXPECT(!pool_holds(&pool, one, 21) && !pool_holds(&pool, one + 20, 1));
  EXPECT(!pool_holds(&pool, one + 21, 0) && !pool_holds(&pool, one + 1, SIZE_MAX));
  EXPECT(!pool_holds(&pool, one + 7, 14));
  uintptr_t old = pool_next(&pool, 0);
  EXPECT(old != pool.start && pool_holds(&pool, old + (size_t)24 * 9 + 3, 5));
  EXPECT(!pool_holds(&pool, old - 1, 1) && !pool_holds(&pool, old + (size_t)24 * 10, 1));
  EXPECT(!pool_holds(&pool, 0, 0) && !pool_holds(&pool, pool.fresh, 1));
  EXPECT(give(one) && !pool_holds(&pool, one, 1) && !pool_holds(&pool, one + 5, 0));
}

static void a_reset_frees_all_and_keeps_the_slabs(void) {
  set_up(16, 8, 5, 5);
  uintptr_t objects[40];
  for (size_t i = 0; i < 40; i++) objects[i] = take(1);
  EXPECT(give(objects[3]) && give(objects[30]));
  size_t live = chunks_live(&chunks);
  pool_reset(&pool);
  EXPECT(pool.live == 0 && pool_capacity(&pool) == 40 && count_live() == 0);
  EXPECT(chunks_live(&chunks) == live && pool.slabs == 4);
  for (size_t i = 0; i < 40; i++) EXPECT(!give(objects[i]) && !pool_holds(&pool, objects[i], 1));
  for (size_t i = 0; i < 40; i++) {
    EXPECT(take(2) == objects[i] && count_live() == i + 1);
    if (i < 39) EXPECT(!give(objects[i + 1]));
  }
  EXPECT(pool.slabs == 4 && pool_capacity(&pool) == 40);
  take(3);
  EXPECT(pool.slabs == 5 && pool_capacity(&pool) == 80);
  SOUND();
}

static void a_second_reset_half_way_is_as_good(void) {
  set_up(16, 8, 5, 5);
  uintptr_t objects[40];
  for (size_t i = 0; i < 40; i++) objects[i] = take(1);
  for (size_t rounds = 0; rounds < 40; rounds++) {
    pool_reset(&pool);
    for (size_t i = 0; i < rounds; i++) EXPECT(take(2) == objects[i]);
    EXPECT(count_live() == rounds);
  }
}

static void an_empty_pool_can_be_reset(void) {
  set_up(16, 8, 0, 5);
  pool_reset(&pool);
  EXPECT(pool_capacity(&pool) == 0 && !pool_next(&pool, 0));
  uintptr_t first = take(1);
  EXPECT(pool_next(&pool, 0) == first);
  pool_close(&pool);
  EXPECT(chunks_live(&chunks) == 0);
}

static void closing_gives_all_slabs_back(void) {
  set_up(16, 8, 5, 5);
  struct allocator *as_allocator = pool_allocator(&pool);
  uintptr_t object = 0;
  for (size_t i = 0; i < 100; i++) object = take(1);
  pool_close(&pool);
  EXPECT(chunks_live(&chunks) == 0 && pool_capacity(&pool) == 0 && pool.live == 0);
  SOUND();
  EXPECT(!pool_alloc(&pool) && !give(object) && !pool_next(&pool, 0));
  EXPECT(!pool_holds(&pool, object, 1));
  EXPECT(!allocator_alloc(as_allocator, 1, 1) && !allocator_alloc(as_allocator, 0, 1));
  pool_reset(&pool);
  pool_close(&pool);
  EXPECT(!pool_alloc(&pool));
}

static void closing_gives_an_arena_its_bytes_back(void) {
  host_open_chunks(&chunks, 16, 16);
  struct arena arena;
  arena_init(&arena, chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_alloc(&arena, 100, 1));
  size_t used = arena_used(&arena);
  EXPECT(pool_init(&pool, arena_allocator(&arena), 16, 16, 5, 5));
  for (size_t i = 0; i < 100; i++) EXPECT(pool_alloc(&pool));
  EXPECT(pool.slabs > 2);
  pool_close(&pool);
  EXPECT(arena_used(&arena) <= align_up(used, CHUNK_ALIGN));
}

static void what_a_pool_wrote_is_not_clean_afterwards(void) {
  set_up(16, 8, 1000, 0);
  for (size_t i = 0; i < 1000; i++) take(0xff);
  pool_close(&pool);
  SOUND();
}

static void as_an_allocator_its_blocks_are_objects(void) {
  set_up(100, 16, 2, 0);
  struct allocator *on = pool_allocator(&pool);
  unsigned char *block = allocator_alloc(on, 10, 4);
  EXPECT((uintptr_t)block == pool.start);
  EXPECT(allocator_resize(on, block, 10, 100, 4) && !allocator_resize(on, block, 100, 101, 4));
  EXPECT(allocator_remap(on, block, 100, 0, 4) == block);
  EXPECT(!allocator_remap(on, block, 0, 101, 4));
  EXPECT(!allocator_alloc(on, 101, 1) && !allocator_alloc(on, 1, 32) && pool.live == 1);
  void *other = allocator_alloc(on, 100, 16);
  EXPECT(other && !allocator_alloc(on, 0, 1));
  allocator_free(on, block, 0, 4);
  EXPECT(pool.live == 1 && allocator_alloc(on, 0, 1) == block);
}

int main(void) {
  CLAIM(objects_lie_densely);
  CLAIM(a_fixed_pool_has_its_capacity_and_no_more);
  CLAIM(a_pool_of_one_object_works);
  CLAIM(every_size_and_alignment_is_honoured);
  CLAIM(the_stride_is_the_least_that_keeps_alignment_and_links);
  CLAIM(a_slab_takes_a_bit_for_each_granule_and_no_more);
  CLAIM(the_object_freed_last_comes_first);
  CLAIM(a_double_free_is_refused);
  CLAIM(every_address_but_a_live_object_is_refused);
  CLAIM(never_used_objects_are_refused);
  CLAIM(another_pools_objects_are_refused);
  CLAIM(objects_that_were_never_used_are_not_touched);
  CLAIM(each_further_slab_has_as_many_objects_as_the_pool);
  CLAIM(a_slab_may_grow_the_memory);
  CLAIM(a_slab_is_as_big_as_was_asked);
  CLAIM(where_memory_refuses_a_smaller_slab_will_do);
  CLAIM(where_memory_refuses_half_of_a_slab_is_asked_for_next);
  CLAIM(there_are_few_slabs_however_scattered_the_memory_is);
  CLAIM(a_refused_pool_is_closed);
  CLAIM(freed_objects_of_every_slab_come_back);
  CLAIM(iteration_meets_live_objects_by_age_of_slab_and_address);
  CLAIM(objects_may_be_freed_while_iterating);
  CLAIM(iteration_after_what_is_in_no_slab_ends);
  CLAIM(iteration_finds_objects_at_every_bit);
  CLAIM(it_holds_ranges_within_one_live_object);
  CLAIM(a_reset_frees_all_and_keeps_the_slabs);
  CLAIM(a_second_reset_half_way_is_as_good);
  CLAIM(an_empty_pool_can_be_reset);
  CLAIM(closing_gives_all_slabs_back);
  CLAIM(closing_gives_an_arena_its_bytes_back);
  CLAIM(what_a_pool_wrote_is_not_clean_afterwards);
  CLAIM(as_an_allocator_its_blocks_are_objects);
  return harness_end();
}
