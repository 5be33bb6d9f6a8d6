import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { INPUTS, TOOLCHAIN, moduleBytes } from '../../js/wasm.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The least wasm module: neither imports nor exports. */
const OTHER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

describe('scripts/build.js', () => {
  let temporary;
  let tools;
  let copy;

  before(function () {
    if (process.platform === 'win32') this.skip();
  });

  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'wasm-arena-build-'));
    tools = join(temporary, 'tools');
    copy = join(temporary, 'copy');
    mkdirSync(tools);
    for (const name of ['package.json', 'CMakeLists.txt', 'scripts', 'src', 'js']) {
      cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    }
  });

  afterEach(() => temporary && rmSync(temporary, { recursive: true, force: true }));

  /** Runs it in the copy, where no tools are but those that a test has made. */
  function build(...args) {
    const script = join(copy, 'scripts', 'build.js');
    const env = { ...process.env, NODE_V8_COVERAGE: '', PATH: tools };
    const options = { encoding: 'utf8', env, cwd: temporary };
    return spawnSync(process.execPath, [script, ...args], options);
  }

  const wasmOf = (text) => import(`data:text/javascript,${encodeURIComponent(text)}`);
  const target = () => readFileSync(join(copy, 'js', 'wasm.js'), 'utf8');

  function edit(name, change) {
    const path = join(copy, name);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  /** An emcc of this version, with which CMake makes these bytes. */
  function installTools(version, bytes) {
    writeFileSync(join(temporary, 'made.wasm'), bytes);
    tool('emcc', `console.log(${JSON.stringify(version)} + '\\nCopyright')`);
    tool('emcmake', '');
    tool(
      'cmake',
      `import { copyFileSync, mkdirSync } from 'node:fs';
       const out = process.argv[3];
       mkdirSync(out, { recursive: true });
       copyFileSync(${JSON.stringify(join(temporary, 'made.wasm'))}, out + '/arena.wasm');`,
    );
  }

  function tool(name, source) {
    const module = join(temporary, `${name}.mjs`);
    writeFileSync(module, source);
    writeFileSync(join(tools, name), `#!/bin/sh\nexec "${process.execPath}" "${module}" "$@"\n`);
    chmodSync(join(tools, name), 0o755);
  }

  it('finds the committed js/wasm.js current, and needs no emcc then', () => {
    const before = target();
    const { status, stdout, stderr } = build('--if-stale');
    assert.equal(status, 0, `js/wasm.js is stale: run \`npm run build\`\n${stderr}`);
    assert.equal(stdout, '');
    assert.equal(target(), before);
  });

  for (const [what, name] of [
    ['a source', 'src/arena.c'],
    ['a header', 'src/chunk.h'],
    ['a flag', 'CMakeLists.txt'],
  ]) {
    it(`finds it stale after a change of ${what}`, () => {
      edit(name, (text) => `${text}\n`);
      const { status } = build('--if-stale');
      assert.equal(status, 1);
      assert.match(build('--check').stderr, /stale: run `npm run build`/);
    });
  }

  it('finds it stale after a new source, and not after a file that is none', () => {
    writeFileSync(join(copy, 'src', 'notes.txt'), 'notes');
    assert.equal(build('--if-stale').status, 0);
    writeFileSync(join(copy, 'src', 'other.c'), '');
    assert.equal(build('--if-stale').status, 1);
  });

  it('does not mind the line ends of the checkout', () => {
    edit('src/arena.c', (text) => text.replaceAll('\n', '\r\n'));
    edit('CMakeLists.txt', (text) => text.replaceAll('\n', '\r\n'));
    assert.equal(build('--if-stale').status, 0);
  });

  it('says how to get emcc where there is none, and leaves js/wasm.js alone', () => {
    const before = target();
    edit('src/arena.c', (text) => `${text}\n`);
    for (const args of [['--if-stale'], []]) {
      const { status, stderr } = build(...args);
      assert.equal(status, 1);
      for (const part of [/no emcc/, /apt-get install emscripten/, /brew/, /emscripten\.org/]) {
        assert.match(stderr, part);
      }
      assert.match(stderr, /npm run build/);
      assert.equal(target(), before);
    }
  });

  it('says what a tool printed that failed', () => {
    installTools('emcc 9.9.9', OTHER);
    tool('cmake', `console.error('no such flag'); process.exit(2)`);
    const { status, stderr } = build();
    assert.equal(status, 1);
    assert.match(stderr, /cmake .*failed/);
    assert.match(stderr, /no such flag/);
  });

  it('--extract writes the bytes in js/wasm.js to a file', () => {
    const file = join(temporary, 'arena.wasm');
    const { status, stderr } = build('--extract', file);
    assert.equal(status, 0, stderr);
    assert.ok(readFileSync(file).equals(moduleBytes()));
  });

  it('writes what came out, with its inputs and toolchain, and is current then', async () => {
    const every = Uint8Array.from({ length: 512 }, (_, i) => i);
    const bytes = Uint8Array.of(...OTHER, ...every, 0x22, 0x27, 0x5c, 0x0a, 0x60, 0x24, 0x7b);
    installTools('emcc 9.9.9 "quoted"', bytes);
    const { status, stdout, stderr } = build();
    assert.equal(status, 0, stderr);
    assert.match(stdout, /527 bytes/);
    const made = await wasmOf(target());
    assert.ok(Buffer.from(bytes).equals(made.moduleBytes()));
    assert.equal(made.TOOLCHAIN, 'emcc 9.9.9 "quoted"');
    assert.equal(made.INPUTS, INPUTS);
    rmSync(join(tools, 'emcc'));
    assert.equal(build('--if-stale').status, 0);
  });

  it('--if-stale builds after a change', async () => {
    installTools('emcc 9.9.9', OTHER);
    edit('src/arena.c', (text) => `${text}\n`);
    assert.equal(build('--if-stale').status, 0);
    const made = await wasmOf(target());
    assert.notEqual(made.INPUTS, INPUTS);
    assert.ok(Buffer.from(OTHER).equals(made.moduleBytes()));
  });

  it('--check holds the bytes against what the recorded toolchain makes', () => {
    installTools(TOOLCHAIN, moduleBytes());
    assert.equal(build('--check').status, 0);
    installTools(TOOLCHAIN, OTHER);
    const { status, stderr } = build('--check');
    assert.equal(status, 1);
    assert.match(stderr, /differs: run `npm run build`/);
  });

  it('--check holds imports and exports against what another toolchain makes', async () => {
    installTools('emcc 9.9.9', OTHER);
    const { status, stderr } = build('--check');
    assert.equal(status, 1);
    assert.match(stderr, /other imports or exports/);
    /* A custom section makes other bytes of the same module. */
    const same = Uint8Array.of(...moduleBytes(), 0, 2, 1, 0x78);
    installTools('emcc 9.9.9', same);
    const { status: passed, stdout } = build('--check');
    assert.equal(passed, 0);
    assert.match(stdout, /made again by emcc 9\.9\.9/);
    assert.ok(Buffer.from(same).equals((await wasmOf(target())).moduleBytes()));
  });
});
