#include "chunk.h"

#include <string.h>

#include "check.h"
#include "harness.h"
#include "host.h"

#define SOUND() EXPECT_SOUND(check_chunks(&chunks))

static struct chunks chunks;

/* A memory of 16 pages, which can have 64. */
static void set_up(void) {
  host_open_chunks(&chunks, 16, 64);
}

/* A memory of 16 pages that never grows. */
static void set_up_fixed(void) {
  host_open_chunks(&chunks, 16, 16);
}

static struct chunk *take(size_t size) {
  struct chunk *chunk = chunk_take(&chunks, size, 1, 0, true);
  EXPECT(chunk);
  return chunk;
}

static void take_row(struct chunk **row, size_t count, size_t size) {
  for (size_t i = 0; i < count; i++) row[i] = take(size);
}

/* Uses the whole payload up, as an arena notes it. */
static void fill(struct chunk *chunk) {
  memset((void *)chunk_start(chunk), 0xa5, chunk_end(chunk) - chunk_start(chunk));
  chunk->clean = chunk_end(chunk);
}

/* Leaves the top nothing but its least. */
static struct chunk *fill_top(void) {
  size_t all = chunks.memory.end - chunks.memory.frontier;
  struct chunk *chunk = chunk_take(&chunks, chunks.free + 16, 1, all, false);
  EXPECT(chunk && chunk_end(chunk) == chunks.memory.end - CHUNK_HEADER - CHUNK_LEAST);
  return chunk;
}

static void a_new_memory_is_sound_and_empty(void) {
  set_up();
  SOUND();
  EXPECT(chunks_live(&chunks) == 0 && chunks.free == 0 && chunks.foreign == 0);
}

static void the_first_chunk_is_the_first_bytes(void) {
  set_up();
  struct chunk *chunk = take(100);
  EXPECT((uintptr_t)chunk == chunks.first);
  EXPECT(chunk_end(chunk) - chunk_start(chunk) == 112);
  EXPECT(chunks_live(&chunks) == CHUNK_HEADER + 112);
  SOUND();
}

static void payloads_start_at_multiples_of_16(void) {
  set_up();
  for (size_t size = 0; size < 100; size++) {
    struct chunk *chunk = take(size);
    EXPECT(chunk_start(chunk) % 16 == 0);
    EXPECT(chunk_end(chunk) - chunk_start(chunk) >= size);
    EXPECT(chunk_size(chunk) >= CHUNK_LEAST);
  }
  SOUND();
}

static void nothing_but_0_bytes_fits_at_the_end_of_a_chunk(void) {
  set_up();
  struct chunk *chunk = take(100);
  EXPECT(chunk_fits(chunk, chunk_end(chunk), 0) && !chunk_fits(chunk, chunk_end(chunk), 1));
  EXPECT(!chunk_fits(chunk, chunk_end(chunk) + 1, 0));
}

static void chunks_follow_each_other_without_a_gap(void) {
  set_up();
  struct chunk *row[3];
  take_row(row, 3, 1000);
  EXPECT(chunk_end(row[0]) == (uintptr_t)row[1] && chunk_end(row[1]) == (uintptr_t)row[2]);
  EXPECT(chunk_end(row[2]) == chunks.memory.frontier);
}

static void a_chunk_has_room_at_its_alignment(void) {
  set_up();
  for (size_t align = 1; align <= 65536; align *= 2) {
    struct chunk *chunk = chunk_take(&chunks, 100, align, 0, true);
    EXPECT(chunk && chunk_fits(chunk, align_up(chunk_start(chunk), align), 100));
    SOUND();
  }
}

static void a_chunk_gets_what_is_wanted(void) {
  set_up();
  struct chunk *chunk = chunk_take(&chunks, 100, 1, 5000, true);
  EXPECT(chunk_fits(chunk, chunk_start(chunk), 5000));
  EXPECT(chunk_end(chunk) - chunk_start(chunk) < 5000 + 16);
}

static void what_is_wanted_does_not_grow_the_memory(void) {
  set_up();
  struct chunk *chunk = chunk_take(&chunks, 100, 1, 17 * MEMORY_PAGE, true);
  EXPECT(chunk && host.asked == 0);
  EXPECT(chunk_end(chunk) == chunks.memory.end - CHUNK_HEADER - CHUNK_LEAST);
  SOUND();
}

static void what_is_wanted_comes_from_a_free_chunk_that_has_it_first(void) {
  set_up();
  struct chunk *row[4];
  row[0] = take(1000);
  row[1] = take(16);
  row[2] = take(8000);
  row[3] = take(16);
  chunk_give(&chunks, row[2]);
  chunk_give(&chunks, row[0]);
  EXPECT(chunk_take(&chunks, 900, 1, 4000, true) == row[2]);
  SOUND();
}

static void where_no_free_chunk_has_what_is_wanted_one_with_room_serves(void) {
  set_up();
  struct chunk *chunk = take(1000);
  take(16);
  chunk_give(&chunks, chunk);
  EXPECT(chunk_take(&chunks, 900, 1, 4000, true) == chunk);
  SOUND();
}

static void a_given_chunk_is_taken_again(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 1000);
  chunk_give(&chunks, row[0]);
  SOUND();
  EXPECT(chunks.free == chunk_size(row[0]));
  EXPECT(take(1000) == row[0]);
  SOUND();
  EXPECT(chunks.free == 0);
}

static void a_bigger_free_chunk_is_split(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 4000);
  chunk_give(&chunks, row[0]);
  EXPECT(take(1000) == row[0]);
  SOUND();
  EXPECT(chunks.free == (uintptr_t)row[1] - chunk_end(row[0]) && chunks.free > 2800);
}

static void a_rest_too_small_for_a_chunk_is_not_split_off(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 1024);
  size_t size = chunk_size(row[0]);
  chunk_give(&chunks, row[0]);
  EXPECT(take(1024 - CHUNK_LEAST + 1) == row[0]);
  EXPECT(chunk_size(row[0]) == size && chunks.free == 0);
  chunk_give(&chunks, row[0]);
  EXPECT(take(1024 - CHUNK_LEAST) == row[0]);
  EXPECT(chunks.free == CHUNK_LEAST);
  SOUND();
}

static void the_last_chunk_gives_its_bytes_back_to_the_frontier(void) {
  set_up();
  uintptr_t frontier = chunks.memory.frontier;
  struct chunk *chunk = take(1000);
  fill(chunk);
  chunk_give(&chunks, chunk);
  EXPECT(chunks.memory.frontier == frontier && chunks.free == 0);
  SOUND();
}

static void a_free_chunk_goes_back_to_the_frontier_with_its_right_neighbour(void) {
  set_up();
  struct chunk *row[3];
  take_row(row, 3, 1000);
  chunk_give(&chunks, row[1]);
  EXPECT(chunks.free > 0);
  chunk_give(&chunks, row[2]);
  EXPECT(chunks.memory.frontier == (uintptr_t)row[1] && chunks.free == 0);
  SOUND();
}

static void a_chunk_merges_with_a_free_left_neighbour(void) {
  set_up();
  struct chunk *row[4];
  take_row(row, 4, 1000);
  for (size_t i = 0; i < 4; i++) fill(row[i]);
  chunk_give(&chunks, row[1]);
  chunk_give(&chunks, row[2]);
  SOUND();
  EXPECT(chunk_end(row[1]) == (uintptr_t)row[3] && chunks.bins[11] == row[1]);
  EXPECT(!row[1]->next);
}

static void a_chunk_merges_with_a_free_right_neighbour(void) {
  set_up();
  struct chunk *row[4];
  take_row(row, 4, 1000);
  for (size_t i = 0; i < 4; i++) fill(row[i]);
  chunk_give(&chunks, row[2]);
  chunk_give(&chunks, row[1]);
  SOUND();
  EXPECT(chunk_end(row[1]) == (uintptr_t)row[3] && chunks.bins[11] == row[1]);
}

static void a_chunk_merges_with_both_neighbours(void) {
  set_up();
  struct chunk *row[5];
  take_row(row, 5, 1000);
  for (size_t i = 0; i < 5; i++) fill(row[i]);
  chunk_give(&chunks, row[1]);
  chunk_give(&chunks, row[3]);
  SOUND();
  chunk_give(&chunks, row[2]);
  SOUND();
  EXPECT(chunk_end(row[1]) == (uintptr_t)row[4]);
  EXPECT(chunks.free == chunk_size(row[1]));
  EXPECT(take(3000) == row[1]);
}

static void chunks_given_in_any_order_leave_nothing(void) {
  for (size_t order = 0; order < 120; order++) {
    set_up();
    uintptr_t frontier = chunks.memory.frontier;
    struct chunk *row[5];
    take_row(row, 5, 500);
    for (size_t left = 5, rest = order; left > 0; rest /= left, left--) {
      size_t index = rest % left;
      fill(row[index]);
      chunk_give(&chunks, row[index]);
      row[index] = row[left - 1];
      SOUND();
    }
    EXPECT(chunks.memory.frontier == frontier && chunks.free == 0);
  }
}

static void a_chunk_out_of_the_middle_of_a_bin_can_be_taken_out(void) {
  set_up();
  struct chunk *row[7];
  take_row(row, 7, 1000);
  for (size_t i = 0; i < 5; i += 2) chunk_give(&chunks, row[i]);
  SOUND();
  chunk_give(&chunks, row[3]); /* merges with both: the middle one and the newest of the bin */
  SOUND();
  EXPECT(chunks.bins[10] == row[0] && !row[0]->next);
}

static void a_trimmed_chunk_gives_its_tail_back(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 4000);
  fill(row[0]);
  chunk_trim(&chunks, row[0], chunk_start(row[0]) + 1001);
  EXPECT(chunk_end(row[0]) == chunk_start(row[0]) + 1008);
  EXPECT(chunks.free == (uintptr_t)row[1] - chunk_end(row[0]));
  SOUND();
}

static void a_trimmed_chunk_keeps_the_least(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 4000);
  chunk_trim(&chunks, row[0], chunk_start(row[0]));
  EXPECT(chunk_size(row[0]) == CHUNK_LEAST);
  SOUND();
}

static void a_trimmed_last_chunk_moves_the_frontier(void) {
  set_up();
  struct chunk *chunk = take(4000);
  chunk_trim(&chunks, chunk, chunk_start(chunk) + 16);
  EXPECT(chunks.memory.frontier == chunk_start(chunk) + 16);
  SOUND();
}

static void a_tail_too_small_for_a_chunk_stays(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 4000);
  size_t size = chunk_size(row[0]);
  chunk_trim(&chunks, row[0], chunk_end(row[0]) - CHUNK_LEAST + 1);
  EXPECT(chunk_size(row[0]) == size);
  chunk_trim(&chunks, row[0], chunk_end(row[0]) - CHUNK_LEAST);
  EXPECT(chunk_size(row[0]) == size - CHUNK_LEAST);
  SOUND();
}

static void a_tail_merges_with_a_free_right_neighbour(void) {
  set_up();
  struct chunk *row[3];
  take_row(row, 3, 1000);
  fill(row[0]);
  fill(row[1]);
  chunk_give(&chunks, row[1]);
  chunk_trim(&chunks, row[0], chunk_start(row[0]) + 512);
  SOUND();
  EXPECT(chunks.free == (uintptr_t)row[2] - chunk_end(row[0]));
}

static void a_chunk_extends_into_the_frontier(void) {
  set_up();
  struct chunk *chunk = take(1000);
  uintptr_t end = chunk_end(chunk);
  EXPECT(chunk_extend(&chunks, chunk, end - 8, 100, 0));
  EXPECT(chunk_end(chunk) == align_up(end + 92, 16));
  SOUND();
}

static void a_chunk_extends_by_the_step(void) {
  set_up();
  struct chunk *chunk = take(1000);
  uintptr_t end = chunk_end(chunk);
  EXPECT(chunk_extend(&chunks, chunk, end, 1, 4096));
  EXPECT(chunk_end(chunk) == end + 4096);
  SOUND();
}

static void a_step_does_not_grow_the_memory(void) {
  set_up();
  struct chunk *chunk = take(1000);
  EXPECT(chunk_extend(&chunks, chunk, chunk_end(chunk), 1, 17 * MEMORY_PAGE));
  EXPECT(host.asked == 0);
  SOUND();
}

static void a_chunk_extends_over_a_growth(void) {
  set_up();
  struct chunk *chunk = take(1000);
  EXPECT(chunk_extend(&chunks, chunk, chunk_end(chunk), 17 * MEMORY_PAGE, 0));
  EXPECT(chunks.memory.grows == 1);
  SOUND();
}

static void a_chunk_extends_into_a_free_neighbour(void) {
  set_up();
  struct chunk *row[3];
  take_row(row, 3, 1000);
  fill(row[1]);
  chunk_give(&chunks, row[1]);
  uintptr_t end = chunk_end(row[0]);
  EXPECT(chunk_extend(&chunks, row[0], end, 100, 0));
  EXPECT(chunk_end(row[0]) == end + 112);
  SOUND();
}

static void a_chunk_extends_over_all_of_a_free_neighbour(void) {
  set_up();
  struct chunk *row[3];
  take_row(row, 3, 1000);
  fill(row[1]);
  chunk_give(&chunks, row[1]);
  uintptr_t end = chunk_end(row[0]);
  EXPECT(chunk_extend(&chunks, row[0], end, (uintptr_t)row[2] - end, 0));
  EXPECT(chunk_end(row[0]) == (uintptr_t)row[2] && chunks.free == 0);
  SOUND();
}

static void a_chunk_does_not_extend_into_a_free_neighbour_that_is_too_small(void) {
  set_up();
  struct chunk *row[3];
  take_row(row, 3, 1000);
  chunk_give(&chunks, row[1]);
  uintptr_t end = chunk_end(row[0]);
  EXPECT(!chunk_extend(&chunks, row[0], end, (uintptr_t)row[2] - end + 1, 0));
  EXPECT(!chunk_extend(&chunks, row[0], (uintptr_t)row[2] + 1, 0, 0));
  EXPECT(chunk_end(row[0]) == end);
  SOUND();
}

static void a_chunk_does_not_extend_into_a_used_neighbour(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 1000);
  uintptr_t end = chunk_end(row[0]);
  EXPECT(!chunk_extend(&chunks, row[0], end, 1, 0));
  EXPECT(chunk_end(row[0]) == end);
  SOUND();
}

static void a_refused_extension_moves_nothing(void) {
  set_up_fixed();
  struct chunk *chunk = take(1000);
  uintptr_t end = chunk_end(chunk);
  EXPECT(!chunk_extend(&chunks, chunk, end, 16 * MEMORY_PAGE, 0));
  EXPECT(!chunk_extend(&chunks, chunk, end, SIZE_MAX - end, 0));
  EXPECT(!chunk_extend(&chunks, chunk, end, SIZE_MAX, 0));
  EXPECT(chunk_end(chunk) == end && chunks.memory.frontier == end);
  SOUND();
}

static void an_extension_that_meets_an_outsider_moves_only_the_frontier(void) {
  set_up();
  struct chunk *chunk = take(1000);
  uintptr_t end = chunk_end(chunk);
  host_outsider(2);
  EXPECT(!chunk_extend(&chunks, chunk, end, 17 * MEMORY_PAGE, 0));
  EXPECT(chunk_end(chunk) == end);
  EXPECT(chunks.memory.frontier == host_page(18));
  EXPECT(chunks.free == host_page(16) - CHUNK_HEADER - end);
  EXPECT(chunks.foreign == 2 * MEMORY_PAGE + CHUNK_HEADER);
  SOUND();
}

static void a_take_that_meets_an_outsider_leaves_a_free_chunk_before_it(void) {
  set_up();
  host_outsider(2);
  struct chunk *chunk = take(17 * MEMORY_PAGE);
  EXPECT((uintptr_t)chunk == host_page(18));
  EXPECT(chunks.free == host_page(16) - CHUNK_HEADER - chunks.first);
  SOUND();
  EXPECT((uintptr_t)take(15 * MEMORY_PAGE) == chunks.first);
  SOUND();
}

static void the_least_top_becomes_a_free_chunk_when_the_frontier_jumps(void) {
  set_up();
  struct chunk *chunk = fill_top();
  SOUND();
  host_outsider(1);
  take(100);
  EXPECT(chunks.free == CHUNK_LEAST);
  SOUND();
  chunk_give(&chunks, chunk);
  EXPECT(chunks.free == host_page(16) - CHUNK_HEADER - (uintptr_t)chunk);
  SOUND();
}

static void every_rest_before_a_jump_is_accounted_for(void) {
  for (size_t rest = CHUNK_ALIGN; rest <= 8 * CHUNK_ALIGN; rest += CHUNK_ALIGN) {
    set_up();
    size_t least = CHUNK_LEAST + 2 * CHUNK_HEADER;
    struct chunk *chunk = take(host.end - chunks.first - least - rest);
    host_outsider(1);
    take(rest + 1000);
    SOUND();
    EXPECT(chunks.free == CHUNK_LEAST + rest);
    chunk_give(&chunks, chunk);
    SOUND();
  }
}

static void the_chunk_before_an_outsider_never_merges_over_it(void) {
  set_up();
  struct chunk *before = fill_top();
  host_outsider(1);
  struct chunk *behind = take(100);
  chunk_give(&chunks, behind);
  SOUND();
  EXPECT(chunks.memory.frontier == host_page(17));
  chunk_give(&chunks, before);
  SOUND();
  EXPECT(chunks.memory.frontier == host_page(17));
}

static void an_outsider_again_and_again_is_skipped_again_and_again(void) {
  set_up();
  fill_top();
  host.refuse_above = 2;
  for (size_t i = 0; i < 8; i++) {
    host_outsider(1 + i % 2);
    take(MEMORY_PAGE);
    SOUND();
  }
  EXPECT(chunks.foreign >= 8 * (MEMORY_PAGE + CHUNK_HEADER));
}

static void a_jump_whose_pages_do_not_suffice_is_followed_by_growth(void) {
  set_up();
  fill_top();
  host_outsider(1);
  host.refuse_above = 1; /* the page that is missing has no room for another header and top */
  struct chunk *chunk = take(MEMORY_PAGE - CHUNK_HEADER - CHUNK_ALIGN);
  EXPECT((uintptr_t)chunk == host_page(17) && chunks.memory.grows == 2);
  SOUND();
}

static void a_refused_take_gives_nothing(void) {
  set_up_fixed();
  EXPECT(!chunk_take(&chunks, 16 * MEMORY_PAGE, 1, 0, true));
  EXPECT(!chunk_take(&chunks, SIZE_MAX, 1, 0, true));
  EXPECT(!chunk_take(&chunks, SIZE_MAX - 100, 65536, 0, true));
  EXPECT(chunks.memory.frontier == chunks.first);
  SOUND();
}

static void the_last_byte_can_be_taken(void) {
  set_up_fixed();
  fill_top();
  SOUND();
  EXPECT(!chunk_take(&chunks, 0, 1, 0, true));
  EXPECT(!chunk_take(&chunks, 0, 1, 0, false));
}

static void a_take_without_growth_does_not_grow(void) {
  set_up();
  EXPECT(!chunk_take(&chunks, 16 * MEMORY_PAGE, 1, 0, false));
  EXPECT(host.asked == 0);
  EXPECT(chunk_take(&chunks, 15 * MEMORY_PAGE, 1, 0, false));
  SOUND();
}

static void a_take_without_growth_gets_the_last_bytes_that_are_there(void) {
  set_up();
  size_t all = chunks.memory.end - CHUNK_HEADER - CHUNK_LEAST - chunks.first - CHUNK_HEADER;
  EXPECT(!chunk_take(&chunks, all, 1, 0, false) && host.asked == 0);
  EXPECT(chunk_take(&chunks, all - CHUNK_ALIGN, 1, 0, false) && host.asked == 0);
  SOUND();
}

/* Takes all that there is but a header's bytes more than the least of the top. */
static struct chunk *fill_all_but_a_header(void) {
  size_t size = chunks.memory.end - chunks.memory.frontier - 3 * CHUNK_HEADER - CHUNK_LEAST;
  struct chunk *chunk = take(size);
  EXPECT(chunk_end(chunk) + CHUNK_HEADER + CHUNK_LEAST == chunks.memory.end - CHUNK_HEADER);
  return chunk;
}

static void a_chunk_for_0_bytes_has_the_least_where_the_top_has_hardly_more(void) {
  set_up();
  fill_all_but_a_header();
  EXPECT(chunk_size(take(0)) >= CHUNK_LEAST);
  SOUND();
}

static void dirty_bytes_stay_known_beside_a_chunk_for_0_bytes(void) {
  set_up();
  struct chunk *left = fill_all_but_a_header();
  fill(left);
  struct chunk *nothing = take(0);
  take(1000);
  chunk_give(&chunks, nothing);
  chunk_give(&chunks, left);
  EXPECT(left->clean >= (uintptr_t)nothing);
}

static void ensured_bytes_are_taken_without_growth(void) {
  set_up();
  EXPECT(chunks_ensure(&chunks, 20 * MEMORY_PAGE));
  EXPECT(chunks.memory.grows == 1 && chunks_live(&chunks) == 0);
  SOUND();
  EXPECT(chunk_take(&chunks, 20 * MEMORY_PAGE, 1, 0, false));
  SOUND();
}

static void ensured_bytes_follow_an_outsider(void) {
  set_up();
  host_outsider(2);
  EXPECT(chunks_ensure(&chunks, 20 * MEMORY_PAGE));
  SOUND();
  struct chunk *chunk = chunk_take(&chunks, 20 * MEMORY_PAGE, 1, 0, false);
  EXPECT((uintptr_t)chunk == host_page(18));
}

static void bytes_that_can_not_be_had_are_not_ensured(void) {
  set_up();
  EXPECT(!chunks_ensure(&chunks, 64 * MEMORY_PAGE));
  EXPECT(!chunks_ensure(&chunks, SIZE_MAX));
  EXPECT(host.asked == 0 && chunks.memory.refusal == REFUSED_BY_MAXIMUM);
  SOUND();
}

static void before_a_refusal_every_free_chunk_is_looked_at(void) {
  set_up_fixed();
  struct chunk *fits = take(2000);
  struct chunk *row[200];
  for (size_t i = 0; i < 200; i++) row[i] = take(i % 2 ? 1100 : 16);
  take(16);
  chunk_give(&chunks, fits);
  for (size_t i = 1; i < 200; i += 2) chunk_give(&chunks, row[i]);
  fill_top();
  SOUND();
  EXPECT(!chunk_take(&chunks, 2001, 1, 0, true));
  EXPECT(!chunk_take(&chunks, 2000, 1, 0, false)); /* looks at a few only */
  EXPECT(take(2000) == fits);
  SOUND();
}

/* Frees a chunk of 1,900 bytes, and then so many of 1,100, which stand before it in its bin. */
static struct chunk *give_before(size_t count) {
  struct chunk *row[20];
  set_up();
  for (size_t i = 0; i <= count; i++) {
    row[i] = take(i ? 1100 : 1900);
    take(16);
  }
  for (size_t i = 0; i <= count; i++) chunk_give(&chunks, row[i]);
  return row[0];
}

static void eight_free_chunks_of_a_bin_are_looked_at(void) {
  struct chunk *fits = give_before(7);
  EXPECT(take(1900) == fits);
  fits = give_before(8);
  EXPECT(take(1900) != fits);
  SOUND();
}

static void a_hundred_thousand_free_chunks_stay_sound(void) {
  static struct chunk *row[200000];
  host_open_chunks(&chunks, 400, 400);
  take_row(row, 200000, 16);
  for (size_t i = 0; i < 200000; i += 2) chunk_give(&chunks, row[i]);
  SOUND();
  EXPECT(chunks.free == 100000 * CHUNK_LEAST);
  for (size_t i = 1; i < 200000; i += 2) chunk_give(&chunks, row[i]);
  SOUND();
  EXPECT(chunks.memory.frontier == chunks.first);
}

static void clean_bytes_stay_clean_through_splitting_and_merging(void) {
  set_up();
  struct chunk *row[4];
  take_row(row, 4, 4000);
  memset((void *)chunk_start(row[1]), 0xa5, 100);
  row[1]->clean = chunk_start(row[1]) + 100;
  chunk_give(&chunks, row[1]);
  SOUND();
  EXPECT(take(1000) == row[1]);
  EXPECT(row[1]->clean == chunk_start(row[1]) + 100);
  struct chunk *tail = take(1000);
  EXPECT((uintptr_t)tail == chunk_end(row[1]));
  EXPECT(tail->clean == chunk_start(tail));
  SOUND();
  fill(row[2]);
  chunk_give(&chunks, tail);
  chunk_give(&chunks, row[2]);
  SOUND();
}

static void a_trim_below_the_clean_bytes_keeps_them_known(void) {
  set_up();
  struct chunk *row[2];
  take_row(row, 2, 4000);
  memset((void *)chunk_start(row[0]), 0xa5, 2000);
  row[0]->clean = chunk_start(row[0]) + 2000;
  chunk_trim(&chunks, row[0], chunk_start(row[0]) + 1008);
  EXPECT(row[0]->clean == chunk_end(row[0]));
  struct chunk *tail = take(2000);
  EXPECT((uintptr_t)tail == chunk_end(row[0]));
  EXPECT(tail->clean == chunk_start(row[0]) + 2000);
  SOUND();
}

int main(void) {
  CLAIM(a_new_memory_is_sound_and_empty);
  CLAIM(the_first_chunk_is_the_first_bytes);
  CLAIM(payloads_start_at_multiples_of_16);
  CLAIM(nothing_but_0_bytes_fits_at_the_end_of_a_chunk);
  CLAIM(chunks_follow_each_other_without_a_gap);
  CLAIM(a_chunk_has_room_at_its_alignment);
  CLAIM(a_chunk_gets_what_is_wanted);
  CLAIM(what_is_wanted_does_not_grow_the_memory);
  CLAIM(what_is_wanted_comes_from_a_free_chunk_that_has_it_first);
  CLAIM(where_no_free_chunk_has_what_is_wanted_one_with_room_serves);
  CLAIM(a_given_chunk_is_taken_again);
  CLAIM(a_bigger_free_chunk_is_split);
  CLAIM(a_rest_too_small_for_a_chunk_is_not_split_off);
  CLAIM(the_last_chunk_gives_its_bytes_back_to_the_frontier);
  CLAIM(a_free_chunk_goes_back_to_the_frontier_with_its_right_neighbour);
  CLAIM(a_chunk_merges_with_a_free_left_neighbour);
  CLAIM(a_chunk_merges_with_a_free_right_neighbour);
  CLAIM(a_chunk_merges_with_both_neighbours);
  CLAIM(chunks_given_in_any_order_leave_nothing);
  CLAIM(a_chunk_out_of_the_middle_of_a_bin_can_be_taken_out);
  CLAIM(a_trimmed_chunk_gives_its_tail_back);
  CLAIM(a_trimmed_chunk_keeps_the_least);
  CLAIM(a_trimmed_last_chunk_moves_the_frontier);
  CLAIM(a_tail_too_small_for_a_chunk_stays);
  CLAIM(a_tail_merges_with_a_free_right_neighbour);
  CLAIM(a_chunk_extends_into_the_frontier);
  CLAIM(a_chunk_extends_by_the_step);
  CLAIM(a_step_does_not_grow_the_memory);
  CLAIM(a_chunk_extends_over_a_growth);
  CLAIM(a_chunk_extends_into_a_free_neighbour);
  CLAIM(a_chunk_extends_over_all_of_a_free_neighbour);
  CLAIM(a_chunk_does_not_extend_into_a_free_neighbour_that_is_too_small);
  CLAIM(a_chunk_does_not_extend_into_a_used_neighbour);
  CLAIM(a_refused_extension_moves_nothing);
  CLAIM(an_extension_that_meets_an_outsider_moves_only_the_frontier);
  CLAIM(a_take_that_meets_an_outsider_leaves_a_free_chunk_before_it);
  CLAIM(the_least_top_becomes_a_free_chunk_when_the_frontier_jumps);
  CLAIM(every_rest_before_a_jump_is_accounted_for);
  CLAIM(the_chunk_before_an_outsider_never_merges_over_it);
  CLAIM(an_outsider_again_and_again_is_skipped_again_and_again);
  CLAIM(a_jump_whose_pages_do_not_suffice_is_followed_by_growth);
  CLAIM(a_refused_take_gives_nothing);
  CLAIM(the_last_byte_can_be_taken);
  CLAIM(a_take_without_growth_does_not_grow);
  CLAIM(a_take_without_growth_gets_the_last_bytes_that_are_there);
  CLAIM(a_chunk_for_0_bytes_has_the_least_where_the_top_has_hardly_more);
  CLAIM(dirty_bytes_stay_known_beside_a_chunk_for_0_bytes);
  CLAIM(ensured_bytes_are_taken_without_growth);
  CLAIM(ensured_bytes_follow_an_outsider);
  CLAIM(bytes_that_can_not_be_had_are_not_ensured);
  CLAIM(before_a_refusal_every_free_chunk_is_looked_at);
  CLAIM(eight_free_chunks_of_a_bin_are_looked_at);
  CLAIM(a_hundred_thousand_free_chunks_stay_sound);
  CLAIM(clean_bytes_stay_clean_through_splitting_and_merging);
  CLAIM(a_trim_below_the_clean_bytes_keeps_them_known);
  return harness_end();
}
