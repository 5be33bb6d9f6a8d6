/*
 * Failure at every step: one program runs again and again, and each time memory is refused from
 * another growth on. What fails must leave everything as it was, and succeed afterwards.
 */
#include "neighbourhood.h"

#define BLOCKS 16
#define BIG ((size_t)40000)

static struct block {
  uintptr_t start;
  size_t size;
} blocks[BLOCKS];
static struct arena_mark mark;

static unsigned char byte_of(size_t name, size_t index) {
  return (unsigned char)(name * 41 + index * 7 + 1);
}

static void write_block(size_t name, void *start, size_t size) {
  blocks[name] = (struct block){(uintptr_t)start, size};
  for (size_t i = 0; i < size; i++) ((unsigned char *)start)[i] = byte_of(name, i);
}

static bool intact(size_t name, size_t size) {
  const unsigned char *start = (const unsigned char *)blocks[name].start;
  for (size_t i = 0; i < size; i++) {
    if (start[i] != byte_of(name, i)) return false;
  }
  return true;
}

static void expect_all_intact(void) {
  SOUND();
  for (size_t name = 0; name < BLOCKS; name++) EXPECT(intact(name, blocks[name].size));
}

static bool alloc_block(size_t name, size_t size, size_t align) {
  void *start = arena_alloc(&arena, size, align);
  if (start) write_block(name, start, size);
  return start;
}

static bool resize_block(size_t name, size_t size, size_t align) {
  struct block old = blocks[name];
  void *start = arena_realloc(&arena, (void *)old.start, old.size, size, align);
  if (!start) return false;
  blocks[name].start = (uintptr_t)start;
  EXPECT(intact(name, smaller(old.size, size)));
  write_block(name, start, size);
  return true;
}

static bool promote_block(size_t name, size_t align, size_t first_of_scope) {
  void *start = arena_promote(&arena, mark, (void *)blocks[name].start, blocks[name].size, align);
  if (!start) return false;
  blocks[name].start = (uintptr_t)start;
  EXPECT(intact(name, blocks[name].size));
  for (size_t i = first_of_scope; i < BLOCKS; i++) {
    if (i != name) blocks[i].size = 0;
  }
  return true;
}

static bool first_block(void) {
  return alloc_block(0, BIG, 8);
}

static bool second_block(void) {
  return alloc_block(1, BIG, 1024);
}

static bool zeroed_block(void) {
  void *start = arena_alloc_zeroed(&arena, BIG, 8);
  if (!start) return false;
  EXPECT(reads((uintptr_t)start, BIG, 0));
  write_block(2, start, BIG);
  return true;
}

static bool growth_of_the_last_block(void) {
  return resize_block(2, 3 * BIG, 8);
}

static bool growth_of_another_block(void) {
  return resize_block(0, 2 * BIG, 8);
}

static bool copy_of_a_misaligned_block(void) {
  return resize_block(0, BIG, 65536);
}

static bool neighbour(void) {
  struct arena *new = &neighbours[neighbours_count];
  arena_init(new, chunks_allocator(&chunks), SIZE_MAX, true);
  if (!arena_reserve(new, BIG)) return false;
  neighbours_count++;
  return true;
}

static bool move_of_the_last_block(void) {
  return resize_block(0, 3 * BIG, 8);
}

static bool outsider(void) {
  return host_outsider(2);
}

static bool block_behind_an_outsider(void) {
  return alloc_block(3, 5 * BIG, 8);
}

static bool opened_mark(void) {
  mark = arena_mark(&arena);
  return true;
}

static bool first_block_of_the_scope(void) {
  return alloc_block(4, 5, 1);
}

static bool last_block_of_the_scope(void) {
  return alloc_block(5, BIG, 1);
}

static bool block_in_a_later_chunk(void) {
  return alloc_block(6, 2 * BIG, 1);
}

static bool growth_of_a_block_from_before_the_mark(void) {
  struct block old = blocks[3];
  bool copied = resize_block(3, 6 * BIG, 8);
  if (!copied) return false;
  blocks[7] = blocks[3]; /* the scope's, while the old one stays */
  write_block(7, (void *)blocks[7].start, blocks[7].size);
  write_block(3, (void *)old.start, old.size);
  return true;
}

static bool promotion_of_a_misaligned_block(void) {
  return promote_block(6, 65536, 4);
}

static bool reset(void) {
  arena_reset(&arena);
  memset(blocks, 0, sizeof blocks);
  return true;
}

static bool block_bigger_than_all_before(void) {
  return alloc_block(0, 30 * BIG, 8);
}

static bool (*const program[])(void) = {
    first_block,
    second_block,
    zeroed_block,
    growth_of_the_last_block,
    growth_of_another_block,
    copy_of_a_misaligned_block,
    neighbour,
    move_of_the_last_block,
    outsider,
    block_behind_an_outsider,
    neighbour,
    opened_mark,
    first_block_of_the_scope,
    last_block_of_the_scope,
    neighbour,
    block_in_a_later_chunk,
    growth_of_a_block_from_before_the_mark,
    promotion_of_a_misaligned_block,
    reset,
    block_bigger_than_all_before,
};

static void expect_failure_to_change_nothing(bool (*step)(void)) {
  struct arena before = state_of(&arena);
  size_t refused = host.refused;
  if (!step()) {
    EXPECT(host.refused > refused);
    EXPECT(same_state(&arena, before));
    expect_all_intact();
    host.refuse_from = 0;
    EXPECT(step());
  }
  expect_all_intact();
}

/* Runs the program with growths refused from the n-th on; how many were refused. */
static size_t run(size_t n, bool zero) {
  host_open_chunks(&chunks, 1, 256);
  neighbours_count = 0;
  arena_init(&arena, chunks_allocator(&chunks), SIZE_MAX, zero);
  memset(blocks, 0, sizeof blocks);
  host.refuse_from = n;
  host.refuse_above = 4; /* so that there are many growths */
  for (size_t i = 0; i < sizeof program / sizeof *program; i++) {
    if (program[i] == block_bigger_than_all_before) host.refuse_above = SIZE_MAX;
    expect_failure_to_change_nothing(program[i]);
  }
  return host.refused;
}

static void fail_every_growth(bool zero) {
  size_t without = 0;
  for (size_t n = 1; without == 0; n++) {
    run(n, zero);
    if (host.refuse_from > 1) without = n;
  }
  EXPECT(without > 10);
}

static void a_failure_of_any_growth_changes_nothing(void) {
  fail_every_growth(false);
}

static void a_failure_of_any_growth_changes_nothing_in_a_zeroing_arena(void) {
  fail_every_growth(true);
}

int main(void) {
  CLAIM(a_failure_of_any_growth_changes_nothing);
  CLAIM(a_failure_of_any_growth_changes_nothing_in_a_zeroing_arena);
  return harness_end();
}
