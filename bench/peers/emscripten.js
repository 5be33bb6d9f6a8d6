import { readFileSync } from 'node:fs';

/** A new instance of emscripten.wasm: malloc, free, stackSave, stackAlloc, stackRestore. */
export function emscripten() {
  const module = new WebAssembly.Module(readFileSync(new URL('emscripten.wasm', import.meta.url)));
  const env = { emscripten_notify_memory_growth() {} };
  const { exports } = new WebAssembly.Instance(module, { env });
  exports._initialize();
  return exports;
}
