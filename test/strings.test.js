import assert from 'node:assert/strict';
import { Arena, ArenaMemory } from '../js/index.js';
import { throwsArgument, throwsBounds, throwsOutOfMemory } from './expect.js';

const arenaOf = (options, memoryOptions) =>
  new Arena({ memory: new ArenaMemory({ reserve: 2 ** 17, ...memoryOptions }), ...options });

const STRINGS = {
  empty: '',
  ASCII: 'plain',
  '2-byte': 'grün',
  '3-byte': '€uro, 漢字',
  '4-byte': '😀 and 𝒳',
  'the last code points of each length': '\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}',
  NUL: 'a\0b',
  'a BOM': '\ufeffa',
  'a lone high surrogate': 'a\ud83d',
  'a lone high surrogate in the middle': 'a\ud83db',
  'a lone low surrogate': '\ude00a',
  'surrogates the wrong way round': '\ude00\ud83d',
  'two high surrogates and a low one': '\ud83d\ud83d\ude00',
  'a high surrogate before the last code unit of a pair’s range':
    '\ud83d\udc00\ud83d\udfff\ud83d\ue000',
};

describe('utf8', () => {
  for (const [what, string] of Object.entries(STRINGS)) {
    it(`${what}: the bytes of TextEncoder, exactly that many`, () => {
      const arena = arenaOf();
      arena.alloc(1, 1);
      const view = arena.utf8(string);
      const expected = new TextEncoder().encode(string);
      assert.equal(Object.getPrototypeOf(view), Uint8Array.prototype);
      assert.equal(view.buffer, arena.memory.buffer);
      assert.deepEqual(view.slice(), expected.slice());
      assert.equal(view.byteOffset, arena.base + 1);
      assert.equal(arena.used, 1 + expected.length);
    });

    it(`${what}: fits exactly when the final length fits`, () => {
      const { length } = new TextEncoder().encode(string);
      assert.equal(arenaOf({ limit: length }).utf8(string).length, length);
      if (!length) return;
      const arena = arenaOf({ limit: length - 1 });
      throwsOutOfMemory(() => arena.utf8(string));
      assert.equal(arena.used, 0);
    });
  }

  it('random code units: as TextEncoder has it', () => {
    const arena = arenaOf();
    let seed = 12345;
    const random = (n) => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % n;
    const edges = [
      0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff,
    ];
    for (let i = 0; i < 500; i++) {
      const units = Array.from({ length: random(12) }, () => edges[random(edges.length)]);
      const string = String.fromCharCode(...units);
      assert.deepEqual(arena.utf8(string).slice(), new TextEncoder().encode(string), units.join());
      arena.reset();
    }
  });

  it('lone surrogates become U+FFFD', () => {
    assert.deepEqual(Array.from(arenaOf().utf8('\ud83d')), [0xef, 0xbf, 0xbd]);
  });

  it('a long string that makes the memory grow arrives whole', () => {
    const arena = arenaOf();
    const string = 'ä€😀x'.repeat(50_000);
    const view = arena.utf8(string);
    assert.ok(arena.memory.generation > 0);
    assert.equal(view.length, 500_000);
    assert.equal(view.buffer, arena.memory.buffer);
    assert.ok(new TextDecoder().decode(view.slice()) === string);
  });

  it('fits exactly at the end of a memory that cannot grow', () => {
    const arena = arenaOf({}, { reserve: 2 ** 17, maximum: 2 ** 17 });
    let room = 2 ** 17;
    while (!arena.tryAlloc(room, 1)) room--;
    arena.reset();
    const string = '€'.repeat(Math.floor(room / 3)) + 'x'.repeat(room % 3);
    throwsOutOfMemory(() => arena.utf8(`${string}x`));
    assert.equal(arena.utf8(string).length, room);
  });

  it('keeps the view in the cache', () => {
    const arena = arenaOf();
    const view = arena.utf8('grün');
    arena.reset();
    assert.equal(arena.utf8('gr€'), view);
    assert.deepEqual(view.slice(), new TextEncoder().encode('gr€'));
  });

  it('refuses what is no string and takes nothing', () => {
    const arena = arenaOf();
    const bad = [undefined, null, 1, 1n, true, {}, [], Symbol('s'), new String('s'), () => 's'];
    for (const value of bad) throwsArgument(() => arena.utf8(value));
    assert.equal(arena.used, 0);
  });
});

describe('text', () => {
  it('decodes what utf8 encoded', () => {
    const arena = arenaOf();
    for (const string of ['', 'plain', 'grün €', '漢字 😀', 'a\0b']) {
      assert.equal(arena.text(arena.utf8(string)), string);
    }
  });

  it('keeps a BOM', () => {
    const arena = arenaOf();
    assert.equal(arena.text(arena.utf8('\ufeffa')), '\ufeffa');
    assert.equal(arena.text(Uint8Array.of(0xef, 0xbb, 0xbf)), '\ufeff');
  });

  it('decodes what is not valid as U+FFFD, again and again', () => {
    const arena = arenaOf();
    assert.equal(arena.text(Uint8Array.of(0x61, 0xff, 0x62)), 'a\ufffdb');
    assert.equal(arena.text(Uint8Array.of(0xe2, 0x82)), '\ufffd');
    assert.equal(arena.text(Uint8Array.of(0xac, 0x61)), '\ufffda');
  });

  it('takes any view, and its bytes only', () => {
    const arena = arenaOf();
    const bytes = arena.utf8('..grün..');
    const ptr = bytes.byteOffset;
    assert.equal(arena.text(bytes.subarray(2, 7)), 'grün');
    assert.equal(arena.text(arena.view(DataView, ptr + 2, 5)), 'grün');
    assert.equal(arena.text(new DataView(bytes.slice().buffer, 2, 2)), 'gr');
    assert.equal(arena.text(new Uint16Array(bytes.slice(2, 4).buffer)), 'gr');
    assert.equal(arena.text(new Float32Array(0)), '');
  });

  it('takes views of another arena and of another memory', () => {
    const [arena, other] = [arenaOf(), arenaOf()];
    assert.equal(arena.text(other.utf8('über')), 'über');
    const neighbour = new Arena({ memory: arena.memory });
    assert.equal(arena.text(neighbour.utf8('über')), 'über');
  });

  it('takes nothing from the arena', () => {
    const arena = arenaOf();
    const view = arena.utf8('grün');
    const { used } = arena;
    arena.text(view);
    assert.equal(arena.used, used);
  });

  it('refuses a stale view', () => {
    const arena = arenaOf();
    const stale = [arena.utf8('grün'), arena.utf8(''), arena.dataView(4)];
    arena.memory.ensure(2 ** 20);
    for (const view of stale) throwsBounds(() => arena.text(view));
  });

  it('refuses what is no view', () => {
    const arena = arenaOf();
    for (const value of [undefined, null, 's', 1, {}, [104], new ArrayBuffer(4), Symbol('s')]) {
      throwsArgument(() => arena.text(value));
    }
  });
});

describe('strings on a resizable buffer', () => {
  /* Some engines' TextEncoder and TextDecoder refuse views of such buffers; here all of them do. */
  const refuse = (source) => {
    const { resizable } = source.buffer ?? source;
    if (resizable) throw new TypeError('a resizable buffer');
  };
  const { encodeInto } = TextEncoder.prototype;
  const { decode } = TextDecoder.prototype;
  const { toResizableBuffer } = WebAssembly.Memory.prototype;

  before(() => {
    TextEncoder.prototype.encodeInto = function (string, view) {
      refuse(view);
      return encodeInto.call(this, string, view);
    };
    TextDecoder.prototype.decode = function (view) {
      refuse(view);
      return decode.call(this, view);
    };
    WebAssembly.Memory.prototype.toResizableBuffer ??= standIn;
  });

  after(() => {
    TextEncoder.prototype.encodeInto = encodeInto;
    TextDecoder.prototype.decode = decode;
    if (toResizableBuffer) WebAssembly.Memory.prototype.toResizableBuffer = toResizableBuffer;
    else delete WebAssembly.Memory.prototype.toResizableBuffer;
  });

  it('are encoded and decoded though the engine refuses its views', () => {
    const arena = arenaOf({}, { buffer: 'resizable' });
    assert.ok(arena.memory.buffer.resizable);
    for (const string of Object.values(STRINGS)) {
      const view = arena.utf8(string);
      assert.ok(view.buffer.resizable);
      const bytes = new TextEncoder().encode(string);
      assert.deepEqual(new Uint8Array(view), bytes);
      assert.equal(
        arena.text(view),
        decode.call(new TextDecoder('utf-8', { ignoreBOM: true }), bytes),
      );
    }
  });
});

/** Marks a memory's buffer as resizable, where the engine has none that is. */
function standIn() {
  const { buffer } = this;
  Object.defineProperty(buffer, 'resizable', { value: true });
  return buffer;
}
