#include "family.h"

#include <stdio.h>
#include <stdlib.h>

#include "neighbourhood.h"

#define ALIGNMENTS ((size_t)17)
#define BLOCKS 200

/* Sizes that wrap when a header, an alignment or an address is added to them. */
static const size_t huge[] = {SIZE_MAX,         SIZE_MAX - 1,     SIZE_MAX - 15,     SIZE_MAX - 16,
                              SIZE_MAX - 31,    SIZE_MAX - 32,    SIZE_MAX - 63,     SIZE_MAX - 64,
                              SIZE_MAX - 65535, SIZE_MAX - 65536, SIZE_MAX - 131072, SIZE_MAX / 2,
                              SIZE_MAX / 2 + 1};
#define HUGE_SIZES (sizeof huge / sizeof *huge)

struct block {
  unsigned char *start;
  size_t size;
  size_t align;
};

/* `family_test N` takes each Nth stack of three only. */
static size_t stack_step = 1;

static struct block blocks[BLOCKS];
static size_t count;
static struct allocator *on;

static void set_up_memory(void) {
  host_open_chunks(&chunks, 16, 512);
  on = chunks_allocator(&chunks);
  count = 0;
}

static unsigned char byte_of(const struct block *block) {
  return (unsigned char)(1 + (block - blocks) % 255);
}

static void fill(struct block *block) {
  memset(block->start, byte_of(block), block->size);
}

static bool intact(const struct block *block, size_t size) {
  return reads((uintptr_t)block->start, size, byte_of(block));
}

static bool all_intact(void) {
  for (size_t i = 0; i < count; i++) {
    if (!intact(&blocks[i], blocks[i].size)) return false;
  }
  return true;
}

/* False: refused. */
static bool take(size_t size, size_t align) {
  EXPECT(count < BLOCKS);
  struct block *block = &blocks[count];
  *block = (struct block){allocator_alloc(on, size, align), size, align};
  if (!block->start) return false;
  EXPECT((uintptr_t)block->start % align == 0);
  count++;
  fill(block);
  return true;
}

static bool resize(struct block *block, size_t size) {
  if (!allocator_resize(on, block->start, block->size, size, block->align)) return false;
  EXPECT(intact(block, smaller(block->size, size)));
  block->size = size;
  fill(block);
  return true;
}

static bool remap(struct block *block, size_t size) {
  unsigned char *start = allocator_remap(on, block->start, block->size, size, block->align);
  if (!start) return false;
  block->start = start;
  EXPECT((uintptr_t)start % block->align == 0 && intact(block, smaller(block->size, size)));
  block->size = size;
  fill(block);
  return true;
}

static void give(size_t index) {
  struct block *block = &blocks[index];
  EXPECT(intact(block, block->size));
  memset(block->start, 0xdd, block->size);
  allocator_free(on, block->start, block->size, block->align);
}

/* In an order in which each comes once: 1 as taken, BLOCKS - 1 in reverse, others mixed. */
static void give_all(size_t stride) {
  for (size_t i = 0; i < BLOCKS; i++) {
    size_t index = (i + 1) * stride % BLOCKS;
    if (index < count) give(index);
  }
  count = 0;
}

/* An allocator of the program's own */

static bool never_resizes(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)allocator, (void)block, (void)old_size, (void)new_size, (void)align;
  return false;
}

static void what_has_to_move_to_shrink_takes_no_more_with_it_than_fits(void) {
  unsigned char bytes[200];
  memset(bytes, 7, sizeof bytes);
  struct fixed_buffer buffer;
  fixed_buffer_init(&buffer, bytes, sizeof bytes);
  on = fixed_buffer_allocator(&buffer);
  struct allocator_methods methods = *on->methods;
  methods.resize = never_resizes;
  on->methods = &methods;
  count = 0;
  EXPECT(take(100, 1) && remap(&blocks[0], 10));
  EXPECT(blocks[0].start == bytes + 100 && reads((uintptr_t)bytes + 110, 90, 7));
}

/* Chunks as an allocator */

static void chunks_honour_every_alignment(void) {
  for (size_t order = 1; order < BLOCKS; order += 66) {
    set_up_memory();
    for (size_t i = 0; i < BLOCKS; i++) {
      EXPECT(take(i * i, (size_t)1 << i % ALIGNMENTS));
    }
    EXPECT(all_intact());
    EXPECT_SOUND(check_chunks(&chunks));
    give_all(order);
    EXPECT(chunks_live(&chunks) == 0);
    EXPECT_SOUND(check_chunks(&chunks));
  }
}

static void chunks_refuse_what_would_wrap(void) {
  set_up_memory();
  EXPECT(take(100, 1) && take(100, 64));
  size_t live = chunks_live(&chunks);
  for (size_t i = 0; i < HUGE_SIZES; i++) {
    for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) EXPECT(!take(huge[i], align));
    EXPECT(!resize(&blocks[0], huge[i]) && !resize(&blocks[1], huge[i]));
    EXPECT(!remap(&blocks[0], huge[i]) && !remap(&blocks[1], huge[i]));
    EXPECT(chunks_live(&chunks) == live && all_intact());
    EXPECT_SOUND(check_chunks(&chunks));
  }
}

static void chunks_name_what_would_wrap(void) {
  set_up_memory();
  chunks.memory.refusal = 0;
  EXPECT(!allocator_alloc(on, SIZE_MAX, 64) && chunks.memory.refusal == REFUSED_BY_MAXIMUM);
}

static void a_resize_to_the_same_size_gives_back_what_the_alignment_did_not_take(void) {
  set_up_memory();
  EXPECT(take(100, 4096) && take(100, 1));
  size_t live = chunks_live(&chunks);
  EXPECT(resize(&blocks[0], 100) && chunks_live(&chunks) < live && all_intact());
  EXPECT_SOUND(check_chunks(&chunks));
}

static void chunks_grow_into_the_frontier_and_free_neighbours(void) {
  for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) {
    set_up_memory();
    EXPECT(take(100, align) && resize(&blocks[0], 300000));
    EXPECT(take(5000, align) && take(5000, align));
    EXPECT(!resize(&blocks[0], 400000) && !resize(&blocks[1], 200000));
    give(1);
    EXPECT(resize(&blocks[0], 304000));
    EXPECT(!resize(&blocks[0], 2000000) && resize(&blocks[2], 2000000));
    EXPECT_SOUND(check_chunks(&chunks));
    EXPECT(intact(&blocks[0], 304000) && intact(&blocks[2], 2000000));
    give(0), give(2);
    EXPECT(chunks_live(&chunks) == 0);
    EXPECT_SOUND(check_chunks(&chunks));
  }
}

static void a_block_grows_into_what_its_chunk_has_to_spare(void) {
  set_up_memory();
  EXPECT(take(1, 1) && take(1, 1));
  EXPECT(resize(&blocks[0], CHUNK_ALIGN) && !resize(&blocks[0], CHUNK_ALIGN + 1));
  EXPECT(all_intact());
  EXPECT_SOUND(check_chunks(&chunks));
}

static void chunks_give_back_what_they_shrink_by(void) {
  for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) {
    set_up_memory();
    EXPECT(take(100000, align) && take(100, 1));
    size_t live = chunks_live(&chunks);
    EXPECT(resize(&blocks[0], 1000) && live - chunks_live(&chunks) >= 99000 - 32);
    EXPECT_SOUND(check_chunks(&chunks));
    EXPECT(take(90000, 1) && blocks[2].start < blocks[1].start);
    EXPECT(resize(&blocks[0], 0) && intact(&blocks[2], 90000));
    EXPECT_SOUND(check_chunks(&chunks));
    give(0), give(1), give(2);
    EXPECT(chunks_live(&chunks) == 0);
  }
}

static void chunks_move_what_cannot_grow(void) {
  for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 2) {
    set_up_memory();
    EXPECT(take(1000, align) && take(100, 1));
    unsigned char *old = blocks[0].start;
    EXPECT(remap(&blocks[0], 200000) && blocks[0].start != old);
    EXPECT(remap(&blocks[0], 10) && remap(&blocks[0], 0) && remap(&blocks[0], 20));
    EXPECT(intact(&blocks[1], 100));
    EXPECT_SOUND(check_chunks(&chunks));
    give(0), give(1);
    EXPECT(chunks_live(&chunks) == 0);
  }
}

static void what_was_written_to_a_chunk_is_not_clean_for_a_zeroing_arena(void) {
  for (size_t align = 1; align <= 64; align *= 4) {
    set_up_memory();
    EXPECT(take(10000, align) && take(1, 1));
    EXPECT(resize(&blocks[0], 5000)); /* its tail, */
    give(0);                          /* a whole one, */
    EXPECT(take(20000, align));
    EXPECT(resize(&blocks[2], 60000)); /* and one that was extended */
    give(2);
    EXPECT_SOUND(check_chunks(&chunks));
    arena_init(&arena, on, SIZE_MAX, true);
    for (size_t i = 0; i < 60; i++) {
      unsigned char *block = arena_alloc(&arena, 1000, 1);
      EXPECT(block && reads((uintptr_t)block, 1000, 0));
      memset(block, 0xee, 1000);
    }
    arena_free(&arena);
    EXPECT_SOUND(check_chunks(&chunks));
  }
}

/* Any on any, three deep */

#define DEPTH 3
#define BLOCK_MOST ((size_t)1100)

static struct member members[DEPTH];
static struct tracking between[DEPTH]; /* counts what each member takes */
static struct fussy fussy;
static const enum kind *open_kinds; /* NULL: no stack is open */

static void say_which_stack(void) {
  if (!open_kinds) return;
  for (size_t i = DEPTH; i-- > 0;)
    printf("%s%s", i < DEPTH - 1 ? " on " : "\n    ", member_name(open_kinds[i]));
}

/* Less than the member below can give; a pool that gives blocks to the test has many. */
static size_t bytes_of(const enum kind *kinds, size_t depth) {
  static const size_t bytes[DEPTH] = {2000000, 500000, 150000};
  for (size_t i = depth + 1; i < DEPTH; i++) {
    if (kinds[i] != TRACKING) return bytes[depth];
  }
  return kinds[depth] == POOL ? BLOCK_MOST : bytes[depth];
}

/* Puts members on each other, the first on the memory, and one may be refused what it takes. */
static void open_stack(const enum kind *kinds, bool tracked, size_t fussy_at) {
  set_up_memory();
  open_kinds = kinds;
  for (size_t i = 0; i < DEPTH; i++) {
    tracking_init(&between[i], on);
    if (tracked) on = tracking_allocator(&between[i]);
    if (fussy_at == i) on = fussy_open(&fussy, on);
    on = member_open(&members[i], kinds[i], on, bytes_of(kinds, i), CHUNK_ALIGN);
    EXPECT(on);
  }
}

static void close_stack(void) {
  for (size_t i = DEPTH; i-- > 0;) {
    member_close(&members[i]);
    EXPECT(between[i].live == 0 && between[i].allocations == between[i].frees);
  }
  EXPECT(chunks_live(&chunks) == 0);
  EXPECT_SOUND(check_chunks(&chunks));
  open_kinds = NULL;
}

static void for_each_stack(void (*run)(const enum kind *kinds, bool tracked)) {
  atexit(say_which_stack);
  for (size_t i = 0; i < (size_t)KINDS * KINDS * KINDS; i += stack_step) {
    const enum kind kinds[DEPTH] = {(enum kind)(i % KINDS), (enum kind)(i / KINDS % KINDS),
                                    (enum kind)(i / KINDS / KINDS)};
    run(kinds, false);
    run(kinds, true);
  }
}

/* How many alignments there is room for: a pool's objects have one, a fixed buffer is small. */
static size_t alignments_of(const enum kind *kinds) {
  size_t top = DEPTH - 1;
  while (top && kinds[top] == TRACKING) top--;
  return kinds[top] == POOL ? 5 : kinds[top] == FIXED_BUFFER ? 13 : ALIGNMENTS;
}

static void hold(const enum kind *kinds, bool tracked) {
  size_t alignments = alignments_of(kinds);
  for (size_t order = 1; order < BLOCKS; order += 66) {
    open_stack(kinds, tracked, DEPTH);
    for (size_t i = 0; i < 3 * ALIGNMENTS; i++) {
      EXPECT(take(i * 13, (size_t)1 << i % alignments));
      if (i % 3 == 0) resize(&blocks[i % count], i % 2 ? i * 20 : i);
      if (i % 3 == 1) remap(&blocks[i % count], i % 2 ? i * 20 : i);
    }
    EXPECT(all_intact());
    give_all(order);
    close_stack();
  }
}

static void every_stack_of_three_holds_what_was_written(void) {
  for_each_stack(hold);
}

static void refuse_huge(const enum kind *kinds, bool tracked) {
  open_stack(kinds, tracked, DEPTH);
  EXPECT(take(100, 8) && take(100, 8));
  for (size_t i = 0; i < HUGE_SIZES; i++) {
    for (size_t align = 1; align <= ARENA_ALIGN_MAX; align *= 16) EXPECT(!take(huge[i], align));
    for (size_t j = 0; j < 2; j++) {
      EXPECT(!resize(&blocks[j], huge[i]) && !remap(&blocks[j], huge[i]));
    }
    EXPECT(all_intact());
  }
  EXPECT(take(100, 8));
  give_all(BLOCKS - 1);
  close_stack();
}

static void every_stack_of_three_refuses_what_would_wrap(void) {
  for_each_stack(refuse_huge);
}

/* Nothing of it can be had, but what was had before stays, and so does what comes after. */
static void be_refused(const enum kind *kinds, bool tracked) {
  static struct member before[DEPTH];
  for (size_t depth = 0; depth < DEPTH; depth++) {
    for (size_t from = 1; from < 4; from++) {
      open_stack(kinds, tracked, depth);
      for (size_t i = 0; i < 20; i++) EXPECT(take(i * 10, CHUNK_ALIGN));
      fussy.refuse_from = from;
      for (size_t i = 0; i < 40; i++) {
        size_t size = smaller(BLOCK_MOST, i * 40);
        memcpy(before, members, sizeof members);
        bool worked = i % 3 == 0   ? take(size, CHUNK_ALIGN)
                      : i % 3 == 1 ? resize(&blocks[i % count], size)
                                   : remap(&blocks[i % count], size);
        EXPECT(all_intact());
        for (size_t j = 0; j < DEPTH; j++) EXPECT(worked || member_same(&members[j], &before[j]));
      }
      fussy.refuse_from = 0;
      EXPECT(take(100, CHUNK_ALIGN) && all_intact());
      give_all(67);
      close_stack();
    }
  }
}

static void refused_at_any_depth_every_stack_is_as_it_was(void) {
  for_each_stack(be_refused);
}

/* Leaves bytes that are not 0 where the next blocks come from. */
static void make_dirty(struct allocator *of) {
  for (size_t size = 100000; size; size /= 2) {
    unsigned char *block = allocator_alloc(of, size, 1);
    if (!block) continue;
    memset(block, 0xdd, size);
    allocator_free(of, block, size, 1);
  }
}

static void read_zero(const enum kind *kinds, bool tracked) {
  if (kinds[DEPTH - 1] != ZEROING_ARENA) return;
  open_stack(kinds, tracked, DEPTH);
  make_dirty(members[DEPTH - 1].on);
  struct arena *zeroing = &members[DEPTH - 1].arena;
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < 60; i++) {
      uintptr_t cursor = zeroing->cursor;
      size_t size = i * 40;
      uintptr_t block = (uintptr_t)arena_alloc(zeroing, size, (size_t)1 << i % 8);
      EXPECT(block && reads(block, size, 0));
      if (cursor >= zeroing->start && cursor < block) EXPECT(reads(cursor, block - cursor, 0));
      memset((void *)block, 0xee, size);
      if (i % 2 == 0 || !arena_resize(zeroing, (void *)block, size, size + 3000)) continue;
      EXPECT(reads(block, size, 0xee) && reads(block + size, 3000, 0));
      memset((void *)block, 0xee, size + 3000);
      EXPECT(arena_resize(zeroing, (void *)block, size + 3000, size));
    }
    arena_reset(zeroing);
  }
  close_stack();
}

static void a_zeroing_arena_reads_zero_on_every_stack(void) {
  for_each_stack(read_zero);
}

/* An arena's chunks from a fixed buffer */

static void a_first_chunk_has_a_step_or_what_is_left(void) {
  static _Alignas(16) unsigned char bytes[2000];
  struct fixed_buffer buffer;
  fixed_buffer_init(&buffer, bytes, sizeof bytes);
  arena_init(&arena, fixed_buffer_allocator(&buffer), SIZE_MAX, false);
  EXPECT(arena_alloc(&arena, 50, 1) && arena.capacity == KIB);
  arena_free(&arena);
  EXPECT(fixed_buffer_remaining(&buffer) == sizeof bytes);
  fixed_buffer_init(&buffer, bytes, 200);
  arena_init(&arena, fixed_buffer_allocator(&buffer), SIZE_MAX, false);
  EXPECT(arena_alloc(&arena, 50, 1) && arena.capacity == 64);
  EXPECT(arena_alloc(&arena, 80, 1) && !arena_alloc(&arena, 80, 1));
  arena_free(&arena);
  EXPECT(fixed_buffer_remaining(&buffer) == 200);
}

static size_t noted;

void backing_note(enum memory_refusal why) {
  noted = why;
}

/* An arena on an allocator that counts what is asked of it. */
static void set_up_counted(void) {
  set_up_memory();
  tracking_init(&between[0], on);
  arena_init(&arena, tracking_allocator(&between[0]), SIZE_MAX, false);
}

static void an_arena_takes_no_more_than_it_needs_for_a_big_block(void) {
  set_up_counted();
  EXPECT(arena_reserve(&arena, 0) && between[0].live == CHUNK_HEADER && arena.capacity == 0);
  for (size_t align = 8; align <= 64; align *= 2) {
    set_up_counted();
    EXPECT(arena_alloc(&arena, 96000, align));
    EXPECT(between[0].live == CHUNK_HEADER + 96000 + (align > 16 ? align - 16 : 0));
  }
}

static void an_arena_goes_on_by_a_step_where_it_may(void) {
  static _Alignas(16) unsigned char bytes[4096];
  struct fixed_buffer buffer;
  fixed_buffer_init(&buffer, bytes, sizeof bytes);
  arena_init(&arena, fixed_buffer_allocator(&buffer), SIZE_MAX, false);
  EXPECT(arena_alloc(&arena, 50, 1) && arena_alloc(&arena, 1000, 1));
  EXPECT(arena.capacity == 2 * KIB);
  arena_trim(&arena, 0);
  EXPECT(arena.capacity == 1056 && fixed_buffer_remaining(&buffer) == 4096 - 1056 - CHUNK_HEADER);
}

static void a_refused_chunk_is_asked_for_once_and_noted(void) {
  set_up_counted();
  noted = 0;
  EXPECT(!arena_reserve(&arena, SIZE_MAX / 2));
  EXPECT(between[0].failures == 1 && noted == REFUSED_BY_BACKING);
  noted = 0;
  EXPECT(!arena_reserve(&arena, SIZE_MAX) && noted == REFUSED_BY_BACKING);
}

/* An arena's resize */

static void set_up_arena(bool zero) {
  set_up_memory();
  neighbours_count = 0;
  arena_init(&arena, on, SIZE_MAX, zero);
}

static void an_arenas_last_block_is_resized_where_it_is(void) {
  set_up();
  alloc(10, 1, 1);
  uintptr_t last = alloc(20, 1, 2);
  EXPECT(arena_resize(&arena, (void *)last, 20, 100000) && arena.cursor == last + 100000);
  EXPECT(reads(last, 20, 2) && arena_used(&arena) == 100010);
  EXPECT(arena_resize(&arena, (void *)last, 100000, 5) && arena_used(&arena) == 15);
  EXPECT(arena_resize(&arena, (void *)last, 5, 0) && alloc(1, 1, 1) == last);
  SOUND();
}

static void an_arena_remaps_where_it_is_or_elsewhere(void) {
  set_up();
  struct allocator *as_allocator = arena_allocator(&arena);
  void *block = (void *)alloc(100, 8, 1);
  EXPECT(allocator_remap(as_allocator, block, 100, 200, 8) == block);
  alloc(1, 1, 2);
  void *moved = allocator_remap(as_allocator, block, 200, 300, 8);
  EXPECT(moved && moved != block && reads((uintptr_t)moved, 100, 1));
  SOUND();
}

static void an_arenas_other_blocks_only_shrink(void) {
  set_up();
  uintptr_t first = alloc(10, 1, 1);
  alloc(20, 1, 2);
  struct arena before = state_of(&arena);
  EXPECT(!arena_resize(&arena, (void *)first, 10, 11) && same_state(&arena, before));
  EXPECT(arena_resize(&arena, (void *)first, 10, 5) && same_state(&arena, before));
  EXPECT(arena_resize(&arena, (void *)first, 10, 10) && same_state(&arena, before));
  SOUND();
}

static void a_block_from_before_the_mark_does_not_grow(void) {
  set_up();
  uintptr_t block = alloc(10, 1, 1);
  struct arena_mark mark = arena_mark(&arena);
  EXPECT(!arena_resize(&arena, (void *)block, 10, 11));
  EXPECT(arena_resize(&arena, (void *)block, 10, 5) && arena_used(&arena) == 10);
  uintptr_t inside = alloc(10, 1, 1);
  EXPECT(arena_resize(&arena, (void *)inside, 10, 50));
  arena_release(&arena, mark);
  EXPECT(arena_used(&arena) == 10 && arena_resize(&arena, (void *)block, 10, 11));
  SOUND();
}

static void an_arenas_limit_bounds_a_resize(void) {
  set_up_with(100, false);
  uintptr_t block = alloc(50, 1, 1);
  struct arena before = state_of(&arena);
  EXPECT(!arena_resize(&arena, (void *)block, 50, 101) && same_state(&arena, before));
  EXPECT(!arena_resize(&arena, (void *)block, 50, SIZE_MAX) && same_state(&arena, before));
  EXPECT(arena_resize(&arena, (void *)block, 50, 100) && arena_used(&arena) == 100);
  EXPECT(arena_resize(&arena, (void *)block, 100, 1) && arena.high_water == 100);
  SOUND();
}

static void a_resize_that_a_neighbour_stops_changes_nothing(void) {
  set_up();
  uintptr_t block = alloc(50, 1, 7);
  fence_in();
  struct arena before = state_of(&arena);
  size_t most = arena.cursor - block + left();
  EXPECT(!arena_resize(&arena, (void *)block, 50, most + 1) && same_state(&arena, before));
  EXPECT(arena_resize(&arena, (void *)block, 50, most) && left() == 0 && reads(block, 50, 7));
  SOUND();
}

static void a_zeroing_arenas_grown_tails_read_zero(void) {
  set_up_arena(true);
  make_dirty(on);
  uintptr_t block = alloc(10, 1, 0xee);
  for (size_t size = 10; size < 200000; size += size / 3 + 1) {
    EXPECT(arena_resize(&arena, (void *)block, size, size + size / 3 + 1));
    EXPECT(reads(block, size, 0xee) && reads(block + size, size / 3 + 1, 0));
    memset((void *)block, 0xee, size + size / 3 + 1);
  }
  SOUND();
}

static void freeing_through_the_interface_gives_back_the_last_block_alone(void) {
  set_up();
  struct allocator *as_allocator = arena_allocator(&arena);
  void *first = allocator_alloc(as_allocator, 10, 8);
  void *last = allocator_alloc(as_allocator, 10, 8);
  allocator_free(as_allocator, first, 10, 8);
  EXPECT(arena_used(&arena) == 26);
  allocator_free(as_allocator, last, 10, 8);
  EXPECT(arena_used(&arena) == 16 && arena.high_water == 26);
  EXPECT(allocator_remap(as_allocator, first, 10, 40, 8) != first);
  SOUND();
}

static void a_freed_arena_refuses_through_the_interface(void) {
  set_up();
  struct allocator *as_allocator = arena_allocator(&arena);
  void *block = allocator_alloc(as_allocator, 10, 8);
  arena_free(&arena);
  EXPECT(!allocator_alloc(as_allocator, 0, 1) && !allocator_alloc(as_allocator, 10, 8));
  EXPECT(!allocator_resize(as_allocator, block, 10, 20, 8));
  EXPECT(!allocator_remap(as_allocator, block, 10, 20, 8));
  SOUND();
}

int main(int argument_count, char **arguments) {
  if (argument_count > 1) stack_step = larger(1, strtoul(arguments[1], NULL, 10));
  CLAIM(what_has_to_move_to_shrink_takes_no_more_with_it_than_fits);
  CLAIM(chunks_honour_every_alignment);
  CLAIM(chunks_refuse_what_would_wrap);
  CLAIM(chunks_name_what_would_wrap);
  CLAIM(a_resize_to_the_same_size_gives_back_what_the_alignment_did_not_take);
  CLAIM(chunks_grow_into_the_frontier_and_free_neighbours);
  CLAIM(a_block_grows_into_what_its_chunk_has_to_spare);
  CLAIM(chunks_give_back_what_they_shrink_by);
  CLAIM(chunks_move_what_cannot_grow);
  CLAIM(what_was_written_to_a_chunk_is_not_clean_for_a_zeroing_arena);
  CLAIM(a_first_chunk_has_a_step_or_what_is_left);
  CLAIM(an_arena_takes_no_more_than_it_needs_for_a_big_block);
  CLAIM(an_arena_goes_on_by_a_step_where_it_may);
  CLAIM(a_refused_chunk_is_asked_for_once_and_noted);
  CLAIM(an_arenas_last_block_is_resized_where_it_is);
  CLAIM(an_arena_remaps_where_it_is_or_elsewhere);
  CLAIM(an_arenas_other_blocks_only_shrink);
  CLAIM(a_block_from_before_the_mark_does_not_grow);
  CLAIM(an_arenas_limit_bounds_a_resize);
  CLAIM(a_resize_that_a_neighbour_stops_changes_nothing);
  CLAIM(a_zeroing_arenas_grown_tails_read_zero);
  CLAIM(freeing_through_the_interface_gives_back_the_last_block_alone);
  CLAIM(a_freed_arena_refuses_through_the_interface);
  CLAIM(every_stack_of_three_holds_what_was_written);
  CLAIM(every_stack_of_three_refuses_what_would_wrap);
  CLAIM(refused_at_any_depth_every_stack_is_as_it_was);
  CLAIM(a_zeroing_arena_reads_zero_on_every_stack);
  return harness_end();
}
