/*
 * What Emscripten offers a JavaScript caller: dlmalloc (its default malloc) and the C stack.
 * build.js compiles this file; peers.json says with what it was compiled.
 *
 * Nothing but exports: malloc and free come from Emscripten's libc, and the functions of the stack
 * (stackSave, stackAlloc, stackRestore) are exported by the linker flags.
 */
#include <stdlib.h>

__attribute__((export_name("malloc"))) void *exported_malloc(size_t size) {
  return malloc(size);
}

__attribute__((export_name("free"))) void exported_free(void *block) {
  free(block);
}
