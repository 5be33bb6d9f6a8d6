/** What a program waits for before its first block. The process is new; nothing is loaded yet. */
const load = () => import('../../js/index.js');

export async function allocation() {
  const { Arena } = await load();
  return allocate(Arena, performance.now());
}

export async function importAndAllocation() {
  const start = performance.now();
  const { Arena } = await load();
  return allocate(Arena, start);
}

function allocate(Arena, start) {
  const arena = new Arena();
  arena.alloc(64);
  const value = performance.now() - start;
  arena.free();
  return { value, unit: 'ms' };
}
