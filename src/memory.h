/*
 * Linear memory: the frontier, what lies below it, and growth.
 *
 * Assumptions
 *   - Pages are 64 KiB, and every byte of a page that was never written reads 0.
 *   - Others may grow the same memory; nobody shrinks it.
 *   - Addresses are offsets from 0, as in wasm: a growth doubles what lies below the end.
 * Invariants
 *   - frontier <= end <= maximum, which is below 4 GiB - 64 KiB + 1 on wasm32.
 *   - [frontier, end) is present, ours, and not given to any chunk.
 * Debugging
 *   - `refusal` says why the last request for memory failed.
 */
#ifndef WASM_ARENA_MEMORY_H
#define WASM_ARENA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h> /* what a program gets that means the C library's <memory.h> and finds this one */

#ifdef __cplusplus
extern "C" {
#endif

#define MEMORY_PAGE ((size_t)65536)

/* Why a request failed. */
enum memory_refusal {
  REFUSED_BY_LIMIT = 1,   /* the arena's own limit */
  REFUSED_BY_MAXIMUM = 2, /* the memory's maximum */
  REFUSED_BY_HOST = 3,    /* the engine or the system gave no more pages */
  REFUSED_BY_BACKING = 4  /* the allocator that chunks come from */
};

struct memory {
  uintptr_t frontier; /* first byte never yet given to a chunk */
  uintptr_t end;      /* one past the last byte that is present and ours */
  uintptr_t maximum;  /* `end` never passes this */
  size_t grows;       /* how often pages were added */
  size_t refusal;     /* an enum memory_refusal */
};

/*
 * Makes sure that memory is present up to the address `end`, growing if it isn't. Where an outsider
 * added pages behind our end, the frontier jumps past them and as many bytes as were missing follow
 * there: compare the frontier before and after.
 * A memory whose `maximum` is its `end` is a fixed region: it never grows, and never asks the host.
 * False on refusal; nothing has moved then, and `refusal` says why.
 */
bool memory_reach(struct memory *memory, uintptr_t end);

/*
 * The host's side of growth: where memory ends now, and room for so many pages more. In the wasm
 * modules these are the two memory instructions (memory_wasm.c); another program that lets a memory
 * grow supplies its own.
 */
uintptr_t memory_host_end(void);
bool memory_host_grow(size_t pages);

#ifdef __cplusplus
}
#endif
#endif
