import { readFileSync } from 'node:fs';

/** A new instance of assemblyscript.wasm: alloc, realloc, free, reset. */
export function assemblyScript() {
  const bytes = readFileSync(new URL('assemblyscript.wasm', import.meta.url));
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
}
