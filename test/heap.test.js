import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { Heap, Pool } from '../js/allocators.js';
import { moduleBytes as allocatorsBytes } from '../js/allocators_wasm.js';
import { moduleBytes as arenaBytes } from '../js/wasm.js';
import {
  ALIGNMENTS,
  KIB,
  MIB,
  PAGE,
  assertFilled,
  fill,
  newArena,
  newMemory,
  random,
} from './arenas.js';
import {
  GROUNDS,
  changesNothing,
  keep,
  refusesBadAligns,
  refusesBadOffsets,
  refusesBadSizes,
  see,
  writesNothing,
} from './family.js';
import {
  throwsArgument,
  throwsBounds,
  throwsCode,
  throwsFreed,
  throwsOutOfMemory,
} from './expect.js';
import { OUTSIDE, otherModule } from './outsider.js';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

const newHeap = (options) => keep(new Heap(options));

/** A heap in a memory of its own. */
const alone = (options, memoryOptions) => newHeap({ memory: newMemory(memoryOptions), ...options });

/** Blocks of so many bytes each, filled. */
function take(heap, sizes) {
  return sizes.map((size, id) => {
    const ptr = heap.alloc(size);
    fill(heap.memory, ptr, size, id);
    return ptr;
  });
}

for (const [ground, make] of Object.entries(GROUNDS)) {
  describe(`a heap on ${ground}`, () => {
    const onGround = (options) => newHeap({ ...make(newMemory()), ...options });

    it('keeps what is in its blocks, freed in any order', () => {
      const heap = onGround();
      const sizes = Array.from({ length: 100 }, (_, i) => i * 3);
      const blocks = take(heap, sizes);
      heap.check();
      assert.equal(heap.blocks, 100);
      for (const i of Array.from({ length: 100 }, (_, n) => (n * 37) % 100)) {
        assertFilled(heap.memory, blocks[i], sizes[i], i);
        heap.free(blocks[i]);
        heap.check();
      }
      assert.deepEqual([heap.blocks, heap.live, heap.held], [0, 0, 0]);
    });

    it('changes the size of blocks', () => {
      const heap = onGround();
      let ptr = heap.realloc(0, 10);
      fill(heap.memory, ptr, 10, 5);
      const wall = heap.alloc(10);
      for (const size of [100, 1000, 20, 20_000, 10]) {
        ptr = heap.realloc(ptr, size);
        assertFilled(heap.memory, ptr, 10, 5);
        assert.ok(heap.sizeOf(ptr) >= size);
        heap.check();
      }
      heap.free(wall);
      heap.free(ptr);
      assert.equal(heap.held, 0);
    });

    it('gives its regions back when it is disposed of', () => {
      const { memory, on } = make(newMemory());
      const options = on ? { on } : { memory };
      const [a, b] = [1, 2].map(() => {
        const heap = newHeap(options);
        const first = heap.alloc(500);
        heap.dispose();
        return first;
      });
      assert.equal(b, a);
    });
  });
}

describe('heap.alloc', () => {
  it('aligns to 8 where nothing else is said, and to each alignment', () => {
    const heap = alone();
    for (let size = 0; size < 40; size++) assert.equal(heap.alloc(size) % 8, 0);
    for (const align of ALIGNMENTS) {
      const ptr = heap.alloc(5, align);
      assert.equal(ptr % align, 0);
      assert.equal(heap.tryAlloc(100, align) % align, 0);
      heap.check();
      assert.ok(heap.sizeOf(ptr) >= 5);
    }
    const blocks = ALIGNMENTS.map((align) => heap.alloc(3, align));
    for (const ptr of blocks) heap.free(ptr);
    heap.check();
  });

  it('gives 0 bytes a place of their own, which is freed as any', () => {
    const heap = alone();
    const blocks = Array.from({ length: 50 }, () => heap.alloc(0));
    assert.equal(new Set(blocks).size, 50);
    assert.equal(heap.blocks, 50);
    assert.equal(heap.view(Uint8Array, blocks[0], 0).length, 0);
    for (const ptr of blocks) heap.free(ptr);
    assert.equal(heap.held, 0);
  });

  it('overlaps no other block', () => {
    const heap = alone();
    const next = random(7);
    const sizes = Array.from({ length: 300 }, () => Math.floor(next() ** 3 * 3000));
    const blocks = take(heap, sizes);
    blocks.forEach((ptr, id) => assertFilled(heap.memory, ptr, sizes[id], id));
    const order = blocks.map((ptr, id) => [ptr, sizes[id]]).sort((a, b) => a[0] - b[0]);
    order.forEach(([ptr, size], i) => assert.ok(ptr + size <= (order[i + 1]?.[0] ?? Infinity)));
  });

  it('takes a block that was freed before it takes memory', () => {
    const heap = alone();
    const [, b] = take(heap, [100, 200, 300]);
    const { held } = heap;
    heap.free(b);
    assert.equal(heap.alloc(200), b);
    assert.equal(heap.held, held);
  });

  it('takes large blocks where the reserve is small', () => {
    const heap = alone({}, { reserve: PAGE });
    const size = 40 * MIB;
    const ptr = heap.alloc(size);
    heap.memory.u8.fill(0xab, ptr, ptr + size);
    const small = heap.alloc(100);
    fill(heap.memory, small, 100, 3);
    const moved = heap.realloc(ptr, 50 * MIB);
    assert.equal(heap.memory.u8[moved + size - 1], 0xab);
    assertFilled(heap.memory, small, 100, 3);
    heap.check();
    assert.ok(heap.held < 95 * MIB);
    heap.free(moved);
    heap.check();
    assert.ok(heap.held < 41 * MIB, 'a large tail goes back at once');
    heap.free(small);
    assert.equal(heap.memory.stats().live, 0);
  });

  it('refuses what memory does not have, and stays as it was', () => {
    const heap = alone({ label: 'small' }, { reserve: PAGE, maximum: 3 * PAGE });
    const sizes = [];
    const blocks = [];
    for (let ptr; (ptr = heap.tryAlloc(1000)); blocks.push(ptr), sizes.push(1000)) {
      fill(heap.memory, ptr, 1000, blocks.length);
    }
    assert.ok(blocks.length > 180, `${blocks.length} blocks`);
    changesNothing([heap], () => {
      for (const size of [1000, MIB, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2 ** 18]) {
        assert.equal(heap.tryAlloc(size), 0);
        assert.equal(heap.tryAlloc(size, 65536), 0);
        const error = throwsOutOfMemory(() => heap.alloc(size));
        assert.match(
          error.message,
          new RegExp(`no ${size} bytes in Heap 'small'; refused by the mem`),
        );
        throwsOutOfMemory(() => heap.realloc(blocks[3], size + 100 > 2 ** 32 ? size : size + 100));
      }
      heap.check();
    });
    blocks.forEach((ptr, i) => assertFilled(heap.memory, ptr, 1000, i));
    heap.free(blocks[9]);
    assert.equal(heap.alloc(1000), blocks[9]);
  });

  it('names what it is on where that refuses', () => {
    const arena = newArena({ memory: newMemory(), limit: 5000 });
    const heap = newHeap({ on: arena });
    while (heap.tryAlloc(100));
    assert.ok(heap.blocks > 30);
    for (const size of [100, 2 ** 32 - 1]) {
      assert.match(throwsOutOfMemory(() => heap.alloc(size)).message, /refused by what it is on$/);
    }
    heap.check();
  });
});

describe('heap.realloc', () => {
  it('grows in place into what was freed behind the block', () => {
    const heap = alone();
    const [a, b, c] = take(heap, [100, 500, 100]);
    heap.free(b);
    assert.equal(heap.realloc(a, 400), a);
    assertFilled(heap.memory, a, 100, 0);
    assertFilled(heap.memory, c, 100, 2);
    heap.check();
  });

  it('grows the last block in place, past the end of its region', () => {
    const heap = alone();
    const ptr = heap.alloc(100);
    for (let size = 200; size < MIB; size *= 2) assert.equal(heap.realloc(ptr, size), ptr);
    heap.check();
  });

  it('shrinks in place, and frees the tail', () => {
    const heap = alone();
    const [a, b] = take(heap, [1000, 100]);
    const { live } = heap;
    assert.equal(heap.realloc(a, 100), a);
    assert.ok(heap.live <= live - 880);
    assertFilled(heap.memory, a, 100, 0);
    const between = heap.alloc(800);
    assert.ok(between > a && between < b);
    heap.check();
  });

  it('moves a block that has no room, and frees the old place', () => {
    const heap = alone();
    const [a, b] = take(heap, [100, 100]);
    const moved = heap.realloc(a, 5000);
    assert.notEqual(moved, a);
    assertFilled(heap.memory, moved, 100, 0);
    assertFilled(heap.memory, b, 100, 1);
    throwsBounds(() => heap.free(a));
    assert.equal(heap.blocks, 2);
    assert.equal(heap.alloc(100), a);
  });

  it('moves a block that is not aligned as it should be', () => {
    const heap = alone();
    const blocks = take(heap, [24, 24, 24]);
    const ptr = blocks.find((each) => each % 64);
    const moved = heap.realloc(ptr, 20, 64);
    assert.equal(moved % 64, 0);
    assertFilled(heap.memory, moved, 20, blocks.indexOf(ptr));
    assert.equal(heap.realloc(moved, 22, 64), moved);
    heap.check();
  });

  it('of 0 allocates, and to 0 bytes keeps a block', () => {
    const heap = alone();
    const ptr = heap.realloc(0, 100, 32);
    assert.equal(ptr % 32, 0);
    assert.equal(heap.realloc(ptr, 0), ptr);
    assert.equal(heap.blocks, 1);
    heap.free(heap.realloc(-0, 5));
    heap.free(ptr);
    assert.equal(heap.held, 0);
  });

  it('keeps the contents across a growth of the memory', () => {
    const heap = alone({}, { reserve: PAGE });
    let ptr = heap.alloc(1000);
    fill(heap.memory, ptr, 1000, 9);
    const wall = heap.alloc(8);
    ptr = heap.realloc(ptr, 10 * PAGE);
    assert.ok(heap.memory.generation > 0);
    assertFilled(heap.memory, ptr, 1000, 9);
    fill(heap.memory, ptr, 10 * PAGE, 2);
    heap.free(wall);
    heap.check();
  });
});

describe('heap.sizeOf', () => {
  it('says what a block may use, and nobody else does', () => {
    const heap = alone();
    const sizes = [0, 1, 8, 24, 25, 100, 1000];
    const blocks = take(heap, sizes);
    blocks.forEach((ptr, id) => {
      const usable = heap.sizeOf(ptr);
      assert.ok(usable >= Math.max(1, sizes[id]) && usable < sizes[id] + 48);
      fill(heap.memory, ptr, usable, id);
    });
    heap.check();
    blocks.forEach((ptr, id) => assertFilled(heap.memory, ptr, heap.sizeOf(ptr), id));
  });
});

describe('a view on a heap', () => {
  it('is on a block, as far as that may be used', () => {
    const heap = alone();
    const [a, b] = take(heap, [100, 64]);
    assert.equal(heap.view(Float32Array, a, 25).byteOffset, a);
    assert.equal(heap.view(DataView, b, 64).byteLength, 64);
    assert.equal(heap.view(Uint8Array, a, heap.sizeOf(a)).length, heap.sizeOf(a));
    throwsBounds(() => heap.view(Uint8Array, a, heap.sizeOf(a) + 1));
    throwsBounds(() => heap.view(Uint8Array, a + 8, 1));
    throwsArgument(() => heap.view(Array, a, 1));
    assert.equal(heap.owns(a, heap.sizeOf(a)), true);
    assert.equal(heap.owns(a, heap.sizeOf(a) + 1), false);
  });

  it('needs an offset that its elements have', () => {
    const heap = alone();
    const a = heap.alloc(100);
    heap._holds = () => true; /* a heap aligns all blocks to 8 */
    throwsCode(() => heap.view(Float64Array, a + 4, 1), 'ERR_ARENA_ALIGNMENT', RangeError);
  });
});

describe('a heap frees its blocks and nothing else:', () => {
  /** Everything that takes a block. */
  const CALLS = {
    free: (heap, ptr) => heap.free(ptr),
    realloc: (heap, ptr) => heap.realloc(ptr, 50),
    'realloc, shrinking': (heap, ptr) => heap.realloc(ptr, 1),
    sizeOf: (heap, ptr) => heap.sizeOf(ptr),
    view: (heap, ptr) => heap.view(Uint8Array, ptr, 1),
  };

  const refuses = (heap, ptr) => {
    assert.equal(heap.owns(ptr), false);
    for (const [name, call] of Object.entries(CALLS)) {
      changesNothing([heap], () => {
        writesNothing(heap.memory, () => throwsBounds(() => call(heap, ptr), `${name} at ${ptr}`));
      });
    }
    heap.check();
  };

  it('a double free is told, whatever was merged', () => {
    const heap = alone();
    const [a, b, c, d] = take(heap, [100, 100, 100, 100]);
    for (const ptr of [b, c]) {
      heap.free(ptr);
      refuses(heap, ptr);
    }
    heap.free(a);
    for (const ptr of [a, b, c]) refuses(heap, ptr);
    assert.match(
      throwsBounds(() => heap.free(b)).message,
      new RegExp(`^no block of Heap has 0 bytes at ${b}$`),
    );
    heap.free(d);
    for (const ptr of [a, b, c, d]) refuses(heap, ptr);
  });

  it('a block that merged is none, whatever a later block writes over the start of its header', () => {
    const heap = alone();
    const [a, b] = take(heap, [100, 100, 100]);
    heap.free(a);
    heap.free(b);
    for (let bytes = 1; bytes < 8; bytes++) {
      const start = b - 8;
      const cover = heap.alloc(start - a + bytes);
      assert.equal(cover, a);
      for (let byte = 0; byte < 256; byte++) {
        heap.memory.u8[start + bytes - 1] = byte;
        assert.equal(heap.owns(b), false, `${byte} as byte ${bytes}`);
      }
      heap.free(cover);
    }
  });

  it('offsets inside of blocks, and between them, are told', () => {
    const heap = alone();
    const [a, b] = take(heap, [64, 64]);
    for (let ptr = a - 24; ptr < b + 64; ptr += 1 + (ptr % 3)) {
      if (ptr !== a && ptr !== b) refuses(heap, ptr);
    }
  });

  it('what belongs to others is told', () => {
    const heap = alone();
    const { memory } = heap;
    take(heap, [100, 100]);
    for (const ptr of [
      newHeap({ memory }).alloc(100),
      newArena({ memory }).alloc(100),
      keep(new Pool({ memory, size: 100 })).alloc(),
    ]) {
      refuses(heap, ptr);
    }
  });

  it('a header copied to another place is told', () => {
    const heap = alone();
    const [a, b] = take(heap, [100, 200]);
    heap.memory.u8.copyWithin(b + 32, a - 8, a);
    refuses(heap, b + 40);
  });

  it('what is no offset is told', () => {
    const heap = alone();
    const [a] = take(heap, [100]);
    for (const call of Object.values(CALLS)) {
      const near = [a + 0.5, a + 2 ** 32, -a, 4, 8, 16, heap.memory.stats().size];
      changesNothing([heap], () => refusesBadOffsets((ptr) => call(heap, ptr), near));
    }
    throwsBounds(() => heap.free(0));
    throwsBounds(() => heap.sizeOf(0));
    for (const value of [8n, '8', {}]) throwsArgument(() => heap.owns(value));
    for (const value of [NaN, a + 0.5, -1, 2 ** 32 + a]) assert.equal(heap.owns(value), false);
    assert.equal(heap.owns(a), true);
  });

  it('an empty heap has nothing to free', () => {
    const heap = alone();
    for (const ptr of [1, 8, 16, 4096, 2 ** 32 - 8]) refuses(heap, ptr);
  });
});

describe('what was written over a heap', () => {
  /** Three blocks, the one in the middle free; and an end. */
  const used = () => {
    const heap = alone({ label: 'h' });
    const [a, b, c, d] = take(heap, [96, 96, 96, 96]);
    heap.free(b);
    return { heap, a, b, c, d };
  };
  /** Writes over a word, and puts back what was there. */
  const spoiled = ({ memory }, at, fn) => {
    for (const value of [
      0,
      0xffffffff,
      0x01010101,
      memory.u32[at / 4] ^ 1,
      memory.u32[at / 4] + 16,
    ]) {
      const before = memory.u32[at / 4];
      if (value === before) continue;
      memory.u32[at / 4] = value;
      fn();
      memory.u32[at / 4] = before;
    }
  };

  it('is found by check(), whatever word of a header it is', () => {
    const { heap, a, b, c, d } = used();
    for (const ptr of [a, b, c, d]) {
      for (const at of [ptr - 8, ptr - 4]) {
        spoiled(heap, at, () => {
          const error = throwsBounds(() => heap.check());
          assert.match(error.message, /^Heap 'h': a header was overwritten$/);
        });
      }
    }
    heap.check();
  });

  it('is found by check() in what a free block has', () => {
    const { heap, b, c } = used();
    for (const at of [b, b + 4]) {
      spoiled(heap, at, () => throwsBounds(() => heap.check()));
    }
    spoiled(heap, c - 12, () => {
      assert.match(throwsBounds(() => heap.check()).message, /a block and its neighbour do not/);
    });
    heap.check();
  });

  it('is found by check() in the counters, the lists and the regions', () => {
    const { heap } = used();
    const header = heap._address;
    const { u32 } = heap.memory;
    for (const [word, message] of [
      [0, /the list of its regions does not hold together/],
      [1, /it has lost count of its blocks/],
      [2, /it has lost count of its blocks/],
      [9, /a list of free blocks does not hold together/],
    ]) {
      u32[header / 4 + word] ^= 16;
      assert.match(throwsBounds(() => heap.check()).message, message);
      u32[header / 4 + word] ^= 16;
    }
    heap.check();
  });

  it('in the header of the block itself makes it none', () => {
    const { heap, a } = used();
    for (const at of [a - 8, a - 4]) {
      spoiled(heap, at, () => {
        assert.equal(heap.owns(a), false);
        for (const call of [
          () => heap.free(a),
          () => heap.realloc(a, 10),
          () => heap.realloc(a, 1000),
          () => heap.sizeOf(a),
          () => heap.view(Uint8Array, a, 1),
        ]) {
          writesNothing(heap.memory, () => throwsBounds(call));
        }
      });
    }
    heap.free(a);
    heap.check();
  });

  it('beside a block is told, and not followed', () => {
    const { heap, a, b, c } = used();
    for (const [ptr, words] of [
      [a, [b - 8, b - 4, b, b + 4]],
      [c, [b - 8, b - 4, b, b + 4, c - 12]],
    ]) {
      for (const at of words) {
        spoiled(heap, at, () => {
          assert.equal(heap.owns(ptr), true, 'the block itself is one');
          writesNothing(heap.memory, () => {
            const error = throwsBounds(() => heap.free(ptr));
            assert.match(
              error.message,
              new RegExp(`beside the block at ${ptr} of Heap 'h' was over`),
            );
            throwsBounds(() => heap.realloc(ptr, 500), 'realloc, growing');
            throwsBounds(() => heap.realloc(ptr, 1), 'realloc, shrinking');
          });
        });
      }
    }
    heap.free(a);
    heap.free(c);
    heap.check();
  });

  it('where a block is to be taken is told, and not followed', () => {
    const { heap, b } = used();
    for (const at of [b - 8, b - 4, b, b + 4]) {
      spoiled(heap, at, () => {
        writesNothing(heap.memory, () => {
          assert.equal(heap.tryAlloc(90), 0);
          throwsBounds(() => heap.alloc(90));
        });
      });
    }
    assert.equal(heap.alloc(90), b);
  });

  it('right of a block that is taken is told when its turn comes', () => {
    const { heap, c } = used();
    heap.memory.u32[c / 4 - 2] ^= 64;
    heap.tryAlloc(90);
    throwsBounds(() => heap.free(c));
    throwsBounds(() => heap.check());
    assert.equal(heap.owns(c), false);
  });

  it('by an overrun of one block is told when that or the next is freed', () => {
    const { heap, c, d } = used();
    heap.memory.u8.fill(0x55, c, c + heap.sizeOf(c) + 4);
    writesNothing(heap.memory, () => {
      throwsBounds(() => heap.free(c));
      throwsBounds(() => heap.free(d));
      throwsBounds(() => heap.check());
    });
  });
});

describe('heap.reset', () => {
  it('frees all blocks, and gives all regions back', () => {
    const heap = alone();
    for (let i = 0; i < 3; i++) {
      const [a, b] = take(heap, [100, 3 * PAGE]);
      heap.reset();
      assert.deepEqual([heap.blocks, heap.live, heap.held], [0, 0, 0]);
      assert.equal(heap.memory.stats().live, 0);
      throwsBounds(() => heap.free(a));
      throwsBounds(() => heap.sizeOf(b));
      heap.check();
    }
  });

  it('makes old headers void, also where they are inside of a new block', () => {
    const heap = alone();
    const [, a] = take(heap, [100, 100]);
    const header = heap.memory.u8.slice(a - 8, a);
    heap.reset();
    const [block] = take(heap, [4000]);
    assert.ok(block < a);
    heap.memory.u8.set(header, a - 8);
    assert.equal(heap.owns(a), false);
    throwsBounds(() => heap.free(a));
    heap.check();
  });
});

describe('a heap in the place of one that was disposed of', () => {
  for (const [name, dispose] of [
    ['before its parent', (heap) => heap.dispose()],
    ['with its parent', () => {}],
  ]) {
    it(`${name} refuses the blocks of that one, whatever is left of them`, () => {
      const memory = newMemory();
      const parent = newArena({ memory });
      const old = newHeap({ on: parent });
      const stale = take(old, [100, 100, 100]);
      const header = old._address;
      dispose(old);
      parent.free();
      const heap = newHeap({ memory });
      assert.equal(heap._address, header);
      const [block] = take(heap, [16]);
      assert.ok(block <= stale[0], 'it is where the old one was');
      for (const ptr of stale.slice(1)) throwsBounds(() => heap.free(ptr));
      heap.check();
    });
  }
});

describe('a heap in a memory', () => {
  it('gives regions back as they become empty', () => {
    const memory = newMemory();
    const heap = newHeap({ memory });
    const walls = [];
    const blocks = Array.from({ length: 10 }, () => {
      const ptr = heap.alloc(5000);
      walls.push(newArena({ memory, capacity: 16 }));
      return ptr;
    });
    for (const arena of walls) arena.free();
    let { held } = heap;
    for (const ptr of blocks) {
      heap.free(ptr);
      assert.ok(heap.held < held || heap.held >= 4096);
      ({ held } = heap);
    }
    assert.equal(held, 0);
    assert.deepEqual([memory.stats().live, memory.stats().arenas], [0, 1]);
  });

  it('lives among arenas, each with its contents', () => {
    const memory = newMemory({ reserve: PAGE });
    const heap = newHeap({ memory });
    const arenas = [newArena({ memory }), newArena({ memory, zero: true })];
    const next = random(3);
    let blocks = [];
    for (let i = 1; i < 2000; i++) {
      const size = Math.floor(next() ** 3 * 3000);
      const owner = [heap, heap, ...arenas][i % 4];
      const ptr = owner.alloc(size);
      fill(memory, ptr, size, i);
      blocks.push({ owner, ptr, size, id: i });
      if (next() < 0.3) {
        const at = Math.floor(next() * blocks.length);
        const block = blocks[at];
        if (block.owner === heap) {
          assertFilled(memory, block.ptr, block.size, block.id);
          heap.free(block.ptr);
          blocks.splice(at, 1);
        }
      }
      if (i % 300 === 0) {
        for (const block of blocks) assertFilled(memory, block.ptr, block.size, block.id);
        arenas[i % 2].reset();
        blocks = blocks.filter(({ owner }) => owner !== arenas[i % 2]);
        heap.check();
      }
    }
    for (const { ptr, size, id } of blocks) assertFilled(memory, ptr, size, id);
  });

  it('counts as one allocator, its header as none of its bytes', () => {
    const memory = newMemory();
    const heap = newHeap({ memory });
    assert.deepEqual([memory.stats().arenas, memory.stats().live], [1, 0]);
    heap.alloc(100);
    assert.equal(memory.stats().live, heap.held);
    heap.dispose();
    assert.deepEqual([memory.stats().arenas, memory.stats().live], [0, 0]);
  });

  it('is in the default memory where none is named', () => {
    const heap = newHeap();
    const arena = newArena();
    assert.equal(heap.memory, arena.memory);
    heap.free(heap.alloc(10));
  });
});

describe('heaps take', () => {
  it('sizes and alignments, and nothing else', () => {
    const heap = alone();
    const ptr = heap.alloc(10);
    changesNothing([heap], () => {
      refusesBadSizes((size) => heap.alloc(size));
      refusesBadSizes((size) => heap.alloc(size, 64));
      refusesBadSizes((size) => heap.tryAlloc(size));
      refusesBadSizes((size) => heap.realloc(ptr, size));
      refusesBadSizes((size) => heap.realloc(0, size));
      refusesBadSizes((size) => heap.view(Uint8Array, ptr, size));
      refusesBadSizes((size) => heap.owns(ptr, size));
      refusesBadAligns((align) => heap.alloc(8, align));
      refusesBadAligns((align) => heap.tryAlloc(0, align));
      refusesBadAligns((align) => heap.realloc(ptr, 8, align));
      refusesBadAligns((align) => heap.realloc(0, 8, align));
    });
  });

  it('options, and nothing else', () => {
    for (const options of [null, 8, 'x', true]) throwsArgument(() => new Heap(options));
    const memory = newMemory();
    for (const wrong of [null, {}, 8, 'x']) {
      throwsArgument(() => new Heap({ memory: wrong }));
      throwsArgument(() => new Heap({ memory, on: wrong }));
    }
    throwsArgument(() => new Heap({ memory, label: {} }));
    throwsArgument(() => new Heap({ memory, module: {} }));
    assert.equal(memory.stats().arenas, 0);
    keep(new Heap({ memory }));
  });
});

describe('the `module` of a heap', () => {
  it('is that of the allocators', () => {
    const memory = newMemory();
    const heap = newHeap({ memory, module: new WebAssembly.Module(allocatorsBytes()) });
    heap.free(heap.alloc(100));
    keep(new Pool({ memory, size: 8 })).alloc();
  });

  it('is no other, and the memory is as it was', () => {
    const memory = newMemory();
    const arena = newArena({ memory });
    fill(memory, arena.alloc(100), 100, 3);
    writesNothing(memory, () => {
      for (const module of [new WebAssembly.Module(arenaBytes()), otherModule(), {}, null, 'x']) {
        throwsArgument(() => new Heap({ memory, module }));
      }
    });
    newHeap({ memory }).alloc(100);
    assertFilled(memory, arena.base, 100, 3);
  });
});

describe('a disposed heap', () => {
  it('throws whatever is asked of it, and has nothing', () => {
    const heap = alone({ label: 'old' });
    const [ptr] = take(heap, [10]);
    heap.dispose();
    for (const call of [
      () => heap.alloc(8),
      () => heap.alloc(0),
      () => heap.tryAlloc(8),
      () => heap.free(ptr),
      () => heap.free(0),
      () => heap.realloc(ptr, 8),
      () => heap.realloc(0, 8),
      () => heap.sizeOf(ptr),
      () => heap.view(Uint8Array, ptr, 1),
      () => heap.check(),
      () => heap.reset(),
      () => new Arena({ on: heap }),
      () => new Heap({ on: heap }),
    ]) {
      assert.match(throwsFreed(call).message, /Heap 'old' was disposed of/);
    }
    assert.equal(heap.owns(ptr), false);
    assert.deepEqual([heap.blocks, heap.live, heap.held], [0, 0, 0]);
    assert.equal(heap[INSPECT](), "Heap 'old' { disposed }");
    const before = heap.memory.stats();
    heap.dispose();
    assert.deepEqual(heap.memory.stats(), before);
  });

  if (Symbol.dispose) {
    it('is one whose [Symbol.dispose]() was called', () => {
      const heap = alone();
      heap[Symbol.dispose]();
      throwsFreed(() => heap.alloc(1));
    });
  }
});

describe('util.inspect of a heap', () => {
  it('says what it has', () => {
    const heap = alone({ label: 'cache' });
    heap.alloc(1000);
    const text = heap[INSPECT]();
    assert.match(text, /^Heap 'cache' \{ blocks: 1, live: 1008 B, held: \d+(\.\d)? KiB \}$/);
    assert.equal(alone()[INSPECT](), 'Heap { blocks: 0, live: 0 B, held: 0 B }');
  });
});

describe('a heap in a memory that grows', () => {
  for (const [how, grow] of Object.entries(OUTSIDE)) {
    it(`does as without a growth, by ${how}`, () => {
      for (const act of [
        (it, ptr) => it.alloc(16) - ptr,
        (it, ptr) => it.tryAlloc(16, 64) - ptr,
        (it, ptr) => it.free(ptr),
        (it, ptr) => it.free(ptr + 1) ?? 0,
        (it, ptr) => it.realloc(ptr, 100) - ptr,
        (it, ptr) => it.sizeOf(ptr),
        (it, ptr) => it.owns(ptr, 40),
        (it, ptr) => it.view(Uint8Array, ptr, 40)[39],
        (it) => it.check(),
        (it) => it.reset(),
        (it) => it.dispose(),
        (it) => it[INSPECT](),
        (it) => it.tryAlloc(3 * PAGE) > 0,
      ]) {
        const [grown, still] = [true, false].map((grows) => {
          const heap = alone();
          const ptr = heap.alloc(40);
          fill(heap.memory, ptr, 40, 7);
          if (grows) grow(heap.memory, 2);
          let result;
          try {
            result = act(heap, ptr);
          } catch (error) {
            result = error.code;
          }
          return [result, see(heap)];
        });
        assert.deepEqual(grown, still, String(act));
      }
    });
  }

  it('lets onGrow hear of it before the call that made it grow is over', () => {
    let heard = 0;
    const memory = newMemory({ reserve: PAGE, onGrow: () => heard++ });
    const heap = newHeap({ memory });
    const wall = () => newArena({ memory, capacity: 16 });
    let ptr = heap.alloc(PAGE);
    assert.equal(heard, 1);
    wall();
    ptr = heap.realloc(ptr, 20 * PAGE);
    assert.equal(heard, 2);
    wall();
    heap.tryAlloc(100 * PAGE);
    assert.equal(heard, 3);
    OUTSIDE['WebAssembly.Memory.prototype.grow'](memory, 1);
    heap.sizeOf(ptr);
    assert.equal(heard, 4);
  });

  it('has regions on both sides of what an outsider took', () => {
    const heap = alone({}, { reserve: PAGE });
    const [a] = take(heap, [1000]);
    OUTSIDE['memory.wasmMemory.grow'](heap.memory, 1);
    const [b] = take(heap, [3 * PAGE]);
    assertFilled(heap.memory, a, 1000, 0);
    heap.check();
    heap.free(a);
    heap.free(b);
    heap.check();
    assert.ok(4 * KIB > heap.held);
  });
});
