import assert from 'node:assert/strict';
import {
  MOST,
  PAGE,
  RUNS,
  SEED,
  Shadow,
  instantiate,
  moduleOf,
  randomNumbers,
  traps,
} from './abi.js';

/** What `enter-scope` takes for its record. */
const RECORD = 8;

/**
 * (module
 *   (import "" "f" (func (param i32 i32)))
 *   (export "f" (func 0)))
 *
 * A table takes no plain JavaScript function; this makes one of two i32 into one that it takes.
 */
const SHIM = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x06, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x00],
  ...[0x02, 0x06, 0x01, 0x00, 0x01, 0x66, 0x00, 0x00],
  ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
);

/** An instance by whole words, and the same functions by their qualified names. */
function newSigil() {
  const sigil = instantiate('sigil');
  const named = (prefix) => ({
    alloc: sigil[`${prefix('core')}alloc`],
    realloc: sigil[`${prefix('core')}realloc`],
    memCopy: sigil[`${prefix('core')}mem-copy`],
    enterScope: sigil[`${prefix('scope')}enter-scope`],
    exitScope: sigil[`${prefix('scope')}exit-scope`],
    promote: sigil[`${prefix('scope')}promote`],
    freeAll: sigil[`${prefix('bulk')}free-all`],
  });
  return {
    ...named(() => ''),
    qualified: named((face) => `sigil:allocator/${face}@0.1.0#`),
    setMaxHeap: sigil['set-max-heap'],
    setReport: sigil['set-report'],
    table: sigil.__indirect_function_table,
    memory: sigil.memory,
    get u8() {
      return new Uint8Array(sigil.memory.buffer);
    },
  };
}

/** Collects the lines that this instance reports. */
function reports(sigil) {
  const lines = [];
  const f = (start, length) =>
    lines.push(Buffer.from(sigil.memory.buffer, start, length).toString());
  const shim = new WebAssembly.Instance(new WebAssembly.Module(SHIM), { '': { f } });
  sigil.setReport(sigil.table.grow(1, shim.exports.f));
  return lines;
}

describe('abi/sigil.wasm', () => {
  let sigil;
  let base;

  beforeEach(() => {
    sigil = newSigil();
    base = sigil.alloc(0);
  });

  it('has a memory of its own, of one page at first', () => {
    assert.deepEqual(WebAssembly.Module.imports(moduleOf('sigil')), []);
    assert.equal(sigil.memory.buffer.byteLength, PAGE);
  });

  it('has every function by its plain and its qualified name', () => {
    const { qualified } = sigil;
    assert.equal(qualified.alloc(24), base);
    const handle = qualified.enterScope();
    const block = qualified.alloc(8);
    sigil.u8[block] = 42;
    assert.equal(qualified.promote(handle, block, 8), base + 24);
    assert.equal(sigil.u8[base + 24], 42);
    assert.equal(qualified.realloc(base + 24, 8, 16), base + 24);
    qualified.memCopy(base, base + 24, 1);
    assert.equal(sigil.u8[base], 42);
    qualified.exitScope(sigil.enterScope());
    assert.equal(sigil.alloc(0), base + 40);
    qualified.freeAll();
    assert.equal(sigil.alloc(0), base);
  });

  describe('alloc', () => {
    it('gives blocks at multiples of 8, one after the other, and never 0', () => {
      assert.ok(base > 0);
      let expected = base;
      for (const size of [1, 7, 8, 9, 0, 100]) {
        assert.equal(sigil.alloc(size), expected);
        assert.equal(expected % 8, 0);
        expected += Math.ceil(size / 8) * 8;
      }
    });

    it('grows the memory when it must, and few times', () => {
      const shadow = new Shadow(sigil.memory);
      let grows = 0;
      let size = PAGE;
      const blocks = [];
      for (let i = 0; i < 1000; i++) {
        blocks.push(shadow.claim(sigil.alloc(10_000), 10_000));
        if (sigil.memory.buffer.byteLength > size) grows++;
        size = sigil.memory.buffer.byteLength;
      }
      for (const block of blocks) shadow.holds(block);
      assert.ok(grows <= 8, `${grows}`);
    });

    it('uses the last byte of a page before it grows', () => {
      assert.equal(sigil.alloc(PAGE - base), base);
      assert.equal(sigil.memory.buffer.byteLength, PAGE);
      assert.equal(sigil.alloc(1), PAGE);
    });

    it('goes on behind pages that the host added, and comes back', () => {
      const shadow = new Shadow(sigil.memory);
      const own = shadow.grow(2);
      const handle = sigil.enterScope();
      const block = shadow.claim(sigil.alloc(PAGE), PAGE);
      assert.ok(block.start >= 3 * PAGE);
      shadow.holds(own);
      sigil.exitScope(handle);
      assert.equal(sigil.alloc(8), base);
      sigil.freeAll();
      assert.equal(sigil.alloc(8), base);
    });
  });

  describe('realloc', () => {
    it('of 0 is a fresh block, whatever the old size says', () => {
      assert.equal(sigil.realloc(0, 0, 16), base);
      assert.equal(sigil.realloc(0, 1000, 16), base + 16);
      assert.equal(sigil.realloc(0, -1, 16), base + 32);
    });

    it('changes the last block where it is, both ways', () => {
      const block = sigil.alloc(16);
      assert.equal(sigil.realloc(block, 16, 100), block);
      assert.equal(sigil.realloc(block, 100, 3 * PAGE), block);
      assert.equal(sigil.realloc(block, 3 * PAGE, 5), block);
      assert.equal(sigil.realloc(block, 5, 8), block);
      assert.equal(sigil.alloc(8), block + 8);
    });

    it('moves any other block to grow, and keeps its bytes; the old ones stay', () => {
      const shadow = new Shadow(sigil.memory);
      const block = shadow.claim(sigil.alloc(20), 20);
      const next = shadow.claim(sigil.alloc(8), 8);
      const moved = sigil.realloc(block.start, 20, 40);
      assert.equal(moved, next.start + 8);
      shadow.holds(block, moved);
      shadow.holds(block);
      shadow.holds(next);
    });

    it('takes a block of 0 bytes for one, also behind all others', () => {
      const block = sigil.alloc(0);
      assert.equal(sigil.realloc(block, 0, 16), block);
      assert.equal(sigil.realloc(block, 16, 0), block);
      assert.equal(sigil.alloc(8), block);
      assert.equal(sigil.promote(sigil.enterScope(), sigil.alloc(0), 0), block + 8);
    });

    it('shrinks any other block where it is', () => {
      const block = sigil.alloc(20);
      sigil.alloc(8);
      assert.equal(sigil.realloc(block, 20, 4), block);
      assert.equal(sigil.realloc(block, 20, 20), block);
      assert.equal(sigil.alloc(8), block + 32);
    });

    it('does not extend the last block from before a scope, because the scope ends before it', () => {
      const block = sigil.alloc(8);
      sigil.u8[block] = 9;
      const handle = sigil.enterScope();
      const moved = sigil.realloc(block, 8, 16);
      assert.ok(moved > handle);
      assert.equal(sigil.u8[moved], 9);
      sigil.exitScope(handle);
      assert.equal(sigil.alloc(8), block + 8);
    });

    it("moves the last block behind the host's pages where its own have no room", () => {
      const shadow = new Shadow(sigil.memory);
      const block = shadow.claim(sigil.alloc(1000), 1000);
      const own = shadow.grow(1);
      const moved = sigil.realloc(block.start, 1000, PAGE);
      assert.equal(moved, 2 * PAGE + 8);
      shadow.holds(block, moved);
      shadow.holds(own);
    });

    it('traps where the block reaches behind what is allocated, and changes nothing', () => {
      const block = sigil.alloc(16);
      traps(() => sigil.realloc(block, 32, 64));
      traps(() => sigil.realloc(block + 24, 8, 64));
      traps(() => sigil.realloc(block + 32, -16, -8));
      traps(() => sigil.realloc(block + 16, -1, 64));
      assert.equal(sigil.alloc(8), block + 16);
    });
  });

  describe('mem-copy', () => {
    it('copies, also to where it came from and below', () => {
      const block = sigil.alloc(16);
      sigil.u8.set([1, 2, 3, 4, 5, 6, 7, 8], block + 4);
      sigil.memCopy(block, block + 4, 8);
      assert.deepEqual([...sigil.u8.slice(block, block + 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
      sigil.memCopy(block + 1, block + 2, 7);
      assert.deepEqual([...sigil.u8.slice(block, block + 8)], [1, 3, 4, 5, 6, 7, 8, 5]);
      sigil.memCopy(block, block, 8);
      sigil.memCopy(block + 8, block, 0);
      assert.deepEqual([...sigil.u8.slice(block, block + 8)], [1, 3, 4, 5, 6, 7, 8, 5]);
    });
  });

  describe('scopes', () => {
    it('exit-scope frees what came after enter-scope, and nothing before', () => {
      const block = sigil.alloc(16);
      sigil.u8.fill(3, block, block + 16);
      const handle = sigil.enterScope();
      for (let i = 0; i < 100; i++) {
        const inside = sigil.alloc(5000);
        sigil.u8.fill(4, inside, inside + 5000);
      }
      sigil.exitScope(handle);
      assert.equal(sigil.alloc(8), block + 16);
      assert.deepEqual([...sigil.u8.slice(block, block + 16)], Array(16).fill(3));
    });

    it('nest, also with nothing between them', () => {
      const handles = [1, 2, 3].map(() => sigil.enterScope());
      assert.equal(new Set(handles).size, 3);
      for (const handle of handles.reverse()) {
        sigil.exitScope(handle);
        assert.equal(sigil.alloc(0), handle);
      }
    });

    it('leaving an outer one closes the inner ones', () => {
      const outer = sigil.enterScope();
      const inner = sigil.enterScope();
      sigil.alloc(16);
      sigil.exitScope(outer);
      assert.equal(sigil.alloc(64), base);
      traps(() => sigil.exitScope(inner));
      traps(() => sigil.exitScope(outer));
    });

    it('promote moves a block out of three levels, one by one', () => {
      const handles = [];
      for (let i = 0; i < 3; i++) {
        handles.push(sigil.enterScope());
        sigil.alloc(1000);
      }
      let block = sigil.alloc(20);
      const bytes = Array.from({ length: 20 }, (_, i) => i + 1);
      sigil.u8.set(bytes, block);
      for (const handle of handles.reverse()) {
        block = sigil.promote(handle, block, 20);
        assert.equal(block, handle);
        assert.deepEqual([...sigil.u8.slice(block, block + 20)], bytes);
        assert.equal(sigil.alloc(0), block + 24);
      }
      assert.equal(block, base);
    });

    it('promote out of three levels at once closes all three', () => {
      const outer = sigil.enterScope();
      const others = [sigil.enterScope(), sigil.enterScope()];
      const block = sigil.alloc(20);
      sigil.u8.fill(7, block, block + 20);
      assert.equal(sigil.promote(outer, block, 20), base);
      assert.deepEqual([...sigil.u8.slice(base, base + 20)], Array(20).fill(7));
      for (const handle of others) traps(() => sigil.exitScope(handle));
    });

    it('promote moves over its own bytes, by less than the block is long', () => {
      const handle = sigil.enterScope();
      const block = sigil.alloc(1000);
      const bytes = Array.from({ length: 1000 }, (_, i) => i % 256);
      sigil.u8.set(bytes, block);
      assert.equal(sigil.promote(handle, block, 1000), block - RECORD);
      assert.deepEqual([...sigil.u8.slice(handle, handle + 1000)], bytes);
    });

    it('promote copies a block from before the scope, or of static data', () => {
      const block = sigil.alloc(8);
      sigil.u8.fill(5, block, block + 8);
      const handle = sigil.enterScope();
      const promoted = sigil.promote(handle, block, 8);
      assert.equal(promoted, block + 8);
      assert.deepEqual([...sigil.u8.slice(block, block + 16)], Array(16).fill(5));
      assert.equal(sigil.promote(sigil.enterScope(), 1024, 4), block + 16);
    });

    it("promote brings a block back from behind the host's pages, or as far as it fits", () => {
      const shadow = new Shadow(sigil.memory);
      const handle = sigil.enterScope();
      sigil.alloc(100);
      const own = shadow.grow(1);
      const inner = sigil.enterScope();
      const big = shadow.claim(sigil.alloc(PAGE), PAGE);
      const small = shadow.claim(sigil.alloc(100), 100);
      const far = sigil.promote(inner, big.start, PAGE);
      assert.equal(far, 2 * PAGE + 8);
      shadow.holds(big, far);
      sigil.freeAll();
      const again = sigil.enterScope();
      shadow.claim(sigil.alloc(PAGE), PAGE);
      const near = shadow.claim(sigil.alloc(100), 100);
      assert.equal(sigil.promote(again, near.start, 100), handle);
      shadow.holds(near, handle);
      shadow.holds(own);
      assert.ok(small.start > far);
    });

    it('free-all inside scopes closes them all and begins at the base', () => {
      sigil.alloc(100);
      const handles = [sigil.enterScope(), sigil.enterScope()];
      sigil.alloc(3 * PAGE);
      sigil.freeAll();
      assert.equal(sigil.alloc(16), base);
      for (const handle of handles) traps(() => sigil.exitScope(handle));
    });

    it('a handle that is none traps, and changes nothing', () => {
      const block = sigil.alloc(16);
      const handle = sigil.enterScope();
      const inside = sigil.alloc(16);
      sigil.exitScope(sigil.enterScope());
      const end = sigil.alloc(0);
      for (const wrong of [
        0,
        8,
        block,
        inside,
        handle - 8,
        handle + 4,
        end,
        end + 8,
        PAGE,
        -1,
        -8,
      ]) {
        traps(() => sigil.exitScope(wrong));
        traps(() => sigil.promote(wrong, inside, 16));
      }
      assert.equal(sigil.alloc(0), end);
      sigil.exitScope(handle);
      traps(() => sigil.exitScope(handle));
      assert.equal(sigil.alloc(0), block + 16);
    });

    it('promote of what is no block traps, and the scope stays open', () => {
      const handle = sigil.enterScope();
      const block = sigil.alloc(16);
      for (const [start, size] of [
        [block, 17],
        [block + 24, 0],
        [block, -1],
        [-8, 16],
      ]) {
        traps(() => sigil.promote(handle, start, size));
      }
      assert.equal(sigil.alloc(0), block + 16);
      sigil.exitScope(handle);
    });
  });

  describe('out of memory', () => {
    it('traps, and the module stays usable with everything as it was', () => {
      const handle = sigil.enterScope();
      const block = sigil.alloc(100);
      sigil.u8.fill(6, block, block + 100);
      sigil.setMaxHeap(200);
      traps(() => sigil.alloc(1000));
      traps(() => sigil.realloc(block, 100, 1000));
      traps(() => sigil.realloc(0, 0, 1000));
      traps(() => sigil.qualified.alloc(1000));
      assert.deepEqual([...sigil.u8.slice(block, block + 100)], Array(100).fill(6));
      assert.equal(sigil.alloc(0), block + 104);
      assert.equal(sigil.promote(handle, block, 100), base);
      assert.equal(sigil.alloc(96), base + 104);
      traps(() => sigil.alloc(1));
      traps(() => sigil.enterScope());
      sigil.freeAll();
      assert.equal(sigil.alloc(200), base);
    });

    it('the cap counts bytes from the base, and may change at any time', () => {
      sigil.setMaxHeap(0);
      traps(() => sigil.alloc(1));
      assert.equal(sigil.alloc(0), base);
      sigil.setMaxHeap(16);
      assert.equal(sigil.alloc(16), base);
      traps(() => sigil.alloc(1));
      sigil.setMaxHeap(8); // less than there is
      assert.equal(sigil.realloc(base, 16, 8), base);
      traps(() => sigil.alloc(1));
      sigil.setMaxHeap(-1);
      assert.equal(sigil.alloc(5 * PAGE), base + 8);
    });

    for (const pages of [1, 2, 3]) {
      it(`a cap of ${pages} pages keeps the memory from growing further than its end's page`, () => {
        sigil.setMaxHeap(pages * PAGE);
        for (let i = 0; i < pages; i++) sigil.alloc(PAGE);
        traps(() => sigil.alloc(8));
        assert.equal(sigil.memory.buffer.byteLength, (pages + 1) * PAGE); // it begins in the first
        sigil.setMaxHeap(pages * PAGE + 8);
        assert.equal(sigil.alloc(8), base + pages * PAGE);
        traps(() => sigil.alloc(8));
      });
    }

    it('traps at sizes near 4 GiB, whatever they would wrap to', () => {
      const block = sigil.alloc(16);
      for (const size of [-1, -7, -8, -base, -base - 16, -PAGE, MOST - base + 1]) {
        traps(() => sigil.alloc(size));
        traps(() => sigil.realloc(block, 16, size));
      }
      assert.equal(sigil.alloc(8), block + 16);
    });

    it('is reported in one line of JSON to the function that the host put into the table', () => {
      const lines = reports(sigil);
      sigil.alloc(1000);
      sigil.setMaxHeap(100_000);
      traps(() => sigil.alloc(99_001));
      sigil.freeAll();
      traps(() => sigil.qualified.alloc(-1));
      sigil.setMaxHeap(-1);
      sigil.alloc(8);
      traps(() => sigil.alloc(-PAGE));
      assert.deepEqual(
        lines.map((line) => JSON.parse(line)),
        [
          { error: 'out of memory', asked: 99_001, used: 1000, most: 100_000 },
          { error: 'out of memory', asked: 2 ** 32 - 1, used: 0, most: 100_000 },
          { error: 'out of memory', asked: MOST, used: 8, most: MOST - base },
        ],
      );
      for (const line of lines) assert.match(line, /^[ -~]+$/);
    });

    it('is reported no more after set-report(0)', () => {
      const lines = reports(sigil);
      sigil.setReport(0);
      traps(() => sigil.alloc(-1));
      assert.deepEqual(lines, []);
    });

    it('a report that throws reaches the host instead of the trap', () => {
      const f = () => {
        throw new RangeError('mine');
      };
      const shim = new WebAssembly.Instance(new WebAssembly.Module(SHIM), { '': { f } });
      sigil.setReport(sigil.table.grow(1, shim.exports.f));
      assert.throws(() => sigil.alloc(-1), /mine/);
      assert.equal(sigil.alloc(8), base);
    });
  });

  it('needs no call to begin with', () => {
    assert.equal(newSigil().enterScope(), base);
    assert.equal(newSigil().realloc(0, 0, 8), base);
    for (const first of [
      (fresh) => fresh.freeAll(),
      (fresh) => fresh.setMaxHeap(100),
      (fresh) => fresh.setReport(0),
      (fresh) => traps(() => fresh.exitScope(0)),
      (fresh) => traps(() => fresh.promote(0, 0, 0)),
      (fresh) => fresh.memCopy(PAGE - 8, PAGE - 16, 8),
    ]) {
      const fresh = newSigil();
      first(fresh);
      assert.equal(fresh.alloc(8), base);
    }
  });

  it(`keeps all blocks apart and all bytes in random programs; ARENA_SEED=${SEED}`, () => {
    const random = randomNumbers(SEED);
    for (let run = 0; run < RUNS; run++) {
      const sigil = newSigil();
      const shadow = new Shadow(sigil.memory);
      const parts = []; // of the host
      let blocks = [];
      let scopes = []; // how many blocks there were before each
      const most = random(2) ? 40 * PAGE : 4 * PAGE;
      sigil.setMaxHeap(most);
      /* Whether it did it; if it didn't, everything is as it was. */
      const tried = (fn) => {
        const before = sigil.alloc(0);
        try {
          fn();
        } catch (error) {
          assert.match(error.message, /unreachable/i);
          assert.equal(sigil.alloc(0), before);
        }
      };
      const operations = [
        () => {
          const size = random(20) ? random(300) : random(2 * PAGE);
          blocks.push(shadow.claim(sigil.alloc(size), size));
        },
        () => {
          const i = random(2) ? blocks.length - 1 : random(blocks.length);
          if (i < (scopes.at(-1)?.blocks ?? 0)) return; // would be gone with the scope
          const block = blocks[i];
          const size = random(20) ? random(300) : random(2 * PAGE);
          const start = sigil.realloc(block.start, block.size, size);
          shadow.holds(block, start, Math.min(size, block.size));
          blocks.splice(i, 1);
          blocks.push(shadow.claim(start, size));
        },
        () => {
          scopes.push({ handle: sigil.enterScope(), blocks: blocks.length });
        },
        () => {
          if (!scopes.length) return;
          const i = random(3) ? scopes.length - 1 : random(scopes.length);
          sigil.exitScope(scopes[i].handle);
          blocks.length = scopes[i].blocks;
          scopes.length = i;
        },
        () => {
          if (!scopes.length) return;
          const i = random(3) ? scopes.length - 1 : random(scopes.length);
          if (scopes[i].blocks === blocks.length) return;
          const block = blocks[scopes[i].blocks + random(blocks.length - scopes[i].blocks)];
          const start = sigil.promote(scopes[i].handle, block.start, block.size);
          shadow.holds(block, start, block.size);
          blocks.length = scopes[i].blocks;
          scopes.length = i;
          blocks.push(shadow.claim(start, block.size));
        },
        () => {
          if (random(20)) return;
          sigil.freeAll();
          blocks = [];
          scopes = [];
          assert.equal(sigil.alloc(0), base);
        },
        () => {
          if (random(30) || parts.length > 5) return;
          parts.push(shadow.grow(1 + random(3)));
        },
      ];
      const weights = [0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6];
      for (let step = 0; step < 1500; step++) {
        const what = weights[random(weights.length)];
        if (what === 1 && !blocks.length) continue;
        tried(operations[what]);
        if (step % 100 === 0) for (const part of [...blocks, ...parts]) shadow.holds(part);
      }
      for (const part of [...blocks, ...parts]) shadow.holds(part);
      for (const { start, size } of blocks) {
        assert.equal(start % 8, 0);
        assert.ok(start >= base && start + size <= base + most);
      }
    }
  });
});
