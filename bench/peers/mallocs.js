import { readFileSync } from 'node:fs';

/** A new instance of dlmalloc.wasm or emmalloc.wasm: malloc, free, realloc, footprint. */
export function mallocs(name) {
  const bytes = readFileSync(new URL(`${name}.wasm`, import.meta.url));
  const env = { emscripten_notify_memory_growth() {} };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
  exports._initialize();
  return exports;
}
