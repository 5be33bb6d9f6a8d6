#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Not at a page's start, because a wasm module's own data comes first. */
#define FIRST_CHUNK ((uintptr_t)1040)

struct host host;

/* An outsider's runs of pages; neighbours are one run. */
static struct run {
  uintptr_t start;
  uintptr_t end;
} * runs;
static size_t runs_count;

/* The addresses that memories are simulated in. */
static struct {
  uintptr_t start;
  size_t pages;
} region;

static bool map_region(uintptr_t start, size_t pages);
static void map(uintptr_t start, uintptr_t end, int protection);

/*
 * A wasm memory begins at address 0, and growth is a share of where it ends: so the region begins
 * as low as the system allows, where it allows it (valgrind doesn't).
 */
static void find_region(void) {
  static const size_t sizes[] = {32766, 20000}; /* pages below 2 GiB; what fits a 32-bit process */
  for (size_t i = 0; i < 4; i++) {
    if (map_region(i < 2 ? MEMORY_PAGE : 0, sizes[i % 2])) return;
  }
  perror("no room for a simulated memory");
  exit(1);
}

static bool map_region(uintptr_t start, size_t pages) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  size_t size = (pages + (start ? 0 : 1)) * MEMORY_PAGE;
  if (start) flags |= MAP_FIXED_NOREPLACE;
  void *place = mmap((void *)start, size, PROT_NONE, flags, -1, 0);
  if (place == MAP_FAILED) return false;
  if (start && place != (void *)start) {
    munmap(place, size);
    return false;
  }
  region.start = align_up((uintptr_t)place, MEMORY_PAGE);
  region.pages = pages;
  return true;
}

void host_open(size_t pages, size_t most) {
  if (!region.start) find_region();
  if (host.end) map(region.start, host.end, PROT_NONE);
  memset(&host, 0, sizeof host);
  host.start = region.start;
  host.end = host_page(pages);
  host.most = most < region.pages ? most : region.pages;
  host.refuse_above = SIZE_MAX;
  runs_count = 0;
  map(host.start, host.end, PROT_READ | PROT_WRITE);
}

/* Makes new pages there. */
static void map(uintptr_t start, uintptr_t end, int protection) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (mmap((void *)start, end - start, protection, flags, -1, 0) == MAP_FAILED) {
    perror("pages of a simulated memory");
    exit(1);
  }
}

void host_open_chunks(struct chunks *chunks, size_t pages, size_t most) {
  host_open(pages, most);
  memset(chunks, 0, sizeof *chunks);
  chunks_init(chunks, host.start + FIRST_CHUNK, host.end, host_page(most));
}

uintptr_t host_page(size_t pages) {
  return region.start + pages * MEMORY_PAGE;
}

/* Whether the memory can have so many pages more. */
static bool has_room(size_t pages) {
  return pages <= host.most - (host.end - host.start) / MEMORY_PAGE;
}

bool host_outsider(size_t pages) {
  if (!has_room(pages)) return false;
  struct run *last = runs_count ? &runs[runs_count - 1] : NULL;
  if (!last || last->end != host.end) {
    runs = realloc(runs, (runs_count + 1) * sizeof *runs);
    if (!runs) exit(1);
    last = &runs[runs_count++];
    last->start = host.end;
  }
  host.end += pages * MEMORY_PAGE;
  last->end = host.end;
  return true;
}

uintptr_t host_skip(uintptr_t start) {
  for (size_t i = 0; i < runs_count; i++) {
    if (runs[i].start == start) return runs[i].end;
  }
  return start;
}

uintptr_t memory_host_end(void) {
  return host.end;
}

bool memory_host_grow(size_t pages) {
  if (host.asked < HOST_STEPS) host.steps[host.asked] = pages;
  host.asked++;
  bool ordered = host.refuse_from == 1;
  if (host.refuse_from > 1) host.refuse_from--;
  if (ordered || pages > host.refuse_above || !has_room(pages)) {
    host.refused++;
    return false;
  }
  uintptr_t start = host.end;
  host.end += pages * MEMORY_PAGE;
  if (pages) map(start, host.end, PROT_READ | PROT_WRITE);
  return true;
}
