import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import wabt from 'wabt';
import { PAGE, bytesOf, instantiate, moduleOf, newMemory } from './abi.js';

const MEMORY = 'memory env.memory';
const SCOPED = ['alloc', 'realloc', 'mem-copy', 'enter-scope', 'exit-scope', 'promote', 'free-all'];

const MODULES = {
  bump: {
    most: 2048,
    imports: [MEMORY],
    exports: ['bump_alloc', 'bump_init', 'bump_reset'],
  },
  sigil: {
    most: 2048,
    imports: [],
    exports: [
      ...SCOPED,
      'memory',
      'set-max-heap',
      'set-report',
      ...['alloc', 'realloc', 'mem-copy'].map((name) => `sigil:allocator/core@0.1.0#${name}`),
      ...['enter-scope', 'exit-scope', 'promote'].map((n) => `sigil:allocator/scope@0.1.0#${n}`),
      'sigil:allocator/bulk@0.1.0#free-all',
    ].sort(),
  },
  words: {
    most: 4096,
    imports: [MEMORY],
    exports: ['alloc', 'dealloc', 'realloc', 'words_init'],
  },
};

/** What Emscripten adds of its own. */
const OWN = ['__indirect_function_table', '_initialize'];

describe('abi/', () => {
  const record = JSON.parse(bytesOf('build.json'));

  for (const [name, { most, imports, exports }] of Object.entries(MODULES)) {
    describe(`${name}.wasm`, () => {
      it(`is at most ${most} bytes`, () => {
        assert.ok(bytesOf(`${name}.wasm`).length <= most);
      });

      it('is what abi/build.json has the hash of', () => {
        const hash = createHash('sha256')
          .update(bytesOf(`${name}.wasm`))
          .digest('hex');
        assert.equal(hash, record.sha256[`${name}.wasm`], 'run `npm run build`');
      });

      it('imports and exports what it says, and nothing else', () => {
        const imported = WebAssembly.Module.imports(moduleOf(name));
        assert.deepEqual(
          imported.map(({ kind, module, name }) => `${kind} ${module}.${name}`),
          imports,
        );
        const exported = WebAssembly.Module.exports(moduleOf(name)).map((entry) => entry.name);
        assert.deepEqual(exported.filter((name) => !OWN.includes(name)).sort(), exports);
      });
    });
  }

  it('has the WIT that the exports of sigil.wasm follow', () => {
    const wit = bytesOf('sigil-allocator.wit').toString();
    assert.match(wit, /^package sigil:allocator@0\.1\.0;$/m);
    for (const name of SCOPED) assert.match(wit, new RegExp(`^  ${name}: func\\(`, 'm'));
  });

  for (const name of ['bump', 'words']) {
    it(`${name}.wasm has no data of its own in memory`, () => {
      const memory = newMemory();
      new Uint8Array(memory.buffer).fill(0xaa);
      instantiate(name, memory)._initialize();
      assert.ok(Buffer.from(memory.buffer).equals(Buffer.alloc(PAGE, 0xaa)));
    });
  }

  it('is named in the package, and so is the page about it', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url)));
    assert.equal(manifest.exports['./abi/*.wasm'], './abi/*.wasm');
    assert.equal(manifest.exports['./abi/*.wit'], './abi/*.wit');
    for (const path of ['abi', 'docs/abi.md']) assert.ok(manifest.files.includes(path), path);
  });

  describe('docs/abi.md', () => {
    const page = readFileSync(new URL('../../docs/abi.md', import.meta.url), 'utf8');
    const [linking, reporting] = page.match(/(?<=```js\n)[^]*?(?=```)/g);

    /** Runs one of the page's pieces of code, with the package's own files. */
    function run(code) {
      const here = code.replaceAll(
        /import\.meta\.resolve\('wasm-arena\/(.*?)'\)/g,
        (_, path) => `'${new URL(`../../${path}`, import.meta.url)}'`,
      );
      return import(`data:text/javascript;base64,${Buffer.from(here).toString('base64')}`);
    }

    it('links a generated program to bump.wasm', async () => {
      const [wat] = page.match(/(?<=```wat\n)[^]*?(?=```)/g);
      const bytes = (await wabt()).parseWat('page.wat', wat).toBinary({}).buffer;
      const { program, memory } = await run(
        `const programBytes = Uint8Array.of(${bytes}); ${linking} export { program, memory };`,
      );
      const at = program.instance.exports.point(1, 2);
      assert.deepEqual([...new Float64Array(memory.buffer, at, 2)], [1, 2]);
      assert.equal(Buffer.from(memory.buffer, 0, 24).toString(), 'constants of the program');
    });

    it('has reports of sigil.wasm written where the host likes', async () => {
      const { sigil, lines } = await run(
        `import { readFileSync } from 'node:fs';
         export const lines = [];
         const console = { error: (line) => lines.push(line) };
         ${reporting} export { sigil };`,
      );
      assert.throws(() => sigil.alloc(2 ** 25), /unreachable/i);
      const line = { error: 'out of memory', asked: 2 ** 25, used: 0, most: 2 ** 24 };
      assert.deepEqual(
        lines.map((text) => JSON.parse(text)),
        [line],
      );
    });
  });
});
