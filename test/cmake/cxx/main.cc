// The library in C++17, beside new and delete: containers whose elements are in arenas and in a
// heap hold the same as containers that use the program's own memory, and all of it goes back.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "arena.h"
#include "fixed_buffer.h"
#include "heap.h"
#include "pool.h"
#include "tracking.h"

namespace {

constexpr int rounds = 6;
constexpr int lists = 60;
constexpr int numbers = 30000;

void expect(bool condition, const char *what) {
  if (condition) return;
  std::puts(what);
  std::exit(1);
}

// What the standard containers want of an allocator.
template <class T>
struct in {
  using value_type = T;

  allocator *on;

  explicit in(allocator *on) : on(on) {
  }
  template <class U>
  in(const in<U> &other) : on(other.on) {
  }

  T *allocate(std::size_t count) {
    void *block = allocator_alloc(on, count * sizeof(T), alignof(T));
    if (!block) throw std::bad_alloc();
    return static_cast<T *>(block);
  }
  void deallocate(T *block, std::size_t count) noexcept {
    allocator_free(on, block, count * sizeof(T), alignof(T));
  }
  template <class U>
  bool operator==(const in<U> &other) const {
    return on == other.on;
  }
  template <class U>
  bool operator!=(const in<U> &other) const {
    return on != other.on;
  }
};

using list = std::vector<int, in<int>>;
using table = std::map<int, int, std::less<int>, in<std::pair<const int, int>>>;

// Grows many lists at once, each beside its twin from new.
void grow_lists(allocator *on, int seed) {
  std::vector<list> ours(lists, list(in<int>(on)));
  std::vector<std::vector<int>> theirs(lists);
  for (int i = 0; i < numbers; i++) {
    for (int j = 0; j < lists; j++) {
      if ((i + j) % 3 == 0) theirs[static_cast<std::size_t>(j)].push_back(i ^ seed);
      if ((i + j) % 3 == 0) ours[static_cast<std::size_t>(j)].push_back(i ^ seed);
    }
  }
  for (std::size_t j = 0; j < lists; j++) {
    const bool same =
        std::equal(ours[j].begin(), ours[j].end(), theirs[j].begin(), theirs[j].end());
    expect(same, "a list is not what its twin is");
  }
}

// Nodes come and go, in the heap and from new.
void fill_tables(allocator *on, int seed) {
  table ours{std::less<int>(), in<std::pair<const int, int>>(on)};
  std::map<int, std::string> theirs;
  for (int i = 0; i < numbers; i++) {
    const int key = (i * 7919 + seed) % numbers;
    ours[key] = i;
    theirs[key] = std::to_string(i) + std::string(static_cast<std::size_t>(i % 90), 'x');
    if (i % 3 == 0) {
      ours.erase(key / 2);
      theirs.erase(key / 2);
    }
  }
  expect(ours.size() == theirs.size(), "a table lost an entry");
  for (const auto &[key, value] : ours) {
    expect(std::to_string(value) == theirs[key].substr(0, std::to_string(value).size()),
           "an entry is not what its twin is");
  }
}

// Bytes of linear memory; natively the program runs under AddressSanitizer instead.
std::size_t memory_size() {
#ifdef __EMSCRIPTEN__
  return __builtin_wasm_memory_size(0) * 65536;
#else
  return 0;
#endif
}

struct particle {
  double x, y;
};

// A pool on a heap on what counts, and a buffer in one block of it.
void use_the_rest(allocator *on) {
  pool particles;
  expect(pool_init(&particles, on, sizeof(particle), alignof(particle), 100, 100), "no pool");
  for (int i = 0; i < 500; i++) {
    auto *made = static_cast<particle *>(pool_alloc(&particles));
    expect(made, "no particle");
    *made = {1.0 * i, 2.0 * i};
  }
  double sum = 0;
  std::uintptr_t at = 0;
  while ((at = pool_next(&particles, at))) sum += reinterpret_cast<particle *>(at)->x;
  expect(sum == 499.0 * 500 / 2, "a particle was changed");
  pool_close(&particles);

  void *bytes = allocator_alloc(on, 1000, 16);
  fixed_buffer buffer;
  fixed_buffer_init(&buffer, bytes, 1000);
  expect(fixed_buffer_alloc(&buffer, 1000, 1) == bytes, "the buffer has less than was given to it");
  allocator_free(on, bytes, 1000, 16);
}

}  // namespace

int main() {
  tracking counted;
  tracking_init(&counted, malloc_allocator());
  const std::size_t least = memory_size();
  std::size_t size = 0;
  for (int round = 0; round < rounds; round++) {
    heap blocks;
    heap_init(&blocks, tracking_allocator(&counted));
    arena scratch, inner;
    arena_init(&scratch, tracking_allocator(&counted), SIZE_MAX, false);
    arena_init(&inner, heap_allocator(&blocks), SIZE_MAX, true);

    grow_lists(heap_allocator(&blocks), round);
    const struct arena_mark mark = arena_mark(&scratch);
    grow_lists(arena_allocator(&scratch), round);
    grow_lists(arena_allocator(&inner), round);
    fill_tables(heap_allocator(&blocks), round);
    fill_tables(arena_allocator(&inner), round);
    use_the_rest(heap_allocator(&blocks));
    arena_release(&scratch, mark);
    expect(arena_used(&scratch) == 0, "the mark left something behind");

    arena_free(&inner);
    arena_free(&scratch);
    expect(heap_check(&blocks) == HEAP_SOUND && blocks.blocks == 0, "the heap keeps a block");
    expect(counted.live == 0, "memory was not given back");
    if (round == rounds / 2) size = memory_size();
  }
  expect(!least || size > least, "the memory did not have to grow");
  expect(memory_size() == size, "the memory grows although all was given back");
  std::printf("%lu bytes at most\n", static_cast<unsigned long>(counted.peak));
}
