#include "neighbourhood.h"

static uintptr_t grow(uintptr_t block, size_t old_size, size_t new_size, size_t align) {
  return (uintptr_t)arena_realloc(&arena, (void *)block, old_size, new_size, align);
}

static void nothing_is_allocated_anew(void) {
  set_up();
  uintptr_t block = grow(0, 0, 10, 8);
  EXPECT(block == arena.base && arena_used(&arena) == 10);
  EXPECT(grow(block, 0, 10, 1) == block + 10);
  EXPECT(grow(block, 0, 0, 1) == block + 20);
  SOUND();
}

static void nothing_of_some_size_is_allocated_anew(void) {
  set_up_with(SIZE_MAX, true);
  uintptr_t block = grow(0, 5, 10, 8);
  EXPECT(block == arena.base && reads(block, 10, 0));
}

static void the_same_size_stays(void) {
  set_up();
  uintptr_t block = alloc(10, 1, 1);
  EXPECT(grow(block, 10, 10, 1) == block && arena_used(&arena) == 10);
}

static void the_last_block_shrinks_and_gives_its_tail_back(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  EXPECT(grow(block, 100, 40, 8) == block && arena_used(&arena) == 40);
  EXPECT(alloc(10, 1, 2) == block + 40 && reads(block, 40, 1));
  SOUND();
}

static void the_last_block_shrinks_to_nothing(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  EXPECT(grow(block, 100, 0, 8) == block && arena_used(&arena) == 0);
}

static void another_block_shrinks_and_gives_nothing_back(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  alloc(10, 1, 2);
  EXPECT(grow(block, 100, 40, 8) == block && arena_used(&arena) == 110);
}

static void a_block_in_an_older_chunk_shrinks_and_gives_nothing_back(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  fence_in();
  alloc(left() + 1, 1, 2);
  size_t used = arena_used(&arena);
  EXPECT(grow(block, 100, 40, 8) == block && arena_used(&arena) == used);
  SOUND();
}

static void shrinking_needs_no_memory(void) {
  set_up_fixed(2);
  uintptr_t block = alloc(100, 8, 1);
  take_all();
  EXPECT(grow(block, 100, 40, 8) == block);
  SOUND();
}

static void the_last_block_grows_in_place(void) {
  set_up();
  alloc(10, 1, 1);
  uintptr_t block = alloc(10, 8, 2);
  EXPECT(grow(block, 10, 500, 8) == block && arena.cursor == block + 500);
  EXPECT(reads(block, 10, 2));
  SOUND();
}

static void the_last_block_grows_in_place_over_the_end_of_its_chunk(void) {
  set_up();
  uintptr_t block = alloc(10, 8, 2);
  EXPECT(grow(block, 10, 30000, 8) == block && chunks_held() == 1);
  EXPECT(grow(block, 30000, 20 * MEMORY_PAGE, 8) == block && chunks.memory.grows == 1);
  EXPECT(reads(block, 10, 2));
  SOUND();
}

static void the_last_block_grows_in_place_into_a_free_neighbour(void) {
  set_up();
  uintptr_t block = alloc(10, 8, 2);
  struct arena *neighbour = fence_in();
  EXPECT(arena_alloc(neighbour, 8000, 1));
  struct arena *last = &neighbours[neighbours_count++];
  arena_init(last, chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_reserve(last, 1));
  arena_free(neighbour);
  EXPECT(grow(block, 10, 6000, 8) == block && reads(block, 10, 2));
  SOUND();
}

static void a_fenced_in_last_block_moves_and_its_place_is_given_back(void) {
  set_up();
  uintptr_t before = alloc(10, 8, 1);
  uintptr_t block = alloc(100, 1, 2);
  fence_in();
  uintptr_t moved = grow(block, 100, 5000, 1);
  EXPECT(moved != block && moved == arena.start && reads(moved, 100, 2) && reads(before, 10, 1));
  EXPECT(arena_used(&arena) == 10 + 5000);
  SOUND();
}

static void another_block_is_copied(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  alloc(10, 1, 2);
  uintptr_t moved = grow(block, 100, 200, 8);
  EXPECT(moved == block + 112 && reads(moved, 100, 1) && reads(block, 100, 1));
  SOUND();
}

static void a_block_in_an_older_chunk_is_copied(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  fence_in();
  alloc(left() + 1, 1, 2);
  uintptr_t cursor = arena.cursor;
  EXPECT(grow(block, 100, 200, 1) == cursor && reads(cursor, 100, 1));
  SOUND();
}

static void a_block_at_the_end_of_an_older_chunk_is_copied(void) {
  set_up();
  alloc(100, 8, 1);
  fence_in();
  size_t size = left();
  uintptr_t block = alloc(size, 1, 2);
  alloc(1, 1, 3);
  uintptr_t moved = grow(block, size, size + 10, 1);
  EXPECT(moved >= arena.start && moved < arena.cursor && reads(moved, size, 2));
  SOUND();
}

static void a_misaligned_block_is_copied(void) {
  set_up();
  alloc(1, 1, 1);
  uintptr_t block = alloc(20, 1, 2);
  uintptr_t moved = grow(block, 20, 30, 16);
  EXPECT(moved % 16 == 0 && moved >= block + 20 && reads(moved, 20, 2));
  SOUND();
}

static void a_misaligned_block_is_copied_when_it_shrinks(void) {
  set_up();
  alloc(1, 1, 1);
  uintptr_t block = alloc(20, 1, 2);
  uintptr_t moved = grow(block, 20, 10, 16);
  EXPECT(moved % 16 == 0 && moved >= block + 20 && reads(moved, 10, 2));
  EXPECT(arena.cursor == moved + 10);
}

static void a_last_block_from_before_the_mark_does_not_give_its_tail_back(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  struct arena_mark mark = arena_mark(&arena);
  EXPECT(grow(block, 100, 40, 8) == block && arena_used(&arena) == 100);
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 100);
  SOUND();
}

static void a_last_block_from_before_the_mark_is_copied(void) {
  set_up();
  uintptr_t block = alloc(100, 8, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t moved = grow(block, 100, 200, 1);
  EXPECT(moved == block + 100 && reads(moved, 100, 1));
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 100 && reads(block, 100, 1));
}

static void a_last_block_that_began_at_the_mark_grows_in_place(void) {
  set_up();
  alloc(100, 8, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(100, 1, 2);
  EXPECT(block == mark.position && grow(block, 100, 200, 1) == block);
  EXPECT(grow(block, 200, 50, 1) == block && arena_used(&arena) == 150);
}

static void a_mark_in_an_older_chunk_does_not_keep_the_last_block_from_growing(void) {
  set_up();
  alloc(100, 8, 1);
  arena_mark(&arena);
  fence_in();
  uintptr_t block = alloc(left() + 1, 1, 2);
  size_t size = arena.cursor - block;
  EXPECT(grow(block, size, size + 10, 1) == block);
  SOUND();
}

static void a_mark_in_an_older_chunk_at_a_higher_address_does_not_either(void) {
  set_up();
  struct arena *low = &neighbours[neighbours_count++];
  arena_init(low, chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_reserve(low, 8000));
  alloc(2000, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  arena_free(low);
  uintptr_t block = alloc(left() + 100, 1, 2);
  EXPECT(block < mark.position);
  size_t size = arena.cursor - block;
  EXPECT(grow(block, size, size + 10, 1) == block);
  EXPECT(grow(block, size + 10, 50, 1) == block && arena.cursor == block + 50);
  SOUND();
}

static void a_mark_opened_without_a_chunk_does_not_keep_the_last_block_from_growing(void) {
  set_up();
  arena_mark(&arena);
  uintptr_t block = alloc(100, 1, 2);
  EXPECT(grow(block, 100, 200, 1) == block);
}

static void moving_a_last_block_leaves_an_older_mark_where_it_was(void) {
  set_up();
  alloc(10, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(100, 1, 2);
  fence_in();
  grow(block, 100, 5000, 1);
  SOUND();
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 10);
  SOUND();
}

static void a_refused_growth_leaves_the_last_block_intact(void) {
  set_up();
  alloc(10, 1, 1);
  uintptr_t block = alloc(100, 1, 2);
  struct arena before = state_of(&arena);
  host.refuse_above = 0;
  EXPECT(!grow(block, 100, 20 * MEMORY_PAGE, 1));
  EXPECT(!grow(block, 100, SIZE_MAX, 1));
  EXPECT(same_state(&arena, before) && reads(block, 100, 2));
  SOUND();
}

static void a_refused_growth_leaves_another_block_intact(void) {
  set_up();
  uintptr_t block = alloc(100, 1, 2);
  alloc(10, 1, 1);
  struct arena before = state_of(&arena);
  host.refuse_above = 0;
  EXPECT(!grow(block, 100, 20 * MEMORY_PAGE, 1));
  EXPECT(!grow(block + 1, 99, 20 * MEMORY_PAGE, 16));
  EXPECT(same_state(&arena, before) && reads(block, 100, 2));
  SOUND();
}

static void a_limit_counts_the_last_block_once(void) {
  set_up_with(1000, false);
  uintptr_t block = alloc(600, 1, 2);
  struct arena before = state_of(&arena);
  EXPECT(!grow(block, 600, 1001, 1));
  EXPECT(chunks.memory.refusal == REFUSED_BY_LIMIT && same_state(&arena, before));
  EXPECT(grow(block, 600, 1000, 1) == block);
  SOUND();
}

static void a_limit_counts_a_moved_last_block_once(void) {
  set_up_with(6000, false);
  uintptr_t block = alloc(600, 1, 2);
  fence_in();
  EXPECT(!grow(block, 600, 6001, 1));
  uintptr_t moved = grow(block, 600, 6000, 1);
  EXPECT(moved && moved != block && reads(moved, 600, 2) && arena_used(&arena) == 6000);
  SOUND();
}

static void a_limit_counts_a_copied_block_twice(void) {
  set_up_with(1000, false);
  uintptr_t block = alloc(400, 1, 2);
  alloc(100, 1, 1);
  EXPECT(!grow(block, 400, 501, 1));
  EXPECT(grow(block, 400, 500, 1) == block + 500);
  SOUND();
}

static void the_high_water_mark_knows_a_block_that_shrank(void) {
  set_up();
  uintptr_t block = alloc(600, 1, 2);
  grow(block, 600, 10, 1);
  EXPECT(high_water(&arena) == 600);
  alloc(100, 1, 1);
  EXPECT(high_water(&arena) == 600);
}

int main(void) {
  CLAIM(nothing_is_allocated_anew);
  CLAIM(nothing_of_some_size_is_allocated_anew);
  CLAIM(the_same_size_stays);
  CLAIM(the_last_block_shrinks_and_gives_its_tail_back);
  CLAIM(the_last_block_shrinks_to_nothing);
  CLAIM(another_block_shrinks_and_gives_nothing_back);
  CLAIM(a_block_in_an_older_chunk_shrinks_and_gives_nothing_back);
  CLAIM(shrinking_needs_no_memory);
  CLAIM(the_last_block_grows_in_place);
  CLAIM(the_last_block_grows_in_place_over_the_end_of_its_chunk);
  CLAIM(the_last_block_grows_in_place_into_a_free_neighbour);
  CLAIM(a_fenced_in_last_block_moves_and_its_place_is_given_back);
  CLAIM(another_block_is_copied);
  CLAIM(a_block_in_an_older_chunk_is_copied);
  CLAIM(a_block_at_the_end_of_an_older_chunk_is_copied);
  CLAIM(a_misaligned_block_is_copied);
  CLAIM(a_misaligned_block_is_copied_when_it_shrinks);
  CLAIM(a_last_block_from_before_the_mark_does_not_give_its_tail_back);
  CLAIM(a_last_block_from_before_the_mark_is_copied);
  CLAIM(a_last_block_that_began_at_the_mark_grows_in_place);
  CLAIM(a_mark_in_an_older_chunk_does_not_keep_the_last_block_from_growing);
  CLAIM(a_mark_in_an_older_chunk_at_a_higher_address_does_not_either);
  CLAIM(a_mark_opened_without_a_chunk_does_not_keep_the_last_block_from_growing);
  CLAIM(moving_a_last_block_leaves_an_older_mark_where_it_was);
  CLAIM(a_refused_growth_leaves_the_last_block_intact);
  CLAIM(a_refused_growth_leaves_another_block_intact);
  CLAIM(a_limit_counts_the_last_block_once);
  CLAIM(a_limit_counts_a_moved_last_block_once);
  CLAIM(a_limit_counts_a_copied_block_twice);
  CLAIM(the_high_water_mark_knows_a_block_that_shrank);
  return harness_end();
}
