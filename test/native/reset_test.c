#include "neighbourhood.h"

/* Lets the arena have `count` chunks, none next to another. */
static void use_chunks(size_t count) {
  alloc(100, 1, 1);
  while (chunks_held() < count) {
    fence_in();
    alloc(left() + 1, 1, 2);
  }
}

static void reset_frees_everything(void) {
  set_up();
  alloc(1000, 1, 1);
  arena_mark(&arena);
  arena_reset(&arena);
  EXPECT(arena_used(&arena) == 0 && arena.mark == 0 && arena.cursor == arena.base);
  SOUND();
}

static void reset_keeps_the_capacity(void) {
  set_up();
  alloc(50000, 1, 1);
  size_t capacity = arena.capacity;
  uintptr_t base = arena.base;
  arena_reset(&arena);
  EXPECT(arena.capacity == capacity && arena.base == base);
  SOUND();
}

static void reset_leaves_all_of_a_chunk_to_the_hot_path(void) {
  set_up();
  alloc(50000, 1, 1);
  arena_reset(&arena);
  EXPECT(arena.limit == chunk_end(chunk_of(arena.start)));
}

static void reset_of_one_chunk_leaves_it_where_it_is(void) {
  set_up();
  arena_init(&neighbours[neighbours_count++], chunks_allocator(&chunks), SIZE_MAX, false);
  EXPECT(arena_reserve(&neighbours[0], 5000));
  alloc(100, 1, 1);
  uintptr_t base = arena.base;
  arena_free(&neighbours[0]); /* leaves a place before it that would do, too */
  arena_reset(&arena);
  EXPECT(arena.base == base && arena.start == base);
  SOUND();
}

static void reset_of_an_empty_arena_does_nothing(void) {
  set_up();
  arena_mark(&arena);
  arena_reset(&arena);
  EXPECT(arena.mark == 0 && arena.start == 1);
  SOUND();
}

static void reset_of_several_chunks_leaves_one_of_the_same_capacity(void) {
  set_up();
  use_chunks(6);
  size_t capacity = arena.capacity;
  arena_reset(&arena);
  EXPECT(chunks_held() == 1 && arena.capacity >= capacity && arena_used(&arena) == 0);
  EXPECT(arena.base == arena.start && arena.settled == 0);
  SOUND();
  uintptr_t start = alloc(capacity, 1, 1);
  EXPECT(start == arena.base && chunks_held() == 1);
}

static void reset_with_a_spare_leaves_one_chunk(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  arena_release(&arena, mark);
  size_t capacity = arena.capacity;
  EXPECT(arena.spare);
  arena_reset(&arena);
  EXPECT(chunks_held() == 1 && arena.capacity >= capacity);
  SOUND();
}

static void reset_does_not_grow_the_memory(void) {
  set_up();
  use_chunks(4);
  take_all();
  host.asked = 0;
  arena_reset(&arena);
  EXPECT(host.asked == 0);
  SOUND();
}

static void reset_keeps_the_capacity_in_several_chunks_where_no_single_one_is_to_be_had(void) {
  set_up_fixed(4);
  use_chunks(4);
  size_t capacity = arena.capacity;
  take_all();
  arena_reset(&arena);
  EXPECT(chunks_held() > 1 && arena.capacity >= capacity && arena_used(&arena) == 0);
  EXPECT(arena.start == arena.base);
  SOUND();
  uintptr_t base = arena.base;
  EXPECT(alloc(10, 1, 1) == base);
}

/* Fills the memory up to free chunks of these sizes, none next to another. */
static void scatter(const size_t *sizes, size_t count) {
  struct arena *pieces[16];
  for (size_t i = 0; i < 2 * count; i++) {
    pieces[i / 2] = &neighbours[neighbours_count++];
    arena_init(pieces[i / 2], chunks_allocator(&chunks), SIZE_MAX, false);
    EXPECT(arena_reserve(pieces[i / 2], i % 2 ? sizes[i / 2] : 16));
  }
  take_all();
  for (size_t i = 0; i < count; i++) arena_free(pieces[i]);
}

static void reset_in_several_chunks_takes_hardly_more_than_the_capacity(void) {
  set_up_fixed(16);
  alloc(30000, 1, 1);
  fence_in();
  alloc(35000, 1, 1);
  fence_in();
  size_t capacity = arena.capacity;
  scatter((size_t[]){50000, 50000}, 2);
  arena_reset(&arena);
  EXPECT(chunks_held() > 1 && arena.capacity >= capacity && arena.capacity < capacity + 5000);
  SOUND();
}

static void reset_in_several_chunks_takes_big_ones_first(void) {
  set_up_fixed(16);
  use_chunks(7);
  size_t capacity = arena.capacity;
  scatter((size_t[]){20000, 20000, 20000, 8500, 8500, 8500, 8500, 8500, 8500}, 9);
  arena_reset(&arena);
  EXPECT(chunks_held() == 3 && arena.capacity >= capacity);
  SOUND();
}

static void resets_again_and_again_keep_the_capacity_in_a_full_memory(void) {
  set_up_fixed(8);
  use_chunks(10);
  size_t capacity = arena.capacity;
  take_all();
  for (size_t i = 0; i < 100; i++) {
    arena_reset(&arena);
    SOUND();
    EXPECT(arena.capacity >= capacity);
    for (size_t j = 0; j < 10; j++) alloc(100 + j * 50, 1, 1);
  }
}

static void reset_keeps_a_smallest_chunk_that_stands_before_the_top(void) {
  set_up_fixed(1);
  alloc(100, 1, 1);
  alloc(left(), 1, 1);
  EXPECT(arena.cursor % 32); /* so that 0 bytes at a multiple of 32 take another chunk */
  struct arena *neighbour = fence_in();
  uintptr_t last = chunks.memory.end - CHUNK_HEADER - 2 * CHUNK_LEAST;
  EXPECT(arena_alloc(neighbour, last - neighbour->cursor, 1));
  alloc(0, 32, 1);
  size_t capacity = arena.capacity;
  EXPECT(chunks_held() == 2 && (uintptr_t)chunk_of(arena.start) == last && left() == CHUNK_ALIGN);
  arena_reset(&arena);
  EXPECT(arena.capacity == capacity);
  SOUND();
}

static void a_frame_that_fits_a_full_memory_fits_it_again_after_a_reset(void) {
  set_up_fixed(8);
  size_t sizes[] = {100, 3000, 700, 5000, 20000};
  for (size_t i = 0; i < 5; i++) {
    alloc(sizes[i], 8, 1);
    fence_in();
  }
  size_t held = chunks_held();
  take_all();
  arena_reset(&arena);
  EXPECT(chunks_held() <= held);
  for (size_t i = 5; i-- > 0;) alloc(sizes[i], 8, 1);
  SOUND();
}

static void a_frame_of_several_chunks_needs_one_the_next_time(void) {
  set_up();
  for (size_t frame = 0; frame < 5; frame++) {
    for (size_t i = 0; i < 20; i++) {
      alloc(500, 8, 1);
      if (frame == 0) fence_in();
    }
    EXPECT(frame == 0 || chunks_held() == 1);
    arena_reset(&arena);
    SOUND();
  }
}

static void trim_gives_back_what_is_not_used(void) {
  set_up();
  EXPECT(arena_reserve(&arena, 50000));
  alloc(1000, 1, 1);
  arena_trim(&arena, 0);
  EXPECT(arena.capacity == 1008 && arena_used(&arena) == 1000 && reads(arena.base, 1000, 1));
  SOUND();
  alloc(5000, 1, 1);
  SOUND();
}

static void trim_keeps_as_many_bytes_as_it_is_told(void) {
  set_up();
  EXPECT(arena_reserve(&arena, 50000));
  alloc(1000, 1, 1);
  arena_trim(&arena, 5000);
  EXPECT(arena.capacity == 5008);
  arena_trim(&arena, 10000);
  EXPECT(arena.capacity == 5008);
  SOUND();
}

static void trim_to_more_than_there_is_changes_nothing(void) {
  set_up();
  alloc(1000, 1, 1);
  struct arena before = state_of(&arena);
  arena_trim(&arena, arena.capacity);
  EXPECT(same_state(&arena, before));
  for (size_t less = 0; less < 3000; less++) {
    arena_trim(&arena, SIZE_MAX - less);
    EXPECT(same_state(&arena, before));
  }
  arena_trim(&arena, SIZE_MAX - arena.cursor);
  arena_trim(&arena, SIZE_MAX / 2);
  EXPECT(same_state(&arena, before) && reads(arena.base, 1000, 1));
  SOUND();
}

static void trim_of_nothing_used_gives_every_chunk_back(void) {
  set_up();
  EXPECT(arena_reserve(&arena, 50000));
  arena_trim(&arena, 0);
  EXPECT(arena.capacity == 0 && arena.base == 0 && chunks_live(&chunks) == 0);
  SOUND();
  alloc(10, 1, 1);
}

static void trim_of_nothing_used_under_a_mark_keeps_where_the_mark_is(void) {
  set_up();
  EXPECT(arena_reserve(&arena, 50000));
  struct arena_mark mark = arena_mark(&arena);
  arena_trim(&arena, 0);
  EXPECT(arena.mark == mark.position && arena.base && arena.capacity <= 16);
  SOUND();
  alloc(10, 1, 1);
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 0);
  SOUND();
}

static void trim_keeps_blocks_and_marks_in_several_chunks(void) {
  set_up();
  alloc(100, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  uintptr_t blocks[4];
  for (size_t i = 0; i < 4; i++) {
    fence_in();
    blocks[i] = alloc(left() + 1, 1, (int)i);
  }
  size_t used = arena_used(&arena);
  arena_trim(&arena, 0);
  EXPECT(arena_used(&arena) == used && arena.capacity < used + 5 * CHUNK_ALIGN);
  SOUND();
  for (size_t i = 0; i < 4; i++) EXPECT(reads(blocks[i], 100, (int)i));
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 100);
  SOUND();
}

static void trim_gives_spares_back(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  arena_release(&arena, mark);
  EXPECT(arena.spare);
  arena_trim(&arena, 0);
  EXPECT(!arena.spare && chunks_held() == 1);
  SOUND();
}

static void trim_keeps_the_bytes_that_it_is_told_where_they_are_a_spare(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(50000, 1, 2);
  arena_release(&arena, mark);
  EXPECT(arena.capacity >= 50000);
  arena_trim(&arena, 40000);
  EXPECT(arena.capacity >= 40000);
  SOUND();
}

static void trim_in_a_zeroing_arena_keeps_the_promise(void) {
  set_up_with(SIZE_MAX, true);
  EXPECT(arena_reserve(&arena, 50000));
  alloc(40000, 1, 1);
  arena_reset(&arena);
  alloc(1000, 1, 1);
  arena_trim(&arena, 1500);
  SOUND();
  arena_trim(&arena, 0);
  SOUND();
  uintptr_t next = (uintptr_t)arena_alloc(&arena, 30000, 1);
  EXPECT(reads(next, 30000, 0));
}

static void free_gives_every_chunk_back(void) {
  set_up();
  use_chunks(5);
  arena_free(&arena);
  for (size_t i = 0; i < neighbours_count; i++) arena_free(&neighbours[i]);
  EXPECT(chunks_live(&chunks) == 0 && chunks.free == 0);
  EXPECT(chunks.memory.frontier == chunks.first);
  SOUND();
}

static void free_gives_spares_back(void) {
  set_up();
  alloc(100, 1, 1);
  fence_in();
  struct arena_mark mark = arena_mark(&arena);
  alloc(left() + 1, 1, 2);
  arena_release(&arena, mark);
  arena_free(&arena);
  arena_free(&neighbours[0]);
  EXPECT(chunks_live(&chunks) == 0);
  SOUND();
}

static void freeing_twice_is_harmless(void) {
  set_up();
  alloc(100, 1, 1);
  arena_free(&arena);
  arena_free(&arena);
  EXPECT(arena_used(&arena) == 0 && arena.capacity == 0 && arena.base == 0);
  SOUND();
}

static void a_freed_arena_allocates_nothing_not_even_0_bytes(void) {
  set_up();
  alloc(100, 1, 1);
  arena_mark(&arena);
  arena_free(&arena);
  EXPECT(arena.mark == 0);
  EXPECT(!arena_alloc(&arena, 0, 1) && !arena_alloc(&arena, 1, 1));
  EXPECT(!arena_alloc(&arena, 0, 65536) && !arena_alloc(&arena, SIZE_MAX, 1));
  EXPECT(!arena_alloc_zeroed(&arena, 0, 1) && !arena_alloc_zeroed(&arena, 1, 1));
  EXPECT(!arena_realloc(&arena, NULL, 0, 1, 1) && !arena_realloc(&arena, NULL, 0, 0, 1));
  SOUND();
}

static void a_freed_arena_can_be_reset_trimmed_and_asked(void) {
  set_up();
  alloc(100, 1, 1);
  arena_free(&arena);
  arena_reset(&arena);
  arena_trim(&arena, 0);
  EXPECT(!arena_holds(&arena, 0, 1, 0));
  SOUND();
}

static void a_freed_arena_begins_anew(void) {
  set_up();
  alloc(100, 1, 1);
  arena_free(&arena);
  arena_init(&arena, chunks_allocator(&chunks), SIZE_MAX, false);
  alloc(100, 1, 1);
  SOUND();
}

int main(void) {
  CLAIM(reset_frees_everything);
  CLAIM(reset_keeps_the_capacity);
  CLAIM(reset_leaves_all_of_a_chunk_to_the_hot_path);
  CLAIM(reset_of_one_chunk_leaves_it_where_it_is);
  CLAIM(reset_of_an_empty_arena_does_nothing);
  CLAIM(reset_of_several_chunks_leaves_one_of_the_same_capacity);
  CLAIM(reset_with_a_spare_leaves_one_chunk);
  CLAIM(reset_does_not_grow_the_memory);
  CLAIM(reset_keeps_the_capacity_in_several_chunks_where_no_single_one_is_to_be_had);
  CLAIM(reset_in_several_chunks_takes_hardly_more_than_the_capacity);
  CLAIM(reset_in_several_chunks_takes_big_ones_first);
  CLAIM(resets_again_and_again_keep_the_capacity_in_a_full_memory);
  CLAIM(reset_keeps_a_smallest_chunk_that_stands_before_the_top);
  CLAIM(a_frame_that_fits_a_full_memory_fits_it_again_after_a_reset);
  CLAIM(a_frame_of_several_chunks_needs_one_the_next_time);
  CLAIM(trim_gives_back_what_is_not_used);
  CLAIM(trim_keeps_as_many_bytes_as_it_is_told);
  CLAIM(trim_to_more_than_there_is_changes_nothing);
  CLAIM(trim_of_nothing_used_gives_every_chunk_back);
  CLAIM(trim_of_nothing_used_under_a_mark_keeps_where_the_mark_is);
  CLAIM(trim_keeps_blocks_and_marks_in_several_chunks);
  CLAIM(trim_gives_spares_back);
  CLAIM(trim_keeps_the_bytes_that_it_is_told_where_they_are_a_spare);
  CLAIM(trim_in_a_zeroing_arena_keeps_the_promise);
  CLAIM(free_gives_every_chunk_back);
  CLAIM(free_gives_spares_back);
  CLAIM(freeing_twice_is_harmless);
  CLAIM(a_freed_arena_allocates_nothing_not_even_0_bytes);
  CLAIM(a_freed_arena_can_be_reset_trimmed_and_asked);
  CLAIM(a_freed_arena_begins_anew);
  return harness_end();
}
