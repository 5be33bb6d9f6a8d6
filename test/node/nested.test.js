import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const url = (file) => JSON.stringify(new URL(`../../js/${file}`, import.meta.url));

/** Runs a module in a process of its own, whose other modules are just those that it imports. */
function run(source) {
  const args = ['--expose-gc', '--input-type=module', '--eval', source];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

describe('who imports the arena alone', () => {
  it('is told by `on` what to import', () => {
    const [name, code, message, arenas, same] = run(`
      import { Arena } from ${url('index.js')};
      const parent = new Arena();
      let error;
      try {
        new Arena({ on: parent });
      } catch (thrown) {
        error = thrown;
      }
      const { arenas } = parent.memory.stats();
      const { Heap } = await import(${url('allocators.js')});
      const child = new Arena({ on: parent });
      const same = new Heap({ on: child }).memory === parent.memory;
      console.log(JSON.stringify([error.name, error.code, error.message, arenas, same]));`);
    assert.deepEqual([name, code, arenas, same], ['Error', 'ERR_ARENA_UNSUPPORTED', 1, true]);
    assert.match(message, /wasm-arena\/allocators/);
  });
});

describe('allocators that nobody disposed of', () => {
  it('are collected with what they stand on, and counted as leaked', () => {
    const [arenas, leaked, warnings] = run(`
      import { Arena, ArenaMemory } from ${url('index.js')};
      import { Heap, Pool, track } from ${url('allocators.js')};
      const warnings = [];
      console.warn = (text) => warnings.push(text);
      const memory = new ArenaMemory({ reserve: 65536 });
      (() => {
        const root = new Arena({ memory, label: 'root' });
        new Heap({ on: new Arena({ on: track(root) }) });
        new Pool({ memory, size: 8 }).dispose();
      })();
      for (let i = 0; i < 500 && memory.stats().leaked < 4; i++) {
        await new Promise((resolve) => setTimeout(resolve));
        if (i % 20 === 0) gc();
      }
      const { arenas, leaked } = memory.stats();
      console.log(JSON.stringify([arenas, leaked, warnings.length]));`);
    assert.deepEqual([arenas, leaked, warnings], [0, 4, 1]);
  });
});
