/*
 * sigil.wasm: the scoped allocator of abi/sigil-allocator.wit, with a memory of its own.
 *
 *   static | struct runs | block | scope | block | block | scope | block |        free
 *          ^ __heap_base         ^ a handle              ^ newest        ^ cursor
 *
 * A scope is a record among the blocks, and its handle the address of that: leaving it is moving
 * the cursor back to there. So a handle can be told from what is none, and the block before a scope
 * is never the last one.
 *
 * Assumptions
 *   - A block goes into realloc and promote with the size that it was asked for with last.
 *   - What lies behind __heap_base reads 0 at first.
 * Invariants
 *   - Scopes from the newest one outwards fall in address.
 *   - A trap leaves everything as it was.
 * Debugging
 *   - `line` is the last report of memory that could not be had.
 */
#include <string.h>

#include "base.h"
#include "runs.h"

/* Each function has two names: for linkers of core modules, and for canonical tooling. */
#define PLAIN(name) __attribute__((export_name(name), used))
#define QUALIFIED(interface, name) PLAIN("sigil:allocator/" interface "@0.1.0#" name)

extern unsigned char __heap_base;

/* The record of an open scope. */
struct scope {
  struct scope *outer;
  struct run *run; /* the one that the record is in */
};

_Static_assert(sizeof(struct scope) % RUN_ALIGN == 0, "a block may follow a scope's record");

static struct scope *newest;

/* What set-report has put there: an index of the table that the module exports. */
static void (*report)(const char *line, size_t length);

/* JSON, in which spaces before a number are nothing. */
#define DIGITS "         0"
#define LINE_ASKED "{\"error\":\"out of memory\",\"asked\":" DIGITS
#define LINE_USED LINE_ASKED ",\"used\":" DIGITS
#define LINE_MOST LINE_USED ",\"most\":" DIGITS
static char line[] = LINE_MOST "}";

/* The heap; it begins when it is first asked for. */
static struct runs *heap(void) {
  struct runs *runs = (struct runs *)&__heap_base;
  if (!runs->run) runs_init(runs, base_end());
  return runs;
}

/* Writes a number that ends at `end`, over spaces or another number. */
static void print(char *end, size_t number) {
  for (size_t left = sizeof DIGITS - 1; left; left--) {
    *--end = ' ';
    if (number || left == sizeof DIGITS - 1) *end = (char)('0' + number % 10);
    number /= 10;
  }
}

static _Noreturn void out_of_memory(size_t asked) {
  if (report) {
    uintptr_t base = run_start(&heap()->first);
    print(line + sizeof LINE_ASKED - 1, asked);
    print(line + sizeof LINE_USED - 1, heap()->cursor - base);
    print(line + sizeof LINE_MOST - 1, heap()->most - base);
    report(line, sizeof line - 1);
  }
  __builtin_trap();
}

/*
 * A block of `new_size` bytes with the first of the `size` bytes at `block` in it, in memory that
 * is free from `cursor` on, which is in `run`, but for these. Traps where there is none.
 */
static uintptr_t move(struct run *run, uintptr_t cursor, uintptr_t block, size_t size,
                      size_t new_size) {
  struct runs *runs = heap();
  struct run *old_run = runs->run;
  uintptr_t old_cursor = runs->cursor;
  if (block > old_cursor || size > old_cursor - block) __builtin_trap();
  runs_rewind(runs, run, cursor);
  uintptr_t moved = runs_take(runs, new_size);
  if (!moved) {
    runs_rewind(runs, old_run, old_cursor);
    out_of_memory(new_size);
  }
  memmove((void *)moved, (void *)block, size < new_size ? size : new_size);
  return moved;
}

/* The open scope of this handle. Traps where it is of none. */
static struct scope *find(uintptr_t handle) {
  struct scope *scope = newest;
  while (scope && (uintptr_t)scope != handle) scope = scope->outer;
  if (!scope) __builtin_trap();
  return scope;
}

/* The entry that Emscripten wants of a library: the heap begins by itself. */
void _initialize(void);
void _initialize(void) {
}

/*
 * The functions of the interface; abi/sigil-allocator.wit says what they do. They trap where they
 * can't do it, and everything is as it was.
 */

PLAIN("realloc") uintptr_t core_realloc(uintptr_t block, size_t old_size, size_t new_size) {
  struct runs *runs = heap();
  uintptr_t cursor = runs->cursor;
  if (!block) {
    old_size = 0;
  } else if (block + ((old_size + RUN_ALIGN - 1) & ~(RUN_ALIGN - 1)) == cursor) {
    cursor = block;
  } else if (new_size <= old_size) {
    return block;
  }
  return move(runs->run, cursor, block, old_size, new_size);
}

PLAIN("alloc") uintptr_t core_alloc(size_t size) {
  return core_realloc(0, 0, size);
}

PLAIN("mem-copy") void core_mem_copy(void *to, const void *from, size_t size) {
  memmove(to, from, size);
}

PLAIN("enter-scope") uintptr_t scope_enter(void) {
  struct scope *scope = (struct scope *)core_alloc(sizeof(struct scope));
  scope->outer = newest;
  scope->run = heap()->run;
  newest = scope;
  return (uintptr_t)scope;
}

PLAIN("exit-scope") void scope_exit(uintptr_t handle) {
  struct scope *scope = find(handle);
  newest = scope->outer;
  runs_rewind(heap(), scope->run, handle);
}

PLAIN("promote") uintptr_t scope_promote(uintptr_t handle, uintptr_t block, size_t size) {
  struct scope *scope = find(handle);
  struct scope *outer = scope->outer;
  uintptr_t moved = move(scope->run, handle, block, size, size);
  newest = outer;
  return moved;
}

PLAIN("free-all") void bulk_free_all(void) {
  struct runs *runs = heap();
  newest = NULL;
  runs_rewind(runs, &runs->first, run_start(&runs->first));
}

/* The heap has no more than `bytes` bytes from now on. What is there stays. */
PLAIN("set-max-heap") void set_max_heap(size_t bytes) {
  uintptr_t base = run_start(&heap()->first);
  runs_limit(heap(), bytes < UINTPTR_MAX - base ? base + bytes : UINTPTR_MAX);
}

/* Calls the function at `slot` of the module's table with each report from now on; 0: none. */
PLAIN("set-report") void set_report(void (*slot)(const char *line, size_t length)) {
  report = slot;
}

/* The same by the names that canonical tooling knows. */
QUALIFIED("core", "alloc") uintptr_t wit_alloc(size_t size) {
  return core_alloc(size);
}

QUALIFIED("core", "realloc")
uintptr_t wit_realloc(uintptr_t block, size_t old_size, size_t new_size) {
  return core_realloc(block, old_size, new_size);
}

QUALIFIED("core", "mem-copy") void wit_mem_copy(void *to, const void *from, size_t size) {
  core_mem_copy(to, from, size);
}

QUALIFIED("scope", "enter-scope") uintptr_t wit_enter_scope(void) {
  return scope_enter();
}

QUALIFIED("scope", "exit-scope") void wit_exit_scope(uintptr_t handle) {
  scope_exit(handle);
}

QUALIFIED("scope", "promote")
uintptr_t wit_promote(uintptr_t handle, uintptr_t block, size_t size) {
  return scope_promote(handle, block, size);
}

QUALIFIED("bulk", "free-all") void wit_free_all(void) {
  bulk_free_all();
}
