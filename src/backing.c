#include "backing.h"

bool backing_is_memory(const struct allocator *on) {
  return on->methods == &chunks_methods;
}

static inline struct chunks *chunks_of(struct allocator *on) {
  return ALLOCATOR_OWNER(struct chunks, on);
}

struct chunk *backing_take(struct allocator *on, size_t size, size_t align, size_t want,
                           bool grow) {
  if (backing_is_memory(on)) return chunk_take(chunks_of(on), size, align, want, grow);

  size_t slack = align > CHUNK_ALIGN ? align - CHUNK_ALIGN : 0;
  size_t most = SIZE_MAX - CHUNK_HEADER - CHUNK_ALIGN - slack;
  if (size > most) {
    backing_note(REFUSED_BY_BACKING);
    return NULL;
  }
  size_t least = align_up(CHUNK_HEADER + size + slack, CHUNK_ALIGN);
  size_t wanted = larger(align_up(CHUNK_HEADER + smaller(want, most), CHUNK_ALIGN), least);
  struct chunk *chunk = allocator_alloc(on, wanted, CHUNK_ALIGN);
  if (!chunk && wanted > least) {
    wanted = least;
    chunk = allocator_alloc(on, wanted, CHUNK_ALIGN);
  }
  if (!chunk) {
    backing_note(REFUSED_BY_BACKING);
    return NULL;
  }
  chunk->tag = wanted | CHUNK_USED;
  chunk->clean = chunk_end(chunk);
  return chunk;
}

/* Moves the chunk's end where the backing allows it. */
static bool resize(struct allocator *on, struct chunk *chunk, uintptr_t end) {
  size_t size = end - (uintptr_t)chunk;
  if (!allocator_resize(on, chunk, chunk_size(chunk), size, CHUNK_ALIGN)) return false;
  chunk->tag = size | CHUNK_USED;
  chunk->clean = end;
  return true;
}

bool backing_extend(struct allocator *on, struct chunk *chunk, uintptr_t start, size_t size,
                    size_t step) {
  if (backing_is_memory(on)) return chunk_extend(chunks_of(on), chunk, start, size, step);
  if (size > UINTPTR_MAX - CHUNK_ALIGN - start) return false;
  uintptr_t least = align_up(start + size, CHUNK_ALIGN);
  uintptr_t wanted = align_up(chunk_end(chunk) + step, CHUNK_ALIGN); /* if that wraps, it is less */
  return (wanted > least && resize(on, chunk, wanted)) || resize(on, chunk, least);
}

void backing_trim(struct allocator *on, struct chunk *chunk, uintptr_t end) {
  if (backing_is_memory(on)) {
    chunk_trim(chunks_of(on), chunk, end);
    return;
  }
  end = larger(align_up(end, CHUNK_ALIGN), chunk_start(chunk));
  if (end < chunk_end(chunk)) resize(on, chunk, end);
}

void backing_give(struct allocator *on, struct chunk *chunk) {
  if (backing_is_memory(on)) {
    chunk_give(chunks_of(on), chunk);
  } else {
    allocator_free(on, chunk, chunk_size(chunk), CHUNK_ALIGN);
  }
}

__attribute__((weak)) void backing_note(enum memory_refusal why) {
  (void)why;
}

void backing_refuse(struct allocator *on, enum memory_refusal why) {
  if (backing_is_memory(on)) {
    chunks_of(on)->memory.refusal = why;
  } else {
    backing_note(why);
  }
}
