// The headers in C++17, linked against the C library.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "arena.h"
#include "chunk.h"
#include "fixed_buffer.h"
#include "heap.h"
#include "pool.h"
#include "tracking.h"

int main() {
  constexpr std::size_t size = 1 << 20;
  void *region = std::aligned_alloc(65536, size);
  std::memset(region, 0, size);
  const auto start = reinterpret_cast<std::uintptr_t>(region);
  static chunks all{};
  chunks_init(&all, start, start + size, start + size);

  arena scratch;
  arena_init(&scratch, chunks_allocator(&all), SIZE_MAX, false);
  auto *xs = static_cast<float *>(arena_alloc(&scratch, 16 * sizeof(float), alignof(float)));
  const struct arena_mark mark = arena_mark(&scratch);
  const bool served = xs && arena_alloc(&scratch, 1000, 1);
  arena_release(&scratch, mark);
  const bool released = arena_used(&scratch) == 16 * sizeof(float);
  arena_free(&scratch);
  std::free(region);

  tracking counted;
  tracking_init(&counted, malloc_allocator());
  heap blocks;
  heap_init(&blocks, tracking_allocator(&counted));
  arena_init(&scratch, heap_allocator(&blocks), SIZE_MAX, true);
  const bool stacked = arena_alloc(&scratch, 1000, 1) && counted.live > 1000;
  arena_free(&scratch);

  const bool passed = served && released && stacked && counted.live == 0;
  std::puts(passed ? "1 passed, 0 failed" : "0 passed, 1 failed");
  return passed ? 0 : 1;
}
