import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import wabt from 'wabt';
import * as allocators from '../../js/allocators_wasm.js';
import * as arena from '../../js/wasm.js';
import { bytesOf } from './abi.js';

/** What the modules import and export: whoever links one depends on it. */
const SURFACES = new URL('modules.txt', import.meta.url);
const HOW_TO_WRITE = 'WRITE_SURFACES=1 npx mocha test/node/modules.test.js';

const MODULES = {
  arena: arena.moduleBytes(),
  allocators: allocators.moduleBytes(),
  bump: Uint8Array.from(bytesOf('bump.wasm')),
  sigil: Uint8Array.from(bytesOf('sigil.wasm')),
  words: Uint8Array.from(bytesOf('words.wasm')),
};

/** Which function sets the one global that a module may have, and when: once, before all else. */
const INITIALISERS = { allocators: 'init', bump: 'bump_init', words: 'words_init' };

/** What Emscripten adds of its own. */
const isOwn = (name) => name.startsWith('_');

/** A module as WebAssembly text, in lines. */
async function linesOf(bytes) {
  const module = (await wabt()).readWasm(bytes, { check: true });
  module.validate();
  const lines = module.toText({ foldExprs: false, inlineExport: false }).split('\n');
  module.destroy();
  return lines;
}

/** `(param i32 i32) (result i32)` as `(i32, i32) -> i32`. */
function signature(text) {
  const list = (name) => (new RegExp(`\\(${name} ([^)]*)\\)`).exec(text)?.[1] ?? '').split(' ');
  const [params, results] = [list('param').join(', '), list('result').join(', ')];
  return `(${params})${results && ` -> ${results}`}`;
}

/** What a module's text says of its functions and globals. */
function contentsOf(lines) {
  const types = [];
  const functions = [];
  const globals = [];
  const exported = new Map();
  for (const line of lines) {
    const type = /^ {2}\(type \(;\d+;\) \(func(.*)\)\)/.exec(line);
    const func = /^ {2}\(func \(;(\d+);\) \(type (\d+)\)/.exec(line);
    const imported = /^ {2}\(import "(.*)" "(.*)" \(func \(;(\d+);\) \(type (\d+)\)/.exec(line);
    const global = /^ {2}\((?:import .*)?\(?global \(;\d+;\) (.*)$/.exec(line);
    const name = /^ {2}\(export "(.*)" \(func (\d+)\)\)/.exec(line);
    const set = /^ +global\.set (\d+)/.exec(line);
    if (type) types.push(signature(type[1]));
    if (func) functions[Number(func[1])] = { type: Number(func[2]), sets: [] };
    if (imported) functions[Number(imported[3])] = { type: Number(imported[4]), sets: [] };
    if (global) globals.push(global[1].replace(/\)$/, ''));
    if (name) exported.set(name[1], Number(name[2]));
    if (set) functions.at(-1).sets.push(Number(set[1]));
  }
  return { types, functions, globals, exported };
}

/** The functions that set a global, by the name of their export or their number. */
function settersOf({ functions, exported }) {
  const names = new Map([...exported].map(([name, index]) => [index, name]));
  return functions.flatMap(({ sets }, index) => sets.map(() => names.get(index) ?? index));
}

/** What a module imports and exports, a line each. */
async function surfaceOf(name, bytes) {
  const module = new WebAssembly.Module(bytes);
  const { types, functions, exported } = contentsOf(await linesOf(bytes));
  const imports = WebAssembly.Module.imports(module).map(
    (entry) => `import ${entry.kind} ${entry.module}.${entry.name}`,
  );
  const exports = WebAssembly.Module.exports(module)
    .filter((entry) => !isOwn(entry.name))
    .map((entry) => {
      const type = entry.kind === 'function' && types[functions[exported.get(entry.name)].type];
      return `export ${entry.kind} ${entry.name}${type || ''}`;
    });
  return [`${name}.wasm`, ...imports, ...exports.sort()].join('\n  ');
}

describe('the wasm modules', () => {
  for (const [name, bytes] of Object.entries(MODULES)) {
    it(`${name}.wasm is valid, for the engine and for wabt`, async () => {
      assert.ok(WebAssembly.validate(bytes));
      await linesOf(bytes);
    });

    it(`${name}.wasm has no shadow stack: no function moves a global`, async () => {
      const contents = contentsOf(await linesOf(bytes));
      const setter = INITIALISERS[name];
      assert.deepEqual(contents.globals, setter ? ['(mut i32) (i32.const 0)'] : []);
      assert.deepEqual(settersOf(contents), setter ? [setter] : []);
    });
  }

  it('import and export what test/node/modules.txt says, with these signatures', async () => {
    const surfaces = [];
    for (const [name, bytes] of Object.entries(MODULES)) {
      surfaces.push(await surfaceOf(name, bytes));
    }
    const text = `${surfaces.join('\n\n')}\n`;
    if (process.env.WRITE_SURFACES) writeFileSync(SURFACES, text);
    assert.equal(text, readFileSync(SURFACES, 'utf8').replaceAll('\r\n', '\n'), HOW_TO_WRITE);
  });

  it('would be found out if one had a shadow stack, or a bad body', async () => {
    const { parseWat } = await wabt();
    const source = `(module
      (global $sp (mut i32) (i32.const 66560))
      (func (export "open") (param i32)
        global.get $sp  local.get 0  i32.sub  global.set $sp))`;
    const bytes = parseWat('stack.wat', source).toBinary({}).buffer;
    const contents = contentsOf(await linesOf(bytes));
    assert.deepEqual(contents.globals, ['(mut i32) (i32.const 66560)']);
    assert.deepEqual(settersOf(contents), ['open']);
    await assert.rejects(linesOf(bytes.with(bytes.length - 3, 0x6a + 0x40)), /failed/);
  });
});
