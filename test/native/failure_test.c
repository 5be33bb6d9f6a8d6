/*
 * Failure at every step, as SQLite's tests have it: a program runs again and again, and each time
 * memory is refused from another growth on, or from another request to what the subjects stand on,
 * until it runs without a refusal. What fails must leave all state as it was, word for word, and
 * succeed afterwards.
 */
#include "family.h"
#include "neighbourhood.h"

#define BLOCKS 24
#define MARKS 4
#define BIG ((size_t)40000)

/* An operation, with what it is to be about. False: memory was refused. */
struct step {
  bool (*run)(size_t name, size_t size, size_t align);
  size_t name;
  size_t size;
  size_t align;
};

static struct block {
  uintptr_t start;
  size_t size;
} blocks[BLOCKS];
static struct arena_mark marks[MARKS];

static struct arena inner;
static struct arena *now; /* `arena` or `inner` */
static struct heap heap;
static struct pool pool;
static struct fixed_buffer buffer;
static struct tracking taken; /* counts chunks that are not those of arenas on the memory */
static struct fussy fussy;
static struct allocator *ground; /* what subjects stand on, if not on each other */

static unsigned char byte_of(size_t name, size_t index) {
  return (unsigned char)(name * 41 + index * 7 + 1);
}

static bool write_block(size_t name, void *start, size_t size) {
  if (!start) return false;
  blocks[name] = (struct block){(uintptr_t)start, size};
  for (size_t i = 0; i < size; i++) ((unsigned char *)start)[i] = byte_of(name, i);
  return true;
}

static bool intact(size_t name, size_t size) {
  const unsigned char *start = (const unsigned char *)blocks[name].start;
  for (size_t i = 0; i < size; i++) {
    if (start[i] != byte_of(name, i)) return false;
  }
  return true;
}

/* The block is elsewhere and has another size; its first bytes went with it. */
static bool moved(size_t name, void *start, size_t size) {
  if (!start) return false;
  size_t kept = smaller(blocks[name].size, size);
  blocks[name].start = (uintptr_t)start;
  EXPECT(intact(name, kept));
  return write_block(name, start, size);
}

/* Steps */

static bool use_inner(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  now = name ? &inner : &arena;
  return true;
}

static bool alloc_block(size_t name, size_t size, size_t align) {
  return write_block(name, arena_alloc(now, size, align), size);
}

static bool alloc_zeroed(size_t name, size_t size, size_t align) {
  void *start = arena_alloc_zeroed(now, size, align);
  EXPECT(!start || reads((uintptr_t)start, size, 0));
  return write_block(name, start, size);
}

static bool resize_block(size_t name, size_t size, size_t align) {
  struct block old = blocks[name];
  return moved(name, arena_realloc(now, (void *)old.start, old.size, size, align), size);
}

/* The old one stays where it began before a mark; the copy is the next name's. */
static bool copy_block(size_t name, size_t size, size_t align) {
  struct block old = blocks[name];
  void *start = arena_realloc(now, (void *)old.start, old.size, size, align);
  if (!start) return false;
  blocks[name].start = (uintptr_t)start;
  EXPECT(intact(name, old.size));
  blocks[name] = old;
  return write_block(name + 1, start, size);
}

static bool open_mark(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  marks[name] = arena_mark(now);
  return true;
}

static bool close_mark(size_t name, size_t first_of_scope, size_t align) {
  (void)align;
  arena_release(now, marks[name]);
  for (size_t i = first_of_scope; i < BLOCKS; i++) blocks[i].size = 0;
  return true;
}

/* Out of the scope of the first mark, whose blocks have the names from `first_of_scope` on. */
static bool promote_block(size_t name, size_t first_of_scope, size_t align) {
  size_t size = blocks[name].size;
  void *start = arena_promote(now, marks[0], (void *)blocks[name].start, size, align);
  if (!start) return false;
  blocks[name].start = (uintptr_t)start;
  EXPECT(intact(name, size));
  for (size_t i = first_of_scope; i < BLOCKS; i++) blocks[i].size = 0;
  blocks[name].size = size;
  return true;
}

static bool reset(size_t name, size_t size, size_t align) {
  (void)name, (void)size, (void)align;
  size_t capacity = now->capacity;
  arena_reset(now);
  EXPECT(now->capacity >= capacity && arena_used(now) == 0);
  memset(blocks, 0, sizeof blocks);
  return true;
}

static bool neighbour(size_t name, size_t size, size_t align) {
  (void)name, (void)align;
  struct arena *new = &neighbours[neighbours_count];
  arena_init(new, chunks_allocator(&chunks), SIZE_MAX, true);
  if (!arena_reserve(new, size)) return false;
  neighbours_count++;
  return true;
}

static bool neighbour_leaves(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  arena_free(&neighbours[name]);
  return true;
}

static bool outsider(size_t name, size_t size, size_t align) {
  (void)name, (void)align;
  return host_outsider(size);
}

static bool grow_by(size_t name, size_t size, size_t align) {
  (void)name, (void)align;
  host.refuse_above = size;
  return true;
}

static struct allocator *on(size_t name) {
  struct allocator *const all[] = {ground, arena_allocator(&arena), heap_allocator(&heap),
                                   fixed_buffer_allocator(&buffer)};
  return all[name];
}

static bool open_heap(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  heap_init(&heap, on(name));
  heap_allocator(&heap);
  return true;
}

static bool heap_take(size_t name, size_t size, size_t align) {
  return write_block(name, heap_alloc(&heap, size, align), size);
}

static bool heap_move(size_t name, size_t size, size_t align) {
  return moved(name, heap_realloc(&heap, (void *)blocks[name].start, size, align), size);
}

static bool heap_drop(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  blocks[name].size = 0;
  return heap_free(&heap, (void *)blocks[name].start);
}

/* Objects of `size` bytes, `count` ready, and further slabs of as many. */
static bool open_pool(size_t name, size_t size, size_t count) {
  bool open = pool_init(&pool, on(name), size, 8, count, count);
  if (!open) memset(&pool, 0, sizeof pool); /* as if closed: it was never open before */
  return open;
}

static bool pool_take(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  return write_block(name, pool_alloc(&pool), pool.size);
}

static bool pool_drop(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  blocks[name].size = 0;
  return pool_free(&pool, (void *)blocks[name].start);
}

static bool pool_clear(size_t name, size_t size, size_t align) {
  (void)name, (void)size, (void)align;
  pool_reset(&pool);
  memset(blocks, 0, sizeof blocks);
  return true;
}

static bool open_inner(size_t name, size_t size, size_t align) {
  (void)size, (void)align;
  arena_init(&inner, on(name), SIZE_MAX, true);
  now = &inner;
  return true;
}

static bool open_buffer(size_t name, size_t size, size_t align) {
  void *bytes = allocator_alloc(on(name), size, align);
  if (bytes) fixed_buffer_init(&buffer, bytes, size);
  return bytes;
}

/* The state of everything, in words */

#define WORDS 8192

struct dump {
  size_t words[WORDS];
  size_t count;
  size_t own;       /* so many are not the memory's */
  size_t limits[2]; /* these may come down: what is below them next needs a slow path */
};

static void note(struct dump *dump, size_t word) {
  EXPECT(dump->count < WORDS);
  dump->words[dump->count++] = word;
}

static void note_all(struct dump *dump, const void *words, size_t size) {
  for (size_t i = 0; i < size / sizeof(size_t); i++) note(dump, ((const size_t *)words)[i]);
}

static void note_chunk(struct dump *dump, const struct chunk *chunk) {
  note(dump, (size_t)chunk);
  note(dump, chunk->tag);
}

static void note_memory(struct dump *dump) {
  note(dump, chunks.memory.end);
  note(dump, chunks.memory.grows);
  note(dump, chunks.memory.frontier);
  note(dump, chunks.foreign);
  note(dump, chunks.free);
  for (uintptr_t at = chunks.first; at != chunks.memory.frontier;) {
    const struct chunk *chunk = (const struct chunk *)at;
    note_chunk(dump, chunk);
    at = chunk_size(chunk) ? chunk_end(chunk) : host_skip(at + CHUNK_HEADER);
  }
  for (size_t bin = 0; bin < CHUNK_BINS; bin++) {
    const struct chunk *chunk = chunks.bins[bin];
    for (; chunk; chunk = chunk->next) note_chunk(dump, chunk);
    note(dump, bin);
  }
}

/* High-water marks count, noted or not; the newest chunk's cursor is such a note. */
static void note_arena(struct dump *dump, const struct arena *of) {
  const size_t words[] = {of->cursor,     of->start,         of->mark,      of->settled,
                          of->capacity,   of->base,          of->most,      of->zero,
                          (size_t)of->on, (size_t)of->spare, high_water(of)};
  note_all(dump, words, sizeof words);
  const struct chunk *chunk = of->start > 1 ? chunk_of(of->start) : NULL;
  for (; chunk; chunk = chunk->next) {
    note_chunk(dump, chunk);
    note(dump, chunk->next ? chunk->next->cursor : 0);
  }
  for (chunk = of->spare; chunk; chunk = chunk->next) note_chunk(dump, chunk);
}

static void note_everything(struct dump *dump) {
  dump->count = 0;
  note_arena(dump, &arena);
  note_arena(dump, &inner);
  for (size_t i = 0; i < neighbours_count; i++) note_arena(dump, &neighbours[i]);
  note_all(dump, &heap, sizeof heap);
  note_all(dump, &pool, sizeof pool);
  for (uintptr_t at = 0; (at = pool_next(&pool, at));) note(dump, at);
  note_all(dump, &buffer, sizeof buffer);
  note(dump, taken.allocations);
  note(dump, taken.frees);
  note(dump, taken.live);
  note(dump, chunks_live(&chunks));
  dump->own = dump->count;
  note_memory(dump);
  dump->limits[0] = arena.limit;
  dump->limits[1] = inner.limit;
}

/* Memory may have grown before another growth was refused: its end, noted first, has moved then. */
static void expect_same(const struct dump *before) {
  static struct dump after;
  note_everything(&after);
  EXPECT(after.own == before->own);
  bool grown = after.words[after.own] != before->words[before->own];
  EXPECT(grown || after.count == before->count);
  size_t count = grown ? after.own : after.count;
  for (size_t i = 0; i < count; i++) EXPECT(after.words[i] == before->words[i]);
  EXPECT(after.limits[0] <= before->limits[0] && after.limits[1] <= before->limits[1]);
}

static void expect_sound(void) {
  struct arena *all[NEIGHBOURS + 1];
  size_t count = 0;
  for (; count < neighbours_count; count++) all[count] = &neighbours[count];
  if (arena.on == chunks_allocator(&chunks)) all[count++] = &arena;
  EXPECT_SOUND(check_beside(&chunks, all, count, taken.allocations - taken.frees));
  EXPECT_SOUND(check_arena(&arena));
  EXPECT_SOUND(check_arena(&inner));
  EXPECT(!heap.on || heap_check(&heap) == HEAP_SOUND);
  for (size_t name = 0; name < BLOCKS; name++) EXPECT(intact(name, blocks[name].size));
}

/* Programs */

static const struct step of_an_arena[] = {
    {grow_by, 0, 4, 0},
    {alloc_block, 0, BIG, 8},
    {alloc_block, 1, BIG, 1024},
    {alloc_zeroed, 2, BIG, 8},
    {resize_block, 2, 3 * BIG, 8}, /* the last one */
    {resize_block, 0, 2 * BIG, 8}, /* another one */
    {resize_block, 0, BIG, 65536}, /* misaligned */
    {neighbour, 0, BIG, 0},
    {resize_block, 0, 3 * BIG, 8}, /* the last one, which can't stay */
    {outsider, 0, 2, 0},
    {alloc_block, 3, 5 * BIG, 8},
    {neighbour, 0, BIG, 0},
    {open_mark, 0, 0, 0},
    {alloc_block, 5, 5, 1},
    {alloc_block, 6, BIG, 1},
    {neighbour, 0, BIG, 0},
    {alloc_block, 7, 2 * BIG, 1},
    {copy_block, 3, 6 * BIG, 8},
    {promote_block, 7, 4, 65536},
    {reset, 0, 0, 0},
    {grow_by, 0, SIZE_MAX, 0},
    {alloc_block, 0, 30 * BIG, 8},
};

static const struct step of_scopes[] = {
    {open_mark, 0, 0, 0}, /* before there is a chunk */
    {alloc_block, 0, BIG, 8},      {neighbour, 0, BIG, 0},         {open_mark, 1, 0, 0},
    {alloc_block, 1, 2 * BIG, 8},  {neighbour, 0, BIG, 0},         {open_mark, 2, 0, 0},
    {alloc_block, 2, 4 * BIG, 8},  {neighbour, 0, BIG, 0},         {alloc_zeroed, 3, 4 * BIG, 4096},
    {close_mark, 2, 2, 0},         {alloc_block, 2, 6 * BIG, 8}, /* more than the spare has */
    {neighbour, 0, BIG, 0},        {resize_block, 2, 12 * BIG, 8}, {close_mark, 1, 1, 0},
    {alloc_block, 1, 20 * BIG, 1}, {promote_block, 1, 0, 32768},   {open_mark, 0, 0, 0},
    {alloc_block, 2, BIG, 8},      {neighbour, 0, BIG, 0},         {alloc_block, 3, 25 * BIG, 1},
    {promote_block, 3, 2, 65536}, /* into a chunk that the scope has not */
    {alloc_block, 4, 25 * BIG, 1},
};

static const struct step of_a_reset[] = {
    {alloc_block, 0, BIG, 8},
    {neighbour, 0, BIG, 0},
    {alloc_block, 1, 2 * BIG, 8},
    {neighbour, 0, BIG, 0},
    {alloc_block, 2, 4 * BIG, 8},
    {neighbour, 0, BIG, 0},
    {reset, 0, 0, 0}, /* no single chunk is to be had: several stay */
    {alloc_block, 0, BIG, 8},
    {alloc_block, 1, 5 * BIG, 8},
    {neighbour, 0, 5 * BIG, 0},
    {alloc_block, 2, 9 * BIG, 8},
    {neighbour_leaves, 0, 0, 0},
    {neighbour_leaves, 1, 0, 0},
    {neighbour_leaves, 2, 0, 0},
    {reset, 0, 0, 0}, /* now one is */
    {alloc_block, 0, 12 * BIG, 8},
    {resize_block, 0, 40 * BIG, 8},
    {alloc_zeroed, 1, 20 * BIG, 65536},
};

static const struct step of_a_heap[] = {
    {open_heap, 0, 0, 0},           {heap_take, 0, 100, 8},     {heap_take, 1, 3 * BIG, 8},
    {heap_take, 2, BIG, 65536},     {heap_move, 1, 8 * BIG, 1}, {neighbour, 0, BIG, 0},
    {heap_take, 3, 10 * BIG, 1},    {heap_drop, 1, 0, 0},       {heap_move, 0, 12 * BIG, 1},
    {heap_take, 4, 9 * BIG, 32768}, {heap_drop, 3, 0, 0},       {heap_move, 2, 20 * BIG, 4096},
    {heap_take, 5, 20 * BIG, 1},
};

static const struct step of_a_pool[] = {
    {open_pool, 0, BIG, 2}, {pool_take, 0, 0, 0},   {pool_take, 1, 0, 0},
    {pool_take, 2, 0, 0},                                                 /* a further slab */
    {pool_take, 3, 0, 0},   {neighbour, 0, BIG, 0}, {pool_take, 4, 0, 0}, /* and another one */
    {pool_drop, 1, 0, 0},   {pool_take, 5, 0, 0},   {pool_take, 6, 0, 0},
    {pool_take, 7, 0, 0},   {pool_take, 8, 0, 0},   {pool_take, 9, 0, 0},
    {pool_clear, 0, 0, 0},  {pool_take, 0, 0, 0},
};

static const struct step of_nested_ones[] = {
    {open_heap, 1, 0, 0}, /* on the arena */
    {heap_take, 0, BIG, 8},
    {heap_take, 1, 4 * BIG, 64},
    {alloc_block, 2, BIG, 8},
    {heap_move, 1, 9 * BIG, 8},
    {open_inner, 2, 0, 0}, /* on the heap */
    {alloc_block, 3, 2 * BIG, 8},
    {open_mark, 0, 0, 0},
    {alloc_block, 10, 5 * BIG, 4096},
    {neighbour, 0, BIG, 0},
    {promote_block, 10, 10, 65536},
    {resize_block, 10, 12 * BIG, 8},
    {open_buffer, 2, 20 * BIG, 16},
    {open_pool, 3, BIG, 3}, /* in the buffer */
    {pool_take, 11, 0, 0},
    {use_inner, 0, 0, 0},
    {open_mark, 1, 0, 0},
    {alloc_block, 12, 15 * BIG, 8},
    {heap_move, 0, 15 * BIG, 1},
};

static size_t refused(void) {
  return host.refused + fussy.refused;
}

static void expect_failure_to_change_nothing(const struct step *step) {
  static struct dump before;
  note_everything(&before);
  size_t so_far = refused();
  if (!step->run(step->name, step->size, step->align)) {
    EXPECT(refused() > so_far);
    expect_same(&before);
    expect_sound();
    host.refuse_from = 0;
    fussy.refuse_from = 0;
    EXPECT(step->run(step->name, step->size, step->align));
  }
  expect_sound();
}

/* What is refused from the so many-th on; 0: nothing. */
struct refusals {
  size_t growths;
  size_t requests;
};

/* Runs the program. False: it asked for less than that, and nothing was refused. */
static bool run(const struct step *program, size_t steps, bool zero, struct refusals refusals) {
  host_open_chunks(&chunks, 1, 256);
  host.refuse_from = refusals.growths;
  host.refuse_above = 16; /* so that there are many growths */
  neighbours_count = 0;
  memset(blocks, 0, sizeof blocks);
  memset(&heap, 0, sizeof heap);
  memset(&pool, 0, sizeof pool);
  memset(&buffer, 0, sizeof buffer);
  tracking_init(&taken, chunks_allocator(&chunks));
  ground = fussy_open(&fussy, tracking_allocator(&taken));
  fussy.refuse_from = refusals.requests;
  arena_init(&arena, refusals.requests ? ground : chunks_allocator(&chunks), SIZE_MAX, zero);
  arena_init(&inner, ground, SIZE_MAX, zero);
  now = &arena;
  on(0); /* so that nobody's methods are set on the way */
  for (size_t i = 0; i < steps; i++) expect_failure_to_change_nothing(&program[i]);
  return host.refuse_from < 2 && fussy.refuse_from < 2;
}

#define FAIL_EVERYWHERE(program, least) \
  fail_everywhere(program, sizeof program / sizeof *program, least)

/* `least`: it asks for so many growths and requests. */
static void fail_everywhere(const struct step *program, size_t steps, size_t least) {
  for (int zero = 0; zero < 2; zero++) {
    size_t growths = 1;
    while (run(program, steps, zero, (struct refusals){growths, 0})) growths++;
    EXPECT(growths > least);
    size_t requests = 1;
    while (run(program, steps, zero, (struct refusals){0, requests})) requests++;
    EXPECT(requests > least);
  }
}

static void a_failure_of_any_growth_or_request_leaves_an_arena_as_it_was(void) {
  FAIL_EVERYWHERE(of_an_arena, 8);
}

static void a_failure_of_any_growth_or_request_leaves_scopes_as_they_were(void) {
  FAIL_EVERYWHERE(of_scopes, 8);
}

static void a_failure_of_any_growth_or_request_around_a_reset_changes_nothing(void) {
  FAIL_EVERYWHERE(of_a_reset, 8);
}

static void a_failure_of_any_growth_or_request_leaves_a_heap_as_it_was(void) {
  FAIL_EVERYWHERE(of_a_heap, 8);
}

static void a_failure_of_any_growth_or_request_leaves_a_pool_as_it_was(void) {
  FAIL_EVERYWHERE(of_a_pool, 3);
}

static void a_failure_of_any_growth_or_request_leaves_nested_ones_as_they_were(void) {
  FAIL_EVERYWHERE(of_nested_ones, 8);
}

int main(void) {
  CLAIM(a_failure_of_any_growth_or_request_leaves_an_arena_as_it_was);
  CLAIM(a_failure_of_any_growth_or_request_leaves_scopes_as_they_were);
  CLAIM(a_failure_of_any_growth_or_request_around_a_reset_changes_nothing);
  CLAIM(a_failure_of_any_growth_or_request_leaves_a_heap_as_it_was);
  CLAIM(a_failure_of_any_growth_or_request_leaves_a_pool_as_it_was);
  CLAIM(a_failure_of_any_growth_or_request_leaves_nested_ones_as_they_were);
  return harness_end();
}
