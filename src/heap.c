#include "heap.h"

#include "backing.h"

/*
 * How many blocks of a class are looked at before the next bigger class is: a class spans a range
 * of sizes, so that its first block need not fit. 10,000 live blocks of 16 B to 16 KiB, each size
 * as likely as twice that, bytes held over bytes asked for on average of 10^7 operations: 1.117
 * with 1 look, 1.115 with 4, 1.114 with 8 (dlmalloc: 1.121); with all sizes as likely 1.053, 1.052
 * and 1.053 (dlmalloc: 1.050).
 */
#define LOOKS 4

/*
 * A block keeps up to so many bytes more than it needs, if they are not more than a 16th of its
 * size, instead of leaving a free block that hardly anyone can use, and that takes time to list
 * and to merge. The same blocks: 1.115 against 1.119 without, and 1.052 against 1.051.
 */
#define KEPT_MOST ((size_t)128)

/*
 * A region, or what one is extended by, is as big as all that the heap holds, but not smaller or
 * bigger than these; a big block gets what it needs. A free tail is cut to the cap when it is twice
 * that.
 */
#define STEP_LEAST ((size_t)4096)
#define STEP_MOST ((size_t)65536)

#define USED ((size_t)1)
#define LEFT_FREE ((size_t)2)
#define HEADER offsetof(struct heap_block, next)
#define FENCE sizeof(struct heap_block)
/* A free block's header and links, and the last word that repeats its size. */
#define LEAST \
  ((sizeof(struct heap_block) + sizeof(size_t) + HEAP_GRANULE - 1) & ~(HEAP_GRANULE - 1))
/* Bigger requests are refused at once, so that nothing wraps on the way. */
#define MOST (SIZE_MAX - ((size_t)1 << 18))

#define CLASSES_OF_TWO ((size_t)1 << HEAP_SPLIT)

_Static_assert(HEADER == HEAP_GRANULE, "payloads start at multiples of the granule");
_Static_assert(CHUNK_ALIGN % HEAP_GRANULE == 0, "regions are made of granules");
_Static_assert((USED | LEFT_FREE) < HEAP_GRANULE, "the flags fit under the size");
_Static_assert(HEAP_WORDS <= HEAP_WORD, "a bit for each word of bits");

/* -Oz calls even functions of one line: an operation takes 1.4 times as long for 44 bytes less. */
#define INLINE static inline __attribute__((always_inline))

typedef struct heap_block block_t;

INLINE size_t size_of(const block_t *block) {
  return block->tag & ~(HEAP_GRANULE - 1);
}

INLINE bool is_used(const block_t *block) {
  return block->tag & USED;
}

/* A region's end has the form of a free block of no size. */
INLINE bool is_fence(const block_t *block) {
  return !size_of(block);
}

INLINE block_t *at(uintptr_t address) {
  return (block_t *)address;
}

INLINE block_t *right_of(const block_t *block) {
  return at((uintptr_t)block + size_of(block));
}

INLINE block_t *fence_of(const struct chunk *region) {
  return at(chunk_end(region) - FENCE);
}

INLINE size_t *closing_size(const block_t *right) {
  return (size_t *)right - 1;
}

INLINE void *payload(const block_t *block) {
  return (void *)((uintptr_t)block + HEADER);
}

/*
 * The check word that is right for a block. It is a sum, so that whoever changes one of its terms
 * adds the difference, and a check word that was wrong stays wrong. The weights of the two links
 * differ and don't cancel out, because bytes written behind a free often are all the same.
 */
static inline size_t seal_used(const struct heap *heap, const block_t *block) {
  return (heap->key ^ (uintptr_t)block) + block->tag;
}

static inline size_t seal_free(const struct heap *heap, const block_t *block) {
  return seal_used(heap, block) + 3 * (uintptr_t)block->next - (uintptr_t)block->previous;
}

static bool is_sound(const struct heap *heap, const block_t *block) {
  return block->check == (is_used(block) ? seal_used(heap, block) : seal_free(heap, block));
}

static void set_next(block_t *block, block_t *next) {
  block->check += 3 * ((uintptr_t)next - (uintptr_t)block->next);
  block->next = next;
}

static void set_previous(block_t *block, block_t *previous) {
  block->check -= (uintptr_t)previous - (uintptr_t)block->previous;
  block->previous = previous;
}

static inline void set_left_free(block_t *block, size_t flag) {
  size_t change = flag - (block->tag & LEFT_FREE);
  block->tag += change;
  block->check += change;
}

/* The used block with this payload, NULL if there is none. */
static block_t *find_used(const struct heap *heap, const void *start) {
  uintptr_t address = (uintptr_t)start - HEADER;
  if (address % HEAP_GRANULE || address < heap->lowest || address >= heap->highest) return NULL;
  block_t *block = at(address);
  return is_used(block) && block->check == seal_used(heap, block) ? block : NULL;
}

/* The left neighbour, which is free; NULL where the way to it or its header was overwritten. */
static block_t *left_of(const struct heap *heap, const block_t *block) {
  size_t size = *closing_size(block);
  if (size % HEAP_GRANULE || size > (uintptr_t)block - heap->lowest) return NULL;
  block_t *left = at((uintptr_t)block - size);
  return left->tag == size && left->check == seal_free(heap, left) ? left : NULL;
}

/*
 * Classes: up to twice CLASSES_OF_TWO granules each size has its own, from there on each power of
 * two has CLASSES_OF_TWO.
 */
static inline unsigned class_of(size_t size) {
  size_t granules = size / HEAP_GRANULE;
  unsigned shift =
      (unsigned)HEAP_WORD - 1 - HEAP_SPLIT - (unsigned)__builtin_clzl(granules | CLASSES_OF_TWO);
  return (shift << HEAP_SPLIT) + (unsigned)(granules >> shift);
}

static void list(struct heap *heap, block_t *block) {
  unsigned class = class_of(block->tag);
  block_t *next = heap->classes[class];
  block->next = next;
  block->previous = NULL;
  block->check = seal_free(heap, block);
  if (next) set_previous(next, block);
  heap->classes[class] = block;
  heap->bits[class / HEAP_WORD] |= (size_t)1 << class % HEAP_WORD;
  heap->words |= (size_t)1 << class / HEAP_WORD;
}

static void unlist(struct heap *heap, block_t *block) {
  block_t *next = block->next;
  block_t *previous = block->previous;
  if (next) set_previous(next, previous);
  if (previous) {
    set_next(previous, next);
    return;
  }
  unsigned class = class_of(block->tag);
  heap->classes[class] = next;
  if (next) return;
  size_t bits = heap->bits[class / HEAP_WORD] &= ~((size_t)1 << class % HEAP_WORD);
  if (!bits) heap->words &= ~((size_t)1 << class / HEAP_WORD);
}

/* Makes `size` bytes without a free neighbour a free block. */
static void set_free(struct heap *heap, block_t *block, size_t size) {
  block->tag = size;
  block_t *right = right_of(block);
  *closing_size(right) = size;
  set_left_free(right, LEFT_FREE);
  list(heap, block);
}

/* The first class from this one on that has a block; as many as there are if none has. */
static unsigned next_class(const struct heap *heap, unsigned class) {
  unsigned word = class / HEAP_WORD;
  size_t bits = heap->bits[word] & (SIZE_MAX << class % HEAP_WORD);
  if (!bits) {
    size_t words = heap->words & (SIZE_MAX - 1) << word;
    if (!words) return HEAP_CLASSES;
    word = (unsigned)__builtin_ctzl(words);
    bits = heap->bits[word];
  }
  return word * (unsigned)HEAP_WORD + (unsigned)__builtin_ctzl(bits);
}

/*
 * Where a block of `size` bytes would begin in the free block, so that its payload is aligned and
 * what lies before it is nothing or a free block; NULL where it has no room.
 */
static block_t *place(const block_t *block, size_t size, size_t align) {
  uintptr_t first = (uintptr_t)payload(block);
  uintptr_t start = align_up(first, align);
  if (start != first) start = align_up(first + LEAST, align);
  size_t gap = start - first;
  return gap <= size_of(block) && size <= size_of(block) - gap ? at(start - HEADER) : NULL;
}

/*
 * A free block with room, from `looks` looks at the most in the class of its size and each bigger;
 * or one that was overwritten, where it stands in the way.
 */
static block_t *find(const struct heap *heap, size_t looks, size_t size, size_t align) {
  unsigned class = class_of(size);
  for (; (class = next_class(heap, class)) < HEAP_CLASSES; class ++) {
    block_t *block = heap->classes[class];
    for (size_t left = looks; block && left; left--, block = block->next) {
      if (block->check != seal_free(heap, block) || place(block, size, align)) return block;
    }
  }
  return NULL;
}

static size_t step(const struct heap *heap) {
  return smaller(larger(heap->held, STEP_LEAST), STEP_MOST);
}

/* Gives a region its fence, and makes one free block of all between that and `first`. */
static void close_region(struct heap *heap, struct chunk *region, block_t *first) {
  block_t *fence = fence_of(region);
  heap->lowest = smaller(heap->lowest, (uintptr_t)region);
  heap->highest = larger(heap->highest, chunk_end(region));
  region->clean = chunk_end(region);
  fence->tag = 0;
  fence->region = region;
  fence->previous = NULL;
  fence->check = seal_free(heap, fence);
  set_free(heap, first, (uintptr_t)fence - (uintptr_t)first);
}

/*
 * Moves a region's end so that `last`, its fence or the free block before that, is a free block of
 * `size` bytes at least. False: there is no memory there; the region is as it was.
 */
static bool extend(struct heap *heap, struct chunk *region, block_t *last, size_t size) {
  size_t before = chunk_size(region);
  size = larger(size, LEAST); /* or its links would lie on the fence */
  if (!backing_extend(heap->on, region, (uintptr_t)last, size + FENCE, step(heap))) return false;
  heap->held += chunk_size(region) - before;
  if (!is_fence(last)) unlist(heap, last);
  close_region(heap, region, last);
  return true;
}

/* A free block of so many bytes in a region that is extended, or in a new one. */
static block_t *grow(struct heap *heap, size_t size) {
  struct chunk *region = heap->regions;
  if (region) {
    block_t *last = fence_of(region);
    if (!is_sound(heap, last)) return NULL;
    if (last->tag & LEFT_FREE) last = left_of(heap, last);
    if (!last) return NULL;
    if (size_of(last) >= size || extend(heap, region, last, size)) return last;
  }
  region = backing_take(heap->on, size + FENCE, 1, step(heap), true);
  if (!region) return NULL;
  region->next = heap->regions;
  region->link = &heap->regions;
  if (region->next) region->next->link = &region->next;
  heap->regions = region;
  heap->held += chunk_size(region);
  close_region(heap, region, at(chunk_start(region)));
  return at(chunk_start(region));
}

/* Those of a heap without a region: nothing lies between them. */
static void forget_bounds(struct heap *heap) {
  heap->lowest = UINTPTR_MAX;
  heap->highest = 0;
}

static void give_region(struct heap *heap, struct chunk *region) {
  *region->link = region->next;
  if (region->next) region->next->link = region->link;
  heap->held -= chunk_size(region);
  backing_give(heap->on, region);
  if (!heap->regions) forget_bounds(heap);
}

/*
 * Makes `size` bytes without a free neighbour a free block; gives them back where they are all of a
 * region, or more at its end than is kept.
 */
static void release(struct heap *heap, block_t *block, size_t size) {
  block_t *fence = at((uintptr_t)block + size);
  if (is_fence(fence)) {
    struct chunk *region = fence->region;
    if ((uintptr_t)block == chunk_start(region)) {
      give_region(heap, region);
      return;
    }
    if (size >= 2 * STEP_MOST) {
      size_t before = chunk_size(region);
      backing_trim(heap->on, region, (uintptr_t)block + STEP_MOST + FENCE);
      heap->held -= before - chunk_size(region);
      close_region(heap, region, block);
      return;
    }
  }
  set_free(heap, block, size);
}

/*
 * Makes a block used that has `room` bytes and needs `size`. Returns how many it leaves, which the
 * caller frees; it keeps those that are too few.
 */
static size_t use(struct heap *heap, block_t *block, size_t flag, size_t size, size_t room) {
  size_t rest = room - size;
  if (rest < LEAST + smaller(size / 16, KEPT_MOST)) rest = 0;
  block->tag = (room - rest) | flag | USED;
  block->check = seal_used(heap, block);
  heap->live += room - rest;
  if (!rest) set_left_free(right_of(block), 0);
  return rest;
}

/* Bytes of a used block, header included, whose payload has `size`. */
static inline size_t block_size(size_t size) {
  return larger(align_up(size + HEADER, HEAP_GRANULE), LEAST);
}

/* Whether all headers that freeing or resizing a used block goes by are as they should be. */
static bool neighbours_sound(const struct heap *heap, const block_t *block) {
  const block_t *right = right_of(block);
  if (!is_sound(heap, right)) return false;
  if (!is_used(right) && !is_sound(heap, right_of(right))) return false;
  return !(block->tag & LEFT_FREE) || left_of(heap, block);
}

void heap_init(struct heap *heap, struct allocator *on) {
  memset(heap, 0, sizeof *heap);
  heap->on = on;
  heap->key = (uintptr_t)heap * 0x9e3779b9;
  forget_bounds(heap);
}

void *heap_alloc(struct heap *heap, size_t size, size_t align) {
  if (size > MOST) {
    backing_refuse(heap->on, REFUSED_BY_MAXIMUM);
    return NULL;
  }
  size = block_size(size);
  block_t *block = find(heap, LOOKS, size, align);
  if (!block) {
    block = grow(heap, align > HEAP_GRANULE ? size + align + LEAST - HEAP_GRANULE : size);
    if (!block) block = find(heap, SIZE_MAX, size, align);
    if (!block) return NULL;
  }
  if (block->check != seal_free(heap, block)) return NULL;

  unlist(heap, block);
  block_t *start = place(block, size, align);
  size_t gap = (uintptr_t)start - (uintptr_t)block;
  size_t rest = use(heap, start, 0, size, size_of(block) - gap);
  if (rest) set_free(heap, right_of(start), rest);
  if (gap) set_free(heap, block, gap);
  heap->blocks++;
  return payload(start);
}

bool heap_free(struct heap *heap, void *start) {
  block_t *block = find_used(heap, start);
  if (!block || !neighbours_sound(heap, block)) return false;
  size_t size = size_of(block);
  heap->live -= size;
  heap->blocks--;

  block->check = 0; /* nothing looks like a used block where it merges, whoever writes on its tag */
  block_t *right = right_of(block);
  if (!is_used(right) && !is_fence(right)) {
    unlist(heap, right);
    size += size_of(right);
  }
  if (block->tag & LEFT_FREE) {
    block = at((uintptr_t)block - *closing_size(block));
    unlist(heap, block);
    size += size_of(block);
  }
  release(heap, block, size);
  return true;
}

/* heap_resize for a used block between sound neighbours. */
static bool resize(struct heap *heap, block_t *block, size_t size) {
  size_t old_size = size_of(block);
  size_t room = old_size;
  block_t *right = right_of(block);
  if (!is_used(right)) {
    block_t *fence = right_of(right);
    if (size > room + size_of(right) && is_fence(fence)) {
      extend(heap, fence->region, right, size - room);
    }
    room += size_of(right);
  }
  if (size > room) return false;
  if (room > old_size) unlist(heap, right);
  heap->live -= old_size;
  size_t rest = use(heap, block, block->tag & LEFT_FREE, size, room);
  if (rest) release(heap, right_of(block), rest);
  return true;
}

bool heap_resize(struct heap *heap, void *start, size_t size) {
  block_t *block = find_used(heap, start);
  if (!block || size > MOST || !neighbours_sound(heap, block)) return false;
  return resize(heap, block, block_size(size));
}

void *heap_realloc(struct heap *heap, void *start, size_t size, size_t align) {
  if (!start) return heap_alloc(heap, size, align);
  block_t *block = find_used(heap, start);
  if (!block || !neighbours_sound(heap, block)) return NULL;
  bool aligned = !((uintptr_t)start & (align - 1));
  if (aligned && size <= MOST && resize(heap, block, block_size(size))) return start;
  void *copy = heap_alloc(heap, size, align);
  if (!copy) return NULL;
  memcpy(copy, start, smaller(size, size_of(block) - HEADER));
  heap_free(heap, start);
  return copy;
}

size_t heap_size(const struct heap *heap, const void *start) {
  const block_t *block = find_used(heap, start);
  return block ? size_of(block) - HEADER : 0;
}

bool heap_holds(const struct heap *heap, const void *start, size_t size) {
  const block_t *block = find_used(heap, start);
  return block && size <= size_of(block) - HEADER;
}

void heap_reset(struct heap *heap) {
  struct allocator allocator = heap->allocator;
  size_t key = heap->key;
  while (heap->regions) give_region(heap, heap->regions);
  heap_init(heap, heap->on);
  heap->allocator = allocator;
  /*
   * Not what addresses are multiplied by, or resets would lead to the key of another heap; and
   * large, or an old check word would be right again where a byte of its tag is overwritten.
   */
  heap->key = key + 0x85ebca6b;
}

static enum heap_fault check_region(const struct heap *heap, const struct chunk *region) {
  const block_t *fence = fence_of(region);
  size_t left = 0; /* LEFT_FREE where the left neighbour is free */
  for (const block_t *block = at(chunk_start(region));; block = right_of(block)) {
    if (!is_sound(heap, block)) return HEAP_HEADER;
    if ((block->tag & LEFT_FREE) != left) return HEAP_NEIGHBOUR;
    if (block == fence) break;
    size_t size = size_of(block);
    if (size < LEAST || size > (uintptr_t)fence - (uintptr_t)block) return HEAP_SIZE;
    if (!is_used(block) && (left || *closing_size(right_of(block)) != size)) return HEAP_NEIGHBOUR;
    left = is_used(block) ? 0 : LEFT_FREE;
  }
  if ((fence->tag & ~LEFT_FREE) || fence->region != region) return HEAP_REGION;
  return left && right_of(at(chunk_start(region))) == fence ? HEAP_REGION : HEAP_SOUND;
}

static enum heap_fault check_regions(const struct heap *heap) {
  size_t held = 0;
  struct chunk *const *link = &heap->regions;
  for (; *link; link = &(*link)->next) {
    const struct chunk *region = *link;
    if (region->link != link) return HEAP_REGION;
    if ((uintptr_t)region < heap->lowest || chunk_end(region) > heap->highest) return HEAP_REGION;
    enum heap_fault fault = check_region(heap, region);
    if (fault) return fault;
    held += chunk_size(region);
  }
  return held == heap->held ? HEAP_SOUND : HEAP_REGION;
}

/* Takes from `free`, how many free blocks there are, those that stand in the list. */
static enum heap_fault check_lists(const struct heap *heap, size_t free) {
  for (unsigned class = 0; class < HEAP_CLASSES; class ++) {
    size_t bits = heap->bits[class / HEAP_WORD];
    if ((bits >> class % HEAP_WORD & 1) != (heap->classes[class] != NULL)) return HEAP_LIST;
    if ((heap->words >> class / HEAP_WORD & 1) != (bits != 0)) return HEAP_LIST;
    const block_t *previous = NULL;
    const block_t *block = heap->classes[class];
    for (; block; previous = block, block = block->next) {
      if (!is_sound(heap, block) || is_used(block) || block->previous != previous ||
          class_of(block->tag) != class || !free--) {
        return HEAP_LIST;
      }
    }
  }
  return free ? HEAP_LIST : HEAP_SOUND;
}

enum heap_fault heap_check(const struct heap *heap) {
  enum heap_fault fault = check_regions(heap);
  if (fault) return fault;
  size_t live = 0;
  size_t used = 0;
  size_t free = 0;
  for (const struct chunk *region = heap->regions; region; region = region->next) {
    const block_t *block = at(chunk_start(region));
    for (; !is_fence(block); block = right_of(block)) {
      if (is_used(block)) {
        live += size_of(block);
        used++;
      } else {
        free++;
      }
    }
  }
  if (live != heap->live || used != heap->blocks) return HEAP_COUNT;
  return check_lists(heap, free);
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  return heap_alloc(ALLOCATOR_OWNER(struct heap, allocator), size, align);
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)old_size;
  (void)align;
  return heap_resize(ALLOCATOR_OWNER(struct heap, allocator), block, new_size);
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)old_size;
  return heap_realloc(ALLOCATOR_OWNER(struct heap, allocator), block, new_size, align);
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  (void)size;
  (void)align;
  heap_free(ALLOCATOR_OWNER(struct heap, allocator), block);
}

struct allocator *heap_allocator(struct heap *heap) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  heap->allocator.methods = &methods;
  return &heap->allocator;
}
