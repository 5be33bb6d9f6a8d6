import assert from 'node:assert/strict';
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import { Arena, ArenaMemory } from '../../js/index.js';

const memory = new ArenaMemory({ reserve: 2 ** 24 });

describe('util.inspect of an arena', () => {
  it('shows used, capacity and high-water mark in readable units', () => {
    const arena = new Arena({ memory });
    arena.alloc(1536);
    arena.reset();
    arena.alloc(100);
    const text = inspect(arena);
    for (const part of [/used: 100 B\b/, /capacity: [1-9][\d.]* (B|KiB)/, /highWater: 1\.5 KiB/]) {
      assert.match(text, part);
    }
    assert.match(text, /^Arena /);
    assert.doesNotMatch(text, /_|\n/, 'nothing internal, one line');
    arena.free();
  });

  it('shows bytes, KiB, MiB and GiB', () => {
    const big = new ArenaMemory({ reserve: 2 ** 20 });
    for (const [bytes, text] of [
      [0, '0 B'],
      [1, '1 B'],
      [1023, '1023 B'],
      [1024, '1 KiB'],
      [2560, '2.5 KiB'],
      [2 ** 20, '1 MiB'],
      [1.75 * 2 ** 20, '1.8 MiB'],
      [2 ** 30, '1 GiB'],
      [3.25 * 2 ** 30, '3.3 GiB'],
    ]) {
      const arena = new Arena({ memory: big });
      arena.alloc(bytes, 1);
      assert.match(inspect(arena), new RegExp(`used: ${text.replace('.', '\\.')},`));
      arena.free();
    }
  });

  it('shows the label', () => {
    const arena = new Arena({ memory, label: 'frame' });
    assert.match(inspect(arena), /frame/);
    arena.free();
  });

  it('shows that it was freed, and the high-water mark', () => {
    const arena = new Arena({ memory, label: 'frame' });
    arena.alloc(2048);
    arena.free();
    const text = inspect(arena);
    assert.match(text, /freed/);
    assert.match(text, /frame/);
    assert.match(text, /highWater: 2 KiB/);
    assert.doesNotMatch(text, /used|capacity/);
  });

  it('takes nothing from the arena, and works after growth from outside', () => {
    const arena = new Arena({ memory });
    arena.alloc(10);
    const text = inspect(arena);
    assert.equal(inspect(arena), text);
    WebAssembly.Memory.prototype.grow.call(memory.wasmMemory, 1);
    assert.equal(inspect(arena), text);
    arena.free();
  });

  it('is what console.log prints, in objects too', () => {
    const arena = new Arena({ memory, label: 'logged' });
    let printed = '';
    const stream = new Writable({
      write(chunk, _, done) {
        printed += chunk;
        done();
      },
    });
    new Console(stream).log(arena, { arena });
    assert.equal(printed, `${inspect(arena)} { arena: ${inspect(arena)} }\n`);
    assert.match(printed, /used: 0 B/);
    arena.free();
  });
});
