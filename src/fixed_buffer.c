#include "fixed_buffer.h"

#ifdef __wasm__
_Static_assert(65535ull * 65536 + 65535 <= UINTPTR_MAX,
               "aligning the highest cursor does not wrap");
#endif

void fixed_buffer_init(struct fixed_buffer *buffer, void *bytes, size_t size) {
  buffer->cursor = buffer->start = (uintptr_t)bytes;
  buffer->limit = buffer->start + size;
}

bool fixed_buffer_resize(struct fixed_buffer *buffer, void *block, size_t old_size,
                         size_t new_size) {
  uintptr_t start = (uintptr_t)block;
  bool last = start + old_size == buffer->cursor;
  if (new_size > old_size && (!last || new_size > buffer->limit - start)) return false;
  if (last) buffer->cursor = start + new_size;
  return true;
}

void fixed_buffer_free(struct fixed_buffer *buffer, void *block, size_t size) {
  fixed_buffer_resize(buffer, block, size, 0);
}

static void *method_alloc(struct allocator *allocator, size_t size, size_t align) {
  return fixed_buffer_alloc(ALLOCATOR_OWNER(struct fixed_buffer, allocator), size, align);
}

static bool method_resize(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  (void)align;
  return fixed_buffer_resize(ALLOCATOR_OWNER(struct fixed_buffer, allocator), block, old_size,
                             new_size);
}

static void *method_remap(struct allocator *allocator, void *block, size_t old_size,
                          size_t new_size, size_t align) {
  return allocator_resize_or_move(allocator, block, old_size, new_size, align);
}

static void method_free(struct allocator *allocator, void *block, size_t size, size_t align) {
  (void)align;
  fixed_buffer_free(ALLOCATOR_OWNER(struct fixed_buffer, allocator), block, size);
}

struct allocator *fixed_buffer_allocator(struct fixed_buffer *buffer) {
  static const struct allocator_methods methods = {method_alloc, method_resize, method_remap,
                                                   method_free};
  buffer->allocator.methods = &methods;
  return &buffer->allocator;
}
