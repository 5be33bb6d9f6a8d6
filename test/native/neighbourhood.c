#include "neighbourhood.h"

#define PAGES 16
#define MOST 256

struct chunks chunks;
struct arena arena;
struct arena neighbours[NEIGHBOURS];
size_t neighbours_count;

static void set_up_pages(size_t pages, size_t most_pages, size_t most, bool zero) {
  host_open_chunks(&chunks, pages, most_pages);
  neighbours_count = 0;
  arena_init(&arena, chunks_allocator(&chunks), most, zero);
}

void set_up_with(size_t most, bool zero) {
  set_up_pages(PAGES, MOST, most, zero);
}

void set_up(void) {
  set_up_with(SIZE_MAX, false);
}

void set_up_fixed(size_t pages) {
  set_up_pages(pages, pages, SIZE_MAX, false);
}

static struct arena *new_neighbour(void) {
  EXPECT(neighbours_count < NEIGHBOURS);
  struct arena *neighbour = &neighbours[neighbours_count++];
  arena_init(neighbour, chunks_allocator(&chunks), SIZE_MAX, false);
  return neighbour;
}

struct arena *fence_in(void) {
  uintptr_t end = chunk_end(chunk_of(arena.start));
  if (end != chunks.memory.frontier) return NULL;
  struct arena *neighbour = new_neighbour();
  EXPECT(arena_reserve(neighbour, chunks.free + 1)); /* more than any free chunk has */
  EXPECT((uintptr_t)chunk_of(neighbour->start) == end);
  return neighbour;
}

void take_all(void) {
  struct arena *neighbour = new_neighbour();
  for (size_t size = chunks.memory.end - chunks.first; size; size /= 2) {
    while (arena_alloc(neighbour, size, 1)) continue;
  }
}

const char *check_neighbourhood(void) {
  struct arena *all[NEIGHBOURS + 1];
  for (size_t i = 0; i < neighbours_count; i++) all[i] = &neighbours[i];
  all[neighbours_count] = &arena;
  return check(&chunks, all, neighbours_count + 1);
}

uintptr_t alloc(size_t size, size_t align, int byte) {
  size_t used = arena_used(&arena);
  uintptr_t start = (uintptr_t)arena_alloc(&arena, size, align);
  EXPECT(start && start % align == 0);
  EXPECT(arena_used(&arena) >= used + size && arena.cursor == start + size);
  memset((void *)start, byte, size);
  return start;
}

size_t left(void) {
  return chunk_end(chunk_of(arena.start)) - arena.cursor;
}

size_t chunks_held(void) {
  size_t count = 0;
  for (struct chunk *chunk = arena.spare; chunk; chunk = chunk->next) count++;
  if (arena.start == 1) return count;
  for (struct chunk *chunk = chunk_of(arena.start); chunk; chunk = chunk->next) count++;
  return count;
}

bool reads(uintptr_t start, size_t size, int byte) {
  const unsigned char *bytes = (const unsigned char *)start;
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != byte) return false;
  }
  return true;
}

struct arena state_of(const struct arena *of) {
  struct arena state = *of;
  state.high_water = high_water(of); /* noted or not, it is the same one */
  return state;
}

bool same_state(const struct arena *of, struct arena before) {
  return of->cursor == before.cursor && of->limit <= before.limit && of->start == before.start &&
         of->mark == before.mark && of->settled == before.settled &&
         of->capacity == before.capacity && of->base == before.base && of->most == before.most &&
         of->on == before.on && of->spare == before.spare && of->zero == before.zero &&
         high_water(of) == before.high_water;
}
