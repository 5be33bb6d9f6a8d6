/*
 * A heap: blocks of any size, each freed when its time comes, for what outlives a frame or a
 * request. It lives in the same memory as the arenas, beside them.
 *
 *   a region, which is a chunk:
 *   | chunk's header | header | payload | header | free ....... size | header | payload | fence |
 *                    ^ a multiple of 16
 *
 * Good fit in constant time, as in Masmano, Ripoll, Crespo and Real, "TLSF: a new dynamic memory
 * allocator for real-time systems" (ECRTS 2004). Taken from there: free blocks in lists by size
 * class, classes that split each power of two evenly, bitmaps of two levels that find the first
 * class with a block in it, and merging at once. Different here: the classes are numbered through,
 * so that the first level's bits stand for words of the second and not for powers of two; a few
 * blocks of a request's own class are looked at before the next bigger class is; and a block knows
 * its left neighbour by that one's last word where it is free (chunk.h does so too), which leaves
 * the second word of the header to a check.
 *
 * Assumptions
 *   - Alignments are powers of two from 1 to 65,536; sizes may be anything.
 *   - One thread at a time uses the heaps of one memory.
 *   - Between the lowest and the highest region every byte can be read.
 * Invariants
 *   - No two free blocks touch, and each is in the list of its class.
 *   - A check word is right for where its block is, what its first word says, and, in a free
 *     block, for its links. No header is believed before its check word was compared: a second
 *     free, a foreign or made-up address and an overwritten header are told, but for one in 2^32
 *     (natively 2^64), and nothing is changed then.
 *   - A region with no used block in it goes back at once, and so does a long free tail.
 * Debugging
 *   - heap_check walks everything and says which invariant is broken.
 */
#ifndef WASM_ARENA_HEAP_H
#define WASM_ARENA_HEAP_H

#include <limits.h>

#include "allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks begin and end at multiples of this; also the size of a used block's header. */
#define HEAP_GRANULE (2 * sizeof(size_t))

/*
 * 2 to the power of this are the classes of one power of two. With 3, 4 and 5, and one look at a
 * class, a free and an alloc among the blocks that heap.c speaks of took 189, 178 and 170 ns, and
 * 83.6, 82.8 and 82.4 MiB were held; 6 would double the header.
 */
#define HEAP_SPLIT 5

/* Classes for all sizes that a size_t can tell, a bit each, in words of so many bits. */
#define HEAP_WORD (CHAR_BIT * sizeof(size_t))
#define HEAP_WORDS (((HEAP_WORD - HEAP_SPLIT) << HEAP_SPLIT) / HEAP_WORD)
#define HEAP_CLASSES (HEAP_WORDS * HEAP_WORD)

struct chunk;

struct heap_block {
  size_t tag;                /* bytes, header included, and two flags in the low bits; see heap.c */
  size_t check;              /* right for this block only; see heap.c */
  union {                    /* from here on the payload of a used block */
    struct heap_block *next; /* free: the next one in its class */
    struct chunk *region;    /* fence: the region that it closes */
  };
  struct heap_block *previous; /* free: the one before it in its class; NULL in the first */
};

/* A heap's header. Whoever shows its counters may read the first three words. */
struct heap {
  size_t held;                /* bytes in regions, headers included */
  size_t live;                /* bytes in used blocks, headers included */
  size_t blocks;              /* used blocks */
  struct allocator *on;       /* where regions come from */
  struct allocator allocator; /* see heap_allocator */
  size_t key;                 /* makes check words this heap's, and void after a reset */
  uintptr_t lowest;           /* where the first region that it ever had begins */
  uintptr_t highest;          /* where the last one ends */
  struct chunk *regions;      /* newest first */
  size_t words;               /* bit n: bits[n] is not 0 */
  size_t bits[HEAP_WORDS];    /* bit n of them all: class n has a block */
  struct heap_block *classes[HEAP_CLASSES];
};

/* What heap_check finds; the first one met. */
enum heap_fault {
  HEAP_SOUND = 0,
  HEAP_REGION = 1,    /* the regions' list, bounds or count of bytes do not hold together */
  HEAP_HEADER = 2,    /* a header's check word is not right */
  HEAP_SIZE = 3,      /* a block is smaller than the least, or reaches out of its region */
  HEAP_NEIGHBOUR = 4, /* a block is wrong about its left one, or two free ones touch */
  HEAP_LIST = 5,      /* a free block is not in the list of its class, or a list is broken */
  HEAP_COUNT = 6      /* the counters of used blocks or bytes are wrong */
};

/*
 * Begins a heap that takes its regions from `on` when it first needs one. To begin anew there is
 * heap_reset: a second heap_init of the same struct could take headers from before for its blocks.
 */
void heap_init(struct heap *heap, struct allocator *on);

/*
 * A block of `size` bytes at a multiple of `align`, uninitialised. 0 bytes give a valid address
 * that no other block has. NULL: memory is out, or the free block that it needs was overwritten;
 * the heap is as it was.
 */
void *heap_alloc(struct heap *heap, size_t size, size_t align);

/*
 * Frees a block. False: this is none of the heap's used blocks, or a header beside it was
 * overwritten; the heap is as it was. On a backing that unmaps what it gets back, a stale address
 * may lie in such a hole between two regions, and is read: wasm has no such holes.
 */
bool heap_free(struct heap *heap, void *block);

/*
 * Changes a block's size where it is: growing takes from a free right neighbour, and from what
 * follows the region; shrinking gives the tail back where that is worth a block.
 * False: it can't be done there, or as in heap_free; the block is as it was.
 */
bool heap_resize(struct heap *heap, void *block, size_t size);

/*
 * Changes a block's size, where it is if it can stay there and is at a multiple of `align`. NULL: a
 * new block. Shrinking fails only as heap_free does.
 * NULL: memory is out, or as in heap_free; the old block is intact.
 */
void *heap_realloc(struct heap *heap, void *block, size_t size, size_t align);

/* Bytes that the block may use: at least as many as were asked for, and 1. 0: no used block. */
size_t heap_size(const struct heap *heap, const void *block);

/* Whether `block` is a used block and has `size` bytes. */
bool heap_holds(const struct heap *heap, const void *block, size_t size);

/*
 * Frees all blocks and gives all regions back; whatever pointed into them is told from then on.
 * The heap can be used again. Never fails.
 */
void heap_reset(struct heap *heap);

/* Walks all regions and lists. HEAP_SOUND, or the first broken invariant. */
enum heap_fault heap_check(const struct heap *heap);

/* The heap as an allocator. A free that heap_free refuses does nothing there. Never fails. */
struct allocator *heap_allocator(struct heap *heap);

#ifdef __cplusplus
}
#endif
#endif
