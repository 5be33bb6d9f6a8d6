/*
 * A simulated linear memory: one run of pages that grows at its end and never moves, as a wasm
 * memory does, with refusals and an outsider to order.
 *
 * Assumptions
 *   - One memory at a time; opening another one empties it.
 * Invariants
 *   - Every byte that the core has no business with can't be read or written: what lies before the
 *     first page, behind the last one, and in an outsider's pages. Touching it ends the program
 *     where it happens, so that nobody has to look for traces afterwards.
 * Debugging
 *   - `host.steps` says what growths were asked for.
 */
#ifndef WASM_ARENA_TEST_HOST_H
#define WASM_ARENA_TEST_HOST_H

#include "chunk.h"

#define HOST_STEPS 64

struct host {
  uintptr_t start;          /* where the first page begins */
  uintptr_t end;            /* where the last page ends */
  size_t most;              /* as many pages as the host ever gives */
  size_t refuse_from;       /* growths are refused from the so many-th on, 1 is the next; 0: none */
  size_t refuse_above;      /* growths by more pages than that are refused */
  size_t asked;             /* growths asked for */
  size_t refused;           /* growths refused */
  size_t steps[HOST_STEPS]; /* pages asked for, of the first growths asked for */
};

extern struct host host;

/* A new memory of `pages` pages, all 0, which can have `most`. Nothing is refused. */
void host_open(size_t pages, size_t most);

/* The same, managed by `chunks` from somewhere in its first page on. */
void host_open_chunks(struct chunks *chunks, size_t pages, size_t most);

/* Where the memory would end if it had so many pages. */
uintptr_t host_page(size_t pages);

/* An outsider adds pages. False: the memory can't have them. */
bool host_outsider(size_t pages);

/* Where an outsider's pages end that begin at `start`; `start` where none do. */
uintptr_t host_skip(uintptr_t start);

#endif
