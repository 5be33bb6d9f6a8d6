#include "arena.h"

#include <string.h>

#include "backing.h"

/*
 * An arena's next chunk, or the next piece of one that is extended, is as big as all it holds, but
 * not smaller or bigger than these. The cap decides how much of the frontier lies unused at the
 * ends of half-filled arenas: `npm run bench -- churn` measures it. A block that is bigger than the
 * step gets just what it needs, and the step after it is the cap at most.
 */
#define STEP_LEAST ((size_t)1024)
#define STEP_MOST ((size_t)65536)

/*
 * A zeroing arena wipes recycled bytes this many at a time, just before they are handed out: one
 * fill for many small blocks, and the bytes are in the cache when they are used.
 */
#define WIPE ((size_t)4096)

/* start and cursor of an arena without a chunk: aligned up, it is above its limit, which is 0. */
#define NOWHERE ((uintptr_t)1)

#ifdef __wasm__
_Static_assert(65535ull * MEMORY_PAGE + ARENA_ALIGN_MAX - 1 <= UINTPTR_MAX,
               "aligning the highest cursor does not wrap");
_Static_assert(65535ull * MEMORY_PAGE + STEP_MOST <= UINTPTR_MAX + 1ull,
               "stepping on from the highest chunk's last byte does not wrap");
#endif

static inline size_t payload(const struct chunk *chunk) {
  return chunk_size(chunk) - CHUNK_HEADER;
}

static inline bool has_chunk(const struct arena *arena) {
  return arena->start != NOWHERE;
}

static inline struct chunk *newest(const struct arena *arena) {
  return chunk_of(arena->start);
}

/* Bytes that the arena's own limit leaves. */
static inline size_t room(const struct arena *arena) {
  return arena->most - arena_used(arena);
}

/* How far blocks may go in the newest chunk. */
static uintptr_t ceiling(const struct arena *arena) {
  uintptr_t end = chunk_end(newest(arena));
  size_t most = arena->most - arena->settled;
  return most < end - arena->start ? arena->start + most : end;
}

static size_t step(const struct arena *arena) {
  return smaller(larger(smaller(arena->capacity, STEP_MOST), STEP_LEAST), room(arena));
}

/* Writes down, before the cursor goes back or its chunk changes, how far it was. */
static void note_cursor(struct arena *arena) {
  if (!has_chunk(arena)) return;
  newest(arena)->cursor = arena->cursor;
  arena->peak = larger(arena->peak, arena->cursor);
  arena->high_water = larger(arena->high_water, arena->settled + (arena->peak - arena->start));
  newest(arena)->clean = larger(newest(arena)->clean, arena->peak);
}

/* Sets the cursor in the newest chunk; in a zeroing arena nothing behind it counts as wiped. */
static void rewind_to(struct arena *arena, uintptr_t cursor) {
  arena->cursor = cursor;
  arena->limit = arena->zero ? cursor : ceiling(arena);
}

/*
 * Lifts the limit to `end` at least, which the newest chunk and the arena's limit allow. A zeroing
 * arena wipes what was ever used before it gets below the limit.
 */
static void lift_limit(struct arena *arena, uintptr_t end) {
  uintptr_t limit = ceiling(arena);
  if (arena->zero) {
    uintptr_t from = arena->limit;
    uintptr_t clean = newest(arena)->clean;
    if (clean > from) {
      uintptr_t to = smaller(larger(end, from + WIPE), limit);
      if (to < clean) limit = to;
      memset((void *)from, 0, smaller(to, clean) - from);
    }
  }
  arena->limit = limit;
}

/* Goes on in `chunk`, which has joined the arena. */
static void push(struct arena *arena, struct chunk *chunk) {
  note_cursor(arena);
  chunk->next = NULL;
  if (has_chunk(arena)) {
    chunk->next = newest(arena);
    arena->settled += arena->cursor - arena->start;
  } else {
    arena->base = chunk_start(chunk);
  }
  arena->start = arena->peak = chunk_start(chunk);
  rewind_to(arena, arena->start);
}

/* Leaves the newest chunk for the one before it; the limit is the caller's to set. */
static struct chunk *pop(struct arena *arena) {
  struct chunk *chunk = newest(arena);
  struct chunk *older = chunk->next;
  arena->start = chunk_start(older);
  arena->cursor = arena->peak = older->cursor;
  arena->settled -= arena->cursor - arena->start;
  return chunk;
}

static struct chunk *take(struct arena *arena, size_t size, size_t align, size_t want, bool grow) {
  struct chunk *chunk = backing_take(arena->on, size, align, want, grow);
  if (chunk) arena->capacity += payload(chunk);
  return chunk;
}

static void give(struct arena *arena, struct chunk *chunk) {
  arena->capacity -= payload(chunk);
  backing_give(arena->on, chunk);
}

/* Gives back a list of chunks. */
static void give_list(struct arena *arena, struct chunk *chunk) {
  while (chunk) {
    struct chunk *next = chunk->next;
    give(arena, chunk);
    chunk = next;
  }
}

static void give_spares(struct arena *arena) {
  struct chunk *spares = arena->spare;
  arena->spare = NULL;
  give_list(arena, spares);
}

/* The state of an arena without a chunk. */
static void leave_chunks(struct arena *arena) {
  arena->cursor = arena->start = arena->peak = NOWHERE;
  arena->limit = 0;
  arena->settled = 0;
  arena->base = 0;
}

static void give_all(struct arena *arena) {
  struct chunk *chunks = has_chunk(arena) ? newest(arena) : NULL;
  leave_chunks(arena);
  give_list(arena, chunks);
  give_spares(arena);
}

void arena_init(struct arena *arena, struct allocator *on, size_t most, bool zero) {
  memset(arena, 0, sizeof *arena);
  leave_chunks(arena);
  arena->most = most;
  arena->on = on;
  arena->zero = zero;
}

bool arena_reserve(struct arena *arena, size_t bytes) {
  struct chunk *chunk = take(arena, bytes, 1, 0, true);
  if (chunk) push(arena, chunk);
  return chunk != NULL;
}

/* Whether [start, start + size) lies in the newest chunk, extended if need and neighbours allow. */
static bool fit(struct arena *arena, uintptr_t start, size_t size) {
  struct chunk *chunk = newest(arena);
  if (chunk_fits(chunk, start, size)) return true;
  size_t before = payload(chunk);
  if (!backing_extend(arena->on, chunk, start, size, step(arena))) return false;
  arena->capacity += payload(chunk) - before;
  return true;
}

/* A first block in a chunk that was not the newest one: a spare, or one from the chunks. */
static bool go_on(struct arena *arena, size_t size, size_t align) {
  size_t most = room(arena);
  for (struct chunk **link = &arena->spare; *link; link = &(*link)->next) {
    struct chunk *chunk = *link;
    uintptr_t start = align_up(chunk_start(chunk), align);
    if (chunk_fits(chunk, start, size) && start - chunk_start(chunk) <= most - size) {
      *link = chunk->next;
      push(arena, chunk);
      return true;
    }
  }
  struct chunk *chunk = take(arena, size, align, step(arena), true);
  if (!chunk) return false;
  if (align_up(chunk_start(chunk), align) - chunk_start(chunk) > most - size) {
    give(arena, chunk);
    backing_refuse(arena->on, REFUSED_BY_LIMIT);
    return false;
  }
  push(arena, chunk);
  return true;
}

void *arena_alloc_slow(struct arena *arena, size_t size, size_t align) {
  if (!arena->on) return NULL;
  backing_refuse(arena->on, REFUSED_BY_LIMIT);
  if (size > room(arena)) return NULL;

  uintptr_t start = align_up(arena->cursor, align);
  if (has_chunk(arena) && start - arena->cursor > room(arena) - size) return NULL;
  if (!has_chunk(arena) || !fit(arena, start, size)) {
    if (!go_on(arena, size, align)) return NULL;
    start = align_up(arena->cursor, align);
  }
  lift_limit(arena, start + size);
  arena->cursor = start + size;
  return (void *)start;
}

void *arena_alloc_zeroed(struct arena *arena, size_t size, size_t align) {
  uintptr_t start = (uintptr_t)arena_alloc(arena, size, align);
  if (start && !arena->zero && start < newest(arena)->clean) {
    memset((void *)start, 0, smaller(size, newest(arena)->clean - start));
  }
  return (void *)start;
}

/* Whether [position, position + size) lies in the used bytes of a chunk whose cursor is noted. */
static inline bool within(const struct chunk *chunk, uintptr_t position, size_t size) {
  return position >= chunk_start(chunk) && position <= chunk->cursor &&
         size <= chunk->cursor - position;
}

/*
 * Whether the block is the last one, and did not begin before the newest open mark. None in an
 * older chunk ends at the cursor: the newest one's header lies in between.
 */
static bool is_last(const struct arena *arena, uintptr_t block, size_t size) {
  if (block + size != arena->cursor) return false;
  return block >= arena->mark || arena->mark > arena->cursor;
}

void *arena_realloc(struct arena *arena, void *block, size_t old_size, size_t new_size,
                    size_t align) {
  if (!block || !old_size) return arena_alloc(arena, new_size, align);
  uintptr_t start = (uintptr_t)block;
  uintptr_t cursor = arena->cursor;
  if (!(start & (align - 1))) {
    bool last = is_last(arena, start, old_size);
    note_cursor(arena);
    if (new_size <= old_size) {
      if (last) rewind_to(arena, start + new_size);
      return block;
    }
    if (last) arena->cursor = start; /* allocated once more, it goes on where it is, if it can */
  }
  void *copy = arena_alloc(arena, new_size, align);
  if (!copy) {
    arena->cursor = cursor;
  } else if (copy != block) {
    memcpy(copy, block, smaller(old_size, new_size));
  }
  return copy;
}

/*
 * Goes back to `position`, or the oldest chunk's start where a mark was opened before there was a
 * chunk. The chunks that it leaves become spares, oldest first; returns how many they are.
 */
static size_t unwind(struct arena *arena, uintptr_t position) {
  size_t left = 0;
  note_cursor(arena);
  while (!within(newest(arena), position, 0)) {
    struct chunk *chunk = newest(arena);
    if (!chunk->next) {
      position = arena->start;
      break;
    }
    pop(arena);
    chunk->next = arena->spare;
    arena->spare = chunk;
    left++;
  }
  rewind_to(arena, position);
  return left;
}

/* Gives back all spares but the first, the one that the cursor comes to next. */
static void keep_one_spare(struct arena *arena) {
  struct chunk *kept = arena->spare;
  if (!kept) return;
  struct chunk *rest = kept->next;
  kept->next = NULL;
  give_list(arena, rest);
}

void arena_release_to(struct arena *arena, uintptr_t position, uintptr_t outer) {
  arena->mark = outer;
  if (has_chunk(arena) && unwind(arena, position)) keep_one_spare(arena);
}

void *arena_promote_to(struct arena *arena, uintptr_t position, uintptr_t outer, void *block,
                       size_t size, size_t align) {
  size_t left = unwind(arena, position);
  uintptr_t to = align_up(arena->cursor, align);
  bool fits = chunk_fits(newest(arena), to, size) && to - arena->cursor + size <= room(arena);
  /* The scope's chunks are spares now: the first one with room is taken before a new chunk. */
  if (!fits && !go_on(arena, size, align)) {
    for (;; left--) {
      rewind_to(arena, newest(arena)->cursor);
      if (!left) return NULL;
      struct chunk *chunk = arena->spare;
      arena->spare = chunk->next;
      push(arena, chunk);
    }
  }
  to = align_up(arena->cursor, align);
  memmove((void *)to, block, size);
  if (arena->zero) memset((void *)arena->cursor, 0, to - arena->cursor);
  arena->mark = outer;
  rewind_to(arena, to + size);
  keep_one_spare(arena);
  return (void *)to;
}

bool arena_holds(struct arena *arena, uintptr_t since, uintptr_t block, size_t size) {
  note_cursor(arena);
  struct chunk *chunk = has_chunk(arena) ? newest(arena) : NULL;
  for (; chunk; chunk = chunk->next) {
    bool home = within(chunk, since, 0);
    if (within(chunk, block, size)) return !home || block >= since;
    if (home) break;
  }
  return false;
}

/*
 * One chunk of the same capacity in place of several. All are given back first, so that their bytes
 * can be part of it; where no single chunk is to be had, smaller ones keep the capacity. There
 * is one for 0 bytes until that is reached: what was given back and not taken again is among the
 * free chunks, or has made the top bigger than its least.
 */
static void consolidate(struct arena *arena) {
  size_t capacity = arena->capacity;
  give_all(arena);
  for (size_t size = capacity; arena->capacity < capacity;) {
    struct chunk *chunk = take(arena, size, 1, capacity - arena->capacity, false);
    if (chunk) {
      push(arena, chunk);
    } else {
      size /= 2;
    }
  }
  unwind(arena, arena->base);
}

void arena_reset(struct arena *arena) {
  arena->mark = 0;
  if (!has_chunk(arena)) return;
  note_cursor(arena);
  if ((arena->spare || newest(arena)->next) && backing_is_memory(arena->on)) {
    consolidate(arena);
  } else {
    unwind(arena, arena->base);
  }
}

void arena_trim(struct arena *arena, size_t bytes) {
  if (!has_chunk(arena)) return;
  note_cursor(arena);
  size_t keep = larger(bytes, arena_used(arena));
  if (!keep && !arena->mark) {
    give_all(arena);
    return;
  }
  struct chunk *chunk;
  while ((chunk = arena->spare) && arena->capacity - payload(chunk) >= keep) {
    arena->spare = chunk->next;
    give(arena, chunk);
  }
  for (chunk = newest(arena); chunk && arena->capacity > keep; chunk = chunk->next) {
    size_t unused = smaller(chunk_end(chunk) - chunk->cursor, arena->capacity - keep);
    arena->capacity -= payload(chunk);
    backing_trim(arena->on, chunk, chunk_end(chunk) - unused);
    arena->capacity += payload(chunk);
  }
  arena->limit = smaller(arena->limit, ceiling(arena));
}

void arena_free(struct arena *arena) {
  if (!arena->on) return;
  note_cursor(arena);
  give_all(arena);
  arena->mark = 0;
  arena->on = NULL;
}

bool arena_resize(struct arena *arena, void *block, size_t old_size, size_t new_size) {
  uintptr_t start = (uintptr_t)block;
  bool last = is_last(arena, start, old_size);
  note_cursor(arena);
  if (new_size <= old_size) {
    if (last) rewind_to(arena, start + new_size);
    return true;
  }
  if (!last || new_size - old_size > room(arena) || !fit(arena, start, new_size)) return false;
  if (start + new_size > arena->limit) lift_limit(arena, start + new_size);
  arena->cursor = start + new_size;
  return true;
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  return arena_alloc(ALLOCATOR_OWNER(struct arena, allocator), size, align);
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)align;
  return arena_resize(ALLOCATOR_OWNER(struct arena, allocator), block, old_size, new_size);
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  return arena_realloc(ALLOCATOR_OWNER(struct arena, allocator), block, old_size, new_size, align);
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  (void)align;
  arena_resize(ALLOCATOR_OWNER(struct arena, allocator), block, size, 0);
}

struct allocator *arena_allocator(struct arena *arena) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  arena->allocator.methods = &methods;
  return &arena->allocator;
}
