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

/*
 * The first multiple of `align` at or after `base`, with `size` bytes there that are present. Traps
 * where there is no memory for them.
 */
static inline uintptr_t base_place(uintptr_t base, size_t size, size_t align) {
  uintptr_t start = (base + align - 1) & ~(uintptr_t)(align - 1);
  uintptr_t end = start + size;
  if (end < base) __builtin_trap();
  uintptr_t host_end = memory_host_end();
  /* 4 GiB end at 0, and everything is present. */
  if (end - 1 > host_end - 1 &&
      !memory_host_grow((end - host_end + MEMORY_PAGE - 1) / MEMORY_PAGE)) {
    __builtin_trap();
  }
  return start;
}

#endif
