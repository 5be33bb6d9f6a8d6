/*
 * How many chunks are looked at. chunk.c is compiled here with a counter in the test that every
 * look makes, so that looks are counted and no time is measured.
 */
#include "chunk.h"

static size_t looks_made;

static bool counted_chunk_fits(const struct chunk *chunk, uintptr_t start, size_t size) {
  looks_made++;
  return chunk_fits(chunk, start, size);
}

#define chunk_fits counted_chunk_fits
#include "chunk.c"  // NOLINT(bugprone-suspicious-include)
#undef chunk_fits

#include "harness.h"
#include "host.h"

#define CHUNKS ((size_t)200000)
#define LOOKS_MOST ((size_t)3 * CHUNK_BINS * BIN_LOOKS)

static struct chunks chunks;
static struct chunk *row[CHUNKS];

/* A hundred thousand free chunks of `size` bytes, none next to another. */
static void set_up(size_t size) {
  host_open_chunks(&chunks, CHUNKS * (size + CHUNK_HEADER) / MEMORY_PAGE + 10, 30000);
  for (size_t i = 0; i < CHUNKS; i++) row[i] = chunk_take(&chunks, size, 1, 0, true);
  for (size_t i = 0; i < CHUNKS; i += 2) chunk_give(&chunks, row[i]);
  looks_made = 0;
}

static void taking_looks_at_few_of_a_hundred_thousand_that_do_not_fit(void) {
  set_up(1024);
  EXPECT(chunk_take(&chunks, 1040, 1, 1900, true));
  EXPECT(looks_made > 1 && looks_made <= LOOKS_MOST);
}

static void taking_at_an_alignment_looks_at_few_of_a_hundred_thousand_that_do_not_fit(void) {
  set_up(1024);
  EXPECT(chunk_take(&chunks, 100, 65536, 1000, true));
  EXPECT(looks_made > 1 && looks_made <= LOOKS_MOST);
}

static void taking_looks_at_one_of_a_hundred_thousand_that_fit(void) {
  set_up(1024);
  EXPECT(chunk_take(&chunks, 1024, 1, 0, true) == row[CHUNKS - 2]);
  EXPECT(looks_made == 1);
}

static void giving_looks_at_none_of_a_hundred_thousand(void) {
  set_up(16);
  for (size_t i = 1; i < CHUNKS; i += 2) chunk_give(&chunks, row[i]);
  EXPECT(looks_made == 0);
}

static void extending_looks_at_one_of_a_hundred_thousand(void) {
  set_up(1024);
  EXPECT(chunk_extend(&chunks, row[99999], chunk_end(row[99999]), 1, 500));
  EXPECT(looks_made == 1);
}

int main(void) {
  CLAIM(taking_looks_at_few_of_a_hundred_thousand_that_do_not_fit);
  CLAIM(taking_at_an_alignment_looks_at_few_of_a_hundred_thousand_that_do_not_fit);
  CLAIM(taking_looks_at_one_of_a_hundred_thousand_that_fit);
  CLAIM(giving_looks_at_none_of_a_hundred_thousand);
  CLAIM(extending_looks_at_one_of_a_hundred_thousand);
  return harness_end();
}
