#include "family.h"

#include "neighbourhood.h"

struct allocator *member_open(struct member *member, enum kind kind, struct allocator *on,
                              size_t bytes, size_t align) {
  memset(member, 0, sizeof *member);
  member->kind = kind;
  member->on = on;
  if (kind == ARENA || kind == ZEROING_ARENA) {
    arena_init(&member->arena, on, SIZE_MAX, kind == ZEROING_ARENA);
    return arena_allocator(&member->arena);
  }
  if (kind == FIXED_BUFFER) {
    void *place = allocator_alloc(on, bytes, align);
    if (!place) return NULL;
    member->bytes = bytes;
    fixed_buffer_init(&member->fixed_buffer, place, bytes);
    return fixed_buffer_allocator(&member->fixed_buffer);
  }
  if (kind == POOL) {
    size_t slab = 100000 / bytes + 1; /* small objects are many: each slab takes one from a pool */
    if (!pool_init(&member->pool, on, bytes, align, 1, slab)) return NULL;
    return pool_allocator(&member->pool);
  }
  if (kind == HEAP) {
    heap_init(&member->heap, on);
    return heap_allocator(&member->heap);
  }
  tracking_init(&member->tracking, on);
  return tracking_allocator(&member->tracking);
}

void member_close(struct member *member) {
  if (member->kind == ARENA || member->kind == ZEROING_ARENA) {
    arena_free(&member->arena);
  } else if (member->kind == FIXED_BUFFER) {
    allocator_free(member->on, (void *)member->fixed_buffer.start, member->bytes, CHUNK_ALIGN);
  } else if (member->kind == POOL) {
    pool_close(&member->pool);
  } else if (member->kind == HEAP) {
    heap_reset(&member->heap);
  }
}

const char *member_name(enum kind kind) {
  static const char *const names[] = {"an arena", "a zeroing arena", "a fixed buffer",
                                      "a pool",   "a heap",          "tracking"};
  return names[kind];
}

bool member_same(const struct member *member, const struct member *before) {
  if (member->kind == ARENA || member->kind == ZEROING_ARENA) {
    return same_state(&member->arena, state_of(&before->arena));
  }
  if (member->kind == FIXED_BUFFER) {
    return memcmp(&member->fixed_buffer, &before->fixed_buffer, sizeof member->fixed_buffer) == 0;
  }
  if (member->kind == POOL) return memcmp(&member->pool, &before->pool, sizeof member->pool) == 0;
  if (member->kind == HEAP) {
    return heap_check(&member->heap) == HEAP_SOUND && member->heap.held == before->heap.held &&
           member->heap.live == before->heap.live && member->heap.blocks == before->heap.blocks;
  }
  return member->tracking.allocations == before->tracking.allocations &&
         member->tracking.frees == before->tracking.frees &&
         member->tracking.live == before->tracking.live;
}

static bool refuses(struct fussy *fussy) {
  if (fussy->refuse_from > 1) fussy->refuse_from--;
  if (fussy->refuse_from != 1) return false;
  fussy->refused++;
  return true;
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  struct fussy *fussy = ALLOCATOR_OWNER(struct fussy, allocator);
  return refuses(fussy) ? NULL : allocator_alloc(fussy->on, size, align);
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  struct fussy *fussy = ALLOCATOR_OWNER(struct fussy, allocator);
  return !refuses(fussy) && allocator_resize(fussy->on, block, old_size, new_size, align);
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  struct fussy *fussy = ALLOCATOR_OWNER(struct fussy, allocator);
  return refuses(fussy) ? NULL : allocator_remap(fussy->on, block, old_size, new_size, align);
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  allocator_free(ALLOCATOR_OWNER(struct fussy, allocator)->on, block, size, align);
}

struct allocator *fussy_open(struct fussy *fussy, struct allocator *on) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  memset(fussy, 0, sizeof *fussy);
  fussy->on = on;
  fussy->allocator.methods = &methods;
  return &fussy->allocator;
}
