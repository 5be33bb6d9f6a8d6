/*
 * One arena to test, and neighbours that stand in its way.
 */
#ifndef WASM_ARENA_TEST_NEIGHBOURHOOD_H
#define WASM_ARENA_TEST_NEIGHBOURHOOD_H

#include <string.h>

#include "arena.h"
#include "check.h"
#include "chunk.h"
#include "harness.h"
#include "host.h"

#define NEIGHBOURS 64
#define KIB ((size_t)1024)

#define SOUND() EXPECT_SOUND(check_neighbourhood())

extern struct chunks chunks;
extern struct arena arena;
extern struct arena neighbours[NEIGHBOURS];
extern size_t neighbours_count;

/* A memory of 16 pages, which can have 256, and in it an arena with this limit. */
void set_up_with(size_t most, bool zero);

/* The same without a limit, not zeroing. */
void set_up(void);

/* A memory of so many pages that never grows. */
void set_up_fixed(size_t pages);

/*
 * Puts a new neighbour's chunk behind the arena's newest one, and returns that neighbour; NULL
 * where that is not at the frontier.
 */
struct arena *fence_in(void);

/* All that is not used yet becomes the neighbours'. */
void take_all(void);

const char *check_neighbourhood(void);

/* An allocation that succeeds, at a multiple of `align`, filled with `byte`. */
uintptr_t alloc(size_t size, size_t align, int byte);

/* Bytes behind the cursor in the newest chunk. */
size_t left(void);

/* How many chunks the arena holds, spares included. */
size_t chunks_held(void);

/* Whether all of the bytes are `byte`. */
bool reads(uintptr_t start, size_t size, int byte);

/*
 * What of an arena an operation that fails leaves as it was. Only its limit may have come down:
 * what is below it next needs a slow path.
 */
struct arena state_of(const struct arena *of);
bool same_state(const struct arena *of, struct arena before);

#endif
