/*
 * The program's own malloc as an allocator: what an arena, a pool or a heap of a program that has
 * one stands on. Linear memory behind the program's data is malloc's there; nothing here grows it.
 *
 * Assumptions
 *   - Alignments are powers of two from 1 to 65,536.
 * Invariants
 *   - Each block is one of malloc's own: `free` may have it, and a leak checker knows it.
 *   - It has no state. It is as safe to use from several threads as malloc is.
 * Debugging
 *   - The program's tools for malloc (AddressSanitizer, mallinfo) see every block.
 */
#ifndef WASM_ARENA_MALLOC_ALLOCATOR_H
#define WASM_ARENA_MALLOC_ALLOCATOR_H

#include "allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * malloc, and posix_memalign for bigger alignments. NULL where those fail, and above PTRDIFF_MAX
 * bytes. In place a block only shrinks, because malloc promises nothing about what lies behind it;
 * what it shrank by goes back with the block. Never fails.
 */
struct allocator *malloc_allocator(void);

#ifdef __cplusplus
}
#endif
#endif
