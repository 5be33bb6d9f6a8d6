#include "neighbourhood.h"

static void pointers_are_base_then_16_then_26_then_base_again(void) {
  set_up();
  uintptr_t base = alloc(10, 1, 1);
  EXPECT(base == arena.base && base % 16 == 0);
  EXPECT(alloc(10, 8, 2) == base + 16);
  EXPECT(alloc(10, 1, 3) == base + 26);
  SOUND();
  arena_reset(&arena);
  EXPECT(alloc(10, 1, 4) == base);
  SOUND();
}

static void an_arena_without_a_chunk_costs_no_memory(void) {
  set_up();
  EXPECT(chunks_live(&chunks) == 0 && arena.capacity == 0 && arena.base == 0);
  SOUND();
}

static void every_alignment_is_honoured(void) {
  set_up();
  for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) {
    alloc(1, align, 1);
    alloc(3, align, 2);
    SOUND();
  }
}

static void every_alignment_is_honoured_by_a_first_block(void) {
  for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) {
    set_up();
    alloc(3, align, 1);
    SOUND();
  }
}

static void padding_counts_as_used(void) {
  set_up();
  alloc(1, 1, 1);
  alloc(1, 64, 1);
  EXPECT(arena_used(&arena) == arena.cursor - arena.base);
  EXPECT(arena_used(&arena) > 2);
}

static void zero_bytes_give_a_valid_aligned_address(void) {
  set_up();
  uintptr_t base = alloc(0, 1, 0);
  EXPECT(base == arena.base && arena_used(&arena) == 0);
  EXPECT(alloc(0, 8, 0) == base);
  alloc(1, 1, 1);
  EXPECT(alloc(0, 1, 0) == base + 1 && arena_used(&arena) == 1);
  EXPECT(alloc(0, 16, 0) == base + 16 && arena_used(&arena) == 16);
  SOUND();
}

static void zero_bytes_at_the_end_of_a_full_chunk_need_no_other(void) {
  set_up();
  alloc(16, 1, 1);
  fence_in();
  alloc(left(), 1, 1);
  alloc(0, 1, 1);
  EXPECT(chunks_held() == 1);
  SOUND();
}

static void what_fits_below_the_limit_takes_no_slow_path(void) {
  set_up();
  alloc(10, 1, 1);
  chunks.memory.refusal = 0; /* which a slow path sets first */
  alloc(10, 8, 1);
  alloc(arena.limit - arena.cursor, 1, 1);
  alloc(0, 1, 1);
  EXPECT(chunks.memory.refusal == 0);
  alloc(1, 1, 1);
  EXPECT(chunks.memory.refusal != 0);
}

static void pointers_go_on_without_a_gap_through_any_growth(void) {
  set_up();
  uintptr_t next = alloc(100, 1, 1);
  for (size_t i = 0; i < 3000; i++) {
    next += 100 + i;
    EXPECT((uintptr_t)arena_alloc(&arena, 101 + i, 1) == next);
  }
  EXPECT(chunks.memory.grows > 0 && chunks_held() == 1);
  SOUND();
}

static void behind_a_neighbour_an_arena_goes_on_in_another_chunk(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  size_t rest = left();
  uintptr_t there = alloc(rest + 1, 1, 2);
  EXPECT(there == arena.start && there != arena.base && chunks_held() == 2);
  EXPECT(arena_used(&arena) == 100 + rest + 1);
  EXPECT(reads(arena.base, 100, 1));
  SOUND();
}

static void a_skipped_tail_does_not_count_as_used(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  alloc(5000, 1, 2);
  EXPECT(arena_used(&arena) == 5100);
}

static void a_freed_neighbour_is_absorbed(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena *neighbour = fence_in();
  struct chunk *behind = chunk_of(neighbour->start);
  EXPECT(arena_alloc(neighbour, 4000, 1));
  arena_free(neighbour);
  uintptr_t end = arena.cursor;
  EXPECT(alloc(4000, 1, 2) == end && arena.cursor > (uintptr_t)behind);
  SOUND();
}

static void a_freed_neighbour_with_another_behind_is_absorbed(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena *neighbour = fence_in();
  EXPECT(arena_alloc(neighbour, 4000, 1));
  memset((void *)neighbour->base, 0xa5, 4000);
  struct arena *last = &neighbours[neighbours_count++];
  arena_init(last, chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_reserve(last, 1));
  arena_free(neighbour);
  uintptr_t end = arena.cursor;
  EXPECT(alloc(3000, 1, 2) == end && arena.base == arena.start);
  SOUND();
}

static void an_outsider_makes_an_arena_go_on_behind_its_pages(void) {
  set_up();
  alloc(100, 1, 1);
  host_outsider(2);
  EXPECT(alloc(20 * MEMORY_PAGE, 1, 2) >= host_page(18));
  EXPECT(reads(arena.base, 100, 1));
  SOUND();
}

static void an_oversized_block_does_not_inflate_the_chunks_after_it(void) {
  set_up();
  alloc(8 * MEMORY_PAGE, 1, 1);
  EXPECT(left() < 16);
  fence_in();
  alloc(100, 1, 1);
  EXPECT(chunks_held() == 2 && left() < 65536);
  SOUND();
}

static void a_big_arena_goes_on_by_64_kibibytes(void) {
  set_up();
  alloc(2 * MEMORY_PAGE, 1, 1);
  size_t capacity = arena.capacity;
  alloc(left() + 1, 1, 1);
  EXPECT(arena.capacity == capacity + MEMORY_PAGE);
}

static void a_small_arena_takes_a_small_chunk(void) {
  set_up();
  alloc(16, 1, 1);
  EXPECT(chunks_live(&chunks) <= 1024 + CHUNK_HEADER);
}

static void ten_thousand_arenas_of_a_kibibyte_take_11_mebibytes(void) {
  static struct arena many[10000];
  static struct arena *all[10000];
  host_open_chunks(&chunks, 400, 400);
  for (size_t i = 0; i < 10000; i++) {
    all[i] = &many[i];
    arena_init(all[i], chunks_allocator(&chunks), SIZE_MAX, false);
    for (size_t size = 0; size < 1024; size += 64) EXPECT(arena_alloc(all[i], 64, 8));
  }
  EXPECT(chunks.memory.frontier - chunks.first <= 11 * KIB * KIB);
  EXPECT_SOUND(check(&chunks, all, 10000));
}

static void a_reserved_capacity_is_there_at_once(void) {
  set_up();
  EXPECT(arena_reserve(&arena, 5000));
  EXPECT(arena.capacity >= 5000 && arena_used(&arena) == 0 && arena.base == arena.start);
  size_t live = chunks_live(&chunks);
  alloc(5000, 1, 1);
  EXPECT(chunks_live(&chunks) == live);
  SOUND();
}

static void a_capacity_that_can_not_be_had_leaves_the_arena_without_a_chunk(void) {
  set_up();
  struct arena before = state_of(&arena);
  EXPECT(!arena_reserve(&arena, 256 * MEMORY_PAGE));
  EXPECT(!arena_reserve(&arena, SIZE_MAX));
  EXPECT(same_state(&arena, before));
  SOUND();
}

static void a_limit_is_exact_by_one_byte(void) {
  set_up_with(100, false);
  alloc(60, 1, 1);
  struct arena before = state_of(&arena);
  EXPECT(!arena_alloc(&arena, 41, 1));
  EXPECT(chunks.memory.refusal == REFUSED_BY_LIMIT);
  EXPECT(same_state(&arena, before));
  alloc(40, 1, 1);
  EXPECT(!arena_alloc(&arena, 1, 1));
  alloc(0, 1, 1);
  SOUND();
}

static void a_limit_counts_padding(void) {
  set_up_with(32, false);
  alloc(1, 1, 1);
  EXPECT(!arena_alloc(&arena, 17, 16));
  alloc(16, 16, 1);
  EXPECT(arena_used(&arena) == 32);
  EXPECT(!arena_alloc(&arena, 1, 1));
  SOUND();
}

static void a_limit_counts_padding_before_a_first_block(void) {
  set_up_with(40000, false);
  void *block = arena_alloc(&arena, 100, 65536);
  size_t padding = align_up(chunks.first + CHUNK_HEADER, 65536) - chunks.first - CHUNK_HEADER;
  EXPECT(padding > 40000 && !block);
  EXPECT(chunks.memory.refusal == REFUSED_BY_LIMIT);
  EXPECT(chunks_live(&chunks) == 0 && arena.capacity == 0);
  SOUND();
}

static void a_limit_that_padding_passes_is_named_after_a_growth(void) {
  size_t size = 16 * MEMORY_PAGE;
  set_up_with(size + 100, false);
  EXPECT(!arena_alloc(&arena, size, 65536));
  EXPECT(chunks.memory.grows == 1 && chunks.memory.refusal == REFUSED_BY_LIMIT);
  EXPECT(chunks_live(&chunks) == 0);
  SOUND();
}

static void a_limit_of_padding_alone_leaves_no_byte(void) {
  set_up_with(15, false);
  alloc(1, 1, 1);
  EXPECT(!arena_alloc(&arena, 0, 16));
  arena_reset(&arena);
  alloc(0, 1, 1);
  alloc(15, 1, 1);
  SOUND();
}

static void a_limit_of_nothing_allows_nothing_but_nothing(void) {
  set_up_with(0, false);
  EXPECT(!arena_alloc(&arena, 1, 1));
  alloc(0, 1, 1);
  EXPECT(!arena_alloc(&arena, 1, 1));
  SOUND();
}

static void a_limit_is_exact_over_several_chunks(void) {
  set_up_with(10000, false);
  size_t asked = 0;
  for (size_t i = 0; i < 9; i++, asked += 1100) {
    alloc(1100, 1, 1);
    fence_in();
  }
  EXPECT(chunks_held() > 1 && arena_used(&arena) == asked);
  EXPECT(!arena_alloc(&arena, 10000 - asked + 1, 1));
  EXPECT(chunks.memory.refusal == REFUSED_BY_LIMIT);
  SOUND();
  alloc(10000 - asked, 1, 1);
  EXPECT(arena_used(&arena) == 10000);
  EXPECT(!arena_alloc(&arena, 1, 1));
  alloc(0, 1, 1);
  SOUND();
}

static void a_chunk_bigger_than_the_limit_holds_no_more_than_the_limit(void) {
  set_up_with(100, false);
  EXPECT(arena_reserve(&arena, 5000));
  alloc(100, 1, 1);
  EXPECT(!arena_alloc(&arena, 1, 1));
  SOUND();
}

static void sizes_near_the_address_space_are_refused(void) {
  set_up();
  EXPECT(!arena_alloc(&arena, SIZE_MAX, 1));
  EXPECT(!arena_alloc(&arena, SIZE_MAX, 65536));
  alloc(10, 1, 1);
  struct arena before = state_of(&arena);
  for (size_t less = 0; less < 200000; less += 999) {
    EXPECT(!arena_alloc(&arena, SIZE_MAX - less, 1));
    EXPECT(!arena_alloc(&arena, SIZE_MAX - less, 65536));
    EXPECT(!arena_alloc(&arena, SIZE_MAX - arena.cursor - less, 8));
    EXPECT(!arena_alloc(&arena, SIZE_MAX / 2 + less, 8));
  }
  EXPECT(same_state(&arena, before));
  SOUND();
}

static void out_of_memory_says_which_limit_it_was(void) {
  set_up();
  EXPECT(!arena_alloc(&arena, 256 * MEMORY_PAGE, 1));
  EXPECT(chunks.memory.refusal == REFUSED_BY_MAXIMUM);
  host.refuse_above = 0;
  EXPECT(!arena_alloc(&arena, 16 * MEMORY_PAGE, 1));
  EXPECT(chunks.memory.refusal == REFUSED_BY_HOST);
  SOUND();
}

static void out_of_memory_leaves_the_arena_as_it_was(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena before = state_of(&arena);
  host.refuse_above = 0;
  EXPECT(!arena_alloc(&arena, 16 * MEMORY_PAGE, 1));
  EXPECT(same_state(&arena, before));
  fence_in();
  EXPECT(!arena_alloc(&arena, 16 * MEMORY_PAGE, 1));
  EXPECT(same_state(&arena, before));
  SOUND();
  alloc(100, 1, 1);
  EXPECT(arena.start == before.start);
}

static void out_of_memory_behind_an_outsider_leaves_the_arena_as_it_was(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena before = state_of(&arena);
  host_outsider(1);
  host.refuse_above = 15; /* enough for what is missing, but not for all of it behind the pages */
  EXPECT(!arena_alloc(&arena, 30 * MEMORY_PAGE, 1));
  EXPECT(chunks.memory.frontier == host_page(17));
  EXPECT(same_state(&arena, before) && reads(arena.base, 100, 1));
  SOUND();
}

static void a_fixed_region_can_be_used_up(void) {
  set_up_fixed(2);
  size_t total = 0;
  while (arena_alloc(&arena, 1, 1)) total++;
  EXPECT(total >= 2 * MEMORY_PAGE - 1040 - 2 * CHUNK_LEAST - CHUNK_HEADER);
  EXPECT(host.asked == 0 && arena_used(&arena) == total);
  SOUND();
}

static void the_high_water_mark_is_the_most_that_was_used_at_once(void) {
  set_up();
  alloc(100, 1, 1);
  EXPECT(high_water(&arena) == 100);
  fence_in();
  alloc(2000, 1, 1);
  EXPECT(high_water(&arena) == 2100);
  arena_reset(&arena);
  EXPECT(high_water(&arena) == 2100);
  alloc(50, 1, 1);
  EXPECT(high_water(&arena) == 2100 && arena_used(&arena) == 50);
  arena_free(&arena);
  EXPECT(arena.high_water == 2100);
}

int main(void) {
  CLAIM(pointers_are_base_then_16_then_26_then_base_again);
  CLAIM(an_arena_without_a_chunk_costs_no_memory);
  CLAIM(every_alignment_is_honoured);
  CLAIM(every_alignment_is_honoured_by_a_first_block);
  CLAIM(padding_counts_as_used);
  CLAIM(zero_bytes_give_a_valid_aligned_address);
  CLAIM(zero_bytes_at_the_end_of_a_full_chunk_need_no_other);
  CLAIM(what_fits_below_the_limit_takes_no_slow_path);
  CLAIM(pointers_go_on_without_a_gap_through_any_growth);
  CLAIM(behind_a_neighbour_an_arena_goes_on_in_another_chunk);
  CLAIM(a_skipped_tail_does_not_count_as_used);
  CLAIM(a_freed_neighbour_is_absorbed);
  CLAIM(a_freed_neighbour_with_another_behind_is_absorbed);
  CLAIM(an_outsider_makes_an_arena_go_on_behind_its_pages);
  CLAIM(an_oversized_block_does_not_inflate_the_chunks_after_it);
  CLAIM(a_big_arena_goes_on_by_64_kibibytes);
  CLAIM(a_small_arena_takes_a_small_chunk);
  CLAIM(ten_thousand_arenas_of_a_kibibyte_take_11_mebibytes);
  CLAIM(a_reserved_capacity_is_there_at_once);
  CLAIM(a_capacity_that_can_not_be_had_leaves_the_arena_without_a_chunk);
  CLAIM(a_limit_is_exact_by_one_byte);
  CLAIM(a_limit_counts_padding);
  CLAIM(a_limit_counts_padding_before_a_first_block);
  CLAIM(a_limit_that_padding_passes_is_named_after_a_growth);
  CLAIM(a_limit_of_padding_alone_leaves_no_byte);
  CLAIM(a_limit_of_nothing_allows_nothing_but_nothing);
  CLAIM(a_limit_is_exact_over_several_chunks);
  CLAIM(a_chunk_bigger_than_the_limit_holds_no_more_than_the_limit);
  CLAIM(sizes_near_the_address_space_are_refused);
  CLAIM(out_of_memory_says_which_limit_it_was);
  CLAIM(out_of_memory_leaves_the_arena_as_it_was);
  CLAIM(out_of_memory_behind_an_outsider_leaves_the_arena_as_it_was);
  CLAIM(a_fixed_region_can_be_used_up);
  CLAIM(the_high_water_mark_is_the_most_that_was_used_at_once);
  return harness_end();
}
