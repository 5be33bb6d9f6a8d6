/*
 * bump.wasm: a bump allocator for code generators. docs/abi.md says how a program links it.
 *
 * Assumptions
 *   - bump_init is called first, with a base that nothing of the program's lies behind.
 * Invariants
 *   - Nothing below the base is written, and no block lies in pages that the program added.
 * Debugging
 *   - Out of memory is a trap: generated code does not ask whether it got a block.
 */
#include "base.h"
#include "runs.h"

#define EXPORT(name) __attribute__((export_name(#name), used)) export_##name

/* The entry that Emscripten wants of a library: there is nothing to construct. */
void _initialize(void);

static WASM_GLOBAL uintptr_t state;

static inline struct runs *runs_of_program(void) {
  return (struct runs *)state;
}

void _initialize(void) {
}

/* Begins at the first multiple of 8 at or after `base`. Traps where there is no memory for that. */
void EXPORT(bump_init)(uintptr_t base) {
  state = base_place(base, sizeof(struct runs), RUN_ALIGN);
  runs_init(runs_of_program(), base_end());
}

/* The next `size` bytes, rounded up to 8. Traps where memory is out; nothing has changed then. */
uintptr_t EXPORT(bump_alloc)(size_t size) {
  uintptr_t block = runs_take(runs_of_program(), size);
  if (!block) __builtin_trap();
  return block;
}

/* Frees everything: the next block is where the first one was. Never fails. */
void EXPORT(bump_reset)(void) {
  struct runs *runs = runs_of_program();
  runs_rewind(runs, &runs->first, run_start(&runs->first));
}
