/*
 * What the wasm module exports to js/. Offsets and sizes are unsigned 32-bit numbers; 0 is failure.
 *
 * Assumptions
 *   - init is called once, first; every other argument was validated by the wrapper.
 * Invariants
 *   - The words that js/memory.js and js/arena.js read stand where the assertions below say.
 * Debugging
 *   - state.chunks.memory.refusal says why the last request failed.
 */
#include "arena.h"
#include "chunk.h"

#define EXPORT(name) __attribute__((export_name(#name), used)) export_##name

extern unsigned char __heap_base;

/* All of the module's state. */
static struct state {
  struct arena dead;    /* what freed arenas of the wrapper point at: nothing fits in it */
  struct chunks chunks; /* memory, and all chunks of it */
  struct arena headers; /* where the wrapper allocates headers of arenas */
} state;

#ifdef __wasm__
/* js/words.js, js/arena.js and js/request-arena.js name these words. */
#define WORD(type, field, index) \
  _Static_assert(offsetof(type, field) == (index) * sizeof(uintptr_t), #field " is word " #index)
WORD(struct arena, cursor, 0);
WORD(struct arena, limit, 1);
WORD(struct arena, start, 2);
WORD(struct arena, mark, 3);
WORD(struct arena, peak, 4);
WORD(struct arena, settled, 5);
WORD(struct arena, high_water, 6);
WORD(struct arena, capacity, 7);
WORD(struct arena, base, 8);
WORD(struct arena, spare, 11);
WORD(struct chunk, clean, CHUNK_HEADER / sizeof(uintptr_t) - 1);
WORD(struct state, dead, 0);
WORD(struct state, chunks.memory.frontier, 15);
WORD(struct state, chunks.memory.end, 16);
WORD(struct state, chunks.memory.grows, 18);
WORD(struct state, chunks.memory.refusal, 19);
WORD(struct state, chunks.first, 20);
WORD(struct state, chunks.foreign, 21);
WORD(struct state, chunks.free, 22);
WORD(struct state, headers, 55);
_Static_assert(sizeof(struct arena) == 14 * sizeof(uintptr_t), "a header has 14 words");
#endif

/* The entry that Emscripten wants of a library: there is nothing to construct. */
void _initialize(void);
void _initialize(void) {
}

/* Begins with what lies behind the module's own data; returns where the state is. */
struct state *EXPORT(init)(uintptr_t maximum) {
  chunks_init(&state.chunks, (uintptr_t)&__heap_base, memory_host_end(), maximum);
  arena_init(&state.dead, NULL, 0, false);
  arena_init(&state.headers, &state.chunks.allocator, SIZE_MAX, false);
  return &state;
}

/* Begins an arena with `capacity` bytes ready; false where there is no memory for those. */
bool EXPORT(open)(struct arena *arena, size_t capacity, size_t most, bool zero) {
  arena_init(arena, &state.chunks.allocator, most, zero);
  return !capacity || arena_reserve(arena, capacity);
}

void EXPORT(free)(struct arena *arena) {
  arena_free(arena);
}

void *EXPORT(alloc)(struct arena *arena, size_t size, size_t align) {
  return arena_alloc(arena, size, align);
}

void *EXPORT(realloc)(struct arena *arena, void *block, size_t old_size, size_t new_size,
                      size_t align) {
  return arena_realloc(arena, block, old_size, new_size, align);
}

bool EXPORT(holds)(struct arena *arena, uintptr_t since, uintptr_t block, size_t size) {
  return arena_holds(arena, since, block, size);
}

void EXPORT(release)(struct arena *arena, uintptr_t position, uintptr_t outer) {
  arena_release_to(arena, position, outer);
}

void *EXPORT(promote)(struct arena *arena, uintptr_t position, uintptr_t outer, void *block,
                      size_t size, size_t align) {
  return arena_promote_to(arena, position, outer, block, size, align);
}

void EXPORT(reset)(struct arena *arena) {
  arena_reset(arena);
}

void EXPORT(trim)(struct arena *arena, size_t bytes) {
  arena_trim(arena, bytes);
}

bool EXPORT(ensure)(size_t bytes) {
  return chunks_ensure(&state.chunks, bytes);
}
