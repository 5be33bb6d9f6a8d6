import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { brotliCompressSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { moduleBytes } from '../../js/wasm.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const bin = (name) => join(ROOT, 'node_modules', '.bin', name);

describe('the package', function () {
  this.timeout(60_000);
  let temporary;
  let project;
  let tarball;
  let packed;

  before(() => {
    temporary = mkdtempSync(join(tmpdir(), 'wasm-arena-'));
    const report = npm(ROOT, 'pack', '--json', '--pack-destination', temporary);
    [packed] = JSON.parse(report.slice(report.indexOf('[\n')));
    tarball = join(temporary, packed.filename);
    project = join(temporary, 'project');
    mkdirSync(project);
    write('package.json', JSON.stringify({ name: 'project', private: true }));
    npm(project, 'install', '--offline', '--no-audit', '--no-fund', tarball);
  });

  after(() => rmSync(temporary, { recursive: true, force: true }));

  function npm(cwd, ...args) {
    return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  function write(name, text) {
    writeFileSync(join(project, name), text);
  }

  function runInProject(name, text) {
    write(name, text);
    return execFileSync(process.execPath, [name], { cwd: project, encoding: 'utf8' });
  }

  it('holds the wrapper, its types, the wasm module, the C library, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const missing = [
      ...readdirSync(join(ROOT, 'js')).map((name) => `js/${name}`),
      ...['src', 'src/abi', 'abi'].flatMap((folder) =>
        readdirSync(join(ROOT, folder), { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => `${folder}/${name}`),
      ),
      ...['types/index.d.ts', 'types/allocators.d.ts', 'types/arena.d.ts', 'types/pool.d.ts'],
      ...['arena.wasm', 'CMakeLists.txt', 'package.json'],
    ].filter((path) => !paths.includes(path));
    assert.deepEqual(missing, []);
    const allowed =
      /^(js|types|src|src\/abi)\/[\w-]+(\.d)?\.(js|ts|c|h)$|^abi\/|^[A-Z]+(\.md)?$|^CMakeLists\.txt$/;
    const others = paths.filter((path) => !allowed.test(path));
    assert.deepEqual(others.sort(), [
      ...['allocators.wasm', 'arena.wasm', 'docs/abi.md', 'docs/buffers.md', 'package.json'],
    ]);
  });

  it('could be published', () => {
    const report = JSON.parse(npm(project, 'publish', '--dry-run', '--json', tarball));
    const { files, name } = report['wasm-arena'] ?? report;
    assert.equal(name, 'wasm-arena');
    assert.equal(files.length, packed.files.length);
  });

  it('depends on nothing', () => {
    const { dependencies, peerDependencies, optionalDependencies } = manifest();
    assert.deepEqual({ ...dependencies, ...peerDependencies, ...optionalDependencies }, {});
    assert.deepEqual(
      readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')),
      ['wasm-arena'],
    );
  });

  it('is imported by import', () => {
    const out = runInProject(
      'import.mjs',
      `import * as all from 'wasm-arena';
       const { Arena, ArenaError } = all;
       const arena = new Arena();
       arena.float32(4).fill(2);
       let isError;
       try { arena.alloc(-1) } catch (error) { isError = error instanceof ArenaError }
       console.log(JSON.stringify([arena.used, isError, Object.keys(all)]));`,
    );
    const names = ['Arena', 'ArenaError', 'ArenaMemory', 'ArenaOutOfMemoryError', 'FrameArenas'];
    assert.deepEqual(JSON.parse(out), [16, true, names]);
  });

  it('is imported by require', () => {
    const out = runInProject(
      'require.cjs',
      `const { Arena } = require('wasm-arena');
       console.log(new Arena().from(Uint8Array.of(1, 2)).join());`,
    );
    assert.equal(out, '1,2\n');
  });

  it('has the wasm module as wasm-arena/arena.wasm, to be passed as `module`', () => {
    const out = runInProject(
      'module.mjs',
      `import { readFileSync } from 'node:fs';
       import { Arena, ArenaMemory } from 'wasm-arena';
       const bytes = readFileSync(new URL(import.meta.resolve('wasm-arena/arena.wasm')));
       const memory = new ArenaMemory({ module: new WebAssembly.Module(bytes) });
       console.log(new Arena({ memory }).float64(2).fill(1.5).join());`,
    );
    assert.equal(out, '1.5,1.5\n');
    const bytes = readFileSync(join(project, 'node_modules/wasm-arena/arena.wasm'));
    assert.ok(bytes.equals(moduleBytes()));
  });

  it('has no other doors', () => {
    write('inside.mjs', `import 'wasm-arena/js/memory.js';`);
    const { status, stderr } = node(['inside.mjs'], { cwd: project });
    assert.equal(status, 1);
    /* The second is Bun's, which finds what is exported: the tests above import that. */
    assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED|Cannot find module 'wasm-arena\/js\/mem/);
  });

  it('has types that TypeScript compiles in strict mode, libraries checked', () => {
    write(
      'tsconfig.json',
      JSON.stringify({
        include: ['types.mts'],
        compilerOptions: {
          ...{ module: 'NodeNext', strict: true, skipLibCheck: false, noEmit: true },
          ...{ target: 'ES2022', lib: ['ES2022', 'DOM'], types: [] },
          ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
        },
      }),
    );
    write('types.mts', TYPES);
    const { status, stdout, stderr } = spawnSync(bin('tsc'), ['-p', '.'], {
      cwd: project,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  it('is publint clean', async () => {
    const { buffer, byteOffset, byteLength } = readFileSync(tarball);
    const { messages, pkg } = await publint({
      pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) },
      strict: true,
    });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      [],
    );
  });

  it('is clean by @arethetypeswrong/cli for ESM', () => {
    /* arena.wasm is bytes: no types can be wrong. */
    const files = ['./arena.wasm', './allocators.wasm', './abi/*.wasm', './abi/*.wit'];
    const args = [tarball, '--profile', 'esm-only', '--exclude-entrypoints', ...files];
    const { status, stdout, stderr } = spawnSync(bin('attw'), [...args, '--no-color'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
    assert.match(stdout, /"wasm-arena"/);
  });

  it('is at most 6,656 bytes: import { Arena } bundled, minified, brotli, wasm included', () => {
    const { length } = brotliCompressSync(bundle('esm', `export { Arena } from 'wasm-arena';`));
    assert.ok(length <= 6656, `${length} bytes`);
  });

  it('runs bundled in a realm that has JavaScript and WebAssembly, and nothing else', () => {
    const code = bundle(
      'iife',
      `import { Arena } from 'wasm-arena';
       const arena = new Arena();
       const codes = [() => arena.utf8('a'), () => arena.text(arena.uint8(1))].map((run) => {
         try { run() } catch (error) { return error.code }
       });
       out(JSON.stringify([arena.float32(3).fill(1.5).join(), ...codes]));`,
    );
    let result;
    runInContext(code, createContext({ out: (text) => (result = text) }));
    const unsupported = 'ERR_ARENA_UNSUPPORTED';
    assert.deepEqual(JSON.parse(result), ['1.5,1.5,1.5', unsupported, unsupported]);
  });

  function bundle(format, contents) {
    const { outputFiles } = buildSync({
      stdin: { contents, resolveDir: project },
      bundle: true,
      minify: true,
      format,
      write: false,
    });
    return outputFiles[0].text;
  }

  function manifest() {
    return JSON.parse(readFileSync(join(project, 'node_modules/wasm-arena/package.json'), 'utf8'));
  }
});

describe('the wasm module', () => {
  const module = new WebAssembly.Module(moduleBytes());

  it('is at most 4,096 bytes', () => {
    assert.ok(moduleBytes().length <= 4096, `${moduleBytes().length} bytes`);
  });

  it('imports the memory and nothing else', () => {
    const memory = { module: 'env', name: 'memory', kind: 'memory' };
    assert.deepEqual(WebAssembly.Module.imports(module), [memory]);
  });

  it('exports what the wrapper uses, and Emscripten’s own names', () => {
    const sources = ['arena.js', 'memory.js'].map((name) =>
      readFileSync(join(ROOT, 'js', name), 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ''),
    );
    const used = new Set(sources.join().match(/\b\w+\b/g));
    const theirs = /^(_|stack|emscripten_)/;
    const unused = WebAssembly.Module.exports(module)
      .map(({ name }) => name)
      .filter((name) => !theirs.test(name) && !used.has(name));
    assert.deepEqual(unused, []);
  });
});

describe('import', () => {
  it('compiles nothing and makes no memory', () => {
    const out = runImport(`
      let made = 0;
      for (const name of ['Module', 'Memory', 'Instance']) {
        WebAssembly[name] = class extends WebAssembly[name] {
          constructor(...args) { super(...args); made++ }
        };
      }
      for (const name of ['compile', 'instantiate', 'validate']) {
        WebAssembly[name] = () => { made++ };
      }
      const { Arena } = await load();
      const before = made;
      new Arena();
      print([before, made]);`);
    assert.deepEqual(out, [0, 3]);
  });

  it('does not wait: there is no top-level await, so require works', () => {
    const out = runImport(`
      const { createRequire } = await import('node:module');
      const { Arena } = createRequire(INDEX)(new URL(INDEX).pathname);
      print(new Arena().alloc(8) > 0);`);
    assert.equal(out, true);
  });

  const OPTIONAL = [
    ...['atob', 'btoa', 'TextEncoder', 'TextDecoder', 'performance', 'queueMicrotask', 'console'],
    ...['FinalizationRegistry', 'Float16Array', 'process', 'Buffer', 'setTimeout'],
    ...['structuredClone', 'SharedArrayBuffer', 'Atomics', 'navigator', 'Symbol.dispose'],
  ];
  const TAKE = `
    function take(name) {
      if (name !== 'Symbol.dispose') return delete globalThis[name];
      const { dispose, ...rest } = Object.getOwnPropertyDescriptors(Symbol);
      const Native = Symbol;
      globalThis.Symbol = Object.defineProperties((text) => Native(text), rest);
    }
    const { log } = console;
    print = (value) => log(JSON.stringify(value));`;
  const USE = `
    const { Arena } = await load();
    const arena = new Arena();
    const mark = arena.mark();
    const view = arena.float32(4).fill(1.5);
    const sum = view[0] + view[3];
    arena.release(mark);
    arena.reset();
    const strings = typeof TextEncoder + typeof TextDecoder === 'functionfunction';
    const text = strings && arena.text(arena.utf8('grün'));
    arena.free();
    print([sum, text]);`;

  for (const name of OPTIONAL) {
    it(`and allocation need no ${name}`, () => {
      const [sum, text] = runImport(`${TAKE} take('${name}'); ${USE}`);
      assert.equal(sum, 3);
      assert.equal(text, name.startsWith('Text') ? false : 'grün');
    });
  }

  it('and allocation need none of them', () => {
    const all = JSON.stringify(OPTIONAL);
    assert.deepEqual(runImport(`${TAKE} ${all}.forEach(take); ${USE}`), [3, false]);
  });

  it('without WebAssembly works; making an arena says what is missing', () => {
    const out = runImport(`
      delete globalThis.WebAssembly;
      const { Arena } = await load();
      try { new Arena() } catch (error) { print([error.code, error.message]) }`);
    assert.equal(out[0], 'ERR_ARENA_UNSUPPORTED');
    assert.match(out[1], /WebAssembly/);
  });

  /** What a module prints in a fresh process. */
  function runImport(source) {
    const index = JSON.stringify(new URL('../../js/index.js', import.meta.url));
    const { status, stdout, stderr } = node([
      '--input-type=module',
      '--eval',
      `const INDEX = ${index};
       const load = () => import(INDEX);
       let print = (value) => console.log(JSON.stringify(value));
       ${source}`,
    ]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }
});

function node(args, options) {
  return spawnSync(process.execPath, args, { encoding: 'utf8', ...options });
}

/** What a user of the types may write, and may not. */
const TYPES = `
import { Arena, ArenaError, ArenaMemory, ArenaOutOfMemoryError, FrameArenas } from 'wasm-arena';
import { FixedBuffer, Heap, Pool, track } from 'wasm-arena/allocators';

const heap: Heap = new Heap({ label: 'heap' });
const pool = new Pool({ size: 4, align: 4, capacity: 3, slab: 2, on: heap });
const objects: number[] = [...pool];
const xs: Float32Array = pool.view(Float32Array, pool.alloc(), 1);
const budget = new FixedBuffer({ size: 100, arena: new Arena({ on: pool }) });
const failures: number = track(budget).stats().failures;
const frames = new FrameArenas({ inFlight: 3, on: heap, label: 'frames' });
const current: Arena | undefined = frames.current;
heap.check();
// @ts-expect-error objects have a size
new Pool({ capacity: 3 });
// @ts-expect-error no allocator
new Arena({ on: 5 });

const memory = new ArenaMemory({
  reserve: 2 ** 20,
  maximum: 2 ** 20,
  buffer: 'fixed',
  onGrow: (it) => void it.generation,
});
const arena = new Arena({ memory, capacity: 1, limit: 2, zero: true, views: 3, label: 'l' });
const floats: Float32Array<ArrayBuffer> = arena.float32(4);
const bytes: Uint8Array<ArrayBuffer> = arena.uint8(4, 16);

/* They lie on an ArrayBuffer, so that the web's APIs take them. */
export async function web(audio: AudioBuffer, device: { write(data: BufferSource): void }) {
  await crypto.subtle.digest('SHA-256', arena.uint8(4));
  await crypto.subtle.digest('SHA-256', arena.dataView(4));
  crypto.getRandomValues(arena.uint32(4));
  new Blob([arena.int8(4), arena.utf8('text'), arena.from(new Int16Array(2))]);
  await fetch('/', { method: 'POST', body: arena.float64(4) });
  new Response(arena.bigInt64(4));
  audio.copyToChannel(arena.float32(128), 0);
  audio.copyFromChannel(floats, 0);
  new ImageData(arena.uint8Clamped(4), 1, 1);
  device.write(arena.bigUint64(1));
}

const views: [
  Int8Array<ArrayBuffer>,
  Uint8ClampedArray<ArrayBuffer>,
  Int16Array<ArrayBuffer>,
  Uint16Array<ArrayBuffer>,
  Int32Array<ArrayBuffer>,
  Uint32Array<ArrayBuffer>,
  Float64Array<ArrayBuffer>,
  BigInt64Array<ArrayBuffer>,
  BigUint64Array<ArrayBuffer>,
  DataView<ArrayBuffer>,
] = [
  arena.int8(1),
  arena.uint8Clamped(1),
  arena.int16(1),
  arena.uint16(1),
  arena.int32(1),
  arena.uint32(1),
  arena.float64(1),
  arena.bigInt64(1),
  arena.bigUint64(1),
  arena.dataView(1, 4),
];
views.length satisfies 10;

const ptr: number = arena.alloc(8) + arena.tryAlloc(8, 16) + arena.allocZeroed(8, 16);
arena.realloc(ptr, 8, 16, 8) satisfies number;
const again: Float32Array = arena.view(Float32Array, ptr, 4);
const data: DataView = arena.view(DataView, ptr, 4);
const copy: Uint16Array = arena.from(new Uint16Array(3));
const text: string = arena.text(bytes) + arena.text(data);
const mark: number = arena.mark();
arena.release(mark);
const sum: number = arena.scope((a, m) => a.alloc(8) + m);
const moved: number = arena.promote(arena.mark(), ptr, 8, 16);
const kept: Float32Array = arena.promote(arena.mark(), again);
arena.reset();
arena.trim();
arena.trim(100);
arena.free();
const figures: number[] = [arena.used, arena.capacity, arena.highWater, arena.base];
const named: [string, boolean, ArenaMemory] = [arena.label, arena.freed, arena.memory];

const native: WebAssembly.Memory = memory.wasmMemory;
const all: Uint8Array | Float64Array | BigInt64Array = memory.u8 ?? memory.f64 ?? memory.i64;
memory.ensure(100);
const { size, reserve, maximum, frontier, live, free, arenas, leaked, grows } = memory.stats();
const total: number = size + reserve + maximum + frontier + live + free + arenas + leaked + grows;
const buffer: ArrayBuffer = memory.buffer;

try {
  arena.alloc(8);
} catch (error) {
  if (error instanceof ArenaError) error.code satisfies string;
  if (error instanceof ArenaOutOfMemoryError) error satisfies RangeError;
}

// @ts-expect-error a size is a number
arena.alloc('8');
// @ts-expect-error a size is a number, and no BigInt
arena.alloc(8n);
// @ts-expect-error a length is needed
arena.float32();
// @ts-expect-error a source is a typed array
arena.from([1, 2, 3]);
// @ts-expect-error a source has elements of one type
arena.from(new DataView(buffer));
// @ts-expect-error the type of a view is a constructor of one
arena.view(Array, ptr, 1);
// @ts-expect-error no such buffer
new ArenaMemory({ buffer: 'liquid' });
// @ts-expect-error no such option
new Arena({ size: 100 });
// @ts-expect-error the memory cannot be exchanged
arena.memory = memory;
// @ts-expect-error what is used is read only
arena.used = 0;
// @ts-expect-error what the wrapper keeps to itself has no types
arena._header;
// @ts-expect-error what the wrapper keeps to itself has no types
memory._words;

export { copy, text, sum, moved, kept, figures, named, native, all, total };
`;
