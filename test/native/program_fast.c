/*
 * Programs of random bytes, as many a second as can be. `npm run fuzz -- --fast` builds it with
 * PROGRAM_FAST, which program.h says about, and runs it; it takes the options of libFuzzer that it
 * needs.
 *
 *   fast --operations=N -seed=N -max_total_time=SECONDS -artifact_prefix=FOLDER/
 *   fast FILE…       runs these programs again
 *
 * Debugging
 *   - The program that fails is written to a file; the fuzzer, which has the model and sanitizers,
 *     runs it too, if one of them sees more.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define SHORTEST_BITS 6
#define LONGEST_BITS 18

/* A check of everything takes as long as a thousand operations. */
#define CHECKED 16384

/* No program takes a second. */
#define HANGS 60

static struct {
  unsigned char bytes[(size_t)1 << LONGEST_BITS];
  size_t size;
  char path[4096];
  bool running;
} program;

/* SplitMix64: any number may be the first one. */
static uint64_t random_bits(uint64_t *state) {
  uint64_t bits = *state += 0x9e3779b97f4a7c15u;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
  return bits ^ bits >> 31;
}

/* Short ones see a memory that is new, long ones one that was used much. */
static void write_program(uint64_t state) {
  unsigned bits = SHORTEST_BITS + (unsigned)(random_bits(&state) % (LONGEST_BITS - SHORTEST_BITS));
  program.size = ((size_t)1 << bits) + random_bits(&state) % ((size_t)1 << bits);
  for (size_t i = 0; i < program.size; i += sizeof state) {
    uint64_t eight = random_bits(&state);
    memcpy(program.bytes + i, &eight, sizeof eight);
  }
}

/* Only what a signal's handler may do. */
static void keep_program(void) {
  static const char said[] = "Test unit written to ";
  if (!program.running || !program.path[0]) return;
  program.running = false;
  int file = open(program.path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  bool written = file >= 0 && write(file, program.bytes, program.size) == (ssize_t)program.size;
  if (!written || write(2, said, sizeof said - 1) < 0) return;
  if (write(2, program.path, strlen(program.path)) < 0 || write(2, "\n", 1) < 0) return;
}

static void on_signal(int number) {
  keep_program();
  raise(number);
}

static void watch_signals(void) {
  static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGALRM};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
  size_t count = sizeof numbers / sizeof *numbers;
  for (size_t i = 0; i < count; i++) sigaction(numbers[i], &action, NULL);
}

static void run_program(void) {
  alarm(HANGS);
  program.running = true;
  program_run(program.bytes, program.size, CHECKED);
  program.running = false;
}

static bool run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  program.size = fread(program.bytes, 1, sizeof program.bytes, file);
  fclose(file);
  run_program();
  return true;
}

/* The value of the argument if it is this option's. */
static const char *value_of(const char *argument, const char *option) {
  size_t length = strlen(option);
  return strncmp(argument, option, length) == 0 ? argument + length : NULL;
}

int main(int count, char **arguments) {
  uint64_t seed = 1;
  size_t operations = SIZE_MAX;
  time_t end = 0;
  const char *folder = "";
  bool files = false;
  atexit(keep_program);
  watch_signals();
  for (int i = 1; i < count; i++) {
    const char *value;
    if ((value = value_of(arguments[i], "-seed="))) {
      seed = strtoull(value, NULL, 10);
    } else if ((value = value_of(arguments[i], "--operations="))) {
      operations = strtoull(value, NULL, 10);
    } else if ((value = value_of(arguments[i], "-max_total_time="))) {
      end = time(NULL) + atol(value);
    } else if ((value = value_of(arguments[i], "-artifact_prefix="))) {
      folder = value;
    } else {
      files = true;
      if (!run_file(arguments[i])) return perror(arguments[i]), 2;
    }
  }
  size_t programs = 0;
  uint64_t state = seed;
  random_bits(&state);
  for (; !files && counts.operations < operations && (!end || time(NULL) < end); programs++) {
    snprintf(program.path, sizeof program.path, "%sfast-%llu-%zu", folder, (unsigned long long)seed,
             programs);
    write_program(random_bits(&state));
    run_program();
  }
  fprintf(stderr, "%zu programs, %zu operations, %zu worked, %zu refused\n", programs,
          counts.operations, counts.worked, counts.refused);
  return 0;
}
