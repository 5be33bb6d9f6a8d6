/**
 * Sends every allocation in a memory through the module's `alloc` export: the limit of each header
 * reads 0 in JavaScript, so that nothing fits on the hot path, and C sees the real one. Marks of
 * `arenas` stay on the stack, so that each release goes through C too.
 *
 * This reaches into internals, on purpose: it is how the twins are compared.
 *
 * @returns {{ calls: Record<string, number>, add(arena): void }} `add` takes a new arena in;
 *   `calls` counts the calls of each export
 */
export function throughC(memory) {
  const exports = memory._core;
  const limits = new Set();
  const calls = { alloc: 0, release: 0 };
  const core = {};
  for (const name of Object.keys(exports)) {
    core[name] = (...args) => {
      const isForHeader = name === 'alloc' && !limits.has(String(args[0] / 4 + 1));
      if (!isForHeader) calls[name] = (calls[name] ?? 0) + 1;
      return exports[name](...args);
    };
  }
  memory._core = core;

  const handler = {
    get: (words, index) => (limits.has(index) ? 0 : words[index]),
    set: (words, index, value) => {
      words[index] = value;
      return true;
    },
  };
  let words = new Proxy(memory._words, handler);
  Object.defineProperty(memory, '_words', {
    get: () => words,
    set: (array) => {
      words = new Proxy(array, handler);
    },
  });

  const add = (arena) => {
    limits.add(String(arena._header + 1));
    arena._mark = -2;
  };
  return { calls, add };
}
