/*
 * What the second wasm module exports to js/: heaps, pools, fixed buffers, tracking, and arenas on
 * any allocator, in the memory of the first module and on the same structs. Offsets and sizes are
 * unsigned 32-bit numbers; 0 is failure.
 *
 * Assumptions
 *   - init is called once, first; every other argument was validated by the wrapper.
 *   - The tables of methods lie where the first module has nothing: below 1,024 (CMakeLists.txt).
 * Invariants
 *   - The words that js/ reads stand where the assertions below say.
 * Debugging
 *   - The memory's `refusal` says why the last request failed.
 */
#include "arena.h"
#include "backing.h"
#include "fixed_buffer.h"
#include "heap.h"
#include "pool.h"
#include "tracking.h"

#define EXPORT(name) __attribute__((export_name(#name), used)) export_##name

/* The memory that this instance works on, in a wasm global: memory has no place for it. */
static __attribute__((address_space(1))) uintptr_t attached;

#ifdef __wasm__
/* js/allocator.js, and the classes beside it, read these words. */
#define WORD(type, field, index) \
  _Static_assert(offsetof(type, field) == (index) * sizeof(uintptr_t), #field " is word " #index)
WORD(struct chunk, next, 1);
WORD(struct arena, start, 2);
WORD(struct arena, spare, 11);
WORD(struct fixed_buffer, cursor, 0);
WORD(struct fixed_buffer, limit, 1);
WORD(struct fixed_buffer, start, 2);
WORD(struct pool, free, 0);
WORD(struct pool, live, 1);
WORD(struct pool, fresh, 2);
WORD(struct pool, start, 3);
WORD(struct pool, end, 4);
WORD(struct pool, bits, 5);
WORD(struct pool, shift, 6);
WORD(struct pool, stride, 7);
WORD(struct pool, capacity, 10);
WORD(struct pool, first, 13);
WORD(struct heap, held, 0);
WORD(struct heap, live, 1);
WORD(struct heap, blocks, 2);
WORD(struct heap, regions, 8);
WORD(struct tracking, allocations, 0);
WORD(struct tracking, frees, 1);
WORD(struct tracking, live, 2);
WORD(struct tracking, peak, 3);
WORD(struct tracking, failures, 4);
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has " #bytes " bytes")
SIZE(struct arena, 56);
SIZE(struct fixed_buffer, 16);
SIZE(struct pool, 68);
SIZE(struct heap, 3604);
SIZE(struct tracking, 28);
#endif

/* The entry that Emscripten wants of a library: there is nothing to construct. */
void _initialize(void);
void _initialize(void) {
}

void backing_note(enum memory_refusal why) {
  ((struct chunks *)attached)->memory.refusal = why;
}

/* Begins to work on the first module's memory; returns that as an allocator. */
struct allocator *EXPORT(init)(struct chunks *chunks) {
  attached = (uintptr_t)chunks;
  return chunks_allocator(chunks);
}

/* Whether one of the chunks of a list lies in the arena behind its open mark at `since`. */
bool EXPORT(behind)(struct arena *arena, uintptr_t since, const struct chunk *chunk) {
  while (chunk && !arena_holds(arena, since, (uintptr_t)chunk, chunk_size(chunk))) {
    chunk = chunk->next;
  }
  return chunk != NULL;
}

/* Any allocator. */

void *EXPORT(allocator_alloc)(struct allocator *allocator, size_t size, size_t align) {
  return allocator_alloc(allocator, size, align);
}

bool EXPORT(allocator_resize)(struct allocator *allocator, void *block, size_t old_size,
                              size_t new_size, size_t align) {
  return allocator_resize(allocator, block, old_size, new_size, align);
}

void *EXPORT(allocator_remap)(struct allocator *allocator, void *block, size_t old_size,
                              size_t new_size, size_t align) {
  return allocator_remap(allocator, block, old_size, new_size, align);
}

void EXPORT(allocator_free)(struct allocator *allocator, void *block, size_t size, size_t align) {
  allocator_free(allocator, block, size, align);
}

/* Arenas, by the names that exports.c has for those in the memory alone. */

/* Begins an arena on an allocator; with a capacity of 0 it has no chunk. */
bool EXPORT(open)(struct arena *arena, size_t capacity, size_t most, bool zero,
                  struct allocator *on) {
  arena_init(arena, on, most, zero);
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

struct allocator *EXPORT(arena_allocator)(struct arena *arena) {
  return arena_allocator(arena);
}

/* Fixed buffers; js/fixed-buffer.js does the rest on the header's words. */

struct allocator *EXPORT(fixed_buffer_open)(struct fixed_buffer *buffer, void *bytes, size_t size) {
  fixed_buffer_init(buffer, bytes, size);
  return fixed_buffer_allocator(buffer);
}

/* Pools. */

bool EXPORT(pool_open)(struct pool *pool, struct allocator *on, size_t size, size_t align,
                       size_t capacity, size_t slab) {
  return pool_init(pool, on, size, align, capacity, slab);
}

struct allocator *EXPORT(pool_allocator)(struct pool *pool) {
  return pool_allocator(pool);
}

void *EXPORT(pool_alloc)(struct pool *pool) {
  return pool_alloc(pool);
}

bool EXPORT(pool_free)(struct pool *pool, void *object) {
  return pool_free(pool, object);
}

uintptr_t EXPORT(pool_next)(const struct pool *pool, uintptr_t after) {
  return pool_next(pool, after);
}

bool EXPORT(pool_holds)(const struct pool *pool, uintptr_t address, size_t size) {
  return pool_holds(pool, address, size);
}

void EXPORT(pool_reset)(struct pool *pool) {
  pool_reset(pool);
}

void EXPORT(pool_close)(struct pool *pool) {
  pool_close(pool);
}

/* Heaps. */

/*
 * The header may be that of a heap before, whose blocks are to be told from this one's. The key
 * goes on from there, and by one more, so that it is none that another header begins with.
 */
struct allocator *EXPORT(heap_open)(struct heap *heap, struct allocator *on) {
  size_t key = heap->key;
  heap_init(heap, on);
  heap->key += key + 1;
  return heap_allocator(heap);
}

void *EXPORT(heap_alloc)(struct heap *heap, size_t size, size_t align) {
  return heap_alloc(heap, size, align);
}

bool EXPORT(heap_free)(struct heap *heap, void *block) {
  return heap_free(heap, block);
}

void *EXPORT(heap_realloc)(struct heap *heap, void *block, size_t size, size_t align) {
  return heap_realloc(heap, block, size, align);
}

size_t EXPORT(heap_size)(const struct heap *heap, const void *block) {
  return heap_size(heap, block);
}

bool EXPORT(heap_holds)(const struct heap *heap, const void *block, size_t size) {
  return heap_holds(heap, block, size);
}

enum heap_fault EXPORT(heap_check)(const struct heap *heap) {
  return heap_check(heap);
}

void EXPORT(heap_reset)(struct heap *heap) {
  heap_reset(heap);
}

/* Tracking. */

struct allocator *EXPORT(tracking_open)(struct tracking *tracking, struct allocator *on) {
  tracking_init(tracking, on);
  return tracking_allocator(tracking);
}
