/*
 * Blocks and arenas on malloc. AddressSanitizer's leak check is part of it: what a claim does not
 * give back fails it.
 *
 *   malloc_allocator_test            with the random programs of some seeds
 *   malloc_allocator_test SEED       with that one's
 *
 * Invariants of a random program, after every operation
 *   - Each block holds what was written to it, whoever it is from.
 *   - Nothing fails but what the arena's limit refuses, or what is bigger than any object.
 */
#include "malloc_allocator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "harness.h"
#include "memory.h"

#define SEEDS 8
#define OPERATIONS 150000
#define OWNERS 8 /* the first is malloc itself, the others are arenas on it */
#define BLOCKS 48
#define SCOPES 4
#define PATTERN ((size_t)1 << 20)
#define SIZE_MOST ((size_t)PTRDIFF_MAX)

static const size_t sizes[] = {0, 1, 3, 8, 15, 16, 17, 100, 4096, 65537, 300000};

#define FOR_EACH_SIZE(size)                                                    \
  for (const size_t *at = sizes; at < sizes + sizeof sizes / sizeof *at; at++) \
    for (size_t size = *at, once = 1; once; once = 0)
#define FOR_EACH_ALIGN(align) for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2)

static struct allocator *on;

static bool is_at(const void *block, size_t align) {
  return block && (uintptr_t)block % align == 0;
}

static bool reads(const void *block, size_t size, int byte) {
  const unsigned char *bytes = block;
  return size == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static void every_alignment_is_honoured(void) {
  FOR_EACH_ALIGN(align) {
    FOR_EACH_SIZE(size) {
      void *blocks[3];
      for (int i = 0; i < 3; i++) {
        blocks[i] = allocator_alloc(on, size, align);
        EXPECT(is_at(blocks[i], align));
        memset(blocks[i], i, size);
      }
      for (int i = 0; i < 3; i++) {
        EXPECT(reads(blocks[i], size, i));
        allocator_free(on, blocks[i], size, align);
      }
    }
  }
}

static void blocks_of_0_bytes_are_somewhere_and_can_be_freed(void) {
  FOR_EACH_ALIGN(align) {
    void *block = allocator_alloc(on, 0, align);
    EXPECT(is_at(block, align));
    EXPECT(allocator_resize(on, block, 0, 0, align));
    void *moved = allocator_remap(on, block, 0, 0, align);
    EXPECT(is_at(moved, align));
    allocator_free(on, moved, 0, align);
  }
}

static void what_no_object_can_have_is_refused(void) {
  FOR_EACH_ALIGN(align) {
    void *block = allocator_alloc(on, 100, align);
    EXPECT(block);
    memset(block, 7, 100);
    for (size_t size = SIZE_MAX; size > SIZE_MOST; size -= size / 5) {
      EXPECT(!allocator_alloc(on, size, align));
      EXPECT(!allocator_resize(on, block, 100, size, align));
      EXPECT(!allocator_remap(on, block, 100, size, align));
    }
    EXPECT(!allocator_alloc(on, SIZE_MOST + 1, align));
    EXPECT(!allocator_remap(on, block, 100, SIZE_MOST + 1, align));
    EXPECT(reads(block, 100, 7));
    allocator_free(on, block, 100, align);
  }
}

/* AddressSanitizer's malloc is to fail as others do. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1";
}

static void what_memory_has_not_is_refused(void) {
  for (size_t align = 8; align <= 4096; align *= 512) {
    void *block = allocator_alloc(on, 100, align);
    EXPECT(block);
    memset(block, 7, 100);
    EXPECT(!allocator_alloc(on, SIZE_MOST, align));
    EXPECT(!allocator_remap(on, block, 100, SIZE_MOST, align));
    EXPECT(reads(block, 100, 7));
    allocator_free(on, block, 100, align);
  }
}

static void in_place_a_block_shrinks_and_does_not_grow(void) {
  FOR_EACH_ALIGN(align) {
    void *block = allocator_alloc(on, 1000, align);
    EXPECT(block);
    memset(block, 7, 1000);
    EXPECT(allocator_resize(on, block, 1000, 1000, align));
    EXPECT(!allocator_resize(on, block, 1000, 1001, align));
    EXPECT(allocator_resize(on, block, 1000, 10, align));
    EXPECT(!allocator_resize(on, block, 10, 11, align));
    EXPECT(reads(block, 1000, 7));
    EXPECT(allocator_resize(on, block, 10, 0, align));
    allocator_free(on, block, 0, align);
  }
}

static void remapping_keeps_the_contents_and_the_alignment(void) {
  FOR_EACH_ALIGN(align) {
    FOR_EACH_SIZE(size) {
      void *block = allocator_alloc(on, 1000, align);
      EXPECT(block);
      memset(block, 7, 1000);
      void *neighbour = allocator_alloc(on, 1000, 1); /* so that realloc has to move some */
      EXPECT(neighbour);
      void *moved = allocator_remap(on, block, 1000, size, align);
      EXPECT(is_at(moved, align));
      EXPECT(reads(moved, size < 1000 ? size : 1000, 7));
      memset(moved, 8, size);
      allocator_free(on, neighbour, 1000, 1);
      allocator_free(on, moved, size, align);
    }
  }
}

static void all_allocators_on_malloc_are_one(void) {
  EXPECT(malloc_allocator() == on);
}

static void an_arena_gives_its_memory_back_when_it_is_freed(void) {
  for (int round = 0; round < 100; round++) {
    struct arena arena;
    arena_init(&arena, on, SIZE_MAX, round % 2);
    for (size_t size = 1; size < 300000; size *= 3) EXPECT(arena_alloc(&arena, size, 64));
    arena_free(&arena);
  }
}

static void an_arena_that_cannot_be_served_is_as_it_was(void) {
  struct arena arena;
  arena_init(&arena, on, SIZE_MAX, false);
  FOR_EACH_ALIGN(align) {
    void *block = arena_alloc(&arena, 100, align);
    EXPECT(is_at(block, align));
    size_t used = arena_used(&arena);
    for (size_t size = SIZE_MAX; size > SIZE_MOST; size -= size / 5) {
      EXPECT(!arena_alloc(&arena, size, align));
      EXPECT(!arena_realloc(&arena, block, 100, size, align));
    }
    EXPECT(arena_used(&arena) == used);
  }
  arena_free(&arena);
}

static void a_zeroing_arena_reads_0_in_memory_that_was_used(void) {
  void *used = malloc(60000);
  EXPECT(used);
  memset(used, 0xff, 60000);
  free(used);
  struct arena arena;
  arena_init(&arena, on, SIZE_MAX, true);
  for (int frame = 0; frame < 3; frame++) {
    for (size_t size = 1; size < 100000; size *= 2) {
      void *block = arena_alloc(&arena, size, 1);
      EXPECT(block && reads(block, size, 0));
      memset(block, 0xff, size);
    }
    arena_reset(&arena);
  }
  arena_free(&arena);
}

/* What lets a memory grow (test/native/host.c) is no part of this program. */
static void a_memory_does_not_grow_where_the_program_does_not_say_how(void) {
  struct memory memory = {.frontier = MEMORY_PAGE, .end = 2 * MEMORY_PAGE};
  memory.maximum = 9 * MEMORY_PAGE;
  EXPECT(memory_reach(&memory, memory.end));
  EXPECT(!memory_reach(&memory, memory.end + 1) && memory.refusal == REFUSED_BY_HOST);
  EXPECT(memory.frontier == MEMORY_PAGE && memory.end == 2 * MEMORY_PAGE && memory.grows == 0);
}

/* Random programs */

struct block {
  void *start;
  size_t size;
  size_t align;
  size_t depth; /* marks that were open when it was placed */
  size_t seed;  /* where in the pattern its contents are */
};

struct owner {
  struct arena arena;
  struct block blocks[BLOCKS];
  size_t count;
  struct arena_mark marks[SCOPES];
  size_t depth;
};

static struct owner owners[OWNERS];
static struct owner *owner; /* the one that the operation is about */
static unsigned char pattern[PATTERN];
static uint64_t random_state;

/* From 0 to below `n`. */
static size_t below(size_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (size_t)((random_state >> 20) % n);
}

static size_t some_size(void) {
  if (below(60) == 0) return SIZE_MAX - below(SIZE_MOST);
  return below((size_t)1 << below(below(30) == 0 ? 18 : 11));
}

static size_t some_align(void) {
  return (size_t)1 << below(below(20) == 0 ? 17 : 7);
}

static bool is_malloc(void) {
  return owner == owners;
}

static struct block *some_block(void) {
  return owner->count ? &owner->blocks[below(owner->count)] : NULL;
}

static void fill(struct block *block, void *start, size_t size, size_t align) {
  bool stayed = block->size && start == block->start;
  size_t depth = stayed ? block->depth : owner->depth;
  *block = (struct block){start, size, align, depth, below(PATTERN - size)};
  memcpy(start, pattern + block->seed, size);
}

static void forget(struct block *block) {
  *block = owner->blocks[--owner->count];
}

static void expect_contents(const struct owner *of) {
  for (size_t i = 0; i < of->count; i++) {
    const struct block *block = &of->blocks[i];
    EXPECT(memcmp(block->start, pattern + block->seed, block->size) == 0);
  }
}

static void expect_refusal(size_t size, size_t align) {
  EXPECT(size > SIZE_MOST ||
         (!is_malloc() && owner->arena.most - arena_used(&owner->arena) < size + align - 1));
}

static void alloc(void) {
  if (owner->count == BLOCKS) return;
  size_t size = some_size();
  size_t align = some_align();
  bool zeroed = below(4) == 0;
  void *start = is_malloc() ? allocator_alloc(on, size, align)
                : zeroed    ? arena_alloc_zeroed(&owner->arena, size, align)
                            : arena_alloc(&owner->arena, size, align);
  if (!start) {
    expect_refusal(size, align);
    return;
  }
  EXPECT(is_at(start, align));
  EXPECT(is_malloc() || !(zeroed || owner->arena.zero) || reads(start, size, 0));
  owner->blocks[owner->count].size = 0;
  fill(&owner->blocks[owner->count++], start, size, align);
}

static void change_size(void) {
  struct block *block = some_block();
  if (!block) return;
  struct block old = *block;
  size_t size = some_size();
  void *start;
  if (!is_malloc()) {
    start = arena_realloc(&owner->arena, old.start, old.size, size, old.align);
  } else if (below(2) == 0) {
    start = allocator_remap(on, old.start, old.size, size, old.align);
  } else {
    bool resized = allocator_resize(on, old.start, old.size, size, old.align);
    EXPECT(resized == (size <= old.size));
    if (!resized) return;
    start = old.start;
  }
  if (!start) {
    expect_refusal(size, old.align);
    return;
  }
  EXPECT(is_at(start, old.align));
  EXPECT(memcmp(start, pattern + old.seed, old.size < size ? old.size : size) == 0);
  fill(block, start, size, old.align);
}

static void give(void) {
  struct block *block = some_block();
  if (!block || !is_malloc()) return;
  allocator_free(on, block->start, block->size, block->align);
  forget(block);
}

static void open_mark(void) {
  if (is_malloc() || owner->depth == SCOPES) return;
  owner->marks[owner->depth++] = arena_mark(&owner->arena);
}

static void release(void) {
  if (!owner->depth) return;
  owner->depth = below(owner->depth);
  arena_release(&owner->arena, owner->marks[owner->depth]);
  for (size_t i = owner->count; i--;) {
    if (owner->blocks[i].depth > owner->depth) forget(&owner->blocks[i]);
  }
}

static void reset(void) {
  if (is_malloc()) return;
  arena_reset(&owner->arena);
  owner->count = owner->depth = 0;
}

static void trim(void) {
  if (!is_malloc()) arena_trim(&owner->arena, below(2) * below(100000));
}

static void give_all(void) {
  if (is_malloc()) {
    while (owner->count) give();
  } else {
    arena_free(&owner->arena);
    owner->count = owner->depth = 0;
  }
}

static void begin(void) {
  size_t most = below(2) ? SIZE_MAX : below((size_t)1 << below(20));
  give_all();
  if (!is_malloc()) arena_init(&owner->arena, on, most, below(2));
}

static void run(unsigned long seed) {
  static void (*const operations[])(void) = {alloc, alloc,     alloc,   alloc, change_size,
                                             give,  open_mark, release, trim};
  random_state = seed * 0x9e3779b97f4a7c15u + 1;
  for (size_t i = 0; i < PATTERN; i++) pattern[i] = (unsigned char)(1 + below(255));
  for (owner = owners; owner < owners + OWNERS; owner++) begin();
  for (size_t i = 0; i < OPERATIONS; i++) {
    owner = &owners[below(OWNERS)];
    if (below(400) == 0) {
      begin();
    } else if (below(200) == 0) {
      reset();
    } else {
      operations[below(sizeof operations / sizeof *operations)]();
    }
    expect_contents(owner);
    if (i % 16 == 0) {
      for (size_t j = 0; j < OWNERS; j++) expect_contents(&owners[j]);
    }
  }
  for (owner = owners; owner < owners + OWNERS; owner++) give_all();
}

static unsigned long seed_only;

static void random_programs_find_no_block_changed(void) {
  unsigned long last = seed_only ? seed_only : SEEDS;
  for (unsigned long seed = seed_only ? seed_only : 1; seed <= last; seed++) {
    printf(" %lu", seed);
    fflush(stdout);
    run(seed);
  }
}

int main(int count, char **arguments) {
  on = malloc_allocator();
  seed_only = count > 1 ? strtoul(arguments[1], NULL, 10) : 0;
  CLAIM(every_alignment_is_honoured);
  CLAIM(blocks_of_0_bytes_are_somewhere_and_can_be_freed);
  CLAIM(what_no_object_can_have_is_refused);
  CLAIM(what_memory_has_not_is_refused);
  CLAIM(in_place_a_block_shrinks_and_does_not_grow);
  CLAIM(remapping_keeps_the_contents_and_the_alignment);
  CLAIM(all_allocators_on_malloc_are_one);
  CLAIM(an_arena_gives_its_memory_back_when_it_is_freed);
  CLAIM(an_arena_that_cannot_be_served_is_as_it_was);
  CLAIM(a_zeroing_arena_reads_0_in_memory_that_was_used);
  CLAIM(a_memory_does_not_grow_where_the_program_does_not_say_how);
  CLAIM(random_programs_find_no_block_changed);
  return harness_end();
}
