import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const INDEX = JSON.stringify(new URL('../../js/index.js', import.meta.url));
const ALLOCATORS = JSON.stringify(new URL('../../js/allocators.js', import.meta.url));

/** Asserts what a module writes in a process of its own. */
function writes(source, text) {
  const args = ['--expose-gc', '--input-type=module', '--eval', source];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stdout, text, stderr);
}

describe('finalization', () => {
  /*
   * In V8 11.3 (Node.js 20) a FinalizationRegistry that is collected between the collection of its
   * target and its cleanup ends all cleanup in the process: so none may die with its memory.
   */
  it('goes on in the process after a memory was collected with arenas that nobody freed', () => {
    const source = `
      import { Arena, ArenaMemory } from ${INDEX};
      let memory = new ArenaMemory({ reserve: 65536 });
      (() => new Arena({ memory }).alloc(8))();
      await null;
      gc();
      memory = undefined;
      gc();
      await new Promise((resolve) => setTimeout(resolve));
      let cleaned = 0;
      const registry = new FinalizationRegistry(() => cleaned++);
      (() => registry.register({}, 1))();
      for (let i = 0; i < 1000 && !cleaned; i++) {
        await new Promise((resolve) => setTimeout(resolve));
        if (i % 20 === 0) gc();
      }
      console.log(cleaned);`;
    writes(source, '1\n');
  });

  it('is not waited for in a host without FinalizationRegistry', () => {
    const source = `
      delete globalThis.FinalizationRegistry;
      const { Arena, ArenaMemory } = await import(${INDEX});
      const { Heap } = await import(${ALLOCATORS});
      const memory = new ArenaMemory({ reserve: 65536 });
      const arena = new Arena({ memory });
      const heap = new Heap({ memory });
      arena.alloc(8);
      heap.alloc(8);
      arena.free();
      heap.dispose();
      const { arenas, leaked } = memory.stats();
      console.log(arenas, leaked);`;
    writes(source, '0 0\n');
  });
});
