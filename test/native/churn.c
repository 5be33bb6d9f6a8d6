/*
 * How far the frontier goes beyond what was asked for: a million arenas of 1 KiB to 1 MiB, each as
 * likely to be of one size as of twice that, a thousand of them alive.
 *
 *   churn [LEAST MOST]     sizes of blocks in bytes; 16 to 4096 if not given
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "host.h"

#define ARENAS 1000000
#define LIVE 1000
#define SMALL 10000
#define PAGES 20000

struct job {
  struct arena arena;
  size_t bytes;
  size_t target;
};

static struct chunks chunks;
static struct job jobs[LIVE];
static uint64_t random_state;
static size_t block_least = 16, block_most = 4096;
static size_t asked, peak;
static uintptr_t frontier;

/* From 0 to below 1. */
static double random_share(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (double)(random_state >> 11) / 9007199254740992.0;
}

static size_t below(size_t n) {
  return (size_t)(random_share() * (double)n);
}

static void set_up(void) {
  host_open_chunks(&chunks, PAGES, PAGES);
  random_state = 88172645463325252u;
  asked = peak = 0;
  frontier = 0;
}

static void begin(struct job *job) {
  arena_init(&job->arena, chunks_allocator(&chunks), SIZE_MAX, false);
  job->bytes = 0;
  job->target = (size_t)(1024 * pow(1024, random_share()));
}

/* Only giving back moves the frontier down, so before that it is at its highest. */
static void end(struct job *job) {
  frontier = larger(frontier, chunks.memory.frontier);
  peak = larger(peak, asked);
  asked -= job->bytes;
  arena_free(&job->arena);
}

/* Allocates one more block; whether the arena is full then. */
static bool fill(struct job *job) {
  size_t size = block_least + below(block_most - block_least + 1);
  size = smaller(size, job->target - job->bytes);
  if (!arena_alloc(&job->arena, size, 8)) {
    fprintf(stderr, "the simulated memory is too small\n");
    exit(1);
  }
  job->bytes += size;
  asked += size;
  return job->bytes == job->target;
}

/*
 * The first `filling` jobs are filled at a time, a block of a random one in turn. One that is full
 * takes the place of a random full one, which ends; where all are being filled, it ends itself.
 */
static void churn(const char *name, size_t filling) {
  set_up();
  size_t full = LIVE - filling;
  for (size_t i = 0; i < LIVE; i++) begin(&jobs[i]);
  for (size_t i = filling; i < LIVE; i++) {
    while (!fill(&jobs[i])) continue;
  }
  for (size_t ended = 0; ended < ARENAS;) {
    struct job *job = &jobs[below(filling)];
    if (!fill(job)) continue;
    struct job *old = full ? &jobs[filling + below(full)] : job;
    end(old);
    *old = *job;
    begin(job);
    ended++;
  }
  printf("%-28s frontier / peak of bytes asked for: %.3f\n", name,
         (double)(frontier - chunks.first) / (double)peak);
}

static void many_small_ones(void) {
  static struct arena small[SMALL];
  set_up();
  for (size_t i = 0; i < SMALL; i++) {
    arena_init(&small[i], chunks_allocator(&chunks), SIZE_MAX, false);
    for (size_t size = 0; size < 1024; size += 64) arena_alloc(&small[i], 64, 8);
  }
  printf("%-28s frontier: %.2f MiB\n", "10,000 arenas of 1 KiB",
         (double)(chunks.memory.frontier - chunks.first) / 1048576);
}

int main(int count, char **arguments) {
  if (count > 2) {
    block_least = (size_t)strtoul(arguments[1], NULL, 10);
    block_most = (size_t)strtoul(arguments[2], NULL, 10);
  }
  churn("filled one by one", 1);
  churn("32 filled at a time", 32);
  churn("all 1,000 filled at a time", LIVE);
  many_small_ones();
  return 0;
}
