#include "tracking.h"

void tracking_init(struct tracking *tracking, struct allocator *on) {
  memset(tracking, 0, sizeof *tracking);
  tracking->on = on;
}

/* The blocks that are out have so many bytes now. */
static void set_live(struct tracking *tracking, size_t live) {
  tracking->live = live;
  if (tracking->peak < live) tracking->peak = live;
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  struct tracking *tracking = ALLOCATOR_OWNER(struct tracking, allocator);
  void *block = allocator_alloc(tracking->on, size, align);
  if (block) {
    tracking->allocations++;
    set_live(tracking, tracking->live + size);
  } else {
    tracking->failures++;
  }
  return block;
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  struct tracking *tracking = ALLOCATOR_OWNER(struct tracking, allocator);
  if (!allocator_resize(tracking->on, block, old_size, new_size, align)) return false;
  set_live(tracking, tracking->live - old_size + new_size);
  return true;
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  struct tracking *tracking = ALLOCATOR_OWNER(struct tracking, allocator);
  void *moved = allocator_remap(tracking->on, block, old_size, new_size, align);
  if (moved) {
    set_live(tracking, tracking->live - old_size + new_size);
  } else {
    tracking->failures++;
  }
  return moved;
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  struct tracking *tracking = ALLOCATOR_OWNER(struct tracking, allocator);
  allocator_free(tracking->on, block, size, align);
  tracking->frees++;
  tracking->live -= size;
}

struct allocator *tracking_allocator(struct tracking *tracking) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  tracking->allocator.methods = &methods;
  return &tracking->allocator;
}
