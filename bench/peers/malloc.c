/*
 * One of Emscripten's mallocs for a JavaScript caller: build.js links this file with dlmalloc and
 * with emmalloc, which follow the same data, so that `footprint` counts alike.
 */
#include <stdlib.h>
#include <unistd.h>

extern unsigned char __heap_base;

__attribute__((export_name("malloc"))) void *exported_malloc(size_t size) {
  return malloc(size);
}

__attribute__((export_name("free"))) void exported_free(void *block) {
  free(block);
}

__attribute__((export_name("realloc"))) void *exported_realloc(void *block, size_t size) {
  return realloc(block, size);
}

/* Bytes that malloc holds. */
__attribute__((export_name("footprint"))) size_t footprint(void) {
  return (size_t)((unsigned char *)sbrk(0) - &__heap_base);
}
