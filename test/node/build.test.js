import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as allocators from '../../js/allocators_wasm.js';
import { INPUTS, TOOLCHAIN, moduleBytes } from '../../js/wasm.js';
import { bytesOf, newMemory } from './abi.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The least wasm module: neither imports nor exports. */
const OTHER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const ABI = ['bump', 'sigil', 'words'];
const FILES = ['js/wasm.js', 'js/allocators_wasm.js', 'abi/build.json'];

/** The committed modules, by name. */
const COMMITTED = {
  arena: moduleBytes(),
  allocators: allocators.moduleBytes(),
  ...Object.fromEntries(ABI.map((name) => [name, bytesOf(`${name}.wasm`)])),
};
const MODULES = Object.keys(COMMITTED);

/** The same bytes for every module. */
const all = (bytes) => Object.fromEntries(MODULES.map((name) => [name, bytes]));

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
    for (const name of ['package.json', 'CMakeLists.txt', 'scripts', 'src', 'js', 'abi']) {
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

  const read = (name) => readFileSync(join(copy, name));
  const written = () => FILES.map((name) => read(name).toString());

  /** What the files in the copy hold now: a module that imports another one needs a place for it. */
  async function made() {
    const folder = mkdtempSync(join(temporary, 'made-'));
    cpSync(join(copy, 'js'), folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const load = (name) => import(pathToFileURL(join(folder, name)));
    const [arena, other] = await Promise.all(['wasm.js', 'allocators_wasm.js'].map(load));
    const record = JSON.parse(read('abi/build.json'));
    return {
      inputs: [arena.INPUTS, other.INPUTS, record.inputs],
      toolchains: [arena.TOOLCHAIN, other.TOOLCHAIN, record.toolchain],
      modules: {
        arena: arena.moduleBytes(),
        allocators: other.moduleBytes(),
        ...Object.fromEntries(ABI.map((name) => [name, read(`abi/${name}.wasm`)])),
      },
      sha256: record.sha256,
    };
  }

  function assertModules(actual, expected) {
    for (const name of MODULES) assert.ok(Buffer.from(expected[name]).equals(actual[name]), name);
  }

  function edit(name, change) {
    const path = join(copy, name);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  /** An emcc of this version, with which CMake makes these modules. */
  function installTools(version, modules) {
    const folder = join(temporary, 'modules');
    mkdirSync(folder, { recursive: true });
    for (const name of MODULES) writeFileSync(join(folder, `${name}.wasm`), modules[name]);
    tool('emcc', `console.log(${JSON.stringify(version)} + '\\nCopyright')`);
    tool('emcmake', '');
    tool(
      'cmake',
      `import { cpSync } from 'node:fs';
       const [, , , out, , ...targets] = process.argv;
       for (const name of targets) {
         cpSync(${JSON.stringify(folder)} + '/' + name + '.wasm', out + '/' + name + '.wasm');
       }`,
    );
    tool('em-config', `console.log(${JSON.stringify(temporary)})`);
    tool(
      'wasm-metadce',
      `import { cpSync } from 'node:fs';
       cpSync(process.argv[2], process.argv.at(-1));`,
      join(temporary, 'bin'),
    );
  }

  function tool(name, source, folder = tools) {
    mkdirSync(folder, { recursive: true });
    const module = join(temporary, `${name}.mjs`);
    writeFileSync(module, source);
    writeFileSync(join(folder, name), `#!/bin/sh\nexec "${process.execPath}" "${module}" "$@"\n`);
    chmodSync(join(folder, name), 0o755);
  }

  it('finds the committed files current, and needs no emcc then', () => {
    const before = written();
    const { status, stdout, stderr } = build('--if-stale');
    assert.equal(status, 0, `stale: run \`npm run build\`\n${stderr}`);
    assert.equal(stdout, '');
    assert.deepEqual(written(), before);
  });

  for (const [what, name] of [
    ['a source', 'src/arena.c'],
    ['a header', 'src/chunk.h'],
    ['a source of abi/', 'src/abi/runs.h'],
    ['a flag', 'CMakeLists.txt'],
  ]) {
    it(`finds it stale after a change of ${what}`, () => {
      edit(name, (text) => `${text}\n`);
      const { status } = build('--if-stale');
      assert.equal(status, 1);
      assert.match(build('--check').stderr, /stale: run `npm run build`/);
    });
  }

  for (const name of [...FILES, 'abi/words.wasm']) {
    it(`finds it stale without ${name}`, () => {
      rmSync(join(copy, name));
      assert.equal(build('--if-stale').status, 1);
      installTools('emcc 9.9.9', COMMITTED);
      const { status, stderr } = build('--if-stale');
      assert.equal(status, 0, stderr);
      assert.ok(read(name).length);
    });
  }

  for (const name of FILES) {
    it(`finds it stale where only ${name} was made from other inputs`, () => {
      edit(name, (text) => text.replaceAll(INPUTS, INPUTS.replace(/^./, 'x')));
      assert.equal(build('--if-stale').status, 1);
      assert.match(build('--check').stderr, new RegExp(`^${name} is stale`));
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

  it('says how to get emcc where there is none, and leaves the files alone', () => {
    const before = written();
    edit('src/arena.c', (text) => `${text}\n`);
    for (const args of [['--if-stale'], []]) {
      const { status, stderr } = build(...args);
      assert.equal(status, 1);
      for (const part of [/no emcc/, /apt-get install emscripten/, /brew/, /emscripten\.org/]) {
        assert.match(stderr, part);
      }
      assert.match(stderr, /npm run build/);
      assert.deepEqual(written(), before);
    }
  });

  it('says what a tool printed that failed', () => {
    installTools('emcc 9.9.9', all(OTHER));
    tool('cmake', `console.error('no such flag'); process.exit(2)`);
    const { status, stderr } = build();
    assert.equal(status, 1);
    assert.match(stderr, /cmake .*failed/);
    assert.match(stderr, /no such flag/);
  });

  it('--extract writes the module that the file is named after', () => {
    for (const name of MODULES) {
      const file = join(temporary, `${name}.wasm`);
      const { status, stderr } = build('--extract', file);
      assert.equal(status, 0, stderr);
      assert.ok(readFileSync(file).equals(COMMITTED[name]));
    }
  });

  it('--extract says that there is no such module', () => {
    const { status, stderr } = build('--extract', join(temporary, 'other.wasm'));
    assert.equal(status, 1);
    assert.match(stderr, /no module other/);
  });

  it('refuses a mode that it does not know', () => {
    const { status, stderr } = build('--chekc');
    assert.equal(status, 1);
    assert.match(stderr, /unknown mode: --chekc/);
  });

  it('writes what came out, with its inputs and toolchain, and is current then', async () => {
    /* Every byte, and those that text would have to escape, in a custom section without a name. */
    const every = Uint8Array.from({ length: 512 }, (_, i) => i);
    const bytes = Uint8Array.of(0, ...every, 0x22, 0x27, 0x5c, 0x0a, 0x60, 0x24, 0x7b);
    const section = [0, 0x80 | (bytes.length + 1), (bytes.length + 1) >> 7];
    const modules = Object.fromEntries(
      MODULES.map((name, i) => [name, Uint8Array.of(...OTHER, ...section, ...bytes, i)]),
    );
    installTools('emcc 9.9.9 "quoted"', modules);
    const { status, stdout, stderr } = build();
    assert.equal(status, 0, stderr);
    for (const name of MODULES) assert.match(stdout, new RegExp(`^${name}: 532 bytes`, 'm'));
    const { inputs, toolchains, modules: out, sha256 } = await made();
    assertModules(out, modules);
    assert.deepEqual(toolchains, Array(3).fill('emcc 9.9.9 "quoted"'));
    assert.deepEqual(inputs, Array(3).fill(INPUTS));
    for (const name of ABI) {
      const hash = createHash('sha256').update(modules[name]).digest('hex');
      assert.equal(sha256[`${name}.wasm`], hash);
    }
    rmSync(join(tools, 'emcc'));
    assert.equal(build('--if-stale').status, 0);
  });

  it('--if-stale builds after a change', async () => {
    installTools('emcc 9.9.9', all(OTHER));
    edit('src/arena.c', (text) => `${text}\n`);
    assert.equal(build('--if-stale').status, 0);
    const { inputs, modules } = await made();
    assert.equal(new Set(inputs).size, 1);
    assert.notEqual(inputs[0], INPUTS);
    assertModules(modules, all(OTHER));
  });

  it('--check holds the bytes of each module against what the recorded toolchain makes', () => {
    installTools(TOOLCHAIN, COMMITTED);
    const { status, stdout, stderr } = build('--check');
    assert.equal(status, 0, stderr);
    for (const name of FILES) assert.match(stdout, new RegExp(`^${name} is what`, 'm'));
    for (const name of MODULES) {
      installTools(TOOLCHAIN, { ...COMMITTED, [name]: OTHER });
      const { status, stderr } = build('--check');
      assert.equal(status, 1, name);
      assert.match(stderr, /differs: run `npm run build`/);
    }
  });

  it('--check holds imports and exports against what another toolchain makes', async () => {
    for (const name of MODULES) {
      installTools('emcc 9.9.9', { ...COMMITTED, [name]: OTHER });
      const { status, stderr } = build('--check');
      assert.equal(status, 1, name);
      assert.match(stderr, new RegExp(`other imports or exports of ${name}:`));
    }
    /* A custom section makes other bytes of the same module. */
    const same = Object.fromEntries(
      MODULES.map((name) => [name, Uint8Array.of(...COMMITTED[name], 0, 2, 1, 0x78)]),
    );
    installTools('emcc 9.9.9', same);
    const { status, stdout } = build('--check');
    assert.equal(status, 0);
    assert.match(stdout, /made again by emcc 9\.9\.9/);
    assertModules((await made()).modules, same);
  });
});

describe('the two embedded modules', () => {
  const LOW = 1024;

  /** The addresses that are no longer 0xaa, from the first to behind the last. */
  function touched({ buffer }) {
    const bytes = Array.from(new Uint8Array(buffer));
    return [bytes.findIndex((byte) => byte !== 0xaa), bytes.findLastIndex((b) => b !== 0xaa) + 1];
  }

  function instantiate(bytes, memory) {
    new Uint8Array(memory.buffer).fill(0xaa);
    return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
  }

  it('have their data apart: the second one below 1,024, the first one from there on', () => {
    const memory = newMemory(1, 1);
    instantiate(COMMITTED.allocators, memory);
    const [first, end] = touched(memory);
    assert.ok(first > 0, 'a table of methods at 0 would be NULL');
    assert.ok(end <= LOW);
    const { init } = instantiate(COMMITTED.arena, memory);
    assert.ok(init(65536) >= LOW);
    assert.ok(touched(memory)[0] >= LOW);
  });

  it('share one decoder', () => {
    const source = readFileSync(join(ROOT, 'js/allocators_wasm.js'), 'utf8');
    assert.match(source, /from '\.\/wasm\.js'/);
    assert.doesNotMatch(source, /charCodeAt/);
  });
});
