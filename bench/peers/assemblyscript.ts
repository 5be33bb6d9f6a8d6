/*
 * AssemblyScript's stub runtime, the bump allocator that it has for modules that free everything at
 * once, for a JavaScript caller. build.js compiles this file; peers.json says with what.
 */
export function alloc(size: usize): usize {
  return heap.alloc(size);
}

export function realloc(block: usize, size: usize): usize {
  return heap.realloc(block, size);
}

/** Gives the last block back. */
export function free(block: usize): void {
  heap.free(block);
}

export function reset(): void {
  heap.reset();
}
