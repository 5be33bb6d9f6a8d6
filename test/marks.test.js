import assert from 'node:assert/strict';
import { ArenaError } from '../js/index.js';
import {
  KIB,
  KINDS,
  alone,
  assertFilled,
  cursor,
  fill,
  leaves,
  look,
  newArena,
  newMemory,
  wall,
} from './arenas.js';
import { throwsArgument, throwsCode, throwsFreed, throwsMark } from './expect.js';

for (const [kind, options] of KINDS) {
  describe(`marks of ${kind}`, () => {
    it('release gives back what came after the mark, to the byte', () => {
      const arena = alone(options);
      const ptr = arena.alloc(10, 1);
      fill(arena.memory, ptr, 10);
      const mark = arena.mark();
      assert.equal(arena.used, 10, 'a mark consumes nothing');
      assert.equal(arena.alloc(10, 8), ptr + 16);
      arena.release(mark);
      assert.equal(arena.used, 10);
      assert.equal(arena.alloc(5, 1), ptr + 10);
      assertFilled(arena.memory, ptr, 10);
    });

    it('a release with nothing behind the mark changes nothing but closes it', () => {
      const arena = alone(options);
      arena.alloc(10, 1);
      const mark = arena.mark();
      leaves(arena, () => arena.release(mark));
      leaves(arena, () => throwsMark(() => arena.release(mark)));
    });

    it('nest, and are released from the inside out', () => {
      const arena = alone(options);
      const at = [];
      const marks = [];
      for (let i = 0; i < 10; i++) {
        at.push(cursor(arena));
        marks.push(arena.mark());
        arena.alloc(i + 1, 1);
      }
      for (let i = 9; i >= 0; i--) {
        arena.release(marks[i]);
        assert.equal(cursor(arena), at[i]);
      }
    });

    it('release of an outer mark closes the inner ones', () => {
      const arena = alone(options);
      const ptr = arena.alloc(1, 1);
      const outer = arena.mark();
      arena.alloc(10);
      const middle = arena.mark();
      arena.alloc(10);
      const inner = arena.mark();
      arena.alloc(10);
      arena.release(outer);
      assert.equal(cursor(arena), ptr + 1);
      for (const mark of [inner, middle, outer]) {
        leaves(arena, () => throwsMark(() => arena.release(mark)));
      }
    });

    it('release of an inner mark leaves the outer ones open', () => {
      const arena = alone(options);
      const ptr = arena.alloc(1, 1);
      const outer = arena.mark();
      arena.alloc(10, 1);
      const inner = arena.mark();
      arena.alloc(10, 1);
      arena.release(inner);
      const again = arena.mark();
      arena.alloc(500, 1);
      arena.release(again);
      assert.equal(cursor(arena), ptr + 11);
      arena.release(outer);
      assert.equal(cursor(arena), ptr + 1);
    });

    it('are closed after one release', () => {
      const arena = alone(options);
      const mark = arena.mark();
      arena.alloc(10);
      arena.release(mark);
      arena.alloc(10);
      leaves(arena, () => throwsMark(() => arena.release(mark)));
    });

    it('of one arena are not open in another', () => {
      const memory = newMemory();
      const a = newArena({ memory, ...options });
      const b = newArena({ memory, ...options });
      a.alloc(10);
      b.alloc(10);
      const ofA = a.mark();
      const ofB = b.mark();
      a.alloc(5);
      b.alloc(6);
      leaves(b, () => throwsMark(() => b.release(ofA)));
      leaves(a, () => throwsMark(() => a.release(ofB)));
      leaves(a, () => throwsMark(() => a.promote(ofB, a.base, 1)));
      a.release(ofA);
      b.release(ofB);
      assert.equal(a.used, 10);
      assert.equal(b.used, 10);
    });

    it('that are made up are refused, whatever they are', () => {
      for (const open of [0, 1, 3]) {
        const arena = alone(options);
        arena.alloc(10);
        const marks = Array.from({ length: open }, () => arena.mark());
        const mark = marks.at(-1) ?? 0;
        arena.alloc(10);
        const madeUp = [
          -1,
          -2,
          -3,
          -0.5,
          0.5,
          NaN,
          Infinity,
          -Infinity,
          2 ** 30,
          2 ** 32,
          mark + 1,
        ];
        madeUp.push(mark + 2 ** 32, mark + 0.25, -mark - 1, String(mark), BigInt(mark), [mark]);
        madeUp.push(undefined, null, true, false, '', {}, () => mark, Symbol('mark'));
        madeUp.push({ valueOf: () => assert.fail('valueOf ran'), toString: () => assert.fail() });
        madeUp.push(cursor(arena), arena.base, arena.base + 10);
        for (const value of madeUp) {
          if (marks.includes(value)) continue;
          leaves(arena, () => throwsMark(() => arena.release(value)));
          leaves(arena, () => throwsMark(() => arena.promote(value, arena.base, 8)));
        }
        if (open) arena.release(marks[0]);
        assert.equal(arena.used, open ? 10 : 26);
      }
    });

    it('are closed by a reset', () => {
      const arena = alone(options);
      arena.alloc(10);
      const outer = arena.mark();
      const inner = arena.mark();
      arena.alloc(10);
      arena.reset();
      arena.alloc(100);
      for (const mark of [inner, outer]) leaves(arena, () => throwsMark(() => arena.release(mark)));
    });

    it('are of no use after free', () => {
      const arena = alone(options);
      arena.alloc(10);
      const mark = arena.mark();
      arena.free();
      throwsFreed(() => arena.release(mark));
      throwsFreed(() => arena.promote(mark, 8, 8));
      throwsFreed(() => arena.mark());
      throwsFreed(() => arena.scope(() => assert.fail('fn ran')));
    });

    it('in an arena without a chunk take none, and give back all that came', () => {
      const arena = alone(options);
      const mark = arena.mark();
      assert.equal(arena.base, 0);
      assert.equal(arena.capacity, 0);
      const inner = arena.mark();
      const ptr = arena.alloc(100, 1);
      arena.release(inner);
      assert.equal(arena.used, 0);
      assert.equal(arena.base, ptr);
      assert.equal(arena.alloc(10, 1), ptr);
      arena.alloc(5000, 1);
      wall(arena);
      arena.alloc(100_000, 1);
      arena.release(mark);
      assert.equal(arena.used, 0);
      assert.equal(cursor(arena), ptr);
      throwsMark(() => arena.release(mark));
    });

    it('in an arena without a chunk are released without one', () => {
      const arena = alone(options);
      const mark = arena.mark();
      arena.release(mark);
      assert.deepEqual(look(arena), look(alone(options)));
      throwsMark(() => arena.release(mark));
    });

    it('are integers below 2^30 that no arena of the memory repeats', () => {
      const memory = newMemory();
      const some = [0, 1, 2].map(() => newArena({ memory, ...options }));
      const seen = new Set();
      for (let i = 0; i < 3000; i++) {
        const arena = some[i % 3];
        const mark = arena.mark();
        assert.ok(Number.isInteger(mark) && mark >= 0 && mark < 2 ** 30);
        assert.ok(!seen.has(mark), `${mark} twice`);
        seen.add(mark);
        if (i % 5 === 0) arena.alloc(8);
        if (i % 7 < 5) arena.release(mark);
        if (i % 500 === 499) arena.reset();
      }
    });

    it('begin anew at 0 behind the last number, and are open and closed as others are', () => {
      const memory = newMemory();
      memory._serial = 2 ** 30 - 2;
      const arena = newArena({ memory, ...options });
      arena.alloc(8);
      const levels = [0, 1, 2, 3].map(() => {
        const { used } = arena;
        const mark = arena.mark();
        arena.alloc(8);
        return { mark, used };
      });
      assert.deepEqual(
        levels.map(({ mark }) => mark),
        [2 ** 30 - 2, 2 ** 30 - 1, 0, 1],
      );
      for (const { mark, used } of levels.reverse()) {
        arena.release(mark);
        assert.equal(arena.used, used);
        throwsMark(() => arena.release(mark));
      }
    });

    it('protect what came before them, the one that is 0 too', () => {
      const memory = newMemory();
      memory._serial = 0;
      const arena = newArena({ memory, ...options });
      const ptr = arena.alloc(100);
      const mark = arena.mark();
      assert.equal(mark, 0);
      assert.notEqual(arena.realloc(ptr, 100, 200), ptr);
      arena.release(mark);
      assert.equal(arena.used, 100);
      assert.equal(arena.realloc(ptr, 100, 200), ptr);
    });

    it('reach back over chunks, and give their bytes back', () => {
      const arena = alone(options);
      const ptr = arena.alloc(1000, 1);
      fill(arena.memory, ptr, 1000);
      const marks = [];
      for (let i = 0; i < 6; i++) {
        wall(arena);
        marks.push([arena.mark(), arena.used]);
        arena.alloc(70_000 + i, 1);
      }
      const { capacity } = arena;
      for (const i of [5, 3, 2, 0]) {
        arena.release(marks[i][0]);
        assert.equal(arena.used, marks[i][1]);
      }
      assert.equal(cursor(arena), ptr + 1000);
      assert.ok(arena.capacity < capacity / 2, 'all but one spare went back');
      assertFilled(arena.memory, ptr, 1000);
    });

    it('opened in a later chunk go back to that chunk', () => {
      const arena = alone(options);
      arena.alloc(1000, 1);
      wall(arena);
      const far = arena.alloc(5000, 1);
      const mark = arena.mark();
      wall(arena);
      arena.alloc(100_000, 1);
      const inner = arena.mark();
      arena.alloc(10, 1);
      arena.release(inner);
      arena.release(mark);
      assert.equal(cursor(arena), far + 5000);
      assert.equal(arena.used, 6000);
    });

    it('release over a chunk edge keeps one spare: a loop there takes nothing new', () => {
      const arena = alone(options);
      const { memory } = arena;
      arena.alloc(1000, 1);
      wall(arena);
      let first;
      for (let i = 0; i < 1000; i++) {
        arena.scope((a) => {
          const ptr = a.alloc(500);
          fill(memory, ptr, 500, i);
          assertFilled(memory, ptr, 500, i);
        });
        const now = { ...memory.stats(), capacity: arena.capacity };
        assert.deepEqual(now, (first ??= now));
      }
      assert.ok(first.capacity > 1500, 'the spare counts as capacity');
      assert.equal(arena.used, 1000);
    });

    it('release in a loop over many chunks leaves the frontier where it was', () => {
      const arena = alone(options, { maximum: 2 ** 25 });
      const { memory } = arena;
      arena.alloc(1000, 1);
      const walls = [];
      let frontier = 0;
      for (let i = 0; i < 1000; i++) {
        const mark = arena.mark();
        for (let size = 600; size < 40_000; size *= 3) {
          arena.alloc(size, 1);
          if (i === 0) walls.push(wall(arena));
        }
        arena.release(mark);
        if (i === 1) ({ frontier } = memory.stats());
      }
      assert.equal(memory.stats().frontier, frontier);
      assert.equal(arena.used, 1000);
    });
  });

  describe(`scope of ${kind}`, () => {
    it('gives what fn returned, and gives back what it allocated', () => {
      const arena = alone(options);
      const ptr = arena.alloc(10, 1);
      const result = {};
      assert.equal(
        arena.scope((a) => {
          assert.equal(a, arena);
          a.alloc(100);
          return result;
        }),
        result,
      );
      assert.equal(cursor(arena), ptr + 10);
      for (const value of [undefined, null, 0, '', false, NaN, Symbol.iterator, { then: 1 }]) {
        assert.equal(
          arena.scope(() => value),
          value,
        );
      }
    });

    it('lets an error of fn through as it is, after the release', () => {
      const arena = alone(options);
      const ptr = arena.alloc(10, 1);
      for (const error of [new Error('mine'), undefined, null, 'text', 0]) {
        let caught = arena;
        try {
          arena.scope((a) => {
            a.alloc(100);
            throw error;
          });
        } catch (thrown) {
          caught = thrown;
        }
        assert.equal(caught, error);
        assert.equal(cursor(arena), ptr + 10);
      }
    });

    it('lets an error of fn through when fn has open marks of its own', () => {
      const arena = alone(options);
      arena.alloc(10);
      const error = new Error('mine');
      const marks = [];
      assert.throws(
        () =>
          arena.scope((a) => {
            marks.push(a.mark());
            a.alloc(10);
            marks.push(a.mark());
            throw error;
          }),
        (thrown) => thrown === error,
      );
      assert.equal(arena.used, 10);
      for (const mark of marks) throwsMark(() => arena.release(mark));
    });

    it('lets an error of fn through when fn closed the mark, reset or freed the arena', () => {
      const error = new Error('mine');
      for (const close of [
        (a, mark) => a.release(mark),
        (a, mark) => a.promote(mark, a.alloc(8), 8),
        (a) => a.reset(),
        (a) => a.free(),
      ]) {
        const arena = alone(options);
        arena.alloc(10);
        const run = () =>
          arena.scope((a, mark) => {
            close(a, mark);
            throw error;
          });
        assert.throws(run, (thrown) => thrown === error);
      }
    });

    it('nests, each giving back its own', () => {
      const arena = alone(options);
      const seen = [];
      const dive = (depth) =>
        arena.scope((a) => {
          const ptr = a.alloc(100, 1);
          fill(a.memory, ptr, 100, depth);
          seen.push(ptr);
          const sum = depth ? dive(depth - 1) + 1 : 0;
          assert.equal(cursor(a), ptr + 100);
          assertFilled(a.memory, ptr, 100, depth);
          return sum;
        });
      assert.equal(dive(30), 30);
      assert.equal(arena.used, 0);
      seen.forEach((ptr, i) => assert.equal(ptr, seen[0] + 100 * i));
    });

    it('does nothing where fn released the mark itself', () => {
      const arena = alone(options);
      arena.alloc(10, 1);
      const kept = arena.scope((a, mark) => {
        a.alloc(100, 1);
        a.release(mark);
        return a.alloc(20, 1);
      });
      assert.equal(kept, arena.base + 10);
      assert.equal(arena.used, 30, 'what came after the release stays');
    });

    it('does nothing where fn promoted a block', () => {
      const arena = alone(options);
      arena.alloc(8);
      const kept = arena.scope((a, mark) => {
        a.alloc(100);
        const view = a.float64(2);
        view.set([1.5, 2.5]);
        return a.promote(mark, view);
      });
      assert.deepEqual([...kept], [1.5, 2.5]);
      assert.equal(kept.byteOffset, arena.base + 8);
      assert.equal(arena.used, 24);
    });

    it('does nothing where fn released an outer mark, reset or freed', () => {
      const arena = alone(options);
      arena.alloc(10, 1);
      const outer = arena.mark();
      arena.scope((a) => {
        a.alloc(10, 1);
        a.release(outer);
        a.alloc(5, 1);
      });
      assert.equal(arena.used, 15);
      arena.scope((a) => {
        a.reset();
        a.alloc(7, 1);
      });
      assert.equal(arena.used, 7);
      arena.scope((a) => a.free());
      assert.equal(arena.freed, true);
    });

    it('does nothing where fn closed the mark and left one of its own open', () => {
      const arena = alone(options);
      arena.alloc(10, 1);
      let own;
      arena.scope((a, mark) => {
        a.release(mark);
        own = a.mark();
        a.alloc(20, 1);
      });
      assert.equal(arena.used, 30);
      arena.release(own);
      assert.equal(arena.used, 10);
    });

    it('refuses a thenable, after the release', async () => {
      const arena = alone(options);
      arena.alloc(10, 1);
      const asyncError = (fn) => throwsCode(fn, 'ERR_ARENA_ASYNC', TypeError);
      asyncError(() => arena.scope(async (a) => a.alloc(100)));
      assert.equal(arena.used, 10);
      asyncError(() => arena.scope(() => ({ then() {} })));
      asyncError(() => arena.scope((a) => Object.assign(() => a.alloc(5), { then() {} })));
      assert.equal(arena.used, 10);
    });

    it('refuses what is no function, and opens no mark for it', () => {
      const arena = alone(options);
      arena.alloc(10);
      for (const fn of [undefined, null, 1, 'fn', {}]) {
        leaves(arena, () => throwsArgument(() => arena.scope(fn)));
      }
    });

    it('survives that fn runs out of memory', () => {
      const arena = alone({ ...options, limit: 500 });
      arena.alloc(100, 1);
      assert.throws(
        () =>
          arena.scope((a) => {
            a.alloc(400, 1);
            a.alloc(1, 1);
          }),
        (error) => error instanceof ArenaError,
      );
      assert.equal(arena.used, 100);
      assert.ok(arena.alloc(400, 1));
    });
  });
}

describe('marks and allocations in a thousand random orders', () => {
  it('come back to where each was opened', () => {
    const arena = alone({}, { reserve: 64 * KIB });
    const open = [];
    let state = 12345;
    const next = (n) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
    for (let i = 0; i < 20_000; i++) {
      const action = next(10);
      if (action < 4) {
        arena.alloc(next(300), 2 ** next(5));
        if (next(50) === 0) wall(arena);
      } else if (action < 7 && open.length < 20) {
        open.push([arena.mark(), arena.used, cursor(arena)]);
      } else if (open.length) {
        const at = action === 9 ? next(open.length) : open.length - 1;
        const [mark, used, ptr] = open[at];
        arena.release(mark);
        open.length = at;
        assert.equal(arena.used, used);
        assert.equal(cursor(arena), ptr);
      }
    }
  });
});
