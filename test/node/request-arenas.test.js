import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Heap, Pool } from '../../js/allocators.js';
import { Arena, ArenaOutOfMemoryError } from '../../js/index.js';
import { currentArena, RequestArena, RequestArenas } from '../../js/node.js';
import { assertFilled, assertZero, fill, GIB, KIB, MIB, random } from '../arenas.js';
import {
  throwsArgument,
  throwsBounds,
  throwsCode,
  throwsFreed,
  throwsMark,
  throwsOutOfMemory,
  throwsSize,
  throwsUnsupported,
  TYPED,
} from '../expect.js';
import { without } from '../family.js';
import { freedArenas } from './freed-arenas.js';

/** Arenas in a memory that is small enough to be made for each test, after which they are freed. */
const newArenas = (options) => freedArenas({ reserve: 16 * MIB, ...options });

const newArena = (options) => newArenas(options).acquire();

/** A promise, and what settles it. */
function deferred() {
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
}

/** The warnings of this process while `fn` runs. */
async function warningsOf(fn) {
  const warnings = [];
  const hear = (warning) => warnings.push(warning);
  process.on('warning', hear);
  try {
    await fn();
    await nextTurn();
  } finally {
    process.off('warning', hear);
  }
  return warnings;
}

/** What a channel publishes while `fn` runs. */
async function messagesOf(name, fn) {
  const messages = [];
  const hear = (message) => messages.push(message);
  subscribe(name, hear);
  try {
    await fn();
  } finally {
    unsubscribe(name, hear);
  }
  return messages;
}

/** Uses one arena after the other, `count` at once, of so many bytes. */
function use(arenas, count, size) {
  const live = Array.from({ length: count }, () => arenas.acquire());
  for (const arena of live) arena.uint8(size);
  for (const arena of live) arena.free();
}

const SCRIPT = new URL(import.meta.url);

/** Every member that throws once freed, and a call of it; 0 bytes are no excuse. */
const USES = {
  alloc: (a) => a.alloc(0),
  tryAlloc: (a) => a.tryAlloc(0),
  allocZeroed: (a) => a.allocZeroed(0),
  realloc: (a) => a.realloc(0, 0, 0),
  dataView: (a) => a.dataView(8),
  buffer: (a) => a.buffer(64),
  from: (a) => a.from(new Uint8Array(3)),
  utf8: (a) => a.utf8('grün'),
  text: (a) => a.text(new Uint8Array(2)),
  view: (a) => a.view(Uint8Array, 16, 0),
  mark: (a) => a.mark(),
  release: (a) => a.release(1),
  scope: (a) => a.scope(() => {}),
  promote: (a) => a.promote(1, 16, 0),
  reset: (a) => a.reset(),
  trim: (a) => a.trim(),
  base: (a) => a.base,
};
for (const [name] of TYPED) USES[name] = (a) => a[name](8);

describe('the options of RequestArenas', () => {
  it('need not be given: 1 GiB that never grows, 16 MiB for each request, which reads 0', () => {
    const arenas = new RequestArenas();
    const { size, reserve, maximum } = arenas.stats().memory;
    assert.deepEqual([size, reserve, maximum], [GIB, GIB, GIB]);
    assert.equal(arenas.label, 'request');
    const arena = arenas.acquire();
    assert.equal(arena.label, 'request');
    assert.ok(arena.alloc(16 * MIB, 1));
    throwsOutOfMemory(() => arena.alloc(1, 1));
    arena.free();
    const bytes = arenas.acquire().uint8(16 * MIB);
    assert.ok(!bytes.some(Boolean));
  });

  it('a reserve is the maximum where none is given, and a maximum below 1 GiB the reserve', () => {
    const of = (options) => {
      const { reserve, maximum } = new RequestArenas(options).stats().memory;
      return [reserve, maximum];
    };
    assert.deepEqual(of({ reserve: 2 * MIB }), [2 * MIB, 2 * MIB]);
    assert.deepEqual(of({ maximum: 3 * MIB }), [3 * MIB, 3 * MIB]);
    assert.deepEqual(of({ reserve: 2 * MIB, maximum: 3 * MIB }), [2 * MIB, 3 * MIB]);
    assert.deepEqual(of({ maximum: 2 * GIB }), [GIB, 2 * GIB]);
  });

  it('are refused where they are none', () => {
    const make = (options) => () => new RequestArenas(options);
    for (const options of [null, 1, 'x', true]) throwsArgument(make(options), inspect(options));
    throwsArgument(make({ zero: 1 }));
    throwsArgument(make({ label: 1 }));
    throwsArgument(make({ module: {} }));
    const sizes = 'limit reserve maximum views maxConcurrent maxQueue timeout'.split(' ');
    for (const name of sizes) {
      for (const value of [-1, 1.5, 2 ** 32, NaN, -Infinity]) {
        const what = `${name}: ${value}`;
        assert.ok(throwsSize(make({ [name]: value }), what).message.includes(name), what);
      }
      for (const value of ['1', null, 1n, Symbol('1'), {}, [1], true]) {
        const what = `${name}: ${inspect(value)}`;
        throwsCode(make({ [name]: value }), 'ERR_ARENA_SIZE', TypeError, what);
      }
    }
    for (const name of ['limit', 'reserve', 'maximum', 'views', 'timeout']) {
      throwsSize(make({ [name]: Infinity }), name);
    }
    throwsSize(make({ reserve: 2 * MIB, maximum: MIB }));
    throwsSize(make({ timeout: 2 ** 31 }));
    assert.ok(newArenas({ timeout: 2 ** 31 - 1, maxConcurrent: Infinity, maxQueue: Infinity }));
  });

  it('`module` is the compiled module', async () => {
    const { moduleBytes } = await import('../../js/wasm.js');
    const module = new WebAssembly.Module(moduleBytes());
    assert.ok(newArenas({ module }).acquire().alloc(8));
  });

  it('`views` bounds what is cached', () => {
    const first = (options) => {
      const arenas = newArenas(options);
      const views = () => {
        const arena = arenas.acquire();
        const made = Array.from({ length: 200 }, () => arena.uint8(8));
        arena.free();
        return made;
      };
      const [before, after] = [views(), views()];
      return after.filter((view, i) => view === before[i]).length;
    };
    assert.equal(first({}), 128);
    assert.equal(first({ views: 2 }), 2);
    assert.equal(first({ views: 0 }), 0);
  });
});

describe('run', () => {
  it('hands out an arena, and gives it back with the result', async () => {
    const arenas = newArenas();
    let arena;
    const result = await arenas.run((handed) => {
      arena = handed;
      assert.ok(arena instanceof RequestArena && arena instanceof Arena);
      assert.equal(arena.memory, arenas.memory);
      assert.equal(currentArena(), arena);
      assert.equal(arenas.stats().live, 1);
      return 'result';
    });
    assert.equal(result, 'result');
    assert.ok(arena.freed);
    assert.equal(arenas.stats().live, 0);
  });

  it('keeps it until a thenable settles that is no promise of Node.js', async () => {
    const arenas = newArenas();
    const { promise, resolve } = deferred();
    let arena;
    const done = arenas.run((handed) => {
      arena = handed;
      return { then: (...args) => promise.then(...args) };
    });
    await nextTurn();
    assert.ok(!arena.freed);
    resolve('late');
    assert.equal(await done, 'late');
    assert.ok(arena.freed);
  });

  it('is not over while it awaits', async () => {
    const arenas = newArenas();
    const { promise, resolve } = deferred();
    let arena;
    const done = arenas.run(async (handed) => {
      arena = handed;
      const bytes = arena.uint8(100).fill(7);
      await promise;
      assert.ok(!arena.freed);
      return bytes.every((byte) => byte === 7);
    });
    await arenas.run(async (other) => other.uint8(100).fill(1));
    await nextTurn();
    assert.ok(!arena.freed);
    assert.equal(arenas.stats().live, 1);
    resolve();
    assert.ok(await done);
    assert.ok(arena.freed);
  });

  it('gives back and passes on what a job throws, now or later', async () => {
    const arenas = newArenas();
    const error = new Error('mine');
    const jobs = [
      () => {
        throw error;
      },
      () => Promise.reject(error),
      async () => {
        await nextTurn();
        throw error;
      },
    ];
    for (const job of jobs) {
      let arena;
      const run = arenas.run((handed) => job((arena = handed)));
      await assert.rejects(run, (thrown) => thrown === error);
      assert.ok(arena.freed);
    }
    assert.equal(arenas.stats().live, 0);
    assert.equal(arenas.stats().served, 3);
  });

  it('gives back once where the job did so itself', async () => {
    const arenas = newArenas();
    let next;
    await arenas.run((arena) => {
      arena.free();
      next = arenas.acquire();
    });
    assert.ok(!next.freed);
    assert.equal(arenas.stats().live, 1);
    assert.equal(arenas.stats().served, 1);
  });

  it('refuses what is no function, by a rejection', async () => {
    const arenas = newArenas();
    for (const fn of [undefined, null, {}, 'x']) {
      await assert.rejects(arenas.run(fn), { name: 'TypeError', code: 'ERR_ARENA_ARGUMENT' });
    }
    assert.equal(arenas.stats().served, 0);
  });

  it('nests: the inner job has an arena of its own', async () => {
    const arenas = newArenas();
    const others = newArenas();
    await arenas.run(async (outer) => {
      const mine = outer.utf8('outer');
      await others.run(async (middle) => {
        assert.equal(currentArena(), middle);
        await arenas.run(async (inner) => {
          assert.notEqual(inner, outer);
          inner.uint8(1000).fill(1);
          await nextTurn();
          assert.equal(currentArena(), inner);
        });
        assert.equal(currentArena(), middle);
      });
      assert.equal(currentArena(), outer);
      assert.equal(outer.text(mine), 'outer');
    });
    assert.equal(arenas.stats().peak, 2);
    assert.equal(others.stats().peak, 1);
  });
});

describe('currentArena', () => {
  it('is undefined outside, also of an arena that was acquired', () => {
    const arena = newArena();
    assert.equal(currentArena(), undefined);
    arena.free();
  });

  it('is undefined again after a run, and in what was begun before it', async () => {
    const arenas = newArenas();
    const events = new EventEmitter();
    const seen = [];
    const before = wait(5).then(() => seen.push(currentArena()));
    events.on('event', () => seen.push(currentArena()));
    const run = arenas.run(() => wait(1));
    seen.push(currentArena());
    events.emit('event');
    await Promise.all([before, run]);
    seen.push(currentArena());
    assert.deepEqual(seen, [undefined, undefined, undefined, undefined]);
  });

  /** Ways to go on later, each of which calls `see` or resolves after it. */
  const WAYS = {
    await: async (see) => {
      await null;
      see();
    },
    'queueMicrotask and process.nextTick': (see) =>
      new Promise((resolve) => queueMicrotask(() => process.nextTick(() => resolve(see())))),
    setTimeout: (see) => new Promise((resolve) => setTimeout(() => resolve(see()), 1)),
    setImmediate: (see) => new Promise((resolve) => setImmediate(() => resolve(see()))),
    setInterval: (see) =>
      new Promise((resolve) => {
        const timer = setInterval(() => {
          see();
          clearInterval(timer);
          resolve();
        }, 1);
      }),
    'timers/promises': (see) => wait(1).then(see),
    'Promise.all': async (see) => {
      await Promise.all([nextTurn().then(see), wait(1).then(see)]);
      see();
    },
    'Promise.race and Promise.any': async (see) => {
      await Promise.race([nextTurn(), wait(1)]).then(see);
      await Promise.any([Promise.reject(new Error()), wait(1)]).then(see);
    },
    'Promise.allSettled and finally': (see) =>
      Promise.allSettled([Promise.reject(new Error())]).finally(see),
    'a thenable': async (see) => {
      await {
        then(resolve) {
          see();
          resolve();
        },
      };
      see();
    },
    'for await over a stream': async (see) => {
      for await (const chunk of createReadStream(SCRIPT, { highWaterMark: 4096 })) see(chunk);
    },
    'events of a stream': async (see) => {
      const stream = createReadStream(SCRIPT).on('data', see).on('end', see);
      await once(stream, 'close');
      see();
    },
    'stream.pipeline': (see) =>
      pipeline(
        createReadStream(SCRIPT),
        async function* (source) {
          for await (const chunk of source) {
            see();
            yield chunk;
          }
        },
        async (source) => {
          for await (const chunk of source) see(chunk);
        },
      ),
    'an async generator': async (see) => {
      async function* turns() {
        yield nextTurn();
        see();
        yield nextTurn();
      }
      for await (const turn of turns()) see(turn);
    },
  };

  for (const [name, way] of Object.entries(WAYS)) {
    it(`is the run's own across ${name}, while others run`, async () => {
      const arenas = newArenas();
      let seen = 0;
      const job = (arena) =>
        way(() => {
          seen++;
          assert.equal(currentArena(), arena);
          assert.ok(!arena.freed);
        });
      await Promise.all([arenas.run(job), arenas.run(job), arenas.run(job)]);
      assert.ok(seen >= 3, `${seen} looks`);
    });
  }
});

describe('acquire and free', () => {
  it('are for who gives back himself; twice is harmless', () => {
    const arenas = newArenas();
    const arena = arenas.acquire();
    arena.free();
    const next = arenas.acquire();
    arena.free();
    arena.free();
    assert.ok(arena.freed && !next.freed);
    assert.ok(next.alloc(8));
    assert.deepEqual([arenas.stats().live, arenas.stats().served], [1, 1]);
  });

  it('take an arena of one chunk back without a call of the module, and hand it out wiped', () => {
    for (const zero of [true, false]) {
      const arenas = newArenas({ zero });
      const arena = arenas.acquire();
      arena.uint8(100).fill(7);
      const slot = arena._slot;
      without(slot, [], () => arena.free());
      const next = arenas.acquire();
      const bytes = without(next, ['tryAlloc'], () => next.alloc(200));
      if (zero) assertZero(arenas.memory, bytes, bytes + 200);
    }
  });

  it('keep the room of several chunks in one', () => {
    for (const [most, isReleased] of [
      [MIB, false],
      [300 * KIB, true],
    ]) {
      const arenas = newArenas();
      const arena = arenas.acquire();
      const others = [];
      arena.alloc(0);
      const mark = arena.mark();
      while (arena.used < most) {
        arena.alloc(64 * KIB);
        others.push(new Arena({ memory: arenas.memory, capacity: 16 }));
      }
      if (isReleased) arena.release(mark);
      for (const other of others) other.free();
      arena.free();
      const next = arenas.acquire();
      assert.ok(next.capacity >= 2 * 64 * KIB, `${next.capacity} bytes`);
      assert.ok(without(next, [], () => next.alloc(16)));
    }
  });

  it('begin with nothing used, ever', () => {
    for (const zero of [true, false]) {
      const arenas = newArenas({ zero });
      const arena = arenas.acquire();
      const mark = arena.mark();
      arena.alloc(1000);
      arena.release(mark);
      arena.free();
      const next = arenas.acquire();
      next.alloc(8);
      assert.equal(next.highWater, 8);
    }
  });

  it('hand out arenas with the hot path of any arena', () => {
    const arena = newArena({ zero: false });
    const round = () => {
      const mark = arena.mark();
      arena.alloc(8);
      arena.release(mark);
    };
    arena.alloc(104);
    round();
    without(arena, [], round);
    assert.equal(arena.used, 104);
  });

  it('Symbol.dispose frees, of an arena with children too', () => {
    const dispose = Symbol.dispose;
    assert.ok(dispose, 'Node.js has it');
    const arenas = newArenas();
    const arena = arenas.acquire();
    arena[dispose]();
    arena[dispose]();
    assert.ok(arena.freed);
    const parent = arenas.acquire();
    const heap = new Heap({ on: parent });
    parent[dispose]();
    assert.ok(parent.freed && heap.disposed);
    assert.equal(arenas.stats().served, 2);
  });

  it('RequestArena is nothing to construct', () => {
    throwsArgument(() => new RequestArena());
    throwsArgument(() => new RequestArena({ memory: newArenas().memory }));
  });

  it('a wrapped handler needs a response, which says when it is over', () => {
    const arenas = newArenas();
    const handler = arenas.wrap(() => assert.fail('no response'));
    for (const res of [undefined, null, {}, 'x']) throwsArgument(() => handler({}, res));
    assert.equal(arenas.stats().live, 0);
  });

  it('use one slot after the other, and its views', () => {
    const arenas = newArenas();
    const first = arenas.acquire();
    const view = first.float64(100);
    const base = first.base;
    first.free();
    const second = arenas.acquire();
    assert.notEqual(second, first);
    assert.equal(second.base, base);
    assert.equal(second.float64(100), view);
    assert.deepEqual([second.used, second.highWater], [800, 800]);
    second.free();
  });

  it('a freed arena still tells what it was', () => {
    const arena = newArena({ label: 'upload' });
    arena.scope((a) => a.uint8(5000));
    arena.uint8(1000);
    arena.free();
    assert.deepEqual(
      [arena.freed, arena.label, arena.used, arena.capacity, arena.highWater],
      [true, 'upload', 0, 0, 5000],
    );
    assert.match(inspect(arena), /Arena 'upload' \{ freed, highWater: 4\.9 KiB \}/);
  });

  it('what one used at most is not what the next did', () => {
    for (const zero of [true, false]) {
      const arenas = newArenas({ zero });
      const first = arenas.acquire();
      first.alloc(9000);
      first.free();
      const second = arenas.acquire();
      assert.deepEqual([second.used, second.highWater], [0, 0]);
      second.alloc(100);
      second.scope((arena) => arena.alloc(1000, 1));
      assert.deepEqual([second.used, second.highWater], [100, 1100]);
      second.free();
      assert.equal(second.highWater, 1100);
      const third = arenas.acquire();
      third.alloc(50);
      third.free();
      assert.equal(third.highWater, 50);
      const fourth = arenas.acquire();
      fourth.alloc(9000);
      fourth.reset();
      fourth.trim();
      fourth.alloc(70);
      fourth.free();
      assert.equal(fourth.highWater, 9000);
    }
  });

  it('keep 512 KiB of a slot at the most, and of several chunks one or none', () => {
    const arenas = newArenas();
    const [first, wall] = [arenas.acquire(), arenas.acquire()];
    first.uint8(3 * MIB);
    wall.uint8(100);
    first.uint8(3 * MIB);
    first.free();
    const { live } = arenas.stats().memory;
    assert.ok(live <= 512 * KIB + 2 * KIB, `${live} bytes`);
    const next = arenas.acquire();
    assert.ok(next.capacity <= 512 * KIB && next.capacity > 511 * KIB, `${next.capacity}`);
    assert.ok(next.alloc(next.capacity, 1));
    wall.free();
  });

  it('give back what an arena has in pieces where no one piece is to be had', () => {
    const arenas = newArenas({ reserve: MIB, zero: true });
    const live = Array.from({ length: 40 }, () => arenas.acquire());
    /* In turn, so that all have many small chunks, and none of them a bigger neighbour. */
    for (let i = 0; i < 60; i++) for (const arena of live) arena.tryAlloc(400);
    const before = arenas.stats().memory.live;
    live[7].free();
    assert.ok(arenas.stats().memory.live < before);
    const next = arenas.acquire();
    next.uint8(100).forEach((byte) => assert.equal(byte, 0));
    next.free();
    for (const arena of live) arena.free();
  });

  it('an arena that was never used takes nothing', () => {
    const arenas = newArenas();
    const arena = arenas.acquire();
    const { memory } = arenas.stats();
    assert.equal(memory.live, 0);
    arena.free();
    assert.equal(arenas.acquire().highWater, 0);
    assert.equal(arenas.stats().bytes.p99, 0);
  });
});

describe('wrap, errorMiddleware and fastify', () => {
  it('wrap takes a function, and passes on what there is to call next', () => {
    const arenas = newArenas();
    for (const bad of [5, null, undefined, {}]) throwsArgument(() => arenas.wrap(bad));
    const passed = [];
    const handler = arenas.wrap((req, res, next) => passed.push(typeof next));
    const response = () => Object.assign(new EventEmitter(), { end() {} });
    handler({}, response());
    handler({}, response(), 'head');
    handler({}, response(), () => {});
    assert.deepEqual(passed, ['undefined', 'string', 'function']);
  });

  it('next is no error with the two words that Express has for it', async () => {
    for (const [word, live] of [
      [undefined, 1],
      ['route', 1],
      ['router', 1],
      ['other', 0],
    ]) {
      const arenas = newArenas();
      const res = Object.assign(new EventEmitter(), { end() {} });
      await arenas.wrap(async (req, _, next) => next(word))({}, res, () => {});
      res.emit('close');
      assert.equal(arenas.stats().live, live, `${word}`);
      res.end();
      assert.equal(arenas.stats().live, 0);
    }
  });

  it('the response may be closed, or destroyed, when it begins', () => {
    for (const state of [{ closed: true }, { destroyed: true }]) {
      const arenas = newArenas();
      const res = Object.assign(new EventEmitter(), { end() {} }, state);
      arenas.wrap(() => res.end())({}, res);
      assert.equal(arenas.stats().live, 0, Object.keys(state)[0]);
    }
  });

  it('errorMiddleware ends the use of its own arenas only', () => {
    const [mine, others] = [newArenas(), newArenas()];
    const [req, res] = [{}, Object.assign(new EventEmitter(), { end() {} })];
    for (const arenas of [mine, others]) arenas.middleware()(req, res, () => {});
    const passed = [];
    mine.errorMiddleware()('error', req, res, (error) => passed.push(error));
    res.emit('close');
    assert.deepEqual(passed, ['error']);
    assert.equal(mine.stats().live, 0);
    assert.deepEqual([others.stats().live, others.stats().orphaned], [1, 1]);
    others.errorMiddleware()('error', req, res, () => {});
    assert.equal(others.stats().live, 0);
  });

  it('fastify has a name in what lists plug-ins', () => {
    assert.equal(newArenas().fastify()[Symbol.for('fastify.display-name')], 'wasm-arena');
  });

  it('the response is let go of, whoever keeps the arena', async () => {
    const arenas = newArenas();
    const kept = [];
    const response = (() => {
      const res = Object.assign(new EventEmitter(), { end() {} });
      arenas.wrap((req, { end }) => {
        kept.push(req.arena);
        end();
      })({}, res);
      res.emit('close');
      return new WeakRef(res);
    })();
    assert.ok(kept[0].freed);
    for (let i = 0; i < 20 && response.deref(); i++) {
      await nextTurn();
      globalThis.gc();
    }
    assert.equal(response.deref(), undefined);
  });
});

describe('a freed arena', () => {
  it('has no other members than are tried here', () => {
    const left = ['constructor', 'free', 'freed', 'used', 'capacity', 'highWater'];
    const names = new Set(
      [Arena, RequestArena].flatMap((Type) => {
        return Object.getOwnPropertyNames(Type.prototype);
      }),
    );
    const members = [...names].filter((name) => !name.startsWith('_') && !left.includes(name));
    const tried = new Set([...Object.keys(USES), 'float16']);
    assert.deepEqual(members.sort(), [...tried].sort());
  });

  for (const [what, options] of [
    ['zeroing', {}],
    ['other', { zero: false }],
  ]) {
    for (const [name, call] of Object.entries(USES)) {
      it(`throws by ${name}, and the next request with its slot sees nothing of it (${what})`, () => {
        const arenas = newArenas(options);
        const old = arenas.acquire();
        const mark = old.mark();
        old.mark();
        const views = [old.buffer(64), old.dataView(8), old.uint8(8)];
        old.mark();
        old.free();

        const next = arenas.acquire();
        const mine = [next.buffer(64), next.dataView(8), next.uint8(8)];
        assert.deepEqual(mine, views, 'it has the slot');
        const open = next.mark();
        next.uint8(1000);
        const header = next._header;
        const words = () => [...next.memory.u32.subarray(header, header + 14)];
        const dead = () => [...next.memory.u32.subarray(old._header, old._header + 14)];
        const [before, deadBefore] = [words(), dead()];

        throwsFreed(() => call(old), name);
        throwsFreed(() => old.release(mark));
        throwsFreed(() => old.release(open));
        throwsFreed(() => old.promote(mark, views[0]));
        throwsFreed(() => old.promote(open, mine[0]));
        old.free();
        assert.deepEqual(words(), before);
        assert.deepEqual(dead(), deadBefore);
        next.release(open);
        assert.equal(next.used, 80);
        next.free();
      });
    }
  }

  it('a scope whose function frees it returns, and throws, what the function does', () => {
    for (const zero of [true, false]) {
      const arenas = newArenas({ zero });
      const free = (result) => (arena) => {
        arena.uint8(100);
        arena.mark();
        arena.free();
        if (result instanceof Error) throw result;
        return result;
      };
      assert.equal(arenas.acquire().scope(free(3)), 3);
      const error = new Error('mine');
      assert.throws(
        () => arenas.acquire().scope(free(error)),
        (thrown) => thrown === error,
      );
      assert.equal(
        arenas.acquire().scope((arena) => arena.uint8(8).length),
        8,
      );
    }
  });

  it('marks of the request before are not open', () => {
    for (const zero of [true, false]) {
      const arenas = newArenas({ zero });
      const old = arenas.acquire();
      const marks = [old.mark(), old.mark(), old.mark()];
      old.free();
      const next = arenas.acquire();
      next.uint8(10);
      for (const mark of marks) throwsMark(() => next.release(mark));
      const mark = next.mark();
      assert.ok(!marks.includes(mark));
      for (const other of marks) throwsMark(() => next.promote(other, 16, 0));
      next.release(mark);
      next.free();
    }
  });
});

describe('limit', () => {
  it('is exact, padding included, also in a slot that has more', () => {
    /* One that chunks can't have: they have multiples of 16 bytes. */
    const limit = 10_001;
    const arenas = newArenas({ limit });
    for (let round = 0; round < 3; round++) {
      const arena = arenas.acquire();
      arena.alloc(1, 1);
      arena.alloc(8, 8);
      assert.ok(arena.alloc(limit - 16, 1), `round ${round}`);
      assert.ok(arena.alloc(0, 1));
      const error = throwsOutOfMemory(() => arena.alloc(1, 1), `round ${round}`);
      assert.match(error.message, new RegExp(`limit of ${limit} bytes`));
      assert.equal(arena.tryAlloc(1, 1), 0);
      assert.equal(arena.used, limit);
      assert.equal(arena.capacity, limit);
      arena.free();
    }
    assert.equal(arenas.stats().limited, 6);
  });

  it('counts each allocation that was refused, whatever asked', () => {
    const arenas = newArenas({ limit: 1000 });
    const arena = arenas.acquire();
    const ptr = arena.alloc(900);
    const asks = [
      () => arena.alloc(200),
      () => arena.alloc(200, 1),
      () => arena.allocZeroed(200),
      () => arena.float32(50),
      () => arena.buffer(200),
      () => arena.dataView(200),
      () => arena.from(new Uint8Array(200)),
      () => arena.utf8('x'.repeat(200)),
      () => arena.realloc(ptr, 900, 1001),
    ];
    asks.forEach((ask, i) => {
      throwsOutOfMemory(ask);
      assert.equal(arenas.stats().limited, i + 1, String(ask));
    });
    assert.throws(() => arena.realloc(ptr, 900, -1), { code: 'ERR_ARENA_SIZE' });
    assert.equal(arenas.stats().limited, asks.length);
    assert.equal(arenas.stats().refused, 0);
    assert.equal(arena.used, 900);
  });

  it('publishes it', async () => {
    const arenas = newArenas({ limit: 1000 });
    const arena = arenas.acquire();
    const messages = await messagesOf('wasm-arena:limit', () => {
      arena.tryAlloc(2000);
      throwsOutOfMemory(() => arena.realloc(0, 0, 3000));
      throwsOutOfMemory(() => arena.buffer(4000));
      throwsOutOfMemory(() => arena.promote(arena.mark(), arena.alloc(600), 600, 65536));
    });
    assert.deepEqual(
      messages.map(({ size }) => size),
      [2000, 3000, 4000, 600],
    );
    for (const message of messages) {
      assert.equal(message.arenas, arenas);
      assert.equal(message.arena, arena);
    }
  });
});

describe('the memory of all', () => {
  it('arenas keep an eighth of it between requests', () => {
    const arenas = newArenas();
    use(arenas, 100, 100 * KIB);
    const { live } = arenas.stats().memory;
    assert.ok(live <= 2 * MIB && live > 1.8 * MIB, `${live} bytes`);
    use(arenas, 20, 500 * KIB);
    const after = arenas.stats().memory.live;
    assert.ok(after <= 2 * MIB, `${after} bytes`);
  });

  const PIECE = 64 * KIB;
  const ASKS = {
    alloc: (arena) => arena.alloc(PIECE),
    tryAlloc: (arena) => arena.tryAlloc(PIECE) || arena.alloc(PIECE),
    allocZeroed: (arena) => arena.allocZeroed(PIECE),
    view: (arena) => arena.uint8(PIECE),
    from: (arena) => arena.from(new Uint8Array(PIECE)),
    realloc: (arena) => arena.realloc(0, 0, PIECE),
  };
  for (const [name, ask] of Object.entries(ASKS)) {
    it(`${name}: what others keep, they give back to who needs it`, () => {
      const arenas = newArenas();
      use(arenas, 4, 512 * KIB - 100);
      assert.ok(arenas.stats().memory.live > 1.9 * MIB);
      const arena = arenas.acquire();
      while (arena.used < 15.7 * MIB) ask(arena);
      assert.equal(arenas.stats().limited, 0);
      throwsOutOfMemory(() => arena.alloc(MIB));
      assert.equal(arenas.stats().limited, 1);
      arena.free();
      use(arenas, 4, 512 * KIB - 100);
      assert.equal(arenas.stats().live, 0);
      assert.ok(arenas.stats().memory.live > 1.9 * MIB, 'and they keep as much again');
    });
  }

  it('promote: what others keep, they give back to who needs it', () => {
    const arenas = newArenas({ limit: 32 * MIB });
    const arena = arenas.acquire();
    const mark = arena.mark();
    const size = 7.5 * MIB;
    const view = arena.uint8(size).fill(7);
    use(arenas, 4, 512 * KIB - 100);
    const ptr = arena.promote(mark, view.byteOffset, size, 65536);
    assert.equal(ptr % 65536, 0);
    assert.ok(arena.view(Uint8Array, ptr, size).every((byte) => byte === 7));
    assert.equal(arenas.stats().limited, 0);
  });

  it('a refusal by the limit takes nothing from others', () => {
    const arenas = newArenas({ limit: MIB });
    use(arenas, 4, 512 * KIB - 100);
    const { live } = arenas.stats().memory;
    const arena = arenas.acquire();
    throwsOutOfMemory(() => arena.alloc(2 * MIB));
    assert.equal(arenas.stats().memory.live, live);
  });

  it('what an arena kept of the request before does not stand in the way of its own first block', () => {
    const arenas = newArenas({ limit: 16 * MIB });
    use(arenas, 4, 512 * KIB - 100);
    const arena = arenas.acquire();
    assert.ok(arena.capacity > 0);
    assert.ok(arena.alloc(15.5 * MIB) > 0);
    arena.free();
  });

  it('a mark of the request before does not keep what the arena has', () => {
    const arenas = newArenas({ limit: 16 * MIB });
    const [below, first] = [arenas.acquire(), arenas.acquire()];
    below.alloc(MIB);
    const ptr = first.alloc(100_000);
    first.mark();
    first.realloc(ptr, 100_000, 90_000);
    below.free();
    first.free();
    const arena = arenas.acquire();
    assert.ok(arena.capacity > 0);
    assert.ok(arena.alloc(15.5 * MIB) > 0);
  });

  it('an open mark keeps what the arena has, and is closed in order', () => {
    const arenas = newArenas({ limit: 16 * MIB });
    use(arenas, 4, 512 * KIB - 100);
    const arena = arenas.acquire();
    const { capacity } = arena;
    const mark = arena.mark();
    throwsOutOfMemory(() => arena.alloc(15.5 * MIB));
    assert.equal(arena.capacity, capacity);
    arena.release(mark);
    assert.ok(arena.alloc(15.5 * MIB) > 0);
  });

  it('names the maximum where that is what refused', () => {
    const arenas = newArenas({ limit: 32 * MIB, label: 'upload' });
    const error = throwsOutOfMemory(() => arenas.acquire().alloc(20 * MIB));
    assert.match(error.message, /maximum of 16777216 bytes/);
    assert.match(error.message, /'upload'/);
  });

  it('where not even a header fits, a request is refused, and one that waits hears of it', async () => {
    const arenas = newArenas({ reserve: 64 * KIB, limit: MIB, maxConcurrent: 1 });
    const others = [];
    const fillUp = () => {
      for (const capacity of [32 * KIB, 8 * KIB, KIB, 16, 0]) {
        try {
          for (;;) others.push(new Arena({ memory: arenas.memory, capacity }));
        } catch (error) {
          assert.equal(error.code, 'ERR_ARENA_OUT_OF_MEMORY');
        }
      }
    };
    const arena = arenas.acquire();
    arena.uint8(40 * KIB);
    const waiting = arenas.run(() => assert.fail('no arena'));
    await nextTurn();
    assert.equal(arenas.stats().waiting, 1);
    subscribe('wasm-arena:release', fillUp);
    arena.free();
    unsubscribe('wasm-arena:release', fillUp);
    const expected = { code: 'ERR_ARENA_OUT_OF_MEMORY', statusCode: 503, label: 'request' };
    await assert.rejects(waiting, expected);
    const error = throwsOutOfMemory(() => arenas.acquire());
    assert.match(error.message, /maximum of 65536 bytes/);
    assert.equal(error.cause.code, 'ERR_ARENA_OUT_OF_MEMORY');
    const errors = [];
    const handler = arenas.wrap(() => assert.fail('no arena'));
    handler({}, new EventEmitter(), (refusal) => errors.push(refusal.code));
    assert.deepEqual(errors, ['ERR_ARENA_OUT_OF_MEMORY']);
    assert.equal(arenas.stats().refused, 3);
    assert.equal(arenas.stats().live, 0);
    for (const other of others) other.free();
    arenas.acquire().free();
  });

  it('holds 20,000 arenas of 4 KiB at once in 90 MiB', () => {
    const arenas = new RequestArenas();
    const live = Array.from({ length: 20_000 }, () => arenas.acquire());
    live.forEach((arena, i) => arena.uint32(1024).fill(i));
    const { frontier } = arenas.stats().memory;
    assert.ok(frontier <= 90 * MIB, `${frontier} bytes`);
    live.forEach((arena, i) => {
      const words = arena.view(Uint32Array, arena.base, 1024);
      assert.ok(
        words.every((word) => word === i),
        `arena ${i}`,
      );
      arena.free();
    });
    assert.deepEqual([arenas.stats().peak, arenas.stats().served], [20_000, 20_000]);
    assert.equal(arenas.stats().bytes.p50 >= 4096, true);
    use(arenas, 1000, 4096);
    assert.equal(arenas.stats().memory.frontier, frontier);
  });
});

describe('statusCode, of an error that nobody handles', () => {
  it('is 413 where the limit of the request refused, whatever asked', () => {
    const arena = newArenas({ limit: 1000 }).acquire();
    const mark = arena.mark();
    const ptr = arena.alloc(500, 1);
    for (const ask of [
      () => arena.alloc(1001),
      () => arena.float64(1000),
      () => arena.buffer(1001),
      () => arena.realloc(ptr, 500, 1001),
      () => arena.utf8('x'.repeat(501)),
      () => arena.from(new Uint8Array(501)),
    ]) {
      assert.equal(throwsOutOfMemory(ask).statusCode, 413, `${ask}`);
    }
    arena.release(mark);
    arena.free();
  });

  it('is 503 where the memory of all is full', () => {
    const arenas = newArenas({ reserve: MIB, limit: 2 * MIB });
    assert.equal(throwsOutOfMemory(() => arenas.acquire().alloc(1.5 * MIB)).statusCode, 503);
  });

  it('is on no other error', () => {
    const arena = newArenas().acquire();
    assert.throws(
      () => arena.alloc(-1),
      (error) => !('statusCode' in error),
    );
  });
});

describe('maxConcurrent', () => {
  it('is at least 1', () => {
    assert.throws(() => newArenas({ maxConcurrent: 0 }), { code: 'ERR_ARENA_SIZE' });
  });

  it('makes the next ones wait, first come first served', async () => {
    const arenas = newArenas({ maxConcurrent: 2 });
    const gates = Array.from({ length: 6 }, deferred);
    const begun = [];
    const runs = gates.map(({ promise }, i) =>
      arenas.run((arena) => {
        begun.push(i);
        assert.equal(currentArena(), arena);
        assert.ok(arenas.stats().live <= 2);
        return promise;
      }),
    );
    await nextTurn();
    assert.deepEqual(begun, [0, 1]);
    assert.deepEqual([arenas.stats().live, arenas.stats().waiting], [2, 4]);
    for (const [i, expected] of [
      [1, [0, 1, 2]],
      [0, [0, 1, 2, 3]],
      [3, [0, 1, 2, 3, 4]],
      [2, [0, 1, 2, 3, 4, 5]],
    ]) {
      gates[i].resolve();
      await runs[i];
      await nextTurn();
      assert.deepEqual(begun, expected);
    }
    gates[4].reject(new Error('mine'));
    gates[5].resolve();
    await Promise.allSettled(runs);
    const { live, waiting, peak, served, refused } = arenas.stats();
    assert.deepEqual(
      { live, waiting, peak, served, refused },
      {
        live: 0,
        waiting: 0,
        peak: 2,
        served: 6,
        refused: 0,
      },
    );
  });

  it('is over for who has gone: what the handler was to return is nothing', async () => {
    const arenas = newArenas({ maxConcurrent: 1 });
    const first = arenas.acquire();
    const res = new EventEmitter();
    const served = arenas.wrap(() => assert.fail('no arena'))({}, res);
    await nextTurn();
    assert.equal(arenas.stats().waiting, 1);
    res.emit('close');
    assert.equal(await served, undefined);
    assert.equal(arenas.stats().waiting, 0);
    first.free();
  });

  it('is over for who has gone from Fastify, too', async () => {
    const arenas = newArenas({ maxConcurrent: 1 });
    const first = arenas.acquire();
    const route = { handler: () => assert.fail('no arena') };
    const app = { decorateRequest() {}, addHook: (_, fn) => fn(route) };
    arenas.fastify()(app, {}, () => {});
    const raw = new EventEmitter();
    const served = route.handler({}, { raw });
    raw.emit('close');
    assert.equal(await served, undefined);
    first.free();
  });

  it('passes on what a handler throws that had to wait', async () => {
    const arenas = newArenas({ maxConcurrent: 1 });
    const first = arenas.acquire();
    const mine = new Error('mine');
    const fail = () => {
      throw mine;
    };
    const res = Object.assign(new EventEmitter(), { end() {} });
    const served = arenas.wrap(fail)({}, res);
    first.free();
    await assert.rejects(served, mine);
    res.emit('close');
    assert.equal(arenas.stats().live, 0);
  });

  it('does not let anyone pass who waits', async () => {
    const arenas = newArenas({ maxConcurrent: 1 });
    const first = arenas.acquire();
    const order = [];
    const waiting = arenas.run(() => order.push('waited'));
    first.free();
    const late = arenas.run(() => order.push('late'));
    throwsOutOfMemory(() => arenas.acquire());
    await Promise.all([waiting, late]);
    assert.deepEqual(order, ['waited', 'late']);
  });

  it('with maxQueue refuses who is beyond it: ERR_ARENA_OUT_OF_MEMORY, status 503', async () => {
    const arenas = newArenas({ maxConcurrent: 1, maxQueue: 2, label: 'upload' });
    const gate = deferred();
    const runs = [1, 2, 3].map(() => arenas.run(() => gate.promise));
    const messages = await messagesOf('wasm-arena:limit', async () => {
      await assert.rejects(
        arenas.run(() => assert.fail('no arena')),
        (error) => {
          assert.ok(error instanceof ArenaOutOfMemoryError);
          assert.equal(error.code, 'ERR_ARENA_OUT_OF_MEMORY');
          assert.equal(error.statusCode, 503);
          assert.equal(error.label, 'upload');
          assert.match(error.message, /'upload'.*maxConcurrent of 1/);
          return true;
        },
      );
    });
    assert.deepEqual(messages, [{ arenas, arena: undefined, size: 0 }]);
    assert.deepEqual([arenas.stats().refused, arenas.stats().waiting], [1, 2]);
    gate.resolve();
    await Promise.all(runs);
    assert.equal(await arenas.run(() => 'again'), 'again');
  });

  it('0 in the queue refuses at once; acquire never waits', async () => {
    const arenas = newArenas({ maxConcurrent: 2, maxQueue: 0 });
    const held = [arenas.acquire(), arenas.acquire()];
    await assert.rejects(
      arenas.run(() => 1),
      { statusCode: 503 },
    );
    const error = throwsOutOfMemory(() => arenas.acquire());
    assert.equal(error.statusCode, 503);
    assert.equal(error.label, 'request');
    assert.equal(arenas.stats().refused, 2);
    held[0].free();
    assert.equal(await arenas.run(() => 1), 1);
    held[1].free();
  });
});

describe('stats', () => {
  it('count what is live, was served, refused, and the most at once', () => {
    const arenas = newArenas({ maxConcurrent: 3 });
    assert.deepEqual(arenas.stats(), {
      live: 0,
      orphaned: 0,
      waiting: 0,
      peak: 0,
      served: 0,
      refused: 0,
      limited: 0,
      growths: 0,
      bytes: { p50: 0, p95: 0, p99: 0 },
      memory: arenas.memory.stats(),
    });
    const held = [arenas.acquire(), arenas.acquire(), arenas.acquire()];
    throwsOutOfMemory(() => arenas.acquire());
    held[0].free();
    const { live, peak, served, refused, memory } = arenas.stats();
    assert.deepEqual([live, peak, served, refused, memory.arenas], [2, 3, 1, 1, 3]);
    for (const arena of held) arena.free();
    use(arenas, 2, 100);
    assert.deepEqual([arenas.stats().peak, arenas.stats().served], [3, 5]);
  });

  it('say within 1 % what most arenas need', () => {
    const arenas = newArenas();
    for (let i = 1; i <= 100; i++) {
      const arena = arenas.acquire();
      /* What it used at most, not what it uses at its end. */
      arena.scope(() => arena.alloc(i * 1000));
      arena.alloc(10);
      arena.free();
    }
    const { p50, p95, p99 } = arenas.stats().bytes;
    const near = (bytes, expected) => Math.abs(bytes - expected) <= expected / 100;
    assert.ok(near(p50, 50_000), `${p50}`);
    assert.ok(near(p95, 95_000), `${p95}`);
    assert.ok(near(p99, 99_000), `${p99}`);
  });

  it('a growth makes one warning, which names `reserve`', async () => {
    const arenas = newArenas({ reserve: MIB, maximum: 32 * MIB, label: 'upload' });
    const warnings = await warningsOf(async () => {
      const first = arenas.acquire();
      const view = first.uint8(1000);
      const { byteOffset } = view;
      first.uint8(2 * MIB);
      assert.equal(view.length, 0, 'the view is stale');
      assert.equal(first.view(Uint8Array, byteOffset, 1000).length, 1000);
      arenas.acquire().uint8(12 * MIB);
    });
    assert.ok(arenas.stats().growths >= 2, `${arenas.stats().growths} growths`);
    assert.equal(arenas.stats().growths, arenas.memory.stats().grows);
    assert.equal(warnings.length, 1);
    const [{ code, name, message }] = warnings;
    assert.deepEqual([code, name], ['WASM_ARENA_GROWTH', 'ArenaWarning']);
    assert.match(message, /'upload'.*1048576 bytes.*raise `reserve`/);
  });

  it('there is none, and no warning, by default', async () => {
    const arenas = newArenas({ limit: 32 * MIB });
    const warnings = await warningsOf(() => {
      const arena = arenas.acquire();
      while (arena.tryAlloc(100 * KIB)) arena.used;
      throwsOutOfMemory(() => arena.uint8(20 * MIB));
      arena.free();
    });
    assert.deepEqual(warnings, []);
    assert.equal(arenas.stats().growths, 0);
    assert.equal(arenas.memory.generation, 0);
  });
});

describe('timeout', () => {
  it('names by a warning what is not given back; the arena stays its own', async () => {
    const arenas = newArenas({ timeout: 10, label: 'thumbnails' });
    const gate = deferred();
    let done;
    const warnings = await warningsOf(async () => {
      done = arenas.run(async (arena) => {
        const bytes = arena.uint8(100).fill(7);
        await gate.promise;
        return !arena.freed && bytes.every((byte) => byte === 7);
      });
      await once(process, 'warning');
    });
    assert.equal(warnings.length, 1);
    const [{ code, name, message }] = warnings;
    assert.deepEqual([code, name], ['WASM_ARENA_TIMEOUT', 'ArenaWarning']);
    assert.match(message, /^thumbnails: .*not given back after 10 ms$/);
    await arenas.run((other) => other.uint8(100).fill(1));
    assert.equal(arenas.stats().live, 1);
    gate.resolve();
    assert.ok(await done);
    assert.equal(arenas.stats().live, 0);
  });

  it('says nothing of what is', async () => {
    const arenas = newArenas({ timeout: 10 });
    const warnings = await warningsOf(async () => {
      await arenas.run(() => {});
      await assert.rejects(arenas.run(() => Promise.reject(new Error('mine'))));
      await wait(30);
    });
    assert.deepEqual(warnings, []);
  });
});

describe('diagnostics_channel', () => {
  it('tells who gets an arena, and who gives one back', async () => {
    const arenas = newArenas();
    const told = [];
    const acquired = await messagesOf('wasm-arena:acquire', async () => {
      const released = await messagesOf('wasm-arena:release', async () => {
        await arenas.run((arena) => {
          told.push(arena);
          arena.scope(() => arena.alloc(5000));
        });
        const arena = arenas.acquire();
        told.push(arena);
        arena.free();
        arena.free();
      });
      assert.deepEqual(
        released.map(({ bytes }) => bytes),
        [5000, 0],
      );
      released.forEach((message, i) => {
        assert.equal(message.arenas, arenas);
        assert.equal(message.arena, told[i]);
      });
    });
    assert.equal(acquired.length, 2);
    acquired.forEach((message, i) => {
      assert.equal(message.arenas, arenas);
      assert.equal(message.arena, told[i]);
    });
  });
});

describe('errors', () => {
  const BAD = {
    alloc: (a) => a.alloc(-1),
    'alloc out of memory': (a) => a.alloc(1e9),
    tryAlloc: (a) => a.tryAlloc(1, 3),
    allocZeroed: (a) => a.allocZeroed(1e9),
    realloc: (a) => a.realloc(16, 1e6, 2e6),
    'realloc out of memory': (a) => a.realloc(0, 0, 1e9),
    float32: (a) => a.float32(1.5),
    float64: (a) => a.float64(1, 4),
    dataView: (a) => a.dataView('x'),
    buffer: (a) => a.buffer(1e9),
    'buffer of no size': (a) => a.buffer(1n),
    from: (a) => a.from([1]),
    utf8: (a) => a.utf8(5),
    text: (a) => a.text({}),
    view: (a) => a.view(Uint8Array, 16, 1e6),
    mark: (a) => {
      a.free();
      a.mark();
    },
    release: (a) => a.release(5),
    scope: (a) => a.scope(null),
    'async scope': (a) => a.scope(async () => {}),
    promote: (a) => a.promote(5, 16, 8),
    'promote of no size': (a) => a.promote(5, 16, -1),
    'promote of nothing': (a) => a.promote(5),
    reset: (a) => {
      a.free();
      a.reset();
    },
    trim: (a) => a.trim(-1),
    base: (a) => {
      a.free();
      return a.base;
    },
  };
  for (const [name, call] of Object.entries(BAD)) {
    it(`tell the arena's name: ${name}`, () => {
      const arena = newArena({ label: 'thumbnails' });
      assert.throws(
        () => call(arena),
        (error) => {
          assert.match(error.code, /^ERR_ARENA_/);
          if (name === 'base') assert.match(error.message, /'thumbnails'/);
          else assert.equal(error.label, 'thumbnails', error.stack);
          return true;
        },
      );
    });
  }

  it('float16 names the arena too where there is none', () => {
    const { Float16Array } = globalThis;
    delete globalThis.Float16Array;
    try {
      const arena = newArena({ label: 'thumbnails' });
      const error = throwsUnsupported(() => arena.float16(1));
      assert.equal(error.label, 'thumbnails');
    } finally {
      if (Float16Array) globalThis.Float16Array = Float16Array;
    }
  });

  it('leave alone what a job of the arena throws', () => {
    const arena = newArena();
    const error = Object.assign(new Error('mine'), { code: 'ENOENT' });
    const run = () => {
      throw error;
    };
    assert.throws(
      () => arena.scope(run),
      (thrown) => thrown === error,
    );
    assert.ok(!('label' in error));
    throwsBounds(() => arena.realloc(16, 100, 200));
  });
});

describe('what stands on the arena of a request', () => {
  for (const zero of [true, false]) {
    it(`goes with it, and leaves its slot sound (zero: ${zero})`, () => {
      const arenas = newArenas({ zero });
      let base;
      for (let round = 0; round < 20; round++) {
        const arena = arenas.acquire();
        const own = arena.uint8(100);
        const child = new Arena({ on: arena, zero: true });
        const heap = new Heap({ on: arena });
        const grandchild = new Arena({ on: heap });
        const pool = new Pool({ on: child, size: 24, capacity: 10 });
        if (zero) assertZero(arenas.memory, own.byteOffset, own.byteOffset + 100);
        own.fill(1);
        child.uint8(3000).fill(2);
        const block = heap.alloc(500);
        fill(arenas.memory, block, 500, round);
        grandchild.uint8(70 * KIB).fill(4);
        pool.alloc();
        arena.uint8(200 * KIB).fill(5);
        child.uint8(90 * KIB).fill(6);
        assertFilled(arenas.memory, block, 500, round);

        base ??= arena.base;
        arena.free();
        for (const arena of [child, grandchild]) assert.ok(arena.freed);
        for (const allocator of [heap, pool]) assert.ok(allocator.disposed);
        throwsFreed(() => child.alloc(8));
        throwsFreed(() => heap.alloc(8));
        throwsFreed(() => pool.alloc());
        assert.equal(arenas.stats().memory.arenas, 1);

        const next = arenas.acquire();
        const mark = next.mark();
        assert.ok(next.alloc(8) && next.used > 0);
        heap.dispose();
        child.free();
        next.release(mark);
        const bytes = next.uint8(512 * KIB - 64);
        if (zero) assertZero(arenas.memory, bytes.byteOffset, bytes.byteOffset + bytes.length);
        next.free();
      }
      assert.equal(arenas.stats().live, 0);
      assert.equal(arenas.stats().served, 40);
    });
  }

  it('and the next request with the slot has no children', async () => {
    const arenas = newArenas();
    let heap;
    await arenas.run((arena) => {
      heap = new Heap({ on: arena });
      heap.alloc(100);
    });
    assert.ok(heap.disposed);
    const next = arenas.acquire();
    assert.equal(Object.getPrototypeOf(next), RequestArena.prototype);
    const mark = next.mark();
    const own = new Heap({ on: next });
    own.alloc(10);
    next.release(mark);
    assert.ok(own.disposed);
    next.free();
  });
});

describe('many requests at once', () => {
  const OPERATIONS = 100_000;

  it(`keep their bytes and get zeros, over ${OPERATIONS} random operations`, function () {
    this.timeout(60_000);
    const seed = Number(process.env.SEED) || Date.now() % 2 ** 32;
    const next = random(seed);
    const below = (n) => Math.floor(next() * n);
    const arenas = newArenas({ reserve: 32 * MIB, limit: 2 * MIB });
    const { memory } = arenas;
    const live = [];
    let id = 0;

    const sizeOf = () => {
      const kind = below(100);
      if (kind === 0) return below(300 * KIB);
      return kind < 8 ? below(9000) : below(300);
    };
    const alignOf = () => (below(20) ? 2 ** below(5) : 2 ** below(17));
    /** A block of the model, whose bytes from `from` on are to be 0 and are then filled. */
    const write = (request, ptr, size, from = 0) => {
      assertZero(memory, ptr + from, ptr + size);
      fill(memory, ptr, size, ++id);
      request.blocks.push({ ptr, size, id });
    };
    const check = ({ blocks }) => {
      for (const { ptr, size, id } of blocks) assertFilled(memory, ptr, size, id);
    };
    const STEPS = {
      acquire() {
        if (live.length < 50) live.push({ arena: arenas.acquire(), blocks: [], marks: [] });
      },
      alloc(request) {
        const [size, align] = [sizeOf(), alignOf()];
        const ptr = request.arena.tryAlloc(size, align);
        if (!ptr) return;
        assert.equal(ptr % align, 0);
        write(request, ptr, size);
      },
      buffer(request) {
        const size = below(300);
        const { byteOffset, length } = request.arena.buffer(size);
        write(request, byteOffset, length);
      },
      realloc(request) {
        const { arena, blocks } = request;
        const i = below(2) ? blocks.length - 1 : below(blocks.length);
        const block = blocks[i];
        if (!block) return;
        const [size, align] = [sizeOf(), 2 ** below(5)];
        let ptr;
        try {
          ptr = arena.realloc(block.ptr, block.size, size, align);
        } catch (error) {
          assert.equal(error.code, 'ERR_ARENA_OUT_OF_MEMORY');
          return;
        }
        const kept = Math.min(size, block.size);
        assertFilled(memory, ptr, kept, block.id);
        if (ptr === block.ptr && block.size) {
          assertZero(memory, ptr + kept, ptr + size);
          fill(memory, ptr, size, (block.id = ++id));
          block.size = size;
        } else {
          blocks.splice(i, 1);
          /* What was before a mark is behind it now. */
          for (const mark of request.marks) if (mark.count > i) mark.count--;
          write(request, ptr, size, kept);
        }
      },
      mark(request) {
        if (request.marks.length > 5) return;
        request.marks.push({ mark: request.arena.mark(), count: request.blocks.length });
      },
      release(request) {
        if (!request.marks.length) return;
        const at = below(request.marks.length);
        const { mark, count } = request.marks[at];
        check(request);
        request.arena.release(mark);
        request.marks.length = at;
        request.blocks.length = count;
      },
      promote(request) {
        if (!request.marks.length) return;
        const at = below(request.marks.length);
        const { mark, count } = request.marks[at];
        const block = request.blocks[count + below(request.blocks.length - count)];
        if (!block) return;
        let ptr;
        try {
          ptr = request.arena.promote(mark, block.ptr, block.size, 2 ** below(8));
        } catch (error) {
          assert.equal(error.code, 'ERR_ARENA_OUT_OF_MEMORY');
          return;
        }
        request.marks.length = at;
        request.blocks.length = count;
        request.blocks.push({ ...block, ptr });
      },
      reset(request) {
        if (below(10)) return;
        check(request);
        request.arena.reset();
        request.marks = [];
        request.blocks = [];
      },
      trim({ arena }) {
        arena.trim(below(2) && below(10_000));
      },
      free(request) {
        if (below(3)) return;
        check(request);
        request.arena.free();
        request.blocks = [];
        live.splice(live.indexOf(request), 1);
      },
    };
    const often = ['alloc', 'alloc', 'alloc', 'alloc', 'buffer', 'realloc', 'realloc', 'mark'];
    const names = [...often, 'mark', 'release', 'promote', 'acquire', 'free', 'reset', 'trim'];
    try {
      STEPS.acquire();
      for (let i = 0; i < OPERATIONS; i++) {
        if (!live.length) STEPS.acquire();
        const request = live[below(live.length)];
        STEPS[names[below(names.length)]](request);
        const { blocks } = request;
        if (!blocks.length) continue;
        const { ptr, size, id } = blocks[below(blocks.length)];
        assertFilled(memory, ptr, size, id);
      }
      live.forEach(check);
      for (const { arena } of live) arena.free();
      assert.equal(arenas.stats().live, 0);
      assert.ok(arenas.stats().memory.live <= 4 * MIB);
    } catch (error) {
      error.message += ` (SEED=${seed})`;
      throw error;
    }
  });
});
