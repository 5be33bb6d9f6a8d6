/*
 * Fixed buffers: a stack of blocks in bytes that are given, which never grows.
 *
 *   | block | block |pad| block |           free           |
 *   ^ start                     ^ cursor                   ^ limit
 *
 * The last block can be freed and resized; the others wait for the reset.
 *
 * Assumptions
 *   - Alignments are powers of two; sizes may be anything.
 *   - The bytes outlive the buffer; on wasm32 they end 64 KiB below 4 GiB at the latest.
 * Invariants
 *   - start <= cursor <= limit.
 *   - NULL and false are the only failure values, and after a failure the buffer is as it was.
 * Debugging
 *   - The three words say all: [start, cursor) is in use, [cursor, limit) is free.
 *
 *   struct fixed_buffer buffer;
 *   fixed_buffer_init(&buffer, bytes, sizeof bytes);
 *   float *xs = fixed_buffer_alloc(&buffer, 16 * sizeof(float), 16);
 *   fixed_buffer_free(&buffer, xs, 16 * sizeof(float));
 */
#ifndef WASM_ARENA_FIXED_BUFFER_H
#define WASM_ARENA_FIXED_BUFFER_H

#include "allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A buffer's header. js/ reads its words up to `start`; allocators.c holds the two together. */
struct fixed_buffer {
  uintptr_t cursor;           /* where the next block begins, before alignment */
  uintptr_t limit;            /* one past the last byte */
  uintptr_t start;            /* the first byte */
  struct allocator allocator; /* see fixed_buffer_allocator */
};

/* Begins a buffer in [bytes, bytes + size). */
void fixed_buffer_init(struct fixed_buffer *buffer, void *bytes, size_t size);

/*
 * A block of `size` bytes at a multiple of `align`. 0 bytes give a valid, aligned address.
 * NULL: it does not fit; the buffer is as it was.
 *
 * The wrapper in js/ has the same few lines. Nothing wraps: aligning stays below 4 GiB, and the
 * size is compared with what is left instead of being added.
 */
static inline void *fixed_buffer_alloc(struct fixed_buffer *buffer, size_t size, size_t align) {
  uintptr_t start = (buffer->cursor + (align - 1)) & ~(uintptr_t)(align - 1);
  if (start > buffer->limit || size > buffer->limit - start) return NULL;
  buffer->cursor = start + size;
  return (void *)start;
}

/*
 * Changes a block's size where it is. The last block gives back what it loses, and grows as far as
 * the bytes go. Shrinking another one succeeds too, and gives nothing back.
 * False: the block would grow, and can't; buffer and block are as they were.
 */
bool fixed_buffer_resize(struct fixed_buffer *buffer, void *block, size_t old_size,
                         size_t new_size);

/* Gives the last block's bytes back; any other keeps its own until the reset. Never fails. */
void fixed_buffer_free(struct fixed_buffer *buffer, void *block, size_t size);

/* Whether [address, address + size) lies in the bytes in use. */
static inline bool fixed_buffer_owns(const struct fixed_buffer *buffer, uintptr_t address,
                                     size_t size) {
  return address >= buffer->start && address <= buffer->cursor && size <= buffer->cursor - address;
}

/* Everything is free. Never fails. */
static inline void fixed_buffer_reset(struct fixed_buffer *buffer) {
  buffer->cursor = buffer->start;
}

/* Bytes that are left: a block of so many fits at alignment 1. */
static inline size_t fixed_buffer_remaining(const struct fixed_buffer *buffer) {
  return buffer->limit - buffer->cursor;
}

/* The buffer as an allocator. Never fails. */
struct allocator *fixed_buffer_allocator(struct fixed_buffer *buffer);

#ifdef __cplusplus
}
#endif
#endif
