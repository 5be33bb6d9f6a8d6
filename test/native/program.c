#include "program.h"

#include <stdio.h>
#include <stdlib.h>

#include "backing.h"
#include "malloc_allocator.h"

#define SUBJECTS 8
#define DEPTH_MOST 4

struct chunks program_chunks;
struct subject *it;
unsigned char pattern[PATTERN];
const char *doing = "";
size_t noted;
struct program_counts counts;
const unsigned char *program_next, *program_end;

static struct subject subjects[SUBJECTS];
static size_t operation_now;
static bool again; /* the operation is the one before once more, with other sizes */

void program_fail(const char *file, int line, const char *what) {
  const char *slash = strrchr(file, '/');
  printf("operation %zu, %s, %s: %s (%s:%d)\n", operation_now,
         it && it->kind ? it->kind->name : "-", doing, what, slash ? slash + 1 : file, line);
  fflush(stdout);
  exit(1);
}

void backing_note(enum memory_refusal why) {
  noted = why;
}

/* Choices */

/*
 * What a program is about. Where all is possible at any time, few programs do the same thing often
 * enough to fill a memory with small blocks, or never to reset: so half of them leave some of the
 * operations out, and each has sizes of its own, and does the same so and so often in a row.
 */
static struct {
  size_t left_out; /* bit n: not the n-th operation of a table, but the `instead`-th */
  size_t instead;
  size_t widths; /* sizes have below so many bits, mostly */
  size_t large;  /* so many of 256 sizes are large */
  size_t change; /* so many of 256 operations are another subject's than the one before */
  size_t last;   /* the operation chosen last */
} mix;

static void choose_mix(void) {
  bool all = one_in(2);
  mix.left_out = 0;
  for (size_t i = 0; i < 4; i++) mix.left_out = mix.left_out << 8 | (all ? 0 : next_byte());
  mix.instead = next_byte();
  mix.widths = 1 + below(14);
  mix.large = (size_t)12 >> 2 * below(4);
  mix.change = (size_t)32 << below(3);
  mix.last = 0;
}

size_t some_operation(size_t n) {
  if (again && mix.last < n) return mix.last;
  mix.last = below(n);
  if (mix.left_out >> mix.last % 32 & 1) mix.last = mix.instead % n;
  return mix.last;
}

size_t some_size(void) {
  size_t kind = next_byte();
  if (kind >= 252) return SIZE_MAX - below(100000);
  if (kind >= 252 - mix.large) return below(one_in(8) ? 400000 : 70000);
  return below((size_t)1 << kind % mix.widths);
}

size_t some_align(void) {
  size_t kind = next_byte();
  return (size_t)1 << (kind >= 232 ? kind % 17 : kind % 7);
}

/* On malloc, where there is no other limit, a block would outgrow the pattern. */
size_t some_new_size(size_t old_size) {
  return one_in(2) ? below(smaller(old_size, PATTERN / 4) * 2 + 2) : some_size();
}

size_t some_block(void) {
  return one_in(2) ? it->count - 1 : below(it->count);
}

struct subject *some_subject(void) {
  return &subjects[below(SUBJECTS)];
}

/* Blocks */

static unsigned char end_byte(const struct block *block) {
  return (unsigned char)(block->seed | 1);
}

bool holds(const struct block *block, size_t size) {
  const unsigned char *bytes = (const unsigned char *)block->start;
  if (size == 0) return true;
  if (MODELLED) return memcmp(bytes, pattern + block->seed, size) == 0;
  return bytes[0] == end_byte(block) && (size < block->size || bytes[size - 1] == bytes[0]);
}

static void write_contents(const struct block *block) {
  unsigned char *bytes = (unsigned char *)block->start;
  if (MODELLED) {
    memcpy(bytes, pattern + block->seed, block->size);
  } else if (block->size) {
    bytes[0] = bytes[block->size - 1] = end_byte(block);
  }
}

bool reads_zero(uintptr_t start, size_t size) {
  const unsigned char *bytes = (const unsigned char *)start;
  if (size == 0) return true;
  if (!MODELLED) return bytes[0] == 0 && bytes[size / 2] == 0 && bytes[size - 1] == 0;
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static int by_start(const void *a, const void *b) {
  uintptr_t left = ((const struct block *)a)->start, right = ((const struct block *)b)->start;
  return (left > right) - (left < right);
}

/* With the model, contents show it. */
static void expect_apart(void) {
  static struct block all[SUBJECTS * BLOCKS];
  size_t count = 0;
  for (size_t i = 0; i < SUBJECTS; i++) {
    if (!subjects[i].kind) continue;
    for (size_t j = 0; j < subjects[i].count; j++) {
      if (subjects[i].blocks[j].size) all[count++] = subjects[i].blocks[j];
    }
  }
  qsort(all, count, sizeof *all, by_start);
  for (size_t i = 1; i < count; i++) EXPECT(all[i - 1].start + all[i - 1].size <= all[i].start);
}

void fill(struct block *block, uintptr_t start, size_t size) {
  static size_t serial;
  serial += 40503;
  block->start = start;
  block->size = size;
  block->seed = serial % (PATTERN - size);
  if (it->in_memory && size) {
    EXPECT(start >= program_chunks.first && size <= program_chunks.memory.frontier - start);
  }
  write_contents(block);
}

void add_block(uintptr_t start, size_t size, size_t align) {
  counts.worked++;
  EXPECT(start && start % align == 0);
  struct block *block = &it->blocks[it->count];
  block->align = align;
  fill(block, start, size);
  it->count++;
}

void remove_block(size_t index) {
  it->count--;
  memmove(&it->blocks[index], &it->blocks[index + 1], (it->count - index) * sizeof *it->blocks);
}

void drop_blocks(size_t first) {
  for (size_t i = first; i < it->count; i++) EXPECT(holds(&it->blocks[i], it->blocks[i].size));
  it->count = first;
}

/* Subjects */

static bool is_arena(const struct subject *subject) {
  return subject->kind == &arena_behaviour;
}

static size_t depth_of(const struct subject *subject) {
  size_t depth = 1;
  for (; subject->parent; subject = subject->parent) depth++;
  return depth;
}

static struct allocator *allocator_of(struct subject *subject) {
  struct subject *before = it;
  it = subject;
  struct allocator *allocator = it->kind->allocator();
  it = before;
  return allocator;
}

static struct allocator *some_ground(void) {
  it->parent = NULL;
  it->in_memory = true;
  struct subject *parent = some_subject();
  if (one_in(16)) {
    it->in_memory = false;
    return malloc_allocator();
  }
  if (one_in(2) || parent == it || !parent->kind || depth_of(parent) == DEPTH_MOST) {
    return chunks_allocator(&program_chunks);
  }
  it->parent = parent;
  it->in_memory = parent->in_memory;
  if (parent->kind == &pool_behaviour) parent->shared = true;
  return allocator_of(parent);
}

static void watch(struct allocator *on) {
  it->on = on;
  it->watched = !one_in(2);
  if (!it->watched) return;
  tracking_init(&it->taken, on);
  it->on = fussy_open(&it->fussy, tracking_allocator(&it->taken));
}

static void expect_all_back(void) {
  if (it->watched) EXPECT(it->taken.live == 0 && it->taken.allocations == it->taken.frees);
}

/* An arena whose parent was used knows more of how far that went than its model. */
static void note_parents(void) {
  if (!MODELLED) return;
  for (struct subject *parent = it->parent; parent; parent = parent->parent) {
    if (!is_arena(parent)) continue;
    EXPECT(high_water(&parent->arena) >= parent->most_used);
    parent->most_used = high_water(&parent->arena);
  }
}

static void open_subject(void) {
  static const struct behaviour *const kinds[] = {
      &arena_behaviour, &arena_behaviour, &arena_behaviour,  &heap_behaviour,
      &heap_behaviour,  &pool_behaviour,  &buffer_behaviour, &tracking_behaviour};
  const struct behaviour *kind = kinds[some_operation(sizeof kinds / sizeof *kinds)];
  doing = "open";
  it->count = 0;
  watch(some_ground());
  if (it->watched && one_in(8)) it->fussy.refuse_from = 1;
  bool open = kind->open();
  if (open) {
    it->kind = kind;
  } else {
    expect_all_back();
  }
}

static void close_it(void) {
  close_children();
  doing = "close";
  it->kind->close();
  expect_all_back();
  it->kind = NULL;
  note_parents();
}

bool has_children(void) {
  for (size_t i = 0; i < SUBJECTS; i++) {
    if (subjects[i].kind && subjects[i].parent == it) return true;
  }
  return false;
}

void close_children(void) {
  struct subject *parent = it;
  const char *done = doing;
  for (size_t i = 0; i < SUBJECTS; i++) {
    if (!subjects[i].kind || subjects[i].parent != parent) continue;
    it = &subjects[i];
    close_it();
  }
  it = parent;
  doing = done;
}

/* Used chunks of the memory that are no arena's. */
static size_t other_chunks(const struct subject *of) {
  if (of->watched) return of->taken.allocations - of->taken.frees;
  if (of->kind == &tracking_behaviour) return of->tracking.allocations - of->tracking.frees;
  if (of->kind == &buffer_behaviour) return 1;
  size_t count = 0;
  const struct chunk *chunk = NULL;
  if (of->kind == &heap_behaviour) chunk = of->heap.regions;
  if (of->kind == &pool_behaviour) chunk = (const struct chunk *)of->pool.first;
  for (; chunk; chunk = chunk->next) count++;
  return count;
}

static void expect_sound(void) {
  struct arena *arenas[SUBJECTS];
  size_t arenas_count = 0;
  size_t others = 0;
  for (size_t i = 0; i < SUBJECTS; i++) {
    const struct subject *of = &subjects[i];
    if (!of->kind || of->parent || !of->in_memory) continue;
    if (is_arena(of) && !of->watched) {
      arenas[arenas_count++] = &subjects[i].arena;
    } else {
      others += other_chunks(of);
    }
  }
  const char *sentence = check_beside(&program_chunks, arenas, arenas_count, others);
  if (sentence) program_fail(__FILE__, __LINE__, sentence);
}

static void expect_everything(void) {
  struct subject *before = it;
  expect_sound();
  if (!MODELLED) expect_apart();
  for (size_t i = 0; i < SUBJECTS; i++) {
    it = &subjects[i];
    if (!it->kind) continue;
    it->kind->check();
    for (size_t j = 0; j < it->count; j++) EXPECT(holds(&it->blocks[j], it->blocks[j].size));
  }
  it = before;
}

/* Programs */

static void step(void) {
  size_t incident = next_byte(); /* one byte, because most operations have none */
  if (incident < 4) host_outsider(1 + below(3));
  if (incident % 8 == 7) host.refuse_from = 1 + below(3);
  again = incident >= 2 * mix.change;
  if (incident < mix.change) it = some_subject();
  if (!it->kind) {
    open_subject();
  } else if (incident == 6) {
    close_it();
  } else {
    if (it->watched && incident % 8 == 5) it->fussy.refuse_from = 1 + below(3);
    it->kind->step();
  }
  host.refuse_from = 0;
  it->fussy.refuse_from = 0;
  note_parents();
}

/* A memory of a few pages, which can have a few more or is fixed. */
static void open_memory(void) {
  size_t pages = 1 + below(one_in(8) ? 40 : 4);
  host_open_chunks(&program_chunks, pages, one_in(4) ? pages : pages + below(one_in(4) ? 60 : 16));
  if (one_in(2)) host.most += 8; /* what keeps it below its maximum is its own affair then */
}

static void close_all(void) {
  for (size_t i = 0; i < SUBJECTS; i++) {
    it = &subjects[i];
    if (it->kind) close_it();
  }
  EXPECT(chunks_live(&program_chunks) == 0);
  expect_sound();
}

/* Not seen in memory by chance, and nowhere 0. */
static void write_pattern(void) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < PATTERN; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    pattern[i] = (unsigned char)(1 + (state >> 20) % 255);
  }
}

void program_run(const unsigned char *bytes, size_t size, size_t checked) {
  if (MODELLED && !pattern[0]) write_pattern();
  program_next = bytes;
  program_end = bytes + size;
  it = subjects;
  choose_mix();
  open_memory();
  for (operation_now = 0; program_next != program_end; operation_now++) {
    step();
    if (operation_now % checked == checked - 1) expect_everything();
  }
  expect_everything();
  close_all();
  counts.operations += operation_now;
}
