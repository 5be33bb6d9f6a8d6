/*
 * Programs of operations, decoded from bytes, against models that know what every block holds.
 *
 * A program has one memory and a few subjects in it: arenas, heaps, pools, fixed buffers, and plain
 * blocks through a tracking wrapper. Each stands on the memory, on malloc or on another subject.
 * Memory is refused, and an outsider grows it, wherever the bytes say so. model_test.c makes the
 * bytes at random, fuzz.c has them from libFuzzer, program_fast.c runs as many as it can.
 *
 * Invariants, after every operation
 *   - Blocks are aligned, and hold what was written to them: whoever writes into another one's
 *     block leaves a trace in it.
 *   - Where the next block goes, what `used` is then, and whether it is refused, is foretold as far
 *     as the subject's contract says it.
 *   - What fails changes nothing.
 * Invariants, as often as the caller asks for, and in the end
 *   - What check.c and heap_check say of everything.
 *   - Who is closed has given everything back.
 *
 * With PROGRAM_FAST the same bytes mean the same operations, but nothing is foretold, and of a
 * block the first and the last byte alone are written and looked at; that no two blocks overlap is
 * looked up as often as everything is checked. An operation takes a tenth of the time. What is
 * found so can be run again with the model.
 */
#ifndef WASM_ARENA_TEST_PROGRAM_H
#define WASM_ARENA_TEST_PROGRAM_H

#include <string.h>

#include "arena.h"
#include "check.h"
#include "chunk.h"
#include "family.h"
#include "host.h"

#ifdef PROGRAM_FAST
#define MODELLED false
#else
#define MODELLED true
#endif

#define BLOCKS 96
#define SCOPES 6
#define PATTERN ((size_t)4 << 20)

struct block {
  uintptr_t start;
  size_t size;
  size_t align;
  size_t seed; /* where in the pattern its contents are; without the model, what its ends are */
};

/* What was true when a mark was opened. */
struct scope {
  struct arena_mark mark;
  size_t used;
  size_t blocks;
};

struct subject {
  const struct behaviour *kind; /* NULL: nothing is open in this place */
  struct subject *parent;       /* whom it stands on; NULL: the memory, or malloc */
  struct allocator *on;         /* the same, with what watches it in between */
  bool watched;
  bool in_memory;              /* and not malloc's in the end */
  struct tracking taken;       /* what it has, if it is watched */
  struct fussy fussy;          /* refuses it */
  struct block blocks[BLOCKS]; /* by age */
  size_t count;
  union {
    struct {
      struct arena arena;
      size_t most_used;
      struct scope scopes[SCOPES];
      size_t depth;
    };
    struct heap heap;
    struct {
      struct pool pool;
      uintptr_t freed[BLOCKS]; /* the one freed last comes last */
      size_t freed_count;
      bool shared; /* another subject had objects of it: what is free in it is not known */
    };
    struct {
      struct fixed_buffer buffer;
      unsigned char *bytes;
    };
    struct tracking tracking;
  };
};

/* A kind of subject. All of them are about `it`. */
struct behaviour {
  const char *name;
  bool (*open)(void);
  void (*step)(void);
  void (*close)(void);
  void (*check)(void);
  struct allocator *(*allocator)(void);
};

extern const struct behaviour arena_behaviour, heap_behaviour, pool_behaviour, buffer_behaviour,
    tracking_behaviour;

extern struct chunks program_chunks;
extern struct subject *it;
extern unsigned char pattern[PATTERN];
extern const char *doing;
extern size_t noted; /* the last refusal that a backing which is no memory noted */

/* What is counted over all programs. */
struct program_counts {
  size_t operations, worked, refused;
};
extern struct program_counts counts;

/*
 * Runs the program, with a check of everything after every `checked`-th operation and in the end.
 * Ends the process where something does not hold.
 */
void program_run(const unsigned char *bytes, size_t size, size_t checked);

void program_fail(const char *file, int line, const char *what);

#define EXPECT(condition) \
  ((condition) ? (void)0 : program_fail(__FILE__, __LINE__, "expected " #condition))

/* What the model alone says. The condition changes nothing: it may not be asked. */
#define FORETOLD(condition)           \
  (!MODELLED || (condition) ? (void)0 \
                            : program_fail(__FILE__, __LINE__, "foretold was " #condition))

/* The bytes that are not used up yet. */
extern const unsigned char *program_next, *program_end;

static inline size_t next_byte(void) {
  return program_next == program_end ? 0 : *program_next++;
}

/* What the bytes decide. From 0 to below `n` < 2^32; 0 when all bytes are used up. */
static inline size_t below(size_t n) {
  size_t value = next_byte();
  for (size_t reach = 256; reach < n; reach *= 256) value = value * 256 + next_byte();
  return (uint32_t)value % (uint32_t)n; /* a division of 64 bits takes several times as long */
}

static inline bool one_in(size_t n) {
  return next_byte() < 256 / n;
}

/* Likewise, but some programs leave some of the choices out. */
size_t some_operation(size_t n);
size_t some_size(void);
size_t some_align(void);
size_t some_new_size(size_t old_size);

/* Mostly the last one of its blocks, with which most can be done. */
size_t some_block(void);

/* Closes all that stands on it, so that its blocks may go. */
void close_children(void);
bool has_children(void);

/* A subject at random, which may be closed. */
struct subject *some_subject(void);

/* Its blocks. A block of 0 bytes is nowhere in particular. */
void add_block(uintptr_t start, size_t size, size_t align);
void fill(struct block *block, uintptr_t start, size_t size);
void remove_block(size_t index);
bool holds(const struct block *block, size_t size);
bool reads_zero(uintptr_t start, size_t size);

/* Forgets the blocks from `first` on, which hold what they should until then. */
void drop_blocks(size_t first);

#endif
