#include "memory.h"

/* A memory is a fixed region, unless the program brings its own pair of these. */
__attribute__((weak)) uintptr_t memory_host_end(void) {
  return 0;
}

__attribute__((weak)) bool memory_host_grow(size_t pages) {
  (void)pages;
  return false;
}

bool memory_reach(struct memory *memory, uintptr_t end) {
  if (end <= memory->end) return true;
  memory->refusal = REFUSED_BY_MAXIMUM;
  if (end > memory->maximum) return false;

  uintptr_t host_end = memory_host_end();
  size_t needed = (end - memory->end + MEMORY_PAGE - 1) / MEMORY_PAGE;
  size_t most = (memory->maximum - host_end) / MEMORY_PAGE;
  if (host_end > memory->maximum || needed > most) return false;

  /*
   * Growth is geometric, because one costs up to 0.3 ms and makes every view stale. A refused step
   * is halved, down to what is needed: asking for the bare need at once would mean a growth for
   * every page from then on.
   */
  memory->refusal = REFUSED_BY_HOST;
  size_t pages = host_end / MEMORY_PAGE;
  if (pages > most) pages = most;
  for (;; pages /= 2) {
    if (pages < needed) pages = needed;
    if (memory_host_grow(pages)) break;
    if (pages == needed) return false;
  }
  if (host_end != memory->end) memory->frontier = host_end;
  memory->end = host_end + pages * MEMORY_PAGE;
  memory->grows++;
  return true;
}
