/*
 * Programs whose bytes libFuzzer finds; program.h says what holds. `npm run fuzz` builds and runs
 * it.
 *
 *   fuzz --operations=N …   ends after the program that the N-th operation was in
 */
#include <stdio.h>
#include <stdlib.h>

#include "program.h"

/*
 * With a check of everything after each one an operation takes ten times as long; after each 128th
 * one, checks are a third of all time.
 */
#define CHECKED 512

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(unsigned char *bytes, size_t size, size_t most);

static size_t programs;
static size_t operations_most = SIZE_MAX;

static void print_counts(void) {
  fprintf(stderr, "%zu programs, %zu operations, %zu worked, %zu refused\n", programs,
          counts.operations, counts.worked, counts.refused);
}

/* libFuzzer leaves alone what begins with two dashes. */
int LLVMFuzzerInitialize(int *count, char ***arguments) {
  static const char option[] = "--operations=";
  atexit(print_counts);
  for (int i = 1; i < *count; i++) {
    const char *argument = (*arguments)[i];
    if (strncmp(argument, option, sizeof option - 1) != 0) continue;
    operations_most = strtoull(argument + sizeof option - 1, NULL, 10);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  program_run(bytes, size, CHECKED);
  programs++;
  if (counts.operations < operations_most) return 0;
  print_counts();
  _Exit(0); /* libFuzzer takes an exit for a failure; what it found is in its corpus already */
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
