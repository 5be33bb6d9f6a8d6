#include "memory.h"

#include "arena.h"
#include "check.h"
#include "harness.h"
#include "host.h"

#define PAGES 16
#define MAXIMUM ((size_t)4096)
#define MIB ((size_t)1 << 20)

static struct memory memory;

/* A memory of PAGES pages with MAXIMUM at most, which the host could exceed. */
static void set_up(void) {
  host_open(PAGES, 2 * MAXIMUM);
  memory = (struct memory){.frontier = host.start + 100, .end = host.end};
  memory.maximum = host_page(MAXIMUM);
}

/* What a growth asks for first: as much as there is. */
static size_t doubling(void) {
  size_t pages = host.end / MEMORY_PAGE;
  size_t left = (memory.maximum - host.end) / MEMORY_PAGE;
  return pages < left ? pages : left;
}

static void what_is_present_is_there_without_growth(void) {
  set_up();
  EXPECT(memory_reach(&memory, memory.end));
  EXPECT(memory_reach(&memory, memory.frontier));
  EXPECT(host.asked == 0 && memory.grows == 0);
}

static void one_byte_more_than_is_present_grows(void) {
  set_up();
  EXPECT(memory_reach(&memory, memory.end + 1));
  EXPECT(host.asked == 1 && memory.grows == 1);
}

static void a_growth_doubles_the_memory(void) {
  set_up();
  size_t pages = doubling();
  EXPECT(memory_reach(&memory, memory.end + 1));
  EXPECT(host.steps[0] == pages);
  EXPECT(memory.end == host_page(PAGES + pages) && memory.end == host.end);
  EXPECT(memory.frontier == host.start + 100);
}

static void a_need_of_more_than_double_is_met_exactly(void) {
  set_up();
  size_t pages = MAXIMUM - PAGES;
  EXPECT(memory_reach(&memory, memory.end + pages * MEMORY_PAGE - MEMORY_PAGE + 1));
  EXPECT(host.steps[0] == pages);
}

static void a_refused_step_is_halved_down_to_what_is_granted(void) {
  set_up();
  host.refuse_above = 5;
  size_t pages = doubling();
  EXPECT(memory_reach(&memory, memory.end + 1));
  for (size_t i = 0; i < host.asked; i++) EXPECT(host.steps[i] == pages >> i);
  EXPECT(pages >> (host.asked - 1) <= 5 && pages >> (host.asked - 1) > 2);
  EXPECT(memory.grows == 1);
}

static void halving_ends_at_what_is_needed(void) {
  set_up();
  host.refuse_above = 3;
  EXPECT(memory_reach(&memory, memory.end + 3 * MEMORY_PAGE));
  EXPECT(host.steps[host.asked - 1] == 3 && host.steps[host.asked - 2] > 3);
  EXPECT(memory.end == host_page(PAGES + 3));
}

static void a_refusal_of_what_is_needed_moves_nothing(void) {
  set_up();
  host.refuse_above = 2;
  struct memory before = memory;
  EXPECT(!memory_reach(&memory, memory.end + 3 * MEMORY_PAGE));
  EXPECT(host.steps[host.asked - 1] == 3);
  EXPECT(memory.frontier == before.frontier && memory.end == before.end && memory.grows == 0);
  EXPECT(memory.refusal == REFUSED_BY_HOST);
}

static void after_a_refusal_the_next_request_is_served(void) {
  set_up();
  host.refuse_above = 0;
  EXPECT(!memory_reach(&memory, memory.end + 1));
  host.refuse_above = SIZE_MAX;
  EXPECT(memory_reach(&memory, memory.end + 1));
}

static void growth_stops_at_the_maximum(void) {
  set_up();
  while (memory.end < memory.maximum) EXPECT(memory_reach(&memory, memory.end + 1));
  EXPECT(memory.end == host_page(MAXIMUM) && host.end == memory.end);
}

static void the_maximum_is_reached_exactly(void) {
  set_up();
  EXPECT(memory_reach(&memory, memory.maximum));
  EXPECT(memory.end == memory.maximum);
}

static void one_byte_past_the_maximum_is_refused_without_asking_the_host(void) {
  set_up();
  EXPECT(!memory_reach(&memory, memory.maximum + 1));
  EXPECT(!memory_reach(&memory, UINTPTR_MAX));
  EXPECT(host.asked == 0 && memory.end == host_page(PAGES));
  EXPECT(memory.refusal == REFUSED_BY_MAXIMUM);
}

static void a_fixed_region_never_asks_the_host(void) {
  set_up();
  memory.maximum = memory.end;
  EXPECT(memory_reach(&memory, memory.end));
  EXPECT(!memory_reach(&memory, memory.end + 1));
  EXPECT(host.asked == 0 && memory.refusal == REFUSED_BY_MAXIMUM);
}

static void the_frontier_jumps_over_pages_of_an_outsider(void) {
  set_up();
  EXPECT(host_outsider(3) && host_outsider(4));
  size_t pages = doubling();
  EXPECT(memory_reach(&memory, memory.end + 1));
  EXPECT(memory.frontier == host_page(PAGES + 7));
  EXPECT(memory.end == host_page(PAGES + 7 + pages) && memory.end == host.end);
}

static void as_many_bytes_as_were_missing_follow_an_outsider(void) {
  set_up();
  host_outsider(3);
  host.refuse_above = 6;
  EXPECT(memory_reach(&memory, memory.end + 5 * MEMORY_PAGE + 1));
  EXPECT(memory.end - memory.frontier >= 5 * MEMORY_PAGE + 1);
}

static void without_growth_pages_of_an_outsider_move_nothing(void) {
  set_up();
  host_outsider(3);
  EXPECT(memory_reach(&memory, memory.end));
  host.refuse_above = 0;
  EXPECT(!memory_reach(&memory, memory.end + 1));
  EXPECT(memory.frontier == host.start + 100 && memory.end == host_page(PAGES));
}

static void an_outsider_that_leaves_too_little_does_not_make_memory_pass_its_maximum(void) {
  set_up();
  host_outsider(MAXIMUM - PAGES - 2);
  EXPECT(!memory_reach(&memory, memory.end + 3 * MEMORY_PAGE));
  EXPECT(memory.end == host_page(PAGES));
  EXPECT(memory_reach(&memory, memory.end + 2 * MEMORY_PAGE));
  EXPECT(memory.end == memory.maximum);
}

static void an_outsider_behind_the_maximum_does_not_make_memory_pass_it(void) {
  set_up();
  host_outsider(MAXIMUM);
  EXPECT(!memory_reach(&memory, memory.end + 1));
  EXPECT(memory.end == host_page(PAGES) && memory.refusal == REFUSED_BY_MAXIMUM);
}

static void a_gibibyte_in_blocks_of_a_kibibyte_takes_at_most_12_growths(void) {
  static struct chunks chunks;
  static struct arena arena;
  host_open_chunks(&chunks, PAGES, 19000);
  arena_init(&arena, chunks_allocator(&chunks), SIZE_MAX, false);
  for (size_t i = 0; i < 1024 * MIB / 1024; i++) EXPECT(arena_alloc(&arena, 1024, 8));
  EXPECT(arena.capacity >= 1024 * MIB && !chunk_of(arena.start)->next);
  EXPECT(chunks.memory.grows <= 12 && chunks.memory.grows == host.asked);
}

int main(void) {
  CLAIM(what_is_present_is_there_without_growth);
  CLAIM(one_byte_more_than_is_present_grows);
  CLAIM(a_growth_doubles_the_memory);
  CLAIM(a_need_of_more_than_double_is_met_exactly);
  CLAIM(a_refused_step_is_halved_down_to_what_is_granted);
  CLAIM(halving_ends_at_what_is_needed);
  CLAIM(a_refusal_of_what_is_needed_moves_nothing);
  CLAIM(after_a_refusal_the_next_request_is_served);
  CLAIM(growth_stops_at_the_maximum);
  CLAIM(the_maximum_is_reached_exactly);
  CLAIM(one_byte_past_the_maximum_is_refused_without_asking_the_host);
  CLAIM(a_fixed_region_never_asks_the_host);
  CLAIM(the_frontier_jumps_over_pages_of_an_outsider);
  CLAIM(as_many_bytes_as_were_missing_follow_an_outsider);
  CLAIM(without_growth_pages_of_an_outsider_move_nothing);
  CLAIM(an_outsider_that_leaves_too_little_does_not_make_memory_pass_its_maximum);
  CLAIM(an_outsider_behind_the_maximum_does_not_make_memory_pass_it);
  CLAIM(a_gibibyte_in_blocks_of_a_kibibyte_takes_at_most_12_growths);
  return harness_end();
}
