/*
 * Random programs against a model that knows what every block holds and how much every arena uses.
 *
 *   model_test                       some seeds
 *   model_test SEED [OPERATIONS]     that one
 *
 * Invariants, after every operation
 *   - What check.c says; no block overlaps another one, and each holds what was written to it.
 *   - `used` is exact: what it was, the padding, and the size. It never passes the limit.
 *   - What fails changes nothing, and fails only where the limit or the memory really has no room.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "host.h"

#define SEEDS 12
#define OPERATIONS 30000
#define JOBS 16
#define BLOCKS 64
#define SCOPES 6
#define PATTERN ((size_t)8 << 20)

struct block {
  uintptr_t start;
  size_t size;
  size_t seed; /* where in the pattern its contents are */
};

/* What was true when a mark was opened. */
struct scope {
  struct arena_mark mark;
  size_t used;
  size_t blocks;
};

/* An arena and what is known about it. */
struct job {
  struct arena arena;
  bool alive;
  size_t most_used;
  struct block blocks[BLOCKS];
  size_t blocks_count;
  struct scope scopes[SCOPES];
  size_t depth;
};

/* Before an operation. */
struct before {
  struct arena arena;
  size_t used;
  size_t refused;
};

static struct chunks chunks;
static struct job jobs[JOBS];
static struct job *job; /* the one that the operation is about */
static unsigned char pattern[PATTERN];
static uint64_t random_state;
static unsigned long seed_now;
static size_t operation_now;
static const char *doing = "";
static size_t successes, failures;

static void fail(int line, const char *what) {
  printf("seed %lu, operation %zu, %s: %s (line %d)\n", seed_now, operation_now, doing, what, line);
  printf("0 passed, 1 failed\n");
  exit(1);
}

#define EXPECT(condition) ((condition) ? (void)0 : fail(__LINE__, "expected " #condition))

static uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* From 0 to below `n`. */
static size_t below(size_t n) {
  return (size_t)((random_bits() >> 20) % n);
}

static bool one_in(size_t n) {
  return below(n) == 0;
}

static size_t some_size(void) {
  if (one_in(50)) return SIZE_MAX - below(100000);
  if (one_in(20)) return below(400000);
  return below((size_t)1 << below(15));
}

static size_t some_align(void) {
  return (size_t)1 << below(one_in(10) ? 17 : 7);
}

/* The block's contents */

static bool holds(uintptr_t start, size_t size, size_t seed) {
  return memcmp((void *)start, pattern + seed, size) == 0;
}

static bool reads_zero(uintptr_t start, size_t size) {
  const unsigned char *bytes = (const unsigned char *)start;
  return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static void expect_no_overlap(uintptr_t start, size_t size) {
  EXPECT(start >= chunks.first && size <= chunks.memory.frontier - start);
  for (size_t i = 0; i < JOBS; i++) {
    for (size_t j = 0; j < jobs[i].blocks_count; j++) {
      const struct block *other = &jobs[i].blocks[j];
      EXPECT(start + size <= other->start || other->start + other->size <= start);
    }
  }
}

static void fill(struct block *block, uintptr_t start, size_t size) {
  *block = (struct block){start, size, below(PATTERN - size)};
  memcpy((void *)start, pattern + block->seed, size);
}

/* Blocks of 0 bytes are nowhere in particular. */
static void add_block(uintptr_t start, size_t size) {
  if (size == 0) return;
  expect_no_overlap(start, size);
  fill(&job->blocks[job->blocks_count++], start, size);
}

static void remove_block(size_t index) {
  job->blocks_count--;
  memmove(&job->blocks[index], &job->blocks[index + 1],
          (job->blocks_count - index) * sizeof *job->blocks);
}

static void expect_contents(const struct job *of) {
  for (size_t i = 0; i < of->blocks_count; i++) {
    const struct block *block = &of->blocks[i];
    EXPECT(holds(block->start, block->size, block->seed));
  }
}

static void expect_sound(void) {
  struct arena *all[JOBS];
  for (size_t i = 0; i < JOBS; i++) all[i] = &jobs[i].arena;
  const char *sentence = check(&chunks, all, JOBS);
  if (sentence) fail(__LINE__, sentence);
}

/* Accounting */

static bool has_chunk(const struct arena *arena) {
  return arena->start != 1;
}

static size_t room(const struct arena *arena) {
  return arena->most - arena_used(arena);
}

static struct before look(void) {
  return (struct before){job->arena, arena_used(&job->arena), host.refused};
}

/* What `before` is worth once its last block is to be allocated once more. */
static struct before without_last(struct before before, uintptr_t block) {
  before.used -= before.arena.cursor - block;
  before.arena.cursor = block;
  return before;
}

static void expect_unchanged(struct before before) {
  const struct arena *arena = &job->arena;
  EXPECT(arena->cursor == before.arena.cursor && arena->limit <= before.arena.limit);
  EXPECT(arena->start == before.arena.start && arena->mark == before.arena.mark);
  EXPECT(arena->settled == before.arena.settled && arena->capacity == before.arena.capacity);
  EXPECT(arena->base == before.arena.base && arena->spare == before.arena.spare);
  EXPECT(arena->most == before.arena.most && arena->zero == before.arena.zero);
  EXPECT(high_water(arena) == high_water(&before.arena));
}

static bool chunk_has_room(const struct chunk *chunk, size_t size, size_t align) {
  return chunk_fits(chunk, align_up(chunk_start(chunk), align), size);
}

/* Whether the newest chunk could be extended for the block without growth. */
static bool can_stay(const struct arena *arena, size_t size, size_t align) {
  if (!has_chunk(arena)) return false;
  uintptr_t start = align_up(arena->cursor, align);
  if (size > room(arena) || start - arena->cursor > room(arena) - size) return false;
  const struct chunk *newest = chunk_of(arena->start);
  if (chunk_fits(newest, start, size)) return true;
  const struct chunk *right = (const struct chunk *)chunk_end(newest);
  if (right->tag & CHUNK_USED) return false;
  size_t least = (uintptr_t)right == chunks.memory.frontier ? CHUNK_LEAST + CHUNK_ALIGN : 0;
  return size <= SIZE_MAX - least && chunk_fits(right, start, size + least);
}

static void expect_limit_to_refuse(const struct arena *arena, size_t size, size_t align) {
  size_t least = has_chunk(arena) ? align_up(arena->cursor, align) - arena->cursor : 0;
  if (align > CHUNK_ALIGN) least = larger(least, align - CHUNK_ALIGN);
  EXPECT(size > room(arena) || least > room(arena) - size);
}

/* `arena` is what it was when it wanted the block. */
static void expect_memory_to_refuse(const struct arena *arena, size_t size, size_t align,
                                    size_t refused) {
  size = larger(size, 1); /* a chunk for 0 bytes has room for one */
  for (size_t bin = 0; bin < CHUNK_BINS; bin++) {
    for (const struct chunk *chunk = chunks.bins[bin]; chunk; chunk = chunk->next) {
      EXPECT(!chunk_has_room(chunk, size, align));
    }
  }
  for (const struct chunk *chunk = arena->spare; chunk; chunk = chunk->next) {
    size_t padding = align_up(chunk_start(chunk), align) - chunk_start(chunk);
    EXPECT(!chunk_has_room(chunk, size, align) || padding > room(arena) - size);
  }
  if (host.refused > refused) return;
  const struct memory *memory = &chunks.memory;
  EXPECT(memory->refusal == REFUSED_BY_MAXIMUM);
  uintptr_t start = align_up(memory->frontier + CHUNK_HEADER, align);
  if (size > memory->maximum) return;
  uintptr_t end = start + size + 2 * CHUNK_LEAST; /* the top keeps its least, and the fence */
  size_t missing = align_up(end - memory->end, MEMORY_PAGE);
  EXPECT(end > memory->maximum || host.end + missing > memory->maximum);
}

static void expect_refusal(struct before before, size_t size, size_t align) {
  failures++;
  if (chunks.memory.refusal == REFUSED_BY_LIMIT) {
    expect_limit_to_refuse(&before.arena, size, align);
  } else {
    EXPECT(!can_stay(&before.arena, size, align));
    expect_memory_to_refuse(&before.arena, size, align, before.refused);
  }
}

/* A block that is promoted has no other place in the scope's chunks than their starts. */
static void expect_promotion_refusal(struct before before, size_t used, size_t size, size_t align) {
  failures++;
  if (chunks.memory.refusal == REFUSED_BY_LIMIT) {
    EXPECT(size > before.arena.most - used || align - 1 > before.arena.most - used - size);
  } else {
    expect_memory_to_refuse(&before.arena, size, align, before.refused);
  }
}

/* Where the block begins that the arena now ends with: `used` counts all up to its end. */
static void expect_used(struct before before, uintptr_t start, size_t size) {
  const struct arena *arena = &job->arena;
  bool stayed = arena->start == before.arena.start;
  uintptr_t from = stayed ? before.arena.cursor : arena->start;
  EXPECT(start >= from);
  EXPECT(arena->cursor == start + size);
  EXPECT(arena_used(arena) == before.used + (start - from) + size);
}

static void expect_placed(struct before before, uintptr_t start, size_t size, size_t align,
                          bool could_stay) {
  successes++;
  EXPECT(start % align == 0);
  expect_used(before, start, size);
  if (!could_stay) return;
  EXPECT(job->arena.start == before.arena.start);
  EXPECT(start == align_up(before.arena.cursor, align));
}

/* Operations. False: there was nothing to do. */

static bool do_alloc(bool zeroed) {
  if (job->blocks_count == BLOCKS) return false;
  size_t size = some_size();
  size_t align = some_align();
  struct before before = look();
  bool could_stay = can_stay(&job->arena, size, align);
  uintptr_t start = (uintptr_t)(zeroed ? arena_alloc_zeroed(&job->arena, size, align)
                                       : arena_alloc(&job->arena, size, align));
  if (!start) {
    expect_unchanged(before);
    expect_refusal(before, size, align);
    return true;
  }
  expect_placed(before, start, size, align, could_stay);
  if (zeroed || job->arena.zero) EXPECT(reads_zero(start, size));
  if (job->arena.zero) {
    bool stayed = job->arena.start == before.arena.start;
    uintptr_t from = stayed ? before.arena.cursor : job->arena.start;
    EXPECT(reads_zero(from, start - from));
  }
  add_block(start, size);
  return true;
}

static bool alloc(void) {
  doing = "alloc";
  return do_alloc(false);
}

static bool alloc_zeroed(void) {
  doing = "alloc_zeroed";
  return do_alloc(true);
}

static bool began_before_the_mark(size_t index) {
  return job->depth && index < job->scopes[job->depth - 1].blocks;
}

/* The block has its new size and place; its first bytes are those of the old one. */
static void expect_resized(struct block old, uintptr_t start, size_t size) {
  size_t kept = smaller(old.size, size);
  EXPECT(holds(start, kept, old.seed));
  if (job->arena.zero && start != old.start) EXPECT(reads_zero(start + kept, size - kept));
  if (job->arena.zero && size > old.size) EXPECT(reads_zero(start + kept, size - kept));
}

static bool resize(void) {
  doing = "realloc";
  if (job->blocks_count == 0 || job->blocks_count == BLOCKS) return false;
  size_t index = one_in(2) ? job->blocks_count - 1 : below(job->blocks_count);
  struct block old = job->blocks[index];
  size_t align = one_in(2) ? 1 : some_align();
  size_t size = one_in(2) ? below(old.size * 2 + 1) : some_size();
  bool last = old.start >= job->arena.start && old.start + old.size == job->arena.cursor &&
              !began_before_the_mark(index);
  bool aligned = old.start % align == 0;
  struct before before = look();
  struct before wanted = last && aligned ? without_last(before, old.start) : before;
  bool could_stay = can_stay(&wanted.arena, size, align);

  uintptr_t start = (uintptr_t)arena_realloc(&job->arena, (void *)old.start, old.size, size, align);
  if (!start) {
    EXPECT(size > old.size || !aligned);
    expect_unchanged(before);
    expect_refusal(wanted, size, align);
    return true;
  }
  expect_resized(old, start, size);
  if (aligned && !last && size <= old.size) {
    EXPECT(start == old.start && arena_used(&job->arena) == before.used);
  } else {
    expect_placed(wanted, start, size, align, could_stay);
  }
  if (last && aligned) remove_block(index);
  if (start != old.start || (last && aligned)) {
    add_block(start, size);
  } else if (size == 0) {
    remove_block(index);
    for (size_t i = 0; i < job->depth; i++) {
      if (index < job->scopes[i].blocks) job->scopes[i].blocks--;
    }
  } else {
    job->blocks[index].size = size;
  }
  return true;
}

static bool open_mark(void) {
  doing = "mark";
  if (job->depth == SCOPES) return false;
  struct scope *scope = &job->scopes[job->depth++];
  scope->mark = arena_mark(&job->arena);
  scope->used = arena_used(&job->arena);
  scope->blocks = job->blocks_count;
  return true;
}

static bool release(void) {
  doing = "release";
  if (job->depth == 0) return false;
  job->depth = one_in(3) ? below(job->depth) : job->depth - 1;
  const struct scope *scope = &job->scopes[job->depth];
  arena_release(&job->arena, scope->mark);
  EXPECT(arena_used(&job->arena) == scope->used);
  EXPECT(job->arena.mark == (job->depth ? job->scopes[job->depth - 1].mark.position : 0));
  job->blocks_count = scope->blocks;
  return true;
}

/* The chunk of the arena that the mark lies in. */
static const struct chunk *home_of(struct arena_mark mark) {
  const struct chunk *chunk = chunk_of(job->arena.start);
  uintptr_t cursor = job->arena.cursor;
  while (mark.position < chunk_start(chunk) || mark.position > cursor) {
    if (!chunk->next) break;
    chunk = chunk->next;
    cursor = chunk->cursor;
  }
  return chunk;
}

static bool promote(void) {
  doing = "promote";
  if (job->depth == 0 || job->blocks_count == 0) return false;
  size_t depth = below(job->depth);
  const struct scope *scope = &job->scopes[depth];
  if (scope->blocks == job->blocks_count) return false;
  size_t index = scope->blocks + below(job->blocks_count - scope->blocks);
  struct block block = job->blocks[index];
  if (one_in(2)) {
    size_t skipped = below(block.size);
    block.start += skipped;
    block.seed += skipped;
    block.size -= skipped + below(block.size - skipped);
  }
  size_t align = some_align();
  struct before before = look();
  const struct chunk *home = home_of(scope->mark);
  uintptr_t from = scope->mark.position == 1 ? chunk_start(home) : scope->mark.position;

  uintptr_t start =
      (uintptr_t)arena_promote(&job->arena, scope->mark, (void *)block.start, block.size, align);
  if (!start) {
    expect_unchanged(before);
    expect_promotion_refusal(before, scope->used, block.size, align);
    return true;
  }
  successes++;
  EXPECT(holds(start, block.size, block.seed));
  const struct arena *arena = &job->arena;
  bool at_home = arena->start == chunk_start(home);
  if (!at_home) {
    size_t left = arena->most - scope->used;
    bool fits = chunk_fits(home, align_up(from, align), block.size);
    EXPECT(!fits || align_up(from, align) - from > left - block.size);
    from = arena->start;
  }
  EXPECT(start == align_up(from, align));
  EXPECT(arena_used(arena) == scope->used + (start - from) + block.size);
  EXPECT(arena->mark == scope->mark.outer);
  job->depth = depth;
  job->blocks_count = scope->blocks;
  add_block(start, block.size);
  return true;
}

static void forget_blocks(void) {
  job->blocks_count = 0;
  job->depth = 0;
}

static bool reset(void) {
  doing = "reset";
  size_t capacity = job->arena.capacity;
  arena_reset(&job->arena);
  forget_blocks();
  EXPECT(arena_used(&job->arena) == 0 && job->arena.mark == 0);
  EXPECT(job->arena.capacity >= capacity);
  return true;
}

/* Bytes that the arena skipped at the ends of older chunks. */
static size_t skipped(const struct arena *arena) {
  size_t bytes = 0;
  const struct chunk *chunk = has_chunk(arena) ? chunk_of(arena->start)->next : NULL;
  for (; chunk; chunk = chunk->next) bytes += chunk_end(chunk) - chunk->cursor;
  return bytes;
}

static bool trim(void) {
  doing = "trim";
  size_t bytes = one_in(2) ? 0 : some_size();
  struct before before = look();
  size_t most = before.arena.capacity - skipped(&job->arena);
  size_t wanted = smaller(larger(bytes, before.used), most);
  arena_trim(&job->arena, bytes);
  EXPECT(arena_used(&job->arena) == before.used && job->arena.mark == before.arena.mark);
  EXPECT(job->arena.capacity >= wanted && job->arena.capacity <= before.arena.capacity);
  if (before.used) EXPECT(job->arena.base == before.arena.base);
  if (bytes == 0) EXPECT(!job->arena.spare);
  return true;
}

static bool end(void) {
  doing = "free";
  arena_free(&job->arena);
  forget_blocks();
  EXPECT(job->arena.high_water == job->most_used);
  EXPECT(!arena_alloc(&job->arena, 0, 1) && job->arena.capacity == 0);
  job->alive = false;
  return true;
}

static void begin(void) {
  doing = "init";
  size_t most = one_in(2) ? SIZE_MAX : below((size_t)1 << below(19));
  arena_init(&job->arena, chunks_allocator(&chunks), most, one_in(2));
  job->alive = true;
  job->most_used = 0;
  if (!one_in(3)) return;
  size_t capacity = below(20000);
  bool reserved = arena_reserve(&job->arena, capacity);
  EXPECT(reserved == has_chunk(&job->arena));
  EXPECT(!reserved || job->arena.capacity >= capacity);
}

static bool (*some_operation(void))(void) {
  static bool (*const operations[])(void) = {
      alloc,  alloc,  alloc,     alloc,     alloc,   alloc,   alloc,   alloc_zeroed, resize,
      resize, resize, open_mark, open_mark, release, promote, promote, trim};
  if (one_in(60)) return end;
  if (one_in(25)) return reset;
  return operations[below(sizeof operations / sizeof *operations)];
}

/* Promoting may copy a block first, which the arena then knows more about than the model. */
static void expect_high_water(void) {
  size_t known = high_water(&job->arena);
  job->most_used = larger(job->most_used, arena_used(&job->arena));
  EXPECT(doing[0] == 'p' ? known >= job->most_used : known == job->most_used);
  job->most_used = known;
}

static void step(void) {
  if (one_in(80)) host_outsider(1 + below(3));
  if (one_in(6)) host.refuse_from = 1 + below(3);
  job = &jobs[below(JOBS)];
  if (!job->alive) {
    begin();
  } else if (!some_operation()()) {
    alloc();
  }
  host.refuse_from = 0;
  if (job->alive) expect_high_water();
  expect_contents(job);
  expect_sound();
}

/* A memory of a few pages, which can have a few more or is fixed. */
static void open_memory(void) {
  size_t pages = 1 + below(one_in(4) ? 40 : 6);
  host_open_chunks(&chunks, pages, one_in(4) ? pages : pages + below(60));
  memset(jobs, 0, sizeof jobs);
  for (size_t i = 0; i < JOBS; i++) {
    arena_init(&jobs[i].arena, chunks_allocator(&chunks), 0, false);
    arena_free(&jobs[i].arena);
  }
}

static void free_all(void) {
  for (size_t i = 0; i < JOBS; i++) {
    arena_free(&jobs[i].arena);
    jobs[i].blocks_count = 0;
  }
  expect_sound();
  EXPECT(chunks_live(&chunks) == 0);
}

static void run(unsigned long seed, size_t operations) {
  seed_now = seed;
  random_state = seed * 0x9e3779b97f4a7c15u + 1;
  for (operation_now = 0; operation_now < operations; operation_now++) {
    if (operation_now % 1000 == 0) open_memory();
    step();
    if (operation_now % 16 == 0) {
      for (size_t i = 0; i < JOBS; i++) expect_contents(&jobs[i]);
    }
    if (operation_now % 1000 == 999) free_all();
  }
  printf("seed %lu: %zu operations, %zu blocks placed, %zu refused\n", seed, operations, successes,
         failures);
}

int main(int count, char **arguments) {
  random_state = 1;
  for (size_t i = 0; i < PATTERN; i++) pattern[i] = (unsigned char)(1 + below(255));
  unsigned long first = count > 1 ? strtoul(arguments[1], NULL, 10) : 1;
  unsigned long last = count > 1 ? first : SEEDS;
  size_t operations = count > 2 ? (size_t)strtoul(arguments[2], NULL, 10) : OPERATIONS;
  for (unsigned long seed = first; seed <= last; seed++) run(seed, operations);
  printf("%lu passed, 0 failed\n", last - first + 1);
  return 0;
}
