/*
 * Where an ABI module that imports its memory keeps its state: at the base that it is given. The
 * base itself is in a global of the module, outside of memory, because all that lies below it is
 * the program's own.
 */
#ifndef WASM_ARENA_ABI_BASE_H
#define WASM_ARENA_ABI_BASE_H

#include "../memory.h"

/* A mutable wasm global: clang puts into one what is in this address space. */
#define WASM_GLOBAL __attribute__((address_space(1)))

/* Addresses stay below this, so that where memory ends is a number of 32 bits too. */
#define BASE_MOST ((uintptr_t)UINT32_MAX - MEMORY_PAGE + 1)

/* Where memory ends, as far as it has addresses: without the last of 65,536 pages. */
static inline uintptr_t base_end(void) {
  size_t pages = __builtin_wasm_memory_size(0);
  return (pages - pages / (SIZE_MAX / MEMORY_PAGE + 1)) * MEMORY_PAGE;
}

/*
 * The first multiple of `align` at or after `base`, with `size` bytes there that are present; both
 * are less than a page together. Traps where there is no memory for them.
 */
static inline uintptr_t base_place(uintptr_t base, size_t size, size_t align) {
  if (base > BASE_MOST - MEMORY_PAGE) __builtin_trap();
  uintptr_t start = (base + align - 1) & ~(uintptr_t)(align - 1);
  size_t present = __builtin_wasm_memory_size(0);
  size_t pages = (start + size + MEMORY_PAGE - 1) / MEMORY_PAGE;
  if (pages > present && !memory_host_grow(pages - present)) __builtin_trap();
  return start;
}

#endif
