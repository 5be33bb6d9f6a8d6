/*
 * Programs of random bytes; program.h says what holds.
 *
 *   model_test                some seeds, with a check of everything after each operation, and more
 *                             with one now and then
 *   model_test SEED           that one, with a check after each operation
 */
#include <stdio.h>
#include <stdlib.h>

#include "program.h"

#define CHECKED_SEEDS 12
#define SEEDS 24
#define PROGRAMS 60
#define SELDOM_CHECKED_PROGRAMS 600
#define BYTES 8192

static unsigned char bytes[BYTES];

static uint64_t random_bits(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void run(unsigned long seed, size_t programs, size_t checked) {
  printf("seed %lu: ", seed); /* before it fails */
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  counts = (struct program_counts){0, 0, 0};
  while (programs--) {
    size_t size = random_bits(&state) % BYTES;
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(random_bits(&state) >> 40);
    program_run(bytes, size, checked);
  }
  printf("%zu operations, %zu blocks placed, %zu refused\n", counts.operations, counts.worked,
         counts.refused);
}

int main(int count, char **arguments) {
  if (count > 1) {
    run(strtoul(arguments[1], NULL, 10), PROGRAMS, 1);
    return 0;
  }
  for (unsigned long seed = 1; seed <= SEEDS; seed++) {
    bool checked = seed <= CHECKED_SEEDS;
    run(seed, checked ? PROGRAMS : SELDOM_CHECKED_PROGRAMS, checked ? 1 : 64);
  }
  printf("%d passed, 0 failed\n", SEEDS);
  return 0;
}
