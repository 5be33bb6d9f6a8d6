import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../js/index.js';
import { TYPED, throwsArgument, throwsBounds, throwsOutOfMemory } from './expect.js';
import { OUTSIDE } from './outsider.js';

const arenaOf = (options, memoryOptions) =>
  new Arena({ memory: new ArenaMemory({ reserve: 2 ** 17, ...memoryOptions }), ...options });

const filled = (Type, length) => {
  const big = Type.name.startsWith('Big');
  return Type.from({ length }, (_, i) => (big ? BigInt(i * 3) : i * 3));
};

function assertCopy(arena, copy, Type, expected) {
  assert.equal(Object.getPrototypeOf(copy), Type.prototype);
  assert.equal(copy.buffer, arena.memory.buffer);
  assert.equal(copy.byteOffset % Type.BYTES_PER_ELEMENT, 0);
  assert.deepEqual(Array.from(copy), Array.from(expected));
}

describe('from', () => {
  for (const [, Type, size] of TYPED) {
    it(`copies a ${Type.name}`, () => {
      const arena = arenaOf();
      arena.alloc(1, 1);
      const source = filled(Type, 20);
      const copy = arena.from(source);
      assertCopy(arena, copy, Type, source);
      assert.equal(copy.byteOffset, arena.base + size);
      assert.equal(arena.used, size + 20 * size);
      copy[0]++;
      assert.equal(Number(source[0]), 0, 'the source is another block');
    });

    it(`copies a ${Type.name} of the same memory, from an offset`, () => {
      const arena = arenaOf();
      const source = arena.view(Type, arena.alloc(40 * size, 8) + size, 20);
      source.set(filled(Type, 20));
      const copy = arena.from(source);
      assertCopy(arena, copy, Type, filled(Type, 20));
      assert.notEqual(copy.byteOffset, source.byteOffset);
    });

    it(`copies a ${Type.name} that goes stale because its copy makes the memory grow`, () => {
      const arena = arenaOf();
      const length = 70_000 / size;
      const source = arena.view(Type, arena.alloc(length * size + 8, 8) + size, length - 1);
      source.set(filled(Type, length - 1));
      const copy = arena.from(source);
      assert.equal(arena.memory.generation, 1);
      assert.equal(source.length, 0, 'it went stale on the way');
      assertCopy(arena, copy, Type, filled(Type, length - 1));
    });
  }

  it('copies a neighbour’s view that goes stale on the way', () => {
    const arena = arenaOf();
    const neighbour = new Arena({ memory: arena.memory });
    const source = neighbour.uint32(20_000);
    source.set(filled(Uint32Array, 20_000));
    const copy = arena.from(source);
    assert.equal(source.length, 0, 'it went stale on the way');
    assertCopy(arena, copy, Uint32Array, filled(Uint32Array, 20_000));
  });

  for (const [how, grow] of Object.entries(OUTSIDE)) {
    it(`copies a view that was made by hand after ${how}`, () => {
      const arena = arenaOf();
      const ptr = arena.uint32(100).byteOffset;
      arena.view(Uint32Array, ptr, 100).set(filled(Uint32Array, 100));
      grow(arena.memory, 1);
      const { buffer } = arena.memory.wasmMemory;
      const copy = arena.from(new Uint32Array(buffer, ptr, 100));
      assertCopy(arena, copy, Uint32Array, filled(Uint32Array, 100));
    });

    it(`copies a view made by hand after ${how} that its copy makes stale`, () => {
      const arena = arenaOf();
      const ptr = arena.uint32(20_000).byteOffset;
      arena.view(Uint32Array, ptr, 20_000).set(filled(Uint32Array, 20_000));
      grow(arena.memory, 1);
      const { buffer } = arena.memory.wasmMemory;
      const copy = arena.from(new Uint32Array(buffer, ptr, 20_000));
      assertCopy(arena, copy, Uint32Array, filled(Uint32Array, 20_000));
    });
  }

  it('copies from another memory', () => {
    const [arena, other] = [arenaOf(), arenaOf()];
    other.alloc(64);
    const source = other.from(Float64Array.of(1.5, 2.5));
    assertCopy(arena, arena.from(source), Float64Array, [1.5, 2.5]);
  });

  it('copies an empty array and takes nothing but padding', () => {
    const arena = arenaOf();
    assert.equal(arena.from(new Float64Array(0)).length, 0);
    assert.equal(arena.from(arena.uint8(0)).length, 0);
    assert.equal(arena.used, 0);
  });

  it('gives the native type for a subclass', () => {
    const arena = arenaOf();
    class Vector extends Float32Array {}
    class Named extends Uint16Array {
      get [Symbol.toStringTag]() {
        return 'Named';
      }
    }
    class Liar extends Int16Array {
      static get BYTES_PER_ELEMENT() {
        return 1;
      }
      get [Symbol.toStringTag]() {
        return 'Float64Array';
      }
    }
    assertCopy(arena, arena.from(Vector.of(1, 2)), Float32Array, [1, 2]);
    assertCopy(arena, arena.from(Named.of(1, 2)), Uint16Array, [1, 2]);
    assertCopy(arena, arena.from(Liar.of(1, 2)), Int16Array, [1, 2]);
  });

  it('gives a Uint8Array for a Node.js Buffer', function () {
    const { Buffer } = globalThis;
    if (!Buffer) this.skip();
    const arena = arenaOf();
    const source = Buffer.from('pooled');
    assertCopy(arena, arena.from(source), Uint8Array, new Uint8Array(source));
    const inside = Buffer.from(arena.memory.buffer, arena.utf8('inside').byteOffset, 6);
    assertCopy(arena, arena.from(inside), Uint8Array, new TextEncoder().encode('inside'));
  });

  it('copies from a SharedArrayBuffer', function () {
    if (typeof SharedArrayBuffer === 'undefined') this.skip();
    const source = new Uint8Array(new SharedArrayBuffer(4));
    source.set([1, 2, 3, 4]);
    const arena = arenaOf();
    assertCopy(arena, arena.from(source), Uint8Array, [1, 2, 3, 4]);
  });

  it('never copies from this memory what goes stale in another one on the way', () => {
    const other = arenaOf();
    const source = other.from(new Uint8Array(10_000).fill(7));
    const onGrow = () => other.memory.ensure(2 ** 20);
    const arena = arenaOf({}, { reserve: 2 ** 16, onGrow });
    arena.alloc(60_000);
    assert.throws(() => arena.from(source), TypeError);
    assert.equal(source.length, 0);
  });

  if (WebAssembly.Memory.prototype.toResizableBuffer) {
    it('copies as many elements as a view that grows with its memory had', () => {
      const arena = arenaOf({}, { reserve: 2 ** 16, maximum: 2 ** 20, buffer: 'resizable' });
      const whole = arena.memory.u8;
      assert.equal(arena.from(whole).length, 2 ** 16);
    });
  }

  it('is exact at the limit', () => {
    assert.equal(arenaOf({ limit: 12 }).from(new Float32Array(3)).length, 3);
    const arena = arenaOf({ limit: 11 });
    throwsOutOfMemory(() => arena.from(new Float32Array(3)));
    assert.equal(arena.used, 0);
  });

  it('refuses a stale view of every type, whatever its length was', () => {
    const arena = arenaOf();
    const stale = TYPED.flatMap(([name]) => [arena[name](3), arena[name](0)]);
    const { used } = arena;
    arena.memory.ensure(2 ** 20);
    for (const view of stale) {
      assert.equal(view.length, 0);
      throwsBounds(() => arena.from(view));
      throwsBounds(() => arenaOf().from(view), 'from of another memory');
    }
    assert.equal(arena.used, used);
  });

  it('refuses a view on a buffer that was transferred away', () => {
    const source = Uint8Array.of(1, 2, 3);
    structuredClone(source.buffer, { transfer: [source.buffer] });
    const arena = arenaOf();
    throwsBounds(() => arena.from(source));
    assert.equal(arena.used, 0);
  });

  it('refuses what is no typed array', () => {
    const arena = arenaOf();
    const view = new DataView(new ArrayBuffer(8));
    const bad = [undefined, null, 3, 3n, 'abc', Symbol('s'), [1, 2], {}, { length: 2 }, new Set()];
    for (const source of [...bad, () => {}, new ArrayBuffer(8), view, arena.dataView(0)]) {
      throwsArgument(() => arena.from(source));
    }
    assert.equal(arena.used, 0);
  });
});
