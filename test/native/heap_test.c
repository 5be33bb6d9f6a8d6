/*
 * The heap's contract, claim by claim.
 */
#include "heap.h"

#include "fixed_buffer.h"
#include "neighbourhood.h"

#define ALL_SOUND() expect_all_sound(__FILE__, __LINE__)
#define HEADER HEAP_GRANULE
#define FENCE sizeof(struct heap_block)
#define LEAST (6 * sizeof(size_t))
#define ALIGNMENTS 17

static struct heap heap;
static struct heap other;

static void expect_all_sound(const char *file, int line) {
  if (heap_check(&heap) != HEAP_SOUND) harness_fail(file, line, "the heap is not sound");
  if (other.on && heap_check(&other) != HEAP_SOUND) {
    harness_fail(file, line, "the other heap is not sound");
  }
  harness_expect_sound(file, line, check_chunks(&chunks));
}

static void set_up_heap(void) {
  set_up();
  heap_init(&heap, chunks_allocator(&chunks));
}

static unsigned char *take(size_t size, size_t align, int byte) {
  unsigned char *block = heap_alloc(&heap, size, align);
  EXPECT(block && (uintptr_t)block % align == 0);
  EXPECT(heap_size(&heap, block) >= size && heap_size(&heap, block) > 0);
  memset(block, byte, heap_size(&heap, block));
  return block;
}

static void drop(void *block) {
  EXPECT(heap_free(&heap, block));
  ALL_SOUND();
}

static struct heap_block *header(void *block) {
  return (struct heap_block *)((uintptr_t)block - HEADER);
}

static struct heap_block *fence_of(const struct chunk *region) {
  return (struct heap_block *)(chunk_end(region) - FENCE);
}

/* The operations that get an address refuse it, and leave everything as it was. */
static void expect_refused(void *block) {
  static struct heap before;
  before = heap;
  EXPECT(!heap_free(&heap, block));
  EXPECT(!heap_resize(&heap, block, 10));
  EXPECT(!heap_resize(&heap, block, 100000));
  if (block) EXPECT(!heap_realloc(&heap, block, 100, 8));
  EXPECT(memcmp(&before, &heap, sizeof heap) == 0);
}

static void expect_no_block(void *block) {
  EXPECT(heap_size(&heap, block) == 0 && !heap_holds(&heap, block, 0));
  expect_refused(block);
}

/* Allocation */

static void blocks_are_at_a_multiple_of_every_alignment(void) {
  set_up_heap();
  unsigned char *blocks[ALIGNMENTS][3];
  for (size_t i = 0; i < ALIGNMENTS; i++) {
    for (size_t j = 0; j < 3; j++) blocks[i][j] = take(1 + 40 * j, (size_t)1 << i, (int)(i + j));
    ALL_SOUND();
  }
  for (size_t i = 0; i < ALIGNMENTS; i++) {
    for (size_t j = 0; j < 3; j++) {
      EXPECT(reads((uintptr_t)blocks[i][j], 1 + 40 * j, (int)(i + j)));
      drop(blocks[i][j]);
    }
  }
  EXPECT(heap.held == 0);
}

static void what_alignment_skips_is_free(void) {
  set_up_heap();
  take(1, 1, 1);
  unsigned char *block = take(100, 4096, 2);
  size_t held = heap.held;
  unsigned char *between = take(1000, 8, 3);
  EXPECT(between < block && heap.held == held);
  ALL_SOUND();
}

static void blocks_of_no_bytes_are_all_different(void) {
  set_up_heap();
  void *blocks[10];
  for (size_t i = 0; i < 10; i++) {
    blocks[i] = take(0, (size_t)1 << i, 7);
    for (size_t j = 0; j < i; j++) EXPECT(blocks[i] != blocks[j]);
  }
  EXPECT(heap.blocks == 10);
  for (size_t i = 0; i < 10; i++) drop(blocks[i]);
}

static void sizes_that_would_wrap_are_refused(void) {
  set_up_heap();
  unsigned char *block = take(100, 8, 1);
  static struct heap before;
  before = heap;
  for (size_t i = 0; i < ALIGNMENTS; i++) {
    for (size_t less = 0; less < 600000; less = less * 2 + 1) {
      EXPECT(!heap_alloc(&heap, SIZE_MAX - less, (size_t)1 << i));
      EXPECT(!heap_realloc(&heap, block, SIZE_MAX - less, (size_t)1 << i));
      EXPECT(!heap_resize(&heap, block, SIZE_MAX - less));
      EXPECT(chunks.memory.refusal == REFUSED_BY_MAXIMUM);
    }
  }
  EXPECT(memcmp(&before, &heap, sizeof heap) == 0 && reads((uintptr_t)block, 100, 1));
  ALL_SOUND();
}

static void every_size_up_to_a_few_pages_fits(void) {
  set_up_heap();
  for (size_t size = 0; size < 20000; size += size < 600 ? 1 : 97) {
    void *first = take(size, 8, 1);
    void *second = take(size, 8, 2);
    EXPECT(reads((uintptr_t)first, size, 1));
    EXPECT(heap_check(&heap) == HEAP_SOUND);
    EXPECT(heap_free(&heap, first) && heap_free(&heap, second));
  }
  ALL_SOUND();
}

static void the_last_bytes_of_a_full_memory_are_found(void) {
  set_up_fixed(2);
  heap_init(&heap, chunks_allocator(&chunks));
  size_t count = 0;
  while (heap_alloc(&heap, 1000, 8)) count++;
  ALL_SOUND();
  EXPECT(count * 1000 > 2 * MEMORY_PAGE * 9 / 10);
  EXPECT(chunks.memory.refusal == REFUSED_BY_MAXIMUM);
}

static void a_block_that_only_a_long_look_finds_is_found_when_memory_is_out(void) {
  set_up_fixed(4);
  heap_init(&heap, chunks_allocator(&chunks));
  unsigned char *blocks[20];
  size_t size = 406 * HEADER;
  for (size_t i = 0; i < 20; i++) {
    blocks[i] = take(i % 10 ? size - 2 * HEADER : size, 8, 1); /* of one class */
    take(0, 8, 2);
  }
  while (heap_alloc(&heap, 1000, 8)) continue;
  while (heap_alloc(&heap, 0, 8)) continue;
  size_t fitting = 0;
  for (size_t i = 0; i < 20; i++) {
    if (heap_size(&heap, blocks[i]) >= size) fitting++;
    drop(blocks[i]);
  }
  EXPECT(fitting < 10);
  while (heap_alloc(&heap, size, 8)) fitting--;
  EXPECT(fitting == 0);
  ALL_SOUND();
}

static void a_tail_that_only_a_long_look_finds_is_used_before_memory_grows(void) {
  set_up_heap();
  take(0, 8, 1);
  drop(take(60000, 8, 1));
  size_t size = 406 * HEADER;
  unsigned char *blocks[5];
  for (size_t i = 0; i < 5; i++) {
    blocks[i] = take(size - 2 * HEADER, 8, 1); /* of one class with `size` */
    take(0, 8, 2);
  }
  struct heap_block *fence = fence_of(heap.regions);
  size_t *tail = (size_t *)fence - 1;
  take(*tail - size - 2 * HEADER, 8, 3);
  for (size_t i = 0; i < 5; i++) drop(blocks[i]);
  size_t held = heap.held;
  EXPECT(fence == fence_of(heap.regions) && *tail == size + HEADER);
  EXPECT(take(size, 8, 4) == (unsigned char *)fence - size && heap.held == held);
  ALL_SOUND();
}

static void a_block_that_suits_is_found_in_any_bigger_class(void) {
  set_up_fixed(4);
  heap_init(&heap, chunks_allocator(&chunks));
  unsigned char *block = take(60000, 8, 1);
  take(10, 8, 2);
  while (heap_alloc(&heap, 1000, 8)) continue;
  while (heap_alloc(&heap, 0, 8)) continue;
  drop(block);
  EXPECT(heap_alloc(&heap, 10, 8) == block);
  ALL_SOUND();
}

/* A heap with a free tail of 60,000 bytes, which blocks are taken from one after the other. */
static void set_up_tail(void) {
  set_up_heap();
  EXPECT(heap_resize(&heap, take(60000, 8, 1), 10));
}

static void each_power_of_two_has_32_classes_from_64_granules_on(void) {
  for (size_t granules = 3; granules < 1000; granules++) {
    set_up_tail();
    unsigned char *block = take(granules * HEADER - HEADER, 8, 1);
    take(10, 8, 1);
    drop(block);
    size_t shift = 0;
    while (granules >> shift >= 64) shift++;
    EXPECT(heap.classes[32 * shift + (granules >> shift)] == header(block));
  }
}

/* One block of 407 granules and `count` of 405, of the same class; the last comes first there. */
static void list_one_that_fits(unsigned char **blocks, size_t count) {
  for (size_t i = 0; i <= count; i++) {
    blocks[i] = take((i ? 404 : 406) * HEADER, 8, 1);
    take(0, 8, 2);
  }
  for (size_t i = 0; i <= count; i++) drop(blocks[i]);
}

static void four_blocks_of_a_class_are_looked_at(void) {
  unsigned char *blocks[6];
  set_up_tail();
  list_one_that_fits(blocks, 3);
  EXPECT(take(406 * HEADER, 8, 1) == blocks[0]);
  set_up_tail();
  list_one_that_fits(blocks, 4);
  EXPECT(take(406 * HEADER, 8, 1) != blocks[0]);
  ALL_SOUND();
}

static void a_tail_that_suits_comes_before_a_long_look_and_before_growth(void) {
  set_up_tail();
  unsigned char *blocks[6];
  for (size_t i = 0; i < 5; i++) {
    blocks[i] = take((i ? 404 : 406) * HEADER, 8, 1);
    take(0, 8, 2);
  }
  unsigned char *end = (unsigned char *)(chunk_end(heap.regions) - FENCE);
  unsigned char *filler = take(0, 8, 2);
  EXPECT(end - filler > 1000 * (ptrdiff_t)HEADER);
  size_t size = (size_t)(end - filler) - (size_t)407 * HEADER;
  EXPECT(heap_resize(&heap, filler, size) && end - (filler + size) == 407 * (ptrdiff_t)HEADER);
  for (size_t i = 0; i < 5; i++) drop(blocks[i]);
  size_t held = heap.held;
  EXPECT(take(406 * HEADER, 8, 1) == filler + size + HEADER && heap.held == held);
  ALL_SOUND();
}

static void a_new_region_comes_before_a_long_look(void) {
  unsigned char *blocks[6];
  set_up_tail();
  list_one_that_fits(blocks, 4);
  struct heap_block *fence = (struct heap_block *)(chunk_end(heap.regions) - FENCE);
  take(*((size_t *)fence - 1) - HEADER, 8, 1); /* all of the tail */
  EXPECT(!(fence->tag & 2));
  arena_init(&neighbours[0], chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_alloc(&neighbours[0], 100, 8));
  unsigned char *block = take(406 * HEADER, 8, 1);
  EXPECT(block != blocks[0] && heap.regions->next);
  ALL_SOUND();
}

static void a_region_has_what_its_first_block_needs_or_a_step(void) {
  set_up_heap();
  take(100, 8, 1);
  EXPECT(heap.held == CHUNK_HEADER + 4096);
  heap_reset(&heap);
  take(100000 - HEADER, 8, 1);
  EXPECT(heap.held == CHUNK_HEADER + 100000 + FENCE);
  heap_reset(&heap);
  take(100000 - HEADER, HEADER, 1);
  EXPECT(heap.held == CHUNK_HEADER + 100000 + FENCE);
  heap_reset(&heap);
  take(100000 - HEADER, 64, 1);
  EXPECT(heap.held == CHUNK_HEADER + 100000 + 64 + LEAST - HEADER + FENCE);
  ALL_SOUND();
}

static void a_big_heap_goes_on_by_64_kibibytes(void) {
  set_up_heap();
  take(200000, 8, 1);
  size_t held = heap.held;
  take(100, 8, 1);
  EXPECT(heap.held == held + MEMORY_PAGE);
}

static void what_is_too_little_for_most_stays_with_its_block(void) {
  /* Bytes needed, bytes more that there are, and whether those are split off. */
  static const size_t cases[][3] = {{1536, 128, 0}, {1536, 144, 1}, {1552, 144, 0}, {1552, 160, 1},
                                    {4096, 160, 0}, {4096, 176, 1}, {64, 48, 0},    {64, 64, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_up_heap();
    unsigned char *block = take(cases[i][0] + cases[i][1] - HEADER, 8, 1);
    take(10, 8, 1);
    drop(block);
    EXPECT(take(cases[i][0] - HEADER, 8, 1) == block);
    size_t size = heap_size(&heap, block) + HEADER;
    EXPECT(size == cases[i][0] + (cases[i][2] ? 0 : cases[i][1]));
    ALL_SOUND();
  }
}

static void an_aligned_block_may_have_the_least_block_before_it(void) {
  set_up_heap();
  unsigned char *block = take(LEAST + 500, 8, 1);
  for (size_t i = 0; i < 4 && (uintptr_t)(block + LEAST) % 64; i++) {
    take(0, 8, 2);
    block = take(LEAST + 500, 8, 1);
  }
  take(0, 8, 2);
  drop(block);
  EXPECT(take(500, 64, 1) == block + LEAST);
  ALL_SOUND();
}

/* Freeing */

static void free_neighbours_become_one_block(void) {
  static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    set_up_heap();
    unsigned char *blocks[3];
    take(100, 8, 1);
    for (size_t j = 0; j < 3; j++) blocks[j] = take(100, 8, 1);
    take(100, 8, 1);
    size_t size = heap_size(&heap, blocks[0]);
    for (size_t j = 0; j < 3; j++) drop(blocks[orders[i][j]]);
    EXPECT(take(3 * size + 2 * HEADER, 8, 2) == blocks[0]);
    ALL_SOUND();
  }
}

static void a_heap_without_blocks_holds_nothing(void) {
  set_up_heap();
  size_t live = chunks_live(&chunks);
  void *small = take(10, 8, 1);
  void *big = take(1000000, 8, 1);
  EXPECT(heap.held == chunks_live(&chunks) - live && heap.blocks == 2);
  EXPECT(heap.live == heap_size(&heap, small) + heap_size(&heap, big) + 2 * HEADER);
  drop(small);
  drop(big);
  EXPECT(heap.held == 0 && heap.live == 0 && heap.blocks == 0 && !heap.regions);
  EXPECT(heap.highest == 0); /* so that no header is looked for in what others now have */
  EXPECT(chunks_live(&chunks) == live);
}

static void a_heap_alone_has_one_region(void) {
  set_up_heap();
  for (size_t i = 0; i < 1000; i++) take(i, 8, 1);
  EXPECT(heap.regions && !heap.regions->next);
  EXPECT(heap.held < heap.live + 2 * MEMORY_PAGE);
  ALL_SOUND();
}

static void a_long_free_tail_goes_back(void) {
  set_up_heap();
  take(10, 8, 1);
  unsigned char *big = take(1000000, 8, 1);
  EXPECT(heap.held > 1000000);
  drop(big);
  EXPECT(heap.held < 2 * MEMORY_PAGE && heap.held == chunks_live(&chunks));
  unsigned char *medium = take(50000, 8, 1);
  size_t held = heap.held;
  drop(medium);
  EXPECT(heap.held == held); /* the next one need not be asked for */
}

static void a_free_tail_of_128_kibibytes_is_cut_to_64(void) {
  bool met = false;
  for (size_t size = 2 * MEMORY_PAGE - 256; size < 2 * MEMORY_PAGE + 256; size += HEADER) {
    set_up_heap();
    take(10, 8, 1);
    unsigned char *block = take(size, 8, 1);
    size_t tail = chunk_end(heap.regions) - FENCE - (uintptr_t)header(block);
    size_t held = heap.held;
    drop(block);
    EXPECT(held - heap.held == (tail < 2 * MEMORY_PAGE ? 0 : tail - MEMORY_PAGE));
    met = met || tail == 2 * MEMORY_PAGE;
  }
  EXPECT(met);
}

static void regions_go_back_one_by_one(void) {
  set_up_heap();
  arena_init(&neighbours[0], chunks_allocator(&chunks), SIZE_MAX, false);
  unsigned char *blocks[5];
  for (size_t i = 0; i < 5; i++) {
    blocks[i] = take(100000, 8, (int)i);
    EXPECT(arena_alloc(&neighbours[0], 100000, 8)); /* no region can be extended */
  }
  static const size_t order[] = {2, 4, 0, 3, 1};
  for (size_t i = 0; i < 5; i++) {
    size_t held = heap.held;
    for (size_t j = i; j < 5; j++)
      EXPECT(reads((uintptr_t)blocks[order[j]], 100000, (int)order[j]));
    drop(blocks[order[i]]);
    EXPECT(held - heap.held > 100000);
  }
  EXPECT(heap.held == 0);
}

/* Changing sizes */

static void shrinking_gives_the_tail_back(void) {
  set_up_heap();
  unsigned char *block = take(10000, 8, 1);
  unsigned char *last = take(10, 8, 2);
  EXPECT(heap_resize(&heap, block, 1000));
  EXPECT(reads((uintptr_t)block, 1000, 1) && heap_size(&heap, block) < 1200);
  ALL_SOUND();
  unsigned char *between = take(8000, 8, 3);
  EXPECT(between > block && between < last);
  EXPECT(heap_realloc(&heap, block, 0, 8) == block && heap_size(&heap, block) > 0);
  ALL_SOUND();
}

static void shrinking_the_last_block_gives_memory_back(void) {
  set_up_heap();
  unsigned char *block = take(1000000, 8, 1);
  EXPECT(heap_realloc(&heap, block, 100, 8) == block);
  EXPECT(heap.held < 2 * MEMORY_PAGE && reads((uintptr_t)block, 100, 1));
  ALL_SOUND();
}

static void growing_takes_a_free_right_neighbour(void) {
  set_up_heap();
  unsigned char *block = take(1000, 8, 1);
  unsigned char *right = take(1000, 8, 2);
  unsigned char *last = take(1000, 8, 3);
  EXPECT(!heap_resize(&heap, block, 1500));
  drop(right);
  EXPECT(heap_resize(&heap, block, 1500) && reads((uintptr_t)block, 1000, 1));
  ALL_SOUND();
  size_t all = (size_t)(last - block) - HEADER;
  EXPECT(heap_realloc(&heap, block, all, 8) == block && heap_size(&heap, block) == all);
  EXPECT(!heap_resize(&heap, block, all + 1));
  ALL_SOUND();
}

static void growing_takes_what_follows_the_region(void) {
  set_up_heap();
  unsigned char *block = take(1000, 8, 1);
  for (size_t size = 2000; size < 3000000; size *= 2) {
    EXPECT(heap_resize(&heap, block, size));
    EXPECT(reads((uintptr_t)block, 1000, 1) && heap_size(&heap, block) >= size);
    ALL_SOUND();
  }
  EXPECT(!heap.regions->next);
}

static void growing_into_all_of_a_free_tail_takes_no_more(void) {
  set_up_heap();
  unsigned char *block = take(1000, 8, 1);
  size_t all = chunk_end(heap.regions) - FENCE - (uintptr_t)block;
  size_t held = heap.held;
  EXPECT(heap_resize(&heap, block, all / 2) && heap.held == held);
  EXPECT(heap_resize(&heap, block, all) && heap.held == held);
  EXPECT(heap_size(&heap, block) == all && reads((uintptr_t)block, 1000, 1));
  ALL_SOUND();
}

static void growing_takes_what_follows_an_older_region(void) {
  set_up_heap();
  unsigned char *block = take(100000, 8, 1);
  arena_init(&neighbours[0], chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_alloc(&neighbours[0], 300000, 8));
  take(300000, 8, 2);
  EXPECT(heap.regions->next);
  arena_free(&neighbours[0]);
  EXPECT(heap_resize(&heap, block, 250000) && reads((uintptr_t)block, 100000, 1));
  ALL_SOUND();
}

static void realloc_moves_where_it_must(void) {
  set_up_heap();
  unsigned char *block = take(1000, 8, 1);
  take(10, 8, 2);
  size_t held = heap_size(&heap, block);
  unsigned char *moved = heap_realloc(&heap, block, held + 1, 8);
  EXPECT(moved && moved != block && reads((uintptr_t)moved, held, 1) && heap.blocks == 2);
  expect_no_block(block);
  unsigned char *aligned = heap_realloc(&heap, moved, 100, 65536);
  EXPECT(aligned && (uintptr_t)aligned % 65536 == 0 && reads((uintptr_t)aligned, 100, 1));
  EXPECT(heap.blocks == 2 && heap_realloc(&heap, NULL, 10, 8) && heap.blocks == 3);
  ALL_SOUND();
}

static void a_realloc_that_fails_leaves_the_block(void) {
  set_up_fixed(4);
  heap_init(&heap, chunks_allocator(&chunks));
  unsigned char *block = take(50000, 8, 1);
  take(50000, 8, 2);
  static struct heap before;
  before = heap;
  EXPECT(!heap_realloc(&heap, block, 200000, 8));
  EXPECT(memcmp(&before, &heap, sizeof heap) == 0 && reads((uintptr_t)block, 50000, 1));
  ALL_SOUND();
}

/* Wrong addresses and overwritten headers */

static void a_second_free_is_told(void) {
  set_up_heap();
  unsigned char *blocks[6];
  for (size_t i = 0; i < 6; i++) blocks[i] = take(100, 8, 1);
  static const size_t order[] = {1, 3, 2, 4}; /* alone, alone, between both, behind one */
  for (size_t i = 0; i < 4; i++) {
    drop(blocks[order[i]]);
    for (size_t j = 0; j <= i; j++) expect_no_block(blocks[order[j]]);
  }
  drop(blocks[0]);
  drop(blocks[5]);
  for (size_t i = 0; i < 6; i++) expect_no_block(blocks[i]);
}

static void addresses_of_no_block_are_told(void) {
  set_up_heap();
  heap_init(&other, chunks_allocator(&chunks));
  arena_init(&neighbours[0], chunks_allocator(&chunks), SIZE_MAX, false);
  expect_no_block(NULL);
  expect_no_block((void *)64);
  unsigned char *block = take(1000, 8, 1);
  unsigned char *foreign = heap_alloc(&other, 1000, 8);
  unsigned char *bump = arena_alloc(&neighbours[0], 1000, 8);
  unsigned char *later = take(200000, 8, 2);
  for (size_t i = 1; i < 1000; i++) expect_no_block(block + i);
  expect_no_block(block - 1);
  expect_no_block(foreign);
  expect_no_block(bump);
  expect_no_block((void *)(chunk_end(heap.regions) - FENCE + HEADER));
  expect_no_block((void *)chunk_end(heap.regions));
  expect_no_block((void *)heap.regions);
  expect_no_block((void *)(UINTPTR_MAX - HEADER + 1));
  expect_no_block((void *)64);
  EXPECT(reads((uintptr_t)later, 200000, 2) && heap_free(&other, foreign));
  ALL_SOUND();
  heap_reset(&other);
}

/* A reset once changed a heap's key by as much as the keys of heaps a byte apart differ. */
static void blocks_of_another_heap_are_told_after_many_resets(void) {
  set_up_heap();
  heap_init(&other, chunks_allocator(&chunks));
  bool first = (uintptr_t)&heap < (uintptr_t)&other;
  struct heap *lower = first ? &heap : &other;
  size_t apart = (uintptr_t)(first ? &other : &heap) - (uintptr_t)lower;
  for (size_t i = 0; i < apart; i++) heap_reset(lower);
  take(1000, 8, 1);
  unsigned char *foreign = heap_alloc(&other, 1000, 8);
  take(200000, 8, 2);
  expect_no_block(foreign);
  ALL_SOUND();
  heap_reset(&other);
}

/* A reset once added 1 to the key, as a byte that is written on an old header may do to the sum. */
static void blocks_from_before_resets_are_told_with_any_byte_in_their_tag(void) {
  set_up_heap();
  for (int resets = 1; resets < 200; resets++) {
    take(40, 8, 1);
    unsigned char *second = take(40, 8, 1);
    size_t *tag = (size_t *)(void *)(second - 16);
    size_t old_tag = *tag;
    for (int i = 0; i < resets; i++) heap_reset(&heap);
    unsigned char *over = heap_alloc(&heap, 4000, 8);
    EXPECT(over && over < second && second < over + 4000); /* all of that header is in it */
    for (size_t byte = 0; byte < 256; byte++) {
      *tag = (old_tag & ~(size_t)255) | byte;
      expect_no_block(second);
    }
    heap_reset(&heap);
  }
}

static void blocks_from_before_a_reset_are_told(void) {
  set_up_heap();
  unsigned char *first = take(1000, 8, 1);
  unsigned char *second = take(1000, 8, 1);
  size_t live = chunks_live(&chunks);
  struct allocator *as_allocator = heap_allocator(&heap);
  heap_reset(&heap);
  EXPECT(chunks_live(&chunks) < live && heap.held == 0 && heap.blocks == 0 && heap.live == 0);
  EXPECT(as_allocator->methods);
  ALL_SOUND();
  expect_no_block(first);
  EXPECT(heap_alloc(&heap, 4000, 8) == first); /* in it all of the second one's header remains */
  expect_no_block(second);
  ALL_SOUND();
}

static void a_copied_header_is_told(void) {
  set_up_heap();
  unsigned char *from = take(1000, 8, 1);
  unsigned char *to = take(1000, 8, 1);
  memcpy(to + 100 - 100 % HEADER - HEADER, from - HEADER, HEADER);
  expect_no_block(to + 100 - 100 % HEADER);
}

/* Every word of a header, each time with one bit of another one changed. */
static void expect_change_told(void *block, size_t *word, bool is_its_own) {
  for (size_t bit = 0; bit < 8 * sizeof(size_t); bit++) {
    *word ^= (size_t)1 << bit;
    expect_refused(block);
    if (is_its_own) expect_no_block(block);
    EXPECT(heap_check(&heap) != HEAP_SOUND);
    *word ^= (size_t)1 << bit;
  }
  ALL_SOUND();
}

static void an_overwritten_header_is_told(void) {
  set_up_heap();
  take(100, 8, 1);
  unsigned char *block = take(100, 8, 1);
  take(100, 8, 1);
  expect_change_told(block, &header(block)->tag, true);
  expect_change_told(block, &header(block)->check, true);
}

static void an_overwritten_right_neighbour_is_told(void) {
  set_up_heap();
  unsigned char *block = take(100, 8, 1);
  unsigned char *right = take(100, 8, 1);
  take(100, 8, 1);
  expect_change_told(block, &header(right)->tag, false);
  expect_change_told(block, &header(right)->check, false);
  drop(right);
  expect_change_told(block, &header(right)->tag, false);
  expect_change_told(block, &header(right)->check, false);
  expect_change_told(block, (size_t *)&header(right)->next, false);
  expect_change_told(block, (size_t *)&header(right)->previous, false);
}

static void an_overwritten_left_neighbour_is_told(void) {
  set_up_heap();
  unsigned char *left = take(100, 8, 1);
  unsigned char *block = take(100, 8, 1);
  unsigned char *right = take(100, 8, 1);
  take(100, 8, 1);
  drop(left);
  struct heap_block *fence = fence_of(heap.regions);
  size_t *words[] = {&header(left)->tag, &header(left)->check, (size_t *)&header(left)->next,
                     (size_t *)&header(left)->previous, (size_t *)header(block) - 1};
  for (size_t i = 0; i < 5; i++) {
    for (size_t bit = 0; bit < 8 * sizeof(size_t); bit++) {
      *words[i] ^= (size_t)1 << bit;
      expect_refused(block);
      EXPECT(heap_check(&heap) != HEAP_SOUND);
      *words[i] ^= (size_t)1 << bit;
    }
  }
  ALL_SOUND();
  *words[4] = (uintptr_t)block; /* before the first region */
  expect_refused(block);
  *words[4] = (size_t)(block - left);
  drop(right);
  EXPECT(fence->region == heap.regions);
}

static void an_overwritten_fence_is_told(void) {
  set_up_heap();
  unsigned char *block = take(3000, 8, 1);
  struct heap_block *fence = fence_of(heap.regions);
  size_t *words[] = {&fence->tag, &fence->check, (size_t *)&fence->region,
                     (size_t *)&fence->previous};
  for (size_t i = 0; i < 4; i++) {
    for (size_t bit = 0; bit < 8 * sizeof(size_t); bit++) {
      *words[i] ^= (size_t)1 << bit;
      expect_refused(block);
      EXPECT(!heap_alloc(&heap, 100000, 8));
      EXPECT(heap_check(&heap) != HEAP_SOUND);
      *words[i] ^= (size_t)1 << bit;
    }
  }
  ALL_SOUND();
}

static void an_overwritten_tail_is_told(void) {
  set_up_heap();
  unsigned char *block = take(100, 8, 1);
  header(block + heap_size(&heap, block) + HEADER)->check++;
  EXPECT(!heap_alloc(&heap, 100000, 8) && heap.blocks == 1);
}

static void a_left_neighbour_is_not_taken_for_another_free_block(void) {
  set_up_heap();
  unsigned char *blocks[4];
  for (size_t i = 0; i < 4; i++) blocks[i] = take(100, 8, 1);
  drop(blocks[0]);
  drop(blocks[2]);
  ((size_t *)header(blocks[3]))[-1] = (size_t)(blocks[3] - blocks[0]);
  expect_refused(blocks[3]);
  EXPECT(heap_check(&heap) == HEAP_NEIGHBOUR);
}

static void an_overwritten_header_that_nobody_goes_by_is_no_matter(void) {
  set_up_heap();
  unsigned char *blocks[3];
  for (size_t i = 0; i < 3; i++) blocks[i] = take(100, 8, 1);
  header(blocks[2])->check++;
  EXPECT(heap_free(&heap, blocks[0]));
  header(blocks[2])->check--;
  ALL_SOUND();
}

/* Makes the check word right, as nobody can who does not know the heap's key. */
static void seal(struct heap_block *block) {
  bool used = block->tag & 1;
  block->check = (heap.key ^ (uintptr_t)block) + block->tag;
  if (!used) block->check += 3 * (uintptr_t)block->next - (uintptr_t)block->previous;
}

static void a_forged_header_at_no_multiple_of_16_is_told(void) {
  set_up_heap();
  unsigned char *block = take(1000, 8, 1);
  struct heap_block *forged = (struct heap_block *)(block + 100 - 100 % HEADER + HEADER / 2);
  forged->tag = 10 * HEADER + 1;
  seal(forged);
  expect_no_block((unsigned char *)forged + HEADER);
}

static void a_forged_header_behind_the_last_region_is_told(void) {
  static _Alignas(16) unsigned char bytes[16384];
  struct fixed_buffer buffer;
  fixed_buffer_init(&buffer, bytes, sizeof bytes);
  set_up_heap();
  heap_init(&heap, fixed_buffer_allocator(&buffer));
  take(100, 8, 1);
  struct heap_block *forged = (struct heap_block *)heap.highest;
  forged->tag = 10 * HEADER + 1;
  seal(forged);
  expect_no_block((unsigned char *)forged + HEADER);
}

static void a_forged_left_neighbour_at_no_multiple_of_16_is_told(void) {
  set_up_heap();
  take(100, 8, 1);
  unsigned char *left = take(200, 8, 1);
  unsigned char *block = take(100, 8, 1);
  take(100, 8, 1);
  drop(left);
  size_t *closing = (size_t *)header(block) - 1;
  size_t size = *closing;
  *closing = 6 * HEADER + HEADER / 2;
  struct heap_block *forged = (struct heap_block *)((uintptr_t)header(block) - *closing);
  forged->tag = *closing;
  forged->next = forged->previous = NULL;
  seal(forged);
  expect_refused(block);
  *closing = size;
}

static void an_overwritten_block_too_small_is_told_before_the_next_one_is_looked_at(void) {
  set_up_heap();
  unsigned char *block = take(404 * HEADER, 8, 1);
  take(10, 8, 1);
  drop(block);
  header(block)->next = (struct heap_block *)64;
  EXPECT(!heap_alloc(&heap, 406 * HEADER, 8));
}

static void an_overrun_is_told(void) {
  for (int byte = 0; byte < 256; byte += 17) {
    set_up_heap();
    unsigned char *block = take(100, 8, 1);
    unsigned char *right = take(100, 8, 2);
    take(100, 8, 3);
    memset(block, byte, heap_size(&heap, block) + HEADER);
    expect_refused(block);
    expect_no_block(right);
    EXPECT(heap_check(&heap) == HEAP_HEADER);
  }
}

static void a_write_into_a_freed_block_is_told(void) {
  for (int byte = 0; byte < 256; byte += 17) {
    set_up_heap();
    unsigned char *block = take(200, 8, 1);
    unsigned char *freed = take(200, 8, 2);
    unsigned char *right = take(200, 8, 3);
    unsigned char *list = take(200, 8, 3);
    take(200, 8, 3);
    drop(list);
    drop(freed);
    memset(freed, byte, 200);
    EXPECT(!heap_alloc(&heap, 200, 8));
    expect_refused(block);
    expect_refused(right);
    EXPECT(heap_check(&heap) == HEAP_HEADER);
  }
}

static void check_says_what_is_broken(void) {
  set_up_heap();
  unsigned char *block = take(100, 8, 1);
  unsigned char *freed = take(100, 8, 1);
  take(100, 8, 1);
  drop(freed);
  ALL_SOUND();
  heap.live++;
  EXPECT(heap_check(&heap) == HEAP_COUNT);
  heap.live--;
  heap.blocks--;
  EXPECT(heap_check(&heap) == HEAP_COUNT);
  heap.blocks++;
  heap.held++;
  EXPECT(heap_check(&heap) == HEAP_REGION);
  heap.held--;
  heap.lowest += HEADER;
  EXPECT(heap_check(&heap) == HEAP_REGION);
  heap.lowest -= HEADER;
  heap.highest--;
  EXPECT(heap_check(&heap) == HEAP_REGION);
  heap.highest++;
  struct chunk **link = heap.regions->link;
  heap.regions->link = NULL;
  EXPECT(heap_check(&heap) == HEAP_REGION);
  heap.regions->link = link;
  heap.words ^= 1;
  EXPECT(heap_check(&heap) == HEAP_LIST);
  heap.words ^= 1;
  heap.bits[0] ^= 1;
  EXPECT(heap_check(&heap) == HEAP_LIST);
  heap.bits[0] ^= 1;
  for (size_t i = 0; i < HEAP_CLASSES; i++) {
    struct heap_block *head = heap.classes[i];
    if (!head) continue;
    heap.classes[i] = NULL;
    EXPECT(heap_check(&heap) == HEAP_LIST);
    heap.classes[i] = header(block);
    EXPECT(heap_check(&heap) == HEAP_LIST);
    heap.classes[i] = head;
  }
  size_t *tag = &header(block)->tag;
  size_t *check = &header(block)->check;
  *tag += 2 * HEADER * HEADER * 1000; /* with the check word that goes with it */
  *check += 2 * HEADER * HEADER * 1000;
  EXPECT(heap_check(&heap) == HEAP_SIZE);
  *tag -= 2 * HEADER * HEADER * 1000;
  *check -= 2 * HEADER * HEADER * 1000;
  *tag += 2; /* its left neighbour counts as free */
  *check += 2;
  EXPECT(heap_check(&heap) == HEAP_NEIGHBOUR);
  *tag -= 2;
  *check -= 2;
  ALL_SOUND();
}

/* Changes a header's tag, and its check word with it. */
static void retag(struct heap_block *block, size_t more) {
  block->tag += more;
  block->check += more;
}

/* Makes a free block of so many bytes, flags included, without links. */
static void make_free(struct heap_block *block, size_t tag) {
  block->tag = tag;
  block->next = block->previous = NULL;
  block->check = (heap.key ^ (uintptr_t)block) + tag;
}

static void check_tells_sizes_and_neighbours_that_have_a_right_check_word(void) {
  set_up_heap();
  struct heap_block *block = header(take(100, 8, 1));
  unsigned char *freed = take(100, 8, 1);
  struct heap_block *last = header(take(100, 8, 1));
  drop(freed);
  size_t tag = block->tag;
  size_t size = tag - 1;
  retag(block, HEADER - size);
  EXPECT(heap_check(&heap) == HEAP_SIZE);
  retag(block, size - HEADER);
  ALL_SOUND();
  struct heap_block *tail = (struct heap_block *)((uintptr_t)last + size);
  make_free(last, size | 2); /* and its left neighbour is free, too */
  ((size_t *)tail)[-1] = size;
  retag(tail, 2);
  EXPECT(heap_check(&heap) == HEAP_NEIGHBOUR);
}

static void check_tells_a_fence_that_has_a_right_check_word(void) {
  set_up_heap();
  take(100, 8, 1);
  struct heap_block *fence = fence_of(heap.regions);
  retag(fence, 2 * HEADER);
  EXPECT(heap_check(&heap) == HEAP_REGION);
  retag(fence, 0 - 2 * HEADER);
  ALL_SOUND();
  fence->region = (struct chunk *)((uintptr_t)heap.regions + HEADER);
  fence->check += 3 * HEADER;
  EXPECT(heap_check(&heap) == HEAP_REGION);
}

static void check_tells_a_region_without_a_used_block(void) {
  set_up_heap();
  struct heap_block *block = header(take(100, 8, 1));
  struct heap_block *fence = fence_of(heap.regions);
  size_t all = (uintptr_t)fence - (uintptr_t)block;
  make_free(block, all);
  ((size_t *)fence)[-1] = all;
  EXPECT(heap_check(&heap) == HEAP_REGION);
}

static void check_tells_a_list_with_a_block_that_is_not_its(void) {
  set_up_heap();
  unsigned char *freed = take(100, 8, 1);
  take(100, 8, 1);
  drop(freed);
  struct heap_block *head = header(freed);
  struct heap_block stray;
  size_t class = 0;
  while (heap.classes[class] != head) class ++;

  heap.classes[class] = &stray;
  make_free(&stray, head->tag);
  ALL_SOUND();
  stray.check++;
  EXPECT(heap_check(&heap) == HEAP_LIST);
  make_free(&stray, head->tag + HEADER); /* of another class */
  EXPECT(heap_check(&heap) == HEAP_LIST);
  make_free(&stray, head->tag);
  stray.previous = head;
  stray.check -= (uintptr_t)head;
  EXPECT(heap_check(&heap) == HEAP_LIST);
  heap.classes[class] = head;
  head->next = &stray; /* one more than there are */
  head->check += 3 * (uintptr_t)&stray;
  EXPECT(heap_check(&heap) == HEAP_LIST);
  head->next = NULL;
  head->check -= 3 * (uintptr_t)&stray;
  ALL_SOUND();

  size_t *bits = &heap.bits[class / HEAP_WORD];
  heap.classes[class] = NULL; /* and one less */
  *bits &= ~((size_t)1 << class % HEAP_WORD);
  if (!*bits) heap.words &= ~((size_t)1 << class / HEAP_WORD);
  EXPECT(heap_check(&heap) == HEAP_LIST);
}

static void check_says_what_is_broken_where_headers_are_right(void) {
  set_up_heap();
  unsigned char *block = take(100, 8, 1);
  struct heap_block *fence = (struct heap_block *)(chunk_end(heap.regions) - FENCE);
  static const size_t sizes[] = {HEADER, 8192}; /* less than the least, and out of the region */
  struct heap_block before = *header(block);
  for (size_t i = 0; i < 2; i++) {
    header(block)->tag = sizes[i] + 1;
    seal(header(block));
    EXPECT(heap_check(&heap) == HEAP_SIZE);
    *header(block) = before;
  }
  before = *fence;
  fence->tag |= 1;
  seal(fence);
  EXPECT(heap_check(&heap) == HEAP_REGION);
  *fence = before;
  fence->region = NULL;
  seal(fence);
  EXPECT(heap_check(&heap) == HEAP_REGION);
  *fence = before;
  ALL_SOUND();
}

/* Makes a used block free, without merging and listing it. */
static void mark_free(void *block, struct heap_block *right) {
  header(block)->tag &= ~(size_t)1;
  header(block)->next = header(block)->previous = NULL;
  *((size_t *)right - 1) = header(block)->tag & ~(size_t)15;
  right->tag |= 2;
  seal(header(block));
  seal(right);
}

static void check_says_that_free_blocks_touch(void) {
  set_up_heap();
  unsigned char *blocks[3];
  for (size_t i = 0; i < 3; i++) blocks[i] = take(100, 8, 1);
  drop(blocks[0]);
  mark_free(blocks[1], header(blocks[2]));
  EXPECT(heap_check(&heap) == HEAP_NEIGHBOUR);
}

static void check_says_that_a_region_has_no_used_block(void) {
  set_up_heap();
  unsigned char *block = take(100000 - HEADER, 8, 1);
  struct heap_block *fence = (struct heap_block *)(chunk_end(heap.regions) - FENCE);
  EXPECT(heap_size(&heap, block) + (uintptr_t)block == (uintptr_t)fence);
  mark_free(block, fence);
  EXPECT(heap_check(&heap) == HEAP_REGION);
}

static void check_says_that_a_list_is_broken(void) {
  set_up_heap();
  unsigned char *blocks[5];
  for (size_t i = 0; i < 5; i++) blocks[i] = take(500, 8, 1);
  drop(blocks[1]);
  drop(blocks[3]);
  struct heap_block *first = header(blocks[3]), *second = header(blocks[1]);
  struct heap_block **class = &heap.classes[first->tag / HEADER];
  EXPECT(*class == first && first->next == second && second->previous == first);
  second->previous = NULL;
  seal(second);
  EXPECT(heap_check(&heap) == HEAP_LIST); /* it does not know the one before it */
  *class = second;
  EXPECT(heap_check(&heap) == HEAP_LIST); /* another one is in no list */
  *class = first;
  second->previous = first;
  seal(second);
  first->next = NULL;
  seal(first);
  struct heap_block *used = header(blocks[0]);
  used->next = second;
  used->previous = NULL;
  *class = used;
  second->previous = used;
  seal(second);
  EXPECT(heap_check(&heap) == HEAP_LIST); /* a used one is in it */
  static struct heap_block elsewhere;
  elsewhere = *first;
  elsewhere.next = second;
  *class = &elsewhere;
  second->previous = &elsewhere;
  seal(second);
  EXPECT(heap_check(&heap) == HEAP_LIST); /* what is no block is in it */
  *class = first;
  first->next = second;
  seal(first);
  second->previous = first;
  seal(second);
  ALL_SOUND();
}

static void check_says_that_a_block_is_in_the_wrong_list(void) {
  set_up_heap();
  unsigned char *block = take(500, 8, 1);
  take(500, 8, 1);
  drop(block);
  size_t class = header(block)->tag / HEADER;
  EXPECT(heap.classes[class] == header(block) && !heap.classes[class + 1]);
  EXPECT(class / HEAP_WORD == (class + 1) / HEAP_WORD);
  heap.classes[class + 1] = heap.classes[class];
  heap.classes[class] = NULL;
  heap.bits[class / HEAP_WORD] ^= (size_t)3 << class % HEAP_WORD;
  EXPECT(heap_check(&heap) == HEAP_LIST);
}

static void a_block_holds_what_it_has(void) {
  set_up_heap();
  unsigned char *block = take(1000, 8, 1);
  size_t size = heap_size(&heap, block);
  EXPECT(heap_holds(&heap, block, 0) && heap_holds(&heap, block, size));
  EXPECT(!heap_holds(&heap, block, size + 1) && !heap_holds(&heap, block, SIZE_MAX));
  EXPECT(!heap_holds(&heap, block + 8, 1));
}

/* What heaps stand on, and beside */

static void a_zeroing_arena_gets_zeros_where_a_heap_was(void) {
  set_up_heap();
  unsigned char *block = take(200000, 8, 0xff);
  EXPECT(heap_resize(&heap, block, 300000));
  memset(block, 0xff, 300000);
  EXPECT(heap_resize(&heap, block, 100));
  ALL_SOUND();
  drop(block);
  arena_init(&neighbours[0], chunks_allocator(&chunks), SIZE_MAX, true);
  unsigned char *zeroed = arena_alloc(&neighbours[0], 400000, 8);
  EXPECT(zeroed && reads((uintptr_t)zeroed, 400000, 0));
}

/* Fills a heap and empties it. */
static void exercise(struct heap *of) {
  unsigned char *blocks[60];
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < 60; i++) {
      size_t size = i * i * (round + 1) / 2;
      blocks[i] = heap_alloc(of, size, (size_t)1 << i % 9);
      EXPECT(blocks[i] && heap_check(of) == HEAP_SOUND);
      memset(blocks[i], (int)i, size);
    }
    for (size_t i = 0; i < 60; i += 3) {
      unsigned char *moved = heap_realloc(of, blocks[i], i * i, 8);
      EXPECT(moved && heap_check(of) == HEAP_SOUND);
      blocks[i] = moved;
    }
    for (size_t i = 0; i < 60; i++) {
      size_t name = i * 7 % 60;
      size_t size = name * name * (round + 1) / 2;
      EXPECT(
          reads((uintptr_t)blocks[name], name % 3 ? size : smaller(size, name * name), (int)name));
      EXPECT(heap_free(of, blocks[name]) && heap_check(of) == HEAP_SOUND);
    }
    EXPECT(of->held == 0 && of->live == 0 && of->blocks == 0);
  }
}

static void a_heap_stands_on_an_arena(void) {
  set_up();
  heap_init(&heap, arena_allocator(&arena));
  exercise(&heap);
  SOUND();
}

static void a_heap_stands_on_a_heap(void) {
  set_up_heap();
  static struct heap third;
  heap_init(&other, heap_allocator(&heap));
  heap_init(&third, heap_allocator(&other));
  exercise(&third);
  EXPECT(other.held == 0 && heap.held == 0);
  ALL_SOUND();
}

static void a_heap_stands_on_a_region_of_bytes(void) {
  static _Alignas(16) unsigned char bytes[4 * 65536];
  static struct chunks region;
  uintptr_t start = align_up((uintptr_t)bytes, MEMORY_PAGE);
  host_open(1, 1);
  chunks_init(&region, start, start + 3 * MEMORY_PAGE, start + 3 * MEMORY_PAGE);
  heap_init(&heap, chunks_allocator(&region));
  exercise(&heap);
  EXPECT(!heap_alloc(&heap, 4 * MEMORY_PAGE, 8) && host.asked == 0);
}

static void the_heap_is_an_allocator(void) {
  set_up_heap();
  struct allocator *on = heap_allocator(&heap);
  unsigned char *block = allocator_alloc(on, 100, 64);
  EXPECT(block && (uintptr_t)block % 64 == 0);
  memset(block, 5, 100);
  EXPECT(allocator_resize(on, block, 100, 50, 64));
  EXPECT(allocator_alloc(on, 0, 8) && !allocator_resize(on, block, 50, 1000000000, 64));
  unsigned char *moved = allocator_remap(on, block, 50, 5000, 4096);
  EXPECT(moved && (uintptr_t)moved % 4096 == 0 && reads((uintptr_t)moved, 50, 5));
  allocator_free(on, moved, 5000, 4096);
  EXPECT(heap.blocks == 1);
  ALL_SOUND();
}

static void an_arena_stands_on_a_heap(void) {
  set_up_heap();
  struct arena on_heap;
  arena_init(&on_heap, heap_allocator(&heap), SIZE_MAX, true);
  for (size_t i = 0; i < 500; i++) {
    unsigned char *block = arena_alloc(&on_heap, i * 3, 16);
    EXPECT(block && reads((uintptr_t)block, i * 3, 0));
    memset(block, 0xee, i * 3);
  }
  EXPECT(heap_check(&heap) == HEAP_SOUND);
  arena_free(&on_heap);
  EXPECT(heap.held == 0);
  ALL_SOUND();
}

/* A backing that has one block, and never gives it more bytes than were asked for at least. */

static unsigned char stingy_bytes[8192];
static size_t stingy_most;

static void *stingy_alloc(struct allocator *on, size_t size, size_t align) {
  (void)on;
  stingy_most = size;
  return size < sizeof stingy_bytes / 2 ? (void *)align_up((uintptr_t)stingy_bytes, align) : NULL;
}

static bool stingy_resize(struct allocator *on, void *block, size_t old_size, size_t new_size,
                          size_t align) {
  (void)on;
  (void)align;
  return block && new_size <= old_size + stingy_most;
}

static void stingy_free(struct allocator *on, void *block, size_t size, size_t align) {
  (void)on;
  (void)align;
  EXPECT(block && size);
}

static void a_region_may_grow_by_less_than_the_least_block(void) {
  static const struct allocator_methods methods = {stingy_alloc, stingy_resize, NULL, stingy_free};
  static struct allocator stingy = {&methods};
  heap_init(&heap, &stingy);
  unsigned char *block = heap_alloc(&heap, 2000, 8);
  EXPECT(block && heap_size(&heap, block) < 2100);
  for (size_t most = HEADER; most < 20 * HEADER; most += HEADER) {
    stingy_most = most;
    size_t size = heap_size(&heap, block);
    memset(block, 9, size);
    bool grown = heap_resize(&heap, block, size + 1);
    EXPECT(reads((uintptr_t)block, size, 9) && heap_check(&heap) == HEAP_SOUND);
    EXPECT(grown || heap_size(&heap, block) == size);
  }
  EXPECT(heap_size(&heap, block) > 2000 && heap_free(&heap, block) && heap.held == 0);
}

/* Refusal */

static size_t run_with_refusal(size_t n) {
  static const size_t sizes[] = {10, 50000, 70000, 3, 200000, 65536, 1000, 400000};
  unsigned char *blocks[8];
  static struct heap before;
  host_open_chunks(&chunks, 1, 256);
  heap_init(&heap, chunks_allocator(&chunks));
  host.refuse_from = n;
  for (size_t i = 0; i < 8; i++) {
    before = heap;
    blocks[i] = heap_alloc(&heap, sizes[i], (size_t)1 << i * 2);
    if (!blocks[i]) {
      EXPECT(memcmp(&before, &heap, sizeof heap) == 0);
      ALL_SOUND();
      host.refuse_from = 0;
      blocks[i] = heap_alloc(&heap, sizes[i], (size_t)1 << i * 2);
      EXPECT(blocks[i]);
    }
    ALL_SOUND();
  }
  for (size_t i = 0; i < 8; i++) drop(blocks[i]);
  EXPECT(heap.held == 0);
  return host.refused;
}

static void a_refusal_of_any_growth_changes_nothing(void) {
  size_t n = 1;
  while (run_with_refusal(n)) n++;
  EXPECT(n > 3 || host.start > MEMORY_PAGE); /* high up, one growth brings all that there may be */
}

int main(void) {
  CLAIM(blocks_are_at_a_multiple_of_every_alignment);
  CLAIM(what_alignment_skips_is_free);
  CLAIM(blocks_of_no_bytes_are_all_different);
  CLAIM(sizes_that_would_wrap_are_refused);
  CLAIM(every_size_up_to_a_few_pages_fits);
  CLAIM(the_last_bytes_of_a_full_memory_are_found);
  CLAIM(a_block_that_only_a_long_look_finds_is_found_when_memory_is_out);
  CLAIM(a_block_that_suits_is_found_in_any_bigger_class);
  CLAIM(each_power_of_two_has_32_classes_from_64_granules_on);
  CLAIM(four_blocks_of_a_class_are_looked_at);
  CLAIM(a_tail_that_suits_comes_before_a_long_look_and_before_growth);
  CLAIM(a_new_region_comes_before_a_long_look);
  CLAIM(a_region_has_what_its_first_block_needs_or_a_step);
  CLAIM(a_big_heap_goes_on_by_64_kibibytes);
  CLAIM(what_is_too_little_for_most_stays_with_its_block);
  CLAIM(an_aligned_block_may_have_the_least_block_before_it);
  CLAIM(a_tail_that_only_a_long_look_finds_is_used_before_memory_grows);
  CLAIM(free_neighbours_become_one_block);
  CLAIM(a_heap_without_blocks_holds_nothing);
  CLAIM(a_heap_alone_has_one_region);
  CLAIM(a_long_free_tail_goes_back);
  CLAIM(a_free_tail_of_128_kibibytes_is_cut_to_64);
  CLAIM(regions_go_back_one_by_one);
  CLAIM(shrinking_gives_the_tail_back);
  CLAIM(shrinking_the_last_block_gives_memory_back);
  CLAIM(growing_takes_a_free_right_neighbour);
  CLAIM(growing_takes_what_follows_the_region);
  CLAIM(growing_into_all_of_a_free_tail_takes_no_more);
  CLAIM(growing_takes_what_follows_an_older_region);
  CLAIM(realloc_moves_where_it_must);
  CLAIM(a_realloc_that_fails_leaves_the_block);
  CLAIM(a_second_free_is_told);
  CLAIM(addresses_of_no_block_are_told);
  CLAIM(blocks_of_another_heap_are_told_after_many_resets);
  CLAIM(blocks_from_before_a_reset_are_told);
  CLAIM(blocks_from_before_resets_are_told_with_any_byte_in_their_tag);
  CLAIM(a_copied_header_is_told);
  CLAIM(an_overwritten_header_is_told);
  CLAIM(an_overwritten_right_neighbour_is_told);
  CLAIM(an_overwritten_left_neighbour_is_told);
  CLAIM(an_overwritten_fence_is_told);
  CLAIM(an_overwritten_tail_is_told);
  CLAIM(a_left_neighbour_is_not_taken_for_another_free_block);
  CLAIM(an_overwritten_header_that_nobody_goes_by_is_no_matter);
  CLAIM(a_forged_header_at_no_multiple_of_16_is_told);
  CLAIM(a_forged_header_behind_the_last_region_is_told);
  CLAIM(a_forged_left_neighbour_at_no_multiple_of_16_is_told);
  CLAIM(an_overwritten_block_too_small_is_told_before_the_next_one_is_looked_at);
  CLAIM(an_overrun_is_told);
  CLAIM(a_write_into_a_freed_block_is_told);
  CLAIM(check_says_what_is_broken);
  CLAIM(check_says_what_is_broken_where_headers_are_right);
  CLAIM(check_says_that_free_blocks_touch);
  CLAIM(check_says_that_a_region_has_no_used_block);
  CLAIM(check_says_that_a_list_is_broken);
  CLAIM(check_says_that_a_block_is_in_the_wrong_list);
  CLAIM(check_tells_sizes_and_neighbours_that_have_a_right_check_word);
  CLAIM(check_tells_a_fence_that_has_a_right_check_word);
  CLAIM(check_tells_a_region_without_a_used_block);
  CLAIM(check_tells_a_list_with_a_block_that_is_not_its);
  CLAIM(a_block_holds_what_it_has);
  CLAIM(a_zeroing_arena_gets_zeros_where_a_heap_was);
  CLAIM(a_heap_stands_on_an_arena);
  CLAIM(a_heap_stands_on_a_heap);
  CLAIM(a_heap_stands_on_a_region_of_bytes);
  CLAIM(the_heap_is_an_allocator);
  CLAIM(an_arena_stands_on_a_heap);
  CLAIM(a_region_may_grow_by_less_than_the_least_block);
  CLAIM(a_refusal_of_any_growth_changes_nothing);
  return harness_end();
}
