/*
 * Does again, natively, what a program did with the wasm modules, and compares what comes of it:
 * offsets, counters and bytes. native.js builds it, for 32 bits, and makes what it reads.
 *
 *   replay LIBRARY LIBRARY FUNCTION…     the two modules' sources, and `first.open` and the like
 *
 * Its memory is at the addresses that it has in wasm, because growth and alignment depend on them;
 * but nothing is below the first page, as on every system. What lies there in wasm, the state, is
 * the library's, and addresses in it are translated.
 *
 * Assumptions
 *   - Of i386: arguments are words on the stack, and results come in a register.
 * Debugging
 *   - The command that it ends at is named by its step; the program's log has that step.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(sizeof(uintptr_t) == 4, "headers are as big as in wasm");

#define PAGE ((size_t)65536)
#define STATE_SIZE ((size_t)276)
#define ARGUMENTS 7

/* As native.js numbers them. */
enum command { STEP, CALL, LOAD, STORE, SUM, FILL, GROW };

/* What a function returns. */
enum kind { NOTHING, TRUTH, NUMBER, ADDRESS };

/* What memory.c of the libraries calls. */
uintptr_t memory_host_end(void);
bool memory_host_grow(size_t pages);

static struct {
  uintptr_t end;
  size_t most; /* pages */
} host;

static struct {
  uint32_t wasm;
  uintptr_t native;
} state;

static uint32_t step;
static char **names;

static void *find(void *const *libraries, const char *name);
static uint32_t next(void);
static bool has_next(void);
static uintptr_t to_native(uint32_t address);
static uint32_t to_wasm(uintptr_t address);
static uint32_t invoke(void *function, size_t count, const uint32_t *words);
static void expect(const char *what, uint32_t at, uint32_t actual, uint32_t expected);
static void do_call(void *const *functions);
static void do_sum(void);
static void do_fill(void);
static void crash(int signal);

uintptr_t memory_host_end(void) {
  return host.end;
}

bool memory_host_grow(size_t pages) {
  if (pages > host.most - host.end / PAGE) return false;
  if (mprotect((void *)host.end, pages * PAGE, PROT_READ | PROT_WRITE)) return false;
  host.end += pages * PAGE;
  return true;
}

static void open_memory(void *init) {
  state.wasm = next();
  size_t pages = next();
  host.most = next();
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  if (mmap((void *)PAGE, (host.most - 1) * PAGE, PROT_NONE, flags, -1, 0) != (void *)PAGE) {
    perror("no room for the memory");
    exit(2);
  }
  host.end = PAGE;
  memory_host_grow(pages - 1);
  uint32_t maximum = (uint32_t)(host.most * PAGE);
  state.native = invoke(init, 1, &maximum);
}

int main(int count, char **arguments) {
  void *libraries[] = {dlopen(arguments[1], RTLD_NOW), dlopen(arguments[2], RTLD_NOW)};
  if (count < 4 || !libraries[0] || !libraries[1]) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  names = arguments + 3;
  size_t functions_count = (size_t)count - 3;
  void **functions = malloc(functions_count * sizeof *functions);
  if (!functions) return 2;
  for (size_t i = 0; i < functions_count; i++) functions[i] = find(libraries, names[i]);
  signal(SIGSEGV, crash);
  signal(SIGBUS, crash);
  open_memory(find(libraries, "first.init"));

  while (has_next()) {
    uint32_t address;
    switch ((enum command)next()) {
      case STEP:
        step = next();
        break;
      case CALL:
        do_call(functions);
        break;
      case LOAD:
        address = next();
        expect("the word at", address, *(uint32_t *)to_native(address), next());
        break;
      case STORE:
        address = next();
        *(uint32_t *)to_native(address) = next();
        break;
      case SUM:
        do_sum();
        break;
      case FILL:
        do_fill();
        break;
      case GROW: /* an outsider's pages: the core has no business with them */
        host.end += next() * PAGE;
        break;
    }
  }
  free(functions);
  return 0;
}

/* A function by its library and the name of its export: `first.open`. */
static void *find(void *const *libraries, const char *name) {
  char symbol[64];
  snprintf(symbol, sizeof symbol, "export_%s", strchr(name, '.') + 1);
  void *function = dlsym(libraries[name[0] != 'f'], symbol);
  if (function) return function;
  fprintf(stderr, "%s\n", dlerror());
  exit(2);
}

/* What it reads. */

static bool has_next(void) {
  int byte = getchar();
  if (byte == EOF) return false;
  ungetc(byte, stdin);
  return true;
}

static uint32_t next(void) {
  uint32_t word;
  if (fread(&word, sizeof word, 1, stdin) == 1) return word;
  fputs("the program ends in the middle\n", stderr);
  exit(2);
}

/* Addresses */

static uintptr_t to_native(uint32_t address) {
  return address && address < PAGE ? address - state.wasm + state.native : address;
}

static uint32_t to_wasm(uintptr_t address) {
  bool inside = address >= state.native && address - state.native < STATE_SIZE;
  return (uint32_t)(inside ? address - state.native + state.wasm : address);
}

/* Commands */

static uint32_t invoke(void *function, size_t count, const uint32_t *words) {
  typedef uint32_t any(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
  uint32_t all[ARGUMENTS] = {0};
  memcpy(all, words, count * sizeof *words);
  any *pointer = (any *)(uintptr_t)function;
  return pointer(all[0], all[1], all[2], all[3], all[4], all[5], all[6]);
}

static void do_call(void *const *functions) {
  uint32_t index = next();
  enum kind kind = (enum kind)next();
  uint32_t expected = next();
  uint32_t count = next();
  uint32_t addresses = next(); /* a bit for each argument that is one */
  uint32_t words[ARGUMENTS];
  for (uint32_t i = 0; i < count; i++) {
    words[i] = next();
    if (addresses >> i & 1) words[i] = (uint32_t)to_native(words[i]);
  }
  uint32_t result = invoke(functions[index], count, words);
  if (kind == NOTHING) return;
  if (kind == TRUTH) result = (uint8_t)result;
  if (kind == ADDRESS) result = to_wasm(result);
  expect(names[index], count ? to_wasm(words[0]) : 0, result, expected);
}

static void do_sum(void) {
  uint32_t start = next();
  uint32_t size = next();
  const unsigned char *bytes = (const unsigned char *)(uintptr_t)start;
  uint32_t hash = 0x811c9dc5u;
  for (uint32_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x01000193u;
  expect("the bytes at", start, hash, next());
}

static void do_fill(void) {
  uint32_t start = next();
  uint32_t size = next();
  memset((void *)(uintptr_t)start, (int)next(), size);
}

static void expect(const char *what, uint32_t at, uint32_t actual, uint32_t expected) {
  if (actual == expected) return;
  printf("step %u: %s %u: %u, not %u\n", step, what, at, actual, expected);
  exit(1);
}

static void crash(int signal) {
  printf("step %u: ended by signal %d\n", step, signal);
  fflush(stdout);
  _exit(1);
}
