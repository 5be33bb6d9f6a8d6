import assert from 'node:assert/strict';
import {
  MOST,
  PAGE,
  RUNS,
  SEED,
  Shadow,
  instantiate,
  newMemory,
  randomNumbers,
  traps,
} from './abi.js';

function newWords(memory = newMemory(), base = 64) {
  const words = instantiate('words', memory);
  words.words_init(base);
  return words;
}

const fill = (memory, address, words, value) =>
  new Uint32Array(memory.buffer, address, words).fill(value);
const read = (memory, address, words) => [...new Uint32Array(memory.buffer, address, words)];

describe('abi/words.wasm', () => {
  it('gives blocks of so many 32-bit words, at multiples of 8', () => {
    const memory = newMemory();
    const shadow = new Shadow(memory);
    const { alloc } = newWords(memory);
    const blocks = [1, 2, 3, 100, 5000, 20_000].map((words) => {
      const address = alloc(words);
      assert.ok(address > 64);
      assert.equal(address % 8, 0);
      return shadow.claim(address, 4 * words);
    });
    for (const block of blocks) shadow.holds(block);
  });

  it('a block of 0 words is an address like any other', () => {
    const { alloc, realloc, dealloc } = newWords();
    const [a, b] = [alloc(0), alloc(0)];
    assert.ok(a && b && a !== b);
    assert.ok(realloc(a, 10));
    dealloc(b);
    traps(() => dealloc(b));
  });

  it('uses what was freed again', () => {
    const memory = newMemory();
    const { alloc, dealloc } = newWords(memory);
    const keep = alloc(10);
    for (let i = 0; i < 10_000; i++) {
      const addresses = [alloc(100), alloc(1000), alloc(10)];
      for (const address of addresses) dealloc(address);
    }
    assert.equal(memory.buffer.byteLength, PAGE);
    dealloc(keep);
  });

  it('lets big blocks come and go without growing', () => {
    const memory = newMemory();
    const { alloc, realloc, dealloc } = newWords(memory);
    let keep = alloc(10);
    dealloc(alloc(100_000));
    const { byteLength } = memory.buffer;
    for (let i = 0; i < 100; i++) {
      let address = alloc(50_000);
      address = realloc(address, 90_000);
      dealloc(address);
      keep = realloc(keep, 100 + (i % 10) * 1000);
    }
    dealloc(alloc(90_000));
    assert.equal(memory.buffer.byteLength, byteLength);
  });

  describe('after an outsider grew the memory', () => {
    const OUTSIDER = PAGE;

    it('blocks go on behind its pages, and in what was left before them when memory is out', () => {
      const memory = newMemory(1, 3);
      const { alloc } = newWords(memory);
      alloc(1000);
      memory.grow(1);
      assert.ok(alloc(15_000) >= OUTSIDER + PAGE);
      const before = [];
      for (let address; (address = alloc(1000));) if (address < OUTSIDER) before.push(address);
      assert.ok(before.length >= 12, `${before.length}`);
    });

    it('all that is freed on both sides is used again', () => {
      const memory = newMemory(1, 4);
      const { alloc, dealloc } = newWords(memory);
      const before = alloc(10_000);
      memory.grow(1);
      const behind = alloc(10_000);
      assert.ok(before < OUTSIDER && behind > OUTSIDER);
      for (let i = 0; i < 10; i++) {
        dealloc(before);
        dealloc(behind);
        assert.deepEqual([alloc(10_000), alloc(10_000)].sort(), [before, behind].sort());
      }
      dealloc(behind);
      assert.equal(alloc(30_000), behind);
      dealloc(before);
      assert.equal(alloc(9000), before);
    });

    it('a block that fits has its place, though a bigger region would not fit', () => {
      const memory = newMemory(2, 4);
      const { alloc } = newWords(memory);
      assert.ok(alloc(25_000) < 2 * PAGE);
      memory.grow(1);
      assert.ok(alloc(10_000) > 3 * PAGE);
    });

    it('pages that are full to their end leave nothing to use', () => {
      let most = PAGE / 4;
      while (newWords(newMemory(1, 1)).alloc(most) === 0) most--;
      const memory = newMemory(1, 4);
      const shadow = new Shadow(memory);
      const { alloc } = newWords(memory);
      const full = shadow.claim(alloc(most), 4 * most);
      const own = shadow.grow(1);
      const blocks = [];
      for (let address; (address = alloc(100));) {
        assert.ok(address > 2 * PAGE);
        blocks.push(shadow.claim(address, 400));
      }
      assert.ok(blocks.length > 300);
      for (const part of [full, own, ...blocks]) shadow.holds(part);
    });

    it('regions that are empty are all used again', () => {
      const memory = newMemory(1, 22);
      const shadow = new Shadow(memory);
      const { alloc, dealloc } = newWords(memory);
      /* Each but the first fills the pages by which the memory is doubled for it. */
      const sizes = [15_000, 30_000, 80_000, 179_000];
      const add = (words) => shadow.claim(alloc(words), 4 * words);
      let blocks = sizes.map((words, i) => {
        if (i) memory.grow(1);
        return add(words);
      });
      assert.equal(memory.buffer.byteLength, 22 * PAGE);
      for (let i = 0; i < 3; i++) {
        assert.equal(alloc(5000), 0);
        for (const block of blocks) shadow.holds(block);
        for (const { start } of blocks) dealloc(start);
        blocks = sizes.toReversed().map(add);
        assert.ok(blocks.every(({ start }) => start > 0));
      }
      for (const block of blocks) shadow.holds(block);
    });

    it('a block that grows past its pages moves', () => {
      const memory = newMemory();
      const { alloc, realloc } = newWords(memory);
      const block = alloc(10);
      fill(memory, block, 10, 42);
      memory.grow(1);
      const moved = realloc(block, 20_000);
      assert.ok(moved > OUTSIDER);
      assert.deepEqual(read(memory, moved, 10), Array(10).fill(42));
    });
  });

  it('realloc of 0 is a new block', () => {
    const { realloc, dealloc } = newWords();
    const address = realloc(0, 8);
    assert.ok(address);
    dealloc(address);
  });

  it('realloc keeps the words that both sizes have', () => {
    const memory = newMemory();
    const { alloc, realloc } = newWords(memory);
    let address = alloc(4);
    fill(memory, address, 4, 0xdeadbeef);
    fill(memory, alloc(4), 4, 1);
    address = realloc(address, 50_000);
    assert.deepEqual(read(memory, address, 4), Array(4).fill(0xdeadbeef));
    address = realloc(address, 2);
    assert.deepEqual(read(memory, address, 2), Array(2).fill(0xdeadbeef));
    address = realloc(address, 0);
    assert.ok(address);
  });

  it('dealloc of 0 does nothing', () => {
    const { alloc, dealloc } = newWords();
    dealloc(0);
    const address = alloc(1);
    dealloc(0);
    dealloc(address);
  });

  it('an address of no block traps, and changes nothing', () => {
    const memory = newMemory();
    const { alloc, realloc, dealloc } = newWords(memory);
    const [a, b, c] = [alloc(10), alloc(10), alloc(10)];
    fill(memory, a, 10, 1);
    fill(memory, c, 10, 3);
    dealloc(b);
    const before = Buffer.from(memory.buffer).toString('latin1');
    for (const wrong of [b, a + 4, a + 8, a - 8, 8, 64, PAGE - 8, PAGE, 1, -1, -8]) {
      traps(() => dealloc(wrong));
      traps(() => realloc(wrong, 4));
      traps(() => realloc(wrong, 0x40000000));
    }
    assert.equal(Buffer.from(memory.buffer).toString('latin1'), before);
    dealloc(a);
    dealloc(c);
    traps(() => dealloc(a));
  });

  for (const base of [
    0,
    1,
    15,
    16,
    17,
    1024,
    61_000,
    PAGE - 4000,
    PAGE - 3776,
    PAGE - 8,
    PAGE,
    3 * PAGE,
  ]) {
    it(`keeps its state at ${base}, rounded up to 8, and writes nothing below`, () => {
      const memory = newMemory();
      const shadow = new Shadow(memory);
      const below = shadow.claim(0, Math.min(base, PAGE));
      new Uint8Array(memory.buffer).fill(0xff, base);
      const { alloc, dealloc } = newWords(memory, base);
      const addresses = [];
      for (let i = 0; i < 100; i++) {
        addresses.push(alloc(500));
        assert.ok(addresses[i] > base);
        shadow.claim(addresses[i], 2000);
      }
      for (const address of addresses) dealloc(address);
      shadow.holds(below);
    });
  }

  it('begins anew with another words_init, over whatever is there', () => {
    const memory = newMemory();
    const words = newWords(memory);
    const first = words.alloc(10);
    words.alloc(1000);
    words.words_init(64);
    assert.equal(words.alloc(10), first);
  });

  it('traps at a base that has no room behind it, and leaves memory as it was', () => {
    const memory = newMemory(1, 2);
    const shadow = new Shadow(memory);
    const all = shadow.claim(0, PAGE);
    const { words_init } = instantiate('words', memory);
    for (const base of [2 * PAGE - 100, 2 * PAGE, MOST - PAGE, MOST, -8, -1]) {
      traps(() => words_init(base));
    }
    shadow.holds(all);
    assert.equal(memory.buffer.byteLength, PAGE);
  });

  it('returns 0 where memory may not grow, and goes on with what fits', () => {
    const memory = newMemory(1, 2);
    const { alloc, realloc, dealloc } = newWords(memory);
    const block = alloc(100);
    fill(memory, block, 100, 7);
    assert.equal(alloc((2 * PAGE) / 4), 0);
    assert.equal(realloc(block, (2 * PAGE) / 4), 0);
    assert.deepEqual(read(memory, block, 100), Array(100).fill(7));
    const addresses = [];
    for (let address; (address = alloc(1000));) addresses.push(address);
    assert.ok(addresses.length * 4000 > 2 * PAGE - 4000 - 3 * 4100, `${addresses.length}`);
    for (const address of addresses) dealloc(address);
    assert.ok(alloc(20_000));
  });

  it('returns 0 for sizes near 4 GiB, whatever they would wrap to', () => {
    const { alloc, realloc } = newWords(newMemory(1, 16));
    assert.ok(alloc(100_000)); // what is below 256 KiB the heap itself keeps from wrapping
    const block = alloc(4);
    for (const words of [
      2 ** 30 - 2 ** 16 - 10,
      2 ** 30 - 2 ** 17,
      2 ** 30,
      2 ** 30 + 1,
      2 ** 30 - 1,
      2 ** 30 - 4,
      2 ** 31,
      -1,
      -2,
    ]) {
      assert.equal(alloc(words), 0, `${words}`);
      assert.equal(realloc(block, words), 0, `${words}`);
    }
    assert.equal(realloc(block, 4), block);
  });

  it('takes any memory that is not shared: with a maximum, without one, of one page, of 4 GiB', () => {
    for (const [initial, maximum] of [[1], [1, 1], [1, 65536], [7, 9], [100]]) {
      assert.ok(newWords(newMemory(initial, maximum)).alloc(8));
    }
  });

  it(`keeps all blocks apart and all words in random programs; ARENA_SEED=${SEED}`, () => {
    const random = randomNumbers(SEED);
    for (let run = 0; run < RUNS; run++) {
      const memory = newMemory(1 + random(3), random(3) ? 400 : 20);
      const shadow = new Shadow(memory);
      const base = random(PAGE);
      const kept = [shadow.claim(0, base)];
      const { alloc, realloc, dealloc } = newWords(memory, base);
      const blocks = [];
      const any = () => random(blocks.length);
      const size = () => (random(30) ? random(200) : random(PAGE / 2));
      const drop = (i) => {
        const [block] = blocks.splice(i, 1);
        shadow.holds(block);
        return block;
      };
      const add = (address, words) => {
        assert.equal(address % 8, 0);
        blocks.push(shadow.claim(address, 4 * words));
      };
      for (let step = 0; step < 5000; step++) {
        const what = random(1000);
        if (what === 0 && memory.buffer.byteLength < 300 * PAGE) {
          try {
            kept.push(shadow.grow(1 + random(2)));
          } catch {
            continue; // at its maximum
          }
        } else if (!blocks.length || what < 450) {
          const words = size();
          const address = alloc(words);
          if (address) add(address, words);
        } else if (what < 700) {
          const i = any();
          const words = size();
          const address = realloc(blocks[i].start, words);
          if (!address) continue;
          const [block] = blocks.splice(i, 1);
          shadow.holds(block, address, Math.min(block.size, 4 * words));
          add(address, words);
        } else {
          dealloc(drop(any()).start);
        }
      }
      for (const part of [...blocks, ...kept]) shadow.holds(part);
      while (blocks.length) dealloc(drop(0).start);
    }
  });
});
