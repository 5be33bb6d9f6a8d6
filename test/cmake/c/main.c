/*
 * Arenas and a heap beside the program's own malloc, in random order, until memory has grown. If
 * two owners had the same byte, one of them would find it changed; and what is freed must be
 * malloc's again, so that only the first rounds grow the memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "heap.h"

#ifdef __EMSCRIPTEN__
#include <malloc.h>

static size_t memory_size(void) {
  return __builtin_wasm_memory_size(0) * 65536;
}

/* Bytes that malloc counts as given out. */
static size_t in_use(void) {
  return (size_t)mallinfo().uordblks;
}
#else
/* Natively the program runs under AddressSanitizer, which finds what is not given back. */
static size_t memory_size(void) {
  return 0;
}

static size_t in_use(void) {
  return 0;
}
#endif

#define ROUNDS 6
#define STEPS 60000
#define OWNERS 12
#define BLOCKS 6000
#define MALLOC (&owners[0])
#define HEAP (&owners[1])
#define LIBRARY (&owners[2])
#define ARENAS (&owners[3])

/* Malloc's own functions, a heap, malloc as an allocator; arenas, every third one on the heap. */
struct owner {
  struct arena arena;
  struct allocator *allocator;
};

struct block {
  unsigned char *start; /* NULL: none */
  size_t size;
  size_t align;
  struct owner *owner;
  unsigned char byte;
};

static struct heap heap;
static struct owner owners[OWNERS];
static struct block blocks[BLOCKS];
static unsigned random_state;

static void expect(int condition, const char *what) {
  if (condition) return;
  printf("%s\n", what);
  exit(1);
}

static size_t below(size_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % n;
}

static void expect_contents(const struct block *block) {
  for (size_t i = 0; i < block->size; i++) {
    expect(block->start[i] == block->byte, "a byte has two owners");
  }
}

static void fill(struct block *block, void *start, size_t size) {
  expect(start && (uintptr_t)start % block->align == 0, "there is no block");
  block->start = start;
  block->size = size;
  block->byte = (unsigned char)below(256);
  memset(start, block->byte, size);
}

static void place(struct block *block) {
  struct owner *owner = &owners[below(2) ? 0 : below(OWNERS)];
  size_t size = below((size_t)1 << (6 + below(10)));
  block->owner = owner;
  block->align = (size_t)1 << (owner == MALLOC ? 0 : below(13));
  fill(block,
       owner == MALLOC ? malloc(size + 1) : allocator_alloc(owner->allocator, size, block->align),
       size);
}

static void change_size(struct block *block) {
  size_t old_size = block->size;
  size_t size = below(2 * old_size + 1);
  void *moved = block->owner == MALLOC ? realloc(block->start, size + 1)
                                       : allocator_remap(block->owner->allocator, block->start,
                                                         old_size, size, block->align);
  expect(moved != NULL, "there is no block");
  block->start = moved;
  block->size = size < old_size ? size : old_size;
  expect_contents(block);
  fill(block, moved, size);
}

static void give(struct block *block) {
  expect_contents(block);
  if (block->owner == MALLOC) {
    free(block->start);
  } else {
    allocator_free(block->owner->allocator, block->start, block->size, block->align);
  }
  block->start = NULL;
}

static void give_all(const struct owner *owner) {
  for (struct block *block = blocks; block < blocks + BLOCKS; block++) {
    if (block->start && block->owner == owner) give(block);
  }
}

static void begin(struct owner *owner) {
  struct allocator *on = (owner - owners) % 3 ? malloc_allocator() : HEAP->allocator;
  arena_init(&owner->arena, on, SIZE_MAX, below(2));
  owner->allocator = arena_allocator(&owner->arena);
}

static void step(void) {
  struct block *block = &blocks[below(BLOCKS)];
  struct owner *owner = ARENAS + below(OWNERS - (size_t)(ARENAS - owners));
  if (below(2000) == 0) {
    give_all(owner);
    arena_free(&owner->arena);
    begin(owner);
  } else if (below(1000) == 0) {
    give_all(owner);
    arena_reset(&owner->arena);
  } else if (!block->start) {
    place(block);
  } else if (below(2)) {
    change_size(block);
  } else {
    give(block);
  }
}

/* Always the same program. */
static void run(void) {
  random_state = 1;
  heap_init(&heap, malloc_allocator());
  HEAP->allocator = heap_allocator(&heap);
  LIBRARY->allocator = malloc_allocator();
  for (struct owner *owner = ARENAS; owner < owners + OWNERS; owner++) begin(owner);
  for (int i = 0; i < STEPS; i++) step();
  for (struct owner *owner = owners + OWNERS; owner-- > owners;) {
    give_all(owner);
    if (owner >= ARENAS) arena_free(&owner->arena);
  }
  expect(heap.blocks == 0 && heap.held == 0, "the heap keeps what it was given back");
}

int main(void) {
  size_t least = memory_size();
  size_t used = 0;
  size_t size = 0;
  for (int round = 1; round <= ROUNDS; round++) {
    run();
    if (round == 1) used = in_use();
    if (round == ROUNDS / 2) size = memory_size();
    expect(in_use() == used, "memory was not given back");
  }
  if (size)
    printf("%lu bytes at first, %lu at the end\n", (unsigned long)least, (unsigned long)size);
  expect(!least || size > least, "the memory did not have to grow");
  expect(memory_size() == size, "the memory grows although all was given back");
  return 0;
}
