#include "chunk.h"

/*
 * How many chunks of a bin are looked at before the next bigger one is. A bin spans a factor of
 * two, so its first chunk need not fit. test/native/churn.c, frontier over peak with all arenas
 * filling: 1.149 with 1 look, 1.140 with 8, 1.139 with 64.
 */
#define BIN_LOOKS 8

_Static_assert(CHUNK_HEADER % CHUNK_ALIGN == 0, "payloads start at multiples of 16");
_Static_assert((CHUNK_USED | CHUNK_LEFT_FREE) < CHUNK_ALIGN, "the flags fit under the size");

/* The chunk to the right; there always is one, the fence if no other. */
static inline struct chunk *right_of(const struct chunk *chunk) {
  return (struct chunk *)chunk_end(chunk);
}

static inline struct chunk *top_of(const struct chunks *chunks) {
  return (struct chunk *)chunks->memory.frontier;
}

static inline struct chunk *fence_of(const struct chunks *chunks) {
  return (struct chunk *)(chunks->memory.end - CHUNK_HEADER);
}

static inline size_t *closing_tag(const struct chunk *chunk) {
  return (size_t *)chunk_end(chunk) - 1;
}

static unsigned bin_of(size_t size) {
  return (unsigned)CHUNK_BINS - 1 - (unsigned)__builtin_clzl(size);
}

/* Puts a chunk without free neighbours among the free ones. */
static void set_free(struct chunks *chunks, struct chunk *chunk) {
  size_t size = chunk_size(chunk);
  struct chunk **link = &chunks->bins[bin_of(size)];
  chunk->tag = size;
  *closing_tag(chunk) = size;
  right_of(chunk)->tag |= CHUNK_LEFT_FREE;
  chunk->link = link;
  chunk->next = *link;
  if (*link) (*link)->link = &chunk->next;
  *link = chunk;
  chunks->free += size;
}

/* Takes a chunk out from among the free ones; the top just stops being the top. */
static void unset_free(struct chunks *chunks, struct chunk *chunk) {
  if (chunk == top_of(chunks)) return;
  *closing_tag(chunk) = 0;
  right_of(chunk)->tag &= ~CHUNK_LEFT_FREE;
  *chunk->link = chunk->next;
  if (chunk->next) chunk->next->link = chunk->link;
  chunks->free -= chunk_size(chunk);
}

/* Makes the free chunk `right` part of its left neighbour. */
static void merge(struct chunks *chunks, struct chunk *chunk, struct chunk *right) {
  unset_free(chunks, right);
  chunk->tag += chunk_size(right);
  chunk->clean = right->clean;
}

void chunk_give(struct chunks *chunks, struct chunk *chunk) {
  struct chunk *right = right_of(chunk);
  if (!(right->tag & CHUNK_USED)) merge(chunks, chunk, right);
  if (chunk->tag & CHUNK_LEFT_FREE) {
    struct chunk *left = (struct chunk *)((uintptr_t)chunk - ((size_t *)chunk)[-1]);
    unset_free(chunks, left);
    left->tag += chunk_size(chunk);
    left->clean = chunk->clean;
    chunk = left;
  }
  if (right_of(chunk) == fence_of(chunks)) {
    chunk->tag = chunk_size(chunk);
    chunks->memory.frontier = (uintptr_t)chunk;
  } else {
    set_free(chunks, chunk);
  }
}

void chunk_trim(struct chunks *chunks, struct chunk *chunk, uintptr_t end) {
  end = larger(align_up(end, CHUNK_ALIGN), (uintptr_t)chunk + CHUNK_LEAST);
  uintptr_t most = chunk_end(chunk) - CHUNK_LEAST;
  if (end > most) {
    if (right_of(chunk) != fence_of(chunks)) return;
    end = most; /* the top keeps its least */
  }
  struct chunk *tail = (struct chunk *)end;
  tail->tag = (chunk_end(chunk) - end) | CHUNK_USED;
  tail->clean = larger(chunk->clean, chunk_start(tail));
  chunk->tag -= chunk_size(tail);
  chunk->clean = smaller(chunk->clean, end);
  chunk_give(chunks, tail);
}

/* Makes what lies between frontier and end the top, with a fence behind it. */
static void set_top(struct chunks *chunks) {
  struct chunk *top = top_of(chunks);
  fence_of(chunks)->tag = CHUNK_USED;
  top->tag = chunks->memory.end - CHUNK_HEADER - (uintptr_t)top;
}

/*
 * Makes sure that [start, start + size) is present, growing if it isn't; the top may be another one
 * then (see memory_reach). False: the memory can't have it; nothing has moved then.
 */
static bool reach(struct chunks *chunks, uintptr_t start, size_t size) {
  struct memory *memory = &chunks->memory;
  struct chunk *top = top_of(chunks);
  struct chunk *fence = fence_of(chunks);
  uintptr_t end = start + 2 * CHUNK_LEAST + size; /* a payload, the top's least and the fence */
  if (!memory_reach(memory, end < size ? UINTPTR_MAX : end)) return false;
  if (fence_of(chunks) == fence) return true;

  if (top_of(chunks) == top) {
    fence->tag = 0;
  } else {
    chunks->foreign += memory->frontier - (uintptr_t)fence;
    top_of(chunks)->clean = chunk_start(top_of(chunks));
    set_free(chunks, top);
  }
  set_top(chunks);
  return true;
}

/* The top, with room for `size` bytes and its least behind them; NULL where that can't be had. */
static struct chunk *reach_top(struct chunks *chunks, size_t size, size_t align, bool grow) {
  for (;;) {
    struct chunk *top = top_of(chunks);
    uintptr_t start = align_up(chunk_start(top), align);
    if (!grow && !chunk_fits(top, start, size + CHUNK_LEAST + CHUNK_ALIGN)) return NULL;
    if (!reach(chunks, start, size)) return NULL;
    if (top == top_of(chunks)) return top;
  }
}

bool chunks_ensure(struct chunks *chunks, size_t bytes) {
  return reach_top(chunks, bytes, 1, true) != NULL;
}

/* A free chunk with room, from `looks` looks at the most in the bin of its size and each bigger. */
static struct chunk *find(const struct chunks *chunks, size_t looks, size_t size, size_t align) {
  for (unsigned bin = bin_of(size | CHUNK_LEAST); bin < CHUNK_BINS; bin++) {
    struct chunk *chunk = chunks->bins[bin];
    for (size_t left = looks; chunk && left; left--, chunk = chunk->next) {
      if (chunk_fits(chunk, align_up(chunk_start(chunk), align), size)) return chunk;
    }
  }
  return NULL;
}

struct chunk *chunk_take(struct chunks *chunks, size_t size, size_t align, size_t want, bool grow) {
  want = larger(want, size);
  struct chunk *chunk = find(chunks, BIN_LOOKS, want, align);
  if (!chunk) chunk = find(chunks, BIN_LOOKS, size, align);
  if (!chunk) chunk = reach_top(chunks, size, align, grow);
  if (!chunk && grow) chunk = find(chunks, SIZE_MAX, size, align);
  if (!chunk) return NULL;

  unset_free(chunks, chunk);
  chunk->tag |= CHUNK_USED;
  uintptr_t start = chunk_start(chunk);
  chunk_trim(chunks, chunk, larger(align_up(start, align) + size, start + want));
  return chunk;
}

bool chunk_extend(struct chunks *chunks, struct chunk *chunk, uintptr_t start, size_t size,
                  size_t step) {
  struct chunk *right = right_of(chunk);
  if (right->tag & CHUNK_USED) return false;
  if (right == top_of(chunks)) {
    if (!reach(chunks, start, size) || right != top_of(chunks)) return false;
  } else if (!chunk_fits(right, start, size)) {
    return false;
  }
  uintptr_t end = chunk_end(chunk);
  merge(chunks, chunk, right);
  chunk_trim(chunks, chunk, larger(start + size, end + step));
  return true;
}

void chunks_init(struct chunks *chunks, uintptr_t start, uintptr_t end, uintptr_t maximum) {
  chunks->first = chunks->memory.frontier = start;
  chunks->memory.end = end;
  chunks->memory.maximum = maximum;
  top_of(chunks)->clean = start + CHUNK_HEADER;
  set_top(chunks);
}

/*
 * Where a block can't begin with its chunk's payload, because it wants a bigger alignment, the word
 * before it says where the chunk is.
 */
static struct chunk *chunk_of_block(void *block, size_t align) {
  return align > CHUNK_ALIGN ? ((struct chunk **)block)[-1] : chunk_of((uintptr_t)block);
}

/* Who has a block does not say how far it was written: nothing of its chunk counts as clean. */
static void set_written(struct chunk *chunk) {
  chunk->clean = chunk_end(chunk);
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  struct chunks *chunks = ALLOCATOR_OWNER(struct chunks, allocator);
  if (size > SIZE_MAX - 2 * align) {
    chunks->memory.refusal = REFUSED_BY_MAXIMUM;
    return NULL;
  }
  size_t slack = align > CHUNK_ALIGN ? align : 0;
  struct chunk *chunk = chunk_take(chunks, size + slack, 1, 0, true);
  if (!chunk) return NULL;
  set_written(chunk);
  if (!slack) return (void *)chunk_start(chunk);
  struct chunk **block =
      (struct chunk **)align_up(chunk_start(chunk) + sizeof(struct chunk *), align);
  block[-1] = chunk;
  return block;
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  struct chunks *chunks = ALLOCATOR_OWNER(struct chunks, allocator);
  struct chunk *chunk = chunk_of_block(block, align);
  if (new_size > old_size) {
    if (chunk_fits(chunk, (uintptr_t)block, new_size)) return true;
    if (!chunk_extend(chunks, chunk, (uintptr_t)block, new_size, 0)) return false;
    set_written(chunk);
    return true;
  }
  chunk_trim(chunks, chunk, (uintptr_t)block + new_size);
  return true;
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  (void)size;
  chunk_give(ALLOCATOR_OWNER(struct chunks, allocator), chunk_of_block(block, align));
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  return allocator_resize_or_move(allocator, block, old_size, new_size, align);
}

const struct allocator_methods chunks_methods = {method_alloc, method_resize, method_remap,
                                                 method_free};

struct allocator *chunks_allocator(struct chunks *chunks) {
  chunks->allocator.methods = &chunks_methods;
  return &chunks->allocator;
}
