import assert from 'node:assert/strict';
import { FrameArenas } from '../js/index.js';
import { MIB, newMemory } from './arenas.js';

const { toResizableBuffer } = WebAssembly.Memory.prototype;
const hasResizable = /native code/.test(toResizableBuffer);

/*
 * A frame that outgrows the reserve while it holds views: what a page sees then, and its three ways
 * out of it.
 */
describe('growth in the middle of a frame', () => {
  const rings = [];

  /** A ring in a memory of 1 MiB, unless `memoryOptions` say otherwise. */
  function ring(memoryOptions) {
    rings.push(new FrameArenas({ memory: newMemory(memoryOptions) }));
    return rings.at(-1);
  }

  afterEach(() => {
    for (const frames of rings.splice(0)) frames.free();
  });

  /** A frame that holds positions while it allocates 4 MiB of indices. */
  function frame(frames) {
    const arena = frames.next();
    const positions = arena.float32(300).fill(1.5);
    const ptr = positions.byteOffset;
    const indices = arena.uint32(MIB).fill(7);
    return { arena, positions, ptr, indices };
  }

  it('empties the views that are held, silently; the one that grew is current', () => {
    const { positions, indices } = frame(ring());
    assert.equal(positions.length, 0);
    assert.equal(positions.byteLength, 0);
    assert.equal(positions[0], undefined);
    positions[0] = 1;
    assert.equal(positions[0], undefined);
    assert.equal(indices.length, MIB);
    assert.ok(indices.every((index) => index === 7));
  });

  it('loses no data: arena.view makes the views again', () => {
    const { arena, ptr } = frame(ring());
    const again = arena.view(Float32Array, ptr, 300);
    assert.equal(again.length, 300);
    assert.ok(again.every((value) => value === 1.5));
  });

  it('empties views of the frame before, too, and arena.view of that arena makes them again', () => {
    const frames = ring();
    const last = frames.next();
    const view = last.float32(100).fill(2.5);
    const { byteOffset } = view;
    const before = Float32Array.from(view);
    frame(frames);
    assert.equal(view.length, 0);
    assert.deepEqual(last.view(Float32Array, byteOffset, 100).slice(), before);
  });

  it('happens once: the next frames fit, and have the same views again', () => {
    const frames = ring();
    frame(frames);
    frame(frames);
    const { grows } = frames.current.memory.stats();
    const kept = [frame(frames), frame(frames)];
    for (let i = 0; i < 10; i++) {
      const { positions, indices } = frame(frames);
      assert.equal(positions, kept[i % 2].positions);
      assert.equal(indices, kept[i % 2].indices);
    }
    assert.equal(frames.current.memory.stats().grows, grows);
  });

  it('is heard of by onGrow, where views are made again', () => {
    const heard = [];
    const frames = ring({ onGrow: (memory) => heard.push(memory.generation) });
    frame(frames);
    assert.deepEqual(heard, [1]);
  });

  it('is avoided by a reserve that suffices', () => {
    const { positions, arena } = frame(ring({ reserve: 16 * MIB }));
    assert.ok(positions.every((value) => value === 1.5) && positions.length === 300);
    assert.equal(arena.memory.generation, 0);
  });

  it('is avoided by ensure, while no view is held', () => {
    const frames = ring();
    const arena = frames.next();
    arena.memory.ensure(8 * MIB);
    const { positions } = frame(frames);
    assert.ok(positions.every((value) => value === 1.5) && positions.length === 300);
    assert.equal(arena.memory.generation, 1);
  });

  it('is refused where the maximum is the reserve, and the views are as they were', () => {
    const frames = ring({ reserve: MIB, maximum: MIB });
    const positions = frames.next().float32(300).fill(1.5);
    assert.throws(() => frames.current.uint32(MIB), { code: 'ERR_ARENA_OUT_OF_MEMORY' });
    assert.ok(positions.every((value) => value === 1.5) && positions.length === 300);
  });

  it("keeps the views with buffer: 'resizable', where the engine has it", function () {
    if (!hasResizable) this.skip();
    const { positions, indices, arena } = frame(ring({ buffer: 'resizable' }));
    assert.ok(arena.memory.stats().grows > 0);
    assert.equal(positions.length, 300);
    assert.ok(positions.every((value) => value === 1.5));
    assert.equal(positions.buffer, indices.buffer);
  });
});
