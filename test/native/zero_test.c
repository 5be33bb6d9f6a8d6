#include "neighbourhood.h"

/* Leaves recycled memory behind that reads anything but 0, in a row of free chunks. */
static void dirty(size_t size) {
  struct arena dirt;
  arena_init(&dirt, chunks_allocator(&chunks), SIZE_MAX, false);
  memset(arena_alloc(&dirt, size, 1), 0xa5, size);
  arena_free(&dirt);
}

/* A zeroing arena in a memory whose first 10 pages were all used once. */
static void set_up_dirty(void) {
  set_up_with(SIZE_MAX, true);
  dirty(10 * MEMORY_PAGE);
}

/* A block that reads 0 when it is handed out; it is dirty afterwards. */
static uintptr_t zeroed(size_t size, size_t align) {
  uintptr_t start = (uintptr_t)arena_alloc(&arena, size, align);
  EXPECT(start && reads(start, size, 0));
  memset((void *)start, 0xa5, size);
  return start;
}

static void blocks_in_recycled_memory_read_0(void) {
  set_up_dirty();
  for (size_t i = 1; i < 300; i++) zeroed(i * 7, 1);
  SOUND();
}

static void big_blocks_in_recycled_memory_read_0(void) {
  set_up_dirty();
  zeroed(3 * MEMORY_PAGE, 1);
  zeroed(4095, 1);
  zeroed(4096, 1);
  zeroed(4097, 1);
  zeroed(9 * MEMORY_PAGE, 1);
  SOUND();
}

static void blocks_read_0_after_every_reset(void) {
  set_up_dirty();
  for (size_t i = 0; i < 20; i++) {
    for (size_t j = 0; j < 20; j++) zeroed(100 + j * i, 1);
    arena_reset(&arena);
    SOUND();
  }
}

static void blocks_read_0_after_a_reset_of_several_chunks(void) {
  set_up_dirty();
  for (size_t i = 0; i < 6; i++) {
    zeroed(2000, 1);
    fence_in();
  }
  arena_reset(&arena);
  SOUND();
  for (size_t i = 0; i < 6; i++) zeroed(2000, 1);
  SOUND();
}

static void blocks_read_0_after_every_release(void) {
  set_up_dirty();
  zeroed(100, 1);
  for (size_t i = 0; i < 50; i++) {
    struct arena_mark mark = arena_mark(&arena);
    zeroed(100 + i * 100, 1);
    if (i == 25) fence_in();
    zeroed(100 + i * 100, 1);
    arena_release(&arena, mark);
    SOUND();
  }
}

static void padding_reads_0(void) {
  set_up_dirty();
  for (size_t align = 2; align <= 4096; align *= 2) {
    zeroed(1, 1);
    uintptr_t before = arena.cursor;
    uintptr_t block = zeroed(3, align);
    EXPECT(reads(before, block - before, 0));
  }
  SOUND();
}

static void padding_before_a_first_block_reads_0(void) {
  set_up_dirty();
  uintptr_t block = zeroed(3, 4096);
  EXPECT(reads(arena.base, block - arena.base, 0));
}

static void padding_before_a_promoted_block_reads_0(void) {
  set_up_dirty();
  zeroed(1, 1);
  struct arena_mark mark = arena_mark(&arena);
  zeroed(100, 1);
  uintptr_t block = zeroed(50, 64);
  uintptr_t moved = (uintptr_t)arena_promote(&arena, mark, (void *)block, 50, 64);
  EXPECT(moved - mark.position > 8 && reads(mark.position, moved - mark.position, 0));
  EXPECT(reads(moved, 50, 0xa5));
  SOUND();
}

static void the_tail_of_a_grown_last_block_reads_0(void) {
  set_up_dirty();
  uintptr_t block = zeroed(100, 1);
  for (size_t size = 100; size < 60000; size *= 3) {
    EXPECT(arena_realloc(&arena, (void *)block, size, size * 3, 1) == (void *)block);
    EXPECT(reads(block, size, 0xa5) && reads(block + size, size * 2, 0));
    memset((void *)block, 0xa5, size * 3);
    SOUND();
  }
}

static void the_tail_of_a_block_that_shrank_and_grew_again_reads_0(void) {
  set_up_dirty();
  uintptr_t block = zeroed(1000, 1);
  EXPECT(arena_realloc(&arena, (void *)block, 1000, 100, 1) == (void *)block);
  EXPECT(arena_realloc(&arena, (void *)block, 100, 1000, 1) == (void *)block);
  EXPECT(reads(block, 100, 0xa5) && reads(block + 100, 900, 0));
}

static void the_tail_of_a_copied_block_reads_0(void) {
  set_up_dirty();
  uintptr_t block = zeroed(1000, 1);
  zeroed(1, 1);
  uintptr_t moved = (uintptr_t)arena_realloc(&arena, (void *)block, 1000, 3000, 1);
  EXPECT(moved != block && reads(moved, 1000, 0xa5) && reads(moved + 1000, 2000, 0));
}

static void the_tail_of_a_moved_last_block_reads_0(void) {
  set_up_dirty();
  uintptr_t block = zeroed(500, 1);
  fence_in();
  uintptr_t moved = (uintptr_t)arena_realloc(&arena, (void *)block, 500, 9000, 1);
  EXPECT(moved != block && reads(moved, 500, 0xa5) && reads(moved + 500, 8500, 0));
  SOUND();
  arena_reset(&arena);
  zeroed(9000, 1);
  SOUND();
}

static void a_block_behind_an_absorbed_neighbour_reads_0(void) {
  set_up_dirty();
  zeroed(100, 1);
  struct arena *neighbour = fence_in();
  memset(arena_alloc(neighbour, 5000, 1), 0xa5, 5000);
  struct arena *last = &neighbours[neighbours_count++];
  arena_init(last, chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_reserve(last, 1));
  arena_free(neighbour);
  zeroed(4000, 1);
  EXPECT(arena.base == arena.start);
  SOUND();
}

static void bytes_that_were_never_used_are_not_written(void) {
  set_up_with(SIZE_MAX, true);
  zeroed(100, 1);
  EXPECT(arena.limit == chunk_end(chunk_of(arena.start)));
  SOUND();
}

static void recycled_bytes_are_wiped_4_kibibytes_at_a_time(void) {
  set_up_dirty();
  EXPECT(arena_reserve(&arena, 50000));
  zeroed(10, 1);
  EXPECT(arena.limit == arena.start + 4096 && reads(arena.limit, 4096, 0xa5));
  SOUND();
}

static void bytes_that_were_never_used_are_within_the_limit_at_once(void) {
  set_up_with(SIZE_MAX, true);
  dirty(4096 - CHUNK_HEADER); /* and the next header counts as used */
  EXPECT(arena_reserve(&arena, 50000));
  zeroed(10, 1);
  EXPECT(arena.limit == chunk_end(chunk_of(arena.start)));
  SOUND();
}

static void a_block_that_grows_within_wiped_bytes_wipes_no_more(void) {
  set_up_dirty();
  EXPECT(arena_reserve(&arena, 50000));
  uintptr_t block = zeroed(10, 1);
  uintptr_t limit = arena.limit;
  EXPECT(arena_resize(&arena, (void *)block, 10, 20) && arena.limit == limit);
  EXPECT(arena_resize(&arena, (void *)block, 20, limit - block) && arena.limit == limit);
  SOUND();
}

static void an_arena_that_does_not_zero_writes_nothing_of_its_own(void) {
  set_up();
  dirty(10 * MEMORY_PAGE);
  alloc(1, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = (uintptr_t)arena_alloc(&arena, 6000, 64);
  EXPECT(block - mark.position > 8 && chunks_held() == 1);
  EXPECT(reads(block + 2000, 4000, 0xa5)); /* behind what was the frontier */
  EXPECT(arena_promote(&arena, mark, (void *)block, 50, 64) == (void *)block);
  EXPECT(reads(mark.position, block - mark.position, 0xa5));
  SOUND();
}

static void an_allocation_of_zeroes_in_an_arena_that_does_not_zero_reads_0(void) {
  set_up();
  dirty(10 * MEMORY_PAGE);
  for (size_t i = 0; i < 100; i++) {
    uintptr_t block = (uintptr_t)arena_alloc_zeroed(&arena, i * 17, 8);
    EXPECT(block && reads(block, i * 17, 0));
    memset((void *)block, 0xa5, i * 17);
    if (i % 10 == 0) fence_in();
    if (i % 30 == 0) arena_reset(&arena);
    SOUND();
  }
}

static void an_allocation_of_zeroes_after_the_hot_path_went_on_reads_0(void) {
  set_up();
  struct arena_mark mark = arena_mark(&arena);
  alloc(700, 1, 0xa5);
  arena_release(&arena, mark);
  alloc(100, 1, 0xa5);
  uintptr_t block = (uintptr_t)arena_alloc_zeroed(&arena, 900, 1);
  EXPECT(block && reads(block, 900, 0));
  SOUND();
}

static void an_allocation_of_zeroes_writes_no_byte_that_was_never_used(void) {
  set_up();
  EXPECT(arena_reserve(&arena, 2000));
  struct arena_mark mark = arena_mark(&arena);
  alloc(300, 1, 0xa5);
  arena_release(&arena, mark);
  memset((void *)(arena.start + 300), 0xcc, 1000); /* as nobody does, so that a write shows */
  uintptr_t block = (uintptr_t)arena_alloc_zeroed(&arena, 700, 1);
  EXPECT(reads(block, 300, 0) && reads(block + 300, 400, 0xcc));
  block = (uintptr_t)arena_alloc_zeroed(&arena, 600, 1);
  EXPECT(reads(block, 600, 0xcc));
}

static void a_refused_allocation_of_zeroes_leaves_the_arena_as_it_was(void) {
  set_up();
  uintptr_t block = alloc(700, 1, 0xa5);
  struct arena before = state_of(&arena);
  host.refuse_above = 0;
  EXPECT(!arena_alloc_zeroed(&arena, 17 * MEMORY_PAGE, 8));
  EXPECT(same_state(&arena, before) && reads(block, 700, 0xa5));
  SOUND();
}

static void an_allocation_of_zeroes_in_a_zeroing_arena_reads_0(void) {
  set_up_dirty();
  uintptr_t block = (uintptr_t)arena_alloc_zeroed(&arena, 9000, 8);
  EXPECT(block && reads(block, 9000, 0));
  SOUND();
}

int main(void) {
  CLAIM(blocks_in_recycled_memory_read_0);
  CLAIM(big_blocks_in_recycled_memory_read_0);
  CLAIM(blocks_read_0_after_every_reset);
  CLAIM(blocks_read_0_after_a_reset_of_several_chunks);
  CLAIM(blocks_read_0_after_every_release);
  CLAIM(padding_reads_0);
  CLAIM(padding_before_a_first_block_reads_0);
  CLAIM(padding_before_a_promoted_block_reads_0);
  CLAIM(the_tail_of_a_grown_last_block_reads_0);
  CLAIM(the_tail_of_a_block_that_shrank_and_grew_again_reads_0);
  CLAIM(the_tail_of_a_copied_block_reads_0);
  CLAIM(the_tail_of_a_moved_last_block_reads_0);
  CLAIM(a_block_behind_an_absorbed_neighbour_reads_0);
  CLAIM(bytes_that_were_never_used_are_not_written);
  CLAIM(recycled_bytes_are_wiped_4_kibibytes_at_a_time);
  CLAIM(bytes_that_were_never_used_are_within_the_limit_at_once);
  CLAIM(a_block_that_grows_within_wiped_bytes_wipes_no_more);
  CLAIM(an_arena_that_does_not_zero_writes_nothing_of_its_own);
  CLAIM(an_allocation_of_zeroes_in_an_arena_that_does_not_zero_reads_0);
  CLAIM(an_allocation_of_zeroes_after_the_hot_path_went_on_reads_0);
  CLAIM(an_allocation_of_zeroes_writes_no_byte_that_was_never_used);
  CLAIM(a_refused_allocation_of_zeroes_leaves_the_arena_as_it_was);
  CLAIM(an_allocation_of_zeroes_in_a_zeroing_arena_reads_0);
  return harness_end();
}
