import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

const INDEX = new URL('../../js/index.js', import.meta.url);

/** Runs a module in a child process under a limit of so many KiB; what it prints as JSON. */
function under(limit, kibibytes, flags, source) {
  const script = `
    import { Arena, ArenaMemory } from ${JSON.stringify(INDEX)};
    const print = (value) => console.log(JSON.stringify(value));
    ${source}`;
  /* Coverage of a process that is this short of memory is not worth its memory. */
  const env = { ...process.env, NODE_V8_COVERAGE: '' };
  const out = execFileSync(
    'sh',
    ['-c', `ulimit ${limit} ${kibibytes} && exec "$0" "$@"`, process.execPath, ...flags].concat(
      '--input-type=module',
      '--eval',
      script,
    ),
    { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return JSON.parse(out);
}

const MAKE = `
  const asked = 2 ** 32 - 65536;
  const memory = new ArenaMemory({ reserve: asked });
  const arena = new Arena({ memory });
  const view = arena.float64(100_000).fill(1.5);
  const { size, reserve, maximum } = memory.stats();
  print({ size, reserve, maximum, sum: view.reduce((a, b) => a + b), fixed: memory.generation });`;

function assertLess({ size, reserve, maximum, sum, fixed }) {
  const asked = 2 ** 32 - 65536;
  assert.ok(reserve < asked, `${reserve} bytes of reserve`);
  assert.ok(reserve >= 2 ** 20);
  assert.equal(reserve % 65536, 0);
  assert.equal(size, reserve);
  assert.ok(maximum >= reserve);
  assert.equal(sum, 150_000);
  assert.equal(fixed, 0);
}

describe('a system that refuses the reserve', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip();
  });

  it('ulimit -d: a memory of 4 GiB becomes a smaller one that works', () => {
    assertLess(under('-d', 700_000, [], MAKE));
  });

  it('ulimit -v with --disable-wasm-trap-handler: a smaller one that works', () => {
    assertLess(under('-v', 3_000_000, ['--disable-wasm-trap-handler'], MAKE));
  });

  it('ulimit -v without the flag: the error says that the engine refuses, or it works', () => {
    const outcome = under(
      '-v',
      3_000_000,
      [],
      `try {
        new Arena().alloc(8);
        print('works');
      } catch (error) {
        print(error.code);
      }`,
    );
    assert.ok(['works', 'ERR_ARENA_OUT_OF_MEMORY'].includes(outcome), outcome);
  });

  it('a growth that it refuses leaves arena and blocks as they were', () => {
    const { before, after, refused, contents, small } = under(
      '-d',
      700_000,
      [],
      `const memory = new ArenaMemory({ reserve: 2 ** 20 });
       const arena = new Arena({ memory });
       const mark = arena.mark();
       const ptr = arena.uint8(1000).fill(7).byteOffset;
       const figures = () => [arena.used, arena.highWater, arena.base];
       const before = figures();
       let refused;
       try {
         arena.alloc(3 * 2 ** 30);
       } catch (error) {
         refused = [error.code, error.message];
       }
       const after = figures();
       const contents = arena.view(Uint8Array, ptr, 1000).every((byte) => byte === 7);
       const small = arena.alloc(2 ** 22) > 0;
       arena.release(mark);
       print({ before, after, refused, contents, small });`,
    );
    assert.equal(refused[0], 'ERR_ARENA_OUT_OF_MEMORY');
    assert.match(refused[1], /engine/);
    assert.deepEqual(after, before);
    assert.ok(contents);
    assert.ok(small, 'it goes on');
  });
});
