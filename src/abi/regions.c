#include "regions.h"

#include "../backing.h"

_Static_assert(offsetof(struct regions, runs) + sizeof(struct runs) == sizeof(struct regions),
               "the first region follows the struct");
_Static_assert(CHUNK_HEADER % RUN_ALIGN == 0, "blocks of the heap begin at multiples of RUN_ALIGN");

static inline struct regions *regions_of(struct allocator *on) {
  return ALLOCATOR_OWNER(struct regions, on);
}

static struct chunk *set_region(uintptr_t start, size_t size) {
  struct chunk *region = (struct chunk *)start;
  region->tag = size | CHUNK_USED;
  return region;
}

static void set_spare(struct regions *regions, struct chunk *region) {
  region->next = regions->spare;
  regions->spare = region;
}

struct chunk *backing_take(struct allocator *on, size_t size, size_t align, size_t want,
                           bool grow) {
  (void)align;
  (void)grow;
  struct regions *regions = regions_of(on);
  for (struct chunk **link = &regions->spare; *link; link = &(*link)->next) {
    struct chunk *region = *link;
    if (size > chunk_size(region) - CHUNK_HEADER) continue;
    *link = region->next;
    return region;
  }

  struct run *run = regions->runs.run;
  uintptr_t skipped = regions->runs.cursor;
  size_t bytes = align_up(CHUNK_HEADER + larger(size, want), CHUNK_ALIGN);
  uintptr_t start = runs_take(&regions->runs, bytes);
  if (!start) {
    bytes = align_up(CHUNK_HEADER + size, CHUNK_ALIGN);
    start = runs_take(&regions->runs, bytes);
  }
  if (!start) return NULL;
  if (regions->runs.run != run && run->end - skipped >= 2 * CHUNK_HEADER) {
    set_spare(regions, set_region(skipped, (run->end - skipped) & ~(CHUNK_ALIGN - 1)));
  }
  return set_region(start, bytes);
}

/* Whether the region's next `bytes` bytes could be had; where not, the runs are as they were. */
static bool take_next(struct runs *runs, struct chunk *region, size_t bytes) {
  struct run *run = runs->run;
  uintptr_t end = runs->cursor;
  uintptr_t start = runs_take(runs, bytes);
  if (start == end) {
    region->tag += bytes;
    return true;
  }
  runs_rewind(runs, run, end);
  return false;
}

bool backing_extend(struct allocator *on, struct chunk *region, uintptr_t start, size_t size,
                    size_t step) {
  struct runs *runs = &regions_of(on)->runs;
  uintptr_t end = chunk_end(region);
  if (end != runs->cursor) return false;
  if (start + size < size) return false;
  size_t bytes = align_up(larger(start + size, end) - end, CHUNK_ALIGN);
  return take_next(runs, region, larger(bytes, align_up(step, CHUNK_ALIGN))) ||
         take_next(runs, region, bytes);
}

/* What the only owner would give back it can use as well itself. */
void backing_trim(struct allocator *on, struct chunk *region, uintptr_t end) {
  (void)on;
  (void)region;
  (void)end;
}

void backing_give(struct allocator *on, struct chunk *region) {
  struct regions *regions = regions_of(on);
  if (chunk_end(region) == regions->runs.cursor) {
    runs_rewind(&regions->runs, regions->runs.run, (uintptr_t)region);
  } else {
    set_spare(regions, region);
  }
}

void backing_refuse(struct allocator *on, enum memory_refusal why) {
  (void)on;
  (void)why;
}
