#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"

/* Returns the sentence if the condition holds. */
#define BROKEN(condition, sentence) \
  do {                              \
    if (condition) return sentence; \
  } while (0)
#define PASS_ON(call)              \
  do {                             \
    const char *sentence = (call); \
    if (sentence) return sentence; \
  } while (0)

/* Chunks by address, and how often each was met elsewhere. */
struct list {
  struct entry {
    const struct chunk *chunk;
    size_t met;
  } * entries;
  size_t count;
  size_t room;
};

/* What one walk over the memory found. */
struct walk {
  struct list used;
  struct list free;
  size_t used_bytes;
  size_t free_bytes;
  size_t foreign_bytes;
};

static void list_add(struct list *list, const struct chunk *chunk) {
  if (list->count == list->room) {
    list->room = list->room ? list->room * 2 : 256;
    list->entries = realloc(list->entries, list->room * sizeof *list->entries);
    if (!list->entries) abort();
  }
  list->entries[list->count++] = (struct entry){chunk, 0};
}

/* Counts a meeting with the chunk; how many there were, 0 if it is not in the list. */
static size_t list_meet(struct list *list, const struct chunk *chunk) {
  size_t low = 0;
  size_t high = list->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct chunk *found = list->entries[middle].chunk;
    if (found == chunk) return ++list->entries[middle].met;
    if (found < chunk) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return 0;
}

static bool reads_zero(uintptr_t from, uintptr_t to) {
  const unsigned char *bytes = (const unsigned char *)from;
  if (from >= to) return true;
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, to - from - 1) == 0;
}

static size_t payload(const struct chunk *chunk) {
  return chunk_size(chunk) - CHUNK_HEADER;
}

static const char *check_free_chunk(const struct chunk *chunk) {
  uintptr_t last_word = chunk_end(chunk) - sizeof(size_t);
  BROKEN(*(const size_t *)last_word != chunk_size(chunk),
         "a free chunk's closing tag is not its size");
  BROKEN(!reads_zero(chunk->clean, last_word), "clean bytes of a free chunk do not read 0");
  return NULL;
}

/* Everything from `first` to the frontier. */
static const char *walk_chunks(const struct chunks *chunks, struct walk *walk) {
  uintptr_t at = chunks->first;
  uintptr_t frontier = chunks->memory.frontier;
  bool left_free = false;
  while (at != frontier) {
    BROKEN(at > frontier, "a chunk reaches over the frontier");
    const struct chunk *chunk = (const struct chunk *)at;
    size_t size = chunk_size(chunk);
    bool used = chunk->tag & CHUNK_USED;
    BROKEN(!(chunk->tag & CHUNK_LEFT_FREE) == left_free,
           "a header is wrong about whether its left neighbour is free");
    if (size == 0) {
      BROKEN(!used, "a fence is not used");
      uintptr_t next = host_skip(at + CHUNK_HEADER);
      BROKEN(next == at + CHUNK_HEADER, "a fence stands where no outsider's page follows");
      walk->foreign_bytes += next - at;
      left_free = false;
      at = next;
      continue;
    }
    BROKEN(size < CHUNK_LEAST, "a chunk is smaller than the least");
    BROKEN(size > frontier - at, "a chunk reaches over the frontier");
    BROKEN(!used && left_free, "two free chunks touch");
    BROKEN(chunk->tag & (CHUNK_ALIGN - 1) & ~(CHUNK_USED | CHUNK_LEFT_FREE),
           "a tag has a flag that there is not");
    BROKEN(chunk->clean < chunk_start(chunk), "a chunk counts as clean from before its payload on");
    if (!used) PASS_ON(check_free_chunk(chunk));
    list_add(used ? &walk->used : &walk->free, chunk);
    *(used ? &walk->used_bytes : &walk->free_bytes) += size;
    left_free = !used;
    at += size;
  }
  BROKEN(left_free, "a free chunk touches the top");
  return NULL;
}

static const char *check_top(const struct chunks *chunks) {
  const struct memory *memory = &chunks->memory;
  const struct chunk *top = (const struct chunk *)memory->frontier;
  const struct chunk *fence = (const struct chunk *)(memory->end - CHUNK_HEADER);
  BROKEN(memory->frontier > memory->end, "the frontier is behind the end");
  BROKEN(memory->end > memory->maximum, "the end is behind the maximum");
  BROKEN(memory->end > host.end, "the end is behind the host's");
  BROKEN((uintptr_t)top + CHUNK_LEAST > (uintptr_t)fence, "the top has less than its least");
  BROKEN(top->tag != (uintptr_t)fence - (uintptr_t)top, "the top does not end at the fence");
  BROKEN(fence->tag != CHUNK_USED, "there is no fence at the end");
  BROKEN(top->clean < chunk_start(top), "the top counts as clean from before its payload on");
  BROKEN(!reads_zero(top->clean, (uintptr_t)fence), "clean bytes of the top do not read 0");
  return NULL;
}

static const char *check_bins(const struct chunks *chunks, struct walk *walk) {
  size_t count = 0;
  for (size_t bin = 0; bin < CHUNK_BINS; bin++) {
    struct chunk *const *link = &chunks->bins[bin];
    for (; *link; link = &(*link)->next) {
      const struct chunk *chunk = *link;
      size_t met = list_meet(&walk->free, chunk);
      BROKEN(met == 0, "a bin holds what is no free chunk");
      BROKEN(met > 1, "bins hold a chunk twice");
      BROKEN(chunk->link != link, "a free chunk does not know what points at it");
      BROKEN(chunk_size(chunk) >> bin != 1, "a free chunk is in the wrong bin");
      count++;
    }
  }
  BROKEN(count != walk->free.count, "a free chunk is in no bin");
  return NULL;
}

static const char *check_memory(const struct chunks *chunks, struct walk *walk) {
  PASS_ON(walk_chunks(chunks, walk));
  PASS_ON(check_top(chunks));
  PASS_ON(check_bins(chunks, walk));
  BROKEN(chunks->free != walk->free_bytes, "the count of free bytes is wrong");
  BROKEN(chunks->foreign != walk->foreign_bytes, "the count of foreign bytes is wrong");
  BROKEN(chunks_live(chunks) != walk->used_bytes, "the count of live bytes is wrong");
  return NULL;
}

/* A chunk of an arena, whose bytes count as clean from `clean` on; `walk` is NULL where none was.
 */
static const char *check_used_chunk(struct walk *walk, const struct chunk *chunk, uintptr_t clean) {
  size_t met = walk ? list_meet(&walk->used, chunk) : 1;
  BROKEN(met == 0, "an arena holds what is no used chunk");
  BROKEN(met > 1, "a chunk is held twice");
  BROKEN(!reads_zero(clean, chunk_end(chunk)), "clean bytes of a used chunk do not read 0");
  return NULL;
}

static const char *check_empty_arena(const struct arena *arena) {
  BROKEN(arena->cursor != 1 || arena->peak != 1 || arena->limit != 0,
         "something fits into an arena without a chunk");
  BROKEN(arena->settled || arena->capacity || arena->base || arena->spare,
         "an arena without a chunk counts something");
  BROKEN(arena->mark > 1, "an arena without a chunk has a mark in one");
  return NULL;
}

static const char *check_in_walk(const struct arena *arena, struct walk *walk) {
  BROKEN(high_water(arena) < arena_used(arena), "an arena uses more than its high-water mark");
  if (arena->start == 1) return check_empty_arena(arena);

  const struct chunk *newest = chunk_of(arena->start);
  uintptr_t clean = larger(larger(newest->clean, arena->peak), arena->cursor);
  PASS_ON(check_used_chunk(walk, newest, clean));
  BROKEN(arena->start > arena->cursor || arena->cursor > arena->limit ||
             arena->limit > chunk_end(newest),
         "start <= cursor <= limit <= end does not hold");
  BROKEN(arena->peak < arena->start, "a peak lies before its chunk");
  BROKEN(arena->most - arena->settled < arena->limit - arena->start,
         "a limit allows more than the arena's own limit does");
  BROKEN(arena_used(arena) > arena->most, "an arena uses more than its limit");
  BROKEN(arena->zero && !reads_zero(arena->cursor, arena->limit),
         "a zeroing arena's [cursor, limit) does not read 0");

  size_t capacity = payload(newest);
  size_t settled = 0;
  bool mark_inside =
      arena->mark <= 1 || (arena->mark >= arena->start && arena->mark <= arena->cursor);
  const struct chunk *oldest = newest;
  for (const struct chunk *chunk = newest->next; chunk; chunk = chunk->next) {
    PASS_ON(check_used_chunk(walk, chunk, chunk->clean));
    BROKEN(chunk->cursor < chunk_start(chunk) || chunk->cursor > chunk_end(chunk),
           "an older chunk's cursor lies outside of it");
    if (arena->mark >= chunk_start(chunk) && arena->mark <= chunk->cursor) mark_inside = true;
    capacity += payload(chunk);
    settled += chunk->cursor - chunk_start(chunk);
    oldest = chunk;
  }
  for (const struct chunk *chunk = arena->spare; chunk; chunk = chunk->next) {
    PASS_ON(check_used_chunk(walk, chunk, chunk->clean));
    capacity += payload(chunk);
  }
  BROKEN(!mark_inside, "the newest mark lies outside of the used bytes");
  BROKEN(arena->settled != settled, "the bytes used in older chunks are miscounted");
  BROKEN(arena->capacity != capacity, "the capacity is miscounted");
  BROKEN(arena->base != chunk_start(oldest), "the base is not where the oldest chunk begins");
  return NULL;
}

static const char *check_all(const struct chunks *chunks, struct arena *const *arenas, size_t count,
                             size_t others, struct walk *walk) {
  PASS_ON(check_memory(chunks, walk));
  for (size_t i = 0; i < count; i++) PASS_ON(check_in_walk(arenas[i], walk));
  for (size_t i = 0; i < walk->used.count; i++) {
    const struct chunk *chunk = walk->used.entries[i].chunk;
    if (walk->used.entries[i].met) continue;
    BROKEN(!others--, "a used chunk belongs to nobody");
    PASS_ON(check_used_chunk(walk, chunk, chunk->clean));
  }
  BROKEN(others, "somebody's chunk is not among the used ones");
  return NULL;
}

/* The lists keep their room from one walk to the next: models walk a hundred thousand times. */
static struct walk *new_walk(void) {
  static struct walk walk;
  struct list used = walk.used;
  struct list free = walk.free;
  used.count = free.count = 0;
  walk = (struct walk){.used = used, .free = free};
  return &walk;
}

const char *check_chunks(const struct chunks *chunks) {
  struct walk *walk = new_walk();
  PASS_ON(check_memory(chunks, walk));
  for (size_t i = 0; i < walk->used.count; i++) {
    const struct chunk *chunk = walk->used.entries[i].chunk;
    PASS_ON(check_used_chunk(walk, chunk, chunk->clean));
  }
  return NULL;
}

const char *check(const struct chunks *chunks, struct arena *const *arenas, size_t count) {
  return check_beside(chunks, arenas, count, 0);
}

const char *check_beside(const struct chunks *chunks, struct arena *const *arenas, size_t count,
                         size_t others) {
  return check_all(chunks, arenas, count, others, new_walk());
}

const char *check_arena(const struct arena *arena) {
  return check_in_walk(arena, NULL);
}
