/*
 * Runs: a bump through the pages of a memory that are ours, one run of pages after the other.
 *
 *   base                                       end of run                        end of run
 *   | struct runs       | block | block | skipped |  an outsider's | run | block | free |
 *   | first: the first run's header |              |    pages      | header      ^ cursor
 *
 * What bump.wasm and sigil.wasm are made of, and where words.wasm has its heap's regions. There is
 * one run unless an outsider, the program that shares the memory, grew it too; a run then follows
 * behind its pages. Smaller than an arena on chunks, because only what came last is given back.
 *
 * Assumptions
 *   - Blocks are multiples of RUN_ALIGN, where they begin and in their size.
 * Invariants
 *   - run header < cursor <= run->end, both of the run that is being bumped through.
 *   - Runs rise in address; the newest one ends at memory.end.
 *   - After a failure the runs are as they were, but that memory may have grown.
 * Debugging
 *   - From `first` on, `next` and `end` tell which pages are ours.
 */
#ifndef WASM_ARENA_ABI_RUNS_H
#define WASM_ARENA_ABI_RUNS_H

#include "../memory.h"

#define RUN_ALIGN ((size_t)8)

/* Stands before the blocks of a run. */
struct run {
  struct run *next; /* the run behind the outsider's pages; NULL for the newest */
  uintptr_t end;    /* one past the last byte that is ours */
};

struct runs {
  struct memory memory;
  uintptr_t most;                       /* no block ends behind this address */
  uintptr_t cursor;                     /* where the next block begins */
  struct run *run;                      /* the one that the cursor is in */
  _Alignas(RUN_ALIGN) struct run first; /* last, so that its blocks follow */
};

/* Where the blocks of a run begin. */
static inline uintptr_t run_start(struct run *run) {
  return (uintptr_t)(run + 1);
}

/*
 * Begins behind the struct itself, which lies in memory that is present up to `end`. Never fails.
 */
void runs_init(struct runs *runs, uintptr_t end);

/*
 * Lets no block end behind `most` from now on, and memory grow no further than its page. Blocks
 * that are there stay. Never fails.
 */
void runs_limit(struct runs *runs, uintptr_t most);

/*
 * The next `size` bytes, rounded up to a multiple of RUN_ALIGN; 0 bytes are the address of the next
 * block. 0: memory is out; the runs are as they were.
 */
uintptr_t runs_take(struct runs *runs, size_t size);

/* Goes back to where `cursor` and `run` stood. Never fails. */
static inline void runs_rewind(struct runs *runs, struct run *run, uintptr_t cursor) {
  runs->run = run;
  runs->cursor = cursor;
}

#endif
