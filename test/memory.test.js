import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../js/index.js';
import { moduleBytes } from '../js/wasm.js';
import {
  throwsArgument,
  throwsCode,
  throwsOutOfMemory,
  throwsSize,
  throwsUnsupported,
} from './expect.js';
import { otherModule, outsider } from './outsider.js';

const PAGE = 65536;
const MOST = 65535 * PAGE;

describe('reserve and maximum', () => {
  it('are 16 MiB and 4 GiB − 64 KiB by default', () => {
    const { size, reserve, maximum } = new ArenaMemory().stats();
    assert.deepEqual([size, reserve, maximum], [2 ** 24, 2 ** 24, MOST]);
  });

  it('are rounded up to pages of 64 KiB, one at least', () => {
    for (const [bytes, rounded] of [
      [0, PAGE],
      [1, PAGE],
      [PAGE, PAGE],
      [PAGE + 1, 2 * PAGE],
      [5 * PAGE - 1, 5 * PAGE],
    ]) {
      const few = new ArenaMemory({ reserve: bytes }).stats();
      assert.deepEqual([few.size, few.reserve, few.maximum], [rounded, rounded, MOST]);
      const fixed = new ArenaMemory({ maximum: bytes }).stats();
      assert.deepEqual([fixed.size, fixed.reserve, fixed.maximum], [rounded, rounded, rounded]);
    }
    assert.equal(new ArenaMemory({ reserve: PAGE, maximum: MOST }).stats().maximum, MOST);
    assert.equal(new ArenaMemory({ reserve: PAGE, maximum: MOST - 1 }).stats().maximum, MOST);
  });

  it('one page is enough to begin with', () => {
    const arena = new Arena({ memory: new ArenaMemory({ maximum: PAGE }) });
    assert.equal(arena.float32(1000).fill(1).length, 1000);
    throwsOutOfMemory(() => arena.alloc(PAGE));
  });

  it('that are no sizes throw ERR_ARENA_SIZE', () => {
    const numbers = [-1, 1.5, NaN, Infinity, 2 ** 32, MOST + 1];
    for (const name of ['reserve', 'maximum']) {
      for (const value of numbers) throwsSize(() => new ArenaMemory({ [name]: value }));
      for (const value of ['8', null, 8n, {}, [], true, Symbol('s'), () => 8]) {
        const run = () => new ArenaMemory({ [name]: value });
        throwsCode(run, 'ERR_ARENA_SIZE', TypeError, `${name}: ${typeof value}`);
      }
      const hooked = { valueOf: () => assert.fail('it was run') };
      throwsCode(() => new ArenaMemory({ [name]: hooked }), 'ERR_ARENA_SIZE', TypeError);
    }
  });

  it('a reserve above the maximum throws ERR_ARENA_SIZE', () => {
    throwsSize(() => new ArenaMemory({ reserve: PAGE + 1, maximum: PAGE }));
    throwsSize(() => new ArenaMemory({ reserve: 2 ** 24, maximum: 2 ** 23 }));
    throwsSize(() => new ArenaMemory({ reserve: 2, maximum: 1 }));
    new ArenaMemory({ reserve: 1, maximum: 1 });
  });

  it('that are the same make a memory that never grows', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20, maximum: 2 ** 20 });
    const { buffer } = memory;
    const arena = new Arena({ memory });
    throwsOutOfMemory(() => arena.alloc(2 ** 20));
    throwsOutOfMemory(() => memory.ensure(2 ** 20));
    assert.throws(() => memory.wasmMemory.grow(1), RangeError);
    assert.throws(() => WebAssembly.Memory.prototype.grow.call(memory.wasmMemory, 1), RangeError);
    assert.equal(memory.buffer, buffer);
    assert.equal(memory.generation, 0);
    assert.equal(memory.stats().size, 2 ** 20);
    assert.ok(arena.alloc(2 ** 19));
  });
});

describe('options of an ArenaMemory', () => {
  it('of another type throw ERR_ARENA_ARGUMENT', () => {
    for (const options of [
      ...[null, 0, 1, 'options', true, Symbol('s'), 1n],
      ...[null, 0, {}, 'Fixed', '', 'toString', Symbol('s')].map((buffer) => ({ buffer })),
      ...[null, 0, 'f', {}, Symbol('s')].map((onGrow) => ({ onGrow })),
      ...[0, 'm', true, {}, moduleBytes(), Symbol('s')].map((module) => ({ module })),
    ]) {
      throwsArgument(() => new ArenaMemory(options));
    }
  });

  it('undefined means the default', () => {
    const names = ['reserve', 'maximum', 'buffer', 'module', 'onGrow'];
    const memory = new ArenaMemory(Object.fromEntries(names.map((name) => [name, undefined])));
    assert.deepEqual(memory.stats(), new ArenaMemory().stats());
    memory.wasmMemory.grow(1);
    assert.equal(memory.generation, 1);
  });

  it('module may be the compiled module', () => {
    const memory = new ArenaMemory({
      module: new WebAssembly.Module(moduleBytes()),
      reserve: PAGE,
    });
    const arena = new Arena({ memory });
    assert.deepEqual(Array.from(arena.from(Uint8Array.of(1, 2))), [1, 2]);
  });

  it('a module that is another one throws ERR_ARENA_ARGUMENT', () => {
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const needsMore = new WebAssembly.Module(
      Uint8Array.of(
        ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
        ...[1, 4, 1, 0x60, 0, 0],
        ...[2, 7, 1, 1, 0x65, 1, 0x66, 0, 0],
      ),
    );
    for (const module of [empty, otherModule(), needsMore]) {
      throwsArgument(() => new ArenaMemory({ module, reserve: PAGE }));
    }
  });

  it("buffer: 'shared' is not supported", () => {
    throwsUnsupported(() => new ArenaMemory({ buffer: 'shared' }));
  });
});

describe('ensure', () => {
  it('grows now, so that what follows does not', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 17 });
    const arena = new Arena({ memory });
    arena.alloc(100);
    memory.ensure(2 ** 20);
    assert.equal(memory.generation, 1);
    const { size, frontier } = memory.stats();
    assert.ok(size - frontier >= 2 ** 20);
    const { buffer } = memory;
    arena.alloc(2 ** 20 - 4096);
    assert.equal(memory.buffer, buffer);
  });

  it('does nothing where so many bytes are there', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 17 });
    memory.ensure(0);
    memory.ensure(2 ** 16);
    assert.equal(memory.generation, 0);
    for (let bytes = 2 ** 16; bytes <= 2 ** 20; bytes += 12345) {
      memory.ensure(bytes);
      const { size, frontier } = memory.stats();
      assert.ok(size - frontier >= bytes);
      const { generation } = memory;
      memory.ensure(bytes);
      assert.equal(memory.generation, generation);
    }
  });

  it('counts no pages of an outsider, and none before them', () => {
    for (const maximum of [MOST, 2 ** 19]) {
      const memory = new ArenaMemory({ reserve: 2 ** 18, maximum });
      memory.wasmMemory.grow(1);
      try {
        memory.ensure(300_000);
      } catch (error) {
        assert.equal(error.code, 'ERR_ARENA_OUT_OF_MEMORY');
        continue;
      }
      const { size, frontier } = memory.stats();
      assert.ok(size - frontier >= 300_000, `${size - frontier} bytes lie past the frontier`);
    }
    const memory = new ArenaMemory({ reserve: 2 ** 18 });
    memory.wasmMemory.grow(1);
    memory.ensure(100 * PAGE);
    const { size, frontier } = memory.stats();
    assert.ok(size - frontier >= 100 * PAGE, `${size - frontier} bytes lie past the frontier`);
  });

  it('throws where the maximum does not suffice, and changes nothing', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 17, maximum: 2 ** 18 });
    const before = memory.stats();
    for (const bytes of [2 ** 18, 2 ** 31, 2 ** 32 - 1]) {
      const error = throwsOutOfMemory(() => memory.ensure(bytes));
      for (const part of [String(bytes), String(2 ** 18), 'maximum']) {
        assert.ok(error.message.includes(part), `"${error.message}" names ${part}`);
      }
    }
    assert.deepEqual(memory.stats(), before);
    memory.ensure(2 ** 18 - before.frontier - 1024);
    assert.equal(memory.stats().size, 2 ** 18);
  });

  it('refuses what is no size', () => {
    const memory = new ArenaMemory({ reserve: PAGE });
    for (const bytes of [-1, 1.5, NaN, Infinity, 2 ** 32]) throwsSize(() => memory.ensure(bytes));
    const hooked = { valueOf: () => assert.fail('it was run') };
    for (const bytes of ['8', null, undefined, 8n, {}, [], Symbol('s'), hooked]) {
      throwsCode(() => memory.ensure(bytes), 'ERR_ARENA_SIZE', TypeError);
    }
    assert.equal(memory.generation, 0);
  });
});

describe('stats', () => {
  it('of a new memory: nothing is live, free, leaked or grown', () => {
    const { frontier, ...rest } = new ArenaMemory({ reserve: PAGE, maximum: 2 * PAGE }).stats();
    assert.deepEqual(rest, {
      size: PAGE,
      reserve: PAGE,
      maximum: 2 * PAGE,
      live: 0,
      free: 0,
      arenas: 0,
      leaked: 0,
      grows: 0,
    });
    assert.ok(frontier > 0 && frontier < PAGE);
  });

  it('live is what arenas hold, without what they are not charged for', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20 });
    const arenas = Array.from({ length: 100 }, () => new Arena({ memory }));
    assert.equal(memory.stats().live, 0);
    assert.equal(memory.stats().arenas, 100);
    arenas.forEach((arena) => arena.alloc(1000));
    const capacity = arenas.reduce((sum, arena) => sum + arena.capacity, 0);
    const { live } = memory.stats();
    assert.ok(live >= capacity, `${live} of ${capacity}`);
    assert.ok(live <= capacity + 100 * 64, 'a chunk has a small header');
    arenas.forEach((arena) => arena.reset());
    assert.equal(memory.stats().live, live);
    arenas.forEach((arena) => arena.free());
    assert.equal(memory.stats().live, 0);
    assert.equal(memory.stats().arenas, 0);
  });

  it('free is what nobody holds below the frontier, and is used again', () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20 });
    const [a, b] = [new Arena({ memory }), new Arena({ memory })];
    a.alloc(10_000);
    b.alloc(10_000);
    const { live, frontier } = memory.stats();
    a.free();
    const freed = memory.stats();
    assert.ok(freed.free >= 10_000);
    assert.equal(freed.live + freed.free, live);
    assert.equal(freed.frontier, frontier);
    const c = new Arena({ memory });
    c.alloc(5000);
    assert.equal(memory.stats().frontier, frontier);
    assert.ok(memory.stats().free < freed.free);
    c.free();
    b.free();
    assert.equal(memory.stats().live, 0);
    assert.ok(memory.stats().frontier < frontier);
  });

  it('of a memory whose arenas come and go stay as they are', () => {
    const memory = new ArenaMemory({ reserve: PAGE });
    new Arena({ memory }).free();
    const before = memory.stats();
    for (let i = 0; i < 5000; i++) {
      const arena = new Arena({ memory });
      arena.alloc(100);
      arena.free();
    }
    assert.deepEqual(memory.stats(), before);
  });

  it('grows counts what arenas asked for; size counts everybody’s', () => {
    const memory = new ArenaMemory({ reserve: PAGE });
    const arena = new Arena({ memory });
    memory.wasmMemory.grow(2);
    outsider(memory).grow(1);
    assert.equal(memory.stats().size, 4 * PAGE);
    assert.equal(memory.stats().grows, 0);
    arena.alloc(3 * PAGE);
    assert.equal(memory.stats().grows, 1);
    memory.ensure(memory.stats().size);
    assert.equal(memory.stats().grows, 2);
    assert.ok(memory.stats().live < arena.capacity + 1024, 'pages of others are not live');
    assert.equal(memory.stats().reserve, PAGE);
    assert.equal(memory.stats().size, memory.wasmMemory.buffer.byteLength);
  });
});

describe('views of the whole memory', () => {
  it('read and write what arenas hold, in every type', () => {
    const memory = new ArenaMemory({ reserve: PAGE });
    const ptr = new Arena({ memory }).alloc(8, 8);
    memory.f64[ptr / 8] = -1.5;
    assert.equal(memory.u64[ptr / 8], 0xbff8000000000000n);
    assert.equal(memory.i64[ptr / 8], -0x4008000000000000n);
    assert.equal(memory.f32[ptr / 4 + 1], -1.9375);
    assert.equal(memory.u32[ptr / 4 + 1], 0xbff80000);
    assert.equal(memory.i32[ptr / 4 + 1], 0xbff80000 | 0);
    assert.equal(memory.u16[ptr / 2 + 3], 0xbff8);
    assert.equal(memory.i16[ptr / 2 + 3], 0xbff8 - 0x10000);
    assert.equal(memory.u8[ptr + 7], 0xbf);
    assert.equal(memory.i8[ptr + 7], 0xbf - 0x100);
  });

  it('are made once a generation, and lie on buffer', () => {
    const memory = new ArenaMemory({ reserve: PAGE });
    for (const name of ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'f64', 'u64', 'i64']) {
      const view = memory[name];
      assert.equal(memory[name], view);
      assert.equal(view.buffer, memory.buffer);
      assert.equal(view.byteLength, memory.stats().size);
      memory.wasmMemory.grow(1);
      assert.notEqual(memory[name], view);
      assert.equal(memory[name].byteLength, memory.stats().size);
    }
    assert.equal(memory.generation, 10);
  });
});

describe('a memory that grows while onGrow runs', () => {
  it('is current afterwards, and onGrow hears of it the next time', () => {
    let heard = 0;
    const onGrow = () => ++heard === 1 && outsider(memory).grow(1);
    const memory = new ArenaMemory({ reserve: 16 * PAGE, onGrow });
    outsider(memory).grow(1);
    assert.equal(memory.u8.length, 18 * PAGE);
    assert.equal(heard, 1);
    const arena = new Arena({ memory });
    assert.equal(arena.float32(4).length, 4);
    assert.equal(heard, 2);
    arena.free();
  });
});

describe('wasmMemory', () => {
  it('is a WebAssembly.Memory that another module can import', () => {
    const memory = new ArenaMemory({ reserve: PAGE });
    assert.ok(memory.wasmMemory instanceof WebAssembly.Memory);
    const { read, grow } = outsider(memory);
    const view = new Arena({ memory }).utf8('ab');
    assert.equal(read(view.byteOffset), 'a'.charCodeAt());
    assert.equal(grow(1), 1);
    assert.equal(memory.u8.length, 2 * PAGE);
  });

  it('grow says what the native one says, also where it refuses', () => {
    const memory = new ArenaMemory({ reserve: PAGE, maximum: 2 * PAGE });
    assert.throws(() => memory.wasmMemory.grow(2), RangeError);
    assert.throws(() => memory.wasmMemory.grow(-1), TypeError);
    assert.equal(memory.generation, 0);
    assert.equal(memory.wasmMemory.grow(1), 1);
  });
});

describe('a resizable buffer', () => {
  const { prototype } = WebAssembly.Memory;
  const { toResizableBuffer } = prototype;

  afterEach(() => {
    if (toResizableBuffer) prototype.toResizableBuffer = toResizableBuffer;
    else delete prototype.toResizableBuffer;
  });

  it('is what views lie on, and everything survives growth', () => {
    let calls = 0;
    prototype.toResizableBuffer = function () {
      calls++;
      return toResizableBuffer ? toResizableBuffer.call(this) : this.buffer;
    };
    const memory = new ArenaMemory({ reserve: PAGE, buffer: 'resizable' });
    assert.equal(calls, 1);
    const arena = new Arena({ memory });
    const ptr = arena.from(Uint8Array.of(1, 2, 3)).byteOffset;
    for (const grow of [
      () => arena.alloc(memory.stats().size),
      () => memory.wasmMemory.grow(1),
      () => prototype.grow.call(memory.wasmMemory, 1),
      () => memory.ensure(memory.stats().size),
    ]) {
      const { size } = memory.stats();
      grow();
      assert.deepEqual(Array.from(arena.view(Uint8Array, ptr, 3)), [1, 2, 3]);
      assert.ok(memory.u8.length > size);
      assert.equal(memory.u8.length, memory.wasmMemory.buffer.byteLength);
      assert.equal(memory.stats().size, memory.u8.length);
      assert.equal(arena.from(arena.view(Uint8Array, ptr, 3))[2], 3);
    }
  });

  it('keeps views current through growth, where the engine has it', function () {
    if (!/native code/.test(toResizableBuffer)) this.skip();
    const memory = new ArenaMemory({ reserve: PAGE, buffer: 'resizable' });
    const arena = new Arena({ memory });
    const view = arena.from(Uint8Array.of(1, 2, 3));
    arena.alloc(4 * PAGE);
    assert.deepEqual(Array.from(view), [1, 2, 3]);
    assert.equal(view.buffer, memory.buffer);
    assert.ok(memory.buffer.resizable);
  });

  it('throws ERR_ARENA_UNSUPPORTED where the engine lacks it', () => {
    delete prototype.toResizableBuffer;
    throwsUnsupported(() => new ArenaMemory({ buffer: 'resizable' }));
  });
});

describe('a host', () => {
  const { WebAssembly } = globalThis;
  const { Memory, Module } = WebAssembly;

  afterEach(() => {
    globalThis.WebAssembly = WebAssembly;
    WebAssembly.Memory = Memory;
    WebAssembly.Module = Module;
  });

  /** A host that refuses memories with more pages than these; every attempt as [initial, maximum]. */
  function refuseAbove(most, mostMaximum = Infinity) {
    const attempts = [];
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor) {
        const { initial, maximum } = descriptor;
        attempts.push([initial, maximum]);
        if (initial > most || maximum > mostMaximum) throw new RangeError('could not allocate');
        super(descriptor);
      }
    };
    return attempts;
  }

  it('that refuses to grow below the maximum is named in the error', () => {
    WebAssembly.Memory = class extends Memory {
      constructor({ initial }) {
        super({ initial, maximum: initial + 4 });
      }
    };
    const memory = new ArenaMemory({ reserve: PAGE, maximum: 1000 * PAGE });
    const arena = new Arena({ memory });
    arena.alloc(4 * PAGE);
    const { used } = arena;
    const error = throwsOutOfMemory(() => arena.alloc(PAGE));
    assert.match(error.message, /the engine, at \d+ bytes$/);
    assert.equal(arena.used, used);
    assert.match(throwsOutOfMemory(() => memory.ensure(2 ** 30)).message, /maximum of 65536000 /);
  });

  it('that refuses the reserve gives half of it, or half of that, down to 1 MiB', () => {
    const attempts = refuseAbove(100);
    const memory = new ArenaMemory({ reserve: 1000 * PAGE, maximum: 2000 * PAGE });
    assert.deepEqual(
      attempts.map(([initial]) => initial),
      [1000, 500, 250, 125, 62],
    );
    assert.ok(attempts.every(([, maximum]) => maximum === 2000));
    assert.equal(memory.stats().reserve, 62 * PAGE);
    assert.equal(memory.stats().size, 62 * PAGE);
    assert.equal(memory.stats().maximum, 2000 * PAGE);
    assert.ok(new Arena({ memory }).alloc(500 * PAGE));
  });

  it('that refuses all above 1 MiB gives 1 MiB, not a power of two below', () => {
    refuseAbove(16);
    assert.equal(new ArenaMemory({ reserve: 30 * PAGE }).stats().reserve, 2 ** 20);
    assert.equal(new ArenaMemory().stats().reserve, 2 ** 20);
  });

  it('that refuses the maximum gives 1 MiB with half of it, or half of that', () => {
    const attempts = refuseAbove(Infinity, 5000);
    const memory = new ArenaMemory();
    assert.deepEqual(attempts.at(-1), [16, 4095]);
    assert.equal(memory.stats().maximum, 4095 * PAGE);
    throwsOutOfMemory(() => memory.ensure(4095 * PAGE));
    memory.ensure(2 ** 21);
  });

  it('that refuses a reserve below 1 MiB may give it with a lower maximum', () => {
    const attempts = refuseAbove(Infinity, 40);
    const memory = new ArenaMemory({ reserve: 3 * PAGE, maximum: 100 * PAGE });
    assert.deepEqual(attempts, [
      [3, 100],
      [3, 50],
      [3, 25],
    ]);
    assert.equal(memory.stats().maximum, 25 * PAGE);
  });

  it('that refuses all above 1 MiB, maximum or not, gives 1 MiB that does not grow', () => {
    const attempts = refuseAbove(16, 16);
    const memory = new ArenaMemory({ reserve: 20 * PAGE, maximum: 64 * PAGE });
    assert.deepEqual(attempts, [
      [20, 64],
      [16, 64],
      [16, 32],
      [16, 16],
    ]);
    assert.equal(memory.stats().maximum, 2 ** 20);
  });

  it('that refuses a fixed memory gives a smaller one that is fixed too', () => {
    const attempts = refuseAbove(100);
    const memory = new ArenaMemory({ reserve: 1000 * PAGE, maximum: 1000 * PAGE });
    assert.ok(attempts.every(([initial, maximum]) => initial === maximum));
    assert.equal(memory.stats().size, 62 * PAGE);
    assert.equal(memory.stats().maximum, 62 * PAGE);
    assert.throws(() => memory.wasmMemory.grow(1), RangeError);
    throwsOutOfMemory(() => new Arena({ memory }).alloc(62 * PAGE));
  });

  it('that refuses every memory is ERR_ARENA_OUT_OF_MEMORY, with its error as the cause', () => {
    refuseAbove(0);
    const error = throwsOutOfMemory(() => new ArenaMemory());
    assert.equal(error.cause.message, 'could not allocate');
    throwsOutOfMemory(() => new ArenaMemory({ reserve: PAGE, maximum: PAGE }));
  });

  it('without WebAssembly is ERR_ARENA_UNSUPPORTED', () => {
    globalThis.WebAssembly = undefined;
    throwsUnsupported(() => new ArenaMemory());
  });

  it('that forbids compiling bytes is ERR_ARENA_UNSUPPORTED, and module is the way out', () => {
    const module = new Module(moduleBytes());
    delete moduleBytes.module;
    WebAssembly.Module = function () {
      throw new WebAssembly.CompileError('disallowed by embedder');
    };
    const error = throwsUnsupported(() => new ArenaMemory({ reserve: PAGE }));
    assert.equal(error.cause.message, 'disallowed by embedder');
    assert.ok(error.message.includes('wasm-unsafe-eval'));
    assert.ok(error.message.includes('module'));
    assert.equal(new ArenaMemory({ reserve: PAGE, module }).stats().size, PAGE);
    WebAssembly.Module = Module;
    assert.equal(new ArenaMemory({ reserve: PAGE }).stats().size, PAGE);
  });

  it('compiles the module once for all memories', () => {
    delete moduleBytes.module;
    let compilations = 0;
    WebAssembly.Module = class extends Module {
      constructor(bytes) {
        compilations++;
        super(bytes);
      }
    };
    for (let i = 0; i < 3; i++) new ArenaMemory({ reserve: PAGE });
    assert.equal(compilations, 1);
  });
});

describe('arenas that are collected without free', () => {
  const { process, console } = globalThis;
  const native = [process?.emitWarning, console.warn];
  let warnings;

  before(function () {
    if (!globalThis.gc) this.skip();
  });

  beforeEach(() => {
    warnings = [];
    hear((message) => warnings.push(String(message)));
  });

  afterEach(() => {
    if (process) process.emitWarning = native[0];
    console.warn = native[1];
  });

  function hear(listener) {
    if (process) process.emitWarning = listener;
    console.warn = listener;
  }

  /* Memories of other tests go too, and some of their arenas may have to say so. */
  const ours = (label) => warnings.filter((warning) => warning.includes(label));

  it('are counted as leaked, named by one warning, and their chunks stay taken', async () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20 });
    const kept = new Arena({ memory, label: 'kept' });
    (() => {
      for (let i = 0; i < 5; i++) {
        new Arena({ memory, label: 'freed one' }).free();
        new Arena({ memory, label: 'lost one' }).alloc(1000);
      }
    })();
    const { live } = memory.stats();
    assert.equal(memory.stats().arenas, 6);
    await collectUntil(() => memory.stats().leaked >= 5);
    const { leaked, arenas, live: after } = memory.stats();
    assert.deepEqual({ leaked, arenas, after }, { leaked: 5, arenas: 1, after: live });
    assert.equal(ours('lost one').length, 1);
    assert.ok(ours('lost one')[0].includes('free'));
    assert.deepEqual(ours('freed one'), []);
    assert.deepEqual(ours('kept'), []);
    kept.free();
    assert.equal(memory.stats().arenas, 0);
  });

  it('keep what their views lie on', async () => {
    const memory = new ArenaMemory({ reserve: 2 ** 20 });
    const view = (() => new Arena({ memory }).uint8(1000).fill(7))();
    await collectUntil(() => memory.stats().leaked === 1);
    const other = new Arena({ memory });
    for (let i = 0; i < 100; i++) other.uint8(1000).fill(1);
    assert.ok(view.every((byte) => byte === 7));
    other.free();
  });

  it('warn on the console of a host without process.emitWarning', async () => {
    if (process) process.emitWarning = undefined;
    const memory = new ArenaMemory({ reserve: 2 ** 20 });
    (() => new Arena({ memory, label: 'in a browser' }).alloc(1))();
    await collectUntil(() => memory.stats().leaked === 1);
    assert.equal(ours('in a browser').length, 1);
  });

  it('are no leak where their memory went with them', async () => {
    let ref;
    (() => {
      const memory = new ArenaMemory({ reserve: 2 ** 20 });
      new Arena({ memory, label: 'all gone' }).alloc(1000);
      ref = new WeakRef(memory);
    })();
    await collectUntil(() => !ref.deref());
    const next = new ArenaMemory({ reserve: 2 ** 20 });
    (() => new Arena({ memory: next }).alloc(1))();
    await collectUntil(() => next.stats().leaked === 1);
    assert.deepEqual(ours('all gone'), []);
  });

  /* The engine tells one memory a task, and those of all tests before are in the queue. */
  async function collectUntil(done) {
    for (let i = 0; i < 1000; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (i % 20 === 0) globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve));
      if (done()) return;
    }
    assert.fail('nothing was collected');
  }
});
