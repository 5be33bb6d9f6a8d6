import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const INDEX = JSON.stringify(new URL('../../js/index.js', import.meta.url));

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
    const args = ['--expose-gc', '--input-type=module', '--eval', source];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(stdout, '1\n', stderr);
  });
});
