#include "fixed_buffer.h"

#include "harness.h"

#define SIZE ((size_t)1000)

/* The bytes before and behind the buffer's are somebody else's. */
static struct {
  unsigned char before[64];
  _Alignas(64) unsigned char bytes[SIZE];
  unsigned char behind[64];
} place;

static struct fixed_buffer buffer;

static void set_up(void) {
  memset(&place, 0xee, sizeof place);
  fixed_buffer_init(&buffer, place.bytes, SIZE);
}

static bool untouched_around(void) {
  for (size_t i = 0; i < 64; i++) {
    if (place.before[i] != 0xee || place.behind[i] != 0xee) return false;
  }
  return true;
}

static unsigned char *alloc(size_t size, size_t align) {
  unsigned char *block = fixed_buffer_alloc(&buffer, size, align);
  EXPECT(block && (uintptr_t)block % align == 0);
  memset(block, 0xaa, size);
  return block;
}

static void blocks_follow_each_other(void) {
  set_up();
  EXPECT(alloc(10, 1) == place.bytes);
  EXPECT(alloc(10, 8) == place.bytes + 16);
  EXPECT(alloc(10, 1) == place.bytes + 26);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 36);
}

static void the_buffer_is_used_to_its_last_byte(void) {
  set_up();
  alloc(SIZE - 1, 1);
  EXPECT(fixed_buffer_remaining(&buffer) == 1);
  EXPECT(!fixed_buffer_alloc(&buffer, 2, 1));
  EXPECT(alloc(1, 1) == place.bytes + SIZE - 1);
  EXPECT(fixed_buffer_remaining(&buffer) == 0);
  EXPECT(!fixed_buffer_alloc(&buffer, 1, 1));
  EXPECT(alloc(0, 1) == place.bytes + SIZE);
  EXPECT(untouched_around());
}

static void every_alignment_is_honoured_or_refused(void) {
  static unsigned char big[3 * 65536];
  for (size_t align = 1; align <= 65536; align *= 2) {
    for (size_t odd = 0; odd < 3; odd++) {
      fixed_buffer_init(&buffer, big + odd, sizeof big - odd);
      EXPECT(alloc(1, 1) && alloc(3, align) && alloc(5, align));
    }
  }
  fixed_buffer_init(&buffer, big + 1, 100);
  uintptr_t next = ((uintptr_t)big + 65536) & ~(uintptr_t)65535;
  EXPECT(next > buffer.limit);
  EXPECT(!fixed_buffer_alloc(&buffer, 0, 65536) && buffer.cursor == buffer.start);
}

static void a_refused_block_changes_nothing(void) {
  set_up();
  alloc(100, 1);
  static const size_t sizes[] = {SIZE + 1, SIZE_MAX, SIZE_MAX - 99, SIZE_MAX / 2};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    EXPECT(!fixed_buffer_alloc(&buffer, sizes[i] - 100, 1));
    EXPECT(!fixed_buffer_alloc(&buffer, sizes[i], 8));
    EXPECT(!fixed_buffer_resize(&buffer, place.bytes, 100, sizes[i]));
    EXPECT(buffer.cursor == (uintptr_t)place.bytes + 100);
  }
}

static void an_empty_buffer_gives_blocks_of_no_bytes(void) {
  set_up();
  fixed_buffer_init(&buffer, place.bytes, 0);
  EXPECT(fixed_buffer_alloc(&buffer, 0, 8) == place.bytes);
  EXPECT(!fixed_buffer_alloc(&buffer, 1, 1) && fixed_buffer_remaining(&buffer) == 0);
}

static void blocks_of_no_bytes_are_valid_and_can_be_freed(void) {
  set_up();
  alloc(1, 1);
  unsigned char *none = alloc(0, 16);
  EXPECT(none == place.bytes + 16 && fixed_buffer_remaining(&buffer) == SIZE - 16);
  fixed_buffer_free(&buffer, none, 0);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 16);
  EXPECT(fixed_buffer_resize(&buffer, none, 0, 10) && alloc(1, 1) == none + 10);
}

static void freeing_the_last_block_gives_its_bytes_back(void) {
  set_up();
  alloc(10, 1);
  unsigned char *last = alloc(20, 1);
  fixed_buffer_free(&buffer, last, 20);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 10);
  EXPECT(alloc(30, 1) == last);
}

static void freed_in_reverse_order_all_bytes_come_back(void) {
  set_up();
  unsigned char *blocks[10];
  for (size_t i = 0; i < 10; i++) blocks[i] = alloc(i * 7, 1);
  for (size_t i = 10; i-- > 0;) fixed_buffer_free(&buffer, blocks[i], i * 7);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE);
}

static void freeing_another_block_waits_for_the_reset(void) {
  set_up();
  unsigned char *first = alloc(10, 1);
  alloc(20, 1);
  fixed_buffer_free(&buffer, first, 10);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 30);
  fixed_buffer_reset(&buffer);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE && alloc(1, 1) == place.bytes);
}

static void the_last_block_grows_and_shrinks_where_it_is(void) {
  set_up();
  alloc(10, 1);
  unsigned char *last = alloc(20, 1);
  EXPECT(fixed_buffer_resize(&buffer, last, 20, 100));
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 110);
  EXPECT(fixed_buffer_resize(&buffer, last, 100, 5));
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 15);
  EXPECT(fixed_buffer_resize(&buffer, last, 5, SIZE - 10));
  EXPECT(fixed_buffer_remaining(&buffer) == 0);
  EXPECT(!fixed_buffer_resize(&buffer, last, SIZE - 10, SIZE - 9));
  EXPECT(last[0] == 0xaa && last[4] == 0xaa);
}

static void another_block_shrinks_but_does_not_grow(void) {
  set_up();
  unsigned char *first = alloc(10, 1);
  alloc(20, 1);
  EXPECT(!fixed_buffer_resize(&buffer, first, 10, 11));
  EXPECT(fixed_buffer_resize(&buffer, first, 10, 10));
  EXPECT(fixed_buffer_resize(&buffer, first, 10, 4));
  EXPECT(!fixed_buffer_resize(&buffer, first, 4, 5));
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 30);
}

static void it_owns_the_used_bytes_and_no_others(void) {
  set_up();
  uintptr_t start = (uintptr_t)place.bytes;
  EXPECT(fixed_buffer_owns(&buffer, start, 0) && !fixed_buffer_owns(&buffer, start, 1));
  alloc(100, 1);
  EXPECT(fixed_buffer_owns(&buffer, start, 100) && !fixed_buffer_owns(&buffer, start, 101));
  EXPECT(fixed_buffer_owns(&buffer, start + 40, 60));
  EXPECT(!fixed_buffer_owns(&buffer, start + 40, 61));
  EXPECT(fixed_buffer_owns(&buffer, start + 100, 0));
  EXPECT(!fixed_buffer_owns(&buffer, start + 101, 0));
  EXPECT(!fixed_buffer_owns(&buffer, start - 1, 1) && !fixed_buffer_owns(&buffer, start - 1, 0));
  EXPECT(!fixed_buffer_owns(&buffer, 0, 0) && !fixed_buffer_owns(&buffer, UINTPTR_MAX, 0));
  EXPECT(!fixed_buffer_owns(&buffer, start + 1, SIZE_MAX));
  fixed_buffer_reset(&buffer);
  EXPECT(!fixed_buffer_owns(&buffer, start, 1));
}

static void as_an_allocator_it_does_the_same(void) {
  set_up();
  struct allocator *on = fixed_buffer_allocator(&buffer);
  unsigned char *first = allocator_alloc(on, 10, 16);
  unsigned char *last = allocator_alloc(on, 10, 16);
  EXPECT(first == place.bytes && last == first + 16);
  memset(first, 1, 10);
  memset(last, 2, 10);
  EXPECT(!allocator_resize(on, first, 10, 20, 16) && allocator_resize(on, last, 10, 20, 16));
  EXPECT(allocator_remap(on, last, 20, 30, 16) == last);
  unsigned char *moved = allocator_remap(on, first, 10, 40, 64);
  EXPECT(moved == place.bytes + 64 && memcmp(moved, first, 10) == 0);
  EXPECT(allocator_remap(on, moved, 40, 4, 64) == moved);
  EXPECT(!allocator_remap(on, moved, 4, SIZE, 64) && !allocator_alloc(on, SIZE, 1));
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 68);
  allocator_free(on, moved, 4, 64);
  EXPECT(fixed_buffer_remaining(&buffer) == SIZE - 64);
}

int main(void) {
  CLAIM(blocks_follow_each_other);
  CLAIM(the_buffer_is_used_to_its_last_byte);
  CLAIM(every_alignment_is_honoured_or_refused);
  CLAIM(a_refused_block_changes_nothing);
  CLAIM(an_empty_buffer_gives_blocks_of_no_bytes);
  CLAIM(blocks_of_no_bytes_are_valid_and_can_be_freed);
  CLAIM(freeing_the_last_block_gives_its_bytes_back);
  CLAIM(freed_in_reverse_order_all_bytes_come_back);
  CLAIM(freeing_another_block_waits_for_the_reset);
  CLAIM(the_last_block_grows_and_shrinks_where_it_is);
  CLAIM(another_block_shrinks_but_does_not_grow);
  CLAIM(it_owns_the_used_bytes_and_no_others);
  CLAIM(as_an_allocator_it_does_the_same);
  return harness_end();
}
