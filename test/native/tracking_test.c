#include "tracking.h"

#include "fixed_buffer.h"
#include "harness.h"

#define SIZE ((size_t)1000)

static unsigned char bytes[SIZE];
static struct fixed_buffer buffer;
static struct tracking tracking;
static struct allocator *tracked;

static void set_up(void) {
  fixed_buffer_init(&buffer, bytes, SIZE);
  tracking_init(&tracking, fixed_buffer_allocator(&buffer));
  tracked = tracking_allocator(&tracking);
}

static bool counts(size_t allocations, size_t frees, size_t live, size_t peak, size_t failures) {
  return tracking.allocations == allocations && tracking.frees == frees && tracking.live == live &&
         tracking.peak == peak && tracking.failures == failures;
}

static void it_begins_with_nothing(void) {
  memset(&tracking, 0xff, sizeof tracking);
  set_up();
  EXPECT(counts(0, 0, 0, 0, 0));
}

static void blocks_given_out_and_back_are_counted(void) {
  set_up();
  void *first = allocator_alloc(tracked, 10, 1);
  EXPECT(first == bytes && counts(1, 0, 10, 10, 0));
  void *last = allocator_alloc(tracked, 20, 1);
  EXPECT(counts(2, 0, 30, 30, 0));
  allocator_free(tracked, last, 20, 1);
  EXPECT(counts(2, 1, 10, 30, 0));
  EXPECT(allocator_alloc(tracked, 5, 1) == last && counts(3, 1, 15, 30, 0));
  allocator_free(tracked, last, 5, 1);
  allocator_free(tracked, first, 10, 1);
  EXPECT(counts(3, 3, 0, 30, 0) && fixed_buffer_remaining(&buffer) == SIZE);
}

static void blocks_of_no_bytes_count_as_blocks(void) {
  set_up();
  void *none = allocator_alloc(tracked, 0, 1);
  EXPECT(none && counts(1, 0, 0, 0, 0));
  allocator_free(tracked, none, 0, 1);
  EXPECT(counts(1, 1, 0, 0, 0));
}

static void a_refused_block_is_a_failure(void) {
  set_up();
  EXPECT(!allocator_alloc(tracked, SIZE + 1, 1) && counts(0, 0, 0, 0, 1));
  EXPECT(!allocator_alloc(tracked, SIZE_MAX, 8) && counts(0, 0, 0, 0, 2));
}

static void a_resize_moves_the_live_bytes_alone(void) {
  set_up();
  void *block = allocator_alloc(tracked, 10, 1);
  EXPECT(allocator_resize(tracked, block, 10, 50, 1) && counts(1, 0, 50, 50, 0));
  EXPECT(allocator_resize(tracked, block, 50, 20, 1) && counts(1, 0, 20, 50, 0));
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 20);
}

static void a_refused_resize_is_no_failure(void) {
  set_up();
  void *block = allocator_alloc(tracked, 10, 1);
  EXPECT(!allocator_resize(tracked, block, 10, SIZE + 1, 1) && counts(1, 0, 10, 10, 0));
}

static void a_remap_moves_the_live_bytes_alone_and_is_a_failure_when_refused(void) {
  set_up();
  unsigned char *first = allocator_alloc(tracked, 10, 1);
  memset(first, 7, 10);
  allocator_alloc(tracked, 10, 1);
  unsigned char *moved = allocator_remap(tracked, first, 10, 30, 1);
  EXPECT(moved == bytes + 20 && moved[0] == 7 && moved[9] == 7 && counts(2, 0, 40, 40, 0));
  EXPECT(allocator_remap(tracked, moved, 30, 4, 1) == moved && counts(2, 0, 14, 40, 0));
  EXPECT(!allocator_remap(tracked, moved, 4, SIZE, 1) && counts(2, 0, 14, 40, 1));
}

static void wrappers_count_what_passes_through_each(void) {
  set_up();
  struct tracking outer;
  tracking_init(&outer, tracked);
  void *inside = allocator_alloc(tracked, 10, 1);
  void *through = allocator_alloc(tracking_allocator(&outer), 20, 1);
  EXPECT(inside && through && counts(2, 0, 30, 30, 0));
  EXPECT(outer.allocations == 1 && outer.live == 20);
}

int main(void) {
  CLAIM(it_begins_with_nothing);
  CLAIM(blocks_given_out_and_back_are_counted);
  CLAIM(blocks_of_no_bytes_count_as_blocks);
  CLAIM(a_refused_block_is_a_failure);
  CLAIM(a_resize_moves_the_live_bytes_alone);
  CLAIM(a_refused_resize_is_no_failure);
  CLAIM(a_remap_moves_the_live_bytes_alone_and_is_a_failure_when_refused);
  CLAIM(wrappers_count_what_passes_through_each);
  return harness_end();
}
