/*
 * Fixed buffers and tracking in programs. Where a fixed buffer puts a block is foretold from its
 * cursor; what tracking counts is, whatever it stands on.
 */
#include "fixed_buffer.h"
#include "program.h"
#include "tracking.h"

/* Fixed buffers */

static bool is_last(const struct block *block) {
  return block->start + block->size == it->buffer.cursor;
}

static bool can_resize(const struct block *block, size_t size) {
  return size <= block->size || (is_last(block) && size <= it->buffer.limit - block->start);
}

static void buffer_alloc(void) {
  doing = "alloc";
  struct fixed_buffer *buffer = &it->buffer;
  struct fixed_buffer before = *buffer;
  size_t size = some_size();
  size_t align = some_align();
  uintptr_t start = align_up(before.cursor, align);
  bool fits = start <= before.limit && size <= before.limit - start;
  void *block = one_in(2) ? fixed_buffer_alloc(buffer, size, align)
                          : allocator_alloc(fixed_buffer_allocator(buffer), size, align);
  EXPECT(block == (fits ? (void *)start : NULL));
  EXPECT(buffer->cursor == (fits ? start + size : before.cursor));
  if (fits) {
    add_block(start, size, align);
  } else {
    counts.refused++;
  }
}

static void buffer_resize(void) {
  doing = "resize";
  struct block *block = &it->blocks[some_block()];
  size_t size = some_new_size(block->size);
  bool can = can_resize(block, size);
  uintptr_t cursor = can && is_last(block) ? block->start + size : it->buffer.cursor;
  EXPECT(fixed_buffer_resize(&it->buffer, (void *)block->start, block->size, size) == can);
  EXPECT(it->buffer.cursor == cursor);
  EXPECT(holds(block, can ? smaller(block->size, size) : block->size));
  if (can) {
    fill(block, block->start, size);
  } else {
    counts.refused++;
  }
}

static void buffer_remap(void) {
  doing = "remap";
  size_t index = some_block();
  struct block old = it->blocks[index];
  size_t size = some_new_size(old.size);
  uintptr_t elsewhere = align_up(it->buffer.cursor, old.align);
  uintptr_t cursor = it->buffer.cursor;
  bool stays = can_resize(&old, size);
  bool fits = elsewhere <= it->buffer.limit && size <= it->buffer.limit - elsewhere;
  bool last = is_last(&old);
  void *block = allocator_remap(fixed_buffer_allocator(&it->buffer), (void *)old.start, old.size,
                                size, old.align);
  if (!stays && !fits) {
    EXPECT(!block && holds(&old, old.size) && it->buffer.cursor == cursor);
    counts.refused++;
    return;
  }
  EXPECT(block == (void *)(stays ? old.start : elsewhere));
  if (!stays || last) cursor = (uintptr_t)block + size;
  EXPECT(it->buffer.cursor == cursor);
  old.start = (uintptr_t)block;
  EXPECT(holds(&old, smaller(old.size, size)));
  remove_block(index);
  add_block((uintptr_t)block, size, old.align);
}

static void buffer_free(void) {
  doing = "free";
  size_t index = some_block();
  struct block block = it->blocks[index];
  EXPECT(holds(&block, block.size));
  uintptr_t cursor = is_last(&block) ? block.start : it->buffer.cursor;
  fixed_buffer_free(&it->buffer, (void *)block.start, block.size);
  EXPECT(it->buffer.cursor == cursor);
  remove_block(index);
}

static void buffer_reset(void) {
  doing = "reset";
  close_children();
  drop_blocks(0);
  fixed_buffer_reset(&it->buffer);
  EXPECT(it->buffer.cursor == it->buffer.start);
}

static void buffer_ask(void) {
  doing = "owns";
  const struct fixed_buffer *buffer = &it->buffer;
  size_t size = some_size();
  uintptr_t at = buffer->start - 100 + below(buffer->limit - buffer->start + 200);
  bool inside = at >= buffer->start && at <= buffer->cursor && size <= buffer->cursor - at;
  EXPECT(fixed_buffer_owns(buffer, at, size) == inside);
  EXPECT(fixed_buffer_remaining(buffer) == buffer->limit - buffer->cursor);
}

static void buffer_step(void) {
  static void (*const operations[])(void) = {buffer_resize, buffer_remap, buffer_free, buffer_free};
  size_t choice = some_operation(64);
  if (choice == 0 || it->count == BLOCKS) {
    buffer_reset();
  } else if (choice < 8) {
    buffer_ask();
  } else if (it->count == 0 || choice < 36) {
    buffer_alloc();
  } else {
    operations[choice % 4]();
  }
}

/* Begins at any address, and ends where AddressSanitizer watches if the bytes are malloc's. */
static bool buffer_open(void) {
  size_t size = below((size_t)256 << below(10));
  it->bytes = allocator_alloc(it->on, size + 1, 1);
  if (!it->bytes) return false;
  size_t skipped = below(2);
  fixed_buffer_init(&it->buffer, it->bytes + skipped, size + 1 - skipped);
  return true;
}

static void buffer_close(void) {
  drop_blocks(0);
  size_t size = it->buffer.limit - (uintptr_t)it->bytes;
  allocator_free(it->on, it->bytes, size, 1);
}

static void buffer_check(void) {
  EXPECT(it->buffer.start <= it->buffer.cursor && it->buffer.cursor <= it->buffer.limit);
}

static struct allocator *buffer_allocator(void) {
  return fixed_buffer_allocator(&it->buffer);
}

const struct behaviour buffer_behaviour = {"fixed buffer", buffer_open,  buffer_step,
                                           buffer_close,   buffer_check, buffer_allocator};

/* Tracking */

static struct tracking before;

/* What it counts is what it counted before, with these differences. */
static void expect_counted(size_t allocations, size_t frees, size_t more, size_t failures) {
  before.allocations += allocations;
  before.frees += frees;
  before.live += more;
  before.peak = larger(before.peak, before.live);
  before.failures += failures;
  EXPECT(!memcmp(&before, &it->tracking, sizeof before));
  counts.refused += failures;
}

static void tracked_alloc(void) {
  doing = "alloc";
  size_t size = some_size();
  size_t align = some_align();
  void *block = allocator_alloc(tracking_allocator(&it->tracking), size, align);
  expect_counted(block != NULL, 0, block ? size : 0, !block);
  if (block) add_block((uintptr_t)block, size, align);
}

static void tracked_resize(void) {
  doing = "resize";
  struct block *block = &it->blocks[some_block()];
  size_t size = some_new_size(block->size);
  bool resized = allocator_resize(tracking_allocator(&it->tracking), (void *)block->start,
                                  block->size, size, block->align);
  expect_counted(0, 0, resized ? size - block->size : 0, 0);
  EXPECT(holds(block, resized ? smaller(block->size, size) : block->size));
  if (resized) fill(block, block->start, size);
}

static void tracked_remap(void) {
  doing = "remap";
  size_t index = some_block();
  struct block old = it->blocks[index];
  size_t size = some_new_size(old.size);
  void *block = allocator_remap(tracking_allocator(&it->tracking), (void *)old.start, old.size,
                                size, old.align);
  expect_counted(0, 0, block ? size - old.size : 0, !block);
  if (!block) {
    EXPECT(holds(&old, old.size));
    return;
  }
  old.start = (uintptr_t)block;
  EXPECT(holds(&old, smaller(old.size, size)));
  remove_block(index);
  add_block((uintptr_t)block, size, old.align);
}

static void tracked_free(void) {
  doing = "free";
  size_t index = some_block();
  struct block block = it->blocks[index];
  EXPECT(holds(&block, block.size));
  allocator_free(tracking_allocator(&it->tracking), (void *)block.start, block.size, block.align);
  expect_counted(0, 1, 0 - block.size, 0);
  remove_block(index);
}

static void tracking_step(void) {
  static void (*const operations[])(void) = {tracked_alloc,  tracked_alloc, tracked_alloc,
                                             tracked_resize, tracked_remap, tracked_free,
                                             tracked_free,   tracked_free};
  before = it->tracking;
  size_t choice = some_operation(8);
  if (it->count == 0) choice = 0;
  if (it->count == BLOCKS) choice = 7;
  operations[choice]();
}

static bool tracking_open(void) {
  tracking_init(&it->tracking, it->on);
  tracking_allocator(&it->tracking); /* now, so that the struct can be compared */
  return true;
}

static void tracking_close(void) {
  while (it->count) {
    struct block *block = &it->blocks[it->count - 1];
    EXPECT(holds(block, block->size));
    allocator_free(tracking_allocator(&it->tracking), (void *)block->start, block->size,
                   block->align);
    it->count--;
  }
  EXPECT(it->tracking.live == 0 && it->tracking.allocations == it->tracking.frees);
}

static void tracking_check(void) {
  size_t live = 0;
  for (size_t i = 0; i < it->count; i++) live += it->blocks[i].size;
  EXPECT(has_children() ? it->tracking.live >= live : it->tracking.live == live);
}

static struct allocator *tracked_allocator(void) {
  return tracking_allocator(&it->tracking);
}

const struct behaviour tracking_behaviour = {"tracking",     tracking_open,  tracking_step,
                                             tracking_close, tracking_check, tracked_allocator};
