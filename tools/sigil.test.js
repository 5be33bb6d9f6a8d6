import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { componentEmbed, componentNew, componentWit, transpile } from '@bytecodealliance/jco';

const read = (name) => readFileSync(new URL(`../abi/${name}`, import.meta.url));

/*
 * Canonical tooling takes nothing on trust: it holds the names and types of the exports against the
 * WIT before it makes a component.
 */
describe('abi/sigil.wasm as a component', function () {
  this.timeout(60_000);
  let folder;
  let component;
  let instances = 0;
  let files;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wasm-arena-sigil-'));
    const embedded = await componentEmbed({
      witSource: read('sigil-allocator.wit').toString(),
      world: 'allocator',
      binary: read('sigil.wasm'),
    });
    component = await componentNew(embedded, []);
    ({ files } = await transpile(component, { name: 'sigil' }));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The faces of a component that nobody has called yet. */
  async function newInstance() {
    const place = join(folder, String(instances++));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(place, name)), { recursive: true });
      writeFileSync(join(place, name), text);
    }
    writeFileSync(join(place, 'package.json'), '{"type":"module"}');
    return import(pathToFileURL(join(place, 'sigil.js')));
  }

  it('has the interfaces of the WIT, and imports no function', async () => {
    const wit = await componentWit(component);
    const named = (word) =>
      [...wit.matchAll(new RegExp(`^ *${word} (.*);`, 'gm'))].map(([, name]) => name).sort();
    assert.deepEqual(named('export'), [
      'sigil:allocator/bulk@0.1.0',
      'sigil:allocator/core@0.1.0',
      'sigil:allocator/scope@0.1.0',
    ]);
    assert.deepEqual(named('import'), ['sigil:allocator/types@0.1.0']);
  });

  it('gives every function under its name', async () => {
    const all = await newInstance();
    const names = (face) => Object.keys(all[`sigil:allocator/${face}@0.1.0`]).sort();
    assert.deepEqual(names('core'), ['alloc', 'memCopy', 'realloc']);
    assert.deepEqual(names('scope'), ['enterScope', 'exitScope', 'promote']);
    assert.deepEqual(names('bulk'), ['freeAll']);
  });

  it('allocates, reallocates and copies', async () => {
    const { core } = await newInstance();
    const first = core.alloc(5);
    assert.ok(first > 0 && first % 4 === 0);
    const second = core.alloc(16);
    assert.equal(second, first + 8);
    assert.equal(core.realloc(second, 16, 64), second);
    assert.ok(core.realloc(first, 5, 64) >= second + 64);
    assert.ok(core.realloc(0, 0, 8) > 0);
    assert.equal(core.memCopy(first, second, 5), undefined);
  });

  it('nests scopes, and promotes out of three levels', async () => {
    const { core, scope } = await newInstance();
    const base = core.alloc(16);
    const handles = [0, 1, 2].map(() => {
      const handle = scope.enterScope();
      core.alloc(100);
      return handle;
    });
    let block = core.alloc(24);
    for (const handle of handles.reverse()) block = scope.promote(handle, block, 24);
    assert.equal(block, base + 16);
    assert.equal(core.alloc(0), base + 40);
    const outer = scope.enterScope();
    scope.enterScope();
    core.alloc(70_000);
    scope.exitScope(outer);
    assert.equal(core.alloc(8), base + 40);
  });

  it('frees everything, inside scopes too', async () => {
    const { core, scope, bulk } = await newInstance();
    const base = core.alloc(16);
    scope.enterScope();
    scope.enterScope();
    core.alloc(100_000);
    bulk.freeAll();
    assert.equal(core.alloc(16), base);
  });

  it('traps where memory is out, and at a handle that is none', async () => {
    const { core } = await newInstance();
    assert.throws(() => core.alloc(2 ** 32 - 1), /unreachable/);
    const { scope } = await newInstance();
    assert.throws(() => scope.exitScope(12), /unreachable/);
  });
});
