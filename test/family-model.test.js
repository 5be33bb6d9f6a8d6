import assert from 'node:assert/strict';
import { Arena } from '../js/index.js';
import { FixedBuffer, Heap, Pool, track } from '../js/allocators.js';
import { KIB, MIB, PAGE, newMemory, random, up } from './arenas.js';
import { give, isGone } from './family.js';

/*
 * Random programs against models that know what the contract says and nothing of how it is done: a
 * million operations for each allocator. FAMILY_SEED repeats a run, FAMILY_STEPS makes it longer.
 */
const environment = globalThis.process?.env ?? {};
const seed = Number(environment.FAMILY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const steps = Number(environment.FAMILY_STEPS ?? 1_000_000);

/** What an allocator stands on: how to make it, in a memory of its own. */
const GROUNDS = [
  () => ({ memory: newMemory({ reserve: PAGE, maximum: 64 * MIB }) }),
  () => ({ memory: newMemory({ reserve: 2 * PAGE, maximum: 2 * PAGE }) }),
  () => ({ on: new Arena({ memory: newMemory() }) }),
  () => {
    const root = new Heap({ memory: newMemory({ reserve: 4 * PAGE, maximum: 40 * PAGE }) });
    return { on: track(root), root };
  },
  () => ({ on: new FixedBuffer({ memory: newMemory(), size: 200 * KIB }) }),
];

/** Frees what an allocator stood on. */
function leave(ground) {
  const root = ground?.root ?? ground?.on;
  if (root) give(root);
}

/** Runs a program of a million steps, spread over the grounds. */
function onEach(grounds, run) {
  const each = Math.ceil(steps / grounds.length);
  grounds.forEach((make, i) => {
    const here = `FAMILY_SEED=${seed}, ground ${i}`;
    let step;
    try {
      const next = random(seed + i);
      const ground = make?.();
      const program = run(ground, next);
      for (step = 0; step < each; step++) program.step(next(), step);
      program.end();
      leave(ground);
    } catch (error) {
      error.message = `${here}, step ${step}: ${error.message}`;
      throw error;
    }
  });
}

const byteOf = (id) => 1 + (id % 251);

/** Writes a byte that tells the block over all of it. */
function write({ u8 }, { ptr, size, id }) {
  u8.fill(byteOf(id), ptr, ptr + size);
}

/** Asserts that nobody wrote over a block since. */
function read({ u8 }, { ptr, size, id }) {
  const byte = byteOf(id);
  for (let at = ptr; at < ptr + size; at++) {
    if (u8[at] !== byte) assert.fail(`byte ${at} of block ${id}, ${size} at ${ptr}, is ${u8[at]}`);
  }
}

/** Asserts without the cost of a message that is not needed. */
function same(actual, expected, what) {
  if (actual !== expected) assert.fail(`${what}: ${actual}, not ${expected}`);
}

/** Takes a random element out of an array. */
function pull(array, number) {
  const at = Math.floor(number * array.length);
  const element = array[at];
  array[at] = array.at(-1);
  array.pop();
  return element;
}

const seen = new Map();
const note = (what) => seen.set(what, (seen.get(what) ?? 0) + 1);

/** A heap, and what the model knows of it. */
function heapProgram(ground, next, most, checkEach) {
  const heap = new Heap(ground);
  const { memory } = heap;
  const blocks = [];
  let bytes = 0;
  let freed = 0;

  /** Sizes from 0 up, small ones most; now and then a large one. */
  const sizeOf = (number) => Math.floor(number ** 4 * 600 + (number > 0.999 ? 20_000 : 0));

  const add = (ptr, size, id) => {
    const block = { ptr, size, id };
    write(memory, block);
    blocks.push(block);
    bytes += size;
  };

  return {
    step(number, id) {
      const isFilling = id % 20_000 < 10_000;
      if (number < (isFilling ? 0.5 : 0.3) && blocks.length < most) {
        const size = sizeOf(next());
        const align = next() < 0.9 ? 8 : 2 ** Math.floor(next() ** 2 * 13);
        const ptr = heap.tryAlloc(size, align);
        if (ptr) {
          same(ptr % align, 0, 'alignment');
          add(ptr, size, id);
        } else {
          note('heap: refused');
        }
      } else if (number < 0.85 && blocks.length) {
        const block = pull(blocks, next());
        read(memory, block);
        heap.free(block.ptr);
        freed = block.ptr;
        bytes -= block.size;
      } else if (number < 0.99 && blocks.length) {
        const block = pull(blocks, next());
        const size = sizeOf(next());
        read(memory, block);
        let { ptr } = block;
        try {
          ptr = heap.realloc(ptr, size);
        } catch (error) {
          same(error.code, 'ERR_ARENA_OUT_OF_MEMORY', error.message);
          read(memory, block);
          blocks.push(block);
          note('heap: realloc refused');
          return;
        }
        note(ptr === block.ptr ? 'heap: realloc in place' : 'heap: realloc by a copy');
        read(memory, { ...block, ptr, size: Math.min(size, block.size) });
        bytes -= block.size;
        add(ptr, size, id);
      } else if (freed && !blocks.some(({ ptr }) => ptr === freed)) {
        same(heap.owns(freed), false, 'a freed block');
        same(
          heap.owns(freed + 8),
          blocks.some(({ ptr }) => ptr === freed + 8),
          'inside of it',
        );
      }
      same(heap.blocks, blocks.length, 'blocks');
      if (heap.live < bytes || heap.held < heap.live) assert.fail('the counters of bytes');
      if (id % checkEach === 0) {
        heap.check();
        for (const block of blocks) read(memory, block);
      }
    },
    end() {
      while (blocks.length) {
        const block = pull(blocks, next());
        read(memory, block);
        heap.free(block.ptr);
      }
      heap.check();
      same(heap.held, 0, 'held');
      same(heap.live, 0, 'live');
      heap.dispose();
      if (ground.memory) same(memory.stats().live, 0, "the memory's");
      else same(ground.on.stats?.().live ?? 0, 0, 'what is tracked');
    },
  };
}

/** A pool, and what the model knows of it. */
function poolProgram(ground, next) {
  const options = {
    size: 1 + Math.floor(next() * 50),
    align: 2 ** Math.floor(next() * 6),
    ...[{}, { capacity: 500 }, { capacity: 10, slab: 3 }][Math.floor(next() * 3)],
  };
  const pool = new Pool({ ...ground, ...options });
  const { memory } = pool;
  const most = options.slab || !options.capacity ? 1500 : options.capacity;
  const objects = [];
  const freed = [];
  let fresh = 0;

  return {
    step(number, id) {
      const isFilling = id % 10_000 < 6000;
      if (number < (isFilling ? 0.6 : 0.35) && objects.length < most + 1) {
        const { capacity, stride } = pool;
        const ptr = pool.tryAlloc();
        if (!ptr) {
          same(objects.length, capacity, 'it is refused just where all are live');
          same(pool.tryAlloc(), 0, 'again');
          note('pool: refused');
          return;
        }
        if (freed.length) same(ptr, freed.pop(), 'the object freed last');
        else if (capacity === pool.capacity && fresh) same(ptr, fresh + stride, 'the next one');
        if (ptr > fresh || capacity !== pool.capacity) fresh = ptr;
        same(ptr % options.align, 0, 'alignment');
        const object = { ptr, size: options.size, id };
        write(memory, object);
        objects.push(object);
      } else if (number < 0.98 && objects.length) {
        const object = pull(objects, next());
        read(memory, object);
        pool.free(object.ptr);
        freed.push(object.ptr);
      } else if (freed.length) {
        const ptr = freed[Math.floor(next() * freed.length)];
        same(pool.owns(ptr), false, 'a freed object');
        const after = pool.next(ptr);
        if (after) same(pool.owns(after, options.size), true, 'the next one');
      }
      same(pool.live, objects.length, 'live');
      if (id % 50_000 === 0) walk();
    },
    end() {
      walk();
      for (const object of objects) read(memory, object);
      pool.reset();
      same([...pool].length, 0, 'after the reset');
      pool.dispose();
      if (ground.memory) same(memory.stats().live, 0, "the memory's");
    },
  };

  function walk() {
    const sorted = (array) => array.sort((a, b) => a - b);
    assert.deepEqual(sorted([...pool]), sorted(objects.map(({ ptr }) => ptr)));
  }
}

/** A fixed buffer, and what the model knows of it, which is all. */
function bufferProgram(ground, next) {
  const size = 2000 + Math.floor(next() * 20_000);
  const buffer = new FixedBuffer({ ...ground, size });
  const { memory } = buffer;
  const start = buffer.alloc(0, 1);
  const blocks = [];
  let at = start;

  return {
    step(number, id) {
      const bytes = Math.floor(next() ** 3 * 400);
      if (number < 0.6) {
        const align = number < 0.4 ? 8 : 2 ** Math.floor(next() ** 3 * 17);
        const ptr = up(at, align);
        const fits = ptr + bytes <= start + size;
        same(buffer.tryAlloc(bytes, align), fits ? ptr : 0, `${bytes} bytes at ${align}`);
        if (fits) push({ ptr, size: bytes, id });
        else note('buffer: full');
      } else if (number < 0.8 && blocks.length) {
        const block = blocks.at(number < 0.75 ? -1 : -Math.ceil(next() * blocks.length));
        read(memory, block);
        const isLast = block.ptr + block.size === at;
        same(buffer.free(block.ptr, block.size), isLast, 'free');
        if (isLast) {
          note('buffer: freed');
          at = block.ptr;
          while (blocks.length && blocks.at(-1).ptr + blocks.at(-1).size > at) blocks.pop();
          if (blocks.at(-1) === block) blocks.pop();
        }
      } else if (number < 0.98 && blocks.length) {
        const block = blocks.at(number < 0.92 ? -1 : -Math.ceil(next() * blocks.length));
        read(memory, block);
        const isLast = block.ptr + block.size === at;
        const fits = bytes <= block.size || (isLast && block.ptr + bytes <= start + size);
        same(buffer.resize(block.ptr, block.size, bytes), fits, 'resize');
        if (fits) {
          note('buffer: resized');
          read(memory, { ...block, size: Math.min(bytes, block.size) });
          if (isLast) {
            at = block.ptr + bytes;
            blocks.length = blocks.indexOf(block) + 1;
          }
          block.size = bytes;
          block.id = id;
          write(memory, block);
        }
      } else if (number > 0.998) {
        for (const block of blocks) read(memory, block);
        buffer.reset();
        blocks.length = 0;
        at = start;
      } else {
        same(buffer.owns(start, at - start), true, 'what is in use');
        same(buffer.owns(start, at - start + 1), false, 'and no more');
      }
      same(buffer.used, at - start, 'used');
      same(buffer.remaining, start + size - at, 'remaining');
    },
    end() {
      for (const block of blocks) read(memory, block);
      buffer.dispose();
    },
  };

  function push(block) {
    write(memory, block);
    blocks.push(block);
    at = block.ptr + block.size;
  }
}

/** Trees of arenas, heaps, pools and tracked allocators, and what the model knows of them. */
function treeProgram(_, next) {
  const memory = newMemory({ reserve: PAGE, maximum: 64 * MIB });
  let clock = 0;
  let nodes = [];

  const KINDS = [
    (on) => new Arena(on ? { on } : { memory }),
    (on) => new Arena({ ...(on ? { on } : { memory }), zero: true }),
    (on) => new Arena({ ...(on ? { on } : { memory }), capacity: 300 }),
    (on) => new Heap(on ? { on } : { memory }),
    (on) => new Pool({ ...(on ? { on } : { memory }), size: 100, slab: 4 }),
    (on) => (on ? track(on) : new Heap({ memory })),
  ];

  /** Bytes that it holds of what it stands on. */
  const held = ({ it }) =>
    it.held ?? (it.stride === undefined ? it.capacity : it.capacity * 100) ?? 0;

  /** Notes whether those from a node up to its root took from their parents, or gave back. */
  const noteHeld = (node) => {
    for (let each = node; each; each = each.parent) {
      const now = held(each);
      if (now > each.held) each.took = clock;
      if (now < each.held) each.gave = clock;
      each.held = now;
    }
  };

  const make = (parent, kind) => {
    let it;
    try {
      it = KINDS[kind](parent?.it);
    } catch (error) {
      same(error.code, 'ERR_ARENA_OUT_OF_MEMORY', error.message);
      return;
    }
    const node = { it, parent, blocks: [], marks: [], held: 0, took: 0, gave: 0 };
    nodes.push(node);
    noteHeld(node);
  };

  const isBelow = (node, top) => node === top || (!!node.parent && isBelow(node.parent, top));

  /** The nodes are gone: those below go too, and all contents were right to the last. */
  const drop = (tops) => {
    nodes = nodes.filter((node) => {
      const isLost = tops.some((top) => isBelow(node, top));
      same(!!isGone(node.it), isLost, 'freed');
      return !isLost;
    });
  };

  const verify = (top) => {
    for (const node of nodes) {
      if (isBelow(node, top)) for (const block of node.blocks) read(memory, block);
    }
  };

  /** The first allocator above that is none of the tracked: who has the blocks. */
  const children = (node) =>
    nodes.flatMap((each) => {
      if (each.parent !== node) return [];
      return each.it.stats ? children(each) : [each];
    });

  /** Closes a mark: what stands on the node and took memory behind it is gone. */
  const close = (node, at, fn) => {
    verify(node);
    const { time, count } = node.marks[at];
    const lost = [];
    const open = [];
    for (const child of children(node)) {
      if (child.took <= time) continue;
      (child.gave > time ? open : lost).push(child);
    }
    if (lost.length) note('tree: lost behind a mark');
    node.blocks.length = count;
    node.marks.length = at;
    fn();
    drop([...lost, ...open.filter(({ it }) => isGone(it))]);
    noteHeld(node);
    verify(node);
  };

  const alloc = (node, id) => {
    /* Not 0: a neighbour that is still the last one may go back before such a block. */
    const size = 1 + Math.floor(next() ** 4 * 500);
    const { it } = node;
    clock++;
    const ptr = it.stride ? it.tryAlloc() : it.tryAlloc(size);
    if (!ptr) {
      note('tree: refused');
      return;
    }
    const block = { ptr, size: it.stride ? 100 : size, id };
    write(memory, block);
    if (!it.stats) node.blocks.push(block);
    noteHeld(node);
  };

  return {
    step(number, id) {
      clock++;
      if (!nodes.length) make(undefined, Math.floor(next() * KINDS.length));
      const node = nodes[Math.floor(next() * nodes.length)];
      const { it, blocks, marks } = node;
      const isArena = it instanceof Arena;
      if (number < 0.8) {
        if (it.stats) return;
        if (blocks.length < 150) alloc(node, id);
        else if (!isArena) free(node);
      } else if (number < 0.88) {
        if (!isArena && !it.stats && blocks.length) free(node);
      } else if (number < 0.91) {
        if (isArena) marks.push({ mark: it.mark(), time: clock, count: blocks.length });
      } else if (number < 0.94) {
        if (!marks.length) return;
        const at = Math.floor(next() * marks.length);
        const { mark, count } = marks[at];
        const block = blocks.at(-1);
        if (number < 0.93 || blocks.length <= count) {
          close(node, at, () => it.release(mark));
        } else {
          read(memory, block);
          close(node, at, () => {
            const kept = { ...block, ptr: it.promote(mark, block.ptr, block.size) };
            read(memory, kept);
            blocks.push(kept);
          });
          note('tree: promoted');
        }
      } else if (number < 0.985) {
        if (nodes.length < 12) make(next() < 0.15 ? undefined : node, Math.floor(next() * 6));
      } else if (number < 0.993 || blocks.length > 140) {
        if (!it.reset) return;
        verify(node);
        it.reset();
        blocks.length = marks.length = 0;
        drop(nodes.filter(({ parent }) => parent === node));
        noteHeld(node);
        note('tree: reset');
      } else {
        verify(node);
        const { parent } = node;
        give(it);
        drop([node]);
        if (parent) {
          noteHeld(parent);
          verify(parent);
        }
        note('tree: freed');
      }
      if (id % 20_000 === 0) {
        nodes.forEach(verify);
        for (const each of nodes) if (each.it instanceof Heap) each.it.check();
        same(memory.stats().arenas, nodes.length, 'arenas');
      }
    },
    end() {
      nodes.filter(({ parent }) => !parent).forEach((node) => (verify(node), give(node.it)));
      for (const { it } of nodes) same(!!isGone(it), true, 'freed at the end');
      same(memory.stats().live, 0, 'live');
      same(memory.stats().arenas, 0, 'arenas');
    },
  };

  /** Of those whose blocks are freed one by one. */
  function free(node) {
    const block = pull(node.blocks, next());
    read(memory, block);
    node.it.free(block.ptr);
    noteHeld(node);
  }
}

describe(`random programs of the family (FAMILY_SEED=${seed} FAMILY_STEPS=${steps})`, function () {
  this.timeout(60_000 + steps / 10);

  it('leave a heap as the model says', () => {
    onEach(GROUNDS, (ground, next) => heapProgram(ground, next, 700, 10_000));
  });

  it('leave a heap sound after each operation', () => {
    for (const [i, make] of GROUNDS.entries()) {
      const next = random(seed + i);
      const ground = make();
      const program = heapProgram(ground, next, 40, 1);
      for (let step = 0; step < 1500; step++) program.step(next(), step * 14);
      program.end();
      leave(ground);
    }
  });

  it('leave a pool as the model says', () => {
    onEach([...GROUNDS, ...GROUNDS, ...GROUNDS], poolProgram);
  });

  it('leave a fixed buffer as the model says', () => {
    onEach(GROUNDS, bufferProgram);
  });

  it('leave trees of arenas and others as the model says', () => {
    onEach(new Array(4).fill(), treeProgram);
  });

  it('came to everything that they are about', function () {
    if (steps < 100_000) this.skip();
    for (const what of [
      'heap: refused',
      'heap: realloc refused',
      'heap: realloc in place',
      'heap: realloc by a copy',
      'pool: refused',
      'buffer: full',
      'buffer: freed',
      'buffer: resized',
      'tree: lost behind a mark',
      'tree: promoted',
      'tree: reset',
      'tree: freed',
    ]) {
      assert.ok(seen.get(what) > 0, `never: ${what}`);
    }
  });
});
