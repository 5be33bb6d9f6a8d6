#include "runs.h"

#include "base.h"

_Static_assert(sizeof(struct run) % RUN_ALIGN == 0, "a block may follow a run's header");
_Static_assert(offsetof(struct runs, first) + sizeof(struct run) == sizeof(struct runs),
               "the first block follows the struct");

void runs_init(struct runs *runs, uintptr_t end) {
  runs->memory.end = end;
  runs->first.next = NULL;
  runs->first.end = runs->memory.end;
  runs_limit(runs, BASE_MOST);
  runs_rewind(runs, &runs->first, run_start(&runs->first));
}

void runs_limit(struct runs *runs, uintptr_t most) {
  runs->most = most < BASE_MOST ? most : BASE_MOST;
  runs->memory.maximum = (runs->most + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1);
}

/*
 * Makes `run`, the newest, long enough for `size` bytes at the cursor, or, behind an outsider's
 * pages, begins another one that is. False: memory is out; the runs are as they were.
 */
static bool extend(struct runs *runs, struct run *run, uintptr_t cursor, size_t size) {
  struct memory *memory = &runs->memory;
  uintptr_t host_end = memory_host_end();
  bool jump = host_end != memory->end;
  /* Behind an outsider's pages memory_reach makes as much present as is missing: then, all of it.
   */
  uintptr_t end = (jump ? memory->end + sizeof(struct run) : cursor) + size;
  if (!memory_reach(memory, end < size ? UINTPTR_MAX : end)) return false;
  if (jump) run = run->next = (struct run *)host_end; /* reads 0: its own `next` is NULL */
  run->end = memory->end;
  return true;
}

uintptr_t runs_take(struct runs *runs, size_t size) {
  struct run *run = runs->run;
  uintptr_t cursor = runs->cursor;
  size_t rounded = (size + RUN_ALIGN - 1) & ~(RUN_ALIGN - 1);
  if (rounded < size) return 0;
  for (;;) {
    if (cursor > runs->most || rounded > runs->most - cursor) return 0;
    if (rounded <= run->end - cursor) break;
    if (run->next) {
      run = run->next;
      cursor = run_start(run);
    } else if (!extend(runs, run, cursor, rounded)) {
      return 0;
    }
  }
  runs_rewind(runs, run, cursor + rounded);
  return cursor;
}
