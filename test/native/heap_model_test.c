/*
 * Random programs against a model that knows where every block of every heap is and what it holds.
 * Heaps stand on the memory, on an arena and on one another; arenas stand in their way.
 *
 *   heap_model_test                       some seeds, the first ones with a check of everything
 *                                         after each operation
 *   heap_model_test SEED [OPERATIONS]     that one, with such checks
 *
 * Invariants, after every operation
 *   - Blocks are aligned, inside of the memory, and hold what was written to them; no one's bytes
 *     are another one's, because each is full of its own pattern.
 *   - The counters are exact, and a freed address is no block any more.
 *   - What fails changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "check.h"
#include "heap.h"
#include "host.h"

#define CHECKED_SEEDS 4
#define SEEDS 8
#define CHECKED_OPERATIONS 15000
#define OPERATIONS 260000
#define HEAPS 4
#define BLOCKS 100
#define PATTERN ((size_t)1 << 20)

struct block {
  unsigned char *start;
  size_t size;
  size_t seed; /* where in the pattern its contents are */
};

struct owner {
  struct heap heap;
  struct block blocks[BLOCKS];
  size_t count;
};

static struct chunks chunks;
static struct arena below_heap, obstacle;
static struct owner owners[HEAPS]; /* on the memory twice, on an arena, on the first of them */
static struct owner *owner;
static unsigned char pattern[PATTERN];
static uint64_t random_state;
static unsigned long seed_now;
static size_t operation_now;
static const char *doing = "";
static size_t successes, failures;

static void fail(int line, const char *what) {
  printf("seed %lu, operation %zu, %s: %s (line %d)\n", seed_now, operation_now, doing, what, line);
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
  if (one_in(200)) return SIZE_MAX - below(400000);
  if (one_in(50)) return below(300000);
  return below((size_t)1 << below(12));
}

static size_t some_align(void) {
  return (size_t)1 << below(one_in(20) ? 17 : 6);
}

static bool holds(const struct block *block, size_t size) {
  return memcmp(block->start, pattern + block->seed, size) == 0;
}

/* Everything that a failure must leave as it was; blocks have their patterns. */
struct before {
  size_t held, live, blocks;
};

static struct before look(void) {
  return (struct before){owner->heap.held, owner->heap.live, owner->heap.blocks};
}

static void expect_unchanged(struct before before) {
  failures++;
  EXPECT(owner->heap.held == before.held && owner->heap.live == before.live);
  EXPECT(owner->heap.blocks == before.blocks);
}

/* Writes its pattern into all that a block may use, so that one too big overwrites another. */
static void fill(struct block *block, unsigned char *start, size_t size, size_t align) {
  successes++;
  size_t usable = heap_size(&owner->heap, start);
  EXPECT((uintptr_t)start % align == 0);
  EXPECT(usable >= size && usable > 0 && heap_holds(&owner->heap, start, usable));
  EXPECT((uintptr_t)start > chunks.first && usable < chunks.memory.frontier - (uintptr_t)start);
  *block = (struct block){start, usable, below(PATTERN - usable)};
  memcpy(start, pattern + block->seed, usable);
}

static void remove_block(struct block *block) {
  *block = owner->blocks[--owner->count];
}

static void alloc(void) {
  doing = "alloc";
  if (owner->count == BLOCKS) return;
  size_t size = some_size();
  size_t align = some_align();
  struct before before = look();
  unsigned char *start = heap_alloc(&owner->heap, size, align);
  if (!start) {
    expect_unchanged(before);
    return;
  }
  fill(&owner->blocks[owner->count++], start, size, align);
}

static struct block *some_block(void) {
  struct block *block = &owner->blocks[below(owner->count)];
  EXPECT(heap_size(&owner->heap, block->start) == block->size);
  EXPECT(holds(block, block->size));
  return block;
}

static void free_block(void) {
  doing = "free";
  struct block *block = some_block();
  unsigned char *start = block->start;
  if (one_in(10)) EXPECT(!heap_free(&owner->heap, start + 1 + below(block->size)));
  struct owner *stranger = &owners[below(HEAPS)];
  if (stranger != owner) EXPECT(!heap_free(&stranger->heap, start));
  EXPECT(heap_free(&owner->heap, start));
  remove_block(block);
  EXPECT(!heap_free(&owner->heap, start) && heap_size(&owner->heap, start) == 0);
}

static void resize_block(void) {
  doing = "resize";
  struct block *block = some_block();
  size_t size = one_in(2) ? some_size() : below(2 * block->size);
  struct before before = look();
  if (heap_resize(&owner->heap, block->start, size)) {
    EXPECT(holds(block, smaller(size, block->size)));
    fill(block, block->start, size, 1);
  } else {
    EXPECT(size > block->size && holds(block, block->size));
    expect_unchanged(before);
  }
}

static void realloc_block(void) {
  doing = "realloc";
  struct block *block = some_block();
  size_t size = one_in(2) ? some_size() : below(2 * block->size);
  size_t align = one_in(2) ? 1 : some_align();
  struct before before = look();
  unsigned char *start = heap_realloc(&owner->heap, block->start, size, align);
  if (!start) {
    EXPECT(size > block->size || (uintptr_t)block->start % align);
    EXPECT(holds(block, block->size));
    expect_unchanged(before);
    return;
  }
  block->start = start;
  EXPECT(holds(block, smaller(size, block->size)));
  fill(block, start, size, align);
}

static void reset(void) {
  doing = "reset";
  heap_reset(&owner->heap);
  owner->count = 0;
  EXPECT(owner->heap.held == 0);
}

static void expect_counters(void) {
  size_t live = 0;
  for (size_t i = 0; i < owner->count; i++) live += owner->blocks[i].size + HEAP_GRANULE;
  size_t children = owner == owners ? owners[3].heap.held : 0; /* the regions of a heap on it */
  EXPECT(owner->heap.live >= live + children && (children || owner->heap.live == live));
  EXPECT(owner->heap.blocks >= owner->count && owner->heap.live <= owner->heap.held);
  EXPECT(owner->heap.live || !owner->heap.held);
}

static void expect_everything(void) {
  for (size_t i = 0; i < HEAPS; i++) {
    EXPECT(heap_check(&owners[i].heap) == HEAP_SOUND);
    for (size_t j = 0; j < owners[i].count; j++) {
      EXPECT(holds(&owners[i].blocks[j], owners[i].blocks[j].size));
    }
  }
  arena_holds(&below_heap, 0, 0, 0); /* notes up to where its chunk is not clean */
  const char *sentence = check_chunks(&chunks);
  if (sentence) fail(__LINE__, sentence);
}

static void step(void) {
  owner = &owners[below(HEAPS)];
  if (one_in(8)) host.refuse_from = 1 + below(2);
  if (one_in(500)) host_outsider(1);
  if (obstacle.on && one_in(30) && !arena_alloc(&obstacle, below(3000), 8)) arena_reset(&obstacle);
  if (one_in(400)) arena_free(&obstacle);
  if (!obstacle.on) arena_init(&obstacle, chunks_allocator(&chunks), 500000, true);
  size_t filling = operation_now / 2000 % 3 ? 2 : 5;
  if (one_in(2000) && owner != owners) {
    reset();
  } else if (owner->count == 0 || !one_in(filling)) {
    alloc();
    if (owner->count == BLOCKS) free_block();
  } else {
    static void (*const operations[])(void) = {free_block, free_block, resize_block, realloc_block};
    operations[below(4)]();
  }
  host.refuse_from = 0;
  expect_counters();
}

/* A memory that can have a few MiB, and may be refused them. */
static void open_memory(void) {
  size_t pages = 1 + below(20);
  host_open_chunks(&chunks, pages, one_in(4) ? pages + 20 : pages + below(200));
  arena_init(&obstacle, chunks_allocator(&chunks), 500000, true);
  arena_init(&below_heap, chunks_allocator(&chunks), SIZE_MAX, false);
  heap_init(&owners[0].heap, chunks_allocator(&chunks));
  heap_init(&owners[1].heap, chunks_allocator(&chunks));
  heap_init(&owners[2].heap, arena_allocator(&below_heap));
  heap_init(&owners[3].heap, heap_allocator(&owners[0].heap));
  for (size_t i = 0; i < HEAPS; i++) owners[i].count = 0;
}

/* Half of the blocks one by one, the rest by a reset. */
static void close_memory(void) {
  doing = "close";
  for (size_t i = HEAPS; i-- > 0;) {
    owner = &owners[i];
    bool one_by_one = one_in(2);
    while (one_by_one && owner->count) free_block();
    if (!one_by_one) reset();
    EXPECT(!owner->heap.held && !owner->heap.live && !owner->heap.blocks);
    expect_everything();
  }
  arena_free(&obstacle);
  arena_free(&below_heap);
  expect_everything();
  EXPECT(chunks_live(&chunks) == 0);
}

static void run(unsigned long seed, size_t operations, bool checked) {
  seed_now = seed;
  random_state = seed * 0x9e3779b97f4a7c15u + 1;
  successes = failures = 0;
  for (operation_now = 0; operation_now < operations; operation_now++) {
    if (operation_now % 5000 == 0) open_memory();
    step();
    if (checked || operation_now % 500 == 0) expect_everything();
    if (operation_now % 5000 == 4999) close_memory();
  }
  printf("seed %lu: %zu operations, %zu blocks placed, %zu refused\n", seed, operations, successes,
         failures);
}

int main(int count, char **arguments) {
  random_state = 1;
  for (size_t i = 0; i < PATTERN; i++) pattern[i] = (unsigned char)below(256);
  if (count > 1) {
    size_t operations = count > 2 ? (size_t)strtoul(arguments[2], NULL, 10) : CHECKED_OPERATIONS;
    run(strtoul(arguments[1], NULL, 10), operations, true);
    return 0;
  }
  for (unsigned long seed = 1; seed <= SEEDS; seed++) {
    bool checked = seed <= CHECKED_SEEDS;
    run(seed, checked ? CHECKED_OPERATIONS : OPERATIONS, checked);
  }
  printf("%d passed, 0 failed\n", SEEDS);
  return 0;
}
