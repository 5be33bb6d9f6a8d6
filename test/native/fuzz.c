/*
 * Programs whose bytes libFuzzer finds; program.h says what holds. `npm run fuzz` builds and runs
 * it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "program.h"

/* With a check of everything after each one an operation takes ten times as long. */
#define CHECKED 128

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(unsigned char *bytes, size_t size, size_t most);

static void print_counts(void) {
  fprintf(stderr, "%zu operations, %zu worked, %zu refused\n", counts.operations, counts.worked,
          counts.refused);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  static bool first = true;
  if (first) atexit(print_counts);
  first = false;
  program_run(bytes, size, CHECKED);
  return 0;
}

/*
 * Small changes lead from a program to one that covers a little more; but states that take many
 * operations are met by long programs, which small changes are slow to make. So each fourth time
 * the program goes on at random, up to any length.
 */
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed) {
  if (seed % 4) return LLVMFuzzerMutate(bytes, size, most);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  size_t end = (state >> 20) % (most + 1);
  for (size_t i = (state >> 8) % (size + 1); i < end; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    bytes[i] = (unsigned char)(state >> 40);
  }
  return end ? end : 1;
}
