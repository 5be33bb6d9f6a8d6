import assert from 'node:assert/strict';
import { Arena, FrameArenas } from '../js/index.js';
import { KIB, MIB, newMemory } from './arenas.js';
import { throwsArgument, throwsFreed, throwsOutOfMemory, throwsSize } from './expect.js';

describe('FrameArenas', () => {
  const rings = [];
  const ring = (options) => {
    rings.push(new FrameArenas({ memory: newMemory(), ...options }));
    return rings.at(-1);
  };

  afterEach(() => {
    for (const frames of rings.splice(0)) frames.free();
  });

  it('gives an empty arena for each frame', () => {
    const frames = ring();
    for (let i = 0; i < 10; i++) {
      const arena = frames.next();
      assert.ok(arena instanceof Arena);
      assert.equal(arena.used, 0);
      arena.alloc(100);
    }
  });

  it('has two arenas by default, in turn', () => {
    const frames = ring();
    const [a, b, c, d] = [frames.next(), frames.next(), frames.next(), frames.next()];
    assert.notEqual(a, b);
    assert.deepEqual([c, d], [a, b]);
  });

  for (const inFlight of [1, 2, 3, 7]) {
    it(`keeps the data of the last ${inFlight - 1} frames, and no more: inFlight ${inFlight}`, () => {
      const frames = ring({ inFlight });
      const views = [];
      for (let frame = 0; frame < 5 * inFlight; frame++) {
        const view = frames.next().uint32(100);
        if (frame >= inFlight) assert.equal(view, views[frame - inFlight], 'the same view again');
        views.push(view.fill(frame));
        for (let age = 0; age < Math.min(inFlight, frame + 1); age++) {
          assert.ok(views[frame - age].every((value) => value === frame - age));
        }
      }
      assert.equal(new Set(views).size, inFlight);
    });
  }

  it('has no current arena before the first frame, and the one of the frame then', () => {
    const frames = ring();
    assert.equal(frames.current, undefined);
    for (let i = 0; i < 5; i++) assert.equal(frames.next(), frames.current);
  });

  it('gives each arena the options: limit and capacity are per arena', () => {
    const memory = newMemory();
    const frames = ring({ memory, inFlight: 3, capacity: KIB, limit: 2 * KIB, label: 'frame' });
    for (let i = 0; i < 6; i++) {
      const arena = frames.next();
      assert.equal(arena.memory, memory);
      assert.equal(arena.label, 'frame');
      assert.ok(arena.capacity >= KIB);
      arena.alloc(2 * KIB, 1);
      throwsOutOfMemory(() => arena.alloc(1, 1));
    }
    assert.equal(memory.stats().arenas, 3);
  });

  it('gives views for a GPU at 256 bytes without ceremony', () => {
    const frames = ring();
    for (let i = 0; i < 4; i++) {
      const arena = frames.next();
      arena.alloc(3, 1);
      assert.equal(arena.float32(5, 256).byteOffset % 256, 0);
    }
  });

  it('needs one chunk where a frame before needed several', () => {
    const memory = newMemory({ reserve: 4 * MIB });
    const frames = ring({ memory });
    for (let frame = 0; frame < 6; frame++) {
      const arena = frames.next();
      const other = frames._arenas[1 - frames._turn];
      for (let i = 0; i < 64; i++) {
        arena.alloc(KIB, 1);
        if (frame < 2) other.alloc(16, 1); // so that neither can be extended in place
      }
    }
    const { used, base } = frames.next();
    assert.equal(used, 0);
    assert.equal(frames.current.alloc(64 * KIB, 1), base);
  });

  it('gives everything back by free, and then refuses frames; twice is harmless', () => {
    const memory = newMemory();
    const frames = ring({ memory, capacity: 10 * KIB });
    frames.next();
    frames.free();
    frames.free();
    assert.deepEqual([memory.stats().live, memory.stats().arenas], [0, 0]);
    throwsFreed(() => frames.next());
    assert.ok(frames.current.freed);
  });

  it('is where it was when an arena of it was freed by somebody', () => {
    const frames = ring();
    const first = frames.next();
    const second = frames.next();
    first.free();
    throwsFreed(() => frames.next());
    assert.equal(frames.current, second);
  });

  it('refuses less than one frame in flight', () => {
    for (const inFlight of [0, -1, 1.5, NaN, Infinity]) throwsSize(() => ring({ inFlight }));
    assert.throws(() => ring({ inFlight: '2' }), { code: 'ERR_ARENA_SIZE', name: 'TypeError' });
    throwsArgument(() => new FrameArenas(null));
    throwsArgument(() => new FrameArenas(5));
  });

  it('keeps nothing where there is no memory for all of its arenas', () => {
    const memory = newMemory({ reserve: MIB, maximum: MIB });
    throwsOutOfMemory(() => ring({ memory, inFlight: 3, capacity: 400 * KIB }));
    assert.deepEqual([memory.stats().live, memory.stats().arenas], [0, 0]);
  });

  if (Symbol.dispose) {
    it('is freed by `using`', () => {
      const frames = ring();
      const arena = frames.next();
      frames[Symbol.dispose]();
      assert.ok(arena.freed);
    });
  }
});
