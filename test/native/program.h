/*
 * Programs of operations, decoded from bytes, against models that know what every block holds.
 *
 * A program has one memory and a few subjects in it: arenas, heaps, pools, fixed buffers, and plain
 * blocks through a tracking wrapper. Each stands on the memory, on malloc or on another subject.
 * Memory is refused, and an outsider grows it, wherever the bytes say so. model_test.c makes the
 * bytes at random, fuzz.c has them from libFuzzer.
 *
 * Invariants, after every operation
 *   - Blocks are aligned, and hold what was written to them: whoever writes into another one's
 *     block leaves a trace in it.
 *   - Where the next block goes, what `used` is then, and whether it is refused, is foretold as far
 *     as the subject's contract says it.
 *   - What fails changes nothing.
 * Invariants, as often as the caller asks for, and in the end
 *   - What check.c and heap_check say of everything; no block overlaps another one.
 *   - Who is closed has given everything back.
 */
#ifndef WASM_ARENA_TEST_PROGRAM_H
#define WASM_ARENA_TEST_PROGRAM_H

#include <string.h>

#include "arena.h"
#include "check.h"
#include "chunk.h"
#include "family.h"
#include "host.h"

#define BLOCKS 96
#define SCOPES 6
#define PATTERN ((size_t)4 << 20)

struct block {
  uintptr_t start;
  size_t size;
  size_t align;
  size_t seed; /* where in the pattern its contents are */
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

/* What the bytes decide. From 0 to below `n`; 0 when all bytes are used up. */
size_t below(size_t n);
bool one_in(size_t n);
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
