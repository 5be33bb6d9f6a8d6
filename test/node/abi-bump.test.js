import assert from 'node:assert/strict';
import wabt from 'wabt';
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

/** The module's state at the base. */
const STATE = 40;

/**
 * What a code generator emits: a point is a struct of three fields, a shape an enum whose variant
 * `rect` has two arguments, and a cell of a list is a struct of two fields. Its own data ends at 64.
 */
const PROGRAM = `
  (module
    (import "env" "memory" (memory 1))
    (import "bump" "bump_alloc" (func $alloc (param i32) (result i32)))
    (data (i32.const 0) "a generated program's own data, below the base ..............end")

    (func (export "point") (param $x f64) (param $y f64) (param $z f64) (result i32)
      (local $at i32)
      (local.set $at (call $alloc (i32.const 24)))
      (f64.store (local.get $at) (local.get $x))
      (f64.store offset=8 (local.get $at) (local.get $y))
      (f64.store offset=16 (local.get $at) (local.get $z))
      (local.get $at))

    (func (export "rect") (param $width f64) (param $height f64) (result i32)
      (local $at i32)
      (local.set $at (call $alloc (i32.const 24)))
      (i64.store (local.get $at) (i64.const 7))
      (f64.store offset=8 (local.get $at) (local.get $width))
      (f64.store offset=16 (local.get $at) (local.get $height))
      (local.get $at))

    (func (export "array") (param i64 i64 i64 i64) (result i32)
      (local $at i32)
      (local.set $at (call $alloc (i32.const 32)))
      (i64.store (local.get $at) (local.get 0))
      (i64.store offset=8 (local.get $at) (local.get 1))
      (i64.store offset=16 (local.get $at) (local.get 2))
      (i64.store offset=24 (local.get $at) (local.get 3))
      (local.get $at))

    (func $cell (param $value i64) (param $next i32) (result i32)
      (local $at i32)
      (local.set $at (call $alloc (i32.const 16)))
      (i64.store (local.get $at) (local.get $value))
      (i64.store offset=8 (local.get $at) (i64.extend_i32_u (local.get $next)))
      (local.get $at))

    (func (export "list") (param $n i64) (result i32)
      (local $list i32)
      (block $done
        (loop $more
          (br_if $done (i64.eqz (local.get $n)))
          (local.set $list (call $cell (local.get $n) (local.get $list)))
          (local.set $n (i64.sub (local.get $n) (i64.const 1)))
          (br $more)))
      (local.get $list))

    (func (export "sum") (param $list i32) (result i64)
      (local $sum i64)
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $list)))
          (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $list))))
          (local.set $list (i32.wrap_i64 (i64.load offset=8 (local.get $list))))
          (br $more)))
      (local.get $sum))

    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`;

describe('abi/bump.wasm', () => {
  let program;

  before(async () => {
    const { parseWat } = await wabt();
    program = new WebAssembly.Module(parseWat('program.wat', PROGRAM).toBinary({}).buffer);
  });

  function link(memory, base = 64) {
    const bump = instantiate('bump', memory);
    bump.bump_init(base);
    const instance = new WebAssembly.Instance(program, { env: { memory }, bump });
    return { bump, program: instance.exports };
  }

  const data = (memory) => Buffer.from(memory.buffer, 0, 64).toString();

  describe('linked to a generated program', () => {
    it('a struct of 3 fields takes 24 bytes, an enum variant of 2 arguments 24, an array of 4 elements 32', () => {
      const memory = newMemory();
      const { bump, program } = link(memory);
      const starts = [
        program.point(1, 2, 3),
        program.rect(4, 5),
        program.array(6n, 7n, 8n, 9n),
        bump.bump_alloc(0),
      ];
      const [point, rect, array] = starts;
      assert.deepEqual(starts, [64 + STATE, point + 24, rect + 24, array + 32]);
      assert.deepEqual([...new Float64Array(memory.buffer, point, 3)], [1, 2, 3]);
      assert.deepEqual([...new BigUint64Array(memory.buffer, rect, 1)], [7n]);
      assert.deepEqual([...new Float64Array(memory.buffer, rect + 8, 2)], [4, 5]);
      assert.deepEqual([...new BigUint64Array(memory.buffer, array, 4)], [6n, 7n, 8n, 9n]);
      assert.match(data(memory), /^a generated program's own data.*end$/);
    });

    it('a list over many pages keeps its values, and the memory grows few times for it', () => {
      const memory = newMemory();
      const { program } = link(memory);
      let grows = 0;
      let size = PAGE;
      for (let i = 0; i < 100; i++) {
        const list = program.list(5000n);
        assert.equal(program.sum(list), 12_502_500n);
        if (memory.buffer.byteLength > size) grows++;
        size = memory.buffer.byteLength;
      }
      assert.ok(size >= 8_000_000 && size <= 16_000_000 + PAGE, `${size}`);
      assert.ok(grows <= 8, `${grows} growths`);
      assert.match(data(memory), /^a generated program's own data.*end$/);
    });

    it("the program's own memory.grow adds pages that no block lies in", () => {
      const memory = newMemory();
      const { program } = link(memory);
      const before = program.list(4000n);
      const own = program.grow(3) * PAGE;
      Buffer.from(memory.buffer, own, 3 * PAGE).fill(0xee);
      const after = program.list(10_000n);
      assert.equal(program.sum(before), 8_002_000n);
      assert.equal(program.sum(after), 50_005_000n);
      assert.ok(Buffer.from(memory.buffer, own, 3 * PAGE).equals(Buffer.alloc(3 * PAGE, 0xee)));
    });
  });

  it('rounds sizes up to 8 and returns the old heap pointer', () => {
    const { bump } = link(newMemory());
    let expected = 64 + STATE;
    for (const [size, step] of [
      [1, 8],
      [7, 8],
      [8, 8],
      [9, 16],
      [0, 0],
      [24, 24],
      [1001, 1008],
    ]) {
      assert.equal(bump.bump_alloc(size), expected, `${size}`);
      expected += step;
    }
  });

  for (const base of [
    0,
    1,
    7,
    8,
    9,
    1024,
    PAGE - STATE - 8,
    PAGE - STATE,
    PAGE - 8,
    PAGE,
    5 * PAGE,
  ]) {
    it(`keeps its state at ${base}, rounded up to 8, and writes nothing below`, () => {
      const memory = newMemory();
      const shadow = new Shadow(memory);
      const below = shadow.claim(0, Math.min(base, PAGE));
      const { bump_init, bump_alloc, bump_reset } = instantiate('bump', memory);
      bump_init(base);
      const first = Math.ceil(base / 8) * 8 + STATE;
      assert.equal(bump_alloc(8), first);
      for (let i = 0; i < 100; i++) shadow.claim(bump_alloc(2000), 2000);
      bump_reset();
      assert.equal(bump_alloc(8), first);
      shadow.holds(below);
      assert.ok(memory.buffer.byteLength >= first);
    });
  }

  it('begins anew with another bump_init, over whatever is there', () => {
    const memory = newMemory(2);
    new Uint8Array(memory.buffer).fill(0xff);
    const { bump_init, bump_alloc } = instantiate('bump', memory);
    for (const base of [64, 4096, 64]) {
      bump_init(base);
      assert.equal(bump_alloc(16), base + STATE);
    }
  });

  it('fills memory to its last byte before it grows', () => {
    const memory = newMemory();
    const { bump } = link(memory);
    assert.equal(bump.bump_alloc(PAGE - 64 - STATE), 64 + STATE);
    assert.equal(memory.buffer.byteLength, PAGE);
    assert.equal(bump.bump_alloc(0), PAGE);
    assert.equal(memory.buffer.byteLength, PAGE);
    assert.equal(bump.bump_alloc(1), PAGE);
    assert.equal(memory.buffer.byteLength, 2 * PAGE);
  });

  it('grows for a block of many pages', () => {
    const memory = newMemory();
    const { bump } = link(memory);
    assert.equal(bump.bump_alloc(10 * PAGE), 64 + STATE);
    assert.equal(memory.buffer.byteLength, 11 * PAGE);
  });

  it('traps where memory may not grow, and goes on with what fits', () => {
    const memory = newMemory(1, 2);
    const { bump } = link(memory);
    const left = 2 * PAGE - 64 - STATE;
    traps(() => bump.bump_alloc(left + 1));
    assert.equal(bump.bump_alloc(left - 8), 64 + STATE);
    traps(() => bump.bump_alloc(9));
    assert.equal(bump.bump_alloc(8), 2 * PAGE - 8);
    traps(() => bump.bump_alloc(1));
    bump.bump_reset();
    assert.equal(bump.bump_alloc(left), 64 + STATE);
  });

  it('traps at sizes near 4 GiB, whatever they would wrap to', () => {
    const { bump } = link(newMemory(1, 16));
    for (const size of [
      -1,
      -7,
      -8,
      -9,
      -64,
      -64 - STATE,
      -PAGE,
      -PAGE - 1,
      2 ** 31,
      2 ** 32 - 64 - STATE,
    ]) {
      traps(() => bump.bump_alloc(size));
    }
    assert.equal(bump.bump_alloc(8), 64 + STATE);
  });

  it('traps at a base that has no room behind it, and leaves memory as it was', () => {
    const memory = newMemory(1, 2);
    const shadow = new Shadow(memory);
    const all = shadow.claim(0, PAGE);
    const { bump_init } = instantiate('bump', memory);
    for (const base of [2 * PAGE - STATE + 1, 2 * PAGE, MOST - PAGE, MOST, -8, -1]) {
      traps(() => bump_init(base));
    }
    shadow.holds(all);
    assert.equal(memory.buffer.byteLength, PAGE);
    bump_init(2 * PAGE - STATE);
    assert.equal(memory.buffer.byteLength, 2 * PAGE);
  });

  it('traps before bump_init', () => {
    const { bump_alloc } = instantiate('bump', newMemory());
    traps(() => bump_alloc(8));
  });

  it('takes any memory that is not shared: with a maximum, without one, of one page, of 4 GiB', () => {
    for (const [initial, maximum] of [[1], [1, 1], [1, 65536], [7, 9], [100]]) {
      assert.equal(link(newMemory(initial, maximum)).bump.bump_alloc(8), 64 + STATE);
    }
  });

  it('never uses the last page of 4 GiB', function () {
    let memory;
    try {
      memory = newMemory(65535);
    } catch {
      this.skip(); // the machine has no such memory
    }
    const { bump } = link(memory);
    traps(() => bump.bump_alloc(MOST - 64 - STATE + 1));
    assert.equal(bump.bump_alloc(MOST - 64 - STATE) >>> 0, 64 + STATE);
    traps(() => bump.bump_alloc(1));
    bump.bump_reset();
    memory.grow(1);
    traps(() => bump.bump_alloc(MOST - 64 - STATE + 1));
    bump.bump_init(64);
    traps(() => bump.bump_alloc(MOST - 64 - STATE + 1));
    assert.equal(bump.bump_alloc(MOST - 64 - STATE) >>> 0, 64 + STATE);
    traps(() => bump.bump_init(MOST));
  });

  describe('after an outsider grew the memory', () => {
    it('what is left of its own pages is used first, then what follows the outsider', () => {
      const memory = newMemory();
      const { bump } = link(memory);
      memory.grow(2);
      assert.equal(bump.bump_alloc(PAGE - 64 - STATE), 64 + STATE);
      const header = 8;
      assert.equal(bump.bump_alloc(16), 3 * PAGE + header);
      assert.equal(bump.bump_alloc(16), 3 * PAGE + header + 16);
      assert.equal(memory.buffer.byteLength, 6 * PAGE); // doubled, by what there was
    });

    it('a block that needs all of the growth has it', () => {
      for (const size of [PAGE - 8, PAGE - 7, PAGE, 4 * PAGE - 8, 4 * PAGE]) {
        const memory = newMemory();
        const { bump } = link(memory);
        memory.grow(1);
        const start = bump.bump_alloc(size);
        assert.equal(start, 2 * PAGE + 8);
        assert.ok(memory.buffer.byteLength >= start + size);
      }
    });

    it('a reset goes back to the first page, and over the same pages again', () => {
      const memory = newMemory();
      const { bump } = link(memory);
      const rounds = [1, 2, 3].map((round) => {
        const starts = [];
        for (let i = 0; i < 60; i++) {
          starts.push(bump.bump_alloc(8000));
          if (round === 1 && i % 20 === 0) memory.grow(1);
        }
        bump.bump_reset();
        return starts;
      });
      const { byteLength } = memory.buffer;
      assert.deepEqual(rounds[1], rounds[0]);
      assert.deepEqual(rounds[2], rounds[0]);
      assert.equal(memory.buffer.byteLength, byteLength);
      assert.equal(rounds[0][0], 64 + STATE);
    });

    it('a block that a run after the reset has no room for goes to one that has', () => {
      const memory = newMemory();
      const { bump } = link(memory);
      memory.grow(1);
      const far = bump.bump_alloc(PAGE);
      bump.bump_reset();
      assert.equal(bump.bump_alloc(PAGE), far);
      bump.bump_reset();
      assert.equal(bump.bump_alloc(PAGE - 64 - STATE), 64 + STATE);
    });

    it('no size wraps around, where it is too big behind the outsider but not before', () => {
      const memory = newMemory(10, 20);
      const { bump } = link(memory);
      memory.grow(1);
      for (const size of [MOST - 64 - STATE, MOST - 10 * PAGE, MOST - 11 * PAGE, MOST - PAGE]) {
        traps(() => bump.bump_alloc(size));
      }
      assert.equal(bump.bump_alloc(8), 64 + STATE);
    });

    it('a refusal leaves what there was to give', () => {
      const memory = newMemory(1, 3);
      const { bump } = link(memory);
      memory.grow(1);
      traps(() => bump.bump_alloc(PAGE));
      traps(() => bump.bump_alloc(2 * PAGE));
      assert.equal(bump.bump_alloc(PAGE - 64 - STATE), 64 + STATE);
      assert.equal(bump.bump_alloc(PAGE - 8), 2 * PAGE + 8);
    });
  });

  it(`keeps all blocks apart in random programs; ARENA_SEED=${SEED}`, () => {
    const random = randomNumbers(SEED);
    for (let run = 0; run < RUNS; run++) {
      const memory = newMemory(1 + random(3), random(3) ? 400 : 40);
      const shadow = new Shadow(memory);
      const base = random(PAGE);
      const kept = [shadow.claim(0, base)];
      const { bump_init, bump_alloc, bump_reset } = instantiate('bump', memory);
      bump_init(base);
      const first = bump_alloc(0);
      let blocks = [];
      let cursor = first;
      for (let step = 0; step < 2000; step++) {
        const what = random(1000);
        if (what === 0) {
          for (const block of blocks) shadow.holds(block);
          bump_reset();
          blocks = [];
          cursor = first;
        } else if (what < 4 && memory.buffer.byteLength < 300 * PAGE) {
          try {
            kept.push(shadow.grow(1 + random(3)));
          } catch {
            continue; // at its maximum
          }
        } else {
          const size = what < 20 ? random(3 * PAGE) : random(200);
          let start;
          try {
            start = bump_alloc(size);
          } catch {
            continue; // at its maximum
          }
          assert.equal(start % 8, 0);
          assert.ok(start >= cursor && start + size <= memory.buffer.byteLength);
          cursor = start + Math.ceil(size / 8) * 8;
          blocks.push(shadow.claim(start, size));
        }
      }
      for (const part of [...blocks, ...kept]) shadow.holds(part);
    }
  });
});
