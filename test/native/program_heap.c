/*
 * Heaps in programs. A block is filled in all that it may use, so that one too big overwrites
 * another one.
 */
#include "heap.h"

#include "program.h"

/* What a failure must leave as it was; blocks have their patterns. */
struct before {
  size_t held, live, blocks;
};

static struct before look(void) {
  return (struct before){it->heap.held, it->heap.live, it->heap.blocks};
}

static void expect_unchanged(struct before before) {
  counts.refused++;
  EXPECT(it->heap.held == before.held && it->heap.live == before.live);
  EXPECT(it->heap.blocks == before.blocks);
}

/* A block was refused: none that is free has room for it. */
static void expect_no_room(size_t size, size_t align) {
  if (!MODELLED || size > PTRDIFF_MAX) return;
  size_t smallest = sizeof(struct heap_block) + HEAP_GRANULE;
  size_t least = larger(align_up(size + HEAP_GRANULE, HEAP_GRANULE), smallest);
  if (align > HEAP_GRANULE) least += align + smallest;
  for (size_t class = 0; class < HEAP_CLASSES; class ++) {
    const struct heap_block *block = it->heap.classes[class];
    for (; block; block = block->next) EXPECT(block->tag < least);
  }
}

static size_t usable_of(uintptr_t start, size_t size) {
  size_t usable = heap_size(&it->heap, (void *)start);
  EXPECT(usable >= size && usable > 0);
  FORETOLD(heap_holds(&it->heap, (void *)start, usable));
  return usable;
}

static void alloc(void) {
  doing = "alloc";
  size_t size = some_size();
  size_t align = some_align();
  struct before before = look();
  uintptr_t start = (uintptr_t)heap_alloc(&it->heap, size, align);
  if (start) {
    add_block(start, usable_of(start, size), align);
  } else {
    expect_unchanged(before);
    expect_no_room(size, align);
  }
}

static struct block *some_sound_block(void) {
  struct block *block = &it->blocks[below(it->count)];
  FORETOLD(heap_size(&it->heap, (void *)block->start) == block->size);
  EXPECT(holds(block, block->size));
  return block;
}

static void free_block(void) {
  doing = "free";
  struct block *block = some_sound_block();
  unsigned char *start = (unsigned char *)block->start;
  if (one_in(8)) EXPECT(!heap_free(&it->heap, start + 1 + below(block->size)));
  if (one_in(8)) {
    struct subject *stranger = some_subject();
    if (stranger != it && stranger->kind == &heap_behaviour) {
      EXPECT(!heap_free(&stranger->heap, start));
    }
  }
  EXPECT(heap_free(&it->heap, start));
  remove_block((size_t)(block - it->blocks));
  /* malloc's memory may not be read any more. */
  if (it->in_memory) FORETOLD(!heap_free(&it->heap, start) && heap_size(&it->heap, start) == 0);
}

static void resize_block(void) {
  doing = "resize";
  struct block *block = some_sound_block();
  size_t size = some_new_size(block->size);
  struct before before = look();
  if (heap_resize(&it->heap, (void *)block->start, size)) {
    EXPECT(holds(block, smaller(size, block->size)));
    fill(block, block->start, usable_of(block->start, size));
  } else {
    EXPECT(size > block->size && holds(block, block->size));
    expect_unchanged(before);
  }
}

static void realloc_block(void) {
  doing = "realloc";
  struct block *block = some_sound_block();
  size_t size = some_new_size(block->size);
  size_t align = one_in(2) ? 1 : some_align();
  struct before before = look();
  uintptr_t start = (uintptr_t)heap_realloc(&it->heap, (void *)block->start, size, align);
  if (!start) {
    EXPECT(size > block->size || block->start % align);
    EXPECT(holds(block, block->size));
    expect_unchanged(before);
    expect_no_room(size, align);
    return;
  }
  block->start = start;
  EXPECT(start % align == 0 && holds(block, smaller(size, block->size)));
  fill(block, start, usable_of(start, size));
}

static void reset(void) {
  doing = "reset";
  close_children();
  drop_blocks(0);
  heap_reset(&it->heap);
  EXPECT(!it->heap.held && !it->heap.live && !it->heap.blocks);
}

static void expect_counters(void) {
  if (!MODELLED) return;
  size_t live = 0;
  for (size_t i = 0; i < it->count; i++) live += it->blocks[i].size + HEAP_GRANULE;
  bool shared = has_children();
  EXPECT(it->heap.live >= live && (shared || it->heap.live == live));
  EXPECT(it->heap.blocks >= it->count && (shared || it->heap.blocks == it->count));
  EXPECT(it->heap.live <= it->heap.held && (it->heap.live || !it->heap.held));
}

static void step(void) {
  static void (*const operations[])(void) = {alloc,      alloc,      alloc,        alloc,
                                             free_block, free_block, resize_block, realloc_block};
  size_t choice = some_operation(65);
  if (choice == 64) {
    reset();
  } else if (it->count == 0) {
    alloc();
  } else if (it->count == BLOCKS) {
    free_block();
  } else {
    operations[choice % 8]();
  }
  expect_counters();
}

/*
 * What an earlier heap at the same address left is none of this one's: keys that begin so, and go
 * on by an odd number, meet after a million resets at the earliest.
 */
static bool open(void) {
  static size_t heaps;
  heap_init(&it->heap, it->on);
  it->heap.key += ++heaps << 20;
  return true;
}

/* Half of the heaps are emptied block by block. */
static void close(void) {
  if (it->count % 2) {
    drop_blocks(0);
    heap_reset(&it->heap);
  }
  while (it->count) {
    struct block *block = &it->blocks[it->count - 1];
    EXPECT(holds(block, block->size) && heap_free(&it->heap, (void *)block->start));
    it->count--;
  }
  EXPECT(!it->heap.held && !it->heap.live && !it->heap.blocks);
}

static void check_it(void) {
  EXPECT(heap_check(&it->heap) == HEAP_SOUND);
}

static struct allocator *allocator(void) {
  return heap_allocator(&it->heap);
}

const struct behaviour heap_behaviour = {"heap", open, step, close, check_it, allocator};
