/*
 * Random programs for fixed buffers, pools, and arenas on every kind of backing, against models
 * that know what every block holds.
 *
 *   family_model_test                               some seeds of each subject
 *   family_model_test SUBJECT [SEED [OPERATIONS]]   that one of `subjects`
 *
 * Invariants, after every operation
 *   - No block overlaps another one, and each holds what was written to it.
 *   - Where a fixed buffer or a pool puts the next block, and whether it refuses, is foretold.
 *   - What fails changes nothing.
 *   - In the end what the subject stands on has everything back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "family.h"
#include "host.h"
#include "malloc_allocator.h"

#define SEEDS 4
#define OPERATIONS 250000
#define ROUND 2000 /* operations until everything is given back and begins anew */
#define BLOCKS 48
#define ARENAS 3
#define MARKS 3
#define PATTERN ((size_t)1 << 20)

static uint64_t random_state;
static const char *subject_now = "";
static unsigned long seed_now;
static size_t operation_now;
static const char *doing = "";
static size_t successes, failures;
static unsigned char pattern[PATTERN];

static void fail(int line, const char *what) {
  printf("%s, seed %lu, operation %zu, %s: %s (line %d)\n", subject_now, seed_now, operation_now,
         doing, what, line);
  printf("0 passed, 1 failed\n");
  exit(1);
}

#define EXPECT(condition) ((condition) ? (void)0 : fail(__LINE__, "expected " #condition))

static uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* From 0 to below `n`. */
static size_t below(size_t n) {
  return (size_t)((random_bits() >> 20) % n);
}

static bool one_in(size_t n) {
  return below(n) == 0;
}

static size_t some_size(void) {
  if (one_in(100)) return SIZE_MAX - below(100000);
  if (one_in(50)) return below(40000);
  return below((size_t)1 << below(10));
}

static size_t some_align(void) {
  return (size_t)1 << below(one_in(20) ? 17 : 7);
}

static bool reads_zero(uintptr_t start, size_t size) {
  const unsigned char *bytes = (const unsigned char *)start;
  return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* What subjects stand on */

static struct chunks chunks;
static struct member backing;
static struct tracking taken; /* what the subject has from it */
static struct fussy fussy;    /* refuses at random */

static struct allocator *open_backing(enum kind kind) {
  host_open_chunks(&chunks, 1 + below(4), 8 + below(40));
  struct allocator *on =
      member_open(&backing, kind, chunks_allocator(&chunks), 300000, CHUNK_ALIGN);
  EXPECT(on);
  return on;
}

/* `on`, which may refuse, and is watched. */
static struct allocator *watch(struct allocator *on) {
  tracking_init(&taken, on);
  return fussy_open(&fussy, tracking_allocator(&taken));
}

static void expect_all_back(void) {
  EXPECT(taken.live == 0 && taken.allocations == taken.frees);
}

static void close_backing(void) {
  member_close(&backing);
  EXPECT(chunks_live(&chunks) == 0);
  EXPECT(!check_chunks(&chunks));
}

/* Blocks of any size: what fixed buffers and arenas have in common */

struct block {
  uintptr_t start;
  size_t size;
  size_t align;
  size_t seed; /* where in the pattern its contents are */
};

/* Blocks by age, and how many there were when each open mark was opened. */
struct blocks {
  struct block list[BLOCKS];
  size_t count;
  struct arena_mark marks[MARKS];
  size_t counts[MARKS];
  size_t used[MARKS];
  size_t depth;
};

static bool holds(const struct block *block, size_t size) {
  return memcmp((void *)block->start, pattern + block->seed, size) == 0;
}

static void expect_all_held(const struct blocks *of) {
  for (size_t i = 0; i < of->count; i++) EXPECT(holds(&of->list[i], of->list[i].size));
}

static void fill(struct block *block) {
  block->seed = below(PATTERN - block->size);
  memcpy((void *)block->start, pattern + block->seed, block->size);
}

/* Blocks of 0 bytes are nowhere in particular. */
static void expect_apart(const struct blocks *of, const struct block *block) {
  if (block->size == 0) return;
  for (size_t i = 0; i < of->count; i++) {
    const struct block *other = &of->list[i];
    EXPECT(other == block || other->size == 0 || block->start + block->size <= other->start ||
           other->start + other->size <= block->start);
  }
}

static void add_block(struct blocks *to, void *start, size_t size, size_t align) {
  EXPECT(start && (uintptr_t)start % align == 0);
  struct block *block = &to->list[to->count];
  *block = (struct block){(uintptr_t)start, size, align, 0};
  expect_apart(to, block);
  to->count++;
  fill(block);
  successes++;
}

static void remove_block(struct blocks *from, size_t index) {
  from->count--;
  memmove(&from->list[index], &from->list[index + 1], (from->count - index) * sizeof *from->list);
  for (size_t i = 0; i < from->depth; i++) {
    if (index < from->counts[i]) from->counts[i]--;
  }
}

/* The block is where it was and has another size. */
static void change_size(struct blocks *of, struct block *block, size_t size) {
  EXPECT(holds(block, smaller(block->size, size)));
  block->size = size;
  expect_apart(of, block);
  fill(block);
  successes++;
}

/* Mostly the last one, because that is the one that something can be done with. */
static size_t some_block(const struct blocks *of) {
  return one_in(2) ? of->count - 1 : below(of->count);
}

static size_t some_new_size(size_t old_size) {
  return one_in(2) ? below(old_size * 2 + 2) : some_size();
}

/* Fixed buffers */

static struct fixed_buffer buffer;
static struct blocks buffer_blocks;
static uintptr_t buffer_cursor; /* where it is to be */

static void expect_buffer_as_foretold(void) {
  EXPECT(buffer.cursor == buffer_cursor && buffer.start <= buffer.cursor);
  EXPECT(fixed_buffer_remaining(&buffer) == buffer.limit - buffer_cursor);
  uintptr_t at = buffer.start - 100 + below(buffer.limit - buffer.start + 200);
  size_t size = some_size();
  bool inside = at >= buffer.start && at <= buffer_cursor && size <= buffer_cursor - at;
  EXPECT(fixed_buffer_owns(&buffer, at, size) == inside);
}

static void buffer_alloc(void) {
  doing = "alloc";
  size_t size = some_size();
  size_t align = some_align();
  uintptr_t start = align_up(buffer_cursor, align);
  bool fits = start <= buffer.limit && size <= buffer.limit - start;
  void *block = one_in(2) ? fixed_buffer_alloc(&buffer, size, align)
                          : allocator_alloc(fixed_buffer_allocator(&buffer), size, align);
  EXPECT(block == (fits ? (void *)start : NULL));
  failures += !fits;
  if (!fits) return;
  buffer_cursor = start + size;
  add_block(&buffer_blocks, block, size, align);
}

static bool buffer_block_is_last(const struct block *block) {
  return block->start + block->size == buffer_cursor;
}

static bool can_resize(const struct block *block, size_t size) {
  return size <= block->size ||
         (buffer_block_is_last(block) && size <= buffer.limit - block->start);
}

static void buffer_resize(void) {
  doing = "resize";
  struct block *block = &buffer_blocks.list[some_block(&buffer_blocks)];
  size_t size = some_new_size(block->size);
  bool can = can_resize(block, size);
  if (can && buffer_block_is_last(block)) buffer_cursor = block->start + size;
  EXPECT(fixed_buffer_resize(&buffer, (void *)block->start, block->size, size) == can);
  if (can) {
    change_size(&buffer_blocks, block, size);
  } else {
    failures++;
    EXPECT(holds(block, block->size));
  }
}

static void buffer_remap(void) {
  doing = "remap";
  size_t index = some_block(&buffer_blocks);
  struct block old = buffer_blocks.list[index];
  size_t size = some_new_size(old.size);
  uintptr_t elsewhere = align_up(buffer_cursor, old.align);
  bool stays = can_resize(&old, size);
  bool fits = elsewhere <= buffer.limit && size <= buffer.limit - elsewhere;
  void *block = allocator_remap(fixed_buffer_allocator(&buffer), (void *)old.start, old.size, size,
                                old.align);
  if (stays) {
    EXPECT(block == (void *)old.start);
    if (buffer_block_is_last(&old)) buffer_cursor = old.start + size;
    change_size(&buffer_blocks, &buffer_blocks.list[index], size);
  } else if (fits) {
    EXPECT(block == (void *)elsewhere);
    EXPECT(memcmp(block, pattern + old.seed, old.size) == 0);
    buffer_cursor = elsewhere + size;
    remove_block(&buffer_blocks, index);
    add_block(&buffer_blocks, block, size, old.align);
  } else {
    EXPECT(!block && holds(&old, old.size));
    failures++;
  }
}

static void buffer_free(void) {
  doing = "free";
  size_t index = some_block(&buffer_blocks);
  struct block block = buffer_blocks.list[index];
  EXPECT(holds(&block, block.size));
  if (buffer_block_is_last(&block)) buffer_cursor = block.start;
  fixed_buffer_free(&buffer, (void *)block.start, block.size);
  remove_block(&buffer_blocks, index);
}

static void buffer_reset(void) {
  doing = "reset";
  expect_all_held(&buffer_blocks);
  fixed_buffer_reset(&buffer);
  buffer_blocks.count = 0;
  buffer_cursor = buffer.start;
}

static void step_buffer(void) {
  static void (*const operations[])(void) = {buffer_resize, buffer_remap, buffer_free, buffer_free};
  if (one_in(200) || buffer_blocks.count == BLOCKS) {
    buffer_reset();
  } else if (buffer_blocks.count == 0 || one_in(2)) {
    buffer_alloc();
  } else {
    operations[below(4)]();
  }
  expect_buffer_as_foretold();
  if (buffer_blocks.count) {
    const struct block *block = &buffer_blocks.list[below(buffer_blocks.count)];
    EXPECT(holds(block, block->size));
  }
}

static void run_fixed_buffer(size_t operations) {
  size_t size = below((size_t)256 << below(10));
  unsigned char *bytes = malloc(size + 1); /* whose ends AddressSanitizer watches */
  if (!bytes) exit(1);
  fixed_buffer_init(&buffer, bytes + size % 2, size);
  buffer_blocks.count = 0;
  buffer_cursor = buffer.start;
  while (operations--) {
    operation_now++;
    step_buffer();
  }
  free(bytes);
}

/* Pools */

#define OBJECTS 600

static struct pool pool;
static uintptr_t live[OBJECTS];
static size_t live_count;
static uintptr_t freed[OBJECTS * 4]; /* the last one freed comes last */
static size_t freed_count;

static unsigned char byte_of(uintptr_t object) {
  return (unsigned char)(1 + (object >> 3) % 251);
}

static bool object_is_intact(uintptr_t object) {
  const unsigned char *bytes = (const unsigned char *)object;
  return pool.size == 0 ||
         (bytes[0] == byte_of(object) && memcmp(bytes, bytes + 1, pool.size - 1) == 0);
}

static void pool_take(void) {
  doing = "alloc";
  struct pool before = pool;
  fussy.refuse_from = one_in(3) ? 1 + below(4) : 0;
  uintptr_t object = (uintptr_t)pool_alloc(&pool);
  fussy.refuse_from = 0;
  if (!object) {
    EXPECT(!freed_count && before.fresh == before.end && !memcmp(&before, &pool, sizeof pool));
    failures++;
    return;
  }
  EXPECT(object % pool.align == 0 && pool.live == before.live + 1);
  if (freed_count) {
    EXPECT(object == freed[--freed_count] && pool.fresh == before.fresh);
  } else if (before.fresh != before.end) {
    EXPECT(object == before.fresh && pool.fresh == object + pool.stride);
  } else {
    EXPECT(object == pool.start && pool.fresh == object + pool.stride);
  }
  EXPECT(pool.capacity == before.capacity || (before.slab && pool.slabs == before.slabs + 1));
  memset((void *)object, byte_of(object), pool.size);
  live[live_count++] = object;
  successes++;
}

static void pool_give(void) {
  doing = "free";
  size_t index = below(live_count);
  uintptr_t object = live[index];
  EXPECT(object_is_intact(object));
  EXPECT(pool_free(&pool, (void *)object));
  live[index] = live[--live_count];
  freed[freed_count++] = object;
}

/* What is no live object: free already, never used, inside of one, or somebody else's. */
static uintptr_t some_other_address(void) {
  uintptr_t object = live_count ? live[below(live_count)] : pool.start;
  if (freed_count && one_in(3)) return freed[below(freed_count)];
  if (one_in(3)) return pool.fresh + below(4) * pool.stride;
  if (one_in(3)) return object + 1 + below(pool.stride - 1);
  if (one_in(3)) return (uintptr_t)pool.first + below(100);
  return one_in(2) ? below(100) : (uintptr_t)random_bits() & ~(uintptr_t)7;
}

static bool is_live(uintptr_t address) {
  for (size_t i = 0; i < live_count; i++) {
    if (live[i] == address) return true;
  }
  return false;
}

static void pool_give_wrongly(void) {
  doing = "wrong free";
  uintptr_t address = some_other_address();
  if (is_live(address)) return;
  struct pool before = pool;
  EXPECT(!pool_free(&pool, (void *)address));
  EXPECT(!memcmp(&before, &pool, sizeof pool));
}

static void pool_ask(void) {
  doing = "holds";
  uintptr_t object = live_count ? live[below(live_count)] : 0;
  size_t within = below(pool.size + 2);
  size_t size = below(pool.size + 2);
  if (object) {
    EXPECT(pool_holds(&pool, object + within, size) == (within + size <= pool.size) ||
           within >= pool.stride);
  }
  if (freed_count) EXPECT(!pool_holds(&pool, freed[below(freed_count)], 0));
}

static int by_address(const void *a, const void *b) {
  uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;
  return (left > right) - (left < right);
}

static void pool_walk(void) {
  doing = "next";
  static uintptr_t met[OBJECTS];
  size_t count = 0;
  for (uintptr_t at = 0; (at = pool_next(&pool, at));) {
    EXPECT(count < live_count);
    met[count++] = at;
  }
  EXPECT(count == live_count && pool.live == live_count);
  qsort(met, count, sizeof *met, by_address);
  qsort(live, count, sizeof *live, by_address);
  EXPECT(!memcmp(met, live, count * sizeof *met));
  for (size_t i = 0; i < count; i++) EXPECT(object_is_intact(live[i]));
  size_t links = 0;
  for (uintptr_t at = pool.free; at; at = *(uintptr_t *)at) {
    EXPECT(links < freed_count && at == freed[freed_count - 1 - links]);
    links++;
  }
  EXPECT(links == freed_count);
}

static void pool_forget(void) {
  doing = "reset";
  size_t capacity = pool.capacity;
  pool_reset(&pool);
  live_count = freed_count = 0;
  EXPECT(pool.capacity == capacity && !pool_next(&pool, 0));
}

static void step_pool(void) {
  size_t aim = (operation_now / 700 * 37) % OBJECTS; /* how many are live comes and goes */
  if (one_in(700)) {
    pool_forget();
  } else if (one_in(100)) {
    pool_walk();
  } else if (one_in(6)) {
    pool_give_wrongly();
  } else if (one_in(6)) {
    pool_ask();
  } else if (live_count == 0 ||
             (live_count < OBJECTS && below(OBJECTS) > live_count / 2 + aim / 2)) {
    pool_take();
  } else {
    pool_give();
  }
}

static void run_pool(size_t operations) {
  doing = "init";
  struct allocator *on = open_backing((enum kind)below(KINDS));
  if (one_in(4)) on = chunks_allocator(&chunks);
  if (one_in(4)) on = malloc_allocator();
  bool straight = one_in(2); /* chunks of linear memory have a way of their own */
  if (!straight) on = watch(on);
  size_t size = below((size_t)1 << below(9));
  size_t align = (size_t)1 << below(one_in(4) ? 10 : 5);
  size_t capacity = one_in(2) ? below(100) : 0;
  live_count = freed_count = 0;
  if (pool_init(&pool, on, size, align, capacity, one_in(4) ? 0 : 1 + below(20))) {
    EXPECT(pool.capacity == capacity);
    while (operations--) {
      operation_now++;
      step_pool();
    }
    pool_walk();
  }
  doing = "close";
  pool_close(&pool);
  EXPECT(!pool_alloc(&pool));
  if (!straight) expect_all_back();
  close_backing();
}

/* Arenas */

static struct arena arenas[ARENAS];
static struct blocks arena_blocks[ARENAS];
static enum kind backing_kind;
static size_t which;

static void expect_arena(const struct arena *of) {
  if (of->start == 1) {
    EXPECT(of->cursor == 1 && of->limit == 0 && !of->capacity && !of->settled && !of->base);
    return;
  }
  const struct chunk *newest = chunk_of(of->start);
  EXPECT(of->start <= of->cursor && of->cursor <= of->limit && of->limit <= chunk_end(newest));
  EXPECT(arena_used(of) <= of->most && arena_used(of) <= high_water(of));
  size_t capacity = chunk_end(newest) - of->start;
  size_t settled = 0;
  for (const struct chunk *chunk = newest->next; chunk; chunk = chunk->next) {
    EXPECT(chunk->cursor >= chunk_start(chunk) && chunk->cursor <= chunk_end(chunk));
    capacity += chunk_end(chunk) - chunk_start(chunk);
    settled += chunk->cursor - chunk_start(chunk);
  }
  for (const struct chunk *chunk = of->spare; chunk; chunk = chunk->next) {
    capacity += chunk_end(chunk) - chunk_start(chunk);
  }
  EXPECT(of->capacity == capacity && of->settled == settled);
}

/* What an arena that fails leaves as it was; its limit may have come down. */
static bool same(const struct arena *of, const struct arena *before) {
  return of->cursor == before->cursor && of->limit <= before->limit && of->start == before->start &&
         of->mark == before->mark && of->settled == before->settled &&
         of->capacity == before->capacity && of->base == before->base &&
         of->spare == before->spare && high_water(of) == high_water(before);
}

static void expect_apart_from_all(const struct block *block) {
  for (size_t i = 0; i < ARENAS; i++) expect_apart(&arena_blocks[i], block);
}

static void arena_take(void) {
  doing = "alloc";
  struct arena *arena = &arenas[which];
  struct arena before = *arena;
  size_t size = some_size();
  size_t align = some_align();
  bool zeroed = one_in(4);
  void *block = zeroed ? arena_alloc_zeroed(arena, size, align)
                       : allocator_alloc(arena_allocator(arena), size, align);
  if (!block) {
    EXPECT(same(arena, &before));
    failures++;
    return;
  }
  if (zeroed || arena->zero) EXPECT(reads_zero((uintptr_t)block, size));
  EXPECT(arena_holds(arena, 0, (uintptr_t)block, size));
  add_block(&arena_blocks[which], block, size, align);
  expect_apart_from_all(&arena_blocks[which].list[arena_blocks[which].count - 1]);
}

/* The block has its new size and place. One that had no bytes is as new: it belongs to the scope.
 */
static void arena_changed(size_t index, void *start, size_t size) {
  struct blocks *of = &arena_blocks[which];
  struct block old = of->list[index];
  if (arenas[which].zero && size > old.size) {
    EXPECT(reads_zero((uintptr_t)start + old.size, size - old.size));
  }
  if ((uintptr_t)start == old.start && old.size) {
    change_size(of, &of->list[index], size);
  } else {
    EXPECT(memcmp(start, pattern + old.seed, smaller(old.size, size)) == 0);
    remove_block(of, index);
    add_block(of, start, size, old.align);
    index = of->count - 1;
  }
  expect_apart_from_all(&of->list[index]);
}

static void arena_change(void) {
  doing = "resize";
  struct arena *arena = &arenas[which];
  size_t index = some_block(&arena_blocks[which]);
  struct block old = arena_blocks[which].list[index];
  struct arena before = *arena;
  size_t size = some_new_size(old.size);
  if (allocator_resize(arena_allocator(arena), (void *)old.start, old.size, size, old.align)) {
    arena_changed(index, (void *)old.start, size);
  } else {
    EXPECT(size > old.size && same(arena, &before) && holds(&old, old.size));
    failures++;
  }
}

static void arena_move(void) {
  doing = "remap";
  struct arena *arena = &arenas[which];
  size_t index = some_block(&arena_blocks[which]);
  struct block old = arena_blocks[which].list[index];
  struct arena before = *arena;
  size_t size = some_new_size(old.size);
  void *start =
      allocator_remap(arena_allocator(arena), (void *)old.start, old.size, size, old.align);
  if (start) {
    arena_changed(index, start, size);
  } else {
    EXPECT(same(arena, &before) && holds(&old, old.size));
    failures++;
  }
}

static void arena_give(void) {
  doing = "free";
  struct arena *arena = &arenas[which];
  struct blocks *of = &arena_blocks[which];
  size_t index = some_block(of);
  struct block block = of->list[index];
  EXPECT(holds(&block, block.size));
  allocator_free(arena_allocator(arena), (void *)block.start, block.size, block.align);
  remove_block(of, index);
}

static void arena_open_mark(void) {
  doing = "mark";
  struct blocks *of = &arena_blocks[which];
  if (of->depth == MARKS) return;
  of->marks[of->depth] = arena_mark(&arenas[which]);
  of->used[of->depth] = arena_used(&arenas[which]);
  of->counts[of->depth++] = of->count;
}

static void arena_release_mark(void) {
  doing = "release";
  struct blocks *of = &arena_blocks[which];
  if (!of->depth) return;
  of->depth = below(of->depth);
  arena_release(&arenas[which], of->marks[of->depth]);
  EXPECT(arena_used(&arenas[which]) == of->used[of->depth]);
  of->count = of->counts[of->depth];
}

static void arena_forget(void) {
  doing = "reset";
  arena_reset(&arenas[which]);
  EXPECT(arena_used(&arenas[which]) == 0);
  arena_blocks[which].count = arena_blocks[which].depth = 0;
}

static void arena_shrink(void) {
  doing = "trim";
  size_t used = arena_used(&arenas[which]);
  arena_trim(&arenas[which], one_in(2) ? 0 : some_size());
  EXPECT(arena_used(&arenas[which]) == used);
}

static void arena_begin(struct allocator *on) {
  doing = "init";
  arena_free(&arenas[which]);
  arena_blocks[which].count = arena_blocks[which].depth = 0;
  arena_init(&arenas[which], on, one_in(2) ? SIZE_MAX : below(100000), one_in(2));
}

static void step_arena(struct allocator *on) {
  static void (*const operations[])(void) = {arena_change,    arena_change,       arena_move,
                                             arena_give,      arena_give,         arena_give,
                                             arena_open_mark, arena_release_mark, arena_shrink};
  which = below(ARENAS);
  const struct blocks *of = &arena_blocks[which];
  fussy.refuse_from = one_in(4) ? 1 + below(3) : 0;
  if (one_in(400)) {
    arena_begin(on);
  } else if (one_in(200) || of->count == BLOCKS) {
    arena_forget();
  } else if (of->count == 0 || one_in(2)) {
    arena_take();
  } else {
    operations[below(9)]();
  }
  fussy.refuse_from = 0;
  expect_arena(&arenas[which]);
  if (of->count) {
    const struct block *block = &of->list[below(of->count)];
    EXPECT(holds(block, block->size));
  }
  if (operation_now % 64 == 0) {
    for (size_t i = 0; i < ARENAS; i++) expect_all_held(&arena_blocks[i]);
  }
}

static void run_arenas(size_t operations, struct allocator *backing_now) {
  struct allocator *on = watch(backing_now);
  memset(arena_blocks, 0, sizeof arena_blocks);
  for (which = 0; which < ARENAS; which++) {
    arena_init(&arenas[which], on, 0, false);
    arena_begin(on);
  }
  while (operations--) {
    operation_now++;
    step_arena(on);
  }
  doing = "end";
  for (size_t i = 0; i < ARENAS; i++) arena_free(&arenas[i]);
  expect_all_back();
}

static void run_arenas_on_member(size_t operations) {
  run_arenas(operations, open_backing(backing_kind));
  close_backing();
}

static void run_arenas_on_chunks(size_t operations) {
  host_open_chunks(&chunks, 1 + below(4), 8 + below(40));
  run_arenas(operations, chunks_allocator(&chunks));
  EXPECT(chunks_live(&chunks) == 0);
  EXPECT(!check_chunks(&chunks));
}

static void run_arenas_on_malloc(size_t operations) {
  run_arenas(operations, malloc_allocator());
}

static const struct subject {
  const char *name;
  void (*run)(size_t operations);
  enum kind kind;
} subjects[] = {
    {"fixed_buffer", run_fixed_buffer, KINDS},
    {"pool", run_pool, KINDS},
    {"arena_on_chunks", run_arenas_on_chunks, KINDS},
    {"arena_on_malloc", run_arenas_on_malloc, KINDS},
    {"arena_on_arena", run_arenas_on_member, ARENA},
    {"arena_on_zeroing_arena", run_arenas_on_member, ZEROING_ARENA},
    {"arena_on_fixed_buffer", run_arenas_on_member, FIXED_BUFFER},
    {"arena_on_pool", run_arenas_on_member, POOL},
    {"arena_on_heap", run_arenas_on_member, HEAP},
};

static void run(const struct subject *subject, unsigned long seed, size_t operations) {
  subject_now = subject->name;
  seed_now = seed;
  random_state = seed * 0x9e3779b97f4a7c15u + 1;
  backing_kind = subject->kind;
  operation_now = 0;
  while (operation_now < operations) {
    size_t before = operation_now;
    subject->run(smaller(ROUND, operations - operation_now));
    if (operation_now == before) operation_now++; /* it was refused from the start */
  }
  printf("%s, seed %lu: %zu operations, %zu worked, %zu refused\n", subject->name, seed, operations,
         successes, failures);
  successes = failures = 0;
}

int main(int count, char **arguments) {
  random_state = 1;
  for (size_t i = 0; i < PATTERN; i++) pattern[i] = (unsigned char)(1 + below(255));
  unsigned long first = count > 2 ? strtoul(arguments[2], NULL, 10) : 1;
  unsigned long last = count > 2 ? first : SEEDS;
  size_t operations = count > 3 ? (size_t)strtoul(arguments[3], NULL, 10) : OPERATIONS;
  size_t ran = 0;
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    if (count > 1 && strcmp(arguments[1], subjects[i].name) != 0) continue;
    for (unsigned long seed = first; seed <= last; seed++) {
      run(&subjects[i], seed, operations);
      ran++;
    }
  }
  printf("%zu passed, %d failed\n", ran, ran == 0);
  return ran == 0;
}
