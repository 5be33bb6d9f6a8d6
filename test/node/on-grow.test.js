import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../../js/index.js';

describe('an onGrow that throws', () => {
  let listeners;
  let reported;

  beforeEach(() => {
    reported = [];
    listeners = process.rawListeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => reported.push(reason));
  });

  afterEach(() => {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  });

  for (const [what, grow] of Object.entries({
    alloc: (arena) => assert.ok(arena.alloc(200_000)),
    'a view': (arena) => assert.equal(arena.uint8(200_000).fill(1).length, 200_000),
    from: (arena) => assert.ok(arena.from(new Uint8Array(200_000).fill(3)).every((b) => b === 3)),
    utf8: (arena) => assert.equal(arena.utf8('x'.repeat(200_000))[199_999], 0x78),
    ensure: ({ memory }) => memory.ensure(200_000),
    'wasmMemory.grow': ({ memory }) => assert.equal(memory.wasmMemory.grow(1), 2),
    'growth from outside': (arena) => {
      WebAssembly.Memory.prototype.grow.call(arena.memory.wasmMemory, 1);
      assert.equal(arena.memory.u8.length, 3 * 65536);
    },
    'a new arena': ({ memory }) => assert.ok(new Arena({ memory, capacity: 200_000 })),
  })) {
    it(`is not in the way of ${what}, and is reported`, async () => {
      const mine = new Error('mine');
      const memory = new ArenaMemory({
        reserve: 2 ** 17,
        onGrow() {
          throw mine;
        },
      });
      const arena = new Arena({ memory });
      const view = arena.uint8(8).fill(9);
      grow(arena);
      assert.equal(view.length, 0);
      assert.equal(memory.generation, 1);
      assert.equal(memory.u8[arena.base], 9);
      for (let turn = 0; turn < 200 && !reported.length; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assert.deepEqual(reported, [mine]);
      assert.equal(reported[0], mine);
    });
  }
});
