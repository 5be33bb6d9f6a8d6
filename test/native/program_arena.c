/* Arenas in programs: where a block goes and why it is refused is foretold from the chunks. */
#include "backing.h"
#include "program.h"

/* Before an operation. */
struct before {
  struct arena arena;
  size_t used;
  size_t refused;
};

static bool has_chunk(const struct arena *arena) {
  return arena->start != 1;
}

static size_t room(const struct arena *arena) {
  return arena->most - arena_used(arena);
}

static struct before look(void) {
  return (struct before){it->arena, arena_used(&it->arena), host.refused};
}

/* What `before` is worth once its last block is to be allocated once more. */
static struct before without_last(struct before before, uintptr_t block) {
  before.used -= before.arena.cursor - block;
  before.arena.cursor = block;
  return before;
}

static bool on_memory(void) {
  return backing_is_memory(it->on);
}

static size_t refusal(void) {
  return on_memory() ? program_chunks.memory.refusal : noted;
}

static void expect_unchanged(struct before before) {
  const struct arena *arena = &it->arena;
  FORETOLD(arena->cursor == before.arena.cursor && arena->limit <= before.arena.limit);
  FORETOLD(arena->start == before.arena.start && arena->mark == before.arena.mark);
  FORETOLD(arena->settled == before.arena.settled && arena->capacity == before.arena.capacity);
  FORETOLD(arena->base == before.arena.base && arena->spare == before.arena.spare);
  FORETOLD(arena->most == before.arena.most && arena->zero == before.arena.zero);
  FORETOLD(high_water(arena) == high_water(&before.arena));
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
  if (!on_memory()) return false;
  const struct chunk *right = (const struct chunk *)chunk_end(newest);
  if (right->tag & CHUNK_USED) return false;
  size_t least = (uintptr_t)right == program_chunks.memory.frontier ? CHUNK_LEAST + CHUNK_ALIGN : 0;
  return size <= SIZE_MAX - least && chunk_fits(right, start, size + least);
}

static void expect_limit_to_refuse(const struct arena *arena, size_t size, size_t align) {
  size_t least = has_chunk(arena) ? align_up(arena->cursor, align) - arena->cursor : 0;
  if (align > CHUNK_ALIGN) least = larger(least, align - CHUNK_ALIGN);
  FORETOLD(size > room(arena) || least > room(arena) - size);
}

/* `left`: bytes that the arena's limit left when it wanted the block. */
static void expect_memory_to_refuse(struct before before, size_t left, size_t size, size_t align) {
  FORETOLD(size <= left);
  for (const struct chunk *chunk = before.arena.spare; chunk; chunk = chunk->next) {
    size_t padding = align_up(chunk_start(chunk), align) - chunk_start(chunk);
    FORETOLD(!chunk_has_room(chunk, size, align) || padding > left - size);
  }
  if (!on_memory()) {
    FORETOLD(noted == REFUSED_BY_BACKING);
    return;
  }
  size = larger(size, 1); /* a chunk for 0 bytes has room for one */
  for (size_t bin = 0; bin < CHUNK_BINS; bin++) {
    for (const struct chunk *chunk = program_chunks.bins[bin]; chunk; chunk = chunk->next) {
      FORETOLD(!chunk_has_room(chunk, size, align));
    }
  }
  if (host.refused > before.refused) return;
  const struct memory *memory = &program_chunks.memory;
  FORETOLD(memory->refusal == REFUSED_BY_MAXIMUM);
  uintptr_t start = align_up(memory->frontier + CHUNK_HEADER, align);
  if (size > memory->maximum) return;
  uintptr_t end = start + size + 2 * CHUNK_LEAST; /* the top keeps its least, and the fence */
  size_t missing = align_up(end - memory->end, MEMORY_PAGE);
  FORETOLD(end > memory->maximum || host.end + missing > memory->maximum);
}

static void expect_refusal(struct before before, size_t size, size_t align) {
  counts.refused++;
  if (refusal() == REFUSED_BY_LIMIT) {
    expect_limit_to_refuse(&before.arena, size, align);
  } else {
    FORETOLD(!can_stay(&before.arena, size, align));
    expect_memory_to_refuse(before, room(&before.arena), size, align);
  }
}

/* A block that is promoted has no other place in the scope's chunks than their starts. */
static void expect_promotion_refusal(struct before before, size_t used, size_t size, size_t align) {
  counts.refused++;
  if (refusal() == REFUSED_BY_LIMIT) {
    FORETOLD(size > before.arena.most - used || align - 1 > before.arena.most - used - size);
  } else {
    expect_memory_to_refuse(before, before.arena.most - used, size, align);
  }
}

/* Where the block begins that the arena now ends with: `used` counts all up to its end. */
static void expect_used(struct before before, uintptr_t start, size_t size) {
  const struct arena *arena = &it->arena;
  bool stayed = arena->start == before.arena.start;
  uintptr_t from = stayed ? before.arena.cursor : arena->start;
  FORETOLD(start >= from);
  FORETOLD(arena->cursor == start + size);
  FORETOLD(arena_used(arena) == before.used + (start - from) + size);
}

static void expect_placed(struct before before, uintptr_t start, size_t size, size_t align,
                          bool could_stay) {
  FORETOLD(start % align == 0);
  FORETOLD(arena_holds(&it->arena, 0, start, size));
  expect_used(before, start, size);
  if (!could_stay) return;
  FORETOLD(it->arena.start == before.arena.start);
  FORETOLD(start == align_up(before.arena.cursor, align));
}

static void add(uintptr_t start, size_t size, size_t align) {
  if (size) add_block(start, size, align);
}

/* The block is none any more, and every open scope knows. */
static void forget(size_t index) {
  remove_block(index);
  for (size_t i = 0; i < it->depth; i++) {
    if (index < it->scopes[i].blocks) it->scopes[i].blocks--;
  }
}

static bool began_before_the_mark(size_t index) {
  return it->depth && index < it->scopes[it->depth - 1].blocks;
}

static bool is_last(size_t index) {
  const struct block *block = &it->blocks[index];
  return block->start >= it->arena.start && block->start + block->size == it->arena.cursor &&
         !began_before_the_mark(index);
}

/* Operations. False: there was nothing to do. */

static bool do_alloc(bool zeroed) {
  if (it->count == BLOCKS) return false;
  size_t size = some_size();
  size_t align = some_align();
  struct before before = look();
  bool could_stay = can_stay(&it->arena, size, align);
  uintptr_t start = (uintptr_t)(zeroed ? arena_alloc_zeroed(&it->arena, size, align)
                                       : arena_alloc(&it->arena, size, align));
  if (!start) {
    expect_unchanged(before);
    expect_refusal(before, size, align);
    return true;
  }
  expect_placed(before, start, size, align, could_stay);
  if (zeroed || it->arena.zero) EXPECT(reads_zero(start, size));
  if (it->arena.zero) {
    bool stayed = it->arena.start == before.arena.start;
    uintptr_t from = stayed ? before.arena.cursor : it->arena.start;
    EXPECT(reads_zero(from, start - from));
  }
  add(start, size, align);
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

/* The block has its new size and place; its first bytes are those of the old one. */
static void expect_resized(struct block old, uintptr_t start, size_t size) {
  size_t kept = smaller(old.size, size);
  old.start = start;
  EXPECT(holds(&old, kept));
  if (it->arena.zero) EXPECT(reads_zero(start + kept, size - kept));
}

/* The block has another size, and is where it was. */
static void change(size_t index, size_t size) {
  struct block *block = &it->blocks[index];
  if (size == 0) {
    forget(index);
  } else if (MODELLED && size <= block->size) {
    block->size = size;
  } else {
    fill(block, block->start, size);
  }
}

static bool move(void) {
  doing = "realloc";
  if (it->count == 0 || it->count == BLOCKS) return false;
  size_t index = some_block();
  struct block old = it->blocks[index];
  size_t align = one_in(2) ? 1 : some_align();
  size_t size = some_new_size(old.size);
  bool last = is_last(index);
  bool aligned = old.start % align == 0;
  struct before before = look();
  struct before wanted = last && aligned ? without_last(before, old.start) : before;
  bool could_stay = can_stay(&wanted.arena, size, align);

  uintptr_t start = (uintptr_t)arena_realloc(&it->arena, (void *)old.start, old.size, size, align);
  if (!start) {
    FORETOLD(size > old.size || !aligned);
    EXPECT(holds(&old, old.size));
    expect_unchanged(before);
    expect_refusal(wanted, size, align);
    return true;
  }
  if (size > old.size || start != old.start) {
    expect_resized(old, start, size);
  }
  if (aligned && !last && size <= old.size) {
    FORETOLD(start == old.start && arena_used(&it->arena) == before.used);
  } else {
    expect_placed(wanted, start, size, align, could_stay);
  }
  if (start == old.start) {
    change(index, size);
    return true;
  }
  if (last && aligned) remove_block(index);
  add(start, size, align);
  return true;
}

static bool resize(void) {
  doing = "resize";
  if (it->count == 0) return false;
  size_t index = some_block();
  struct block old = it->blocks[index];
  size_t size = some_new_size(old.size);
  bool last = is_last(index);
  struct before before = look();
  struct before wanted = last ? without_last(before, old.start) : before;
  bool could_stay = last && can_stay(&wanted.arena, size, 1);

  if (!allocator_resize(arena_allocator(&it->arena), (void *)old.start, old.size, size,
                        old.align)) {
    counts.refused++;
    FORETOLD(size > old.size && !could_stay);
    expect_unchanged(before);
    return true;
  }
  FORETOLD(last || size <= old.size);
  if (size > old.size) expect_resized(old, old.start, size);
  FORETOLD(arena_used(&it->arena) == (last ? before.used - old.size + size : before.used));
  change(index, size);
  return true;
}

static bool give(void) {
  doing = "free";
  if (it->count == 0) return false;
  size_t index = some_block();
  struct block old = it->blocks[index];
  bool last = is_last(index);
  size_t used = arena_used(&it->arena);
  EXPECT(holds(&old, old.size));
  allocator_free(arena_allocator(&it->arena), (void *)old.start, old.size, old.align);
  FORETOLD(arena_used(&it->arena) == (last ? used - old.size : used));
  forget(index);
  return true;
}

static bool open_mark(void) {
  doing = "mark";
  if (it->depth == SCOPES) return false;
  struct scope *scope = &it->scopes[it->depth++];
  scope->mark = arena_mark(&it->arena);
  scope->used = arena_used(&it->arena);
  scope->blocks = it->count;
  return true;
}

static bool release(void) {
  doing = "release";
  if (it->depth == 0) return false;
  close_children();
  it->depth = one_in(3) ? below(it->depth) : it->depth - 1;
  const struct scope *scope = &it->scopes[it->depth];
  drop_blocks(scope->blocks);
  arena_release(&it->arena, scope->mark);
  EXPECT(arena_used(&it->arena) == scope->used);
  EXPECT(it->arena.mark == (it->depth ? it->scopes[it->depth - 1].mark.position : 0));
  return true;
}

/* The chunk of the arena that the mark lies in. */
static const struct chunk *home_of(struct arena_mark mark) {
  const struct chunk *chunk = chunk_of(it->arena.start);
  uintptr_t cursor = it->arena.cursor;
  while (mark.position < chunk_start(chunk) || mark.position > cursor) {
    if (!chunk->next) break;
    chunk = chunk->next;
    cursor = chunk->cursor;
  }
  return chunk;
}

static bool promote(void) {
  doing = "promote";
  if (it->depth == 0 || it->count == 0) return false;
  size_t depth = one_in(2) ? it->depth - 1 : below(it->depth);
  const struct scope *scope = &it->scopes[depth];
  if (scope->blocks == it->count) return false;
  close_children();
  size_t index = scope->blocks + below(it->count - scope->blocks);
  struct block block = it->blocks[index];
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
      (uintptr_t)arena_promote(&it->arena, scope->mark, (void *)block.start, block.size, align);
  if (!start) {
    expect_unchanged(before);
    expect_promotion_refusal(before, scope->used, block.size, align);
    return true;
  }
  block.start = start;
  if (MODELLED || block.size == it->blocks[index].size) EXPECT(holds(&block, block.size));
  const struct arena *arena = &it->arena;
  bool at_home = arena->start == chunk_start(home);
  if (!at_home) {
    size_t left = arena->most - scope->used;
    bool fits = chunk_fits(home, align_up(from, align), block.size);
    FORETOLD(!fits || align_up(from, align) - from > left - block.size);
    from = arena->start;
  }
  FORETOLD(start == align_up(from, align));
  if (arena->zero) EXPECT(reads_zero(from, start - from));
  FORETOLD(arena_used(arena) == scope->used + (start - from) + block.size);
  FORETOLD(arena->mark == scope->mark.outer);
  it->depth = depth;
  it->count = scope->blocks; /* the promoted one lies over others of the scope */
  add(start, block.size, align);
  return true;
}

static void forget_blocks(void) {
  drop_blocks(0);
  it->depth = 0;
}

static bool reset(void) {
  doing = "reset";
  close_children();
  forget_blocks();
  size_t capacity = it->arena.capacity;
  arena_reset(&it->arena);
  EXPECT(arena_used(&it->arena) == 0 && it->arena.mark == 0);
  EXPECT(it->arena.capacity >= capacity);
  EXPECT(!has_chunk(&it->arena) || it->arena.cursor == it->arena.base);
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
  size_t most = before.arena.capacity - skipped(&it->arena);
  size_t wanted = smaller(larger(bytes, before.used), most);
  arena_trim(&it->arena, bytes);
  FORETOLD(arena_used(&it->arena) == before.used && it->arena.mark == before.arena.mark);
  FORETOLD(it->arena.capacity >= wanted && it->arena.capacity <= before.arena.capacity);
  if (before.used) FORETOLD(it->arena.base == before.arena.base);
  if (bytes == 0) FORETOLD(!it->arena.spare);
  return true;
}

/* Promoting may take a chunk first, which the arena then knows more about than the model. */
static void expect_high_water(void) {
  if (!MODELLED) return;
  size_t known = high_water(&it->arena);
  it->most_used = larger(it->most_used, arena_used(&it->arena));
  FORETOLD(doing[0] == 'p' ? known >= it->most_used : known == it->most_used);
  it->most_used = known;
}

static bool open(void) {
  size_t most = one_in(2) ? SIZE_MAX : below((size_t)1 << below(19));
  arena_init(&it->arena, it->on, most, one_in(2));
  it->most_used = 0;
  it->depth = 0;
  if (!one_in(3)) return true;
  size_t capacity = below(20000);
  bool reserved = arena_reserve(&it->arena, capacity);
  EXPECT(reserved == has_chunk(&it->arena));
  EXPECT(!reserved || it->arena.capacity >= capacity);
  return true;
}

static void step(void) {
  static bool (*const operations[])(void) = {
      alloc, alloc,  alloc,     alloc,     alloc,     alloc,   alloc,   alloc,
      alloc, alloc,  alloc,     move,      move,      move,    move,    resize,
      give,  resize, open_mark, open_mark, open_mark, release, release, promote,
      give,  trim,   promote,   promote,   reset,     alloc,   alloc,   alloc_zeroed};
  bool done = operations[some_operation(sizeof operations / sizeof *operations)]();
  if (!done && !alloc()) give();
  expect_high_water();
}

static void close(void) {
  forget_blocks();
  arena_free(&it->arena);
  FORETOLD(it->arena.high_water == it->most_used);
  EXPECT(!arena_alloc(&it->arena, 0, 1) && it->arena.capacity == 0);
  arena_free(&it->arena);
}

static void check_it(void) {
  const char *sentence = check_arena(&it->arena);
  if (sentence) program_fail(__FILE__, __LINE__, sentence);
}

static struct allocator *allocator(void) {
  return arena_allocator(&it->arena);
}

const struct behaviour arena_behaviour = {"arena", open, step, close, check_it, allocator};
