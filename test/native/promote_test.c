#include "neighbourhood.h"

static uintptr_t promote(struct arena_mark mark, uintptr_t block, size_t size, size_t align) {
  return (uintptr_t)arena_promote(&arena, mark, (void *)block, size, align);
}

/* Bytes 0, 1, 2, ... so that a shifted copy shows. */
static void count_up(uintptr_t block, size_t size) {
  for (size_t i = 0; i < size; i++) ((unsigned char *)block)[i] = (unsigned char)(i * 7);
}

static bool counts_up(uintptr_t block, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (((unsigned char *)block)[i] != (unsigned char)(i * 7)) return false;
  }
  return true;
}

static void a_promoted_block_moves_to_where_its_scope_began(void) {
  set_up();
  uintptr_t before = alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  alloc(1000, 1, 2);
  uintptr_t block = alloc(50, 1, 3);
  count_up(block, 50);
  EXPECT(promote(mark, block, 50, 1) == mark.position);
  EXPECT(counts_up(mark.position, 50) && reads(before, 100, 1));
  EXPECT(arena_used(&arena) == 150 && arena.mark == 0);
  SOUND();
}

static void a_promoted_block_that_is_there_already_stays(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(50, 1, 3);
  alloc(1000, 1, 2);
  count_up(block, 50);
  EXPECT(promote(mark, block, 50, 1) == block && counts_up(block, 50));
  EXPECT(arena_used(&arena) == 150);
}

static void a_promoted_block_may_overlap_its_new_place(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  alloc(10, 1, 2);
  uintptr_t block = alloc(500, 1, 3);
  count_up(block, 500);
  EXPECT(promote(mark, block, 500, 1) == mark.position && counts_up(mark.position, 500));
  SOUND();
}

static void a_promoted_block_is_aligned(void) {
  set_up();
  alloc(3, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  alloc(10, 1, 2);
  uintptr_t block = alloc(500, 64, 3);
  count_up(block, 500);
  uintptr_t moved = promote(mark, block, 500, 64);
  EXPECT(moved == align_up(mark.position, 64) && counts_up(moved, 500));
  EXPECT(arena.cursor == moved + 500);
  SOUND();
}

static void a_part_of_a_block_can_be_promoted(void) {
  set_up();
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(500, 64, 3);
  count_up(block, 500);
  EXPECT(promote(mark, block + 256, 100, 8) == arena.base); /* 256 * 7 is 0 in a byte */
  EXPECT(counts_up(arena.base, 100) && arena_used(&arena) == 100);
}

static void a_promoted_block_may_have_a_bigger_alignment_than_it_had(void) {
  for (size_t align = 2; align <= ARENA_ALIGN_MAX; align *= 2) {
    set_up();
    alloc(3, 1, 1);
    struct arena_mark mark = arena_mark(&arena);
    alloc(align - (arena.cursor & (align - 1)) + 1, 1, 2);
    uintptr_t block = alloc(500, 1, 3);
    EXPECT(block % align == 1);
    count_up(block, 500);
    uintptr_t moved = promote(mark, block, 500, align);
    EXPECT(moved == align_up(mark.position, align) && counts_up(moved, 500));
    EXPECT(arena.cursor == moved + 500 && arena.mark == 0);
    SOUND();
  }
}

static void nothing_can_be_promoted(void) {
  set_up();
  alloc(3, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(500, 1, 3);
  EXPECT(promote(mark, block, 0, 1) == mark.position && arena_used(&arena) == 3);
  mark = arena_mark(&arena);
  EXPECT(promote(mark, arena.cursor, 0, 16) == align_up(mark.position, 16));
  SOUND();
}

static void a_block_in_a_later_chunk_comes_home_to_the_mark(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  uintptr_t block = alloc(50, 1, 3);
  count_up(block, 50);
  EXPECT(promote(mark, block, 50, 1) == mark.position && counts_up(mark.position, 50));
  EXPECT(arena_used(&arena) == 150 && chunks_held() == 2 && arena.spare);
  SOUND();
}

static void a_block_several_chunks_later_comes_home_to_the_mark(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  for (size_t i = 0; i < 5; i++) {
    fence_in();
    alloc(left() + 1, 1, 2);
  }
  uintptr_t block = alloc(500, 1, 3);
  count_up(block, 500);
  EXPECT(promote(mark, block, 500, 1) == mark.position && counts_up(mark.position, 500));
  EXPECT(chunks_held() == 2);
  SOUND();
}

static void where_home_has_no_room_a_block_goes_to_the_first_chunk_that_has(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  size_t size = left() + 1; /* the first place with so much room is the next chunk's start */
  uintptr_t there = alloc(size, 1, 2);
  alloc(300, 1, 2);
  fence_in();
  alloc(left() + 1, 1, 2);
  uintptr_t block = alloc(size, 1, 3);
  count_up(block, size);
  EXPECT(promote(mark, block, size, 1) == there && counts_up(there, size));
  EXPECT(arena_used(&arena) == 100 + size && arena.mark == 0);
  SOUND();
}

static void where_no_chunk_before_has_room_a_block_moves_to_the_start_of_its_own(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  fence_in();
  alloc(left() + 10, 1, 2);
  uintptr_t block = alloc(20000, 1, 3);
  uintptr_t start = arena.start;
  count_up(block, 20000);
  EXPECT(promote(mark, block, 20000, 1) == start && counts_up(start, 20000));
  EXPECT(arena_used(&arena) == 20100);
  SOUND();
}

static void a_promotion_takes_no_memory(void) {
  set_up_fixed(4);
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(left() + 1, 1, 2);
  size_t size = arena.cursor - block;
  take_all();
  count_up(block, size);
  uintptr_t moved = promote(mark, block, size, 1);
  EXPECT(moved == block && counts_up(moved, size));
  SOUND();
}

static void a_mark_in_an_empty_arena_promotes_to_the_base(void) {
  set_up();
  struct arena_mark mark = arena_mark(&arena);
  alloc(100, 1, 1);
  fence_in();
  alloc(left() + 1, 1, 1);
  uintptr_t block = alloc(50, 1, 1);
  count_up(block, 50);
  EXPECT(promote(mark, block, 50, 8) == arena.base && counts_up(arena.base, 50));
  EXPECT(arena_used(&arena) == 50 && arena.mark == 0);
  SOUND();
}

static void a_promotion_out_of_an_inner_scope_leaves_the_outer_one_open(void) {
  set_up();
  alloc(10, 1, 1);
  struct arena_mark outer = arena_mark(&arena);
  alloc(10, 1, 2);
  struct arena_mark inner = arena_mark(&arena);
  alloc(10, 1, 2);
  uintptr_t block = alloc(10, 1, 3);
  EXPECT(promote(inner, block, 10, 1) == inner.position && arena.mark == outer.position);
  arena_release(&arena, outer);
  EXPECT(arena_used(&arena) == 10 && arena.mark == 0);
}

static void a_promotion_out_of_an_outer_scope_closes_the_inner_one(void) {
  set_up();
  struct arena_mark outer = arena_mark(&arena);
  alloc(10, 1, 2);
  arena_mark(&arena);
  uintptr_t block = alloc(10, 1, 3);
  EXPECT(promote(outer, block, 10, 1) == arena.base && arena.mark == 0);
}

static void out_of_memory_leaves_scope_and_block_as_they_were(void) {
  set_up_fixed(4);
  alloc(101, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  size_t size = left();
  uintptr_t block = alloc(size, 1, 3);
  count_up(block, size);
  take_all();
  struct arena before = state_of(&arena);
  EXPECT(block % 16 && !promote(mark, block, size, 16)); /* padding leaves no room for it */
  EXPECT(same_state(&arena, before) && counts_up(block, size));
  SOUND();
  EXPECT(promote(mark, block, size, 1) == mark.position);
}

static void out_of_memory_in_a_later_chunk_leaves_scope_and_block_as_they_were(void) {
  set_up_fixed(4);
  alloc(101, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  fence_in();
  alloc(left() + 1, 1, 2);
  fence_in();
  alloc(left(), 1, 2);
  uintptr_t block = arena.start + 1;
  size_t size = arena.cursor - block;
  count_up(block, size);
  take_all();
  struct arena before = state_of(&arena);
  EXPECT(!promote(mark, block, size, ARENA_ALIGN_MAX));
  EXPECT(same_state(&arena, before) && counts_up(block, size));
  SOUND();
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 101 && reads(arena.base, 101, 1));
  SOUND();
}

static void a_limit_that_leaves_no_room_for_padding_leaves_scope_and_block(void) {
  set_up_fixed(4);
  alloc(1, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(99, 1, 3);
  count_up(block, 99);
  take_all(); /* so that there is no other chunk, where no padding would be needed */
  arena.most = 100;
  arena.limit = arena.cursor;
  struct arena before = state_of(&arena);
  EXPECT(!promote(mark, block, 99, 2));
  EXPECT(same_state(&arena, before) && counts_up(block, 99));
  SOUND();
}

static void a_full_limit_lets_a_block_be_promoted(void) {
  set_up_with(1000, false);
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  alloc(400, 1, 2);
  uintptr_t block = alloc(500, 1, 3);
  count_up(block, 500);
  EXPECT(promote(mark, block, 500, 1) == mark.position && counts_up(mark.position, 500));
  EXPECT(arena_used(&arena) == 600);
  SOUND();
}

static void a_block_that_fills_the_limit_is_promoted_where_it_is(void) {
  set_up_with(150, false);
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(50, 1, 3);
  EXPECT(promote(mark, block, 50, 1) == block && chunks_held() == 1);
  EXPECT(arena_used(&arena) == 150);
  SOUND();
}

static void a_full_limit_lets_a_block_be_promoted_that_home_has_no_room_for(void) {
  set_up_with(SIZE_MAX, false);
  alloc(1, 1, 1);
  fence_in();
  alloc(left() - 15, 1, 1); /* 15 bytes of padding, if a block that is too big were to go there */
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(100, 16, 3);
  EXPECT(block == arena.start);
  count_up(block, 100);
  arena.most = arena_used(&arena);
  uintptr_t moved = promote(mark, block, 100, 16);
  EXPECT(moved == block && counts_up(block, 100));
  EXPECT(arena_used(&arena) == arena.most && arena.mark == 0);
  SOUND();
}

static void a_full_limit_lets_a_block_be_promoted_that_padding_keeps_from_home(void) {
  set_up_with(SIZE_MAX, false);
  alloc(1, 1, 1);
  fence_in();
  alloc(left() - 131, 1, 1); /* home has room for padding and block, the limit has not */
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t large = alloc(200, 16, 3);
  EXPECT(large == arena.start);
  EXPECT(arena_realloc(&arena, (void *)large, 200, 100, 16) == (void *)large);
  count_up(large, 100);
  arena.most = arena_used(&arena);
  arena.limit = arena.cursor;
  uintptr_t moved = promote(mark, large, 100, 16);
  EXPECT(moved && counts_up(moved, 100) && arena_used(&arena) <= arena.most);
  SOUND();
}

static void a_promotion_in_a_zeroing_arena_keeps_the_block_and_the_promise(void) {
  set_up_with(SIZE_MAX, true);
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  uintptr_t block = alloc(400, 1, 3);
  count_up(block, 400);
  EXPECT(promote(mark, block, 400, 1) == mark.position && counts_up(mark.position, 400));
  SOUND();
  uintptr_t next = (uintptr_t)arena_alloc(&arena, left() + 1000, 1);
  EXPECT(reads(next, arena.cursor - next, 0));
  SOUND();
}

int main(void) {
  CLAIM(a_promoted_block_moves_to_where_its_scope_began);
  CLAIM(a_promoted_block_that_is_there_already_stays);
  CLAIM(a_promoted_block_may_overlap_its_new_place);
  CLAIM(a_promoted_block_is_aligned);
  CLAIM(a_part_of_a_block_can_be_promoted);
  CLAIM(a_promoted_block_may_have_a_bigger_alignment_than_it_had);
  CLAIM(nothing_can_be_promoted);
  CLAIM(a_block_in_a_later_chunk_comes_home_to_the_mark);
  CLAIM(a_block_several_chunks_later_comes_home_to_the_mark);
  CLAIM(where_home_has_no_room_a_block_goes_to_the_first_chunk_that_has);
  CLAIM(where_no_chunk_before_has_room_a_block_moves_to_the_start_of_its_own);
  CLAIM(a_promotion_takes_no_memory);
  CLAIM(a_mark_in_an_empty_arena_promotes_to_the_base);
  CLAIM(a_promotion_out_of_an_inner_scope_leaves_the_outer_one_open);
  CLAIM(a_promotion_out_of_an_outer_scope_closes_the_inner_one);
  CLAIM(out_of_memory_leaves_scope_and_block_as_they_were);
  CLAIM(out_of_memory_in_a_later_chunk_leaves_scope_and_block_as_they_were);
  CLAIM(a_limit_that_leaves_no_room_for_padding_leaves_scope_and_block);
  CLAIM(a_full_limit_lets_a_block_be_promoted);
  CLAIM(a_block_that_fills_the_limit_is_promoted_where_it_is);
  CLAIM(a_full_limit_lets_a_block_be_promoted_that_home_has_no_room_for);
  CLAIM(a_full_limit_lets_a_block_be_promoted_that_padding_keeps_from_home);
  CLAIM(a_promotion_in_a_zeroing_arena_keeps_the_block_and_the_promise);
  return harness_end();
}
