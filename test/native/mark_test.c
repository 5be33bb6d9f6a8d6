#include "neighbourhood.h"

static void release_gives_back_what_came_after_the_mark(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(100, 1, 2);
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 100 && arena.mark == 0);
  EXPECT(alloc(100, 1, 3) == block);
  SOUND();
}

static void releasing_an_outer_mark_closes_the_inner_ones(void) {
  set_up();
  struct arena_mark outer = arena_mark(&arena);
  alloc(10, 1, 1);
  arena_mark(&arena);
  alloc(10, 1, 2);
  arena_mark(&arena);
  arena_release(&arena, outer);
  EXPECT(arena_used(&arena) == 0 && arena.mark == 0);
  SOUND();
}

static void releasing_an_inner_mark_leaves_the_outer_one_open(void) {
  set_up();
  alloc(10, 1, 1);
  struct arena_mark outer = arena_mark(&arena);
  alloc(10, 1, 2);
  struct arena_mark inner = arena_mark(&arena);
  EXPECT(arena.mark == inner.position);
  alloc(10, 1, 3);
  arena_release(&arena, inner);
  EXPECT(arena_used(&arena) == 20 && arena.mark == outer.position);
  arena_release(&arena, outer);
  EXPECT(arena_used(&arena) == 10 && arena.mark == 0);
}

static void a_mark_in_an_empty_arena_gives_everything_back(void) {
  set_up();
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t base = alloc(100, 1, 1);
  fence_in();
  alloc(2000, 1, 2);
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 0 && arena.base == base && arena.start == base);
  SOUND();
  EXPECT(alloc(10, 1, 3) == base);
}

static void a_mark_in_an_empty_arena_that_stayed_empty_is_released(void) {
  set_up();
  struct arena_mark outer = arena_mark(&arena);
  struct arena_mark inner = arena_mark(&arena);
  arena_release(&arena, inner);
  arena_release(&arena, outer);
  EXPECT(arena.mark == 0 && arena.start == 1);
  SOUND();
}

static void a_release_over_chunk_edges_goes_back_to_where_the_mark_was(void) {
  set_up();
  alloc(700, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  for (size_t i = 0; i < 8; i++) {
    fence_in();
    alloc(left() + 1, 1, 2);
  }
  EXPECT(chunks_held() == 9);
  arena_release(&arena, mark);
  EXPECT(arena.start == arena.base && arena_used(&arena) == 700 && arena.settled == 0);
  EXPECT(reads(arena.base, 700, 1));
  SOUND();
}

static void a_release_into_the_middle_of_several_chunks_keeps_the_older_ones(void) {
  set_up();
  struct arena_mark marks[5];
  size_t used[5];
  for (size_t i = 0; i < 5; i++) {
    alloc(100, 1, (int)i);
    marks[i] = arena_mark(&arena);
    used[i] = arena_used(&arena);
    fence_in();
    alloc(left() + 1, 1, (int)i);
  }
  for (size_t i = 5; i-- > 0;) {
    arena_release(&arena, marks[i]);
    EXPECT(arena_used(&arena) == used[i]);
    SOUND();
  }
}

static void a_release_keeps_one_chunk_as_a_spare(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  for (size_t i = 0; i < 4; i++) {
    fence_in();
    alloc(left() + 1, 1, 2);
  }
  arena_release(&arena, mark);
  EXPECT(chunks_held() == 2 && arena.spare && !arena.spare->next);
  SOUND();
}

static void a_release_in_one_chunk_takes_no_spare_away(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  arena_release(&arena, mark);
  struct chunk *spare = arena.spare;
  mark = arena_mark(&arena);
  alloc(1, 1, 3);
  arena_release(&arena, mark);
  EXPECT(arena.spare == spare && spare);
}

static void a_spare_is_used_before_a_new_chunk_is_taken(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t there = alloc(left() + 1, 1, 2);
  arena_release(&arena, mark);
  size_t live = chunks_live(&chunks);
  EXPECT(alloc(left() + 1, 1, 3) == there);
  EXPECT(chunks_live(&chunks) == live && !arena.spare);
  SOUND();
}

static void a_spare_that_is_too_small_stays_a_spare(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  fence_in();
  arena_release(&arena, mark);
  struct chunk *spare = arena.spare;
  alloc(20000, 1, 3);
  EXPECT(arena.spare == spare && arena.start != chunk_start(spare));
  SOUND();
  arena_release(&arena, mark);
  EXPECT(chunks_held() == 2);
  SOUND();
}

static void a_spare_whose_padding_passes_the_limit_stays_a_spare(void) {
  set_up();
  uintptr_t base = alloc(0, 1, 0);
  alloc(align_up(base, 1024) - base, 1, 1); /* no padding here, but no room either */
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t there = alloc(left() + 5000, 1, 2);
  fence_in();
  arena_release(&arena, mark);
  size_t padding = align_up(there, 1024) - there;
  size_t size = left() + 2000;
  EXPECT(padding > 0);
  arena.most = arena_used(&arena) + size + padding - 1;
  struct chunk *spare = arena.spare;
  arena_alloc(&arena, size, 1024);
  EXPECT(arena.spare == spare && arena_used(&arena) <= arena.most);
  SOUND();
}

static void a_scope_at_the_edge_of_a_chunk_does_not_thrash(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  alloc(left() - 8, 1, 1);
  uintptr_t first = 0;
  uintptr_t frontier = 0;
  size_t live = 0;
  for (size_t i = 0; i < 1000; i++) {
    struct arena_mark mark = arena_mark(&arena);
    uintptr_t block = alloc(100, 1, 2);
    arena_release(&arena, mark);
    if (i == 0) {
      first = block;
      frontier = chunks.memory.frontier;
      live = chunks_live(&chunks);
    }
    EXPECT(block == first && chunks.memory.frontier == frontier);
    EXPECT(chunks_live(&chunks) == live && chunks_held() == 2);
  }
  SOUND();
}

static void a_scope_is_refused_nothing_by_the_one_before(void) {
  set_up_with(10000, false);
  for (size_t i = 0; i < 100; i++) {
    struct arena_mark mark = arena_mark(&arena);
    alloc(5000, 16, 1);
    if (i == 0) fence_in();
    alloc(5000 - arena_used(&arena) % 5000, 1, 1);
    EXPECT(arena_used(&arena) == 10000 && !arena_alloc(&arena, 1, 1));
    arena_release(&arena, mark);
    SOUND();
  }
}

static void an_arena_holds_its_blocks_and_nothing_else(void) {
  set_up();
  EXPECT(!arena_holds(&arena, 0, 1, 0));
  uintptr_t old = alloc(100, 1, 1);
  struct arena *neighbour = fence_in();
  uintptr_t new = alloc(left() + 10, 1, 1);
  size_t size = arena.cursor - new;
  EXPECT(arena_holds(&arena, 0, old, 100) && arena_holds(&arena, 0, old + 99, 1));
  EXPECT(arena_holds(&arena, 0, new, size) && arena_holds(&arena, 0, new + size, 0));
  EXPECT(!arena_holds(&arena, 0, old, 101) && !arena_holds(&arena, 0, old - 1, 1));
  EXPECT(!arena_holds(&arena, 0, new, size + 1) && !arena_holds(&arena, 0, new, SIZE_MAX));
  EXPECT(!arena_holds(&arena, 0, old, SIZE_MAX) && !arena_holds(&arena, 0, 0, 0));
  EXPECT(!arena_holds(&arena, 0, neighbour->start, 0));
}

static void behind_a_mark_an_arena_holds_only_what_came_after(void) {
  set_up();
  uintptr_t before = alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t after = alloc(50, 1, 1);
  fence_in();
  uintptr_t there = alloc(left() + 10, 1, 1);
  EXPECT(!arena_holds(&arena, mark.position, before, 100));
  EXPECT(!arena_holds(&arena, mark.position, after - 1, 1));
  EXPECT(arena_holds(&arena, mark.position, after, 50));
  EXPECT(arena_holds(&arena, mark.position, there, 10));
  struct arena_mark inner = arena_mark(&arena);
  EXPECT(!arena_holds(&arena, inner.position, after, 50));
  EXPECT(!arena_holds(&arena, inner.position, there, 10));
  EXPECT(arena_holds(&arena, inner.position, arena.cursor, 0));
}

static void behind_a_mark_an_arena_holds_what_came_after_at_a_lower_address(void) {
  set_up();
  arena_init(&neighbours[neighbours_count++], chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_reserve(&neighbours[0], 5000));
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  fence_in();
  arena_free(&neighbours[0]);
  uintptr_t there = alloc(left() + 10, 1, 1);
  EXPECT(there < mark.position && arena_holds(&arena, mark.position, there, 10));
  SOUND();
}

static void behind_a_mark_in_an_empty_arena_it_holds_everything(void) {
  set_up();
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t block = alloc(100, 1, 1);
  EXPECT(arena_holds(&arena, mark.position, block, 100));
  EXPECT(!arena_holds(&arena, mark.position, block, 101));
}

int main(void) {
  CLAIM(release_gives_back_what_came_after_the_mark);
  CLAIM(releasing_an_outer_mark_closes_the_inner_ones);
  CLAIM(releasing_an_inner_mark_leaves_the_outer_one_open);
  CLAIM(a_mark_in_an_empty_arena_gives_everything_back);
  CLAIM(a_mark_in_an_empty_arena_that_stayed_empty_is_released);
  CLAIM(a_release_over_chunk_edges_goes_back_to_where_the_mark_was);
  CLAIM(a_release_into_the_middle_of_several_chunks_keeps_the_older_ones);
  CLAIM(a_release_keeps_one_chunk_as_a_spare);
  CLAIM(a_release_in_one_chunk_takes_no_spare_away);
  CLAIM(a_spare_is_used_before_a_new_chunk_is_taken);
  CLAIM(a_spare_that_is_too_small_stays_a_spare);
  CLAIM(a_spare_whose_padding_passes_the_limit_stays_a_spare);
  CLAIM(a_scope_at_the_edge_of_a_chunk_does_not_thrash);
  CLAIM(a_scope_is_refused_nothing_by_the_one_before);
  CLAIM(an_arena_holds_its_blocks_and_nothing_else);
  CLAIM(behind_a_mark_an_arena_holds_only_what_came_after);
  CLAIM(behind_a_mark_an_arena_holds_what_came_after_at_a_lower_address);
  CLAIM(behind_a_mark_in_an_empty_arena_it_holds_everything);
  return harness_end();
}
