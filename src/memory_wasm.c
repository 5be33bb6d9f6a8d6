/*
 * The host's side of growth in a wasm module that owns its linear memory: the two memory
 * instructions. A program with a malloc of its own leaves this file out, because there malloc owns
 * what follows.
 */
#include "memory.h"

uintptr_t memory_host_end(void) {
  return __builtin_wasm_memory_size(0) * MEMORY_PAGE;
}

bool memory_host_grow(size_t pages) {
  return __builtin_wasm_memory_grow(0, pages) != SIZE_MAX;
}
